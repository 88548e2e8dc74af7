// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/transmitter.h"

#include <rte_ethdev.h>

namespace shunt {

namespace {

SendKind kind_of(const rte_mbuf* m) noexcept {
    return static_cast<SendKind>(m->hash.usr);
}

}  // namespace

Transmitter::Transmitter(WorkerId worker, const std::vector<DeviceQueues>& devices,
                         WorkerCounters& counters)
    : worker_(worker), devices_(devices), counters_(counters), buffers_(devices.size()) {}

std::uint32_t Transmitter::flush() noexcept {
    std::uint32_t moved = 0;
    for (std::uint16_t d = 0; d < buffers_.size(); ++d) {
        moved += buffers_[d].count;
        if (buffers_[d].count > 0) flush(d);
        if (!devices_[d].relays.empty()) moved += take_relayed(devices_[d]);
    }
    return moved;
}

void Transmitter::flush(std::uint16_t d) noexcept {
    Buffer& buffer = buffers_[d];
    const DeviceQueues& device = devices_[d];
    const auto queue = static_cast<std::uint16_t>(worker_.value() % device.transmit_queues);
    if (queue == worker_.value()) {
        transmit(device, queue, buffer.packets.data(), buffer.count);
    } else {
        const unsigned taken = rte_ring_enqueue_burst(
            device.relays[queue].get(), reinterpret_cast<void**>(buffer.packets.data()),
            buffer.count, nullptr);
        counters_.handed_off.add(taken);
        if (taken < buffer.count) {
            counters_.drop(DropReason::handoff_full, buffer.count - taken);
            rte_pktmbuf_free_bulk(buffer.packets.data() + taken, buffer.count - taken);
        }
    }
    buffer.count = 0;
}

void Transmitter::transmit(const DeviceQueues& device, std::uint16_t queue, rte_mbuf** packets,
                           std::uint16_t count) noexcept {
    std::array<std::uint16_t, 3> kinds{};
    std::array<SendKind, 32> kind;
    for (std::uint16_t i = 0; i < count; ++i) kind[i] = kind_of(packets[i]);
    const std::uint16_t sent = rte_eth_tx_burst(device.ethdev, queue, packets, count);
    for (std::uint16_t i = 0; i < sent; ++i) ++kinds[static_cast<std::size_t>(kind[i])];
    counters_.forwarded.add(kinds[static_cast<std::size_t>(SendKind::forwarded)]);
    counters_.to_host.add(kinds[static_cast<std::size_t>(SendKind::to_host)]);
    counters_.from_host.add(kinds[static_cast<std::size_t>(SendKind::from_host)]);
    for (std::uint16_t i = sent; i < count; ++i)
        counters_.drop(kind[i] == SendKind::to_host ? DropReason::host_full
                                                    : DropReason::transmit_full);
    if (sent < count) rte_pktmbuf_free_bulk(packets + sent, count - sent);
}

std::uint32_t Transmitter::take_relayed(const DeviceQueues& device) noexcept {
    const std::uint16_t queue = worker_.value();
    if (queue >= device.transmit_queues) return 0;
    std::array<rte_mbuf*, 32> packets;
    const unsigned count =
        rte_ring_dequeue_burst(device.relays[queue].get(), reinterpret_cast<void**>(packets.data()),
                               packets.size(), nullptr);
    if (count == 0) return 0;
    counters_.taken_over.add(count);
    transmit(device, queue, packets.data(), static_cast<std::uint16_t>(count));
    return count;
}

}  // namespace shunt
