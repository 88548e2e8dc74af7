// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A folder of results for readers: raw/NAME.json for each measurement, README.md with tables, and
// plots. Later measurements are added to it.
#include <filesystem>
#include <string>

#include "bench/result_set.h"

namespace shunt::bench {

/// Adds a result, which is one JSON object, in the place of an earlier one of the same
/// measurement, and writes tables and plots anew. Makes the folder. Throws std::runtime_error.
void add_to_report(const std::filesystem::path& folder, const std::string& json);

/// Writes tables and plots of the results in `folder`/raw. Throws std::runtime_error.
void write_report(const std::filesystem::path& folder);

/// A page whose tables stand between lines "<!-- table NAME -->" and "<!-- end -->", with tables of
/// these results. Throws std::runtime_error for an unknown name or a table without end.
std::string fill_page(const std::string& page, const ResultSet& results);

/// fill_page() for a file, which is written. Throws std::runtime_error.
void fill_page_file(const std::filesystem::path& page, const std::filesystem::path& folder);

}  // namespace shunt::bench
