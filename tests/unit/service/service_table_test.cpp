// SPDX-License-Identifier: BSD-3-Clause
#include "service/service_table.h"

#include <gtest/gtest.h>

namespace shunt {
namespace {

std::shared_ptr<const VirtualService> service(Protocol protocol, std::string_view endpoint) {
    auto s = std::make_shared<VirtualService>();
    s->key = {.protocol = protocol, .endpoint = parse_endpoint(endpoint).value(), .mark = {}};
    return s;
}
std::shared_ptr<const VirtualService> marked(std::uint32_t mark, const IpAddress& any) {
    auto s = std::make_shared<VirtualService>();
    s->key = {.protocol = Protocol::none, .endpoint = {any, {}}, .mark = Mark(mark)};
    return s;
}
ServiceTable::DestSlot slot(std::string_view endpoint, bool available, bool in_use) {
    ServiceTable::DestSlot s;
    s.endpoint = parse_endpoint(endpoint).value();
    s.available = available;
    s.in_use = in_use;
    return s;
}
Ipv4Address v4(std::string_view text) {
    return parse_address(text).value().v4();
}
Ipv6Address v6(std::string_view text) {
    return parse_address(text).value().v6();
}
L4Port port(std::uint16_t number) {
    return L4Port(number);
}

TEST(ServiceTable, AnEmptyOneFindsNothing) {
    const ServiceTable table;
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, v4("0.0.0.0"), port(0)), nullptr);
    EXPECT_EQ(table.find<Ipv6>({}, Protocol::tcp, v6("::"), port(0)), nullptr);
    EXPECT_FALSE(table.is_virtual<Ipv4>(v4("0.0.0.0")));
    EXPECT_FALSE(table.is_real<Ipv6>(v6("::"), port(0)));
    EXPECT_TRUE(table.services().empty());
    EXPECT_TRUE(table.slots().empty());
}

TEST(ServiceTable, FindsByProtocolAddressAndPortAlone) {
    const auto web = service(Protocol::tcp, "198.51.100.10:80");
    const auto dns = service(Protocol::udp, "198.51.100.10:53");
    const auto web6 = service(Protocol::tcp, "[2001:db8::10]:80");
    const ServiceTable table({web, dns, web6}, {});
    const auto address = v4("198.51.100.10");
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, address, port(80)), web.get());
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::udp, address, port(53)), dns.get());
    EXPECT_EQ(table.find<Ipv6>({}, Protocol::tcp, v6("2001:db8::10"), port(80)), web6.get());
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::udp, address, port(80)), nullptr);
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, address, port(53)), nullptr);
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, v4("198.51.100.11"), port(80)), nullptr);
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, address, port(20480)), nullptr);  // 80 swapped
    EXPECT_EQ(table.find<Ipv6>({}, Protocol::tcp, v6("2001:db8::11"), port(80)), nullptr);
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, v4("0.0.0.0"), port(80)), nullptr);
}

TEST(ServiceTable, TheExactPortGoesBeforePortZero) {
    const auto every = service(Protocol::tcp, "198.51.100.10:0");
    const auto web = service(Protocol::tcp, "198.51.100.10:80");
    const ServiceTable table({every, web}, {});
    const auto address = v4("198.51.100.10");
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, address, port(80)), web.get());
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, address, port(81)), every.get());
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, address, port(0)), every.get());
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::udp, address, port(81)), nullptr);
}

