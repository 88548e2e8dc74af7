// SPDX-License-Identifier: BSD-3-Clause
#include "sched/siphash.h"

#include <gtest/gtest.h>

namespace shunt {
namespace {

TEST(SipHash, GoldenVectors) {
    struct Case {
        std::uint32_t word, first, second;
    };
    for (const auto& c :
         {Case{0x0A000002, 0x41CFDE13, 0xC537A6E5}, Case{0x0A000003, 0x264D5EC5, 0x2AC3D875},
          Case{0xC6336407, 0xADB98AB6, 0x54962AB3}, Case{0xCB0071C8, 0x9DA0894B, 0x4C0A5598}}) {
        EXPECT_EQ(siphash13(c.word, 2654435761U), c.first) << c.word;
        EXPECT_EQ(siphash13(c.word, 2654446892U), c.second) << c.word;
    }
}

}  // namespace
}  // namespace shunt
