// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What would become of a packet, told without sending it: the decisions of classify.cpp,
// lookup.cpp, admit.cpp and the way ahead, in their order, for a tuple that an operator asks about.
// Nothing changes by it: no count, no template, no scheduler's place in its list. What depends on
// more than the tuple is told as if the packet were one that connections begin with, sound, small
// and with a long life. Thread: the connection's owner. Nothing is allocated.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/connections.h"

namespace shunt {

// clang-format off
/// Each rule that may decide: its name, the step of docs/packet-walk.md, and one sentence.
#define SHUNT_EXPLAIN_RULES(X)                                                                     \
    X(one_worker, "2",                                                                             \
      "one worker owns all packets")                                                               \
    X(to_virtual, "2",                                                                             \
      "to a virtual address: the source is the client, and tells the owner")                       \
    X(from_server, "2",                                                                            \
      "from a real server: the destination is the client, and tells the owner")                    \
    X(from_virtual, "2",                                                                           \
      "from a virtual address: the destination is the client, and tells the owner")                \
    X(may_be_data, "2",                                                                            \
      "from a real server while data connections are announced: the destination tells the owner")  \
    X(marked, "2",                                                                                 \
      "a mark rule matches: the source is the client, and tells the owner")                        \
    X(no_concern, "2",                                                                             \
      "to no virtual address, from no real server, without mark: to the host")                     \
    X(known_from_client, "3",                                                                      \
      "a packet of a connection, from its client")                                                 \
    X(known_from_server, "3",                                                                      \
      "a packet of a connection, from its server")                                                 \
    X(no_connection, "3",                                                                          \
      "of no connection")                                                                          \
    X(begins_anew, "5.2",                                                                          \
      "the connection is over: a first packet of the client opens another in its place")           \
    X(server_removed, "5.3",                                                                       \
      "its server was taken out of the service: packets of the client are dropped")                \
    X(from_ftp_data_port, "4.2",                                                                   \
      "from port 20: it opens no connection of a service")                                         \
    X(announced, "4.3",                                                                            \
      "an application has announced this connection")                                              \
    X(service_by_mark, "4.4",                                                                      \
      "a service on its mark takes it")                                                            \
    X(service_at_port, "4.4",                                                                      \
      "the service at its destination takes it")                                                   \
    X(service_as_ftp_data, "4.4",                                                                  \
      "no service at its port: the FTP service at the address takes it as data")                   \
    X(service_any_port, "4.4",                                                                     \
      "no service at its port: the service on all ports takes it")                                 \
    X(server_may_call, "4.4",                                                                      \
      "from a server of a service with engine sip: with a Call-ID it begins a call")               \
    X(stray_reply, "4.4",                                                                          \
      "from a real server, of no connection: nat_icmp_send has it answered")                       \
    X(no_service, "4.4",                                                                           \
      "no service takes it: to the host")                                                          \
    X(martian, "4.4",                                                                              \
      "its source cannot be on the wire")                                                          \
    X(prefix_limited, "4.4",                                                                       \
      "prefix_rate: the client's network has had its new connections")                             \
    X(refused_by_defence, "4.4",                                                                   \
      "drop_packet: this new connection is one of those that are refused")                         \
    X(worker_busy, "4.4",                                                                          \
      "new_share: the worker is behind and admits no more newcomers now")                          \
    X(needs_call_id, "4.6",                                                                        \
      "persistence engine sip: the Call-ID decides, which a tuple does not tell")                  \
    X(tied, "4.6",                                                                                 \
      "persistence: the client's template has a usable server")                                    \
    X(not_tied, "4.6",                                                                             \
      "persistence: the client has no template with a usable server")                              \
    X(port_not_taken, "4.6",                                                                       \
      "the service is not persistent, so it takes no FTP data")                                    \
    X(scheduled, "4.6",                                                                            \
      "the scheduler's next choice")                                                               \
    X(chosen_by_memory, "4.6",                                                                     \
      "the scheduler goes by what the destination got before; to look would count as use")         \
    X(none_eligible, "4.6",                                                                        \
      "no server is eligible: weight 0, or at its upper threshold")                                \
    X(bypass, "4.6",                                                                               \
      "cache_bypass: to its own destination")                                                      \
    X(beside_ftp, "4.6",                                                                           \
      "beside the port of an FTP service: to the host")                                            \
    X(no_server, "4.6",                                                                            \
      "the client gets port unreachable")                                                          \
    X(one_packet, "4.7",                                                                           \
      "one_packet: no connection is kept")                                                         \
    X(evicts_half_open, "4.7",                                                                     \
      "half_open_share or a full table: the oldest half-open connection makes room")               \
    X(table_full, "4.7",                                                                           \
      "the connection table is full")                                                              \
    X(app_bound, "4.10",                                                                           \
      "an application looks into it")                                                              \
    X(way_local, "6.1",                                                                            \
      "the other end is this host")                                                                \
    X(may_not_stay, "6.1",                                                                         \
      "this host has not the address, or on the loopback: it would go round in a circle")          \
    X(way_none, "6.1",                                                                             \
      "no route to the other end")                                                                 \
    X(way_too_narrow, "6.1",                                                                       \
      "the way to the tunnel's end is too narrow for any packet")                                  \
    X(way_known, "7",                                                                              \
      "the next hop's link address is known")                                                      \
    X(way_unresolved, "7",                                                                         \
      "the next hop's link address is not known: packets wait for it")
// clang-format on

enum class ExplainRule : std::uint8_t {
#define SHUNT_X(name, step, text) name,
    SHUNT_EXPLAIN_RULES(SHUNT_X)
#undef SHUNT_X
};

struct ExplainRuleText {
    std::string_view name;
    std::string_view step;  ///< of docs/packet-walk.md
    std::string_view text;
};

inline constexpr std::array explain_rule_texts{
#define SHUNT_X(name, step, text) ExplainRuleText{#name, step, text},
    SHUNT_EXPLAIN_RULES(SHUNT_X)
#undef SHUNT_X
};

constexpr const ExplainRuleText& about(ExplainRule rule) noexcept {
    return explain_rule_texts[static_cast<std::size_t>(rule)];
}

/// What is asked.
template <class F>
struct ExplainQuestion {
    FlowTuple<F> tuple;          ///< as the packet carries it, from either end
    PortId port;                 ///< where it comes in
    std::optional<Mark> mark{};  ///< in place of that of the rules
};

struct Explanation {
    enum class Verdict : std::uint8_t {
        known,      ///< goes the way of its connection
        opens,      ///< opens one
        undecided,  ///< opens one if the packet says what the rule names
        to_host,
        dropped,
    };
    struct Server {
        DestId dest;        ///< meaningless with ForwardMethod::bypass
        Endpoint endpoint;  ///< where the packet goes, or where replies come from
        ForwardMethod method = ForwardMethod::nat;
        Tunnel tunnel{};
    };
    struct NextHop {
        WayAhead::Kind kind = WayAhead::Kind::unreachable;
        int ifindex = 0;
        IpAddress gateway;
        bool resolved = false;
        MacAddress mac;          ///< of the gateway
        std::uint16_t fits = 0;  ///< as WayAhead
    };
    struct Defences {
        bool secure_tcp = false;
        bool drop_entry = false;
        std::int64_t drop_packet_one_of = 0;  ///< 0: off
        bool admits_newcomers = true;
        std::uint32_t connections = 0;  ///< of the worker and family
        std::uint32_t half_open = 0;    ///< of these
        std::uint32_t room = 0;
    };

    static constexpr std::size_t most_rules = 16;

    void add(ExplainRule rule) noexcept {
        if (rules_count < most_rules) rules[rules_count++] = rule;
    }
    void drop(DropReason why) noexcept {
        verdict = Verdict::dropped;
        drop_reason = why;
    }

    std::array<ExplainRule, most_rules> rules{};  ///< those hit, in order
    std::uint8_t rules_count = 0;
    Verdict verdict = Verdict::to_host;
    std::optional<DropReason> drop_reason;
    WorkerId owner;
    Mark mark{};
    Direction direction = Direction::from_client;
    std::optional<ServiceKey> service;
    std::optional<Server> server;
    std::optional<NextHop> next_hop;  ///< of this packet
    AppKind app = AppKind::none;
    Defences defences{};
};

/// The owner of a packet; that of worker 0 when it is nobody's concern.
template <class F>
[[nodiscard]] WorkerId explained_owner(const WorkerState& worker,
                                       const ExplainQuestion<F>& question) noexcept;

/// To be asked of that worker.
template <class F>
[[nodiscard]] Explanation explain(WorkerState& worker, const ExplainQuestion<F>& question) noexcept;

}  // namespace shunt
