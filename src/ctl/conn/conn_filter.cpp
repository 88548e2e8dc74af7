// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/conn/conn_filter.h"

#include <algorithm>

#include "conn/silence.h"

namespace shunt::ctl {

namespace {

/// Every name that a state has, some of them twice.
std::vector<std::string_view> state_names() {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < tcp_state_count; ++i)
        names.push_back(tcp_state_name(static_cast<TcpState>(i)));
    for (std::size_t i = 0; i < sctp_state_count; ++i)
        names.push_back(sctp_state_name(static_cast<SctpState>(i)));
    names.insert(names.end(), {udp_state, template_state(false), template_state(true)});
    return names;
}

template <class T>
bool fits(const std::optional<T>& wanted, const T& is) noexcept {
    return !wanted || *wanted == is;
}

template <class F>
bool has_state(const ConnectionStates& states, const Conn<F>& conn) noexcept {
    if (conn.protocol == Protocol::tcp) return states.tcp[conn.state];
    if (conn.protocol == Protocol::sctp) return states.sctp[conn.state];
    return states.udp;
}

bool is_in(const IpPrefix& network, const IpAddress& address) noexcept {
    return address.family() == network.address.family() &&
           network_of(address, network.length) == network.address;
}

bool is_server(const Endpoint& wanted, const Endpoint& server) noexcept {
    return wanted.address == server.address &&
           (wanted.port == L4Port{} || wanted.port == server.port);
}

bool is_among(const std::vector<bool>& servers, DestId dest) noexcept {
    return dest.value() < servers.size() && servers[dest.value()];
}

/// What goes past the servers of a service is known by its virtual endpoint only.
template <class F>
bool is_of(const ServiceMatch& service, const Conn<F>& conn) noexcept {
    if (conn.method != ForwardMethod::bypass) return is_among(service.servers, conn.dest);
    const ServiceKey& key = service.key;
    return key.mark == Mark{} && key.protocol == conn.protocol &&
           is_server(key.endpoint, {conn.virtual_address, conn.virtual_port});
}

template <class F>
bool is_orphan(const Conn<F>& conn, const ServiceTable& services) noexcept {
    return conn.method != ForwardMethod::bypass && !services.slot(conn.dest).available;
}

}  // namespace

ConnectionStates states_named(std::string_view name) noexcept {
    ConnectionStates states;
    for (std::size_t i = 0; i < tcp_state_count; ++i)
        states.tcp[i] = tcp_state_name(static_cast<TcpState>(i)) == name;
    for (std::size_t i = 0; i < sctp_state_count; ++i)
        states.sctp[i] = sctp_state_name(static_cast<SctpState>(i)) == name;
    states.udp = name == udp_state;
    states.templates[0] = name == template_state(false);
    states.templates[1] = name == template_state(true);
    return states;
}

std::string all_state_names() {
    std::string all;
    std::vector<std::string_view> listed;
    for (const auto name : state_names()) {
        if (std::ranges::find(listed, name) != listed.end()) continue;
        listed.push_back(name);
        all += (all.empty() ? "" : ", ") + std::string(name);
    }
    return all;
}

// In the order of what a check costs.
template <class F>
bool ConnectionFilter::matches(const Conn<F>& conn, const ServiceTable& services,
                               const Timeouts& timeouts, TickTime now) const noexcept {
    return fits(kind, ConnectionKind::connection) && fits(protocol, conn.protocol) &&
           fits(method, conn.method) && (!states || has_state(*states, conn)) &&
           (!service || is_of(*service, conn)) && (!client || is_in(*client, conn.client)) &&
           (!orphaned || is_orphan(conn, services)) &&
           (!idle || has_been_silent(conn, *idle, {timeouts, services}, now)) &&
           (!server || is_server(*server, server_of(conn, services)));
}

bool ConnectionFilter::matches(const AffinityTable::Row& row,
                               const ConnectionRow& shown) const noexcept {
    return !orphaned && fits(kind, ConnectionKind::client_template) &&
           fits(protocol, shown.protocol) && fits(method, shown.method) &&
           (!states || states->templates[row.assured ? 1 : 0]) &&
           (!service || is_among(service->servers, row.dest)) &&
           (!client || is_in(*client, shown.client.address)) &&
           (!idle || row.timeout >= row.left + *idle) &&
           (!server || is_server(*server, shown.server));
}

template bool ConnectionFilter::matches(const Conn<Ipv4>&, const ServiceTable&, const Timeouts&,
                                        TickTime) const noexcept;
template bool ConnectionFilter::matches(const Conn<Ipv6>&, const ServiceTable&, const Timeouts&,
                                        TickTime) const noexcept;

}  // namespace shunt::ctl
