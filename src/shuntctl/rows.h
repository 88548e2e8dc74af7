// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The daemon's results as values, for the tables of both front ends. A member that a result lacks
// keeps its default, so that an older or newer daemon can be shown; what is there has to have the
// documented type.
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/address.h"

namespace shunt::cli {

/// Numbers of one kind for the five things that IPVS counts.
template <class T>
struct Five {
    T connections{};
    T packets_in{};
    T packets_out{};
    T bytes_in{};
    T bytes_out{};
};

struct StatsRow {
    Five<std::uint64_t> counts;
    Five<double> rates;  ///< a second
};

struct TunnelRow {
    std::string type;  ///< "ipip", "gue", "gre"; empty: no tunnel
    std::uint64_t port = 0;
    std::string checksum;  ///< "none", "full", "remote"
};

struct ServerRow {
    Endpoint address;
    std::string forward;  ///< "nat", "direct", "tunnel"
    bool local = false;   ///< the balancer itself
    TunnelRow tunnel;
    std::uint64_t weight = 0;
    std::optional<std::uint64_t> effective_weight;  ///< where its health makes it another one
    std::string health;                             ///< "up", "down", "unchecked"; empty: not told
    bool forced = false;                            ///< the operator says so, not its checks
    std::optional<std::uint64_t> ramping;           ///< percent of its weight, in slow start
    std::uint64_t upper = 0;                        ///< 0: no limit
    std::uint64_t lower = 0;
    std::uint64_t active = 0;
    std::uint64_t inactive = 0;
    std::uint64_t persistent = 0;  ///< clients that persistence has tied to it
    StatsRow stats;
};

struct PersistenceRow {
    std::uint64_t timeout = 0;  ///< seconds
    /// The leading bits of a client's address that count, where not all of them do.
    std::optional<unsigned> granularity;
};

/// In seconds; 0: as for all services.
struct ServiceTimeouts {
    std::uint64_t tcp = 0;
    std::uint64_t tcp_fin = 0;
    std::uint64_t udp = 0;
};

struct ServiceRow {
    Protocol protocol = Protocol::none;  ///< none for a service on a mark
    Endpoint address;                    ///< with a mark only its family counts
    std::uint64_t mark = 0;              ///< 0: none
    std::string scheduler;
    std::vector<std::string> flags;  ///< "one_packet", "sh-port"
    std::optional<PersistenceRow> persistence;
    std::string engine;            ///< of persistence; empty: none
    ServiceTimeouts timeouts;      ///< its own
    std::uint64_t slow_start = 0;  ///< seconds
    // Of the scheduler; 0 and empty: as by default.
    std::uint64_t mh_size = 0;
    std::string mh_order;
    std::uint64_t load_bound = 0;  ///< percent
    StatsRow stats;
    std::vector<ServerRow> servers;
};

struct ConnectionRow {
    std::string protocol;  ///< "tcp"; "ip" where one entry stands for all protocols
    Endpoint client;
    Endpoint destination;  ///< the virtual address and port
    Endpoint server;
    std::string forward;
    std::string state;
    std::uint64_t expires = 0;            ///< seconds
    std::optional<std::uint64_t> worker;  ///< none has what is not of one connection
    std::string engine;                   ///< persistence engine that made it; empty: none
    std::string engine_data;              ///< by which that engine knows the client
};

// Each throws Unreachable for a result that is not as docs/protocol.md says.
std::vector<ServiceRow> service_rows(const boost::json::value& service_list_result);
std::vector<ConnectionRow> connection_rows(const boost::json::value& conn_list_result);
StatsRow stats_row(const boost::json::value& stats);

/// The member as text for a table: numbers and words as they are, true and false as yes and no,
/// "-" for null and for a member that is not there.
std::string member_text(const boost::json::value& object, std::string_view name);
/// The member if it is a word, otherwise empty.
std::string member_word(const boost::json::value& object, std::string_view name);
/// The member as a number, 0 if it is not there or is no number.
double member_number(const boost::json::value& object, std::string_view name);
/// A count, rounded where a double came. Negative is 0.
std::uint64_t member_count(const boost::json::value& object, std::string_view name);
/// The rows under `name`; none if it is not there. Throws Unreachable if it is no array.
const boost::json::array& member_rows(const boost::json::value& object, std::string_view name);

}  // namespace shunt::cli
