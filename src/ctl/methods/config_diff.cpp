// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/config_diff.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <concepts>
#include <span>

#include "ctl/config/config_shape.h"
#include "ctl/methods/rpc_write.h"
#include "ctl/state/app_registry.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

/// What config_shape.h writes, as a JSON object: with or without what has its default.
class JsonShape {
  public:
    JsonShape(json::object& out, bool whole) : out_(out), whole_(whole) {}

    void text(std::string_view key, std::string_view value) { out_[key] = value; }
    void text(std::string_view key, std::string_view value, std::string_view standard) {
        if (whole_ || value != standard) text(key, value);
    }
    void number(std::string_view key, std::integral auto value) { out_[key] = value; }
    template <std::integral T>
    void number(std::string_view key, T value, T standard) {
        if (whole_ || value != standard) number(key, value);
    }
    void flag(std::string_view key, bool value, bool standard) {
        if (whole_ || value != standard) out_[key] = value;
    }
    void texts(std::string_view key, const std::vector<std::string>& values) {
        out_[key] = json::array(values.begin(), values.end(), out_.storage());
    }
    void numbers(std::string_view key, const std::vector<std::uint16_t>& values) {
        out_[key] = json::array(values.begin(), values.end(), out_.storage());
    }
    void section(std::string_view key, auto fill) {
        json::object inner(out_.storage());
        JsonShape shape(inner, whole_);
        fill(shape);
        out_[key] = std::move(inner);
    }

  private:
    json::object& out_;
    bool whole_;
};

/// There may be very many changes, so all of a result comes out of one piece of memory.
using Memory = json::storage_ptr;

template <class Write>
json::object shape_of(bool whole, const Memory& memory, Write write) {
    json::object out(memory);
    JsonShape shape(out, whole);
    write(shape);
    return out;
}

json::object settings_json(const ServiceSettings& settings, bool whole, const Memory& memory) {
    return shape_of(whole, memory, [&](auto& out) { write_settings(settings, out); });
}

json::object server_json(const ServerConfig& server, bool whole, const Memory& memory) {
    return shape_of(whole, memory, [&](auto& out) { write_server_settings(server, out); });
}

/// Says what differs between two objects in both of them; null where one has nothing.
void keep_differences(json::object& before, json::object& after) {
    json::object left(before.storage());
    json::object right(before.storage());
    for (const auto& [key, value] : before) {
        const auto* other = after.if_contains(key);
        if (other != nullptr && *other == value) continue;
        left[key] = value;
        right[key] = other == nullptr ? json::value(nullptr) : *other;
    }
    for (const auto& [key, value] : after)
        if (!before.contains(key)) {
            left[key] = nullptr;
            right[key] = value;
        }
    before = std::move(left);
    after = std::move(right);
}

/// "change", "before" and "after" of what has come, gone or changed.
template <class T, class Json>
void put_change(json::object& row, const std::optional<T>& before, const std::optional<T>& after,
                Json to_object) {
    if (!before || !after) {
        row["change"] = before ? "removed" : "added";
        row[before ? "before" : "after"] =
            to_object(before ? *before : *after, false, row.storage());
        return;
    }
    row["change"] = "changed";
    if (*before == *after) return;
    json::object left = to_object(*before, true, row.storage());
    json::object right = to_object(*after, true, row.storage());
    keep_differences(left, right);
    row["before"] = std::move(left);
    row["after"] = std::move(right);
}

json::object to_json(const ServerChange& change, const Memory& memory) {
    json::object row(memory);
    row.reserve(4);
    row["address"] = to_string((change.before ? *change.before : *change.after).address);
    put_change(row, change.before, change.after, server_json);
    return row;
}

/// With the first so many servers.
json::object to_json(const ServiceChange& change, std::size_t most_servers, const Memory& memory) {
    json::object row(memory);
    row.reserve(5);
    row["service"] = ctl::to_json(change.key);
    put_change(row, change.before, change.after, settings_json);
    json::array servers(memory);
    servers.reserve(most_servers);
    for (const auto& server : std::span(change.servers).first(most_servers))
        servers.emplace_back(to_json(server, memory));
    row["servers"] = std::move(servers);
    return row;
}

struct ServiceRows {
    json::array rows;
    std::size_t left_out = 0;
};

