// SPDX-License-Identifier: BSD-3-Clause
#include "bench/traffic_source.h"

namespace shunt::bench {

template <class F>
TrafficSource<F>::TrafficSource(std::uint32_t flows, Traffic traffic, std::uint16_t frame_length,
                                const PageArray<std::uint8_t>& servers)
    : flows_(flows),
      reply_mask_(traffic == Traffic::both ? 1 : 0),
      reply_always_(traffic == Traffic::out ? 1 : 0),
      frame_length_(frame_length),
      servers_(servers) {
    frames_[0] = FrameTemplate<F>(Direction::from_client, 0, TcpHeader::ack, frame_length);
    for (unsigned s = 0; s < server_count; ++s)
        frames_[1 + s] = FrameTemplate<F>(Direction::from_server, s, TcpHeader::ack, frame_length);
    for (auto& packet : next_) packet = draw();
}

template <class F>
typename TrafficSource<F>::Packet TrafficSource<F>::draw() noexcept {
    const std::uint64_t r = random_.next();
    return {.flow = static_cast<std::uint32_t>(((r >> 32) * flows_) >> 32),
            .reply = ((r & reply_mask_) | reply_always_) != 0};
}

template <class F>
void TrafficSource<F>::write(rte_mbuf* mbuf, Packet packet) const noexcept {
    std::size_t kind = 0;
    // The same condition for every packet of a run; the choice within it must not be a branch,
    // which the processor would guess wrong half of the time.
    if ((reply_mask_ | reply_always_) != 0) kind = packet.reply * (1U + servers_[packet.flow]);
    const auto frame = reset_frame(mbuf, frame_length_);
    frames_[kind].write(frame.first<FrameTemplate<F>::headers>(), client_of(packet.flow));
}

template <class F>
void TrafficSource<F>::sent(std::span<rte_mbuf*> packets) noexcept {
    const bool fetch = (reply_mask_ | reply_always_) != 0;
    for (std::size_t i = 0; i < packets.size(); ++i) {
        write(packets[i], next_[i]);
        next_[i] = draw();
        if (fetch) __builtin_prefetch(&servers_[next_[i].flow]);
    }
}

template class TrafficSource<Ipv4>;
template class TrafficSource<Ipv6>;

}  // namespace shunt::bench
