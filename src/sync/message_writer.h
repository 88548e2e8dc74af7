// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Fills datagrams of version 1 or 0 with records (ipvs-behaviour 7.4, 7.5). Thread: its owner's.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sync/sync_record.h"

namespace shunt {

enum class SyncVersion : std::uint8_t { v0 = 0, v1 = 1 };

class SyncMessageWriter {
  public:
    enum class Added : std::uint8_t {
        yes,
        no_room,  ///< beside what is there: to be added to the next datagram
        never,    ///< version 0 has no words for it, or it is larger than a datagram may be
    };

    /// `most`: bytes of a datagram, at most 65535. Throws std::bad_alloc.
    SyncMessageWriter(SyncVersion version, std::uint8_t syncid, std::size_t most);

    [[nodiscard]] Added add(const SyncRecord& record);
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] SyncVersion version() const noexcept { return version_; }

    /// The datagram; the writer begins another one, of that version.
    [[nodiscard]] std::vector<std::byte> take(SyncVersion next);
    [[nodiscard]] std::vector<std::byte> take() { return take(version_); }

  private:
    void begin();
    void put_entry0(const SyncRecord& record);
    void put_entry1(const SyncRecord& record);
    template <class Address>
    void put_addresses(const Address& client, const Address& virtual_address,
                       const Address& server);
    void put_options(const SyncRecord& record);
    template <class T>
    void put(const T& value);

    SyncVersion version_;
    std::uint8_t syncid_;
    std::size_t most_;
    std::size_t count_ = 0;
    std::vector<std::byte> bytes_;
};

}  // namespace shunt
