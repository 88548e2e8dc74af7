// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/import_keepalived.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>

#include "shuntctl/import_check.h"

namespace shunt::cli {

namespace {

using Statement = KeepalivedStatement;

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

template <class T>
std::optional<T> number(const std::string& text, int base = 10) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
    return value;
}

/// What a statement's word at `i` is; empty when there is none.
std::string word(const Statement& statement, std::size_t i) {
    return i < statement.words.size() ? statement.words[i] : "";
}

/// Settings of virtual and real servers that mean something to nobody else.
struct Left {
    const char* name;
    const char* why;
};
constexpr const char* no_scripts = "events tell of servers that go down and come up";
constexpr const char* no_counterpart = "there is no counterpart";
constexpr std::array left_out{Left{"sorry_server", "there is no server of last resort"},
                              Left{"sorry_server_inhibit", "there is no server of last resort"},
                              Left{"sorry_server_lvs_method", "there is no server of last resort"},
                              Left{"notify_up", no_scripts},
                              Left{"notify_down", no_scripts},
                              Left{"smtp_alert", no_scripts}};

std::string why_left(const std::string& name) {
    const auto* const at = std::ranges::find(left_out, name, [](const Left& l) { return l.name; });
    return at != left_out.end() ? at->why : no_counterpart;
}

class Importer {
  public:
    Importer(const Resolver& resolver, ImportPlan& plan) : resolver_(resolver), plan_(plan) {}

    void run(const std::vector<Statement>& all) {
        // A group may stand behind the servers that name it.
        for (const auto& statement : all)
            if (statement.words[0] == "virtual_server_group" && statement.words.size() > 1)
                groups_[statement.words[1]] = &statement;
        for (const auto& statement : all) read_top(statement);
    }

  private:
    /// A virtual server while its block is read.
    struct Virtual {
        ServiceOptions options;
        Protocol protocol = Protocol::tcp;
        ServerOptions server;  ///< what its real servers have
        bool has_method = false;
        std::optional<std::uint32_t> persistent;
        std::string granularity;
        Family family = Family::ipv4;
        bool has_family = false;
        ImportedCheck check;  ///< but for its type
        std::vector<const Statement*> real_servers;
    };

    void read_top(const Statement& s) {
        const auto& name = s.words[0];
        if (name == "virtual_server")
            read_virtual_server(s);
        else if (name == "global_defs")
            for (const auto& inner : s.block) read_global(inner);
        else if (name != "virtual_server_group" && !std::ranges::count(said_, name)) {
            said_.push_back(name);
            plan_.note(s.place, name + " is not carried over: it stays with keepalived");
        }
    }

    void read_global(const Statement& s) {
        const auto& name = s.words[0];
        if (name == "lvs_timeouts") return read_timeouts(s);
        if (name == "lvs_sync_daemon") return read_sync_daemon(s);
        if (name.starts_with("lvs_"))
            plan_.note(s.place, name + " is not carried over: " + no_counterpart);
    }

    /// INTERFACE [INSTANCE] [id N] [maxlen N] [port N] [ttl N] [group ADDRESS] in any order behind
    /// the first. What VRRP decides there, which role a balancer has, is not decided here.
    void read_sync_daemon(const Statement& s) {
        DaemonOptions daemon;
        daemon.interface = word(s, 1);
        if (daemon.interface.empty()) return bad_value(s);
        for (std::size_t i = 2; i < s.words.size(); ++i) {
            const auto& key = s.words[i];
            std::uint32_t* const to = key == "id" || key == "syncid" ? &daemon.syncid
                                      : key == "maxlen"              ? &daemon.maxlen
                                      : key == "port"                ? &daemon.port
                                      : key == "ttl"                 ? &daemon.ttl
                                                                     : nullptr;
            if (key == "group") {
                daemon.group = word(s, ++i);
            } else if (to != nullptr) {
                const auto value = number<std::uint32_t>(word(s, ++i));
                value ? static_cast<void>(*to = *value) : bad_value(s);
            }
        }
        for (const bool master : {true, false}) {
            daemon.master = master;
            plan_.start_daemon(s.place, daemon);
        }
        plan_.note(s.place, "lvs_sync_daemon: master and backup both run, whatever VRRP decides");
    }

