// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the operator may tune while packets flow: the IPVS sysctls under their own names (range and
// default as in ipvs-behaviour section 9), and Shunt's own. The list is shared by the snapshot, the
// control methods, the documentation (docs/tunables.md) and the tests.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shunt {

// Name, default, least, most, meaning.
// clang-format off
#define SHUNT_TUNABLES(X)                                                                          \
    X(cache_bypass,       0, 0, 1, "a service on a mark without usable server: send on by route")  \
    X(conn_reuse_mode,    1, 0, 3, "a SYN on an ended connection: 1 new server, 2 in FIN_WAIT too")\
    X(conntrack,          0, 0, 1, "accepted for scripts; there is no connection tracking here")   \
    X(expire_nodest_conn, 0, 0, 1, "end connections of removed servers at their next packet")      \
    X(expire_quiescent_template, 0, 0, 1, "clients of a server of weight 0 go to another one")     \
    X(ignore_tunneled,    0, 0, 1, "accepted for scripts; the host's tunnels are never balanced")  \
    X(nat_icmp_send,      0, 0, 1, "port unreachable to servers whose connection is unknown")      \
    X(pmtu_disc,          1, 0, 1, "tunnels keep the inner DF and tell senders what fits")         \
    X(schedule_icmp,      0, 0, 1, "an ICMP error without connection opens one")                   \
    X(sloppy_sctp,        0, 0, 1, "any SCTP packet but ABORT opens a connection")                 \
    X(sloppy_tcp,         0, 0, 1, "any TCP packet but RST opens a connection")                    \
    X(snat_reroute,       1, 0, 1, "accepted for scripts; replies go by the route to the client")  \
    X(icmp_msgs_per_sec,  1000, 0, 1000000, "ICMP errors a second and worker; 0: no limit")        \
    X(icmp_msgs_burst,    50, 1, 100000, "ICMP errors at once within that limit")                  \
    X(icmp_ratelimit,     1000, 0, 600000, "ms between ICMP errors to one host; 0: no limit")      \
    X(icmp_repair,        0, 0, 1, "mend the transport checksum that a translated error quotes")   \
    X(mss_clamp,          0, 0, 1, "lower the MSS of SYNs to tunnel servers to what fits")
// clang-format on

/// Published with the snapshot; read by workers.
struct Tunables {
#define SHUNT_X(name, standard, least, most, text) std::uint32_t name = standard;
    SHUNT_TUNABLES(SHUNT_X)
#undef SHUNT_X
};

struct TunableAbout {
    std::string_view name;
    std::uint32_t Tunables::*value;
    std::uint32_t standard;
    std::uint32_t least;
    std::uint32_t most;
    std::string_view text;
};

inline constexpr std::array tunable_list{
#define SHUNT_X(name, standard, least, most, text) \
    TunableAbout{#name, &Tunables::name, standard, least, most, text},
    SHUNT_TUNABLES(SHUNT_X)
#undef SHUNT_X
};

/// Null when there is none of that name.
constexpr const TunableAbout* find_tunable(std::string_view name) noexcept {
    for (const auto& t : tunable_list)
        if (t.name == name) return &t;
    return nullptr;
}

}  // namespace shunt
