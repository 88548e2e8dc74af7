// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A route netlink socket of the network namespace that the creating thread is in. Thread: control.
// Every call throws std::system_error when the kernel refuses it.
#include <functional>
#include <initializer_list>
#include <memory>

#include "net/address.h"

struct nl_sock;
struct nlmsghdr;

namespace shunt::ctl {

class NetlinkSocket {
  public:
    /// Called for each message; the message ends with the call.
    using Each = std::function<void(nlmsghdr&)>;

    /// Listens to multicast `groups` (RTNLGRP_ numbers), if any.
    explicit NetlinkSocket(std::initializer_list<int> groups = {});

    [[nodiscard]] int fd() const noexcept;

    /// Sends a dump request of a RTM_GET type for an address family, and reads its whole answer. A
    /// change meanwhile may leave objects out or give them twice; it is also told to the groups.
    void dump(int type, int family, const Each& each);

    /// Reads what has come to the groups, without waiting. False: the kernel had to drop messages,
    /// so only a new dump tells the state.
    [[nodiscard]] bool drain(const Each& each);

    /// Has the kernel resolve a neighbour, or confirm one that it knows, as its own traffic would.
    /// What the kernel says to that is not waited for.
    void use_neighbour(int ifindex, const IpAddress& address);

  private:
    struct Close {
        void operator()(nl_sock* socket) const noexcept;
    };
    std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace shunt::ctl
