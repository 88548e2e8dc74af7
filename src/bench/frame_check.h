// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Compares what the balancer transmits, byte for byte, with what the forwarding method must make of
// it (expected_frame.h).
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/expected_frame.h"
#include "bench/traffic_source.h"

namespace shunt::bench {

/// What tells a frame that the balancer sent from the expected one; "" when nothing does.
template <class F>
std::string frame_difference(const Method& method, std::span<const std::byte> actual,
                             std::vector<std::byte> expected);

/// Makes traffic as TrafficSource does, and checks it; not for measured runs. Packets that it has
/// not made itself are not checked.
template <class F>
class FrameCheck final : public TransmitHook {
  public:
    /// `source` and `servers`, the real server of each flow, outlive this.
    FrameCheck(const Method& method, TrafficSource<F>& source,
               const PageArray<std::uint8_t>& servers)
        : method_(method), source_(source), servers_(servers) {}

    void sent(std::span<rte_mbuf*> packets) noexcept override;

    [[nodiscard]] std::uint64_t checked() const noexcept { return checked_; }
    [[nodiscard]] std::uint64_t wrong() const noexcept { return wrong_; }
    /// Of the first wrong packet: the first byte that differs.
    [[nodiscard]] const std::string& difference() const noexcept { return difference_; }

  private:
    Method method_;
    TrafficSource<F>& source_;
    const PageArray<std::uint8_t>& servers_;
    std::unordered_map<const rte_mbuf*, std::vector<std::byte>> expected_;
    std::uint64_t checked_ = 0;
    std::uint64_t wrong_ = 0;
    std::string difference_;
};

}  // namespace shunt::bench
