// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/ipvsadm_tables.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "shuntctl/scheduler_flags.h"

namespace shunt::cli {

namespace {

// Widths of the name columns.
constexpr std::size_t service_width = 33;
constexpr std::size_t server_width = 28;

std::string left(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

std::string right(std::string text, std::size_t width) {
    if (text.size() < width) text.insert(0, width - text.size(), ' ');
    return text;
}

std::string upper_case(std::string name) {
    for (auto& c : name)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return name;
}

/// IPv4 names that were looked up can be too long for their column: they are cut.
std::string cut(std::string name, const Endpoint& endpoint, std::size_t width) {
    if (endpoint.address.family() == Family::ipv4 && name.size() > width) name.resize(width);
    return name;
}

bool is_ipv6(const ServiceRow& service) {
    return service.address.address.family() == Family::ipv6;
}

std::string service_name(const ServiceRow& service, const EndpointText& text) {
    if (service.mark != 0)
        return "FWM  " + std::to_string(service.mark) + (is_ipv6(service) ? " IPv6" : "");
    const auto protocol = upper_case(std::string(to_string(service.protocol)));
    return cut(left(protocol, 4) + ' ' + text(service.address, service.protocol), service.address,
               service_width);
}

std::string server_name(const ServerRow& server, Protocol protocol, const EndpointText& text) {
    return "  -> " +
           left(cut(text(server.address, protocol), server.address, server_width), server_width);
}

std::string method_name(const ServerRow& server) {
    if (server.local) return "Local";
    if (server.forward == "nat") return "Masq";
    if (server.forward == "direct") return "Route";
    return server.forward == "tunnel" ? "Tunnel" : server.forward;
}

std::string join(const std::vector<std::string>& words, char separator) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : std::string(1, separator)) + word;
    return all;
}

/// Comma separated; what ipvsadm has no word for is left out.
std::string scheduler_flags(const ServiceRow& service) {
    SchedulerFlags flags;
    for (const auto& word : service.flags)
        flags |= parse_scheduler_flag(word).value_or(SchedulerFlags());
    return join(scheduler_flag_words(flags, service.scheduler), ',');
}

bool is_one_packet(const ServiceRow& service) {
    return std::find(service.flags.begin(), service.flags.end(), "one_packet") !=
           service.flags.end();
}

/// The first `length` bits: "255.255.255.0", for IPv6 just the number.
std::string mask_text(unsigned length, bool ipv6) {
    if (ipv6) return std::to_string(length);
    const auto bits = length == 0 ? 0 : ~0U << (32 - length);
    return to_string(IpAddress(Ipv4Address{Be32(bits)}));
}

/// What stands behind the scheduler: " (sh-port) persistent 360 mask 255.255.255.0 ops".
std::string service_flags(const ServiceRow& service) {
    std::string flags = scheduler_flags(service);
    if (!flags.empty()) flags = " (" + flags + ')';
    if (const auto& persistence = service.persistence) {
        flags += " persistent " + std::to_string(persistence->timeout);
        if (persistence->granularity)
            flags += " mask " + mask_text(*persistence->granularity, is_ipv6(service));
        if (!service.engine.empty()) flags += " pe " + service.engine;
    }
    return is_one_packet(service) ? flags + " ops" : flags;
}

/// "gue:6080:+c".
std::string tunnel_info(const ServerRow& server) {
    const auto& tunnel = server.tunnel;
    if (server.forward != "tunnel") return "n/a";
    if (tunnel.type != "gue" && tunnel.type != "gre") return "ipip";
    const auto port = tunnel.type == "gue" ? ':' + std::to_string(tunnel.port) : "";
    const auto* const checksum = tunnel.checksum == "full"     ? ":+c"
                                 : tunnel.checksum == "remote" ? ":r+c"
                                                               : ":-c";
    return tunnel.type + port + checksum;
}

std::string five_large(const Five<std::uint64_t>& n, bool exact) {
    return large_number(n.connections, exact) + large_number(n.packets_in, exact) +
           large_number(n.packets_out, exact) + large_number(n.bytes_in, exact) +
           large_number(n.bytes_out, exact);
}

Five<std::uint64_t> whole(const Five<double>& rates) {
    const auto round = [](double n) {
        return n > 0 ? static_cast<std::uint64_t>(std::llround(n)) : 0;
    };
    return {round(rates.connections), round(rates.packets_in), round(rates.packets_out),
            round(rates.bytes_in), round(rates.bytes_out)};
}

/// The first three columns of a server are never shortened.
std::string server_rates(const Five<std::uint64_t>& n, bool exact) {
    const auto plain = [](std::uint64_t v) { return ' ' + right(std::to_string(v), 8); };
    return plain(n.connections) + plain(n.packets_in) + plain(n.packets_out) +
           large_number(n.bytes_in, exact) + large_number(n.bytes_out, exact);
}

std::string titles(ListView view) {
    const std::string service = "Prot LocalAddress:Port";
    const std::string server = "  -> RemoteAddress:Port";
    const auto wide = [&](const char* columns) {
        return left(service, service_width) + columns + '\n' + server + '\n';
    };
    const auto narrow = [&](const char* columns) {
        return service + " Scheduler Flags\n" + left(server, service_width) + columns + '\n';
    };
    switch (view) {
        case ListView::stats:
            return wide("    Conns   InPkts  OutPkts  InBytes OutBytes");
        case ListView::rate:
            return wide("      CPS    InPPS   OutPPS    InBPS   OutBPS");
        case ListView::thresholds:
            return wide(" Uthreshold Lthreshold ActiveConn InActConn ");
        case ListView::persistence:
            return wide(" Weight    PersistConn ActiveConn InActConn ");
        case ListView::tunnels:
            return narrow(" Forward TunnelInfo    Weight ActiveConn InActConn");
        default:
            return narrow(" Forward Weight ActiveConn InActConn");
    }
}

std::string service_line(const ServiceRow& service, const ListOptions& options,
                         const EndpointText& text) {
    const auto name = service_name(service, text);
    switch (options.view) {
        case ListView::stats:
            return left(name, service_width) + five_large(service.stats.counts, options.exact);
        case ListView::rate:
            return left(name, service_width) +
                   five_large(whole(service.stats.rates), options.exact);
        default:
            return name + ' ' + service.scheduler + service_flags(service);
    }
}

/// Of a server that is down: what the schedulers see, as when keepalived has taken it out.
std::uint64_t weight_in_force(const ServerRow& server) {
    return server.effective_weight.value_or(server.weight);
}

std::string server_line(const ServerRow& server, Protocol protocol, const ListOptions& options,
                        const EndpointText& text) {
    const auto name = server_name(server, protocol, text);
    const auto column = [](std::uint64_t value, std::size_t width) {
        return ' ' + left(std::to_string(value), width);
    };
    const auto method = ' ' + left(method_name(server), 7);
    const auto connections = column(server.active, 10) + column(server.inactive, 10);
    switch (options.view) {
        case ListView::stats:
            return name + five_large(server.stats.counts, options.exact);
        case ListView::rate:
            return name + server_rates(whole(server.stats.rates), options.exact);
        case ListView::thresholds:
            return name + column(server.upper, 10) + column(server.lower, 10) + connections;
        case ListView::persistence:
            return name + column(weight_in_force(server), 9) + column(server.persistent, 11) +
                   connections;
        case ListView::tunnels:
            return name + method + ' ' + left(tunnel_info(server), 13) +
                   column(weight_in_force(server), 6) + connections;
        default:
            return name + method + column(weight_in_force(server), 6) + connections;
    }
}

std::string minutes_seconds(std::uint64_t seconds) {
    auto two = [](std::uint64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    return two(seconds / 60) + ':' + two(seconds % 60);
}

/// The words that name the service: "-t 192.0.2.10:80", "-f 7 -6".
std::string service_words(const ServiceRow& service, const EndpointText& text) {
    if (service.mark != 0)
        return "-f " + std::to_string(service.mark) + (is_ipv6(service) ? " -6" : "");
    const auto* const option = service.protocol == Protocol::udp    ? "-u "
                               : service.protocol == Protocol::sctp ? "--sctp-service "
                                                                    : "-t ";
    return option + text(service.address, service.protocol);
}

std::string service_options(const ServiceRow& service) {
    auto options = " -s " + service.scheduler;
    if (const auto& persistence = service.persistence) {
        options += " -p " + std::to_string(persistence->timeout);
        if (persistence->granularity)
            options += " -M " + mask_text(*persistence->granularity, is_ipv6(service));
    }
    if (!service.engine.empty()) options += " --pe " + service.engine;
    if (is_one_packet(service)) options += " -o";
    const auto flags = scheduler_flags(service);
    return flags.empty() ? options : options + " -b " + flags;
}

std::string tunnel_options(const TunnelRow& tunnel) {
    if (tunnel.type != "gue" && tunnel.type != "gre") return " --tun-type ipip";
    auto options = " --tun-type " + tunnel.type;
    if (tunnel.type == "gue") options += " --tun-port " + std::to_string(tunnel.port);
    if (tunnel.checksum == "full") return options + " --tun-csum";
    return options + (tunnel.checksum == "remote" ? " --tun-remcsum" : " --tun-nocsum");
}

std::string method_options(const ServerRow& server) {
    const auto weight = " -w " + std::to_string(server.weight);
    if (server.forward == "nat") return "-m" + weight;
    return server.forward == "tunnel" ? "-i" + weight + tunnel_options(server.tunnel)
                                      : "-g" + weight;
}

}  // namespace

std::string numeric_text(const Endpoint& endpoint, Protocol) {
    return to_string(endpoint);
}

std::string version_line(std::uint64_t connection_table_size) {
    return "IP Virtual Server version 1.2.1 (size=" + std::to_string(connection_table_size) + ")\n";
}

void sort_services(std::vector<ServiceRow>& services) {
    const auto key = [](const ServiceRow& s) {
        return std::tuple(s.mark, s.address.address.family(), s.protocol, s.address);
    };
    std::stable_sort(services.begin(), services.end(),
                     [&](const auto& a, const auto& b) { return key(a) < key(b); });
    for (auto& service : services)
        std::stable_sort(service.servers.begin(), service.servers.end(),
                         [](const auto& a, const auto& b) { return a.address < b.address; });
}

std::string service_table(const std::vector<ServiceRow>& services, const ListOptions& options,
                          const EndpointText& text) {
    auto table = titles(options.view);
    for (const auto& service : services) {
        table += service_line(service, options, text) + '\n';
        for (const auto& server : service.servers)
            table += server_line(server, service.protocol, options, text) + '\n';
    }
    return table;
}

std::string connection_title(bool engines) {
    return std::string("IPVS connection entries\n") +
           "pro expire state       source             virtual            destination" +
           (engines ? "        pe name          pe_data\n" : "\n");
}

std::string connection_lines(const std::vector<ConnectionRow>& rows, bool engines,
                             const EndpointText& text) {
    std::string lines;
    for (const auto& row : rows) {
        const auto protocol = parse_protocol(row.protocol).value_or(Protocol::none);
        const auto server = text(row.server, protocol);
        lines += left(upper_case(row.protocol), 3) + ' ' + left(minutes_seconds(row.expires), 6) +
                 ' ' + left(row.state, 11) + ' ' + left(text(row.client, protocol), 18) + ' ' +
                 left(text(row.destination, protocol), 18) + ' ';
        if (engines && !row.engine.empty())
            lines += left(server, 16) + ' ' + left(row.engine, 18) + ' ' + row.engine_data + '\n';
        else
            lines += server + '\n';
    }
    return lines;
}

std::string timeout_line(std::uint64_t tcp, std::uint64_t tcp_fin, std::uint64_t udp) {
    return "Timeout (tcp tcpfin udp): " + std::to_string(tcp) + ' ' + std::to_string(tcp_fin) +
           ' ' + std::to_string(udp) + '\n';
}

std::string daemon_lines(const boost::json::value& status) {
    std::string lines;
    for (const auto& row : member_rows(status, "daemons"))
        lines += member_word(row, "role") + " sync daemon (mcast=" + member_word(row, "interface") +
                 ", syncid=" + std::to_string(member_count(row, "syncid")) +
                 ", maxlen=" + std::to_string(member_count(row, "maxlen")) +
                 ", group=" + member_word(row, "group") +
                 ", port=" + std::to_string(member_count(row, "port")) +
                 ", ttl=" + std::to_string(member_count(row, "ttl")) + ")\n";
    return lines;
}

std::string save_lines(const std::vector<ServiceRow>& services, const EndpointText& text) {
    std::string lines;
    for (const auto& service : services) {
        const auto name = service_words(service, text);
        lines += "-A " + name + service_options(service) + '\n';
        for (const auto& server : service.servers)
            lines += "-a " + name + " -r " + text(server.address, service.protocol) + ' ' +
                     method_options(server) + '\n';
    }
    return lines;
}

std::string large_number(std::uint64_t value, bool exact) {
    struct Unit {
        std::uint64_t below;
        std::uint64_t divisor;
        const char* suffix;
    };
    static constexpr Unit units[] = {{100'000'000, 1, ""},
                                     {1'000'000'000, 1'000, "K"},
                                     {100'000'000'000, 1'000'000, "M"},
                                     {100'000'000'000'000, 1'000'000'000, "G"},
                                     {~0ULL, 1'000'000'000'000, "T"}};
    if (exact) return ' ' + right(std::to_string(value), 8);
    const auto* unit = std::begin(units);
    while (unit != std::end(units) - 1 && value >= unit->below) ++unit;
    return right(std::to_string(value / unit->divisor) + unit->suffix, 9);
}

}  // namespace shunt::cli
