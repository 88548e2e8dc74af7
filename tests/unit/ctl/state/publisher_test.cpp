// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/publisher.h"

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
        EXPECT_EQ(publisher.current().marks, nullptr);
        EXPECT_EQ(publisher.current().path_mtus, nullptr);
        EXPECT_EQ(publisher.current().tunables.conn_reuse_mode, 1U);
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

    Tunables tunables;
    tunables.timeout_udp = 7;
    publisher.set_tunables(tunables);
    EXPECT_EQ(shared.snapshot.load()->generation, 3U);
    EXPECT_EQ(shared.snapshot.load()->timeouts.udp, std::chrono::seconds(7));
    EXPECT_EQ(shared.snapshot.load()->services, services);

    tunables.sloppy_tcp = 1;
    publisher.set_tunables(tunables);
    EXPECT_EQ(shared.snapshot.load()->generation, 4U);
    EXPECT_EQ(shared.snapshot.load()->tunables.sloppy_tcp, 1U);

    const auto marks = MarkRules::build({});
    publisher.set_marks(marks);
    EXPECT_EQ(shared.snapshot.load()->generation, 5U);
    EXPECT_EQ(shared.snapshot.load()->marks, marks);

    const auto path_mtus = std::make_shared<const PathMtus>();
    publisher.set_path_mtus(path_mtus);
    EXPECT_EQ(shared.snapshot.load()->generation, 6U);
    EXPECT_EQ(shared.snapshot.load()->path_mtus, path_mtus);

    publisher.set_network(nullptr);
    EXPECT_EQ(shared.snapshot.load()->generation, 7U);
    EXPECT_EQ(shared.snapshot.load()->services, services);
    EXPECT_EQ(shared.snapshot.load()->timeouts.udp, std::chrono::seconds(7));
    EXPECT_EQ(shared.snapshot.load()->tunables.sloppy_tcp, 1U);
    EXPECT_EQ(shared.snapshot.load()->marks, marks);
    EXPECT_EQ(shared.snapshot.load()->path_mtus, path_mtus);
    EXPECT_EQ(publisher.reclaim(), 0U) << "nobody to wait for";
}

/// A network with the host's own 192.0.2.1/24 and a neighbour at 192.0.2.9.
std::shared_ptr<const NetTable> network() {
    NetTableBuilder builder;
    builder.add_interface({.ifindex = 1, .port = PortId(0), .mac = {}, .name = "wan0"});
    const auto host = parse_address("192.0.2.1").value();
    builder.add_address(1, host, 24);
    builder.add_local({host, 32});
    builder.add_route({parse_address("192.0.2.0").value(), 24}, {{.ifindex = 1, .gateway = {}}});
    return builder.build();
}

/// Slot 0 is a tunnel's, to 192.0.2.9; slot 1 is `other`.
std::shared_ptr<const ServiceTable> table_with(std::string_view other, bool in_use) {
    std::vector<ServiceTable::DestSlot> slots(2);
    slots[0] = {.endpoint = parse_endpoint("192.0.2.9:80").value(),
                .forward = ForwardMethod::tunnel,
                .tunnel = {},
                .virtual_address = {},
                .in_use = true};
    slots[1] = {.endpoint = parse_endpoint(other).value(),
                .tunnel = {},
                .virtual_address = {},
                .in_use = in_use};
    return std::make_shared<const ServiceTable>(
        std::vector<std::shared_ptr<const VirtualService>>{}, std::move(slots));
}

TEST(Publisher, TunnelsAndLocalServersFollowFromServicesAndNetwork) {
    SharedState shared;
    Publisher publisher(shared);
    publisher.set_services(table_with("192.0.2.1:80", true));
    EXPECT_EQ(publisher.current().tunnels, nullptr) << "no network yet";
    publisher.set_network(network());
    ASSERT_NE(publisher.current().tunnels, nullptr);
    EXPECT_EQ((*publisher.current().tunnels)[DestId(0)].source, parse_address("192.0.2.1"));
    EXPECT_TRUE(publisher.current().local_servers);
    const auto tunnels = publisher.current().tunnels;
    publisher.set_tunables({});
    EXPECT_EQ(publisher.current().tunnels, tunnels) << "nothing that they follow from has changed";
    publisher.set_services(table_with("192.0.2.1:80", false));
    EXPECT_NE(publisher.current().tunnels, tunnels);
    EXPECT_FALSE(publisher.current().local_servers);
    publisher.set_services(table_with("192.0.2.7:80", true));
    EXPECT_FALSE(publisher.current().local_servers);
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
                ASSERT_EQ(snapshot->services->find<Ipv4>({}, Protocol::tcp, {}, {}), nullptr);
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
