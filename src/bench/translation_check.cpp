// SPDX-License-Identifier: BSD-3-Clause
#include "bench/translation_check.h"

#include <rte_ip.h>

#include <algorithm>

namespace shunt::bench {

namespace {

std::vector<std::byte> bytes_of(rte_mbuf* packet) {
    const auto bytes = first_bytes(packet);
    return {bytes.begin(), bytes.end()};
}

constexpr std::size_t l3 = sizeof(EthernetHeader);

void refresh_checksums(std::vector<std::byte>& frame, Ipv4) {
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(frame.data() + l3);
    auto* tcp = frame.data() + l3 + sizeof(Ipv4Header);
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    std::memset(tcp + offsetof(TcpHeader, checksum), 0, sizeof(TcpHeader::checksum));
    const std::uint16_t sum = rte_ipv4_udptcp_cksum(ip, tcp);
    std::memcpy(tcp + offsetof(TcpHeader, checksum), &sum, sizeof(sum));
}

void refresh_checksums(std::vector<std::byte>& frame, Ipv6) {
    const auto* ip = reinterpret_cast<const rte_ipv6_hdr*>(frame.data() + l3);
    auto* tcp = frame.data() + l3 + sizeof(Ipv6Header);
    std::memset(tcp + offsetof(TcpHeader, checksum), 0, sizeof(TcpHeader::checksum));
    const std::uint16_t sum = rte_ipv6_udptcp_cksum(ip, tcp);
    std::memcpy(tcp + offsetof(TcpHeader, checksum), &sum, sizeof(sum));
}

}  // namespace

template <class F>
std::vector<std::byte> translated(std::vector<std::byte> frame, bool reply, unsigned server) {
    using Header = typename F::Header;
    constexpr std::size_t l4 = l3 + sizeof(Header);
    constexpr std::size_t life =
        std::is_same_v<F, Ipv4> ? offsetof(Ipv4Header, ttl) : offsetof(Ipv6Header, hop_limit);
    const PacketWriter packet(frame);
    const bool written =
        packet.write(0, reply ? gateway_mac : server_mac(server)) &&
        packet.write(sizeof(MacAddress), balancer_mac) &&
        packet.write(l3 + (reply ? offsetof(Header, source) : offsetof(Header, destination)),
                     reply ? virtual_address<F>() : server_address<F>(server)) &&
        packet.write(l4 + (reply ? offsetof(TcpHeader, source) : offsetof(TcpHeader, destination)),
                     reply ? service_port : server_port);
    if (!written) return {};
    frame[l3 + life] = static_cast<std::byte>(static_cast<unsigned>(frame[l3 + life]) - 1U);
    refresh_checksums(frame, F{});
    return frame;
}

template <class F>
void TranslationCheck<F>::compare(const rte_mbuf* packet, const std::vector<std::byte>& expected) {
    ++checked_;
    const auto actual = bytes_of(const_cast<rte_mbuf*>(packet));
    const auto [e, a] = std::ranges::mismatch(expected, actual);
    if (e == expected.end() && a == actual.end()) return;
    if (wrong_++ > 0) return;
    difference_ = "length " + std::to_string(actual.size()) + " instead of " +
                  std::to_string(expected.size()) + ", byte " +
                  std::to_string(e - expected.begin()) + " differs";
}

template <class F>
void TranslationCheck<F>::sent(std::span<rte_mbuf*> packets) noexcept {
    for (rte_mbuf* packet : packets) {
        if (const auto known = expected_.find(packet); known != expected_.end())
            compare(packet, known->second);
        const auto next = source_.draw();
        source_.write(packet, next);
        expected_[packet] = translated<F>(bytes_of(packet), next.reply, servers_[next.flow]);
    }
}

template std::vector<std::byte> translated<Ipv4>(std::vector<std::byte>, bool, unsigned);
template std::vector<std::byte> translated<Ipv6>(std::vector<std::byte>, bool, unsigned);
template class TranslationCheck<Ipv4>;
template class TranslationCheck<Ipv6>;

}  // namespace shunt::bench
