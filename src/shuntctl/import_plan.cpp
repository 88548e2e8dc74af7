// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/import_plan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

namespace shunt::cli {

namespace {

constexpr std::uint32_t most_number = 2147483647;
constexpr std::uint32_t most_timeout = 2678400;
/// shuntd has room for so many servers unless the configuration says otherwise.
constexpr std::size_t usual_servers = 16384;
/// Tables of hash schedulers have so many buckets unless the configuration says otherwise.
constexpr std::size_t usual_buckets = 4093;
constexpr std::array schedulers{"rr",   "wrr", "lc", "wlc", "sed",  "nq",    "fo",     "ovf",
                                "twos", "sh",  "dh", "mh",  "lblc", "lblcr", "conhash"};

bool has_buckets(const std::string& scheduler) {
    return scheduler == "mh" || scheduler == "conhash";
}

/// Why no service or server can have the address; nothing when one can.
std::optional<std::string> address_problem(const IpAddress& address) {
    const auto kind = not_one_host(address);
    if (!kind) return {};
    return to_string(address) + " is " + std::string(*kind);
}

std::optional<std::string> service_problem(const ServiceName& name, const ServiceOptions& options) {
    if (name.mark != 0) return {};
    if (name.protocol != Protocol::tcp && name.protocol != Protocol::udp &&
        name.protocol != Protocol::sctp)
        return "its protocol is none of tcp, udp and sctp";
    if (auto address = address_problem(name.address.address)) return address;
    if (name.address.port == L4Port{} && !options.persistence)
        return "port 0 (every port) needs persistence";
    return {};
}

std::optional<std::string> server_problem(const ServiceName& service, const Endpoint& address,
                                          const ServerOptions& options) {
    if (auto problem = address_problem(address.address)) return problem;
    if (address.address.visit([](const auto& a) { return a.is_link_local(); }))
        return "a link-local address cannot be reached from a port";
    if (address.address.family() != service.address.address.family() &&
        options.forward != Forward::tunnel)
        return "only the server of a tunnel may be of another address family";
    if (address.port == L4Port{} && service.mark == 0 && service.address.port != L4Port{})
        return "it has no port";
    const auto& tunnel = options.tunnel;
    if (options.forward == Forward::tunnel && tunnel.type == TunnelType::gue && tunnel.port == 0)
        return "a GUE tunnel needs a port";
    return {};
}

/// Changes what shuntd would refuse to what comes closest, and tells `note` of it.
template <class Note>
void mend(const ServiceName& name, ServiceOptions& options, Note&& note) {
    if (std::ranges::find(schedulers, options.scheduler) == schedulers.end()) {
        note("there is no scheduler " + options.scheduler + " here; wlc takes its place");
        options.scheduler = "wlc";
        options.flags = {};
    }
    if (options.one_packet && name.mark == 0 && name.protocol != Protocol::udp) {
        note("one-packet scheduling is only for UDP and for marks");
        options.one_packet = false;
    }
    if (!options.engine.empty() && (options.engine != "sip" || !options.persistence)) {
        note(options.engine == "sip" ? "an engine needs persistence"
                                     : "there is no persistence engine " + options.engine);
        options.engine.clear();
    }
    if (!options.persistence) return;
    auto& [timeout, granularity] = *options.persistence;
    if (timeout < 1 || timeout > most_timeout) {
        note("persistence is for 1 to " + std::to_string(most_timeout) + " seconds");
        timeout = std::clamp(timeout, 1U, most_timeout);
    }
    const bool ipv4 = name.address.address.family() == Family::ipv4;
    const auto least = static_cast<std::uint8_t>(ipv4 ? 0 : 1);
    const auto most = static_cast<std::uint8_t>(ipv4 ? 32 : 128);
    if (granularity < least || granularity > most) {
        note("granularity is " + std::to_string(least) + " to " + std::to_string(most) + " bits");
        granularity = most;
    }
}

template <class Note>
void mend(ServerOptions& options, Note&& note) {
    if (options.weight > most_number || options.upper > most_number) {
        note("weights and thresholds are at most " + std::to_string(most_number));
        options.weight = std::min(options.weight, most_number);
        options.upper = std::min(options.upper, most_number);
    }
    if (options.lower > options.upper) {
        note("a lower threshold above the upper one is left out");
        options.lower = 0;
    }
    auto& tunnel = options.tunnel;
    if (options.forward != Forward::tunnel) tunnel = {};
    if (tunnel.type != TunnelType::gue) tunnel.port = 0;
    if (tunnel.type == TunnelType::ipip ||
        (tunnel.type == TunnelType::gre && tunnel.checksum == TunnelChecksum::remote))
        tunnel.checksum = TunnelChecksum::none;
}

/// A request line has no room for other paths and hosts.
template <class Note>
void mend(ImportedCheck& check, Note&& note) {
    const auto printable = [](const std::string& text) {
        return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
    };
    const auto in_host = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view(".-_:[]").find(c) != std::string_view::npos;
    };
    if (!check.path.empty() &&
        (check.path.front() != '/' || check.path.size() > 1024 || !printable(check.path))) {
        note("a path begins with / and has no blanks; / takes its place");
        check.path = "/";
    }
    if (check.host.size() > 255 || !std::ranges::all_of(check.host, in_host)) {
        note("the host is none, and left out");
        check.host.clear();
    }
    if (check.source.empty()) return;
    const auto source = parse_address(check.source);
    if (source && !not_one_host(*source)) return;
    note("the source is no address of a host, and left out");
    check.source.clear();
}

/// Why a configuration cannot have such a daemon; empty: it can.
std::string problem_of(const DaemonOptions& daemon) {
    constexpr std::size_t longest_name = 15;
    const auto& name = daemon.interface;
    const bool named = !name.empty() && name.size() <= longest_name && name != "." &&
                       name != ".." && std::ranges::all_of(name, [](unsigned char c) {
                           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
                       });
    if (!named) return "no interface can have its name";
    const auto group = parse_address(daemon.group);
    const bool multicast =
        group && group->visit([](const auto& address) { return address.is_multicast(); });
    if (!daemon.group.empty() && !multicast) return daemon.group + " is no multicast address";
    if (daemon.syncid > 255) return "its syncid is above 255";
    if (daemon.ttl > 255) return "its TTL is above 255";
    if (daemon.port > 65535 || daemon.maxlen > 65535) return "it has a number above 65535";
    return {};
}

}  // namespace