TEST(ServiceTable, AMarkGoesBeforeEverythingElse) {
    const auto web = service(Protocol::tcp, "198.51.100.10:80");
    const auto one = marked(1, Ipv4Address{});
    const auto one6 = marked(1, Ipv6Address{});
    const auto two = marked(2, Ipv4Address{});
    const auto of_mark = slot("10.1.0.11:0", true, true);
    auto of_mark6 = slot("[2001:db8:1::11]:0", true, true);
    of_mark6.virtual_address = Ipv6Address{};
    const ServiceTable table({web, one, one6, two}, {of_mark, of_mark6});
    const auto address = v4("198.51.100.10");
    EXPECT_EQ(table.find<Ipv4>(Mark(1), Protocol::tcp, address, port(80)), one.get());
    EXPECT_EQ(table.find<Ipv4>(Mark(1), Protocol::udp, v4("10.9.9.9"), port(7)), one.get());
    EXPECT_EQ(table.find<Ipv4>(Mark(2), Protocol::tcp, address, port(80)), two.get());
    EXPECT_EQ(table.find<Ipv6>(Mark(1), Protocol::tcp, v6("2001:db8::1"), port(80)), one6.get());
    EXPECT_EQ(table.find<Ipv6>(Mark(2), Protocol::tcp, v6("2001:db8::1"), port(80)), nullptr);
    EXPECT_EQ(table.find<Ipv4>(Mark(3), Protocol::tcp, address, port(80)), web.get())
        << "a mark of no service";
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, address, port(80)), web.get());
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::none, v4("0.0.0.0"), port(0)), nullptr);
    EXPECT_FALSE(table.is_virtual<Ipv4>(v4("0.0.0.0")));
    EXPECT_FALSE(table.is_virtual<Ipv6>(v6("::")));
}

TEST(ServiceTable, BesideAServiceOnPort21StandsItsData) {
    const auto ftp = service(Protocol::tcp, "198.51.100.10:21");
    const auto web = service(Protocol::tcp, "198.51.100.10:8080");
    const auto every = service(Protocol::tcp, "198.51.100.10:0");
    const auto address = v4("198.51.100.10");
    const ServiceTable table({ftp, web, every}, {});
    const auto found = [&](Protocol protocol, std::uint16_t p) {
        return table.find<Ipv4>({}, protocol, address, port(p));
    };
    EXPECT_EQ(found(Protocol::tcp, 20), ftp.get());
    EXPECT_EQ(found(Protocol::tcp, 1024), ftp.get());
    EXPECT_EQ(found(Protocol::tcp, 65535), ftp.get());
    EXPECT_EQ(found(Protocol::tcp, 8080), web.get()) << "the exact port goes first";
    EXPECT_EQ(found(Protocol::tcp, 1023), every.get());
    EXPECT_EQ(found(Protocol::udp, 1024), nullptr);
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, v4("198.51.100.11"), port(1024)), nullptr);
    const ServiceTable by_udp({service(Protocol::udp, "198.51.100.10:21"), ftp}, {});
    EXPECT_EQ(by_udp.find<Ipv4>({}, Protocol::udp, address, port(1024)), nullptr);
}

TEST(ServiceTable, KnowsVirtualAddressesWhateverTheirPort) {
    const ServiceTable table(
        {service(Protocol::udp, "198.51.100.10:53"), service(Protocol::tcp, "[2001:db8::10]:0")},
        {});
    EXPECT_TRUE(table.is_virtual<Ipv4>(v4("198.51.100.10")));
    EXPECT_TRUE(table.is_virtual<Ipv6>(v6("2001:db8::10")));
    EXPECT_FALSE(table.is_virtual<Ipv4>(v4("10.1.0.11")));
    EXPECT_FALSE(table.is_virtual<Ipv4>(v4("0.0.0.0")));
    EXPECT_FALSE(table.is_virtual<Ipv6>(v6("::")));
}

TEST(ServiceTable, AVirtualAddressStaysOneWhileSlotsOfItsServiceAreInUse) {
    auto living = slot("10.1.0.11:8080", false, true);
    living.virtual_address = v4("198.51.100.10");
    auto free = slot("10.1.0.12:8080", false, false);
    free.virtual_address = v4("198.51.100.11");
    const ServiceTable table({}, {living, free});
    EXPECT_TRUE(table.is_virtual<Ipv4>(v4("198.51.100.10")));
    EXPECT_FALSE(table.is_virtual<Ipv4>(v4("198.51.100.11")));
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, v4("198.51.100.10"), port(80)), nullptr);
}

