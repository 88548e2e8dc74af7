// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/service_rules.h"

#include <algorithm>
#include <array>

#include "ctl/config/check_rules.h"
#include "ctl/config/words.h"
#include "sched/registry.h"

namespace shunt::ctl {

namespace {

std::optional<Problem> host_problem(const IpAddress& address) {
    const auto kind = not_one_host(address);
    if (!kind) return {};
    return Problem{"address", to_string(address) + " is " + std::string(*kind) +
                                  ", expected the address of one host"};
}

bool is_link_local(const IpAddress& address) {
    return address.visit([](const auto& a) { return a.is_link_local(); });
}

std::optional<Problem> address_problem(const ServiceKey& key, const ServerConfig& server) {
    const auto& [address, port] = server.address;
    if (auto host = host_problem(address)) return host;
    if (is_link_local(address))
        return Problem{"address",
                       to_string(address) + " cannot be reached from a port: it is link-local"};
    if (address.family() != key.endpoint.address.family() &&
        server.forward != ForwardMethod::tunnel)
        return Problem{"address",
                       to_string(server.address) +
                           " is of another address family than its service, which only the server "
                           "of a tunnel may be"};
    if (port == L4Port{} && key.endpoint.port != L4Port{})
        return Problem{"address", "port 0 is no port of a server, expected 1 to 65535"};
    return {};
}

std::optional<Problem> persistence_problem(const PersistenceConfig& persistence,
                                           const IpAddress& address) {
    if (persistence.timeout < std::chrono::seconds(1) || persistence.timeout > longest_persistence)
        return Problem{"persistence", "clients are brought back for 1 to " +
                                          std::to_string(longest_persistence.count()) +
                                          " seconds; granularity and engine are for no others"};
    const unsigned least = address.family() == Family::ipv4 ? 0 : 1;
    if (persistence.granularity &&
        (*persistence.granularity < least || *persistence.granularity > address.bits()))
        return Problem{"granularity",
                       "so many first bits of a client's address cannot count, "
                       "expected " +
                           std::to_string(least) + " to " + std::to_string(address.bits())};
    return {};
}

struct OptionKey {
    std::string_view key;
    SchedulerOption option;
};
constexpr std::array option_keys{OptionKey{"slow_start", SchedulerOption::slow_start},
                                 OptionKey{"mh_size", SchedulerOption::mh_size},
                                 OptionKey{"mh_order", SchedulerOption::mh_order},
                                 OptionKey{"load_bound", SchedulerOption::load_bound}};

/// "251, 509, 1021 or 2039".
std::string maglev_sizes_text() {
    std::string all;
    for (const auto size : maglev_sizes) {
        if (!all.empty()) all += size == maglev_sizes.back() ? " or " : ", ";
        all += std::to_string(size);
    }
    return all;
}

/// The schedulers that use an option, for a sentence.
std::string users_of(SchedulerOption option) {
    std::string all;
    for (const auto& name : scheduler_names())
        if (find_scheduler(name)->uses(option)) all += (all.empty() ? "" : ", ") + name;
    return all;
}

/// An option that the scheduler would not look at. Who names a scheduler that there is not is told
/// so elsewhere.
std::optional<Problem> unused_problem(const ServiceSettings& settings) {
    const Scheduler* const scheduler = find_scheduler(settings.scheduler);
    if (scheduler == nullptr) return {};
    const SchedulerOptions standard;
    const auto& options = settings.scheduler_options;
    const std::array<bool, option_keys.size()> given{
        settings.slow_start.count() != 0, options.mh_size != standard.mh_size,
        options.mh_order != standard.mh_order, options.load_bound != standard.load_bound};
    for (std::size_t i = 0; i < given.size(); ++i) {
        const auto& [key, option] = option_keys[i];
        if (given[i] && !scheduler->uses(option))
            return Problem{std::string(key), std::string(key) + " is not for scheduler " +
                                                 settings.scheduler + ", only for " +
                                                 users_of(option)};
    }
    return {};
}

std::optional<Problem> option_problem(const ServiceSettings& settings) {
    const auto& options = settings.scheduler_options;
    if (settings.slow_start < std::chrono::seconds(0) || settings.slow_start > longest_slow_start)
        return Problem{"slow_start", "a slow start takes at most " +
                                         std::to_string(longest_slow_start.count()) + " seconds"};
    if (std::ranges::find(maglev_sizes, options.mh_size) == maglev_sizes.end())
        return Problem{"mh_size", "a table cannot have " + std::to_string(options.mh_size) +
                                      " buckets, expected " + maglev_sizes_text()};
    if (options.load_bound < least_load_bound || options.load_bound > most_load_bound)
        return Problem{"load_bound", "a load bound is " + std::to_string(least_load_bound) +
                                         " to " + std::to_string(most_load_bound) + " percent"};
    return unused_problem(settings);
}

std::optional<Problem> tunnel_problem(const Tunnel& tunnel) {
    if (tunnel.type == TunnelType::gue && tunnel.port == L4Port{})
        return Problem{"tunnel.port", "a GUE tunnel needs a port, 1 to 65535"};
    if (tunnel.type != TunnelType::gue && tunnel.port != L4Port{})
        return Problem{"tunnel.port", "only a GUE tunnel has a port"};
    if (tunnel.type == TunnelType::ipip && tunnel.checksum != TunnelChecksum::none)
        return Problem{"tunnel.checksum", "an IPIP tunnel has no checksum"};
    if (tunnel.type != TunnelType::gue && tunnel.checksum == TunnelChecksum::remote)
        return Problem{"tunnel.checksum", "only a GUE tunnel has remote checksums"};
    return {};
}

std::optional<Problem> thresholds_problem(const Thresholds& thresholds) {
    if (thresholds.upper > most_threshold)
        return Problem{"upper", "a threshold is at most " + std::to_string(most_threshold)};
    if (thresholds.lower > thresholds.upper)
        return Problem{"lower", "the lower threshold is at most the upper one", ERANGE};
    return {};
}

}  // namespace

std::string name_of(const ServiceKey& key) {
    if (key.mark == Mark{})
        return std::string(to_string(key.protocol)) + ' ' + to_string(key.endpoint);
    return "FWM " + std::to_string(key.mark.value()) +
           (key.endpoint.address.family() == Family::ipv6 ? " IPv6" : "");
}

std::optional<Problem> problem(const ServiceKey& key, const ServiceSettings& settings) {
    const bool marked = key.mark != Mark{};
    if (!marked) {
        if (word_of(protocol_words(), key.protocol).empty())
            return Problem{"protocol", "protocol " + std::string(to_string(key.protocol)) +
                                           " is not balanced, expected " +
                                           list_words(protocol_words())};
        if (auto host = host_problem(key.endpoint.address)) return host;
        if (key.endpoint.port == L4Port{} && !settings.persistence)
            return Problem{"address",
                           "port 0 (every port) needs persistence, expected a port 1 to 65535"};
    }
    if (settings.one_packet && !marked && key.protocol != Protocol::udp)
        return Problem{"one_packet", "one-packet scheduling is only for UDP and for marks"};
    if (settings.persistence)
        if (auto found = persistence_problem(*settings.persistence, key.endpoint.address))
            return found;
    if (settings.check)
        if (auto found = problem(key, *settings.check)) return found;
    return option_problem(settings);
}

bool is_scheduler_option(const std::string& field) {
    return std::ranges::find(option_keys, field, &OptionKey::key) != option_keys.end();
}

std::optional<Problem> problem(const ServiceKey& key, const ServerConfig& server) {
    if (auto address = address_problem(key, server)) return address;
    if (server.weight > most_weight)
        return Problem{"weight", "a weight is at most " + std::to_string(most_weight)};
    if (auto thresholds = thresholds_problem(server.thresholds)) return thresholds;
    if (server.tunnel && server.forward != ForwardMethod::tunnel)
        return Problem{"tunnel", "only a server of forwarding method tunnel has this"};
    return tunnel_problem(server.tunnel.value_or(Tunnel{}));
}

ServerConfig kept(const ServiceKey& key, ServerConfig server) {
    if (server.forward != ForwardMethod::nat && key.mark == Mark{})
        server.address.port = key.endpoint.port;
    return server;
}

ServiceSettings whole(const ServiceKey& key, ServiceSettings settings) {
    if (auto& persistence = settings.persistence; persistence && !persistence->granularity)
        persistence->granularity = static_cast<std::uint8_t>(key.endpoint.address.bits());
    return settings;
}

}  // namespace shunt::ctl
