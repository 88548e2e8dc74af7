// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/service_registry.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

Endpoint endpoint(std::string_view text) {
    return parse_endpoint(text).value();
}
ServiceKey tcp(std::string_view text) {
    return {.protocol = Protocol::tcp, .endpoint = endpoint(text), .mark = {}};
}
ServiceKey udp(std::string_view text) {
    return {.protocol = Protocol::udp, .endpoint = endpoint(text), .mark = {}};
}
ServerConfig server(std::string_view text, std::uint32_t weight = 1) {
    return {.address = endpoint(text), .weight = weight};
}

ServiceKey marked(std::uint32_t mark, const IpAddress& any = Ipv4Address{}) {
    return {.protocol = Protocol::none, .endpoint = {any, {}}, .mark = Mark(mark)};
}

const ServiceKey web = tcp("192.0.2.10:80");
const ServiceSettings rr{.scheduler = "rr"};
const ServiceSettings wrr{.scheduler = "wrr"};
const ServiceSettings unknown{.scheduler = "nope"};
const ServiceSettings one_packet{.scheduler = "rr", .one_packet = true};

/// A registry over the counters of two workers that a test plays.
class ServiceRegistryTest : public testing::Test {
  protected:
    static constexpr std::uint32_t slots = 16;

    ServiceRegistryTest() { shared_.dest_counters = {workers_[0].data(), workers_[1].data()}; }

    [[nodiscard]] const ServiceTable& table() const { return *publisher_.current().services; }
    [[nodiscard]] std::uint32_t generation() const { return publisher_.current().generation; }
    [[nodiscard]] const VirtualService& published(const ServiceKey& key) const {
        for (const auto& s : table().services())
            if (s->key == key) return *s;
        throw std::runtime_error("not published");
    }
    [[nodiscard]] DestId id_of(const ServiceKey& key, std::string_view address) const {
        for (const auto& s : published(key).servers)
            if (s.endpoint == endpoint(address)) return s.id;
        throw std::runtime_error("no such server");
    }
    DestCounters& counters(unsigned worker, DestId id) { return workers_[worker][id.value()]; }
    /// The last digit of the addresses that the scheduler chooses next.
    std::string choices(const ServiceKey& key, int n) {
        const auto& s = published(key);
        const Loads loads(shared_.dest_counters, &shared_.overload);
        std::string out;
        for (int i = 0; i < n; ++i)
            out +=
                to_string(s.servers[s.choose(loads, {}, {}, {}).value()].endpoint.address).back();
        return out;
    }

    std::array<std::array<DestCounters, 2049>, 2> workers_;
    SharedState shared_;
    Publisher publisher_{shared_};
    ServiceRegistry registry_{publisher_, shared_.dest_counters, slots};
};

/// The refusal of `change`; the test fails when it is none, or changed something.
#define EXPECT_REFUSED(change, number, at)                     \
    do {                                                       \
        const auto before = generation();                      \
        try {                                                  \
            change;                                            \
            ADD_FAILURE() << "not refused";                    \
        } catch (const RpcError& e) {                          \
            EXPECT_EQ(e.code(), RpcCode::refused) << e.what(); \
            EXPECT_EQ(e.error_number(), number) << e.what();   \
            EXPECT_EQ(e.path(), at) << e.what();               \
        }                                                      \
        EXPECT_EQ(generation(), before);                       \
    } while (false)

// Changes.

TEST_F(ServiceRegistryTest, ListsSortedByMarkFamilyProtocolAddressPort) {
    const ServiceKey sctp{
        .protocol = Protocol::sctp, .endpoint = endpoint("10.0.0.1:1"), .mark = {}};
    for (const auto& key : {marked(7, Ipv6Address{}), marked(7), marked(3, Ipv6Address{}), sctp,
                            tcp("[2001:db8::1]:80"), udp("192.0.2.1:53"), tcp("192.0.2.10:80"),
                            tcp("192.0.2.9:443"), tcp("192.0.2.9:80"), tcp("10.0.0.1:8080")})
        registry_.add_service(key, rr);
    std::string listed;
    for (const auto& view : registry_.list()) listed += name_of(view.key) + ", ";
    EXPECT_EQ(listed,
              "tcp 10.0.0.1:8080, tcp 192.0.2.9:80, tcp 192.0.2.9:443, tcp 192.0.2.10:80, "
              "udp 192.0.2.1:53, sctp 10.0.0.1:1, tcp [2001:db8::1]:80, FWM 3 IPv6, FWM 7, "
              "FWM 7 IPv6, ");
    EXPECT_EQ(registry_.services(), 10U);
}

