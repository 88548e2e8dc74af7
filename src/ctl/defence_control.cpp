// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/defence_control.h"

#include <rte_mempool.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>

namespace shunt::ctl {

namespace {

constexpr std::uint64_t page = 4096;

// Modes of a measure of defence.
constexpr std::int64_t ready = 1;  ///< to be taken when room is short
constexpr std::int64_t taken = 2;  ///< room is short
constexpr std::int64_t always = 3;

std::int64_t next_mode(std::int64_t mode, bool room_is_short) noexcept {
    return mode == ready || mode == taken ? (room_is_short ? taken : ready) : mode;
}

template <class F>
std::uint64_t free_bytes(const ConnTable<F>& table) noexcept {
    const std::uint64_t each = table.bytes() / std::max(table.capacity(), 1U);
    return each * (table.capacity() - std::min(table.size(), table.capacity()));
}

}  // namespace

Room room_of(const std::vector<WorkerState*>& workers, const rte_mempool* pool) noexcept {
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    for (const WorkerState* w : workers)
        least = std::min({least, free_bytes(w->conns_v4), free_bytes(w->conns_v6)});
    const std::uint64_t buffer = pool->elt_size + pool->header_size + pool->trailer_size;
    return {.connections = least / page * workers.size(),
            .buffers = rte_mempool_avail_count(pool) * buffer / page};
}

void DefenceControl::update() {
    Tunables tunables = publisher_.current().tunables;
    const auto threshold = static_cast<std::uint64_t>(tunables.amemthresh);
    last_ = room_();
    const std::uint64_t left = last_.pages();
    const bool was_short = std::exchange(short_, left < threshold);
    if (short_ != was_short)
        spdlog::warn("room for new connections: short={} pages_left={} amemthresh={}", short_, left,
                     threshold);

    bool changed = false;
    for (std::int64_t Tunables::*mode :
         {&Tunables::drop_entry, &Tunables::drop_packet, &Tunables::secure_tcp}) {
        const std::int64_t next = next_mode(tunables.*mode, short_);
        changed = changed || next != tunables.*mode;
        tunables.*mode = next;
    }
    if (changed) publisher_.set_tunables(tunables);

    orders_.end_idle = tunables.drop_entry >= taken;
    orders_.secure_tcp = tunables.secure_tcp >= taken;
    if (tunables.drop_packet == taken) {
        orders_.refuse_one_of = static_cast<std::uint32_t>(threshold / (threshold - left));
        orders_.recount.fetch_add(1, std::memory_order_relaxed);
    } else {
        orders_.refuse_one_of =
            tunables.drop_packet == always ? static_cast<std::uint32_t>(tunables.am_droprate) : 0;
    }
}

}  // namespace shunt::ctl
