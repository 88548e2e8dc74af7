// SPDX-License-Identifier: BSD-3-Clause
// What explain() says, and whether it is what then happens.
#include "dataplane/explain.h"

#include <gtest/gtest.h>

#include <random>

#include "sched/registry.h"
#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;
using Rule = ExplainRule;
using Verdict = Explanation::Verdict;
using Rules = std::vector<Rule>;
using Seconds = std::chrono::duration<std::uint32_t>;

L4Port port(int number) {
    return L4Port(static_cast<std::uint16_t>(number));
}

Rules rules_of(const Explanation& e) {
    return {e.rules.begin(), e.rules.begin() + e.rules_count};
}

template <class F>
ExplainQuestion<F> question(std::string_view source, int source_port, std::string_view destination,
                            int destination_port, Protocol protocol) {
    ExplainQuestion<F> question;
    question.tuple = {.source = address_of<F>(source),
                      .destination = address_of<F>(destination),
                      .source_port = port(source_port),
                      .destination_port = port(destination_port),
                      .protocol = protocol};
    question.port = wan;
    return question;
}

/// What a bench's owner says of packets of IPv4.
class ExplainTest : public ::testing::Test {
  protected:
    Explanation ask(const ExplainQuestion<Ipv4>& q) {
        bench.settle();
        return explain<Ipv4>(bench.worker(explained_owner<Ipv4>(bench.worker(), q).value()), q);
    }
    Explanation client(int to = 80, int from = 40000, Protocol protocol = Protocol::tcp) {
        return ask(question<Ipv4>(v4.client, from, v4.vip, to, protocol));
    }
    void syn(int from = 40000, int to = 80) {
        bench.put(wan,
                  from_client(v4)
                      .tcp(static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(to), H::syn)
                      .build());
        bench.settle();
    }
    WorkerBench::Service& add(int port, ForwardMethod forward = ForwardMethod::nat) {
        bench.add_service(Protocol::tcp, v4.endpoint(v4.vip, port),
                          {v4.endpoint(v4.server, 8080), v4.endpoint(v4.server2, 8080)}, forward);
        return bench.services.back();
    }

    WorkerBench bench;
};

TEST_F(ExplainTest, ANewConnectionIsToldToTheLastByteOfItsWay) {
    add(80);
    bench.publish();
    const auto e = client();
    EXPECT_EQ(e.verdict, Verdict::opens);
    EXPECT_EQ(rules_of(e), (Rules{Rule::one_worker, Rule::no_connection, Rule::service_at_port,
                                  Rule::scheduled, Rule::way_known}));
    ASSERT_TRUE(e.server && e.next_hop && e.service);
    EXPECT_EQ(to_string(e.server->endpoint), "198.51.100.11:8080");
    EXPECT_EQ(e.service->endpoint.port, port(80));
    EXPECT_EQ(e.next_hop->ifindex, lan_link);
    EXPECT_EQ(e.next_hop->gateway, ip(v4.server));
    EXPECT_EQ(e.next_hop->mac, mac(server_mac));
    EXPECT_EQ(e.next_hop->fits, 1500);
}

TEST_F(ExplainTest, BothDirectionsOfAConnectionAreKnown) {
    add(80);
    bench.publish();
    syn();
    const auto there = client();
    EXPECT_EQ(there.verdict, Verdict::known);
    EXPECT_EQ(there.direction, Direction::from_client);
    EXPECT_EQ(there.next_hop->mac, mac(server_mac));
    const auto back = ask(question<Ipv4>(v4.server, 8080, v4.client, 40000, Protocol::tcp));
    EXPECT_EQ(back.verdict, Verdict::known);
    EXPECT_EQ(back.direction, Direction::from_server);
    EXPECT_EQ(back.next_hop->mac, mac(client_mac));
    EXPECT_EQ(rules_of(back)[1], Rule::known_from_server);
}

TEST_F(ExplainTest, AskingChangesNothing) {
    auto& service = add(80);
    service.scheduler = find_scheduler("rr");
    service.persistence = Persistence{.timeout = Seconds(300), .granularity = 32};
    bench.publish();
    const auto first = client();
    const auto state = bench.services[0].state->word.load();
    EXPECT_EQ(client().server->dest, first.server->dest);
    EXPECT_EQ(bench.services[0].state->word.load(), state);
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bench.shared().affinity->slots_used(), 0U);
    syn();
    const auto known = client(80, 40001);
    EXPECT_EQ(rules_of(known)[3], Rule::tied);
    EXPECT_EQ(known.server->dest, first.server->dest);
    EXPECT_EQ(bench.shared().affinity->count(known.server->dest), 1U);
}

TEST_F(ExplainTest, WhyNobodyGetsIt) {
    auto& service = add(80);
    for (auto& server : service.servers) server.weight = 0;
    bench.publish();
    const auto e = client();
    EXPECT_EQ(e.verdict, Verdict::dropped);
    EXPECT_EQ(e.drop_reason, DropReason::no_destination);
    EXPECT_EQ(rules_of(e), (Rules{Rule::one_worker, Rule::no_connection, Rule::service_at_port,
                                  Rule::none_eligible, Rule::no_server}));
    EXPECT_EQ(client(81).verdict, Verdict::to_host);
    EXPECT_EQ(rules_of(client(80, 20)).at(2), Rule::from_ftp_data_port);
}

