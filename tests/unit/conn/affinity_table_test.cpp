// SPDX-License-Identifier: BSD-3-Clause
#include "conn/affinity_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace shunt {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<std::uint32_t>;
using Verdict = AffinityTable::Verdict;

constexpr TickTime start{Ticks(5000)};
constexpr DestId first{0};
constexpr DestId second{1};

TickTime after(std::uint32_t seconds) {
    return start + Seconds(seconds);
}

AffinityKey client(std::uint32_t number) {
    AffinityKey key{};
    std::memcpy(key.client.data(), &number, sizeof(number));
    key.protocol = Protocol::tcp;
    key.port = L4Port(std::uint16_t{80});
    return key;
}

Verdict any(DestId) {
    return Verdict::usable;
}

class Affinity : public ::testing::Test {
  protected:
    AffinityRef make(const AffinityKey& key, DestId dest, TickTime now, std::uint32_t timeout) {
        const auto found = table.take_or_make(
            key, {.dest = dest, .port = L4Port(std::uint16_t{8080}), .timeout = Seconds(timeout)},
            now, any);
        EXPECT_TRUE(found);
        return found ? found->ref : no_affinity;
    }
    std::optional<DestId> dest_of(const AffinityKey& key, TickTime now) {
        const auto found = table.take(key, now, any);
        if (!found) return {};
        table.release(found->ref, now);
        return found->dest;
    }
    std::vector<AffinityTable::Row> rows(TickTime now) {
        std::vector<AffinityTable::Row> all;
        table.for_each(0, table.capacity(), now,
                       [&](const AffinityTable::Row& row) { all.push_back(row); });
        return all;
    }
    AffinityTable table{16, 4, 0x5EED};
};

TEST_F(Affinity, ATemplateIsFoundByItsWholeKeyOnly) {
    AffinityKey key = client(1);
    EXPECT_FALSE(table.take(key, start, any));
    make(key, second, start, 300);
    EXPECT_EQ(dest_of(key, start), second);
    AffinityKey other = key;
    other.client[15] = 1;
    EXPECT_FALSE(dest_of(other, start));
    other = key;
    other.service[3] = 1;
    EXPECT_FALSE(dest_of(other, start));
    other = key;
    other.port = L4Port{};
    EXPECT_FALSE(dest_of(other, start));
    other = key;
    other.protocol = Protocol::none;
    EXPECT_FALSE(dest_of(other, start));
    other = key;
    other.family = Family::ipv6;
    EXPECT_FALSE(dest_of(other, start));
}

TEST_F(Affinity, WhoComesSecondFollowsTheTemplateOfTheFirst) {
    make(client(1), first, start, 300);
    make(client(1), second, start, 300);
    EXPECT_EQ(dest_of(client(1), start), first);
    EXPECT_EQ(table.count(first), 1U);
    EXPECT_EQ(table.count(second), 0U);
}

TEST_F(Affinity, ATemplateLivesForItsTimeoutAfterItsLastConnectionWasMade) {
    table.release(make(client(1), first, start, 300), after(1));
    EXPECT_TRUE(dest_of(client(1), after(299)));  // starts anew
    EXPECT_TRUE(dest_of(client(1), after(598)));
    EXPECT_FALSE(dest_of(client(1), after(898)));
    EXPECT_EQ(table.count(first), 0U);
}

TEST_F(Affinity, TheEndOfAConnectionStartsNoTimer) {
    const AffinityRef ref = make(client(1), first, start, 300);
    table.release(ref, after(200));
    EXPECT_TRUE(rows(after(299)).size() == 1);
    EXPECT_FALSE(dest_of(client(1), after(300)));
}

TEST_F(Affinity, ATemplateOutlivesItsTimeoutWithItsConnectionsAndHasAMinuteFromThen) {
    const AffinityRef ref = make(client(1), first, start, 300);
    ASSERT_EQ(rows(after(299)).size(), 1U);
    EXPECT_EQ(rows(after(299))[0].left, Seconds(1));
    ASSERT_EQ(rows(after(300)).size(), 1U);
    EXPECT_EQ(rows(after(300))[0].left, Seconds(60));
    ASSERT_EQ(rows(after(425)).size(), 1U);
    EXPECT_EQ(rows(after(425))[0].left, Seconds(55));
    table.release(ref, after(425));
    EXPECT_EQ(rows(after(479)).size(), 1U);
    EXPECT_TRUE(dest_of(client(1), after(479)));  // for 60 s now, not for 300
    EXPECT_TRUE(rows(after(538)).size() == 1);
    EXPECT_TRUE(rows(after(539)).empty());
}

