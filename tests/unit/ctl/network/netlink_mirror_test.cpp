// SPDX-License-Identifier: BSD-3-Clause
// Runs the mirror on the real kernel, in a network namespace of its own. veth stands in for twins.
#include "ctl/network/netlink_mirror.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <system_error>

#include "support/eal.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

IpAddress ip(std::string_view text) {
    return parse_address(text).value();
}

bool run(const std::string& command) {
    return std::system(command.c_str()) == 0;
}

/// "wan" is a twin; its other end "peer" lies in a second namespace, and answers ARP there.
class NetlinkMirrorTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs the right to make namespaces";
        ASSERT_TRUE(run("ip netns add " + other_));
        made_ = true;
        ASSERT_TRUE(run("ip link set lo up && ip link add wan type veth peer name peer netns " +
                        other_ + " && ip link add lan type veth peer name lan-peer" +
                        " && ip link set lan up && ip link set lan-peer up"));
        ASSERT_TRUE(run("ip link set wan up"));
        ASSERT_TRUE(run("ip address add 192.0.2.1/24 dev wan"));
        ASSERT_TRUE(run("ip address add 2001:db8::1/64 dev wan nodad"));
        ASSERT_TRUE(
            in_other("ip link set peer up && ip address add 192.0.2.9/24 dev peer && "
                     "ip address add 2001:db8::9/64 dev peer nodad"));
        wan_ = static_cast<int>(if_nametoindex("wan"));
        lan_ = static_cast<int>(if_nametoindex("lan"));
    }
    void TearDown() override {
        mirror_.reset();
        if (made_) run("ip netns del " + other_);
    }

    [[nodiscard]] bool in_other(const std::string& command) const {
        return run("ip netns exec " + other_ + " sh -c '" + command + "'");
    }
    void start(std::chrono::milliseconds refresh = NetlinkMirror::refresh_interval) {
        mirror_ = std::make_unique<NetlinkMirror>(
            io_, std::vector<Twin>{{PortId(0), "wan"}, {PortId(1), "lan"}},
            [this](std::shared_ptr<const NetTable> table) {
                table_ = std::move(table);
                ++changes_;
            },
            [](const std::string& what) { ADD_FAILURE() << what; }, refresh);
    }
    /// Serves the mirror until `condition` holds, at most for some seconds.
    template <class Fn>
    [[nodiscard]] bool wait(Fn&& condition) {
        const auto end = std::chrono::steady_clock::now() + 5s;
        while (!condition() && std::chrono::steady_clock::now() < end) io_.run_one_for(100ms);
        return condition();
    }
    void start_and_wait() {
        start();
        ASSERT_TRUE(wait([this] { return table_ != nullptr; }));
    }
    /// Serves the mirror for a while in which nothing is expected to come.
    void idle(std::chrono::milliseconds time) { io_.run_for(time); }

    [[nodiscard]] Route<Ipv4> route4(std::string_view to, std::uint32_t hash = 0) const {
        return table_->route<Ipv4>(ip(to).v4(), hash);
    }
    [[nodiscard]] Route<Ipv6> route6(std::string_view to, std::uint32_t hash = 0) const {
        return table_->route<Ipv6>(ip(to).v6(), hash);
    }
    /// The link address of a neighbour on wan, as the workers would write it.
    [[nodiscard]] std::string mac_of(std::string_view address) const {
        const auto a = ip(address);
        const auto hop = a.family() == Family::ipv4 ? table_->next_hop<Ipv4>(wan_, a.v4())
                                                    : table_->next_hop<Ipv6>(wan_, a.v6());
        if (hop == no_next_hop) return "";
        MacAddress mac;
        std::memcpy(&mac, (*table_)[hop].l2.data(), sizeof mac);
        return to_string(mac);
    }

    const std::string other_ = "shunt-mirror-" + std::to_string(getpid());
    bool made_ = false;
    int wan_ = 0;
    int lan_ = 0;
    int changes_ = 0;
    boost::asio::io_context io_;
    std::shared_ptr<const NetTable> table_;
    std::unique_ptr<NetlinkMirror> mirror_;
};

using Kind4 = Route<Ipv4>::Kind;
using Kind6 = Route<Ipv6>::Kind;

