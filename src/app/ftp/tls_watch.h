// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Follows the records of TLS on an FTP control connection in one direction, to see where plain text
// begins again: after AUTH was accepted the connection speaks TLS, and after CCC and close_notify
// text (RFC 4217 4, 12.3; RFC 8446 5.1). Only the headers of records are looked at. In TLS 1.3 an
// alert looks like data, so what tells is text where a record would begin. No allocation. Thread:
// the connection's owner.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace shunt::ftp {

/// 10 bytes.
class TlsWatch {
  public:
    /// How many of the bytes belong to TLS: all, or those before the first one of text. After that
    /// the watch is over.
    std::size_t pass(std::span<const std::byte> bytes) noexcept;

    /// What came was neither records nor text: where either begins again is not to be known.
    [[nodiscard]] bool lost() const noexcept { return lost_; }

  private:
    void take_header() noexcept;
    [[nodiscard]] bool may_begin_text(std::uint8_t byte) const noexcept;

    std::uint16_t left_ = 0;  ///< of the record
    std::array<std::uint8_t, 5> header_{};
    std::uint8_t have_ = 0;       ///< bytes of the header
    std::uint8_t last_type_ = 0;  ///< of the record before; 0: there was none
    bool lost_ = false;
};
static_assert(sizeof(TlsWatch) == 10);

}  // namespace shunt::ftp