TEST(ServiceTable, KnowsRealServersAlsoWhenRemovedUntilTheirSlotIsFree) {
    const ServiceTable table(
        {}, {slot("10.1.0.11:8080", true, true), slot("10.1.0.12:8080", false, true),
             slot("10.1.0.13:8080", false, false), slot("[2001:db8:1::11]:8080", true, true)});
    EXPECT_TRUE(table.is_real<Ipv4>(v4("10.1.0.11"), port(8080)));
    EXPECT_TRUE(table.is_real<Ipv4>(v4("10.1.0.12"), port(8080)));
    EXPECT_FALSE(table.is_real<Ipv4>(v4("10.1.0.13"), port(8080)));
    EXPECT_FALSE(table.is_real<Ipv4>(v4("10.1.0.11"), port(8081)));
    EXPECT_TRUE(table.is_real<Ipv6>(v6("2001:db8:1::11"), port(8080)));
    EXPECT_FALSE(table.is_real<Ipv6>(v6("::"), port(8080)));
    EXPECT_EQ(table.slots().size(), 4U);
    EXPECT_TRUE(table.slot(DestId(0)).available);
    EXPECT_FALSE(table.slot(DestId(1)).available);
    EXPECT_EQ(to_string(table.slot(DestId(1)).endpoint), "10.1.0.12:8080");
}

TEST(ServiceTable, ASlotIsFoundWhileItNamesAServer) {
    const ServiceTable table({}, {slot("10.0.0.1:80", true, true), slot("10.0.0.2:80", false, true),
                                  slot("10.0.0.3:80", false, false)});
    EXPECT_EQ(table.find_slot(DestId(0)), &table.slot(DestId(0)));
    EXPECT_EQ(table.find_slot(DestId(1)), &table.slot(DestId(1))) << "removed, and still known";
    EXPECT_EQ(table.find_slot(DestId(2)), nullptr) << "free";
    EXPECT_EQ(table.find_slot(DestId(3)), nullptr) << "beyond all that there are";
}

TEST(ServiceTable, OnlyServersThatAreTranslatedAnswerAsThemselves) {
    auto direct = slot("10.1.0.11:80", true, true);
    direct.forward = ForwardMethod::direct;
    auto tunnel = slot("10.1.0.12:80", true, true);
    tunnel.forward = ForwardMethod::tunnel;
    const ServiceTable table({}, {direct, tunnel, slot("10.1.0.13:80", true, true)});
    EXPECT_FALSE(table.is_real<Ipv4>(v4("10.1.0.11"), port(80)));
    EXPECT_FALSE(table.is_real<Ipv4>(v4("10.1.0.12"), port(80)));
    EXPECT_TRUE(table.is_real<Ipv4>(v4("10.1.0.13"), port(80)));
    EXPECT_FALSE(table.is_real_address<Ipv4>(v4("10.1.0.11")));
    EXPECT_TRUE(table.is_real_address<Ipv4>(v4("10.1.0.13")));
    EXPECT_FALSE(table.is_real_address<Ipv4>(v4("10.1.0.14")));
    EXPECT_FALSE(table.is_real_address<Ipv6>(v6("::")));
}

TEST(ServiceTable, AServerOnPort0AnswersFromEveryPort) {
    const ServiceTable table({}, {slot("10.1.0.11:0", true, true), slot("10.1.0.12:80", true, true),
                                  slot("[2001:db8:1::11]:80", true, true)});
    EXPECT_TRUE(table.is_real<Ipv4>(v4("10.1.0.11"), port(80)));
    EXPECT_TRUE(table.is_real<Ipv4>(v4("10.1.0.11"), port(65535)));
    EXPECT_FALSE(table.is_real<Ipv4>(v4("10.1.0.12"), port(81)));
    EXPECT_FALSE(table.is_real<Ipv6>(v6("2001:db8:1::11"), port(81)));
}

TEST(ServiceTable, OfServicesWithOneKeyTheFirstIsFound) {
    const auto first = service(Protocol::tcp, "198.51.100.10:80");
    const auto second = service(Protocol::tcp, "198.51.100.10:80");
    const ServiceTable table({first, second}, {});
    EXPECT_EQ(table.services().size(), 2U);
    EXPECT_EQ(table.find<Ipv4>({}, Protocol::tcp, v4("198.51.100.10"), port(80)), first.get());
}