    void read_timeouts(const Statement& s) {
        Timeouts timeouts;
        for (std::size_t i = 1; i + 1 < s.words.size(); i += 2) {
            const auto seconds = number<std::uint32_t>(s.words[i + 1]);
            std::uint32_t* const to = s.words[i] == "tcp"      ? &timeouts.tcp
                                      : s.words[i] == "tcpfin" ? &timeouts.tcp_fin
                                      : s.words[i] == "udp"    ? &timeouts.udp
                                                               : nullptr;
            if (to != nullptr && seconds)
                *to = *seconds;
            else
                plan_.note(s.place, "lvs_timeouts: " + s.words[i] + " " + s.words[i + 1] +
                                        " is not understood");
        }
        plan_.set_timeouts(s.place, timeouts);
    }

    void read_virtual_server(const Statement& s) {
        Virtual v;
        for (const auto& inner : s.block) read_setting(inner, v);
        if (!v.has_method) plan_.note(s.place, "no lvs_method: NAT is taken");
        for (const auto& name : names_of(s, v)) add_service(s, name, v);
    }

    void read_setting(const Statement& s, Virtual& v) {
        const auto& name = s.words[0];
        const auto value = word(s, 1);
        if (name == "lb_algo" || name == "lvs_sched") {
            v.options.scheduler = lower(value);
        } else if (name == "lb_kind" || name == "lvs_method") {
            v.has_method = read_method(s, v.server);
        } else if (name == "persistence_timeout") {
            v.persistent = value.empty() ? 360 : number<std::uint32_t>(value);
            if (!v.persistent) bad_value(s);
        } else if (name == "persistence_granularity") {
            v.granularity = value;
        } else if (name == "persistence_engine") {
            v.options.engine = value;
        } else if (name == "protocol") {
            const auto protocol = parse_protocol(lower(value));
            protocol ? static_cast<void>(v.protocol = *protocol) : bad_value(s);
        } else if (name == "ops") {
            v.options.one_packet = true;
        } else if (name == "weight") {
            read_number(s, v.server.weight);
        } else if (name == "ip_family") {
            v.has_family = true;
            v.family = value == "inet6" ? Family::ipv6 : Family::ipv4;
        } else if (name == "real_server") {
            v.real_servers.push_back(&s);
        } else if (const auto flag = parse_scheduler_flag(name)) {
            v.options.flags |= *flag;
        } else if (!read_check_setting(s, v.check, plan_) && !name.starts_with("no_")) {
            plan_.note(s.place, name + " is not carried over: " + why_left(name));
        }
    }

    void bad_value(const Statement& s) {
        plan_.note(s.place, s.words[0] + ": " + word(s, 1) + " is not understood");
    }

    void read_number(const Statement& s, std::uint32_t& to) {
        if (const auto value = number<std::uint32_t>(word(s, 1)))
            to = *value;
        else
            bad_value(s);
    }

