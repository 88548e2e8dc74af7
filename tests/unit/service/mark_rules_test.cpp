// SPDX-License-Identifier: BSD-3-Clause
#include "service/mark_rules.h"

#include <gtest/gtest.h>
#include <rte_malloc.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <random>
#include <thread>
#include <vector>

#include "support/eal.h"

namespace shunt {
namespace {

constexpr Mark none;
constexpr PortId wan{0};

IpPrefix net(std::string_view text) {
    return parse_prefix(text).value();
}
L4Port port(unsigned number) {
    return L4Port(static_cast<std::uint16_t>(number));
}
PortRange ports(unsigned first, unsigned last) {
    return {port(first), port(last)};
}
std::shared_ptr<const MarkRules> build(std::span<const MarkRule> rules) {
    auto made = MarkRules::build(rules);
    EXPECT_NE(made, nullptr);
    return made;
}
std::shared_ptr<const MarkRules> build(std::initializer_list<MarkRule> rules) {
    return build(std::span(rules.begin(), rules.size()));
}
template <class F>
FlowTuple<F> tuple(std::string_view source, std::string_view destination,
                   Protocol protocol = Protocol::tcp, unsigned from = 40000, unsigned to = 80) {
    return {.source = F::of(parse_address(source).value()),
            .destination = F::of(parse_address(destination).value()),
            .source_port = port(from),
            .destination_port = port(to),
            .protocol = protocol};
}

template <class Address>
bool bit(const Address& address, unsigned position) {
    std::array<std::uint8_t, sizeof(Address)> bytes;
    std::memcpy(bytes.data(), &address, bytes.size());
    return (bytes[position / 8] >> (7 - position % 8) & 1) != 0;
}

/// What the rules mean, said in the plainest way.
template <class F>
bool applies(const MarkRule& rule, PortId ingress, const FlowTuple<F>& t) {
    const auto has = [](const std::optional<IpPrefix>& prefix, const typename F::Address& address) {
        if (!prefix) return true;
        if (prefix->address.family() != F::family) return false;
        for (unsigned i = 0; i < prefix->length; ++i)
            if (bit(F::of(prefix->address), i) != bit(address, i)) return false;
        return true;
    };
    const auto among = [](const PortRange& range, L4Port p) {
        return range.first.value() <= p.value() && p.value() <= range.last.value();
    };
    return has(rule.source, t.source) && has(rule.destination, t.destination) &&
           (!rule.protocol || *rule.protocol == t.protocol) &&
           among(rule.source_ports, t.source_port) &&
           among(rule.destination_ports, t.destination_port) &&
           (!rule.ingress || *rule.ingress == ingress);
}
template <class F>
Mark expected(std::span<const MarkRule> rules, PortId ingress, const FlowTuple<F>& t) {
    for (const MarkRule& rule : rules)
        if (applies(rule, ingress, t)) return rule.mark;
    return none;
}

/// Random rules and packets, from so few values that many packets match several rules.
template <class F>
class Dice {
  public:
    explicit Dice(unsigned seed) : engine_(seed) {}

    unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
    template <class T>
    T one_of(std::initializer_list<T> values) {
        return values.begin()[below(static_cast<unsigned>(values.size()))];
    }

