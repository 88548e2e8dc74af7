// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/icmp_limit.h"

namespace shunt {

namespace {

/// What one error costs of the credit for all hosts.
constexpr std::uint64_t whole_error = 1000;

}  // namespace

void IcmpLimit::fill_all(std::uint64_t now, const Tunables& tunables) noexcept {
    const auto full = static_cast<std::uint64_t>(tunables.icmp_msgs_burst) * whole_error;
    // A message a second is a thousandth of one a millisecond.
    const auto more = (now - filled_) * static_cast<std::uint64_t>(tunables.icmp_msgs_per_sec);
    credit_ = credit_ >= full ? full : std::min(full, credit_ + more);
    filled_ = now;
}

bool IcmpLimit::allow(const IpAddress& host, std::uint64_t now, const Tunables& tunables) noexcept {
    const auto each = static_cast<std::uint64_t>(tunables.icmp_ratelimit);
    std::uint64_t* of_host = each == 0 ? nullptr : &hosts_.tokens(host, now, 1, each * host_burst);
    if (of_host != nullptr && *of_host < each) return false;
    if (tunables.icmp_msgs_per_sec != 0) {
        fill_all(now, tunables);
        if (credit_ < whole_error) return false;
        credit_ -= whole_error;
    }
    if (of_host != nullptr) *of_host -= each;
    return true;
}

}  // namespace shunt
