// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The daemon's worker on the loop device: the same WorkerState and Worker, with the lab's services
// and network as its only snapshot.
#include <rte_cycles.h>

#include <chrono>
#include <memory>

#include "bench/lab.h"
#include "bench/loop_device.h"
#include "dataplane/pipeline.h"

namespace shunt::bench {

/// Thread: one. Needs a running EAL.
class Balancer {
  public:
    /// `connections`: room for so many of each family; `device` outlives this. Throws
    /// std::runtime_error or std::bad_alloc. `hand_off`: there are two workers, all packets are
    /// received by one of them and belong to the other, which has the connections.
    Balancer(const Scheduler& scheduler, const Method& method, std::uint32_t connections,
             LoopDevice& device, bool hand_off = false);
    ~Balancer();
    Balancer(const Balancer&) = delete;
    Balancer& operator=(const Balancer&) = delete;

    /// One iteration of the worker, or of both one after the other: at most one burst of the
    /// device's packets.
    void iterate() noexcept {
        if (receiver_) receiver_->loop.iterate();
        worker_->iterate();
    }

    /// Loads the FTP helper at its usual port, or takes it away again.
    void load_ftp(bool loaded);

    /// The same, in three steps: the burst is received, goes through the stages, which tell
    /// `listener` (pipeline.h), and the worker does all else of its iteration. `listener` is told
    /// of the first and the last step, too. Not the first iteration: that one takes over the
    /// snapshot.
    template <class Listener>
    void iterate(Listener& listener) noexcept {
        receive();
        listener.received();
        run_stages(*state_, batch_, listener);
        finish_iteration();
        listener.iterated();
    }
    [[nodiscard]] const Batch& batch() const noexcept { return batch_; }
    [[nodiscard]] WorkerState& state() noexcept { return *state_; }

    /// Lets time pass for the worker, and runs the timers that come due.
    void skip(std::chrono::seconds time) noexcept;

    /// The data plane's clock is this many TSC cycles from its start, and goes on from there.
    void set_clock(std::uint64_t cycles) noexcept { shared_.start_tsc = rte_rdtsc() - cycles; }
    /// TSC cycles of one of its ticks.
    [[nodiscard]] std::uint64_t tsc_per_tick() const noexcept { return shared_.tsc_per_tick; }
    /// Connections that were given a real server so far.
    [[nodiscard]] std::uint64_t scheduled() const noexcept;

    /// Of the worker with the connections.
    [[nodiscard]] const WorkerCounters& counters() const noexcept { return state_->counters; }
    /// Of the worker that receives, which may be the same.
    [[nodiscard]] const WorkerCounters& receiver_counters() const noexcept {
        return receiver_ ? receiver_->state.counters : state_->counters;
    }
    /// Throws std::runtime_error, which tells why, unless all that was received was forwarded.
    void check_verdicts() const;
    template <class F>
    [[nodiscard]] const ConnTable<F>& connections() const noexcept {
        return state_->conns<F>();
    }

  private:
    void receive() noexcept;
    void finish_iteration() noexcept;
    struct Receiver {
        Receiver(SharedState& shared, const WorkerState::Limits& limits);
        WorkerState state;
        Worker loop{state, Idle::poll};
    };
    void make_rings(LoopDevice& device);

    SharedState shared_;
    std::unique_ptr<rte_rcu_qsbr, void (*)(void*)> rcu_;
    std::unique_ptr<const Snapshot> snapshot_;
    std::unique_ptr<const Snapshot> last_snapshot_;  ///< which workers may still look at
    std::unique_ptr<WorkerState> state_;
    std::unique_ptr<Worker> worker_;
    Batch batch_;                         ///< of an iteration in steps
    std::unique_ptr<Receiver> receiver_;  ///< with hand-off
};

}  // namespace shunt::bench
