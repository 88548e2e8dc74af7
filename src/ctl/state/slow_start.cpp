// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/slow_start.h"

namespace shunt::ctl {

bool Ramp::move_on(Clock::time_point now, std::chrono::seconds whole) noexcept {
    if (!begin_) begin_ = now;
    const auto passed = std::min<Clock::duration>(now - *begin_, whole);
    const auto reached = static_cast<std::uint32_t>(passed * parts / Clock::duration(whole));
    const std::uint32_t before = share_;
    share_ = std::max(reached, 1U);
    return share_ != before;
}

}  // namespace shunt::ctl
