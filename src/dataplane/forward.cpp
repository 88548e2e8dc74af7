// SPDX-License-Identifier: BSD-3-Clause
// Stage 6: each packet to its connection's forwarding method.
#include "dataplane/app_hook.h"
#include "dataplane/forwarders.h"
#include "dataplane/host_path.h"
#include "dataplane/passage.h"
#include "dataplane/stages.h"

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

}  // namespace

template <class F>
void stage_forward(WorkerState& worker, Batch& batch, const ClaimedList<F>& claimed) noexcept {
    for (const Claimed<F>& claim : claimed) {
        rte_mbuf* packet = batch.packets[claim.place];
        PacketMeta& meta = batch.meta[claim.place];
        const ForwardMethod method = claim.conn->method;
        if (method != ForwardMethod::nat && claim.direction == Direction::from_server)
            [[unlikely]] {
            pass_by<F>(worker, batch, packet, meta);
            continue;
        }
        if (!meta.passed && !may_pass<F>(worker, packet, meta, claim)) [[unlikely]]
            continue;
        trim_padding(packet, meta);
        forward_by<F>(method, worker, packet, meta, claim);
    }
}

template void stage_forward(WorkerState&, Batch&, const ClaimedList<Ipv4>&) noexcept;
template void stage_forward(WorkerState&, Batch&, const ClaimedList<Ipv6>&) noexcept;

}  // namespace shunt
