// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/device/device_lock.h"

#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "ctl/device/eal.h"

namespace shunt::ctl {

DeviceLock::DeviceLock(const std::string& where, const std::string& interface)
    : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // A name that begins with a zero byte is in no file system.
    const std::string name = "shunt-port-" + interface;
    std::ranges::copy(name, address.sun_path + 1);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    if (bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) == 0) return;
    close(socket_);
    throw StartError(fmt::format(
        "{}: device busy: another shuntd has interface {}; stop it, or name another interface",
        where, interface));
}

DeviceLock::~DeviceLock() {
    close(socket_);
}

}  // namespace shunt::ctl
