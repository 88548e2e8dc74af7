// SPDX-License-Identifier: BSD-3-Clause
// On DPDK's null device, which has queues and hash types, but no key that it would show.
#include "ctl/device/ethdev.h"

#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <array>
#include <memory>

namespace shunt::ctl {
namespace {

using Side = EthDevice::RssSide;

template <class Fn>
std::string refusal(Fn&& fn) {
    try {
        fn();
        return "";
    } catch (const StartError& error) {
        return error.what();
    }
}

bool begins(const std::string& text, const std::string& with) {
    return text.compare(0, with.size(), with) == 0;
}

/// What drivers look at when they start.
rte_eth_conf kept_by_dpdk(const EthDevice& device) {
    rte_eth_conf conf{};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // not in DPDK's stable ABI yet
    EXPECT_EQ(rte_eth_dev_conf_get(device.id(), &conf), 0);
#pragma GCC diagnostic pop
    return conf;
}

class EthDeviceTest : public ::testing::Test {
  protected:
    EthDeviceTest()
        : pool(rte_pktmbuf_pool_create("ethdev", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                       SOCKET_ID_ANY),
               rte_mempool_free) {
        for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i + 1);
        owner = std::make_unique<OwnerFunction>(key, std::uint16_t{4});
    }
    EthDevice::Steering configure(EthDevice& device, std::uint16_t receive, std::uint16_t transmit,
                                  Side side = Side::both) {
        return device.configure({.receive = receive, .transmit = transmit, .descriptors = 64},
                                pool.get(), *owner, side);
    }
    std::unique_ptr<rte_mempool, void (*)(rte_mempool*)> pool;
    OwnerFunction::Key key{};
    std::unique_ptr<OwnerFunction> owner;
};

TEST_F(EthDeviceTest, AnUnknownDriverIsRefusedWithWhatToDo) {
    const auto text =
        refusal([] { const EthDevice device("port wan0", "net_unheardof,iface=x", "1"); });
    EXPECT_TRUE(begins(text, "port wan0: cannot open the device net_unheardof,iface=x: ")) << text;
    EXPECT_NE(text.find("; use a PCI address"), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST_F(EthDeviceTest, APciDeviceThatDpdkDoesNotDriveIsRefusedWithWhatToDo) {
    const auto text = refusal([] { const EthDevice device("port wan0", "0000:ff:1f.7", "1"); });
    EXPECT_TRUE(begins(text, "port wan0: DPDK drives no device 0000:ff:1f.7: ")) << text;
    EXPECT_NE(text.find("dpdk-devbind.py --bind=vfio-pci 0000:ff:1f.7"), std::string::npos) << text;
}

TEST_F(EthDeviceTest, SeveralOfOneDriverAreTakenApartByTheSuffix) {
    const EthDevice one("port a", "net_null", "41");
    const EthDevice two("port b", "net_null", "42");
    EXPECT_NE(one.id(), two.id());
    std::uint16_t found = 0;
    ASSERT_EQ(rte_eth_dev_get_port_by_name("net_null42", &found), 0);
    EXPECT_EQ(found, two.id());
}

TEST_F(EthDeviceTest, ANumberInTheNameStays) {
    const EthDevice device("port a", "net_null43,size=100", "9");
    std::uint16_t found = 0;
    ASSERT_EQ(rte_eth_dev_get_port_by_name("net_null43", &found), 0);
    EXPECT_EQ(found, device.id());
}

TEST_F(EthDeviceTest, IsGoneWithItsObject) {
    { const EthDevice device("port a", "net_null", "44"); }
    std::uint16_t found = 0;
    EXPECT_NE(rte_eth_dev_get_port_by_name("net_null44", &found), 0);
}

TEST_F(EthDeviceTest, TooManyQueuesAreRefusedWithTheKeyToChange) {
    EthDevice device("port wan0", "net_null", "45");
    const auto most = device.most_queues();
    ASSERT_GT(most.receive, 0);
    const auto text =
        refusal([&] { configure(device, static_cast<std::uint16_t>(most.receive + 1), 1); });
    EXPECT_TRUE(begins(text, "port wan0: cannot have " + std::to_string(most.receive + 1) +
                                 " receive and 1 transmit queues: "))
        << text;
    EXPECT_NE(text.find("; set ports[].queues"), std::string::npos) << text;
}

TEST_F(EthDeviceTest, OneQueueIsNotSpread) {
    EthDevice device("port a", "net_null", "46");
    const auto steering = configure(device, 1, 4, Side::source);
    EXPECT_FALSE(steering.spread);
    EXPECT_FALSE(steering.by_owner);
}

TEST_F(EthDeviceTest, SeveralQueuesAreSpreadByAddressesAndPorts) {
    EthDevice device("port a", "net_null", "47");
    const auto steering = configure(device, 4, 4);
    EXPECT_TRUE(steering.spread);
    EXPECT_FALSE(steering.by_owner);  // both ends are hashed, so a card cannot know the owner
    const rte_eth_conf conf = kept_by_dpdk(device);
    const auto& rss = conf.rx_adv_conf.rss_conf;
    EXPECT_EQ(conf.rxmode.mq_mode, RTE_ETH_MQ_RX_RSS);
    EXPECT_NE(rss.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP, 0U);
    EXPECT_NE(rss.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_UDP, 0U);
}

TEST_F(EthDeviceTest, ASideThatTheCardCannotHashAloneIsLeftToTheHandOff) {
    EthDevice device("port a", "net_null", "48");
    rte_eth_dev_info info{};
    ASSERT_EQ(rte_eth_dev_info_get(device.id(), &info), 0);
    ASSERT_EQ(info.flow_type_rss_offloads & RTE_ETH_RSS_L3_SRC_ONLY, 0U);
    const auto steering = configure(device, 4, 4, Side::source);
    EXPECT_TRUE(steering.spread);
    EXPECT_FALSE(steering.by_owner);
}

TEST_F(EthDeviceTest, KeepsTheMacAndMtuItIsGiven) {
    EthDevice device("port a", "net_null", "49");
    const MacAddress mac{{2, 0, 0, 1, 2, 3}};
    device.set_mac(mac);
    EXPECT_EQ(device.mac(), mac);
    configure(device, 1, 1);
    device.set_mtu(1400);
    EXPECT_EQ(device.mtu(), 1400);
    const auto text = refusal([&] { device.set_mtu(10); });
    EXPECT_TRUE(begins(text, "port a: cannot set the MTU 10: ")) << text;
    EXPECT_TRUE(begins(refusal([&] {
                           device.set_mac({{1, 0, 0, 0, 0, 0}});
                       }),
                       "port a: cannot set the MAC address 01:00:00:00:00:00: "));
}

TEST_F(EthDeviceTest, RunsFromStartToStop) {
    EthDevice device("port a", "net_null", "50");
    configure(device, 1, 1);
    EXPECT_FALSE(device.link_up());
    device.start();
    EXPECT_TRUE(device.link_up());
    std::array<rte_mbuf*, 8> packets{};
    ASSERT_EQ(rte_eth_rx_burst(device.id(), 0, packets.data(), packets.size()), packets.size());
    ASSERT_EQ(rte_eth_tx_burst(device.id(), 0, packets.data(), 5), 5);
    rte_pktmbuf_free_bulk(packets.data() + 5, 3);
    EXPECT_EQ(device.counts().received, 8U);
    EXPECT_EQ(device.counts().sent, 5U);
    EXPECT_EQ(device.counts().missed, 0U);
    EXPECT_EQ(device.counts().errors, 0U);
    device.stop();
    EXPECT_FALSE(device.link_up());
    device.stop();
}

TEST(IsPciDevice, KnowsAddressesWithAndWithoutDomainAndArguments) {
    for (const char* device :
         {"0000:03:00.0", "03:00.1", "0000:AF:1f.7", "03:00.0,mprq_en=1", "10000:e1:00.0"})
        EXPECT_TRUE(is_pci_device(device)) << device;
    for (const char* device : {"net_null", "net_af_packet,iface=0000:03:00.0", "", "03:00",
                               "0000:03:00.0x", "00:03:00:00.0", " 03:00.0"})
        EXPECT_FALSE(is_pci_device(device)) << device;
}

}  // namespace
}  // namespace shunt::ctl
