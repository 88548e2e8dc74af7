// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/device/ethdev.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_pci.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace shunt::ctl {

namespace {

std::string name_of(const std::string& device) {
    return device.substr(0, device.find(','));
}

/// "net_tap,iface=x" with suffix "3" becomes "net_tap3,iface=x"; a name that has a number keeps it.
std::string with_suffix(const std::string& device, const std::string& suffix) {
    std::string name = name_of(device);
    const std::string rest = device.substr(name.size());
    if (std::isdigit(static_cast<unsigned char>(name.back())) == 0) name += suffix;
    return name + rest;
}

constexpr auto any_socket = static_cast<unsigned>(SOCKET_ID_ANY);

std::uint64_t wanted(std::uint64_t offloads, std::uint64_t offered) {
    return offloads & offered;
}

/// What the card may hash: addresses and ports of TCP and UDP.
constexpr std::uint64_t hashed_packets = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;

std::uint64_t side_bits(EthDevice::RssSide side) {
    switch (side) {
        case EthDevice::RssSide::source:
            return RTE_ETH_RSS_L3_SRC_ONLY | RTE_ETH_RSS_L4_SRC_ONLY;
        case EthDevice::RssSide::destination:
            return RTE_ETH_RSS_L3_DST_ONLY | RTE_ETH_RSS_L4_DST_ONLY;
        case EthDevice::RssSide::both:
            break;
    }
    return 0;
}

rte_eth_dev_info info_of(std::uint16_t id) {
    rte_eth_dev_info info{};
    rte_eth_dev_info_get(id, &info);
    return info;
}

}  // namespace

bool is_pci_device(const std::string& device) {
    rte_pci_addr address;
    return rte_pci_addr_parse(name_of(device).c_str(), &address) == 0;
}

EthDevice::EthDevice(std::string where, const std::string& device, const std::string& suffix)
    : where_(std::move(where)) {
    last_dpdk_error();
    const bool pci = is_pci_device(device);
    const std::string full = pci ? device : with_suffix(device, suffix);
    if (const int error = pci ? 0 : rte_dev_probe(full.c_str()); error != 0) {
        // DPDK answers "no such device" for a driver that it does not know and for one that fails.
        throw failed("cannot open the device " + device, error,
                     "use a PCI address ('dpdk-devbind.py --status' lists them) or a device string "
                     "such as \"net_af_packet,iface=eth1\", and see that nobody else uses it");
    }
    if (rte_eth_dev_get_port_by_name(name_of(full).c_str(), &id_) != 0)
        throw failed(
            "DPDK drives no device " + device, ENODEV,
            pci ? "bind it to vfio-pci ('dpdk-devbind.py --bind=vfio-pci " + name_of(device) + "')"
                : "name an Ethernet device (net_...)");
}

EthDevice::~EthDevice() {
    stop();
    rte_eth_dev_close(id_);
}

StartError EthDevice::failed(const std::string& what, int error, const std::string& advice) const {
    const std::string reason = last_dpdk_error();
    const std::string code =
        error == 0 ? std::string() : fmt::format(": {}", rte_strerror(std::abs(error)));
    return StartError(fmt::format("{}: {}{}{}; {}", where_, what, code,
                                  reason.empty() ? reason : fmt::format(" ({})", reason), advice));
}

void EthDevice::set_mac(const MacAddress& mac) {
    rte_ether_addr address;
    std::ranges::copy(mac.bytes, address.addr_bytes);
    if (const int error = rte_eth_dev_default_mac_addr_set(id_, &address); error != 0)
        throw failed("cannot set the MAC address " + to_string(mac), error,
                     "leave the mac key out to keep the device's own");
}

void EthDevice::set_mtu(std::uint16_t mtu) {
    if (const int error = rte_eth_dev_set_mtu(id_, mtu); error != 0)
        throw failed(fmt::format("cannot set the MTU {}", mtu), error,
                     "leave the mtu key out to keep the device's own");
}

MacAddress EthDevice::mac() const {
    rte_ether_addr address{};
    rte_eth_macaddr_get(id_, &address);
    MacAddress mac;
    std::ranges::copy(address.addr_bytes, mac.bytes.begin());
    return mac;
}

std::uint16_t EthDevice::mtu() const {
    std::uint16_t mtu = 1500;
    rte_eth_dev_get_mtu(id_, &mtu);
    return mtu;
}

EthDevice::Queues EthDevice::most_queues() const {
    const auto info = info_of(id_);
    return {.receive = info.max_rx_queues, .transmit = info.max_tx_queues};
}