TEST_F(NetlinkMirrorTest, TheFirstTableHasWhatWasThereBefore) {
    ASSERT_TRUE(run("ip route add default via 192.0.2.254"));
    ASSERT_TRUE(run("ip route add 2001:db8:5::/48 via 2001:db8::fe"));
    start();
    EXPECT_EQ(table_, nullptr) << "not from within the constructor";
    ASSERT_TRUE(wait([this] { return table_ != nullptr; }));
    ASSERT_EQ(table_->interfaces().size(), 2U);
    EXPECT_EQ(table_->find_interface(wan_)->port, PortId(0));
    EXPECT_EQ(table_->find_interface(wan_)->mtu, 1500);
    EXPECT_EQ(table_->find_interface(lan_)->port, PortId(1));
    EXPECT_EQ(route4("192.0.2.1").kind, Kind4::local);
    EXPECT_EQ(route4("192.0.2.255").kind, Kind4::unreachable) << "broadcast";
    EXPECT_EQ(route4("192.0.2.77").gateway, ip("192.0.2.77").v4());
    EXPECT_EQ(route4("203.0.113.1").gateway, ip("192.0.2.254").v4());
    EXPECT_EQ(route4("203.0.113.1").ifindex, wan_);
    EXPECT_EQ(route4("203.0.113.1").source, ip("192.0.2.1").v4());
    EXPECT_EQ(route6("2001:db8::1").kind, Kind6::local);
    EXPECT_EQ(route6("2001:db8:5::1").gateway, ip("2001:db8::fe").v6());
    EXPECT_EQ(route6("2001:db8:5::1").source, ip("2001:db8::1").v6());
    EXPECT_EQ(route6("2a00::1").kind, Kind6::unreachable);
    EXPECT_TRUE(table_->accepts(PortId(0), 0, table_->find_interface(wan_)->mac));
}

TEST_F(NetlinkMirrorTest, RoutesComeChangeAndGo) {
    start_and_wait();
    ASSERT_TRUE(run("ip route add 10.0.0.0/8 via 192.0.2.254"));
    EXPECT_TRUE(wait([this] { return route4("10.0.0.1").kind == Kind4::via; }));
    ASSERT_TRUE(run("ip route replace 10.0.0.0/8 via 192.0.2.253 src 192.0.2.1"));
    EXPECT_TRUE(wait([this] { return route4("10.0.0.1").gateway == ip("192.0.2.253").v4(); }));
    ASSERT_TRUE(run("ip route replace blackhole 10.0.0.0/8"));
    EXPECT_TRUE(wait([this] { return route4("10.0.0.1").kind == Kind4::unreachable; }));
    ASSERT_TRUE(run("ip route add 10.1.0.0/16 via 192.0.2.254 table 77"));
    idle(50ms);
    EXPECT_EQ(route4("10.1.0.1").kind, Kind4::unreachable) << "another table";
}

TEST_F(NetlinkMirrorTest, MultipathHasItsWeightsInBothFamilies) {
    ASSERT_TRUE(
        run("ip route add 10.0.0.0/8 nexthop via 192.0.2.251 weight 3 "
            "nexthop via 192.0.2.252 weight 1"));
    ASSERT_TRUE(
        run("ip route add 2001:db8:5::/48 nexthop via 2001:db8::51 weight 3 "
            "nexthop via 2001:db8::52 weight 1"));
    start_and_wait();
    EXPECT_EQ(route4("10.0.0.1", 0xBFFFFFFF).gateway, ip("192.0.2.251").v4());
    EXPECT_EQ(route4("10.0.0.1", 0xC0000000).gateway, ip("192.0.2.252").v4());
    int first = 0;
    for (std::uint32_t i = 0; i < 4; ++i)
        if (route6("2001:db8:5::1", i << 30).gateway == ip("2001:db8::51").v6()) ++first;
    EXPECT_EQ(first, 3);
}

TEST_F(NetlinkMirrorTest, NextHopObjectsAreFollowed) {
    ASSERT_TRUE(
        run("ip nexthop add id 1 via 192.0.2.251 dev wan && "
            "ip nexthop add id 2 via 192.0.2.252 dev wan && "
            "ip nexthop add id 9 group 1/2 && ip route add 10.0.0.0/8 nhid 9"));
    start_and_wait();
    EXPECT_EQ(route4("10.0.0.1", 0).gateway, ip("192.0.2.251").v4());
    EXPECT_EQ(route4("10.0.0.1", 0xFFFFFFFF).gateway, ip("192.0.2.252").v4());
}

