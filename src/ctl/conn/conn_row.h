// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Connections and templates of clients as listings show them. Thread: any.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conn/affinity_table.h"
#include "conn/conn.h"
#include "service/service_table.h"

namespace shunt::ctl {

struct ConnectionRow {
    Protocol protocol = Protocol::none;
    std::uint8_t state = 0;  ///< as in Conn
    Endpoint client;
    Endpoint virtual_service;
    Endpoint server;  ///< may be of the other family; where packets go anyway when there is none
    ForwardMethod method = ForwardMethod::nat;
    std::chrono::seconds expires{0};  ///< time left, rounded down
    WorkerId worker;                  ///< of a connection
    bool is_template = false;         ///< no connection, but what ties a client to a server
    bool assured = false;             ///< of a template
    /// What a persistence engine tells the client's templates apart by, as it came in the packet;
    /// empty: none does. Filled in by the control thread.
    std::string engine_data{};
};

/// What templates are called in listings, by whether they are assured.
inline constexpr std::string_view template_state(bool assured) noexcept {
    return assured ? "ASSURED" : "NONE";
}
inline constexpr std::string_view udp_state = "UDP";

/// The name of a row's state: the TCP or SCTP state, or "UDP"; of a template "NONE" or "ASSURED".
std::string_view state_name(const ConnectionRow& row) noexcept;

/// Where the packets of a client go.
template <class F>
Endpoint server_of(const Conn<F>& conn, const ServiceTable& services) noexcept;

template <class F>
ConnectionRow make_row(const Conn<F>& conn, const ServiceTable& services, TickTime now) noexcept;

/// A template as IPVS shows it, but for its engine's data: an invalid one has no port any more.
/// Nothing for one whose server is not known to `services`.
std::optional<ConnectionRow> make_row(const AffinityTable::Row& row,
                                      const ServiceTable& services) noexcept;

}  // namespace shunt::ctl
