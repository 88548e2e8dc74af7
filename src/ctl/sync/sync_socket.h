// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The UDP sockets of sync daemons, in the daemon's own network namespace (ipvs-behaviour 7.1).
// Thread: control. What cannot be opened throws RpcError with the errno of the system.
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <string>

#include "ctl/config/config.h"

namespace shunt::ctl {

using SyncSocket = boost::asio::ip::udp::socket;

/// What a daemon runs with.
struct SyncSetup {
    SyncDaemonConfig config;
    unsigned interface = 0;    ///< its index
    std::uint16_t maxlen = 0;  ///< bytes of its messages
    std::uint16_t ports = 1;   ///< from config.port on
    std::int64_t buffer = 0;   ///< bytes of the sockets' buffers; 0: as the host has it
};

/// Looks the interface up and works out what follows from it. ENODEV: there is none.
SyncSetup make_sync_setup(const SyncDaemonConfig& config, std::int64_t ports, std::int64_t buffer);

/// The longest message that the protocol has room for, and the one that is usual.
std::uint16_t sync_message_size(const SyncDaemonConfig& config, unsigned mtu) noexcept;

/// Group and port `number` of the daemon.
boost::asio::ip::udp::endpoint sync_endpoint(const SyncSetup& setup, std::uint16_t number);

/// To send to sync_endpoint(); never blocks.
SyncSocket open_sync_sender(boost::asio::io_context& io, const SyncSetup& setup);
/// Has joined the group on the interface, and hears nothing else.
SyncSocket open_sync_receiver(boost::asio::io_context& io, const SyncSetup& setup,
                              std::uint16_t number);

}  // namespace shunt::ctl
