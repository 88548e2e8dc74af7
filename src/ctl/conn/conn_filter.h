// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Which connections and templates a request is about. Made by the control thread, evaluated by
// workers.
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conn/timeouts.h"
#include "ctl/conn/conn_row.h"

namespace shunt::ctl {

/// The states of all protocols that have one name.
struct ConnectionStates {
    std::bitset<tcp_state_count> tcp;
    std::bitset<sctp_state_count> sctp;
    bool udp = false;
    std::bitset<2> templates;  ///< by whether they are assured

    [[nodiscard]] bool none() const noexcept {
        return tcp.none() && sctp.none() && !udp && templates.none();
    }
};
/// Those called `name`; none() for a name that is none.
ConnectionStates states_named(std::string_view name) noexcept;
/// All names, each once, for a sentence.
std::string all_state_names();

enum class ConnectionKind : std::uint8_t {
    connection,
    client_template,  ///< of a persistent service
};

/// The service that something was made for.
struct ServiceMatch {
    ServiceKey key;
    std::vector<bool> servers;  ///< by DestId: all that it has or had
};

/// What is not set matches everything; what is set has to match all together.
struct ConnectionFilter {
    std::optional<ConnectionKind> kind{};
    std::optional<Protocol> protocol{};  ///< none: of templates of services on marks
    std::optional<ForwardMethod> method{};
    std::optional<ConnectionStates> states{};
    std::optional<IpPrefix> client{};
    std::optional<Endpoint> server{};  ///< as listings show it; port 0: any
    std::optional<ServiceMatch> service{};
    /// At least so long without a packet; of a template without a new connection. As long as the
    /// timeouts of now have it.
    std::optional<Ticks> idle{};
    /// The server was taken out of its service. No connection without a server, and no template.
    bool orphaned = false;

    template <class F>
    [[nodiscard]] bool matches(const Conn<F>& conn, const ServiceTable& services,
                               const Timeouts& timeouts, TickTime now) const noexcept;
    /// `shown` is the template as make_row() has it.
    [[nodiscard]] bool matches(const AffinityTable::Row& row,
                               const ConnectionRow& shown) const noexcept;
};

}  // namespace shunt::ctl
