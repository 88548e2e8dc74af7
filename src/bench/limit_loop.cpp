// SPDX-License-Identifier: BSD-3-Clause
#include "bench/limit_loop.h"

#include <emmintrin.h>
#include <rte_ethdev.h>
#include <rte_hash_crc.h>

#include <bit>

#include "bench/lab.h"
#include "bench/traffic_source.h"
#include "net/checksum.h"
#include "net/view.h"

namespace shunt::bench {

namespace {

constexpr std::uint32_t no_entry = 0xFFFFFFFF;
constexpr std::size_t load_percent = 70;
constexpr std::uint16_t ahead = 8;
constexpr std::size_t l3 = sizeof(EthernetHeader);
constexpr std::size_t l4 = l3 + sizeof(Ipv4Header);
constexpr std::size_t headers = l4 + sizeof(TcpHeader);

using Bucket = LimitTable::Bucket;
using Entry = LimitTable::Entry;
using Key = LimitTable::Key;

std::size_t buckets_for(std::uint32_t flows) {
    return std::bit_ceil(std::size_t{flows} * 100 / load_percent / LimitTable::places + 1);
}

std::uint32_t hash_of(const Key& key) noexcept {
    return rte_hash_crc_8byte(key[1], rte_hash_crc_8byte(key[0], 0x5EED));
}

std::uint16_t tag_of(std::uint32_t hash) noexcept {
    return static_cast<std::uint16_t>((hash >> 16) | 1U);
}

bool same(const Key& a, const Key& b) noexcept {
    return a[0] == b[0] && a[1] == b[1];
}

std::span<std::byte, headers> headers_of(const rte_mbuf* packet) noexcept {
    return std::span<std::byte, headers>(rte_pktmbuf_mtod(packet, std::byte*), headers);
}

/// One bit for each place of the bucket that has the tag.
unsigned places_of(const Bucket& bucket, std::uint16_t tag) noexcept {
    const auto line = _mm_load_si128(reinterpret_cast<const __m128i*>(bucket.tags.data()));
    const auto equal = _mm_cmpeq_epi16(line, _mm_set1_epi16(static_cast<short>(tag)));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
}

/// False for what the loop does not forward.
bool read_key(const rte_mbuf* packet, Key& key) noexcept {
    const auto frame = headers_of(packet);
    const auto type = load<Be16, offsetof(EthernetHeader, type)>(frame);
    const auto version = load<std::uint8_t, l3 + offsetof(Ipv4Header, version_length)>(frame);
    const auto fragment = load<Be16, l3 + offsetof(Ipv4Header, fragment)>(frame);
    const auto ttl = load<std::uint8_t, l3 + offsetof(Ipv4Header, ttl)>(frame);
    const auto protocol = load<std::uint8_t, l3 + offsetof(Ipv4Header, protocol)>(frame);
    constexpr std::uint16_t fragmented = Ipv4Header::more_fragments | Ipv4Header::offset_mask;
    if (type != Be16(static_cast<std::uint16_t>(EtherType::ipv4)) || version != 0x45 ||
        (fragment.raw() & Be16(fragmented).raw()) != 0 ||
        protocol != static_cast<std::uint8_t>(Protocol::tcp) || ttl < 2) [[unlikely]]
        return false;
    const auto addresses = load<BigEndian<std::uint64_t>, l3 + offsetof(Ipv4Header, source)>(frame);
    const auto ports = load<Be32, l4 + offsetof(TcpHeader, source)>(frame);
    key = {addresses.raw(), ports.raw() | std::uint64_t{protocol} << 32};
    return true;
}

std::uint32_t first_candidate(const Bucket& bucket, std::uint32_t hash) noexcept {
    const unsigned match = places_of(bucket, tag_of(hash));
    if (match == 0) [[unlikely]]
        return no_entry;
    return bucket.entries[static_cast<std::size_t>(std::countr_zero(match))];
}

void rewrite(const rte_mbuf* packet, const Entry& entry,
             const std::array<std::byte, 12>& link) noexcept {
    const auto frame = headers_of(packet);
    const auto address = load<Ipv4Address, l3 + offsetof(Ipv4Header, destination)>(frame);
    const auto port = load<L4Port, l4 + offsetof(TcpHeader, destination)>(frame);
    const auto life = load<std::array<std::uint8_t, 2>, l3 + offsetof(Ipv4Header, ttl)>(frame);
    auto less = life;
    --less[0];
    const auto moved = ChecksumDelta::replace(address, entry.server);
    const auto l3_delta = moved + ChecksumDelta::replace(life, less);
    const auto l4_delta = moved + ChecksumDelta::replace(port, entry.port);
    constexpr std::size_t l3_checksum = l3 + offsetof(Ipv4Header, checksum);
    constexpr std::size_t l4_checksum = l4 + offsetof(TcpHeader, checksum);
    store<0>(frame, link);
    store<l3 + offsetof(Ipv4Header, destination)>(frame, entry.server);
    store<l4 + offsetof(TcpHeader, destination)>(frame, entry.port);
    store<l3 + offsetof(Ipv4Header, ttl)>(frame, less);
    store<l3_checksum>(frame, l3_delta.apply(load<std::uint16_t, l3_checksum>(frame)));
    store<l4_checksum>(frame, l4_delta.apply(load<std::uint16_t, l4_checksum>(frame)));
}

}  // namespace

LimitLoop::LimitLoop(std::uint32_t flows)
    : bucket_mask_(buckets_for(flows) - 1), buckets_(bucket_mask_ + 1), entries_(flows) {
    // Entries in an order that has nothing to do with the flows' numbers.
    PageArray<std::uint32_t> order(flows);
    Random random;
    for (std::uint32_t i = 0; i < flows; ++i) {
        const auto other = static_cast<std::uint32_t>(random.next() % (i + 1));
        order[i] = order[other];
        order[other] = i;
    }
    for (std::uint32_t flow = 0; flow < flows; ++flow) file(flow, order[flow]);
    for (unsigned i = 0; i < links_.size(); ++i) {
        const std::span link(links_[i]);
        store<0>(link, server_mac(i));
        store<sizeof(MacAddress)>(link, balancer_mac);
    }
}

void LimitLoop::file(std::uint32_t flow, std::uint32_t index) noexcept {
    const Client client = client_of(flow);
    const unsigned server = flow % server_count;
    Entry& entry = entries_[index];
    const FlowTuple<Ipv4> tuple{.source = client_address<Ipv4>(client),
                                .destination = virtual_address<Ipv4>(),
                                .source_port = client.port,
                                .destination_port = service_port,
                                .protocol = Protocol::tcp};
    static_assert(sizeof(tuple) == sizeof(entry.key));
    std::memcpy(entry.key.data(), &tuple, sizeof(tuple));
    entry.server = server_address<Ipv4>(server);
    entry.port = server_port;
    entry.link = static_cast<std::uint16_t>(server);
    const std::uint32_t h = hash_of(entry.key);
    std::size_t at = home(h);
    unsigned free = places_of(buckets_[at], 0);
    while (free == 0) {
        at = (at + 1) & bucket_mask_;
        free = places_of(buckets_[at], 0);
    }
    const auto place = static_cast<std::size_t>(std::countr_zero(free));
    buckets_[at].tags[place] = tag_of(h);
    buckets_[at].entries[place] = index;
}

LimitLoop::Entry* LimitLoop::search(const Sought& sought) noexcept {
    for (std::size_t at = home(sought.hash);; at = (at + 1) & bucket_mask_) {
        const Bucket& bucket = buckets_[at];
        for (unsigned m = places_of(bucket, tag_of(sought.hash)); m != 0; m &= m - 1) {
            Entry& entry = entries_[bucket.entries[static_cast<std::size_t>(std::countr_zero(m))]];
            if (same(entry.key, sought.key)) return &entry;
        }
        if (places_of(bucket, 0) != 0) return nullptr;
    }
}

void LimitLoop::iterate(LoopDevice& device) noexcept {
    std::array<rte_mbuf*, burst_size> packets;
    std::array<Sought, burst_size> sought;
    const std::uint16_t n = rte_eth_rx_burst(device.ethdev(), 0, packets.data(), burst_size);
    ++now_;
    for (std::uint16_t i = 0; i < n && i < ahead; ++i)
        rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
    for (std::uint16_t i = 0; i < n; ++i) {
        if (i + ahead < n) rte_prefetch0(rte_pktmbuf_mtod(packets[i + ahead], void*));
        if (!read_key(packets[i], sought[i].key)) [[unlikely]]
            ++faults_;
        sought[i].hash = hash_of(sought[i].key);
        __builtin_prefetch(&buckets_[home(sought[i].hash)]);
    }
    for (std::uint16_t i = 0; i < n; ++i) {
        sought[i].entry = first_candidate(buckets_[home(sought[i].hash)], sought[i].hash);
        if (sought[i].entry != no_entry) [[likely]]
            __builtin_prefetch(&entries_[sought[i].entry], 1);
    }
    for (std::uint16_t i = 0; i < n; ++i) {
        Entry* entry = sought[i].entry != no_entry ? &entries_[sought[i].entry] : nullptr;
        if (entry == nullptr || !same(entry->key, sought[i].key)) [[unlikely]]
            entry = search(sought[i]);
        if (entry == nullptr) [[unlikely]] {
            ++faults_;
            continue;
        }
        rewrite(packets[i], *entry, links_[entry->link]);
        entry->last_seen = now_;
        ++entry->packets;
        entry->bytes += packets[i]->pkt_len;
    }
    faults_ += n - rte_eth_tx_burst(device.ethdev(), 0, packets.data(), n);
}

}  // namespace shunt::bench
