// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The command line of ipvsadm 1.31 as a value. Pure: names are looked up by what the caller passes
// in. Words are accepted and refused as ipvsadm does it, in its order and with its texts, also
// where the daemon has no way to say what they ask for (Command::unsupported). ipvs-behaviour 10.1.
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "shuntctl/scheduler_flags.h"

namespace shunt::cli {

enum class Action : std::uint8_t {
    add_service,
    edit_service,
    delete_service,
    flush,
    list,
    add_server,
    delete_server,
    edit_server,
    set_timeouts,
    start_daemon,
    stop_daemon,
    restore,
    save,
    zero,
    help,
    version,
};

enum class ListWhat : std::uint8_t { services, connections, timeouts, daemons };
enum class ListView : std::uint8_t { plain, stats, rate, thresholds, persistence, tunnels };
enum class Forward : std::uint8_t { direct, masquerade, tunnel };
enum class TunnelType : std::uint8_t { ipip, gue, gre };
enum class TunnelChecksum : std::uint8_t { none, full, remote };

struct ListOptions {
    ListWhat what = ListWhat::services;
    ListView view = ListView::plain;  ///< of services
    bool engines = false;             ///< of connections: their persistence engine and its data
    bool numeric = false;             ///< addresses and ports as numbers; -S heeds it too
    bool exact = false;               ///< no K, M, G for large numbers
    bool sorted = true;
};

/// A service as the command line names it.
struct ServiceName {
    Protocol protocol = Protocol::tcp;
    Endpoint address;
    std::uint32_t mark = 0;  ///< not 0: a firewall mark's service, of address.address's family
};

struct Timeouts {
    std::uint32_t tcp = 0;  ///< seconds; 0 keeps what is set
    std::uint32_t tcp_fin = 0;
    std::uint32_t udp = 0;
};

struct Persistence {
    std::uint32_t timeout = 360;    ///< seconds
    std::uint8_t granularity = 32;  ///< bits of a client's address that tell clients apart
};

/// What -A and -E give a service besides its name.
struct ServiceOptions {
    std::string scheduler = "wlc";
    SchedulerFlags flags;
    bool one_packet = false;
    std::optional<Persistence> persistence;
    std::string engine;  ///< of persistence; empty: none
};

struct TunnelOptions {
    TunnelType type = TunnelType::ipip;
    std::uint16_t port = 0;  ///< for gue
    TunnelChecksum checksum = TunnelChecksum::none;
};

/// What -a and -e give a server besides its address.
struct ServerOptions {
    Forward forward = Forward::direct;
    std::uint32_t weight = 1;
    TunnelOptions tunnel;     ///< for Forward::tunnel
    std::uint32_t upper = 0;  ///< most connections; 0: no limit
    std::uint32_t lower = 0;  ///< at which a full server gets new ones again; 0: three quarters
};

/// What --start-daemon gives a synchronisation daemon; --stop-daemon needs its role only.
struct DaemonOptions {
    bool master = true;  ///< or backup
    std::string interface = "eth0";
    std::uint32_t syncid = 0;
    std::string group;         ///< empty: the usual one
    std::uint32_t port = 0;    ///< 0: the usual one
    std::uint32_t ttl = 0;     ///< the same
    std::uint32_t maxlen = 0;  ///< the same
};

struct Command {
    Action action = Action::list;
    std::optional<ServiceName> service;
    ServiceOptions service_options;
    std::optional<Endpoint> server;
    ServerOptions server_options;
    ListOptions list;
    Timeouts timeouts;
    DaemonOptions daemon;
    /// Why shuntd cannot do what is legal; empty: it can. "-M 255.0.255.0 is no prefix".
    std::string unsupported;
};

/// A command line that is refused before anything is asked of the daemon.
class ArgsError : public std::runtime_error {
  public:
    enum class Kind : std::uint8_t {
        usage,   ///< there is no command: the advice to ask for help, status 255
        option,  ///< an unknown option or a missing argument, status 255; -R goes on after it
        client,  ///< anything else, status 2
    };
    ArgsError(Kind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    [[nodiscard]] int status() const noexcept { return kind_ == Kind::client ? 2 : 255; }

  private:
    Kind kind_;
};

/// How names become numbers.
struct Resolver {
    std::function<std::optional<Ipv4Address>(const std::string& host)> host;
    /// `protocol` may be none: the service has not been named yet.
    std::function<std::optional<std::uint16_t>(const std::string& name, Protocol protocol)> port;
};

/// What is said where there is no command.
std::string help_advice(const std::string& program);

/// Reads `args`, the words after the program's name; none of them: list everything. `program` is
/// named in the advice to ask for help. Throws ArgsError.
Command parse_ipvsadm(const std::vector<std::string>& args, const std::string& program,
                      const Resolver& resolver);

}  // namespace shunt::cli
