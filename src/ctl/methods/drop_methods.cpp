// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/drop_methods.h"

#include <rte_cycles.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <optional>

#include "ctl/config/config_text.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

struct Drop {
    DropReason reason;
    WorkerId worker;
    DropSample sample;
};

std::string hex(std::span<const std::byte> bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const auto byte : bytes) {
        text += digits[std::to_integer<unsigned>(byte) >> 4U];
        text += digits[std::to_integer<unsigned>(byte) & 15U];
    }
    return text;
}

std::optional<DropReason> read_reason(const Params& p) {
    if (!p.has("reason")) return {};
    const auto given = p.text("reason");
    const auto at = std::ranges::find(drop_reason_texts, given, &DropReasonText::name);
    if (at == drop_reason_texts.end())
        throw refused(ENOENT, quote(given) + " is no reason; stats.get has all of them", "reason");
    return static_cast<DropReason>(at - drop_reason_texts.begin());
}

/// The newest first.
std::vector<Drop> collect(const std::vector<const WorkerCounters*>& workers,
                          std::optional<DropReason> only) {
    std::vector<Drop> all;
    for (std::size_t w = 0; w < workers.size(); ++w) {
        if (workers[w]->samples == nullptr) continue;
        for (std::size_t r = 0; r < drop_reason_count; ++r) {
            const auto reason = static_cast<DropReason>(r);
            if (only && *only != reason) continue;
            std::array<DropSample, DropSamples::kept> room;
            const std::size_t count = workers[w]->samples->read(reason, room);
            for (std::size_t i = 0; i < count; ++i)
                all.push_back({reason, WorkerId(static_cast<std::uint16_t>(w)), room[i]});
        }
    }
    std::ranges::stable_sort(all, std::greater(),
                             [](const Drop& drop) { return drop.sample.cycles; });
    return all;
}

/// When a sample was taken, in seconds of Unix time.
double time_of(const DropSample& sample, const SharedState& shared) {
    using Seconds = std::chrono::duration<double>;
    const Seconds now = std::chrono::system_clock::now().time_since_epoch();
    const double a_second =
        static_cast<double>(shared.tsc_per_tick) * static_cast<double>(Ticks::period::den);
    const auto age = static_cast<double>(rte_rdtsc() - shared.start_tsc - sample.cycles);
    return a_second > 0 ? std::round((now.count() - age / a_second) * 1000) / 1000 : now.count();
}

}  // namespace

Method drop_list(std::vector<const WorkerCounters*> workers, const SharedState& shared,
                 std::function<std::vector<std::string>()> ports) {
    return {"drop.list",
            {{"reason"}},
            [workers = std::move(workers), &shared, ports = std::move(ports)](
                const Params& p, const Respond& respond) {
                const auto names = ports();
                json::array rows;
                for (const auto& [reason, worker, sample] : collect(workers, read_reason(p))) {
                    const bool named = sample.port && sample.port->value() < names.size();
                    rows.push_back({{"reason", name(reason)},
                                    {"worker", worker.value()},
                                    {"time", time_of(sample, shared)},
                                    {"port", named ? json::value(names[sample.port->value()])
                                                   : json::value(nullptr)},
                                    {"twin", sample.twin},
                                    {"length", sample.length},
                                    {"bytes", hex(sample.data())}});
                }
                respond(json::value(json::object{{"drops", std::move(rows)}}));
            }};
}

}  // namespace shunt::ctl
