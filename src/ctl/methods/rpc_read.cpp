// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/rpc_read.h"

#include <array>
#include <cerrno>

#include "ctl/config/config_text.h"
#include "ctl/config/port_range.h"
#include "ctl/config/service_rules.h"
#include "ctl/config/words.h"

namespace shunt::ctl {

namespace {

Endpoint read_endpoint(const Params& p, std::string_view name) {
    const auto text = p.text(name);
    const auto endpoint = parse_endpoint(text);
    if (!endpoint)
        p.fail(name, quote(text) +
                         " is no endpoint, expected ADDRESS:PORT such as 192.0.2.1:80 or "
                         "[2001:db8::1]:80");
    return *endpoint;
}

template <class E>
E read_word(const Params& p, std::string_view name, const Words<E>& words) {
    const auto text = p.text(name);
    const auto value = find_word(words, text);
    if (!value) p.fail(name, quote(text) + " is not known, expected one of " + list_words(words));
    return *value;
}

template <class E>
E read_word_or(const Params& p, std::string_view name, const Words<E>& words, E missing) {
    return p.has(name) ? read_word(p, name, words) : missing;
}

Mark read_mark(const Params& p) {
    return Mark(static_cast<std::uint32_t>(p.number("mark", 1, 0xFFFF'FFFF)));
}

void expect_all(const Params& p, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (!p.has(name)) p.fail(name, "is missing");
}

void expect_none(const Params& p, std::initializer_list<const char*> names, const char* why) {
    for (const char* name : names)
        if (p.has(name)) p.fail(name, why);
}

ServiceKey read_marked_service(const Params& service) {
    expect_none(service, {"protocol", "address"}, "is not for a service on a mark");
    const auto family = read_word_or(service, "family", family_words(), Family::ipv4);
    const IpAddress any =
        family == Family::ipv4 ? IpAddress(Ipv4Address{}) : IpAddress(Ipv6Address{});
    return {.protocol = Protocol::none, .endpoint = {any, {}}, .mark = read_mark(service)};
}

std::optional<Tunnel> read_tunnel(const Params& p) {
    static const std::array<Parameter, 3> known{{{"type"}, {"port"}, {"checksum"}}};
    if (!p.has("tunnel")) return {};
    const Params given = p.object("tunnel", known);
    Tunnel tunnel;
    tunnel.type = read_word_or(given, "type", tunnel_type_words(), tunnel.type);
    tunnel.port = L4Port(static_cast<std::uint16_t>(given.number_or("port", 1, 65535, 0)));
    tunnel.checksum = read_word_or(given, "checksum", tunnel_checksum_words(), tunnel.checksum);
    return tunnel;
}

std::optional<PersistenceConfig> read_persistence(const Params& p) {
    static const std::array<Parameter, 2> known{{{"timeout", true}, {"granularity"}}};
    if (!p.has_value("persistence")) return {};
    const Params given = p.object("persistence", known);
    PersistenceConfig persistence;
    persistence.timeout =
        std::chrono::seconds(given.number("timeout", 1, longest_persistence.count()));
    if (given.has_value("granularity"))
        persistence.granularity = static_cast<std::uint8_t>(given.number("granularity", 0, 128));
    return persistence;
}

ServiceTimeouts read_service_timeouts(const Params& p) {
    static const std::array<Parameter, 3> known{{{"tcp"}, {"tcp_fin"}, {"udp"}}};
    if (!p.has_value("timeouts")) return {};
    const Params given = p.object("timeouts", known);
    const auto seconds = [&given](std::string_view name) -> Ticks {
        return std::chrono::duration<std::uint32_t>(
            static_cast<std::uint32_t>(given.number_or(name, 0, longest_persistence.count(), 0)));
    };
    return {.tcp = seconds("tcp"), .tcp_fin = seconds("tcp_fin"), .udp = seconds("udp")};
}

SchedulerOptions read_scheduler_options(const Params& p) {
    SchedulerOptions options;
    options.mh_size = static_cast<std::uint32_t>(
        p.number_or("mh_size", maglev_sizes.front(), maglev_sizes.back(), options.mh_size));
    options.mh_order = read_word_or(p, "mh_order", maglev_order_words(), options.mh_order);
    options.load_bound = static_cast<std::uint32_t>(
        p.number_or("load_bound", least_load_bound, most_load_bound, options.load_bound));
    return options;
}

PersistenceEngine read_engine(const Params& p, const ServiceSettings& settings) {
    if (!p.has_value("engine")) return PersistenceEngine::none;
    const auto name = p.text("engine");
    const auto engine = find_word(engine_words(), name);
    if (!engine)
        throw refused(
            ENOENT,
            "no persistence engine " + quote(name) + ", there is " + list_words(engine_words()),
            p.path("engine"));
    if (!settings.persistence) p.fail("engine", "needs persistence");
    return *engine;
}

std::optional<IpPrefix> read_prefix(const Params& p, std::string_view name) {
    if (!p.has(name)) return {};
    const auto prefix = parse_prefix(p.text(name));
    if (!prefix)
        p.fail(name, quote(p.text(name)) +
                         " is no network, expected such as 192.0.2.0/24 or 2001:db8::/32 with no "
                         "bits behind the prefix");
    return prefix;
}

PortRange read_ports(const Params& p, std::string_view name) {
    if (!p.has(name)) return {};
    const auto range = parse_port_range(p.text(name));
    if (!range)
        p.fail(name, quote(p.text(name)) + " is no range of ports, expected such as 80 or 80-90");
    return *range;
}

std::string read_port_name(const Params& p) {
    if (!p.has("port")) return {};
    const auto name = p.text("port");
    if (name.empty()) p.fail("port", "is empty, expected the name of a port");
    return std::string(name);
}

MarkConfig read_mark_rule(const Params& p) {
    MarkConfig config;
    MarkRule& rule = config.rule;
    rule.mark = read_mark(p);
    rule.source = read_prefix(p, "source");
    rule.destination = read_prefix(p, "destination");
    if (p.has("protocol")) rule.protocol = read_word(p, "protocol", protocol_words());
    rule.source_ports = read_ports(p, "source_ports");
    rule.destination_ports = read_ports(p, "destination_ports");
    config.port = read_port_name(p);
    return config;
}

ConnectionStates read_states(const Params& p) {
    const auto name = p.text("state");
    const ConnectionStates states = states_named(name);
    if (states.none())
        p.fail("state", quote(name) + " is not known, expected one of " + all_state_names());
    return states;
}

/// What connections and templates can be of.
const Words<Protocol>& row_protocol_words() {
    static const Words<Protocol> words = [] {
        auto all = protocol_words();
        all.emplace_back("ip", Protocol::none);
        return all;
    }();
    return words;
}

const Words<ForwardMethod>& row_forward_words() {
    static const Words<ForwardMethod> words = [] {
        auto all = forward_words();
        all.emplace_back("bypass", ForwardMethod::bypass);
        return all;
    }();
    return words;
}

const Words<ConnectionKind>& connection_kind_words() {
    static const Words<ConnectionKind> words{{"connection", ConnectionKind::connection},
                                             {"template", ConnectionKind::client_template}};
    return words;
}

constexpr std::uint64_t longest_idle = 31ULL * 24 * 60 * 60;

template <class F>
FlowTuple<F> tuple_of(Protocol protocol, const Endpoint& client, const Endpoint& virtual_service) {
    return {.source = F::of(client.address),
            .destination = F::of(virtual_service.address),
            .source_port = client.port,
            .destination_port = virtual_service.port,
            .protocol = protocol};
}

}  // namespace

ServiceKey read_service(const Params& p, std::string_view name) {
    static const std::array<Parameter, 4> known{{{"protocol"}, {"address"}, {"mark"}, {"family"}}};
    const Params service = p.object(name, known);
    if (service.has("mark")) return read_marked_service(service);
    expect_none(service, {"family"}, "is only for a service on a mark");
    expect_all(service, {"protocol", "address"});
    return {.protocol = read_word(service, "protocol", protocol_words()),
            .endpoint = read_endpoint(service, "address"),
            .mark = {}};
}

ServiceSettings read_settings(const Params& p) {
    ServiceSettings settings;
    settings.timeouts = read_service_timeouts(p);
    settings.scheduler = p.text_or("scheduler", settings.scheduler);
    settings.slow_start =
        std::chrono::seconds(p.number_or("slow_start", 0, longest_slow_start.count(), 0));
    settings.scheduler_options = read_scheduler_options(p);
    settings.persistence = read_persistence(p);
    const PersistenceEngine engine = read_engine(p, settings);
    if (settings.persistence) settings.persistence->engine = engine;
    if (!p.has("flags")) return settings;
    const auto words = scheduler_flag_words(settings.scheduler);
    const auto flags = p.texts("flags");
    for (std::size_t i = 0; i < flags.size(); ++i) {
        if (const auto flag = find_word(words, flags[i]))
            settings.scheduler_flags.set(*flag);
        else if (flags[i] == "one_packet")
            settings.one_packet = true;
        else
            p.fail("flags[" + std::to_string(i) + ']',
                   quote(flags[i]) + " is not known, expected one of one_packet, " +
                       list_words(words));
    }
    return settings;
}

namespace {

std::chrono::milliseconds read_time(const Params& p, std::string_view name,
                                    std::chrono::milliseconds least, std::chrono::milliseconds most,
                                    std::chrono::milliseconds missing) {
    const auto count = [](std::chrono::milliseconds time) {
        return static_cast<std::uint64_t>(time.count());
    };
    return std::chrono::milliseconds(p.number_or(name, count(least), count(most), count(missing)));
}

IpAddress read_source(const Params& p) {
    const auto text = p.text("source");
    const auto address = parse_address(text);
    if (!address)
        p.fail("source", quote(text) + " is no address, expected such as 192.0.2.1 or 2001:db8::1");
    return *address;
}

StatusRange read_status(const Params& p) {
    const auto text = p.text("status");
    const auto range = parse_status_range(text);
    if (!range)
        p.fail("status",
               quote(text) + " is no range of status codes, expected such as 200 or 200-399");
    return *range;
}

}  // namespace

std::optional<HealthCheck> read_check(const Params& p) {
    static const std::vector<Parameter> known{
        {"type", true}, {"interval_ms"}, {"timeout_ms"}, {"rise"},   {"fall"},      {"port"},
        {"source"},     {"path"},        {"host"},       {"status"}, {"initially"}, {"all_down"}};
    if (!p.has_value("check")) return {};
    const Params given = p.object("check", known);
    HealthCheck check;
    check.type = read_word(given, "type", check_type_words());
    check.interval = read_time(given, "interval_ms", shortest_check_interval,
                               longest_check_interval, check.interval);
    check.timeout = read_time(given, "timeout_ms", shortest_check_timeout, longest_check_timeout,
                              check.timeout);
    const auto in_a_row = [&given](std::string_view name, std::uint32_t missing) {
        return static_cast<std::uint32_t>(given.number_or(name, 1, most_checks_in_a_row, missing));
    };
    check.rise = in_a_row("rise", check.rise);
    check.fall = in_a_row("fall", check.fall);
    check.port = L4Port(static_cast<std::uint16_t>(given.number_or("port", 1, 65535, 0)));
    if (given.has_value("source")) check.source = read_source(given);
    check.path = given.text_or("path", check.path);
    check.host = given.text_or("host", check.host);
    if (given.has("status")) check.status = read_status(given);
    check.initially = read_word_or(given, "initially", health_words(), check.initially);
    check.all_down = read_word_or(given, "all_down", all_down_words(), check.all_down);
    return check;
}

Forced read_forced(const Params& p) {
    static const Words<Forced> words{
        {"up", Forced::up}, {"down", Forced::down}, {"auto", Forced::automatic}};
    return read_word(p, "state", words);
}

Endpoint read_server(const Params& p) {
    static const std::array<Parameter, 1> known{{{"address", true}}};
    return read_endpoint(p.object("server", known), "address");
}

ServerConfig read_server_config(const Params& p) {
    return {.address = read_server(p),
            .forward = read_word_or(p, "forward", forward_words(), ForwardMethod::nat),
            .tunnel = read_tunnel(p),
            .weight = static_cast<std::uint32_t>(p.number_or("weight", 0, most_weight, 1)),
            .thresholds = {
                .upper = static_cast<std::uint32_t>(p.number_or("upper", 0, most_threshold, 0)),
                .lower = static_cast<std::uint32_t>(p.number_or("lower", 0, most_threshold, 0))}};
}

std::vector<MarkConfig> read_marks(const Params& p) {
    static const std::array<Parameter, 7> known{{{"mark", true},
                                                 {"source"},
                                                 {"destination"},
                                                 {"protocol"},
                                                 {"source_ports"},
                                                 {"destination_ports"},
                                                 {"port"}}};
    std::vector<MarkConfig> rules;
    for (const auto& rule : p.objects("rules", known)) rules.push_back(read_mark_rule(rule));
    return rules;
}

std::optional<ConnectionFilter> read_connection_filter(const Params& p) {
    static const std::array<Parameter, 8> known{{{"kind"},
                                                 {"protocol"},
                                                 {"forward"},
                                                 {"state"},
                                                 {"client"},
                                                 {"server"},
                                                 {"service"},
                                                 {"idle"}}};
    if (!p.has("filter")) return {};
    const Params given = p.object("filter", known);
    if (given.empty()) return {};
    ConnectionFilter filter;
    if (given.has("kind")) filter.kind = read_word(given, "kind", connection_kind_words());
    if (given.has("protocol")) filter.protocol = read_word(given, "protocol", row_protocol_words());
    if (given.has("forward")) filter.method = read_word(given, "forward", row_forward_words());
    if (given.has("state")) filter.states = read_states(given);
    filter.client = read_prefix(given, "client");
    if (given.has("server")) filter.server = read_server(given);
    if (given.has("service")) filter.service = ServiceMatch{read_service(given), {}};
    if (given.has("idle"))
        filter.idle = std::chrono::duration<std::uint32_t>(
            static_cast<std::uint32_t>(given.number("idle", 0, longest_idle)));
    return filter;
}

PacketFilter read_packet_filter(const Params& p) {
    static const Words<Protocol> words = [] {
        auto all = protocol_words();
        all.emplace_back("icmp", Protocol::icmp);
        return all;
    }();
    PacketFilter filter;
    if (p.has("protocol")) filter.protocol = read_word(p, "protocol", words);
    filter.client = read_prefix(p, "client");
    if (p.has("virtual")) filter.virtual_service = read_endpoint(p, "virtual");
    if (p.has("server")) filter.server = read_endpoint(p, "server");
    filter.address = read_prefix(p, "address");
    if (p.has("l4_port"))
        filter.port = L4Port(static_cast<std::uint16_t>(p.number("l4_port", 1, 65535)));
    return filter;
}

ClientTuple read_client_tuple(const Params& p) {
    const auto protocol = read_word(p, "protocol", protocol_words());
    const Endpoint client = read_endpoint(p, "client");
    const Endpoint virtual_service = read_endpoint(p, "virtual");
    if (client.address.family() != virtual_service.address.family())
        p.fail("virtual", "is not of the client's address family");
    if (client.address.family() == Family::ipv4)
        return tuple_of<Ipv4>(protocol, client, virtual_service);
    return tuple_of<Ipv6>(protocol, client, virtual_service);
}

}  // namespace shunt::ctl
