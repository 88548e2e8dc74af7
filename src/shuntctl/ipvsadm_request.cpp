// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/ipvsadm_request.h"

#include <boost/json/array.hpp>

namespace shunt::cli {

namespace json = boost::json;

namespace {

const char* forward_word(Forward forward) {
    switch (forward) {
        case Forward::masquerade:
            return "nat";
        case Forward::tunnel:
            return "tunnel";
        default:
            return "direct";
    }
}

const char* type_word(TunnelType type) {
    switch (type) {
        case TunnelType::gue:
            return "gue";
        case TunnelType::gre:
            return "gre";
        default:
            return "ipip";
    }
}

const char* checksum_word(TunnelChecksum checksum) {
    switch (checksum) {
        case TunnelChecksum::full:
            return "full";
        case TunnelChecksum::remote:
            return "remote";
        default:
            return "none";
    }
}

json::object tunnel_json(const TunnelOptions& tunnel) {
    json::object out{{"type", type_word(tunnel.type)}};
    if (tunnel.type == TunnelType::gue) out["port"] = tunnel.port;
    if (tunnel.type != TunnelType::ipip) out["checksum"] = checksum_word(tunnel.checksum);
    return out;
}

json::array flags_json(const ServiceOptions& options) {
    json::array flags;
    if (options.one_packet) flags.emplace_back("one_packet");
    for (const auto& word : scheduler_flag_words(options.flags, options.scheduler))
        flags.emplace_back(word);
    return flags;
}

/// What the daemon takes for granted is left out.
void put_options(json::object& params, const ServiceOptions& options) {
    params["scheduler"] = options.scheduler;
    auto flags = flags_json(options);
    if (!flags.empty()) params["flags"] = std::move(flags);
    if (const auto& persistence = options.persistence)
        params["persistence"] = {{"timeout", persistence->timeout},
                                 {"granularity", persistence->granularity}};
    if (!options.engine.empty()) params["engine"] = options.engine;
}

void put_options(json::object& params, const ServerOptions& options) {
    params["forward"] = forward_word(options.forward);
    params["weight"] = options.weight;
    if (options.forward == Forward::tunnel) params["tunnel"] = tunnel_json(options.tunnel);
    if (options.upper != 0) params["upper"] = options.upper;
    if (options.lower != 0) params["lower"] = options.lower;
}

json::object timeouts_json(const Timeouts& timeouts) {
    return {{"tcp", timeouts.tcp}, {"tcp_fin", timeouts.tcp_fin}, {"udp", timeouts.udp}};
}

const char* role_word(const DaemonOptions& daemon) {
    return daemon.master ? "master" : "backup";
}

json::object daemon_json(const DaemonOptions& daemon) {
    json::object out{
        {"role", role_word(daemon)}, {"interface", daemon.interface}, {"syncid", daemon.syncid}};
    if (!daemon.group.empty()) out["group"] = daemon.group;
    if (daemon.port != 0) out["port"] = daemon.port;
    if (daemon.ttl != 0) out["ttl"] = daemon.ttl;
    if (daemon.maxlen != 0) out["maxlen"] = daemon.maxlen;
    return out;
}

}  // namespace

json::object service_json(const ServiceName& service) {
    const bool ipv6 = service.address.address.family() == Family::ipv6;
    if (service.mark != 0) return {{"mark", service.mark}, {"family", ipv6 ? "ipv6" : "ipv4"}};
    return {{"protocol", to_string(service.protocol)}, {"address", to_string(service.address)}};
}

Request request_of(const Command& command) {
    json::object params;
    if (command.service) params["service"] = service_json(*command.service);
    if (command.server) params["server"] = json::object{{"address", to_string(*command.server)}};
    switch (command.action) {
        case Action::add_service:
            put_options(params, command.service_options);
            return {"service.add", params};
        case Action::edit_service:
            put_options(params, command.service_options);
            return {"service.edit", params};
        case Action::delete_service:
            return {"service.delete", params};
        case Action::flush:
            return {"service.flush", params};
        case Action::add_server:
            put_options(params, command.server_options);
            return {"dest.add", params};
        case Action::edit_server:
            put_options(params, command.server_options);
            return {"dest.edit", params};
        case Action::delete_server:
            return {"dest.delete", params};
        case Action::set_timeouts:
            return {"timeout.set", timeouts_json(command.timeouts)};
        case Action::start_daemon:
            return {"sync.start", daemon_json(command.daemon)};
        case Action::stop_daemon:
            return {"sync.stop", {{"role", role_word(command.daemon)}}};
        default:
            return {"stats.zero", params};
    }
}

}  // namespace shunt::cli
