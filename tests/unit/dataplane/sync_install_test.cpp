// SPDX-License-Identifier: BSD-3-Clause
// What a backup files of the records of another balancer, and how its packets are forwarded then.
#include "dataplane/sync_install.h"

#include <gtest/gtest.h>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using namespace std::chrono_literals;
using H = TcpHeader;

constexpr int client_port = 40000;

class SyncInstalled : public ::testing::TestWithParam<Addresses> {
  protected:
    SyncInstalled() {
        bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80),
                          {a.endpoint(a.server, 8080), a.endpoint(a.server2, 8080)});
        bench.add_service(Protocol::udp, a.endpoint(a.vip, 53), {a.endpoint(a.server, 53)},
                          ForwardMethod::direct);
        bench.publish();
        bench.iterate();
    }

    SyncRecord record(TcpState state = TcpState::established) const {
        return {.client = parse_endpoint(a.endpoint(a.client, client_port)).value(),
                .virtual_service = parse_endpoint(a.endpoint(a.vip, 80)).value(),
                .server = parse_endpoint(a.endpoint(a.server, 8080)).value(),
                .protocol = Protocol::tcp,
                .state = static_cast<std::uint8_t>(state),
                .timeout = 900};
    }

    SyncOutcome install(const SyncRecord& what) {
        SyncInstall request({what});
        EXPECT_TRUE(request.step(bench.worker()));
        for (std::size_t i = 0; i < sync_outcome_count; ++i)
            if (request.outcomes()[i] == 1) return static_cast<SyncOutcome>(i);
        ADD_FAILURE() << "no outcome";
        return SyncOutcome::unfit;
    }

    template <class Fn>
    void with_connection(Fn&& fn, int port = 80, Protocol protocol = Protocol::tcp) {
        if (auto* conn = bench.connection<Ipv4>(a.client, client_port, a.vip, port, protocol))
            return fn(*conn);
        auto* conn = bench.connection<Ipv6>(a.client, client_port, a.vip, port, protocol);
        ASSERT_NE(conn, nullptr);
        fn(*conn);
    }

    Addresses a = GetParam();
    WorkerBench bench;
};

TEST_P(SyncInstalled, AConnectionGoesOnHere) {
    ASSERT_EQ(install(record()), SyncOutcome::made);
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::active), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::connections), 0U) << "it was not scheduled here";
    with_connection([](const auto& conn) {
        EXPECT_TRUE(conn.synced);
        EXPECT_FALSE(conn.half_open);
        EXPECT_EQ(conn.packets_in, 3U);
    });
    bench.put(wan, from_client(a).tcp(client_port, 80, H::ack | H::psh).build());
    bench.put(lan, from_server(a).tcp(8080, client_port, H::ack).build());
    bench.settle();
    EXPECT_EQ(bench.one_sent(lan), to_server(a).tcp(client_port, 8080, H::ack | H::psh).build());
    EXPECT_EQ(bench.one_sent(wan), to_client(a).tcp(80, client_port, H::ack).build());
}

TEST_P(SyncInstalled, WithoutPacketsItEndsInItsTime) {
    SyncRecord what = record();
    what.timeout = 20;
    ASSERT_EQ(install(what), SyncOutcome::made);
    bench.pass(std::chrono::duration<std::uint32_t>(19));
    bench.iterate();
    EXPECT_EQ(bench.connections(), 1U);
    ASSERT_EQ(install(what), SyncOutcome::updated) << "and told of again lives on";
    bench.pass(std::chrono::duration<std::uint32_t>(19));
    bench.iterate();
    EXPECT_EQ(bench.connections(), 1U);
    bench.pass(std::chrono::duration<std::uint32_t>(2));
    bench.iterate();
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 0U);
    EXPECT_EQ(bench.dest(0, &DestCounters::active), 0U);
}

TEST_P(SyncInstalled, VersionZeroLeavesTheTimeToTheState) {
    SyncRecord what = record(TcpState::close);
    what.timeout = 0;
    what.flags = sync_flag::inactive;
    ASSERT_EQ(install(what), SyncOutcome::made);
    bench.pass(std::chrono::duration<std::uint32_t>(9));
    bench.iterate();
    EXPECT_EQ(bench.connections(), 1U);
    bench.pass(std::chrono::duration<std::uint32_t>(2));
    bench.iterate();
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(SyncInstalled, AnUpdateMovesStateAndActivity) {
    ASSERT_EQ(install(record()), SyncOutcome::made);
    SyncRecord ending = record(TcpState::fin_wait);
    ending.flags = sync_flag::inactive;
    ending.timeout = 120;
    ASSERT_EQ(install(ending), SyncOutcome::updated);
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::active), 0U);
    with_connection([](const auto& conn) {
        EXPECT_EQ(conn.state, static_cast<std::uint8_t>(TcpState::fin_wait));
    });
    bench.pass(std::chrono::duration<std::uint32_t>(121));
    bench.iterate();
    EXPECT_EQ(bench.connections(), 0U) << "sooner than was said first";
}

TEST_P(SyncInstalled, AnotherServerTakesThePlaceOfTheFirst) {
    ASSERT_EQ(install(record()), SyncOutcome::made);
    SyncRecord moved = record();
    moved.server = parse_endpoint(a.endpoint(a.server2, 8080)).value();
    SyncRecord late = moved;
    late.flags = sync_flag::inactive;
    ASSERT_EQ(install(late), SyncOutcome::late);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 1U);
    ASSERT_EQ(install(moved), SyncOutcome::made);
    EXPECT_EQ(bench.connections(), 1U);
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 0U);
    EXPECT_EQ(bench.dest(1, &DestCounters::total), 1U);
}

