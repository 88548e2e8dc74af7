// SPDX-License-Identifier: BSD-3-Clause
// What threads share, on real threads: snapshots, scheduler state, counters. Run under the thread
// and the address sanitizer too.
#include <gtest/gtest.h>
#include <rte_malloc.h>

#include <thread>

#include "base/counter.h"
#include "ctl/state/publisher.h"
#include "sched/registry.h"

namespace shunt {
namespace {

constexpr unsigned workers = 3;

class Publication : public ::testing::Test {
  protected:
    Publication()
        : rcu_(
              static_cast<rte_rcu_qsbr*>(rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(workers), 64)),
              rte_free) {
        rte_rcu_qsbr_init(rcu_.get(), workers);
        shared_.rcu = rcu_.get();
        shared_.workers = workers;
    }

    /// Looks at the snapshot in force as a worker does, until `stop_`: its parts must belong
    /// together, and generations never go back.
    void work(unsigned id) {
        rte_rcu_qsbr_thread_register(rcu_.get(), id);
        rte_rcu_qsbr_thread_online(rcu_.get(), id);
        std::uint32_t last = 0;
        while (!stop_.load(std::memory_order_relaxed)) {
            const Snapshot* snapshot = shared_.snapshot.load(std::memory_order_acquire);
            const auto services = snapshot->services->services().size();
            if (services != snapshot->services->slots().size() || snapshot->generation < last)
                broken_.store(true);
            last = snapshot->generation;
            seen_[id].add();
            rte_rcu_qsbr_quiescent(rcu_.get(), id);
        }
        rte_rcu_qsbr_thread_offline(rcu_.get(), id);
        rte_rcu_qsbr_thread_unregister(rcu_.get(), id);
    }

    static std::shared_ptr<const ServiceTable> table_of(std::size_t size) {
        std::vector<std::shared_ptr<const VirtualService>> services(size);
        for (auto& service : services) service = std::make_shared<VirtualService>();
        return std::make_shared<ServiceTable>(std::move(services),
                                              std::vector<ServiceTable::DestSlot>(size));
    }

    SharedState shared_;
    std::unique_ptr<rte_rcu_qsbr, void (*)(void*)> rcu_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> broken_{false};
    std::array<Counter, workers> seen_;
};

TEST_F(Publication, IsSeenWholeAndReclaimedOnlyAfterEveryWorkerLeftIt) {
    ctl::Publisher publisher(shared_);
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < workers; ++id) threads.emplace_back([this, id] { work(id); });
    for (std::size_t n = 0; n < 3000; ++n) publisher.set_services(table_of(n % 7));
    for (unsigned id = 0; id < workers; ++id)
        while (seen_[id].value() < 1000) std::this_thread::yield();
    stop_ = true;
    for (auto& thread : threads) thread.join();
    EXPECT_FALSE(broken_);
    EXPECT_EQ(publisher.current().generation, 3001U);
    EXPECT_EQ(publisher.reclaim(), 0U);
}

TEST(SharedSchedulerState, GivesExactSharesOverAllWorkers) {
    constexpr unsigned rounds = 20'000;
    std::vector<RealServer> servers(3);
    for (std::uint32_t i = 0; i < 3; ++i)
        servers[i] = {
            .id = DestId(i), .sequence = 3 - i, .endpoint = {}, .weight = 3 - i, .tunnel = {}};
    const Scheduler* wrr = find_scheduler("wrr");
    SchedulerState state;
    wrr->reconfigure(servers, state);
    std::array<std::atomic<unsigned>, 3> chosen{};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < workers; ++t)
        threads.emplace_back([&] {
            const Loads loads({});
            for (unsigned i = 0; i < rounds; ++i)
                ++chosen[*wrr->choose({servers, loads, state}, {})];
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(chosen[0], rounds * workers / 2);
    EXPECT_EQ(chosen[1], rounds * workers / 3);
    EXPECT_EQ(chosen[2], rounds * workers / 6);
}

}  // namespace
}  // namespace shunt
