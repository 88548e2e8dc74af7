// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/ipvsadm_args.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>

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

// Options. The order is the one in which ipvsadm checks which of them a command may have.
enum Option : std::uint8_t {
    opt_numeric,
    opt_connection,
    opt_service,
    opt_scheduler,
    opt_persistent,
    opt_netmask,
    opt_server,
    opt_forward,
    opt_weight,
    opt_upper,
    opt_lower,
    opt_interface,
    opt_timeout,
    opt_daemon,
    opt_stats,
    opt_rate,
    opt_thresholds,
    opt_persistent_conn,
    opt_nosort,
    opt_syncid,
    opt_exact,
    opt_ops,
    opt_pe,
    opt_sched_flags,
    opt_group,
    opt_port,
    opt_ttl,
    opt_maxlen,
    opt_tun_info,
    opt_tun_type,
    opt_tun_port,
    opt_tun_nocsum,
    opt_tun_csum,
    opt_tun_remcsum,
    option_count,
};
using Options = std::bitset<option_count>;

constexpr std::array<const char*, option_count> option_names = {"numeric",
                                                                "connection",
                                                                "service-address",
                                                                "scheduler",
                                                                "persistent",
                                                                "netmask",
                                                                "real-server",
                                                                "forwarding-method",
                                                                "weight",
                                                                "u-threshold",
                                                                "l-threshold",
                                                                "mcast-interface",
                                                                "timeout",
                                                                "daemon",
                                                                "stats",
                                                                "rate",
                                                                "thresholds",
                                                                "persistent-conn",
                                                                "nosort",
                                                                "syncid",
                                                                "exact",
                                                                "ops",
                                                                "pe",
                                                                "sched-flags",
                                                                "mcast-group",
                                                                "mcast-port",
                                                                "mcast-ttl",
                                                                "sync-maxlen",
                                                                "tun-info",
                                                                "tun-type",
                                                                "tun-port",
                                                                "tun-nocsum",
                                                                "tun-csum",
                                                                "tun-remcsum"};

Options set_of(std::initializer_list<Option> options) {
    Options set;
    for (const auto o : options) set.set(o);
    return set;
}

struct Rule {
    const char* name;
    Options required;
    Options allowed;  ///< besides the required ones
};

/// What goes with a command; `action` is none of help and version.
Rule rule_of(Action action) {
    const auto service = set_of({opt_service});
    const auto both = set_of({opt_service, opt_server});
    const auto scheduling =
        set_of({opt_scheduler, opt_persistent, opt_netmask, opt_ops, opt_pe, opt_sched_flags});
    const auto server = set_of({opt_forward, opt_weight, opt_upper, opt_lower, opt_tun_type,
                                opt_tun_port, opt_tun_nocsum, opt_tun_csum, opt_tun_remcsum});
    const auto listing = set_of({opt_numeric, opt_connection, opt_service, opt_timeout, opt_daemon,
                                 opt_stats, opt_rate, opt_thresholds, opt_persistent_conn,
                                 opt_nosort, opt_exact, opt_tun_info});
    const auto sync = set_of({opt_interface, opt_syncid, opt_group, opt_port, opt_ttl, opt_maxlen});
    switch (action) {
        case Action::add_service:
            return {"add-service", service, scheduling};
        case Action::edit_service:
            return {"edit-service", service, scheduling};
        case Action::delete_service:
            return {"delete-service", service, {}};
        case Action::list:
            return {"list", {}, listing};
        case Action::add_server:
            return {"add-server", both, server};
        case Action::edit_server:
            return {"edit-server", both, server};
        case Action::delete_server:
            return {"delete-server", both, {}};
        case Action::set_timeouts:
            return {"set", {}, {}};
        case Action::start_daemon:
            return {"start-daemon", {}, sync};
        case Action::stop_daemon:
            return {"stop-daemon", {}, set_of({opt_syncid})};
        case Action::restore:
            return {"restore", {}, {}};
        case Action::save:
            return {"save", {}, set_of({opt_numeric})};
        case Action::zero:
            return {"zero", {}, service};
        default:
            return {"flush", {}, {}};
    }
}

// The words of the command line.
enum class Takes : std::uint8_t { nothing, argument, maybe };

/// What a word stands for: a command, or an option with its check.
enum class Key : std::uint8_t {
    command,
    tcp,
    udp,
    sctp,
    fwmark,
    ipv6,
    scheduler,
    persistent,
    netmask,
    server,
    masquerade,
    tunnel,
    direct,
    weight,
    upper,
    lower,
    sched_flags,
    tun_type,
    tun_port,
    syncid,
    group,
    mcast_port,
    ttl,
    maxlen,
    sort,
    timeout,
    daemon,
    connection,
    numeric,
    stats,
    rate,
    nosort,
    exact,
    other,  ///< nothing but its presence is to be checked
};

