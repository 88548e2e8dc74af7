// SPDX-License-Identifier: BSD-3-Clause
// TFTP through workers: the server answers from a port of its own choice (RFC 1350 4).
#include <gtest/gtest.h>

#include "dataplane/app_hook.h"
#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using namespace std::string_view_literals;
using Seconds = std::chrono::duration<std::uint32_t>;

constexpr auto request = "\0\1file\0octet\0"sv;

class Tftp : public ::testing::TestWithParam<std::tuple<Addresses, std::uint16_t>> {
  protected:
    Tftp() {
        bench.add_service(Protocol::udp, a.endpoint(a.vip, 69), {a.endpoint(a.server, 69)});
        bench.apps[4] = {AppKind::tftp, L4Port(std::uint16_t{69})};
        bench.publish();
    }
    Frame one(PortId port) {
        bench.settle();
        return bench.one_sent(port);
    }
    std::uint32_t bound() {
        std::uint32_t sum = 0;
        for (std::uint16_t w = 0; w < std::get<1>(GetParam()); ++w)
            sum += bench.worker(w).apps.counters.bound[4].value();
        return sum;
    }

    const Addresses& a = std::get<0>(GetParam());
    WorkerBench bench{{.workers = std::get<1>(GetParam())}};
};

TEST_P(Tftp, AnswersFromAnyPortOfTheServerReachTheClientOnce) {
    bench.put(wan, from_client(a).udp(3000, 69).payload(request).build());
    EXPECT_TRUE(same_frame(one(lan), to_server(a).udp(3000, 69).payload(request).build()));
    EXPECT_EQ(bound(), 1U);
    bench.put(lan, from_server(a).udp(33000, 3000).payload("data").build());
    EXPECT_TRUE(same_frame(one(wan), to_client(a).udp(33000, 3000).payload("data").build()));
    bench.put(wan, from_client(a).udp(3000, 33000).payload("ack").build());
    EXPECT_TRUE(same_frame(one(lan), to_server(a).udp(3000, 33000).payload("ack").build()));
    bench.put(lan, from_server(a).udp(33001, 3000).payload("data").build());
    bench.settle();
    EXPECT_TRUE(bench.sent(wan).empty()) << "nobody asked twice";
    EXPECT_EQ(bench.connections(), 2U);
    bench.pass(Seconds(301));
    bench.settle();
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_EQ(bound(), 0U);
    EXPECT_FALSE(bench.shared().expectations->any());
}

TEST_P(Tftp, WhatIsNoRequestAnnouncesNothing) {
    bench.put(wan, from_client(a).udp(3000, 69).payload("\0\3file\0octet\0"sv).build());
    static_cast<void>(one(lan));
    EXPECT_FALSE(bench.shared().expectations->waits());
}

INSTANTIATE_TEST_SUITE_P(Places, Tftp,
                         ::testing::Combine(::testing::ValuesIn(families),
                                            ::testing::Values(std::uint16_t{1}, std::uint16_t{4})),
                         [](const auto& info) {
                             return std::string(std::get<0>(info.param).name) + "_on_" +
                                    std::to_string(std::get<1>(info.param));
                         });

}  // namespace
}  // namespace shunt
