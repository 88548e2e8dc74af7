// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the operator may tune while packets flow: the IPVS sysctls under their own names (range and
// default as in ipvs-behaviour section 9), and Shunt's own. The list is shared by the snapshot, the
// control methods, the documentation (docs/tunables.md) and the tests.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace shunt {

// Name, default, least, most, meaning.
// clang-format off
#define SHUNT_TUNABLES(X)                                                                          \
    X(amemthresh, 1024, 0, 2147483647, "4 KiB pages of free connections or buffers: below, defend")\
    X(am_droprate, 10, 0, 2147483647, "with drop_packet 3: refuse one of so many new connections") \
    X(backup_only, 0, 0, 1, "while a sync backup runs, leave packets of clients to the host")      \
    X(cache_bypass, 0, 0, 1, "a service on a mark without usable server: send on by route")        \
    X(conn_lfactor, -4, -8, 8, "accepted for scripts; the table has its size from the start")      \
    X(conn_max, 1073741824, 0, 1073741824, "most connections over all workers")                    \
    X(conn_reuse_mode, 1, 0, 3, "a SYN on an ended connection: 1 new server, 2 in FIN_WAIT too")   \
    X(conntrack, 0, 0, 1, "accepted for scripts; there is no connection tracking here")            \
    X(debug_level, 0, 0, 12, "accepted for scripts; the log has its level by configuration")       \
    X(drop_entry, 0, 0, 3, "end idle and half-open connections: 1, 2 if short of room, 3 always")  \
    X(drop_packet, 0, 0, 3, "refuse some new connections: 1, 2 if short of room, 3 always")        \
    X(est_nice, 0, -20, 19, "accepted for scripts; the control thread estimates")                  \
    X(expire_nodest_conn, 0, 0, 1, "end the connections of removed servers")                       \
    X(expire_quiescent_template, 0, 0, 1, "clients of a server of weight 0 go to another one")     \
    X(ignore_tunneled, 0, 0, 1, "accepted for scripts; the host's tunnels are never balanced")     \
    X(lblc_expiration, 86400, 0, 2147483, "lblc: seconds without use, then a destination goes")    \
    X(lblcr_expiration, 86400, 0, 2147483, "the same of lblcr, and before a server set shrinks")   \
    X(nat_icmp_send, 0, 0, 1, "port unreachable to servers whose connection is unknown")           \
    X(pmtu_disc, 1, 0, 1, "tunnels keep the inner DF and tell senders what fits")                  \
    X(run_estimation, 1, 0, 1, "estimate the rates of services and servers")                       \
    X(schedule_icmp, 0, 0, 1, "an ICMP error without connection opens one")                        \
    X(secure_tcp, 0, 0, 3, "only servers establish connections: 1, 2 if short of room, 3 always")  \
    X(sloppy_sctp, 0, 0, 1, "any SCTP packet but ABORT opens a connection")                        \
    X(sloppy_tcp, 0, 0, 1, "any TCP packet but RST opens a connection")                            \
    X(snat_reroute, 1, 0, 1, "accepted for scripts; replies go by the route to the client")        \
    X(svc_lfactor, -3, -8, 8, "accepted for scripts; the table of services fits its services")     \
    X(sync_persist_mode, 0, 0, 1, "1: tell only the templates of persistent services")             \
    X(sync_ports, 1, 1, 64, "UDP ports of a sync daemon that starts, a power of two")              \
    X(sync_qlen_max, 2097152, 0, 2147483647, "messages that may wait to be sent, by port")         \
    X(sync_refresh_period, 0, 0, 2147483647,"seconds that an end may move before it is told again")\
    X(sync_retries, 0, 0, 3, "times it is told again within that, an eighth apart")                \
    X(sync_sock_size, 0, 0, 2147483647, "bytes of the sockets' buffers; 0: as the host has it")    \
    X(sync_version, 1, 0, 1, "version of the messages sent; both are understood")                  \
    X(timeout_established, 900, 1, 2678400, "seconds without a packet: TCP, ESTABLISHED")          \
    X(timeout_synsent, 120, 1, 2678400, "the same in SYN_SENT")                                    \
    X(timeout_synrecv, 60, 1, 2678400, "the same in SYN_RECV")                                     \
    X(timeout_finwait, 120, 1, 2678400, "the same in FIN_WAIT")                                    \
    X(timeout_timewait, 120, 1, 2678400, "the same in TIME_WAIT")                                  \
    X(timeout_close, 10, 1, 2678400, "the same in CLOSE")                                          \
    X(timeout_closewait, 60, 1, 2678400, "the same in CLOSE_WAIT")                                 \
    X(timeout_lastack, 30, 1, 2678400, "the same in LAST_ACK")                                     \
    X(timeout_listen, 120, 1, 2678400, "the same in LISTEN")                                       \
    X(timeout_synack, 120, 1, 2678400, "the same in SYNACK")                                       \
    X(timeout_udp, 300, 1, 2678400, "the same of UDP")                                             \
    X(timeout_sctp, 900, 1, 2678400, "the same of SCTP, ESTABLISHED")                              \
    X(timeout_sctp_init1, 4, 1, 2678400, "the same in INIT1")                                      \
    X(timeout_sctp_init, 61, 1, 2678400, "the same in INIT")                                       \
    X(timeout_sctp_cookiesent, 61, 1, 2678400, "the same in COOKIE_SENT")                          \
    X(timeout_sctp_cookiereplied, 61, 1, 2678400, "the same in COOKIE_REPLIED")                    \
    X(timeout_sctp_cookiewait, 61, 1, 2678400, "the same in COOKIE_WAIT")                          \
    X(timeout_sctp_cookie, 61, 1, 2678400, "the same in COOKIE")                                   \
    X(timeout_sctp_cookieechoed, 61, 1, 2678400, "the same in COOKIE_ECHOED")                      \
    X(timeout_sctp_shutdownsent, 61, 1, 2678400, "the same in SHUTDOWN_SENT")                      \
    X(timeout_sctp_shutdownreceived, 61, 1, 2678400, "the same in SHUTDOWN_RECEIVED")              \
    X(timeout_sctp_shutdownacksent, 61, 1, 2678400, "the same in SHUTDOWN_ACK_SENT")               \
    X(timeout_sctp_rejected, 4, 1, 2678400, "the same in REJECTED")                                \
    X(timeout_sctp_closed, 61, 1, 2678400, "the same in CLOSED")                                   \
    X(half_open_share, 50, 1, 100, "percent of the table that half-open connections may fill")     \
    X(new_share, 5, 0, 100, "a worker behind: new connections for 100 packets of others")          \
    X(prefix_rate, 0, 0, 1000000000, "new connections a second from one prefix; 0: no limit")      \
    X(prefix_length4, 24, 1, 32, "bits of an IPv4 address that are such a prefix")                 \
    X(prefix_length6, 56, 1, 128, "bits of an IPv6 address that are such a prefix")                \
    X(icmp_msgs_per_sec, 1000, 0, 1000000, "ICMP errors a second and worker; 0: no limit")         \
    X(icmp_msgs_burst, 50, 1, 100000, "ICMP errors at once within that limit")                     \
    X(icmp_ratelimit, 1000, 0, 600000, "ms between ICMP errors to one host; 0: no limit")          \
    X(icmp_repair, 0, 0, 1, "mend the transport checksum that a translated error quotes")          \
    X(mss_clamp, 0, 0, 1, "lower the MSS of SYNs to tunnel servers to what fits")

