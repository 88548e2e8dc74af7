// SPDX-License-Identifier: BSD-3-Clause
// The connection table of both families against a std::map, and the cases that random steps reach
// too seldom: full tables, equal tags, searches that pass over buckets.
#include "conn/conn_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace shunt {
namespace {

constexpr std::uint32_t all = std::numeric_limits<std::uint32_t>::max();

TickTime at(std::uint32_t tick) {
    return TickTime(Ticks(tick));
}

void number(Ipv4Address& a, std::uint32_t n) {
    a.word = Be32(n);
}
void number(Ipv6Address& a, std::uint32_t n) {
    const Be32 word(n);
    a.bytes = {0x20, 0x01, 0x0d, 0xb8};
    std::memcpy(a.bytes.data() + 12, &word, sizeof(word));
}

template <class F>
class ConnTableTest : public ::testing::Test {
  public:
    using Table = ConnTable<F>;
    using Tuple = FlowTuple<F>;

    static Conn<F> conn(std::uint32_t client, std::uint16_t port, std::uint32_t real = 1,
                        TickTime expires = at(1000)) {
        Conn<F> c;
        number(c.client, 0x0A000000 + client);
        number(c.virtual_address, 0xC6336401);
        number(c.real, 0xC0A80000 + real);
        c.client_port = L4Port(port);
        c.virtual_port = L4Port(std::uint16_t{80});
        c.real_port = L4Port(std::uint16_t{8080});
        c.protocol = Protocol::tcp;
        c.expires = expires;
        return c;
    }
    static constexpr auto directions = {Direction::from_client, Direction::from_server};

    /// Both keys lead to `expected`, each with its own direction.
    static void expect_found(Table& table, const Conn<F>* expected) {
        for (const Direction d : directions) {
            const ConnRef<F> found = table.find(expected->tuple(d));
            EXPECT_EQ(found.conn, expected);
            EXPECT_EQ(found.direction, d);
        }
    }
    static void expect_missing(Table& table, const Conn<F>& conn) {
        for (const Direction d : directions) {
            EXPECT_EQ(table.find(conn.tuple(d)).conn, nullptr);
        }
    }
    static std::uint32_t count(const Table& table) {
        std::uint32_t n = 0;
        table.for_each(0, table.slots_used(), [&](const Conn<F>&) { ++n; });
        return n;
    }
};

struct FamilyNames {
    template <class F>
    static std::string GetName(int /*position*/) {
        return F::family == Family::ipv4 ? "Ipv4" : "Ipv6";
    }
};
using Families = ::testing::Types<Ipv4, Ipv6>;
TYPED_TEST_SUITE(ConnTableTest, Families, FamilyNames);

TYPED_TEST(ConnTableTest, KeepsACopyUnderBothKeys) {
    ConnTable<TypeParam> table(10, 1, at(0));
    const auto original = this->conn(1, 40000);
    auto* const c = table.insert(original);
    ASSERT_NE(c, nullptr);
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(c->client, original.client);
    EXPECT_EQ(c->real_port, original.real_port);
    EXPECT_EQ(c->expires, original.expires);
    this->expect_found(table, c);
    this->expect_missing(table, this->conn(1, 40001, 2));
    auto udp = original;
    udp.protocol = Protocol::udp;
    this->expect_missing(table, udp);
    table.erase(*c);
    EXPECT_EQ(table.size(), 0U);
    this->expect_missing(table, original);
    EXPECT_EQ(this->count(table), 0U);
}

TYPED_TEST(ConnTableTest, WhatMemoryHeldBeforeDoesNotShow) {
    constexpr auto in = Direction::from_client;
    alignas(64) std::array<std::byte, sizeof(Conn<TypeParam>)> memory;
    memory.fill(std::byte{0xFF});
    auto* const c = new (memory.data()) Conn<TypeParam>;
    EXPECT_FALSE(c->is_steady(in));
    c->protocol = Protocol::tcp;
    c->state = static_cast<std::uint8_t>(TcpState::established);
    c->counted_active = true;
    EXPECT_TRUE(c->is_steady(in));
    c->aside = true;
    EXPECT_FALSE(c->is_steady(in));
}

TYPED_TEST(ConnTableTest, WhoHasASayInAConnection) {
    using C = Conn<TypeParam>;
    struct Case {
        const char* what;
        void (*change)(C&);
        bool steady;
        bool undisturbed;
        bool from_server_too;  ///< the same for the server's packets; else they are not at all
    };
    const std::vector<Case> cases = {
        {"nothing", [](C&) {}, true, true, true},
        {"helped", [](C& c) { c.helped = true; }, false, false, true},
        {"own timeouts", [](C& c) { c.own_timeouts = true; }, false, false, true},
        {"aside", [](C& c) { c.aside = true; }, false, false, true},
        {"udp", [](C& c) { c.protocol = Protocol::udp; }, false, false, true},
        {"state", [](C& c) { c.state = static_cast<std::uint8_t>(TcpState::time_wait); }, false,
         true, true},
        {"not active", [](C& c) { c.counted_active = false; }, false, true, true},
        {"server gone", [](C& c) { c.server_available = false; }, false, false, true},
        {"replaced", [](C& c) { c.replaced = true; }, false, false, true},
        {"silent server", [](C& c) { c.server_silent = true; }, true, true, false},
        {"direct", [](C& c) { c.method = ForwardMethod::direct; }, true, true, false},
        {"tunnel", [](C& c) { c.method = ForwardMethod::tunnel; }, true, true, false},
        {"bits beside",
         [](C& c) { c.one_packet = c.assured = c.half_open = c.expected = c.synced = true; }, true,
         true, true},
    };
    for (const Case& at : cases) {
        C c = this->conn(1, 40000, 1);
        c.state = static_cast<std::uint8_t>(TcpState::established);
        c.counted_active = true;
        at.change(c);
        EXPECT_EQ(c.is_steady(Direction::from_client), at.steady) << at.what;
        EXPECT_EQ(c.is_undisturbed(Direction::from_client), at.undisturbed) << at.what;
        EXPECT_EQ(c.is_steady(Direction::from_server), at.steady && at.from_server_too) << at.what;
        EXPECT_EQ(c.is_undisturbed(Direction::from_server), at.undisturbed && at.from_server_too)
            << at.what;
    }
}

TYPED_TEST(ConnTableTest, AConnectionHasTheHashesOfItsTuples) {
    const ConnTable<TypeParam> table(16, 1, at(0));
    auto c = this->conn(7, 40000, 3);
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        c.protocol = protocol;
        for (const auto d : {Direction::from_client, Direction::from_server})
            EXPECT_EQ(table.hash(c, d), table.hash(c.tuple(d)));
    }
}

