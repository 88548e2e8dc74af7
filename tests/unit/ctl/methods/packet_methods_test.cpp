// SPDX-License-Identifier: BSD-3-Clause
// explain and drop.list, asked of workers that have packets.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>

#include "ctl/methods/drop_methods.h"
#include "ctl/methods/explain_methods.h"
#include "ctl/state/service_registry.h"
#include "support/worker_bench.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;
using namespace test;
using H = TcpHeader;

const ServiceKey web{
    .protocol = Protocol::tcp, .endpoint = parse_endpoint("192.0.2.10:80").value(), .mark = {}};

class PacketMethods : public ::testing::Test {
  protected:
    PacketMethods() {
        publisher.set_network(bench.network.build());
        registry.add_service(web, {.scheduler = "rr"});
        add_server("198.51.100.11:8080", 1);
        add_server("198.51.100.12:8080", 0);
        bench.settle();
    }
    /// Workers go on with a snapshot of the bench's own, as it outlives the publisher.
    ~PacketMethods() override { bench.publish(); }

    void add_server(const std::string& address, std::uint32_t weight) {
        registry.add_server(web, {.address = parse_endpoint(address).value(), .weight = weight});
    }
    json::object ask(const std::string& method, const std::string& params) {
        std::string answer;
        dispatch_line(
            R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" + params + "}",
            methods, [&answer](std::string a) { answer = std::move(a); });
        io.restart();
        io.run();
        return json::parse(answer).as_object();
    }
    json::object result(const std::string& method, const std::string& params) {
        const auto answer = ask(method, params);
        EXPECT_TRUE(answer.contains("result")) << json::serialize(answer);
        return answer.contains("result") ? answer.at("result").as_object() : json::object();
    }
    json::value error(const std::string& method, const std::string& params) {
        const auto answer = ask(method, params);
        EXPECT_TRUE(answer.contains("error")) << json::serialize(answer);
        return answer.contains("error") ? answer.at("error").at("data") : json::value();
    }
    static std::vector<std::string> rules_of(const json::object& explanation) {
        std::vector<std::string> names;
        for (const auto& rule : explanation.at("rules").as_array())
            names.emplace_back(rule.at("rule").as_string());
        return names;
    }

    WorkerBench bench{{.workers = 2, .receive_queues = 2}};
    Publisher publisher{bench.shared()};
    ServiceRegistry registry{publisher, bench.shared().dest_counters, 32,
                             bench.shared().affinity.get(), &bench.shared().overload};
    MarkRegistry marks{publisher, {"wan", "lan"}};
    boost::asio::io_context io;
    ConnectionLister lister{io,
                            2,
                            false,
                            [this](WorkerId worker, ConnectionRequest& request) {
                                WorkerState* const states[] = {&bench.worker(0), &bench.worker(1)};
                                const bool posted = post_to(states)(worker, request);
                                bench.iterate(worker.value());
                                return posted;
                            },
                            {.poll = std::chrono::milliseconds(0)}};
    const std::function<std::vector<std::string>()> ports = [] {
        return std::vector<std::string>{"wan", "lan"};
    };
    MethodTable methods{
        {explain_method(lister, publisher, marks, bench.shared(), ports),
         drop_list({&bench.counters(0), &bench.counters(1)}, bench.shared(), ports)}};
};

constexpr auto packet =
    R"({"protocol":"tcp","client":"192.0.2.100:40000","virtual":"192.0.2.10:80"})";

TEST_F(PacketMethods, AFirstPacketIsExplained) {
    const auto e = result("explain", packet);
    EXPECT_EQ(e.at("verdict"), "opens");
    EXPECT_EQ(e.at("source"), "192.0.2.100:40000");
    EXPECT_EQ(e.at("destination"), "192.0.2.10:80");
    EXPECT_EQ(e.at("port"), "wan") << "where the route to the client leads";
    EXPECT_TRUE(e.at("mark").is_null());
    EXPECT_TRUE(e.at("connection").is_null());
    const auto owner = bench.shared().owner->owner<Ipv4>(address_of<Ipv4>("192.0.2.100"),
                                                         L4Port(std::uint16_t{40000}));
    EXPECT_EQ(e.at("owner"), owner.value());
    EXPECT_EQ(e.at("service"),
              json::parse(R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
                              "scheduler":"rr","persistent":false})"));
    EXPECT_EQ(e.at("server"), json::parse(R"({"address":"198.51.100.11:8080","forward":"nat"})"));
    EXPECT_EQ(e.at("candidates"), json::parse(R"([
        {"address":"198.51.100.12:8080","forward":"nat","weight":0,"eligible":false,
         "why":"weight 0"},
        {"address":"198.51.100.11:8080","forward":"nat","weight":1,"eligible":true,"why":""}])"));
    EXPECT_EQ(e.at("next_hop"), json::parse(R"({"kind":"via","interface":"lan","port":"lan",
        "gateway":"198.51.100.11","mac":"02:00:00:00:02:0b","fits":1500})"));
    EXPECT_EQ(rules_of(e), (std::vector<std::string>{"to_virtual", "no_connection",
                                                     "service_at_port", "scheduled", "way_known"}));
    EXPECT_EQ(bench.connections(), 0U);
}

