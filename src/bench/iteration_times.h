// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How long single iterations of a worker took, and what was to blame for the long ones: the worker
// itself, memory touched for the first time, or other programs on its CPU.
#include <array>
#include <chrono>
#include <cstdint>

namespace shunt::bench {

struct Iteration {
    std::chrono::nanoseconds elapsed{};
    std::chrono::nanoseconds own{};   ///< of that, what the thread had the CPU for
    std::uint64_t page_faults = 0;    ///< memory that had to be made first
    std::uint64_t interruptions = 0;  ///< times that another program got the CPU
    std::uint32_t connections = 0;    ///< that existed before it
};

/// Iterations counted by powers of two of a microsecond.
class IterationTimes {
  public:
    /// What no iteration of a worker may take.
    static constexpr std::chrono::milliseconds limit{1};

    struct Class {
        std::uint64_t elapsed = 0;      ///< iterations by the time that passed
        std::uint64_t own = 0;          ///< iterations by CPU time
        std::uint64_t with_faults = 0;  ///< by CPU time, those with page faults
    };
    /// [0]: below 1 us; [i]: from 2^(i-1) us up to twice that, the last one without an end.
    static constexpr std::size_t class_count = 24;

    void add(const Iteration& iteration) noexcept;

    [[nodiscard]] const std::array<Class, class_count>& classes() const noexcept {
        return classes_;
    }
    /// The microseconds where a class begins.
    [[nodiscard]] static constexpr std::uint64_t begin_of(std::size_t index) noexcept {
        return index == 0 ? 0 : std::uint64_t{1} << (index - 1);
    }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t interrupted() const noexcept { return interrupted_; }
    /// Iterations beyond the limit by the time that passed, and by CPU time.
    [[nodiscard]] std::uint64_t beyond_limit() const noexcept { return beyond_limit_; }
    [[nodiscard]] std::uint64_t own_beyond_limit() const noexcept { return own_beyond_limit_; }
    /// Those beyond it by CPU time in which nobody else got the CPU: for them nobody but the worker
    /// is to blame. An interruption can put the time of interrupts on the thread's account.
    [[nodiscard]] std::uint64_t uninterrupted_beyond_limit() const noexcept {
        return uninterrupted_beyond_limit_;
    }
    [[nodiscard]] const Iteration& longest() const noexcept { return longest_; }
    [[nodiscard]] const Iteration& longest_own() const noexcept { return longest_own_; }
    [[nodiscard]] const Iteration& longest_uninterrupted() const noexcept {
        return longest_uninterrupted_;
    }
    [[nodiscard]] std::chrono::nanoseconds own_total() const noexcept { return own_total_; }
    [[nodiscard]] std::chrono::nanoseconds elapsed_total() const noexcept { return elapsed_total_; }

  private:
    std::array<Class, class_count> classes_{};
    std::uint64_t count_ = 0;
    std::uint64_t interrupted_ = 0;
    std::uint64_t beyond_limit_ = 0;
    std::uint64_t own_beyond_limit_ = 0;
    std::uint64_t uninterrupted_beyond_limit_ = 0;
    Iteration longest_;
    Iteration longest_own_;
    Iteration longest_uninterrupted_;
    std::chrono::nanoseconds own_total_{};
    std::chrono::nanoseconds elapsed_total_{};
};

/// Watches the calling thread's iterations. What the kernel is asked for is asked outside of the
/// times that are taken.
class IterationWatch {
  public:
    IterationWatch();

    /// Calls `iterate()` and says how it went.
    template <class Fn>
    Iteration run(Fn&& iterate) {
        const std::uint64_t begin = now();
        iterate();
        return finish(now() - begin);
    }

  private:
    /// What the kernel knows of the thread.
    struct Usage {
        std::chrono::nanoseconds cpu{};
        std::uint64_t page_faults = 0;
        std::uint64_t interruptions = 0;
    };
    static Usage usage() noexcept;
    static std::uint64_t now() noexcept;
    Iteration finish(std::uint64_t cycles) noexcept;

    double ns_per_cycle_;
    Usage before_;
};

}  // namespace shunt::bench