TYPED_TEST(ConnTableTest, WhatIsMadeAfterABurstWasLookedUpIsNews) {
    ConnTable<TypeParam> table(1000, 1, at(0));
    const auto look_up = [&] { table.find_burst({}, {}, [](std::size_t, ConnRef<TypeParam>) {}); };
    const auto hash_of = [&](std::uint16_t port, Direction d) {
        return table.hash(this->conn(1, port, 1), d);
    };
    table.insert(this->conn(1, 999, 1));
    for (std::uint16_t round = 0; round < 20; ++round) {
        const auto first = static_cast<std::uint16_t>(1000 + round * 32);
        look_up();
        int others = 0;
        for (std::uint16_t i = 0; i < 32; ++i) {
            const auto port = static_cast<std::uint16_t>(first + i);
            for (const auto d : {Direction::from_client, Direction::from_server})
                others += table.has_news(hash_of(port, d)) ? 1 : 0;
            table.insert(this->conn(1, port, 1));
            for (const auto d : {Direction::from_client, Direction::from_server})
                EXPECT_TRUE(table.has_news(hash_of(port, d)));
        }
        EXPECT_LT(others, 32) << "a few of 64 share a bit with one before";
    }
    look_up();
    EXPECT_FALSE(table.has_news(hash_of(999, Direction::from_client)));
    table.look_again(hash_of(999, Direction::from_client));
    EXPECT_TRUE(table.has_news(hash_of(999, Direction::from_client)));
}

