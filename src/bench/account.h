// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Where the cycles of a packet go: time is taken between the stages of a burst, as tracing hears
// them (dataplane/pipeline.h), and around the transmission. The product has no code for it.
#include <array>
#include <cstdint>
#include <string_view>

#include "bench/balancer.h"

namespace shunt::bench {

struct Account {
    enum class Part : std::uint8_t {
        receive,
        parse,
        classify,
        lookup,
        admit,    ///< packets without connection; none in an established one
        forward,  ///< stages 5 to 7: one loop over the burst (docs/decisions/0020)
        transmit,
        traffic,  ///< the benchmark makes the next packets
        rest,     ///< of the worker's iteration: timers, requests, quiescence
    };
    static constexpr std::size_t part_count = 9;
    /// In JSON.
    static constexpr std::array<std::string_view, part_count> names{
        "receive", "parse",    "classify", "lookup", "admit",
        "forward", "transmit", "traffic",  "rest"};

    /// The same for readers.
    static constexpr std::array<std::string_view, part_count> titles{"receive",
                                                                     "parse",
                                                                     "classify",
                                                                     "lookup",
                                                                     "admit",
                                                                     "advance, forward, resolve",
                                                                     "transmit",
                                                                     "benchmark: next packets",
                                                                     "rest of the iteration"};

    /// Cycles of the time-stamp counter a packet, by Part, without what taking the time costs.
    std::array<double, part_count> cycles{};
    double straight_share = 0;  ///< of the packets: stages 5 to 7 at one go (straight.h)
    double stamp_cycles = 0;    ///< what taking the time cost a packet

    [[nodiscard]] double sum() const noexcept;
};

/// Runs bursts for `seconds`. The packets on the ring are those of `source`, which is also the
/// device's hook afterwards.
Account measure_account(Balancer& balancer, LoopDevice& device, TransmitHook& source,
                        double seconds);

}  // namespace shunt::bench