TEST_F(Affinity, WhatTheTimerDidIsWorkedOutAtTheEndOfTheConnectionToo) {
    const AffinityRef ref = make(client(1), first, start, 300);
    table.release(ref, after(325));  // it would have been looked at after 300 and 360 seconds
    EXPECT_EQ(rows(after(359)).size(), 1U);
    EXPECT_FALSE(dest_of(client(1), after(360)));
}

TEST_F(Affinity, AnUnusableServerEndsTheTemplateForGood) {
    const AffinityRef held = make(client(1), first, start, 300);
    EXPECT_FALSE(table.take(client(1), start, [](DestId) { return Verdict::unusable; }));
    EXPECT_FALSE(table.take(client(1), start, any));
    make(client(1), second, start, 300);
    EXPECT_EQ(dest_of(client(1), start), second);
    EXPECT_EQ(table.count(first), 1U);  // until its time is over
    const auto all = rows(start);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_FALSE(all[0].valid);
    EXPECT_TRUE(all[1].valid);
    table.release(held, start);
    table.sweep(0, table.capacity(), after(300));
    EXPECT_EQ(table.count(first), 0U);
}

TEST_F(Affinity, AServerThatIsNotKnownYetIsNoReasonToEndIt) {
    make(client(1), first, start, 300);
    EXPECT_FALSE(table.take(client(1), start, [](DestId) { return Verdict::unknown; }));
    EXPECT_EQ(dest_of(client(1), start), first);
}

TEST_F(Affinity, AConnectionCanAssureItsTemplate) {
    const AffinityRef ref = make(client(1), first, start, 300);
    EXPECT_FALSE(rows(start).at(0).assured);
    table.assure(ref);
    EXPECT_TRUE(rows(start).at(0).assured);
    table.release(ref, start);
    make(client(1), second, after(300), 300);
    EXPECT_FALSE(rows(after(300)).at(0).assured);
}

TEST_F(Affinity, AFullTableMakesNoTemplateUntilSomeAreSweptAway) {
    for (std::uint32_t i = 0; i < table.capacity(); ++i)
        table.release(make(client(i), first, start, i < 8 ? 10 : 300), start);
    const AffinityTable::Lease lease{.dest = first, .port = {}, .timeout = Seconds(300)};
    EXPECT_FALSE(table.take_or_make(client(100), lease, start, any));
    EXPECT_EQ(table.count(first), 16U);
    table.sweep(0, table.capacity(), after(9));
    EXPECT_EQ(table.count(first), 16U);
    table.sweep(0, table.capacity(), after(10));
    EXPECT_EQ(table.count(first), 8U);
    for (std::uint32_t i = 0; i < 8; ++i) make(client(100 + i), second, after(10), 300);
    EXPECT_FALSE(table.take_or_make(client(200), lease, after(10), any));
    EXPECT_EQ(rows(after(10)).size(), 16U);
}

TEST_F(Affinity, SweepingAndListingSeeTheSlotsAskedFor) {
    for (std::uint32_t i = 0; i < 5; ++i) make(client(i), first, start, 300);
    EXPECT_EQ(table.slots_used(), 5U);
    std::size_t seen = 0;
    table.for_each(1, 2, start, [&](const AffinityTable::Row& row) {
        EXPECT_TRUE(row.key == client(1) || row.key == client(2));
        ++seen;
    });
    EXPECT_EQ(seen, 2U);
    table.for_each(5, 100, start, [](const AffinityTable::Row&) { FAIL(); });
}

