// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The daemon put together: DPDK, data plane, registry, network provider, control socket, and the
// control thread's loop.
#include <memory>
#include <string>

#include "ctl/config/config.h"

namespace shunt::ctl {

/// Thread: the one that becomes the control thread. One object a process.
class Daemon {
  public:
    /// Starts everything; packets flow when it returns. Throws StartError, and std::runtime_error
    /// for the control socket.
    explicit Daemon(const Config& config);
    /// Stops what runs.
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Serves until SIGTERM or SIGINT, or until no packet came for Config::exit_when_idle. Returns
    /// false when a packet is unaccounted for.
    bool run();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace shunt::ctl