TEST_F(ExplainTest, ARemovedServerEndsItsClientsPackets) {
    add(80);
    bench.publish();
    syn();
    bench.services[0].servers[0].removed = true;
    bench.publish();
    const auto e = client();
    EXPECT_EQ(e.drop_reason, DropReason::destination_removed);
    EXPECT_EQ(rules_of(e).back(), Rule::server_removed);
}

TEST_F(ExplainTest, ASchedulerWithMemoryIsNotAsked) {
    auto& service = add(80);
    service.scheduler = find_scheduler("lblc");
    service.state->memory = service.scheduler->make_memory(1);
    bench.publish();
    const auto e = client();
    EXPECT_EQ(e.verdict, Verdict::undecided);
    EXPECT_EQ(rules_of(e).back(), Rule::chosen_by_memory);
    EXPECT_FALSE(e.server);
}

TEST_F(ExplainTest, TheMarkMayBeGiven) {
    auto& service = add(0);
    service.mark = Mark(7);
    service.protocol = Protocol::none;
    bench.publish();
    auto q = question<Ipv4>(v4.client, 40000, v4.elsewhere, 443, Protocol::udp);
    EXPECT_EQ(ask(q).verdict, Verdict::to_host);
    q.mark = Mark(7);
    const auto e = ask(q);
    EXPECT_EQ(e.verdict, Verdict::opens);
    EXPECT_EQ(rules_of(e)[2], Rule::service_by_mark);
}

TEST_F(ExplainTest, ANeighbourThatIsNotKnownIsSaid) {
    bench.network = links();
    add(80, ForwardMethod::direct);
    bench.publish();
    const auto e = client();
    EXPECT_EQ(rules_of(e).back(), Rule::way_unresolved);
    EXPECT_FALSE(e.next_hop->resolved);
    EXPECT_EQ(e.next_hop->gateway, ip(v4.server));
}

TEST_F(ExplainTest, AnApplicationIsTold) {
    add(21);
    bench.apps[0] = {AppKind::ftp, port(21)};
    bench.publish();
    const auto e = client(21);
    EXPECT_EQ(e.app, AppKind::ftp);
    EXPECT_EQ(rules_of(e).back(), Rule::app_bound);
}

TEST(Explain, EveryRuleIsAStepOfTheWalk) {
    for (const auto& rule : explain_rule_texts) {
        EXPECT_FALSE(rule.text.empty()) << rule.name;
        EXPECT_TRUE(rule.step[0] >= '2' && rule.step[0] <= '7') << rule.name;
    }
}

/// Configurations, packets and what was dropped by chance; the same for the same seed.
template <class F>
class Chance {
  public:
    Chance(const Addresses& a, std::uint32_t seed)
        : a_(a),
          random_(seed),
          bench_({.workers = workers(seed), .receive_queues = workers(seed), .connections = 64}) {
        for (int last = 100; last < 106; ++last)
            bench_.network.add_neighbour(wan_link, ip(client(last)), mac(client_mac));
        bench_.tunables.prefix_rate = one_of(4) == 0 ? 20 : 0;
        bench_.tunables.conn_max = one_of(4) == 0 ? 8 : 1 << 30;
        bench_.tunables.nat_icmp_send = one_of(2);
        for (const int port : {80, 81, 21, 0})
            for (const auto protocol : {Protocol::tcp, Protocol::udp})
                if (one_of(2) == 0) add_service(protocol, port);
        bench_.publish();
        bench_.settle();
    }

    void run(int packets) {
        static constexpr std::array to{80, 81, 21, 443, 5000};
        for (int i = 0; i < packets; ++i) {
            const auto protocol = one_of(2) == 0 ? Protocol::tcp : Protocol::udp;
            const int port = to[static_cast<std::size_t>(one_of(to.size()))];
            check(protocol, client(100 + one_of(6)), 40000 + one_of(4), port);
            if (::testing::Test::HasFailure()) return;
        }
    }
    [[nodiscard]] const std::array<int, 5>& verdicts() const { return verdicts_; }

  private:
    static std::uint16_t workers(std::uint32_t seed) { return seed % 2 == 0 ? 1 : 3; }
    int one_of(std::size_t n) { return static_cast<int>(random_() % n); }
    [[nodiscard]] std::string client(int last) const {
        std::string text(a_.client);
        return text.substr(0, text.size() - 3) + std::to_string(last);
    }

