// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Which check is due when: a heap of times, so that 50,000 servers need no timer each. First checks
// are spread over the whole interval, and each later one comes up to a tenth of the interval early,
// so that those that began together do not stay together. Thread: its owner's.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <queue>
#include <random>
#include <vector>

namespace shunt::ctl {

class CheckSchedule {
  public:
    using Clock = std::chrono::steady_clock;
    using Target = std::uint64_t;

    explicit CheckSchedule(std::uint32_t seed) : random_(seed) {}

    /// The first check of a target, or the first of others than before: within one interval.
    void begin(Target target, std::uint32_t version, Clock::time_point now,
               Clock::duration interval) {
        put(target, version, now + share_of(interval));
    }
    /// The one after that which began at `began`, at the earliest at `now`.
    void next(Target target, std::uint32_t version, Clock::time_point began, Clock::time_point now,
              Clock::duration interval) {
        put(target, version, std::max(now, began + interval - share_of(interval / 10)));
    }

    struct Due {
        Clock::time_point at;
        Target target = 0;
        std::uint32_t version =
            0;  ///< as it was given; a target has another one by now: passed over
    };
    /// The earliest that is due; nothing when none is.
    [[nodiscard]] std::optional<Due> take(Clock::time_point now) {
        if (heap_.empty() || heap_.top().at > now) return {};
        const Due due = heap_.top();
        heap_.pop();
        return due;
    }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

  private:
    struct Later {
        bool operator()(const Due& a, const Due& b) const noexcept { return a.at > b.at; }
    };
    void put(Target target, std::uint32_t version, Clock::time_point at) {
        heap_.push({at, target, version});
    }
    /// From nothing to the whole, all equally likely.
    Clock::duration share_of(Clock::duration whole) {
        return Clock::duration(
            std::uniform_int_distribution<Clock::rep>(0, whole.count())(random_));
    }

    std::priority_queue<Due, std::vector<Due>, Later> heap_;
    std::minstd_rand random_;
};

}  // namespace shunt::ctl