TEST_F(ServiceRegistryTest, EachChangeIsPublishedOnceAndLeavesOtherServicesAlone) {
    const auto other = udp("192.0.2.11:53");
    registry_.add_service(other, rr);
    const auto* const untouched = &published(other);
    auto at = generation();
    registry_.add_service(web, wrr);
    EXPECT_EQ(generation(), ++at);
    registry_.add_server(web, server("10.1.0.1:80", 3));
    EXPECT_EQ(generation(), ++at);
    EXPECT_EQ(published(web).servers[0].weight, 3U);
    registry_.edit_server(web, server("10.1.0.1:80", 5));
    EXPECT_EQ(generation(), ++at);
    EXPECT_EQ(published(web).servers[0].weight, 5U);
    EXPECT_EQ(table().slot(id_of(web, "10.1.0.1:80")).weight, 5U);
    registry_.edit_service(web, rr);
    EXPECT_EQ(generation(), ++at);
    EXPECT_EQ(published(web).scheduler->name(), "rr");
    registry_.delete_server(web, endpoint("10.1.0.1:80"));
    EXPECT_EQ(generation(), ++at);
    EXPECT_TRUE(published(web).servers.empty());
    registry_.delete_service(web);
    EXPECT_EQ(generation(), ++at);
    EXPECT_EQ(&published(other), untouched);
    registry_.flush();
    EXPECT_EQ(generation(), ++at);
    EXPECT_TRUE(table().services().empty());
    EXPECT_EQ(registry_.services(), 0U);
}

TEST_F(ServiceRegistryTest, RefusesWhatIpvsRefusesWithItsErrors) {
    EXPECT_REFUSED(registry_.add_service(web, unknown), ENOENT, "scheduler");
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    EXPECT_REFUSED(registry_.add_service(web, rr), EEXIST, "service");
    EXPECT_REFUSED(registry_.edit_service(web, unknown), ENOENT, "scheduler");
    EXPECT_REFUSED(registry_.add_server(web, server("10.1.0.1:80")), EEXIST, "server");
    EXPECT_REFUSED(registry_.edit_server(web, server("10.1.0.2:80")), ENOENT, "server");
    EXPECT_REFUSED(registry_.delete_server(web, endpoint("10.1.0.1:81")), ENOENT, "server");
    const auto none = tcp("192.0.2.10:81");
    EXPECT_REFUSED(registry_.edit_service(none, rr), ESRCH, "service");
    EXPECT_REFUSED(registry_.delete_service(none), ESRCH, "service");
    EXPECT_REFUSED(registry_.zero(none), ESRCH, "service");
    EXPECT_REFUSED(static_cast<void>(registry_.view(none)), ESRCH, "service");
    EXPECT_REFUSED(registry_.add_server(none, server("10.1.0.1:80")), ESRCH, "service");
    EXPECT_REFUSED(registry_.edit_server(none, server("10.1.0.1:80")), ESRCH, "service");
    EXPECT_REFUSED(registry_.delete_server(none, endpoint("10.1.0.1:80")), ESRCH, "service");
    EXPECT_EQ(registry_.list().size(), 1U);
    EXPECT_EQ(registry_.list()[0].servers.size(), 1U);
}

/// service_rules_test.cpp has the rules themselves.
TEST_F(ServiceRegistryTest, RefusesWhatCannotBeBalanced) {
    EXPECT_REFUSED(registry_.add_service(tcp("192.0.2.10:0"), rr), EINVAL, "service.address");
    EXPECT_REFUSED(registry_.add_service({Protocol::icmp, web.endpoint, {}}, rr), EINVAL,
                   "service.protocol");
    EXPECT_REFUSED(registry_.add_service(web, one_packet), EINVAL, "flags");
    registry_.add_service(web, rr);
    EXPECT_REFUSED(registry_.edit_service(web, one_packet), EINVAL, "flags");
    registry_.add_server(web, server("10.1.0.2:80"));
    ServerConfig bad = server("10.1.0.1:0");
    const auto expect_refused = [&](const char* path) {
        EXPECT_REFUSED(registry_.add_server(web, bad), EINVAL, path);
        EXPECT_REFUSED(registry_.load(std::array{ServiceConfig{
                           .key = tcp("192.0.2.77:80"), .settings = {}, .servers = {bad}}}),
                       EINVAL, path);
        bad.address = endpoint("10.1.0.2:80");
        EXPECT_REFUSED(registry_.edit_server(web, bad), EINVAL, path);
        bad = server("10.1.0.1:80");
    };
    EXPECT_REFUSED(registry_.add_server(web, bad), EINVAL, "server.address");
    bad = server("10.1.0.1:80", 0x80000000);
    expect_refused("weight");
    bad.tunnel = Tunnel{};
    expect_refused("tunnel");
    bad.forward = ForwardMethod::tunnel;
    bad.tunnel = Tunnel{.type = TunnelType::gue, .port = {}};
    expect_refused("tunnel.port");
    EXPECT_EQ(registry_.view(web).servers.size(), 1U);
}

TEST_F(ServiceRegistryTest, AMarkAndAFamilyNameAService) {
    const auto both = {marked(7), marked(7, Ipv6Address{}), marked(8)};
    for (const auto& key : both) registry_.add_service(key, one_packet);
    EXPECT_REFUSED(registry_.add_service(marked(7), rr), EEXIST, "service");
    registry_.add_server(marked(7), server("10.1.0.1:0"));
    registry_.add_server(marked(7), server("10.1.0.1:8080"));
    registry_.add_server(marked(7, Ipv6Address{}), server("[2001:db8::1]:0"));
    EXPECT_EQ(table().find<Ipv4>(Mark(7), Protocol::udp, {}, {}), &published(marked(7)));
    EXPECT_EQ(table().find<Ipv6>(Mark(7), Protocol::udp, {}, {}),
              &published(marked(7, Ipv6Address{})));
    EXPECT_TRUE(published(marked(8)).one_packet);
    const auto& slot4 = table().slot(id_of(marked(7), "10.1.0.1:0"));
    EXPECT_EQ(slot4.virtual_address, IpAddress(Ipv4Address{}));
    const auto& slot6 = table().slot(id_of(marked(7, Ipv6Address{}), "[2001:db8::1]:0"));
    EXPECT_EQ(slot6.virtual_address, IpAddress(Ipv6Address{}));
    registry_.delete_service(marked(7));
    EXPECT_EQ(registry_.services(), 2U);
    EXPECT_THROW(static_cast<void>(registry_.view(marked(7))), RpcError);
}

