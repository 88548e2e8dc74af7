// SPDX-License-Identifier: BSD-3-Clause
#include "base/pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <vector>

namespace shunt {
namespace {

TEST(Pages, AreZeroAndWritableToTheLastByte) {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{4096}, std::size_t{5'000'000}}) {
        Pages pages(bytes);
        ASSERT_GE(pages.size(), bytes);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pages.data()) % 4096, 0U);
        auto* p = static_cast<unsigned char*>(pages.data());
        for (std::size_t i = 0; i < bytes; i += 997) ASSERT_EQ(p[i], 0) << i;
        p[0] = 1;
        p[bytes - 1] = 2;
        p[pages.size() - 1] = 3;
    }
}

TEST(Pages, AMoveHandsOverTheMapping) {
    Pages a(1000);
    void* const data = a.data();
    Pages b(std::move(a));
    EXPECT_EQ(b.data(), data);
    EXPECT_EQ(a.data(), nullptr);  // NOLINT(bugprone-use-after-move): promised by the header
    EXPECT_EQ(a.size(), 0U);
    Pages c;
    c = std::move(b);
    EXPECT_EQ(c.data(), data);
    EXPECT_EQ(b.data(), nullptr);  // NOLINT(bugprone-use-after-move)
}

TEST(Pages, MoreThanTheAddressSpaceThrows) {
    EXPECT_THROW(Pages{std::size_t{1} << 60}, std::bad_alloc);
    EXPECT_THROW(Pages{std::numeric_limits<std::size_t>::max()}, std::bad_alloc);
}

/// Bytes of a mapping that are there.
std::size_t resident(const Pages& pages) {
    std::vector<unsigned char> there((pages.size() + 4095) / 4096);
    EXPECT_EQ(mincore(pages.data(), pages.size(), there.data()), 0);
    return 4096 * static_cast<std::size_t>(std::ranges::count_if(
                      there, [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(Pages, TouchedAtStartAreAllThere) {
    for (const std::size_t bytes : {std::size_t{40'960}, std::size_t{5'000'000}}) {
        const Pages pages(bytes, Touch::at_start);
        EXPECT_GE(resident(pages), bytes);
        const auto* p = static_cast<const unsigned char*>(pages.data());
        for (std::size_t i = 0; i < pages.size(); i += 997) ASSERT_EQ(p[i], 0) << i;
    }
    // Too small for huge pages, which would be there at once.
    EXPECT_EQ(resident(Pages(40'960)), 0U);
}

TEST(Pages, MemoryIsTouchedOnlyOnUse) {
    // More than this machine has: it must map, and one write must not need the rest.
    Pages pages(std::size_t{1} << 36);
    static_cast<char*>(pages.data())[pages.size() - 1] = 1;
    EXPECT_EQ(static_cast<char*>(pages.data())[0], 0);
}

TEST(PageArray, ItemsStandSideBySideAndStartAtZero) {
    PageArray<std::uint64_t> array(1000);
    EXPECT_EQ(array.size(), 1000U);
    EXPECT_GE(array.bytes(), 8000U);
    EXPECT_EQ(array[999], 0U);
    array[7] = 5;
    EXPECT_EQ(&array[7], array.data() + 7);
    EXPECT_EQ(std::as_const(array)[7], 5U);
}

TEST(PageArray, OfNothingIsAllowed) {
    const PageArray<std::uint64_t> none;
    EXPECT_EQ(none.size(), 0U);
    EXPECT_EQ(none.bytes(), 0U);
    const PageArray<std::uint64_t> zero(0);
    EXPECT_EQ(zero.size(), 0U);
}

TEST(PageArray, ACountWhoseBytesOverflowThrows) {
    EXPECT_THROW(PageArray<std::uint64_t>((std::size_t{1} << 61) + 1), std::bad_alloc);
}

}  // namespace
}  // namespace shunt
