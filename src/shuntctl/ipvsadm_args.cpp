// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/ipvsadm_args.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "shuntctl/ipvsadm_words.h"

namespace shunt::cli {

namespace {

using std::string_literals::operator""s;

constexpr std::uint32_t max_timeout = 31U * 24 * 3600;
constexpr std::uint32_t max_int = 0x7FFFFFFF;

[[noreturn]] void refuse(const std::string& text) {
    throw ArgsError(ArgsError::Kind::client, text);
}

std::string named(const std::string& what, const std::string& value) {
    return what + " `" + value + "' specified";
}

// Values.
/// A decimal number from `min` to `max`, and nothing besides; a plus sign may lead.
std::optional<std::uint32_t> number(std::string_view text, std::uint32_t min, std::uint32_t max) {
    if (text.starts_with('+')) text.remove_prefix(1);
    std::uint64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end || value < min || value > max) return std::nullopt;
    return static_cast<std::uint32_t>(value);
}

std::uint32_t number_or_refuse(const std::string& text, std::uint32_t min, std::uint32_t max,
                               const char* refusal) {
    const auto value = number(text, min, max);
    if (!value) refuse(refusal);
    return *value;
}

std::uint32_t timeout(const std::string& text, std::uint32_t min) {
    const auto value = number(text, min, max_timeout);
    if (!value) refuse(named("invalid timeout value", text));
    return *value;
}

std::optional<IpAddress> ipv6(const std::string& text) {
    const auto parsed = parse_address(text);
    return parsed && parsed->family() == Family::ipv6 ? parsed : std::nullopt;
}

/// A name, or an IPv4 address in any of the forms of inet_aton(3).
std::optional<IpAddress> ipv4(const std::string& text, const Resolver& resolver) {
    in_addr wire{};
    if (inet_aton(text.c_str(), &wire) != 0) return Ipv4Address{Be32::from_raw(wire.s_addr)};
    const auto found = text.empty() ? std::nullopt : resolver.host(text);
    return found ? std::optional<IpAddress>(*found) : std::nullopt;
}

struct HostPort {
    IpAddress address;
    std::optional<std::uint16_t> port;
};

std::optional<HostPort> host_port(const std::string& text, Protocol protocol,
                                  const Resolver& resolver) {
    if (const auto address = ipv6(text)) return HostPort{*address, std::nullopt};
    const bool bracketed = text.starts_with('[');
    const auto colon = text.rfind(bracketed ? "]:" : ":");
    // Not a number alone: that is more likely a port whose host was forgotten.
    if (colon == text.npos && (bracketed || number(text, 0, ~0U))) return std::nullopt;
    auto host = text.substr(0, colon);
    if (bracketed) host.erase(0, 1);
    const auto address = bracketed ? ipv6(host) : ipv4(host, resolver);
    if (!address) return std::nullopt;
    if (colon == text.npos) return HostPort{*address, std::nullopt};
    const auto port_text = text.substr(colon + (bracketed ? 2 : 1));
    if (const auto port = number(port_text, 0, 65535))
        return HostPort{*address, static_cast<std::uint16_t>(*port)};
    const auto port = port_text.empty() ? std::nullopt : resolver.port(port_text, protocol);
    return port ? std::optional(HostPort{*address, port}) : std::nullopt;
}

bool is_multicast(const IpAddress& address) {
    return address.visit([](const auto& a) { return a.is_multicast(); });
}

void check_group(const std::string& text) {
    const auto parsed = parse_address(text);
    if (parsed && is_multicast(*parsed)) return;
    refuse("invalid IPv"s + (ipv6(text) ? '6' : '4') + " mcast-group `" + text + "'");
}

/// In host byte order.
std::uint32_t dotted_mask(const std::string& text) {
    in_addr mask{};
    if (inet_aton(text.c_str(), &mask) == 0)
        refuse("illegal virtual server persistent mask specified");
    return ntohl(mask.s_addr);
}

/// Of what follows the leading digits nothing counts.
std::uint8_t prefix_length(const std::string& text) {
    const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
    return static_cast<std::uint8_t>(
        number_or_refuse(digits, 1, 128, "illegal ipv6 netmask specified"));
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    for (std::size_t from = 0; from <= text.size();) {
        const auto to = std::min(text.find(separator, from), text.size());
        if (to > from) parts.push_back(text.substr(from, to - from));
        from = to + 1;
    }
    return parts;
}

/// Fills a Command from the options one by one, then checks them together.
class Reader {
  public:
    Reader(const std::vector<std::string>& args, const std::string& program,
           const Resolver& resolver)
        : scanner_(args), program_(program), resolver_(resolver) {}

