// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/own_ack.h"

#include "dataplane/checksums.h"
#include "dataplane/resolve.h"

namespace shunt {

namespace {

constexpr std::uint8_t hop_limit = 64;
/// Two no-operations, then the option (RFC 7323 appendix A).
constexpr std::array timestamps_head{std::byte{1}, std::byte{1}, std::byte{8}, std::byte{10}};

/// The tuple of packets to the sender: as the other end's, whom he knows.
template <class F>
FlowTuple<F> tuple_to_sender(const Claimed<F>& claim) noexcept {
    const FlowTuple<F> from = claim.conn->tuple(claim.direction);
    return {.source = from.destination,
            .destination = from.source,
            .source_port = from.destination_port,
            .destination_port = from.source_port,
            .protocol = Protocol::tcp};
}

template <class F>
typename F::Header network_header(const FlowTuple<F>& tuple, std::uint16_t l4_length) noexcept {
    typename F::Header header{};
    if constexpr (std::is_same_v<F, Ipv4>) {
        header.version_length = 0x45;
        header.total_length = Be16(static_cast<std::uint16_t>(sizeof(header) + l4_length));
        header.fragment = Be16(Ipv4Header::dont_fragment);
        header.ttl = hop_limit;
        header.protocol = static_cast<std::uint8_t>(Protocol::tcp);
    } else {
        header.version_class_flow = Be32(6U << 28);
        header.payload_length = Be16(l4_length);
        header.next_header = static_cast<std::uint8_t>(Protocol::tcp);
        header.hop_limit = hop_limit;
    }
    header.source = tuple.source;
    header.destination = tuple.destination;
    if constexpr (std::is_same_v<F, Ipv4>)
        header.checksum = checksum(std::as_bytes(std::span(&header, 1)));
    return header;
}

TcpHeaderBytes ack_header(TcpHeaderBytes& segment, const OwnAck& ack) noexcept {
    const TcpHeader said = segment.fixed();
    TcpHeaderBytes header;
    header.size = sizeof(TcpHeader);
    if (const auto stamps = tcp_timestamps(segment.options())) {
        const PacketWriter out(header.bytes);
        static_cast<void>(out.write(header.size, timestamps_head));  // there is room for 40 bytes
        static_cast<void>(out.write(header.size + 4U, stamps->echo));
        static_cast<void>(out.write(header.size + 8U, stamps->value));
        header.size += 12;
    }
    header.set_fixed({.source = said.destination,
                      .destination = said.source,
                      .sequence = said.acknowledgement,
                      .acknowledgement = Be32(ack.acknowledgement),
                      .data_offset = static_cast<std::uint8_t>(header.size / 4 << 4),
                      .flags = TcpHeader::ack,
                      .window = ack.window,
                      .checksum = 0,
                      .urgent = {}});
    return header;
}

}  // namespace

template <class F>
void send_own_ack(WorkerState& worker, const Claimed<F>& claim, TcpHeaderBytes segment,
                  const OwnAck& ack) noexcept {
    TcpHeaderBytes tcp = ack_header(segment, ack);
    const FlowTuple<F> tuple = tuple_to_sender(claim);
    const std::uint32_t sum =
        pseudo_header_sum<F>(tuple, tcp.size) + fold(checksum_add(0, tcp.view()));
    TcpHeader fixed = tcp.fixed();
    fixed.checksum = static_cast<std::uint16_t>(~fold(sum));
    tcp.set_fixed(fixed);
    const auto network = network_header<F>(tuple, tcp.size);

    worker.counters.generated.add();
    rte_mbuf* packet = rte_pktmbuf_alloc(worker.shared.pool);
    if (packet == nullptr) {
        worker.counters.drop(DropReason::no_buffer);
        return;
    }
    auto* bytes =
        rte_pktmbuf_append(packet, static_cast<std::uint16_t>(sizeof(network) + tcp.size));
    if (bytes == nullptr) {
        worker.drop(packet, DropReason::no_buffer);
        return;
    }
    std::memcpy(bytes, &network, sizeof(network));
    std::memcpy(bytes + sizeof(network), tcp.bytes.data(), tcp.size);
    const auto back =
        claim.direction == Direction::from_client ? Direction::from_server : Direction::from_client;
    route_and_send<F>(worker, packet, tuple.destination, flow_hash(worker, *claim.conn, back));
}

template void send_own_ack<Ipv4>(WorkerState&, const Claimed<Ipv4>&, TcpHeaderBytes,
                                 const OwnAck&) noexcept;
template void send_own_ack<Ipv6>(WorkerState&, const Claimed<Ipv6>&, TcpHeaderBytes,
                                 const OwnAck&) noexcept;

}  // namespace shunt
