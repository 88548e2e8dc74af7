// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/access.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "ctl/rpc/reading_methods.h"

namespace shunt::ctl {
namespace {

TEST(Access, RootTheOwnerAndTheGroupMayChange) {
    const AccessRules rules{.owner = 500, .changers = 20, .readers = 30};
    EXPECT_EQ(access_of({.uid = 0, .gid = 99}, rules), Access::change);
    EXPECT_EQ(access_of({.uid = 500, .gid = 99}, rules), Access::change);
    EXPECT_EQ(access_of({.uid = 7, .gid = 20}, rules), Access::change);
    EXPECT_EQ(access_of({.uid = 7, .gid = 99, .pid = 1, .groups = {1, 20}}, rules), Access::change);
}

TEST(Access, ReadersMayReadAndOthersNothing) {
    const AccessRules rules{.owner = 500, .changers = 20, .readers = 30};
    EXPECT_EQ(access_of({.uid = 7, .gid = 30}, rules), Access::read);
    EXPECT_EQ(access_of({.uid = 7, .gid = 99, .pid = 1, .groups = {30}}, rules), Access::read);
    EXPECT_EQ(access_of({.uid = 7, .gid = 30, .pid = 1, .groups = {20}}, rules), Access::change)
        << "the greater right counts";
    EXPECT_EQ(access_of({.uid = 7, .gid = 99, .pid = 1, .groups = {1, 2}}, rules), Access::none);
    EXPECT_EQ(access_of({.uid = 20, .gid = 500}, rules), Access::none)
        << "a group's number is no user's";
}

TEST(Access, AGroupThatIsNotGivenHasNoMembers) {
    EXPECT_EQ(access_of({.uid = 7, .gid = 0, .pid = 1, .groups = {0}}, {.owner = 500}),
              Access::none);
}

TEST(Access, ThePeerOfASocketIsKnown) {
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    const auto peer = peer_of(ends[0]);
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->uid, geteuid());
    EXPECT_EQ(peer->gid, getegid());
    EXPECT_EQ(peer->pid, getpid());
    const int count = getgroups(0, nullptr);
    EXPECT_EQ(peer->groups.size(), static_cast<std::size_t>(count));
    close(ends[0]);
    close(ends[1]);
    EXPECT_FALSE(peer_of(-1));
}

TEST(Access, UsersHaveTheNameOfThePasswordFile) {
    EXPECT_EQ(user_name(0), "root");
    EXPECT_EQ(user_name(4'000'000'000U), "");
}

TEST(Access, WhatIsNotKnownToReadTakesTheRightToChange) {
    EXPECT_EQ(access_needed("service.list"), Access::read);
    EXPECT_EQ(access_needed("service.add"), Access::change);
    EXPECT_EQ(access_needed("no.such"), Access::change);
    EXPECT_FALSE(is_audited("service.list"));
    EXPECT_TRUE(is_audited("service.add"));
    EXPECT_TRUE(is_audited("capture.start"));
    EXPECT_FALSE(is_audited("capture.read"));
    EXPECT_FALSE(is_audited("trace.read"));
}

}  // namespace
}  // namespace shunt::ctl
