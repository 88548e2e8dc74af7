// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One worker's way out: a buffer a device, sent in bursts. A device with fewer transmit queues than
// there are workers has its queues shared: the workers without one pass their packets to the
// worker that owns the queue, over a ring, so that no queue ever needs a lock.
#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/id.h"
#include "dataplane/counters.h"
#include "dataplane/ring.h"

namespace shunt {

/// A packet's verdict once the device has taken it.
enum class SendKind : std::uint8_t { forwarded, to_host, from_host };

/// Devices are numbered: port p is device 2p, its kernel twin device 2p+1.
struct DeviceIndex {
    std::uint16_t value = 0;
    [[nodiscard]] static DeviceIndex of_port(PortId p) noexcept {
        return {static_cast<std::uint16_t>(p.value() * 2)};
    }
    [[nodiscard]] static DeviceIndex of_twin(PortId p) noexcept {
        return {static_cast<std::uint16_t>(p.value() * 2 + 1)};
    }
};

/// How all workers reach one device. Shared, written at start only.
struct DeviceQueues {
    bool present = false;
    std::uint16_t ethdev = 0;
    std::uint16_t transmit_queues = 0;
    /// One a transmit queue when other workers share it: many producers, the queue's worker
    /// consumes.
    std::vector<RingPtr> relays;
};

class Transmitter {
  public:
    /// `devices` outlives this; `counters` are the worker's own.
    Transmitter(WorkerId worker, const std::vector<DeviceQueues>& devices,
                WorkerCounters& counters);

    [[nodiscard]] bool has(DeviceIndex d) const noexcept {
        return d.value < devices_.size() && devices_[d.value].present;
    }
    /// Takes the packet. It is counted when the device or the relay has taken it, or as dropped.
    void send(DeviceIndex d, rte_mbuf* packet, SendKind kind) noexcept {
        // The kind travels with the packet, also over a relay ring.
        packet->hash.usr = static_cast<std::uint32_t>(kind);
        // Receive flags mean something else to a transmitting device.
        packet->ol_flags &=
            ~(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_TX_OFFLOAD_MASK);
        Buffer& buffer = buffers_[d.value];
        if (kind != SendKind::forwarded) ++buffer.others[static_cast<std::size_t>(kind)];
        buffer.packets[buffer.count++] = packet;
        if (buffer.count == buffer.packets.size()) flush(d.value);
    }
    /// Sends what is buffered, and what other workers passed here. Returns packets moved.
    std::uint32_t flush() noexcept;

  private:
    /// Packets of each SendKind.
    using Kinds = std::array<std::uint16_t, 3>;
    struct Buffer {
        std::uint16_t count = 0;
        Kinds others{};  ///< none counted as forwarded: that is the rest
        std::array<rte_mbuf*, 32> packets;
    };
    void flush(std::uint16_t device) noexcept;
    void transmit(std::uint16_t device, std::uint16_t queue, std::span<rte_mbuf*> packets,
                  Kinds kinds) noexcept;
    void drop(std::uint16_t device, SendKind kind, const rte_mbuf* packet) noexcept;
    std::uint32_t take_relayed(std::uint16_t device) noexcept;

    WorkerId worker_;
    const std::vector<DeviceQueues>& devices_;
    WorkerCounters& counters_;
    std::vector<Buffer> buffers_;
};

}  // namespace shunt
