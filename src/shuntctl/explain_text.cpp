// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/explain_text.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "shuntctl/rows.h"
#include "shuntctl/table.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

const json::value& part(const json::value& object, std::string_view name) {
    static const json::value none;
    const auto* members = object.if_object();
    const auto* value = members != nullptr ? members->if_contains(name) : nullptr;
    return value != nullptr ? *value : none;
}

bool is_true(const json::value& object, std::string_view name) {
    const auto* value = part(object, name).if_bool();
    return value != nullptr && *value;
}

std::string verdict_text(const json::value& result) {
    const auto verdict = member_word(result, "verdict");
    if (verdict == "known") return "goes the way of its connection";
    if (verdict == "opens") return "opens a connection";
    if (verdict == "undecided") return "depends on the packet, or on what only a packet may ask";
    if (verdict == "to_host") return "goes to the host";
    return "is dropped: " + member_word(result, "reason");
}

std::string service_line(const json::value& service) {
    const auto& name = part(service, "service");
    const auto mark = member_text(name, "mark");
    const auto text = mark == "-"
                          ? member_word(name, "protocol") + ' ' + member_word(name, "address")
                          : "mark " + mark + ' ' + member_word(name, "family");
    return text + ", scheduler " + member_word(service, "scheduler") +
           (is_true(service, "persistent") ? ", persistent" : "");
}

std::string connection_line(const json::value& row) {
    return member_word(row, "client") + " > " + member_word(row, "virtual") + " > " +
           member_word(row, "server") + ", " + member_word(row, "state") + ", expires in " +
           member_text(row, "expires") + " s";
}

std::string next_hop_line(const json::value& hop) {
    const auto kind = member_word(hop, "kind");
    if (kind != "via") return kind == "local" ? "this host" : "none";
    const auto mac = member_text(hop, "mac");
    return member_word(hop, "gateway") + " on " + member_text(hop, "interface") + " (port " +
           member_text(hop, "port") + "), " + (mac == "-" ? "link address not known" : mac) +
           ", packets up to " + member_text(hop, "fits") + " bytes";
}

std::string defence_line(const json::value& defence) {
    std::string line;
    const auto add = [&line](const std::string& text) {
        line += (line.empty() ? "" : ", ") + text;
    };
    if (is_true(defence, "secure_tcp")) add("secure_tcp");
    if (is_true(defence, "drop_entry")) add("drop_entry");
    if (member_count(defence, "drop_packet_one_of") != 0)
        add("drop_packet refuses one of " + member_text(defence, "drop_packet_one_of"));
    if (!is_true(defence, "admits_newcomers")) add("new_share admits nobody now");
    return (line.empty() ? "off" : line) + "; " + member_text(defence, "connections") + " of " +
           member_text(defence, "room") + " connections, " + member_text(defence, "half_open") +
           " half-open";
}

std::string candidates_text(const json::value& result) {
    Table table({{"CANDIDATE"}, {"METHOD"}, {"WEIGHT", Align::right}, {"ELIGIBLE"}});
    const auto& rows = member_rows(result, "candidates");
    if (rows.empty()) return "";
    for (const auto& row : rows) {
        const auto why = member_word(row, "why");
        table.add({member_word(row, "address"), member_word(row, "forward"),
                   member_text(row, "weight"), why.empty() ? "yes" : "no: " + why});
    }
    return '\n' + table.text();
}

std::string rules_text(const json::value& result) {
    Table table({{"STEP"}, {"RULE"}, {"MEANING"}});
    for (const auto& row : member_rows(result, "rules"))
        table.add({member_word(row, "step"), member_word(row, "rule"), member_word(row, "text")});
    return '\n' + table.text() + "\nSteps are those of docs/packet-walk.md.\n";
}

}  // namespace

std::string explain_text(const json::value& result) {
    Table table({{"PACKET"},
                 {member_word(result, "protocol") + ' ' + member_word(result, "source") + " > " +
                  member_word(result, "destination")}});
    table.add({"comes in by", member_text(result, "port")});
    table.add({"verdict", verdict_text(result)});
    table.add({"owner", "worker " + member_text(result, "owner")});
    const auto with = [&](const char* title, const char* name, auto line) {
        const auto& value = part(result, name);
        if (!value.is_null()) table.add({title, line(value)});
    };
    with("mark", "mark", [](const json::value& mark) {
        const auto rule = member_text(mark, "rule");
        return member_text(mark, "mark") + (rule == "-" ? "" : ", by rule " + rule);
    });
    with("service", "service", service_line);
    with("connection", "connection", connection_line);
    with("server", "server", [](const json::value& server) {
        return member_word(server, "address") + ", " + member_word(server, "forward");
    });
    with("next hop", "next_hop", next_hop_line);
    with("application", "application",
         [](const json::value& app) { return std::string(app.as_string()); });
    with("defence", "defence", defence_line);
    return table.text() + candidates_text(result) + rules_text(result);
}

}  // namespace shunt::cli