TYPED_TEST(ConnTableTest, AKeyThatIsFiledLaterIsThereAtOnce) {
    // Each time another number of connections is new when one of them is asked for.
    for (std::uint16_t fresh = 1; fresh < 12; ++fresh) {
        for (std::uint16_t asked = 0; asked < fresh; ++asked) {
            ConnTable<TypeParam> table(16, 1, at(0));
            std::vector<Conn<TypeParam>*> conns;
            for (std::uint16_t i = 0; i < fresh; ++i)
                conns.push_back(table.insert(this->conn(i, i)));
            const auto reply = conns[asked]->tuple(Direction::from_server);
            EXPECT_EQ(table.find(reply).conn, conns[asked]) << fresh << " " << asked;
            table.erase(*conns[asked]);
            EXPECT_EQ(table.find(reply).conn, nullptr) << fresh << " " << asked;
            for (std::uint16_t i = 0; i < fresh; ++i)
                if (i != asked) this->expect_found(table, conns[i]);
        }
    }
}

TYPED_TEST(ConnTableTest, AConnectionEndsBeforeItsKeyWasFiled) {
    ConnTable<TypeParam> table(16, 1, at(0));
    auto* const c = table.insert(this->conn(1, 1));
    const auto gone = *c;
    table.erase(*c);
    auto* const next = table.insert(this->conn(2, 2));
    ASSERT_EQ(next, c) << "the same slot";
    this->expect_missing(table, gone);
    this->expect_found(table, next);
}

TYPED_TEST(ConnTableTest, HoldsItsCapacityAndNotOneMore) {
    ConnTable<TypeParam> table(1000, 7, at(0));
    std::vector<Conn<TypeParam>*> conns;
    for (std::uint16_t i = 0; i < 1000; ++i) {
        conns.push_back(table.insert(this->conn(i, i)));
        ASSERT_NE(conns.back(), nullptr) << i;
    }
    EXPECT_EQ(table.insert(this->conn(5000, 1)), nullptr);
    this->expect_missing(table, this->conn(5000, 1));
    EXPECT_EQ(table.size(), 1000U);
    EXPECT_EQ(table.capacity(), 1000U);
    EXPECT_EQ(std::set(conns.begin(), conns.end()).size(), 1000U);
    for (auto* c : conns) this->expect_found(table, c);
    // Room for one again, in the freed slot.
    const auto gone = *conns[500];
    table.erase(*conns[500]);
    EXPECT_EQ(table.insert(this->conn(5000, 1)), conns[500]);
    this->expect_missing(table, gone);
    this->expect_found(table, conns[500]);
    EXPECT_EQ(table.insert(this->conn(5001, 1)), nullptr);
    EXPECT_EQ(this->count(table), 1000U);
    EXPECT_EQ(table.slots_used(), 1000U);
}

TYPED_TEST(ConnTableTest, WithoutCapacityHoldsNothing) {
    ConnTable<TypeParam> table(0, 7, at(0));
    EXPECT_EQ(table.insert(this->conn(1, 1)), nullptr);
    this->expect_missing(table, this->conn(1, 1));
    EXPECT_EQ(table.size(), 0U);
    table.advance_timers(at(5000), all, [](Conn<TypeParam>&) { FAIL(); });
}

TYPED_TEST(ConnTableTest, ASlotThatIsUsedAgainHasNothingOfItsPast) {
    ConnTable<TypeParam> table(1, 7, at(0));
    for (std::uint16_t port = 1; port < 200; ++port) {
        auto* const c = table.insert(this->conn(port, port, port, at(port + 10U)));
        ASSERT_NE(c, nullptr);
        EXPECT_EQ(c->state, 0);
        EXPECT_EQ(c->generation, 0U);
        c->state = 9;
        c->generation = 77;
        // The timer of the connection before must not end this one.
        std::uint32_t expired = 0;
        table.advance_timers(at(port + 9U), all, [&](Conn<TypeParam>&) { ++expired; });
        EXPECT_EQ(expired, 0U) << port;
        table.erase(*c);
    }
}

TYPED_TEST(ConnTableTest, MemoryAConnection) {
    constexpr std::uint32_t capacity = 1'000'000;
    const ConnTable<TypeParam> table(capacity, 1, at(0));
    const double each = static_cast<double>(table.bytes()) / capacity;
    std::printf("%.1f bytes a connection at a capacity of %u\n", each, capacity);
    this->RecordProperty("bytes_per_connection", std::to_string(each));
    EXPECT_LE(each, TypeParam::family == Family::ipv4 ? 192.0 : 256.0);
    EXPECT_GE(each, sizeof(Conn<TypeParam>) + 2 * 6 + 12);
}

