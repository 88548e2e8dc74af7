// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/host_path.h"

#include "dataplane/forwarders.h"

namespace shunt {

void send_to_host(WorkerState& worker, PortId port, rte_mbuf* packet) noexcept {
    const auto twin = DeviceIndex::of_twin(port);
    if (!worker.transmitter.has(twin)) {
        worker.drop(packet, DropReason::no_twin);
        return;
    }
    worker.transmitter.send(twin, packet, SendKind::to_host);
}

namespace {

void send_out(WorkerState& worker, PortId port, rte_mbuf* packet) noexcept {
    worker.transmitter.send(DeviceIndex::of_port(port), packet, SendKind::from_host);
}

/// Calls `send` with the packet, or with its fragments if it was put together from such.
template <class F, class Send>
void send_as_it_came(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                     Send&& send) noexcept {
    if (meta.fragment != FragmentKind::joined || meta.l3_length <= largest_fragment(packet)) {
        send(packet);
        return;
    }
    std::array<std::byte, 32> link_header;
    const std::uint8_t link_length = meta.l3_offset;
    const std::uint16_t largest = largest_fragment(packet);
    std::memcpy(link_header.data(), first_bytes(packet).data(), link_length);
    rte_pktmbuf_adj(packet, link_length);
    const std::uint16_t pieces = cut<F>(packet, largest, worker.shared.pool,
                                        next_fragment_id(worker), [&](rte_mbuf* piece) noexcept {
                                            char* at = rte_pktmbuf_prepend(piece, link_length);
                                            if (at == nullptr)
                                                return worker.drop(piece, DropReason::no_buffer);
                                            std::memcpy(at, link_header.data(), link_length);
                                            send(piece);
                                        });
    if (pieces == 0)
        worker.drop(packet, DropReason::no_buffer);
    else
        worker.counters.split.add(pieces - 1U);
}

}  // namespace

template <class F>
void give_to_host(WorkerState& worker, PortId port, rte_mbuf* packet,
                  const PacketMeta& meta) noexcept {
    send_as_it_came<F>(worker, packet, meta,
                       [&](rte_mbuf* piece) noexcept { send_to_host(worker, port, piece); });
}

void pass_by(WorkerState& worker, const Batch& batch, rte_mbuf* packet) noexcept {
    batch.from_host ? send_out(worker, batch.port, packet)
                    : send_to_host(worker, batch.port, packet);
}

template <class F>
void pass_by(WorkerState& worker, const Batch& batch, rte_mbuf* packet,
             const PacketMeta& meta) noexcept {
    send_as_it_came<F>(worker, packet, meta,
                       [&](rte_mbuf* piece) noexcept { pass_by(worker, batch, piece); });
}

template void give_to_host<Ipv4>(WorkerState&, PortId, rte_mbuf*, const PacketMeta&) noexcept;
template void give_to_host<Ipv6>(WorkerState&, PortId, rte_mbuf*, const PacketMeta&) noexcept;
template void pass_by<Ipv4>(WorkerState&, const Batch&, rte_mbuf*, const PacketMeta&) noexcept;
template void pass_by<Ipv6>(WorkerState&, const Batch&, rte_mbuf*, const PacketMeta&) noexcept;

void send_from_host(WorkerState& worker, PortId port, std::span<rte_mbuf*> packets) noexcept {
    for (rte_mbuf* packet : packets) send_out(worker, port, packet);
}

}  // namespace shunt
