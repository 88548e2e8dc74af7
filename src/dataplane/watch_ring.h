// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What one worker tells about watched packets: records of one size in a ring. One producer, the
// worker; one consumer, the control thread. All memory is taken and touched at construction.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "base/drop_reason.h"
#include "dataplane/transmitter.h"

namespace shunt {

enum class WatchEvent : std::uint8_t {
    arrived,  ///< received by `device`
    left,     ///< given to `device` for transmission
    handed,   ///< given to the worker `to`
    dropped,  ///< and no record of this moment stands in the ring that could say so
    passed,   ///< went through the stages: its bytes are a TracePass
};

/// Its bytes stand behind it.
struct WatchRecord {
    static constexpr std::uint8_t no_reason = 0xFF;

    std::uint64_t tsc = 0;
    const rte_mbuf* buffer = nullptr;  ///< the worker's, while the record is not published
    std::uint32_t number = 0;          ///< of the packet's mark
    std::uint32_t length = 0;          ///< of the frame, in bytes
    std::uint16_t captured = 0;        ///< bytes that stand behind the record
    DeviceIndex device{};
    WorkerId to{};
    WatchEvent event = WatchEvent::arrived;
    std::uint8_t reason = no_reason;  ///< a DropReason: the packet of this record was dropped
    bool bare = false;                ///< the bytes begin with the network header

    [[nodiscard]] bool was_dropped() const noexcept { return reason != no_reason; }
};

class WatchRing {
  public:
    /// `records` is a power of two; `bytes` is what a record has room for. Throws std::bad_alloc.
    WatchRing(std::uint32_t records, std::uint32_t bytes)
        : mask_(records - 1),
          room_(bytes),
          stride_((sizeof(WatchRecord) + bytes + 63) / 64 * 64),
          memory_(std::make_unique<std::byte[]>(std::size_t{records} * stride_)) {}

    // Thread: the worker's.

    /// A place for a record behind the unpublished ones; null when the ring is full.
    [[nodiscard]] WatchRecord* next() noexcept {
        if (written_ - taken_.load(std::memory_order_acquire) > mask_) return nullptr;
        return new (at(written_)) WatchRecord;
    }
    /// Keeps what next() gave.
    void keep() noexcept { ++written_; }
    [[nodiscard]] std::uint32_t room() const noexcept { return room_; }
    /// Looks at the unpublished records, the latest first, until `found` says true.
    template <class Fn>
    void find_latest(Fn&& found) noexcept {
        const std::uint32_t published = published_.load(std::memory_order_relaxed);
        for (std::uint32_t i = written_; i != published; --i)
            if (found(*record(i - 1))) return;
    }
    /// Lets go of the unpublished records that are not `wanted`.
    template <class Fn>
    void retain(Fn&& wanted) noexcept {
        std::uint32_t to = published_.load(std::memory_order_relaxed);
        for (std::uint32_t i = to; i != written_; ++i) {
            if (!wanted(*record(i))) continue;
            if (to != i) std::memcpy(at(to), at(i), stride_);
            ++to;
        }
        written_ = to;
    }
    void publish() noexcept { published_.store(written_, std::memory_order_release); }

    // Thread: control.

    /// Calls `fn(record, bytes)` for published records until it says false, which leaves that one.
    template <class Fn>
    void take(Fn&& fn) {
        std::uint32_t i = taken_.load(std::memory_order_relaxed);
        const std::uint32_t published = published_.load(std::memory_order_acquire);
        for (; i != published; ++i) {
            const WatchRecord& r = *record(i);
            if (!fn(r, std::span<const std::byte>(at(i) + sizeof(WatchRecord), r.captured))) break;
        }
        taken_.store(i, std::memory_order_release);
    }

    // Thread: that of whoever has the record.
    [[nodiscard]] static std::byte* bytes_of(WatchRecord& r) noexcept {
        return reinterpret_cast<std::byte*>(&r) + sizeof(WatchRecord);
    }

  private:
    [[nodiscard]] std::byte* at(std::uint32_t i) const noexcept {
        return memory_.get() + std::size_t{i & mask_} * stride_;
    }
    [[nodiscard]] WatchRecord* record(std::uint32_t i) const noexcept {
        return std::launder(reinterpret_cast<WatchRecord*>(at(i)));
    }

    std::uint32_t mask_;
    std::uint32_t room_;
    std::size_t stride_;
    std::unique_ptr<std::byte[]> memory_;
    std::uint32_t written_ = 0;
    alignas(64) std::atomic<std::uint32_t> published_{0};
    alignas(64) std::atomic<std::uint32_t> taken_{0};
};

}  // namespace shunt
