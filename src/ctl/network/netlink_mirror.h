// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Keeps the workers' network table equal to what the kernel knows about the kernel twins and their
// VLAN and macvlan children, and has the kernel resolve and confirm neighbours for traffic that the
// kernel does not see. Works in the network namespace of the thread that creates it.
//
// Events only say what kind of object changed; the state itself is always dumped anew, since the
// kernel tells nothing of IPv4 routes that go with their link. Thread: control.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ctl/network/kernel_network.h"

namespace boost::asio {
class io_context;
}

namespace shunt::ctl {

class NetlinkMirror {
  public:
    using Changed = std::function<void(std::shared_ptr<const NetTable>)>;
    /// Gets one sentence; the mirror tries again by itself.
    using Failed = std::function<void(const std::string&)>;

    /// The first quiet time after a change, in which more changes join it. It grows with the cost
    /// of a rebuild, so that these take at most a fifth of the thread.
    static constexpr std::chrono::milliseconds settle{2};
    /// The shortest time between two requests for one neighbour.
    static constexpr std::chrono::milliseconds resolve_interval{200};
    /// Between two full dumps, after which stale neighbours that are in use are confirmed.
    static constexpr std::chrono::seconds refresh_interval{10};

    /// Calls `changed` from the io_context with the first table, then whenever the table would be
    /// another one; never from within a call of this class. Twins that do not exist (yet) are not
    /// in the table. Throws std::system_error when netlink is not to be had.
    NetlinkMirror(boost::asio::io_context& io, std::vector<Twin> twins, Changed changed,
                  Failed failed, std::chrono::milliseconds refresh = refresh_interval);
    /// No callback comes after it.
    ~NetlinkMirror();
    NetlinkMirror(const NetlinkMirror&) = delete;
    NetlinkMirror& operator=(const NetlinkMirror&) = delete;

    /// Asks the kernel to resolve a neighbour, unless it was asked just now. What comes of it is
    /// in a later table.
    void resolve(int ifindex, const IpAddress& address);

    /// The neighbours, beside the gateways of all routes, that are to stay confirmed: real servers.
    void keep_fresh(std::vector<IpAddress> addresses);

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace shunt::ctl
