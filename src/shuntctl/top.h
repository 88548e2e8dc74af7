// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The command `shuntctl top`: live rates of services, servers and workers.
#include <chrono>
#include <functional>
#include <iosfwd>
#include <string>

#include "shuntctl/rpc_client.h"
#include "shuntctl/terminal.h"
#include "shuntctl/top_view.h"

namespace shunt::cli {

struct TopOptions {
    TopView view = TopView::services;
    std::string sort;  ///< a title; empty: the first of the values
    bool reversed = false;
    std::chrono::milliseconds every{2000};
    bool once = false;  ///< one table, made of two looks, `every` apart
    bool json = false;  ///< the daemon's answers, a line each
};

struct TopWorld {
    std::function<Call()> connect;
    std::ostream& out;
    std::ostream& err;
    Terminal& terminal;
};

/// Returns when it is to end. Throws std::invalid_argument for a `sort` that the view does not
/// have, Refused, and Unreachable unless the daemon was there before and its return can be awaited.
void run_top(const TopOptions& options, const TopWorld& world);

}  // namespace shunt::cli