TEST_F(ServiceRegistryTest, FlagsAreSetAndClearedByAnEdit) {
    const auto dns = udp("192.0.2.10:53");
    registry_.add_service(dns, one_packet);
    registry_.add_server(dns, server("10.1.0.1:53"));
    registry_.add_server(dns, server("10.1.0.2:53"));
    EXPECT_TRUE(published(dns).one_packet);
    EXPECT_TRUE(registry_.view(dns).one_packet);
    EXPECT_EQ(choices(dns, 1), "2");
    const auto state = published(dns).state;
    const auto before = generation();
    registry_.edit_service(dns, one_packet);
    EXPECT_EQ(generation(), before) << "nothing to change";
    registry_.edit_service(dns, rr);
    EXPECT_EQ(generation(), before + 1);
    EXPECT_FALSE(published(dns).one_packet);
    EXPECT_FALSE(registry_.view(dns).one_packet);
    EXPECT_EQ(published(dns).state, state) << "the same scheduler goes on";
    EXPECT_EQ(choices(dns, 1), "1");
    registry_.edit_service(dns, {.scheduler = "wrr", .one_packet = true});
    EXPECT_TRUE(published(dns).one_packet);
    EXPECT_EQ(published(dns).scheduler->name(), "wrr");
}

// Forwarding methods.

TEST_F(ServiceRegistryTest, MethodAndTunnelReachTheServerAndItsSlot) {
    registry_.add_service(web, rr);
    const Tunnel gue{.type = TunnelType::gue,
                     .port = L4Port(std::uint16_t{6080}),
                     .checksum = TunnelChecksum::full};
    auto config = server("10.1.0.1:80", 3);
    config.forward = ForwardMethod::tunnel;
    config.tunnel = gue;
    registry_.add_server(web, config);
    const auto id = id_of(web, "10.1.0.1:80");
    const auto expect = [&](ForwardMethod method, const Tunnel& tunnel) {
        const auto& published_server = published(web).servers[0];
        const auto& slot = table().slot(id);
        EXPECT_EQ(published_server.id, id);
        EXPECT_EQ(published_server.forward, method);
        EXPECT_EQ(published_server.tunnel, tunnel);
        EXPECT_EQ(slot.forward, method);
        EXPECT_EQ(slot.tunnel, tunnel);
        EXPECT_EQ(slot.virtual_address, web.endpoint.address);
        EXPECT_TRUE(slot.in_use && slot.available);
        EXPECT_EQ(registry_.view(web).servers[0].server.forward, method);
    };
    expect(ForwardMethod::tunnel, gue);
    config.tunnel->checksum = TunnelChecksum::remote;
    registry_.edit_server(web, config);
    expect(ForwardMethod::tunnel, *config.tunnel);
    registry_.edit_server(web, server("10.1.0.1:80", 5));
    expect(ForwardMethod::nat, Tunnel{});
    EXPECT_EQ(table().slot(id).weight, 5U);
    registry_.delete_server(web, endpoint("10.1.0.1:80"));
    config.tunnel.reset();
    registry_.add_server(web, config);
    expect(ForwardMethod::tunnel, Tunnel{});
}

TEST_F(ServiceRegistryTest, OnlyNatServersHaveAPortOfTheirOwn) {
    auto direct = server("10.1.0.1:8080");
    direct.forward = ForwardMethod::direct;
    registry_.load(std::array{
        ServiceConfig{.key = web, .settings = rr, .servers = {direct, server("10.1.0.3:8080")}}});
    EXPECT_EQ(id_of(web, "10.1.0.1:80"), DestId(0)) << "the port of the service";
    EXPECT_EQ(id_of(web, "10.1.0.3:8080"), DestId(1));
    EXPECT_REFUSED(registry_.add_server(web, direct), EEXIST, "server");
    direct.weight = 7;
    registry_.edit_server(web, direct);
    EXPECT_EQ(table().slot(DestId(0)).weight, 7U);
    direct.address = endpoint("10.1.0.3:8080");
    try {
        registry_.edit_server(web, direct);
        FAIL() << "accepted";
    } catch (const RpcError& e) {
        EXPECT_EQ(e.error_number(), ENOENT);
        EXPECT_STREQ(e.what(),
                     "server 10.1.0.3:80 is not in service tcp 192.0.2.10:80; only with nat it has "
                     "a port of its own");
    }
    registry_.delete_server(web, endpoint("10.1.0.3:8080"));
    direct.address = endpoint("10.1.0.2:8080");
    direct.forward = ForwardMethod::tunnel;
    registry_.add_server(web, direct);
    EXPECT_EQ(table().slot(id_of(web, "10.1.0.2:80")).endpoint, endpoint("10.1.0.2:80"));

    registry_.add_service(marked(1), rr);
    registry_.add_server(marked(1), direct);
    EXPECT_NO_THROW(static_cast<void>(id_of(marked(1), "10.1.0.2:8080")))
        << "a service on a mark has no port";
}

