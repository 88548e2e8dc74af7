// SPDX-License-Identifier: BSD-3-Clause
// The straight way has no say of its own: two workers get the same packets, one of them with
// services that keep timeouts of their own, equal to those of all, so that none of its packets goes
// straight. What leaves, what is counted and what becomes of the connections is the same.
#include "dataplane/straight.h"

#include <gtest/gtest.h>

#include <random>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using namespace std::chrono_literals;
using H = TcpHeader;

constexpr int nat_port = 80;
constexpr int direct_port = 81;
constexpr int tunnel_port = 82;
constexpr int first_client_port = 40000;
constexpr int client_ports = 4;

class Straight : public ::testing::TestWithParam<Addresses> {
  protected:
    Straight() {
        for (WorkerBench* bench : {&fast, &slow}) {
            const auto at = [&](int port) { return a.endpoint(a.vip, port); };
            bench->add_service(Protocol::tcp, at(nat_port), {a.endpoint(a.server, 8080)});
            bench->add_service(Protocol::tcp, at(direct_port), {a.endpoint(a.server, direct_port)},
                               ForwardMethod::direct);
            bench->add_service(Protocol::tcp, at(tunnel_port), {a.endpoint(a.server2, tunnel_port)},
                               ForwardMethod::tunnel);
        }
        for (WorkerBench* bench : {&fast, &slow}) bench->tunables.mss_clamp = 1;
        for (auto& service : slow.services)
            service.timeouts = {.tcp = fast.timeouts.tcp_in(TcpState::established),
                                .tcp_fin = fast.timeouts.tcp_in(TcpState::fin_wait),
                                .udp = fast.timeouts.udp};
        for (WorkerBench* bench : {&fast, &slow}) bench->publish();
    }

    template <class Fn>
    void both(Fn&& fn) {
        fn(fast);
        fn(slow);
    }

    int draw(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random); }

    /// Mostly segments of the middle of a connection, and a few of everything else.
    Frame any_frame(bool& from_wan) {
        constexpr std::array<std::uint8_t, 8> rare_flags = {
            H::syn, H::syn | H::ack, H::fin | H::ack, H::rst, H::rst | H::ack, 0, H::psh, H::fin};
        constexpr std::array<std::uint8_t, 5> ttls = {0, 1, 2, 128, 255};
        constexpr std::array<std::size_t, 6> lengths = {0, 1, 700, 1460, 1461, 1500};
        const int client_port = first_client_port + draw(client_ports);
        const int port = nat_port + draw(3);
        from_wan = draw(2) == 0;
        PacketBuilder builder = from_wan ? from_client(a) : from_server(a);
        const std::uint8_t flags =
            draw(4) == 0 ? rare_flags[static_cast<std::size_t>(draw(8))]
                         : static_cast<std::uint8_t>(draw(2) == 0 ? H::ack : H::ack | H::psh);
        const auto near = static_cast<std::uint16_t>(port == nat_port ? 8080 : port);
        const auto client = static_cast<std::uint16_t>(client_port);
        from_wan ? builder.tcp(client, static_cast<std::uint16_t>(port), flags)
                 : builder.tcp(near, client, flags);
        builder.sequence(static_cast<std::uint32_t>(random()),
                         static_cast<std::uint32_t>(random()));
        if (draw(3) == 0) builder.payload(lengths[static_cast<std::size_t>(draw(6))]);
        if (draw(12) == 0) builder.ttl(ttls[static_cast<std::size_t>(draw(5))]);
        if (draw(8) == 0) builder.pad_to(90);
        if (draw(20) == 0) builder.dont_fragment();
        if (draw(20) == 0) builder.tcp_options(bytes_of({1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}));
        if ((flags & H::syn) != 0 && draw(2) == 0)
            builder.tcp_options(bytes_of({2, 4, 0xFF, 0xFF}));
        if (draw(30) == 0) builder.vlan(5);
        if (draw(30) == 0) builder.ip_checksum(0x1234);
        return builder.build();
    }

    void compare_connections() {
        for (int i = 0; i < client_ports; ++i)
            for (int port = nat_port; port <= tunnel_port; ++port)
                a.header == 20 ? compare<Ipv4>(first_client_port + i, port)
                               : compare<Ipv6>(first_client_port + i, port);
    }
    template <class F>
    void compare(int client_port, int port) {
        const auto find = [&](WorkerBench& bench) {
            return bench.connection<F>(a.client, client_port, a.vip, port, Protocol::tcp);
        };
        const Conn<F>* x = find(fast);
        const Conn<F>* y = find(slow);
        ASSERT_EQ(x == nullptr, y == nullptr);
        if (x == nullptr) return;
        steady += x->is_steady(Direction::from_client) ? 1 : 0;
        EXPECT_EQ(x->state, y->state);
        EXPECT_TRUE(x->expires == y->expires);
        EXPECT_EQ(x->packets_in, y->packets_in);
        EXPECT_EQ(x->server_silent, y->server_silent);
        EXPECT_EQ(x->counted_active, y->counted_active);
        EXPECT_EQ(x->half_open, y->half_open);
        EXPECT_FALSE(x->own_timeouts);
        EXPECT_TRUE(y->own_timeouts);
    }
    void compare_counters() {
        for (std::uint32_t id = 0; id < 3; ++id)
            for (const auto counter :
                 {&DestCounters::packets_in, &DestCounters::packets_out, &DestCounters::bytes_in,
                  &DestCounters::bytes_out, &DestCounters::connections})
                EXPECT_EQ(fast.dest(id, counter), slow.dest(id, counter));
        for (std::size_t i = 0; i < drop_reason_count; ++i)
            EXPECT_EQ(fast.counters().dropped[i].value(), slow.counters().dropped[i].value())
                << drop_reason_texts[i].text;
    }
    void compare_frames() {
        for (const auto take : {&WorkerBench::sent, &WorkerBench::to_host})
            for (const PortId port : {wan, lan}) {
                const auto x = (fast.*take)(port);
                const auto y = (slow.*take)(port);
                ASSERT_EQ(x.size(), y.size());
                for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(same_frame(x[i], y[i]));
                frames += x.size();
            }
    }

    const Addresses& a = GetParam();
    WorkerBench fast;
    WorkerBench slow;
    std::mt19937 random{4711};
    std::size_t steady = 0;  ///< connections that were, when compared
    std::size_t frames = 0;
};
INSTANTIATE_TEST_SUITE_P(Families, Straight, ::testing::ValuesIn(families), family_name);

TEST_P(Straight, IsTheSameAsTheLongWay) {
    for (int round = 0; round < 1500 && !HasFailure(); ++round) {
        SCOPED_TRACE(round);
        for (int i = draw(20); i >= 0; --i) {
            bool from_wan = false;
            const Frame frame = any_frame(from_wan);
            both([&](WorkerBench& bench) { bench.put(from_wan ? wan : lan, frame); });
        }
        both([](WorkerBench& bench) { bench.settle(); });
        compare_frames();
        compare_counters();
        compare_connections();
        if (draw(10) == 0) {
            const auto time = std::chrono::duration_cast<Ticks>(std::chrono::seconds(draw(200)));
            both([&](WorkerBench& bench) { bench.pass(time); });
        }
        if (draw(50) == 0) both([](WorkerBench& bench) { bench.publish(); });
    }
    EXPECT_GT(steady, 1000U);
    EXPECT_GT(frames, 5000U);
}

}  // namespace
}  // namespace shunt