/// The rows about services and servers, the first `most` of them.
ServiceRows rows_of(const std::vector<ServiceChange>& services, std::size_t most,
                    const Memory& memory) {
    ServiceRows out{.rows = json::array(memory)};
    for (const auto& service : services) {
        if (most == 0) {
            out.left_out += service.servers.size() + 1;
            continue;
        }
        const std::size_t servers = std::min(service.servers.size(), --most);
        out.rows.emplace_back(to_json(service, servers, memory));
        out.left_out += service.servers.size() - servers;
        most -= servers;
    }
    return out;
}

json::array to_json(const std::vector<MarkConfig>& marks) {
    json::array all;
    for (const auto& mark : marks) all.emplace_back(ctl::to_json(mark));
    return all;
}

json::array to_json(const std::vector<SyncDaemonConfig>& daemons) {
    json::array all;
    for (const auto& daemon : daemons)
        all.emplace_back(shape_of(true, {}, [&](auto& out) { write_sync(daemon, out); }));
    return all;
}

json::object to_json(const AppTable::Incarnation& app, std::string_view change) {
    return {{"name", name(app.app)}, {"port", app.port.value()}, {"change", change}};
}

// Single values.

struct Values {
    const Tunables& tunables;
    const FtpOptions& ftp;
    std::string_view log_level;
};

json::object values_json(const Values& of) {
    return {{"log", {{"level", of.log_level}}},
            {"tunables", shape_of(true, {}, [&](auto& out) { write_tunables(of.tunables, out); })},
            {"ftp", shape_of(true, {}, [&](auto& out) { write_ftp(of.ftp, out); })}};
}

std::vector<ValueChange> diff_values(const Values& now, const Values& wanted) {
    std::vector<ValueChange> changes;
    const json::object after = values_json(wanted);
    for (const auto& [section, values] : values_json(now))
        for (const auto& [key, value] : values.get_object())
            if (const auto& other = after.at(section).at(key); other != value)
                changes.push_back({std::string(section) + '.' + std::string(key), value, other});
    return changes;
}

// What only a restart can change.

bool same_port(const PortConfig& a, const PortConfig& b) {
    return a.name == b.name && a.device == b.device && a.queues == b.queues && a.side == b.side &&
           a.twin == b.twin && a.mac == b.mac && a.mtu == b.mtu;
}

struct RestartKey {
    std::string_view key;
    bool (*same)(const Config& a, const Config& b);
};

template <auto Member>
constexpr bool same(const Config& a, const Config& b) {
    return a.*Member == b.*Member;
}

constexpr std::array restart_keys{
    RestartKey{"workers", same<&Config::workers>},
    RestartKey{"worker_cpus", same<&Config::worker_cpus>},
    RestartKey{"idle", same<&Config::idle>},
    RestartKey{"connections", same<&Config::connections>},
    RestartKey{"servers", same<&Config::servers>},
    RestartKey{"packet_buffers", same<&Config::packet_buffers>},
    RestartKey{"memory.huge_pages", same<&Config::huge_pages>},
    RestartKey{"memory.size_mb", same<&Config::memory_mb>},
    RestartKey{"socket.path",
               [](const Config& a, const Config& b) {
                   return a.socket_given || a.socket_path == b.socket_path;
               }},
    RestartKey{"socket.mode", same<&Config::socket_mode>},
    RestartKey{"socket.group", same<&Config::socket_group>},
    RestartKey{"socket.readers", same<&Config::socket_readers>},
    RestartKey{"socket.clients", same<&Config::socket_clients>},
    RestartKey{"socket.clients_of_user", same<&Config::socket_clients_of_user>},
    RestartKey{"socket.rate", same<&Config::socket_rate>},
    RestartKey{"metrics.address", same<&Config::metrics_address>},
    RestartKey{"metrics.servers", same<&Config::metrics_servers>},
    RestartKey{"ports",
               [](const Config& a, const Config& b) {
                   return std::ranges::equal(a.ports, b.ports, same_port);
               }},
    RestartKey{"network",
               [](const Config& a, const Config& b) {
                   return a.network == b.network && a.fixed == b.fixed;
               }},
    RestartKey{"helpers", same<&Config::helpers>},
    RestartKey{"exit_when_idle_ms", same<&Config::exit_when_idle>},
};

