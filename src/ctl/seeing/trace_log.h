// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What was decided about watched packets, in words. Thread: control.
#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "ctl/seeing/watch_control.h"
#include "dataplane/trace.h"

namespace shunt::ctl {

/// One decision: a stage of docs/packet-walk.md, and what it said.
struct TraceLine {
    std::string_view stage;
    std::string decision;
};

/// The lines for what a worker told. `ports`: names, by PortId.
std::vector<TraceLine> trace_lines(const WatchedPacket& packet,
                                   const std::vector<std::string>& ports);

class TraceLog final : public WatchSink {
  public:
    explicit TraceLog(std::vector<std::string> ports) : ports_(std::move(ports)) {}

    void take(const WatchedPacket& packet) override;
    void end(std::uint64_t, std::uint64_t) override {}
    [[nodiscard]] std::size_t unread() const override { return unread_; }
    [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

    /// All steps since the last time, each with packet, time, worker, stage and decision.
    [[nodiscard]] boost::json::array read();

  private:
    std::vector<std::string> ports_;
    boost::json::array steps_;
    std::size_t unread_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace shunt::ctl
