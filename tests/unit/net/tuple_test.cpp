// SPDX-License-Identifier: BSD-3-Clause
#include "net/tuple.h"

#include <gtest/gtest.h>

#include <cstring>
#include <type_traits>

namespace shunt {
namespace {

template <class F>
class FlowTupleTest : public ::testing::Test {
  public:
    static FlowTuple<F> sample() {
        const char* const source = F::family == Family::ipv4 ? "192.0.2.7" : "2001:db8::7";
        const char* const target = F::family == Family::ipv4 ? "198.51.100.10" : "2001:db8:1::10";
        return {.source = F::of(parse_address(source).value()),
                .destination = F::of(parse_address(target).value()),
                .source_port = L4Port(std::uint16_t{40000}),
                .destination_port = L4Port(std::uint16_t{80}),
                .protocol = Protocol::tcp};
    }
};
using Families = ::testing::Types<Ipv4, Ipv6>;
TYPED_TEST_SUITE(FlowTupleTest, Families);

TYPED_TEST(FlowTupleTest, HasNoByteThatIsNotPartOfItsValue) {
    EXPECT_TRUE(std::has_unique_object_representations_v<FlowTuple<TypeParam>>);
}

TYPED_TEST(FlowTupleTest, EveryByteTellsTuplesApart) {
    using Tuple = FlowTuple<TypeParam>;
    const Tuple a = TestFixture::sample();
    for (std::size_t i = 0; i < sizeof(Tuple); ++i) {
        Tuple b = a;
        unsigned char bytes[sizeof(Tuple)];
        std::memcpy(bytes, &b, sizeof(Tuple));
        bytes[i] ^= 0x80;
        std::memcpy(&b, bytes, sizeof(Tuple));
        EXPECT_FALSE(a == b) << "byte " << i;
    }
    EXPECT_TRUE(a == TestFixture::sample());
}

TYPED_TEST(FlowTupleTest, WordsAreItsBytes) {
    const FlowTuple<TypeParam> a = TestFixture::sample();
    const auto words = tuple_words<TypeParam>(a.source, a.destination, a.source_port,
                                              a.destination_port, a.protocol);
    static_assert(sizeof(words) == sizeof(a));
    EXPECT_EQ(std::memcmp(words.data(), &a, sizeof(a)), 0);
}

TYPED_TEST(FlowTupleTest, BytesStandAsOnTheWire) {
    const FlowTuple<TypeParam> a = TestFixture::sample();
    constexpr std::size_t length = sizeof(typename TypeParam::Address);
    unsigned char bytes[sizeof(a)];
    std::memcpy(bytes, &a, sizeof(a));
    EXPECT_EQ(bytes[length - 1], 7);
    EXPECT_EQ(bytes[2 * length - 1], TypeParam::family == Family::ipv4 ? 10 : 0x10);
    EXPECT_EQ(bytes[2 * length] << 8 | bytes[2 * length + 1], 40000);
    EXPECT_EQ(bytes[2 * length + 3], 80);
    EXPECT_EQ(bytes[2 * length + 4], 6);
}

TEST(Families, NameTheirOwnNumbers) {
    EXPECT_EQ(static_cast<int>(Ipv4::ether_type), 0x0800);
    EXPECT_EQ(static_cast<int>(Ipv6::ether_type), 0x86DD);
    EXPECT_EQ(static_cast<int>(Ipv4::icmp), 1);
    EXPECT_EQ(static_cast<int>(Ipv6::icmp), 58);
}

}  // namespace
}  // namespace shunt