TEST_F(NetlinkMirrorTest, ALinkThatGoesDownTakesItsRoutesWithIt) {
    ASSERT_TRUE(run("ip route add 10.0.0.0/8 via 192.0.2.254"));
    start_and_wait();
    ASSERT_EQ(route4("10.0.0.1").kind, Kind4::via);
    ASSERT_TRUE(run("ip link set wan down"));
    EXPECT_TRUE(wait([this] { return route4("10.0.0.1").kind == Kind4::unreachable; }));
    ASSERT_TRUE(run("ip link set wan mtu 1400 up"));
    EXPECT_TRUE(wait([this] {
        return route4("192.0.2.9").kind == Kind4::via && table_->find_interface(wan_)->mtu == 1400;
    }));
}

TEST_F(NetlinkMirrorTest, MacvlanChildrenAreInterfacesOfThePort) {
    start_and_wait();
    ASSERT_TRUE(run("ip link add vrrp link wan address 02:00:5e:00:01:07 type macvlan"));
    const MacAddress mac = parse_mac("02:00:5e:00:01:07").value();
    EXPECT_TRUE(wait([&] { return table_->accepts(PortId(0), 0, mac); }));
    EXPECT_EQ(table_->interfaces().size(), 3U);
    ASSERT_TRUE(run("ip link del vrrp"));
    EXPECT_TRUE(wait([&] { return !table_->accepts(PortId(0), 0, mac); }));
}

TEST_F(NetlinkMirrorTest, ATwinMayComeLater) {
    ASSERT_TRUE(run("ip link del lan"));
    start_and_wait();
    ASSERT_EQ(table_->interfaces().size(), 1U);
    ASSERT_TRUE(run("ip link add lan type veth peer name lan-peer"));
    EXPECT_TRUE(wait([this] { return table_->interfaces().size() == 2; }));
}

TEST_F(NetlinkMirrorTest, ANeighbourIsResolvedOnRequest) {
    ASSERT_TRUE(in_other("ip link set peer address 02:00:00:00:00:99"));
    start_and_wait();
    ASSERT_EQ(mac_of("192.0.2.9"), "");
    mirror_->resolve(wan_, ip("192.0.2.9"));
    EXPECT_TRUE(wait([this] { return mac_of("192.0.2.9") == "02:00:00:00:00:99"; }));
    mirror_->resolve(wan_, ip("2001:db8::9"));
    EXPECT_TRUE(wait([this] { return mac_of("2001:db8::9") == "02:00:00:00:00:99"; }));
    mirror_->resolve(wan_, ip("192.0.2.10"));
    mirror_->resolve(12345, ip("192.0.2.9"));
    idle(50ms);
    EXPECT_EQ(mac_of("192.0.2.10"), "") << "nobody has this address";
}

TEST_F(NetlinkMirrorTest, RequestsForOneNeighbourAreLimited) {
    start_and_wait();
    mirror_->resolve(wan_, ip("192.0.2.9"));
    ASSERT_TRUE(wait([this] { return mac_of("192.0.2.9") != ""; }));
    ASSERT_TRUE(run("ip neigh del 192.0.2.9 dev wan"));
    ASSERT_TRUE(wait([this] { return mac_of("192.0.2.9") == ""; }));
    mirror_->resolve(wan_, ip("192.0.2.9"));
    idle(20ms);
    EXPECT_EQ(mac_of("192.0.2.9"), "") << "asked too soon";
    idle(200ms);
    mirror_->resolve(wan_, ip("192.0.2.9"));
    EXPECT_TRUE(wait([this] { return mac_of("192.0.2.9") != ""; }));
}

TEST_F(NetlinkMirrorTest, NeighboursChangeAndGo) {
    ASSERT_TRUE(run("ip neigh add 192.0.2.50 dev wan lladdr 02:00:00:00:00:50 nud permanent"));
    start_and_wait();
    EXPECT_EQ(mac_of("192.0.2.50"), "02:00:00:00:00:50");
    ASSERT_TRUE(run("ip neigh replace 192.0.2.50 dev wan lladdr 02:00:00:00:00:51 nud permanent"));
    EXPECT_TRUE(wait([this] { return mac_of("192.0.2.50") == "02:00:00:00:00:51"; }));
    ASSERT_TRUE(run("ip neigh del 192.0.2.50 dev wan"));
    EXPECT_TRUE(wait([this] { return mac_of("192.0.2.50") == ""; }));
}

