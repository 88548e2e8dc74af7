// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The benchmark's network card: a ring on which every transmitted packet comes back as received. A
// hook turns each packet into the next one while it is transmitted, so that its headers are read
// again only one turn of the ring later, when other packets have taken their place in L1.
#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/batch.h"
#include "dataplane/transmitter.h"

struct rte_eth_rxtx_callback;

namespace shunt::bench {

/// Sees each burst as it is transmitted, and may rewrite its packets.
class TransmitHook {
  public:
    TransmitHook() = default;
    TransmitHook(const TransmitHook&) = delete;
    TransmitHook& operator=(const TransmitHook&) = delete;
    virtual ~TransmitHook() = default;
    virtual void sent(std::span<rte_mbuf*> packets) noexcept = 0;
};

/// A packet's frame as it was made: at the buffer's own start, `length` bytes.
inline std::span<std::byte> reset_frame(rte_mbuf* packet, std::uint16_t length) noexcept {
    packet->data_off = RTE_PKTMBUF_HEADROOM;
    packet->data_len = length;
    packet->pkt_len = length;
    return first_bytes(packet);
}

/// Owns its packets. Thread: one. Needs a running EAL.
class LoopDevice {
  public:
    /// Packets under way: more would spill L2, fewer would stay in L1.
    static constexpr std::size_t in_flight = 1024;

    /// Zeroed packets of `frame_length` bytes, not on the ring yet. Throws std::runtime_error.
    explicit LoopDevice(std::uint16_t frame_length);
    ~LoopDevice();
    LoopDevice(const LoopDevice&) = delete;
    LoopDevice& operator=(const LoopDevice&) = delete;

    [[nodiscard]] std::uint16_t ethdev() const noexcept { return ethdev_; }
    [[nodiscard]] rte_mempool* pool() const noexcept { return pool_.get(); }
    [[nodiscard]] std::uint16_t frame_length() const noexcept { return frame_length_; }
    [[nodiscard]] std::span<rte_mbuf*> packets() noexcept { return packets_; }

    /// Empties the ring, has `hook` make all packets, and puts them on the ring.
    void refill(TransmitHook& hook) noexcept;
    /// From now on called for each burst; none when null.
    void set_hook(TransmitHook* hook) noexcept { hook_ = hook; }

    /// Puts packets on the ring as if received.
    void inject(std::span<rte_mbuf*> packets) noexcept;
    /// Takes at most `packets.size()` transmitted packets from the ring; returns how many.
    std::size_t collect(std::span<rte_mbuf*> packets) noexcept;

  private:
    struct PoolFree {
        void operator()(rte_mempool* pool) const noexcept;
    };
    static std::uint16_t transmitting(std::uint16_t port, std::uint16_t queue, rte_mbuf** packets,
                                      std::uint16_t count, void* self);
    void start();

    std::uint16_t frame_length_;
    std::unique_ptr<rte_mempool, PoolFree> pool_;
    RingPtr ring_;
    std::uint16_t ethdev_ = 0;
    const rte_eth_rxtx_callback* callback_ = nullptr;
    TransmitHook* hook_ = nullptr;
    std::array<rte_mbuf*, in_flight> packets_{};
};

}  // namespace shunt::bench
