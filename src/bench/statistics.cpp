// SPDX-License-Identifier: BSD-3-Clause
#include "bench/statistics.h"

#include <algorithm>
#include <cmath>

namespace shunt::bench {

float percentile(std::span<float> values, double share) noexcept {
    if (values.empty()) return 0;
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank > 0 ? rank - 1 : 0);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

double median(std::vector<double> values) noexcept {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace shunt::bench
