// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One worker: everything that it touches for a packet, and its loop.
#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include <atomic>
#include <vector>

#include "conn/affinity_table.h"
#include "conn/silence.h"
#include "dataplane/app_state.h"
#include "dataplane/batch.h"
#include "dataplane/defence.h"
#include "dataplane/handoff.h"
#include "dataplane/hold_queue.h"
#include "dataplane/icmp_limit.h"
#include "dataplane/newcomer_limit.h"
#include "dataplane/owner.h"
#include "dataplane/reassembly.h"
#include "dataplane/recent.h"
#include "dataplane/snapshot.h"
#include "service/dest_counters.h"

namespace shunt {

enum class Idle : std::uint8_t { adaptive, poll };

/// What the control thread asks a worker to do between two bursts. Owned by the asker, who keeps it
/// until done() and may not touch it before.
class WorkerRequest {
  public:
    WorkerRequest() = default;
    WorkerRequest(const WorkerRequest&) = delete;
    WorkerRequest& operator=(const WorkerRequest&) = delete;
    virtual ~WorkerRequest() = default;
    /// One bounded step of work on the worker's thread; true when there is none left.
    virtual bool step(struct WorkerState& worker) noexcept = 0;

    [[nodiscard]] bool done() const noexcept { return done_.load(std::memory_order_acquire); }
    void finish() noexcept { done_.store(true, std::memory_order_release); }

  private:
    std::atomic<bool> done_{false};
};

/// How far the end of the daemon has come, for all workers.
enum class Phase : std::uint8_t {
    run,
    drain,  ///< nothing new is received; rings between workers are emptied
    end,
};

/// What all workers of a process share. Made by the control thread before they start.
struct SharedState {
    std::atomic<const Snapshot*> snapshot{
        nullptr};  ///< written by control, never null while running
    std::atomic<Phase> phase{Phase::run};
    rte_rcu_qsbr* rcu = nullptr;
    rte_mempool* pool = nullptr;
    std::vector<DeviceQueues> devices;
    std::unique_ptr<HandoffRings> handoff;
    std::unique_ptr<OwnerFunction> owner;
    RingPtr resolve_requests;  ///< ResolveRequest elements, many producers; control consumes
    RingPtr path_mtu_reports;  ///< PathMtuReport elements, the same
    std::unique_ptr<AffinityTable> affinity;         ///< null: no service may be persistent
    std::unique_ptr<ExpectationTable> expectations;  ///< null: no application may be used
    std::vector<DestCounters*> dest_counters;        ///< one array a worker, for Loads
    std::vector<LoadChanges*> load_changes;          ///< the same
    OverloadTable overload;                          ///< of all DestId slots
    DefenceOrders defence;
    std::uint64_t start_tsc = 0;
    std::uint64_t tsc_per_tick = 0;
    std::uint16_t workers = 1;

    /// The data plane's clock at a value of the TSC.
    [[nodiscard]] TickTime tick_at(std::uint64_t tsc) const noexcept {
        return TickTime(Ticks(static_cast<std::uint32_t>((tsc - start_tsc) / tsc_per_tick)));
    }
    /// How long a worker takes no other sample of what it drops for the same reason, in cycles.
    [[nodiscard]] std::uint64_t sample_pause() const noexcept { return tsc_per_tick / 10; }
};

/// A device queue that a worker polls.
struct ReceiveQueue {
    PortId port;
    std::uint16_t ethdev = 0;
    std::uint16_t queue = 0;
    bool twin = false;
};

/// Everything of one worker. Touched by its thread only, but for the counters, which anyone may
/// read, and `requests`, which the control thread fills.
struct WorkerState {
    struct Limits {
        std::uint32_t connections = 0;  ///< of each family
        std::uint32_t servers = 0;      ///< DestId slots
        std::size_t held_packets = 512;
        ReassemblyLimits fragments{};
        std::uint32_t helpers = 64;  ///< connections that an application may look into
    };

    /// Throws std::bad_alloc or std::runtime_error when memory is short. Thread: control.
    WorkerState(WorkerId id, SharedState& shared, const Limits& limits, std::uint64_t hash_seed);

