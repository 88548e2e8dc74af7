// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The results of `shunt-bench replay` as one JSON object, whose fields are a promise to scripts, or
// as a text for a reader.
#include <string>

#include "bench/replay_runs.h"

namespace shunt::bench {

/// One line.
std::string to_json(const Options& options, const ReplayResults& results);

std::string to_table(const Options& options, const ReplayResults& results);

}  // namespace shunt::bench