/// Against a plain model, with keys that share their lists.
TEST(AffinityModel, DoesWhatAPlainMapDoes) {
    struct Model {
        DestId dest;
        std::uint32_t timeout;
        std::uint32_t expires;
        std::vector<AffinityRef> held;
    };
    AffinityTable table(8, 4, 7);
    std::map<std::uint32_t, Model> model;
    std::mt19937 generator(1);
    const auto random = [&] { return static_cast<std::uint32_t>(generator()); };
    std::uint32_t now = 0;
    const auto tick = [&] {
        for (auto at = model.begin(); at != model.end();) {
            Model& m = at->second;
            while (m.expires <= now && !m.held.empty()) m.expires += m.timeout = 60;
            at = m.expires <= now ? model.erase(at) : std::next(at);
        }
    };
    for (int step = 0; step < 200'000; ++step) {
        now += random() % 8 == 0 ? random() % 40 : 0;
        tick();
        table.sweep(0, 8, after(now));
        const std::uint32_t who = random() % 12;
        const auto known = model.find(who);
        if (random() % 2 == 0 && known != model.end() && !known->second.held.empty()) {
            table.release(known->second.held.back(), after(now));
            known->second.held.pop_back();
            continue;
        }
        const DestId dest(random() % 4);
        const auto found = table.take_or_make(
            client(who), {.dest = dest, .port = {}, .timeout = Seconds(100)}, after(now), any);
        if (known == model.end() && model.size() == 8) {
            ASSERT_FALSE(found);
            continue;
        }
        ASSERT_TRUE(found);
        Model& m = model.try_emplace(who, Model{dest, 100, 0, {}}).first->second;
        ASSERT_EQ(found->dest, m.dest);
        m.expires = now + m.timeout;
        m.held.push_back(found->ref);
    }
}