constexpr std::array<std::string_view, 8> keys_at_once{"log",  "timeouts", "tunables", "marks",
                                                       "apps", "sync",     "ftp",      "services"};

/// Is `key` this one, or within it?
bool is_in(std::string_view key, std::string_view whole) {
    if (!key.starts_with(whole)) return false;
    key.remove_prefix(whole.size());
    return key.empty() || key.front() == '.' || key.front() == '[';
}

}  // namespace

std::size_t ConfigDiff::size() const noexcept {
    std::size_t sum =
        values.size() + apps_removed.size() + apps_added.size() + marks_differ + sync_differs;
    for (const auto& service : services)
        sum += service.servers.size() + (service.before != service.after ? 1 : 0);
    return sum;
}

bool ConfigDiff::removes_servers() const noexcept {
    return std::ranges::any_of(services, [](const ServiceChange& service) {
        return std::ranges::any_of(service.servers, [](const auto& s) { return !s.after; });
    });
}

ConfigDiff diff_config(const RunningState& now, const Config& running, const Config& wanted) {
    ConfigDiff diff{.services = diff_services(now.services, wanted.services),
                    .values = diff_values({now.tunables, now.ftp, now.log_level},
                                          {wanted.tunables, wanted.ftp, wanted.log_level}),
                    .apps_removed = {},
                    .apps_added = {},
                    .marks_differ = !std::ranges::equal(now.marks, wanted.marks),
                    .marks_before = {},
                    .marks_after = {},
                    .sync_differs = !std::ranges::is_permutation(now.sync, wanted.sync),
                    .sync_before = {},
                    .sync_after = {},
                    .needs_restart = {}};
    const auto before = incarnations_of(now.apps);
    const auto after = incarnations_of(wanted.apps);
    for (const auto& app : before)
        if (std::ranges::find(after, app) == after.end()) diff.apps_removed.push_back(app);
    for (const auto& app : after)
        if (std::ranges::find(before, app) == before.end()) diff.apps_added.push_back(app);
    if (diff.marks_differ) {
        diff.marks_before.assign(now.marks.begin(), now.marks.end());
        diff.marks_after = wanted.marks;
    }
    if (diff.sync_differs) {
        diff.sync_before.assign(now.sync.begin(), now.sync.end());
        diff.sync_after = wanted.sync;
    }
    for (const auto& [key, same] : restart_keys)
        if (!same(running, wanted)) diff.needs_restart.emplace_back(key);
    return diff;
}

json::object to_json(const ConfigDiff& diff, std::size_t most_rows) {
    const auto memory = json::make_shared_resource<json::monotonic_resource>();
    ServiceRows services = rows_of(diff.services, most_rows, memory);
    json::array values(memory);
    for (const auto& [key, before, after] : diff.values)
        values.push_back({{"key", key}, {"before", before}, {"after", after}});
    json::array apps(memory);
    for (const auto& app : diff.apps_removed) apps.emplace_back(to_json(app, "removed"));
    for (const auto& app : diff.apps_added) apps.emplace_back(to_json(app, "added"));
    json::object out(memory);
    out["changes"] = diff.size();
    out["values"] = std::move(values);
    out["apps"] = std::move(apps);
    out["marks"] = diff.marks_differ ? json::value{{"before", to_json(diff.marks_before)},
                                                   {"after", to_json(diff.marks_after)}}
                                     : json::value(nullptr);
    out["sync"] = diff.sync_differs ? json::value{{"before", to_json(diff.sync_before)},
                                                  {"after", to_json(diff.sync_after)}}
                                    : json::value(nullptr);
    out["services"] = std::move(services.rows);
    out["left_out"] = services.left_out;
    out["needs_restart"] = json::array(diff.needs_restart.begin(), diff.needs_restart.end());
    return out;
}

std::optional<KeyChange> change_of(std::string_view key) {
    const auto has = [key](std::string_view whole) { return is_in(key, whole); };
    if (std::ranges::any_of(keys_at_once, has)) return KeyChange::at_once;
    if (std::ranges::any_of(restart_keys, has, &RestartKey::key)) return KeyChange::with_restart;
    return {};
}

}  // namespace shunt::ctl
