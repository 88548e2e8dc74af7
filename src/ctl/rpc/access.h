// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Who may do what over the control socket, by the credentials that the kernel knows of the process
// at its other end (SO_PEERCRED, SO_PEERGROUPS: those at the time of its connect). Thread: any.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::ctl {

/// Each includes those before it.
enum class Access : std::uint8_t { none, read, change };

/// "none", "read" or "change".
[[nodiscard]] std::string_view name(Access access) noexcept;

/// A process.
struct Credentials {
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;                ///< 0: unknown, it lives in another PID namespace
    std::vector<gid_t> groups{};  ///< supplementary ones
};

/// Root and the owner may change. A group that is not given has no rights.
struct AccessRules {
    uid_t owner = 0;  ///< the user that the daemon runs as
    std::optional<gid_t> changers{};
    std::optional<gid_t> readers{};
};

[[nodiscard]] Access access_of(const Credentials& who, const AccessRules& rules) noexcept;

/// Who asks, and what is granted.
struct Caller {
    Credentials who{};
    Access access = Access::change;
};

/// Of the process that connected to the socket; nothing when the kernel does not tell.
[[nodiscard]] std::optional<Credentials> peer_of(int socket);

/// As /etc/passwd has it; empty when it is not there. No other source of names is asked: they may
/// take their time.
[[nodiscard]] std::string user_name(uid_t uid);

}  // namespace shunt::ctl
