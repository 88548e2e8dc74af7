// SPDX-License-Identifier: BSD-3-Clause
// A table made by changes says the same as one made from all services and slots at once, and the
// tables before it go on saying what they said.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <sstream>

#include "service/service_table.h"

namespace shunt {
namespace {

constexpr std::uint32_t addresses = 12;
constexpr std::array<std::uint16_t, 5> ports{0, 21, 80, 1024, 5060};

IpAddress address_of(Family family, std::uint32_t number) {
    if (family == Family::ipv4) return Ipv4Address{Be32(0x0A00'0000U + number)};
    auto address = parse_address("2001:db8::").value().v6();
    address.bytes[15] = static_cast<std::uint8_t>(number);
    return address;
}

/// What is configured, and the table that followed it by changes.
class World {
  public:
    explicit World(unsigned seed) : random_(seed) {}

    void change() {
        std::map<ServiceKey, ServiceTable::Change> changes;
        for (auto n = random_() % 4; n > 0; --n) {
            const ServiceKey key = some_key();
            const auto service = random_() % 3 == 0 ? nullptr : some_service(key);
            changes[key] = {key, service};
            service ? services_[key] = service : (services_.erase(key), nullptr);
        }
        for (auto n = random_() % 6; n > 0; --n) change_slot();
        std::vector<ServiceTable::Change> list;
        for (const auto& [key, each] : changes) list.push_back(each);
        table_ = std::make_shared<ServiceTable>(*table_, list, slots_);
    }
    [[nodiscard]] std::shared_ptr<const ServiceTable> table() const { return table_; }
    [[nodiscard]] ServiceTable from_scratch() const {
        std::vector<std::shared_ptr<const VirtualService>> all;
        for (const auto& [key, service] : services_) all.push_back(service);
        return {std::move(all), {slots_.begin(), slots_.end()}};
    }

  private:
    bool maybe() { return random_() % 2 == 0; }
    Family some_family() { return maybe() ? Family::ipv4 : Family::ipv6; }
    Endpoint some_endpoint(Family family) {
        return {address_of(family, static_cast<std::uint32_t>(random_() % addresses)),
                L4Port(ports[random_() % ports.size()])};
    }
    ServiceKey some_key() {
        const Family family = some_family();
        if (random_() % 5 == 0)
            return {.protocol = Protocol::none,
                    .endpoint = {family == Family::ipv4 ? IpAddress(Ipv4Address{})
                                                        : IpAddress(Ipv6Address{}),
                                 {}},
                    .mark = Mark(static_cast<std::uint32_t>(1 + random_() % 2))};
        return {.protocol = maybe() ? Protocol::tcp : Protocol::udp,
                .endpoint = some_endpoint(family),
                .mark = {}};
    }
    std::shared_ptr<const VirtualService> some_service(const ServiceKey& key) {
        auto service = std::make_shared<VirtualService>();
        service->key = key;
        if (maybe()) service->persistence = Persistence{.engine = PersistenceEngine::sip};
        std::map<Endpoint, RealServer> servers;
        for (auto n = random_() % 4; n > 0; --n) {
            const Endpoint endpoint = some_endpoint(some_family());
            servers[endpoint].endpoint = endpoint;
            if (random_() % 4 == 0) servers[endpoint].forward = ForwardMethod::direct;
        }
        for (const auto& [endpoint, server] : servers) service->servers.push_back(server);
        return service;
    }
    void change_slot() {
        const std::size_t i = random_() % 300;
        while (slots_.size() <= i) slots_.push_back({});
        DestSlot& slot = slots_.edit(i);
        if (random_() % 4 == 0) {
            slot = {};
            return;
        }
        const Family family = some_family();
        slot.in_use = true;
        slot.available = maybe();
        slot.weight = static_cast<std::uint32_t>(random_() % 3);
        slot.was_nat = random_() % 4 == 0;
        slot.any_port = random_() % 8 == 0;
        slot.forward = maybe() ? ForwardMethod::nat : ForwardMethod::tunnel;
        slot.endpoint = some_endpoint(some_family());
        slot.virtual_address =
            maybe() ? address_of(family, static_cast<std::uint32_t>(random_() % addresses))
                    : IpAddress(Ipv4Address{});
    }

    std::mt19937 random_;
    std::map<ServiceKey, std::shared_ptr<const VirtualService>> services_;
    ServiceTable::Slots slots_;
    std::shared_ptr<const ServiceTable> table_ = std::make_shared<ServiceTable>();
};

/// All that a worker can ask, and the answers.
template <class F>
void ask(const ServiceTable& table, std::ostream& out) {
    for (std::uint32_t n = 0; n < addresses; ++n) {
        const auto address = F::of(address_of(F::family, n));
        out << n << table.is_virtual<F>(address) << table.is_real_address<F>(address) << ':';
        for (const std::uint16_t number : ports) {
            const L4Port port(number);
            for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
                for (std::uint32_t mark = 0; mark < 3; ++mark)
                    out << table.find<F>(Mark(mark), protocol, address, port) << ' ';
            out << table.is_real<F>(address, port);
            if (const auto* caller = table.find_caller<F>(address, port))
                out << caller->service << caller->server;
        }
        out << '\n';
    }
}

std::string answers(const ServiceTable& table) {
    std::ostringstream out;
    ask<Ipv4>(table, out);
    ask<Ipv6>(table, out);
    std::set<const VirtualService*> services;
    for (const auto& service : table.services()) services.insert(service.get());
    for (const auto* service : services) out << service << ' ';
    for (const DestSlot& slot : table.slots())
        out << to_string(slot.endpoint) << slot.available << slot.in_use << slot.weight << '\n';
    return out.str();
}

TEST(ServiceTableChanges, LeadToTheTableThatIsMadeAtOnce) {
    for (const unsigned seed : {1U, 2U, 3U}) {
        World world(seed);
        std::shared_ptr<const ServiceTable> before = world.table();
        std::string before_said = answers(*before);
        for (int round = 0; round < 500; ++round) {
            world.change();
            const std::string says = answers(*world.table());
            ASSERT_EQ(says, answers(world.from_scratch())) << "round " << round;
            ASSERT_EQ(answers(*before), before_said) << "the one before, round " << round;
            before = world.table();
            before_said = says;
        }
    }
}

TEST(ServiceTableChanges, CopyNoMoreThanTheyTouch) {
    constexpr std::uint32_t services = 300;
    constexpr std::uint32_t servers = 100;
    std::vector<std::shared_ptr<const VirtualService>> all;
    ServiceTable::Slots slots;
    for (std::uint32_t s = 0; s < services; ++s) {
        auto service = std::make_shared<VirtualService>();
        service->key = {.protocol = Protocol::tcp,
                        .endpoint = {Ipv4Address{Be32(0xC612'0000U + s)}, L4Port(ports[2])},
                        .mark = {}};
        for (std::uint32_t i = 0; i < servers; ++i) {
            DestSlot slot;
            slot.in_use = slot.available = true;
            slot.endpoint = {Ipv4Address{Be32(0x0A00'0000U + s * servers + i)}, L4Port(ports[2])};
            slot.virtual_address = service->key.endpoint.address;
            slots.push_back(slot);
            service->servers.push_back(
                {.id = DestId(s * servers + i), .endpoint = slot.endpoint, .tunnel = {}});
        }
        all.push_back(std::move(service));
    }
    std::vector<ServiceTable::Change> changes;
    for (const auto& service : all) changes.push_back({service->key, service});
    const ServiceTable first({}, changes, slots);
    EXPECT_EQ(first.footprint({}).shared, 0U);

    // Another weight: a part of the slots, one of the services, the ways there, the service.
    auto edited = std::make_shared<VirtualService>(*all[7]);
    edited->servers[3].weight = 9;
    slots.edit(7 * servers + 3).weight = 9;
    const ServiceTable second(first, std::vector<ServiceTable::Change>{{edited->key, edited}},
                              slots);
    const Footprint edit = second.footprint(first);
    EXPECT_EQ(second.slot(DestId(7 * servers + 3)).weight, 9U);
    EXPECT_EQ(first.slot(DestId(7 * servers + 3)).weight, 0U);
    EXPECT_LE(edit.own_parts, 7U);
    EXPECT_LT(edit.own, 64'000U);
    EXPECT_GT(edit.shared, 2'000'000U);

    // A server that goes: three shards more, and the ways there.
    slots.edit(7 * servers + 3) = {};
    edited = std::make_shared<VirtualService>(*edited);
    edited->servers.erase(edited->servers.begin() + 3);
    const ServiceTable third(second, std::vector<ServiceTable::Change>{{edited->key, edited}},
                             slots);
    EXPECT_LE(third.footprint(second).own_parts, 13U);
    EXPECT_FALSE(
        third.is_real<Ipv4>(Ipv4Address{Be32(0x0A00'0000U + 7 * servers + 3)}, L4Port(ports[2])));
}

}  // namespace
}  // namespace shunt
