// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Every way that a packet ends without being sent: one name, one sentence. The list is shared by
// the counters, the JSON results, the documentation (docs/counters.md) and the tests.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shunt {

// clang-format off
#define SHUNT_DROP_REASONS(X)                                                                      \
    X(truncated,            "the frame ends before what its headers announce")                     \
    X(ipv4_bad_header,      "IPv4 version or lengths are impossible")                              \
    X(ipv4_bad_checksum,    "the IPv4 header checksum is wrong")                                   \
    X(ipv4_bad_options,     "an IPv4 option is longer or shorter than it can be")                  \
    X(ipv4_source_route,    "an IPv4 option asks for a route of the sender's choice")              \
    X(ipv6_bad_header,      "IPv6 version, length or extension chain is impossible")               \
    X(l4_bad_header,        "the packet ends within its TCP, UDP or SCTP header")                  \
    X(split_header,         "headers lie across buffers and could not be joined")                  \
    X(fragment_bad,         "a fragment whose offset or length cannot be")                         \
    X(fragment_duplicate,   "a fragment that was here already")                                    \
    X(fragment_overlap,     "fragments of one datagram overlap: the datagram is given up")         \
    X(fragment_timeout,     "the datagram's other fragments did not come in time")                 \
    X(fragment_overflow,    "too many fragments wait; the oldest are given up")                    \
    X(tcp_bad_checksum,     "an application's connection; the TCP checksum is wrong")              \
    X(partial_checksum,     "the sender left the checksum to its card (ethtool -K IF tx off)")     \
    X(no_destination,       "no usable real server; the client got port unreachable")              \
    X(no_call_id,           "no SIP message with a Call-ID, which its service needs")              \
    X(no_connection,        "from a real server, of no connection; it got port unreachable")       \
    X(icmp_bad_checksum,    "an ICMP error whose checksum is wrong")                               \
    X(tunnel_error,         "an ICMP error about a tunnel packet, told to the client")             \
    X(tunnel_refused,       "the way to a tunnel's end is too narrow, or the end is this host")    \
    X(martian,              "to or from an address that cannot stand there: loopback, group, own") \
    X(destination_removed,  "the connection's real server was taken out of its service")           \
    X(refused_by_defence,   "one of the new connections that drop_packet refuses")                 \
    X(prefix_limited,       "too many new connections a second from the client's network")         \
    X(worker_busy,          "a new connection, while its worker is behind with those it has")      \
    X(connections_full,     "the connection table is full")                                        \
    X(ttl_expired,          "TTL or hop limit ran out here; the sender got time exceeded")         \
    X(no_route,             "no route to the next hop; the sender got host unreachable")           \
    X(neighbour_unresolved, "the next hop's link address did not become known in time")            \
    X(hold_queue_full,      "too many packets wait for link addresses")                            \
    X(too_big,              "larger than the outgoing port's MTU")                                 \
    X(handoff_full,         "the ring to another worker was full")                                 \
    X(transmit_full,        "the port did not take the packet")                                    \
    X(host_full,            "the kernel twin did not take the packet")                             \
    X(no_twin,              "meant for the host, but the port has no kernel twin")                 \
    X(no_buffer,            "no packet buffer was free")                                           \
    X(shutdown,             "still waiting when the daemon ended")
// clang-format on

enum class DropReason : std::uint8_t {
#define SHUNT_X(name, text) name,
    SHUNT_DROP_REASONS(SHUNT_X)
#undef SHUNT_X
};

struct DropReasonText {
    std::string_view name;
    std::string_view text;
};

inline constexpr std::array drop_reason_texts{
#define SHUNT_X(name, text) DropReasonText{#name, text},
    SHUNT_DROP_REASONS(SHUNT_X)
#undef SHUNT_X
};

inline constexpr std::size_t drop_reason_count = drop_reason_texts.size();

constexpr std::string_view name(DropReason r) noexcept {
    return drop_reason_texts[static_cast<std::size_t>(r)].name;
}

}  // namespace shunt
