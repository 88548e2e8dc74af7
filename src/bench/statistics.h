// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Order statistics of measurements.
#include <span>
#include <vector>

namespace shunt::bench {

/// The smallest value that at least `share` (0 .. 1) of the values do not exceed; 0 for no values.
/// Reorders them.
float percentile(std::span<float> values, double share) noexcept;

/// The middle value, or the mean of the two middle ones; 0 for no values.
double median(std::vector<double> values) noexcept;

}  // namespace shunt::bench
