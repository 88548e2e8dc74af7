// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The levels of the defence (ipvs-behaviour 2.13): once a second it is looked at how much room is
// left, and workers get their orders.
#include <cstdint>
#include <functional>
#include <limits>

#include "ctl/state/publisher.h"

namespace shunt::ctl {

/// What is left for new connections and for packets, in pages of 4 KiB: of free places in the
/// connection tables and of free packet buffers; and what there is of both.
struct Room {
    std::uint64_t connections = 0;
    std::uint64_t buffers = 0;
    std::uint64_t all_connections = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t all_buffers = std::numeric_limits<std::uint64_t>::max();
};

/// The fuller a worker's table, the sooner it is full: the fullest counts for all.
Room room_of(const std::vector<WorkerState*>& workers, const rte_mempool* pool) noexcept;

/// Thread: control.
class DefenceControl {
  public:
    /// `publisher` and `orders` outlive this.
    DefenceControl(Publisher& publisher, DefenceOrders& orders, std::function<Room()> room)
        : publisher_(publisher), orders_(orders), room_(std::move(room)) {}

    /// To be called once a second. The modes `drop_entry`, `drop_packet` and `secure_tcp` go from 1
    /// to 2 while room is short, and back, as in IPVS: that is published.
    void update();

    [[nodiscard]] const Room& room() const noexcept { return last_; }
    /// Is less left than `amemthresh`, or than an eighth where that is less than `amemthresh`?
    [[nodiscard]] bool short_of_room() const noexcept { return short_; }

  private:
    Publisher& publisher_;
    DefenceOrders& orders_;
    std::function<Room()> room_;
    Room last_;
    bool short_ = false;
};

}  // namespace shunt::ctl
