// SPDX-License-Identifier: BSD-3-Clause
// Stages 5 and 6: each packet advances its connection, then goes by the connection's method.
#include "dataplane/advance.h"
#include "dataplane/app_hook.h"
#include "dataplane/forwarders.h"
#include "dataplane/host_path.h"
#include "dataplane/passage.h"
#include "dataplane/stages.h"
#include "dataplane/straight.h"

namespace shunt {

namespace {

template <class F>
void forward_by(ForwardMethod method, WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                const Claimed<F>& claim) noexcept {
    if (claim.conn->helped) [[unlikely]] {
        if (method == ForwardMethod::nat) return forward_helped<F>(worker, packet, meta, claim);
        watch_helped<F>(worker, packet, meta, claim);
    }
    switch (method) {
        case ForwardMethod::nat:
            return forward_nat<F>(worker, packet, meta, claim);
        case ForwardMethod::tunnel:
            return forward_tunnel<F>(worker, packet, meta, claim);
        case ForwardMethod::direct:
        case ForwardMethod::bypass:
            return forward_direct<F>(worker, packet, meta, claim);
    }
}

/// A packet that stage 5 has let pass.
template <class F>
void forward(WorkerState& worker, const Batch& batch, rte_mbuf* packet, PacketMeta& meta,
             const Claimed<F>& claim) noexcept {
    const ForwardMethod method = claim.conn->method;
    if (method != ForwardMethod::nat && claim.direction == Direction::from_server) [[unlikely]]
        return pass_by<F>(worker, batch, packet, meta);
    if (!meta.passed && !may_pass<F>(worker, packet, meta, claim)) [[unlikely]]
        return;
    trim_padding(packet, meta);
    forward_by<F>(method, worker, packet, meta, claim);
}

}  // namespace

template <class F>
void stage_forward(WorkerState& worker, Batch& batch, const ClaimedList<F>& claimed,
                   PlaceList& late) noexcept {
    StraightWay<F> straight(worker, batch);
    std::size_t served = claimed.size();
    for (const Claimed<F>& claim : claimed) {
        rte_mbuf* packet = batch.packets[claim.place];
        PacketMeta& meta = batch.meta[claim.place];
        if (straight.takes(packet, meta, claim)) [[likely]]
            continue;
        const Progress progress = advance<F>(worker, batch, claim);
        if (progress == Progress::goes_on)
            forward<F>(worker, batch, packet, meta, claim);
        else
            --served;
        if (progress == Progress::late) {
            const std::uint32_t hash = worker.conns<F>().hash(meta.tuple<F>());
            worker.conns<F>().look_again(hash);
            batch.hashes[claim.place] = hash;
            late.push(claim.place);
        }
    }
    worker.newcomers.served(served);
}

template <class F>
bool forward_one(WorkerState& worker, Batch& batch, const Claimed<F>& claim) noexcept {
    if (StraightWay<F>(worker, batch)
            .takes(batch.packets[claim.place], batch.meta[claim.place], claim)) {
        worker.newcomers.served(1);
        return true;
    }
    const Progress progress = advance<F>(worker, batch, claim);
    if (progress == Progress::goes_on) {
        worker.newcomers.served(1);
        forward<F>(worker, batch, batch.packets[claim.place], batch.meta[claim.place], claim);
    }
    return progress != Progress::late;
}

template void stage_forward(WorkerState&, Batch&, const ClaimedList<Ipv4>&, PlaceList&) noexcept;
template void stage_forward(WorkerState&, Batch&, const ClaimedList<Ipv6>&, PlaceList&) noexcept;
template bool forward_one(WorkerState&, Batch&, const Claimed<Ipv4>&) noexcept;
template bool forward_one(WorkerState&, Batch&, const Claimed<Ipv6>&) noexcept;

}  // namespace shunt
