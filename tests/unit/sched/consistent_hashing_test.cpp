// SPDX-License-Identifier: BSD-3-Clause
#include "sched/consistent_hashing.h"

#include <cmath>
#include <random>

#include "support/scheduler_bench.h"

namespace shunt {
namespace {

using test::SchedulerBench;

/// A large service over one worker's counters.
class Cluster {
  public:
    explicit Cluster(std::uint32_t servers, std::uint32_t bound = 125) {
        options_.load_bound = bound;
        options_.mh_size = 65521;
        for (std::uint32_t i = 0; i < servers; ++i) add(i, 1);
        configure();
    }
    void add(std::uint32_t number, std::uint32_t weight) {
        RealServer server{
            .id = DestId(number),
            .endpoint = {Ipv4Address{Be32(0x0A010001U + number)}, L4Port(std::uint16_t{80})},
            .weight = weight};
        server.last_weight = weight;
        servers_.insert(servers_.begin(), server);
    }
    void remove(std::uint32_t number) {
        std::erase_if(servers_, [&](const RealServer& s) { return s.id == DestId(number); });
        configure();
    }
    void configure() {
        table_ = scheduler_.build(servers_, options_);
        scheduler_.reconfigure(servers_, state_);
    }
    void weigh(std::uint32_t number, std::uint32_t weight) {
        std::ranges::find(servers_, DestId(number), &RealServer::id)->weight = weight;
        configure();
    }
    std::optional<std::uint32_t> choose(std::uint32_t client, std::uint16_t port = 0) {
        const std::array<DestCounters* const, 1> arrays{counters_.data()};
        const Loads loads(arrays);
        const SchedulingKey key{client, 0, L4Port(port), {}};
        const auto choice =
            scheduler_.choose({servers_, loads, state_, table_.get(), flags, options_}, key);
        if (!choice) return {};
        return servers_.at(*choice).id.value();
    }
    std::uint32_t connect(std::uint32_t client) {
        const auto id = choose(client).value();
        counters_.at(id).total.add(1);
        return id;
    }
    void disconnect(std::uint32_t id) { counters_.at(id).total.sub(1); }
    [[nodiscard]] std::uint32_t load(std::uint32_t id) const {
        return counters_.at(id).total.value();
    }
    void clear() {
        for (auto& c : counters_) c.total.sub(c.total.value());
        configure();
    }

    SchedulerFlags flags;

