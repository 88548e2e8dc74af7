// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/sync_install.h"

#include <algorithm>

#include "dataplane/admit_rules.h"
#include "dataplane/app_hook.h"
#include "dataplane/connections.h"
#include "dataplane/sync_feed.h"

namespace shunt {

namespace {

constexpr std::uint32_t longest_life = 2'678'400;  // seconds, as of a tunable
constexpr Ticks usual_template_life = std::chrono::seconds(180);

Ticks seconds(std::uint32_t n) noexcept {
    return std::chrono::duration<std::uint32_t>(std::min(n, longest_life));
}

/// A mark that only the address of a template says, in version 0.
Mark mark_of(const SyncRecord& record) noexcept {
    if (record.mark != Mark{} || !record.is_template() || record.protocol != Protocol::none)
        return record.mark;
    return record.family() == Family::ipv4 ? Mark(record.virtual_service.address.v4().word.value())
                                           : Mark{};
}

template <class F>
const VirtualService* find_service(const ServiceTable& services,
                                   const SyncRecord& record) noexcept {
    const auto& address = F::of(record.virtual_service.address);
    const L4Port port = record.virtual_service.port;
    const auto find = [&](L4Port p) noexcept {
        return services.template find<F>(mark_of(record), record.protocol, address, p);
    };
    const VirtualService* service = find(port);
    // A template of FTP is for all ports.
    const bool all_ports = record.is_template() && port == L4Port{};
    return service == nullptr && all_ports ? find(ftp_port) : service;
}

/// Does a connection to the service go to other ports of its servers than their own?
bool any_port(const VirtualService& service, const SyncRecord& record) noexcept {
    return service.key.mark == Mark{} && service.key.endpoint.port != record.virtual_service.port;
}

/// The server that the record names: with its port, with none, or, where connections go to any
/// port, with whatever port.
const RealServer* find_server(const VirtualService& service, const SyncRecord& record) noexcept {
    const auto find = [&](const auto& fits) noexcept -> const RealServer* {
        const auto at = std::ranges::find_if(service.servers, [&](const RealServer& s) noexcept {
            return s.endpoint.address == record.server.address && fits(s.endpoint.port);
        });
        return at == service.servers.end() ? nullptr : &*at;
    };
    if (const auto* server = find([&](L4Port p) noexcept { return p == record.server.port; }))
        return server;
    if (const auto* server = find([](L4Port p) noexcept { return p == L4Port{}; })) return server;
    const bool mark = service.key.mark != Mark{};
    if (!mark && !any_port(service, record)) return nullptr;
    return find([](L4Port) noexcept { return true; });
}

template <class F>
const RealServer* find_server(const ServiceTable& services, const SyncRecord& record) noexcept {
    const VirtualService* service = find_service<F>(services, record);
    return service == nullptr ? nullptr : find_server(*service, record);
}

template <class F>
FlowTuple<F> tuple_of(const SyncRecord& record) noexcept {
    return {.source = F::of(record.client.address),
            .destination = F::of(record.virtual_service.address),
            .source_port = record.client.port,
            .destination_port = record.virtual_service.port,
            .protocol = record.protocol};
}

/// Does a connection go where the record says? Of one that is not translated the address tells.
template <class F>
bool goes_there(const WorkerState& worker, const Conn<F>& conn, const SyncRecord& record) noexcept {
    if (conn.method == ForwardMethod::nat)
        return Endpoint{conn.real, conn.real_port} == record.server;
    return conn.method != ForwardMethod::bypass &&
           worker.services().slot(conn.dest).endpoint.address == record.server.address;
}

/// What every record says, of a new connection too.
template <class F>
void take_over(WorkerState& worker, Conn<F>& conn, const SyncRecord& record) noexcept {
    conn.state = record.state;
    conn.packets_in = worker.snapshot->sync_rules.threshold;
    count_active<F>(worker, conn, !record.has(sync_flag::inactive));
    const Ticks life =
        record.timeout != 0 ? seconds(record.timeout) : timeout_of(conn, worker.timeout_rules());
    conn.expires = worker.now + life;
    worker.conns<F>().expires_sooner(conn);
    const bool half_open =
        conn.protocol == Protocol::tcp && tcp_half_open(static_cast<TcpState>(conn.state));
    worker.conns<F>().set_half_open(conn, half_open);
    if (const SyncFeeds* all = worker.snapshot->sync_feeds.get()) {
        SyncMemo& memo = all->feeds[worker.id.value()]->memo<F>(worker.conns<F>().slot_of(conn));
        memo = {.end = conn.expires, .state = conn.state};
    }
}

template <class F>
SyncOutcome make(WorkerState& worker, const SyncRecord& record) noexcept {
    const RealServer* server = find_server<F>(worker.services(), record);
    if (server == nullptr) return SyncOutcome::no_server;
    if (is_full<F>(worker)) return SyncOutcome::no_room;
    Conn<F> conn = connection_to<F>(worker, {.dest = server->id, .port = record.server.port},
                                    tuple_of<F>(record));
    conn.synced = true;
    Conn<F>* filed = worker.conns<F>().insert(conn);
    if (filed == nullptr) return SyncOutcome::no_room;
    count_connection<F>(worker, *filed);
    refresh_connection<F>(worker, *filed);
    take_over<F>(worker, *filed, record);
    bind_synced_app<F>(worker, *filed, {record.sequence[0].delta, record.sequence[1].delta});
    return SyncOutcome::made;
}

}  // namespace

template <class F>
SyncOutcome install_synced(WorkerState& worker, const SyncRecord& record) noexcept {
    if (record.client.port == L4Port{} || record.has(sync_flag::no_client_port))
        return SyncOutcome::unfit;
    const auto known = worker.conns<F>().find(tuple_of<F>(record));
    if (known.conn == nullptr || known.direction != Direction::from_client)
        return make<F>(worker, record);
    if (goes_there<F>(worker, *known.conn, record)) {
        take_over<F>(worker, *known.conn, record);
        if (known.conn->synced)
            move_synced_app<F>(worker, *known.conn,
                               {record.sequence[0].delta, record.sequence[1].delta});
        return SyncOutcome::updated;
    }
    if (record.has(sync_flag::inactive)) return SyncOutcome::late;
    uncount_connection<F>(worker, *known.conn);
    worker.conns<F>().erase(*known.conn);
    return make<F>(worker, record);
}

SyncOutcome install_synced_template(AffinityTable& table, const ServiceTable& services,
                                    const SyncRecord& record, TickTime now) noexcept {
    const bool ipv4 = record.family() == Family::ipv4;
    const VirtualService* service =
        ipv4 ? find_service<Ipv4>(services, record) : find_service<Ipv6>(services, record);
    const RealServer* server = service == nullptr ? nullptr : find_server(*service, record);
    if (server == nullptr || !service->persistence ||
        (service->persistence->engine != PersistenceEngine::none) == record.engine_data.empty())
        return SyncOutcome::no_server;
    AffinityKey key{.client = {},
                    .service = {},
                    .port = record.virtual_service.port,
                    .protocol = record.protocol,
                    .family = record.family()};
    const auto put = [](auto& bytes, const IpAddress& from) noexcept {
        from.visit([&](const auto& address) noexcept {
            std::memcpy(bytes.data(), &address, sizeof(address));
        });
    };
    put(key.client, record.client.address);
    put(key.service, record.virtual_service.address);
    const AffinityTable::Told told{
        .lease = {.dest = server->id,
                  .port = record.server.port,
                  .timeout = record.timeout != 0 ? seconds(record.timeout) : usual_template_life},
        .assured = record.state != 0};
    switch (table.put(key, told, now, EngineData(record.engine_data))) {
        case AffinityTable::Put::made:
            return SyncOutcome::made;
        case AffinityTable::Put::updated:
            return SyncOutcome::updated;
        default:
            return SyncOutcome::no_room;
    }
}

bool SyncInstall::step(WorkerState& worker) noexcept {
    const std::size_t end = std::min(records_.size(), next_ + records_a_step);
    for (; next_ < end; ++next_) {
        const SyncRecord& record = records_[next_];
        const SyncOutcome outcome = record.family() == Family::ipv4
                                        ? install_synced<Ipv4>(worker, record)
                                        : install_synced<Ipv6>(worker, record);
        ++outcomes_[static_cast<std::size_t>(outcome)];
    }
    return next_ == records_.size();
}

template SyncOutcome install_synced<Ipv4>(WorkerState&, const SyncRecord&) noexcept;
template SyncOutcome install_synced<Ipv6>(WorkerState&, const SyncRecord&) noexcept;

}  // namespace shunt
