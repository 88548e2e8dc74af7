// SPDX-License-Identifier: BSD-3-Clause
#include "base/drop_reason.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

namespace shunt {
namespace {

TEST(DropReason, NamesAreThoseOfTheEnumerators) {
    EXPECT_EQ(name(DropReason::truncated), "truncated");
    EXPECT_EQ(name(DropReason::too_big), "too_big");
    EXPECT_EQ(name(DropReason::shutdown), "shutdown");
    EXPECT_EQ(static_cast<std::size_t>(DropReason::shutdown) + 1, drop_reason_count);
}

TEST(DropReason, EachHasItsOwnNameAndSentence) {
    std::set<std::string_view> names;
    std::set<std::string_view> texts;
    for (const auto& [reason, text] : drop_reason_texts) {
        EXPECT_TRUE(names.insert(reason).second) << reason;
        EXPECT_TRUE(texts.insert(text).second) << text;
        EXPECT_GT(text.size(), 10U) << reason;
        EXPECT_NE(text.back(), '.') << reason;
        for (const char c : reason)
            EXPECT_TRUE(c == '_' || std::islower(static_cast<unsigned char>(c)) != 0 ||
                        std::isdigit(static_cast<unsigned char>(c)) != 0)
                << reason;
    }
    EXPECT_EQ(names.size(), drop_reason_count);
}

}  // namespace
}  // namespace shunt
