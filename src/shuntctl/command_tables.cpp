// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/command_tables.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>

#include "shuntctl/table.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

std::string scaled(const json::value& row, std::string_view name) {
    return member_text(row, name) == "-" ? "-" : short_number(member_number(row, name));
}

std::string scaled(std::uint64_t count) {
    return short_number(static_cast<double>(count));
}

const json::value& part(const json::value& object, std::string_view name) {
    static const json::value none;
    const auto* members = object.if_object();
    const auto* value = members != nullptr ? members->if_contains(name) : nullptr;
    return value != nullptr ? *value : none;
}

std::string duration_text(double seconds) {
    const auto whole = static_cast<long long>(seconds);
    char text[64];
    std::snprintf(text, sizeof text, "%lldd %02lld:%02lld:%02lld", whole / 86400, whole / 3600 % 24,
                  whole / 60 % 60, whole % 60);
    return text;
}

std::string drops_text(const json::value& drops, std::size_t width) {
    const auto* reasons = drops.if_object();
    if (reasons == nullptr) return "";
    std::vector<std::pair<std::uint64_t, std::string>> sorted;
    for (const auto& reason : *reasons) {
        const auto count = member_count(drops, reason.key());
        if (count != 0) sorted.emplace_back(count, reason.key());
    }
    if (sorted.empty()) return "\nno packet was dropped\n";
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    Table table({{"DROPPED BECAUSE"}, {"PACKETS", Align::right}});
    for (const auto& [count, name] : sorted) table.add({name, std::to_string(count)});
    return '\n' + table.text(width);
}

std::string addresses_line(const json::value& port) {
    std::string line;
    for (const auto& address : member_rows(port, "addresses"))
        if (const auto* text = address.if_string()) line += ' ' + std::string(*text);
    return line.empty() ? "" : "    addresses:" + line + '\n';
}

void append(std::string& words, const std::string& word) {
    words += (words.empty() ? "" : " ") + word;
}

/// "one_packet persistent 360/24 sip".
std::string service_options(const ServiceRow& service) {
    std::string options;
    for (const auto& flag : service.flags) append(options, flag);
    if (const auto& persistence = service.persistence) {
        append(options, "persistent " + std::to_string(persistence->timeout));
        if (persistence->granularity) options += '/' + std::to_string(*persistence->granularity);
    }
    if (!service.engine.empty()) append(options, service.engine);
    const auto number = [&options](const char* name, std::uint64_t value) {
        if (value != 0) append(options, name + (' ' + std::to_string(value)));
    };
    number("tcp", service.timeouts.tcp);
    number("tcp_fin", service.timeouts.tcp_fin);
    number("udp", service.timeouts.udp);
    number("slow_start", service.slow_start);
    number("mh_size", service.mh_size);
    if (!service.mh_order.empty()) append(options, "mh_order " + service.mh_order);
    number("load_bound", service.load_bound);
    return options;
}

/// "gue:6080 full upper 100 lower 50 down local".
std::string server_options(const ServerRow& server) {
    std::string options = server.tunnel.type;
    const auto& checksum = server.tunnel.checksum;
    if (server.tunnel.port != 0) options += ':' + std::to_string(server.tunnel.port);
    if (!checksum.empty() && checksum != "none") append(options, checksum);
    if (server.upper != 0) append(options, "upper " + std::to_string(server.upper));
    if (server.lower != 0) append(options, "lower " + std::to_string(server.lower));
    if (server.forced || server.health == "down")
        append(options, (server.forced ? "forced " : "") + server.health);
    if (server.ramping) append(options, "ramping " + std::to_string(*server.ramping) + '%');
    if (server.local) append(options, "local");
    return options;
}

/// As member_text(), but what is missing matches everything.
std::string any_text(const json::value& rule, std::string_view name) {
    const auto text = member_text(rule, name);
    return text == "-" ? "any" : text;
}

}  // namespace

std::string service_name(const ServiceRow& service) {
    if (service.mark == 0)
        return std::string(to_string(service.protocol)) + ' ' + to_string(service.address);
    const bool ipv6 = service.address.address.family() == Family::ipv6;
    return "mark " + std::to_string(service.mark) + (ipv6 ? " ipv6" : "");
}