    /// "TUN type gue port 6080 csum".
    bool read_method(const Statement& s, ServerOptions& options) {
        const auto kind = lower(word(s, 1));
        options.tunnel = {};
        if (kind != "nat" && kind != "dr" && kind != "tun") {
            bad_value(s);
            return false;
        }
        options.forward = kind == "nat"  ? Forward::masquerade
                          : kind == "dr" ? Forward::direct
                                         : Forward::tunnel;
        for (std::size_t i = 2; i < s.words.size(); ++i) {
            const auto& key = s.words[i];
            const auto value = word(s, i + 1);
            if (key == "type" && (value == "ipip" || value == "gue" || value == "gre")) {
                options.tunnel.type = value == "gue"   ? TunnelType::gue
                                      : value == "gre" ? TunnelType::gre
                                                       : TunnelType::ipip;
                ++i;
            } else if (const auto port = number<std::uint16_t>(value); key == "port" && port) {
                options.tunnel.port = *port;
                ++i;
            } else if (key == "csum") {
                options.tunnel.checksum = TunnelChecksum::full;
            } else if (key == "remcsum") {
                options.tunnel.checksum = TunnelChecksum::remote;
            } else if (key != "nocsum") {
                plan_.note(s.place, s.words[0] + ": " + key + " is not understood");
            }
        }
        return true;
    }

    // The names of a virtual server.

    std::vector<ServiceName> names_of(const Statement& s, const Virtual& v) {
        std::vector<ServiceName> names;
        if (word(s, 1) == "group") {
            const auto at = groups_.find(word(s, 2));
            if (at == groups_.end())
                plan_.note(s.place, "left out: there is no virtual_server_group " + word(s, 2));
            else
                for (const auto& member : at->second->block)
                    add_names(member, member.words, v, names);
        } else {
            add_names(s, {s.words.begin() + 1, s.words.end()}, v, names);
        }
        return names;
    }

    void add_names(const Statement& s, const std::vector<std::string>& words, const Virtual& v,
                   std::vector<ServiceName>& names) {
        const auto refuse = [&] { plan_.note(s.place, "left out: no virtual server is so named"); };
        if (words.empty()) return refuse();
        if (words[0] == "fwmark") {
            const auto mark = words.size() > 1 ? number<std::uint32_t>(words[1]) : std::nullopt;
            if (!mark || *mark == 0) return refuse();
            names.push_back({v.protocol, {any_address(family_of(v)), L4Port{}}, *mark});
            plan_.note(s.place, "mark " + words[1] +
                                    ": the rules of the packet filter that set it are to be "
                                    "written as marks");
            return;
        }
        const auto port = words.size() > 1 ? port_of(words[1], v.protocol) : L4Port{};
        const auto addresses = addresses_of(words[0]);
        if (addresses.empty() || !port) return refuse();
        for (const auto& address : addresses)
            if (names.size() < ImportPlan::most_services)
                names.push_back({v.protocol, {address, *port}, 0});
    }

    static IpAddress any_address(Family family) {
        return family == Family::ipv4 ? IpAddress(Ipv4Address{}) : IpAddress(Ipv6Address{});
    }

    /// Of a mark: as it is said, or as its first server tells.
    Family family_of(const Virtual& v) const {
        if (v.has_family || v.real_servers.empty()) return v.family;
        const auto address = parse_address(word(*v.real_servers.front(), 1));
        return address ? address->family() : Family::ipv4;
    }

    std::optional<L4Port> port_of(const std::string& text, Protocol protocol) const {
        if (const auto port = number<std::uint16_t>(text)) return L4Port(*port);
        const bool is_name =
            std::ranges::any_of(text, [](unsigned char c) { return std::isalpha(c) != 0; });
        if (!is_name) return {};
        if (const auto port = resolver_.port(text, protocol)) return L4Port(*port);
        return {};
    }