TEST_F(PacketMethods, BothDirectionsOfAConnectionAreExplained) {
    bench.put(wan, from_client(v4).tcp(40000, 80, H::syn).build());
    bench.settle();
    const auto there = result("explain", packet);
    EXPECT_EQ(there.at("verdict"), "known");
    EXPECT_EQ(there.at("connection").at("server"), "198.51.100.11:8080");
    EXPECT_EQ(there.at("connection").at("worker"), there.at("owner"));
    const auto back =
        result("explain",
               R"({"protocol":"tcp","client":"198.51.100.11:8080","virtual":"192.0.2.100:40000"})");
    EXPECT_EQ(back.at("direction"), "from_server");
    EXPECT_EQ(back.at("port"), "lan");
    EXPECT_EQ(back.at("connection"), there.at("connection"));
    EXPECT_EQ(back.at("next_hop").at("mac"), "02:00:00:00:01:64");
}

TEST_F(PacketMethods, TheMarkRuleIsNamed) {
    const auto only = [](const char* network, std::uint32_t mark) {
        MarkConfig config{.rule = {}, .port = "wan"};
        config.rule.destination = parse_prefix(network);
        config.rule.mark = Mark(mark);
        return config;
    };
    marks.set({only("203.0.113.0/24", 5), only("192.0.2.0/24", 7)});
    EXPECT_EQ(result("explain", packet).at("mark"), json::parse(R"({"mark":7,"rule":2})"));
    const auto other = std::string(packet).insert(1, R"("port":"lan",)");
    EXPECT_TRUE(result("explain", other).at("mark").is_null());
    const auto given = std::string(packet).insert(1, R"("mark":9,)");
    EXPECT_EQ(result("explain", given).at("mark"), json::parse(R"({"mark":9,"rule":null})"));
}

TEST_F(PacketMethods, WhatCannotBeExplainedIsRefused) {
    const auto with = [](const char* more) { return std::string(packet).insert(1, more); };
    EXPECT_EQ(error("explain", with(R"("port":"eth9",)")).at("errno"), "ENOENT");
    EXPECT_EQ(error("explain", with(R"("mark":0,)")).at("path"), "mark");
    EXPECT_EQ(error("explain", R"({"protocol":"tcp","client":"192.0.2.100:40000"})").at("path"),
              "virtual");
}

TEST_F(PacketMethods, DroppedPacketsAreListed) {
    EXPECT_EQ(result("drop.list", "{}").at("drops").as_array().size(), 0U);
    registry.delete_server(web, parse_endpoint("198.51.100.11:8080").value());
    const Frame syn = from_client(v4).tcp(40000, 80, H::syn).build();
    bench.put(wan, syn);
    bench.settle();
    const auto drops = result("drop.list", "{}").at("drops").as_array();
    ASSERT_EQ(drops.size(), 1U);
    const auto& drop = drops[0].as_object();
    EXPECT_EQ(drop.at("reason"), "no_destination");
    EXPECT_EQ(drop.at("length"), syn.size());
    EXPECT_FALSE(drop.at("twin").as_bool());
    EXPECT_EQ(std::string_view(drop.at("bytes").as_string()).substr(0, 12), "02000000000a");
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    EXPECT_NEAR(drop.at("time").as_double(), now.count(), 10);
    EXPECT_EQ(result("drop.list", R"({"reason":"no_destination"})").at("drops").as_array().size(),
              1U);
    EXPECT_EQ(result("drop.list", R"({"reason":"martian"})").at("drops").as_array().size(), 0U);
    EXPECT_EQ(error("drop.list", R"({"reason":"bad luck"})").at("errno"), "ENOENT");
}

}  // namespace
}  // namespace shunt::ctl
