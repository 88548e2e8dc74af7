// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a worker does so that those who are being served go on being served while somebody asks for
// more than there is: the defence of IPVS (ipvs-behaviour 2.13, 3.2), whose levels the control
// thread sets, and limits on those who only begin.
#include <array>
#include <atomic>
#include <cstdint>

#include "conn/timeouts.h"
#include "dataplane/token_buckets.h"

namespace shunt {

struct WorkerState;

/// Orders to all workers. Written by the control thread (ctl/state/defence_control.h), read by
/// workers once an iteration.
struct DefenceOrders {
    std::atomic<std::uint32_t> refuse_one_of{0};  ///< new connections (drop_packet); 0: none
    /// Raised each second in which the worker is to count to `refuse_one_of` anew.
    std::atomic<std::uint32_t> recount{0};
    std::atomic<bool> end_idle{false};  ///< drop_entry
    std::atomic<bool> secure_tcp{false};
};

/// One worker's state of it.
class Defence {
  public:
    /// `seed`: as of TokenBuckets. Throws std::bad_alloc.
    explicit Defence(std::uint64_t seed) : prefixes_(prefix_sets, seed) {}

    void follow(const DefenceOrders& orders) noexcept;

    [[nodiscard]] const TcpTransitions& tcp() const noexcept { return *tcp_; }
    [[nodiscard]] bool ends_idle() const noexcept { return end_idle_; }

    /// Is this one of the new connections that are refused?
    [[nodiscard]] bool refuses() noexcept {
        if (refuse_one_of_ == 0 || --until_refusal_ > 0) return false;
        until_refusal_ = refuse_one_of_;
        return true;
    }

    /// May one more connection begin from the network around `source`? If so, it is counted.
    /// `workers`: the limit is for all of them, and each has its part.
    [[nodiscard]] bool allows(const IpAddress& source, TickTime now, const Tunables& tunables,
                              std::uint16_t workers) noexcept;

    /// What refuses() and allows() would answer now.
    [[nodiscard]] bool would_refuse() const noexcept {
        return refuse_one_of_ != 0 && until_refusal_ <= 1;
    }
    [[nodiscard]] bool would_allow(const IpAddress& source, TickTime now, const Tunables& tunables,
                                   std::uint16_t workers) const noexcept;
    /// One of so many new connections is refused; 0: none.
    [[nodiscard]] std::int64_t refuses_one_of() const noexcept { return refuse_one_of_; }

    /// Of a connection that sent `packets` and may go for want of room: is it one that goes? Those
    /// that sent less go more often.
    [[nodiscard]] bool draws(std::uint32_t packets) noexcept;

    /// A part of a table to be looked through in this iteration.
    struct Part {
        std::uint32_t from = 0;
        std::uint32_t slots = 0;
    };
    /// A thirty-second of the `slots` of a table each second, some in each iteration.
    [[nodiscard]] Part next_part(Family family, std::uint32_t slots, TickTime now) noexcept;

  private:
    static constexpr std::size_t prefix_sets = 4096;
    struct Sweep {
        std::uint32_t next = 0;
        std::uint32_t left = 0;  ///< in this second
        TickTime second;
    };

    const TcpTransitions* tcp_ = &tcp_transitions;
    bool end_idle_ = false;
    std::int64_t refuse_one_of_ = 0;
    std::int64_t until_refusal_ = 0;
    std::uint32_t recount_ = 0;
    std::array<std::uint32_t, 9> until_drawn_{};  ///< by packets
    std::array<Sweep, 2> sweeps_;                 ///< by family
    TokenBuckets prefixes_;                       ///< tokens are thousandths of a connection
};

/// Ends some of the connections that drop_entry lets go; called once an iteration.
void end_some_connections(WorkerState& worker) noexcept;

/// Ends the connection that has been half-open for longest, to make room. False: there is none.
template <class F>
bool evict_half_open(WorkerState& worker) noexcept;

}  // namespace shunt