EthDevice::Steering EthDevice::configure(const Queues& queues, rte_mempool* pool,
                                         const OwnerFunction& owner, RssSide side) {
    const auto info = info_of(id_);
    rte_eth_conf conf{};
    conf.rxmode.offloads =
        wanted(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_SCATTER, info.rx_offload_capa);
    conf.txmode.offloads = wanted(RTE_ETH_TX_OFFLOAD_MULTI_SEGS, info.tx_offload_capa);
    const std::uint64_t hashes = hashed_packets & info.flow_type_rss_offloads;
    const bool spread = queues.receive > 1 && hashes != 0;
    const bool sided = side != RssSide::both && spread &&
                       (info.flow_type_rss_offloads & side_bits(side)) == side_bits(side) &&
                       info.hash_key_size == OwnerFunction::key_size;
    rss_key_ = owner.key();
    if (spread) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = hashes | (sided ? side_bits(side) : 0);
        if (info.hash_key_size == OwnerFunction::key_size) {
            conf.rx_adv_conf.rss_conf.rss_key = rss_key_.data();
            conf.rx_adv_conf.rss_conf.rss_key_len = static_cast<std::uint8_t>(rss_key_.size());
        }
    }
    if (const int error = rte_eth_dev_configure(id_, queues.receive, queues.transmit, &conf);
        error != 0)
        throw failed(fmt::format("cannot have {} receive and {} transmit queues", queues.receive,
                                 queues.transmit),
                     error, "set ports[].queues to what the device offers");
    std::uint16_t receive_descriptors = queues.descriptors;
    std::uint16_t transmit_descriptors = queues.descriptors;
    rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive_descriptors, &transmit_descriptors);
    for (std::uint16_t q = 0; q < queues.receive; ++q)
        if (const int error =
                rte_eth_rx_queue_setup(id_, q, receive_descriptors, any_socket, nullptr, pool);
            error != 0)
            throw failed(fmt::format("cannot set up receive queue {}", q), error,
                         "raise packet_buffers");
    for (std::uint16_t q = 0; q < queues.transmit; ++q)
        if (const int error =
                rte_eth_tx_queue_setup(id_, q, transmit_descriptors, any_socket, nullptr);
            error != 0)
            throw failed(fmt::format("cannot set up transmit queue {}", q), error,
                         "raise packet_buffers");
    return {.spread = spread, .by_owner = sided && set_up_table(owner, queues.receive)};
}

/// The card's redirection table names the same worker for each hash as OwnerFunction does.
bool EthDevice::set_up_table(const OwnerFunction& owner, std::uint16_t queues) {
    const std::uint16_t size = info_of(id_).reta_size;
    if (size == 0 || size % RTE_ETH_RETA_GROUP_SIZE != 0) return false;
    std::vector<rte_eth_rss_reta_entry64> groups(size / RTE_ETH_RETA_GROUP_SIZE);
    for (std::uint16_t i = 0; i < size; ++i) {
        auto& group = groups[i / RTE_ETH_RETA_GROUP_SIZE];
        group.mask = ~std::uint64_t{0};
        group.reta[i % RTE_ETH_RETA_GROUP_SIZE] =
            static_cast<std::uint16_t>(owner.entry(i).value() % queues);
    }
    return size % OwnerFunction::table_size == 0 &&
           rte_eth_dev_rss_reta_update(id_, groups.data(), size) == 0;
}

void EthDevice::start() {
    if (const int error = rte_eth_dev_start(id_); error != 0)
        throw failed("does not start", error,
                     "see that the interface exists, is free and up, and that shuntd has "
                     "CAP_NET_ADMIN and CAP_NET_RAW");
    started_ = true;
    // Virtual router addresses (VRRP) and macvlan children have MACs of their own; the pipeline
    // looks at destinations itself. A device that knows no such filter answers 'not supported'.
    rte_eth_promiscuous_enable(id_);
    rte_eth_allmulticast_enable(id_);
}

void EthDevice::stop() noexcept {
    if (std::exchange(started_, false)) rte_eth_dev_stop(id_);
}

bool EthDevice::link_up() const {
    rte_eth_link link{};
    return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

EthDevice::Counts EthDevice::counts() const {
    rte_eth_stats stats{};
    rte_eth_stats_get(id_, &stats);
    return {.received = stats.ipackets,
            .sent = stats.opackets,
            .missed = stats.imissed + stats.rx_nombuf,
            .errors = stats.ierrors + stats.oerrors};
}

}  // namespace shunt::ctl
