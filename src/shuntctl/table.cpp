// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace shunt::cli {

namespace {

constexpr std::size_t gap = 2;

std::size_t line_length(const std::vector<std::size_t>& widths) {
    std::size_t length = 0;
    for (const auto width : widths) length += width + (length == 0 ? 0 : gap);
    return length;
}

}  // namespace

/// Of the columns that are shown.
std::vector<std::size_t> Table::widths(std::size_t width) const {
    constexpr std::size_t least_of_words = 8;
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        widths.push_back(columns_[i].title.size());
        for (const auto& row : rows_) widths[i] = std::max(widths[i], row[i].size());
    }
    if (width == 0) return widths;
    const auto narrow = [&](std::size_t i) {
        const auto length = line_length(widths);
        if (length <= width || columns_[i].align == Align::right) return;
        const auto least = std::min(widths[i], std::max(least_of_words, columns_[i].title.size()));
        widths[i] = std::max(least, widths[i] - std::min(widths[i], length - width));
    };
    for (std::size_t i = columns_.size(); i-- > 1;) narrow(i);
    while (widths.size() > 1 && line_length(widths) > width) widths.pop_back();
    if (!widths.empty()) narrow(0);
    return widths;
}

std::string Table::text(std::size_t width) const {
    const auto shown = widths(width);
    std::string text;
    const auto cell = [&](std::size_t i, const std::string& value) {
        const auto fits = value.size() <= shown[i] || columns_[i].align == Align::right;
        const auto word = fits ? value : value.substr(0, shown[i] - 1) + '~';
        const std::string blanks(shown[i] - std::min(shown[i], word.size()), ' ');
        text += (i == 0 ? "" : "  ") +
                (columns_[i].align == Align::left ? word + blanks : blanks + word);
    };
    const auto end_line = [&] {
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    };
    for (std::size_t i = 0; i < shown.size(); ++i) cell(i, columns_[i].title);
    end_line();
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < shown.size(); ++i) cell(i, row[i]);
        end_line();
    }
    if (shown.size() == columns_.size()) return text;
    std::string left_out = "No room for:";
    for (std::size_t i = shown.size(); i < columns_.size(); ++i)
        left_out += ' ' + columns_[i].title;
    return text + fold(left_out, width) + '\n';
}

std::string fold(const std::string& text, std::size_t width) {
    static constexpr const char* indent = "    ";
    if (width == 0) return text;
    std::string folded;
    std::string line;
    const auto end_line = [&] {
        folded += line.substr(0, line.find_last_not_of(' ') + 1);
        line.clear();
    };
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find_first_of(" \n", at), text.size());
        const bool begun = line.find_first_not_of(' ') != std::string::npos;
        if (begun && line.size() + (end - at) > width) {
            end_line();
            folded += '\n';
            line = indent;
        }
        line += text.substr(at, end - at);
        if (end < text.size() && text[end] == '\n') {
            end_line();
            folded += '\n';
        } else {
            line += ' ';
        }
        at = end + 1;
    }
    end_line();
    return folded;
}

std::string short_number(double value) {
    if (!(value > 0)) return "0";
    if (value < 99999.5) return std::to_string(std::llround(value));
    static constexpr const char* suffixes[] = {"K", "M", "G", "T", "P", "E"};
    std::size_t unit = 0;
    value /= 1000;
    for (; value >= 999.5 && unit + 1 < std::size(suffixes); ++unit) value /= 1000;
    const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.*f", decimals, value);
    return std::string(digits) + suffixes[unit];
}

}  // namespace shunt::cli
