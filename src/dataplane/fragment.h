// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Packets cut into fragments on the way out, as the host's own forwarding does (RFC 791 3.2,
// RFC 8200 4.5; ipvs-behaviour 1.11, 1.21).
#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>

#include "net/tuple.h"

namespace shunt {

/// Where a packet is cut.
enum class Pieces : std::uint8_t {
    even,          ///< each but the last as long as the MTU allows
    as_they_came,  ///< one a buffer of the chain, as the sender had cut it, if each can go again so
};

/// The pieces of one packet, made one by one by copying, so that the packet is never written. All
/// their buffers are taken beforehand. For cut(), below.
template <class F>
class Cutter {
  public:
    /// `packet` stays the caller's, and outlives this.
    Cutter(const rte_mbuf* packet, std::uint16_t mtu, rte_mempool* pool, std::uint32_t ipv6_id,
           Pieces pieces) noexcept;
    Cutter(const Cutter&) = delete;
    Cutter& operator=(const Cutter&) = delete;
    ~Cutter();

    /// Does the packet need no cut?
    [[nodiscard]] bool fits() const noexcept { return !a_buffer_each_ && header_ + left_ <= mtu_; }
    /// Takes the buffers; false when the pool has not enough, or the MTU holds no header with data.
    [[nodiscard]] bool reserve() noexcept;
    /// The next piece, the caller's; null after the last one.
    [[nodiscard]] rte_mbuf* next() noexcept;

  private:
    [[nodiscard]] bool buffers_are_pieces() const noexcept;
    [[nodiscard]] std::uint32_t piece_length(std::uint32_t left) const noexcept;
    [[nodiscard]] std::uint32_t buffers_needed() const noexcept;
    void skip_read_buffers() noexcept;
    [[nodiscard]] rte_mbuf* take_buffer() noexcept;
    void fill(rte_mbuf* piece, std::uint32_t length) noexcept;
    void write_header(rte_mbuf* piece, std::uint32_t length) const noexcept;

    const rte_mbuf* packet_;
    rte_mempool* pool_;
    rte_mbuf* spare_ = nullptr;  ///< buffers for pieces, chained
    const rte_mbuf* from_;       ///< the data that is next: this buffer,
    std::uint32_t from_at_ = 0;  ///< from this byte on
    std::uint32_t mtu_;
    std::uint32_t ipv6_id_;
    std::uint32_t room_;           ///< bytes that a buffer holds
    std::uint32_t header_ = 0;     ///< what all pieces repeat
    std::uint32_t naming_ = 0;     ///< IPv6: where `header_` names what follows it
    std::uint32_t left_ = 0;       ///< data, which begins behind `header_`
    std::uint32_t offset_ = 0;     ///< of the next piece in the datagram
    bool begins_datagram_ = true;  ///< the packet is no later fragment
    bool more_ = false;            ///< fragments follow behind this packet
    bool a_buffer_each_ = false;   ///< the next piece is what is left of the buffer that is next
};

extern template class Cutter<Ipv4>;
extern template class Cutter<Ipv6>;

/// Cuts a packet that begins with its network header, without padding, into pieces of at most `mtu`
/// bytes and calls `send(rte_mbuf*)` for each in order; pieces have the usual headroom, and
/// buffers of `pool`. Returns how many there were: the packet is consumed. 0: there were not enough
/// buffers, or no headers with eight bytes of data fit; then nothing was sent, and the packet is
/// still the caller's. A packet that fits, and need not go as it came, is itself the one piece.
///
/// IPv4: identification and DF stay, which the caller has judged; a fragment may be cut again; only
/// the first piece has the options that are not to be copied. IPv6: a fragment header with
/// `ipv6_id` is put behind hop-by-hop and routing headers and what stands between them.
///
/// The caller counts: all pieces but one are `split`.
template <class F, class Send>
[[nodiscard]] std::uint16_t cut(rte_mbuf* packet, std::uint16_t mtu, rte_mempool* pool,
                                std::uint32_t ipv6_id, Send&& send,
                                Pieces how = Pieces::even) noexcept {
    Cutter<F> cutter(packet, mtu, pool, ipv6_id, how);
    if (cutter.fits()) {
        send(packet);
        return 1;
    }
    if (!cutter.reserve()) return 0;
    std::uint16_t pieces = 0;
    for (; rte_mbuf* piece = cutter.next(); ++pieces) send(piece);
    rte_pktmbuf_free(packet);
    return pieces;
}

}  // namespace shunt
