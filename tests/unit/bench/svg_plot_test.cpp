// SPDX-License-Identifier: BSD-3-Clause
#include "bench/svg_plot.h"

#include <gtest/gtest.h>

namespace shunt::bench {
namespace {

std::size_t count(const std::string& text, const std::string& what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
}

Plot two_curves() {
    return {.title = "a < b & c",
            .x_label = "connections",
            .y_label = "Mpps",
            .series = {{"first", {{1e3, 50}, {1e6, 25}}}, {"second", {{1e4, 10}}}}};
}

TEST(Svg, ShowsEverySeriesAndPoint) {
    const std::string svg = to_svg(two_curves());
    EXPECT_EQ(svg.find("<svg "), 0U);
    EXPECT_EQ(svg.rfind("</svg>\n"), svg.size() - 7);
    EXPECT_EQ(count(svg, "<polyline"), 2U);
    EXPECT_EQ(count(svg, "<circle"), 3U + 2U) << "points, and the legend";
    for (const char* text : {">first<", ">second<", ">connections<", ">Mpps<", ">1 k<", ">1 M<"})
        EXPECT_EQ(count(svg, text), 1U) << text;
    EXPECT_EQ(count(svg, "a &lt; b &amp; c"), 1U);
}

TEST(Svg, PlacesPointsByPowersOfTenAndFromZero) {
    const std::string svg = to_svg(two_curves());
    // 1 k at the left edge and 1 M at the right one; 50 at the top, 25 in the middle.
    EXPECT_EQ(count(svg, "<polyline points=\"70.0,40.0 520.0,200.0 \""), 1U) << svg;
    // A third of the way: 10 k of 1 k to 1 M.
    EXPECT_EQ(count(svg, "<polyline points=\"220.0,296.0 \""), 1U) << svg;
}

TEST(Svg, OfNothingHasAxes) {
    const std::string svg = to_svg({.title = "t", .x_label = "x", .y_label = "y", .series = {}});
    EXPECT_EQ(count(svg, "<polyline"), 0U);
    EXPECT_GE(count(svg, "<line"), 4U);
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
}

}  // namespace
}  // namespace shunt::bench