TYPED_TEST(ConnTableTest, ForEachTakesAnyCount) {
    ConnTable<TypeParam> table(10, 1, at(0));
    for (std::uint16_t i = 0; i < 6; ++i) table.insert(this->conn(i, i));
    table.erase(*table.find(this->conn(2, 2).tuple(Direction::from_client)).conn);
    const auto ports = [&](std::uint32_t from, std::uint32_t count) {
        std::vector<int> out;
        table.for_each(from, count, [&](const auto& c) { out.push_back(c.client_port.value()); });
        return out;
    };
    EXPECT_EQ(ports(0, 6), (std::vector<int>{0, 1, 3, 4, 5}));
    EXPECT_EQ(ports(0, all), (std::vector<int>{0, 1, 3, 4, 5}));
    EXPECT_EQ(ports(1, 2), (std::vector<int>{1}));
    EXPECT_EQ(ports(4, 2), (std::vector<int>{4, 5}));
    EXPECT_EQ(ports(6, 10), std::vector<int>{});
    EXPECT_EQ(ports(100, 1), std::vector<int>{});
    EXPECT_EQ(ports(3, 0), std::vector<int>{});
    EXPECT_EQ(ports(1, all), (std::vector<int>{1, 3, 4, 5}));
}

TYPED_TEST(ConnTableTest, BurstsFindWhatSingleSearchesFind) {
    ConnTable<TypeParam> table(100, 3, at(0));
    for (std::uint16_t i = 0; i < 100; ++i) table.insert(this->conn(i, i));
    std::mt19937 random(4);
    for (std::size_t size = 0; size <= 64; ++size) {
        std::vector<FlowTuple<TypeParam>> tuples;
        for (std::size_t i = 0; i < size; ++i) {
            const auto n = static_cast<std::uint16_t>(random() % 150);  // a third are misses
            tuples.push_back(this->conn(n, n).tuple(static_cast<Direction>(random() % 2)));
        }
        std::vector<const FlowTuple<TypeParam>*> pointers;
        std::vector<std::uint32_t> hashes;
        for (const auto& tuple : tuples) {
            pointers.push_back(&tuple);
            hashes.push_back(table.hash(tuple));
            table.prefetch(hashes.back());
        }
        // One that is not found is told, too.
        std::vector<ConnRef<TypeParam>> out(
            size, table.find(this->conn(1, 1).tuple(Direction::from_server)));
        table.find_burst(pointers, hashes,
                         [&](std::size_t i, ConnRef<TypeParam> ref) { out[i] = ref; });
        for (std::size_t i = 0; i < size; ++i) {
            const auto expected = table.find(tuples[i]);
            ASSERT_EQ(out[i].conn, expected.conn) << i << " of " << size;
            if (expected.conn != nullptr) {
                ASSERT_EQ(out[i].direction, expected.direction);
            }
        }
    }
}

// --- collisions ----------------------------------------------------------------------------------

/// Connections whose two keys both have the low `bits` of the hash equal to `value`.
template <class F>
std::vector<Conn<F>> colliding(const ConnTable<F>& table, unsigned bits, std::uint32_t value,
                               std::size_t wanted) {
    std::vector<Conn<F>> out;
    const std::uint32_t mask = (1U << bits) - 1;
    for (std::uint32_t i = 0; out.size() < wanted; ++i) {
        const auto c = ConnTableTest<F>::conn(i >> 12, static_cast<std::uint16_t>(i & 0xFFF));
        if ((table.hash(c.tuple(Direction::from_client)) & mask) == value &&
            (table.hash(c.tuple(Direction::from_server)) & mask) == value)
            out.push_back(c);
    }
    return out;
}

