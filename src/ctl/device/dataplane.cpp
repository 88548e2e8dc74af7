// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/device/dataplane.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <spdlog/fmt/fmt.h>
#include <sys/random.h>

#include <chrono>
#include <thread>

#include "ctl/log/log_line.h"
#include "dataplane/ring.h"

namespace shunt::ctl {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t buffer_cache = 256;
constexpr std::uint32_t resolve_depth = 1024;

template <class T>
T random_value() {
    T value{};
    if (getrandom(&value, sizeof(value), 0) != static_cast<ssize_t>(sizeof(value)))
        throw StartError("getrandom() gives no random bytes: the kernel is too old");
    return value;
}

StartError out_of_memory(const std::string& what) {
    return StartError(fmt::format(
        "memory: none left for {}; lower connections, packet_buffers or workers, or raise "
        "memory.size_mb",
        what));
}

int run_worker(void* worker) {
    static_cast<Worker*>(worker)->run();
    return 0;
}

}  // namespace

std::string describe(const Conservation& c) {
    return log_line("conservation", {{"received", c.received},
                                     {"generated", c.generated},
                                     {"split", c.split},
                                     {"forwarded", c.forwarded},
                                     {"to_host", c.to_host},
                                     {"from_host", c.from_host},
                                     {"joined", c.joined},
                                     {"dropped", c.dropped},
                                     {"held", c.held + c.between},
                                     {"result", c.holds ? "ok" : "BROKEN"}});
}

Dataplane::Dataplane(const Config& config, const Sizes& sizes)
    : pool_(rte_pktmbuf_pool_create("packets", sizes.packet_buffers, buffer_cache, 0,
                                    static_cast<std::uint16_t>(sizes.buffer_bytes),
                                    static_cast<int>(SOCKET_ID_ANY))),
      rcu_(nullptr, rte_free) {
    if (!pool_) throw out_of_memory(fmt::format("{} packet buffers", sizes.packet_buffers));
    shared_.pool = pool_.get();
    shared_.workers = config.workers;
    // A secret key: which worker owns a connection cannot be chosen from outside.
    shared_.owner =
        std::make_unique<OwnerFunction>(random_value<OwnerFunction::Key>(), config.workers);
    shared_.start_tsc = rte_rdtsc();
    shared_.tsc_per_tick = rte_get_tsc_hz() / Ticks::period::den;

    rcu_.reset(static_cast<rte_rcu_qsbr*>(
        rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(config.workers), RTE_CACHE_LINE_SIZE)));
    if (!rcu_ || rte_rcu_qsbr_init(rcu_.get(), config.workers) != 0)
        throw out_of_memory("RCU state");
    shared_.rcu = rcu_.get();

    const Port::Needs needs{.workers = config.workers,
                            .descriptors = sizes.descriptors,
                            .pool = pool_.get(),
                            .owner = shared_.owner.get()};
    for (std::size_t i = 0; i < config.ports.size(); ++i)
        ports_.push_back(
            std::make_unique<Port>(PortId(static_cast<std::uint16_t>(i)), config.ports[i], needs));
    make_rings(sizes);
    make_workers(config, sizes);
    for (auto& port : ports_) port->start();
}

Dataplane::~Dataplane() {
    for (auto& port : ports_) port->stop();
}

void Dataplane::make_rings(const Sizes& sizes) {
    shared_.handoff = std::make_unique<HandoffRings>(shared_.workers, sizes.ring_depth);
    shared_.resolve_requests =
        make_ring("resolve", resolve_depth, RING_F_SC_DEQ, sizeof(ResolveRequest));
    shared_.path_mtu_reports =
        make_ring("path_mtu", resolve_depth, RING_F_SC_DEQ, sizeof(PathMtuReport));
    if (!shared_.handoff->complete() || !shared_.resolve_requests || !shared_.path_mtu_reports)
        throw out_of_memory("rings between workers");
    for (const auto& port : ports_) {
        shared_.devices.push_back(port->port_queues());
        shared_.devices.push_back(port->twin_queues());
    }
    for (auto& device : shared_.devices) {
        if (!device.present || device.transmit_queues >= shared_.workers) continue;
        for (std::uint16_t q = 0; q < device.transmit_queues; ++q) {
            device.relays.push_back(make_ring("relay", sizes.ring_depth, RING_F_SC_DEQ));
            if (!device.relays.back()) throw out_of_memory("rings to transmit queues");
        }
    }
}

