// SPDX-License-Identifier: BSD-3-Clause
#include "bench/handshakes.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "bench/frame_template.h"

namespace shunt::bench {

namespace {

template <class F>
class Handshakes {
  public:
    Handshakes(Balancer& balancer, LoopDevice& device, const Method& method,
               PageArray<std::uint8_t>& servers)
        : balancer_(balancer), device_(device), method_(method), servers_(servers) {
        const std::size_t length = device.frame_length();
        syn_ = FrameTemplate<F>(Direction::from_client, 0, TcpHeader::syn, length);
        ack_ = FrameTemplate<F>(Direction::from_client, 0, TcpHeader::ack, length);
        for (unsigned s = 0; s < server_count; ++s)
            syn_acks_[s] = FrameTemplate<F>(Direction::from_server, s,
                                            TcpHeader::syn | TcpHeader::ack, length);
    }

    /// Opens `count` flows from `first` on, at most a burst.
    void open(std::uint32_t first, std::uint32_t count) {
        pass(
            first, count, [&](std::uint32_t) -> const auto& { return syn_; });
        for (std::uint32_t i = 0; i < count; ++i)
            servers_[first + i] = server_of<F>(method_, device_.packets()[i]);
        if (method_.replies_come_back())
            pass(
                first, count, [&](std::uint32_t flow) -> const auto& {
                    return syn_acks_[servers_[flow]];
                });
        pass(
            first, count, [&](std::uint32_t) -> const auto& { return ack_; });
    }

  private:
    /// Sends one packet of each flow through the balancer: flow first+i in the device's packet i.
    template <class Fn>
    void pass(std::uint32_t first, std::uint32_t count, Fn&& frame_of) {
        const auto packets = device_.packets().first(count);
        for (std::uint32_t i = 0; i < count; ++i)
            frame_of(first + i).write(
                reset_frame(packets[i], device_.frame_length()).first<FrameTemplate<F>::headers>(),
                client_of(first + i));
        device_.inject(packets);
        balancer_.iterate();
        std::array<rte_mbuf*, burst_size> sent;
        if (device_.collect(sent) != count)
            throw std::runtime_error("a handshake packet of flow " + std::to_string(first) +
                                     " or one of the next " + std::to_string(count) +
                                     " was not forwarded");
    }

    Balancer& balancer_;
    LoopDevice& device_;
    Method method_;
    PageArray<std::uint8_t>& servers_;
    FrameTemplate<F> syn_;
    FrameTemplate<F> ack_;
    std::array<FrameTemplate<F>, server_count> syn_acks_;
};

}  // namespace

template <class F>
std::uint8_t server_of(const Method& method, rte_mbuf* packet) {
    constexpr std::size_t at = sizeof(EthernetHeader) + offsetof(typename F::Header, destination);
    const PacketReader frame(first_bytes(packet));
    const auto mac = frame.read<MacAddress>(0);
    const auto address = frame.read<typename F::Address>(at);
    const bool tunnel = method.forward == ForwardMethod::tunnel;
    const bool direct = method.forward == ForwardMethod::direct;
    for (unsigned s = 0; s < server_count; ++s)
        if (direct ? mac == server_mac(s)
                   : address == (tunnel ? tunnel_server_address<F>(s) : server_address<F>(s)))
            return static_cast<std::uint8_t>(s);
    throw std::runtime_error("a SYN went to none of the real servers");
}
template std::uint8_t server_of<Ipv4>(const Method&, rte_mbuf*);
template std::uint8_t server_of<Ipv6>(const Method&, rte_mbuf*);

template <class F>
PageArray<std::uint8_t> open_connections(Balancer& balancer, LoopDevice& device,
                                         const Method& method, std::uint32_t flows,
                                         const std::function<void(std::uint32_t)>& progress) {
    constexpr std::uint32_t flows_between_reports = 1U << 17;
    PageArray<std::uint8_t> servers(flows);
    Handshakes<F> handshakes(balancer, device, method, servers);
    device.set_hook(nullptr);
    for (std::uint32_t first = 0; first < flows; first += burst_size) {
        if (first % flows_between_reports == 0) progress(first);
        handshakes.open(first, std::min<std::uint32_t>(burst_size, flows - first));
    }
    if (balancer.connections<F>().size() != flows)
        throw std::runtime_error("not every handshake opened a connection");
    return servers;
}

template PageArray<std::uint8_t> open_connections<Ipv4>(Balancer&, LoopDevice&, const Method&,
                                                        std::uint32_t,
                                                        const std::function<void(std::uint32_t)>&);
template PageArray<std::uint8_t> open_connections<Ipv6>(Balancer&, LoopDevice&, const Method&,
                                                        std::uint32_t,
                                                        const std::function<void(std::uint32_t)>&);

}  // namespace shunt::bench