    Command read() {
        if (!read_command()) return command_;
        while (const auto option = scanner_.next()) read_option(*option);
        take_rest();
        check_sched_flags();
        check_options();
        check_together();
        settle();
        return command_;
    }

  private:
    /// The first option, which has to be a command. False if nothing after it matters.
    bool read_command() {
        const auto advice = help_advice(program_);
        std::optional<Scanner::Found> first;
        try {
            first = scanner_.next();
        } catch (const ArgsError&) {
            throw ArgsError(ArgsError::Kind::usage, advice);
        }
        if (!first || first->word->key != Key::command)
            throw ArgsError(ArgsError::Kind::usage, advice);
        command_.action = first->word->action;
        if (command_.action == Action::start_daemon || command_.action == Action::stop_daemon) {
            if (first->value != "master" && first->value != "backup")
                refuse(command_.action == Action::start_daemon
                           ? "illegal start-daemon parameter specified"
                           : "illegal start_daemon specified");
            command_.daemon.master = first->value == "master";
        }
        return command_.action != Action::help && command_.action != Action::version;
    }

    void read_option(const Scanner::Found& found) {
        const auto& word = *found.word;
        if (word.key == Key::command) refuse("invalid option `" + found.whole + "'");
        if (word.option != option_count) {
            if (present_.test(word.option))
                refuse("multiple '"s + option_names[word.option] + "' options specified");
            present_.set(word.option);
        }
        if (word.key == Key::persistent) {
            if (found.value) persistence_.timeout = timeout(*found.value, 1);
        } else {
            read_value(word, found.value ? *found.value : "");
        }
    }

    void read_value(const Word& word, const std::string& value) {
        auto& list = command_.list;
        auto& server = command_.server_options;
        switch (word.key) {
            case Key::tcp:
                return read_service(value, Protocol::tcp);
            case Key::udp:
                return read_service(value, Protocol::udp);
            case Key::sctp:
                return read_service(value, Protocol::sctp);
            case Key::fwmark:
                return read_mark(value);
            case Key::ipv6:
                return read_ipv6();
            case Key::server:
                return read_server(value);
            case Key::netmask:
                return read_netmask(value);
            case Key::engine:
                command_.service_options.engine = value;
                return;
            case Key::sched_flags:
                return read_sched_flags(value);
            case Key::tun_type:
                return read_tunnel_type(value);
            case Key::group:
                check_group(value);
                command_.daemon.group = value;
                return;
            case Key::scheduler:
                if (!value.empty()) command_.service_options.scheduler = value;
                return;
            case Key::weight:
                server.weight = number_or_refuse(value, 0, max_int, "illegal weight specified");
                return;
            case Key::upper:
                server.upper = number_or_refuse(value, 0, max_int, "illegal u_threshold specified");
                return;
            case Key::lower:
                server.lower = number_or_refuse(value, 0, max_int, "illegal l_threshold specified");
                return;
            case Key::tun_port:
                server.tunnel.port = static_cast<std::uint16_t>(
                    number_or_refuse(value, 1, 65535, "illegal tunnel port specified"));
                return;
            case Key::masquerade:
                server.forward = Forward::masquerade;
                return;
            case Key::tunnel:
                server.forward = Forward::tunnel;
                return;
            case Key::connection:
                list.what = ListWhat::connections;
                return;
            case Key::timeout:
                list.what = ListWhat::timeouts;
                return;
            case Key::daemon:
                list.what = ListWhat::daemons;
                return;
            case Key::numeric:
                list.numeric = true;
                return;
            case Key::exact:
                list.exact = true;
                return;
            case Key::nosort:
                list.sorted = false;
                return;
            default:
                read_daemon_option(word, value);
                return;
        }
    }

    void read_daemon_option(const Word& word, const std::string& value) {
        auto& daemon = command_.daemon;
        switch (word.key) {
            case Key::syncid:
                daemon.syncid = number_or_refuse(value, 0, 255, "illegal syncid specified");
                return;
            case Key::mcast_port:
                daemon.port = number_or_refuse(value, 1, 65535, "illegal mcast-port specified");
                return;
            case Key::ttl:
                daemon.ttl = number_or_refuse(value, 1, 255, "illegal mcast-ttl specified");
                return;
            case Key::maxlen:
                daemon.maxlen = number_or_refuse(value, 1, 65535, "illegal sync-maxlen specified");
                return;
            default:
                if (word.option == opt_interface) daemon.interface = value;
                return;
        }
    }

    [[nodiscard]] Family service_family() const {
        return command_.service ? command_.service->address.address.family() : Family::ipv4;
    }