std::string service_text(const json::value& result, std::size_t width) {
    Table table({{"SERVICE / SERVER"},
                 {"METHOD"},
                 {"WEIGHT", Align::right},
                 {"ACTIVE", Align::right},
                 {"INACTIVE", Align::right},
                 {"CONNS", Align::right},
                 {"CONNS/S", Align::right},
                 {"OPTIONS"}});
    for (const auto& service : service_rows(result)) {
        table.add({service_name(service), service.scheduler, "", "", "",
                   scaled(service.stats.counts.connections),
                   short_number(service.stats.rates.connections), service_options(service)});
        for (const auto& server : service.servers)
            table.add({"  " + to_string(server.address), server.forward,
                       std::to_string(server.weight), scaled(server.active),
                       scaled(server.inactive), scaled(server.stats.counts.connections),
                       short_number(server.stats.rates.connections), server_options(server)});
    }
    return table.text(width);
}

std::string connection_text(const std::vector<ConnectionRow>& rows, std::size_t width) {
    Table table({{"PROTO"},
                 {"CLIENT"},
                 {"SERVICE"},
                 {"SERVER"},
                 {"FORWARD"},
                 {"STATE"},
                 {"EXPIRES", Align::right},
                 {"WORKER", Align::right}});
    for (const auto& row : rows)
        table.add({row.protocol, to_string(row.client), to_string(row.destination),
                   to_string(row.server), row.forward, row.state, std::to_string(row.expires),
                   row.worker ? std::to_string(*row.worker) : "-"});
    return table.text(width);
}

std::string tally_text(const json::value& result, std::size_t width) {
    Table table({{"CONNECTIONS", Align::right}, {"TEMPLATES", Align::right}});
    table.add({member_text(result, "connections"), member_text(result, "templates")});
    return table.text(width);
}

std::string found_text(const json::value& result, std::size_t width) {
    const auto& connection = part(result, "connection");
    if (connection.is_null()) return "no such connection\n";
    return connection_text(connection_rows(json::object{{"connections", {connection}}}), width);
}

std::string stats_text(const json::value& result, std::size_t width) {
    const auto total = stats_row(part(result, "total"));
    Table table({{"TOTAL"}, {"COUNT", Align::right}, {"PER SECOND", Align::right}});
    const auto row = [&](const char* name, std::uint64_t count, double rate) {
        table.add({name, std::to_string(count), short_number(rate)});
    };
    const auto& [counts, rates] = total;
    row("connections", counts.connections, rates.connections);
    row("packets in", counts.packets_in, rates.packets_in);
    row("packets out", counts.packets_out, rates.packets_out);
    row("bytes in", counts.bytes_in, rates.bytes_in);
    row("bytes out", counts.bytes_out, rates.bytes_out);
    return table.text(width) + drops_text(part(result, "drops"), width);
}

std::string timeout_text(const json::value& result, std::size_t width) {
    Table table({{"TIMEOUT"}, {"SECONDS", Align::right}});
    table.add({"tcp", member_text(result, "tcp")});
    table.add({"tcp after FIN", member_text(result, "tcp_fin")});
    table.add({"udp", member_text(result, "udp")});
    return table.text(width);
}

std::string log_text(const json::value& result, std::size_t width) {
    Table table({{"LEVEL"}, {"-v", Align::right}, {"WRITTEN"}});
    table.add({member_text(result, "level"), member_text(result, "verbose"),
               member_text(result, "written")});
    return table.text(width);
}

std::string tunables_text(const json::value& result, std::size_t width) {
    Table table({{"TUNABLE"}, {"VALUE", Align::right}, {"DEFAULT", Align::right}, {"RANGE"}});
    std::string meanings;
    for (const auto& row : member_rows(result, "tunables")) {
        const auto name = member_text(row, "name");
        const auto least = member_text(row, "least");
        table.add({name, member_text(row, "value"), member_text(row, "default"),
                   least == "-" ? "text" : least + " to " + member_text(row, "most")});
        meanings += name + ": " + member_text(row, "meaning") + '\n';
    }
    return table.text(width) + (meanings.empty() ? "" : '\n' + fold(meanings, width));
}

std::string tunable_text(const json::value& result, std::size_t width) {
    Table table({{"TUNABLE"}, {"VALUE", Align::right}});
    table.add({member_text(result, "name"), member_text(result, "value")});
    return table.text(width);
}

std::string sync_text(const json::value& result, std::size_t width) {
    const auto& daemons = member_rows(result, "daemons");
    if (daemons.empty()) return "no daemon runs\n";
    Table table({{"ROLE"},
                 {"INTERFACE"},
                 {"SYNCID", Align::right},
                 {"GROUP"},
                 {"PORT", Align::right},
                 {"PORTS", Align::right},
                 {"TTL", Align::right},
                 {"MAXLEN", Align::right}});
    for (const auto& row : daemons)
        table.add({member_word(row, "role"), member_word(row, "interface"),
                   member_text(row, "syncid"), member_word(row, "group"), member_text(row, "port"),
                   member_text(row, "ports"), member_text(row, "ttl"), member_text(row, "maxlen")});
    Table counters({{"COUNTER"}, {"COUNT", Align::right}});
    if (const auto* counts = part(result, "counters").if_object())
        for (const auto& [name, value] : *counts)
            if (value != 0) counters.add({std::string(name), json::serialize(value)});
    return table.text(width) + '\n' + counters.text(width);
}

