// SPDX-License-Identifier: BSD-3-Clause
#include "conn/timer_wheel.h"

#include <algorithm>

namespace shunt {

TimerWheel::TimerWheel(std::uint32_t items, TickTime now)
    : items_(items), position_(now), links_(std::size_t{items} + slots, Touch::at_start) {
    for (std::uint32_t head = items; head < items + slots; ++head)
        links_[head].next = links_[head].previous = head;
}

void TimerWheel::arm(std::uint32_t item, TickTime when) noexcept {
    // A slot is one tick only while everything filed lies within one turn of the wheel.
    const TickTime horizon = position_ + Ticks(slots - 1);
    const TickTime filed = std::clamp(when, position_, horizon);
    const std::uint32_t head = slot(filed);
    Link& link = links_[item];
    link.when = filed;
    link.next = head;
    link.previous = links_[head].previous;
    links_[link.previous].next = item;
    links_[head].previous = item;
}

std::size_t TimerWheel::take_due(TickTime now, std::span<std::uint32_t> due) noexcept {
    std::size_t count = 0;
    while (position_ <= now) {
        const std::uint32_t head = slot(position_);
        while (links_[head].next != head) {
            if (count == due.size()) return count;
            const std::uint32_t item = links_[head].next;
            disarm(item);
            due[count++] = item;
        }
        position_ += Ticks(1);
    }
    return count;
}

void TimerWheel::disarm(std::uint32_t item) noexcept {
    Link& link = links_[item];
    links_[link.next].previous = link.previous;
    links_[link.previous].next = link.next;
    link.next = link.previous = item;
}

}  // namespace shunt
