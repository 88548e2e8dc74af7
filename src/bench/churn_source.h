// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Traffic of whole connections, from SYN to the last ACK, with a fixed number of them in flight at
// different stages. Each place in flight gets one packet in turn: the next one of its connection,
// or the first one of the next connection. Places begin at different times, so that each burst
// holds packets of all stages, from clients and servers mixed.
#include <array>
#include <span>
#include <vector>

#include "base/pages.h"
#include "bench/frame_template.h"
#include "bench/loop_device.h"
#include "bench/method.h"

namespace shunt::bench {

/// One packet of a connection.
struct ChurnStep {
    bool reply = false;  ///< from the real server
    std::uint8_t flags = 0;
};

/// All packets of a connection, as far as they pass the balancer.
std::span<const ChurnStep> churn_steps(const Method& method) noexcept;

template <class F>
class ChurnSource final : public TransmitHook {
  public:
    static constexpr std::size_t most_steps = 8;
    /// With fewer a reply would be made before its SYN is through, in the first turns, in which one
    /// place of most_steps is in use.
    static constexpr std::uint32_t least_flows = most_steps * (LoopDevice::in_flight + burst_size);

    /// `reuse_ports`: the next connection of a place comes from the same client's port, while the
    /// last one still waits in TIME_WAIT; else from one that was never used.
    ChurnSource(std::uint32_t flows, const Method& method, std::uint16_t frame_length,
                bool reuse_ports);

    void sent(std::span<rte_mbuf*> packets) noexcept override {
        for (rte_mbuf* packet : packets) {
            learn(packet);
            write(packet, draw());
        }
    }

    struct Packet {
        std::uint32_t place;
        std::uint32_t flow;  ///< of lab.h
        std::uint32_t step;  ///< in churn_steps()
    };
    [[nodiscard]] Packet draw() noexcept;
    void write(rte_mbuf* mbuf, const Packet& packet) const noexcept;
    /// Notes where the balancer has sent a SYN, for the replies.
    void learn(const rte_mbuf* packet) noexcept;

    /// The real server of the connection at a place, once its SYN is through.
    [[nodiscard]] std::uint8_t server_at(std::uint32_t place) const noexcept {
        return servers_[place];
    }
    [[nodiscard]] std::uint32_t steps() const noexcept { return steps_; }
    /// Connections of which a SYN was made.
    [[nodiscard]] std::uint64_t begun() const noexcept { return begun_; }

  private:
    [[nodiscard]] std::uint32_t flow_at(std::uint32_t place, std::uint32_t generation) const {
        return place | (reuse_ports_ ? 0 : generation << place_bits_);
    }
    void next_place() noexcept;

    std::uint32_t flows_;
    std::uint32_t steps_;
    std::uint32_t place_bits_;
    std::uint16_t frame_length_;
    bool reuse_ports_;
    bool replies_ = false;
    std::uint32_t place_ = 0;
    std::uint32_t offset_ = 0;      ///< the place's number modulo the steps
    std::uint32_t generation_ = 0;  ///< of the places whose offset is 0
    std::uint32_t round_ = 0;       ///< turns over all places, modulo the steps
    std::uint64_t begun_ = 0;
    std::array<std::uint16_t, most_steps> first_frame_{};  ///< by step, in frames_
    std::array<std::uint16_t, most_steps> by_server_{};    ///< 1 where frames follow by server
    std::vector<FrameTemplate<F>> frames_;
    PageArray<std::uint8_t> servers_;
};

}  // namespace shunt::bench
