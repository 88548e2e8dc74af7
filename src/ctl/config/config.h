// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The configuration file as values. Read by load_config() (libconfig++), checked whole before
// anything is touched. The commented reference of every key is conf/shunt.conf.
#include <boost/json/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/app_table.h"
#include "ctl/config/config_text.h"
#include "ctl/config/health_check.h"
#include "service/mark_rules.h"
#include "service/service_table.h"
#include "service/tunables.h"

namespace shunt::ctl {

enum class HugePages : std::uint8_t { automatic, on, off };
enum class IdleMode : std::uint8_t { adaptive, poll };
/// Who is on the other side of a port: tells the card which end of a packet is the client's.
enum class PortSide : std::uint8_t { both, clients, servers };
enum class NetworkProvider : std::uint8_t { kernel, fixed };

struct PortConfig {
    std::string name;    ///< the twin's interface name, 1-15 characters, unique
    std::string device;  ///< PCI address, or DPDK device string such as "net_af_packet,iface=veth0"
    std::uint16_t queues = 0;  ///< receive queues; 0: one a worker, as far as the device has them
    PortSide side = PortSide::both;
    bool twin = true;               ///< make the kernel twin
    std::optional<MacAddress> mac;  ///< instead of the device's own
    std::uint16_t mtu = 0;          ///< 0: the device's own
    std::string file;               ///< where it was configured, for later errors
    int line = 0;
};

struct ServerConfig {
    Endpoint address;  ///< port 0: that of the packet; for services on a mark
    ForwardMethod forward = ForwardMethod::nat;
    std::optional<Tunnel> tunnel{};  ///< for ForwardMethod::tunnel; none: IPIP
    std::uint32_t weight = 1;
    Thresholds thresholds{};
    bool operator==(const ServerConfig&) const = default;
};

/// Brings clients back to their servers (ipvs-behaviour 5.1).
struct PersistenceConfig {
    std::chrono::seconds timeout{0};  ///< 1 second to longest_persistence
    std::optional<std::uint8_t>
        granularity{};  ///< first bits of their addresses that count; or all
    PersistenceEngine engine = PersistenceEngine::none;
    bool operator==(const PersistenceConfig&) const = default;
};
inline constexpr std::chrono::seconds longest_persistence{2'678'400};

/// What can be changed about a service.
struct ServiceSettings {
    std::string scheduler = "wlc";
    bool one_packet = false;
    std::optional<PersistenceConfig> persistence{};
    SchedulerFlags scheduler_flags{};
    ServiceTimeouts timeouts{};
    /// How long the weight of a new server takes to grow to what is configured; 0: no time.
    std::chrono::seconds slow_start{0};
    SchedulerOptions scheduler_options{};
    std::optional<HealthCheck> check{};  ///< of its servers; none: they are not checked
    bool operator==(const ServiceSettings&) const = default;
};
inline constexpr std::chrono::seconds longest_slow_start{86'400};

struct ServiceConfig {
    ServiceKey key;
    ServiceSettings settings;
    std::vector<ServerConfig> servers;
};

struct MarkConfig {
    MarkRule rule;     ///< but for its ingress
    std::string port;  ///< the name of that; empty: any port
    bool operator==(const MarkConfig&) const = default;
};

enum class SyncRole : std::uint8_t { master, backup };

/// A daemon that synchronises connections with other balancers (ipvs-behaviour 7.1).
struct SyncDaemonConfig {
    SyncRole role = SyncRole::master;
    std::string interface;    ///< of the host
    std::uint8_t syncid = 0;  ///< of the messages; a backup with 0 takes those of all
    IpAddress group = Ipv4Address{Be32(0xE0000051)};  ///< 224.0.0.81
    std::uint16_t port = 8848;                        ///< the first one
    std::uint8_t ttl = 1;                             ///< 1 to 255
    std::uint16_t maxlen = 0;  ///< bytes of a message without headers; 0: what is usual
    bool operator==(const SyncDaemonConfig&) const = default;
};

/// An application and the ports of services that it looks into.
struct AppConfig {
    /// As many as ip_vs_ftp has, of each application.
    static constexpr std::size_t most_ports = 8;

    AppKind app = AppKind::none;
    std::vector<L4Port> ports;  ///< none: its usual one
    bool operator==(const AppConfig&) const = default;
};

/// What the static network provider knows (NetworkProvider::fixed).
struct FixedNetwork {
    struct Address {
        std::string port;
        IpAddress address;
        std::uint8_t prefix_length = 0;
        std::uint16_t vlan = 0;
        bool operator==(const Address&) const = default;
    };
    struct Hop {
        std::string port;
        std::optional<IpAddress> gateway;
        std::uint16_t vlan = 0;
        std::uint32_t weight = 1;
        bool operator==(const Hop&) const = default;
    };
    struct Route {
        IpPrefix prefix;
        std::vector<Hop> hops;
        bool operator==(const Route&) const = default;
    };
    struct Neighbour {
        std::string port;
        IpAddress address;
        MacAddress mac;
        std::uint16_t vlan = 0;
        bool operator==(const Neighbour&) const = default;
    };
    std::vector<Address> addresses;
    std::vector<Route> routes;
    std::vector<Neighbour> neighbours;
    bool operator==(const FixedNetwork&) const = default;
};

struct Config {
    std::uint16_t workers = 1;          ///< 1-64
    std::vector<unsigned> worker_cpus;  ///< pin worker i to CPU i of the list; empty: float
    IdleMode idle = IdleMode::adaptive;
    HugePages huge_pages = HugePages::automatic;
    std::uint32_t memory_mb = 0;       ///< for DPDK; 0: computed from the sizes
    std::uint32_t connections = 0;     ///< most connections over all workers; 0: from memory
    std::uint32_t packet_buffers = 0;  ///< mbufs; 0: computed
    std::uint32_t servers = 16384;     ///< most real servers, removed ones that live on included

    std::string socket_path = "/run/shunt/shunt.sock";
    bool socket_given = false;  ///< by the command line, whatever the file says
    std::uint32_t socket_mode = 0660;
    std::string socket_group;            ///< whose members may change; empty: the daemon's own
    std::string socket_readers;          ///< whose members may read; empty: nobody else
    std::uint32_t socket_clients = 512;  ///< most clients at a time, of all users ...
    std::uint32_t socket_clients_of_user = 256;  ///< ... and of one
    std::uint32_t socket_rate = 20'000;          ///< requests a second that one client may make

    std::string log_level = "info";  ///< trace, debug, info, warn, error
    std::size_t verbose = 0;         ///< of the command line: so many levels more are written

    std::string metrics_address = "127.0.0.1:9736";  ///< an Endpoint for HTTP; empty: none
    bool metrics_servers = true;                     ///< show each real server

    std::vector<PortConfig> ports;  ///< at least one
    NetworkProvider network = NetworkProvider::kernel;
    FixedNetwork fixed;

    Tunables tunables;

    std::vector<MarkConfig> marks;  ///< the first one that fits counts
    std::vector<AppConfig> apps;
    FtpOptions ftp;
    std::uint32_t helpers = 4096;        ///< control connections that a worker can look into
    std::vector<SyncDaemonConfig> sync;  ///< at most one of each role
    std::vector<ServiceConfig> services;
    /// Ends the daemon when no packet came for so long; 0: never. For replay of finite captures.
    std::chrono::milliseconds exit_when_idle{0};

    std::string source;  ///< the text that all this was read from, with what it included
    std::string file;    ///< its path; empty: it stood in none
};

/// Reads and checks `path`. `schedulers` are the names that a service may use. Throws ConfigError.
Config load_config(const std::string& path, const std::vector<std::string>& schedulers);

/// The same for a text that stands in no file: `name` takes the file's place in errors, and
/// @include finds the files of `included` only. Throws ConfigError.
Config parse_config(std::string_view text, const std::string& name,
                    const std::vector<std::string>& schedulers,
                    std::span<const ConfigFile> included = {});

/// The same for a JSON document of the file's shape. What it does not name is as in `running` when
/// only a restart can change it, and has its default otherwise. Throws ConfigError, of line 0.
Config read_state(const boost::json::value& state, const Config& running,
                  const std::vector<std::string>& schedulers);

/// What the reference says about one key. `name` is dotted, with [] after a list:
/// "ports[].queues".
struct ConfigKey {
    std::string name;
    std::string values;         ///< what may stand there
    std::string default_value;  ///< as it would be written; "required" when there is none
    std::string meaning;        ///< one line
};

/// Every key that the reader knows, in the order of the reference.
std::vector<ConfigKey> config_keys();

}  // namespace shunt::ctl
