// SPDX-License-Identifier: BSD-3-Clause
#include "bench/replay_balancer.h"

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <stdexcept>

#include "ctl/network/fixed_network.h"
#include "dataplane/ring.h"
#include "sched/registry.h"

namespace shunt::bench {

namespace {

/// Packets that are replayed, held, or wait for their other fragments.
constexpr std::uint32_t packet_buffers = 8192;
constexpr std::uint32_t report_depth = 1024;
constexpr std::uint16_t usual_mtu = 1500;
/// Behind a packet: what padding and tunnel headers may add.
constexpr std::uint32_t spare_bytes = 256;
/// Fixed, so that every replay of a capture is the same.
constexpr std::uint64_t hash_seed = 0x5EED;
/// Timers that an iteration gets done at least.
constexpr std::uint32_t timers_per_iteration = 64;

}  // namespace

ctl::Config replay_config(const std::string& path) {
    ctl::Config config = ctl::load_config(path, scheduler_names());
    if (config.network == ctl::NetworkProvider::kernel)
        throw ctl::ConfigError(
            path +
            ": network.provider is \"kernel\", and a replay asks no kernel: give a copy with "
            "provider = \"static\" and the addresses, routes and neighbours (shunt.conf(5))");
    config.workers = 1;
    config.worker_cpus.clear();
    config.packet_buffers = packet_buffers;
    config.memory_mb = 0;
    return config;
}

ctl::Sizes replay_sizes(const ctl::Config& config, std::uint32_t longest_packet) {
    ctl::Sizes sizes = ctl::compute_sizes(config, ctl::available_memory());
    const std::uint32_t before = sizes.buffer_bytes;
    sizes.buffer_bytes =
        std::max(sizes.buffer_bytes, RTE_PKTMBUF_HEADROOM + longest_packet + spare_bytes);
    const std::uint32_t more_mb = ((sizes.buffer_bytes - before) * packet_buffers >> 20) + 1;
    sizes.huge_memory_mb += more_mb;
    sizes.ordinary_memory_mb += 2 * more_mb;  // no buffer lies across two pages
    return sizes;
}

ReplayBalancer::ReplayBalancer(const ctl::Config& config, const ctl::Sizes& sizes,
                               const std::vector<MacAddress>& macs)
    : pool_(rte_pktmbuf_pool_create("replay", sizes.packet_buffers, 0, 0,
                                    static_cast<std::uint16_t>(sizes.buffer_bytes),
                                    static_cast<int>(SOCKET_ID_ANY))),
      rcu_(static_cast<rte_rcu_qsbr*>(
               rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE)),
           rte_free) {
    if (!pool_) throw std::runtime_error("no memory for packet buffers");
    if (!rcu_ || rte_rcu_qsbr_init(rcu_.get(), 1) != 0)
        throw std::runtime_error("no memory for RCU state");
    make_shared(config, sizes);
    make_ports(config);
    make_worker(config, sizes);
    load(config, macs);
    rte_rcu_qsbr_thread_register(rcu_.get(), 0);
    rte_rcu_qsbr_thread_online(rcu_.get(), 0);
}

ReplayBalancer::~ReplayBalancer() {
    state_->held.retry([&](const HoldQueue::Item& item) noexcept {
        rte_pktmbuf_free(item.packet);
        return true;
    });
    state_->fragments_v4.release_all();
    state_->fragments_v6.release_all();
    rte_rcu_qsbr_thread_offline(rcu_.get(), 0);
    rte_rcu_qsbr_thread_unregister(rcu_.get(), 0);
}

void ReplayBalancer::make_shared(const ctl::Config& config, const ctl::Sizes& sizes) {
    shared_.rcu = rcu_.get();
    shared_.pool = pool_.get();
    shared_.owner = std::make_unique<OwnerFunction>(OwnerFunction::Key{}, shared_.workers);
    shared_.start_tsc = rte_rdtsc();
    shared_.tsc_per_tick = rte_get_tsc_hz() / Ticks::period::den;
    shared_.handoff = std::make_unique<HandoffRings>(shared_.workers, sizes.ring_depth);
    shared_.resolve_requests =
        make_ring("resolve", report_depth, RING_F_SC_DEQ, sizeof(ResolveRequest));
    shared_.path_mtu_reports =
        make_ring("path_mtu", report_depth, RING_F_SC_DEQ, sizeof(PathMtuReport));
    if (!shared_.resolve_requests || !shared_.path_mtu_reports)
        throw std::runtime_error("no memory for rings");
    shared_.affinity = std::make_unique<AffinityTable>(sizes.templates, config.servers, hash_seed);
    shared_.expectations =
        std::make_unique<ExpectationTable>(sizes.expectations, config.helpers, hash_seed);
    shared_.overload = OverloadTable(config.servers);
}