TEST(ServiceTable, ManyServicesAreAllFound) {
    std::vector<std::shared_ptr<const VirtualService>> services;
    for (int i = 0; i < 5000; ++i)
        services.push_back(service(i % 2 == 0 ? Protocol::tcp : Protocol::udp,
                                   "10.0." + std::to_string(i % 50) + ".1:" + std::to_string(i)));
    const ServiceTable table(services, {});
    ASSERT_EQ(table.services().size(), 5000U);
    for (const auto& s : services)
        EXPECT_EQ(table.find<Ipv4>({}, s->key.protocol, s->key.endpoint.address.v4(),
                                   s->key.endpoint.port),
                  s.get());
}

/// A service with two NAT servers, which see calls begin.
std::shared_ptr<VirtualService> telephony(std::string_view endpoint, std::string_view server,
                                          std::string_view other) {
    auto s = std::make_shared<VirtualService>();
    s->key = {.protocol = Protocol::udp, .endpoint = parse_endpoint(endpoint).value(), .mark = {}};
    s->persistence = Persistence{.engine = PersistenceEngine::sip};
    std::uint32_t id = 0;
    for (const auto& at : {server, other})
        s->servers.push_back(
            {.id = DestId(id++), .endpoint = parse_endpoint(at).value(), .tunnel = {}});
    return s;
}

TEST(ServiceTable, KnowsTheServersThatBeginCalls) {
    const auto s = telephony("198.51.100.10:5060", "10.1.0.11:5070", "10.1.0.12:5070");
    const auto s6 =
        telephony("[2001:db8::10]:5060", "[2001:db8:1::11]:5060", "[2001:db8:1::12]:5060");
    const ServiceTable table({s, s6}, {});
    const auto* caller = table.find_caller<Ipv4>(v4("10.1.0.12"), port(5070));
    ASSERT_NE(caller, nullptr);
    EXPECT_EQ(caller->service, s.get());
    EXPECT_EQ(caller->server, &s->servers[1]);
    EXPECT_EQ(table.find_caller<Ipv4>(v4("10.1.0.12"), port(5060)), nullptr);
    EXPECT_EQ(table.find_caller<Ipv4>(v4("10.1.0.13"), port(5070)), nullptr);
    EXPECT_EQ(table.find_caller<Ipv6>(v6("2001:db8:1::11"), port(5070)), nullptr);
    const auto* caller6 = table.find_caller<Ipv6>(v6("2001:db8:1::11"), port(5060));
    ASSERT_NE(caller6, nullptr);
    EXPECT_EQ(caller6->service, s6.get());
}

TEST(ServiceTable, OtherServersBeginNone) {
    const auto begins = [](const auto& change) {
        const auto s = telephony("198.51.100.10:5060", "10.1.0.11:5070", "10.1.0.12:5070");
        change(*s);
        const ServiceTable table({s}, {});
        return table.find_caller<Ipv4>(v4("10.1.0.11"), s->servers[0].endpoint.port) != nullptr;
    };
    EXPECT_TRUE(begins([](VirtualService&) {}));
    EXPECT_FALSE(begins([](VirtualService& s) { s.persistence.reset(); }));
    EXPECT_FALSE(
        begins([](VirtualService& s) { s.persistence->engine = PersistenceEngine::none; }));
    EXPECT_FALSE(begins([](VirtualService& s) { s.key.protocol = Protocol::tcp; }));
    EXPECT_FALSE(begins([](VirtualService& s) { s.key.endpoint.port = {}; }));
    EXPECT_FALSE(begins([](VirtualService& s) { s.servers[0].endpoint.port = {}; }));
    EXPECT_FALSE(begins([](VirtualService& s) { s.servers[0].forward = ForwardMethod::direct; }));
    EXPECT_FALSE(begins([](VirtualService& s) {
        s.key.mark = Mark(7);
        s.key.protocol = Protocol::none;
    }));
}

}  // namespace
}  // namespace shunt
