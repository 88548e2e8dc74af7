// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A burst on its way through the stages, and lists of places in it.
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/id.h"
#include "conn/conn_table.h"
#include "net/parse.h"

namespace shunt {

/// Enough for the overlap of memory accesses that a staged lookup lives on; more only spills L1.
inline constexpr std::uint16_t burst_size = 32;

/// Packets are owned by the batch until a stage gives them away with a verdict.
struct Batch {
    PortId port;             ///< where all of them came in
    bool from_host = false;  ///< by the kernel twin of that port, not by the port itself
    std::uint16_t count = 0;
    std::array<rte_mbuf*, burst_size> packets;
    std::array<PacketMeta, burst_size> meta;
    std::array<std::uint32_t, burst_size> hashes;  ///< of tuples that are to be admitted
    bool owner_known = false;  ///< handed over by another worker: this one is the owner
};

/// Places in a batch, in order of arrival.
class PlaceList {
  public:
    PlaceList() noexcept = default;
    /// The places of both lists.
    PlaceList(const PlaceList& a, const PlaceList& b) noexcept
        : count_(static_cast<std::uint8_t>(a.size() + b.size())) {
        std::merge(a.begin(), a.end(), b.begin(), b.end(), places_.begin());
    }
    void push(std::uint8_t place) noexcept { places_[count_++] = place; }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] const std::uint8_t* begin() const noexcept { return places_.data(); }
    [[nodiscard]] const std::uint8_t* end() const noexcept { return places_.data() + count_; }

  private:
    std::array<std::uint8_t, burst_size> places_;
    std::uint8_t count_ = 0;
};

/// A packet whose connection is known.
template <class F>
struct Claimed {
    std::uint8_t place;
    Direction direction;
    PortId port;  ///< where it came in
    Conn<F>* conn;
};

template <class F>
class ClaimedList {
  public:
    ClaimedList() noexcept {}
    void push(const Claimed<F>& c) noexcept { std::construct_at(&items_[count_++], c); }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] const Claimed<F>* begin() const noexcept { return items_.data(); }
    [[nodiscard]] const Claimed<F>* end() const noexcept { return items_.data() + count_; }

  private:
    std::uint8_t count_ = 0;
    union {  // made as they are pushed
        std::array<Claimed<F>, burst_size> items_;
    };
};

/// The bytes of a packet's first buffer. The only places where mbuf memory becomes a span.
inline std::span<std::byte> first_bytes(rte_mbuf* m) noexcept {
    return {rte_pktmbuf_mtod(m, std::byte*), m->data_len};
}
/// The bytes of any buffer of a packet.
inline std::span<const std::byte> bytes_of(const rte_mbuf* m) noexcept {
    return {rte_pktmbuf_mtod(m, const std::byte*), m->data_len};
}

}  // namespace shunt
