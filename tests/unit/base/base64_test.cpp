// SPDX-License-Identifier: BSD-3-Clause
#include "base/base64.h"

#include <gtest/gtest.h>

namespace shunt {
namespace {

// RFC 4648 section 10.
TEST(Base64, IsThatOfTheStandard) {
    const std::pair<const char*, const char*> pairs[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : pairs) {
        EXPECT_EQ(to_base64(bytes), text);
        EXPECT_EQ(from_base64(text), bytes);
    }
}

TEST(Base64, EveryByteComesBack) {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    for (std::size_t size = 250; size <= all.size(); ++size)
        EXPECT_EQ(from_base64(to_base64(all.substr(0, size))), all.substr(0, size));
}

TEST(Base64, RefusesWhatIsNone) {
    for (const char* text :
         {"Z", "Zg=", "Zg", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9v", "Zm-v", "=Zm9"})
        EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace shunt