struct Word {
    char letter;  ///< 0: none
    const char* name;
    Takes takes;
    Key key;
    Option option;  ///< option_count: none
    Action action = Action::list;
    bool unsupported = false;  ///< shuntd has no parameter for it
};

constexpr auto no = Takes::nothing;
constexpr auto arg = Takes::argument;
constexpr auto none = option_count;

constexpr Word words[] = {
    {'A', "add-service", no, Key::command, none, Action::add_service},
    {'E', "edit-service", no, Key::command, none, Action::edit_service},
    {'D', "delete-service", no, Key::command, none, Action::delete_service},
    {'C', "clear", no, Key::command, none, Action::flush},
    {'L', "list", no, Key::command, none, Action::list},
    {'l', "list", no, Key::command, none, Action::list},
    {'a', "add-server", no, Key::command, none, Action::add_server},
    {'d', "delete-server", no, Key::command, none, Action::delete_server},
    {'e', "edit-server", no, Key::command, none, Action::edit_server},
    {'S', "save", no, Key::command, none, Action::save},
    {'R', "restore", no, Key::command, none, Action::restore},
    {'Z', "zero", no, Key::command, none, Action::zero},
    {'h', "help", no, Key::command, none, Action::help},
    {'v', "version", no, Key::command, none, Action::version},
    {0, "set", no, Key::command, none, Action::set_timeouts},
    {0, "start-daemon", arg, Key::command, none, Action::start_daemon},
    {0, "stop-daemon", arg, Key::command, none, Action::stop_daemon},
    {'t', "tcp-service", arg, Key::tcp, opt_service},
    {'u', "udp-service", arg, Key::udp, opt_service},
    {0, "sctp-service", arg, Key::sctp, opt_service},
    {'f', "fwmark-service", arg, Key::fwmark, opt_service, {}, true},
    {'6', "ipv6", no, Key::ipv6, none, {}, true},
    {'s', "scheduler", arg, Key::scheduler, opt_scheduler},
    {'p', "persistent", Takes::maybe, Key::persistent, opt_persistent, {}, true},
    {'M', "netmask", arg, Key::netmask, opt_netmask, {}, true},
    {'r', "real-server", arg, Key::server, opt_server},
    {'m', "masquerading", no, Key::masquerade, opt_forward},
    {'i', "ipip", no, Key::tunnel, opt_forward},
    {'g', "gatewaying", no, Key::direct, opt_forward},
    {'w', "weight", arg, Key::weight, opt_weight},
    {'x', "u-threshold", arg, Key::upper, opt_upper, {}, true},
    {'y', "l-threshold", arg, Key::lower, opt_lower, {}, true},
    {'o', "ops", no, Key::other, opt_ops, {}, true},
    {0, "pe", arg, Key::other, opt_pe, {}, true},
    {'b', "sched-flags", arg, Key::sched_flags, opt_sched_flags, {}, true},
    {0, "tun-type", arg, Key::tun_type, opt_tun_type, {}, true},
    {0, "tun-port", arg, Key::tun_port, opt_tun_port, {}, true},
    {0, "tun-nocsum", no, Key::other, opt_tun_nocsum, {}, true},
    {0, "tun-csum", no, Key::other, opt_tun_csum, {}, true},
    {0, "tun-remcsum", no, Key::other, opt_tun_remcsum, {}, true},
    {0, "mcast-interface", arg, Key::other, opt_interface, {}, true},
    {0, "syncid", arg, Key::syncid, opt_syncid, {}, true},
    {0, "mcast-group", arg, Key::group, opt_group, {}, true},
    {0, "mcast-port", arg, Key::mcast_port, opt_port, {}, true},
    {0, "mcast-ttl", arg, Key::ttl, opt_ttl, {}, true},
    {0, "sync-maxlen", arg, Key::maxlen, opt_maxlen, {}, true},
    {'c', "connection", no, Key::connection, opt_connection},
    {0, "timeout", no, Key::timeout, opt_timeout},
    {0, "daemon", no, Key::daemon, opt_daemon},
    {0, "stats", no, Key::stats, opt_stats},
    {0, "rate", no, Key::rate, opt_rate},
    {0, "thresholds", no, Key::other, opt_thresholds, {}, true},
    {0, "persistent-conn", no, Key::other, opt_persistent_conn, {}, true},
    {0, "tun-info", no, Key::other, opt_tun_info, {}, true},
    {0, "nosort", no, Key::nosort, opt_nosort},
    {0, "sort", no, Key::sort, none},
    {'X', "exact", no, Key::exact, opt_exact},
    {'n', "numeric", no, Key::numeric, opt_numeric},
};

