// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The arguments of capture and trace: which packets, and how many.
#include <CLI/App.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>

namespace shunt::cli {

/// Which packets are watched. What is not given is left to the daemon.
class CaptureArgs {
  public:
    enum class For : std::uint8_t { capture, trace };

    void add_to(CLI::App& noun, For what);
    /// Parameters of capture.start or trace.start (docs/protocol.md).
    [[nodiscard]] boost::json::object params() const;

  private:
    std::string protocol_;
    std::string virtual_;
    std::string client_;
    std::string server_;
    std::string address_;
    std::string port_;
    std::optional<std::int64_t> l4_port_;
    std::optional<std::int64_t> worker_;
    bool dropped_ = false;
    std::optional<std::int64_t> packets_;
    std::optional<std::int64_t> seconds_;
    std::optional<std::int64_t> snap_;
    std::optional<std::int64_t> bytes_;
};

}  // namespace shunt::cli
