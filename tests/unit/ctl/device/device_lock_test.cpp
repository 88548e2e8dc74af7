// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/device/device_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "ctl/device/eal.h"

namespace shunt::ctl {
namespace {

/// No other test run has these; at most 15 characters.
std::string interface(char which) {
    return "lt" + std::to_string(getpid()) + which;
}

std::string refusal(const std::string& where, const std::string& name) {
    try {
        const DeviceLock lock(where, name);
        return "";
    } catch (const StartError& error) {
        return error.what();
    }
}

TEST(DeviceLock, IsHeldOnceAndFreeAfterwards) {
    {
        const DeviceLock held("port wan0", interface('a'));
        EXPECT_EQ(refusal("port lan0", interface('a')),
                  "port lan0: device busy: another shuntd has interface " + interface('a') +
                      "; stop it, or name another interface");
        // A refused attempt takes nothing away.
        EXPECT_NE(refusal("port lan0", interface('a')), "");
    }
    EXPECT_EQ(refusal("port lan0", interface('a')), "");
}

TEST(DeviceLock, IsOfOneInterface) {
    const DeviceLock one("port a", interface('a'));
    EXPECT_EQ(refusal("port b", interface('b')), "");
    EXPECT_EQ(refusal("port c", interface('a') + "1"), "");
    EXPECT_EQ(refusal("port d", interface('a').substr(0, 4)), "");
}

TEST(DeviceLock, OutlivesNoProcessEvenWhenItIsKilled) {
    std::array<int, 2> ready{};
    ASSERT_EQ(pipe(ready.data()), 0);
    const std::string name = interface('k');
    const pid_t child = fork();
    if (child == 0) {
        const DeviceLock lock("port a", name);
        const char done = 1;
        if (write(ready[1], &done, 1) != 1) _exit(1);
        for (;;) pause();
    }
    char done = 0;
    EXPECT_EQ(read(ready[0], &done, 1), 1);
    EXPECT_NE(refusal("port b", name), "");
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_EQ(refusal("port b", name), "");
    close(ready[0]);
    close(ready[1]);
}

}  // namespace
}  // namespace shunt::ctl
