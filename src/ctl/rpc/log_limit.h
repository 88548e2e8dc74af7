// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Messages of one kind that may come by the thousand: ten at once, then one a second; the next one
// that is written says how many were not. Thread: control.
#include <spdlog/spdlog.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ctl/log/log_line.h"
#include "ctl/rpc/token_bucket.h"

namespace shunt::ctl {

class LogLimit {
  public:
    using Clock = TokenBucket::Clock;

    /// May one be written now? If so: how many were not since the last one.
    [[nodiscard]] std::optional<std::uint64_t> pass(Clock::time_point now) noexcept {
        if (bucket_.take(now) == Clock::duration::zero()) return std::exchange(suppressed_, 0);
        ++suppressed_;
        return std::nullopt;
    }

    void write(spdlog::level::level_enum level, std::string_view event, LogFields fields) {
        const auto suppressed = pass(Clock::now());
        if (!suppressed) return;
        const std::string line = log_line(event, fields);
        if (*suppressed == 0)
            spdlog::log(level, "{}", line);
        else
            spdlog::log(level, "{} suppressed={}", line, *suppressed);
    }

  private:
    TokenBucket bucket_{1, 10};
    std::uint64_t suppressed_ = 0;
};

}  // namespace shunt::ctl
