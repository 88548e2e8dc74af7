// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/limit_watch.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "ctl/methods/rpc_write.h"

namespace shunt::ctl {

LimitWatch::LimitWatch(EventBus& events, std::vector<const WorkerCounters*> workers,
                       const Publisher& publisher, const OverloadTable& overload,
                       const DefenceControl& defence)
    : events_(events),
      workers_(std::move(workers)),
      publisher_(publisher),
      overload_(overload),
      defence_(defence),
      level_(level()) {
    for (std::size_t i = 0; i < limits.size(); ++i) limits_[i].dropped = dropped(limits[i]);
}

void LimitWatch::look(Clock::time_point now) {
    look_at_drops(now);
    look_at_servers();
    look_at_defence();
}

std::uint64_t LimitWatch::dropped(DropReason reason) const noexcept {
    std::uint64_t sum = 0;
    for (const WorkerCounters* worker : workers_)
        sum += worker->dropped[static_cast<std::size_t>(reason)].value();
    return sum;
}

void LimitWatch::look_at_drops(Clock::time_point now) {
    for (std::size_t i = 0; i < limits.size(); ++i) {
        Limit& limit = limits_[i];
        const std::uint64_t sum = dropped(limits[i]);
        const std::uint64_t before = std::exchange(limit.dropped, sum);
        if (sum != before) {
            limit.last = now;
            if (limit.reached) continue;
            limit.reached = true;
            limit.before = before;
            events_.publish(EventKind::limit_reached,
                            {{"reason", name(limits[i])}, {"packets", sum - before}});
        } else if (limit.reached && now - limit.last >= quiet) {
            limit.reached = false;
            events_.publish(EventKind::limit_over,
                            {{"reason", name(limits[i])}, {"packets", sum - limit.before}});
        }
    }
}

void LimitWatch::look_at_servers() {
    std::vector<Place> overloaded;
    const auto& table = publisher_.current().services;
    if (table == nullptr) return;
    for (const auto& service : table->services())
        for (const RealServer& server : service->servers)
            if (server.thresholds.upper != 0 && overload_.overloaded(server.id))
                overloaded.push_back({service->key, server.endpoint});
    std::ranges::sort(overloaded);
    std::vector<Place> changed;
    std::ranges::set_difference(overloaded, overloaded_, std::back_inserter(changed));
    for (const Place& place : changed) tell(EventKind::server_overloaded, place);
    changed.clear();
    std::ranges::set_difference(overloaded_, overloaded, std::back_inserter(changed));
    for (const Place& place : changed) tell(EventKind::server_relieved, place);
    overloaded_ = std::move(overloaded);
}

void LimitWatch::tell(EventKind kind, const Place& place) {
    events_.publish(kind, {{"service", to_json(place.service)},
                           {"server", {{"address", to_string(place.server)}}}});
}

LimitWatch::Level LimitWatch::level() const {
    const Tunables& tunables = publisher_.current().tunables;
    return {.is_short = defence_.short_of_room(),
            .drop_entry = tunables.drop_entry,
            .drop_packet = tunables.drop_packet,
            .secure_tcp = tunables.secure_tcp};
}

void LimitWatch::look_at_defence() {
    const Level now = level();
    if (std::exchange(level_, now) == now) return;
    events_.publish(EventKind::defence_level, {{"short", now.is_short},
                                               {"drop_entry", now.drop_entry},
                                               {"drop_packet", now.drop_packet},
                                               {"secure_tcp", now.secure_tcp}});
}

}  // namespace shunt::ctl