    /// "192.0.2.10", "192.0.2.10-20", "2001:db8::1-ff"; none when it is nothing of these.
    static std::vector<IpAddress> addresses_of(const std::string& text) {
        const auto dash = text.find('-');
        const auto first = parse_address(text.substr(0, dash));
        if (!first) return {};
        if (dash == std::string::npos) return {*first};
        const bool ipv4 = first->family() == Family::ipv4;
        const auto last = number<std::uint16_t>(text.substr(dash + 1), ipv4 ? 10 : 16);
        if (!last || (ipv4 && *last > 255)) return {};
        std::vector<IpAddress> all;
        for (std::uint32_t n = last_part(*first); n <= *last; ++n)
            all.push_back(with_last_part(*first, static_cast<std::uint16_t>(n)));
        return all;
    }
    static std::uint16_t last_part(const IpAddress& address) {
        if (address.family() == Family::ipv4)
            return static_cast<std::uint16_t>(address.v4().word.value() & 0xFF);
        const auto& bytes = address.v6().bytes;
        return static_cast<std::uint16_t>(bytes[14] << 8 | bytes[15]);
    }
    static IpAddress with_last_part(const IpAddress& address, std::uint16_t part) {
        if (address.family() == Family::ipv4)
            return Ipv4Address{Be32((address.v4().word.value() & ~0xFFU) | part)};
        Ipv6Address v6 = address.v6();
        v6.bytes[14] = static_cast<std::uint8_t>(part >> 8);
        v6.bytes[15] = static_cast<std::uint8_t>(part);
        return v6;
    }

    // Services and their servers.

    void add_service(const Statement& s, const ServiceName& name, const Virtual& v) {
        ServiceOptions options = v.options;
        if (v.persistent && *v.persistent != 0)
            options.persistence = {*v.persistent, granularity_of(s, name, v)};
        if (!plan_.put_service(s.place, name, std::move(options))) return;
        for (const auto* real : v.real_servers) add_server(*real, name, v);
    }

    std::uint8_t granularity_of(const Statement& s, const ServiceName& name, const Virtual& v) {
        const auto all = static_cast<std::uint8_t>(name.address.address.bits());
        if (v.granularity.empty()) return all;
        if (const auto length = number<std::uint8_t>(v.granularity); length && *length <= all)
            return *length;
        const auto mask = parse_address(v.granularity);
        if (mask && mask->family() == Family::ipv4 && all == 32) {
            const std::uint32_t bits = mask->v4().word.value();
            if (std::popcount(bits) == std::countl_one(bits))
                return static_cast<std::uint8_t>(std::popcount(bits));
        }
        plan_.note(s.place, "persistence_granularity " + v.granularity + " is no prefix");
        return all;
    }

    void add_server(const Statement& s, const ServiceName& service, const Virtual& v) {
        const auto address = parse_address(word(s, 1));
        std::optional<L4Port> port = service.address.port;
        if (s.words.size() > 2) port = port_of(s.words[2], service.protocol);
        if (!address || !port) return plan_.note(s.place, "left out: no real server is so named");
        ServerOptions options = v.server;
        ImportedCheck check = v.check;
        for (const auto& inner : s.block) read_server_setting(inner, options, check);
        plan_.put_server(s.place, service, {*address, *port}, options);
        for (const auto& inner : s.block)
            if (is_checker(inner))
                if (const auto checked = read_checker(inner, check, plan_))
                    plan_.put_check(inner.place, service, *checked);
    }

    void read_server_setting(const Statement& s, ServerOptions& options, ImportedCheck& check) {
        const auto& name = s.words[0];
        if (name == "weight")
            read_number(s, options.weight);
        else if (name == "uthreshold")
            read_number(s, options.upper);
        else if (name == "lthreshold")
            read_number(s, options.lower);
        else if (name == "lb_kind" || name == "lvs_method")
            read_method(s, options);
        else if (!is_checker(s) && !read_check_setting(s, check, plan_) && !name.starts_with("no_"))
            plan_.note(s.place, name + " is not carried over: " + why_left(name));
    }

    const Resolver& resolver_;
    ImportPlan& plan_;
    std::map<std::string, const Statement*> groups_;
    std::vector<std::string> said_;
};

}  // namespace

void import_keepalived(std::string_view text, const std::string& file, const ReadIncluded& read,
                       const Resolver& resolver, ImportPlan& plan) {
    const auto statements = parse_keepalived(text, file, read, plan);
    Importer(resolver, plan).run(statements);
}

}  // namespace shunt::cli
