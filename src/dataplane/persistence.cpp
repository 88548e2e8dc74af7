// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/persistence.h"

#include <algorithm>

namespace shunt {

namespace {

using Bytes = std::array<std::uint8_t, 16>;

template <class T>
Bytes bytes_from(const T& value) noexcept {
    Bytes bytes{};
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
}

Bytes first_bits(Bytes bytes, unsigned bits) noexcept {
    const std::size_t whole = std::min<std::size_t>(bits / 8, bytes.size());
    if (whole == bytes.size()) return bytes;
    bytes[whole] &= static_cast<std::uint8_t>(0xFF00U >> (bits % 8));
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(whole) + 1, bytes.end(), std::uint8_t{0});
    return bytes;
}

bool is_own_port(const VirtualService& service, L4Port port) noexcept {
    return service.key.mark == Mark{} && service.key.endpoint.port == port;
}

/// Are all ports of a client tied together? Data connections of FTP are with their control
/// connection.
bool ties_all_ports(const VirtualService& service, L4Port port) noexcept {
    return !is_own_port(service, port) || port == ftp_port;
}

template <class F>
AffinityKey key_of(const VirtualService& service, const FlowTuple<F>& tuple) noexcept {
    const bool marked = service.key.mark != Mark{};
    return {
        .client = first_bits(bytes_from(tuple.source), service.persistence->granularity),
        .service =
            marked ? bytes_from(Be32(service.key.mark.value())) : bytes_from(tuple.destination),
        .port = ties_all_ports(service, tuple.destination_port) ? L4Port{} : tuple.destination_port,
        .protocol = marked ? Protocol::none : tuple.protocol,
        .family = F::family};
}

auto judge_for(const WorkerState& worker) noexcept {
    return [&worker](DestId dest) noexcept {
        using Verdict = AffinityTable::Verdict;
        const auto slots = worker.services().slots();
        if (dest.value() >= slots.size()) return Verdict::unknown;
        const ServiceTable::DestSlot& server = slots[dest.value()];
        const bool quiescent =
            server.weight == 0 && worker.tunables().expire_quiescent_template != 0;
        return server.available && !quiescent ? Verdict::usable : Verdict::unusable;
    };
}

/// A server's own port counts only for the service's own port; so it does not for a mark.
template <class F>
Target target_of(const WorkerState& worker, const VirtualService& service,
                 const FlowTuple<F>& tuple, const AffinityTable::Found& found) noexcept {
    const L4Port own = worker.services().slot(found.dest).endpoint.port;
    const bool use_own = is_own_port(service, tuple.destination_port) && own != L4Port{};
    return {
        .dest = found.dest, .port = use_own ? own : tuple.destination_port, .affinity = found.ref};
}

}  // namespace

template <class F>
std::optional<Target> tied_target(WorkerState& worker, const VirtualService& service,
                                  const FlowTuple<F>& tuple) noexcept {
    const auto found =
        worker.shared.affinity->take(key_of<F>(service, tuple), worker.now, judge_for(worker));
    if (!found) return std::nullopt;
    return target_of<F>(worker, service, tuple, *found);
}

template <class F>
std::optional<Target> tie(WorkerState& worker, const VirtualService& service,
                          const FlowTuple<F>& tuple, const RealServer& server) noexcept {
    const bool all_ports = ties_all_ports(service, tuple.destination_port);
    const AffinityTable::Lease lease{.dest = server.id,
                                     .port = all_ports ? L4Port{} : server.endpoint.port,
                                     .timeout = service.persistence->timeout};
    const auto found = worker.shared.affinity->take_or_make(key_of<F>(service, tuple), lease,
                                                            worker.now, judge_for(worker));
    if (!found) return std::nullopt;
    return target_of<F>(worker, service, tuple, *found);
}

template std::optional<Target> tied_target<Ipv4>(WorkerState&, const VirtualService&,
                                                 const FlowTuple<Ipv4>&) noexcept;
template std::optional<Target> tied_target<Ipv6>(WorkerState&, const VirtualService&,
                                                 const FlowTuple<Ipv6>&) noexcept;
template std::optional<Target> tie<Ipv4>(WorkerState&, const VirtualService&,
                                         const FlowTuple<Ipv4>&, const RealServer&) noexcept;
template std::optional<Target> tie<Ipv6>(WorkerState&, const VirtualService&,
                                         const FlowTuple<Ipv6>&, const RealServer&) noexcept;

}  // namespace shunt
