// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What is read of another balancer's configuration, on its way into one of Shunt, and what of it
// could not be carried over. The services of a plan are such as shuntd takes: what it would refuse
// is left out, with a note. Pure.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "shuntctl/ipvsadm_args.h"

namespace shunt::cli {

/// A line of what was read.
struct ImportPlace {
    std::string file;
    std::size_t line = 0;
};

struct ImportNote {
    ImportPlace place;
    std::string text;  ///< one sentence without its full stop
};

/// How the servers of a service are checked. What is not set has Shunt's default, but a server
/// comes up with its first good check.
struct ImportedCheck {
    std::string type;  ///< "tcp", "http", "udp"
    std::optional<std::uint32_t> interval_ms{};
    std::optional<std::uint32_t> timeout_ms{};
    std::optional<std::uint32_t> fall{};
    std::uint16_t port = 0;  ///< 0: the server's own
    std::string source{};    ///< empty: not given; likewise the others
    std::string path{};
    std::string host{};
    std::string status{};
    bool initially_down = false;
    bool operator==(const ImportedCheck&) const = default;
};

struct ImportedServer {
    Endpoint address;
    ServerOptions options;
};

struct ImportedService {
    ServiceName name;
    ServiceOptions options;
    std::vector<ImportedServer> servers;
    std::optional<ImportedCheck> check{};
};

class ImportPlan {
  public:
    /// Beyond so many the rest is left out.
    static constexpr std::size_t most_services = 65536;
    static constexpr std::size_t most_servers = 1048576;

    void note(const ImportPlace& place, std::string text) {
        notes_.push_back({place, std::move(text)});
    }

    /// Adds a service, or changes the one of that name when `edit`. False: it was left out.
    bool put_service(const ImportPlace& place, const ServiceName& name, ServiceOptions options,
                     bool edit = false);
    /// The same for a server of a service that is here.
    bool put_server(const ImportPlace& place, const ServiceName& service, Endpoint address,
                    ServerOptions options, bool edit = false);
    /// The check of a service that is here; of several that differ the first is kept.
    void put_check(const ImportPlace& place, const ServiceName& service, ImportedCheck check);
    void remove_service(const ImportPlace& place, const ServiceName& name);
    void remove_server(const ImportPlace& place, const ServiceName& service,
                       const Endpoint& address);
    void clear();
    /// Starts a synchronisation daemon in the place of the one of its role.
    void start_daemon(const ImportPlace& place, const DaemonOptions& daemon);
    void stop_daemon(const DaemonOptions& daemon);
    /// What is 0 stays as it is.
    void set_timeouts(const ImportPlace& place, const Timeouts& timeouts);

    [[nodiscard]] std::vector<ImportedService> services() const;
    [[nodiscard]] const Timeouts& timeouts() const noexcept { return timeouts_; }
    [[nodiscard]] const std::vector<DaemonOptions>& daemons() const noexcept { return daemons_; }
    [[nodiscard]] const std::vector<ImportNote>& notes() const noexcept { return notes_; }

  private:
    struct Key {
        Protocol protocol;
        Endpoint address;
        std::uint32_t mark;
        auto operator<=>(const Key&) const noexcept = default;
    };
    struct Entry {
        ImportedService service;
        std::set<Endpoint> servers;
        std::size_t order = 0;
    };
    [[nodiscard]] static Key key_of(const ServiceName& name);
    Entry* find(const ImportPlace& place, const ServiceName& name);

    std::map<Key, Entry> services_;
    std::size_t next_order_ = 0;
    std::size_t servers_ = 0;
    Timeouts timeouts_;
    std::vector<DaemonOptions> daemons_;  ///< at most one of each role
    std::vector<ImportNote> notes_;
};

/// "tcp 192.0.2.10:80", "mark 7", "mark 7 ipv6".
std::string import_name(const ServiceName& name);

/// A port for the configuration, which no balancer of the kernel has.
struct ImportPort {
    std::string name;
    std::string device;
};

/// The plan as a configuration file of shuntd; with `ports` a whole one. `source`: where it is
/// from, for a comment.
std::string import_text(const ImportPlan& plan, const std::string& source,
                        const std::vector<ImportPort>& ports);

}  // namespace shunt::cli
