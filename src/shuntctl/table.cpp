// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace shunt::cli {

std::string Table::text() const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        widths.push_back(columns_[i].title.size());
        for (const auto& row : rows_) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    const auto cell = [&](std::size_t i, const std::string& value) {
        const std::string blanks(widths[i] - value.size(), ' ');
        text += (i == 0 ? "" : "  ") +
                (columns_[i].align == Align::left ? value + blanks : blanks + value);
    };
    const auto end_line = [&] {
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    };
    for (std::size_t i = 0; i < columns_.size(); ++i) cell(i, columns_[i].title);
    end_line();
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < columns_.size(); ++i) cell(i, row[i]);
        end_line();
    }
    return text;
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