    typename F::Address address() {
        std::array<std::uint8_t, sizeof(typename F::Address)> bytes{};
        for (auto& byte : bytes) byte = one_of<std::uint8_t>({0, 1, 0xFF});
        if (below(4) == 0)
            for (auto& byte : bytes) byte = static_cast<std::uint8_t>(below(256));
        typename F::Address a;
        std::memcpy(static_cast<void*>(&a), bytes.data(), bytes.size());
        return a;
    }
    std::optional<IpPrefix> prefix() {
        constexpr unsigned bits = 8 * sizeof(typename F::Address);
        if (below(3) == 0) return std::nullopt;
        const unsigned length = below(2) == 0 ? below(9) : below(bits + 1);
        return IpPrefix{address(), static_cast<std::uint8_t>(length)};
    }
    unsigned number() {
        return below(2) == 0 ? one_of({0U, 1U, 79U, 80U, 81U, 255U, 256U, 0xFFFEU, 0xFFFFU})
                             : below(0x10000);
    }
    PortRange range() {
        if (below(2) == 0) return {};
        const unsigned a = number();
        const unsigned b = number();
        return ports(std::min(a, b), std::max(a, b));
    }
    PortId ingress() { return PortId(one_of<std::uint16_t>({0, 1, 2, 256})); }
    MarkRule rule() {
        MarkRule r;
        r.source = prefix();
        r.destination = prefix();
        if (below(3) != 0)
            r.protocol =
                one_of({Protocol::tcp, Protocol::udp, Protocol::sctp, F::icmp, Protocol{47}});
        if (r.protocol && *r.protocol != F::icmp && *r.protocol != Protocol{47}) {
            r.source_ports = range();
            r.destination_ports = range();
        }
        if (below(3) == 0) r.ingress = ingress();
        r.mark = Mark(1 + below(0xFFFFFFFFU));
        return r;
    }
    /// Somewhere near one of the rules, or anywhere.
    FlowTuple<F> packet(std::span<const MarkRule> rules) {
        FlowTuple<F> t{.source = address(),
                       .destination = address(),
                       .source_port = port(number()),
                       .destination_port = port(number()),
                       .protocol = one_of({Protocol::tcp, Protocol::udp, Protocol::sctp, F::icmp,
                                           Protocol{47}, Protocol::none})};
        if (below(3) == 0) return t;
        const MarkRule& near = rules[below(static_cast<unsigned>(rules.size()))];
        if (near.source) t.source = F::of(near.source->address);
        if (near.destination) t.destination = F::of(near.destination->address);
        if (near.protocol) t.protocol = *near.protocol;
        t.source_port = one_of({near.source_ports.first, near.source_ports.last, t.source_port});
        t.destination_port =
            one_of({near.destination_ports.first, near.destination_ports.last, t.destination_port});
        return t;
    }

  private:
    std::mt19937 engine_;
};

template <class F>
class MarkRulesOf : public ::testing::Test {
  public:
    static constexpr bool v4 = F::family == Family::ipv4;
    static constexpr const char* client = v4 ? "192.0.2.7" : "2001:db8::7";
    static constexpr const char* virtual_address = v4 ? "198.51.100.10" : "2001:db8:1::10";

