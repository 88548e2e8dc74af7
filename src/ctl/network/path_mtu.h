// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What routers told of the paths to the ends of tunnels: workers report it, all of them get it with
// the next snapshot (ipvs-behaviour 1.11, 1.20; RFC 1191, RFC 8201).
#include <chrono>
#include <cstdint>
#include <map>
#include <span>

#include "ctl/state/publisher.h"

namespace shunt::ctl {

/// Thread: control.
class PathMtuLearner {
  public:
    using Clock = std::chrono::steady_clock;
    /// How long a report counts, as in the kernel; after that larger packets are tried again.
    static constexpr std::chrono::seconds keep{600};
    /// Reports about further addresses are ignored.
    static constexpr std::size_t most = 65'536;
    /// Smaller ones are no path of the family, and ignored.
    static constexpr std::uint16_t least_ipv4 = 68;
    static constexpr std::uint16_t least_ipv6 = 1280;

    /// `publisher` outlives this.
    explicit PathMtuLearner(Publisher& publisher) : publisher_(publisher) {}

    /// Of each address the smallest MTU counts; publishes once if that changed anything.
    void learn(std::span<const PathMtuReport> reports, Clock::time_point now);
    /// Publishes without what is too old, if there is any. `now` never goes back.
    void forget(Clock::time_point now);

  private:
    struct Path {
        std::uint16_t mtu = 0;
        Clock::time_point until;
    };
    /// Returns whether workers have to know.
    bool take(const PathMtuReport& report, Clock::time_point now);
    void publish();

    Publisher& publisher_;
    std::map<IpAddress, Path> paths_;
};

}  // namespace shunt::ctl
