// SPDX-License-Identifier: BSD-3-Clause
// Sync daemons on the loopback interface, over the workers of a bench.
#include "ctl/sync/sync_control.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/multicast.hpp>
#include <cerrno>

#include "ctl/rpc/rpc_error.h"
#include "support/hex.h"
#include "support/worker_bench.h"

namespace shunt::ctl {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr std::uint16_t test_port = 38848;

class SyncControlTest : public testing::Test {
  protected:
    SyncControlTest() {
        bench.add_usual_services();
        // The bench's snapshots are not this publisher's: it only shows what would be published.
        const Snapshot* of_bench = bench.shared().snapshot;
        shared.workers = 1;
        publisher.set_services(of_bench->services);
        publisher.set_network(of_bench->network);
    }
    static SyncDaemonConfig config(SyncRole role) {
        SyncDaemonConfig config;
        config.role = role;
        config.interface = "lo";
        config.syncid = 7;
        config.port = test_port;
        return config;
    }
    int error_of(const std::function<void()>& act) {
        try {
            act();
        } catch (const RpcError& error) {
            return error.error_number();
        }
        return 0;
    }
    /// Runs the io_context, and the worker's requests, until `done`.
    template <class Fn>
    bool run_until(Fn done) {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!done() && std::chrono::steady_clock::now() < end) {
            io.run_for(5ms);
            for (WorkerRequest* request : std::exchange(posted, {})) {
                while (!request->step(bench.worker())) {
                }
                request->finish();
            }
        }
        return done();
    }
    void send(const std::vector<std::byte>& message) {
        boost::asio::ip::udp::socket socket(io, boost::asio::ip::udp::v4());
        socket.set_option(boost::asio::ip::multicast::outbound_interface(
            boost::asio::ip::address_v4::loopback()));
        socket.set_option(boost::asio::ip::multicast::enable_loopback(true));
        socket.send_to(boost::asio::buffer(message),
                       {boost::asio::ip::make_address("224.0.0.81"), test_port});
    }

    WorkerBench bench;
    boost::asio::io_context io;
    SharedState shared;
    Publisher publisher{shared};
    EventBus events;
    std::vector<WorkerRequest*> posted;
    OwnerFunction owner{OwnerFunction::Key{1, 2, 3}, 1};
    std::unique_ptr<SyncControl> control = [this] {
        shared.owner = std::make_unique<OwnerFunction>(owner);
        return std::make_unique<SyncControl>(
            SyncControl::Parts{.io = io,
                               .publisher = publisher,
                               .shared = shared,
                               .events = events,
                               .connections = 256,
                               .post =
                                   [this](WorkerId, WorkerRequest& request) {
                                       posted.push_back(&request);
                                       return true;
                                   },
                               .tick = [this] { return bench.worker().now; }});
    }();
};

TEST_F(SyncControlTest, OneOfEachRoleRuns) {
    EXPECT_EQ(error_of([&] { control->stop(SyncRole::master); }), ESRCH);
    SyncDaemonConfig nowhere = config(SyncRole::master);
    nowhere.interface = "nosuch0";
    EXPECT_EQ(error_of([&] { control->start(nowhere); }), ENODEV);
    control->start(config(SyncRole::master));
    EXPECT_EQ(error_of([&] { control->start(nowhere); }), ENODEV) << "before EEXIST";
    EXPECT_EQ(error_of([&] { control->start(config(SyncRole::master)); }), EEXIST);
    EXPECT_NE(publisher.current().sync_feeds, nullptr);
    EXPECT_FALSE(publisher.current().sync_backup);
    control->start(config(SyncRole::backup));
    EXPECT_TRUE(publisher.current().sync_backup);
    EXPECT_EQ(control->configuration(),
              (std::vector{config(SyncRole::master), config(SyncRole::backup)}));
    EXPECT_EQ(control->setup(SyncRole::master)->maxlen, 1472);
    control->stop(SyncRole::master);
    EXPECT_EQ(publisher.current().sync_feeds, nullptr);
    EXPECT_EQ(control->setup(SyncRole::master), nullptr);
    control->stop(SyncRole::backup);
    EXPECT_FALSE(publisher.current().sync_backup);
}

