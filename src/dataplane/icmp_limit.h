// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How many ICMP errors a worker may send: so many a second, and so many to one host (RFC 1812
// 4.3.2.8, RFC 4443 2.4 f; ipvs-behaviour 1.22).
//
// Theory of operation. Both limits are token buckets that are filled when they are looked at. Those
// of hosts stand in a table of fixed size, four to a set that a seeded hash chooses: a host without
// a bucket takes the one of its set that was used longest ago, and begins with a full one. Who
// sends from many addresses gets no further than the limit of all.
#include <array>
#include <cstdint>

#include "base/pages.h"
#include "net/address.h"
#include "service/tunables.h"

namespace shunt {

/// No locks: one worker owns it.
class IcmpLimit {
  public:
    /// Errors that one host may get at once, as in Linux.
    static constexpr std::uint32_t host_burst = 6;

    /// `seed`: secret, so that addresses cannot be chosen to share a set. Throws std::bad_alloc.
    explicit IcmpLimit(std::uint64_t seed);

    /// May an error go to `host`? If so, it is counted. `now`: milliseconds of any clock that does
    /// not go back.
    [[nodiscard]] bool allow(const IpAddress& host, std::uint64_t now,
                             const Tunables& tunables) noexcept;

    /// Where a host's bucket stands; the seed decides.
    [[nodiscard]] std::size_t set_of(const IpAddress& host) const noexcept;
    static constexpr std::size_t sets = 256;
    static constexpr std::size_t ways = 4;

  private:
    /// All bits of an address of either family.
    using Key = std::array<std::uint8_t, 16>;
    struct Host {
        Key key;               ///< zero: free
        std::uint64_t used;    ///< milliseconds
        std::uint32_t tokens;  ///< in milliseconds; an error costs icmp_ratelimit
    };
    using Set = std::array<Host, ways>;

    [[nodiscard]] static Key key_of(const IpAddress& host) noexcept;
    [[nodiscard]] Host& bucket(const IpAddress& host, std::uint64_t now,
                               std::uint32_t full) noexcept;
    void fill_all(std::uint64_t now, const Tunables& tunables) noexcept;

    std::uint64_t seed_;
    PageArray<Set> hosts_;
    std::uint64_t credit_ = UINT64_MAX;  ///< tokens for all hosts, in thousandths of an error
    std::uint64_t filled_ = 0;           ///< when, in milliseconds
};

}  // namespace shunt
