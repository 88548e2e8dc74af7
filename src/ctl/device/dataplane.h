// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The running data plane: packet buffers, ports, rings and workers, built from the configuration
// and taken down in order. The benchmark builds the same WorkerState objects on devices of its own.
#include <memory>
#include <string>
#include <vector>

#include "ctl/config/config.h"
#include "ctl/device/port.h"
#include "ctl/device/sizing.h"
#include "dataplane/worker.h"

namespace shunt::ctl {

/// All workers' counters added up, and whether every packet is accounted for.
struct Conservation {
    std::uint64_t received = 0;  ///< from ports and twins
    std::uint64_t generated = 0;
    std::uint64_t split = 0;
    std::uint64_t forwarded = 0;
    std::uint64_t to_host = 0;
    std::uint64_t from_host = 0;
    std::uint64_t joined = 0;
    std::uint64_t dropped = 0;
    std::uint64_t held = 0;     ///< still waiting
    std::uint64_t between = 0;  ///< handed off and not taken over
    bool holds = false;
};
std::string describe(const Conservation& c);

/// Thread: control. Needs a running EAL.
class Dataplane {
  public:
    /// Opens and starts all ports. Throws StartError.
    Dataplane(const Config& config, const Sizes& sizes);
    /// The workers have ended.
    ~Dataplane();
    Dataplane(const Dataplane&) = delete;
    Dataplane& operator=(const Dataplane&) = delete;

    /// A snapshot with a network must have been published.
    void launch();
    /// Stops receiving, lets what is under way arrive, ends the workers. Returns at the latest
    /// after a second.
    void shut_down() noexcept;

    [[nodiscard]] SharedState& shared() noexcept { return shared_; }
    [[nodiscard]] const std::vector<std::unique_ptr<Port>>& ports() const noexcept {
        return ports_;
    }
    [[nodiscard]] std::vector<WorkerState*> workers() const;
    [[nodiscard]] std::vector<const WorkerCounters*> counters() const;
    /// Exact once shut_down() has returned.
    [[nodiscard]] Conservation conservation() const noexcept;

  private:
    struct PoolFree {
        void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
    };
    void make_rings(const Sizes& sizes);
    void make_workers(const Config& config, const Sizes& sizes);
    [[nodiscard]] bool settled() const noexcept;

    // In the order of need; destroyed in reverse.
    SharedState shared_;
    std::unique_ptr<rte_mempool, PoolFree> pool_;
    std::unique_ptr<rte_rcu_qsbr, void (*)(void*)> rcu_;
    std::vector<std::unique_ptr<Port>> ports_;
    std::vector<std::unique_ptr<WorkerState>> states_;
    std::vector<std::unique_ptr<Worker>> loops_;
};

}  // namespace shunt::ctl
