// SPDX-License-Identifier: BSD-3-Clause
// Runs on the real kernel, in a network namespace of its own.
#include "ctl/device/quiet_device.h"

#include <arpa/inet.h>
#include <cap-ng.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace shunt::ctl {
namespace {

bool run(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/// A packet socket that takes every frame of an interface, as DPDK's drivers do.
class PacketSocket {
  public:
    explicit PacketSocket(const char* interface)
        : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
        sockaddr_ll to{};
        to.sll_family = AF_PACKET;
        to.sll_protocol = htons(ETH_P_ALL);
        to.sll_ifindex = static_cast<int>(if_nametoindex(interface));
        EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    }
    ~PacketSocket() { ::close(socket_); }
    PacketSocket(const PacketSocket&) = delete;
    PacketSocket& operator=(const PacketSocket&) = delete;

    /// How many incoming frames of an EtherType have come by now.
    int incoming(std::uint16_t type) {
        std::array<unsigned char, 2048> frame{};
        sockaddr_ll from{};
        socklen_t size = sizeof from;
        int count = 0;
        while (::recvfrom(socket_, frame.data(), frame.size(), 0,
                          reinterpret_cast<sockaddr*>(&from), &size) > 0)
            if (from.sll_pkttype != PACKET_OUTGOING && from.sll_protocol == htons(type)) ++count;
        return count;
    }

  private:
    int socket_;
};

/// "port" has 192.0.2.1, and so would answer; its other end is in a second namespace.
class QuietDeviceTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs the right to make namespaces";
        ASSERT_TRUE(run("ip netns add " + other_));
        made_ = true;
        ASSERT_TRUE(run("ip link add port type veth peer name peer netns " + other_ +
                        " && ip address add 192.0.2.1/24 dev port && ip link set port up"));
        ASSERT_TRUE(in_other("ip address add 192.0.2.9/24 dev peer && ip link set peer up"));
    }
    void TearDown() override {
        if (made_) run("ip netns del " + other_);
    }
    [[nodiscard]] bool in_other(const std::string& command) const {
        return run("ip netns exec " + other_ + " sh -c '" + command + "'");
    }
    /// Gives the link some time to come up.
    [[nodiscard]] bool answers(const std::string& address = "192.0.2.1") const {
        return in_other("ping -c1 -w3 " + address);
    }
    [[nodiscard]] bool is_silent(const std::string& address = "192.0.2.1") const {
        return !in_other("ping -c2 -i0.2 -W0.3 " + address);
    }
    static char ipv6_off() {
        char value = '?';
        std::ifstream("/proc/sys/net/ipv6/conf/port/disable_ipv6") >> value;
        return value;
    }
    static bool has_table() { return run("nft list table netdev shunt_port"); }

    const std::string other_ = "shunt-quiet-" + std::to_string(getpid());
    bool made_ = false;
};

TEST_F(QuietDeviceTest, TheHostIsQuietWhileItLivesAndAsBeforeAfterwards) {
    ASSERT_TRUE(answers()) << "else the test proves nothing";
    ASSERT_EQ(ipv6_off(), '0');
    {
        const QuietDevice quiet("port");
        EXPECT_EQ(quiet.problem(), "");
        EXPECT_TRUE(has_table());
        EXPECT_EQ(ipv6_off(), '1');
        EXPECT_TRUE(is_silent());
        ASSERT_TRUE(in_other("ip neigh flush all"));
        EXPECT_TRUE(is_silent()) << "ARP too";
    }
    EXPECT_FALSE(has_table());
    EXPECT_EQ(ipv6_off(), '0');
    EXPECT_TRUE(answers());
}

TEST_F(QuietDeviceTest, PacketSocketsStillGetEveryFrame) {
    ASSERT_TRUE(answers());
    const QuietDevice quiet("port");
    ASSERT_EQ(quiet.problem(), "");
    ASSERT_TRUE(in_other("ip neigh replace 192.0.2.1 dev peer lladdr 02:00:00:00:00:01"));
    PacketSocket socket("port");
    EXPECT_FALSE(in_other("ping -c3 -i0.2 -W0.3 192.0.2.1"));
    EXPECT_EQ(socket.incoming(ETH_P_IP), 3);
}

