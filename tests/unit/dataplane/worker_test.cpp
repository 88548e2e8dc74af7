// SPDX-License-Identifier: BSD-3-Clause
// A worker's iteration and its life (architecture: Threads, Publication, Life of the process).
#include "dataplane/worker.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using namespace std::chrono_literals;

Frame request(std::uint16_t port) {
    return from_client(v4).udp(port, 80).build();
}

TEST(Worker, TakesAtMostOneBurstOfEachQueueInAnIteration) {
    WorkerBench bench;
    bench.add_usual_services();
    for (std::uint16_t i = 0; i < 40; ++i) bench.put(wan, request(1000 + i));
    for (int i = 0; i < 3; ++i) bench.put(lan, from_server(v4).udp(9, 9).build());
    for (int i = 0; i < 2; ++i) bench.put_from_host(wan, Frame(60));
    bench.iterate();
    EXPECT_EQ(bench.counters().received.value(), 35U);
    EXPECT_EQ(bench.counters().from_twin.value(), 2U);
    EXPECT_TRUE(bench.counters().conserved());
    EXPECT_EQ(bench.sent(lan).size(), 32U);
    bench.iterate();
    EXPECT_EQ(bench.counters().received.value(), 43U);
}

TEST(Worker, CountsIterationsAndTheCyclesOfBusyOnes) {
    WorkerBench bench;
    bench.add_usual_services();
    EXPECT_EQ(bench.iterate(), 0U);
    EXPECT_EQ(bench.iterate(), 0U);
    EXPECT_EQ(bench.counters().iterations.value(), 2U);
    EXPECT_EQ(bench.counters().busy_cycles.value(), 0U);
    bench.put(wan, request(1000));
    EXPECT_GT(bench.iterate(), 0U);
    EXPECT_EQ(bench.counters().iterations.value(), 3U);
    EXPECT_GT(bench.counters().busy_cycles.value(), 0U);
}

TEST(Worker, EachIterationIsAQuiescentState) {
    WorkerBench bench({.workers = 2});
    bench.add_usual_services();
    rte_rcu_qsbr* rcu = bench.shared().rcu;
    const std::uint64_t token = rte_rcu_qsbr_start(rcu);
    EXPECT_EQ(rte_rcu_qsbr_check(rcu, token, false), 0);
    bench.iterate(0);
    EXPECT_EQ(rte_rcu_qsbr_check(rcu, token, false), 0);
    bench.iterate(1);
    EXPECT_EQ(rte_rcu_qsbr_check(rcu, token, false), 1);
}

TEST(Worker, SeesANewSnapshotAtItsNextIteration) {
    WorkerBench bench;
    bench.publish();
    bench.put(wan, request(1000));
    bench.settle();
    EXPECT_EQ(bench.to_host(wan).size(), 1U);
    EXPECT_EQ(bench.worker().snapshot->generation, 1U);
    bench.add_usual_services();
    bench.put(wan, request(1000));
    bench.settle();
    EXPECT_EQ(bench.worker().snapshot->generation, 2U);
    EXPECT_EQ(bench.sent(lan).size(), 1U);
}

/// Counts its steps, of which it needs some.
class Steps final : public WorkerRequest {
  public:
    explicit Steps(int needed) : needed_(needed) {}
    bool step(WorkerState& worker) noexcept override {
        worker_ = worker.id;
        return ++taken_ >= needed_;
    }
    [[nodiscard]] int taken() const { return taken_; }
    [[nodiscard]] WorkerId worker() const { return worker_; }

  private:
    int needed_;
    int taken_ = 0;
    WorkerId worker_{std::uint16_t{99}};
};

TEST(Worker, DoesOneStepOfARequestAnIterationInOrder) {
    WorkerBench bench({.workers = 2});
    bench.add_usual_services();
    Steps three(3);
    Steps one(1);
    ASSERT_EQ(rte_ring_enqueue(bench.worker(1).requests.get(), &three), 0);
    ASSERT_EQ(rte_ring_enqueue(bench.worker(1).requests.get(), &one), 0);
    bench.iterate(0);
    EXPECT_EQ(three.taken(), 0);
    for (int i = 1; i <= 3; ++i) {
        EXPECT_FALSE(three.done());
        EXPECT_EQ(bench.iterate(1), 1U);
        EXPECT_EQ(three.taken(), i);
        EXPECT_EQ(one.taken(), 0);
    }
    EXPECT_TRUE(three.done());
    EXPECT_EQ(three.worker(), WorkerId(1));
    EXPECT_FALSE(one.done());
    bench.iterate(1);
    EXPECT_TRUE(one.done());
    EXPECT_EQ(bench.iterate(1), 0U);
    EXPECT_EQ(three.taken(), 3);
}

TEST(Worker, RequestsAreBounded) {
    WorkerBench bench;
    bench.publish();
    Steps one(1);
    int taken = 0;
    while (rte_ring_enqueue(bench.worker().requests.get(), &one) == 0) ++taken;
    EXPECT_EQ(taken, 63);  // a ring of 64
    while (bench.iterate() > 0) continue;
    EXPECT_EQ(one.taken(), taken);
}

