// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/config_check.h"

#include <algorithm>
#include <map>

#include "ctl/config/config_shape.h"
#include "ctl/config/device_name.h"
#include "ctl/config/service_rules.h"

namespace shunt::ctl {

namespace {

/// Things that may be there once, and where they stand.
class Once {
  public:
    /// Refuses `value` when `key` was seen before.
    void see(const std::string& key, const Value& value) {
        const auto [first, fresh] = seen_.try_emplace(key, value);
        if (fresh) return;
        value.fail("the same as " + first->second.path() + " in line " +
                   std::to_string(first->second.origin().line));
    }
    [[nodiscard]] bool has(const std::string& key) const { return seen_.contains(key); }

  private:
    std::map<std::string, Value> seen_;
};

/// Checks a Config against itself. Errors point into the tree it was read from.
class CrossCheck {
  public:
    CrossCheck(const Value& root, const Config& config, const std::vector<std::string>& schedulers)
        : root_(root), config_(config), schedulers_(schedulers) {}

    void run() {
        check_workers();
        check_socket();
        check_ports();
        check_network();
        check_marks();
        check_apps();
        check_sync();
        check_services();
    }

  private:
    void check_workers() const {
        const auto cpus = config_.worker_cpus.size();
        if (cpus != 0 && cpus != config_.workers)
            root_.at("worker_cpus")
                .fail("names " + std::to_string(cpus) + " CPUs for " +
                      std::to_string(config_.workers) + " workers, expected one each");
    }

    /// The readers are neither its owner nor of its group.
    void check_socket() const {
        if (config_.socket_readers.empty() || (config_.socket_mode & 0002U) != 0) return;
        root_.at("socket").at("readers").fail(
            "its members cannot open the socket, expected socket.mode to be \"0666\"; who is in "
            "neither group is refused all the same");
    }

    void check_ports() {
        const auto ports = root_.at("ports");
        if (config_.ports.empty())
            ports.fail(root_.has("ports") ? "is empty, expected at least one port" : "is missing");
        Once devices;
        for (int i = 0; i < static_cast<int>(config_.ports.size()); ++i) {
            const auto& port = config_.ports[static_cast<std::size_t>(i)];
            port_names_.see(port.name, ports[i].at("name"));
            devices.see(canonical_device(port.device), ports[i].at("device"));
            if (!port.twin && config_.network == NetworkProvider::kernel)
                ports[i].at("twin").fail(
                    "must be true with network.provider = \"kernel\": the twin's addresses and "
                    "routes are the port's");
        }
    }

    void expect_port(const Value& entry, const std::string& name) const {
        if (port_names_.has(name)) return;
        std::string known;
        for (const auto& port : config_.ports) known += (known.empty() ? "" : ", ") + port.name;
        entry.at("port").fail(quote(name) +
                              " is not the name of a port, expected one of: " + known);
    }

    void check_network() const {
        const auto network = root_.at("network");
        if (config_.network == NetworkProvider::kernel) {
            for (const char* key : {"addresses", "routes", "neighbours"})
                if (root_.has("network") && network.has(key))
                    network.at(key).fail("is possible only with network.provider = \"static\"");
            return;
        }
        check_addresses(network);
        check_routes(network);
        check_neighbours(network);
    }

    void check_addresses(const Value& network) const {
        Once seen;
        for (std::size_t i = 0; i < config_.fixed.addresses.size(); ++i) {
            const auto& address = config_.fixed.addresses[i];
            const auto entry = network.at("addresses")[static_cast<int>(i)];
            expect_port(entry, address.port);
            seen.see(address.port + ' ' + std::to_string(address.vlan) + ' ' +
                         to_string(address.address),
                     entry.at("address"));
        }
    }

    void check_routes(const Value& network) const {
        Once seen;
        for (std::size_t i = 0; i < config_.fixed.routes.size(); ++i) {
            const auto& route = config_.fixed.routes[i];
            const auto entry = network.at("routes")[static_cast<int>(i)];
            seen.see(to_string(route.prefix), entry.at("to"));
            if (route.hops.empty()) entry.at("via").fail("is empty, expected at least one way");
            for (std::size_t h = 0; h < route.hops.size(); ++h) {
                const auto hop = entry.at("via")[static_cast<int>(h)];
                expect_port(hop, route.hops[h].port);
                const auto& gateway = route.hops[h].gateway;
                if (gateway && gateway->family() != route.prefix.address.family())
                    hop.at("gateway").fail(quote(to_string(*gateway)) +
                                           " is of another family than the route");
            }
        }
    }

    void check_neighbours(const Value& network) const {
        Once seen;
        for (std::size_t i = 0; i < config_.fixed.neighbours.size(); ++i) {
            const auto& neighbour = config_.fixed.neighbours[i];
            const auto entry = network.at("neighbours")[static_cast<int>(i)];
            expect_port(entry, neighbour.port);
            seen.see(neighbour.port + ' ' + std::to_string(neighbour.vlan) + ' ' +
                         to_string(neighbour.address),
                     entry.at("address"));
        }
    }