std::string marks_text(const json::value& result, std::size_t width) {
    Table table({{"RULE", Align::right},
                 {"MARK", Align::right},
                 {"PROTO"},
                 {"SOURCE"},
                 {"PORTS"},
                 {"DESTINATION"},
                 {"PORTS"},
                 {"CAME BY"}});
    std::size_t number = 0;
    for (const auto& rule : member_rows(result, "rules"))
        table.add({std::to_string(++number), member_text(rule, "mark"), any_text(rule, "protocol"),
                   any_text(rule, "source"), any_text(rule, "source_ports"),
                   any_text(rule, "destination"), any_text(rule, "destination_ports"),
                   any_text(rule, "port")});
    return table.text(width);
}

std::string apps_text(const json::value& result, std::size_t width) {
    Table table({{"APPLICATION"}, {"PROTO"}, {"PORT", Align::right}, {"CONNS", Align::right}});
    for (const auto& row : member_rows(result, "apps"))
        table.add({member_text(row, "name"), member_text(row, "protocol"), member_text(row, "port"),
                   member_text(row, "connections")});
    return table.text(width);
}

std::string schedulers_text(const json::value& result, std::size_t width) {
    Table table({{"SCHEDULER"}});
    for (const auto& name : member_rows(result, "schedulers"))
        if (const auto* text = name.if_string()) table.add({std::string(*text)});
    return table.text(width);
}

std::string worker_text(const json::value& result, std::size_t width) {
    struct Field {
        const char* title;
        const char* name;
    };
    static constexpr Field fields[] = {
        {"RECEIVED", "received"},   {"FORWARD", "forwarded"}, {"TO-HOST", "to_host"},
        {"FROM-HOST", "from_host"}, {"HANDED", "handed_off"}, {"TAKEN", "taken_over"},
        {"HELD", "held"},           {"DROPPED", "dropped"},   {"CONNS", "connections"}};
    std::vector<Table::Column> columns = {
        {"WORKER", Align::right}, {"CPU", Align::right}, {"BUSY", Align::right}};
    for (const auto& field : fields) columns.push_back({field.title, Align::right});
    Table table(std::move(columns));
    for (const auto& row : member_rows(result, "workers")) {
        char busy[32];
        std::snprintf(busy, sizeof busy, "%.0f%%", 100 * member_number(row, "busy"));
        std::vector<std::string> cells = {member_text(row, "worker"), member_text(row, "cpu"),
                                          member_text(row, "busy") == "-" ? "-" : busy};
        for (const auto& field : fields) cells.push_back(scaled(row, field.name));
        table.add(std::move(cells));
    }
    return table.text(width);
}

std::string port_text(const json::value& result, std::size_t width) {
    Table table({{"PORT"},
                 {"LINK"},
                 {"MAC"},
                 {"MTU", Align::right},
                 {"QUEUES", Align::right},
                 {"TWIN"},
                 {"RECEIVED", Align::right},
                 {"SENT", Align::right},
                 {"MISSED", Align::right},
                 {"ERRORS", Align::right}});
    std::string details;
    for (const auto& row : member_rows(result, "ports")) {
        const auto name = member_text(row, "port");
        table.add({name, member_text(row, "link"), member_text(row, "mac"), member_text(row, "mtu"),
                   member_text(row, "receive_queues") + '/' + member_text(row, "transmit_queues"),
                   member_text(row, "twin"), scaled(row, "received"), scaled(row, "sent"),
                   scaled(row, "missed"), scaled(row, "errors")});
        details += name + ": device " + member_text(row, "device") + ", steering " +
                   member_text(row, "steering") + '\n' + addresses_line(row);
    }
    return table.text(width) + (details.empty() ? "" : '\n' + fold(details, width));
}

std::string status_text(const json::value& result, std::size_t width) {
    Table table({{"STATUS"}, {"VALUE"}});
    const auto* members = result.if_object();
    if (members == nullptr) return json::serialize(result) + '\n';
    for (const auto& member : *members) {
        const std::string name(member.key());
        table.add({name, name == "uptime" ? duration_text(member_number(result, name))
                                          : member_text(result, name)});
    }
    return table.text(width);
}

}  // namespace shunt::cli
