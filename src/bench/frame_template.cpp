// SPDX-License-Identifier: BSD-3-Clause
#include "bench/frame_template.h"

#include "dataplane/checksums.h"

namespace shunt::bench {

namespace {

constexpr std::uint8_t initial_ttl = 64;

Ipv4Header network_header(const FlowTuple<Ipv4>& tuple, std::uint16_t l4_length) noexcept {
    return {.version_length = 0x45,
            .tos = 0,
            .total_length = Be16(static_cast<std::uint16_t>(sizeof(Ipv4Header) + l4_length)),
            .id = {},
            .fragment = Be16(Ipv4Header::dont_fragment),
            .ttl = initial_ttl,
            .protocol = static_cast<std::uint8_t>(tuple.protocol),
            .checksum = 0,
            .source = tuple.source,
            .destination = tuple.destination};
}

Ipv6Header network_header(const FlowTuple<Ipv6>& tuple, std::uint16_t l4_length) noexcept {
    return {.version_class_flow = Be32(0x60000000U),
            .payload_length = Be16(l4_length),
            .next_header = static_cast<std::uint8_t>(tuple.protocol),
            .hop_limit = initial_ttl,
            .source = tuple.source,
            .destination = tuple.destination};
}

}  // namespace

template <class F>
FrameTemplate<F>::FrameTemplate(Direction d, unsigned server, std::uint8_t tcp_flags,
                                std::size_t frame_length) {
    using Header = typename F::Header;
    const bool inbound = d == Direction::from_client;
    const auto client = client_network<F>();
    const FlowTuple<F> tuple{.source = inbound ? client : server_address<F>(server),
                             .destination = inbound ? virtual_address<F>() : client,
                             .source_port = inbound ? L4Port{} : server_port,
                             .destination_port = inbound ? service_port : L4Port{},
                             .protocol = Protocol::tcp};
    const auto l4_length = static_cast<std::uint16_t>(frame_length - l4);
    const EthernetHeader ethernet{.destination = balancer_mac,
                                  .source = inbound ? gateway_mac : server_mac(server),
                                  .type = Be16(static_cast<std::uint16_t>(F::ether_type))};
    const Header network = network_header(tuple, l4_length);
    const TcpHeader tcp{.source = tuple.source_port,
                        .destination = tuple.destination_port,
                        .sequence = Be32(1),
                        .acknowledgement = Be32(1),
                        .data_offset = 0x50,
                        .flags = tcp_flags,
                        .window = Be16(0xFFFF),
                        .checksum = 0,
                        .urgent = {}};
    const std::span frame(bytes_);
    store<0>(frame, ethernet);
    store<l3>(frame, network);
    store<l4>(frame, tcp);

    const std::size_t address =
        l3 + (inbound ? offsetof(Header, source) : offsetof(Header, destination));
    suffix_at_ = static_cast<std::uint16_t>(address + sizeof(client) - sizeof(Client::suffix));
    port_at_ = static_cast<std::uint16_t>(
        l4 + (inbound ? offsetof(TcpHeader, source) : offsetof(TcpHeader, destination)));
    l3_sum_ = checksum_add(0, std::as_bytes(std::span(&network, 1)));
    l4_sum_ =
        checksum_add(pseudo_header_sum<F>(tuple, l4_length), std::as_bytes(std::span(&tcp, 1)));
}

template class FrameTemplate<Ipv4>;
template class FrameTemplate<Ipv6>;

}  // namespace shunt::bench
