// SPDX-License-Identifier: BSD-3-Clause
#include "net/ipv4_options.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace shunt {
namespace {

/// In a buffer of just this size, so that a sanitizer sees what is read beyond it.
std::optional<DropReason> refuse(const std::vector<std::uint8_t>& options) {
    const auto exact = std::make_unique<std::byte[]>(options.size());
    for (std::size_t i = 0; i < options.size(); ++i) exact[i] = std::byte{options[i]};
    return refuse_options({exact.get(), options.size()});
}

TEST(Ipv4Options, AreInOrder) {
    for (const auto& good : std::vector<std::vector<std::uint8_t>>{
             {},
             {0, 0, 0, 0},
             {1, 1, 1, 1},
             {148, 4, 0, 0},                         // router alert
             {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0},  // record route
             {1, 7, 7, 4, 0, 0, 0, 0},
             {68, 8, 5, 0, 0, 0, 0, 0},  // timestamp
             {0, 131, 3, 4},             // behind the end
             {222, 2, 0, 0}})            // unknown
        EXPECT_EQ(refuse(good), std::nullopt) << int{good.empty() ? std::uint8_t{0} : good[0]};
}

TEST(Ipv4Options, CannotBeSo) {
    for (const auto& bad : std::vector<std::vector<std::uint8_t>>{{148, 0, 0, 0},
                                                                  {148, 1, 0, 0},
                                                                  {148, 5, 0, 0},
                                                                  {1, 1, 1, 148},
                                                                  {7, 2, 0, 0},
                                                                  {7, 4, 4, 0},
                                                                  {7, 3, 3, 0}})
        EXPECT_EQ(refuse(bad), DropReason::ipv4_bad_options) << int{bad[0]} << ' ' << int{bad[1]};
}

TEST(Ipv4Options, AskForARoute) {
    EXPECT_EQ(refuse({131, 7, 4, 10, 1, 0, 1, 0}), DropReason::ipv4_source_route);
    EXPECT_EQ(refuse({1, 137, 7, 4, 10, 1, 0, 1}), DropReason::ipv4_source_route);
    EXPECT_EQ(refuse({148, 4, 0, 0, 131, 3, 4, 0}), DropReason::ipv4_source_route);
}

}  // namespace
}  // namespace shunt
