// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What changes while the daemon runs, in the shape of the configuration file: the keys of each
// section with their values. Where they go, a text or a JSON object, is up to `Out`, which has
//   text(key, string, standard), number(key, n, standard), flag(key, bool, standard): a value with
//     its default, which may be left out;
//   text(key, string), number(key, n): one that is always said;
//   texts(key, strings), numbers(key, numbers): arrays;
//   section(key, fill): a group that fill(out) writes.
// Thread: any.
#include <chrono>
#include <string_view>
#include <vector>

#include "ctl/config/config.h"
#include "ctl/config/port_range.h"
#include "ctl/config/words.h"

namespace shunt::ctl {

inline const Words<ActiveSource>& active_source_words() {
    static const Words<ActiveSource> words{{"before-control", ActiveSource::before_control},
                                           {"20", ActiveSource::twenty},
                                           {"any", ActiveSource::any}};
    return words;
}

inline const Words<ftp::ForeignAddress>& foreign_address_words() {
    static const Words<ftp::ForeignAddress> words{{"own", ftp::ForeignAddress::own},
                                                  {"trust", ftp::ForeignAddress::trust},
                                                  {"refuse", ftp::ForeignAddress::refuse}};
    return words;
}

inline const Words<SyncRole>& sync_role_words() {
    static const Words<SyncRole> words{{"master", SyncRole::master}, {"backup", SyncRole::backup}};
    return words;
}

template <class Out>
void write_tunnel(const Tunnel& tunnel, Out& out) {
    out.text("type", word_of(tunnel_type_words(), tunnel.type));
    if (tunnel.port != L4Port{}) out.number("port", tunnel.port.value());
    if (tunnel.checksum != TunnelChecksum::none)
        out.text("checksum", word_of(tunnel_checksum_words(), tunnel.checksum));
}

/// All of a server but its address.
template <class Out>
void write_server_settings(const ServerConfig& server, Out& out) {
    const ServerConfig standard;
    out.text("forward", word_of(forward_words(), server.forward),
             word_of(forward_words(), standard.forward));
    if (server.tunnel)
        out.section("tunnel", [&](auto& inner) { write_tunnel(*server.tunnel, inner); });
    out.number("weight", server.weight, standard.weight);
    out.number("upper", server.thresholds.upper, standard.thresholds.upper);
    out.number("lower", server.thresholds.lower, standard.thresholds.lower);
}

template <class Out>
void write_server(const ServerConfig& server, Out& out) {
    out.text("address", to_string(server.address));
    write_server_settings(server, out);
}

template <class Out>
void write_key(const ServiceKey& key, Out& out) {
    if (key.mark != Mark{}) {
        out.number("mark", key.mark.value());
        out.text("family", word_of(family_words(), key.endpoint.address.family()));
    } else {
        out.text("protocol", word_of(protocol_words(), key.protocol));
        out.text("address", to_string(key.endpoint));
    }
}

/// A flag has one word, whatever else it is called for other schedulers.
inline std::vector<std::string> flags_of(const ServiceSettings& settings) {
    std::vector<std::string> flags;
    std::uint8_t written = 0;
    for (const auto& [word, flag] : scheduler_flag_words(settings.scheduler)) {
        const auto bit = static_cast<std::uint8_t>(flag);
        if (!settings.scheduler_flags.has(flag) || (written & bit) != 0) continue;
        written |= bit;
        flags.push_back(word);
    }
    return flags;
}

template <class Out>
void write_check(const HealthCheck& check, Out& out) {
    const HealthCheck standard;
    out.text("type", word_of(check_type_words(), check.type));
    out.number("interval_ms", check.interval.count(), standard.interval.count());
    out.number("timeout_ms", check.timeout.count(), standard.timeout.count());
    out.number("rise", check.rise, standard.rise);
    out.number("fall", check.fall, standard.fall);
    if (check.port != L4Port{}) out.number("port", check.port.value());
    if (check.source) out.text("source", to_string(*check.source));
    if (check.type == CheckType::http) {
        out.text("path", check.path, standard.path);
        if (!check.host.empty()) out.text("host", check.host);
        out.text("status", to_string(check.status), to_string(standard.status));
    }
    out.text("initially", word_of(health_words(), check.initially),
             word_of(health_words(), standard.initially));
    out.text("all_down", word_of(all_down_words(), check.all_down),
             word_of(all_down_words(), standard.all_down));
}

template <class Out>
void write_settings(const ServiceSettings& settings, Out& out) {
    const auto seconds = [&out](std::string_view key, auto time) {
        out.number(key, std::chrono::duration_cast<std::chrono::seconds>(time).count(),
                   std::chrono::seconds::rep{0});
    };
    out.text("scheduler", settings.scheduler);
    if (const auto flags = flags_of(settings); !flags.empty()) out.texts("flags", flags);
    out.flag("one_packet", settings.one_packet, false);
    if (const auto& persistence = settings.persistence) {
        out.number("persistence", persistence->timeout.count());
        if (persistence->granularity) out.number("granularity", *persistence->granularity);
        if (persistence->engine != PersistenceEngine::none)
            out.text("engine", word_of(engine_words(), persistence->engine));
    }
    seconds("timeout_tcp", settings.timeouts.tcp);
    seconds("timeout_tcp_fin", settings.timeouts.tcp_fin);
    seconds("timeout_udp", settings.timeouts.udp);
    seconds("slow_start", settings.slow_start);
    const SchedulerOptions standard;
    const SchedulerOptions& options = settings.scheduler_options;
    out.number("mh_size", options.mh_size, standard.mh_size);
    out.text("mh_order", word_of(maglev_order_words(), options.mh_order),
             word_of(maglev_order_words(), standard.mh_order));
    out.number("load_bound", options.load_bound, standard.load_bound);
    if (settings.check)
        out.section("check", [&](auto& inner) { write_check(*settings.check, inner); });
}

template <class Out>
void write_mark(const MarkConfig& config, Out& out) {
    const MarkRule& rule = config.rule;
    out.number("mark", rule.mark.value());
    if (rule.source) out.text("source", to_string(*rule.source));
    if (rule.destination) out.text("destination", to_string(*rule.destination));
    if (rule.protocol) out.text("protocol", word_of(protocol_words(), *rule.protocol));
    if (rule.source_ports != PortRange{}) out.text("source_ports", to_string(rule.source_ports));
    if (rule.destination_ports != PortRange{})
        out.text("destination_ports", to_string(rule.destination_ports));
    if (!config.port.empty()) out.text("port", config.port);
}

template <class Out>
void write_app(const AppConfig& app, Out& out) {
    std::vector<std::uint16_t> ports;
    for (const L4Port port : app.ports) ports.push_back(port.value());
    out.text("name", name(app.app));
    if (!ports.empty()) out.numbers("ports", ports);
}

template <class Out>
void write_sync(const SyncDaemonConfig& daemon, Out& out) {
    const SyncDaemonConfig standard;
    out.text("role", word_of(sync_role_words(), daemon.role));
    out.text("interface", daemon.interface);
    out.number("syncid", daemon.syncid, standard.syncid);
    out.text("group", to_string(daemon.group), to_string(standard.group));
    out.number("port", daemon.port, standard.port);
    out.number("ttl", daemon.ttl, standard.ttl);
    out.number("maxlen", daemon.maxlen, standard.maxlen);
}

template <class Out>
void write_ftp(const FtpOptions& ftp, Out& out) {
    const FtpOptions standard;
    out.text("passive_ports", to_string(ftp.passive_ports), to_string(standard.passive_ports));
    out.text("active_source", word_of(active_source_words(), ftp.active_source),
             word_of(active_source_words(), standard.active_source));
    out.number("least_client_port", ftp.rules.least_client_port, standard.rules.least_client_port);
    out.flag("any_client_address", ftp.rules.any_client_address, standard.rules.any_client_address);
    out.text("foreign_address", word_of(foreign_address_words(), ftp.rules.foreign),
             word_of(foreign_address_words(), standard.rules.foreign));
}

template <class Out>
void write_tunables(const Tunables& tunables, Out& out) {
    for (const auto& about : tunable_list)
        out.number(about.name, tunables.*about.value, about.standard);
    for (const auto& about : text_tunable_list)
        out.text(about.name, tunables.*about.value, about.standard);
}

}  // namespace shunt::ctl
