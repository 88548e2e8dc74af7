// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/health_text.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>
#include <string_view>

#include "shuntctl/command_tables.h"
#include "shuntctl/rows.h"
#include "shuntctl/table.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

/// "http /health every 2000 ms".
std::string check_text(const json::value& service) {
    const auto* const check = service.as_object().if_contains("check");
    if (check == nullptr || check->is_null()) return "unchecked";
    const std::string path = member_word(*check, "path");
    return member_word(*check, "type") + (path.empty() ? "" : ' ' + path) + " every " +
           member_text(*check, "interval_ms") + " ms";
}

/// "3 failed".
std::string row_text(const json::value& server) {
    for (const char* how : {"passed", "failed"})
        if (const auto count = member_count(server, how + std::string("_in_a_row")); count != 0)
            return std::to_string(count) + ' ' + how;
    return "-";
}

/// Milliseconds.
std::string time_text(const json::value& server) {
    if (member_text(server, "took_ms") == "-") return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", member_number(server, "took_ms"));
    return text;
}

std::string state_text(const json::value& server) {
    const bool forced = !member_word(server, "forced").empty();
    return member_text(server, "health") + (forced ? " (forced)" : "");
}

}  // namespace

std::string health_text(const json::value& result, std::size_t width) {
    Table table({{"SERVICE / SERVER"},
                 {"HEALTH"},
                 {"WEIGHT", Align::right},
                 {"CHECKS", Align::right},
                 {"IN A ROW", Align::right},
                 {"MS", Align::right},
                 {"LAST CHECK"}});
    // Services are read as service.list has them.
    const auto names = service_rows(result);
    const auto& services = member_rows(result, "services");
    for (std::size_t i = 0; i < services.size(); ++i) {
        table.add({service_name(names[i]), check_text(services[i]), "", "", "", "", ""});
        for (const auto& server : member_rows(services[i], "servers"))
            table.add({"  " + member_text(server, "address"), state_text(server),
                       member_text(server, "weight"), member_text(server, "checks"),
                       row_text(server), time_text(server), member_text(server, "reason")});
    }
    return table.text(width);
}

}  // namespace shunt::cli