TEST_F(ServiceRegistryTest, ServersOnThisHostAreTaken) {
    const auto web6 = tcp("[2001:db8::10]:80");
    registry_.add_service(web, rr);
    registry_.add_service(web6, rr);
    for (const auto* const local : {"127.0.0.1:80", "192.0.2.10:80"})
        EXPECT_NO_THROW(registry_.add_server(web, server(local)));
    EXPECT_NO_THROW(registry_.add_server(web6, server("[::1]:80")));
    auto tunnel = server("10.1.0.1:80");
    tunnel.forward = ForwardMethod::tunnel;
    EXPECT_NO_THROW(registry_.add_server(web6, tunnel)) << "of another family";
}

TEST_F(ServiceRegistryTest, NewestServerStandsFirstWithTheHighestSequence) {
    registry_.add_service(web, rr);
    for (const auto* const s : {"10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80"})
        registry_.add_server(web, server(s));
    registry_.delete_server(web, endpoint("10.1.0.2:80"));
    registry_.add_server(web, server("10.1.0.2:80"));
    std::string order;
    for (const auto& s : published(web).servers)
        order += to_string(s.endpoint) + '#' + std::to_string(s.sequence) + ' ';
    EXPECT_EQ(order, "10.1.0.2:80#4 10.1.0.3:80#3 10.1.0.1:80#1 ");
}

// Schedulers: the sequences of ipvs-behaviour, appendix C.

TEST_F(ServiceRegistryTest, WrrStartsAsInIpvsWhenServersComeOneByOne) {
    registry_.add_service(web, wrr);
    registry_.add_server(web, server("10.1.0.1:80", 4));
    registry_.add_server(web, server("10.1.0.2:80", 3));
    registry_.add_server(web, server("10.1.0.3:80", 2));
    EXPECT_EQ(choices(web, 12), "321121321321");
}

TEST_F(ServiceRegistryTest, WrrStartsTheSameWhenLoaded) {
    const std::array<ServiceConfig, 1> config{
        {{.key = web,
          .settings = wrr,
          .servers = {server("10.1.0.1:80", 4), server("10.1.0.2:80", 3)}}}};
    registry_.load(config);
    registry_.add_server(web, server("10.1.0.3:80", 2));
    EXPECT_EQ(choices(web, 12), "321121321321");
}

TEST_F(ServiceRegistryTest, AnotherSchedulerStartsAfresh) {
    registry_.add_service(web, rr);
    for (const auto* const s : {"10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80"})
        registry_.add_server(web, server(s));
    EXPECT_EQ(choices(web, 2), "32");
    const auto state = published(web).state;
    registry_.edit_service(web, rr);
    EXPECT_EQ(published(web).state, state) << "the same scheduler goes on";
    EXPECT_EQ(choices(web, 1), "1");
    registry_.edit_service(web, wrr);
    EXPECT_NE(published(web).state, state);
    EXPECT_EQ(choices(web, 4), "3213");
}

TEST_F(ServiceRegistryTest, AnEditTellsTheScheduler) {
    registry_.add_service(web, wrr);
    for (const auto* const s : {"10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80"})
        registry_.add_server(web, server(s));
    EXPECT_EQ(choices(web, 2), "32");
    registry_.edit_server(web, server("10.1.0.1:80"));
    EXPECT_EQ(choices(web, 2), "32") << "back at the head of the list";
}

// Loading.

TEST_F(ServiceRegistryTest, LoadPublishesOnceInOrder) {
    const std::array<ServiceConfig, 2> config{
        {{.key = web, .settings = rr, .servers = {server("10.1.0.1:80"), server("10.1.0.2:80", 0)}},
         {.key = udp("[2001:db8::5]:53"), .settings = {}, .servers = {}}}};
    const auto before = generation();
    registry_.load(config);
    EXPECT_EQ(generation(), before + 1);
    EXPECT_EQ(table().services().size(), 2U);
    EXPECT_EQ(published(web).servers[0].endpoint, endpoint("10.1.0.2:80"));
    EXPECT_EQ(registry_.list()[1].scheduler, "wlc");
    registry_.load({});
    EXPECT_EQ(generation(), before + 1);
}

TEST_F(ServiceRegistryTest, LoadIsRefusedWhole) {
    const ServiceConfig good{
        .key = tcp("192.0.2.1:80"), .settings = {}, .servers = {server("10.1.0.1:80")}};
    const auto load = [&](const ServiceConfig& bad) { registry_.load(std::array{good, bad}); };
    EXPECT_REFUSED(load(good), EEXIST, "service");
    EXPECT_REFUSED(load({.key = web, .settings = unknown, .servers = {}}), ENOENT, "scheduler");
    EXPECT_REFUSED(load({.key = web,
                         .settings = {},
                         .servers = {server("10.1.0.1:80"), server("10.1.0.1:80")}}),
                   EEXIST, "server");
    ServiceConfig large{.key = web, .settings = {}, .servers = {}};
    for (std::uint16_t i = 0; i < slots; ++i)
        large.servers.push_back({.address = {endpoint("10.1.0.1:80").address,
                                             L4Port(static_cast<std::uint16_t>(1000 + i))}});
    EXPECT_REFUSED(load(large), ENOMEM, "server");
    EXPECT_EQ(registry_.services(), 0U);
    large.servers.pop_back();
    EXPECT_NO_THROW(load(large));
}

