// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One line on standard error for what takes longer than a second, when that is a terminal.
#include <chrono>
#include <iosfwd>
#include <string>

namespace shunt::cli {

class Progress {
  public:
    using Clock = std::chrono::steady_clock;

    /// With `shown` false it does nothing. `err` outlives this.
    Progress(std::ostream& err, bool shown) : err_(err), shown_(shown) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() { clear(); }

    /// What is under way: "120000 connections". Drawn in place, at most five times a second, and
    /// not before a second has passed since the beginning.
    void tell(const std::string& what);
    /// Takes the line away; to be called before anything else is printed.
    void clear();

  private:
    std::ostream& err_;
    bool shown_;
    bool drawn_ = false;
    Clock::time_point next_ = Clock::now() + std::chrono::seconds(1);
};

}  // namespace shunt::cli
