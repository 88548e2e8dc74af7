// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A hashed timer wheel over the slots of a table, with lazy re-arm: a packet only moves the
// connection's expiry stamp; the wheel looks at the stamp when the armed tick comes round and files
// the connection again if it is still alive. Nothing here is touched for a packet.
#include <cstdint>
#include <span>

#include "base/pages.h"
#include "base/time.h"

namespace shunt {

/// Slots are doubly linked lists threaded through one 12-byte record an item. Owned and used by one
/// worker.
class TimerWheel {
  public:
    /// Items are 0 .. items-1, none armed.
    explicit TimerWheel(std::uint32_t items, TickTime now);

    /// Files an item that is not armed; it comes due at `when`, or earlier when that lies beyond
    /// the wheel's horizon (6.8 minutes), for the caller to file it again.
    void arm(std::uint32_t item, TickTime when) noexcept;
    void disarm(std::uint32_t item) noexcept;
    /// The tick that an armed item is filed under.
    [[nodiscard]] TickTime armed_for(std::uint32_t item) const noexcept {
        return links_[item].when;
    }

    /// Takes out items that are due at `now`, as many as `due` has room for; they are not armed
    /// any more. Returns how many there are in `due`.
    std::size_t take_due(TickTime now, std::span<std::uint32_t> due) noexcept;

    [[nodiscard]] std::size_t bytes() const noexcept { return links_.bytes(); }

  private:
    static constexpr std::uint32_t slots = 4096;
    struct Link {
        std::uint32_t next;
        std::uint32_t previous;
        TickTime when;
    };
    /// The list head of a tick; heads stand behind the items in links_.
    [[nodiscard]] std::uint32_t slot(TickTime t) const noexcept {
        return items_ + (t.time_since_epoch().count() & (slots - 1));
    }

    std::uint32_t items_;
    TickTime position_;  ///< the first tick whose slot may still hold items that are due
    PageArray<Link> links_;
};

}  // namespace shunt
