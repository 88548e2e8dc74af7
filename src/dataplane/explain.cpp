// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/explain.h"

#include "dataplane/admit_rules.h"
#include "dataplane/concern.h"
#include "dataplane/expected.h"
#include "dataplane/passage.h"
#include "dataplane/resolve.h"

namespace shunt {

namespace {

using Rule = ExplainRule;
using Verdict = Explanation::Verdict;

template <class F>
Mark mark_of(const WorkerState& worker, const ExplainQuestion<F>& question) noexcept {
    return question.mark ? *question.mark : worker.mark_of<F>(question.port, question.tuple);
}

template <class F>
Concern concern(const WorkerState& worker, const ExplainQuestion<F>& question) noexcept {
    return concern_of<F>(worker, question.tuple, [&] { return mark_of<F>(worker, question); });
}

Rule rule_of_concern(Concern concern) noexcept {
    switch (concern) {
        case Concern::to_virtual:
            return Rule::to_virtual;
        case Concern::from_server:
            return Rule::from_server;
        case Concern::from_virtual:
            return Rule::from_virtual;
        case Concern::may_be_data:
            return Rule::may_be_data;
        case Concern::marked:
            return Rule::marked;
        case Concern::none:
            break;
    }
    return Rule::no_concern;
}

/// A packet that connections begin with.
PacketMeta first_packet(Protocol protocol) noexcept {
    PacketMeta meta;
    meta.has_ports = true;
    if (protocol == Protocol::tcp) meta.tcp_flags = TcpHeader::syn;
    if (protocol == Protocol::sctp) meta.sctp_chunk = SctpChunkHeader::init;
    return meta;
}

/// One answer in the making.
template <class F>
class Explainer {
  public:
    Explainer(WorkerState& worker, const ExplainQuestion<F>& question) noexcept
        : worker_(worker), question_(question), tuple_(question.tuple) {}

    Explanation run() noexcept {
        out_.owner = explained_owner<F>(worker_, question_);
        out_.mark = mark_of<F>(worker_, question_);
        tell_defences();
        if (classify() && !look_up()) admit();
        return out_;
    }

  private:
    void tell_defences() noexcept {
        const ConnTable<F>& table = worker_.conns<F>();
        out_.defences = {.secure_tcp = &worker_.defence.tcp() == &tcp_secure_transitions,
                         .drop_entry = worker_.defence.ends_idle(),
                         .drop_packet_one_of = worker_.defence.refuses_one_of(),
                         .admits_newcomers = worker_.newcomers.would_admit(),
                         .connections = table.size(),
                         .half_open = table.half_open(),
                         .room = table.capacity()};
    }

    /// Is it looked up at all?
    bool classify() noexcept {
        if (worker_.shared.workers == 1) {
            out_.add(Rule::one_worker);
            return true;
        }
        const Concern why = concern<F>(worker_, question_);
        out_.add(rule_of_concern(why));
        return why != Concern::none;
    }

    /// Does it go the way of a connection?
    bool look_up() noexcept {
        const auto [conn, direction] = worker_.conns<F>().find(tuple_);
        if (conn == nullptr || conn->replaced) {
            out_.add(Rule::no_connection);
            return false;
        }
        const bool from_client = direction == Direction::from_client;
        out_.add(from_client ? Rule::known_from_client : Rule::known_from_server);
        if (begins_anew<F>(worker_, *conn, first_packet(tuple_.protocol), direction)) {
            out_.add(Rule::begins_anew);
            return false;
        }
        out_.verdict = Verdict::known;
        out_.direction = direction;
        tell_server(*conn);
        const bool available =
            conn->method == ForwardMethod::bypass || worker_.services().slot(conn->dest).available;
        if (from_client && !available) {
            out_.add(Rule::server_removed);
            out_.drop(DropReason::destination_removed);
        } else {
            tell_way(*conn);
        }
        return true;
    }

    void admit() noexcept {
        if (tell_announced()) return;
        const VirtualService* service = find_service();
        if (service != nullptr)
            open(*service);
        else
            leave_to_host();
    }

    bool tell_announced() noexcept {
        const ExpectationTable* table = worker_.shared.expectations.get();
        if (table == nullptr || !table->waits()) return false;
        const auto announced = announced_connection<F>(worker_, tuple_);
        if (!announced) return false;
        out_.add(Rule::announced);
        out_.direction = announced->direction;
        file(announced->conn);
        return true;
    }

    const VirtualService* find_service() noexcept {
        if (tuple_.source_port == ftp_data_port) {
            out_.add(Rule::from_ftp_data_port);
            return nullptr;
        }
        const auto* service = worker_.services().template find<F>(
            out_.mark, tuple_.protocol, tuple_.destination, tuple_.destination_port);
        if (service == nullptr) return nullptr;
        const L4Port port = service->key.endpoint.port;
        if (service->key.mark != Mark{})
            out_.add(Rule::service_by_mark);
        else if (port == tuple_.destination_port)
            out_.add(Rule::service_at_port);
        else
            out_.add(port == L4Port{} ? Rule::service_any_port : Rule::service_as_ftp_data);
        out_.service = service->key;
        return service;
    }