void ReplayBalancer::make_ports(const ctl::Config& config) {
    for (std::size_t i = 0; i < config.ports.size(); ++i) {
        const std::string number = std::to_string(i);
        ports_.push_back(std::make_unique<MemoryPort>("port" + number, *pool_));
        twins_.push_back(
            config.ports[i].twin ? std::make_unique<MemoryPort>("twin" + number, *pool_) : nullptr);
        for (const MemoryPort* device : {ports_.back().get(), twins_.back().get()}) {
            DeviceQueues& queues = shared_.devices.emplace_back();
            if (device == nullptr) continue;
            queues.present = true;
            queues.ethdev = device->ethdev();
            queues.transmit_queues = 1;
        }
    }
}

void ReplayBalancer::make_worker(const ctl::Config& config, const ctl::Sizes& sizes) {
    const WorkerState::Limits limits{
        .connections = sizes.connections_per_worker,
        .servers = config.servers,
        .held_packets = sizes.held_packets,
        .fragments = {.datagrams = sizes.fragment_buffers,
                      .buffers = sizes.fragment_buffers,
                      .buffers_per_source = static_cast<std::uint16_t>(sizes.fragment_buffers / 2)},
        .helpers = config.helpers};
    state_ = std::make_unique<WorkerState>(WorkerId(0), shared_, limits, hash_seed);
    if (!state_->requests) throw std::runtime_error("no memory for rings");
    for (std::size_t i = 0; i < ports_.size(); ++i)
        state_->queues.push_back(
            {.port = PortId(static_cast<std::uint16_t>(i)), .ethdev = ports_[i]->ethdev()});
    shared_.dest_counters.push_back(state_->dests.data());
    shared_.load_changes.push_back(state_->load_changes.data());
    worker_ = std::make_unique<Worker>(*state_, Idle::poll);
}

void ReplayBalancer::load(const ctl::Config& config, const std::vector<MacAddress>& macs) {
    std::vector<std::string> names;
    std::vector<ctl::FixedPort> ports;
    for (std::size_t i = 0; i < config.ports.size(); ++i) {
        const ctl::PortConfig& port = config.ports[i];
        names.push_back(port.name);
        ports.push_back({.name = port.name,
                         .id = PortId(static_cast<std::uint16_t>(i)),
                         .mac = macs[i],
                         .mtu = port.mtu != 0 ? port.mtu : usual_mtu});
    }
    publisher_.emplace(shared_);
    registry_.emplace(*publisher_, shared_.dest_counters, config.servers, shared_.affinity.get(),
                      &shared_.overload);
    marks_.emplace(*publisher_, names);
    apps_.emplace(
        *publisher_,
        [this](AppTable::Slot slot) { return state_->apps.counters.bound[slot].value(); },
        config.ftp);
    path_mtus_.emplace(*publisher_);
    publisher_->set_tunables(config.tunables);
    marks_->set(config.marks);
    apps_->load(config.apps);
    registry_->load(config.services);
    publisher_->set_network(ctl::make_fixed_network(config.fixed, ports));
}

void ReplayBalancer::advance_clock(std::uint64_t cycles) noexcept {
    const std::uint64_t now = rte_rdtsc();
    const std::uint64_t reads = now - shared_.start_tsc;
    if (cycles <= reads) return;
    shared_.start_tsc = now - cycles;
    if (cycles / shared_.tsc_per_tick == reads / shared_.tsc_per_tick) return;
    for (std::uint32_t i = 0; i <= connections() / timers_per_iteration; ++i) iterate();
}

void ReplayBalancer::serve_reports() {
    std::vector<PathMtuReport> reports;
    for (PathMtuReport report;
         rte_ring_dequeue_elem(shared_.path_mtu_reports.get(), &report, sizeof(report)) == 0;)
        reports.push_back(report);
    path_mtus_->learn(reports, ctl::PathMtuLearner::Clock::now());
    // No neighbour becomes known that was not from the start.
    for (ResolveRequest request;
         rte_ring_dequeue_elem(shared_.resolve_requests.get(), &request, sizeof(request)) == 0;) {
    }
}

std::vector<MethodCounts> ReplayBalancer::counts_by_method() const {
    std::vector<MethodCounts> counts;
    const auto slots = publisher_->current().services->slots();
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (!slots[i].in_use) continue;
        auto method = std::ranges::find(counts, slots[i].forward, &MethodCounts::forward);
        if (method == counts.end())
            method = counts.insert(counts.end(), {.forward = slots[i].forward});
        method->in += state_->dests[i].packets_in.value();
        method->out += state_->dests[i].packets_out.value();
    }
    return counts;
}

}  // namespace shunt::bench
