// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/expected.h"

#include <algorithm>

namespace shunt {

namespace {

bool begins(const PacketMeta& meta, Protocol protocol) noexcept {
    if (!meta.has_ports) return false;
    return protocol != Protocol::tcp ||
           (meta.tcp_flags & (TcpHeader::syn | TcpHeader::rst)) == TcpHeader::syn;
}

/// A server of another snapshot than this worker's, or one that was removed, gets no connection.
auto usable_for(const WorkerState& worker) noexcept {
    return [&worker](const Expectation& what) noexcept {
        const DestSlot* server = worker.services().find_slot(what.dest);
        return server != nullptr && server->available;
    };
}

/// Where the server is to call, the client calls only if the server is not heard here.
auto usable_to_client(const WorkerState& worker) noexcept {
    return [usable = usable_for(worker)](const Expectation& what) noexcept {
        return usable(what) && (what.client.port == L4Port{} || what.method != ForwardMethod::nat);
    };
}

constexpr L4Port one_less(L4Port port) noexcept {
    return L4Port(static_cast<std::uint16_t>(port.value() - 1));
}

template <class F>
Conn<F> connection_of(const WorkerState& worker, const ExpectationTable::Taken& taken,
                      const Endpoint& client, L4Port server_port) noexcept {
    const Expectation& what = taken.what;
    Conn<F> conn;
    conn.client = F::of(client.address);
    conn.client_port = client.port;
    conn.virtual_address = conn.real = F::of(what.shown.address);
    conn.virtual_port = conn.real_port =
        what.shown.port != L4Port{} ? what.shown.port : server_port;
    conn.protocol = what.protocol;
    conn.dest = what.dest;
    conn.method = what.method;
    conn.expires = worker.now + initial_timeout;
    if (what.protocol == Protocol::tcp) conn.state = static_cast<std::uint8_t>(TcpState::listen);
    conn.expected = true;
    conn.affinity = taken.ref;
    conn.assured = true;  // there is no template to tell
    if (what.method != ForwardMethod::nat) {
        conn.server_silent = true;
        return conn;
    }
    conn.real = F::of(what.server.address);
    conn.real_port = server_port;
    conn.address_delta = ChecksumDelta::replace(conn.virtual_address, conn.real);
    conn.endpoint_delta =
        conn.address_delta + ChecksumDelta::replace(conn.virtual_port, conn.real_port);
    return conn;
}

}  // namespace

template <class F>
std::optional<ExpectedConnection<F>> expected_connection(WorkerState& worker,
                                                         const PacketMeta& meta,
                                                         const FlowTuple<F>& tuple) noexcept {
    ExpectationTable& table = *worker.shared.expectations;
    if (!begins(meta, tuple.protocol)) return std::nullopt;
    const Endpoint source{tuple.source, tuple.source_port};
    const Endpoint destination{tuple.destination, tuple.destination_port};
    if (worker.services().template is_real_address<F>(tuple.source))
        if (const auto taken = table.take_for_server(tuple.protocol, source, destination,
                                                     worker.now, usable_for(worker)))
            return ExpectedConnection<F>{connection_of<F>(worker, *taken, destination, source.port),
                                         Direction::from_server};
    const auto taken = table.take_for_client(tuple.protocol, source, destination, worker.now,
                                             usable_to_client(worker));
    if (!taken) return std::nullopt;
    return ExpectedConnection<F>{connection_of<F>(worker, *taken, source, taken->what.server.port),
                                 Direction::from_client};
}

template <class F>
std::optional<ExpectedConnection<F>> announced_connection(const WorkerState& worker,
                                                          const FlowTuple<F>& tuple) noexcept {
    ExpectationTable& table = *worker.shared.expectations;
    const Endpoint source{tuple.source, tuple.source_port};
    const Endpoint destination{tuple.destination, tuple.destination_port};
    ExpectationTable::Taken seen;
    bool found = false;
    // The table is told of each that it may not be taken.
    const auto look = [&](auto usable) noexcept {
        return [&, usable](const Expectation& what) noexcept {
            if (!found && usable(what)) seen.what = what;
            found = found || usable(what);
            return false;
        };
    };
    if (worker.services().template is_real_address<F>(tuple.source))
        static_cast<void>(table.take_for_server(tuple.protocol, source, destination, worker.now,
                                                look(usable_for(worker))));
    if (found)
        return ExpectedConnection<F>{connection_of<F>(worker, seen, destination, source.port),
                                     Direction::from_server};
    static_cast<void>(table.take_for_client(tuple.protocol, source, destination, worker.now,
                                            look(usable_to_client(worker))));
    if (!found) return std::nullopt;
    return ExpectedConnection<F>{connection_of<F>(worker, seen, source, seen.what.server.port),
                                 Direction::from_client};
}

template <class F>
bool Announcements<F>::has_control() noexcept {
    if (helper_.control == no_control)
        helper_.control = worker_.shared.expectations->open_control();
    return helper_.control != no_control;
}

template <class F>
Expectation Announcements<F>::announcement() const noexcept {
    return {.client = {conn_.client, L4Port{}},
            .server = {},
            .shown = {conn_.virtual_address, L4Port{}},
            .dest = conn_.dest,
            .control = helper_.control,
            .protocol = Protocol::tcp,
            .method = conn_.method};
}

template <class F>
bool Announcements<F>::expect_active(const Endpoint& client) noexcept {
    if (client.address.family() != F::family || !has_control()) return false;
    Expectation what = announcement();
    what.client = client;
    what.server = {conn_.real, one_less(conn_.real_port)};
    if (options_.active_source == ActiveSource::twenty) what.server.port = ftp_data_port;
    if (options_.active_source == ActiveSource::any) what.server.port = L4Port{};
    what.shown.port = one_less(conn_.virtual_port);
    return worker_.shared.expectations->expect(what, worker_.now,
                                               worker_.snapshot->timeouts.tcp_in(TcpState::listen));
}

template <class F>
std::optional<Endpoint> Announcements<F>::offer_passive(const Endpoint& server) noexcept {
    if (server.address.family() != F::family || server.port == L4Port{} ||
        !worker_.services().template is_real_address<F>(F::of(server.address)) || !has_control())
        return std::nullopt;
    Expectation what = announcement();
    what.server = server;
    const auto is_free = [&](L4Port port) noexcept {
        const VirtualService* service =
            worker_.services().template find<F>(Mark{}, Protocol::tcp, conn_.virtual_address, port);
        return service == nullptr || service->key.endpoint.port != port;
    };
    const auto port = worker_.shared.expectations->offer(
        what, options_.passive_ports, worker_.now,
        worker_.snapshot->timeouts.tcp_in(TcpState::listen), is_free);
    if (!port) return std::nullopt;
    return Endpoint{conn_.virtual_address, *port};
}

template <class F>
void expect_tftp_answer(WorkerState& worker, const Conn<F>& conn) noexcept {
    const Ticks timeout = std::min(worker.snapshot->timeouts.tcp_in(TcpState::listen),
                                   udp_timeout(conn, worker.timeout_rules()));
    const bool room = worker.shared.expectations->expect({.client = {conn.client, conn.client_port},
                                                          .server = {conn.real, L4Port{}},
                                                          .shown = {conn.virtual_address, L4Port{}},
                                                          .dest = conn.dest,
                                                          .protocol = Protocol::udp,
                                                          .method = conn.method},
                                                         worker.now, timeout);
    if (room) worker.apps.counters.tftp_requests.add();
}

template void expect_tftp_answer<Ipv4>(WorkerState&, const Conn<Ipv4>&) noexcept;
template void expect_tftp_answer<Ipv6>(WorkerState&, const Conn<Ipv6>&) noexcept;
template std::optional<ExpectedConnection<Ipv4>> expected_connection(
    WorkerState&, const PacketMeta&, const FlowTuple<Ipv4>&) noexcept;
template std::optional<ExpectedConnection<Ipv6>> expected_connection(
    WorkerState&, const PacketMeta&, const FlowTuple<Ipv6>&) noexcept;
template std::optional<ExpectedConnection<Ipv4>> announced_connection(
    const WorkerState&, const FlowTuple<Ipv4>&) noexcept;
template std::optional<ExpectedConnection<Ipv6>> announced_connection(
    const WorkerState&, const FlowTuple<Ipv6>&) noexcept;
template class Announcements<Ipv4>;
template class Announcements<Ipv6>;

}  // namespace shunt