TEST_F(NetlinkMirrorTest, StaleNeighboursInUseAreConfirmedAndOthersAreNot) {
    ASSERT_TRUE(run("ip neigh add 192.0.2.9 dev wan lladdr 02:00:00:00:00:50 nud stale"));
    ASSERT_TRUE(run("ip neigh add 192.0.2.8 dev wan lladdr 02:00:00:00:00:50 nud stale"));
    start(300ms);
    mirror_->keep_fresh({ip("192.0.2.9")});
    idle(400ms);
    EXPECT_TRUE(run("ip neigh show 192.0.2.9 dev wan | grep -Eq \"DELAY|PROBE|REACHABLE\""));
    EXPECT_TRUE(run("ip neigh show 192.0.2.8 dev wan | grep -q STALE"));
}

TEST_F(NetlinkMirrorTest, ABurstOfChangesIsFewTables) {
    start_and_wait();
    changes_ = 0;
    const std::string file = "/tmp/" + other_ + ".batch";
    {
        std::ofstream batch(file);
        for (int i = 0; i < 200; ++i) batch << "route add 10.0." << i << ".0/24 via 192.0.2.254\n";
    }
    ASSERT_TRUE(run("ip -batch " + file));
    unlink(file.c_str());
    EXPECT_TRUE(wait([this] { return route4("10.0.199.1").kind == Kind4::via; }));
    idle(50ms);
    EXPECT_EQ(route4("10.0.0.1").kind, Kind4::via);
    EXPECT_LE(changes_, 3) << "the events had all come before the mirror ran";
}

TEST_F(NetlinkMirrorTest, LostEventsAreMadeUpFor) {
    start_and_wait();
    const std::string file = "/tmp/" + other_ + ".batch";
    {
        std::ofstream batch(file);
        for (int i = 0; i < 20000; ++i)
            batch << "route add 10." << i / 256 << '.' << i % 256 << ".0/24 via 192.0.2.254\n";
        // The event of another kind is among the lost ones.
        batch << "neigh add 192.0.2.50 dev wan lladdr 02:00:00:00:00:50 nud permanent\n";
    }
    ASSERT_TRUE(run("ip -batch " + file));
    unlink(file.c_str());
    EXPECT_TRUE(wait([this] { return route4("10.78.31.1").kind == Kind4::via; }));
    EXPECT_EQ(route4("10.0.0.1").kind, Kind4::via);
    EXPECT_EQ(route4("10.78.32.1").kind, Kind4::unreachable);
    EXPECT_EQ(mac_of("192.0.2.50"), "02:00:00:00:00:50");
}

TEST_F(NetlinkMirrorTest, WhatChangesNothingForTheWorkersIsNoNewTable) {
    start_and_wait();
    idle(100ms);
    changes_ = 0;
    ASSERT_TRUE(run("ip link set lan alias nothing"));
    ASSERT_TRUE(run("ip route add 10.0.0.0/8 via 192.0.2.254 table 77"));
    idle(100ms);
    EXPECT_EQ(changes_, 0);
}

TEST_F(NetlinkMirrorTest, NothingIsCalledAfterTheEnd) {
    start_and_wait();
    changes_ = 0;
    ASSERT_TRUE(run("ip route add 10.0.0.0/8 via 192.0.2.254"));
    mirror_.reset();
    idle(50ms);
    EXPECT_EQ(changes_, 0);
}

TEST_F(NetlinkMirrorTest, TheCallbackMayEndTheMirror) {
    const auto calls = std::make_shared<int>(0);
    mirror_ = std::make_unique<NetlinkMirror>(
        io_, std::vector<Twin>{{PortId(0), "wan"}},
        [this, calls](const std::shared_ptr<const NetTable>&) {
            mirror_.reset();
            ++*calls;  // what the callback holds is still there
        },
        nullptr);
    EXPECT_TRUE(wait([&] { return *calls == 1; }));
    idle(20ms);
    EXPECT_EQ(mirror_, nullptr);
}

}  // namespace
}  // namespace shunt::ctl