TEST_F(QuietDeviceTest, ALeftOverOfAKilledProcessIsTakenOver) {
    // Never destroyed in time, as if the process had been killed.
    alignas(QuietDevice) std::array<std::byte, sizeof(QuietDevice)> storage;
    auto* killed = new (storage.data()) QuietDevice("port");
    ASSERT_TRUE(has_table());
    {
        const QuietDevice quiet("port");
        EXPECT_EQ(quiet.problem(), "");
        EXPECT_TRUE(is_silent());
    }
    EXPECT_FALSE(has_table());
    EXPECT_EQ(ipv6_off(), '0') << "as it was before the killed process";
    EXPECT_TRUE(answers());
    killed->~QuietDevice();
}

TEST_F(QuietDeviceTest, Ipv6ThatWasOffStaysOff) {
    std::ofstream("/proc/sys/net/ipv6/conf/port/disable_ipv6") << '1';
    ASSERT_EQ(ipv6_off(), '1');
    { const QuietDevice quiet("port"); }
    EXPECT_EQ(ipv6_off(), '1');
}

TEST_F(QuietDeviceTest, OtherInterfacesAreLeftAlone) {
    ASSERT_TRUE(run("ip link add port-2.x type veth peer name far netns " + other_ +
                    " && ip address add 198.51.100.1/24 dev port-2.x && ip link set port-2.x up"));
    ASSERT_TRUE(in_other("ip address add 198.51.100.9/24 dev far && ip link set far up"));
    {
        const QuietDevice quiet("port");
        EXPECT_TRUE(answers("198.51.100.1"));
    }
    const QuietDevice dotted("port-2.x");
    EXPECT_EQ(dotted.problem(), "");
    EXPECT_TRUE(is_silent("198.51.100.1"));
    EXPECT_TRUE(answers());
}

TEST_F(QuietDeviceTest, TheInterfaceMayGoFirst) {
    {
        const QuietDevice quiet("port");
        ASSERT_TRUE(run("ip link del port"));
    }
    EXPECT_FALSE(has_table());
}

TEST_F(QuietDeviceTest, ANameThatIsNoneIsSaid) {
    EXPECT_EQ(QuietDevice("nosuch").problem(), "nosuch: no such interface");
    EXPECT_EQ(QuietDevice("a\"; flush ruleset").problem(),
              "a\"; flush ruleset: its name cannot stand in an nft rule");
}

TEST_F(QuietDeviceTest, WithoutTheRightToDoItThatIsSaidInOneLine) {
    const auto without_rights = [] {
        capng_clear(CAPNG_SELECT_CAPS);
        if (capng_apply(CAPNG_SELECT_CAPS) != 0) std::_Exit(2);
        std::fprintf(stderr, "%s|end", QuietDevice("port").problem().c_str());
        std::_Exit(0);
    };
    EXPECT_EXIT(without_rights(), ::testing::ExitedWithCode(0),
                "port: the host's stack cannot be kept off it: [^\n]*not permitted[|]end$");
    EXPECT_EQ(ipv6_off(), '0') << "the other half is undone again";
    EXPECT_FALSE(has_table());
}

TEST(KernelInterfaceOf, IsNamedByDevicesThatOnlyGetCopies) {
    EXPECT_EQ(kernel_interface_of("net_af_packet,iface=veth0"), "veth0");
    EXPECT_EQ(kernel_interface_of("net_af_packet3,qdisc_bypass=1,iface=e.100,framecnt=4096"),
              "e.100");
    EXPECT_EQ(kernel_interface_of("net_pcap0,iface=eth1"), "eth1");
    EXPECT_EQ(kernel_interface_of("net_pcap0,tx_iface=eth2,rx_iface=eth1"), "eth1");
    EXPECT_EQ(kernel_interface_of("net_pcap0,rx_iface_in=eth1,tx_iface=eth1"), "eth1");
    EXPECT_EQ(kernel_interface_of("net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap"), std::nullopt);
    EXPECT_EQ(kernel_interface_of("net_af_xdp0,iface=eth1"), std::nullopt);
    EXPECT_EQ(kernel_interface_of("net_tap0,iface=wan"), std::nullopt);
    EXPECT_EQ(kernel_interface_of("0000:00:03.0"), std::nullopt);
    EXPECT_EQ(kernel_interface_of("net_af_packet,iface="), std::nullopt);
    EXPECT_EQ(kernel_interface_of("net_af_packet"), std::nullopt);
    EXPECT_EQ(kernel_interface_of(""), std::nullopt);
}

}  // namespace
}  // namespace shunt::ctl