    template <class F>
    [[nodiscard]] ConnTable<F>& conns() noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return conns_v4;
        else
            return conns_v6;
    }
    /// Connections that live as long as their packet, by place in the burst.
    template <class F>
    [[nodiscard]] std::array<Conn<F>, burst_size>& one_packet() noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return one_packet_v4;
        else
            return one_packet_v6;
    }
    template <class F>
    [[nodiscard]] Reassembler<F>& fragments() noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return fragments_v4;
        else
            return fragments_v6;
    }
    template <class F>
    [[nodiscard]] Recent<F>& recent() noexcept {
        if constexpr (std::is_same_v<F, Ipv4>)
            return recent_v4;
        else
            return recent_v6;
    }
    [[nodiscard]] const ServiceTable& services() const noexcept { return *snapshot->services; }
    [[nodiscard]] const NetTable& network() const noexcept { return *snapshot->network; }
    [[nodiscard]] const Tunables& tunables() const noexcept { return snapshot->tunables; }
    [[nodiscard]] TimeoutRules timeout_rules() const noexcept {
        return {.of_all = snapshot->timeouts, .services = *snapshot->services};
    }
    /// The mark that the operator's rules give a packet.
    template <class F>
    [[nodiscard]] Mark mark_of(PortId port, const FlowTuple<F>& tuple) const noexcept {
        const MarkRules* rules = snapshot->marks.get();
        return rules == nullptr ? Mark{} : rules->classify<F>(port, tuple);
    }
    /// The slot behind those of servers: connections without one are counted there.
    [[nodiscard]] DestId no_server() const noexcept {
        return DestId(static_cast<std::uint32_t>(dests.size() - 1));
    }
    [[nodiscard]] DestCounters& counters_of(DestId id) noexcept { return dests[id.value()]; }
    [[nodiscard]] Loads loads() const noexcept {
        return Loads(shared.dest_counters, &shared.overload, shared.load_changes, id);
    }
    /// To be called when what loads() tells of a server has changed.
    void load_changed(DestId dest, std::uint32_t changes = 1) noexcept {
        load_changes[load_group(dest)].bump(changes);
    }

    void drop(rte_mbuf* packet, DropReason reason) noexcept {
        counters.drop(reason, packet);
        rte_pktmbuf_free(packet);
    }

    WorkerId id;
    SharedState& shared;
    const Snapshot* snapshot = nullptr;  ///< the one in force during this iteration
    TickTime now;
    WorkerCounters counters;
    ConnTable<Ipv4> conns_v4;
    ConnTable<Ipv6> conns_v6;
    PageArray<DestCounters> dests;        ///< by DestId
    PageArray<LoadChanges> load_changes;  ///< by load_group()
    Reassembler<Ipv4> fragments_v4;
    Reassembler<Ipv6> fragments_v6;
    Transmitter transmitter;
    Handoff handoff;
    HoldQueue held;
    IcmpLimit icmp_limit;
    Defence defence;
    NewcomerLimit newcomers;
    AppState apps;
    Recent<Ipv4> recent_v4;
    Recent<Ipv6> recent_v6;
    RecentServers recent_servers;
    std::uint32_t tunnel_ids = 0;  ///< outer IPv4 headers that were given a number
    std::array<Conn<Ipv4>, burst_size> one_packet_v4;
    std::array<Conn<Ipv6>, burst_size> one_packet_v6;
    std::vector<ReceiveQueue> queues;
    RingPtr requests;  ///< WorkerRequest*, control produces
    DropSamples drop_samples;
};

/// The loop of one worker. Thread: the worker's lcore.
class Worker {
  public:
    Worker(WorkerState& state, Idle idle) noexcept : state_(state), idle_(idle) {}

    /// Runs until the phase is Phase::end; then every packet that it still held has been dropped.
    void run() noexcept;

    /// One iteration: receive, process, transmit, take over, requests, timers, quiescence. Returns
    /// the packets moved.
    std::uint32_t iterate() noexcept;

  private:
    void adopt_snapshot() noexcept;
    void process() noexcept;
    std::uint32_t receive() noexcept;
    std::uint32_t serve_request() noexcept;
    void advance_time() noexcept;
    void back_off() noexcept;

    WorkerState& state_;
    Idle idle_;
    std::uint32_t generation_ = 0;
    std::uint32_t empty_iterations_ = 0;
    TickTime last_retry_;
    Batch batch_;  ///< the burst at hand; one at a time
    WorkerRequest* request_ = nullptr;
};

}  // namespace shunt