/// Takes the words apart into options, arguments and the rest, the way libpopt does.
class Scanner {
  public:
    struct Found {
        const Word* word = nullptr;
        std::string written;               ///< "-p", "--persistent"
        std::string whole;                 ///< the word that it stands in: "-Lp"
        std::optional<std::string> value;  ///< its argument
    };

    explicit Scanner(const std::vector<std::string>& args) : args_(args) {}

    /// The next option, or none at the end. Throws ArgsError of kind option.
    std::optional<Found> next() {
        while (cluster_.empty()) {
            if (at_ == args_.size()) return std::nullopt;
            const auto& word = args_[at_++];
            if (only_rest_ || word.size() < 2 || word[0] != '-') {
                rest_.push_back(word);
            } else if (word == "--") {
                only_rest_ = true;
            } else if (word[1] == '-') {
                return long_option(word);
            } else {
                whole_ = word;
                cluster_ = word.substr(1);
            }
        }
        return short_option();
    }

    /// The words that belong to no option; complete once next() has returned none.
    [[nodiscard]] const std::vector<std::string>& rest() const noexcept { return rest_; }

  private:
    [[noreturn]] static void fail(const std::string& written, const char* why) {
        throw ArgsError(ArgsError::Kind::option, written + ": " + why);
    }

    Found long_option(const std::string& word) {
        const auto equals = word.find('=');
        const auto name = word.substr(2, equals == word.npos ? word.npos : equals - 2);
        const auto* found = std::find_if(std::begin(words), std::end(words),
                                         [&](const Word& w) { return name == w.name; });
        if (found == std::end(words)) fail(word, "unknown option");
        Found option{found, "--" + name, word, std::nullopt};
        if (equals != word.npos) {
            if (found->takes == Takes::nothing) fail(word, "option does not take an argument");
            option.value = word.substr(equals + 1);
        } else {
            take_argument(option);
        }
        return option;
    }

    Found short_option() {
        const char letter = cluster_.front();
        cluster_.erase(0, 1);
        const auto* found = std::find_if(std::begin(words), std::end(words),
                                         [&](const Word& w) { return w.letter == letter; });
        if (found == std::end(words)) fail(whole_, "unknown option");
        Found option{found, "-"s + letter, whole_, std::nullopt};
        if (found->takes == Takes::nothing) return option;
        if (cluster_.empty()) {
            take_argument(option);
        } else {
            option.value = cluster_.substr(cluster_.front() == '=' ? 1 : 0);
            cluster_.clear();
        }
        return option;
    }

    void take_argument(Found& option) {
        const bool follows = at_ < args_.size();
        if (option.word->takes == Takes::argument) {
            if (!follows) fail(option.whole, "missing argument");
            option.value = args_[at_++];
        } else if (option.word->takes == Takes::maybe && follows && !args_[at_].starts_with('-')) {
            option.value = args_[at_++];
        }
    }

    const std::vector<std::string>& args_;
    std::size_t at_ = 0;
    std::string whole_;
    std::string cluster_;  ///< the letters of whole_ that are still to be read
    bool only_rest_ = false;
    std::vector<std::string> rest_;
};

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

