// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Columns of text for the tables of shuntctl.
#include <cstddef>
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
    /// Lines without blanks at their ends. When they would be longer than `width`, which is not 0,
    /// columns of words become narrower, the last one first, down to their title or 8 characters;
    /// a word that is cut ends in "~". If that is not enough the last columns are left out, and a
    /// line says which. The first column stays, and becomes narrower last. Numbers are never cut.
    [[nodiscard]] std::string text(std::size_t width = 0) const;

  private:
    [[nodiscard]] std::vector<std::size_t> widths(std::size_t width) const;

    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

/// At most five characters: "99999", "1.23M", "456G".
std::string short_number(double value);

/// Lines broken between words where they would be longer than `width`, which is not 0; what a line
/// goes on with is indented.
std::string fold(const std::string& text, std::size_t width);

}  // namespace shunt::cli