// Those that are no number: name, default, whether a text may stand there, meaning.
#define SHUNT_TEXT_TUNABLES(X)                                                                     \
    X(est_cpulist, "", is_cpu_list, "accepted for scripts; the control thread estimates")          \
    X(sync_threshold, "3 50", is_sync_threshold, "packets before a connection is told, and between")
// clang-format on

/// CPUs and ranges of them, as in "0,2-3"; may be empty.
[[nodiscard]] bool is_cpu_list(std::string_view text) noexcept;
/// Packets before a connection is told, and between two times: the first is smaller, or the second
/// 0 (ipvs-behaviour 7.2).
[[nodiscard]] bool is_sync_threshold(std::string_view text) noexcept;

/// Published with the snapshot; read by workers.
struct Tunables {
#define SHUNT_X(name, standard, least, most, text) std::int64_t name = standard;
    SHUNT_TUNABLES(SHUNT_X)
#undef SHUNT_X
#define SHUNT_X(name, standard, fits, text) std::string name = standard;
    SHUNT_TEXT_TUNABLES(SHUNT_X)
#undef SHUNT_X
};

struct TextTunableAbout {
    std::string_view name;
    std::string Tunables::*value;
    std::string_view standard;
    bool (*fits)(std::string_view) noexcept;
    std::string_view text;
};

inline constexpr std::array text_tunable_list{
#define SHUNT_X(name, standard, fits, text) \
    TextTunableAbout{#name, &Tunables::name, standard, fits, text},
    SHUNT_TEXT_TUNABLES(SHUNT_X)
#undef SHUNT_X
};

struct TunableAbout {
    std::string_view name;
    std::int64_t Tunables::*value;
    std::int64_t standard;
    std::int64_t least;
    std::int64_t most;
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
constexpr const TextTunableAbout* find_text_tunable(std::string_view name) noexcept {
    for (const auto& t : text_tunable_list)
        if (t.name == name) return &t;
    return nullptr;
}

}  // namespace shunt
