// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/dest_slots.h"

namespace shunt::ctl {

namespace {

Traffic traffic(const DestCounters& c) noexcept {
    return {.connections = c.connections.value(),
            .packets_in = c.packets_in.value(),
            .packets_out = c.packets_out.value(),
            .bytes_in = c.bytes_in.value(),
            .bytes_out = c.bytes_out.value()};
}

}  // namespace

std::optional<DestId> DestSlots::allot() {
    if (!free_.empty()) {
        const DestId id(free_.top());
        free_.pop();
        return id;
    }
    if (slots_.size() == capacity_) return {};
    slots_.push_back({});
    return DestId(static_cast<std::uint32_t>(slots_.size() - 1));
}

void DestSlots::free(DestId id) {
    slots_.edit(id.value()) = {};
    free_.push(id.value());
}

std::uint32_t DestSlots::free_count() const noexcept {
    return capacity_ - static_cast<std::uint32_t>(slots_.size() - free_.size());
}

Traffic DestSlots::counted(DestId id) const noexcept {
    Traffic sum;
    for (const DestCounters* worker : counters_) sum += traffic(worker[id.value()]);
    return sum;
}

std::uint32_t DestSlots::active(DestId id) const noexcept {
    return Loads(counters_).active(id);
}

std::uint32_t DestSlots::total(DestId id) const noexcept {
    return Loads(counters_).total(id);
}

Traffic DestSlots::counted() const noexcept {
    Traffic sum;
    for (const DestCounters* worker : counters_)
        for (const auto& c : std::span(worker, slots_.size())) sum += traffic(c);
    return sum;
}

std::uint64_t DestSlots::connections() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counters_.size(); ++i)
        sum += connections(WorkerId(static_cast<std::uint16_t>(i)));
    return sum;
}

std::uint64_t DestSlots::connections(WorkerId worker) const noexcept {
    const DestCounters* counters = counters_[worker.value()];
    std::uint64_t sum = counters[capacity_].total.value();
    for (const auto& c : std::span(counters, slots_.size())) sum += c.total.value();
    return sum;
}

}  // namespace shunt::ctl
