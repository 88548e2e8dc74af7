// SPDX-License-Identifier: BSD-3-Clause
// ServiceRegistry::apply(): many changes in one publication.
#include <algorithm>
#include <cerrno>

#include "ctl/state/service_registry.h"
#include "service/scheduler.h"

namespace shunt::ctl {

namespace {

/// The same refusal with the service that it is about.
RpcError about(const ServiceKey& key, const RpcError& error) {
    return {error.code(), "service " + name_of(key) + ": " + error.what(), "services",
            error.error_number()};
}

std::ptrdiff_t coming(const ServiceChange& change) {
    return std::ranges::count_if(change.servers, [](const ServerChange& s) { return !s.before; });
}

std::ptrdiff_t going(const ServiceChange& change) {
    return std::ranges::count_if(change.servers, [](const ServerChange& s) { return !s.after; });
}

}  // namespace

void ServiceRegistry::apply(std::span<const ServiceChange> changes, Publisher::Changes others) {
    std::vector<Prepared> prepared;
    prepared.reserve(changes.size());
    for (const auto& change : changes) prepared.push_back(prepare(change));
    check_slots(changes);
    for (auto& each : prepared) carry_out(each);
    publish(std::move(others));
    for (const auto& each : prepared)
        if (each.scheduler != nullptr && each.change.before) reconfigure(find(each.change.key));
}

// What can fail.

ServiceRegistry::Prepared ServiceRegistry::prepare(const ServiceChange& change) {
    if (!change.after) return {.change = change};
    try {
        check(change.key, *change.after);
        prepare_engine(*change.after);
        const Scheduler& scheduler = find_scheduler(change.after->scheduler);
        check_servers(change, scheduler);
        const bool rescheduled = !change.before || find(change.key).scheduler != &scheduler;
        return {.change = change,
                .scheduler = &scheduler,
                .state = rescheduled ? make_state(scheduler) : nullptr};
    } catch (const RpcError& error) {
        throw about(change.key, error);
    }
}

void ServiceRegistry::check_servers(const ServiceChange& change, const Scheduler& scheduler) const {
    for (const auto& server : change.servers)
        if (server.after) check(change.key, *server.after);
    const std::size_t there = change.before ? find(change.key).servers.size() : 0;
    check_room(scheduler, change.after->scheduler_options,
               there + static_cast<std::size_t>(coming(change) - going(change)));
}

/// Servers that go keep their slots for now.
void ServiceRegistry::check_slots(std::span<const ServiceChange> changes) {
    const auto count = [&] {
        std::size_t new_ones = 0;
        for (const auto& change : changes)
            for (const auto& server : change.servers)
                if (!server.before &&
                    (find_removed_.empty() ||
                     !find_removed_.contains({server.after->address, change.key})))
                    ++new_ones;
        return new_ones;
    };
    std::size_t needed = count();
    if (needed > slots_.free_count()) {
        make_room(0);
        needed = count();
    }
    if (needed > slots_.free_count())
        throw refused(ENOMEM,
                      std::to_string(needed) + " more servers are too many, there is room for " +
                          std::to_string(slots_.free_count()) +
                          "; removed ones count until their connections end (configuration: "
                          "servers)",
                      "services");
}

// What cannot.

void ServiceRegistry::carry_out(Prepared& prepared) {
    const ServiceChange& change = prepared.change;
    if (prepared.scheduler == nullptr) {
        remove_servers(find(change.key));
        services_.erase(change.key);
        changed_.insert(change.key);
        return;
    }
    if (!change.before) {
        Service& service =
            make_service(change.key, *change.after, *prepared.scheduler, std::move(prepared.state));
        change_servers(service, change.servers);
        rebuild(service);
        lead_through(service);
        return;
    }
    Service& service = find(change.key);
    take_settings(service, *change.after, *prepared.scheduler, std::move(prepared.state));
    change_servers(service, change.servers);
    rebuild(service);
}

void ServiceRegistry::change_servers(Service& service, std::span<const ServerChange> changes) {
    std::vector<Server> added;
    for (const auto& [before, after] : changes) {
        if (!after) {
            remove_server(service, find(service, before->address));
        } else if (!before) {
            added.push_back(make_server(service, *after));
            start_slowly(service, added.back(), 0);
        } else {
            Server& server = *find(service, after->address);
            const std::uint32_t weight = server.real.weight;
            configure(service, server.real, *after);
            start_slowly(service, server, weight);
        }
    }
    service.servers.insert(service.servers.begin(), std::make_move_iterator(added.rbegin()),
                           std::make_move_iterator(added.rend()));
}

}  // namespace shunt::ctl
