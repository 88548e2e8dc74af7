// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The cycle account of a measurement as a part of its JSON object, or as a table.
#include <boost/json.hpp>
#include <string>

#include "bench/runs.h"

namespace shunt::bench {

/// Medians over the repeats. `whole` is what a packet took while nothing was stamped, in cycles.
Account middle_account(const Results& results);

boost::json::object account_object(const Results& results, double whole);

std::string account_lines(const Results& results, double whole);

}  // namespace shunt::bench
