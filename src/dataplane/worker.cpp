// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>
#include <rte_ring.h>
#include <time.h>

#include "dataplane/app_hook.h"
#include "dataplane/connections.h"
#include "dataplane/host_path.h"
#include "dataplane/icmp_error.h"
#include "dataplane/resolve.h"
#include "dataplane/ring.h"
#include "dataplane/stages.h"
#include "dataplane/sync_offer.h"
#include "dataplane/trace.h"
#include "dataplane/watch.h"

namespace shunt {

namespace {

/// Requests that may wait for one worker.
constexpr std::uint32_t request_depth = 64;
/// Timers looked at in one iteration: bounds the pause that a mass expiry makes.
constexpr std::uint32_t timers_per_iteration = 256;

template <class F>
void advance_timers(WorkerState& worker) noexcept {
    worker.conns<F>().advance_timers(worker.now, timers_per_iteration, [&](Conn<F>& conn) noexcept {
        if (conn.helped && is_kept_by_data<F>(worker, conn))
            return tell_kept_to_sync<F>(worker, conn);
        uncount_connection<F>(worker, conn);
    });
}

/// Tells the sender of a first fragment that the others did not come.
template <class F>
void expire_fragments(WorkerState& worker) noexcept {
    constexpr std::uint32_t most = 16;
    worker.fragments<F>().expire(worker.now, most, [&](rte_mbuf* first) noexcept {
        PacketMeta meta;
        if (!parse_packet(first, meta))
            send_icmp_error<F>(worker, first, meta, IcmpError::reassembly_timeout);
    });
}

DeviceIndex device_of(const ReceiveQueue& queue) noexcept {
    return queue.twin ? DeviceIndex::of_twin(queue.port) : DeviceIndex::of_port(queue.port);
}

}  // namespace

WorkerState::WorkerState(WorkerId worker, SharedState& state, const Limits& limits,
                         std::uint64_t hash_seed)
    : id(worker),
      shared(state),
      conns_v4(limits.connections, hash_seed, TickTime()),
      conns_v6(limits.connections, hash_seed, TickTime()),
      dests(limits.servers + 1),
      load_changes(load_group(DestId(limits.servers)) + 1),
      fragments_v4(limits.fragments, counters, hash_seed),
      fragments_v6(limits.fragments, counters, hash_seed),
      transmitter(worker, state.devices, counters),
      handoff(worker, *state.handoff, counters),
      held(limits.held_packets),
      icmp_limit(hash_seed),
      defence(hash_seed),
      apps(limits.helpers),
      requests(make_ring("requests", request_depth, RING_F_SP_ENQ | RING_F_SC_DEQ)),
      drop_samples(state.sample_pause()) {
    counters.samples = &drop_samples;
}

void Worker::run() noexcept {
    rte_rcu_qsbr_thread_register(state_.shared.rcu, state_.id.value());
    rte_rcu_qsbr_thread_online(state_.shared.rcu, state_.id.value());
    while (state_.shared.phase.load(std::memory_order_acquire) != Phase::end)
        if (iterate() == 0)
            back_off();
        else
            empty_iterations_ = 0;
    state_.held.retry([&](const HoldQueue::Item& item) noexcept {
        state_.counters.resumed.add();
        state_.drop(item.packet, DropReason::shutdown);
        return true;
    });
    state_.fragments_v4.release_all();
    state_.fragments_v6.release_all();
    rte_rcu_qsbr_thread_offline(state_.shared.rcu, state_.id.value());
    rte_rcu_qsbr_thread_unregister(state_.shared.rcu, state_.id.value());
}

std::uint32_t Worker::iterate() noexcept {
    const std::uint64_t begin = rte_rdtsc();
    state_.now = state_.shared.tick_at(begin);
    state_.drop_samples.set_clock(begin - state_.shared.start_tsc);
    adopt_snapshot();
    state_.defence.follow(state_.shared.defence);
    state_.newcomers.follow(state_.counters, state_.now, state_.tunables().new_share);
    std::uint32_t moved = receive();
    moved += state_.handoff.take([&](Handoff::Arrival from, std::span<rte_mbuf*> packets) noexcept {
        batch_.port = from.port;
        batch_.from_host = from.from_host;
        batch_.owner_known = true;
        batch_.count = static_cast<std::uint16_t>(packets.size());
        std::ranges::copy(packets, batch_.packets.begin());
        process();
    });
    advance_time();  // it may have packets to send, too
    state_.handoff.flush();
    moved += state_.transmitter.flush();
    if (state_.counters.watch != nullptr) [[unlikely]]
        state_.counters.watch->publish();
    moved += serve_request();
    rte_rcu_qsbr_quiescent(state_.shared.rcu, state_.id.value());
    state_.counters.iterations.add();
    if (moved > 0) state_.counters.busy_cycles.add(rte_rdtsc() - begin);
    return moved;
}

void Worker::adopt_snapshot() noexcept {
    state_.snapshot = state_.shared.snapshot.load(std::memory_order_acquire);
    if (state_.snapshot->generation == generation_) return;
    generation_ = state_.snapshot->generation;
    retry_held(state_);
}

void Worker::process() noexcept {
    const Watch* watch = state_.counters.watch;
    state_.drop_samples.set_port(batch_.port, batch_.from_host);
    if (watch != nullptr && watch->traces()) [[unlikely]]
        run_traced(state_, batch_);
    else
        run_pipeline(state_, batch_);
    state_.drop_samples.forget_port();
}

std::uint32_t Worker::receive() noexcept {
    if (state_.shared.phase.load(std::memory_order_relaxed) != Phase::run) return 0;
    std::uint32_t received = 0;
    bool full_burst = false;
    for (const ReceiveQueue& queue : state_.queues) {
        const std::uint16_t count =
            rte_eth_rx_burst(queue.ethdev, queue.queue, batch_.packets.data(), burst_size);
        if (count == 0) continue;
        received += count;
        full_burst = full_burst || count == burst_size;
        (queue.twin ? state_.counters.from_twin : state_.counters.received).add(count);
        if (state_.counters.watch != nullptr) [[unlikely]]
            state_.counters.watch->arrived(device_of(queue),
                                           std::span(batch_.packets).first(count));
        // Only a host that is a real server itself has packets for the pipeline.
        if (queue.twin && !state_.snapshot->local_servers) [[likely]] {
            send_from_host(state_, queue.port, std::span(batch_.packets).first(count));
            continue;
        }
        batch_.port = queue.port;
        batch_.from_host = queue.twin;
        batch_.owner_known = false;
        batch_.count = count;
        process();
    }
    if (full_burst) state_.counters.full_iterations.add();
    return received;
}

std::uint32_t Worker::serve_request() noexcept {
    if (request_ == nullptr) {
        void* next = nullptr;
        if (rte_ring_sc_dequeue(state_.requests.get(), &next) != 0) return 0;
        request_ = static_cast<WorkerRequest*>(next);
    }
    if (request_->step(state_)) std::exchange(request_, nullptr)->finish();
    return 1;
}

void Worker::advance_time() noexcept {
    advance_timers<Ipv4>(state_);
    advance_timers<Ipv6>(state_);
    end_some_connections(state_);
    expire_fragments<Ipv4>(state_);
    expire_fragments<Ipv6>(state_);
    if (state_.held.empty() || last_retry_ == state_.now) return;
    last_retry_ = state_.now;
    retry_held(state_);
}

void Worker::back_off() noexcept {
    constexpr std::uint32_t patient_iterations = 64;
    constexpr long shortest_sleep = 20'000;
    constexpr long longest_sleep = 500'000;
    if (idle_ == Idle::poll || empty_iterations_ < patient_iterations) {
        ++empty_iterations_;
        rte_pause();
        return;
    }
    const timespec pause{
        .tv_sec = 0,
        .tv_nsec = std::min<long>(longest_sleep,
                                  shortest_sleep * (1 + empty_iterations_ - patient_iterations))};
    ++empty_iterations_;
    nanosleep(&pause, nullptr);
}

}  // namespace shunt
