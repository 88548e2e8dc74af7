// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/icmp_error.h"

#include <rte_cycles.h>

#include <algorithm>

#include "dataplane/checksums.h"
#include "dataplane/resolve.h"
#include "dataplane/watch_mark.h"

namespace shunt {

namespace {

template <class F>
constexpr IcmpMessage message_of(IcmpError error, std::uint16_t mtu) noexcept {
    constexpr bool v4 = std::is_same_v<F, Ipv4>;
    switch (error) {
        case IcmpError::net_unreachable:
            return v4 ? IcmpMessage{3, 0} : IcmpMessage{1, 0};
        case IcmpError::host_unreachable:
            return v4 ? IcmpMessage{3, 1} : IcmpMessage{1, 3};
        case IcmpError::port_unreachable:
            return v4 ? IcmpMessage{3, 3} : IcmpMessage{1, 4};
        case IcmpError::time_exceeded:
            return v4 ? IcmpMessage{11, 0} : IcmpMessage{3, 0};
        case IcmpError::reassembly_timeout:
            return v4 ? IcmpMessage{11, 1} : IcmpMessage{3, 1};
        case IcmpError::packet_too_big:
            return v4 ? IcmpMessage{3, 4, mtu} : IcmpMessage{2, 0, mtu};
    }
    __builtin_unreachable();
}

/// Path MTU discovery works only when every such error comes through (as in Linux).
template <class F>
constexpr bool unlimited(const IcmpMessage& message) noexcept {
    const IcmpMessage too_big = message_of<F>(IcmpError::packet_too_big, 0);
    return message.type == too_big.type && message.code == too_big.code;
}

/// Is it an ICMP error, or so short that it may be one? A redirect counts as one (RFC 4443 2.4 e).
template <class F>
bool is_error(const PacketMeta& meta) noexcept {
    if (meta.tuple<F>().protocol != F::icmp) return false;
    if (meta.icmp_type == no_icmp_type) return true;
    if constexpr (std::is_same_v<F, Ipv6>) {
        constexpr std::uint8_t redirect = 137;
        return meta.icmp_type < 128 || meta.icmp_type == redirect;
    } else {
        constexpr std::array<std::uint8_t, 5> errors{3, 4, 5, 11, 12};
        return std::ranges::find(errors, meta.icmp_type) != errors.end();
    }
}

/// The largest error: what every host must accept (RFC 1812 4.3.2.3, RFC 4443 2.4 c).
template <class F>
constexpr std::uint32_t largest = std::is_same_v<F, Ipv4> ? 576 : 1280;

/// A fresh one a packet, so that fragments of two errors never mix. Takes any value.
std::uint16_t next_id(const WorkerState& worker) noexcept {
    return static_cast<std::uint16_t>(worker.counters.generated.value());
}

constexpr std::uint8_t hop_limit = 64;

/// `about_class`: the traffic class byte of the packet that the error is about.
template <class F>
typename F::Header network_header(const WorkerState& worker, const FlowTuple<F>& tuple,
                                  std::uint32_t l4_length, std::uint8_t about_class) noexcept {
    typename F::Header header{};
    if constexpr (std::is_same_v<F, Ipv4>) {
        constexpr std::uint8_t type_of_service = 0x1E;
        constexpr std::uint8_t internetwork_control = 0xC0;
        header.version_length = 0x45;
        header.tos =
            static_cast<std::uint8_t>((about_class & type_of_service) | internetwork_control);
        header.total_length = Be16(static_cast<std::uint16_t>(sizeof(header) + l4_length));
        header.id = Be16(next_id(worker));
        header.ttl = hop_limit;
        header.protocol = static_cast<std::uint8_t>(F::icmp);
        header.source = tuple.source;
        header.destination = tuple.destination;
        header.checksum = checksum(std::as_bytes(std::span(&header, 1)));
    } else {
        header.version_class_flow = Be32(6U << 28);
        header.payload_length = Be16(static_cast<std::uint16_t>(l4_length));
        header.next_header = static_cast<std::uint8_t>(F::icmp);
        header.hop_limit = hop_limit;
        header.source = tuple.source;
        header.destination = tuple.destination;
    }
    return header;
}

template <class F>
bool one_host(const typename F::Address& a) noexcept {
    return !a.is_loopback() && !not_one_host(a);
}

/// Who sends the error: the address that the packet was for if that is ours, else the host's
/// address on the way back.
template <class F>
typename F::Address error_source(const WorkerState& worker, const Quotation<F>& about) noexcept {
    const NetTable& network = worker.network();
    if (worker.services().is_virtual<F>(about.destination) ||
        network.is_local<F>(about.destination))
        return about.destination;
    return network.route<F>(about.source, 0).source;
}

/// Fills an empty buffer; false when the buffer is too small for it.
template <class F>
bool write_error(const WorkerState& worker, rte_mbuf* packet, const Quotation<F>& about,
                 const IcmpMessage& message) noexcept {
    constexpr std::uint32_t headers = sizeof(typename F::Header) + sizeof(IcmpHeader);
    const std::uint32_t quoted = std::min<std::uint32_t>(about.length, largest<F> - headers);
    const auto length = static_cast<std::uint16_t>(headers + quoted);
    auto* bytes = reinterpret_cast<std::byte*>(rte_pktmbuf_append(packet, length));
    if (bytes == nullptr) return false;
    const void* quote = rte_pktmbuf_read(about.packet, about.offset, quoted, bytes + headers);
    if (quote == nullptr) return false;
    if (quote != bytes + headers) std::memcpy(bytes + headers, quote, quoted);

    const FlowTuple<F> tuple{.source = error_source<F>(worker, about),
                             .destination = about.source,
                             .source_port = {},
                             .destination_port = {},
                             .protocol = F::icmp};
    IcmpHeader icmp{
        .type = message.type, .code = message.code, .checksum = 0, .rest = Be32(message.mtu)};
    const std::uint32_t l4_length = sizeof(icmp) + quoted;
    std::uint32_t sum = checksum_add(0, std::as_bytes(std::span(&icmp, 1)));
    if constexpr (std::is_same_v<F, Ipv6>) sum += pseudo_header_sum<F>(tuple, l4_length);
    icmp.checksum = static_cast<std::uint16_t>(
        ~fold(checksum_add(fold(sum), std::span(bytes + headers, quoted))));

    const std::uint8_t about_class =
        std::is_same_v<F, Ipv4> ? std::to_integer<std::uint8_t>(bytes[headers + 1]) : 0;
    const auto header = network_header<F>(worker, tuple, l4_length, about_class);
    std::memcpy(bytes, &header, sizeof(header));
    std::memcpy(bytes + sizeof(header), &icmp, sizeof(icmp));
    return true;
}

/// Milliseconds since the daemon started.
std::uint64_t milliseconds(const SharedState& shared) noexcept {
    constexpr std::uint64_t in_a_tick = std::chrono::milliseconds(Ticks(1)).count();
    return (rte_rdtsc() - shared.start_tsc) /
           std::max<std::uint64_t>(shared.tsc_per_tick / in_a_tick, 1);
}

}  // namespace

template <class F>
void send_icmp_error(WorkerState& worker, const rte_mbuf* about, const PacketMeta& meta,
                     IcmpError error, std::uint16_t mtu) noexcept {
    if (meta.to_group || meta.fragment == FragmentKind::later || is_error<F>(meta)) return;
    const auto& tuple = meta.tuple<F>();
    send_icmp_message<F>(worker,
                         {.packet = about,
                          .offset = meta.l3_offset,
                          .length = meta.l3_length,
                          .source = tuple.source,
                          .destination = tuple.destination},
                         message_of<F>(error, mtu));
}

template <class F>
void send_icmp_message(WorkerState& worker, const Quotation<F>& about,
                       const IcmpMessage& message) noexcept {
    if (!one_host<F>(about.source) || !one_host<F>(about.destination)) return;
    if (!unlimited<F>(message) &&
        !worker.icmp_limit.allow(about.source, milliseconds(worker.shared), worker.tunables())) {
        worker.counters.errors_suppressed.add();
        return;
    }
    worker.counters.generated.add();
    rte_mbuf* packet = rte_pktmbuf_alloc(worker.shared.pool);
    if (packet == nullptr) {
        worker.counters.drop(DropReason::no_buffer);
        return;
    }
    copy_watch_mark(packet, about.packet);
    if (!write_error<F>(worker, packet, about, message)) {
        worker.drop(packet, DropReason::no_buffer);
        return;
    }
    route_and_send<F>(worker, packet, about.source, 0);
}

template void send_icmp_error<Ipv4>(WorkerState&, const rte_mbuf*, const PacketMeta&, IcmpError,
                                    std::uint16_t) noexcept;
template void send_icmp_error<Ipv6>(WorkerState&, const rte_mbuf*, const PacketMeta&, IcmpError,
                                    std::uint16_t) noexcept;
template void send_icmp_message<Ipv4>(WorkerState&, const Quotation<Ipv4>&,
                                      const IcmpMessage&) noexcept;
template void send_icmp_message<Ipv6>(WorkerState&, const Quotation<Ipv6>&,
                                      const IcmpMessage&) noexcept;

}  // namespace shunt