std::string import_name(const ServiceName& name) {
    if (name.mark == 0)
        return std::string(to_string(name.protocol)) + ' ' + to_string(name.address);
    const bool ipv6 = name.address.address.family() == Family::ipv6;
    return "mark " + std::to_string(name.mark) + (ipv6 ? " ipv6" : "");
}

ImportPlan::Key ImportPlan::key_of(const ServiceName& name) {
    if (name.mark == 0) return {name.protocol, name.address, 0};
    const bool ipv4 = name.address.address.family() == Family::ipv4;
    const IpAddress any = ipv4 ? IpAddress(Ipv4Address{}) : IpAddress(Ipv6Address{});
    return {Protocol::none, {any, L4Port{}}, name.mark};
}

ImportPlan::Entry* ImportPlan::find(const ImportPlace& place, const ServiceName& name) {
    const auto at = services_.find(key_of(name));
    if (at != services_.end()) return &at->second;
    note(place, "there is no service " + import_name(name));
    return nullptr;
}

bool ImportPlan::put_service(const ImportPlace& place, const ServiceName& name,
                             ServiceOptions options, bool edit) {
    const auto refuse = [&](const std::string& why) {
        note(place, "service " + import_name(name) + " is left out: " + why);
        return false;
    };
    const auto at = services_.find(key_of(name));
    if (edit && at == services_.end()) return refuse("there is none to be changed");
    if (!edit && at != services_.end()) return refuse("it is here already");
    if (!edit && services_.size() == most_services) return refuse("there are too many");
    if (const auto problem = service_problem(name, options)) return refuse(*problem);
    mend(name, options, [&](const std::string& what) {
        note(place, "service " + import_name(name) + ": " + what);
    });
    if (edit) {
        at->second.service.options = std::move(options);
    } else {
        services_[key_of(name)] = {{name, std::move(options), {}, {}}, {}, next_order_++};
    }
    return true;
}

bool ImportPlan::put_server(const ImportPlace& place, const ServiceName& service, Endpoint address,
                            ServerOptions options, bool edit) {
    Entry* const entry = find(place, service);
    if (entry == nullptr) return false;
    // These two methods leave the port of a packet as it is.
    if (service.mark == 0 && options.forward != Forward::masquerade)
        address.port = service.address.port;
    const auto refuse = [&](const std::string& why) {
        note(place, "server " + to_string(address) + " of " + import_name(service) +
                        " is left out: " + why);
        return false;
    };
    const bool known = entry->servers.contains(address);
    if (edit != known) return refuse(known ? "it is here already" : "there is none to be changed");
    if (!edit && servers_ == most_servers) return refuse("there are too many");
    auto& servers = entry->service.servers;
    if (!edit && has_buckets(entry->service.options.scheduler) && servers.size() == usual_buckets)
        return refuse("the scheduler's table has buckets for " + std::to_string(usual_buckets));
    if (const auto problem = server_problem(service, address, options)) return refuse(*problem);
    mend(options, [&](const std::string& what) {
        note(place, "server " + to_string(address) + ": " + what);
    });
    if (edit) {
        std::ranges::find(servers, address, &ImportedServer::address)->options = options;
    } else {
        entry->servers.insert(address);
        servers.push_back({address, options});
        ++servers_;
    }
    return true;
}

