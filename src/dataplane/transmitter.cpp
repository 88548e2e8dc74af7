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
        hand_over(device.relays[queue].get(), std::span(buffer.packets).first(buffer.count),
                  counters_);
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
    const std::uint16_t count = take_over(device.relays[queue].get(), packets, counters_);
    if (count > 0) transmit(device, queue, packets.data(), count);
    return count;
}

}  // namespace shunt
