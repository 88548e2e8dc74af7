// SPDX-License-Identifier: BSD-3-Clause
// Stage 2: is this packet any of the pipeline's business, and whose?
#include "dataplane/host_path.h"
#include "dataplane/stages.h"

namespace shunt {

namespace {

/// The client's endpoint in a packet of some service, or nothing when it is neither to a virtual
/// address nor from a real server.
template <class F>
struct Client {
    typename F::Address address;
    L4Port port;
};

template <class F>
std::optional<Client<F>> client_of(const ServiceTable& services,
                                   const FlowTuple<F>& tuple) noexcept {
    if (services.is_virtual<F>(tuple.destination))
        return Client<F>{tuple.source, tuple.source_port};
    if (services.is_real<F>(tuple.source, tuple.source_port))
        return Client<F>{tuple.destination, tuple.destination_port};
    return std::nullopt;
}

bool balanced(Protocol protocol) noexcept {
    return protocol == Protocol::tcp || protocol == Protocol::udp;
}

/// May a frame be for the host's network layer? Frames of a burst mostly have one destination, so
/// the last one that was accepted is compared first.
class Acceptance {
  public:
    Acceptance(const WorkerState& worker, PortId port) noexcept : worker_(worker), port_(port) {}

    bool operator()(const PacketMeta& meta) noexcept {
        if (last_ != nullptr && meta.destination_mac.number() == last_->destination_mac.number() &&
            meta.vlan == last_->vlan && !meta.stacked_tags)
            return true;
        if (!accepts(meta)) return false;
        last_ = &meta;
        return true;
    }

  private:
    [[nodiscard]] bool accepts(const PacketMeta& meta) const noexcept {
        return !meta.to_group && !meta.stacked_tags &&
               worker_.network().accepts(port_, meta.vlan, meta.destination_mac);
    }

    const WorkerState& worker_;
    PortId port_;
    const PacketMeta* last_ = nullptr;
};

/// A fragment tells too little to be translated, and may not pass untranslated. Only the first one
/// has ports; the others are judged by their addresses.
template <class F>
void dispose_of_fragment(WorkerState& worker, PortId port, rte_mbuf* packet,
                         const PacketMeta& meta) noexcept {
    const ServiceTable& services = worker.services();
    const auto& tuple = meta.tuple<F>();
    const bool concerned = meta.has_ports ? client_of<F>(services, tuple).has_value()
                                          : services.is_virtual<F>(tuple.destination) ||
                                                services.is_real_address<F>(tuple.source);
    if (concerned)
        worker.drop(packet, DropReason::fragment);
    else
        send_to_host(worker, port, packet);
}

}  // namespace

template <class F>
PlaceList stage_classify(WorkerState& worker, Batch& batch, const PlaceList& places) noexcept {
    const bool several = worker.shared.workers > 1 && !batch.owner_known;
    Acceptance accepts(worker, batch.port);
    PlaceList mine;
    for (const auto place : places) {
        rte_mbuf* packet = batch.packets[place];
        const PacketMeta& meta = batch.meta[place];
        const auto& tuple = meta.tuple<F>();
        const bool whole = meta.fragment == FragmentKind::none;
        if (!accepts(meta) || !balanced(tuple.protocol)) {
            send_to_host(worker, batch.port, packet);
            continue;
        }
        if (!whole) {
            dispose_of_fragment<F>(worker, batch.port, packet, meta);
            continue;
        }
        if (!several) {
            mine.push(place);
            continue;
        }
        const auto client = client_of<F>(worker.services(), tuple);
        if (!client) {
            send_to_host(worker, batch.port, packet);
        } else if (const auto owner = worker.shared.owner->owner<F>(client->address, client->port);
                   owner != worker.id) {
            worker.handoff.give(owner, packet, batch.port);
        } else {
            mine.push(place);
        }
    }
    return mine;
}

template PlaceList stage_classify<Ipv4>(WorkerState&, Batch&, const PlaceList&) noexcept;
template PlaceList stage_classify<Ipv6>(WorkerState&, Batch&, const PlaceList&) noexcept;

}  // namespace shunt
