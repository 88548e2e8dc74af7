// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Words about what goes on, for whoever waits.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace shunt::bench {

/// Told what goes on, in a few words.
using Progress = std::function<void(const std::string&)>;

/// Tells of the runs of a measurement, which take about equally long.
class RunProgress {
  public:
    using Clock = std::chrono::steady_clock;

    RunProgress(const Progress& progress, std::uint32_t runs)
        : progress_(progress), runs_(runs), begin_(Clock::now()) {}

    /// Before each run.
    void next() { progress_(words(++run_, runs_, Clock::now() - begin_)); }
    /// "run 3 of 5, about 6 s left": before the third, when the two before took four seconds.
    static std::string words(std::uint32_t run, std::uint32_t runs, Clock::duration passed) {
        std::string text = "run " + std::to_string(run) + " of " + std::to_string(runs);
        if (run <= 1) return text;
        const auto left = passed / (run - 1) * (runs - run + 1);
        return text + ", about " +
               std::to_string(std::chrono::round<std::chrono::seconds>(left).count()) + " s left";
    }

  private:
    const Progress& progress_;
    std::uint32_t runs_;
    std::uint32_t run_ = 0;
    Clock::time_point begin_;
};

}  // namespace shunt::bench
