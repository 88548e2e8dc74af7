// SPDX-License-Identifier: BSD-3-Clause
#include "sync/sync_decision.h"

#include <charconv>

namespace shunt {

SyncRules SyncRules::of(const Tunables& tunables) noexcept {
    SyncRules rules;
    const std::string& text = tunables.sync_threshold;  // "3 50", as is_sync_threshold() says
    const char* const end = text.data() + text.size();
    const char* const blank = std::from_chars(text.data(), end, rules.threshold).ptr;
    if (blank != end) std::from_chars(blank + 1, end, rules.period);
    // Beyond some years the clock of ticks would wrap.
    constexpr std::int64_t longest = 100'000'000;
    rules.refresh = std::chrono::duration<std::uint32_t>(
        static_cast<std::uint32_t>(std::min(tunables.sync_refresh_period, longest)));
    rules.retries = static_cast<std::uint8_t>(tunables.sync_retries);
    rules.templates_only = tunables.sync_persist_mode != 0;
    return rules;
}

}  // namespace shunt
