// SPDX-License-Identifier: BSD-3-Clause
// Lists, counts and flushes of a few thousand connections over two workers, against a plain list of
// them that is searched from end to end.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <sstream>

#include "ctl/conn/conn_listing.h"
#include "dataplane/connections.h"
#include "dataplane/persistence.h"
#include "support/worker_bench.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;
using test::ip;

/// What the test knows about a connection or a template, in words and numbers of its own.
struct Entry {
    std::string name;  ///< protocol, client and virtual endpoint
    bool is_template = false;
    std::string protocol;
    std::string state;
    std::string method;
    std::string client;  ///< address
    std::string server;  ///< endpoint
    std::uint32_t dest = 0;
    std::uint32_t idle = 0;  ///< ticks
};

std::string name_of(const ConnectionRow& row) {
    return std::string(to_string(row.protocol)) + ' ' + to_string(row.client) + ' ' +
           to_string(row.virtual_service) + (row.is_template ? " template" : "");
}

/// Not so the templates that the model leaves out, and those that tie nobody any more.
bool is_listed(const ConnectionRow& row) {
    const auto port = row.virtual_service.port.value();
    return port != 7 && port != 0xFFFF;
}

struct Service {
    Protocol protocol;
    const char* endpoint;
    ForwardMethod method;
    const char* method_name;
    std::vector<std::string> servers;
    std::uint32_t first_dest;
};
const std::vector<Service> services{
    {Protocol::tcp, "192.0.2.10:80", ForwardMethod::nat, "nat", {"10.1.0.1:80", "10.1.0.2:80"}, 0},
    {Protocol::udp, "192.0.2.10:53", ForwardMethod::direct, "direct", {"10.1.0.1:53"}, 2},
    {Protocol::tcp,
     "[2001:db8::10]:80",
     ForwardMethod::tunnel,
     "tunnel",
     {"[fd00::1]:80", "[fd00::2]:80"},
     3}};

