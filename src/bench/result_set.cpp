// SPDX-License-Identifier: BSD-3-Clause
#include "bench/result_set.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace shunt::bench {

namespace {

namespace json = boost::json;

Result read(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    boost::system::error_code error;
    const json::value value = json::parse(text.str(), error);
    if (error) throw std::runtime_error(path.string() + ": " + error.message());
    if (!value.is_object()) throw std::runtime_error(path.string() + ": no JSON object");
    return value.as_object();
}

bool is_true(const Result& result, std::string_view key) {
    const json::value* value = result.if_contains(key);
    return value != nullptr && value->is_bool() && value->as_bool();
}

bool matches(const Query& query, const Result& result) {
    const auto is = [&](std::string_view key, std::string_view wanted) {
        return wanted.empty() || text_in(result, key) == wanted;
    };
    const auto counts = [&](std::string_view key, double wanted) {
        return wanted == 0 || number_in(result, key) == wanted;
    };
    return is("command", query.command) && is("forward", query.forward) &&
           is("tunnel", query.tunnel) && is("direction", query.direction) &&
           counts("family", query.family) && counts("flows", query.flows) &&
           text_in(result, "app") == query.app;
}

}  // namespace

ResultSet ResultSet::load(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".json") paths.push_back(entry.path());
    std::ranges::sort(paths);
    std::vector<Result> results;
    for (const auto& path : paths) results.push_back(read(path));
    return ResultSet(std::move(results));
}

std::vector<const Result*> ResultSet::all(const Query& query) const& {
    std::vector<const Result*> found;
    for (const Result& result : results_)
        if (matches(query, result)) found.push_back(&result);
    return found;
}

const Result* ResultSet::find(const Query& query) const& {
    const auto found = all(query);
    return found.empty() ? nullptr : found.front();
}

std::string file_name_of(const Result& result) {
    std::string name = text_in(result, "command");
    for (const char* key : {"forward", "tunnel", "family", "direction", "flows", "packet_size",
                            "scheduler", "workers", "app"}) {
        const json::value* value = result.if_contains(key);
        if (value == nullptr) continue;
        const std::string_view unit = std::string_view(key) == "family" ? "ipv" : "";
        const std::string text =
            value->is_string() ? std::string(value->as_string()) : json::serialize(*value);
        if (text.empty() || text == name) continue;
        name.append("-").append(unit).append(text);
        if (std::string_view(key) == "packet_size") name += 'B';
    }
    for (const char* key : {"reuse_ports", "hand_off"})
        if (is_true(result, key)) name.append("-").append(key);
    return name + ".json";
}

std::optional<double> number_in(const Result& result, std::string_view key,
                                std::string_view inner) {
    const json::value* value = result.if_contains(key);
    if (value != nullptr && !inner.empty())
        value = value->is_object() ? value->as_object().if_contains(inner) : nullptr;
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
}

bool is_padded(const Result& result) {
    return is_true(result, "padded");
}

std::string text_in(const Result& result, std::string_view key) {
    const json::value* value = result.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

}  // namespace shunt::bench
