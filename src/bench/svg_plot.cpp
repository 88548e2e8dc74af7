// SPDX-License-Identifier: BSD-3-Clause
#include "bench/svg_plot.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace shunt::bench {

namespace {

// Pixels.
constexpr double width = 720;
constexpr double height = 420;
constexpr double left = 70;
constexpr double right = 520;
constexpr double top = 40;
constexpr double bottom = 360;
constexpr double legend_x = 540;
constexpr double legend_step = 20;

/// Told apart by those who see no red or green, too (Okabe and Ito).
constexpr std::array<std::string_view, 8> colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                  "#e69f00", "#56b4e9", "#000000", "#999999"};

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '<')
            out += "&lt;";
        else if (c == '&')
            out += "&amp;";
        else
            out += c;
    }
    return out;
}

/// 1, 2 or 5 times a power of ten: about five of them reach up to `most`.
double tick_step(double most) {
    const double power = std::pow(10.0, std::floor(std::log10(most / 5)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (power * factor * 6 >= most) return power * factor;
    return power * 10;
}

/// 1000000 as 1 M.
std::string round_number(double value) {
    if (value >= 1e6) return fmt::format("{:g} M", value / 1e6);
    if (value >= 1e3) return fmt::format("{:g} k", value / 1e3);
    return fmt::format("{:g}", value);
}

/// Where values are on the picture.
struct Scale {
    double first_power = 0;
    double last_power = 1;
    double step = 0.2;
    double most = 1;

    explicit Scale(const Plot& plot) {
        double least_x = 0;
        double most_x = 0;
        double most_y = 0;
        for (const auto& series : plot.series)
            for (const auto& [x, y] : series.points) {
                least_x = least_x == 0 ? x : std::min(least_x, x);
                most_x = std::max(most_x, x);
                most_y = std::max(most_y, y);
            }
        if (most_x == 0) return;
        first_power = std::floor(std::log10(least_x));
        last_power = std::max(first_power + 1, std::ceil(std::log10(most_x)));
        if (most_y == 0) return;
        step = tick_step(most_y);
        most = step * std::ceil(most_y / step);
    }
    [[nodiscard]] double x(double value) const {
        return left +
               (right - left) * (std::log10(value) - first_power) / (last_power - first_power);
    }
    [[nodiscard]] double y(double value) const { return bottom - (bottom - top) * value / most; }
};

std::string text_at(double x, double y, std::string_view anchor, std::string_view text) {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y,
                       anchor, escaped(text));
}

std::string line(double x1, double y1, double x2, double y2, std::string_view colour) {
    return fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1,
        x2, y2, colour);
}

std::string axes(const Plot& plot, const Scale& scale) {
    std::string out = fmt::format("<text x=\"{}\" y=\"24\" font-weight=\"bold\">{}</text>\n", left,
                                  escaped(plot.title));
    for (int i = 0; i * scale.step <= scale.most * 1.001; ++i) {
        const double y = scale.y(i * scale.step);
        out += line(left, y, right, y, "#dddddd");
        out += text_at(left - 8, y + 4, "end", fmt::format("{:g}", i * scale.step));
    }
    for (double power = scale.first_power; power <= scale.last_power; ++power) {
        const double value = std::pow(10.0, power);
        out += line(scale.x(value), top, scale.x(value), bottom, "#dddddd");
        out += text_at(scale.x(value), bottom + 18, "middle", round_number(value));
    }
    out += line(left, bottom, right, bottom, "#000000") + line(left, top, left, bottom, "#000000");
    out += text_at((left + right) / 2, bottom + 42, "middle", plot.x_label);
    return out + fmt::format(
                     "<text x=\"20\" y=\"{0}\" text-anchor=\"middle\" "
                     "transform=\"rotate(-90 20 {0})\">{1}</text>\n",
                     (top + bottom) / 2, escaped(plot.y_label));
}

std::string curve(const Plot::Series& series, const Scale& scale, std::string_view colour,
                  double legend_y) {
    std::string path;
    std::string dots;
    for (const auto& [x, y] : series.points) {
        path += fmt::format("{:.1f},{:.1f} ", scale.x(x), scale.y(y));
        dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"{}\"/>\n",
                            scale.x(x), scale.y(y), colour);
    }
    return fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n",
                       path, colour) +
           dots +
           fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"3.5\" fill=\"{}\"/>\n", legend_x,
                       legend_y - 4, colour) +
           text_at(legend_x + 10, legend_y, "start", series.name);
}

}  // namespace

std::string to_svg(const Plot& plot) {
    const Scale scale(plot);
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
        "height=\"{1}\" font-family=\"sans-serif\" font-size=\"13\">\n"
        "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
        width, height);
    out += axes(plot, scale);
    double legend_y = top + 10;
    for (std::size_t i = 0; i < plot.series.size(); ++i, legend_y += legend_step)
        out += curve(plot.series[i], scale, colours[i % colours.size()], legend_y);
    return out + "</svg>\n";
}

}  // namespace shunt::bench
