// SPDX-License-Identifier: BSD-3-Clause
#include "bench/report_folder.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "bench/result_tables.h"

namespace shunt::bench {

namespace {

constexpr std::string_view table_begin = "<!-- table ";
constexpr std::string_view comment_end = " -->";
constexpr std::string_view table_end = "<!-- end -->";

void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    if (!file) throw std::runtime_error(path.string() + ": cannot be written");
}

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path.string() + ": cannot be read");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::filesystem::path raw(const std::filesystem::path& folder) {
    return folder / "raw";
}

std::string table_of(std::string_view name, const ResultSet& results) {
    const auto found = std::ranges::find(result_tables, name, &ResultTable::name);
    if (found == result_tables.end())
        throw std::runtime_error("the page asks for a table that is none: " + std::string(name));
    const std::string table = found->make(results);
    return table.empty() ? "Not measured.\n" : table;
}

std::string readme(const ResultSet& results) {
    std::string text = "# shunt-bench\n";
    for (const ResultTable& table : result_tables)
        if (const std::string rows = table.make(results); !rows.empty())
            text += "\n## " + std::string(table.title) + "\n\n" + rows;
    text += "\n## Plots\n\n";
    for (const ResultPlot& plot : result_plots)
        text += "![" + std::string(plot.file) + "](" + std::string(plot.file) + ")\n";
    return text;
}

}  // namespace

void add_to_report(const std::filesystem::path& folder, const std::string& json) {
    const Result result = boost::json::parse(json).as_object();
    std::error_code error;
    std::filesystem::create_directories(raw(folder), error);
    if (error) throw std::runtime_error(raw(folder).string() + ": " + error.message());
    write(raw(folder) / file_name_of(result), json);
    write_report(folder);
}

void write_report(const std::filesystem::path& folder) {
    if (!std::filesystem::is_directory(raw(folder)))
        throw std::runtime_error(raw(folder).string() + ": no such folder");
    const auto results = ResultSet::load(raw(folder));
    write(folder / "README.md", readme(results));
    for (const ResultPlot& plot : result_plots)
        write(folder / plot.file, to_svg(plot.make(results)));
}

std::string fill_page(const std::string& page, const ResultSet& results) {
    std::string filled;
    std::size_t at = 0;
    for (;;) {
        const std::size_t begin = page.find(table_begin, at);
        if (begin == std::string::npos) return filled + page.substr(at);
        const std::size_t name_at = begin + table_begin.size();
        const std::size_t name_end = page.find(comment_end, name_at);
        const std::size_t end = page.find(table_end, name_at);
        if (name_end == std::string::npos || end == std::string::npos || end < name_end)
            throw std::runtime_error("the page has a table without end");
        const std::string name = page.substr(name_at, name_end - name_at);
        filled +=
            page.substr(at, name_end + comment_end.size() - at) + "\n" + table_of(name, results);
        at = end;
    }
}

void fill_page_file(const std::filesystem::path& page, const std::filesystem::path& folder) {
    write(page, fill_page(read(page), ResultSet::load(raw(folder))));
}

}  // namespace shunt::bench
