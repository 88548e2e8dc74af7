// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/top_view.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <cmath>

namespace shunt::cli {
namespace {

using Values = std::vector<double>;

TEST(RateMeter, RatesAreOfTheTimeSinceTheRoundBefore) {
    RateMeter meter;
    meter.begin(100);
    EXPECT_TRUE(std::isnan(meter.rates("a", {10, 0})[0]));
    meter.end();
    meter.begin(104);
    EXPECT_EQ(meter.rates("a", {18, 2}), (Values{2, 0.5}));
    EXPECT_TRUE(std::isnan(meter.rates("new", {1})[0]));
    meter.end();
    meter.begin(105);
    EXPECT_EQ(meter.rates("a", {3, 2}), (Values{3, 0})) << "set to zero, then 3 more";
    meter.end();
    meter.begin(106);
    EXPECT_TRUE(std::isnan(meter.rates("new", {5})[0])) << "was away for a round";
    meter.end();
}

TEST(RateMeter, WithoutTimeThereIsNoRate) {
    RateMeter meter;
    meter.begin(100);
    meter.rates("a", {10});
    meter.end();
    meter.begin(100);
    EXPECT_TRUE(std::isnan(meter.rates("a", {18})[0]));
}

ServiceRow service(const char* address, std::uint64_t packets) {
    ServiceRow row;
    row.protocol = Protocol::tcp;
    row.address = *parse_endpoint(address);
    row.stats.counts.packets_in = packets;
    row.stats.rates.packets_in = 77;
    row.servers.resize(2);
    row.servers[0].address = *parse_endpoint("10.0.0.1:80");
    row.servers[0].active = 2;
    row.servers[1].address = *parse_endpoint("[2001:db8::1]:80");
    row.servers[1].active = 3;
    row.servers[1].inactive = 4;
    row.servers[1].stats.counts.packets_in = packets;
    return row;
}

TEST(TopLines, BeforeTheSecondLookTheDaemonsOwnRatesStandIn) {
    RateMeter meter;
    meter.begin(1);
    EXPECT_EQ(service_lines({service("192.0.2.1:80", 100)}, meter)[0].values,
              (Values{0, 77, 0, 0, 0, 5, 4}));
    meter.end();
    meter.begin(3);
    const auto lines = service_lines({service("192.0.2.1:80", 300)}, meter);
    EXPECT_EQ(lines[0].words, std::vector<std::string>{"tcp 192.0.2.1:80"});
    EXPECT_EQ(lines[0].values, (Values{0, 100, 0, 0, 0, 5, 4}));
}

TEST(TopLines, ServersOfTwoServicesAreTold) {
    RateMeter meter;
    meter.begin(1);
    server_lines({service("192.0.2.1:80", 0), service("192.0.2.2:80", 0)}, meter);
    meter.end();
    meter.begin(2);
    const auto lines =
        server_lines({service("192.0.2.1:80", 10), service("192.0.2.2:80", 20)}, meter);
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_EQ(lines[3].words, (std::vector<std::string>{"[2001:db8::1]:80", "tcp 192.0.2.2:80"}));
    EXPECT_EQ(lines[1].values[1], 10);
    EXPECT_EQ(lines[3].values, (Values{0, 20, 0, 0, 0, 3, 4}));
}

boost::json::value workers(int busy_cycles, int packets) {
    return boost::json::parse(R"({"workers":[{"worker":0,"cpu":3,"busy":0.5,"busy_cycles":)" +
                              std::to_string(busy_cycles) + R"(,"received":)" +
                              std::to_string(packets) + R"(,"from_twin":)" +
                              std::to_string(packets) + R"(,"dropped":7,"connections":9},)" +
                              R"({"worker":1,"cpu":null,"busy":0.1}]})");
}

TEST(TopLines, CyclesAreOfAllPacketsThatAWorkerSaw) {
    RateMeter meter;
    meter.begin(1);
    worker_lines(workers(1000, 10), meter);
    meter.end();
    meter.begin(3);
    const auto lines = worker_lines(workers(9000, 30), meter);
    EXPECT_EQ(lines[0].words, (std::vector<std::string>{"0", "3"}));
    EXPECT_EQ(lines[0].values, (Values{50, 200, 10, 0, 0, 0, 0, 9}));
    EXPECT_TRUE(std::isnan(lines[1].values[1])) << "no packet, or a daemon that does not tell";
    EXPECT_EQ(top_summary(lines),
              "2 workers 30% busy, 10 pps in, 0 forwarded, 0 dropped, 9 conns\n");
}

std::vector<TopLine> three() {
    return {{{"a"}, {1, NAN}}, {{"c"}, {3, 2}}, {{"b"}, {2, 1}}};
}

std::string names(TopOrder order) {
    auto lines = three();
    sort_lines(lines, order);
    std::string all;
    for (const auto& line : lines) all += line.words[0];
    return all;
}

TEST(TopOrder, LargestFirstAndUnknownLast) {
    EXPECT_EQ(names({1, false}), "cba");
    EXPECT_EQ(names({1, true}), "abc");
    EXPECT_EQ(names({2, false}), "cba");
    EXPECT_EQ(names({2, true}), "bca");
    EXPECT_EQ(names({0, false}), "abc");
    EXPECT_EQ(names({0, true}), "cba");
}

TEST(TopTable, HasAStarAndCountsWhatIsLeftOut) {
    const std::vector<TopLine> lines{{{"tcp 192.0.2.1:80"}, {1e6, 2, 3, 4, NAN, 6, 7}},
                                     {{"x"}, {0, 0, 0, 0, 0, 0, 0}}};
    EXPECT_EQ(top_table(TopView::services, lines, {2, false}, 0, 1),
              "SERVICE             CPS  INPPS*  OUTPPS  INBPS  OUTBPS  ACTIVE  INACTIVE\n"
              "tcp 192.0.2.1:80  1.00M       2       3      4       -       6         7\n"
              "and 1 more\n");
}

TEST(TopTitles, AreFoundInAnyCase) {
    EXPECT_EQ(top_titles(TopView::servers).find("inbps"), 5U);
    EXPECT_EQ(top_titles(TopView::workers).find("cyc/pkt"), 3U);
    EXPECT_FALSE(top_titles(TopView::services).find("busy"));
}

}  // namespace
}  // namespace shunt::cli
