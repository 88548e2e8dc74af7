// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/config_text.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cstddef>
#include <set>

#include "ctl/config/config_text.h"
#include "shuntctl/rows.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

/// A value in a line: text without quotes.
std::string shown(const json::value& value) {
    if (value.is_null()) return "none";
    if (const auto* text = value.if_string()) return std::string(*text);
    std::string all;
    const auto add = [&all](const std::string& one) { all += (all.empty() ? "" : ",") + one; };
    if (const auto* array = value.if_array()) {
        for (const auto& one : *array) add(shown(one));
        return all;
    }
    const auto* object = value.if_object();
    if (object == nullptr) return json::serialize(value);
    for (const auto& [key, inner] : *object) add(std::string(key) + '=' + shown(inner));
    return '{' + all + '}';
}

/// The member; null if there is none.
const json::value& member(const json::value& of, std::string_view name) {
    static const json::value none;
    const auto* object = of.if_object();
    const auto* value = object != nullptr ? object->if_contains(name) : nullptr;
    return value != nullptr ? *value : none;
}

/// " scheduler=wlc persistence=300"
std::string fields(const json::value& of) {
    std::string text;
    if (const auto* object = of.if_object())
        for (const auto& [key, value] : *object)
            text += ' ' + std::string(key) + '=' + shown(value);
    return text;
}

/// " weight: 1 -> 3, upper: 0 -> 9"
std::string changed_fields(const json::value& before, const json::value& after) {
    std::string text;
    if (const auto* object = before.if_object())
        for (const auto& [key, value] : *object)
            text += (text.empty() ? " " : ", ") + std::string(key) + ": " + shown(value) + " -> " +
                    shown(member(after, key));
    return text;
}

/// One that has come, gone or changed.
std::string change_line(const json::value& row, const std::string& what) {
    const auto change = member_word(row, "change");
    const auto& before = member(row, "before");
    const auto& after = member(row, "after");
    if (change == "added") return "+ " + what + fields(after) + '\n';
    if (change == "removed") return "- " + what + fields(before) + '\n';
    const auto text = changed_fields(before, after);
    return (text.empty() ? "  " : "~ ") + what + text + '\n';
}

std::string service_name(const json::value& key) {
    const auto& mark = member(key, "mark");
    if (!mark.is_null()) return "service mark " + shown(mark) + ' ' + member_word(key, "family");
    return "service " + member_word(key, "protocol") + ' ' + member_word(key, "address");
}

std::string service_lines(const json::value& row) {
    std::string text = change_line(row, service_name(member(row, "service")));
    for (const auto& server : member_rows(row, "servers"))
        text += change_line(server, "  server " + member_word(server, "address"));
    return text;
}

/// Rules have no names: one that differs is shown as one that goes and one that comes.
std::string mark_lines(const json::value& marks) {
    if (!marks.is_object()) return {};
    const auto& before = member_rows(marks, "before");
    const auto& after = member_rows(marks, "after");
    const auto shortest = std::min(before.size(), after.size());
    std::size_t same = 0;
    while (same < shortest && before[same] == after[same]) ++same;
    std::size_t end = 0;
    while (end < shortest - same &&
           before[before.size() - 1 - end] == after[after.size() - 1 - end])
        ++end;
    std::string text;
    const auto show = [&](const char* sign, const json::array& rules) {
        for (std::size_t i = same; i < rules.size() - end; ++i)
            text += sign + (" mark rule " + std::to_string(i + 1)) + fields(rules[i]) + '\n';
    };
    show("-", before);
    show("+", after);
    return text;
}

/// Named by their roles.
std::string sync_lines(const json::value& sync) {
    if (!sync.is_object()) return {};
    std::string text;
    const auto show = [&](const char* sign, const char* side, const char* other) {
        for (const auto& row : member_rows(sync, side)) {
            const auto& others = member_rows(sync, other);
            if (std::find(others.begin(), others.end(), row) != others.end()) continue;
            text += std::string(sign) + " sync" + fields(row) + '\n';
        }
    };
    show("-", "before", "after");
    show("+", "after", "before");
    return text;
}

}  // namespace

json::object config_params(const std::string& path) {
    const auto files = ctl::ConfigText::from_file(path).files();
    json::object params{{"name", path}, {"text", files.front().text}};
    json::array includes;
    std::set<std::string> sent;
    for (auto file = files.begin() + 1; file != files.end(); ++file)
        if (sent.insert(file->name).second)
            includes.push_back({{"name", file->name}, {"text", file->text}});
    if (!includes.empty()) params["includes"] = std::move(includes);
    return params;
}

std::string config_diff_text(const json::value& result) {
    std::string text;
    for (const auto& row : member_rows(result, "values"))
        text += "~ " + member_word(row, "key") + ": " + shown(member(row, "before")) + " -> " +
                shown(member(row, "after")) + '\n';
    for (const auto& row : member_rows(result, "apps"))
        text += (member_word(row, "change") == "added" ? "+ app " : "- app ") +
                member_word(row, "name") + ' ' + shown(member(row, "port")) + '\n';
    text += mark_lines(member(result, "marks"));
    text += sync_lines(member(result, "sync"));
    for (const auto& row : member_rows(result, "services")) text += service_lines(row);
    if (const auto left_out = member_count(result, "left_out"); left_out != 0)
        text += "  and " + std::to_string(left_out) + " more services and servers\n";
    for (const auto& key : member_rows(result, "needs_restart"))
        text += "! " + shown(key) + ": changes only with a restart\n";
    const auto count = member_count(result, "changes");
    text += std::to_string(count) + (count == 1 ? " change" : " changes");
    return text + (member(result, "applied") == true ? ", applied\n" : ", not applied\n");
}

}  // namespace shunt::cli