    void leave_to_host() noexcept {
        const ServiceTable& services = worker_.services();
        if (tuple_.protocol == Protocol::udp &&
            services.find_caller<F>(tuple_.source, tuple_.source_port) != nullptr) {
            out_.add(Rule::server_may_call);
            out_.verdict = Verdict::undecided;
        } else if (worker_.tunables().nat_icmp_send != 0 &&
                   services.is_real<F>(tuple_.source, tuple_.source_port)) {
            out_.add(Rule::stray_reply);
            out_.drop(DropReason::no_connection);
        } else {
            out_.add(Rule::no_service);
            out_.verdict = Verdict::to_host;
        }
    }

    /// The same order as that of kept_out() in admit.cpp.
    bool is_kept_out(const VirtualService& service) noexcept {
        const auto refuse = [&](Rule rule, DropReason reason) noexcept {
            out_.add(rule);
            out_.drop(reason);
            return true;
        };
        if (is_martian_source<F>(worker_, tuple_.source))
            return refuse(Rule::martian, DropReason::martian);
        if (!worker_.defence.would_allow(tuple_.source, worker_.now, worker_.tunables(),
                                         worker_.shared.workers))
            return refuse(Rule::prefix_limited, DropReason::prefix_limited);
        if (worker_.defence.would_refuse())
            return refuse(Rule::refused_by_defence, DropReason::refused_by_defence);
        if (!is_one_packet<F>(service, tuple_) && !worker_.newcomers.would_admit())
            return refuse(Rule::worker_busy, DropReason::worker_busy);
        return false;
    }

    void open(const VirtualService& service) noexcept {
        if (is_kept_out(service)) return;
        if (service.persistence) {
            if (service.persistence->engine != PersistenceEngine::none)
                return leave_undecided(Rule::needs_call_id);
            const auto tied = tied_target_now<F>(worker_, service, tuple_, EngineData());
            if (tied) {
                out_.add(Rule::tied);
                return connect(service, *tied);
            }
            out_.add(Rule::not_tied);
        }
        if (!takes_port<F>(service, tuple_)) {
            out_.add(Rule::port_not_taken);
            return leave(service);
        }
        if (service.state->memory != nullptr) return leave_undecided(Rule::chosen_by_memory);
        const auto choice = next_choice(service);
        if (!choice) {
            out_.add(Rule::none_eligible);
            return leave(service);
        }
        out_.add(Rule::scheduled);
        connect(service, target_for(service, service.servers[*choice]));
    }

    void leave_undecided(Rule rule) noexcept {
        out_.add(rule);
        out_.verdict = Verdict::undecided;
    }

    /// A copy of the scheduler's word is all that the choice changes.
    [[nodiscard]] std::optional<std::size_t> next_choice(
        const VirtualService& service) const noexcept {
        SchedulerState copy;
        copy.word.store(service.state->word.load(std::memory_order_relaxed),
                        std::memory_order_relaxed);
        const Loads loads = worker_.loads();
        Candidates from{
            service.servers,          loads, copy, service.table.get(), service.scheduler_flags,
            service.scheduler_options};
        from.now = worker_.now;
        from.lblcr_expiration = worker_.tunables().lblcr_expiration;
        return service.scheduler->choose(from, SchedulingKey::of<F>(tuple_));
    }

    [[nodiscard]] Target target_for(const VirtualService& service,
                                    const RealServer& server) const noexcept {
        return service.persistence ? target_of_tie<F>(worker_, service, tuple_, server.id)
                                   : *target_of<F>(server, tuple_);
    }

    /// No server (ipvs-behaviour 1.6), as leave() in admit.cpp.
    void leave(const VirtualService& service) noexcept {
        if (may_bypass<F>(worker_, service, tuple_)) {
            out_.add(Rule::bypass);
            return file(connection_past_servers<F>(worker_, tuple_));
        }
        if (is_beside_ftp<F>(service, tuple_)) {
            out_.add(Rule::beside_ftp);
            out_.verdict = Verdict::to_host;
            return;
        }
        out_.add(Rule::no_server);
        out_.drop(DropReason::no_destination);
    }

    void connect(const VirtualService& service, const Target& target) noexcept {
        Conn<F> conn = connection_to<F>(worker_, target, tuple_);
        conn.one_packet = is_one_packet<F>(service, tuple_);
        file(conn);
        tell_app(conn);
    }

    void file(const Conn<F>& conn) noexcept {
        tell_server(conn);
        if (conn.one_packet)
            out_.add(Rule::one_packet);
        else if (!has_room())
            return;
        out_.verdict = Verdict::opens;
        tell_way(conn);
    }

