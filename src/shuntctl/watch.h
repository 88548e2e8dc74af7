// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Showing something again and again: in place on a terminal, one after the other elsewhere.
#include <chrono>
#include <functional>
#include <iosfwd>
#include <string>

#include "shuntctl/terminal.h"

namespace shunt::cli {

struct Watch {
    std::function<std::string()> frame;  ///< what to show; may throw Refused or Unreachable
    std::function<void()> reconnect;     ///< called before the next frame() after Unreachable
    std::chrono::milliseconds every;
    std::ostream& out;
    std::ostream& err;
    Terminal& terminal;
};

/// Ends when nobody reads any more. While the daemon is gone it says so, once, and tries again;
/// only if it was never there, it throws Unreachable. Throws what else frame() throws.
void run_watch(const Watch& watch);

/// What makes `text` the content of a terminal's screen without flicker: line by line over what
/// was there, and no more lines than it has.
std::string redraw(const std::string& text, const TerminalSize& size);

}  // namespace shunt::cli
