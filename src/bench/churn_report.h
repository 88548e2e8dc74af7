// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The results of `shunt-bench churn` as one JSON object, whose fields are a promise to scripts, or
// as a table for a reader.
#include <string>

#include "bench/churn_runs.h"

namespace shunt::bench {

/// One line. Not for results without runs.
std::string to_json(const Options& options, const ChurnResults& results);

std::string to_table(const Options& options, const ChurnResults& results);

}  // namespace shunt::bench
