// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Takes the time between the stages of a burst. A listener of the pipeline and the device's hook in
// one: the time since the last call goes to the part of the account that has just ended.
#include <rte_cycles.h>

#include "bench/account.h"

namespace shunt::bench {

/// Thread: one.
class StageClock final : public TransmitHook {
  public:
    using Part = Account::Part;
    /// Cycles of every part, and how often time was taken for it.
    struct Laps {
        std::array<std::uint64_t, Account::part_count> cycles{};
        std::array<std::uint32_t, Account::part_count> count{};
    };

    /// `source` makes the next packets.
    explicit StageClock(TransmitHook& source) noexcept : source_(source) {}

    void begin() noexcept { last_ = rte_rdtsc(); }
    void lap(Part part) noexcept {
        const std::uint64_t now = rte_rdtsc();
        laps_.cycles[static_cast<std::size_t>(part)] += now - last_;
        ++laps_.count[static_cast<std::size_t>(part)];
        last_ = now;
    }
    /// What was counted since the last call.
    [[nodiscard]] Laps take() noexcept { return std::exchange(laps_, {}); }

    void received() noexcept { lap(Part::receive); }
    void parsed(const ByFamily&) noexcept { lap(Part::parse); }
    template <class F>
    void classified(const PlaceList&) noexcept {
        lap(Part::classify);
    }
    template <class F>
    void looked_up(const PlaceList&, Claims<F>) noexcept {
        lap(Part::lookup);
    }
    template <class F>
    void forwards(Claims<F>) noexcept {
        under_way_ = Part::forward;
    }
    template <class F>
    void forwarded(Claims<F>, bool) noexcept {
        lap(std::exchange(under_way_, Part::rest));
    }
    template <class F>
    void admitted(Claims<F>) noexcept {
        lap(Part::admit);
    }
    void iterated() noexcept { lap(std::exchange(under_way_, Part::rest)); }

    /// A full buffer is sent while the last packet of the burst is forwarded, another one when the
    /// iteration ends. The device's part comes after this hook.
    void sent(std::span<rte_mbuf*> packets) noexcept override {
        lap(under_way_);
        source_.sent(packets);
        lap(Part::traffic);
        under_way_ = Part::transmit;
    }

  private:
    TransmitHook& source_;
    std::uint64_t last_ = 0;
    Part under_way_ = Part::rest;
    Laps laps_;
};

}  // namespace shunt::bench