    static FlowTuple<F> packet(Protocol protocol = Protocol::tcp, unsigned from = 40000,
                               unsigned to = 80) {
        return tuple<F>(client, virtual_address, protocol, from, to);
    }
    static std::vector<const FlowTuple<F>*> pointers(const std::vector<FlowTuple<F>>& tuples) {
        std::vector<const FlowTuple<F>*> out;
        for (const auto& t : tuples) out.push_back(&t);
        return out;
    }
};
using Families = ::testing::Types<Ipv4, Ipv6>;
TYPED_TEST_SUITE(MarkRulesOf, Families);

TYPED_TEST(MarkRulesOf, AnEmptySetMarksNothing) {
    using F = TypeParam;
    const auto rules = build({});
    EXPECT_FALSE(rules->any<F>());
    const auto packet = this->packet();
    const FlowTuple<F>* const one = &packet;
    Mark mark(7);
    rules->classify<F>(wan, std::span(&one, 1), std::span(&mark, 1));
    EXPECT_EQ(mark, none);
    EXPECT_EQ(rules->classify(wan, packet), none);
}

TYPED_TEST(MarkRulesOf, TheFirstRuleThatMatchesDecides) {
    using F = TypeParam;
    const MarkRule web{.destination = IpPrefix{parse_address(this->virtual_address).value(), 24},
                       .protocol = Protocol::tcp,
                       .destination_ports = ports(80, 80),
                       .mark = Mark(1)};
    const MarkRule rest{.destination = IpPrefix{parse_address(this->virtual_address).value(), 24},
                        .mark = Mark(2)};
    const auto narrow_first = build({web, rest});
    EXPECT_EQ(narrow_first->classify<F>(wan, this->packet()), Mark(1));
    EXPECT_EQ(narrow_first->classify<F>(wan, this->packet(Protocol::udp)), Mark(2));
    const auto wide_first = build({rest, web});
    EXPECT_EQ(wide_first->classify<F>(wan, this->packet()), Mark(2));
    EXPECT_EQ(wide_first->classify<F>(wan, this->packet(Protocol::udp)), Mark(2));
    const auto twice = build({{.mark = Mark(5)}, {.mark = Mark(4)}, {.mark = Mark(6)}});
    EXPECT_EQ(twice->classify<F>(wan, this->packet()), Mark(5));
}

TYPED_TEST(MarkRulesOf, BothEndsOfAPortRangeBelongToIt) {
    using F = TypeParam;
    const auto marks = [&](const MarkRules& rules, bool source, unsigned number) {
        const auto packet = source ? this->packet(Protocol::udp, number, 5000)
                                   : this->packet(Protocol::udp, 5000, number);
        return rules.template classify<F>(wan, packet) == Mark(9);
    };
    for (const bool source : {true, false}) {
        const auto rules_of = [&](unsigned first, unsigned last) {
            MarkRule rule{.protocol = Protocol::udp, .mark = Mark(9)};
            (source ? rule.source_ports : rule.destination_ports) = ports(first, last);
            return build({rule});
        };
        const auto lowest = rules_of(0, 0);
        EXPECT_TRUE(marks(*lowest, source, 0));
        EXPECT_FALSE(marks(*lowest, source, 1));
        EXPECT_FALSE(marks(*lowest, source, 0xFFFF));
        const auto highest = rules_of(0xFFFF, 0xFFFF);
        EXPECT_TRUE(marks(*highest, source, 0xFFFF));
        EXPECT_FALSE(marks(*highest, source, 0xFFFE));
        EXPECT_FALSE(marks(*highest, source, 0));
        const auto inner = rules_of(1, 0xFFFE);
        EXPECT_FALSE(marks(*inner, source, 0));
        EXPECT_TRUE(marks(*inner, source, 1));
        EXPECT_TRUE(marks(*inner, source, 0xFFFE));
        EXPECT_FALSE(marks(*inner, source, 0xFFFF));
        const auto across_a_byte = rules_of(80, 256);
        EXPECT_FALSE(marks(*across_a_byte, source, 79));
        EXPECT_TRUE(marks(*across_a_byte, source, 80));
        EXPECT_TRUE(marks(*across_a_byte, source, 255));
        EXPECT_TRUE(marks(*across_a_byte, source, 256));
        EXPECT_FALSE(marks(*across_a_byte, source, 257));
        EXPECT_FALSE(marks(*across_a_byte, source, 20480));  // 80 swapped
        const auto all = rules_of(0, 0xFFFF);
        EXPECT_TRUE(marks(*all, source, 0));
        EXPECT_TRUE(marks(*all, source, 0xFFFF));
    }
}

TYPED_TEST(MarkRulesOf, APrefixIsComparedOverItsLengthAlone) {
    using F = TypeParam;
    constexpr unsigned bits = 8 * sizeof(typename F::Address);
    const auto flipped = [](typename F::Address a, unsigned position) {
        std::array<std::uint8_t, sizeof a> bytes;
        std::memcpy(bytes.data(), &a, bytes.size());
        bytes[position / 8] = static_cast<std::uint8_t>(bytes[position / 8] ^ 0x80 >> position % 8);
        std::memcpy(static_cast<void*>(&a), bytes.data(), bytes.size());
        return a;
    };
    for (unsigned length = 0; length <= bits; ++length) {
        // The address of the prefix has bits behind its length too, which must not count.
        const auto packet = this->packet();
        const MarkRule from{.source = IpPrefix{packet.source, static_cast<std::uint8_t>(length)},
                            .mark = Mark(1)};
        const MarkRule to{
            .destination = IpPrefix{packet.destination, static_cast<std::uint8_t>(length)},
            .mark = Mark(2)};
        const auto source = build({from});
        const auto destination = build({to});
        EXPECT_EQ(source->classify(wan, packet), Mark(1)) << length;
        EXPECT_EQ(destination->classify(wan, packet), Mark(2)) << length;
        for (unsigned position = 0; position < bits; ++position) {
            auto other = packet;
            other.source = flipped(packet.source, position);
            other.destination = flipped(packet.destination, position);
            const bool inside = position >= length;
            EXPECT_EQ(source->classify(wan, other), inside ? Mark(1) : none)
                << length << " " << position;
            EXPECT_EQ(destination->classify(wan, other), inside ? Mark(2) : none)
                << length << " " << position;
        }
    }
}

TYPED_TEST(MarkRulesOf, WithoutAProtocolEveryOneMatches) {
    using F = TypeParam;
    const auto any = build({{.mark = Mark(1)}});
    const auto zero = build({{.protocol = Protocol::none, .mark = Mark(1)}});
    const auto last = build({{.protocol = Protocol{255}, .mark = Mark(1)}});
    const auto sctp =
        build({{.protocol = Protocol::sctp, .destination_ports = ports(80, 80), .mark = Mark(1)}});
    for (unsigned number = 0; number < 256; ++number) {
        const auto packet = this->packet(static_cast<Protocol>(number));
        EXPECT_EQ(any->classify<F>(wan, packet), Mark(1)) << number;
        EXPECT_EQ(zero->classify<F>(wan, packet), number == 0 ? Mark(1) : none) << number;
        EXPECT_EQ(last->classify<F>(wan, packet), number == 255 ? Mark(1) : none) << number;
        EXPECT_EQ(sctp->classify<F>(wan, packet), number == 132 ? Mark(1) : none) << number;
    }
}

TYPED_TEST(MarkRulesOf, AnIngressPortIsComparedWhole) {
    using F = TypeParam;
    for (const unsigned wanted : {0U, 1U, 256U, 0xFFFFU}) {
        const PortId ingress(static_cast<std::uint16_t>(wanted));
        const auto rules =
            build({{.ingress = ingress, .mark = Mark(1)},
                   {.protocol = Protocol::tcp, .ingress = PortId(5), .mark = Mark(2)}});
        for (const unsigned came_by : {0U, 1U, 5U, 256U, 257U, 0xFFFFU}) {
            const Mark mark = came_by == wanted ? Mark(1) : came_by == 5 ? Mark(2) : none;
            EXPECT_EQ(
                rules->classify<F>(PortId(static_cast<std::uint16_t>(came_by)), this->packet()),
                mark)
                << wanted << " " << came_by;
        }
    }
}

TYPED_TEST(MarkRulesOf, EveryMarkComesOutAsItWentIn) {
    using F = TypeParam;
    std::vector<MarkRule> rules;
    std::uint16_t ingress = 0;
    const auto values = {1U, 0x8000U, 0x10000U, 0x20000000U, 0x7FFFFFFFU, 0x80000000U, 0xFFFFFFFFU};
    for (const std::uint32_t value : values)
        rules.push_back({.ingress = PortId(ingress++), .mark = Mark(value)});
    const auto made = build(rules);
    ingress = 0;
    for (const std::uint32_t value : values)
        EXPECT_EQ(made->classify<F>(PortId(ingress++), this->packet()), Mark(value));
}

TEST(MarkRules, ARuleWithoutPrefixesHoldsForBothFamilies) {
    const auto packet4 = tuple<Ipv4>("192.0.2.7", "198.51.100.10");
    const auto packet6 = tuple<Ipv6>("2001:db8::7", "2001:db8:1::10");
    const auto both = build({{.protocol = Protocol::tcp, .mark = Mark(3)}});
    EXPECT_TRUE(both->any<Ipv4>());
    EXPECT_TRUE(both->any<Ipv6>());
    EXPECT_EQ(both->classify(wan, packet4), Mark(3));
    EXPECT_EQ(both->classify(wan, packet6), Mark(3));
    const auto only4 = build({{.destination = net("0.0.0.0/0"), .mark = Mark(4)}});
    EXPECT_TRUE(only4->any<Ipv4>());
    EXPECT_FALSE(only4->any<Ipv6>());
    EXPECT_EQ(only4->classify(wan, packet4), Mark(4));
    EXPECT_EQ(only4->classify(wan, packet6), none);
    const auto only6 = build({{.source = net("::/0"), .mark = Mark(6)}});
    EXPECT_FALSE(only6->any<Ipv4>());
    EXPECT_TRUE(only6->any<Ipv6>());
    EXPECT_EQ(only6->classify(wan, packet4), none);
    EXPECT_EQ(only6->classify(wan, packet6), Mark(6));
}

TEST(MarkRules, SaysWhatIsWrongWithARule) {
    const MarkRule good{.source = net("192.0.2.0/24"),
                        .destination = net("198.51.100.0/24"),
                        .protocol = Protocol::tcp,
                        .source_ports = ports(7, 7),
                        .destination_ports = ports(0, 0xFFFF),
                        .ingress = PortId(1),
                        .mark = Mark(1)};
    const auto but = [&](auto change) {
        MarkRule rule = good;
        change(rule);
        return problem(rule);
    };
    EXPECT_EQ(problem(good), std::nullopt);
    EXPECT_EQ(but([](auto& r) { r.mark = none; }), "has no mark");
    EXPECT_EQ(but([](auto& r) { r.destination = net("2001:db8::/32"); }),
              "has prefixes of both families");
    EXPECT_EQ(but([](auto& r) { r.source_ports = ports(8, 7); }),
              "has ports that end before they begin");
    EXPECT_EQ(but([](auto& r) { r.destination_ports = ports(256, 255); }),
              "has ports that end before they begin");
    const auto portless = "has ports without tcp, udp or sctp";
    EXPECT_EQ(but([](auto& r) { r.protocol = Protocol::icmp; }), portless);
    EXPECT_EQ(but([](auto& r) { r.protocol.reset(); }), portless);
    EXPECT_EQ(but([](auto& r) {
                  r.protocol.reset();
                  std::swap(r.source_ports, r.destination_ports);
              }),
              portless);
    EXPECT_EQ(but([](auto& r) { r.protocol = Protocol::udp; }), std::nullopt);
    EXPECT_EQ(but([](auto& r) { r.protocol = Protocol::sctp; }), std::nullopt);
    EXPECT_EQ(but([](auto& r) {
                  r.protocol = Protocol::icmp;
                  r.source_ports = {};
              }),
              std::nullopt);
}

TEST(MarkRules, ARuleWithAProblemIsLeftOut) {
    const MarkRule mixed{.source = net("0.0.0.0/0"), .destination = net("::/0"), .mark = Mark(1)};
    const MarkRule backward{
        .protocol = Protocol::tcp, .destination_ports = ports(90, 70), .mark = Mark(2)};
    const auto packet = tuple<Ipv4>("192.0.2.7", "198.51.100.10");
    EXPECT_FALSE(build({mixed, backward, {}})->any<Ipv4>());
    EXPECT_EQ(build({mixed, backward, {}, {.mark = Mark(3)}})->classify(wan, packet), Mark(3));
}

TYPED_TEST(MarkRulesOf, RandomRulesMarkAsAPlainSearchDoes) {
    using F = TypeParam;
    constexpr unsigned sets = 60;
    constexpr unsigned packets = 1000;
    unsigned marked = 0;
    for (unsigned seed = 0; seed < sets; ++seed) {
        Dice<F> dice(seed);
        std::vector<MarkRule> rules(1 + dice.below(seed % 2 == 0 ? 8 : 120));
        for (MarkRule& rule : rules) rule = dice.rule();
        const auto made = build(rules);
        std::vector<FlowTuple<F>> tuples(packets);
        for (auto& t : tuples) t = dice.packet(rules);
        const PortId ingress = dice.ingress();
        std::vector<Mark> marks(packets, Mark(0xBAD));
        made->classify<F>(ingress, this->pointers(tuples), marks);
        for (unsigned i = 0; i < packets; ++i) {
            const Mark right = expected<F>(rules, ingress, tuples[i]);
            ASSERT_EQ(marks[i], right) << "set " << seed << ", packet " << i;
            ASSERT_EQ(made->classify(ingress, tuples[i]), right) << seed << " " << i;
            marked += right == none ? 0 : 1;
        }
    }
    EXPECT_GT(marked, sets * packets / 5);
    EXPECT_LT(marked, sets * packets * 9 / 10);
}

TYPED_TEST(MarkRulesOf, BurstsMayHaveAnySize) {
    using F = TypeParam;
    std::vector<MarkRule> rules;
    std::vector<FlowTuple<F>> tuples;
    for (unsigned i = 0; i < 100; ++i) {
        tuples.push_back(this->packet(Protocol::tcp, 40000, 1000 + i));
        if (i % 7 != 0)
            rules.push_back({.protocol = Protocol::tcp,
                             .destination_ports = ports(1000 + i, 1000 + i),
                             .mark = Mark(i)});
    }
    const auto made = build(rules);
    const auto all = this->pointers(tuples);
    for (std::size_t size = 0; size <= all.size(); ++size) {
        std::vector<Mark> marks(size + 1, Mark(0xBAD));
        made->classify<F>(wan, std::span(all).last(size), std::span(marks).first(size));
        for (std::size_t i = 0; i < size; ++i) {
            const auto number = static_cast<std::uint32_t>(all.size() - size + i);
            ASSERT_EQ(marks[i], number % 7 == 0 ? none : Mark(number)) << size << " " << i;
        }
        EXPECT_EQ(marks[size], Mark(0xBAD));
    }
}

/// Rules for one address each, the number of a rule in the address.
template <class F>
std::vector<MarkRule> one_address_each(std::size_t count, std::uint32_t first_mark) {
    std::vector<MarkRule> rules(count);
    for (std::size_t i = 0; i < count; ++i) {
        std::array<std::uint8_t, sizeof(typename F::Address)> bytes{10, 1};
        bytes[bytes.size() - 2] = static_cast<std::uint8_t>(i >> 8);
        bytes[bytes.size() - 1] = static_cast<std::uint8_t>(i);
        typename F::Address address;
        std::memcpy(static_cast<void*>(&address), bytes.data(), bytes.size());
        rules[i].destination = IpPrefix{address, 8 * sizeof address};
        rules[i].mark = Mark(first_mark + static_cast<std::uint32_t>(i));
    }
    return rules;
}
template <class F>
FlowTuple<F> packet_for(const MarkRule& rule) {
    FlowTuple<F> packet;
    packet.destination = F::of(rule.destination->address);
    packet.protocol = Protocol::tcp;
    return packet;
}

TYPED_TEST(MarkRulesOf, TenThousandRulesAreFoundEach) {
    using F = TypeParam;
    auto rules = one_address_each<F>(10000, 1);
    for (std::size_t i = 0; i < rules.size(); ++i) {
        rules[i].protocol = i % 3 == 0 ? Protocol::udp : Protocol::tcp;
        rules[i].destination_ports = ports(80, 80 + static_cast<unsigned>(i % 5));
    }
    const auto made = build(rules);
    for (std::size_t i = 0; i < rules.size(); ++i) {
        auto packet = packet_for<F>(rules[i]);
        packet.destination_port = rules[i].destination_ports.last;
        const bool right = *rules[i].protocol == packet.protocol;
        ASSERT_EQ(made->classify(wan, packet), right ? rules[i].mark : none) << i;
    }
}

TEST(MarkRules, TheLastRuleThatCountsIsThe65535th) {
    const auto rules = one_address_each<Ipv4>(MarkRules::max_rules + 1, 1);
    const auto made = build(rules);
    EXPECT_EQ(made->classify(wan, packet_for<Ipv4>(rules.front())), Mark(1));
    EXPECT_EQ(made->classify(wan, packet_for<Ipv4>(rules[MarkRules::max_rules - 1])), Mark(65535));
    EXPECT_EQ(made->classify(wan, packet_for<Ipv4>(rules[MarkRules::max_rules])), none);
}

TYPED_TEST(MarkRulesOf, SetsLiveBesideEachOther) {
    using F = TypeParam;
    const auto packet = this->packet();
    auto old = build({{.mark = Mark(1)}});
    auto present = build({{.mark = Mark(2)}});
    EXPECT_EQ(old->classify(wan, packet), Mark(1));
    EXPECT_EQ(present->classify(wan, packet), Mark(2));
    old.reset();
    EXPECT_EQ(present->classify(wan, packet), Mark(2));
    const auto next = build({{.protocol = Protocol::udp, .mark = Mark(3)}});
    present.reset();
    EXPECT_EQ(next->classify(wan, packet), none);
    EXPECT_EQ(next->classify<F>(wan, this->packet(Protocol::udp)), Mark(3));
}

TYPED_TEST(MarkRulesOf, ManyThreadsMayAskWhileOtherSetsComeAndGo) {
    using F = TypeParam;
    Dice<F> dice(99);
    std::vector<MarkRule> rules(50);
    for (MarkRule& rule : rules) rule = dice.rule();
    std::vector<FlowTuple<F>> tuples(320);
    for (auto& t : tuples) t = dice.packet(rules);
    std::vector<Mark> right;
    for (const auto& t : tuples) right.push_back(expected<F>(rules, PortId(1), t));
    const auto made = build(rules);
    const auto all = this->pointers(tuples);

    std::array<unsigned, 4> wrong{};
    std::vector<std::thread> threads;
    for (unsigned& count : wrong)
        threads.emplace_back([&] {
            std::vector<Mark> marks(all.size());
            for (unsigned round = 0; round < 200; ++round) {
                made->classify<F>(PortId(1), all, marks);
                count += marks == right ? 0 : 1;
            }
        });
    for (unsigned i = 0; i < 20; ++i) build({rules[i]});
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, (std::array<unsigned, 4>{}));
}

/// Bytes of DPDK's memory in use.
std::size_t in_use() {
    rte_malloc_socket_stats stats;
    rte_malloc_get_socket_stats(0, &stats);
    return stats.heap_allocsz_bytes;
}

TEST(MarkRules, WithoutMemoryThereIsNoSetAndNothingIsKept) {
    const auto rules = one_address_each<Ipv6>(2000, 1);
    const std::size_t before = in_use();
    // Takes all blocks down to 64 kB, gives back one of 512 kB: enough for the rules as given, too
    // little for what is made of them.
    std::vector<void*> taken;
    void* const reserve = rte_malloc(nullptr, 512U << 10, 0);
    ASSERT_NE(reserve, nullptr);
    for (std::size_t size = 16U << 20; size >= 64U << 10; size /= 2)
        while (void* block = rte_malloc(nullptr, size, 0)) taken.push_back(block);
    EXPECT_EQ(MarkRules::build(rules), nullptr);
    rte_free(reserve);
    const std::size_t full = in_use();
    EXPECT_EQ(MarkRules::build(rules), nullptr);
    EXPECT_EQ(in_use(), full);
    for (void* block : taken) rte_free(block);
    EXPECT_EQ(in_use(), before);
    auto made = build(rules);
    EXPECT_GT(in_use(), before);
    made.reset();
    EXPECT_EQ(in_use(), before);
}

}  // namespace
}  // namespace shunt
