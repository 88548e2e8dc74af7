// SPDX-License-Identifier: BSD-3-Clause
#include "bench/churn_source.h"

#include <bit>

namespace shunt::bench {

namespace {

constexpr std::uint8_t data = TcpHeader::psh | TcpHeader::ack;

constexpr std::array both_sides{
    ChurnStep{.flags = TcpHeader::syn},
    ChurnStep{.reply = true, .flags = TcpHeader::syn | TcpHeader::ack},
    ChurnStep{.flags = TcpHeader::ack},
    ChurnStep{.flags = data},
    ChurnStep{.reply = true, .flags = data},
    ChurnStep{.flags = TcpHeader::fin | TcpHeader::ack},
    ChurnStep{.reply = true, .flags = TcpHeader::fin | TcpHeader::ack},
    ChurnStep{.flags = TcpHeader::ack},
};
/// Servers answer past the balancer.
constexpr std::array client_side{
    ChurnStep{.flags = TcpHeader::syn}, ChurnStep{.flags = TcpHeader::ack},
    ChurnStep{.flags = data},           ChurnStep{.flags = TcpHeader::fin | TcpHeader::ack},
    ChurnStep{.flags = TcpHeader::ack},
};

}  // namespace

std::span<const ChurnStep> churn_steps(const Method& method) noexcept {
    if (method.replies_come_back()) return both_sides;
    return client_side;
}

template <class F>
ChurnSource<F>::ChurnSource(std::uint32_t flows, const Method& method, std::uint16_t frame_length,
                            bool reuse_ports)
    : flows_(flows),
      steps_(static_cast<std::uint32_t>(churn_steps(method).size())),
      place_bits_(static_cast<std::uint32_t>(std::bit_width(flows - 1))),
      frame_length_(frame_length),
      reuse_ports_(reuse_ports),
      replies_(method.replies_come_back()),
      servers_(flows) {
    const auto steps = churn_steps(method);
    for (std::size_t s = 0; s < steps.size(); ++s) {
        const unsigned frames = steps[s].reply ? server_count : 1;
        const auto from = steps[s].reply ? Direction::from_server : Direction::from_client;
        first_frame_[s] = static_cast<std::uint16_t>(frames_.size());
        by_server_[s] = steps[s].reply ? 1 : 0;
        for (unsigned server = 0; server < frames; ++server)
            frames_.emplace_back(from, server, steps[s].flags, frame_length);
    }
}

template <class F>
void ChurnSource<F>::next_place() noexcept {
    if (++offset_ == steps_) offset_ = 0;
    if (++place_ < flows_) return;
    place_ = 0;
    offset_ = 0;
    if (++round_ < steps_) return;
    round_ = 0;
    ++generation_;
}

template <class F>
typename ChurnSource<F>::Packet ChurnSource<F>::draw() noexcept {
    for (;; next_place()) {
        std::uint32_t step = round_ + offset_;
        const bool ahead = step >= steps_;
        step -= ahead ? steps_ : 0;
        // In the first turns only the places that have come to their first SYN.
        if (generation_ == 0 && !ahead && offset_ != 0) [[unlikely]]
            continue;
        const std::uint32_t generation = generation_ + (ahead ? 1 : 0);
        const Packet packet{.place = place_, .flow = flow_at(place_, generation), .step = step};
        begun_ += step == 0 ? 1 : 0;
        next_place();
        return packet;
    }
}

template <class F>
void ChurnSource<F>::write(rte_mbuf* mbuf, const Packet& packet) const noexcept {
    const unsigned server = by_server_[packet.step] * servers_[packet.place];
    const auto frame = reset_frame(mbuf, frame_length_);
    frames_[first_frame_[packet.step] + server].write(
        frame.template first<FrameTemplate<F>::headers>(), client_of(packet.flow));
}

template <class F>
void ChurnSource<F>::learn(const rte_mbuf* packet) noexcept {
    using Header = typename F::Header;
    constexpr std::size_t l3 = sizeof(EthernetHeader);
    constexpr std::size_t l4 = l3 + sizeof(Header);
    constexpr std::size_t suffix =
        l3 + offsetof(Header, destination) - sizeof(Client::suffix);  // the end of the source
    if (!replies_) return;
    const std::span<const std::byte, FrameTemplate<F>::headers> frame(
        rte_pktmbuf_mtod(packet, const std::byte*), FrameTemplate<F>::headers);
    if (load<std::uint8_t, l4 + offsetof(TcpHeader, flags)>(frame) != TcpHeader::syn) return;
    const Client client{.suffix = load<Be32, suffix>(frame),
                        .port = load<L4Port, l4 + offsetof(TcpHeader, source)>(frame)};
    const std::uint32_t place = flow_of(client) & ((std::uint32_t{1} << place_bits_) - 1);
    if (place >= flows_) [[unlikely]]
        return;
    const auto mac = load<MacAddress, 0>(frame);
    servers_[place] = static_cast<std::uint8_t>(mac.bytes[5] % server_count);
}

template class ChurnSource<Ipv4>;
template class ChurnSource<Ipv6>;

}  // namespace shunt::bench