// Removed servers.

TEST_F(ServiceRegistryTest, ARemovedServerKeepsItsSlotWhileConnectionsNameIt) {
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    const auto id = id_of(web, "10.1.0.1:80");
    counters(1, id).total.add();
    registry_.delete_server(web, endpoint("10.1.0.1:80"));
    EXPECT_TRUE(table().slot(id).in_use);
    EXPECT_FALSE(table().slot(id).available);
    EXPECT_TRUE(
        table().is_real<Ipv4>(endpoint("10.1.0.1:80").address.v4(), L4Port(std::uint16_t{80})));

    const ServiceRegistry::Clock::time_point start{};
    for (auto t = 0s; t <= 600s; t += 60s) registry_.collect(start + t);
    EXPECT_TRUE(table().slot(id).in_use);

    counters(1, id).total.sub();
    const auto before = generation();
    registry_.collect(start + 660s);
    registry_.collect(start + 720s);
    EXPECT_TRUE(table().slot(id).in_use) << "not two minutes yet";
    EXPECT_EQ(generation(), before);
    registry_.collect(start + 780s);
    EXPECT_FALSE(table().slot(id).in_use);
    EXPECT_EQ(generation(), before + 1);
    EXPECT_EQ(registry_.removed_servers(), 0U);
    EXPECT_FALSE(
        table().is_real<Ipv4>(endpoint("10.1.0.1:80").address.v4(), L4Port(std::uint16_t{80})));
}

TEST_F(ServiceRegistryTest, SoItDoesWhileTemplatesNameIt) {
    AffinityTable affinity(4, slots, 1);
    ServiceRegistry registry(publisher_, shared_.dest_counters, slots, &affinity);
    const ServiceSettings persistent{.scheduler = "rr",
                                     .persistence = PersistenceConfig{.timeout = 300s}};
    registry.add_service(web, persistent);
    registry.add_server(web, server("10.1.0.1:80"));
    const DestId id = id_of(web, "10.1.0.1:80");
    const auto usable = [](DestId) { return AffinityTable::Verdict::usable; };
    const auto held = affinity.take_or_make({}, {.dest = id, .port = {}, .timeout = Ticks(3000)},
                                            TickTime(), usable);
    ASSERT_TRUE(held);
    EXPECT_EQ(registry.list().at(0).servers.at(0).persistent, 1U);
    affinity.release(held->ref, TickTime());
    registry.delete_server(web, endpoint("10.1.0.1:80"));
    const auto start = ServiceRegistry::Clock::now();
    for (int i = 0; i < 10; ++i) registry.collect(start + i * 60s);
    EXPECT_EQ(registry.removed_servers(), 1U);
    affinity.sweep(0, 4, TickTime(Ticks(3000)));
    for (int i = 10; i < 20; ++i) registry.collect(start + i * 60s);
    EXPECT_EQ(registry.removed_servers(), 0U);
}

TEST_F(ServiceRegistryTest, PersistenceOpensThePortsOfServersWhereVirtualOnesAreKept) {
    ServiceSettings persistent = rr;
    persistent.persistence = PersistenceConfig{.timeout = 300s, .granularity = 24};
    for (const auto& key : {web, tcp("192.0.2.10:0"), tcp("192.0.2.10:21"), marked(7)}) {
        registry_.add_service(key, persistent);
        registry_.add_server(key, server("10.1.0.1:8080"));
        EXPECT_EQ(table().slot(id_of(key, "10.1.0.1:8080")).any_port, key != web) << name_of(key);
        EXPECT_EQ(published(key).persistence,
                  (Persistence{.timeout = Ticks(3000), .granularity = 24}));
    }
    const auto open = [&] { return table().slot(id_of(marked(8), "10.1.0.1:8080")).any_port; };
    registry_.add_service(marked(8), rr);
    registry_.add_server(marked(8), server("10.1.0.1:8080"));
    EXPECT_FALSE(open());
    registry_.edit_service(marked(8), persistent);
    EXPECT_TRUE(open());
    registry_.edit_service(marked(8), rr);
    registry_.edit_server(marked(8), server("10.1.0.1:8080", 5));
    EXPECT_TRUE(open()) << "old connections go on";
    EXPECT_EQ(published(marked(8)).persistence, std::nullopt);
}

TEST_F(ServiceRegistryTest, ANewConnectionStartsTheWaitAgain) {
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    const auto id = id_of(web, "10.1.0.1:80");
    registry_.delete_server(web, endpoint("10.1.0.1:80"));
    const ServiceRegistry::Clock::time_point start{};
    registry_.collect(start);
    counters(0, id).total.add();
    registry_.collect(start + 60s);
    counters(0, id).total.sub();
    registry_.collect(start + 120s);
    registry_.collect(start + 180s);
    EXPECT_TRUE(table().slot(id).in_use);
    registry_.collect(start + 240s);
    EXPECT_FALSE(table().slot(id).in_use);
}

