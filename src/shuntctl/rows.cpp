// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/rows.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "shuntctl/rpc_client.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

[[noreturn]] void fail(std::string_view name, const char* expected) {
    throw Unreachable("the daemon's answer is not understood: \"" + std::string(name) +
                      "\" is no " + expected +
                      "; do shuntctl and shuntd come from the same version?");
}

const json::value* member(const json::value& object, std::string_view name) {
    const auto* members = object.if_object();
    return members != nullptr ? members->if_contains(name) : nullptr;
}

std::string word(const json::value& object, std::string_view name) {
    const auto* value = member(object, name);
    if (value == nullptr) return {};
    if (!value->is_string()) fail(name, "text");
    return std::string(value->get_string());
}

Endpoint endpoint(const json::value& object, std::string_view name) {
    const auto parsed = parse_endpoint(word(object, name));
    if (!parsed) fail(name, "address with a port");
    return *parsed;
}

Protocol protocol(const json::value& object) {
    const auto parsed = parse_protocol(word(object, "protocol"));
    if (!parsed) fail("protocol", "known protocol");
    return *parsed;
}

/// The family of a service's address, for one that has none.
Endpoint any_endpoint(const json::value& name) {
    const auto family = word(name, "family");
    if (family == "ipv6") return {Ipv6Address{}, {}};
    if (!family.empty() && family != "ipv4") fail("family", "known address family");
    return {};
}

bool truth(const json::value& object, std::string_view name) {
    const auto* value = member(object, name);
    return value != nullptr && value->is_bool() && value->get_bool();
}

std::vector<std::string> words(const json::value& object, std::string_view name) {
    std::vector<std::string> all;
    for (const auto& element : member_rows(object, name)) {
        if (!element.is_string()) fail(name, "list of words");
        all.emplace_back(element.get_string());
    }
    return all;
}

Five<std::uint64_t> counts(const json::value& of) {
    return {member_count(of, "connections"), member_count(of, "packets_in"),
            member_count(of, "packets_out"), member_count(of, "bytes_in"),
            member_count(of, "bytes_out")};
}

Five<double> rates(const json::value& of) {
    return {member_number(of, "connections"), member_number(of, "packets_in"),
            member_number(of, "packets_out"), member_number(of, "bytes_in"),
            member_number(of, "bytes_out")};
}

StatsRow stats_of(const json::value& object) {
    const auto* stats = member(object, "stats");
    return stats != nullptr ? stats_row(*stats) : StatsRow{};
}

std::optional<std::uint64_t> count_if_any(const json::value& object, std::string_view name) {
    const auto* value = member(object, name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return member_count(object, name);
}

TunnelRow tunnel_row(const json::value& server) {
    const auto* tunnel = member(server, "tunnel");
    if (tunnel == nullptr || tunnel->is_null()) return {};
    return {.type = word(*tunnel, "type"),
            .port = member_count(*tunnel, "port"),
            .checksum = word(*tunnel, "checksum")};
}

ServerRow server_row(const json::value& row) {
    return {.address = endpoint(row, "address"),
            .forward = word(row, "forward"),
            .local = truth(row, "local"),
            .tunnel = tunnel_row(row),
            .weight = member_count(row, "weight"),
            .effective_weight = count_if_any(row, "effective_weight"),
            .health = member_word(row, "health"),
            .forced = !member_word(row, "forced").empty(),
            .ramping = count_if_any(row, "ramping"),
            .upper = member_count(row, "upper"),
            .lower = member_count(row, "lower"),
            .active = member_count(row, "active"),
            .inactive = member_count(row, "inactive"),
            .persistent = member_count(row, "persistent"),
            .stats = stats_of(row)};
}

std::optional<PersistenceRow> persistence_row(const json::value& service, unsigned address_bits) {
    const auto* persistence = member(service, "persistence");
    if (persistence == nullptr || persistence->is_null()) return std::nullopt;
    PersistenceRow row{member_count(*persistence, "timeout"), std::nullopt};
    if (member(*persistence, "granularity") == nullptr) return row;
    const auto granularity = member_count(*persistence, "granularity");
    if (granularity > address_bits) fail("granularity", "length of a prefix");
    if (granularity != address_bits) row.granularity = static_cast<unsigned>(granularity);
    return row;
}

ServiceRow service_row(const json::value& row) {
    const auto* name = member(row, "service");
    if (name == nullptr) fail("service", "object");
    ServiceRow service;
    service.mark = member_count(*name, "mark");
    if (service.mark == 0) service.protocol = protocol(*name);
    service.address = service.mark == 0 ? endpoint(*name, "address") : any_endpoint(*name);
    service.scheduler = word(row, "scheduler");
    service.flags = words(row, "flags");
    service.persistence = persistence_row(row, service.address.address.bits());
    service.engine = member_word(row, "engine");
    if (const auto* timeouts = member(row, "timeouts"))
        service.timeouts = {.tcp = member_count(*timeouts, "tcp"),
                            .tcp_fin = member_count(*timeouts, "tcp_fin"),
                            .udp = member_count(*timeouts, "udp")};
    service.mh_size = member_count(row, "mh_size");
    service.mh_order = member_word(row, "mh_order");
    service.load_bound = member_count(row, "load_bound");
    service.slow_start = member_count(row, "slow_start");
    service.stats = stats_of(row);
    for (const auto& server : member_rows(row, "servers"))
        service.servers.push_back(server_row(server));
    return service;
}

}  // namespace