namespace {

/// One sender may have half of what there is.
ReassemblyLimits fragment_limits(const Sizes& sizes) {
    return {.datagrams = sizes.fragment_buffers,
            .buffers = sizes.fragment_buffers,
            .buffers_per_source = static_cast<std::uint16_t>(sizes.fragment_buffers / 2)};
}

}  // namespace

void Dataplane::make_workers(const Config& config, const Sizes& sizes) {
    const WorkerState::Limits limits{.connections = sizes.connections_per_worker,
                                     .servers = config.servers,
                                     .held_packets = sizes.held_packets,
                                     .fragments = fragment_limits(sizes),
                                     .helpers = config.helpers};
    const auto seed = random_value<std::uint64_t>();
    const Idle idle = config.idle == IdleMode::poll ? Idle::poll : Idle::adaptive;
    try {
        shared_.affinity = std::make_unique<AffinityTable>(sizes.templates, config.servers, seed);
        shared_.expectations = std::make_unique<ExpectationTable>(
            sizes.expectations, config.helpers * config.workers, seed);
        shared_.overload = OverloadTable(config.servers);
        for (std::uint16_t w = 0; w < config.workers; ++w) {
            auto state = std::make_unique<WorkerState>(WorkerId(w), shared_, limits, seed);
            if (!state->requests) throw out_of_memory("requests to workers");
            for (const auto& port : ports_)
                for (const auto& queue : port->receive_queues(WorkerId(w)))
                    state->queues.push_back(queue);
            shared_.dest_counters.push_back(state->dests.data());
            shared_.load_changes.push_back(state->load_changes.data());
            loops_.push_back(std::make_unique<Worker>(*state, idle));
            states_.push_back(std::move(state));
        }
    } catch (const std::bad_alloc&) {
        throw out_of_memory(fmt::format("{} connections", sizes.connections));
    }
}

void Dataplane::launch() {
    for (std::uint16_t w = 0; w < loops_.size(); ++w)
        rte_eal_remote_launch(run_worker, loops_[w].get(), lcore_of(WorkerId(w)));
}

bool Dataplane::settled() const noexcept {
    return conservation().between == 0;
}

void Dataplane::shut_down() noexcept {
    shared_.phase.store(Phase::drain, std::memory_order_release);
    // Every worker has looked at its rings twice, and nothing is left in any.
    const auto end = std::chrono::steady_clock::now() + 500ms;
    for (int calm = 0; calm < 3 && std::chrono::steady_clock::now() < end;) {
        std::this_thread::sleep_for(2ms);
        calm = settled() ? calm + 1 : 0;
    }
    shared_.phase.store(Phase::end, std::memory_order_release);
    rte_eal_mp_wait_lcore();
}

std::vector<WorkerState*> Dataplane::workers() const {
    std::vector<WorkerState*> workers;
    for (const auto& state : states_) workers.push_back(state.get());
    return workers;
}

std::vector<const WorkerCounters*> Dataplane::counters() const {
    std::vector<const WorkerCounters*> counters;
    for (const auto& state : states_) counters.push_back(&state->counters);
    return counters;
}

Conservation Dataplane::conservation() const noexcept {
    Conservation sum;
    sum.holds = true;
    std::uint64_t handed_off = 0;
    std::uint64_t taken_over = 0;
    for (const auto& state : states_) {
        const WorkerCounters& c = state->counters;
        sum.received += c.received.value() + c.from_twin.value();
        sum.generated += c.generated.value();
        sum.split += c.split.value();
        sum.forwarded += c.forwarded.value();
        sum.to_host += c.to_host.value();
        sum.from_host += c.from_host.value();
        sum.joined += c.joined.value();
        sum.dropped += c.all_dropped();
        sum.held += c.held.value() - c.resumed.value();
        handed_off += c.handed_off.value();
        taken_over += c.taken_over.value();
        sum.holds = sum.holds && c.conserved();
    }
    sum.between = handed_off - taken_over;
    sum.holds = sum.holds && sum.received + sum.generated + sum.split ==
                                 sum.forwarded + sum.to_host + sum.from_host + sum.joined +
                                     sum.dropped + sum.held + sum.between;
    return sum;
}

}  // namespace shunt::ctl
