// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a service may set beyond flags that means something to some schedulers only.
#include <array>
#include <cstdint>

namespace shunt {

enum class SchedulerOption : std::uint8_t {
    slow_start,  ///< the weight of a new server grows to what is configured
    mh_size,
    mh_order,
    load_bound,
};

/// In which order servers take their buckets of a Maglev table.
enum class MaglevOrder : std::uint8_t {
    added,    ///< newest first, as in IPVS
    address,  ///< lowest address first, then lowest port: the same wherever servers were added
};

/// The sizes that a Maglev table can have: primes below powers of two (ipvs-behaviour 4.6).
inline constexpr std::array<std::uint32_t, 10> maglev_sizes{251,  509,   1021,  2039,  4093,
                                                            8191, 16381, 32749, 65521, 131071};

struct SchedulerOptions {
    std::uint32_t mh_size = 4093;  ///< buckets, one of maglev_sizes
    MaglevOrder mh_order = MaglevOrder::added;
    std::uint32_t load_bound = 125;  ///< percent of its fair share that a server may have
    bool operator==(const SchedulerOptions&) const noexcept = default;
};

/// The load bound that can be set.
inline constexpr std::uint32_t least_load_bound = 100;
inline constexpr std::uint32_t most_load_bound = 10'000;

}  // namespace shunt
