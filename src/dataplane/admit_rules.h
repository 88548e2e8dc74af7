// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Parts of the decision about a packet that wants a connection (admit.cpp) which are told from the
// tuple alone: admission lives by them, and explain.cpp tells them. Thread: the connection's owner.
#include <algorithm>
#include <optional>

#include "dataplane/connections.h"
#include "dataplane/persistence.h"

namespace shunt {

/// Can nobody on the wire have this address, which a packet names as its source? For IPv6 the host
/// tells less about its own addresses, as Linux does.
template <class F>
bool is_martian_source(WorkerState& worker, const typename F::Address& source) noexcept {
    if (source.is_loopback() || source.is_multicast()) return true;
    if constexpr (std::is_same_v<F, Ipv6>)
        return false;
    else
        return source.is_unspecified() || source.is_broadcast() ||
               way_to_client<F>(worker, source, [] { return 0U; }).kind == WayAhead::Kind::local;
}

/// Does the service, found by the fallback for FTP data, take this port at all? It does not unless
/// it is persistent (1.5 step 5).
template <class F>
bool takes_port(const VirtualService& service, const FlowTuple<F>& tuple) noexcept {
    return service.persistence || service.key.mark != Mark{} ||
           service.key.endpoint.port == tuple.destination_port;
}

/// May the packet be for something else on the host than FTP data (1.6 step 3)?
template <class F>
bool is_beside_ftp(const VirtualService& service, const FlowTuple<F>& tuple) noexcept {
    return service.key.mark == Mark{} && service.key.endpoint.port == ftp_port &&
           tuple.destination_port != ftp_port;
}

template <class F>
Conn<F> new_connection(const FlowTuple<F>& tuple, TickTime now) noexcept {
    Conn<F> conn;
    conn.client = tuple.source;
    conn.client_port = tuple.source_port;
    conn.virtual_address = conn.real = tuple.destination;
    conn.virtual_port = conn.real_port = tuple.destination_port;
    conn.protocol = tuple.protocol;
    conn.expires = now + initial_timeout;
    return conn;
}

template <class F>
std::optional<Target> target_of(const RealServer& server, const FlowTuple<F>& tuple) noexcept {
    const L4Port own = server.endpoint.port;
    return Target{.dest = server.id, .port = own != L4Port{} ? own : tuple.destination_port};
}

template <class F>
Conn<F> connection_to(const WorkerState& worker, const Target& target,
                      const FlowTuple<F>& tuple) noexcept {
    const ServiceTable::DestSlot& server = worker.services().slot(target.dest);
    Conn<F> conn = new_connection<F>(tuple, worker.now);
    conn.dest = target.dest;
    conn.affinity = target.affinity;
    conn.method = server.forward;
    conn.server_silent = server.forward != ForwardMethod::nat;
    if (server.forward != ForwardMethod::nat) return conn;
    conn.real = F::of(server.endpoint.address);
    conn.real_port = target.port;
    conn.address_delta = ChecksumDelta::replace(conn.virtual_address, conn.real);
    conn.endpoint_delta =
        conn.address_delta + ChecksumDelta::replace(conn.virtual_port, conn.real_port);
    return conn;
}

template <class F>
Conn<F> connection_past_servers(const WorkerState& worker, const FlowTuple<F>& tuple) noexcept {
    Conn<F> conn = new_connection<F>(tuple, worker.now);
    conn.dest = worker.no_server();
    conn.method = ForwardMethod::bypass;
    conn.server_silent = true;
    return conn;
}

/// Is the packet a connection of its own (2.12)?
template <class F>
bool is_one_packet(const VirtualService& service, const FlowTuple<F>& tuple) noexcept {
    return service.one_packet && tuple.protocol == Protocol::udp;
}

/// Can the table of a family take no more connections, unless a half-open one makes room?
template <class F>
bool is_full(WorkerState& worker) noexcept {
    const ConnTable<F>& table = worker.conns<F>();
    // One more for every worker would be too many: so said without a division.
    return table.size() >= table.capacity() ||
           (std::uint64_t{table.size()} + 1) * worker.shared.workers >
               static_cast<std::uint64_t>(worker.tunables().conn_max);
}

/// May a service without usable server let a packet of this tuple go to its own destination (1.6
/// step 2)?
template <class F>
bool may_bypass(const WorkerState& worker, const VirtualService& service,
                const FlowTuple<F>& tuple) noexcept {
    return worker.tunables().cache_bypass != 0 && service.key.mark != Mark{} &&
           !not_one_host(tuple.destination) && !worker.network().is_local<F>(tuple.destination);
}

}  // namespace shunt