/// Several threads make, hold and end connections of the same few clients: each client keeps one
/// server as long as anybody holds its template, and nothing is left in the end.
TEST(AffinityThreads, ShareOneTable) {
    constexpr std::uint32_t clients = 8;
    constexpr std::uint32_t rounds = 200'000;
    AffinityTable table(clients + 8, 4, 7);
    std::vector<std::vector<std::atomic<std::uint32_t>>> held;  // by client, by server
    for (std::uint32_t c = 0; c < clients; ++c) held.emplace_back(4);
    std::atomic<std::uint32_t> wrong{0};
    std::atomic<std::uint32_t> clock{0};
    std::atomic<bool> done{false};

    const auto work = [&](unsigned seed) {
        std::mt19937 generator(seed);
        const auto random = [&] { return static_cast<std::uint32_t>(generator()); };
        std::vector<std::pair<std::uint32_t, AffinityTable::Found>> mine;
        // Others are let in where they must not get, even when threads take turns on one CPU.
        const auto judge = [&](DestId) {
            if (random() % 1024 == 0) std::this_thread::yield();
            return Verdict::usable;
        };
        const auto let_go = [&] {
            const auto [who, found] = mine.back();
            mine.pop_back();
            held[who][found.dest.value()].fetch_sub(1);
            table.release(found.ref, TickTime(Ticks(clock.load() / 16)));
        };
        for (std::uint32_t i = 0; i < rounds; ++i) {
            const std::uint32_t who = random() % clients;
            const TickTime now{Ticks(clock.fetch_add(1) / 16)};
            const AffinityTable::Lease lease{
                .dest = DestId(random() % 4), .port = {}, .timeout = Ticks(1)};
            const auto found = table.take_or_make(client(who), lease, now, judge);
            if (!found) continue;
            held[who][found->dest.value()].fetch_add(1);
            for (std::uint32_t d = 0; d < 4; ++d)
                if (d != found->dest.value() && held[who][d].load() != 0) wrong.fetch_add(1);
            table.assure(found->ref);
            mine.emplace_back(who, *found);
            if (mine.size() > 1 || random() % 2 == 0) let_go();
        }
        while (!mine.empty()) let_go();
    };
    std::thread sweeper([&] {
        while (!done.load()) {
            const TickTime now{Ticks(clock.load() / 16)};
            table.sweep(0, table.capacity(), now);
            table.for_each(0, table.capacity(), now, [&](const AffinityTable::Row& row) {
                if (row.key.protocol != Protocol::tcp || !row.valid) wrong.fetch_add(1);
            });
        }
    });
    std::vector<std::thread> workers;
    for (unsigned seed = 1; seed <= 3; ++seed) workers.emplace_back(work, seed);
    for (auto& worker : workers) worker.join();
    done.store(true);
    sweeper.join();
    EXPECT_EQ(wrong.load(), 0U);
    table.sweep(0, table.capacity(), TickTime(Ticks(0x4000'0000)));
    for (std::uint32_t d = 0; d < 4; ++d) EXPECT_EQ(table.count(DestId(d)), 0U);
    std::size_t left = 0;
    table.for_each(0, table.capacity(), TickTime(), [&](const AffinityTable::Row&) { ++left; });
    EXPECT_EQ(left, 0U);
}

EngineData engine_data(std::string_view text) {
    return EngineData(std::as_bytes(std::span(text)));
}

class AffinityWithEngine : public Affinity {
  protected:
    AffinityWithEngine() { table.prepare_engine_data(); }

    std::optional<DestId> tie(const EngineData& by, DestId dest) {
        const auto found = table.take_or_make(
            client(1), {.dest = dest, .port = {}, .timeout = Seconds(300)}, start, any, by);
        if (!found) return {};
        table.release(found->ref, start);
        return found->dest;
    }
    std::optional<DestId> tied(const EngineData& by) {
        const auto found = table.take(client(1), start, any, by);
        if (!found) return {};
        table.release(found->ref, start);
        return found->dest;
    }
};

TEST_F(AffinityWithEngine, DataIsPartOfTheKey) {
    EXPECT_EQ(tie(engine_data("one@host"), first), first);
    EXPECT_EQ(tie(engine_data("two@host"), second), second);
    EXPECT_EQ(tied(engine_data("one@host")), first);
    EXPECT_EQ(tied(engine_data("two@host")), second);
    for (const char* other : {"one@hos", "one@hosts", "ONE@host", "one@hosT", "o"})
        EXPECT_EQ(tied(engine_data(other)), std::nullopt) << other;
    EXPECT_EQ(tied({}), std::nullopt);
    EXPECT_FALSE(table.take(client(2), start, any, engine_data("one@host")));
}

/// There are more names than lists to hang them in.
TEST_F(AffinityWithEngine, NamesInOneListAreToldApart) {
    const auto name = [](std::uint32_t i) { return engine_data(std::to_string(100 + i)); };
    for (std::uint32_t i = 0; i < 16; ++i) EXPECT_EQ(tie(name(i), DestId(i % 4)), DestId(i % 4));
    for (std::uint32_t i = 0; i < 16; ++i) EXPECT_EQ(tied(name(i)), DestId(i % 4)) << i;
    for (std::uint32_t i = 16; i < 200; ++i) EXPECT_EQ(tied(name(i)), std::nullopt) << i;
}

TEST_F(AffinityWithEngine, WithoutDataAClientIsOneAsEver) {
    EXPECT_EQ(tie({}, first), first);
    EXPECT_EQ(tie(engine_data("one@host"), second), second);
    EXPECT_EQ(tied({}), first);
    EXPECT_EQ(dest_of(client(1), start), first);
}

TEST_F(AffinityWithEngine, AllOfTheLongestDataCounts) {
    const std::string longest(EngineData::most, 'a');
    std::string other = longest;
    other.back() = 'b';
    EXPECT_EQ(tie(engine_data(longest), first), first);
    EXPECT_EQ(tie(engine_data(other), second), second);
    EXPECT_EQ(tied(engine_data(longest)), first);
    EXPECT_EQ(tied(engine_data(std::string_view(longest).substr(1))), std::nullopt);
}

TEST_F(AffinityWithEngine, RowsHaveIt) {
    tie(engine_data("one@host"), first);
    tie({}, second);
    const auto all = rows(start);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_TRUE(std::ranges::equal(all[0].data.view(), engine_data("one@host").view()));
    EXPECT_EQ(all[1].data.size, 0U);
}

TEST_F(AffinityWithEngine, ASlotIsUsedAgainWithOtherDataOrNone) {
    AffinityTable one(1, 4, 0x5EED);
    one.prepare_engine_data();
    const auto lease = [](std::uint32_t timeout) {
        return AffinityTable::Lease{.dest = first, .port = {}, .timeout = Seconds(timeout)};
    };
    std::uint32_t now = 0;
    for (const auto& by :
         {engine_data("one@host"), engine_data("two"), EngineData(), engine_data("one@host")}) {
        const auto found = one.take_or_make(client(1), lease(10), after(now), any, by);
        ASSERT_TRUE(found) << now;
        one.release(found->ref, after(now));
        one.for_each(0, 1, after(now), [&](const AffinityTable::Row& row) {
            EXPECT_TRUE(std::ranges::equal(row.data.view(), by.view())) << now;
        });
        now += 10;
        one.sweep(0, 1, after(now));
        EXPECT_FALSE(one.take(client(1), after(now), any, by)) << now;
    }
}

TEST_F(AffinityWithEngine, RoomForDataIsMadeOnce) {
    AffinityTable plain(16, 4, 0x5EED);
    EXPECT_EQ(table.bytes(), plain.bytes() + 16 * sizeof(EngineData));
    tie(engine_data("one@host"), first);
    table.prepare_engine_data();
    EXPECT_EQ(table.bytes(), plain.bytes() + 16 * sizeof(EngineData));
    EXPECT_EQ(tied(engine_data("one@host")), first);
}

}  // namespace
}  // namespace shunt