void ImportPlan::put_check(const ImportPlace& place, const ServiceName& service,
                           ImportedCheck check) {
    Entry* const entry = find(place, service);
    if (entry == nullptr) return;
    mend(check, [&](const std::string& what) { note(place, "check: " + what); });
    auto& there = entry->service.check;
    if (!there && check.port == 0 && (service.mark != 0 || service.address.port == L4Port{}))
        return note(place, "the check is left out: that of a mark or of every port needs a port");
    if (!there)
        there = std::move(check);
    else if (*there != check)
        note(place,
             "another check is in force: the servers of a service have one, that of the "
             "first of them");
}

void ImportPlan::remove_service(const ImportPlace& place, const ServiceName& name) {
    const Entry* const entry = find(place, name);
    if (entry == nullptr) return;
    servers_ -= entry->servers.size();
    services_.erase(key_of(name));
}

void ImportPlan::remove_server(const ImportPlace& place, const ServiceName& service,
                               const Endpoint& address) {
    Entry* const entry = find(place, service);
    if (entry == nullptr) return;
    if (entry->servers.erase(address) == 0) {
        note(place, "service " + import_name(service) + " has no server " + to_string(address));
        return;
    }
    std::erase_if(entry->service.servers,
                  [&](const ImportedServer& server) { return server.address == address; });
    --servers_;
}

void ImportPlan::clear() {
    services_.clear();
    servers_ = 0;
}

void ImportPlan::set_timeouts(const ImportPlace& place, const Timeouts& timeouts) {
    const auto set = [&](std::uint32_t seconds, std::uint32_t& to) {
        if (seconds > most_timeout)
            note(place, "a timeout is at most " + std::to_string(most_timeout) + " seconds");
        if (seconds != 0) to = std::min(seconds, most_timeout);
    };
    set(timeouts.tcp, timeouts_.tcp);
    set(timeouts.tcp_fin, timeouts_.tcp_fin);
    set(timeouts.udp, timeouts_.udp);
}

void ImportPlan::start_daemon(const ImportPlace& place, const DaemonOptions& daemon) {
    if (const auto problem = problem_of(daemon); !problem.empty())
        return note(place, "the sync daemon is left out: " + problem);
    stop_daemon(daemon);
    daemons_.push_back(daemon);
}

void ImportPlan::stop_daemon(const DaemonOptions& daemon) {
    std::erase_if(daemons_, [&](const auto& other) { return other.master == daemon.master; });
}

std::vector<ImportedService> ImportPlan::services() const {
    std::vector<const Entry*> entries;
    for (const auto& [key, entry] : services_) entries.push_back(&entry);
    std::ranges::sort(entries, {}, &Entry::order);
    std::vector<ImportedService> all;
    for (const Entry* entry : entries) all.push_back(entry->service);
    return all;
}

namespace {

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        // A file has no other way to say what is no text.
        out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return out + '"';
}

std::string tunnel_text(const TunnelOptions& tunnel) {
    static constexpr std::array types{"ipip", "gue", "gre"};
    static constexpr std::array checksums{"none", "full", "remote"};
    std::string text = " tunnel = { type = \"";
    text += types[static_cast<std::size_t>(tunnel.type)];
    text += "\";";
    if (tunnel.port != 0) text += " port = " + std::to_string(tunnel.port) + ";";
    if (tunnel.checksum != TunnelChecksum::none) {
        text += " checksum = \"";
        text += checksums[static_cast<std::size_t>(tunnel.checksum)];
        text += "\";";
    }
    return text + " };";
}

std::string server_text(const ImportedServer& server) {
    const ServerOptions& options = server.options;
    std::string text = "        { address = " + quoted(to_string(server.address)) + ";";
    if (options.forward == Forward::direct) text += " forward = \"direct\";";
    if (options.forward == Forward::tunnel)
        text += " forward = \"tunnel\";" + tunnel_text(options.tunnel);
    if (options.weight != 1) text += " weight = " + std::to_string(options.weight) + ";";
    if (options.upper != 0) text += " upper = " + std::to_string(options.upper) + ";";
    if (options.lower != 0) text += " lower = " + std::to_string(options.lower) + ";";
    return text + " }";
}

std::string options_text(const ServiceName& name, const ServiceOptions& options) {
    std::string text = "    scheduler = " + quoted(options.scheduler) + ";\n";
    std::string flags;
    for (const auto& word : scheduler_flag_words(options.flags, options.scheduler))
        flags += (flags.empty() ? "" : ", ") + quoted(word);
    if (!flags.empty()) text += "    flags = [ " + flags + " ];\n";
    if (options.one_packet) text += "    one_packet = true;\n";
    if (const auto& persistence = options.persistence) {
        text += "    persistence = " + std::to_string(persistence->timeout) + ";\n";
        const unsigned all = name.address.address.bits();
        if (persistence->granularity != all)
            text += "    granularity = " + std::to_string(persistence->granularity) + ";\n";
        if (!options.engine.empty()) text += "    engine = " + quoted(options.engine) + ";\n";
    }
    return text;
}

