// SPDX-License-Identifier: BSD-3-Clause
#include "bench/churn_check.h"

#include <stdexcept>

#include "bench/frame_check.h"
#include "bench/handshakes.h"

namespace shunt::bench {

template <class F>
std::optional<std::uint8_t> ChurnCheck<F>::server_at(std::uint32_t place) const {
    if (const auto seen = servers_.find(place); seen != servers_.end()) return seen->second;
    if (method_.replies_come_back()) return source_.server_at(place);
    return std::nullopt;
}

template <class F>
void ChurnCheck<F>::check(rte_mbuf* packet, Made made) {
    const auto [place, flow, step] = made.packet;
    std::string found;
    try {
        if (step == 0) servers_[place] = server_of<F>(method_, packet);
        const auto server = server_at(place);
        if (!server) return;
        ++checked_[step];
        const bool reply = churn_steps(method_)[step].reply;
        found =
            frame_difference<F>(method_, first_bytes(packet),
                                expected_frame<F>(method_, std::move(made.frame), reply, *server));
    } catch (const std::runtime_error& error) {
        found = error.what();
    }
    if (!found.empty() && wrong_++ == 0)
        difference_ = "packet " + std::to_string(step + 1) + " of a connection: " + found;
}

template <class F>
void ChurnCheck<F>::sent(std::span<rte_mbuf*> packets) noexcept {
    for (rte_mbuf* packet : packets) {
        if (const auto known = made_.find(packet); known != made_.end())
            check(packet, std::move(known->second));
        source_.learn(packet);
        const auto next = source_.draw();
        source_.write(packet, next);
        const auto frame = first_bytes(packet);
        made_[packet] = {.packet = next, .frame = {frame.begin(), frame.end()}};
    }
}

template class ChurnCheck<Ipv4>;
template class ChurnCheck<Ipv6>;

}  // namespace shunt::bench
