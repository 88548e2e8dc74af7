// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/metrics/metrics_sample.h"

namespace shunt::ctl {

namespace {

void take_checks(MetricsSample& sample, const HealthControl& health) {
    sample.checks = health.numbers();
    sample.check_times.reserve(sample.services.size());
    for (const ServiceView& service : sample.services) {
        auto& times = sample.check_times.emplace_back();
        if (!service.check) continue;
        times.reserve(service.servers.size());
        for (const ServerView& server : service.servers) {
            const auto report = health.report(service.key, server.server.endpoint);
            times.push_back(report ? report->took : std::chrono::steady_clock::duration::zero());
        }
    }
}

}  // namespace

MetricsSample take_metrics_sample(const MethodContext& context) {
    const Tunables& tunables = context.publisher.current().tunables;
    MetricsSample sample{
        .services = context.registry.list(),
        .total = context.registry.total(),
        .removed_servers = context.registry.removed_servers(),
        .worker_connections = {},
        .ports = context.ports(),
        .apps = context.apps.list(),
        .expected = context.expectations == nullptr ? 0 : context.expectations->waiting(),
        .room = context.defence.room(),
        .short_of_room = context.defence.short_of_room(),
        .defence = {{{"drop_entry", tunables.drop_entry},
                     {"drop_packet", tunables.drop_packet},
                     {"secure_tcp", tunables.secure_tcp}}},
        .checks = {},
        .check_times = {}};
    if (context.health != nullptr) take_checks(sample, *context.health);
    for (std::size_t w = 0; w < context.workers.size(); ++w)
        sample.worker_connections.push_back(
            context.registry.connections(WorkerId(static_cast<std::uint16_t>(w))));
    const SyncControl* sync = context.sync;
    sample.sync_master = sync != nullptr && sync->setup(SyncRole::master) != nullptr;
    sample.sync_backup = sync != nullptr && sync->setup(SyncRole::backup) != nullptr;
    sample.sync = sync == nullptr ? sync_counts({}, {}) : sync_counts(sync->told(), sync->heard());
    return sample;
}

}  // namespace shunt::ctl
