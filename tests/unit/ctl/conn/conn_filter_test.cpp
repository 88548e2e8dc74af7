// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/conn/conn_filter.h"

#include <gtest/gtest.h>

#include "support/connections.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;
using namespace test;

constexpr Ticks long_time = std::chrono::duration<std::uint32_t>(1000);

class ConnectionFilterTest : public testing::Test {
  protected:
    template <class F>
    bool matches(const ConnectionFilter& filter, const Conn<F>& conn, TickTime now = start) const {
        return filter.matches(conn, services, timeouts, now);
    }
    static AffinityTable::Row row() {
        AffinityTable::Row row;
        row.key.client = {198, 51, 100, 0};
        row.key.service = {192, 0, 2, 10};
        row.key.port = L4Port(std::uint16_t{80});
        row.key.protocol = Protocol::tcp;
        row.dest = DestId(1);
        row.port = L4Port(std::uint16_t{8080});
        row.left = 100s;
        row.timeout = 300s;
        return row;
    }
    bool matches(const ConnectionFilter& filter, const AffinityTable::Row& row) const {
        return filter.matches(row, make_row(row, services).value());
    }

    ServiceTable services{
        {},
        {{.endpoint = parse_endpoint("10.1.0.1:8080").value(), .tunnel = {}, .virtual_address = {}},
         {.endpoint = parse_endpoint("10.1.0.2:8080").value(),
          .forward = ForwardMethod::tunnel,
          .tunnel = {},
          .virtual_address = {}}}};
    Timeouts timeouts;
};

TEST_F(ConnectionFilterTest, StatesAreNamedAsListed) {
    const auto established = states_named("ESTABLISHED");
    EXPECT_EQ(established.tcp.to_ulong(), 1UL << static_cast<unsigned>(TcpState::established));
    EXPECT_EQ(established.sctp.to_ulong(), 1UL << static_cast<unsigned>(SctpState::established));
    EXPECT_TRUE(states_named("NONE").tcp[0]);
    EXPECT_TRUE(states_named("NONE").templates[0]);
    EXPECT_FALSE(states_named("NONE").udp);
    EXPECT_TRUE(states_named("ASSURED").templates[1]);
    EXPECT_TRUE(states_named("UDP").udp);
    for (const auto* name : {"", "established", "ESTABLISHED ", "SYN"})
        EXPECT_TRUE(states_named(name).none()) << name;
    const std::string all = all_state_names();
    EXPECT_TRUE(all.starts_with("NONE, ESTABLISHED, SYN_SENT, ")) << all;
    EXPECT_TRUE(all.ends_with(", UDP, ASSURED")) << all;
    EXPECT_EQ(all.find("ESTABLISHED"), all.rfind("ESTABLISHED")) << "each once";
}

TEST_F(ConnectionFilterTest, NothingSetMatchesEverything) {
    EXPECT_TRUE(matches({}, conn4(1)));
    EXPECT_TRUE(matches({}, conn6(1)));
    EXPECT_TRUE(matches({}, row()));
}

TEST_F(ConnectionFilterTest, KindProtocolMethodAndState) {
    EXPECT_TRUE(matches({.kind = ConnectionKind::connection}, conn4(1)));
    EXPECT_FALSE(matches({.kind = ConnectionKind::client_template}, conn4(1)));
    EXPECT_TRUE(matches({.kind = ConnectionKind::client_template}, row()));
    EXPECT_FALSE(matches({.kind = ConnectionKind::connection}, row()));
    EXPECT_TRUE(matches({.protocol = Protocol::tcp}, conn4(1)));
    EXPECT_FALSE(matches({.protocol = Protocol::tcp}, conn6(1)));
    EXPECT_FALSE(matches({.protocol = Protocol::none}, row()));
    EXPECT_TRUE(matches({.method = ForwardMethod::nat}, conn4(1)));
    EXPECT_TRUE(matches({.method = ForwardMethod::tunnel}, row()));
    EXPECT_FALSE(matches({.method = ForwardMethod::nat}, row()));
    const ConnectionFilter established{.states = states_named("ESTABLISHED")};
    EXPECT_TRUE(matches(established, conn4(1)));
    EXPECT_FALSE(matches(established, conn6(1)));
    EXPECT_FALSE(matches(established, row()));
    auto sctp = conn4(1, Protocol::sctp);
    EXPECT_FALSE(matches(established, sctp));
    sctp.state = static_cast<std::uint8_t>(SctpState::established);
    EXPECT_TRUE(matches(established, sctp));
    EXPECT_TRUE(matches({.states = states_named("UDP")}, conn6(1)));
    EXPECT_TRUE(matches({.states = states_named("NONE")}, row()));
    auto assured = row();
    assured.assured = true;
    EXPECT_FALSE(matches({.states = states_named("NONE")}, assured));
    EXPECT_TRUE(matches({.states = states_named("ASSURED")}, assured));
}

