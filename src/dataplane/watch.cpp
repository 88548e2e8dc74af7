// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/watch.h"

#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/batch.h"
#include "dataplane/trace.h"
#include "dataplane/watch_mark.h"

namespace shunt {

namespace {

/// Does a packet begin with its network header, as those do that were to be routed? Frames have
/// another length than their first bytes would say then.
bool is_bare(PacketReader bytes, std::uint32_t length) noexcept {
    const auto first = bytes.read<std::uint8_t>(0);
    if (!first) return false;
    if (*first >> 4 == 4) {
        const auto header = bytes.read<Ipv4Header>(0);
        return header && header->total_length.value() == length;
    }
    const auto header = bytes.read<Ipv6Header>(0);
    return *first >> 4 == 6 && header &&
           header->payload_length.value() + sizeof(Ipv6Header) == length;
}

constexpr std::uint32_t addresses = 2 * sizeof(MacAddress);

/// Copies the first bytes of a packet, and puts back a VLAN tag that the device took out. Returns
/// how many there are.
std::uint32_t copy_frame(const rte_mbuf* packet, bool tag, std::span<std::byte> out) noexcept {
    const std::uint32_t added = tag ? sizeof(VlanTag) : 0;
    const auto size =
        std::min<std::uint32_t>(packet->pkt_len + added, static_cast<std::uint32_t>(out.size()));
    const std::uint32_t head = tag ? std::min(size, addresses) : size;
    const auto copy = [&](std::uint32_t from, std::span<std::byte> to) noexcept {
        const void* bytes =
            rte_pktmbuf_read(packet, from, static_cast<std::uint32_t>(to.size()), to.data());
        if (bytes != nullptr && bytes != to.data()) std::memcpy(to.data(), bytes, to.size());
    };
    copy(0, out.first(head));
    if (size <= head) return size;
    const std::array inserted{Be16(static_cast<std::uint16_t>(EtherType::vlan)),
                              Be16(packet->vlan_tci)};
    const auto here = std::min(added, size - head);
    std::memcpy(out.data() + head, inserted.data(), here);
    copy(head, out.subspan(head + here, size - head - here));
    return size;
}

bool has_no_tag_in_it(const rte_mbuf* packet) noexcept {
    return (packet->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 && packet->pkt_len >= addresses;
}

}  // namespace

bool register_watch_mark() noexcept {
    constexpr rte_mbuf_dynflag flag{.name = "shunt_watch", .flags = 0};
    constexpr rte_mbuf_dynfield field{.name = "shunt_watch_number",
                                      .size = sizeof(std::uint32_t),
                                      .align = alignof(std::uint32_t),
                                      .flags = 0};
    const int bit = rte_mbuf_dynflag_register(&flag);
    const int offset = rte_mbuf_dynfield_register(&field);
    if (bit < 0 || offset < 0) return false;
    watch_mark_place.field.store(offset, std::memory_order_relaxed);
    watch_mark_place.flag.store(std::uint64_t{1} << bit, std::memory_order_relaxed);
    return true;
}

void note_drop(Watch& watch, const rte_mbuf* packet, DropReason reason) noexcept {
    watch.dropped(packet, reason);
}

Watch::Watch(WatchOrder& order, WorkerId worker, std::uint32_t records)
    : order_(order),
      worker_(worker),
      ring_(records,
            order.traces ? std::max<std::uint32_t>(order.snap, sizeof(TracePass)) : order.snap) {}

std::uint32_t Watch::number_of(const rte_mbuf* packet) const noexcept {
    const std::uint32_t number = watch_mark(packet);
    return number >> 24 == order_.session ? number : 0;
}

std::uint32_t Watch::next_number() noexcept {
    if (!order_.dropped_only &&
        order_.matched.fetch_add(1, std::memory_order_relaxed) >= order_.packets)
        return 0;
    std::uint32_t number = 0;
    while (number == 0)
        number = watch_number(order_.numbered.fetch_add(1, std::memory_order_relaxed) + 1);
    return std::uint32_t{order_.session} << 24 | number;
}

std::uint32_t Watch::number_if_matching(DeviceIndex by, const rte_mbuf* packet) noexcept {
    constexpr std::uint32_t most_headers = 512;
    if (order_.exhausted() || (order_.worker && *order_.worker != worker_) ||
        (order_.port && order_.port->value() != by.value / 2))
        return 0;
    std::array<std::byte, most_headers> scratch;
    const auto size = std::min(packet->pkt_len, most_headers);
    const void* bytes = rte_pktmbuf_read(packet, 0, size, scratch.data());
    const PacketReader frame(std::span(static_cast<const std::byte*>(bytes), size));
    return order_.filter.matches(frame, packet->pkt_len) ? next_number() : 0;
}

WatchRecord* Watch::record(WatchEvent event, std::uint32_t number) noexcept {
    WatchRecord* record = ring_.next();
    if (record == nullptr) {
        lost_.add();
        return nullptr;
    }
    record->tsc = rte_rdtsc();
    record->event = event;
    record->number = number;
    return record;
}

WatchRecord* Watch::record_packet(WatchEvent event, std::uint32_t number,
                                  const rte_mbuf* packet) noexcept {
    WatchRecord* r = record(event, number);
    if (r == nullptr) return nullptr;
    const bool tag = event == WatchEvent::arrived && has_no_tag_in_it(packet);
    const std::span room(WatchRing::bytes_of(*r), order_.snap);
    r->buffer = packet;
    r->length = packet->pkt_len + (tag ? static_cast<std::uint32_t>(sizeof(VlanTag)) : 0U);
    r->captured = static_cast<std::uint16_t>(copy_frame(packet, tag, room));
    ring_.keep();
    return r;
}

void Watch::arrived(DeviceIndex by, std::span<rte_mbuf*> packets) noexcept {
    for (rte_mbuf* packet : packets) {
        const std::uint32_t number = number_if_matching(by, packet);
        set_watch_mark(packet, number);
        if (number == 0) continue;
        if (WatchRecord* r = record_packet(WatchEvent::arrived, number, packet)) r->device = by;
    }
}

void Watch::leaving(DeviceIndex by, std::span<rte_mbuf*> packets) noexcept {
    for (rte_mbuf* packet : packets) {
        std::uint32_t number = number_of(packet);
        if (number == 0) {
            number = number_if_matching(by, packet);
            if (number == 0) continue;
            set_watch_mark(packet, number);
        }
        if (WatchRecord* r = record_packet(WatchEvent::left, number, packet)) r->device = by;
    }
}

void Watch::handed(WorkerId to, std::span<rte_mbuf*> packets) noexcept {
    if (!order_.traces) return;
    for (const rte_mbuf* packet : packets) {
        const std::uint32_t number = number_of(packet);
        WatchRecord* r = number == 0 ? nullptr : record(WatchEvent::handed, number);
        if (r == nullptr) continue;
        r->to = to;
        ring_.keep();
    }
}

void Watch::dropped(const rte_mbuf* packet, DropReason reason) noexcept {
    const std::uint32_t number = number_of(packet);
    if (number == 0) return;
    bool noted = false;
    if (!order_.traces)
        ring_.find_latest([&](WatchRecord& r) noexcept {
            noted = r.number == number && r.buffer == packet;
            if (noted) r.reason = static_cast<std::uint8_t>(reason);
            return noted;
        });
    if (noted) return;
    WatchRecord* r = record_packet(WatchEvent::dropped, number, packet);
    if (r == nullptr) return;
    r->reason = static_cast<std::uint8_t>(reason);
    r->bare = is_bare(PacketReader(std::span(WatchRing::bytes_of(*r), r->captured)), r->length);
}

void Watch::passed(std::uint32_t number, std::uint64_t tsc,
                   std::span<const std::byte> decisions) noexcept {
    WatchRecord* r = record(WatchEvent::passed, number);
    if (r == nullptr) return;
    r->tsc = tsc;
    r->captured = static_cast<std::uint16_t>(decisions.size());
    std::memcpy(WatchRing::bytes_of(*r), decisions.data(), decisions.size());
    ring_.keep();
}

void Watch::publish() noexcept {
    if (order_.dropped_only)
        ring_.retain([&](const WatchRecord& r) noexcept {
            return r.was_dropped() &&
                   order_.matched.fetch_add(1, std::memory_order_relaxed) < order_.packets;
        });
    ring_.publish();
}

}  // namespace shunt
