// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The measured traffic: every transmitted packet becomes the next packet of a flow drawn uniformly
// at random.
#include <array>

#include "base/pages.h"
#include "bench/frame_template.h"
#include "bench/loop_device.h"
#include "bench/options.h"
#include "dataplane/batch.h"

namespace shunt::bench {

/// A small fast generator (xorshift64); never 0.
class Random {
  public:
    [[nodiscard]] std::uint64_t next() noexcept {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }

  private:
    std::uint64_t state_ = 0x9E3779B97F4A7C15U;
};

template <class F>
class TrafficSource final : public TransmitHook {
  public:
    /// `servers`: the real server of each flow; needed for packets from servers, and may be empty
    /// when there are none. Outlives this.
    TrafficSource(std::uint32_t flows, Traffic traffic, std::uint16_t frame_length,
                  const PageArray<std::uint8_t>& servers);

    void sent(std::span<rte_mbuf*> packets) noexcept override;

    struct Packet {
        std::uint32_t flow;
        bool reply;
    };
    /// The next packet's flow and direction.
    [[nodiscard]] Packet draw() noexcept;
    void write(rte_mbuf* mbuf, Packet packet) const noexcept;

  private:
    std::uint32_t flows_;
    std::uint64_t reply_mask_;  ///< bits of the random number that may make a packet a reply
    std::uint64_t reply_always_;
    std::uint16_t frame_length_;
    const PageArray<std::uint8_t>& servers_;
    std::array<FrameTemplate<F>, 1 + server_count> frames_;  ///< [0] from a client, then by server
    Random random_;
    std::array<Packet, burst_size> next_;  ///< drawn one burst ahead
};

}  // namespace shunt::bench
