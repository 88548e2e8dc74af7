// SPDX-License-Identifier: BSD-3-Clause
// Stage 2: is this packet any of the pipeline's business, and whose? Fragments are put together
// first, ICMP errors are judged by the packet that they quote.
#include "dataplane/concern.h"
#include "dataplane/forwarders.h"
#include "dataplane/host_path.h"
#include "dataplane/icmp_relay.h"
#include "dataplane/stages.h"

namespace shunt {

namespace {

bool balanced(Protocol protocol) noexcept {
    return protocol == Protocol::tcp || protocol == Protocol::udp || protocol == Protocol::sctp;
}

bool ipsec(Protocol protocol) noexcept {
    return protocol == Protocol::esp || protocol == Protocol::ah;
}

/// May a frame be for the host's network layer?
[[gnu::noinline]] bool accepts(const WorkerState& worker, PortId port,
                               const PacketMeta& meta) noexcept {
    return !meta.to_group && !meta.stacked_tags &&
           worker.network().accepts(port, meta.vlan, meta.destination_mac);
}

/// The packets of a burst on their way through this stage.
template <class F>
class Classifier {
  public:
    Classifier(WorkerState& worker, Batch& batch) noexcept : worker_(worker), batch_(batch) {}

    PlaceList run(const PlaceList& places) noexcept {
        if (all_mine(places)) [[likely]]
            return places;
        for (const auto place : places) {
            const PacketMeta& meta = batch_.meta[place];
            if (!batch_.from_host && !accepts(worker_, batch_.port, meta))
                pass_by(worker_, batch_, batch_.packets[place]);
            else if (meta.fragment == FragmentKind::none || meta.fragment == FragmentKind::joined)
                [[likely]]
                sort(place, batch_.owner_known);
            else
                join(place);
        }
        return mine_;
    }

  private:
    /// Are all of them plain frames for this host, which no other worker could own?
    [[nodiscard]] bool all_mine(const PlaceList& places) const noexcept {
        if (worker_.shared.workers != 1 && !batch_.owner_known) return false;
        // Frames of a burst mostly have one destination, so the last one is kept.
        std::uint64_t accepted = no_mac;
        for (const auto place : places) {
            const PacketMeta& meta = batch_.meta[place];
            if (!meta.plain) return false;
            const std::uint64_t mac = meta.destination_mac.number();
            if (mac == accepted) [[likely]]
                continue;
            if (!accepts(worker_, batch_.port, meta)) return false;
            accepted = mac;
        }
        return true;
    }

    /// `owned`: this worker is known to be the owner.
    void sort(std::uint8_t place, bool owned) noexcept {
        PacketMeta& meta = batch_.meta[place];
        if (balanced(meta.tuple<F>().protocol)) [[likely]]
            sort_flow(place, owned);
        else if (ipsec(meta.tuple<F>().protocol))
            sort_ipsec(place, owned);
        else if (is_relayed_error<F>(meta))
            sort_error(place, owned);
        else if (is_cut_icmp(meta) && concerns_addresses(meta.tuple<F>()))
            worker_.drop(batch_.packets[place], DropReason::l4_bad_header);
        else
            leave(place);
    }

    /// Does it end within its ICMP header? Then nobody can say that it is no error.
    [[nodiscard]] static bool is_cut_icmp(const PacketMeta& meta) noexcept {
        return meta.tuple<F>().protocol == F::icmp && meta.icmp_type == no_icmp_type;
    }

    /// May it belong to a service, as far as the addresses tell?
    [[nodiscard]] bool concerns_addresses(const FlowTuple<F>& tuple) const noexcept {
        const ServiceTable& services = worker_.services();
        return services.is_virtual<F>(tuple.destination) ||
               services.is_real_address<F>(tuple.source);
    }

    void sort_flow(std::uint8_t place, bool owned) noexcept {
        if (worker_.shared.workers == 1 || owned) {
            mine_.push(place);
            return;
        }
        const auto owner = owner_of(batch_.meta[place].tuple<F>());
        if (!owner)
            leave(place);
        else if (*owner == worker_.id)
            mine_.push(place);
        else
            hand_off(place, *owner);
    }

