// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What network address translation changes on one side of a packet (ipvs-behaviour 1.12, 1.16).
#include "dataplane/batch.h"
#include "net/view.h"

namespace shunt {

template <class F>
struct Translation {
    using Header = typename F::Header;

    bool inbound;  ///< the destination changes, else the source
    typename F::Address address;
    L4Port port;
    ChecksumDelta address_delta;
    ChecksumDelta endpoint_delta;

    /// Of packets of the connection in that direction.
    Translation(const Conn<F>& conn, Direction direction) noexcept
        : inbound(direction == Direction::from_client),
          address(conn.translated_address(direction)),
          port(conn.translated_port(direction)),
          address_delta(conn.address_delta.reversed_if(!inbound)),
          endpoint_delta(conn.endpoint_delta.reversed_if(!inbound)) {}

    [[nodiscard]] std::size_t address_at() const noexcept {
        static_assert(offsetof(Header, destination) ==
                      offsetof(Header, source) + sizeof(typename F::Address));
        return offsetof(Header, source) + std::size_t{inbound} * sizeof(typename F::Address);
    }
    /// Ports stand first in the headers of TCP, UDP and SCTP.
    [[nodiscard]] std::size_t port_at() const noexcept {
        return std::size_t{inbound} * sizeof(L4Port);
    }

    /// Writes address and checksum; `other` is what else has changed in the header.
    void write_network(std::span<std::byte, sizeof(Header)> header,
                       [[maybe_unused]] ChecksumDelta other = {}) const noexcept {
        store_at(header, address_at(), address);
        if constexpr (std::is_same_v<F, Ipv4>) {
            const auto sum = load<std::uint16_t, offsetof(Header, checksum)>(header);
            store<offsetof(Header, checksum)>(header, address_delta.apply_both(sum, other));
        }
    }
    /// Writes port and checksum.
    void write_tcp(std::span<std::byte, sizeof(TcpHeader)> header) const noexcept {
        store_at(header, port_at(), port);
        const auto sum = load<std::uint16_t, offsetof(TcpHeader, checksum)>(header);
        store<offsetof(TcpHeader, checksum)>(header, endpoint_delta.apply(sum));
    }
};

}  // namespace shunt
