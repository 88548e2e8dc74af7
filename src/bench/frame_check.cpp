// SPDX-License-Identifier: BSD-3-Clause
#include "bench/frame_check.h"

#include <algorithm>

namespace shunt::bench {

namespace {

std::vector<std::byte> bytes_of(rte_mbuf* packet) {
    const auto bytes = first_bytes(packet);
    return {bytes.begin(), bytes.end()};
}

/// Expects the port that the balancer chose, if it was free to choose it.
void accept_port(std::span<const std::byte> actual, std::vector<std::byte>& expected,
                 std::size_t at) {
    const auto port = PacketReader(actual).read<Be16>(at);
    if (port && port->value() >= gue_source_ports.first && port->value() <= gue_source_ports.last)
        static_cast<void>(PacketWriter(expected).write(at, *port));
}

}  // namespace

template <class F>
std::string frame_difference(const Method& method, std::span<const std::byte> actual,
                             std::vector<std::byte> expected) {
    if (const auto at = chosen_port_at<F>(method)) accept_port(actual, expected, *at);
    const auto [e, a] = std::ranges::mismatch(expected, actual);
    if (e == expected.end() && a == actual.end()) return "";
    return "length " + std::to_string(actual.size()) + " instead of " +
           std::to_string(expected.size()) + ", byte " + std::to_string(e - expected.begin()) +
           " differs";
}
template std::string frame_difference<Ipv4>(const Method&, std::span<const std::byte>,
                                            std::vector<std::byte>);
template std::string frame_difference<Ipv6>(const Method&, std::span<const std::byte>,
                                            std::vector<std::byte>);

template <class F>
void FrameCheck<F>::sent(std::span<rte_mbuf*> packets) noexcept {
    for (rte_mbuf* packet : packets) {
        if (const auto known = expected_.find(packet); known != expected_.end()) {
            ++checked_;
            auto found =
                frame_difference<F>(method_, first_bytes(packet), std::move(known->second));
            if (!found.empty() && wrong_++ == 0) difference_ = std::move(found);
        }
        const auto next = source_.draw();
        source_.write(packet, next);
        expected_[packet] =
            expected_frame<F>(method_, bytes_of(packet), next.reply, servers_[next.flow]);
    }
}

template class FrameCheck<Ipv4>;
template class FrameCheck<Ipv6>;

}  // namespace shunt::bench
