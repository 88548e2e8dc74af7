// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The results of `shunt-bench connect` as one JSON object, whose fields are a promise to scripts,
// or as tables for a reader.
#include <string>

#include "bench/connect_runs.h"

namespace shunt::bench {

/// One line. Not for results without runs.
std::string to_json(const Options& options, const ConnectResults& results);

std::string to_table(const Options& options, const ConnectResults& results);

}  // namespace shunt::bench