std::vector<ServiceRow> service_rows(const json::value& service_list_result) {
    std::vector<ServiceRow> rows;
    for (const auto& row : member_rows(service_list_result, "services"))
        rows.push_back(service_row(row));
    return rows;
}

std::vector<ConnectionRow> connection_rows(const json::value& conn_list_result) {
    std::vector<ConnectionRow> rows;
    for (const auto& row : member_rows(conn_list_result, "connections"))
        rows.push_back({.protocol = word(row, "protocol"),
                        .client = endpoint(row, "client"),
                        .destination = endpoint(row, "virtual"),
                        .server = endpoint(row, "server"),
                        .forward = word(row, "forward"),
                        .state = word(row, "state"),
                        .expires = member_count(row, "expires"),
                        .worker = count_if_any(row, "worker"),
                        .engine = member_word(row, "engine"),
                        .engine_data = member_word(row, "engine_data")});
    return rows;
}

StatsRow stats_row(const json::value& stats) {
    const auto* per_second = member(stats, "rates");
    return {counts(stats), per_second != nullptr ? rates(*per_second) : Five<double>{}};
}

std::string member_text(const json::value& object, std::string_view name) {
    const auto* value = member(object, name);
    if (value == nullptr || value->is_null()) return "-";
    if (value->is_string()) return std::string(value->get_string());
    if (value->is_bool()) return value->get_bool() ? "yes" : "no";
    return json::serialize(*value);
}

std::string member_word(const json::value& object, std::string_view name) {
    const auto* value = member(object, name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

double member_number(const json::value& object, std::string_view name) {
    const auto* value = member(object, name);
    if (value == nullptr) return 0;
    boost::system::error_code none;
    const auto number = value->to_number<double>(none);
    return none ? 0 : number;
}

std::uint64_t member_count(const json::value& object, std::string_view name) {
    const auto* value = member(object, name);
    if (value == nullptr) return 0;
    if (value->is_uint64()) return value->get_uint64();
    if (value->is_int64()) return value->get_int64() < 0 ? 0 : std::uint64_t(value->get_int64());
    const auto number = member_number(object, name);
    return number > 0 ? static_cast<std::uint64_t>(std::llround(std::fmin(number, 9e18))) : 0;
}

const json::array& member_rows(const json::value& object, std::string_view name) {
    static const json::array none;
    const auto* value = member(object, name);
    if (value == nullptr) return none;
    const auto* array = value->if_array();
    if (array == nullptr) fail(name, "list");
    return *array;
}

}  // namespace shunt::cli