std::string check_text(const ImportedCheck& check) {
    std::string text = "    check = { type = " + quoted(check.type) + ";";
    const auto number = [&text](const char* key, std::uint32_t value) {
        text += std::string(" ") + key + " = " + std::to_string(value) + ";";
    };
    const auto word = [&text](const char* key, const std::string& value) {
        if (!value.empty()) text += std::string(" ") + key + " = " + quoted(value) + ";";
    };
    if (check.interval_ms) number("interval_ms", *check.interval_ms);
    if (check.timeout_ms) number("timeout_ms", *check.timeout_ms);
    number("rise", 1);
    if (check.fall) number("fall", *check.fall);
    if (check.port != 0) number("port", check.port);
    word("source", check.source);
    word("path", check.path);
    word("host", check.host);
    word("status", check.status);
    if (check.initially_down) word("initially", "down");
    return text + " };\n";
}

std::string service_text(const ImportedService& service) {
    const ServiceName& name = service.name;
    std::string text = "  {\n";
    if (name.mark != 0) {
        text +=
            "    mark = " + std::to_string(name.mark) + (name.mark > most_number ? "L;\n" : ";\n");
        if (name.address.address.family() == Family::ipv6) text += "    family = \"ipv6\";\n";
    } else {
        text += "    protocol = " + quoted(std::string(to_string(name.protocol))) + ";\n";
        text += "    address = " + quoted(to_string(name.address)) + ";\n";
    }
    text += options_text(name, service.options);
    if (service.check) text += check_text(*service.check);
    std::string servers;
    for (const auto& server : service.servers)
        servers += (servers.empty() ? "" : ",\n") + server_text(server);
    if (!servers.empty()) text += "    servers = (\n" + servers + "\n    );\n";
    return text + "  }";
}

std::string timeouts_text(const Timeouts& timeouts) {
    std::string text;
    const auto add = [&](const char* key, std::uint32_t seconds) {
        if (seconds != 0) text += std::string(" ") + key + " = " + std::to_string(seconds) + ";";
    };
    add("tcp", timeouts.tcp);
    add("tcp_fin", timeouts.tcp_fin);
    add("udp", timeouts.udp);
    return text.empty() ? "" : "timeouts = {" + text + " };\n";
}

std::string daemon_text(const DaemonOptions& daemon) {
    std::string text = "  { role = " + quoted(daemon.master ? "master" : "backup") +
                       "; interface = " + quoted(daemon.interface) + ";";
    const auto add = [&](const char* key, std::uint32_t value) {
        if (value != 0) text += std::string(" ") + key + " = " + std::to_string(value) + ";";
    };
    add("syncid", daemon.syncid);
    if (!daemon.group.empty()) text += " group = " + quoted(daemon.group) + ";";
    add("port", daemon.port);
    add("ttl", daemon.ttl);
    add("maxlen", daemon.maxlen);
    return text + " }";
}

std::string daemons_text(const std::vector<DaemonOptions>& daemons) {
    std::string text;
    for (const auto& daemon : daemons) text += (text.empty() ? "" : ",\n") + daemon_text(daemon);
    return text.empty() ? "" : "sync = (\n" + text + "\n);\n";
}

std::string ports_text(const std::vector<ImportPort>& ports) {
    std::string text;
    for (const auto& port : ports)
        text += (text.empty() ? "" : ",\n") + ("  { name = " + quoted(port.name)) +
                "; device = " + quoted(port.device) + "; }";
    return text.empty() ? "" : "ports = (\n" + text + "\n);\n";
}

}  // namespace

std::string import_text(const ImportPlan& plan, const std::string& source,
                        const std::vector<ImportPort>& ports) {
    std::string text = "# Imported by shuntctl from " + quoted(source) + ".\n";
    if (ports.empty()) text += "# To be included in a configuration that has ports.\n";
    text += ports_text(ports) + timeouts_text(plan.timeouts()) + daemons_text(plan.daemons());
    const auto services = plan.services();
    std::size_t servers = 0;
    std::string list;
    for (const auto& service : services) {
        servers += service.servers.size();
        list += (list.empty() ? "" : ",\n") + service_text(service);
    }
    if (servers > usual_servers)
        text += "servers = " + std::to_string(std::bit_ceil(servers)) + ";\n";
    if (!list.empty()) text += "services = (\n" + list + "\n);\n";
    return text;
}

}  // namespace shunt::cli
