// SPDX-License-Identifier: BSD-3-Clause
#include "bench/balancer.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include <stdexcept>
#include <utility>

#include "dataplane/ring.h"

namespace shunt::bench {

namespace {

constexpr std::uint32_t ring_depth = 64;
/// Of the FTP helper, which finds nothing to do.
constexpr std::uint32_t expected_connections = 1024;
constexpr std::uint32_t helpers = 64;
/// Fixed, so that every run of a benchmark sees the same table.
constexpr std::uint32_t hash_seed = 0x5EED;
/// More iterations than the worker needs for all its timers: it looks at some in each.
constexpr std::uint32_t timers_per_iteration = 64;

}  // namespace

Balancer::Receiver::Receiver(SharedState& shared, const WorkerState::Limits& limits)
    : state(WorkerId(1), shared, limits, hash_seed) {}

Balancer::Balancer(const Scheduler& scheduler, const Method& method, std::uint32_t connections,
                   LoopDevice& device, bool hand_off)
    : rcu_(static_cast<rte_rcu_qsbr*>(
               rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(2), RTE_CACHE_LINE_SIZE)),
           rte_free),
      snapshot_(lab_snapshot(scheduler, method)) {
    if (!rcu_ || rte_rcu_qsbr_init(rcu_.get(), 2) != 0)
        throw std::runtime_error("no memory for RCU state");
    shared_.rcu = rcu_.get();
    shared_.snapshot = snapshot_.get();
    shared_.pool = device.pool();
    shared_.workers = hand_off ? 2 : 1;
    // With a key of zeroes all connections belong to worker 0.
    shared_.owner = std::make_unique<OwnerFunction>(OwnerFunction::Key{}, shared_.workers);
    shared_.start_tsc = rte_rdtsc();
    shared_.tsc_per_tick = rte_get_tsc_hz() / Ticks::period::den;
    make_rings(device);

    WorkerState::Limits limits{
        .connections = connections,
        .servers = 2 * server_count,
        .fragments = {.datagrams = 1, .buffers = 1, .buffers_per_source = 1}};
    state_ = std::make_unique<WorkerState>(WorkerId(0), shared_, limits, hash_seed);
    worker_ = std::make_unique<Worker>(*state_, Idle::poll);
    limits.connections = 1;
    if (hand_off) receiver_ = std::make_unique<Receiver>(shared_, limits);
    if (!state_->requests || (receiver_ && !receiver_->state.requests))
        throw std::runtime_error("no memory for rings");
    (receiver_ ? receiver_->state : *state_)
        .queues.push_back({.port = lab_port, .ethdev = device.ethdev()});
    for (WorkerState* state : {state_.get(), receiver_ ? &receiver_->state : nullptr}) {
        if (state == nullptr) continue;
        shared_.dest_counters.push_back(state->dests.data());
        shared_.load_changes.push_back(state->load_changes.data());
        rte_rcu_qsbr_thread_register(rcu_.get(), state->id.value());
        rte_rcu_qsbr_thread_online(rcu_.get(), state->id.value());
    }
}

void Balancer::make_rings(LoopDevice& device) {
    shared_.handoff = std::make_unique<HandoffRings>(shared_.workers, ring_depth);
    shared_.resolve_requests =
        make_ring("resolve", ring_depth, RING_F_SC_DEQ, sizeof(ResolveRequest));
    shared_.path_mtu_reports =
        make_ring("path_mtu", ring_depth, RING_F_SC_DEQ, sizeof(PathMtuReport));
    shared_.devices.resize(DeviceIndex::of_twin(lab_port).value + 1U);
    auto& queues = shared_.devices[DeviceIndex::of_port(lab_port).value];
    queues.present = true;
    queues.ethdev = device.ethdev();
    queues.transmit_queues = 1;
    if (shared_.workers > 1) queues.relays.push_back(make_ring("relay", ring_depth, RING_F_SC_DEQ));
    if (!shared_.resolve_requests || !shared_.path_mtu_reports || !shared_.handoff->complete())
        throw std::runtime_error("no memory for rings");
}

Balancer::~Balancer() {
    for (std::uint16_t w = 0; w < shared_.workers; ++w) {
        rte_rcu_qsbr_thread_offline(rcu_.get(), w);
        rte_rcu_qsbr_thread_unregister(rcu_.get(), w);
    }
}

void Balancer::load_ftp(bool loaded) {
    if (!shared_.expectations)
        shared_.expectations =
            std::make_unique<ExpectationTable>(expected_connections, helpers, hash_seed);
    auto next = std::make_unique<Snapshot>(*snapshot_);
    next->apps = nullptr;
    if (loaded) {
        AppTable::Incarnations incarnations{};
        incarnations[0] = {AppKind::ftp, usual_port(AppKind::ftp)};
        next->apps = std::make_shared<const AppTable>(incarnations, FtpOptions{});
    }
    ++next->generation;
    last_snapshot_ = std::exchange(snapshot_, std::move(next));
    shared_.snapshot = snapshot_.get();
}

void Balancer::receive() noexcept {
    const ReceiveQueue& queue = state_->queues.front();
    batch_.port = queue.port;
    batch_.count = rte_eth_rx_burst(queue.ethdev, queue.queue, batch_.packets.data(), burst_size);
    state_->counters.received.add(batch_.count);
}

void Balancer::finish_iteration() noexcept {
    // A worker that drains receives nothing, and does the rest.
    shared_.phase.store(Phase::drain, std::memory_order_relaxed);
    worker_->iterate();
    shared_.phase.store(Phase::run, std::memory_order_relaxed);
}

void Balancer::skip(std::chrono::seconds time) noexcept {
    shared_.start_tsc -= static_cast<std::uint64_t>(time.count()) * rte_get_tsc_hz();
    const std::uint32_t connections = state_->conns_v4.size() + state_->conns_v6.size();
    for (std::uint32_t i = 0; i <= connections / timers_per_iteration; ++i) iterate();
}

std::uint64_t Balancer::scheduled() const noexcept {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < 2 * server_count; ++i) sum += state_->dests[i].connections.value();
    return sum;
}

void Balancer::check_verdicts() const {
    const WorkerCounters& c = counters();
    const WorkerCounters& receiver = receiver_counters();
    if (receiver.received.value() == c.forwarded.value() && c.conserved() && receiver.conserved() &&
        receiver.handed_off.value() == c.taken_over.value())
        return;
    for (std::size_t i = 0; i < drop_reason_count; ++i)
        if (c.dropped[i].value() != 0)
            throw std::runtime_error(
                std::to_string(c.dropped[i].value()) +
                " packets were dropped: " + std::string(drop_reason_texts[i].text));
    throw std::runtime_error("packets were received and not forwarded");
}

}  // namespace shunt::bench