    /// The same as insert() in admit.cpp.
    bool has_room() noexcept {
        const ConnTable<F>& table = worker_.conns<F>();
        const auto share = static_cast<std::uint64_t>(worker_.tunables().half_open_share);
        const bool full = is_full<F>(worker_);
        const bool crowded =
            full || std::uint64_t{table.half_open()} * 100 >= table.capacity() * share;
        if (!crowded) return true;
        if (table.half_open() != 0) {
            out_.add(Rule::evicts_half_open);
        } else if (full) {
            out_.add(Rule::table_full);
            out_.drop(DropReason::connections_full);
            return false;
        }
        return true;
    }

    void tell_app(const Conn<F>& conn) noexcept {
        const AppTable* apps = worker_.snapshot->apps.get();
        const bool nat = conn.method == ForwardMethod::nat;
        if (apps == nullptr || conn.one_packet || out_.verdict != Verdict::opens ||
            (!nat && conn.protocol != Protocol::tcp))
            return;
        const auto slot = apps->find(conn.protocol, conn.virtual_port);
        if (!slot) return;
        out_.add(Rule::app_bound);
        out_.app = (*apps)[*slot].app;
    }

    void tell_server(const Conn<F>& conn) noexcept {
        const bool bypass = conn.method == ForwardMethod::bypass;
        Explanation::Server server{
            .dest = conn.dest, .endpoint = {conn.real, conn.real_port}, .method = conn.method};
        if (!bypass) {
            const DestSlot& slot = worker_.services().slot(conn.dest);
            server.tunnel = slot.tunnel;
            if (conn.method != ForwardMethod::nat) server.endpoint = slot.endpoint;
        }
        out_.server = server;
    }

    void tell_way(const Conn<F>& conn) noexcept {
        const WayAhead way = way_ahead<F>(worker_, conn, out_.direction);
        const IpAddress target = way_target(conn);
        Explanation::NextHop hop;
        hop.kind = way.kind;
        hop.fits = way.fits;
        if (way.kind == WayAhead::Kind::via) {
            const auto hash = flow_hash(worker_, conn, out_.direction);
            if (target.family() == Family::ipv4)
                tell_gateway<Ipv4>(hop, target.v4(), hash);
            else
                tell_gateway<Ipv6>(hop, target.v6(), hash);
        }
        if (way.next_hop != no_next_hop) {
            hop.resolved = true;
            const auto& l2 = worker_.network()[way.next_hop].l2;
            std::memcpy(&hop.mac, l2.data(), sizeof(hop.mac));
        }
        out_.next_hop = hop;
        out_.add(rule_of_way(hop));
        if (hop.kind == WayAhead::Kind::unreachable) out_.drop(DropReason::no_route);
        if (hop.kind == WayAhead::Kind::local && !may_stay<F>(worker_, conn, out_.direction)) {
            out_.add(Rule::may_not_stay);
            out_.drop(DropReason::martian);
        }
        if (hop.kind == WayAhead::Kind::via && hop.fits == 0) out_.drop(DropReason::tunnel_refused);
    }

    [[nodiscard]] static Rule rule_of_way(const Explanation::NextHop& hop) noexcept {
        if (hop.kind == WayAhead::Kind::local) return Rule::way_local;
        if (hop.kind == WayAhead::Kind::unreachable) return Rule::way_none;
        if (hop.fits == 0) return Rule::way_too_narrow;
        return hop.resolved ? Rule::way_known : Rule::way_unresolved;
    }

    /// As way_ahead() has it.
    [[nodiscard]] IpAddress way_target(const Conn<F>& conn) const noexcept {
        if (out_.direction == Direction::from_server) return conn.client;
        if (conn.method == ForwardMethod::bypass) return conn.virtual_address;
        return worker_.services().slot(conn.dest).endpoint.address;
    }

    template <class Outer>
    void tell_gateway(Explanation::NextHop& hop, const typename Outer::Address& target,
                      std::uint32_t hash) const noexcept {
        const Route<Outer> route = worker_.network().route<Outer>(target, hash);
        hop.ifindex = route.ifindex;
        hop.gateway = route.gateway;
    }

    WorkerState& worker_;
    const ExplainQuestion<F>& question_;
    const FlowTuple<F>& tuple_;
    Explanation out_;
};

}  // namespace

template <class F>
WorkerId explained_owner(const WorkerState& worker, const ExplainQuestion<F>& question) noexcept {
    const Concern why = concern<F>(worker, question);
    if (worker.shared.workers == 1 || why == Concern::none) return WorkerId();
    return owner_for<F>(*worker.shared.owner, why, question.tuple);
}

template <class F>
Explanation explain(WorkerState& worker, const ExplainQuestion<F>& question) noexcept {
    return Explainer<F>(worker, question).run();
}

template WorkerId explained_owner(const WorkerState&, const ExplainQuestion<Ipv4>&) noexcept;
template WorkerId explained_owner(const WorkerState&, const ExplainQuestion<Ipv6>&) noexcept;
template Explanation explain(WorkerState&, const ExplainQuestion<Ipv4>&) noexcept;
template Explanation explain(WorkerState&, const ExplainQuestion<Ipv6>&) noexcept;

}  // namespace shunt
