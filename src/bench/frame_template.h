// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A TCP frame in which only the client's endpoint is open: written by one copy and a few stores,
// with right checksums, cheap enough to be done for every packet of a measurement.
#include <array>
#include <cstdint>
#include <span>

#include "bench/lab.h"
#include "net/checksum.h"
#include "net/view.h"

namespace shunt::bench {

template <class F>
class FrameTemplate {
  public:
    static constexpr std::size_t headers =
        sizeof(EthernetHeader) + sizeof(typename F::Header) + sizeof(TcpHeader);

    /// A packet between the client and real server `server`, in direction `d` as the balancer
    /// receives it. `frame_length`: without FCS; bytes behind the headers are zero.
    FrameTemplate(Direction d, unsigned server, std::uint8_t tcp_flags, std::size_t frame_length);
    FrameTemplate() noexcept = default;

    /// Writes the headers of the client's packet.
    void write(std::span<std::byte, headers> frame, Client client) const noexcept {
        std::memcpy(frame.data(), bytes_.data(), headers);
        std::memcpy(frame.data() + suffix_at_, &client.suffix, sizeof(client.suffix));
        std::memcpy(frame.data() + port_at_, &client.port, sizeof(client.port));
        const std::uint32_t suffix_sum =
            (client.suffix.raw() & 0xFFFF) + (client.suffix.raw() >> 16);
        if constexpr (std::is_same_v<F, Ipv4>)
            store<l3 + offsetof(Ipv4Header, checksum)>(
                frame, static_cast<std::uint16_t>(~fold(l3_sum_ + suffix_sum)));
        store<l4 + offsetof(TcpHeader, checksum)>(
            frame, static_cast<std::uint16_t>(~fold(l4_sum_ + suffix_sum + client.port.be.raw())));
    }

  private:
    static constexpr std::size_t l3 = sizeof(EthernetHeader);
    static constexpr std::size_t l4 = l3 + sizeof(typename F::Header);

    std::array<std::byte, headers> bytes_{};
    std::uint16_t suffix_at_ = 0;  ///< where the last four bytes of the client's address stand
    std::uint16_t port_at_ = 0;
    std::uint32_t l3_sum_ = 0;  ///< one's complement sums of everything but the client's part
    std::uint32_t l4_sum_ = 0;
};

}  // namespace shunt::bench
