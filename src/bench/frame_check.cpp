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
void accept_port(const std::vector<std::byte>& actual, std::vector<std::byte>& expected,
                 std::size_t at) {
    const auto port = PacketReader(actual).read<Be16>(at);
    if (port && port->value() >= gue_source_ports.first && port->value() <= gue_source_ports.last)
        static_cast<void>(PacketWriter(expected).write(at, *port));
}

}  // namespace

template <class F>
void FrameCheck<F>::compare(const std::vector<std::byte>& actual, std::vector<std::byte> expected) {
    ++checked_;
    if (const auto at = chosen_port_at<F>(method_)) accept_port(actual, expected, *at);
    const auto [e, a] = std::ranges::mismatch(expected, actual);
    if (e == expected.end() && a == actual.end()) return;
    if (wrong_++ > 0) return;
    difference_ = "length " + std::to_string(actual.size()) + " instead of " +
                  std::to_string(expected.size()) + ", byte " +
                  std::to_string(e - expected.begin()) + " differs";
}

template <class F>
void FrameCheck<F>::sent(std::span<rte_mbuf*> packets) noexcept {
    for (rte_mbuf* packet : packets) {
        if (const auto known = expected_.find(packet); known != expected_.end())
            compare(bytes_of(packet), std::move(known->second));
        const auto next = source_.draw();
        source_.write(packet, next);
        expected_[packet] =
            expected_frame<F>(method_, bytes_of(packet), next.reply, servers_[next.flow]);
    }
}

template class FrameCheck<Ipv4>;
template class FrameCheck<Ipv6>;

}  // namespace shunt::bench
