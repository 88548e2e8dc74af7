// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/health/check_task.h"

namespace shunt::ctl {

namespace {

/// The host of a request: without the port that HTTP has anyway.
std::string host_of(const HealthCheck& check, const Endpoint& target) {
    constexpr L4Port http_port{std::uint16_t{80}};
    if (!check.host.empty()) return check.host;
    if (target.port != http_port) return to_string(target);
    const std::string address = to_string(target.address);
    return target.address.family() == Family::ipv6 ? '[' + address + ']' : address;
}

std::string request_of(const HealthCheck& check, const Endpoint& target) {
    return "GET " + check.path + " HTTP/1.1\r\nHost: " + host_of(check, target) +
           "\r\nUser-Agent: shunt\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

}  // namespace

CheckTask check_task(const HealthCheck& check, const Endpoint& server) {
    CheckTask task{.type = check.type,
                   .target = server,
                   .source = {},
                   .timeout = check.timeout,
                   .request = {},
                   .status = check.status};
    if (check.port != L4Port{}) task.target.port = check.port;
    if (check.source && check.source->family() == server.address.family())
        task.source = check.source;
    if (check.type == CheckType::http) task.request = request_of(check, task.target);
    return task;
}

std::string duration_text(std::chrono::milliseconds time) {
    const auto count = time.count();
    return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

}  // namespace shunt::ctl
