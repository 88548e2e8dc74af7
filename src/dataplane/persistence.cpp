// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/persistence.h"

#include <algorithm>

#include "net/sip_call_id.h"

namespace shunt {

namespace {

using Bytes = std::array<std::uint8_t, 16>;

template <class T>
Bytes bytes_from(const T& value) noexcept {
    Bytes bytes{};
    std::memcpy(bytes.data(), &value, sizeof(value));
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
        .client = bytes_from(F::of(network_of(tuple.source, service.persistence->granularity))),
        .service =
            marked ? bytes_from(Be32(service.key.mark.value())) : bytes_from(tuple.destination),
        .port = ties_all_ports(service, tuple.destination_port) ? L4Port{} : tuple.destination_port,
        .protocol = marked ? Protocol::none : tuple.protocol,
        .family = F::family};
}

auto judge_for(const WorkerState& worker) noexcept {
    return [&worker](DestId dest) noexcept {
        using Verdict = AffinityTable::Verdict;
        const DestSlot* server = worker.services().find_slot(dest);
        if (server == nullptr) return Verdict::unknown;
        const bool quiescent =
            server->weight == 0 && worker.tunables().expire_quiescent_template != 0;
        return server->available && !quiescent ? Verdict::usable : Verdict::unusable;
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

/// What a server gets that the client was tied to by its own service's port, or by any.
AffinityTable::Lease lease_of(const VirtualService& service, L4Port port,
                              const RealServer& server) noexcept {
    return {.dest = server.id,
            .port = ties_all_ports(service, port) ? L4Port{} : server.endpoint.port,
            .timeout = service.persistence->timeout};
}

/// Ties to `server`, unless there is a template already with a server that `judge` finds usable.
template <class F, class Fn>
std::optional<Target> tie_unless(WorkerState& worker, const VirtualService& service,
                                 const FlowTuple<F>& tuple, const RealServer& server,
                                 const EngineData& data, Fn&& judge) noexcept {
    const auto lease = lease_of(service, tuple.destination_port, server);
    const auto found = worker.shared.affinity->take_or_make(key_of<F>(service, tuple), lease,
                                                            worker.now, judge, data);
    if (!found) return std::nullopt;
    return target_of<F>(worker, service, tuple, *found);
}

EngineData call_id(std::span<const std::byte> message) noexcept {
    return EngineData(sip_call_id(PacketReader(message)));
}
static_assert(longest_call_id <= EngineData::most);

/// Of a message that does not lie in one buffer. Not inlined: its stack is for the rare case only.
[[gnu::noinline]] EngineData split_call_id(const rte_mbuf* packet, std::uint32_t offset,
                                           std::uint32_t length) noexcept {
    constexpr std::uint32_t largest_packet = 65535 + sizeof(Ipv6Header);
    std::array<std::byte, largest_packet> copy;
    if (length > copy.size()) return {};
    const void* message = rte_pktmbuf_read(packet, offset, length, copy.data());
    if (message == nullptr) return {};
    return call_id({static_cast<const std::byte*>(message), length});
}

}  // namespace

template <class F>
std::optional<EngineData> engine_data(const VirtualService& service, const rte_mbuf* packet,
                                      const PacketMeta& meta) noexcept {
    if (service.persistence->engine == PersistenceEngine::none) return EngineData();
    if (!meta.has_ports || meta.tuple<F>().protocol != Protocol::udp) return std::nullopt;
    const std::uint32_t offset = meta.l4_offset + std::uint32_t{sizeof(UdpHeader)};
    const std::uint32_t end = meta.l3_offset + std::uint32_t{meta.l3_length};
    const std::span<const std::byte> first = bytes_of(packet);
    const EngineData data = end <= first.size() ? call_id(first.first(end).subspan(offset))
                                                : split_call_id(packet, offset, end - offset);
    if (data.size == 0) return std::nullopt;
    return data;
}

template <class F>
std::optional<Target> tied_target(WorkerState& worker, const VirtualService& service,
                                  const FlowTuple<F>& tuple, const EngineData& data) noexcept {
    const auto found = worker.shared.affinity->take(key_of<F>(service, tuple), worker.now,
                                                    judge_for(worker), data);
    if (!found) return std::nullopt;
    return target_of<F>(worker, service, tuple, *found);
}

template <class F>
std::optional<Target> tied_target_now(WorkerState& worker, const VirtualService& service,
                                      const FlowTuple<F>& tuple, const EngineData& data) noexcept {
    using Verdict = AffinityTable::Verdict;
    std::optional<DestId> dest;
    const auto judge = judge_for(worker);
    // What is unknown is left as it is, and the next one looked at.
    static_cast<void>(worker.shared.affinity->take(
        key_of<F>(service, tuple), worker.now,
        [&](DestId id) noexcept {
            if (!dest && judge(id) == Verdict::usable) dest = id;
            return Verdict::unknown;
        },
        data));
    if (!dest) return std::nullopt;
    return target_of_tie<F>(worker, service, tuple, *dest);
}

template <class F>
Target target_of_tie(const WorkerState& worker, const VirtualService& service,
                     const FlowTuple<F>& tuple, DestId server) noexcept {
    return target_of<F>(worker, service, tuple, {.ref = no_affinity, .dest = server});
}

template <class F>
std::optional<Target> tie(WorkerState& worker, const VirtualService& service,
                          const FlowTuple<F>& tuple, const RealServer& server,
                          const EngineData& data) noexcept {
    return tie_unless<F>(worker, service, tuple, server, data, judge_for(worker));
}

template <class F>
std::optional<Target> tie_to_caller(WorkerState& worker, const VirtualService& service,
                                    const FlowTuple<F>& tuple, const RealServer& server,
                                    const EngineData& data) noexcept {
    return tie_unless<F>(worker, service, tuple, server, data,
                         [&, usable = judge_for(worker)](DestId dest) noexcept {
                             return dest == server.id ? usable(dest)
                                                      : AffinityTable::Verdict::unusable;
                         });
}

#define SHUNT_X(F)                                                                             \
    template std::optional<EngineData> engine_data<F>(const VirtualService&, const rte_mbuf*,  \
                                                      const PacketMeta&) noexcept;             \
    template std::optional<Target> tied_target<F>(                                             \
        WorkerState&, const VirtualService&, const FlowTuple<F>&, const EngineData&) noexcept; \
    template Target target_of_tie<F>(const WorkerState&, const VirtualService&,                \
                                     const FlowTuple<F>&, DestId) noexcept;                    \
    template std::optional<Target> tied_target_now<F>(                                         \
        WorkerState&, const VirtualService&, const FlowTuple<F>&, const EngineData&) noexcept; \
    template std::optional<Target> tie<F>(WorkerState&, const VirtualService&,                 \
                                          const FlowTuple<F>&, const RealServer&,              \
                                          const EngineData&) noexcept;                         \
    template std::optional<Target> tie_to_caller<F>(WorkerState&, const VirtualService&,       \
                                                    const FlowTuple<F>&, const RealServer&,    \
                                                    const EngineData&) noexcept;
SHUNT_X(Ipv4)
SHUNT_X(Ipv6)
#undef SHUNT_X

}  // namespace shunt
