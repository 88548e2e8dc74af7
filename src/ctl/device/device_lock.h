// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One shuntd a kernel interface: two packet sockets on one interface would both forward everything.
#include <string>

namespace shunt::ctl {

/// Held from construction to destruction, also over kill -9: it is an abstract UNIX socket, which
/// belongs to the process and to the network namespace. Thread: control.
class DeviceLock {
  public:
    /// Throws StartError when another process holds the lock of this interface.
    DeviceLock(const std::string& where, const std::string& interface);
    ~DeviceLock();
    DeviceLock(const DeviceLock&) = delete;
    DeviceLock& operator=(const DeviceLock&) = delete;

  private:
    int socket_;
};

}  // namespace shunt::ctl