    void read_service(const std::string& text, Protocol protocol) {
        const auto parsed = host_port(text, protocol, resolver_);
        if (!parsed) refuse("illegal virtual server address[:port] specified");
        command_.service = ServiceName{
            protocol, {parsed->address, L4Port(parsed->port.value_or(std::uint16_t{0}))}, 0};
    }

    void read_mark(const std::string& text) {
        const auto mark = number(text, 1, ~0U);
        if (!mark) refuse(named("invalid fwmark value", text));
        command_.service = ServiceName{.protocol = Protocol::tcp, .address = {}, .mark = *mark};
    }

    void read_ipv6() {
        if (!command_.service || command_.service->mark == 0) refuse("-6 used before -f\n");
        command_.service->address.address = Ipv6Address{};
    }

    /// Protocol and default port come from the service, as far as it has been named yet.
    void read_server(const std::string& text) {
        const auto protocol = command_.service ? command_.service->protocol : Protocol::none;
        const auto parsed = host_port(text, protocol, resolver_);
        if (!parsed) refuse("illegal real server address[:port] specified");
        const auto port = command_.service ? command_.service->address.port : L4Port();
        command_.server = {parsed->address, parsed->port ? L4Port(*parsed->port) : port};
    }

    /// A mask for IPv4, a prefix length for IPv6; the service that says which stands before.
    void read_netmask(const std::string& text) {
        if (service_family() == Family::ipv6) {
            prefix_length_ = prefix_length(text);
        } else {
            mask_ = dotted_mask(text);
            mask_text_ = text;
        }
    }

    void read_sched_flags(const std::string& text) {
        sched_flags_ = split(text, ',');
        for (const auto& flag : sched_flags_) {
            const auto bit = parse_scheduler_flag(flag);
            if (!bit) refuse("invalid scheduler flag `" + flag + "'");
            command_.service_options.flags |= *bit;
        }
    }

    void read_tunnel_type(const std::string& text) {
        auto& type = command_.server_options.tunnel.type;
        if (text == "ipip")
            type = TunnelType::ipip;
        else if (text == "gue")
            type = TunnelType::gue;
        else if (text == "gre")
            type = TunnelType::gre;
        else
            refuse("illegal tunnel type specified");
    }

    /// The words that are no options: the three of --set.
    void take_rest() {
        auto rest = scanner_.rest();
        if (command_.action == Action::set_timeouts) {
            if (rest.size() < 3) refuse("--set option requires 3 timeout values");
            command_.timeouts = {timeout(rest[0], 0), timeout(rest[1], 0), timeout(rest[2], 0)};
            rest.erase(rest.begin(), rest.begin() + 3);
        }
        if (!rest.empty()) refuse("unexpected argument " + rest.front());
    }

    /// "sh-port" needs the scheduler sh, "mh-port" mh, and so on; the plain flags go with any.
    void check_sched_flags() const {
        for (const auto& flag : sched_flags_)
            if (!flag.starts_with("flag") &&
                flag.substr(0, flag.find('-')) != command_.service_options.scheduler)
                refuse("incompatible scheduler flag `" + flag + "'");
    }

    void check_options() const {
        const auto rule = rule_of(command_.action);
        for (std::size_t i = 0; i < option_count; ++i) {
            const auto name = "'"s + option_names[i] + "' option";
            if (rule.required.test(i) && !present_.test(i))
                refuse("You need to supply the " + name + " for the '" + rule.name + "' command");
            if (present_.test(i) && !rule.required.test(i) && !rule.allowed.test(i))
                refuse("Illegal " + name + " with the '" + rule.name + "' command");
        }
    }

    void check_together() {
        switch (command_.action) {
            case Action::list:
                return check_list();
            case Action::add_service:
            case Action::edit_service:
                return check_service();
            case Action::add_server:
            case Action::edit_server:
                return check_server();
            default:
                return;
        }
    }

    /// Refuses two of `options`. `where` ends the sentence.
    void check_exclusive(std::initializer_list<Option> options, const std::string& where) const {
        std::optional<Option> first;
        for (const auto option : options) {
            if (!present_.test(option)) continue;
            if (first)
                refuse("The option '"s + option_names[option] + "' conflicts with the '" +
                       option_names[*first] + "' option in the " + where);
            first = option;
        }
    }

    void check_list() const {
        check_exclusive({opt_connection, opt_service, opt_timeout, opt_daemon}, "'list' command");
        const auto tables = set_of({opt_connection, opt_timeout, opt_daemon});
        const auto views = set_of({opt_stats, opt_rate, opt_thresholds});
        const auto small = set_of({opt_timeout, opt_daemon});
        if (((present_ & tables).any() && (present_ & views).any()) ||
            ((present_ & small).any() && present_.test(opt_persistent_conn)))
            refuse("options conflicts in the list command");
    }