  private:
    ConsistentHashing scheduler_;
    SchedulerOptions options_;
    SchedulerState state_;
    std::vector<RealServer> servers_;
    std::shared_ptr<const SchedulerTable> table_;
    std::vector<DestCounters> counters_{1000};
};

/// Client addresses as they come: many of few networks.
std::uint32_t client(std::uint32_t i) {
    return 0xC6330000U + i;
}

TEST(ConsistentHashing, AClientKeepsItsServerWhileThatHasRoom) {
    Cluster cluster(10, 200);
    std::map<std::uint32_t, std::uint32_t> first;
    for (std::uint32_t i = 0; i < 1000; ++i) first[i] = cluster.connect(client(i));
    std::uint32_t same = 0;
    for (std::uint32_t i = 0; i < 1000; ++i)
        same += cluster.choose(client(i)) == first[i] ? 1U : 0U;
    EXPECT_GE(same, 980U) << "all but the first ones, who met a small bound";
}

TEST(ConsistentHashing, NobodyHasMoreThanTheBoundOfItsFairShare) {
    for (const std::uint32_t bound : {100U, 101U, 125U, 200U})
        for (const std::uint32_t servers : {1U, 2U, 7U, 100U}) {
            Cluster cluster(servers, bound);
            for (std::uint32_t m = 1; m <= 5000; ++m) {
                const auto id = cluster.connect(client(m % 3));  // three clients flood
                ASSERT_LE(cluster.load(id), std::ceil(bound / 100.0 * m / servers))
                    << bound << ' ' << servers << ' ' << m;
            }
        }
}

TEST(ConsistentHashing, SoItIsByWeight) {
    Cluster cluster(0);
    std::uint32_t sum = 0;
    for (std::uint32_t i = 0; i < 20; ++i) {
        cluster.add(i, 1 + i % 5);
        sum += 1 + i % 5;
    }
    cluster.configure();
    for (std::uint32_t m = 1; m <= 5000; ++m) {
        const auto id = cluster.connect(client(0));
        ASSERT_LE(cluster.load(id), std::ceil(1.25 * m * (1 + id % 5) / sum)) << m;
    }
}

TEST(ConsistentHashing, WhileConnectionsEndTheBoundIsThatOfAMomentAgo) {
    constexpr std::uint32_t servers = 100;
    Cluster cluster(servers);
    std::mt19937 random(5);
    const auto some = [&] { return client(static_cast<std::uint32_t>(random() % 50)); };
    std::vector<std::uint32_t> live;
    for (std::uint32_t i = 0; i < 5000; ++i) live.push_back(cluster.connect(some()));
    for (int i = 0; i < 20'000; ++i) {
        std::swap(live[random() % live.size()], live.back());
        cluster.disconnect(live.back());
        live.back() = cluster.connect(some());
        const double known = 5000 + servers / 8 + 1;
        ASSERT_LE(cluster.load(live.back()), std::ceil(1.25 * known / servers)) << i;
    }
}

TEST(ConsistentHashing, AFewClientsMoveWhenAServerGoes) {
    constexpr std::uint32_t servers = 100;
    constexpr std::uint32_t clients = 20'000;
    Cluster cluster(servers);
    std::vector<std::uint32_t> before;
    for (std::uint32_t i = 0; i < clients; ++i) before.push_back(cluster.connect(client(i)));
    cluster.clear();
    cluster.remove(42);
    std::uint32_t moved = 0;
    for (std::uint32_t i = 0; i < clients; ++i)
        moved += cluster.connect(client(i)) != before[i] ? 1U : 0U;
    EXPECT_GE(moved, clients / servers);
    EXPECT_LE(moved, 4 * clients / servers);
    RecordProperty("moved", static_cast<int>(moved));
}

TEST(ConsistentHashing, WhatOneCannotTakeIsSpreadOverAll) {
    Cluster cluster(100);
    std::map<std::uint32_t, int> of_one_client;
    for (int i = 0; i < 1000; ++i) ++of_one_client[cluster.connect(client(1))];
    EXPECT_GE(of_one_client.size(), 75U) << "10 fair, 12.5 at most";
}

TEST(ConsistentHashing, AServerOfWeightZeroGetsNoneAndItsClientsComeBack) {
    Cluster cluster(5, 10'000);
    std::map<std::uint32_t, std::uint32_t> first;
    for (std::uint32_t i = 0; i < 500; ++i) first[i] = cluster.connect(client(i));
    cluster.weigh(3, 0);
    for (std::uint32_t i = 0; i < 500; ++i) {
        const auto now = cluster.choose(client(i));
        ASSERT_NE(now, 3U);
        if (first[i] == 3) continue;
        ASSERT_EQ(now, first[i]) << "others stay";
    }
    cluster.weigh(3, 1);
    for (std::uint32_t i = 0; i < 500; ++i) ASSERT_EQ(cluster.choose(client(i)), first[i]);
    for (std::uint32_t i = 0; i < 5; ++i) cluster.weigh(i, 0);
    EXPECT_EQ(cluster.choose(client(1)), std::nullopt);
}

TEST(ConsistentHashing, ThePortCountsWithItsFlagOnly) {
    Cluster cluster(50, 10'000);
    for (std::uint32_t i = 0; i < 100; ++i) cluster.connect(client(i));
    std::map<std::uint32_t, int> plain;
    std::map<std::uint32_t, int> by_port;
    for (std::uint16_t port = 1; port < 100; ++port)
        ++plain[cluster.choose(client(1), port).value()];
    cluster.flags.set(flag_port);
    for (std::uint16_t port = 1; port < 100; ++port)
        ++by_port[cluster.choose(client(1), port).value()];
    EXPECT_EQ(plain.size(), 1U);
    EXPECT_GE(by_port.size(), 30U);
}

TEST(ConsistentHashing, OverloadedServersLeaveTheRestToOthers) {
    SchedulerBench conhash("conhash");
    conhash.add('A', 1).add('B', 1).add('C', 1).overload('A').overload('B');
    EXPECT_EQ(conhash.choose(20), test::repeat("C", 20)) << "far beyond its bound";
    conhash.overload('C');
    EXPECT_EQ(conhash.choose(1), "-");
}

TEST(ConsistentHashing, WithoutServersNobodyIsChosen) {
    SchedulerBench conhash("conhash");
    EXPECT_EQ(conhash.choose(1), "-");
    conhash.add('A', 0);
    EXPECT_EQ(conhash.choose(1), "-");
}

TEST(ConsistentHashing, TheOrderOfAdditionMeansNothing) {
    SchedulerBench one("conhash");
    one.add('A', 1).add('B', 2).add('C', 3);
    SchedulerBench other("conhash");
    other.add('C', 3).add('A', 1).add('B', 2);
    EXPECT_EQ(one.buckets(), other.buckets());
}

}  // namespace
}  // namespace shunt
