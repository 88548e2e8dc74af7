// SPDX-License-Identifier: BSD-3-Clause
// How connections are spread over servers when several workers choose at once, each in a thread of
// its own: as when one worker chooses, and with servers' limits held (ipvs-behaviour 2.11, 4;
// docs/decisions/0003).
#include <gtest/gtest.h>

#include <barrier>
#include <numeric>
#include <random>
#include <thread>

#include "sched/registry.h"
#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;

constexpr std::uint16_t all_workers = 4;
constexpr std::size_t connections = 10'000;
/// Packets put before workers run; there are buffers for so many.
constexpr std::size_t at_once = 1'600;

struct Plan {
    std::string scheduler;
    std::vector<std::uint32_t> weights;
    std::uint32_t upper = 0;  ///< threshold of the first server
};
using Counts = std::vector<std::uint32_t>;

/// A service with servers on ports from 8000 on, and workers whose queues get any packet.
class Spread {
  public:
    Spread(const Plan& plan, const Addresses& a, std::uint16_t workers)
        : workers_(workers),
          servers_(plan.weights.size()),
          bench_({.workers = workers,
                  .receive_queues = workers,
                  .device_depth = 4096,
                  .ring_depth = 4096,
                  .connections = 16'384}) {
        std::vector<std::string> endpoints;
        for (std::size_t i = 0; i < servers_; ++i)
            endpoints.push_back(
                a.endpoint(i % 2 == 0 ? a.server : a.server2, static_cast<int>(8000 + i)));
        bench_.add_service(Protocol::tcp, a.endpoint(a.vip, 80), endpoints);
        auto& service = bench_.services.back();
        for (std::size_t i = 0; i < servers_; ++i) service.servers[i].weight = plan.weights[i];
        service.servers[0].thresholds.upper = plan.upper;
        service.scheduler = find_scheduler(plan.scheduler);
        bench_.publish();
        prepare_scheduler();
    }

    /// First packets of connections; each comes to a queue by chance.
    void open(const std::vector<Frame>& packets) {
        std::mt19937 chance(1);
        for (std::size_t i = 0; i < packets.size(); ++i) {
            bench_.put(wan, packets[i], static_cast<std::uint16_t>(chance() % workers_));
            if ((i + 1) % at_once == 0 || i + 1 == packets.size()) run();
        }
    }

    /// The connections that each server has.
    [[nodiscard]] Counts counts() const {
        Counts all;
        for (std::uint32_t id = 0; id < servers_; ++id)
            all.push_back(bench_.dest(id, &DestCounters::total));
        return all;
    }
    /// Those that each worker has made.
    [[nodiscard]] Counts counts_of_workers() {
        Counts all;
        for (std::uint16_t w = 0; w < workers_; ++w)
            all.push_back(bench_.worker(w).conns_v4.size() + bench_.worker(w).conns_v6.size());
        return all;
    }

  private:
    /// As the control thread does when servers were added.
    void prepare_scheduler() {
        const Snapshot& published = *bench_.shared().snapshot.load();
        auto service = std::make_shared<VirtualService>(*published.services->services()[0]);
        std::ranges::reverse(service->servers);
        for (RealServer& server : service->servers) {
            server.sequence = server.id.value() + 1;
            server.last_weight = server.weight;
        }
        service->scheduler->reconfigure(service->servers, *service->state);
        service->table = service->scheduler->build(service->servers, service->scheduler_options);
        const auto slots = published.services->slots();
        prepared_ = std::make_unique<Snapshot>(published);
        prepared_->services = std::make_shared<const ServiceTable>(
            std::vector<std::shared_ptr<const VirtualService>>{service},
            std::vector<ServiceTable::DestSlot>(slots.begin(), slots.end()));
        ++prepared_->generation;
        prepared_->derive();
        bench_.shared().snapshot = prepared_.get();
    }

    /// All workers at once, until none has seen a packet for some time, then what came too late.
    void run() {
        constexpr int patience = 64;
        std::barrier start(workers_);
        std::vector<std::thread> threads;
        for (std::uint16_t w = 0; w < workers_; ++w)
            threads.emplace_back([&, w] {
                start.arrive_and_wait();
                for (int idle = 0; idle < patience; ++idle)
                    if (bench_.iterate(w) != 0) idle = 0;
            });
        for (auto& thread : threads) thread.join();
        bench_.settle();
        static_cast<void>(bench_.sent(lan));
        static_cast<void>(bench_.sent(wan));
    }

    std::uint16_t workers_;
    std::size_t servers_;
    std::unique_ptr<Snapshot> prepared_;  ///< outlives the workers
    WorkerBench bench_;
};

/// SYNs of clients all over a large network, from any port.
std::vector<Frame> random_clients(const Addresses& a, std::size_t count) {
    std::mt19937 chance(7);
    std::vector<Frame> packets;
    for (std::size_t i = 0; i < count; ++i) {
        const auto number = chance();
        const auto part = [&](unsigned shift) { return std::to_string((number >> shift) & 0xFF); };
        const std::string client = a.header == 20
                                       ? "10." + part(0) + '.' + part(8) + '.' + part(16)
                                       : "2001:db8:" + part(0) + ':' + part(8) + "::" + part(16);
        const auto port = static_cast<std::uint16_t>(1024 + chance() % 60'000);
        packets.push_back(PacketBuilder()
                              .mac(client_mac, wan_mac)
                              .ip(client, a.vip)
                              .tcp(port, 80, H::syn)
                              .build());
    }
    return packets;
}

std::uint32_t sum(const Counts& counts) {
    return std::accumulate(counts.begin(), counts.end(), 0U);
}

class SpreadOf : public ::testing::TestWithParam<std::tuple<Addresses, std::string>> {
  protected:
    const Addresses& a = std::get<0>(GetParam());
    const std::string& scheduler = std::get<1>(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Families, SpreadOf,
                         ::testing::Combine(::testing::ValuesIn(families),
                                            ::testing::Values("wrr", "wlc", "sh", "mh")),
                         [](const auto& info) {
                             return std::string(std::get<0>(info.param).name) +
                                    std::get<1>(info.param);
                         });

TEST_P(SpreadOf, FourWorkersIsThatOfOne) {
    const Plan plan{scheduler, {1, 2, 3, 5, 9}};
    const auto packets = random_clients(a, connections);
    Spread one(plan, a, 1);
    Spread four(plan, a, all_workers);
    one.open(packets);
    four.open(packets);
    const Counts expected = one.counts();
    const Counts counts = four.counts();
    EXPECT_EQ(sum(expected), sum(counts));
    EXPECT_GT(sum(counts), connections - 50) << "few clients are the same by chance";
    const double total = sum(counts);
    const double weights = std::accumulate(plan.weights.begin(), plan.weights.end(), 0.0);
    for (std::size_t i = 0; i < counts.size(); ++i) {
        EXPECT_NEAR(counts[i] / total, expected[i] / total, 0.01) << "server " << i;
        // What makes this a spread at all; hashes of clients have buckets, and do not fit as well.
        const bool hashed = scheduler == "sh" || scheduler == "mh";
        EXPECT_NEAR(expected[i] / total, plan.weights[i] / weights, hashed ? 0.03 : 0.001)
            << "server " << i;
        RecordProperty("server" + std::to_string(i), std::to_string(expected[i]) + " of one, " +
                                                         std::to_string(counts[i]) + " of four");
    }
    for (const auto of_worker : four.counts_of_workers())
        EXPECT_GT(of_worker, connections / all_workers / 2) << "all workers take part";
    if (scheduler == "sh" || scheduler == "mh") {
        EXPECT_EQ(counts, expected) << "a client has its server whoever chooses";
    }
}

TEST_P(SpreadOf, ALimitIsPassedByLessThanTheWorkers) {
    constexpr int rounds = 4;
    const auto packets = random_clients(a, connections / rounds);
    std::uint32_t most_above = 0;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const std::uint32_t upper = 100 + 37 * round;
        Spread four({scheduler, {5, 1, 1}, upper}, a, all_workers);
        four.open(packets);
        const std::uint32_t has = four.counts()[0];
        EXPECT_GE(has, upper) << "all could have gone there";
        EXPECT_LE(has, upper + all_workers - 1);
        most_above = std::max(most_above, has - upper);
    }
    RecordProperty("above", static_cast<int>(most_above));
}

}  // namespace
}  // namespace shunt
