// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The daemon's data plane as a configuration file describes it, with one worker, on devices in
// memory in place of those that are configured: the same reader, registries and snapshot, the same
// WorkerState and Worker. What the control thread of the daemon does by the clock is not done.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/memory_port.h"
#include "ctl/config/config.h"
#include "ctl/device/sizing.h"
#include "ctl/network/path_mtu.h"
#include "ctl/state/app_registry.h"
#include "ctl/state/mark_registry.h"
#include "ctl/state/publisher.h"
#include "ctl/state/service_registry.h"
#include "dataplane/worker.h"

namespace shunt::bench {

/// Packets of connections, by the forwarding method of their server.
struct MethodCounts {
    ForwardMethod forward = ForwardMethod::nat;
    std::uint64_t in = 0;
    std::uint64_t out = 0;
};

/// What the file says, for one worker. Throws ctl::ConfigError.
ctl::Config replay_config(const std::string& path);
/// With room for packets of this length.
ctl::Sizes replay_sizes(const ctl::Config& config, std::uint32_t longest_packet);

/// Thread: one. Needs a running EAL.
class ReplayBalancer {
  public:
    /// `config`, `sizes`: from replay_config() and replay_sizes(). `macs`: the link address of each
    /// port. Throws std::runtime_error or std::bad_alloc.
    ReplayBalancer(const ctl::Config& config, const ctl::Sizes& sizes,
                   const std::vector<MacAddress>& macs);
    ~ReplayBalancer();
    ReplayBalancer(const ReplayBalancer&) = delete;
    ReplayBalancer& operator=(const ReplayBalancer&) = delete;

    [[nodiscard]] std::size_t ports() const noexcept { return ports_.size(); }
    [[nodiscard]] MemoryPort& port(PortId id) noexcept { return *ports_[id.value()]; }
    /// The kernel's side of the port; null when the port has no twin.
    [[nodiscard]] MemoryPort* twin(PortId id) noexcept { return twins_[id.value()].get(); }
    [[nodiscard]] rte_mempool& pool() noexcept { return *pool_; }

    void iterate() noexcept { worker_->iterate(); }
    /// The data plane's clock goes on to this many TSC cycles from its start, or stays where it is
    /// when it is there already. Timers that come due meanwhile are run.
    void advance_clock(std::uint64_t cycles) noexcept;
    /// What the worker has told of since the last time.
    void serve_reports();

    [[nodiscard]] const WorkerCounters& counters() const noexcept { return state_->counters; }
    [[nodiscard]] std::uint32_t connections() const noexcept {
        return state_->conns_v4.size() + state_->conns_v6.size();
    }
    /// Of every method that servers have.
    [[nodiscard]] std::vector<MethodCounts> counts_by_method() const;

  private:
    struct PoolFree {
        void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
    };
    void make_shared(const ctl::Config& config, const ctl::Sizes& sizes);
    void make_ports(const ctl::Config& config);
    void make_worker(const ctl::Config& config, const ctl::Sizes& sizes);
    void load(const ctl::Config& config, const std::vector<MacAddress>& macs);

    // In the order of need; destroyed in reverse.
    SharedState shared_;
    std::unique_ptr<rte_mempool, PoolFree> pool_;
    std::unique_ptr<rte_rcu_qsbr, void (*)(void*)> rcu_;
    std::vector<std::unique_ptr<MemoryPort>> ports_;  ///< by PortId
    std::vector<std::unique_ptr<MemoryPort>> twins_;
    std::unique_ptr<WorkerState> state_;
    std::optional<ctl::Publisher> publisher_;
    std::optional<ctl::ServiceRegistry> registry_;
    std::optional<ctl::MarkRegistry> marks_;
    std::optional<ctl::AppRegistry> apps_;
    std::optional<ctl::PathMtuLearner> path_mtus_;
    std::unique_ptr<Worker> worker_;
};

}  // namespace shunt::bench