TEST_F(ServiceRegistryTest, AServerThatComesBackIsTheSameStill) {
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80", 2));
    const auto id = id_of(web, "10.1.0.1:80");
    counters(0, id).connections.add(7);
    counters(0, id).total.add(3);
    counters(1, id).active.add(1);
    counters(1, id).total.add(1);
    registry_.delete_server(web, endpoint("10.1.0.1:80"));
    counters(0, id).packets_out.add(5);
    registry_.add_server(web, server("10.1.0.1:80", 9));
    EXPECT_EQ(id_of(web, "10.1.0.1:80"), id);
    EXPECT_TRUE(table().slot(id).available);
    const auto view = registry_.view(web).servers.at(0);
    EXPECT_EQ(view.server.weight, 9U);
    EXPECT_EQ(view.active, 1U);
    EXPECT_EQ(view.inactive, 3U);
    EXPECT_EQ(view.stats.counts, (Traffic{.connections = 7, .packets_out = 5}));
    EXPECT_EQ(registry_.removed_servers(), 0U);
}

TEST_F(ServiceRegistryTest, InANewServiceItKeepsConnectionsButCountsAfresh) {
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    const auto id = id_of(web, "10.1.0.1:80");
    counters(0, id).connections.add(7);
    counters(0, id).total.add(2);
    registry_.delete_service(web);
    EXPECT_FALSE(table().slot(id).available);
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    EXPECT_EQ(id_of(web, "10.1.0.1:80"), id);
    const auto view = registry_.view(web);
    EXPECT_EQ(view.servers[0].inactive, 2U);
    EXPECT_EQ(view.servers[0].stats.counts, Traffic{});
    EXPECT_EQ(view.stats.counts, Traffic{});
    EXPECT_EQ(registry_.total().counts.connections, 7U);
}

TEST_F(ServiceRegistryTest, AnotherServicesServerIsAnother) {
    const auto other = tcp("192.0.2.11:80");
    registry_.add_service(web, rr);
    registry_.add_service(other, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    const auto id = id_of(web, "10.1.0.1:80");
    registry_.delete_server(web, endpoint("10.1.0.1:80"));
    registry_.add_server(other, server("10.1.0.1:80"));
    EXPECT_NE(id_of(other, "10.1.0.1:80"), id);
    EXPECT_EQ(registry_.removed_servers(), 1U);
}

TEST_F(ServiceRegistryTest, WhenSlotsRunShortUnreferencedOnesGoFirst) {
    registry_.add_service(web, rr);
    const auto address = [](unsigned i) { return "10.1.0." + std::to_string(i + 1) + ":80"; };
    for (unsigned i = 0; i < slots; ++i) registry_.add_server(web, server(address(i)));
    EXPECT_REFUSED(registry_.add_server(web, server("10.1.9.9:80")), ENOMEM, "");
    const auto busy = id_of(web, address(4));
    const auto idle = id_of(web, address(5));
    counters(0, busy).total.add();
    registry_.delete_server(web, endpoint(address(4)));
    EXPECT_REFUSED(registry_.add_server(web, server("10.1.9.9:80")), ENOMEM, "");
    registry_.delete_server(web, endpoint(address(5)));
    registry_.add_server(web, server("10.1.9.9:80"));
    EXPECT_EQ(id_of(web, "10.1.9.9:80"), idle);
    EXPECT_EQ(table().slot(idle).endpoint, endpoint("10.1.9.9:80"));
    EXPECT_EQ(table().slot(busy).endpoint, endpoint(address(4)));
    EXPECT_EQ(registry_.removed_servers(), 1U);
}

TEST_F(ServiceRegistryTest, ASlotIsNotGivenOnBeforeEveryWorkerSawTheRemoval) {
    const auto size = (rte_rcu_qsbr_get_memsize(1) + 63) / 64 * 64;
    const std::unique_ptr<void, decltype(&std::free)> memory(std::aligned_alloc(64, size),
                                                             &std::free);
    shared_.rcu = static_cast<rte_rcu_qsbr*>(memory.get());
    rte_rcu_qsbr_init(shared_.rcu, 1);
    rte_rcu_qsbr_thread_register(shared_.rcu, 0);
    rte_rcu_qsbr_thread_online(shared_.rcu, 0);
    {
        Publisher publisher(shared_);
        ServiceRegistry registry(publisher, shared_.dest_counters, 1);
        registry.add_service(web, rr);
        registry.add_server(web, server("10.1.0.1:80"));
        registry.delete_server(web, endpoint("10.1.0.1:80"));
        const ServiceRegistry::Clock::time_point start{};
        registry.collect(start);
        registry.collect(start + 600s);
        EXPECT_EQ(registry.removed_servers(), 1U);
        EXPECT_THROW(registry.add_server(web, server("10.1.0.2:80")), RpcError);
        rte_rcu_qsbr_quiescent(shared_.rcu, 0);
        EXPECT_NO_THROW(registry.add_server(web, server("10.1.0.2:80")));
        EXPECT_EQ(registry.removed_servers(), 0U);
    }
    shared_.rcu = nullptr;
}

TEST_F(ServiceRegistryTest, ManyRemovedServersDoNotPileUp) {
    ServiceRegistry registry(publisher_, shared_.dest_counters, 2048);
    registry.add_service(web, rr);
    for (std::uint16_t i = 0; i < 3000; ++i) {
        const ServerConfig config{.address = {endpoint("10.1.0.1:80").address,
                                              L4Port(static_cast<std::uint16_t>(i + 1))}};
        registry.add_server(web, config);
        registry.delete_server(web, config.address);
    }
    EXPECT_LE(registry.removed_servers(), 1024U);
    EXPECT_GT(registry.removed_servers(), 1000U);
}

TEST_F(ServiceRegistryTest, WorkersRememberLoadsOfLargeServicesOnly) {
    ServiceRegistry registry(publisher_, shared_.dest_counters, 2048);
    registry.add_service(web, {.scheduler = "wlc"});
    const auto add = [&](std::uint16_t port) {
        registry.add_server(web, {.address = {endpoint("10.1.0.1:80").address, L4Port(port)}});
    };
    for (std::uint16_t port = 1; port < LoadCache::least_servers; ++port) add(port);
    EXPECT_EQ(published(web).cache, nullptr);
    add(LoadCache::least_servers);
    const auto first = published(web).cache;
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->of(WorkerId(1)).groups.size(), LoadCache::least_servers / load_group_size);
    EXPECT_NE(first->of(WorkerId(0)).known.data(), first->of(WorkerId(1)).known.data());
    registry.edit_server(
        web, {.address = {endpoint("10.1.0.1:80").address, L4Port(std::uint16_t{1})}, .weight = 7});
    EXPECT_NE(published(web).cache, first) << "what was found with other weights";
    registry.edit_service(web, {.scheduler = "rr"});
    EXPECT_EQ(published(web).cache, nullptr);
    registry.edit_service(web, {.scheduler = "nq"});
    EXPECT_NE(published(web).cache, nullptr);
}

