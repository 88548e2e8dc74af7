// SPDX-License-Identifier: BSD-3-Clause
#include "app/ftp/control_channel.h"

namespace shunt::ftp {

std::uint32_t ControlChannel::held(Direction direction, std::uint32_t next) noexcept {
    if (side(direction).opaque) return next;
    return direction == Direction::from_client ? commands_.held() : replies_.held();
}

std::size_t ControlChannel::pass_tls(Direction direction, std::span<const std::byte> bytes,
                                     std::uint32_t next, FtpCounters& counters) noexcept {
    Side& s = side(direction);
    const bool was_lost = s.tls.lost();
    const std::size_t passed = s.tls.pass(bytes);
    if (s.tls.lost() && !was_lost) ++counters.tls_lost;
    if (passed == bytes.size()) return passed;
    s.opaque = false;
    const auto at = next + static_cast<std::uint32_t>(passed);
    if (direction == Direction::from_client) {
        commands_ = CommandScanner(at);
        ++counters.tls_over;
    } else {
        replies_ = ReplyScanner(at);
    }
    return passed;
}

/// The client speaks TLS behind what it has said; should a line have begun, behind that.
void ControlChannel::start_tls(FtpCounters& counters) noexcept {
    ++counters.tls;
    session_.forget_requests();
    from_server_.opaque = true;
    from_server_.tls = TlsWatch();
    from_client_.tls = TlsWatch();
    from_client_.opaque = commands_.at_line_start();
    from_client_.tls_soon = !from_client_.opaque;
}

}  // namespace shunt::ftp
