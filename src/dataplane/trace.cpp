// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/trace.h"

#include <rte_cycles.h>

#include "dataplane/icmp_relay.h"
#include "dataplane/pipeline.h"
#include "dataplane/watch.h"

namespace shunt {

namespace {

template <class F>
const Scheduler* scheduler_of(const WorkerState& worker, PortId port,
                              const Conn<F>& conn) noexcept {
    const Mark mark = worker.mark_of<F>(port, conn.tuple(Direction::from_client));
    const VirtualService* service =
        worker.services().find<F>(mark, conn.protocol, conn.virtual_address, conn.virtual_port);
    return service == nullptr ? nullptr : service->scheduler;
}

template <class F>
Endpoint server_of(const WorkerState& worker, const Conn<F>& conn) noexcept {
    if (conn.method == ForwardMethod::bypass) return {conn.virtual_address, conn.virtual_port};
    if (conn.method == ForwardMethod::nat) return {conn.real, conn.real_port};
    return worker.services().slot(conn.dest).endpoint;
}

template <class F>
TracedConn traced(const WorkerState& worker, const Claimed<F>& claim) noexcept {
    const Conn<F>& conn = *claim.conn;
    TracedConn out{.protocol = conn.protocol,
                   .state = conn.state,
                   .direction = claim.direction,
                   .method = conn.method,
                   .client = {conn.client, conn.client_port},
                   .virtual_service = {conn.virtual_address, conn.virtual_port},
                   .server = server_of<F>(worker, conn),
                   .scheduler = scheduler_of<F>(worker, claim.port, conn)};
    const NextHopIndex hop = conn.next_hop[static_cast<std::size_t>(claim.direction)];
    out.next_hop_known = conn.generation == worker.snapshot->generation && hop != no_next_hop;
    if (out.next_hop_known) out.next_hop = worker.network()[hop];
    return out;
}

/// Writes down what the stages say of one packet.
class Tracer {
  public:
    explicit Tracer(WorkerState& worker) noexcept : worker_(worker) {}

    void run(Batch& one) noexcept {
        pass_.taken_over = one.owner_known;
        const WorkerCounters& n = worker_.counters;
        const std::uint64_t dropped = n.all_dropped();
        const std::uint64_t held = n.held.value();
        const std::uint64_t joined = n.joined.value();
        const std::uint64_t generated = n.generated.value();
        const std::uint64_t split = n.split.value();
        Listener listener(*this, one);
        run_stages(worker_, one, listener);
        pass_.dropped = n.all_dropped() != dropped;
        pass_.held = n.held.value() != held;
        pass_.joined = n.joined.value() != joined;
        pass_.generated = n.generated.value() != generated;
        pass_.split =
            static_cast<std::uint8_t>(std::min<std::uint64_t>(n.split.value() - split, 255));
    }
    [[nodiscard]] const TracePass& pass() const noexcept { return pass_; }

  private:
    /// Between the stages.
    class Listener {
      public:
        Listener(Tracer& tracer, const Batch& one) noexcept : tracer_(tracer), meta_(one.meta[0]) {}

        void parsed(const ByFamily& families) noexcept {
            TracePass& pass = tracer_.pass_;
            pass.network = meta_.network;
            pass.fragment = meta_.fragment;
            pass.icmp_error = (!families.ipv4.empty() && is_relayed_error<Ipv4>(meta_)) ||
                              (!families.ipv6.empty() && is_relayed_error<Ipv6>(meta_));
            tracer_.add(TraceStage::parse, !families.ipv4.empty() || !families.ipv6.empty());
        }
        template <class F>
        void classified(const PlaceList& mine) noexcept {
            tracer_.pass_.fragment = meta_.fragment;
            tracer_.add(TraceStage::classify, !mine.empty());
        }
        template <class F>
        void looked_up(const PlaceList& mine, Claims<F> claimed) noexcept {
            if (!mine.empty()) tracer_.add_claims(TraceStage::lookup, claimed);
        }
        template <class F>
        void forwards(Claims<F> claimed) noexcept {
            state_before_ = claimed.empty() ? std::uint8_t{0} : claimed.begin()->conn->state;
            dropped_before_ = tracer_.worker_.counters.all_dropped();
        }
        template <class F>
        void forwarded(Claims<F> claimed, bool late) noexcept {
            if (claimed.empty()) return;
            if (TraceStep* step = tracer_.add_claims(TraceStage::advance, claimed)) {
                step->state_before = state_before_;
                step->again = late;
            }
            if (late) return;
            TraceStep* step = tracer_.add_claims(TraceStage::forward, claimed);
            if (step != nullptr)
                step->yes = tracer_.worker_.counters.all_dropped() == dropped_before_;
        }
        template <class F>
        void admitted(Claims<F> claimed) noexcept {
            tracer_.add_claims(TraceStage::admit, claimed);
        }

      private:
        Tracer& tracer_;
        const PacketMeta& meta_;
        std::uint8_t state_before_ = 0;
        std::uint64_t dropped_before_ = 0;
    };

    TraceStep* add(TraceStage stage, bool yes) noexcept {
        if (pass_.count == pass_.steps.size()) return nullptr;
        TraceStep& step = pass_.steps[pass_.count++];
        step.stage = stage;
        step.yes = yes;
        return &step;
    }
    template <class F>
    TraceStep* add_claims(TraceStage stage, Claims<F> claims) noexcept {
        TraceStep* step = add(stage, !claims.empty());
        if (step != nullptr && step->yes) step->conn = traced<F>(worker_, *claims.begin());
        return step;
    }

    WorkerState& worker_;
    TracePass pass_;
};

/// One packet of a burst as a burst of its own, or several that nobody watches.
void take(Batch& part, const Batch& from, std::uint16_t first, std::uint16_t count) noexcept {
    part.port = from.port;
    part.from_host = from.from_host;
    part.owner_known = from.owner_known;
    part.count = count;
    std::copy_n(from.packets.begin() + first, count, part.packets.begin());
}

}  // namespace

void run_traced(WorkerState& worker, Batch& batch) noexcept {
    Watch& watch = *worker.counters.watch;
    Batch part;
    for (std::uint16_t first = 0; first < batch.count;) {
        const std::uint32_t number = watch.number_of(batch.packets[first]);
        std::uint16_t end = static_cast<std::uint16_t>(first + 1);
        if (number != 0) {
            take(part, batch, first, 1);
            const std::uint64_t begin = rte_rdtsc();
            Tracer tracer(worker);
            tracer.run(part);
            watch.passed(number, begin, std::as_bytes(std::span(&tracer.pass(), 1)));
        } else {
            while (end < batch.count && !watch.watches(batch.packets[end])) ++end;
            take(part, batch, first, static_cast<std::uint16_t>(end - first));
            run_pipeline(worker, part);
        }
        first = end;
    }
}

}  // namespace shunt
