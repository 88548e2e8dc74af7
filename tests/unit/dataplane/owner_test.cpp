// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/owner.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string_view>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;

/// The key of the published verification suite for receive-side scaling.
constexpr OwnerFunction::Key published_key = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

/// The definition: each set bit of the input adds the 32 bits of the key that begin at its place.
std::uint32_t toeplitz(const OwnerFunction::Key& key, std::span<const std::uint8_t> input) {
    const auto key_bit = [&](std::size_t i) { return (key[i / 8] >> (7 - i % 8)) & 1U; };
    std::uint32_t hash = 0;
    for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
        if (((input[bit / 8] >> (7 - bit % 8)) & 1) == 0) continue;
        std::uint32_t window = 0;
        for (std::size_t i = 0; i < 32; ++i) window = window << 1 | key_bit(bit + i);
        hash ^= window;
    }
    return hash;
}

TEST(Owner, AgreesWithThePublishedVectors) {
    struct Row {
        std::string_view source, destination;
        std::uint16_t source_port, destination_port;
        std::uint32_t addresses, with_ports;
    };
    constexpr std::array<Row, 5> rows{{
        {"66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178},
        {"199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea},
        {"24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a},
        {"38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f},
        {"153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2},
    }};
    const OwnerFunction owner(published_key, 4);
    for (const Row& row : rows) {
        // The vectors are of whole IPv4 flows; zeroes behind them add nothing, so that an IPv6
        // endpoint of 18 bytes can carry one.
        Ipv6Address carrier;
        const auto source = address_of<Ipv4>(row.source);
        const auto destination = address_of<Ipv4>(row.destination);
        std::memcpy(carrier.bytes.data(), &source, 4);
        std::memcpy(carrier.bytes.data() + 4, &destination, 4);
        EXPECT_EQ(owner.hash<Ipv6>(carrier, L4Port{}), row.addresses) << row.source;
        const L4Port ports[2] = {L4Port(row.source_port), L4Port(row.destination_port)};
        std::memcpy(carrier.bytes.data() + 8, ports, 4);
        EXPECT_EQ(owner.hash<Ipv6>(carrier, L4Port{}), row.with_ports) << row.source;
    }
}

template <class F>
void compare_with_the_definition() {
    std::mt19937 random(1);
    const auto byte = [&] { return static_cast<std::uint8_t>(random()); };
    for (int i = 0; i < 300; ++i) {
        OwnerFunction::Key key;
        std::ranges::generate(key, byte);
        const OwnerFunction owner(key, 3);
        std::array<std::uint8_t, sizeof(typename F::Address) + 2> input;
        std::ranges::generate(input, byte);
        typename F::Address address;
        L4Port port;
        std::memcpy(&address, input.data(), sizeof(address));
        std::memcpy(&port, input.data() + sizeof(address), sizeof(port));
        ASSERT_EQ((owner.hash<F>(address, port)), toeplitz(key, input));
    }
}
TEST(Owner, IsTheToeplitzHashOfAnIpv4Endpoint) {
    compare_with_the_definition<Ipv4>();
}
TEST(Owner, IsTheToeplitzHashOfAnIpv6Endpoint) {
    compare_with_the_definition<Ipv6>();
}

TEST(Owner, TheTableBehindTheHashNamesTheOwner) {
    for (const std::uint16_t workers : std::initializer_list<std::uint16_t>{1, 2, 3, 4, 64}) {
        const OwnerFunction owner(published_key, workers);
        std::map<std::uint16_t, int> entries;
        for (std::size_t i = 0; i < OwnerFunction::table_size; ++i) {
            ++entries[owner.entry(i).value()];
            EXPECT_EQ(owner.entry(i), owner.entry(i + OwnerFunction::table_size));
        }
        ASSERT_EQ(entries.size(), workers);
        for (const auto& [worker, count] : entries) {
            EXPECT_LT(worker, workers);
            EXPECT_NEAR(count, static_cast<double>(OwnerFunction::table_size) / workers, 1.0);
        }
        for (std::uint16_t port = 1; port < 200; ++port) {
            const auto client = address_of<Ipv4>("192.0.2.100");
            EXPECT_EQ((owner.owner<Ipv4>(client, L4Port(port))),
                      owner.entry(owner.hash<Ipv4>(client, L4Port(port)) & 127U));
        }
    }
}

TEST(Owner, SpreadsTheFlowsOfOneClientAndManyClientsOfOnePort) {
    const OwnerFunction owner(published_key, 4);
    std::array<int, 4> by_port{};
    std::array<int, 4> by_address{};
    for (unsigned i = 0; i < 8192; ++i) {
        const auto port = L4Port(static_cast<std::uint16_t>(20000 + i));
        ++by_port[owner.owner<Ipv4>(address_of<Ipv4>("192.0.2.100"), port).value()];
        const Ipv4Address address{Be32(0x0A000000U + i * 7)};
        ++by_address[owner.owner<Ipv4>(address, L4Port(std::uint16_t{40000})).value()];
    }
    for (std::size_t w = 0; w < 4; ++w) {
        EXPECT_NEAR(by_port[w], 2048, 300) << w;
        EXPECT_NEAR(by_address[w], 2048, 300) << w;
    }
}

TEST(Owner, KeepsTheKeyForCards) {
    EXPECT_EQ(OwnerFunction(published_key, 2).key(), published_key);
}

}  // namespace
}  // namespace shunt
