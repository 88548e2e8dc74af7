// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One check of one server, as it is to be made, and how it ended. Thread: any.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "ctl/config/health_check.h"
#include "net/address.h"

namespace shunt::ctl {

struct CheckTask {
    CheckType type = CheckType::tcp;
    Endpoint target;
    std::optional<IpAddress> source;  ///< of the target's family
    std::chrono::milliseconds timeout{0};
    std::string request;  ///< of http
    StatusRange status;
};

enum class CheckEnd : std::uint8_t {
    passed,
    failed,
    timed_out,
    not_made,  ///< for want of a descriptor, port or address of this host: nothing about the server
};

struct CheckResult {
    CheckEnd end = CheckEnd::passed;
    std::string reason;  ///< "connect: Connection refused", "http: status 503", "timeout 2 s"
    std::chrono::steady_clock::duration took{0};
};

/// `server` is as it stands in its service.
[[nodiscard]] CheckTask check_task(const HealthCheck& check, const Endpoint& server);

/// "2 s", "250 ms".
[[nodiscard]] std::string duration_text(std::chrono::milliseconds time);

}  // namespace shunt::ctl
