// SPDX-License-Identifier: BSD-3-Clause
#include "sched/locality_table.h"

#include <gtest/gtest.h>

#include <thread>

#include "sched/registry.h"

namespace shunt {
namespace {

using namespace std::chrono_literals;

RealServer server(std::uint32_t id) {
    RealServer server;
    server.id = DestId(id);
    server.sequence = id + 1;
    return server;
}
IpAddress destination(std::uint32_t n) {
    return Ipv4Address{Be32(n)};
}

class LocalityTableTest : public testing::Test {
  protected:
    /// The entries `from` to `from+count-1` are used now, all with server 0.
    void use(std::uint32_t from, std::uint32_t count) {
        for (std::uint32_t i = from; i < from + count; ++i) {
            LocalityTable::Place place(table, destination(i), now);
            if (!place.known()) place.add(server(0));
        }
    }
    bool known(std::uint32_t n) {
        const auto before = table.size();
        // A look is a use: as of long ago, so that it does not count.
        const bool known = LocalityTable::Place(table, destination(n), last_use).known();
        EXPECT_EQ(table.size(), before);
        return known;
    }
    void collect(int times = 1) {
        for (; times > 0; --times) table.collect(now, tunables);
    }

    LocalityTable table{2, &Tunables::lblc_expiration, 5};
    Tunables tunables;
    TickTime last_use{Ticks(4'294'960'000)};  // the clock wraps 12 minutes later
    TickTime now = last_use;
};

TEST_F(LocalityTableTest, HasRoomForHalfAsMuchAgainAsUsual) {
    EXPECT_EQ(LocalityTable::most_entries, 24576U);
    use(0, 24576);
    EXPECT_EQ(table.size(), 24576U);
    LocalityTable::Place place(table, destination(24576), now);
    place.add(server(1));
    EXPECT_FALSE(place.known());
    EXPECT_TRUE(place.members().empty());
    EXPECT_EQ(table.size(), 24576U);
    EXPECT_LE(table.bytes(), std::size_t{1600} << 10);
}

TEST_F(LocalityTableTest, FamiliesAreApart) {
    LocalityTable::Place(table, parse_address("32.1.13.184").value(), now).add(server(3));
    EXPECT_FALSE(LocalityTable::Place(table, parse_address("2001:db8::").value(), now).known());
    EXPECT_TRUE(LocalityTable::Place(table, parse_address("32.1.13.184").value(), now).known());
}

TEST_F(LocalityTableTest, MembersStandByAge) {
    {
        LocalityTable::Place place(table, destination(1), now);
        EXPECT_FALSE(place.known());
        place.add(server(3));
        EXPECT_FALSE(place.full());
        now += 1s;
    }
    {
        LocalityTable::Place place(table, destination(1), now);
        EXPECT_EQ(place.last_change(), last_use);
        place.add(server(4));
        EXPECT_TRUE(place.full());
        EXPECT_EQ(place.last_change(), now);
        EXPECT_EQ(place.members()[0], (LocalityTable::Member{DestId(3), 4, 1}));
        EXPECT_EQ(place.members()[1], (LocalityTable::Member{DestId(4), 5, 1}));
        EXPECT_TRUE(place.has(DestId(4)));
        now += 1s;
    }
    LocalityTable::Place place(table, destination(1), now);
    place.remove(0);
    EXPECT_EQ(place.last_change(), now);
    EXPECT_FALSE(place.has(DestId(3)));
    ASSERT_EQ(place.members().size(), 1U);
    EXPECT_EQ(place.members()[0].id, DestId(4));
    place.replace(server(9));
    ASSERT_EQ(place.members().size(), 1U);
    EXPECT_EQ(place.members()[0].id, DestId(9));
}

TEST_F(LocalityTableTest, WhatIsNotMoreThanUsualStays) {
    use(0, 16384);
    now += 1h;
    collect(29);
    EXPECT_EQ(table.size(), 16384U);
}

TEST_F(LocalityTableTest, OfACrowdThoseGoThatWereIdleForSixMinutes) {
    use(0, 16384 + 300);
    now += 6min;
    collect();
    EXPECT_EQ(table.size(), 16684U);
    now += Ticks(1);
    use(0, 10);
    collect();
    // four thirds of what is too much, and what else is in the last list
    EXPECT_LE(table.size(), 16384U - 100);
    EXPECT_GT(table.size(), 16384U - 120);
    for (std::uint32_t i = 0; i < 10; ++i) EXPECT_TRUE(known(i)) << i;
    collect();
    EXPECT_GT(table.size(), 16384U - 120) << "a crowd no more";
}

TEST_F(LocalityTableTest, NoMoreThanHalfOfTheUsualGoAtOnce) {
    use(0, 24576);
    now += 7min;
    collect();
    EXPECT_LE(table.size(), 24576U - 8192);
    EXPECT_GT(table.size(), 24576U - 8192 - 20);
}

TEST_F(LocalityTableTest, TheSearchGoesOnWhereItEnded) {
    use(0, 16384 + 3000);
    now += 7min;
    collect();
    use(100'000, 3000);
    now += 7min;
    collect();
    // Were the same lists searched again, most of the new ones would have gone.
    int of_the_new = 0;
    for (std::uint32_t i = 100'000; i < 103'000; ++i) of_the_new += known(i);
    EXPECT_GT(of_the_new, 2000);
}

TEST_F(LocalityTableTest, EveryThirtiethPassTheLongUnusedGo) {
    tunables.lblc_expiration = 3600;
    use(0, 100);
    now += 1h;
    use(50, 10);
    collect(30);
    EXPECT_EQ(table.size(), 100U) << "not longer than the tunable says";
    now += Ticks(1);
    collect(29);
    EXPECT_EQ(table.size(), 100U);
    collect();
    EXPECT_EQ(table.size(), 10U);
    for (std::uint32_t i = 50; i < 60; ++i) EXPECT_TRUE(known(i)) << i;
}

TEST_F(LocalityTableTest, APassOverACrowdDoesNotCount) {
    tunables.lblc_expiration = 3600;
    use(0, 16385);
    collect(50);
    EXPECT_EQ(table.size(), 16385U);
    now += 7min;
    collect();  // one goes, or few
    const auto left = table.size();
    EXPECT_LT(left, 16385U);
    now += 1h;
    collect(29);
    EXPECT_EQ(table.size(), left);
    collect();
    EXPECT_EQ(table.size(), 0U);
}

TEST_F(LocalityTableTest, AUseOfAFutureTickIsNotIdle) {
    tunables.lblc_expiration = 0;
    use(0, 1);
    now -= Ticks(3);
    collect(30);
    EXPECT_EQ(table.size(), 1U);
}

TEST_F(LocalityTableTest, PlacesOfErasedEntriesAreUsedAgain) {
    for (std::uint32_t round = 0; round < 5; ++round) {
        use(round * 100'000, 24576);
        EXPECT_EQ(table.size(), 24576U);
        table.forget(DestId(0));
        EXPECT_EQ(table.size(), 0U);
        EXPECT_FALSE(known(round * 100'000));
    }
}

TEST_F(LocalityTableTest, ForgettingLeavesOtherMembers) {
    {
        LocalityTable::Place place(table, destination(1), now);
        place.add(server(3));
        place.add(server(4));
    }
    table.forget(DestId(3));
    LocalityTable::Place place(table, destination(1), now);
    ASSERT_EQ(place.members().size(), 1U);
    EXPECT_EQ(place.members()[0].id, DestId(4));
}

TEST(LocalityTableThreads, WorkersAgreeOnTheServerOfADestination) {
    for (const char* const name : {"lblc", "lblcr"}) {
        const Scheduler& scheduler = *find_scheduler(name);
        SchedulerState state;
        state.memory = scheduler.make_memory(1);
        std::vector<RealServer> servers;
        for (std::uint32_t i = 8; i-- > 0;) {
            servers.push_back(server(i));
            servers.back().weight = 1'000'000;
        }
        constexpr std::uint32_t destinations = 3000;
        constexpr std::size_t threads = 4;
        std::vector<std::vector<std::size_t>> chosen(threads);
        std::array<std::array<DestCounters, 8>, threads> counters;
        std::array<DestCounters*, threads> arrays;
        for (std::size_t t = 0; t < threads; ++t) arrays[t] = counters[t].data();
        const auto work = [&](std::size_t t) {
            const Loads loads(arrays);
            for (std::uint32_t i = 0; i < destinations; ++i) {
                SchedulingKey key;
                key.destination_address = destination(i);
                const auto choice = scheduler.choose({servers, loads, state}, key);
                counters[t][servers[choice.value()].id.value()].total.add();
                chosen[t].push_back(*choice);
            }
        };
        std::vector<std::thread> running;
        for (std::size_t t = 0; t < threads; ++t) running.emplace_back(work, t);
        for (int i = 0; i < 60; ++i) state.memory->collect(TickTime(), Tunables());
        for (std::thread& thread : running) thread.join();
        for (std::size_t t = 1; t < threads; ++t) EXPECT_EQ(chosen[t], chosen[0]) << name;
        EXPECT_EQ(static_cast<LocalityTable&>(*state.memory).size(), destinations) << name;
    }
}

}  // namespace
}  // namespace shunt
