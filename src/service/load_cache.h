// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What workers remember of the loads of a large service, so that a choice by load does not look at
// every server: the best server of each load group, and how often the group's load had changed when
// it was found (docs/decisions/0015).
#include <limits>
#include <span>
#include <vector>

#include "service/dest_counters.h"
#include "service/real_server.h"

namespace shunt {

/// The best server of some: that with the smallest load / weight, the first of equals. By default
/// none, which is behind every server.
struct LeastLoaded {
    static constexpr auto nobody = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t load = 1;
    std::uint64_t weight = 0;
    std::uint64_t position = nobody;  ///< in the list of servers

    /// Without a division: what is multiplied stays below 2^64 for loads below 2^33.
    [[nodiscard]] bool is_less_than(const LeastLoaded& other) const noexcept {
        return load * other.weight < other.load * weight;
    }
    [[nodiscard]] bool goes_before(const LeastLoaded& other) const noexcept {
        const std::uint64_t mine = load * other.weight;
        const std::uint64_t its = other.load * weight;
        return mine < its || (mine == its && position < other.position);
    }
};

/// Of one list of servers and one scheduler. The control thread makes it together with the list;
/// each worker writes its own part only.
class LoadCache {
  public:
    /// With fewer servers looking at each is as quick.
    static constexpr std::size_t least_servers = 32;

    struct Group {
        std::uint32_t id = 0;  ///< load_group() of its servers
        std::span<const std::uint32_t> positions;
    };
    struct Known {
        static constexpr auto never = std::numeric_limits<std::uint64_t>::max();
        std::uint64_t changes = never;  ///< Loads::changes() when `best` was found
        LeastLoaded best;
    };
    /// A group, and what the worker at hand knows of it.
    struct Part {
        std::span<const Group> groups;
        std::span<Known> known;  ///< by place in `groups`
    };

    /// Throws std::bad_alloc. Thread: control.
    LoadCache(std::span<const RealServer> servers, std::size_t workers);
    LoadCache(const LoadCache&) = delete;
    LoadCache& operator=(const LoadCache&) = delete;

    /// Thread: that worker.
    [[nodiscard]] Part of(WorkerId worker) noexcept {
        return {groups_, std::span(known_[worker.value()].groups)};
    }
    [[nodiscard]] std::size_t bytes() const noexcept;

  private:
    /// On cache lines of its own.
    struct alignas(64) Worker {
        std::vector<Known> groups;
    };
    std::vector<std::uint32_t> positions_;  ///< group by group, each in the order of the list
    std::vector<Group> groups_;
    std::vector<Worker> known_;
};

}  // namespace shunt
