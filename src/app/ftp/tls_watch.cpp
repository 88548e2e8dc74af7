// SPDX-License-Identifier: BSD-3-Clause
#include "app/ftp/tls_watch.h"

#include <algorithm>

namespace shunt::ftp {

namespace {

// RFC 8446 5.1, 5.2; RFC 5246 6.2.3; RFC 6520
constexpr std::uint8_t change_cipher_spec = 20;
constexpr std::uint8_t alert = 21;
constexpr std::uint8_t application_data = 23;
constexpr std::uint8_t heartbeat = 24;
constexpr std::uint8_t major_version = 3;
constexpr std::uint16_t longest_record = 16384 + 2048;

constexpr std::uint8_t telnet_command = 255;

}  // namespace

std::size_t TlsWatch::pass(std::span<const std::byte> bytes) noexcept {
    std::size_t at = 0;
    while (at < bytes.size() && !lost_) {
        if (left_ > 0) {
            const std::size_t skipped = std::min<std::size_t>(left_, bytes.size() - at);
            left_ = static_cast<std::uint16_t>(left_ - skipped);
            at += skipped;
            continue;
        }
        const auto byte = std::to_integer<std::uint8_t>(bytes[at]);
        if (have_ == 0 && may_begin_text(byte)) return at;
        header_[have_++] = byte;
        ++at;
        if (have_ == header_.size()) take_header();
    }
    return bytes.size();
}

bool TlsWatch::may_begin_text(std::uint8_t byte) const noexcept {
    const bool could_be_closed =
        last_type_ == 0 || last_type_ == alert || last_type_ == application_data;
    const bool is_text =
        (byte >= ' ' && byte < 127) || byte == '\r' || byte == '\n' || byte == telnet_command;
    return could_be_closed && is_text;
}

void TlsWatch::take_header() noexcept {
    have_ = 0;
    last_type_ = header_[0];
    left_ = static_cast<std::uint16_t>(header_[3] << 8 | header_[4]);
    lost_ = last_type_ < change_cipher_spec || last_type_ > heartbeat ||
            header_[1] != major_version || header_[2] > 4 || left_ > longest_record ||
            (left_ == 0 && last_type_ != application_data);
}

}  // namespace shunt::ftp
