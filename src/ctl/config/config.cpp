// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/config.h"

#include <sys/un.h>

#include <algorithm>
#include <charconv>

#include "ctl/config/config_check.h"
#include "ctl/config/config_reader.h"
#include "ctl/config/config_shape.h"
#include "ctl/config/device_name.h"
#include "ctl/config/port_range.h"
#include "ctl/config/service_rules.h"

namespace shunt::ctl {

namespace {

constexpr std::size_t interface_name_max = 15;  // IFNAMSIZ without the final zero
constexpr std::size_t socket_path_max = sizeof(sockaddr_un::sun_path) - 1;
constexpr long long workers_max = 64;
constexpr long long cpu_max = 1023;
constexpr long long vlan_max = 4094;
constexpr long long timeout_max = 2'678'400;  // 31 days, as timeout.set
constexpr long long day_ms = 86'400'000;
constexpr Range mark_range{1, 0xFFFF'FFFF};
constexpr Range persistence_range{1, longest_persistence.count()};
constexpr Range service_timeout_range{0, longest_persistence.count()};
constexpr Range slow_start_range{0, longest_slow_start.count()};

// --- Readers of single values: each takes the Value and gives what the field holds, or fails. ----

bool is_one_of(char c, std::string_view allowed) {
    return allowed.find(c) != std::string_view::npos;
}

bool is_word(std::string_view text, std::string_view also) {
    return std::all_of(text.begin(), text.end(), [also](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_one_of(c, "0123456789") ||
               is_one_of(c, also);
    });
}

std::string read_interface_name(const Value& v) {
    const auto name = v.text();
    const bool good = !name.empty() && name.size() <= interface_name_max && name != "." &&
                      name != ".." && is_word(name, "._-");
    if (!good)
        v.fail(quote(name) +
               " cannot name an interface, expected 1 to 15 letters, digits, "
               "\".\", \"_\" or \"-\"");
    return name;
}

/// The driver's part of a DPDK device has a "_" (net_tap0) or a ":" (a bus); a VMBus device is a
/// UUID. What has none of them is most often the name of a kernel interface.
std::string read_device(const Value& v) {
    const auto device = v.text();
    const auto driver = std::string_view(device).substr(0, device.find(','));
    constexpr std::size_t uuid_size = 36;
    const bool plain = std::all_of(device.begin(), device.end(),
                                   [](char c) { return c > ' ' && c < 0x7F && c != '"'; });
    const bool known = !whole_pci_address(driver).empty() || driver.size() == uuid_size ||
                       (driver.find_first_of("_:") != driver.npos && driver.size() > 2 &&
                        is_word(driver.substr(0, 1), ""));
    if (!plain || !known)
        v.fail(quote(device) +
               " is no device, expected a PCI address such as 0000:01:00.0 or a "
               "DPDK device such as net_af_packet,iface=eth1");
    return device;
}

MacAddress read_mac(const Value& v) {
    const auto text = v.text();
    const auto mac = parse_mac(text);
    if (!mac) v.fail(quote(text) + " is no link address, expected such as 02:00:00:00:00:01");
    if (mac->is_group() || *mac == MacAddress{})
        v.fail(quote(text) + " is not the address of one interface");
    return *mac;
}

/// An address that one host can have.
void expect_host(const Value& v, const IpAddress& address) {
    if (const auto kind = not_one_host(address))
        v.fail(quote(v.text()) + " is " + std::string(*kind) +
               ", expected the address of one host");
}

IpAddress read_address(const Value& v) {
    const auto text = v.text();
    const auto address = parse_address(text);
    if (!address) v.fail(quote(text) + " is no address, expected such as 192.0.2.1 or 2001:db8::1");
    expect_host(v, *address);
    return *address;
}

Endpoint read_endpoint(const Value& v) {
    const auto text = v.text();
    const auto endpoint = parse_endpoint(text);
    if (!endpoint)
        v.fail(quote(text) +
               " is no endpoint, expected ADDRESS:PORT such as 192.0.2.1:80 or [2001:db8::1]:80");
    expect_host(v, endpoint->address);
    return *endpoint;
}

/// An address and its prefix length, which is that of the whole address without "/".
struct AddressWithLength {
    IpAddress address;
    std::uint8_t length = 0;
};

AddressWithLength read_address_with_length(const Value& v, const char* example) {
    const auto text = v.text();
    const auto slash = text.find('/');
    const auto address = parse_address(std::string_view(text).substr(0, slash));
    const auto bad = [&](const std::string& why) {
        v.fail(quote(text) + why + ", expected such as " + example);
    };
    if (!address) bad(" is no address with a prefix length");
    unsigned length = address->bits();
    if (slash != std::string::npos) {
        const char* end = text.data() + text.size();
        const auto [at, error] = std::from_chars(text.data() + slash + 1, end, length);
        if (error != std::errc{} || at != end || length > address->bits())
            bad(" has no prefix length of 0 to " + std::to_string(address->bits()));
    }
    return {*address, static_cast<std::uint8_t>(length)};
}

IpPrefix read_prefix(const Value& v) {
    const auto given = read_address_with_length(v, "192.0.2.0/24 or 2001:db8::/32");
    const IpPrefix prefix{network_of(given.address, given.length), given.length};
    if (prefix.address != given.address)
        v.fail(quote(v.text()) + " has bits behind the prefix, expected " + to_string(prefix));
    return prefix;
}

L4Port read_port(const Value& v) {
    return L4Port(static_cast<std::uint16_t>(v.number({1, 65535})));
}

PortRange read_port_range(const Value& v) {
    const auto text = v.text();
    const auto range = parse_port_range(text);
    if (!range) v.fail(quote(text) + " is no range of ports, expected such as 80 or 80-90");
    return *range;
}

Mark read_mark(const Value& v) {
    return Mark(static_cast<std::uint32_t>(v.number(mark_range)));
}

/// A service on a mark takes all protocols; of its endpoint only the family counts.
void read_mark_key(const Value& v, ServiceConfig& out) {
    out.key.mark = read_mark(v);
    out.key.protocol = Protocol::none;
}

void read_family_key(const Value& v, ServiceConfig& out) {
    if (v.word(family_words()) == Family::ipv6)
        out.key.endpoint.address = Ipv6Address{};
    else
        out.key.endpoint.address = Ipv4Address{};
}

void read_host_prefix(const Value& v, FixedNetwork::Address& out) {
    const auto given = read_address_with_length(v, "192.0.2.1/24 or 2001:db8::1/64");
    out.address = given.address;
    out.prefix_length = given.length;
    given.address.visit([&](const auto& a) {
        if (a.is_unspecified() || a.is_multicast() || a.is_broadcast())
            v.fail(quote(v.text()) + " is not an address that an interface can have");
    });
}

std::vector<unsigned> read_cpus(const Value& v) {
    v.expect_numbers();
    std::vector<unsigned> cpus;
    for (int i = 0; i < v.size(); ++i)
        cpus.push_back(static_cast<unsigned>(v[i].number({0, cpu_max})));
    return cpus;
}

std::uint32_t read_mode(const Value& v) {
    const auto text = v.text();
    std::uint32_t mode = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, mode, 8);
    if (error != std::errc{} || at != end || mode > 0777)
        v.fail(quote(text) + " is no access mode, expected an octal number \"0000\" to \"0777\"");
    return mode;
}

std::string read_socket_path(const Value& v) {
    const auto path = v.text();
    if (path.empty() || path.front() != '/')
        v.fail(quote(path) + " is not usable, expected an absolute path");
    if (path.size() > socket_path_max)
        v.fail("the path has " + std::to_string(path.size()) + " characters, a socket can have " +
               std::to_string(socket_path_max));
    return path;
}

std::string read_group(const Value& v) {
    const auto group = v.text();
    if (!is_word(group, "._-")) v.fail(quote(group) + " cannot name a group of users");
    return group;
}

/// Empty, or an endpoint that may stand for all addresses of the host. Debian's HTTP server knows
/// no IPv6.
std::string read_listener(const Value& v) {
    const auto text = v.text();
    const auto endpoint = parse_endpoint(text);
    if (!text.empty() &&
        (!endpoint || endpoint->port == L4Port{} || endpoint->address.family() != Family::ipv4))
        v.fail(quote(text) +
               " is nothing to listen at, expected an IPv4 ADDRESS:PORT such as 127.0.0.1:9736, "
               "or \"\"");
    return text.empty() ? text : to_string(*endpoint);
}

/// Stores what `read` gives in `field`.
template <class Field, class Fn>
auto into(Field field, Fn read) {
    return [field, read](const Value& v, auto& out) { std::invoke(field, out) = read(v); };
}

// --- The keys, section by section. ---------------------------------------------------------------

constexpr auto& endpoint_values = "\"ADDRESS:PORT\"";
constexpr auto& address_values = "\"ADDRESS\"";
Words<AppKind> app_words() {
    Words<AppKind> words;
    for (const AppKind app : app_kinds) words.emplace_back(name(app), app);
    return words;
}

constexpr auto& port_range_values = "\"PORT\" or \"FIRST-LAST\"";
constexpr auto& port_meaning = "the name of one of the ports";
constexpr auto& vlan_meaning = "VLAN id on that port; 0: untagged";

Keys<PortConfig> port_keys() {
    Keys<PortConfig> keys;
    keys.value("name", Need::required, "1 to 15 characters", "",
               "name of the port and of its kernel twin",
               [](const Value& v, PortConfig& out) {
                   out.name = read_interface_name(v);
                   const auto origin = v.origin();
                   out.file = origin.file;
                   out.line = origin.line;
               })
        .value("device", Need::required, "PCI address or DPDK device", "",
               "the device: \"0000:01:00.0\", \"net_af_packet,iface=eth1\"",
               into(&PortConfig::device, read_device))
        .number("queues", &PortConfig::queues, {0, workers_max},
                "receive queues; 0: one for each worker, as far as the device has them")
        .choice("side", &PortConfig::side,
                Words<PortSide>{{"both", PortSide::both},
                                {"clients", PortSide::clients},
                                {"servers", PortSide::servers}},
                "who is there; a card can then bring packets to their worker by itself")
        .flag("twin", &PortConfig::twin,
              "make the kernel twin, through which the host uses the port")
        .value("mac", Need::optional, "link address", "the device's own",
               "link address of port and twin", into(&PortConfig::mac, read_mac))
        .number("mtu", &PortConfig::mtu, {68, 9216, true},
                "largest network-layer packet in bytes; 0: the device's own");
    return keys;
}

Keys<FixedNetwork::Address> address_keys() {
    Keys<FixedNetwork::Address> keys;
    keys.value("port", Need::required, "port name", "", port_meaning,
               into(&FixedNetwork::Address::port, read_interface_name))
        .value("address", Need::required, "\"ADDRESS/LENGTH\"", "",
               "an address of the balancer and the length of its network", read_host_prefix)
        .number("vlan", &FixedNetwork::Address::vlan, {0, vlan_max}, vlan_meaning);
    return keys;
}

Keys<FixedNetwork::Hop> hop_keys() {
    Keys<FixedNetwork::Hop> keys;
    keys.value("port", Need::required, "port name", "", port_meaning,
               into(&FixedNetwork::Hop::port, read_interface_name))
        .value("gateway", Need::optional, address_values, "none",
               "the next router; without it the targets are on the link",
               into(&FixedNetwork::Hop::gateway, read_address))
        .number("vlan", &FixedNetwork::Hop::vlan, {0, vlan_max}, vlan_meaning)
        .number("weight", &FixedNetwork::Hop::weight, {1, 256},
                "share of this way among the ways of the route");
    return keys;
}

Keys<FixedNetwork::Route> route_keys() {
    Keys<FixedNetwork::Route> keys;
    keys.value("to", Need::required, "\"NETWORK/LENGTH\"", "",
               "the targets; \"0.0.0.0/0\" and \"::/0\" are the default routes",
               into(&FixedNetwork::Route::prefix, read_prefix))
        .list("via", Need::required, &FixedNetwork::Route::hops, hop_keys(),
              "the ways there; connections are spread over several by weight");
    return keys;
}

Keys<FixedNetwork::Neighbour> neighbour_keys() {
    Keys<FixedNetwork::Neighbour> keys;
    keys.value("port", Need::required, "port name", "", port_meaning,
               into(&FixedNetwork::Neighbour::port, read_interface_name))
        .value("address", Need::required, address_values, "", "address of a host on the link",
               into(&FixedNetwork::Neighbour::address, read_address))
        .value("mac", Need::required, "link address", "", "link address of that host",
               into(&FixedNetwork::Neighbour::mac, read_mac))
        .number("vlan", &FixedNetwork::Neighbour::vlan, {0, vlan_max}, vlan_meaning);
    return keys;
}

Keys<Config> network_keys() {
    Keys<Config> keys;
    keys.choice("provider", &Config::network,
                Words<NetworkProvider>{{"kernel", NetworkProvider::kernel},
                                       {"static", NetworkProvider::fixed}},
                "where addresses, routes and neighbours come from: the twins, or this file")
        .list(
            "addresses", Need::optional, [](Config & c) -> auto& { return c.fixed.addresses; },
            address_keys(), "addresses of the balancer (static provider only)")
        .list(
            "routes", Need::optional, [](Config & c) -> auto& { return c.fixed.routes; },
            route_keys(), "routes beyond the networks of the addresses (static provider only)")
        .list(
            "neighbours", Need::optional, [](Config & c) -> auto& { return c.fixed.neighbours; },
            neighbour_keys(), "hosts on the links (static provider only)");
    return keys;
}

/// The tunnel of a server, which has one as soon as a key of it is read.
Tunnel& tunnel_of(ServerConfig& server) {
    if (!server.tunnel) server.tunnel.emplace();
    return *server.tunnel;
}

Keys<ServerConfig> tunnel_keys() {
    Keys<ServerConfig> keys;
    keys.choice(
            "type", [](ServerConfig & s) -> auto& { return tunnel_of(s).type; },
            tunnel_type_words(), "how packets are wrapped")
        .value("port", Need::optional, "1 to 65535", "none",
               "the server's UDP port for GUE, which needs one",
               [](const Value& v, ServerConfig& out) { tunnel_of(out).port = read_port(v); })
        .choice(
            "checksum", [](ServerConfig & s) -> auto& { return tunnel_of(s).checksum; },
            tunnel_checksum_words(),
            "checksum of the wrapping: GRE and GUE may have a full one, GUE a remote one");
    return keys;
}

Keys<ServerConfig> server_keys() {
    Keys<ServerConfig> keys;
    keys.value("address", Need::required, endpoint_values, "", "where the real server listens",
               into(&ServerConfig::address, read_endpoint))
        .choice("forward", &ServerConfig::forward, forward_words(),
                "how packets travel to the server")
        .section("tunnel", tunnel_keys())
        .number("weight", &ServerConfig::weight, {0, most_weight},
                "share of new connections; 0: none, existing ones go on")
        .number(
            "upper", [](ServerConfig & s) -> auto& { return s.thresholds.upper; },
            {0, most_threshold}, "connections with which the server gets no new ones; 0: no limit")
        .number(
            "lower", [](ServerConfig & s) -> auto& { return s.thresholds.lower; },
            {0, most_threshold},
            "connections below which it gets new ones again; 0: three quarters of upper");
    return keys;
}

/// The persistence of a service, which has one as soon as a key of it is read.
PersistenceConfig& persistence_of(ServiceConfig& service) {
    auto& persistence = service.settings.persistence;
    if (!persistence) persistence.emplace();
    return *persistence;
}

/// Of the scheduler, which is read before them.
void read_scheduler_flags(const Value& v, ServiceConfig& out) {
    v.expect_texts();
    const auto words = scheduler_flag_words(out.settings.scheduler);
    for (int i = 0; i < v.size(); ++i) out.settings.scheduler_flags.set(v[i].word(words));
}

auto service_timeout(Ticks ServiceTimeouts::*timeout) {
    return [timeout](const Value& v, ServiceConfig& out) {
        out.settings.timeouts.*timeout = std::chrono::duration<std::uint32_t>(
            static_cast<std::uint32_t>(v.number(service_timeout_range)));
    };
}

/// The check of a service, which has one as soon as a key of it is read.
HealthCheck& check_of(ServiceConfig& service) {
    auto& check = service.settings.check;
    if (!check) check.emplace();
    return *check;
}

/// What `read` gives for the check.
template <class Fn>
auto into_check(Fn read) {
    return [read](const Value& v, ServiceConfig& out) { read(v, check_of(out)); };
}

void add_http_keys(Keys<ServiceConfig>& keys) {
    keys.value("path", Need::optional, "\"/PATH\"", show(HealthCheck().path),
               "http: what is asked for",
               into_check([](const Value& v, HealthCheck& check) { check.path = v.text(); }))
        .value("host", Need::optional, "host name", "the server's address",
               "http: the host of the request",
               into_check([](const Value& v, HealthCheck& check) { check.host = v.text(); }))
        .value("status", Need::optional, "\"STATUS\" or \"FIRST-LAST\"",
               show(to_string(StatusRange())), "http: the status of a server that is well",
               into_check([](const Value& v, HealthCheck& check) {
                   const auto range = parse_status_range(v.view());
                   if (!range)
                       v.fail(quote(v.text()) +
                              " is no range of status codes, expected such as 200 or 200-399");
                   check.status = *range;
               }));
}

Keys<ServiceConfig> check_keys() {
    const auto milliseconds = [](std::chrono::milliseconds least, std::chrono::milliseconds most) {
        return Range{least.count(), most.count()};
    };
    constexpr Range in_a_row{1, most_checks_in_a_row};
    Keys<ServiceConfig> keys;
    keys.value("type", Need::required, show(check_type_words()), "", "how servers are checked",
               into_check([](const Value& v, HealthCheck& check) {
                   check.type = v.word(check_type_words());
               }))
        .number(
            "interval_ms", [](ServiceConfig & s) -> auto& { return check_of(s).interval; },
            milliseconds(shortest_check_interval, longest_check_interval),
            "milliseconds from the begin of a check to that of the next")
        .number(
            "timeout_ms", [](ServiceConfig & s) -> auto& { return check_of(s).timeout; },
            milliseconds(shortest_check_timeout, longest_check_timeout),
            "milliseconds that a check may take")
        .number(
            "rise", [](ServiceConfig & s) -> auto& { return check_of(s).rise; }, in_a_row,
            "so many checks passed in a row bring a server up")
        .number(
            "fall", [](ServiceConfig & s) -> auto& { return check_of(s).fall; }, in_a_row,
            "so many checks failed in a row take a server down")
        .value("port", Need::optional, "1 to 65535", "the server's own", "the port that is checked",
               into_check([](const Value& v, HealthCheck& check) { check.port = read_port(v); }))
        .value(
            "source", Need::optional, address_values, "chosen by the host",
            "address that checks come from, for servers of its family",
            into_check([](const Value& v, HealthCheck& check) { check.source = read_address(v); }));
    add_http_keys(keys);
    keys.choice(
            "initially", [](ServiceConfig & s) -> auto& { return check_of(s).initially; },
            health_words(), "what a server is that is new in the service, until checks tell")
        .choice(
            "all_down", [](ServiceConfig & s) -> auto& { return check_of(s).all_down; },
            all_down_words(),
            "when every server is down: refuse new connections, or take all for up");
    return keys;
}

Keys<ServiceConfig> service_keys() {
    Keys<ServiceConfig> keys;
    keys.choice(
            "protocol", [](ServiceConfig & s) -> auto& { return s.key.protocol; }, protocol_words(),
            "protocol of the service")
        .value("address", Need::optional, endpoint_values, "none",
               "the virtual endpoint that clients connect to; required without a mark",
               [](const Value& v, ServiceConfig& out) { out.key.endpoint = read_endpoint(v); })
        .value("mark", Need::optional, mark_range.text(), "none",
               "takes the packets with this mark, in place of protocol and address", read_mark_key)
        .value("family", Need::optional, show(family_words()), "\"ipv4\"",
               "family of the packets that a service on a mark takes", read_family_key)
        .value("scheduler", Need::optional, "scheduler name", show(ServiceSettings().scheduler),
               "picks the server of a new connection: \"rr\", \"wrr\", \"lc\", \"wlc\", \"sed\", "
               "\"nq\", \"fo\", \"ovf\", \"twos\", \"sh\", \"dh\", \"mh\", \"lblc\", "
               "\"lblcr\", \"conhash\"",
               [](const Value& v, ServiceConfig& out) { out.settings.scheduler = v.text(); })
        .value("flags", Need::optional, "[ \"FLAG\", ... ]", "[]",
               "flags of the scheduler: \"sh-fallback\" and \"sh-port\" of sh, \"mh-fallback\" and "
               "\"mh-port\" of mh, \"conhash-port\" of conhash, \"flag-1\" to \"flag-3\" of any",
               read_scheduler_flags)
        .flag(
            "one_packet", [](ServiceConfig & s) -> auto& { return s.settings.one_packet; },
            "UDP: every packet is scheduled anew, and no connection is kept")
        .value("persistence", Need::optional, persistence_range.text(), "none",
               "seconds for which a client is brought back to its server; required with port 0",
               [](const Value& v, ServiceConfig& out) {
                   persistence_of(out).timeout = std::chrono::seconds(v.number(persistence_range));
               })
        .value("granularity", Need::optional, "0 to 128", "all bits",
               "with persistence: clients whose addresses agree in so many first bits are one",
               [](const Value& v, ServiceConfig& out) {
                   persistence_of(out).granularity = static_cast<std::uint8_t>(v.number({0, 128}));
               })
        .value("engine", Need::optional, show(engine_words()), "none",
               "with persistence: what tells the calls of a client apart; \"sip\": their Call-ID",
               [](const Value& v, ServiceConfig& out) {
                   persistence_of(out).engine = v.word(engine_words());
               })
        .value("timeout_tcp", Need::optional, service_timeout_range.text(), "0",
               "seconds that its established TCP connections may be silent; 0: as for all services",
               service_timeout(&ServiceTimeouts::tcp))
        .value("timeout_tcp_fin", Need::optional, service_timeout_range.text(), "0",
               "the same after the first FIN", service_timeout(&ServiceTimeouts::tcp_fin))
        .value("timeout_udp", Need::optional, service_timeout_range.text(), "0", "the same for UDP",
               service_timeout(&ServiceTimeouts::udp))
        .value("slow_start", Need::optional, slow_start_range.text(), "0",
               "seconds in which the weight of a server that comes while the daemon runs grows to "
               "the whole; for wrr, wlc, sed, nq and twos",
               [](const Value& v, ServiceConfig& out) {
                   out.settings.slow_start = std::chrono::seconds(v.number(slow_start_range));
               })
        .number(
            "mh_size",
            [](ServiceConfig & s) -> auto& { return s.settings.scheduler_options.mh_size; },
            {maglev_sizes.front(), maglev_sizes.back()},
            "buckets of the table of mh and conhash: 251, 509, 1021, 2039, 4093, 8191, 16381, "
            "32749, 65521 or 131071")
        .choice(
            "mh_order",
            [](ServiceConfig & s) -> auto& { return s.settings.scheduler_options.mh_order; },
            maglev_order_words(),
            "order in which the servers of mh take buckets: newest first as in IPVS, or by their "
            "addresses, which is the same on every balancer")
        .number(
            "load_bound",
            [](ServiceConfig & s) -> auto& { return s.settings.scheduler_options.load_bound; },
            {least_load_bound, most_load_bound},
            "percent of its fair share of the connections that a server of conhash may have")
        .section("check", check_keys())
        .list("servers", Need::optional, &ServiceConfig::servers, server_keys(),
              "the real servers");
    return keys;
}

Keys<MarkConfig> mark_keys() {
    Keys<MarkConfig> keys;
    const auto rule = [](auto member, auto read) {
        return [member, read](const Value& v, MarkConfig& out) { out.rule.*member = read(v); };
    };
    keys.value("mark", Need::required, mark_range.text(), "", "the mark that fitting packets get",
               rule(&MarkRule::mark, read_mark))
        .value("source", Need::optional, "\"NETWORK/LENGTH\"", "any", "where packets come from",
               rule(&MarkRule::source, read_prefix))
        .value("destination", Need::optional, "\"NETWORK/LENGTH\"", "any", "where packets go to",
               rule(&MarkRule::destination, read_prefix))
        .value("protocol", Need::optional, show(protocol_words()), "any",
               "their protocol; required with ports",
               rule(&MarkRule::protocol, [](const Value& v) { return v.word(protocol_words()); }))
        .value("source_ports", Need::optional, port_range_values, "any", "their source ports",
               rule(&MarkRule::source_ports, read_port_range))
        .value("destination_ports", Need::optional, port_range_values, "any",
               "their destination ports", rule(&MarkRule::destination_ports, read_port_range))
        .value("port", Need::optional, "port name", "any", "the port that they come in by",
               into(&MarkConfig::port, read_interface_name));
    return keys;
}

Keys<AppConfig> app_keys() {
    Keys<AppConfig> keys;
    keys.value("name", Need::required, show(app_words()), "", "the application",
               [](const Value& v, AppConfig& out) { out.app = v.word(app_words()); })
        .value("ports", Need::optional, "[ PORT, ... ], 1 to 65535 each, at most 8",
               "[21], or [69] of tftp", "ports of services whose connections it looks into",
               [](const Value& v, AppConfig& out) {
                   v.expect_numbers();
                   for (int i = 0; i < v.size(); ++i) out.ports.push_back(read_port(v[i]));
               });
    return keys;
}

IpAddress read_group_address(const Value& v) {
    const auto text = v.text();
    const auto address = parse_address(text);
    if (!address || !address->visit([](const auto& a) { return a.is_multicast(); }))
        v.fail(quote(text) + " is no multicast address, expected such as 224.0.0.81 or ff02::81");
    return *address;
}

Keys<SyncDaemonConfig> sync_keys() {
    const SyncDaemonConfig standard;
    Keys<SyncDaemonConfig> keys;
    keys.value("role", Need::required, show(sync_role_words()), "",
               "tell other balancers of the connections here, or hear of theirs",
               [](const Value& v, SyncDaemonConfig& out) { out.role = v.word(sync_role_words()); })
        .value("interface", Need::required, "1 to 15 characters", "",
               "interface of the host that messages go by",
               into(&SyncDaemonConfig::interface, read_interface_name))
        .number("syncid", &SyncDaemonConfig::syncid, {0, 255},
                "which balancers belong together; a backup with 0 hears all")
        .value("group", Need::optional, "multicast \"ADDRESS\"", show(to_string(standard.group)),
               "group that messages are sent to",
               into(&SyncDaemonConfig::group, read_group_address))
        .number("port", &SyncDaemonConfig::port, {1, 65535}, "UDP port, the first of sync_ports")
        .number("ttl", &SyncDaemonConfig::ttl, {1, 255}, "TTL or hop limit of messages")
        .number("maxlen", &SyncDaemonConfig::maxlen, {1, 65535, true},
                "longest message in bytes; 0: what fits an Ethernet frame");
    return keys;
}

Keys<Config> ftp_keys() {
    Keys<Config> keys;
    keys.value("passive_ports", Need::optional, port_range_values, "\"1024-65535\"",
               "ports of virtual addresses for passive data connections",
               [](const Value& v, Config& out) {
                   out.ftp.passive_ports = read_port_range(v);
                   if (out.ftp.passive_ports.first == L4Port{})
                       v.fail("0 is no port that a client can call");
               })
        .choice(
            "active_source", [](Config & c) -> auto& { return c.ftp.active_source; },
            active_source_words(), "port from which servers begin active data connections")
        .number(
            "least_client_port", [](Config & c) -> auto& { return c.ftp.rules.least_client_port; },
            {1, 65535}, "PORT and EPRT with a port below it are refused")
        .flag(
            "any_client_address",
            [](Config & c) -> auto& { return c.ftp.rules.any_client_address; },
            "PORT and EPRT may name other addresses than the client's")
        .choice(
            "foreign_address", [](Config & c) -> auto& { return c.ftp.rules.foreign; },
            foreign_address_words(),
            "a server that names another address than its own in 227: take its own, trust it, or "
            "tell the client nothing");
    return keys;
}

Keys<Config> memory_keys() {
    Keys<Config> keys;
    keys.choice("huge_pages", &Config::huge_pages,
                Words<HugePages>{
                    {"auto", HugePages::automatic}, {"on", HugePages::on}, {"off", HugePages::off}},
                "use huge pages: when there are enough, always, or never")
        .number("size_mb", &Config::memory_mb, {64, 1'048'576, true},
                "MiB for DPDK; 0: computed from the other sizes");
    return keys;
}

Keys<Config> socket_keys() {
    Keys<Config> keys;
    keys.value("path", Need::optional, "absolute path", show(Config().socket_path),
               "UNIX socket of the control protocol", into(&Config::socket_path, read_socket_path))
        .value("mode", Need::optional, "octal number in quotes", "\"0660\"",
               "access mode of the socket", into(&Config::socket_mode, read_mode))
        .value("group", Need::optional, "group name", "\"\"",
               "group that owns the socket, whose members may change; \"\": the daemon's own",
               into(&Config::socket_group, read_group))
        .value(
            "readers", Need::optional, "group name", "\"\"",
            "group whose members may read; needs a mode that lets others in; \"\": there is none",
            into(&Config::socket_readers, read_group))
        .number("clients", &Config::socket_clients, {1, 10'000}, "most clients at a time")
        .number("clients_of_user", &Config::socket_clients_of_user, {1, 10'000},
                "most clients of one user at a time")
        .number("rate", &Config::socket_rate, {1, 1'000'000},
                "requests a second that a client may make; what is beyond waits");
    return keys;
}

Keys<Config> log_keys() {
    Keys<Config> keys;
    keys.choice("level", &Config::log_level, log_level_words(),
                "least important message that is written");
    return keys;
}

Keys<Config> metrics_keys() {
    Keys<Config> keys;
    keys.value("address", Need::optional, "\"ADDRESS:PORT\" or \"\"",
               show(Config().metrics_address),
               "where Prometheus finds the metrics, by HTTP at /metrics; \"\": nowhere",
               into(&Config::metrics_address, read_listener))
        .flag("servers", &Config::metrics_servers,
              "show each real server, and not the sums of services alone");
    return keys;
}

Keys<Config> timeout_keys() {
    Keys<Config> keys;
    keys.number(
            "tcp", [](Config & c) -> auto& { return c.tunables.timeout_established; },
            {1, timeout_max}, "seconds that an established TCP connection may be silent")
        .number(
            "tcp_fin", [](Config & c) -> auto& { return c.tunables.timeout_finwait; },
            {1, timeout_max}, "the same after the first FIN")
        .number(
            "udp", [](Config & c) -> auto& { return c.tunables.timeout_udp; }, {1, timeout_max},
            "the same for UDP");
    return keys;
}

Keys<Config> tunable_keys() {
    Keys<Config> keys;
    for (const auto& about : tunable_list)
        keys.number(
            std::string(about.name),
            [value = about.value](Config & c) -> auto& { return c.tunables.*value; },
            {about.least, about.most}, std::string(about.text));
    for (const auto& about : text_tunable_list)
        keys.value(std::string(about.name), Need::optional, "text",
                   quote(std::string(about.standard)), std::string(about.text),
                   [&about](const Value& v, Config& c) {
                       const std::string text = v.text();
                       if (!about.fits(text)) v.fail(quote(text) + " cannot stand here");
                       c.tunables.*about.value = text;
                   });
    return keys;
}

Keys<Config> root_keys() {
    Keys<Config> keys;
    keys.number("workers", &Config::workers, {1, workers_max}, "threads that forward packets")
        .value("worker_cpus", Need::optional, "[CPU, ...], each 0 to 1023", "[]",
               "the CPU of each worker; empty: the kernel chooses",
               into(&Config::worker_cpus, read_cpus))
        .choice("idle", &Config::idle,
                Words<IdleMode>{{"adaptive", IdleMode::adaptive}, {"poll", IdleMode::poll}},
                "workers without packets: sleep more and more, or poll without rest")
        .number("connections", &Config::connections, {1024, 500'000'000, true},
                "most connections over all workers; 0: from the memory of the machine")
        .number("servers", &Config::servers, {1, 1'048'576},
                "most real servers, with removed ones that still have connections")
        .number("packet_buffers", &Config::packet_buffers, {1024, 16'777'216, true},
                "packet buffers for all ports; 0: computed")
        .section("memory", memory_keys())
        .section("socket", socket_keys())
        .section("log", log_keys())
        .section("metrics", metrics_keys())
        .list("ports", Need::elsewhere, &Config::ports, port_keys(), "the ports, at least one")
        .section("network", network_keys())
        .section("timeouts", timeout_keys())
        .section("tunables", tunable_keys())
        .list("marks", Need::optional, &Config::marks, mark_keys(),
              "rules that mark packets, for services on marks; the first that fits counts")
        .list("apps", Need::optional, &Config::apps, app_keys(),
              "applications that look into connections")
        .section("ftp", ftp_keys())
        .number("helpers", &Config::helpers, {1, 1'048'576},
                "FTP control connections that a worker can look into at a time")
        .list("sync", Need::optional, &Config::sync, sync_keys(),
              "daemons that synchronise connections with other balancers, one of a role")
        .list("services", Need::optional, &Config::services, service_keys(),
              "the virtual services at start; shuntctl changes them while the daemon runs")
        .number("exit_when_idle_ms", &Config::exit_when_idle, {0, day_ms},
                "end when no packet came for so many milliseconds; 0: never (for replays)");
    return keys;
}

const Keys<Config>& all_keys() {
    static const Keys<Config> keys = root_keys();
    return keys;
}

// --- The whole. ----------------------------------------------------------------------------------

/// Fills `config` and checks the whole.
Config read(const ConfigTree& tree, Config config, const std::vector<std::string>& schedulers) {
    const Value root(tree);
    all_keys().read_into(root, config);
    check_config(root, config, schedulers);
    return config;
}

Config read(ConfigText text, const std::vector<std::string>& schedulers) {
    const ConfigTree tree(std::move(text));
    Config config = read(tree, {}, schedulers);
    config.source = tree.text();
    return config;
}

/// Gives everything that can change while the daemon runs its default.
void reset_changeable(Config& config) {
    const Config standard;
    config.log_level = standard.log_level;
    config.tunables = standard.tunables;
    config.ftp = standard.ftp;
    config.marks.clear();
    config.apps.clear();
    config.sync.clear();
    config.services.clear();
}

}  // namespace

Config load_config(const std::string& path, const std::vector<std::string>& schedulers) {
    Config config = read(ConfigText::from_file(path), schedulers);
    config.file = path;
    return config;
}

Config parse_config(std::string_view text, const std::string& name,
                    const std::vector<std::string>& schedulers,
                    std::span<const ConfigFile> included) {
    return read(ConfigText::from_memory(text, name, included), schedulers);
}

Config read_state(const boost::json::value& state, const Config& running,
                  const std::vector<std::string>& schedulers) {
    Config config = running;
    reset_changeable(config);
    return read(ConfigTree(state, "state"), std::move(config), schedulers);
}

std::vector<ConfigKey> config_keys() {
    return root_keys().reference();
}

}  // namespace shunt::ctl