    void add_service(Protocol protocol, int port) {
        static constexpr std::array names{"rr", "lc", "wlc", "sed", "nq", "fo", "ovf", "twos"};
        std::vector<std::string> servers;
        for (int i = 0; i < 1 + one_of(4); ++i)
            servers.push_back(
                a_.endpoint(i % 2 == 0 ? a_.server : a_.server2, 8000 + 100 * port + i));
        if (one_of(6) == 0) servers.push_back(a_.endpoint(a_.elsewhere, 8080));
        if (one_of(6) == 0) servers.push_back(a_.endpoint(a_.lan_self, 8080));
        const auto forward = one_of(3) == 0 ? ForwardMethod::direct : ForwardMethod::nat;
        bench_.add_service(protocol, a_.endpoint(a_.vip, port), servers, forward);
        auto& service = bench_.services.back();
        service.scheduler = find_scheduler(names[static_cast<std::size_t>(one_of(names.size()))]);
        if (port == 0 || one_of(3) == 0)
            service.persistence =
                Persistence{.timeout = Seconds(300),
                            .granularity = static_cast<std::uint8_t>(ip(a_.vip).bits())};
        for (auto& server : service.servers) {
            server.weight = static_cast<std::uint32_t>(one_of(4));
            server.thresholds.upper = one_of(3) == 0 ? 2 : 0;
        }
    }

    [[nodiscard]] std::vector<std::uint64_t> placed() const {
        std::vector<std::uint64_t> counts;
        std::uint32_t servers = 0;
        for (const auto& service : bench_.services)
            servers += static_cast<std::uint32_t>(service.servers.size());
        for (std::uint32_t id = 0; id < servers; ++id)
            counts.push_back(bench_.dest(id, &DestCounters::connections));
        return counts;
    }

    void check(Protocol protocol, const std::string& from, int from_port, int to_port) {
        const auto q = question<F>(from, from_port, a_.vip, to_port, protocol);
        const auto owner = explained_owner<F>(bench_.worker(), q);
        const auto said = explain<F>(bench_.worker(owner.value()), q);
        const auto before = placed();
        const auto dropped = bench_.all_dropped();
        const auto reason = said.drop_reason;
        const auto so_dropped = reason ? bench_.dropped(*reason) : 0;
        send(protocol, from, from_port, to_port);
        ++verdicts_[static_cast<std::size_t>(said.verdict)];

        auto expected = before;
        const bool placed_here = rule_hit(said, Rule::scheduled) || rule_hit(said, Rule::tied);
        const bool full = reason == DropReason::connections_full;
        if (said.server && placed_here && !full) ++expected[said.server->dest.value()];
        EXPECT_EQ(placed(), expected) << describe(said);
        EXPECT_EQ(bench_.all_dropped() - dropped, reason ? 1U : 0U) << describe(said);
        if (reason) {
            EXPECT_EQ(bench_.dropped(*reason) - so_dropped, 1U) << describe(said);
        }
        const bool goes = said.verdict == Verdict::opens || said.verdict == Verdict::known;
        const bool local = goes && said.next_hop->kind == WayAhead::Kind::local;
        const bool to_host = local || said.verdict == Verdict::to_host;
        EXPECT_EQ(bench_.sent(lan).size(), goes && !local ? 1U : 0U) << describe(said);
        const auto at_host = bench_.to_host(wan).size() + bench_.to_host(lan).size();
        EXPECT_EQ(at_host, to_host ? 1U : 0U) << describe(said);
        static_cast<void>(bench_.sent(wan));
        if (goes && bench_.shared().workers > 1) {
            EXPECT_NE(bench_.worker(owner.value()).template conns<F>().find(q.tuple).conn, nullptr);
        }
    }

    void send(Protocol protocol, const std::string& from, int from_port, int to_port) {
        auto packet = PacketBuilder().mac(client_mac, wan_mac).ip(from, a_.vip);
        const auto source = static_cast<std::uint16_t>(from_port);
        const auto destination = static_cast<std::uint16_t>(to_port);
        if (protocol == Protocol::tcp)
            packet.tcp(source, destination, H::syn);
        else
            packet.udp(source, destination);
        bench_.put(wan, packet.build());
        bench_.settle();
    }

    static bool rule_hit(const Explanation& e, Rule rule) {
        const auto rules = rules_of(e);
        return std::ranges::find(rules, rule) != rules.end();
    }
    static std::string describe(const Explanation& e) {
        std::string text;
        for (const auto rule : rules_of(e)) text += std::string(about(rule).name) + ' ';
        return text;
    }

    const Addresses& a_;
    std::mt19937 random_;
    WorkerBench bench_;
    std::array<int, 5> verdicts_{};
};

template <class F>
void compare(const Addresses& a) {
    std::array<int, 5> verdicts{};
    for (std::uint32_t seed = 0; seed < 100; ++seed) {
        Chance<F> chance(a, seed);
        chance.run(60);
        ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
        for (std::size_t i = 0; i < verdicts.size(); ++i) verdicts[i] += chance.verdicts()[i];
    }
    for (const auto verdict : {Verdict::known, Verdict::opens, Verdict::to_host, Verdict::dropped})
        EXPECT_GT(verdicts[static_cast<std::size_t>(verdict)], 30) << static_cast<int>(verdict);
}

TEST(ExplainByChance, WhatIsSaidIsWhatHappensIpv4) {
    compare<Ipv4>(v4);
}
TEST(ExplainByChance, WhatIsSaidIsWhatHappensIpv6) {
    compare<Ipv6>(v6);
}

}  // namespace
}  // namespace shunt