    /// ESP and AH follow the key exchange of the same two hosts, UDP from port 500 to port 500
    /// (ipvs-behaviour 1.4).
    void sort_ipsec(std::uint8_t place, bool owned) noexcept {
        constexpr L4Port isakmp{std::uint16_t{500}};
        auto& tuple = batch_.meta[place].tuple<F>();
        tuple.source_port = tuple.destination_port = isakmp;
        tuple.protocol = Protocol::udp;
        sort_flow(place, owned);
    }

    void sort_error(std::uint8_t place, bool owned) noexcept {
        rte_mbuf* packet = batch_.packets[place];
        PacketMeta& meta = batch_.meta[place];
        const auto subject = error_subject<F>(worker_, packet, meta);
        if (!subject) {
            leave(place);
            return;
        }
        const auto owner =
            worker_.shared.workers == 1 || owned
                ? std::optional(worker_.id)
                : std::visit([&](const auto& tuple) { return owner_of(tuple); }, subject->tuple);
        if (!owner)
            leave(place);
        else if (*owner == worker_.id)
            relay_icmp_error<F>(worker_, batch_, packet, meta, *subject);
        else
            hand_off(place, *owner);
    }

    /// The owner of a packet of some service; nothing when it is neither to nor from a virtual
    /// address nor from a real server.
    template <class Flow>
    std::optional<WorkerId> owner_of(const FlowTuple<Flow>& tuple) const noexcept {
        const Concern concern = concern_of<Flow>(
            worker_, tuple, [&] { return worker_.mark_of<Flow>(batch_.port, tuple); });
        if (concern == Concern::none) return std::nullopt;
        return owner_for<Flow>(*worker_.shared.owner, concern, tuple);
    }

    /// A fragment of what may be a packet of a service. Only the first one has ports, so all are
    /// judged by their addresses, and all of one sender meet at one worker.
    void join(std::uint8_t place) noexcept {
        const auto& tuple = batch_.meta[place].tuple<F>();
        const MarkRules* marks = worker_.snapshot->marks.get();
        const bool concerned = concerns_addresses(tuple) || (marks != nullptr && marks->any<F>());
        if (!concerned) {
            leave(place);
            return;
        }
        const auto owner = worker_.shared.owner->owner<F>(tuple.source, L4Port{});
        if (worker_.shared.workers > 1 && owner != worker_.id) {
            hand_off(place, owner);
            return;
        }
        const auto whole =
            worker_.fragments<F>().add(batch_.packets[place], batch_.meta[place], worker_.now);
        if (whole) take_whole(place, whole->packet, whole->largest);
    }

    void take_whole(std::uint8_t place, rte_mbuf* packet, std::uint16_t largest) noexcept {
        PacketMeta& meta = batch_.meta[place];
        const bool passed = meta.passed;
        batch_.packets[place] = packet;
        if (const auto refused = parse_packet(batch_.packets[place], meta)) {
            worker_.drop(batch_.packets[place], *refused);
        } else if (meta.fragment != FragmentKind::none) {  // one within another
            worker_.drop(batch_.packets[place], DropReason::fragment_bad);
        } else {
            meta.fragment = FragmentKind::joined;
            meta.passed = passed;
            set_largest_fragment(batch_.packets[place], largest);
            sort(place, false);
        }
    }

    void hand_off(std::uint8_t place, WorkerId owner) noexcept {
        rte_mbuf* packet = batch_.packets[place];
        if (batch_.meta[place].fragment != FragmentKind::joined) set_largest_fragment(packet, 0);
        worker_.handoff.give(owner, packet, {batch_.port, batch_.from_host});
    }

    void leave(std::uint8_t place) noexcept {
        pass_by<F>(worker_, batch_, batch_.packets[place], batch_.meta[place]);
    }

    static constexpr std::uint64_t no_mac = ~std::uint64_t{0};

    WorkerState& worker_;
    Batch& batch_;
    PlaceList mine_;
};

}  // namespace

template <class F>
PlaceList stage_classify(WorkerState& worker, Batch& batch, const PlaceList& places) noexcept {
    return Classifier<F>(worker, batch).run(places);
}

template PlaceList stage_classify<Ipv4>(WorkerState&, Batch&, const PlaceList&) noexcept;
template PlaceList stage_classify<Ipv6>(WorkerState&, Batch&, const PlaceList&) noexcept;

}  // namespace shunt