TEST(Worker, TimersEndConnectionsOfBothFamiliesAndUncountThem) {
    WorkerBench bench;
    bench.add_usual_services();
    for (const auto& a : families) {
        bench.put(wan, from_client(a).udp(40000, 80).build());
        bench.put(wan, from_client(a).tcp(40000, 80, TcpHeader::syn).build());
    }
    bench.settle();
    EXPECT_EQ(bench.connections(), 4U);
    bench.pass(59s);
    bench.settle();
    EXPECT_EQ(bench.connections(), 4U);
    bench.pass(1s);
    bench.settle();
    EXPECT_EQ(bench.connections(), 2U);
    for (const std::uint32_t tcp : {0U, 2U}) {
        EXPECT_EQ(bench.dest(tcp, &DestCounters::total), 0U);
        EXPECT_EQ(bench.dest(tcp, &DestCounters::active), 0U);
        EXPECT_EQ(bench.dest(tcp, &DestCounters::connections), 1U);
        EXPECT_EQ(bench.dest(tcp + 1, &DestCounters::total), 1U);
    }
    bench.pass(240s);
    bench.settle();
    EXPECT_EQ(bench.connections(), 0U);
    // The flow begins anew.
    bench.put(wan, request(40000));
    bench.settle();
    EXPECT_EQ(bench.dest(1, &DestCounters::connections), 2U);
}

TEST(Worker, AMassExpiryIsSpreadOverIterations) {
    WorkerBench bench({.device_depth = 1024, .connections = 1000});
    bench.add_usual_services();
    for (std::uint16_t i = 0; i < 600; ++i) bench.put(wan, request(1000 + i));
    bench.settle();
    static_cast<void>(bench.sent(lan));
    ASSERT_EQ(bench.connections(), 600U);
    bench.pass(4s);  // their first timers, of 3 s, are filed again
    while (bench.worker().conns_v4.size() == 600) {
        bench.pass(300s);
        bench.iterate();
    }
    EXPECT_GE(bench.connections(), 600U - 256U);
    for (int i = 0; i < 8; ++i) bench.iterate();
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bench.dest(1, &DestCounters::total), 0U);
}

TEST(Worker, WhileDrainingOnlyRingsAreEmptied) {
    WorkerBench bench({.workers = 2});
    bench.add_usual_services();
    std::uint16_t port = 40000;
    while (bench.shared().owner->owner<Ipv4>(ip(v4.client).v4(), L4Port(port)) != WorkerId(1))
        ++port;
    bench.put(wan, request(port));
    bench.iterate(0);
    EXPECT_EQ(bench.counters(0).handed_off.value(), 1U);
    bench.shared().phase = Phase::drain;
    bench.put(wan, request(port));
    bench.put_from_host(lan, Frame(60));
    bench.settle();
    EXPECT_EQ(bench.counters(1).taken_over.value(), 1U);
    EXPECT_EQ(bench.sent(lan).size(), 1U);
    EXPECT_EQ(bench.sum(&WorkerCounters::received), 1U);
    EXPECT_EQ(bench.sum(&WorkerCounters::from_twin), 0U);
    EXPECT_TRUE(bench.counters(0).conserved());
    EXPECT_TRUE(bench.counters(1).conserved());
}

TEST(Worker, AtTheEndWhatStillWaitsIsDroppedAsShutdown) {
    WorkerBench bench;
    bench.add_usual_services();
    bench.network = links();
    bench.publish();
    for (const auto& a : families) bench.put(wan, from_client(a).udp(40000, 80).build());
    bench.settle();
    EXPECT_EQ(bench.counters().held.value(), 2U);
    bench.shared().phase = Phase::end;
    bench.loop().run();
    EXPECT_EQ(bench.dropped(DropReason::shutdown), 2U);
    EXPECT_EQ(bench.counters().resumed.value(), 2U);
    EXPECT_TRUE(bench.worker().held.empty());
    EXPECT_TRUE(bench.counters().conserved());
    EXPECT_EQ(bench.free_buffers(), WorkerBench::buffers);
}

TEST(Worker, RunGoesThroughAllPhasesOnAThreadOfItsOwn) {
    WorkerBench bench;
    bench.add_usual_services();
    Worker adaptive(bench.worker(), Idle::adaptive);
    std::thread thread([&] { adaptive.run(); });
    const auto eventually = [](const auto& condition) {
        for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
        return condition();
    };
    const auto forwarded = [&] { return bench.counters().forwarded.value(); };
    for (std::uint16_t i = 0; i < 3; ++i) {
        // Long enough for the worker to fall asleep in between.
        std::this_thread::sleep_for(5ms);
        bench.put(wan, request(1000 + i));
        EXPECT_TRUE(eventually([&] { return forwarded() == i + 1U; }));
    }
    bench.shared().phase = Phase::drain;
    const auto then = bench.counters().iterations.value();
    EXPECT_TRUE(eventually([&] { return bench.counters().iterations.value() > then + 2; }));
    bench.put(wan, request(2000));
    const auto later = bench.counters().iterations.value();
    EXPECT_TRUE(eventually([&] { return bench.counters().iterations.value() > later + 2; }));
    EXPECT_EQ(bench.counters().received.value(), 3U);
    bench.shared().phase = Phase::end;
    thread.join();
    EXPECT_TRUE(bench.counters().conserved());
    EXPECT_EQ(forwarded(), 3U);
}

}  // namespace
}  // namespace shunt
