// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/access.h"

#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

namespace shunt::ctl {

namespace {

bool is_member(const Credentials& who, std::optional<gid_t> group) noexcept {
    return group &&
           (who.gid == *group || std::ranges::find(who.groups, *group) != who.groups.end());
}

/// Nothing where the kernel does not know this option: then only the primary group counts.
std::vector<gid_t> groups_of(int socket) {
    std::vector<gid_t> groups;
    socklen_t size = 0;
    // The first call fails and says how much there is.
    getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &size);
    groups.resize(size / sizeof(gid_t));
    if (groups.empty() || getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0)
        return {};
    groups.resize(size / sizeof(gid_t));
    return groups;
}

}  // namespace

std::string_view name(Access access) noexcept {
    constexpr std::array<std::string_view, 3> names{"none", "read", "change"};
    return names[static_cast<std::size_t>(access)];
}

Access access_of(const Credentials& who, const AccessRules& rules) noexcept {
    if (who.uid == 0 || who.uid == rules.owner || is_member(who, rules.changers))
        return Access::change;
    return is_member(who, rules.readers) ? Access::read : Access::none;
}

std::optional<Credentials> peer_of(int socket) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof(peer))
        return std::nullopt;
    return Credentials{
        .uid = peer.uid, .gid = peer.gid, .pid = peer.pid, .groups = groups_of(socket)};
}

std::string user_name(uid_t uid) {
    const auto close = [](std::FILE* file) { std::fclose(file); };
    const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen("/etc/passwd", "re"), close);
    if (file == nullptr) return {};
    std::array<char, 4096> text;
    passwd entry{};
    for (passwd* found = nullptr;
         fgetpwent_r(file.get(), &entry, text.data(), text.size(), &found) == 0;)
        if (entry.pw_uid == uid) return entry.pw_name;
    return {};
}

}  // namespace shunt::ctl
