// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Token buckets of many hosts or networks, in a table of fixed size.
//
// Theory of operation. A bucket is filled when it is looked at. Four stand in a set that a seeded
// hash chooses: an address without a bucket takes the one of its set that was used longest ago, and
// begins with a full one.
#include <algorithm>
#include <array>
#include <cstdint>

#include "base/hash.h"
#include "base/pages.h"
#include "net/address.h"

namespace shunt {

/// No locks: one worker owns it.
class TokenBuckets {
  public:
    /// `seed`: secret, so that addresses cannot be chosen to share a set. Throws std::bad_alloc.
    TokenBuckets(std::size_t sets, std::uint64_t seed) : seed_(seed), sets_(sets) {}

    /// The tokens of `who`, filled up to `now` with `rate` a millisecond, but to no more than
    /// `full`. `now`: milliseconds of any clock that does not go back.
    [[nodiscard]] std::uint64_t& tokens(const IpAddress& who, std::uint64_t now, std::uint64_t rate,
                                        std::uint64_t full) noexcept {
        const Key key = key_of(who);
        Set& set = sets_[set_of(who)];
        auto found = std::ranges::find(set, key, &Bucket::key);
        if (found == set.end()) {
            found = std::ranges::min_element(set, {}, &Bucket::used);
            *found = {.key = key, .used = now, .tokens = full};
        }
        found->tokens = std::min(found->tokens + (now - found->used) * rate, full);
        found->used = now;
        return found->tokens;
    }

    /// What tokens() would say; nothing changes.
    [[nodiscard]] std::uint64_t would_have(const IpAddress& who, std::uint64_t now,
                                           std::uint64_t rate, std::uint64_t full) const noexcept {
        const Set& set = sets_[set_of(who)];
        const auto found = std::ranges::find(set, key_of(who), &Bucket::key);
        if (found == set.end()) return full;
        return std::min(found->tokens + (now - found->used) * rate, full);
    }

    /// Where a bucket stands; the seed decides.
    [[nodiscard]] std::size_t set_of(const IpAddress& who) const noexcept {
        return hash_of(key_of(who), seed_) % sets_.size();
    }
    static constexpr std::size_t ways = 4;

  private:
    /// All bits of an address of either family; zero: a free bucket.
    using Key = std::array<std::uint8_t, 16>;
    struct Bucket {
        Key key;
        std::uint64_t used;  ///< milliseconds
        std::uint64_t tokens;
    };
    using Set = std::array<Bucket, ways>;

    /// IPv4 addresses as RFC 4291 2.5.5.2 maps them.
    [[nodiscard]] static Key key_of(const IpAddress& who) noexcept {
        if (who.family() == Family::ipv6) return who.v6().bytes;
        Key key{};
        key[10] = key[11] = 0xFF;
        std::memcpy(&key[12], &who.v4(), sizeof(Ipv4Address));
        return key;
    }

    std::uint64_t seed_;
    PageArray<Set> sets_;
};

}  // namespace shunt