    void check_marks() const {
        for (std::size_t i = 0; i < config_.marks.size(); ++i) {
            const auto& mark = config_.marks[i];
            const auto entry = root_.at("marks")[static_cast<int>(i)];
            if (!mark.port.empty()) expect_port(entry, mark.port);
            if (const auto why = problem(mark.rule)) entry.fail(*why);
        }
        if (config_.marks.size() > MarkRules::max_rules)
            root_.at("marks").fail("are " + std::to_string(config_.marks.size()) +
                                   " rules, there may be " + std::to_string(MarkRules::max_rules));
    }

    void check_apps() const {
        Once seen;
        for (std::size_t i = 0; i < config_.apps.size(); ++i) {
            const auto& app = config_.apps[i];
            const auto entry = root_.at("apps")[static_cast<int>(i)];
            seen.see(std::string(name(app.app)), entry.at("name"));
            Once ports;
            for (std::size_t p = 0; p < app.ports.size(); ++p)
                ports.see(std::to_string(app.ports[p].value()),
                          entry.at("ports")[static_cast<int>(p)]);
            if (app.ports.size() > AppConfig::most_ports)
                entry.at("ports").fail("are " + std::to_string(app.ports.size()) +
                                       ", there may be " + std::to_string(AppConfig::most_ports));
        }
    }

    void check_sync() const {
        Once seen;
        for (std::size_t i = 0; i < config_.sync.size(); ++i) {
            const auto entry = root_.at("sync")[static_cast<int>(i)];
            seen.see(std::string(word_of(sync_role_words(), config_.sync[i].role)),
                     entry.at("role"));
        }
    }

    void check_services() const {
        Once seen;
        std::size_t servers = 0;
        for (std::size_t i = 0; i < config_.services.size(); ++i) {
            const auto& service = config_.services[i];
            const auto entry = root_.at("services")[static_cast<int>(i)];
            check_name(entry);
            expect_none(problem(service.key, service.settings), entry);
            seen.see(name_of(service.key), entry.at(entry.has("mark") ? "mark" : "address"));
            check_scheduler(entry.at("scheduler"), service.settings.scheduler);
            check_servers(entry, service);
            servers += service.servers.size();
        }
        if (servers > config_.servers)
            root_.at("services")
                .fail("hold " + std::to_string(servers) + " servers, but the key servers allows " +
                      std::to_string(config_.servers));
    }

    /// A service is named by a mark and a family, or by a protocol and an address.
    static void check_name(const Value& service) {
        const bool marked = service.has("mark");
        if (!marked && !service.has("address")) service.at("address").fail("is missing");
        if (!marked && service.has("family"))
            service.at("family").fail("is only for a service on a mark");
        for (const char* key : {"protocol", "address"})
            if (marked && service.has(key)) service.at(key).fail("is not for a service on a mark");
    }

    static void expect_none(const std::optional<Problem>& found, const Value& entry) {
        if (!found) return;
        const auto dot = found->field.find('.');
        const auto at = entry.at(found->field.substr(0, dot));
        if (dot == std::string::npos) at.fail(found->why);
        at.at(found->field.substr(dot + 1)).fail(found->why);
    }

    void check_scheduler(const Value& value, const std::string& name) const {
        if (std::find(schedulers_.begin(), schedulers_.end(), name) != schedulers_.end()) return;
        std::string known;
        for (const auto& scheduler : schedulers_) known += (known.empty() ? "" : ", ") + scheduler;
        value.fail(quote(name) + " is no scheduler, expected one of: " + known);
    }

    static void check_servers(const Value& service_entry, const ServiceConfig& service) {
        const auto entries = service_entry.at("servers");
        std::vector<Endpoint> addresses;
        addresses.reserve(service.servers.size());
        for (std::size_t i = 0; i < service.servers.size(); ++i) {
            const auto server = kept(service.key, service.servers[i]);
            if (const auto found = problem(service.key, server))
                expect_none(found, entries[static_cast<int>(i)]);
            addresses.push_back(server.address);
        }
        if (all_differ(addresses)) return;
        Once seen;
        for (std::size_t i = 0; i < addresses.size(); ++i)
            seen.see(to_string(addresses[i]), entries[static_cast<int>(i)].at("address"));
    }

    /// Most often, and there may be very many of them.
    static bool all_differ(std::vector<Endpoint> addresses) {
        std::ranges::sort(addresses);
        return std::ranges::adjacent_find(addresses) == addresses.end();
    }

    const Value& root_;
    const Config& config_;
    const std::vector<std::string>& schedulers_;
    Once port_names_;
};

}  // namespace

void check_config(const Value& root, const Config& config,
                  const std::vector<std::string>& schedulers) {
    CrossCheck(root, config, schedulers).run();
}

}  // namespace shunt::ctl