TEST_F(SyncControlTest, EventsTellOfThem) {
    std::vector<std::string> heard;
    const auto subscription = events.subscribe(EventKinds().set(), [&](const Event& event) {
        heard.push_back(std::string(name(event.kind)) + ' ' +
                        std::string(event.about.at("role").as_string()));
    });
    control->start(config(SyncRole::backup));
    control->stop(SyncRole::backup);
    EXPECT_EQ(heard, (std::vector<std::string>{"sync.started backup", "sync.stopped backup"}));
}

TEST_F(SyncControlTest, AWantedListStartsStopsAndKeeps) {
    control->start(config(SyncRole::master));
    const SyncSetup* before = control->setup(SyncRole::master);
    control->accept(control->prepare(std::vector{config(SyncRole::master)}));
    EXPECT_EQ(control->setup(SyncRole::master), before) << "it went on";
    SyncDaemonConfig other = config(SyncRole::master);
    other.syncid = 8;
    control->accept(control->prepare(std::vector{config(SyncRole::backup), other}));
    EXPECT_EQ(control->configuration(), (std::vector{other, config(SyncRole::backup)}));
    SyncDaemonConfig nowhere = other;
    nowhere.interface = "nosuch0";
    EXPECT_EQ(error_of([&] { static_cast<void>(control->prepare(std::vector{nowhere})); }), ENODEV);
    EXPECT_EQ(control->configuration().size(), 2U);
    control->accept(control->prepare({}));
    EXPECT_TRUE(control->configuration().empty());
}

TEST_F(SyncControlTest, WhatABackupHearsBecomesConnections) {
    control->start(config(SyncRole::backup));
    // 192.0.2.100:40000 to 192.0.2.10:80 at 198.51.100.11:8080, and the same at another server.
    send(
        from_hex("00 07 00 50 02 01 00 00"
                 "00 06 00 24 00 00 00 00 00 01 9c 40 00 50 1f 90 00 00 00 00 00 00 03 84"
                 "c0 00 02 64 c0 00 02 0a c6 33 64 0b"
                 "00 06 00 24 00 00 00 00 00 01 9c 41 00 50 1f 90 00 00 00 00 00 00 03 84"
                 "c0 00 02 64 c0 00 02 0a c6 33 64 63"));
    send(from_hex("00 08 00 08 00 01 00 00"));
    bench.iterate();
    const auto outcome = [&](SyncOutcome o) {
        return control->heard().outcomes[static_cast<std::size_t>(o)];
    };
    ASSERT_TRUE(run_until([&] { return outcome(SyncOutcome::no_server) == 1; }));
    EXPECT_EQ(outcome(SyncOutcome::made), 1U);
    EXPECT_EQ(bench.connections(), 1U);
    ASSERT_TRUE(run_until([&] { return control->heard().messages == 2; }));
    EXPECT_EQ(control->heard().records, 2U);
    EXPECT_EQ(control->heard().faults[static_cast<std::size_t>(SyncFault::other_id)], 1U);
}

TEST(SyncMessageSize, IsThatOfIpvs) {
    SyncDaemonConfig config;
    EXPECT_EQ(sync_message_size(config, 9000), 1472);
    config.group = parse_address("ff02::81").value();
    EXPECT_EQ(sync_message_size(config, 9000), 1452);
    config.role = SyncRole::backup;
    EXPECT_EQ(sync_message_size(config, 9000), 8952);
    EXPECT_EQ(sync_message_size(config, 1280), 1452);
    config.maxlen = 100;
    EXPECT_EQ(sync_message_size(config, 1500), 1024);
    config.role = SyncRole::master;
    EXPECT_EQ(sync_message_size(config, 1500), 100);
    config.maxlen = 65535;
    EXPECT_EQ(sync_message_size(config, 1500), 65535 - 48);
}

}  // namespace
}  // namespace shunt::ctl