TEST_F(ServiceRegistryTest, AChangeIsAsLargeAsItsService) {
    ServiceRegistry registry(publisher_, shared_.dest_counters, 2048);
    std::vector<ServiceConfig> all;
    for (std::uint16_t s = 0; s < 40; ++s) {
        ServiceKey key = web;
        key.endpoint.port = L4Port(static_cast<std::uint16_t>(1000 + s));
        all.push_back({.key = key, .settings = wrr, .servers = {}});
        for (std::uint16_t i = 0; i < 50; ++i)
            all.back().servers.push_back(
                {.address = {endpoint("10.1.0.1:1").address,
                             L4Port(static_cast<std::uint16_t>(s * 50 + i + 1))}});
    }
    registry.load(all);
    const auto parts_of = [&](const auto& change) {
        const auto before = publisher_.current().services;
        change();
        return table().footprint(*before).own_parts;
    };
    ServerConfig edited = all[20].servers[7];
    edited.weight = 5;
    // The service, its place in the list, its entry, its slot, each with the way there.
    EXPECT_LE(parts_of([&] { registry.edit_server(all[20].key, edited); }), 7U);
    EXPECT_LE(parts_of([&] { registry.edit_service(all[21].key, rr); }), 7U);
    // Removed it stays known.
    EXPECT_LE(parts_of([&] { registry.delete_server(all[20].key, edited.address); }), 7U);
    EXPECT_LE(parts_of([&] { registry.add_server(all[20].key, server("10.1.0.2:80")); }), 15U);
    EXPECT_GT(parts_of([&] { registry.flush(); }), 1U);
    EXPECT_TRUE(table().services().empty());
}

TEST_F(ServiceRegistryTest, LoadingLeadsSchedulersWhereAddingDoes) {
    ServiceRegistry registry(publisher_, shared_.dest_counters, 2048);
    ServiceConfig config{.key = web, .settings = wrr, .servers = {}};
    for (const std::uint32_t weight : {1U, 6U, 0U, 4U, 2U, 9U})
        config.servers.push_back(
            server("10.1.0." + std::to_string(config.servers.size() + 1) + ":80", weight));
    registry.load(std::array{config});
    const auto loaded = choices(web, 60);
    registry.delete_service(web);
    registry.add_service(web, wrr);
    for (const auto& one : config.servers) registry.add_server(web, one);
    EXPECT_EQ(choices(web, 60), loaded);
}

// Statistics.

TEST_F(ServiceRegistryTest, SumsOverWorkersAndServers) {
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    registry_.add_server(web, server("10.1.0.2:80"));
    const auto one = id_of(web, "10.1.0.1:80");
    const auto two = id_of(web, "10.1.0.2:80");
    counters(0, one).packets_in.add(10);
    counters(1, one).packets_in.add(5);
    counters(1, one).bytes_in.add(500);
    counters(0, two).connections.add(1);
    counters(0, two).bytes_out.add(1'000'000'000'000);
    const auto view = registry_.view(web);
    EXPECT_EQ(view.servers[1].stats.counts, (Traffic{.packets_in = 15, .bytes_in = 500}));
    EXPECT_EQ(view.servers[0].stats.counts,
              (Traffic{.connections = 1, .bytes_out = 1'000'000'000'000}));
    const Traffic all{
        .connections = 1, .packets_in = 15, .bytes_in = 500, .bytes_out = 1'000'000'000'000};
    EXPECT_EQ(view.stats.counts, all);
    EXPECT_EQ(registry_.total().counts, all);
}

