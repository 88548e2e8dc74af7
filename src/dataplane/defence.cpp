// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/defence.h"

#include <algorithm>

#include "dataplane/connections.h"

namespace shunt {

namespace {

using namespace std::chrono_literals;

/// A connection that was heard so lately is kept.
constexpr Ticks lately = 60s;

/// Which connections go (ipvs-behaviour 2.13): those that only began at once, others by chance.
enum class Fate : std::uint8_t { stays, draws, goes };

template <class F>
Fate fate_of(const Conn<F>& conn) noexcept {
    if (conn.protocol == Protocol::tcp) {
        const auto state = static_cast<TcpState>(conn.state);
        if (state == TcpState::syn_recv || state == TcpState::synack) return Fate::goes;
        return state == TcpState::established ? Fate::draws : Fate::stays;
    }
    if (conn.protocol == Protocol::sctp) {
        const auto state = static_cast<SctpState>(conn.state);
        if (state == SctpState::init1 || state == SctpState::init) return Fate::goes;
        return state == SctpState::established ? Fate::draws : Fate::stays;
    }
    return Fate::draws;
}

constexpr std::uint64_t connection = 1000;  ///< tokens that a new one takes

/// What TokenBuckets are told of a client's network.
struct PrefixLimit {
    PrefixLimit(const IpAddress& source, TickTime now, const Tunables& tunables,
                std::uint16_t workers) noexcept
        : network(network_of(source, static_cast<unsigned>(source.family() == Family::ipv4
                                                               ? tunables.prefix_length4
                                                               : tunables.prefix_length6))),
          rate(std::max<std::uint64_t>(1,
                                       static_cast<std::uint64_t>(tunables.prefix_rate) / workers)),
          milliseconds(std::uint64_t{now.time_since_epoch().count()} * 100) {}

    IpAddress network;
    std::uint64_t rate;  ///< tokens a millisecond
    std::uint64_t milliseconds;
};

template <class F>
void end_some(WorkerState& worker) noexcept {
    ConnTable<F>& table = worker.conns<F>();
    const auto part = worker.defence.next_part(F::family, table.slots_used(), worker.now);
    table.sweep(part.from, part.slots, [&](Conn<F>& conn) noexcept {
        const Fate fate = fate_of<F>(conn);
        if (fate == Fate::stays) return false;
        if (fate == Fate::draws &&
            (!has_been_silent(conn, lately, worker.timeout_rules(), worker.now) ||
             !worker.defence.draws(conn.packets_in)))
            return false;
        uncount_connection<F>(worker, conn, Ending::forced);
        worker.counters.ended_early.add();
        return true;
    });
}

}  // namespace

void Defence::follow(const DefenceOrders& orders) noexcept {
    tcp_ = orders.secure_tcp.load(std::memory_order_relaxed) ? &tcp_secure_transitions
                                                             : &tcp_transitions;
    end_idle_ = orders.end_idle.load(std::memory_order_relaxed);
    refuse_one_of_ = orders.refuse_one_of.load(std::memory_order_relaxed);
    if (const auto recount = orders.recount.load(std::memory_order_relaxed); recount != recount_) {
        recount_ = recount;
        until_refusal_ = refuse_one_of_;
    }
}

bool Defence::allows(const IpAddress& source, TickTime now, const Tunables& tunables,
                     std::uint16_t workers) noexcept {
    if (tunables.prefix_rate == 0) return true;
    const PrefixLimit limit(source, now, tunables, workers);
    std::uint64_t& tokens =
        prefixes_.tokens(limit.network, limit.milliseconds, limit.rate, limit.rate * connection);
    if (tokens < connection) return false;
    tokens -= connection;
    return true;
}

bool Defence::would_allow(const IpAddress& source, TickTime now, const Tunables& tunables,
                          std::uint16_t workers) const noexcept {
    if (tunables.prefix_rate == 0) return true;
    const PrefixLimit limit(source, now, tunables, workers);
    return prefixes_.would_have(limit.network, limit.milliseconds, limit.rate,
                                limit.rate * connection) >= connection;
}

bool Defence::draws(std::uint32_t packets) noexcept {
    if (packets == 0 || packets >= until_drawn_.size()) return false;
    std::uint32_t& left = until_drawn_[packets];
    if (left > 1) {
        --left;
        return false;
    }
    left = packets;
    return true;
}

Defence::Part Defence::next_part(Family family, std::uint32_t slots, TickTime now) noexcept {
    constexpr std::uint32_t seconds_for_all = 32;
    constexpr std::uint32_t at_once = 64;
    Sweep& sweep = sweeps_[family == Family::ipv4 ? 0 : 1];
    if (now - sweep.second >= Ticks(1s)) {
        sweep.second = now;
        sweep.left = (slots + seconds_for_all - 1) / seconds_for_all;
    }
    if (sweep.next >= slots) sweep.next = 0;
    const Part part{.from = sweep.next, .slots = std::min({sweep.left, at_once, slots})};
    sweep.next += part.slots;
    sweep.left -= part.slots;
    return part;
}

void end_some_connections(WorkerState& worker) noexcept {
    if (!worker.defence.ends_idle()) return;
    end_some<Ipv4>(worker);
    end_some<Ipv6>(worker);
}

template <class F>
bool evict_half_open(WorkerState& worker) noexcept {
    ConnTable<F>& table = worker.conns<F>();
    Conn<F>* oldest = table.oldest_half_open();
    if (oldest == nullptr) return false;
    uncount_connection<F>(worker, *oldest, Ending::forced);
    table.erase(*oldest);
    worker.counters.evicted_half_open.add();
    return true;
}

template bool evict_half_open<Ipv4>(WorkerState&) noexcept;
template bool evict_half_open<Ipv6>(WorkerState&) noexcept;

}  // namespace shunt
