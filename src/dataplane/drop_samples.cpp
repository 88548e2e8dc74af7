// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/drop_samples.h"

#include <algorithm>
#include <bit>

namespace shunt {

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

}  // namespace

void DropSamples::write(Slot& slot, const rte_mbuf& packet, std::uint32_t origin) const noexcept {
    std::array<std::byte, DropSample::most_bytes> bytes{};
    const std::size_t captured = std::min<std::size_t>(packet.data_len, bytes.size());
    const auto* const from = rte_pktmbuf_mtod(&packet, const std::byte*);
    std::copy_n(from, captured, bytes.begin());
    const auto in_words = std::bit_cast<std::array<std::uint64_t, words>>(bytes);

    const std::uint32_t version = slot.version.load(relaxed);
    slot.version.store(version + 1, relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    slot.origin.store(origin, relaxed);
    slot.cycles.store(clock_, relaxed);
    slot.lengths.store(std::uint64_t{captured} << 32U | packet.pkt_len, relaxed);
    for (std::size_t i = 0; i < words; ++i) slot.bytes[i].store(in_words[i], relaxed);
    // Past an odd number and past 0, which says that nothing is here.
    slot.version.store(version + 2 != 0 ? version + 2 : 2, std::memory_order_release);
}

/// False when there is nothing, or when it changed meanwhile.
bool DropSamples::copy(const Slot& slot, DropSample& out) noexcept {
    const std::uint32_t version = slot.version.load(std::memory_order_acquire);
    if (version == 0 || version % 2 != 0) return false;
    const std::uint32_t origin = slot.origin.load(relaxed);
    const std::uint64_t lengths = slot.lengths.load(relaxed);
    out.cycles = slot.cycles.load(relaxed);
    std::array<std::uint64_t, words> in_words;
    for (std::size_t i = 0; i < words; ++i) in_words[i] = slot.bytes[i].load(relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (slot.version.load(relaxed) != version) return false;

    out.bytes = std::bit_cast<std::array<std::byte, DropSample::most_bytes>>(in_words);
    out.length = static_cast<std::uint32_t>(lengths);
    out.captured = static_cast<std::uint16_t>(lengths >> 32U);
    out.port.reset();
    if (origin != no_origin) out.port = PortId(static_cast<std::uint16_t>(origin / 2));
    out.twin = origin != no_origin && origin % 2 != 0;
    return true;
}

std::size_t DropSamples::read(DropReason reason, std::span<DropSample, kept> out) const noexcept {
    constexpr int attempts = 4;
    std::size_t count = 0;
    for (const Slot& slot : slots_[static_cast<std::size_t>(reason)])
        for (int i = 0; i < attempts; ++i)
            if (copy(slot, out[count])) {
                ++count;
                break;
            }
    return count;
}

}  // namespace shunt