TEST_F(ServiceRegistryTest, AServiceNeverForgetsWhatRemovedServersCounted) {
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    const auto id = id_of(web, "10.1.0.1:80");
    counters(0, id).packets_in.add(10);
    registry_.delete_server(web, endpoint("10.1.0.1:80"));
    counters(0, id).packets_out.add(3);
    EXPECT_EQ(registry_.view(web).stats.counts, (Traffic{.packets_in = 10, .packets_out = 3}));
    const ServiceRegistry::Clock::time_point start{};
    registry_.collect(start);
    registry_.collect(start + 120s);
    ASSERT_EQ(registry_.removed_servers(), 0U);
    EXPECT_EQ(registry_.view(web).stats.counts, (Traffic{.packets_in = 10, .packets_out = 3}));

    registry_.add_server(web, server("10.1.0.9:80"));
    ASSERT_EQ(id_of(web, "10.1.0.9:80"), id) << "the slot is used again";
    EXPECT_EQ(registry_.view(web).servers[0].stats.counts, Traffic{});
    counters(0, id).packets_in.add(1);
    EXPECT_EQ(registry_.view(web).servers[0].stats.counts, (Traffic{.packets_in = 1}));
    EXPECT_EQ(registry_.view(web).stats.counts, (Traffic{.packets_in = 11, .packets_out = 3}));
    registry_.delete_service(web);
    EXPECT_EQ(registry_.total().counts, (Traffic{.packets_in = 11, .packets_out = 3}));
}

TEST_F(ServiceRegistryTest, ZeroStartsTheShownCountsAgain) {
    const auto other = tcp("192.0.2.11:80");
    for (const auto& key : {web, other}) {
        registry_.add_service(key, rr);
        registry_.add_server(key, server("10.1.0.1:80"));
        counters(0, id_of(key, "10.1.0.1:80")).packets_in.add(800);
    }
    registry_.estimate();
    EXPECT_EQ(registry_.view(web).stats.rates.packets_in, 100U);
    registry_.zero(web);
    EXPECT_EQ(registry_.view(web).stats.counts, Traffic{});
    EXPECT_EQ(registry_.view(web).stats.rates, Traffic{});
    EXPECT_EQ(registry_.view(web).servers[0].stats.counts, Traffic{});
    EXPECT_EQ(registry_.view(other).stats.counts.packets_in, 800U);
    EXPECT_EQ(registry_.total().counts.packets_in, 1600U);
    EXPECT_EQ(registry_.total().rates.packets_in, 200U);

    registry_.zero();
    EXPECT_EQ(registry_.view(other).stats.counts, Traffic{});
    EXPECT_EQ(registry_.view(other).servers[0].stats.rates, Traffic{});
    EXPECT_EQ(registry_.total().counts, Traffic{});
    EXPECT_EQ(registry_.total().rates, Traffic{});
    counters(1, id_of(web, "10.1.0.1:80")).packets_in.add(2);
    EXPECT_EQ(registry_.view(web).stats.counts.packets_in, 2U);
    EXPECT_EQ(registry_.total().counts.packets_in, 2U);
}

TEST_F(ServiceRegistryTest, RatesStandForServersServicesAndTheTotal) {
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    registry_.add_server(web, server("10.1.0.2:80"));
    counters(0, id_of(web, "10.1.0.1:80")).bytes_in.add(800);
    counters(1, id_of(web, "10.1.0.2:80")).bytes_in.add(1600);
    registry_.estimate();
    const auto view = registry_.view(web);
    EXPECT_EQ(view.servers[1].stats.rates, (Traffic{.bytes_in = 100}));
    EXPECT_EQ(view.servers[0].stats.rates, (Traffic{.bytes_in = 200}));
    EXPECT_EQ(view.stats.rates, (Traffic{.bytes_in = 300}));
    EXPECT_EQ(registry_.total().rates, (Traffic{.bytes_in = 300}));
}

TEST_F(ServiceRegistryTest, RatesStandStillWithoutEstimation) {
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    const auto count = [&] { counters(0, id_of(web, "10.1.0.1:80")).packets_in.add(800); };
    const auto estimate = [&](std::int64_t run) {
        Tunables tunables = publisher_.current().tunables;
        tunables.run_estimation = run;
        publisher_.set_tunables(tunables);
        registry_.estimate();
        return registry_.view(web).servers[0].stats.rates.packets_in;
    };
    count();
    EXPECT_EQ(estimate(1), 100U);
    count();
    EXPECT_EQ(estimate(0), 100U);
    EXPECT_EQ(estimate(1), 75U) << "what was counted meanwhile is no rate";
    EXPECT_EQ(registry_.total().rates.packets_in, 75U);
    EXPECT_EQ(registry_.view(web).stats.rates.packets_in, 75U);
}

TEST_F(ServiceRegistryTest, ConnectionsAreCountedByWorker) {
    registry_.add_service(web, rr);
    registry_.add_server(web, server("10.1.0.1:80"));
    const auto id = id_of(web, "10.1.0.1:80");
    counters(0, id).total.add(3);
    counters(1, id).total.add(4);
    registry_.delete_service(web);
    EXPECT_EQ(registry_.connections(WorkerId(0)), 3U);
    EXPECT_EQ(registry_.connections(WorkerId(1)), 4U);
    EXPECT_EQ(registry_.connections(), 7U);
    counters(1, DestId(slots)).total.add(2);
    EXPECT_EQ(registry_.connections(WorkerId(1)), 6U) << "those without server";
}

}  // namespace
}  // namespace shunt::ctl
