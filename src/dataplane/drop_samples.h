// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The last packets that a worker dropped, a few for each reason: what a drop counter cannot tell.
//
// Theory of operation. Each reason has a ring of a few slots of fixed size. A reason that was
// sampled is not sampled again for ten milliseconds, so that a flood of drops costs one comparison
// a packet. The worker writes words that are atomic and marks a slot while it does (a sequence
// lock); a reader copies the slot and throws the copy away when the mark has changed. The worker
// never waits, whoever reads.
#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/drop_reason.h"
#include "base/id.h"

namespace shunt {

/// A packet as it was when it was dropped: addresses may be translated already, and what waited for
/// a link address has lost its link-layer header.
struct DropSample {
    static constexpr std::size_t most_bytes = 128;

    std::uint64_t cycles = 0;    ///< TSC cycles after the start of the data plane
    std::uint32_t length = 0;    ///< of the whole packet
    std::uint16_t captured = 0;  ///< first bytes that are here
    /// It came in by this port, or, when that did not take it, was to leave by it. Nothing for what
    /// waited, and for what came from another worker's ring.
    std::optional<PortId> port;
    bool twin = false;  ///< by the port's kernel twin
    std::array<std::byte, most_bytes> bytes;

    [[nodiscard]] std::span<const std::byte> data() const noexcept {
        return std::span(bytes).first(captured);
    }
};

/// Thread: its worker; read() any.
class DropSamples {
  public:
    static constexpr std::size_t kept = 4;  ///< of each reason

    /// `pause`: cycles for which a reason is not sampled again.
    explicit DropSamples(std::uint64_t pause) noexcept : pause_(pause) {}
    DropSamples(const DropSamples&) = delete;
    DropSamples& operator=(const DropSamples&) = delete;

    /// To be called once an iteration, with cycles after the start of the data plane.
    void set_clock(std::uint64_t cycles) noexcept { clock_ = cycles; }
    /// Where the packets at hand came in.
    void set_port(PortId port, bool twin) noexcept { origin_ = origin_of(port, twin); }
    void forget_port() noexcept { origin_ = no_origin; }

    void take(DropReason reason, const rte_mbuf* packet) noexcept {
        take_at(reason, packet, origin_);
    }
    /// The same for a packet that this port or twin was to send.
    void take_from(DropReason reason, const rte_mbuf* packet, PortId port, bool twin) noexcept {
        take_at(reason, packet, origin_of(port, twin));
    }
    /// The same for a packet that is none of those at hand.
    void take_other(DropReason reason, const rte_mbuf* packet) noexcept {
        take_at(reason, packet, no_origin);
    }

    /// The samples of a reason, in no certain order: writes to the front of `out` and returns how
    /// many there were. Leaves out one that was being written whenever it was looked at.
    std::size_t read(DropReason reason, std::span<DropSample, kept> out) const noexcept;

  private:
    static constexpr std::uint32_t no_origin = 0xFFFFFFFF;
    static constexpr std::size_t words = DropSample::most_bytes / sizeof(std::uint64_t);

    struct alignas(64) Slot {
        std::atomic<std::uint32_t> version{0};  ///< odd while it is written; 0: never was
        std::atomic<std::uint32_t> origin{0};
        std::atomic<std::uint64_t> cycles{0};
        std::atomic<std::uint64_t> lengths{0};  ///< captured in the high half
        std::array<std::atomic<std::uint64_t>, words> bytes{};
    };
    static_assert(sizeof(Slot) == 192);

    [[nodiscard]] static constexpr std::uint32_t origin_of(PortId port, bool twin) noexcept {
        return port.value() * 2U + (twin ? 1U : 0U);
    }
    void take_at(DropReason reason, const rte_mbuf* packet, std::uint32_t origin) noexcept {
        const auto r = static_cast<std::size_t>(reason);
        if (clock_ < next_[r]) [[likely]]
            return;
        next_[r] = clock_ + pause_;
        write(slots_[r][count_[r]++ % kept], *packet, origin);
    }
    void write(Slot& slot, const rte_mbuf& packet, std::uint32_t origin) const noexcept;
    [[nodiscard]] static bool copy(const Slot& slot, DropSample& out) noexcept;

    std::uint64_t pause_;
    std::uint64_t clock_ = 0;
    std::uint32_t origin_ = no_origin;
    std::array<std::uint64_t, drop_reason_count> next_{};  ///< not before that
    std::array<std::uint32_t, drop_reason_count> count_{};
    std::array<std::array<Slot, kept>, drop_reason_count> slots_;
};

}  // namespace shunt
