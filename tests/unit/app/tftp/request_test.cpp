// SPDX-License-Identifier: BSD-3-Clause
#include "app/tftp/request.h"

#include <gtest/gtest.h>

#include <string_view>

namespace shunt::tftp {
namespace {

using namespace std::string_view_literals;

bool is(std::string_view datagram) {
    return is_request(std::as_bytes(std::span(datagram)));
}

TEST(TftpRequest, IsAFileNameAndAMode) {
    EXPECT_TRUE(is("\0\1file\0octet\0"sv));
    EXPECT_TRUE(is("\0\2file\0netascii\0"sv));
    EXPECT_TRUE(is("\0\1f\0octet\0blksize\0001432\0"sv));
}

TEST(TftpRequest, IsNothingElse) {
    for (const auto text :
         {""sv, "\0"sv, "\0\1"sv, "\0\1file"sv, "\0\1file\0"sv, "\0\1file\0octet"sv,
          "\0\1\0octet\0"sv, "\0\1file\0\0"sv, "\0\3file\0octet\0"sv, "\1\1file\0octet\0"sv})
        EXPECT_FALSE(is(text)) << text;
}

}  // namespace
}  // namespace shunt::tftp
