// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/rpc_write.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "ctl/config/port_range.h"
#include "ctl/config/words.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

json::object to_json(const Traffic& t) {
    return {{"connections", t.connections},
            {"packets_in", t.packets_in},
            {"packets_out", t.packets_out},
            {"bytes_in", t.bytes_in},
            {"bytes_out", t.bytes_out}};
}

json::object to_json(const Tunnel& tunnel) {
    json::object out{{"type", word_of(tunnel_type_words(), tunnel.type)}};
    if (tunnel.type == TunnelType::gue) out["port"] = tunnel.port.value();
    out["checksum"] = word_of(tunnel_checksum_words(), tunnel.checksum);
    return out;
}

json::object to_json(const ServerView& view) {
    json::object out{{"address", to_string(view.server.endpoint)},
                     {"forward", word_of(forward_words(), view.server.forward)}};
    if (view.server.forward == ForwardMethod::tunnel) out["tunnel"] = to_json(view.server.tunnel);
    out["weight"] = view.server.weight;
    if (view.health.health() != Health::unchecked) put_health(out, view.health);
    const Thresholds& thresholds = view.server.thresholds;
    if (thresholds.upper != 0) out["upper"] = thresholds.upper;
    if (thresholds.lower != 0) out["lower"] = thresholds.lower;
    if (view.ramping) out["ramping"] = *view.ramping;
    out["active"] = view.active;
    out["inactive"] = view.inactive;
    out["persistent"] = view.persistent;
    out["stats"] = to_json(view.stats);
    return out;
}

json::object to_json(const Persistence& persistence) {
    using std::chrono::floor;
    return {{"timeout", floor<std::chrono::seconds>(persistence.timeout).count()},
            {"granularity", persistence.granularity}};
}

json::array flags_json(const ServiceView& view) {
    json::array flags;
    if (view.one_packet) flags.push_back("one_packet");
    const auto words = scheduler_flag_words(view.scheduler);
    for (const auto flag : {SchedulerFlag::first, SchedulerFlag::second, SchedulerFlag::third})
        if (view.scheduler_flags.has(flag)) flags.emplace_back(word_of(words, flag));
    return flags;
}

/// What is not as by default.
void put_options(json::object& out, const SchedulerOptions& options) {
    const SchedulerOptions standard;
    if (options.mh_size != standard.mh_size) out["mh_size"] = options.mh_size;
    if (options.mh_order != standard.mh_order)
        out["mh_order"] = word_of(maglev_order_words(), options.mh_order);
    if (options.load_bound != standard.load_bound) out["load_bound"] = options.load_bound;
}

std::string_view method_word(ForwardMethod method) {
    return method == ForwardMethod::bypass ? "bypass" : word_of(forward_words(), method);
}

/// JSON has no place for other bytes.
std::string printable(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

}  // namespace

json::object to_json(const Stats& stats) {
    json::object out = to_json(stats.counts);
    out["rates"] = to_json(stats.rates);
    return out;
}

json::object to_json(const ServiceKey& key) {
    if (key.mark != Mark{})
        return {{"mark", key.mark.value()},
                {"family", word_of(family_words(), key.endpoint.address.family())}};
    return {{"protocol", to_string(key.protocol)}, {"address", to_string(key.endpoint)}};
}

json::object to_json(const ServiceTimeouts& timeouts) {
    const auto seconds = [](Ticks ticks) {
        return std::chrono::floor<std::chrono::seconds>(ticks).count();
    };
    return {{"tcp", seconds(timeouts.tcp)},
            {"tcp_fin", seconds(timeouts.tcp_fin)},
            {"udp", seconds(timeouts.udp)}};
}

json::object to_json(const HealthCheck& check) {
    json::object out{{"type", word_of(check_type_words(), check.type)},
                     {"interval_ms", check.interval.count()},
                     {"timeout_ms", check.timeout.count()},
                     {"rise", check.rise},
                     {"fall", check.fall}};
    if (check.port != L4Port{}) out["port"] = check.port.value();
    if (check.source) out["source"] = to_string(*check.source);
    if (check.type == CheckType::http) {
        out["path"] = check.path;
        if (!check.host.empty()) out["host"] = check.host;
        out["status"] = to_string(check.status);
    }
    out["initially"] = word_of(health_words(), check.initially);
    out["all_down"] = word_of(all_down_words(), check.all_down);
    return out;
}

std::string_view health_word(Health health) noexcept {
    return health == Health::unchecked ? "unchecked" : health == Health::up ? "up" : "down";
}

void put_health(json::object& out, const HealthState& state) {
    out["health"] = health_word(state.health());
    if (state.forced != Forced::automatic)
        out["forced"] = state.forced == Forced::up ? "up" : "down";
    if (state.out) out["effective_weight"] = 0;
}

json::object to_json(const ServiceView& view) {
    json::array servers;
    servers.reserve(view.servers.size());
    for (const auto& server : view.servers) servers.push_back(to_json(server));
    json::object out{
        {"service", to_json(view.key)}, {"scheduler", view.scheduler}, {"flags", flags_json(view)}};
    if (view.persistence) {
        out["persistence"] = to_json(*view.persistence);
        const auto engine = word_of(engine_words(), view.persistence->engine);
        if (!engine.empty()) out["engine"] = engine;
    }
    if (view.timeouts != ServiceTimeouts{}) out["timeouts"] = to_json(view.timeouts);
    if (view.slow_start.count() != 0) out["slow_start"] = view.slow_start.count();
    put_options(out, view.scheduler_options);
    if (view.check) out["check"] = to_json(*view.check);
    out["stats"] = to_json(view.stats);
    out["servers"] = std::move(servers);
    return out;
}

json::object to_json(const ConnectionRow& row) {
    // A template of a service on a mark stands for all protocols.
    json::object out{
        {"protocol", row.protocol == Protocol::none ? "ip" : to_string(row.protocol)},
        {"client", to_string(row.client)},
        {"virtual", to_string(row.virtual_service)},
        {"server", to_string(row.server)},
        {"forward", method_word(row.method)},
        {"state", state_name(row)},
        {"expires", row.expires.count()},
        {"worker", row.is_template ? json::value(nullptr) : json::value(row.worker.value())}};
    if (row.engine_data.empty()) return out;
    out["engine"] = "sip";
    out["engine_data"] = printable(row.engine_data);
    return out;
}

json::object to_json(const ConnectionList& list) {
    json::array rows;
    rows.reserve(list.rows.size());
    for (const auto& row : list.rows) rows.push_back(to_json(row));
    return {{"connections", std::move(rows)},
            {"cursor", list.next ? json::value(to_string(*list.next)) : json::value(nullptr)}};
}

json::object to_json(const ConnectionTally& tally) {
    return {{"connections", tally.connections}, {"templates", tally.templates}};
}

json::object to_json(const MarkConfig& config) {
    const MarkRule& rule = config.rule;
    json::object out{{"mark", rule.mark.value()}};
    if (rule.source) out["source"] = to_string(*rule.source);
    if (rule.destination) out["destination"] = to_string(*rule.destination);
    if (rule.protocol) out["protocol"] = to_string(*rule.protocol);
    if (rule.source_ports != PortRange{}) out["source_ports"] = to_string(rule.source_ports);
    if (rule.destination_ports != PortRange{})
        out["destination_ports"] = to_string(rule.destination_ports);
    if (!config.port.empty()) out["port"] = config.port;
    return out;
}

}  // namespace shunt::ctl
