// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/transmitter.h"

#include <rte_ethdev.h>

#include <numeric>

#include "dataplane/watch.h"

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
        if (!devices_[d].relays.empty()) moved += take_relayed(d);
    }
    return moved;
}

void Transmitter::flush(std::uint16_t d) noexcept {
    Buffer& buffer = buffers_[d];
    const DeviceQueues& device = devices_[d];
    const auto queue = static_cast<std::uint16_t>(worker_.value() % device.transmit_queues);
    const auto packets = std::span(buffer.packets).first(buffer.count);
    Kinds kinds = buffer.others;
    kinds[static_cast<std::size_t>(SendKind::forwarded)] = static_cast<std::uint16_t>(
        buffer.count - std::reduce(kinds.begin(), kinds.end(), std::uint16_t{0}));
    if (queue == worker_.value())
        transmit(d, queue, packets, kinds);
    else
        hand_over(device.relays[queue].get(), packets, counters_);
    buffer.count = 0;
    buffer.others = {};
}

void Transmitter::transmit(std::uint16_t device, std::uint16_t queue, std::span<rte_mbuf*> packets,
                           Kinds kinds) noexcept {
    if (counters_.watch != nullptr) [[unlikely]]
        counters_.watch->leaving({device}, packets);
    const std::uint16_t sent = rte_eth_tx_burst(devices_[device].ethdev, queue, packets.data(),
                                                static_cast<std::uint16_t>(packets.size()));
    const auto refused = packets.subspan(sent);
    for (const rte_mbuf* packet : refused) {
        const SendKind kind = kind_of(packet);
        --kinds[static_cast<std::size_t>(kind)];
        drop(device, kind, packet);
    }
    if (!refused.empty())
        rte_pktmbuf_free_bulk(refused.data(), static_cast<unsigned>(refused.size()));
    counters_.forwarded.add(kinds[static_cast<std::size_t>(SendKind::forwarded)]);
    counters_.to_host.add(kinds[static_cast<std::size_t>(SendKind::to_host)]);
    counters_.from_host.add(kinds[static_cast<std::size_t>(SendKind::from_host)]);
}

/// Counts it; it is the caller's to free.
void Transmitter::drop(std::uint16_t device, SendKind kind, const rte_mbuf* packet) noexcept {
    const DropReason reason =
        kind == SendKind::to_host ? DropReason::host_full : DropReason::transmit_full;
    counters_.drop_from(reason, packet, PortId(static_cast<std::uint16_t>(device / 2)),
                        device % 2 != 0);
}

std::uint32_t Transmitter::take_relayed(std::uint16_t d) noexcept {
    const DeviceQueues& device = devices_[d];
    const std::uint16_t queue = worker_.value();
    if (queue >= device.transmit_queues) return 0;
    std::array<rte_mbuf*, 32> buffer;
    const auto packets =
        std::span(buffer).first(take_over(device.relays[queue].get(), buffer, counters_));
    if (packets.empty()) return 0;
    Kinds kinds{};
    for (const rte_mbuf* packet : packets) ++kinds[static_cast<std::size_t>(kind_of(packet))];
    transmit(d, queue, packets, kinds);
    return static_cast<std::uint32_t>(packets.size());
}

}  // namespace shunt
