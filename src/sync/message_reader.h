// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Reads the records of one datagram of version 1 or 0, and counts what is wrong with it
// (ipvs-behaviour 7.6, rules 1 to 4). Bounded by the bytes of the datagram whatever they say.
// Thread: its owner's.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "net/view.h"
#include "sync/sync_layout.h"
#include "sync/sync_record.h"

namespace shunt {

/// Why a datagram, the rest of it, or an entry was passed over.
enum class SyncFault : std::uint8_t {
    bad_size,   ///< the whole: too short, or another size than it says
    other_id,   ///< the whole: of other balancers
    bad_entry,  ///< the rest of it: an entry or an option that cannot be
    unknown_option,
    unknown_protocol,
    bad_state,
    bad_flags,
    unknown_engine,
};
struct SyncFaultText {
    std::string_view name;
    std::string_view meaning;
};
/// By fault.
inline constexpr auto sync_fault_texts = std::to_array<SyncFaultText>({
    {"bad_size", "messages that are too short, or of another size than they say"},
    {"other_id", "messages with another syncid"},
    {"bad_entry", "messages with an entry that cannot be; the rest of them was passed over"},
    {"unknown_option", "entries with an option that is not known and may not be passed over"},
    {"unknown_protocol", "entries of a protocol that is not balanced"},
    {"bad_state", "entries in a state that their protocol does not have"},
    {"bad_flags", "entries with flags that no synchronised connection has"},
    {"unknown_engine", "entries of a persistence engine that is not known"},
});
inline constexpr std::size_t sync_fault_count = sync_fault_texts.size();

using SyncFaults = std::array<std::uint64_t, sync_fault_count>;

class SyncMessageReader {
  public:
    /// `syncid`: 0 takes every message. The bytes outlive the reader and its records; `faults` are
    /// counted up.
    SyncMessageReader(std::span<const std::byte> message, std::uint8_t syncid,
                      SyncFaults& faults) noexcept;

    /// The next record that is good; its flags are those that a receiver heeds. Nothing at the end.
    [[nodiscard]] std::optional<SyncRecord> next() noexcept;

  private:
    struct Options;
    enum class Step : std::uint8_t { good, skip, stop };

    Step read0(SyncRecord& out) noexcept;
    Step read1(SyncRecord& out) noexcept;
    template <class Address>
    bool read_addresses(PacketReader entry, SyncRecord& out) noexcept;
    /// `flags` lose those of what is not there.
    Step read_options(PacketReader options, SyncRecord& out, std::uint32_t& flags) noexcept;
    Step check(SyncRecord& out, std::uint32_t flags, std::uint16_t state,
               std::uint8_t protocol) noexcept;
    Step fault(SyncFault what, Step step) noexcept;

    PacketReader message_;
    SyncFaults& faults_;
    std::size_t at_ = 0;  ///< of the next entry
    unsigned left_ = 0;   ///< entries
    bool version1_ = true;
};

}  // namespace shunt
