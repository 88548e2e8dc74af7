// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/defence_control.h"

#include <rte_mempool.h>

#include <algorithm>
#include <limits>

#include "ctl/log/log_line.h"

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

/// How much of something is missing to what has to be left of it.
struct Want {
    std::uint64_t least;
    std::uint64_t missing;
};

Want want(std::uint64_t left, std::uint64_t all, std::uint64_t threshold) noexcept {
    const std::uint64_t least = std::min(threshold, all / 8);
    return {.least = least, .missing = least - std::min(left, least)};
}

template <class F>
std::uint64_t free_bytes(const ConnTable<F>& table) noexcept {
    const std::uint64_t each = table.bytes() / std::max(table.capacity(), 1U);
    return each * (table.capacity() - std::min(table.size(), table.capacity()));
}

}  // namespace

Room room_of(const std::vector<WorkerState*>& workers, const rte_mempool* pool) noexcept {
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t all = least;
    for (const WorkerState* w : workers) {
        least = std::min({least, free_bytes(w->conns_v4), free_bytes(w->conns_v6)});
        all = std::min({all, w->conns_v4.bytes(), w->conns_v6.bytes()});
    }
    const std::uint64_t buffer = pool->elt_size + pool->header_size + pool->trailer_size;
    return {.connections = least / page * workers.size(),
            .buffers = rte_mempool_avail_count(pool) * buffer / page,
            .all_connections = all / page * workers.size(),
            .all_buffers = pool->size * buffer / page};
}

void DefenceControl::update() {
    Tunables tunables = publisher_.current().tunables;
    const auto threshold = static_cast<std::uint64_t>(tunables.amemthresh);
    last_ = room_();
    const Want connections = want(last_.connections, last_.all_connections, threshold);
    const Want buffers = want(last_.buffers, last_.all_buffers, threshold);
    const Want& worse = connections.missing > buffers.missing ? connections : buffers;
    if (std::exchange(short_, worse.missing > 0) != short_)
        write_log(spdlog::level::warn, "room_for_new_connections",
                  {{"short", short_},
                   {"free_pages_connections", last_.connections},
                   {"free_pages_buffers", last_.buffers}});

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
        orders_.refuse_one_of = static_cast<std::uint32_t>(worse.least / worse.missing);
        orders_.recount.fetch_add(1, std::memory_order_relaxed);
    } else {
        orders_.refuse_one_of =
            tunables.drop_packet == always ? static_cast<std::uint32_t>(tunables.am_droprate) : 0;
    }
}

}  // namespace shunt::ctl