TYPED_TEST(ConnTableTest, AFullTableWhoseKeysAllWantOneBucketWorks) {
    ConnTable<TypeParam> table(64, 5, at(0));
    const auto conns = colliding(table, 6, 63, 64);  // the last bucket: searches wrap round
    std::vector<Conn<TypeParam>*> filed;
    for (const auto& c : conns) filed.push_back(table.insert(c));
    for (auto* c : filed) {
        ASSERT_NE(c, nullptr);
        this->expect_found(table, c);
    }
    std::mt19937 random(6);
    std::vector<std::size_t> order(conns.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (int turn = 0; turn < 20; ++turn) {
        std::ranges::shuffle(order, random);
        for (std::size_t i = 0; i < 40; ++i) table.erase(*filed[order[i]]);
        for (std::size_t i = 0; i < order.size(); ++i) {
            if (i < 40)
                this->expect_missing(table, conns[order[i]]);
            else
                this->expect_found(table, filed[order[i]]);
        }
        for (std::size_t i = 0; i < 40; ++i) filed[order[i]] = table.insert(conns[order[i]]);
    }
    for (auto* c : filed) this->expect_found(table, c);
}

TYPED_TEST(ConnTableTest, EqualBucketAndTagAreToldApartByTheKey) {
    // The tag is 16 bits of the hash: 64 buckets and 16 bits are matched by brute force.
    ConnTable<TypeParam> table(128, 5, at(0));
    std::map<std::uint32_t, std::vector<Conn<TypeParam>>> groups;
    std::mt19937 random(8);
    for (int i = 0; i < 200'000; ++i) {
        const auto c = this->conn(static_cast<std::uint32_t>(random() & 0xFFFFFF),
                                  static_cast<std::uint16_t>(random() & 0xFFFF));
        groups[table.hash(c.tuple(Direction::from_client)) & 0xFFFF003F].push_back(c);
    }
    std::size_t pairs = 0;
    for (const auto& [hash, group] : groups) {
        if (group.size() < 2 || table.size() + 2 > table.capacity()) continue;
        auto* const a = table.insert(group[0]);
        this->expect_missing(table, group[1]);
        auto* const b = table.insert(group[1]);
        this->expect_found(table, a);
        this->expect_found(table, b);
        table.erase(*a);
        this->expect_missing(table, group[0]);
        this->expect_found(table, b);
        ++pairs;
    }
    EXPECT_GE(pairs, 20U);
}

TYPED_TEST(ConnTableTest, AMissEndsThoughEveryBucketWasPassed) {
    // Fill one of two buckets, let a connection pass over it, empty it; then the same with the
    // other: now each bucket says that a key went on.
    const auto search = [] {
        alarm(2);
        ConnTable<TypeParam> table(5, 5, at(0));
        const auto low = colliding(table, 1, 0, 5);
        const auto high = colliding(table, 1, 1, 5);
        std::vector<Conn<TypeParam>*> filed;
        for (const auto& c : low) filed.push_back(table.insert(c));
        for (int i = 0; i < 4; ++i) table.erase(*filed[static_cast<std::size_t>(i)]);
        for (int i = 0; i < 4; ++i) (void)table.insert(high[static_cast<std::size_t>(i)]);
        const bool missed = table.find(high[4].tuple(Direction::from_client)).conn == nullptr;
        const bool found = table.find(high[3].tuple(Direction::from_client)).conn != nullptr &&
                           table.find(low[4].tuple(Direction::from_server)).conn != nullptr;
        std::exit(missed && found ? 0 : 1);
    };
    EXPECT_EXIT(search(), ::testing::ExitedWithCode(0), "");
}

TYPED_TEST(ConnTableTest, TuplesThatCollideUnderOneSeedSpreadUnderAnother) {
    const ConnTable<TypeParam> one(1000, 0x12345678, at(0));
    const ConnTable<TypeParam> other(1000, 0x9ABCDEF0, at(0));
    std::set<std::uint32_t> buckets;
    for (const auto& c : colliding(one, 8, 0, 64))
        buckets.insert(other.hash(c.tuple(Direction::from_client)) & 0xFF);
    EXPECT_GT(buckets.size(), 16U) << "64 tuples of one bucket stay together under another seed";
}

TYPED_TEST(ConnTableTest, NeighbouringClientsSpreadEvenly) {
    const ConnTable<TypeParam> table(1000, 9, at(0));
    std::vector<int> load(1024);
    for (std::uint32_t i = 0; i < 65536; ++i) {
        const auto c = this->conn(i & 0xFF, static_cast<std::uint16_t>(32768 + (i >> 8)));
        ++load[table.hash(c.tuple(Direction::from_client)) & 1023];
    }
    EXPECT_LT(*std::ranges::max_element(load), 64 + 64);
    EXPECT_GT(*std::ranges::min_element(load), 64 - 56);
}

// --- one server key, several connections ---------------------------------------------------------

/// The client's port reaches the same server by another virtual address.
template <class F>
Conn<F> by_another_address(const Conn<F>& original, std::uint32_t which) {
    Conn<F> c = original;
    number(c.virtual_address, 0xC6336400 + which);
    return c;
}

TYPED_TEST(ConnTableTest, RepliesBelongToTheConnectionMadeLast) {
    ConnTable<TypeParam> table(10, 1, at(0));
    auto* const a = table.insert(this->conn(1, 40000));
    auto* const b = table.insert(by_another_address(this->conn(1, 40000), 2));
    const auto reply = a->tuple(Direction::from_server);
    ASSERT_EQ(reply, b->tuple(Direction::from_server));
    EXPECT_EQ(table.find(a->tuple(Direction::from_client)).conn, a);
    EXPECT_EQ(table.find(b->tuple(Direction::from_client)).conn, b);
    EXPECT_EQ(table.find(reply).conn, b);
    table.erase(*b);
    EXPECT_EQ(table.find(reply).conn, a);
    auto* const c = table.insert(by_another_address(this->conn(1, 40000), 3));
    table.erase(*a);
    EXPECT_EQ(table.find(reply).conn, c);
    table.erase(*c);
    EXPECT_EQ(table.find(reply).conn, nullptr);
}

TYPED_TEST(ConnTableTest, TheNewestOfEqualKeysIsFoundThoughPlacesBeforeItBecameFree) {
    // One bucket of eight places: four connections fill it; the first leaves room in front.
    ConnTable<TypeParam> table(5, 1, at(0));
    for (int spare = 0; spare < 3; ++spare) {
        const auto early = colliding(table, 1, 0, 4);
        std::vector<Conn<TypeParam>*> filed;
        for (int i = 0; i < spare; ++i)
            filed.push_back(table.insert(early[static_cast<std::size_t>(i)]));
        auto* const old = table.insert(early[3]);
        for (auto* c : filed) table.erase(*c);
        auto* const fresh = table.insert(by_another_address(early[3], 9));
        const auto reply = old->tuple(Direction::from_server);
        EXPECT_EQ(table.find(reply).conn, fresh) << spare << " places in front";
        table.erase(*fresh);
        EXPECT_EQ(table.find(reply).conn, old);
        table.erase(*old);
        EXPECT_EQ(table.size(), 0U);
    }
}

TYPED_TEST(ConnTableTest, RepliesFollowTheNewestThatIsLeft) {
    // Random order of making and ending, with strangers that leave holes between the places.
    std::mt19937 random(5);
    const auto below = [&](std::size_t limit) { return random() % limit; };
    for (int round = 0; round < 200; ++round) {
        ConnTable<TypeParam> table(22, static_cast<std::uint64_t>(round), at(0));
        std::vector<Conn<TypeParam>*> twins;  // in order of making
        std::vector<Conn<TypeParam>*> strangers;
        std::uint32_t made = 0;
        for (int step = 0; step < 200; ++step) {
            auto& list = below(2) == 0 ? twins : strangers;
            if (list.size() < 11 && below(2) == 0) {
                ++made;
                auto c = this->conn(1, 40000);
                if (&list == &strangers) c = this->conn(2, static_cast<std::uint16_t>(made));
                list.push_back(table.insert(by_another_address(c, made)));
                ASSERT_NE(list.back(), nullptr);
            } else if (!list.empty()) {
                const auto which = list.begin() + static_cast<std::ptrdiff_t>(below(list.size()));
                table.erase(**which);
                list.erase(which);
            }
            const auto reply = this->conn(1, 40000).tuple(Direction::from_server);
            ASSERT_EQ(table.find(reply).conn, twins.empty() ? nullptr : twins.back())
                << "round " << round << " step " << step << " of " << twins.size();
            for (auto* c : twins) ASSERT_EQ(table.find(c->tuple(Direction::from_client)).conn, c);
            for (auto* c : strangers) this->expect_found(table, c);
        }
    }
}

// --- timers --------------------------------------------------------------------------------------

TYPED_TEST(ConnTableTest, AConnectionEndsAtItsTickHoweverOftenThatMoved) {
    ConnTable<TypeParam> table(10, 1, at(0));
    auto* const c = table.insert(this->conn(1, 1, 1, at(30)));
    std::vector<std::uint32_t> ended;
    const auto advance = [&](std::uint32_t tick) {
        table.advance_timers(at(tick), all, [&](Conn<TypeParam>& conn) {
            EXPECT_EQ(&conn, c);
            this->expect_found(table, &conn);  // it is still whole while it is being ended
            ended.push_back(tick);
        });
    };
    c->expires = at(9000);  // beyond one turn of the wheel
    for (std::uint32_t tick = 1; tick < 8999; tick += 7) advance(tick);
    EXPECT_TRUE(ended.empty());
    c->expires = at(9500);
    advance(9499);
    EXPECT_TRUE(ended.empty());
    advance(9500);
    EXPECT_EQ(ended, std::vector<std::uint32_t>{9500});
    EXPECT_EQ(table.size(), 0U);
    this->expect_missing(table, this->conn(1, 1));
}

TYPED_TEST(ConnTableTest, ExpiresSoonerTakesEffect) {
    ConnTable<TypeParam> table(10, 1, at(0));
    auto* const c = table.insert(this->conn(1, 1, 1, at(3000)));
    auto* const d = table.insert(this->conn(2, 2, 1, at(3000)));
    c->expires = at(20);
    table.expires_sooner(*c);
    d->expires = at(4000);  // later: a call that is not needed does no harm
    table.expires_sooner(*d);
    std::vector<Conn<TypeParam>*> ended;
    const auto ending = [&](Conn<TypeParam>& conn) { ended.push_back(&conn); };
    table.advance_timers(at(19), all, ending);
    EXPECT_TRUE(ended.empty());
    table.advance_timers(at(20), all, ending);
    EXPECT_EQ(ended, (std::vector<Conn<TypeParam>*>{c}));
    table.advance_timers(at(3999), all, ending);
    EXPECT_EQ(ended.size(), 1U);
    d->expires = at(1);  // already past
    table.expires_sooner(*d);
    table.advance_timers(at(4000), all, ending);
    EXPECT_EQ(ended.size(), 2U);
    EXPECT_EQ(table.size(), 0U);
}

TYPED_TEST(ConnTableTest, TimersKeepTheirBudget) {
    ConnTable<TypeParam> table(100, 1, at(0));
    for (std::uint16_t i = 0; i < 100; ++i) table.insert(this->conn(i, i, 1, at(5)));
    std::uint32_t ended = 0;
    for (std::uint32_t turn = 1; turn <= 10; ++turn) {
        table.advance_timers(at(50), 10, [&](Conn<TypeParam>&) { ++ended; });
        EXPECT_EQ(ended, turn * 10);
        EXPECT_EQ(table.size(), 100 - ended);
    }
}

// --- random steps --------------------------------------------------------------------------------

/// A table and what it should hold, by client port number (0 .. keys-1, each with its own tuple).
template <class F>
class ConnTableModel {
  public:
    ConnTableModel(std::uint32_t capacity, std::uint32_t keys, unsigned seed)
        : random_(seed), keys_(keys), table_(capacity, seed * 77U + 1, now_) {}

    void run(int steps) {
        for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
            const std::uint32_t kind = below(100);
            const std::uint32_t key = below(keys_);
            if (kind < 35)
                insert(key);
            else if (kind < 55)
                erase(key);
            else if (kind < 70)
                touch(key);
            else if (kind < 75)
                sooner(key);
            else if (kind < 80)
                move_on();
            else if (kind < 90)
                burst();
            else
                find(key);
            if (i % 5000 == 0) compare_all();
        }
        compare_all();
    }

  private:
    struct Entry {
        Conn<F>* conn;
        TickTime expires;
    };

    std::uint32_t below(std::uint32_t limit) {
        return static_cast<std::uint32_t>(random_() % limit);
    }
    TickTime later() { return now_ + Ticks(1 + below(below(10) == 0 ? 10'000 : 400)); }
    static Conn<F> conn(std::uint32_t key, TickTime expires) {
        return ConnTableTest<F>::conn(key % 5, static_cast<std::uint16_t>(key), key % 3, expires);
    }
    void insert(std::uint32_t key) {
        if (model_.contains(key)) return;
        const TickTime expires = later();
        Conn<F>* const c = table_.insert(conn(key, expires));
        ASSERT_EQ(c == nullptr, model_.size() == table_.capacity());
        if (c != nullptr) model_[key] = {c, expires};
    }
    void erase(std::uint32_t key) {
        const auto entry = model_.find(key);
        if (entry == model_.end()) return;
        table_.erase(*entry->second.conn);
        model_.erase(entry);
    }
    void touch(std::uint32_t key) {
        const auto entry = model_.find(key);
        if (entry == model_.end()) return;
        Entry& e = entry->second;
        e.expires = std::max(e.expires, later());
        e.conn->expires = e.expires;
    }
    void sooner(std::uint32_t key) {
        const auto entry = model_.find(key);
        if (entry == model_.end()) return;
        Entry& e = entry->second;
        e.expires = std::min(e.expires, later());
        e.conn->expires = e.expires;
        table_.expires_sooner(*e.conn);
    }
    void move_on() {
        now_ += Ticks(below(below(50) == 0 ? 9000 : 20));
        table_.advance_timers(now_, all, [&](Conn<F>& c) {
            const auto entry = model_.find(c.client_port.value());
            ASSERT_NE(entry, model_.end()) << "unknown connection ended";
            ASSERT_EQ(entry->second.conn, &c);
            ASSERT_LE(entry->second.expires, now_) << "ended too early";
            model_.erase(entry);
        });
        for (const auto& [key, entry] : model_)
            ASSERT_GT(entry.expires, now_) << "key " << key << " lives too long";
    }
    void find(std::uint32_t key) {
        const auto entry = model_.find(key);
        const Conn<F>* const expected = entry == model_.end() ? nullptr : entry->second.conn;
        for (const Direction d : ConnTableTest<F>::directions) {
            const ConnRef<F> found = table_.find(conn(key, {}).tuple(d));
            ASSERT_EQ(found.conn, expected) << "key " << key;
            if (expected != nullptr) {
                ASSERT_EQ(found.direction, d);
            }
        }
    }
    void burst() {
        std::vector<FlowTuple<F>> tuples;
        std::vector<const Conn<F>*> expected;
        for (std::uint32_t i = below(65); i > 0; --i) {
            const std::uint32_t key = below(keys_);
            tuples.push_back(conn(key, {}).tuple(static_cast<Direction>(below(2))));
            const auto entry = model_.find(key);
            expected.push_back(entry == model_.end() ? nullptr : entry->second.conn);
        }
        std::vector<const FlowTuple<F>*> pointers;
        std::vector<std::uint32_t> hashes;
        for (const auto& tuple : tuples) {
            pointers.push_back(&tuple);
            hashes.push_back(table_.hash(tuple));
        }
        std::vector<ConnRef<F>> out(tuples.size());
        table_.find_burst(pointers, hashes, [&](std::size_t i, ConnRef<F> ref) { out[i] = ref; });
        for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i].conn, expected[i]) << i;
    }
    void compare_all() {
        ASSERT_EQ(table_.size(), model_.size());
        for (std::uint32_t key = 0; key < keys_; ++key) find(key);
        std::set<const Conn<F>*> seen;
        table_.for_each(0, table_.slots_used(), [&](const Conn<F>& c) { seen.insert(&c); });
        ASSERT_EQ(seen.size(), model_.size());
        for (const auto& [key, entry] : model_) ASSERT_TRUE(seen.contains(entry.conn)) << key;
    }

    std::mt19937 random_;
    std::uint32_t keys_;
    TickTime now_ = at(5000);
    ConnTable<F> table_;
    std::map<std::uint32_t, Entry> model_;
};

TYPED_TEST(ConnTableTest, AgreesWithAPlainModelOverRandomSteps) {
    struct Shape {
        std::uint32_t capacity, keys;
        int steps;
    };
    // Keys more than fit keep a table full, and tiny ones spill over buckets all the time.
    unsigned seed = 1;
    for (const Shape shape :
         {Shape{1000, 1500, 150'000}, Shape{1, 4, 5'000}, Shape{3, 9, 20'000},
          Shape{11, 18, 50'000}, Shape{22, 40, 50'000}, Shape{90, 120, 50'000}}) {
        ConnTableModel<TypeParam> model(shape.capacity, shape.keys, seed++);
        model.run(shape.steps);
        ASSERT_FALSE(this->HasFatalFailure()) << "capacity " << shape.capacity;
    }
}

}  // namespace
}  // namespace shunt
