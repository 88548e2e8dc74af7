// SPDX-License-Identifier: BSD-3-Clause
#include "net/packet_filter.h"

#include <gtest/gtest.h>

#include "net/parse.h"
#include "support/packet_builder.h"

namespace shunt {
namespace {

using namespace test;

bool matches(const PacketFilter& filter, const Frame& frame) {
    return filter.matches(PacketReader(frame), static_cast<std::uint32_t>(frame.size()));
}

PacketFilter of_protocol(Protocol protocol) {
    PacketFilter filter;
    filter.protocol = protocol;
    return filter;
}
PacketFilter of_port(std::uint16_t port) {
    PacketFilter filter;
    filter.port = L4Port(port);
    return filter;
}
PacketFilter of_address(std::string_view network) {
    PacketFilter filter;
    filter.address = parse_prefix(network);
    return filter;
}
PacketFilter of_server(std::string_view server) {
    PacketFilter filter;
    filter.server = parse_endpoint(server);
    return filter;
}
/// Of the two ends of a flow.
PacketFilter of_ends(std::string_view client, std::string_view virtual_service) {
    PacketFilter filter;
    filter.client = parse_prefix(client);
    filter.virtual_service = parse_endpoint(virtual_service);
    return filter;
}

// 192.0.2.7:40000 and 198.51.100.10:80, both ways.
const Frame request = PacketBuilder().ipv4("192.0.2.7", "198.51.100.10").tcp(40000, 80).build();
const Frame answer = PacketBuilder().ipv4("198.51.100.10", "192.0.2.7").tcp(80, 40000).build();
const Frame request6 = PacketBuilder().ipv6("2001:db8::7", "2001:db8::10").udp(40000, 80).build();

TEST(PacketFilter, NothingSetMatchesEverything) {
    EXPECT_TRUE(PacketFilter().everything());
    for (const Frame& frame : {request, request6, Frame(3), Frame(60)})
        EXPECT_TRUE(matches({}, frame));
}

TEST(PacketFilter, WithoutSoundHeadersNothingThatIsSetMatches) {
    const PacketFilter filter = of_protocol(Protocol::tcp);
    EXPECT_FALSE(filter.everything());
    EXPECT_FALSE(matches(filter, Frame(60)));
    EXPECT_FALSE(
        matches(filter, PacketBuilder().ipv4("192.0.2.7", "192.0.2.8").ihl(4).tcp(1, 2).build()));
}

TEST(PacketFilter, ProtocolAndPortOfEitherEnd) {
    EXPECT_TRUE(matches(of_protocol(Protocol::tcp), request));
    EXPECT_FALSE(matches(of_protocol(Protocol::udp), request));
    EXPECT_TRUE(matches(of_protocol(Protocol::udp), request6));
    for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{40000}}) {
        EXPECT_TRUE(matches(of_port(port), request));
        EXPECT_TRUE(matches(of_port(port), answer));
        EXPECT_TRUE(matches(of_port(port), request6));
    }
    EXPECT_FALSE(matches(of_port(81), request));
}

TEST(PacketFilter, AddressOfEitherEnd) {
    for (const char* text : {"192.0.2.0/24", "198.51.100.10"}) {
        EXPECT_TRUE(matches(of_address(text), request)) << text;
        EXPECT_TRUE(matches(of_address(text), answer)) << text;
        EXPECT_FALSE(matches(of_address(text), request6)) << text;
    }
    EXPECT_FALSE(matches(of_address("192.0.3.0/24"), request));
    EXPECT_TRUE(matches(of_address("2001:db8::/32"), request6));
}

TEST(PacketFilter, TheEndsOfAFlowWhicheverWayItGoes) {
    PacketFilter filter = of_ends("192.0.2.0/24", "198.51.100.10:80");
    EXPECT_TRUE(matches(filter, request));
    EXPECT_TRUE(matches(filter, answer));
    filter.virtual_service = parse_endpoint("198.51.100.10:0");
    EXPECT_TRUE(matches(filter, request));
    filter.virtual_service = parse_endpoint("198.51.100.10:81");
    EXPECT_FALSE(matches(filter, request));
    // The two may not be the same end.
    filter.client = parse_prefix("198.51.100.0/24");
    filter.virtual_service = parse_endpoint("198.51.100.10:80");
    EXPECT_FALSE(matches(filter, request));
    EXPECT_FALSE(matches(filter, answer));
}

TEST(PacketFilter, VirtualEndpointAndServerAreEitherFarEnd) {
    PacketFilter filter = of_ends("192.0.2.7", "203.0.113.1:80");
    filter.server = parse_endpoint("198.51.100.10:80");
    EXPECT_TRUE(matches(filter, request));
    EXPECT_TRUE(
        matches(filter, PacketBuilder().ipv4("203.0.113.1", "192.0.2.7").tcp(80, 40000).build()));
    EXPECT_FALSE(
        matches(filter, PacketBuilder().ipv4("203.0.113.2", "192.0.2.7").tcp(80, 40000).build()));
}

TEST(PacketFilter, IcmpErrorsMatchByWhatTheyQuote) {
    const Frame error = PacketBuilder()
                            .ipv4("203.0.113.9", "192.0.2.7")
                            .icmp(3, 4)
                            .payload(network_part(request))
                            .build();
    EXPECT_TRUE(matches(of_port(80), error));
    EXPECT_TRUE(matches(of_protocol(Protocol::icmp), error));
    EXPECT_TRUE(matches(of_server("198.51.100.10:80"), error));
    EXPECT_FALSE(matches(of_port(81), error));
    const Frame error6 = PacketBuilder()
                             .ipv6("2001:db8::9", "2001:db8::7")
                             .icmp(2, 0)
                             .payload(network_part(request6))
                             .build();
    EXPECT_TRUE(matches(of_port(80), error6));
    EXPECT_TRUE(matches(of_protocol(Protocol::icmp), error6));
    const Frame echo = PacketBuilder()
                           .ipv4("203.0.113.9", "192.0.2.7")
                           .icmp(8, 0)
                           .payload(network_part(request))
                           .build();
    EXPECT_FALSE(matches(of_port(80), echo));
}

}  // namespace
}  // namespace shunt
