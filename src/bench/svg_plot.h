// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Curves as a picture in SVG, which a browser and a forge show beside the text.
#include <string>
#include <utility>
#include <vector>

namespace shunt::bench {

struct Plot {
    struct Series {
        std::string name;
        std::vector<std::pair<double, double>> points;  ///< by x, which is positive
    };
    std::string title;
    std::string x_label;  ///< the axis has powers of ten
    std::string y_label;  ///< the axis begins at 0
    std::vector<Series> series;
};

/// A whole SVG document; the same plot gives the same bytes. A plot without points has empty axes.
std::string to_svg(const Plot& plot);

}  // namespace shunt::bench
