// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How the real servers of a service are checked, as it is configured. Thread: any.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/address.h"

namespace shunt::ctl {

enum class CheckType : std::uint8_t {
    tcp,   ///< a connection is opened
    http,  ///< GET, and the status of the answer
    udp,   ///< an empty datagram; only an ICMP error says that the server is down
};

enum class Health : std::uint8_t { unchecked, up, down };

/// What becomes of a service of which every server that has a weight is down.
enum class AllDown : std::uint8_t { refuse, use_all };

/// Of HTTP, both included.
struct StatusRange {
    std::uint16_t first = 200;
    std::uint16_t last = 399;
    bool operator==(const StatusRange&) const = default;
};
/// "200-399", or "200" for one; nothing for what is none, or not within 100 to 599.
[[nodiscard]] std::optional<StatusRange> parse_status_range(std::string_view text);
[[nodiscard]] std::string to_string(const StatusRange& range);

struct HealthCheck {
    CheckType type = CheckType::tcp;
    std::chrono::milliseconds interval{5000};  ///< from the begin of a check to that of the next
    std::chrono::milliseconds timeout{2000};
    std::uint32_t rise = 2;             ///< so many checks passed in a row bring a server up
    std::uint32_t fall = 3;             ///< so many failed in a row take it down
    L4Port port{};                      ///< 0: the server's own
    std::optional<IpAddress> source{};  ///< for servers of its family; none: the host chooses
    // Of http.
    std::string path = "/";
    std::string host;  ///< of the request; empty: the server's address
    StatusRange status{};

    Health initially = Health::up;  ///< of a server that is new in its service
    AllDown all_down = AllDown::refuse;
    bool operator==(const HealthCheck&) const = default;
};

inline constexpr std::chrono::milliseconds shortest_check_interval{100};
inline constexpr std::chrono::milliseconds longest_check_interval{3'600'000};
inline constexpr std::chrono::milliseconds shortest_check_timeout{10};
inline constexpr std::chrono::milliseconds longest_check_timeout{60'000};
inline constexpr std::uint32_t most_checks_in_a_row = 100;
inline constexpr std::size_t longest_check_path = 1024;
inline constexpr std::size_t longest_check_host = 255;

}  // namespace shunt::ctl
