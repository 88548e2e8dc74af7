// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/icmp_limit.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace shunt {

namespace {

/// What one error costs of the credit for all hosts.
constexpr std::uint64_t whole_error = 1000;

}  // namespace

IcmpLimit::IcmpLimit(std::uint64_t seed) : seed_(seed), hosts_(sets) {}

/// IPv4 addresses as RFC 4291 2.5.5.2 maps them.
IcmpLimit::Key IcmpLimit::key_of(const IpAddress& host) noexcept {
    if (host.family() == Family::ipv6) return host.v6().bytes;
    Key key{};
    key[10] = key[11] = 0xFF;
    std::memcpy(&key[12], &host.v4(), sizeof(Ipv4Address));
    return key;
}

std::size_t IcmpLimit::set_of(const IpAddress& host) const noexcept {
    return hash_of(key_of(host), seed_) % sets;
}

/// The host's bucket, filled up to now.
IcmpLimit::Host& IcmpLimit::bucket(const IpAddress& host, std::uint64_t now,
                                   std::uint32_t full) noexcept {
    const Key key = key_of(host);
    Set& set = hosts_[set_of(host)];
    auto found = std::ranges::find(set, key, &Host::key);
    if (found == set.end()) {
        found = std::ranges::min_element(set, {}, &Host::used);
        *found = {.key = key, .used = now, .tokens = full};
    }
    const std::uint64_t filled = found->tokens + (now - found->used);
    found->tokens = static_cast<std::uint32_t>(std::min<std::uint64_t>(filled, full));
    found->used = now;
    return *found;
}

void IcmpLimit::fill_all(std::uint64_t now, const Tunables& tunables) noexcept {
    const std::uint64_t full = tunables.icmp_msgs_burst * whole_error;
    // A message a second is a thousandth of one a millisecond.
    const std::uint64_t more = (now - filled_) * tunables.icmp_msgs_per_sec;
    credit_ = credit_ >= full ? full : std::min(full, credit_ + more);
    filled_ = now;
}

bool IcmpLimit::allow(const IpAddress& host, std::uint64_t now, const Tunables& tunables) noexcept {
    const std::uint32_t each = tunables.icmp_ratelimit;
    Host* of_host = each == 0 ? nullptr : &bucket(host, now, each * host_burst);
    if (of_host != nullptr && of_host->tokens < each) return false;
    if (tunables.icmp_msgs_per_sec != 0) {
        fill_all(now, tunables);
        if (credit_ < whole_error) return false;
        credit_ -= whole_error;
    }
    if (of_host != nullptr) of_host->tokens -= each;
    return true;
}

}  // namespace shunt
