// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Columns of text for the tables of shuntctl.
#include <cstdint>
#include <string>
#include <vector>

namespace shunt::cli {

enum class Align : std::uint8_t { left, right };

/// Rows of cells under titles; every column is as wide as its widest cell, two blanks apart.
class Table {
  public:
    struct Column {
        std::string title;
        Align align = Align::left;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    /// A cell for every column.
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    /// Lines without blanks at their ends.
    [[nodiscard]] std::string text() const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

/// At most five characters: "99999", "1.23M", "456G".
std::string short_number(double value);

}  // namespace shunt::cli
