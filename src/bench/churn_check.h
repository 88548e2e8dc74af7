// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Compares every packet of whole connections, as the balancer transmits it, byte for byte with what
// the forwarding method must make of it (expected_frame.h).
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/churn_source.h"

namespace shunt::bench {

/// Makes traffic as ChurnSource does, and checks it; not for measured runs. Packets that it has not
/// made itself are not checked, nor are those of connections whose real server nobody knows.
template <class F>
class ChurnCheck final : public TransmitHook {
  public:
    /// `source` outlives this.
    ChurnCheck(const Method& method, ChurnSource<F>& source) : method_(method), source_(source) {}

    void sent(std::span<rte_mbuf*> packets) noexcept override;

    /// Packets that were checked, by step of their connection.
    [[nodiscard]] const std::vector<std::uint64_t>& checked() const noexcept { return checked_; }
    [[nodiscard]] std::uint64_t wrong() const noexcept { return wrong_; }
    /// Of the first wrong packet: its step, and the first byte that differs.
    [[nodiscard]] const std::string& difference() const noexcept { return difference_; }

  private:
    struct Made {
        typename ChurnSource<F>::Packet packet;
        std::vector<std::byte> frame;
    };
    void check(rte_mbuf* packet, Made made);
    [[nodiscard]] std::optional<std::uint8_t> server_at(std::uint32_t place) const;

    Method method_;
    ChurnSource<F>& source_;
    std::unordered_map<const rte_mbuf*, Made> made_;
    std::unordered_map<std::uint32_t, std::uint8_t> servers_;  ///< by place, from its SYN
    std::vector<std::uint64_t> checked_ = std::vector<std::uint64_t>(source_.steps());
    std::uint64_t wrong_ = 0;
    std::string difference_;
};

}  // namespace shunt::bench
