// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A network device in memory: what it is to receive is put in at one end, and what was sent by it
// is taken out at the other.
#include <rte_mbuf.h>

#include <cstdint>
#include <span>
#include <string>

#include "dataplane/ring.h"

namespace shunt::bench {

/// Thread: one. Needs a running EAL.
class MemoryPort {
  public:
    /// `name`: of its own among all, at most 15 characters. `pool` outlives this. Throws
    /// std::runtime_error.
    MemoryPort(std::string name, rte_mempool& pool);
    ~MemoryPort();
    MemoryPort(const MemoryPort&) = delete;
    MemoryPort& operator=(const MemoryPort&) = delete;

    [[nodiscard]] std::uint16_t ethdev() const noexcept { return ethdev_; }

    /// Takes the packets, which come to the worker in this order.
    void receive(std::span<rte_mbuf*> packets) noexcept;
    /// The next packets that were sent, at most so many; they are the caller's then.
    std::size_t take_sent(std::span<rte_mbuf*> packets) noexcept;

  private:
    void start(rte_mempool& pool);

    std::string name_;
    RingPtr incoming_;
    RingPtr outgoing_;
    std::uint16_t ethdev_ = 0;
};

}  // namespace shunt::bench
