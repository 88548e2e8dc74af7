// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The MSS option of a TCP SYN, lowered (RFC 9293 3.7.1; tunable mss_clamp, beyond IPVS).
//
// Only what a client sends travels in a tunnel; the server answers past the balancer. A client
// whose full segments do not fit within the tunnel is told so by ICMP, and where a firewall
// swallows that, the connection hangs at the first full segment. How long his segments are is what
// the SYN/ACK allows, which never comes by here; but a server, or a proxy before it, that offers no
// more than it was offered, then offers what fits. The price is that its own segments, which need
// no room for a tunnel, are shorter too. A server that offers the MTU of its link whatever it was
// offered, as Linux does, needs a smaller MSS on its own route to clients instead.
#include <cstdint>
#include <span>

namespace shunt {

/// `tcp`: a TCP header with its options, and whatever follows; it may end early. Lowers its MSS
/// option to `most` when it is larger, and mends the checksum. A header without the option stays
/// as it is, and so does everything behind an option whose length cannot be. True when something
/// was changed. A pure function of the bytes, for any thread.
bool clamp_mss(std::span<std::byte> tcp, std::uint16_t most) noexcept;

}  // namespace shunt