/// IPv4 as a dotted mask, IPv6 as a prefix length of which only the leading digits count.
void check_netmask(const std::string& text, Family family) {
    if (family == Family::ipv4) {
        in_addr mask{};
        if (inet_aton(text.c_str(), &mask) == 0)
            refuse("illegal virtual server persistent mask specified");
        return;
    }
    const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
    number_or_refuse(digits, 1, 128, "illegal ipv6 netmask specified");
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

enum class TunnelType : std::uint8_t { ipip, gue, gre };

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
        return command_;
    }

  private:
    /// The first option, which has to be a command. False if nothing after it matters.
    bool read_command() {
        const std::string advice =
            "Try `" + program_ + " -h' or '" + program_ + " --help' for more information.";
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
            command_.unsupported = first->written;
        }
        return command_.action != Action::help && command_.action != Action::version;
    }

    void read_option(const Scanner::Found& found) {
        const auto& word = *found.word;
        if (word.key == Key::command) refuse("invalid option `" + found.whole + "'");
        if (word.option != none) {
            if (present_.test(word.option))
                refuse("multiple '"s + option_names[word.option] + "' options specified");
            present_.set(word.option);
        }
        read_value(word, found.value ? *found.value : "");
        if (word.key == Key::persistent && found.value) timeout(*found.value, 1);
        if (word.unsupported && command_.unsupported.empty()) command_.unsupported = found.written;
    }

    void read_value(const Word& word, const std::string& value) {
        auto& list = command_.list;
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
                return check_netmask(value, service_family());
            case Key::sched_flags:
                return read_sched_flags(value);
            case Key::tun_type:
                return read_tunnel_type(value);
            case Key::group:
                return check_group(value);
            case Key::scheduler:
                if (!value.empty()) command_.scheduler = value;
                return;
            case Key::weight:
                command_.weight = number_or_refuse(value, 0, max_int, "illegal weight specified");
                return;
            case Key::masquerade:
                command_.forward = Forward::masquerade;
                return;
            case Key::tunnel:
                command_.forward = Forward::tunnel;
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
            case Key::stats:
                list.view = ListView::stats;
                return;
            case Key::rate:
                if (list.view == ListView::plain) list.view = ListView::rate;
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
                check_range(word.key, value);
                return;
        }
    }

    static void check_range(Key key, const std::string& value) {
        switch (key) {
            case Key::upper:
                number_or_refuse(value, 0, max_int, "illegal u_threshold specified");
                return;
            case Key::lower:
                number_or_refuse(value, 0, max_int, "illegal l_threshold specified");
                return;
            case Key::tun_port:
                number_or_refuse(value, 1, 65535, "illegal tunnel port specified");
                return;
            case Key::syncid:
                number_or_refuse(value, 0, 255, "illegal syncid specified");
                return;
            case Key::mcast_port:
                number_or_refuse(value, 1, 65535, "illegal mcast-port specified");
                return;
            case Key::ttl:
                number_or_refuse(value, 1, 255, "illegal mcast-ttl specified");
                return;
            case Key::maxlen:
                number_or_refuse(value, 1, 65535, "illegal sync-maxlen specified");
                return;
            default:
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

    void read_sched_flags(const std::string& text) {
        static constexpr std::array known = {"flag-1",  "flag-2",      "flag-3", "sh-fallback",
                                             "sh-port", "mh-fallback", "mh-port"};
        sched_flags_ = split(text, ',');
        for (const auto& flag : sched_flags_)
            if (std::find(known.begin(), known.end(), flag) == known.end())
                refuse("invalid scheduler flag `" + flag + "'");
    }

    void read_tunnel_type(const std::string& text) {
        if (text == "ipip")
            tunnel_type_ = TunnelType::ipip;
        else if (text == "gue")
            tunnel_type_ = TunnelType::gue;
        else if (text == "gre")
            tunnel_type_ = TunnelType::gre;
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

    /// "sh-port" needs the scheduler sh, "mh-port" mh; the plain flags go with any.
    void check_sched_flags() const {
        for (const auto& flag : sched_flags_)
            if (!flag.starts_with("flag") && flag.substr(0, 2) != command_.scheduler)
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
            command_.forward != Forward::tunnel)
            refuse("Different address family is allowed only for tunneling servers");
        check_tunnel();
        // These two methods leave the port of a packet as it is.
        if (service.mark == 0 && command_.forward != Forward::masquerade)
            command_.server->port = service.address.port;
    }

    void check_tunnel() const {
        const auto checksums = set_of({opt_tun_nocsum, opt_tun_csum, opt_tun_remcsum});
        const auto all = checksums | set_of({opt_tun_type, opt_tun_port});
        if ((present_ & all).any() && command_.forward != Forward::tunnel)
            refuse("Tunnel options conflict with forward method");

        static constexpr std::array names = {"ipip", "gue", "gre"};
        const auto type = "'"s + names[static_cast<std::size_t>(tunnel_type_)] + "' tunnel type";
        Options illegal;
        if (tunnel_type_ == TunnelType::ipip) illegal = checksums | set_of({opt_tun_port});
        if (tunnel_type_ == TunnelType::gre) illegal = set_of({opt_tun_port, opt_tun_remcsum});
        if (tunnel_type_ == TunnelType::gue && !present_.test(opt_tun_port))
            refuse("You need to supply the 'tun-port' option for the " + type);
        for (std::size_t i = 0; i < option_count; ++i)
            if (present_.test(i) && illegal.test(i))
                refuse("Illegal '"s + option_names[i] + "' option with the " + type);
        check_exclusive({opt_tun_nocsum, opt_tun_csum, opt_tun_remcsum}, type);
    }

    Scanner scanner_;
    const std::string& program_;
    const Resolver& resolver_;
    Command command_;
    Options present_;
    std::vector<std::string> sched_flags_;
    TunnelType tunnel_type_ = TunnelType::ipip;
};

}  // namespace

Command parse_ipvsadm(const std::vector<std::string>& args, const std::string& program,
                      const Resolver& resolver) {
    if (args.empty()) return {};
    return Reader(args, program, resolver).read();
}

}  // namespace shunt::cli