    void check_service() const {
        const auto& service = *command_.service;
        if (service.mark != 0) return;
        if (service.address.port.value() == 0 && !present_.test(opt_persistent))
            refuse("Zero port specified for non-persistent service");
        if (present_.test(opt_ops) && service.protocol != Protocol::udp)
            refuse("One-Packet Scheduling is only for UDP virtual services");
    }

    void check_server() {
        const auto& service = *command_.service;
        if (command_.server->address.family() != service_family() &&
            command_.server_options.forward != Forward::tunnel)
            refuse("Different address family is allowed only for tunneling servers");
        check_tunnel();
        // These two methods leave the port of a packet as it is.
        if (service.mark == 0 && command_.server_options.forward != Forward::masquerade)
            command_.server->port = service.address.port;
    }

    void check_tunnel() const {
        const auto checksums = set_of({opt_tun_nocsum, opt_tun_csum, opt_tun_remcsum});
        const auto all = checksums | set_of({opt_tun_type, opt_tun_port});
        if ((present_ & all).any() && command_.server_options.forward != Forward::tunnel)
            refuse("Tunnel options conflict with forward method");

        static constexpr std::array names = {"ipip", "gue", "gre"};
        const auto type = command_.server_options.tunnel.type;
        const auto name = "'"s + names[static_cast<std::size_t>(type)] + "' tunnel type";
        Options illegal;
        if (type == TunnelType::ipip) illegal = checksums | set_of({opt_tun_port});
        if (type == TunnelType::gre) illegal = set_of({opt_tun_port, opt_tun_remcsum});
        if (type == TunnelType::gue && !present_.test(opt_tun_port))
            refuse("You need to supply the 'tun-port' option for the " + name);
        for (std::size_t i = 0; i < option_count; ++i)
            if (present_.test(i) && illegal.test(i))
                refuse("Illegal '"s + option_names[i] + "' option with the " + name);
        check_exclusive({opt_tun_nocsum, opt_tun_csum, opt_tun_remcsum}, name);
    }

    /// What several options say together, or say by being there.
    void settle() {
        settle_list();
        command_.service_options.one_packet = present_.test(opt_ops);
        if (present_.test(opt_persistent)) settle_persistence();
        auto& checksum = command_.server_options.tunnel.checksum;
        if (present_.test(opt_tun_csum)) checksum = TunnelChecksum::full;
        if (present_.test(opt_tun_remcsum)) checksum = TunnelChecksum::remote;
    }

    void settle_list() {
        struct View {
            Option option;
            ListView view;
        };
        static constexpr View by_precedence[] = {{opt_stats, ListView::stats},
                                                 {opt_rate, ListView::rate},
                                                 {opt_thresholds, ListView::thresholds},
                                                 {opt_persistent_conn, ListView::persistence},
                                                 {opt_tun_info, ListView::tunnels}};
        const auto* const found =
            std::find_if(std::begin(by_precedence), std::end(by_precedence),
                         [&](const View& v) { return present_.test(v.option); });
        if (found != std::end(by_precedence)) command_.list.view = found->view;
        command_.list.engines = present_.test(opt_persistent_conn);
    }

    /// The daemon knows prefixes only, where the kernel takes any mask.
    void settle_persistence() {
        const auto ones = std::countl_one(mask_);
        const bool holes = std::popcount(mask_) != ones;
        if (service_family() == Family::ipv6)
            persistence_.granularity = prefix_length_;
        else if (!holes)
            persistence_.granularity = static_cast<std::uint8_t>(ones);
        else
            command_.unsupported = "-M " + mask_text_ + " is no prefix";
        command_.service_options.persistence = persistence_;
    }

    Scanner scanner_;
    const std::string& program_;
    const Resolver& resolver_;
    Command command_;
    Options present_;
    std::vector<std::string> sched_flags_;
    Persistence persistence_;
    std::uint32_t mask_ = ~0U;  ///< of IPv4 clients
    std::string mask_text_;
    std::uint8_t prefix_length_ = 128;  ///< of IPv6 clients
};

}  // namespace

std::string help_advice(const std::string& program) {
    return "Try `" + program + " -h' or '" + program + " --help' for more information.";
}

Command parse_ipvsadm(const std::vector<std::string>& args, const std::string& program,
                      const Resolver& resolver) {
    if (args.empty()) return {};
    return Reader(args, program, resolver).read();
}

}  // namespace shunt::cli
