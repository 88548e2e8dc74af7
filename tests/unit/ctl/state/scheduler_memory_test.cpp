// SPDX-License-Identifier: BSD-3-Clause
// What schedulers remember of a service, while the service and its servers are changed.
#include <gtest/gtest.h>

#include "sched/locality_table.h"
#include "support/control.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

const ServiceKey proxy{.protocol = Protocol::none, .endpoint = {}, .mark = Mark(7)};
const ServiceSettings lblc{.scheduler = "lblc"};
const ServiceSettings rr{.scheduler = "rr"};

Endpoint endpoint(int n) {
    return parse_endpoint("10.1.0." + std::to_string(n) + ":80").value();
}
ServerConfig server(int n, std::uint32_t weight = 1) {
    return {.address = endpoint(n), .weight = weight};
}

class SchedulerMemoryTest : public testing::Test {
  protected:
    SchedulerMemoryTest() {
        registry.add_service(proxy, lblc);
        for (int n = 1; n <= 3; ++n) registry.add_server(proxy, server(n));
    }
    [[nodiscard]] const VirtualService& published() const {
        return *control.publisher.current().services->services()[0];
    }
    [[nodiscard]] SchedulerMemory* memory() const { return published().state->memory.get(); }
    [[nodiscard]] std::uint32_t destinations() const {
        return static_cast<LocalityTable*>(memory())->size();
    }
    /// The last digit of the server that a connection to this destination goes to. It gets an
    /// inactive one.
    char connect(const char* destination) {
        const Loads loads(control.shared.dest_counters, &control.shared.overload);
        SchedulingKey key;
        key.destination_address = parse_address(destination).value();
        const VirtualService& service = published();
        const auto at = service.choose(loads, key, now, control.publisher.current().tunables);
        const RealServer& chosen = service.servers.at(at.value());
        control.dests[0][chosen.id.value()].total.add();
        return to_string(chosen.endpoint.address).back();
    }
    std::string connect_some() {
        return {connect("192.0.2.1"), connect("192.0.2.2"), connect("192.0.2.3")};
    }

    test::Control control;
    ServiceRegistry& registry = control.registry;
    TickTime now;
};

TEST_F(SchedulerMemoryTest, OutlivesChangesOfServersAndOptions) {
    SchedulerMemory* const before = memory();
    ASSERT_NE(before, nullptr);
    EXPECT_EQ(connect_some(), "321");
    registry.add_server(proxy, server(4));
    registry.edit_server(proxy, server(2, 9));
    ServiceSettings persistent = lblc;
    persistent.persistence = PersistenceConfig{.timeout = 300s};
    registry.edit_service(proxy, persistent);
    EXPECT_EQ(memory(), before);
    EXPECT_EQ(connect_some(), "321");
    registry.delete_server(proxy, endpoint(2));
    EXPECT_EQ(connect_some(), "341");
    EXPECT_EQ(destinations(), 3U);
}

TEST_F(SchedulerMemoryTest, GoesWithTheSchedulerWhileConnectionsStay) {
    connect_some();
    const std::weak_ptr<SchedulerState> old = published().state;
    const DestId first = published().servers[0].id;
    registry.edit_service(proxy, rr);
    EXPECT_TRUE(old.expired());
    EXPECT_EQ(memory(), nullptr);
    EXPECT_EQ(published().state->word.load(), 0U);
    EXPECT_EQ(published().servers[0].id, first);
    EXPECT_TRUE(control.publisher.current().services->slot(first).available);
    for (const ServerView& server : registry.view(proxy).servers) EXPECT_EQ(server.inactive, 1U);
    connect("192.0.2.1");
    EXPECT_NE(published().state->word.load(), 0U);
    registry.edit_service(proxy, lblc);
    EXPECT_EQ(destinations(), 0U);
    EXPECT_EQ(published().state->word.load(), 0U);
    EXPECT_EQ(connect("192.0.2.1"), '2') << "the least loaded, not the one of before";
}

TEST_F(SchedulerMemoryTest, KnowsAServerThatComesBack) {
    EXPECT_EQ(connect_some(), "321");
    registry.delete_server(proxy, endpoint(3));
    registry.add_server(proxy, server(3));
    EXPECT_EQ(connect_some(), "321");
}

TEST_F(SchedulerMemoryTest, DoesNotTakeAnotherServerForAFormerOne) {
    EXPECT_EQ(connect("192.0.2.1"), '3');
    const DestId slot = published().servers[0].id;
    registry.delete_server(proxy, endpoint(3));
    control.dests[0][slot.value()].total.sub();
    const ServiceRegistry::Clock::time_point start{};
    for (auto t = 0s; t <= 180s; t += 60s) registry.collect(start + t);
    EXPECT_EQ(destinations(), 0U);
    registry.add_server(proxy, server(4));
    ASSERT_EQ(published().servers[0].id, slot);
    control.dests[0][slot.value()].total.add(5);
    EXPECT_EQ(connect("192.0.2.1"), '2');
}

TEST_F(SchedulerMemoryTest, IsCollectedByTheTunablesInForce) {
    connect_some();
    now += 100s;
    for (int i = 0; i < 30; ++i) registry.collect_memories(now);
    EXPECT_EQ(destinations(), 3U);
    Tunables tunables;
    tunables.lblc_expiration = 99;
    control.publisher.set_tunables(tunables);
    for (int i = 0; i < 30; ++i) registry.collect_memories(now);
    EXPECT_EQ(destinations(), 0U);
}

}  // namespace
}  // namespace shunt::ctl
