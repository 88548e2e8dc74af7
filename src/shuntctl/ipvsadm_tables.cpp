// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/ipvsadm_tables.h"

#include <algorithm>
#include <cmath>
#include <tuple>

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

std::string upper_name(Protocol protocol) {
    std::string name(to_string(protocol));
    for (auto& c : name)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return name;
}

/// IPv4 names that were looked up can be too long for their column: they are cut.
std::string cut(std::string name, const Endpoint& endpoint, std::size_t width) {
    if (endpoint.address.family() == Family::ipv4 && name.size() > width) name.resize(width);
    return name;
}

std::string service_name(const ServiceRow& service, const EndpointText& text) {
    return cut(
        left(upper_name(service.protocol), 4) + ' ' + text(service.address, service.protocol),
        service.address, service_width);
}

std::string server_name(const ServerRow& server, Protocol protocol, const EndpointText& text) {
    return "  -> " +
           left(cut(text(server.address, protocol), server.address, server_width), server_width);
}

std::string method_name(const std::string& forward) {
    if (forward == "nat") return "Masq";
    if (forward == "dr") return "Route";
    if (forward == "tun") return "Tunnel";
    return forward == "local" ? "Local" : forward;
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
    const std::string server = "  -> RemoteAddress:Port";
    if (view == ListView::plain)
        return "Prot LocalAddress:Port Scheduler Flags\n" + server +
               "           Forward Weight ActiveConn InActConn\n";
    const auto* const columns = view == ListView::stats
                                    ? "    Conns   InPkts  OutPkts  InBytes OutBytes"
                                    : "      CPS    InPPS   OutPPS    InBPS   OutBPS";
    return left("Prot LocalAddress:Port", service_width) + columns + '\n' + server + '\n';
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
            return name + ' ' + service.scheduler;
    }
}

std::string server_line(const ServerRow& server, Protocol protocol, const ListOptions& options,
                        const EndpointText& text) {
    const auto name = server_name(server, protocol, text);
    switch (options.view) {
        case ListView::stats:
            return name + five_large(server.stats.counts, options.exact);
        case ListView::rate:
            return name + server_rates(whole(server.stats.rates), options.exact);
        default:
            return name + ' ' + left(method_name(server.forward), 7) + ' ' +
                   left(std::to_string(server.weight), 6) + ' ' +
                   left(std::to_string(server.active), 10) + ' ' +
                   left(std::to_string(server.inactive), 10);
    }
}

std::string minutes_seconds(std::uint64_t seconds) {
    auto two = [](std::uint64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    return two(seconds / 60) + ':' + two(seconds % 60);
}

std::string service_option(Protocol protocol) {
    if (protocol == Protocol::udp) return "-u ";
    return protocol == Protocol::sctp ? "--sctp-service " : "-t ";
}

std::string method_options(const ServerRow& server) {
    const auto weight = " -w " + std::to_string(server.weight);
    if (server.forward == "nat") return "-m" + weight;
    return server.forward == "tun" ? "-i" + weight + " --tun-type ipip" : "-g" + weight;
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
        return std::tuple(s.address.address.family(), s.protocol, s.address);
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

std::string connection_title() {
    return "IPVS connection entries\n"
           "pro expire state       source             virtual            destination\n";
}

std::string connection_lines(const std::vector<ConnectionRow>& rows, const EndpointText& text) {
    std::string lines;
    for (const auto& row : rows)
        lines += left(upper_name(row.protocol), 3) + ' ' + left(minutes_seconds(row.expires), 6) +
                 ' ' + left(row.state, 11) + ' ' + left(text(row.client, row.protocol), 18) + ' ' +
                 left(text(row.destination, row.protocol), 18) + ' ' +
                 text(row.server, row.protocol) + '\n';
    return lines;
}

std::string timeout_line(std::uint64_t tcp, std::uint64_t tcp_fin, std::uint64_t udp) {
    return "Timeout (tcp tcpfin udp): " + std::to_string(tcp) + ' ' + std::to_string(tcp_fin) +
           ' ' + std::to_string(udp) + '\n';
}

std::string save_lines(const std::vector<ServiceRow>& services, const EndpointText& text) {
    std::string lines;
    for (const auto& service : services) {
        const auto name =
            service_option(service.protocol) + text(service.address, service.protocol);
        lines += "-A " + name + " -s " + service.scheduler + '\n';
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