TEST_F(ConnectionFilterTest, ClientsAreOfANetwork) {
    const auto of = [](const char* network) {
        return ConnectionFilter{.client = parse_prefix(network).value()};
    };
    EXPECT_TRUE(matches(of("198.51.100.7"), conn4(1)));
    EXPECT_FALSE(matches(of("198.51.100.6"), conn4(1)));
    EXPECT_TRUE(matches(of("198.51.96.0/21"), conn4(1)));
    EXPECT_FALSE(matches(of("198.51.104.0/21"), conn4(1)));
    EXPECT_TRUE(matches(of("0.0.0.0/0"), conn4(1)));
    EXPECT_FALSE(matches(of("0.0.0.0/0"), conn6(1))) << "of the other family";
    EXPECT_TRUE(matches(of("2001:db8::/125"), conn6(1)));
    EXPECT_FALSE(matches(of("2001:db8::8/125"), conn6(1)));
    EXPECT_TRUE(matches(of("198.51.100.0/24"), row()));
    EXPECT_FALSE(matches(of("198.51.101.0/24"), row()));
}

TEST_F(ConnectionFilterTest, ServersAreThoseOfTheList) {
    const auto of = [](const char* server) {
        return ConnectionFilter{.server = parse_endpoint(server).value()};
    };
    EXPECT_TRUE(matches(of("10.1.0.1:8080"), conn4(1)));
    EXPECT_TRUE(matches(of("10.1.0.1:0"), conn4(1)));
    EXPECT_FALSE(matches(of("10.1.0.1:80"), conn4(1)));
    auto direct = conn4(1);
    direct.method = ForwardMethod::direct;
    direct.dest = DestId(1);
    direct.real = direct.virtual_address;
    direct.real_port = direct.virtual_port;
    EXPECT_TRUE(matches(of("10.1.0.2:80"), direct)) << "the port stays";
    EXPECT_FALSE(matches(of("192.0.2.10:80"), direct));
    EXPECT_TRUE(matches(of("10.1.0.2:8080"), row()));
    auto invalid = row();
    invalid.valid = false;
    EXPECT_FALSE(matches(of("10.1.0.2:8080"), invalid));
    EXPECT_TRUE(matches(of("10.1.0.2:0"), invalid));
}

TEST_F(ConnectionFilterTest, AServiceIsKnownByItsServers) {
    ConnectionFilter filter;
    filter.service = ServiceMatch{
        .key = {.protocol = Protocol::tcp, .endpoint = parse_endpoint("192.0.2.10:80").value()},
        .servers = {false, true}};
    auto conn = conn4(1);
    EXPECT_FALSE(matches(filter, conn)) << "server 0 is another's";
    conn.dest = DestId(1);
    EXPECT_TRUE(matches(filter, conn));
    conn.dest = DestId(2);
    EXPECT_FALSE(matches(filter, conn));
    EXPECT_TRUE(matches(filter, row()));
    conn.method = ForwardMethod::bypass;
    EXPECT_TRUE(matches(filter, conn)) << "by its virtual endpoint";
    filter.service->key.endpoint.port = L4Port(std::uint16_t{81});
    EXPECT_FALSE(matches(filter, conn));
    filter.service->key.endpoint.port = {};
    EXPECT_TRUE(matches(filter, conn)) << "a service on all ports";
    filter.service->key.protocol = Protocol::udp;
    EXPECT_FALSE(matches(filter, conn));
    filter.service->key = {.protocol = Protocol::none, .endpoint = {}, .mark = Mark(7)};
    EXPECT_FALSE(matches(filter, conn));
}

TEST_F(ConnectionFilterTest, IdleIsTheTimeSinceTheLastPacket) {
    const auto idle = [](Ticks least) { return ConnectionFilter{.idle = least}; };
    const auto tcp = conn4(1);  // its packet came at the start
    EXPECT_TRUE(matches(idle(0s), tcp));
    EXPECT_FALSE(matches(idle(1s), tcp));
    EXPECT_FALSE(matches(idle(60s), tcp, start + Ticks(599)));
    EXPECT_TRUE(matches(idle(60s), tcp, start + Ticks(600)));
    EXPECT_TRUE(matches(idle(1000s), tcp, start + long_time)) << "over, its timer not yet run";
    auto fin = conn4(1);
    fin.state = static_cast<std::uint8_t>(TcpState::fin_wait);
    fin.expires = start + 20s;
    EXPECT_TRUE(matches(idle(100s), fin)) << "of 120 s";
    EXPECT_FALSE(matches(idle(101s), fin));
    timeouts.tcp[static_cast<std::size_t>(TcpState::established)] = 100s;
    EXPECT_FALSE(matches(idle(0s), tcp)) << "was given longer than it would be now";
    EXPECT_TRUE(matches(idle(0s), tcp, start + Ticks(8000)));
    auto early = conn6(1);
    early.expires = TickTime(Ticks(10));
    EXPECT_TRUE(matches(idle(299s), early, TickTime(Ticks(1)))) << "before the clock began";
    services = ServiceTable({}, {{.endpoint = {}, .tunnel = {}, .virtual_address = {}},
                                 {.endpoint = {},
                                  .tunnel = {},
                                  .virtual_address = {},
                                  .timeouts = {.tcp = 1000s, .tcp_fin = {}, .udp = {}}}});
    auto own = conn4(1);
    own.own_timeouts = true;
    own.dest = DestId(1);
    own.expires = start + 400s;
    EXPECT_TRUE(matches(idle(600s), own)) << "of the 1000 s that its service says";
    EXPECT_FALSE(matches(idle(601s), own));
    EXPECT_TRUE(matches(idle(200s), row()));
    EXPECT_FALSE(matches(idle(201s), row()));
}

}  // namespace
}  // namespace shunt::ctl