TEST_P(SyncInstalled, ServersThatAreNotHereAndClientsWithoutPortMakeNothing) {
    SyncRecord what = record();
    what.server = parse_endpoint(a.endpoint(a.server, 8081)).value();
    EXPECT_EQ(install(what), SyncOutcome::no_server);
    what = record();
    what.virtual_service.port = L4Port(std::uint16_t{81});
    EXPECT_EQ(install(what), SyncOutcome::no_server);
    what = record();
    what.client.port = L4Port();
    EXPECT_EQ(install(what), SyncOutcome::unfit);
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_P(SyncInstalled, TheMethodIsThatOfTheServerHere) {
    SyncRecord what = record();
    what.protocol = Protocol::udp;
    what.state = 0;
    what.flags = sync_flag::inactive;
    what.virtual_service.port = what.server.port = L4Port(std::uint16_t{53});
    ASSERT_EQ(install(what), SyncOutcome::made);
    with_connection(
        [](const auto& conn) {
            EXPECT_EQ(conn.method, ForwardMethod::direct);
            EXPECT_TRUE(conn.server_silent);
        },
        53, Protocol::udp);
    EXPECT_EQ(bench.dest(2, &DestCounters::active), 0U);
}

TEST_P(SyncInstalled, AFullTableTakesNoMore) {
    for (int i = 0; i < 256; ++i) {
        SyncRecord what = record();
        what.client.port = L4Port(static_cast<std::uint16_t>(1000 + i));
        ASSERT_EQ(install(what), SyncOutcome::made);
    }
    EXPECT_EQ(install(record()), SyncOutcome::no_room);
}

TEST_P(SyncInstalled, ManyTakeSeveralSteps) {
    std::vector<SyncRecord> many;
    for (std::size_t i = 0; i < SyncInstall::records_a_step * 2 + 1; ++i) {
        many.push_back(record());
        many.back().client.port = L4Port(static_cast<std::uint16_t>(1000 + i));
    }
    SyncInstall request(many);
    EXPECT_FALSE(request.step(bench.worker()));
    EXPECT_FALSE(request.step(bench.worker()));
    EXPECT_TRUE(request.step(bench.worker()));
    EXPECT_EQ(bench.connections(), many.size());
}

class SyncTemplates : public SyncInstalled {
  protected:
    SyncTemplates() {
        bench.services[0].persistence = Persistence{
            .timeout = 300s, .granularity = static_cast<std::uint8_t>(a.header == 20 ? 32 : 128)};
        bench.publish();
        bench.iterate();
    }
    SyncRecord of_client(std::string_view server) const {
        SyncRecord what = record();
        what.client.port = L4Port();
        what.server = parse_endpoint(a.endpoint(server, 8080)).value();
        what.flags = sync_flag::is_template | sync_flag::inactive;
        what.state = 1;
        what.timeout = 100;
        return what;
    }
    SyncOutcome install_template(const SyncRecord& what) {
        return install_synced_template(*bench.shared().affinity, bench.worker().services(), what,
                                       bench.worker().now);
    }
    /// The server of a new connection.
    std::uint32_t chosen(int port) {
        bench.put(wan, from_client(a).tcp(static_cast<std::uint16_t>(port), 80, H::syn).build());
        bench.settle();
        const auto total = [&](std::uint32_t id) { return bench.dest(id, &DestCounters::total); };
        const std::uint32_t before = before_;
        before_ = total(1);
        return before_ > before ? 1 : 0;
    }
    std::uint32_t before_ = 0;
};

TEST_P(SyncTemplates, TieClientsToTheirServers) {
    ASSERT_EQ(install_template(of_client(a.server2)), SyncOutcome::made);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(chosen(50000 + i), 1U);
    ASSERT_EQ(install_template(of_client(a.server2)), SyncOutcome::updated);
    ASSERT_EQ(install_template(of_client(a.server)), SyncOutcome::made) << "of another server";
    for (int i = 4; i < 8; ++i) EXPECT_EQ(chosen(50000 + i), 0U);
}

TEST_P(SyncTemplates, LiveAsLongAsTheyWereTold) {
    ASSERT_EQ(install_template(of_client(a.server2)), SyncOutcome::made);
    AffinityTable& table = *bench.shared().affinity;
    std::vector<AffinityTable::Row> rows;
    table.for_each(0, 64, bench.worker().now, [&](const auto& row) { rows.push_back(row); });
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].timeout, Ticks(1000));
    EXPECT_TRUE(rows[0].assured);
    bench.pass(std::chrono::duration<std::uint32_t>(101));
    bench.iterate();
    table.sweep(0, 64, bench.worker().now);
    EXPECT_EQ(table.count(DestId(1)), 0U);
}

TEST_P(SyncTemplates, NeedAServiceThatIsPersistent) {
    SyncRecord what = of_client(a.server);
    what.protocol = Protocol::udp;
    what.virtual_service.port = what.server.port = L4Port(std::uint16_t{53});
    EXPECT_EQ(install_template(what), SyncOutcome::no_server);
}

INSTANTIATE_TEST_SUITE_P(Families, SyncInstalled, ::testing::Values(v4, v6),
                         [](const auto& family) { return std::string(family.param.name); });
INSTANTIATE_TEST_SUITE_P(Families, SyncTemplates, ::testing::Values(v4, v6),
                         [](const auto& family) { return std::string(family.param.name); });

}  // namespace
}  // namespace shunt
