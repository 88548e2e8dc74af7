// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One check under way: a socket of the daemon's network namespace, which never blocks, and a
// deadline. A TCP connection is ended by a reset, so that the host keeps nothing of it (no
// TIME_WAIT). Thread: control.
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "ctl/health/check_task.h"

namespace shunt::ctl {

class Probe {
  public:
    using Done = std::function<void(const CheckResult&)>;

    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;
    virtual ~Probe() = default;

    /// Begins. `done` is called once, later, at most after the task's timeout, unless stop() comes
    /// first.
    static std::shared_ptr<Probe> start(boost::asio::io_context& io, CheckTask task, Done done);
    /// Closes the socket; `done` is not called any more.
    virtual void stop() = 0;

  protected:
    Probe() = default;
};

}  // namespace shunt::ctl