class ConnectionModel : public testing::Test {
  protected:
    ConnectionModel() {
        for (const auto& s : services)
            bench.add_service(s.protocol, s.endpoint, s.servers, s.method);
        bench.publish();
        bench.settle();
        bench.pass(Ticks(50'000));
        bench.settle();
        for (int i = 0; i < 4000; ++i) add_connection();
        for (int i = 0; i < 300; ++i) add_template();
    }

    std::uint32_t any(std::uint32_t below) {
        return std::uniform_int_distribution<std::uint32_t>(0, below - 1)(random);
    }

    void add_connection() {
        const Service& service = services[any(static_cast<std::uint32_t>(services.size()))];
        if (parse_endpoint(service.endpoint)->address.family() == Family::ipv4)
            add_connection<Ipv4>(service, "198.51." + std::to_string(any(4)) + '.');
        else
            add_connection<Ipv6>(service, "2001:db8:" + std::to_string(any(4)) + "::");
    }

    template <class F>
    void add_connection(const Service& service, const std::string& net) {
        const auto at = parse_endpoint(service.endpoint).value();
        const std::string client = net + std::to_string(any(9));
        const auto port = static_cast<std::uint16_t>(1024 + serial++);
        const auto server = any(static_cast<std::uint32_t>(service.servers.size()));
        const auto real = parse_endpoint(service.servers[server]).value();
        const bool translated = service.method == ForwardMethod::nat;
        Conn<F> conn;
        conn.client = F::of(ip(client));
        conn.client_port = L4Port(port);
        conn.virtual_address = F::of(at.address);
        conn.virtual_port = at.port;
        conn.real = F::of(translated ? real.address : at.address);
        conn.real_port = translated ? real.port : at.port;
        conn.protocol = service.protocol;
        conn.dest = DestId(service.first_dest + server);
        conn.method = service.method;
        const bool tcp = service.protocol == Protocol::tcp;
        const auto state = tcp ? static_cast<TcpState>(1 + any(7)) : TcpState::none;
        conn.state = static_cast<std::uint8_t>(state);
        const Ticks timeout = tcp ? bench.timeouts.tcp_in(state) : bench.timeouts.udp;
        const std::uint32_t idle = any(timeout.count());
        WorkerState& worker = bench.worker(static_cast<std::uint16_t>(serial % 2));
        conn.expires = worker.now + timeout - Ticks(idle);
        conn.counted_active = tcp && tcp_active(state);
        if (conn.counted_active) worker.counters_of(conn.dest).active.add();
        if (any(4) == 0) conn.affinity = tie(worker, client, conn.dest);
        ASSERT_NE(worker.conns<F>().insert(conn), nullptr);
        count_connection<F>(worker, conn);
        entries.push_back({.name = std::string(to_string(service.protocol)) + ' ' +
                                   to_string(Endpoint{ip(client), L4Port(port)}) + ' ' +
                                   service.endpoint,
                           .protocol = std::string(to_string(service.protocol)),
                           .state = tcp ? std::string(tcp_state_name(state)) : "UDP",
                           .method = service.method_name,
                           .client = client,
                           .server = service.servers[server],
                           .dest = conn.dest.value(),
                           .idle = idle});
    }

    /// Of one client and server; not listed by the model, for a filter never asks for port 7.
    AffinityRef tie(WorkerState& worker, const std::string& client, DestId dest) {
        return make_template(worker, client, L4Port(std::uint16_t{7}), dest).ref;
    }

    AffinityTable::Found make_template(WorkerState& worker, const std::string& client, L4Port port,
                                       DestId dest) {
        AffinityKey key{};
        ip(client).visit([&](const auto& a) { std::memcpy(key.client.data(), &a, sizeof(a)); });
        key.family = ip(client).family();
        key.port = port;
        key.protocol = Protocol::tcp;
        key.service[15] = static_cast<std::uint8_t>(dest.value());
        const auto found = worker.shared.affinity->take_or_make(
            key, {.dest = dest, .port = L4Port(std::uint16_t{80}), .timeout = 300s}, worker.now,
            [](DestId) { return AffinityTable::Verdict::usable; });
        EXPECT_TRUE(found);
        return found.value_or(AffinityTable::Found{});
    }

    /// One that no connection names.
    void add_template() {
        const std::string client = "203.0.113." + std::to_string(any(250));
        const auto port = static_cast<std::uint16_t>(1000 + serial++ % 64'000);
        const DestId dest(any(2));
        const std::uint32_t idle = any(3000);
        WorkerState& worker = bench.worker(0);
        const auto now = std::exchange(worker.now, worker.now - Ticks(idle));
        const auto found = make_template(worker, client, L4Port(port), dest);
        worker.shared.affinity->release(found.ref, worker.now);
        worker.now = now;
        const bool assured = any(2) == 0;
        if (assured) worker.shared.affinity->assure(found.ref);
        entries.push_back(
            {.name = "tcp " + client + ":0 0.0.0.0:" + std::to_string(port) + " template",
             .is_template = true,
             .protocol = "tcp",
             .state = assured ? "ASSURED" : "NONE",
             .method = "nat",
             .client = client,
             .server = services[0].servers[dest.value()],
             .dest = dest.value(),
             .idle = idle});
    }

    // Lists and the like, to their end.

    template <class Result, class Ask>
    Result answer(Ask ask) {
        std::optional<Result> answer;
        ask([&answer](Result result, const std::optional<RpcError>& error) {
            EXPECT_FALSE(error);
            answer = std::move(result);
        });
        io.restart();
        io.run();
        EXPECT_TRUE(answer);
        return std::move(answer).value_or(Result());
    }

    std::multiset<std::string> listed(const FilterPtr& filter, std::size_t page) {
        std::multiset<std::string> names;
        std::optional<ListPosition> at = ListPosition{};
        for (int pages = 0; at && pages < 10'000; ++pages) {
            auto list = answer<ConnectionList>(
                [&](auto done) { lister.list(filter, *at, page, std::move(done)); });
            EXPECT_LE(list.rows.size(), page);
            for (const auto& row : list.rows)
                if (is_listed(row)) names.insert(name_of(row));
            at = list.next;
            if (between_pages) between_pages();
        }
        return names;
    }

    /// A filter of some random keys, and what it means in the words of the model.
    struct Asked {
        ConnectionFilter filter;
        std::vector<std::function<bool(const Entry&)>> means;
        [[nodiscard]] bool matches(const Entry& e) const {
            return std::ranges::all_of(means, [&](const auto& one) { return one(e); });
        }
    };

    Asked any_filter();

    [[nodiscard]] std::multiset<std::string> expected(const Asked& asked) const {
        std::multiset<std::string> names;
        for (const Entry& e : entries)
            if (asked.matches(e)) names.insert(e.name);
        return names;
    }

    /// The counts of servers are those of the model.
    void check_counts() {
        for (std::uint32_t dest = 0; dest < 5; ++dest) {
            std::uint32_t total = 0;
            std::uint32_t active = 0;
            for (const Entry& e : entries) {
                if (e.is_template || e.dest != dest) continue;
                ++total;
                active += e.state == "ESTABLISHED" || e.state.starts_with("SYN_") ? 1 : 0;
            }
            EXPECT_EQ(bench.dest(dest, &DestCounters::total), total) << dest;
            EXPECT_EQ(bench.dest(dest, &DestCounters::active), active) << dest;
        }
    }

    std::mt19937 random{20'240};
    int serial = 0;
    std::vector<Entry> entries;
    test::WorkerBench bench{{.workers = 2, .connections = 8192, .templates = 4096}};
    boost::asio::io_context io;
    ConnectionLister lister{io,
                            2,
                            true,
                            [this](WorkerId w, ConnectionRequest& request) {
                                while (!request.step(bench.worker(w.value()))) {
                                }
                                request.finish();
                                return true;
                            },
                            {.poll = 0ms}};
    std::function<void()> between_pages;
};

ConnectionModel::Asked ConnectionModel::any_filter() {
    Asked asked;
    const auto means = [&](auto one) { asked.means.emplace_back(one); };
    if (any(4) == 0) {
        const bool templates = any(2) == 0;
        asked.filter.kind =
            templates ? ConnectionKind::client_template : ConnectionKind::connection;
        means([=](const Entry& e) { return e.is_template == templates; });
    }
    if (any(4) == 0) {
        const auto protocol = any(2) == 0 ? Protocol::tcp : Protocol::udp;
        asked.filter.protocol = protocol;
        means([=](const Entry& e) { return e.protocol == to_string(protocol); });
    }
    if (any(4) == 0) {
        const Service& s = services[any(3)];
        asked.filter.method = s.method;
        means([&s](const Entry& e) { return e.method == s.method_name; });
    }
    if (any(3) == 0) {
        const std::string state = entries[any(static_cast<std::uint32_t>(entries.size()))].state;
        asked.filter.states = states_named(state);
        means([=](const Entry& e) { return e.state == state; });
    }
    if (any(3) == 0) {
        const std::string net = std::to_string(any(4));
        const bool ipv6 = any(2) == 0;
        const std::string start = ipv6 ? "2001:db8:" + net + "::" : "198.51." + net + '.';
        asked.filter.client = parse_prefix(start + (ipv6 ? "/48" : "0/24"));
        means([=](const Entry& e) {
            return e.client.starts_with(start) ||
                   (ipv6 && net == "0" && e.client.starts_with("2001:db8::"));
        });
    }
    if (any(3) == 0) {
        const Service& s = services[any(3)];
        asked.filter.service = ServiceMatch{
            .key = {.protocol = s.protocol, .endpoint = parse_endpoint(s.endpoint).value()},
            .servers = std::vector<bool>(s.first_dest, false)};
        asked.filter.service->servers.resize(s.first_dest + s.servers.size(), true);
        means([&s](const Entry& e) {
            return e.dest >= s.first_dest && e.dest < s.first_dest + s.servers.size();
        });
    }
    if (any(3) == 0) {
        const Service& s = services[any(3)];
        const std::string server = s.servers.front();
        const bool any_port = any(2) == 0;
        asked.filter.server = parse_endpoint(server);
        const auto host = server.substr(0, server.rfind(':') + 1);
        if (any_port) asked.filter.server->port = {};
        means([=](const Entry& e) {
            return any_port ? e.server.starts_with(host) : e.server == server;
        });
    }
    if (any(3) == 0) {
        const std::uint32_t idle = any(2000);
        asked.filter.idle = Ticks(idle);
        means([=](const Entry& e) { return e.idle >= idle; });
    }
    return asked;
}

TEST_F(ConnectionModel, ListsAndCountsAreWhatASearchFromEndToEndFinds) {
    std::size_t rows = 0;
    for (int i = 0; i < 150; ++i) {
        const Asked asked = any_filter();
        const auto filter = std::make_shared<const ConnectionFilter>(asked.filter);
        const auto wanted = expected(asked);
        ASSERT_EQ(listed(filter, 1 + any(700)), wanted) << i;
        rows += wanted.size();
        const auto tally =
            answer<ConnectionTally>([&](auto done) { lister.count(filter, std::move(done)); });
        const auto templates = std::ranges::count_if(
            wanted, [](const std::string& name) { return name.ends_with(" template"); });
        ASSERT_EQ(tally.connections, wanted.size() - static_cast<std::size_t>(templates)) << i;
        ASSERT_GE(tally.templates, static_cast<std::uint64_t>(templates)) << i;
    }
    EXPECT_GT(rows, 20'000U) << "the filters are no empty ones";
}

TEST_F(ConnectionModel, EveryConnectionIsFoundByItsTuple) {
    for (std::size_t i = 0; i < entries.size(); i += 37) {
        if (entries[i].is_template) continue;
        std::istringstream words(entries[i].name);
        std::string protocol;
        std::string client;
        std::string service;
        words >> protocol >> client >> service;
        const auto tuple_for = [&]<class F>(F, const std::string& from) -> ClientTuple {
            return FlowTuple<F>{.source = F::of(parse_endpoint(from)->address),
                                .destination = F::of(parse_endpoint(service)->address),
                                .source_port = parse_endpoint(from)->port,
                                .destination_port = parse_endpoint(service)->port,
                                .protocol = *parse_protocol(protocol)};
        };
        const auto find = [&](const std::string& from) {
            const bool v4 = parse_endpoint(from)->address.family() == Family::ipv4;
            const auto tuple = v4 ? tuple_for(Ipv4(), from) : tuple_for(Ipv6(), from);
            return answer<std::optional<ConnectionRow>>(
                [&](auto done) { lister.find(tuple, std::move(done)); });
        };
        const auto found = find(client);
        ASSERT_TRUE(found) << entries[i].name;
        EXPECT_EQ(name_of(*found), entries[i].name);
        EXPECT_EQ(to_string(found->server), entries[i].server);
        EXPECT_EQ(state_name(*found), entries[i].state);
        EXPECT_FALSE(find(client.substr(0, client.rfind(':')) + ":1"));
    }
}

TEST_F(ConnectionModel, FlushEndsWhatMatchesAndNothingElse) {
    check_counts();
    for (int i = 0; i < 40 && entries.size() > 500; ++i) {
        const Asked asked = any_filter();
        if (asked.means.size() < 2) continue;
        const auto filter = std::make_shared<const ConnectionFilter>(asked.filter);
        const auto before = entries.size();
        std::erase_if(entries, [&](const Entry& e) { return asked.matches(e); });
        const auto tally =
            answer<ConnectionTally>([&](auto done) { lister.flush(filter, std::move(done)); });
        ASSERT_GE(tally.connections + tally.templates, before - entries.size());
        ASSERT_EQ(listed(std::make_shared<const ConnectionFilter>(), 1000), expected({})) << i;
        check_counts();
    }
    EXPECT_LT(entries.size(), 4000U);
    const auto tally = answer<ConnectionTally>([&](auto done) {
        lister.flush(std::make_shared<const ConnectionFilter>(), std::move(done));
    });
    EXPECT_GT(tally.connections, 0U);
    entries.clear();
    check_counts();
    EXPECT_EQ(bench.connections(), 0U);
    for (std::uint32_t dest = 0; dest < 5; ++dest)
        EXPECT_EQ(bench.shared().affinity->count(DestId(dest)), 0U)
            << "no template is kept by a connection that is gone";
}

TEST_F(ConnectionModel, ATemplateWhoseConnectionsLiveTiesNobodyAndGoesAfterThem) {
    WorkerState& worker = bench.worker(0);
    AffinityTable& affinity = *worker.shared.affinity;
    const auto flush = [&] {
        const auto filter = std::make_shared<const ConnectionFilter>(
            ConnectionFilter{.kind = ConnectionKind::client_template});
        return answer<ConnectionTally>([&](auto done) { lister.flush(filter, std::move(done)); });
    };
    const auto before = bench.connections();
    EXPECT_GE(flush().templates, 300U);
    EXPECT_EQ(bench.connections(), before);
    EXPECT_EQ(flush(), ConnectionTally{}) << "what is ended already is not ended again";
    const auto held = affinity.count(DestId(0));
    EXPECT_GT(held, 0U);
    const auto again = make_template(worker, "198.51.0.1", L4Port(std::uint16_t{7}), DestId(0));
    EXPECT_EQ(affinity.count(DestId(0)), held + 1) << "the old one is not followed";
    affinity.release(again.ref, worker.now);
    answer<ConnectionTally>([&](auto done) {
        lister.flush(std::make_shared<const ConnectionFilter>(), std::move(done));
    });
    EXPECT_EQ(affinity.count(DestId(0)), 0U);
}

TEST_F(ConnectionModel, NothingThatLivesThroughAListIsMissingOrTwiceInIt) {
    const auto wanted = expected({});
    // Between two pages others come, into slots before and behind, and go again.
    std::vector<Conn<Ipv4>> others;
    between_pages = [&] {
        for (const Conn<Ipv4>& conn : others) {
            auto& table = bench.worker(0).conns<Ipv4>();
            table.erase(*table.find(conn.tuple(Direction::from_client)).conn);
        }
        others.clear();
        for (std::uint16_t i = 0; i < 40; ++i) {
            Conn<Ipv4> conn;
            conn.client = ip("203.0.113.200").v4();
            conn.client_port = L4Port(static_cast<std::uint16_t>(i + 1));
            conn.virtual_address = ip("192.0.2.10").v4();
            conn.virtual_port = L4Port(std::uint16_t{7});
            conn.real = ip("10.1.0.1").v4();
            conn.protocol = Protocol::tcp;
            conn.state = static_cast<std::uint8_t>(any(7));
            others.push_back(*bench.worker(0).conns<Ipv4>().insert(conn));
        }
        std::ranges::shuffle(others, random);
    };
    EXPECT_EQ(listed(std::make_shared<const ConnectionFilter>(), 50), wanted);
}

}  // namespace
}  // namespace shunt::ctl
