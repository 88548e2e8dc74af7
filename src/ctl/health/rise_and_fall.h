// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// When the checks of one server change what it is held for: a server that is up goes down after
// `fall` checks failed in a row, one that is down comes up after `rise` passed in a row. Units:
// checks. Thread: any.
#include <cstdint>
#include <limits>

#include "ctl/config/health_check.h"

namespace shunt::ctl {

class RiseAndFall {
  public:
    /// `begin`: up or down.
    explicit RiseAndFall(Health begin) noexcept : health_(begin) {}

    /// A check passed or failed. Returns whether the server is something else now.
    bool take(bool passed, const HealthCheck& check) noexcept {
        if (passed != passed_) in_a_row_ = 0;
        passed_ = passed;
        if (in_a_row_ != std::numeric_limits<std::uint32_t>::max()) ++in_a_row_;
        const Health next = passed ? Health::up : Health::down;
        if (health_ == next || in_a_row_ < (passed ? check.rise : check.fall)) return false;
        health_ = next;
        return true;
    }

    [[nodiscard]] Health health() const noexcept { return health_; }
    /// Did the last check pass? False before the first.
    [[nodiscard]] bool passed() const noexcept { return passed_; }
    /// So many had the same end as the last one, itself included; 0 before the first.
    [[nodiscard]] std::uint32_t in_a_row() const noexcept { return in_a_row_; }

  private:
    Health health_;
    bool passed_ = false;
    std::uint32_t in_a_row_ = 0;
};

}  // namespace shunt::ctl
