// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/publisher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

/// An RCU variable for a few readers, without the EAL.
class Rcu {
  public:
    explicit Rcu(std::uint32_t readers) {
        const auto size = (rte_rcu_qsbr_get_memsize(readers) + 63) / 64 * 64;
        rcu_ = static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, size));
        rte_rcu_qsbr_init(rcu_, readers);
    }
    ~Rcu() { std::free(rcu_); }
    Rcu(const Rcu&) = delete;
    Rcu& operator=(const Rcu&) = delete;

    void enter(unsigned reader) {
        rte_rcu_qsbr_thread_register(rcu_, reader);
        rte_rcu_qsbr_thread_online(rcu_, reader);
    }
    void pass(unsigned reader) { rte_rcu_qsbr_quiescent(rcu_, reader); }
    rte_rcu_qsbr* get() { return rcu_; }

  private:
    rte_rcu_qsbr* rcu_;
};

std::shared_ptr<const ServiceTable> table() {
    return std::make_shared<const ServiceTable>();
}

TEST(Publisher, FirstSnapshotStandsBeforeAnyWorkerDoes) {
    SharedState shared;
    {
        const Publisher publisher(shared);
        ASSERT_NE(shared.snapshot.load(), nullptr);
        EXPECT_EQ(shared.snapshot.load(), &publisher.current());
        EXPECT_EQ(publisher.current().generation, 1U);
        EXPECT_TRUE(publisher.current().services->services().empty());
        EXPECT_EQ(publisher.current().network, nullptr);
    }
    EXPECT_EQ(shared.snapshot.load(), nullptr);
}

TEST(Publisher, EachPartIsReplacedAloneInOnePublication) {
    SharedState shared;
    Publisher publisher(shared);
    const auto services = table();
    publisher.set_services(services);
    EXPECT_EQ(shared.snapshot.load()->generation, 2U);
    EXPECT_EQ(shared.snapshot.load()->services, services);

    Timeouts timeouts;
    timeouts.udp = std::chrono::seconds(7);
    publisher.set_timeouts(timeouts);
    EXPECT_EQ(shared.snapshot.load()->generation, 3U);
    EXPECT_EQ(shared.snapshot.load()->timeouts.udp, std::chrono::seconds(7));
    EXPECT_EQ(shared.snapshot.load()->services, services);

    publisher.set_network(nullptr);
    EXPECT_EQ(shared.snapshot.load()->generation, 4U);
    EXPECT_EQ(shared.snapshot.load()->timeouts.udp, std::chrono::seconds(7));
    EXPECT_EQ(publisher.reclaim(), 0U) << "nobody to wait for";
}

TEST(Publisher, OldSnapshotLivesUntilEveryWorkerPassed) {
    Rcu rcu(2);
    SharedState shared;
    shared.rcu = rcu.get();
    Publisher publisher(shared);
    rcu.enter(0);
    rcu.enter(1);
    auto services = table();
    const std::weak_ptr<const ServiceTable> old = services;
    publisher.set_services(std::move(services));

    const auto grace = publisher.set_services(table());
    EXPECT_FALSE(publisher.grace_passed(grace));
    rcu.pass(0);
    EXPECT_FALSE(publisher.grace_passed(grace));
    EXPECT_EQ(publisher.reclaim(), 2U);
    EXPECT_FALSE(old.expired());
    rcu.pass(1);
    EXPECT_TRUE(publisher.grace_passed(grace));
    EXPECT_EQ(publisher.reclaim(), 0U);
    EXPECT_TRUE(old.expired());
}

TEST(Publisher, BurstsDoNotPileUpWhileAWorkerReads) {
    constexpr std::uint32_t publications = 10'000;
    Rcu rcu(1);
    SharedState shared;
    shared.rcu = rcu.get();
    std::atomic<int> alive{0};
    int most_alive = 0;
    {
        Publisher publisher(shared);
        rcu.enter(0);
        std::atomic<bool> end{false};
        std::thread worker([&] {
            std::uint32_t last = 0;
            while (!end) {
                const Snapshot* snapshot = shared.snapshot.load(std::memory_order_acquire);
                ASSERT_GE(snapshot->generation, last);
                last = snapshot->generation;
                ASSERT_EQ(snapshot->services->find<Ipv4>(Protocol::tcp, {}, {}), nullptr);
                rcu.pass(0);
                std::this_thread::yield();
            }
        });
        for (std::uint32_t i = 0; i < publications; ++i) {
            ++alive;
            publisher.set_services({new ServiceTable, [&alive](const ServiceTable* t) {
                                        --alive;
                                        delete t;
                                    }});
            most_alive = std::max(most_alive, alive.load());
        }
        EXPECT_EQ(publisher.current().generation, publications + 1);
        end = true;
        worker.join();
    }
    EXPECT_LE(most_alive, 20);
    EXPECT_EQ(alive, 0);
}

TEST(Publisher, AStuckWorkerDelaysButDoesNotStopPublications) {
    Rcu rcu(1);
    SharedState shared;
    shared.rcu = rcu.get();
    Publisher publisher(shared);
    rcu.enter(0);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 18; ++i) publisher.set_services(table());
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_EQ(publisher.current().generation, 19U);
    EXPECT_GE(took, 100ms);
    EXPECT_LT(took, 2s);
    rcu.pass(0);
    EXPECT_EQ(publisher.reclaim(), 0U);
}

}  // namespace
}  // namespace shunt::ctl
