// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Compares what the balancer transmits, byte for byte, with what network address translation must
// make of it; the checksums are computed from scratch by DPDK's own functions.
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/traffic_source.h"

namespace shunt::bench {

/// The frame after translation. `reply`: it comes from real server `server`, else it goes there.
template <class F>
std::vector<std::byte> translated(std::vector<std::byte> frame, bool reply, unsigned server);

/// Makes traffic as TrafficSource does, and checks it; not for measured runs. Packets that it has
/// not made itself are not checked.
template <class F>
class TranslationCheck final : public TransmitHook {
  public:
    TranslationCheck(TrafficSource<F>& source, const PageArray<std::uint8_t>& servers)
        : source_(source), servers_(servers) {}

    void sent(std::span<rte_mbuf*> packets) noexcept override;

    [[nodiscard]] std::uint64_t checked() const noexcept { return checked_; }
    [[nodiscard]] std::uint64_t wrong() const noexcept { return wrong_; }
    /// Of the first wrong packet: the first byte that differs.
    [[nodiscard]] const std::string& difference() const noexcept { return difference_; }

  private:
    void compare(const rte_mbuf* packet, const std::vector<std::byte>& expected);

    TrafficSource<F>& source_;
    const PageArray<std::uint8_t>& servers_;
    std::unordered_map<const rte_mbuf*, std::vector<std::byte>> expected_;
    std::uint64_t checked_ = 0;
    std::uint64_t wrong_ = 0;
    std::string difference_;
};

}  // namespace shunt::bench
