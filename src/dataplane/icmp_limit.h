// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How many ICMP errors a worker may send: so many a second, and so many to one host (RFC 1812
// 4.3.2.8, RFC 4443 2.4 f; ipvs-behaviour 1.22). Who sends from more addresses than there are
// buckets gets no further than the limit of all.
#include "dataplane/token_buckets.h"
#include "service/tunables.h"

namespace shunt {

/// No locks: one worker owns it.
class IcmpLimit {
  public:
    /// Errors that one host may get at once, as in Linux.
    static constexpr std::uint32_t host_burst = 6;
    static constexpr std::size_t sets = 256;

    /// `seed`: as of TokenBuckets. Throws std::bad_alloc.
    explicit IcmpLimit(std::uint64_t seed) : hosts_(sets, seed) {}

    /// May an error go to `host`? If so, it is counted. `now`: milliseconds of any clock that does
    /// not go back.
    [[nodiscard]] bool allow(const IpAddress& host, std::uint64_t now,
                             const Tunables& tunables) noexcept;

    /// Where a host's bucket stands.
    [[nodiscard]] std::size_t set_of(const IpAddress& host) const noexcept {
        return hosts_.set_of(host);
    }
    static constexpr std::size_t ways = TokenBuckets::ways;

  private:
    void fill_all(std::uint64_t now, const Tunables& tunables) noexcept;

    TokenBuckets hosts_;                 ///< tokens are milliseconds; an error costs icmp_ratelimit
    std::uint64_t credit_ = UINT64_MAX;  ///< tokens for all hosts, in thousandths of an error
    std::uint64_t filled_ = 0;           ///< when, in milliseconds
};

}  // namespace shunt
