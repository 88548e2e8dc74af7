// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/sync/sync_master.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "sync/message_reader.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;
using Sent = SyncMaster::Sent;

class SyncMasterTest : public testing::Test {
  protected:
    static SyncRecord record(int port) {
        return {.client = {parse_address("192.0.2.100").value(),
                           L4Port(static_cast<std::uint16_t>(port))},
                .virtual_service = parse_endpoint("198.51.100.10:80").value(),
                .server = parse_endpoint("10.1.0.11:8080").value(),
                .protocol = Protocol::tcp,
                .state = 1,
                .timeout = 900};
    }
    SyncMoment moment() {
        return {.services = services,
                .rules = rules,
                .version = version,
                .most_waiting = most_waiting,
                .tick = tick,
                .now = now};
    }
    SyncMaster make(const SyncMaster::Options& options = {.syncid = 7}) {
        return SyncMaster(options, affinity.get(), [this](std::size_t port, auto message) {
            if (answer == Sent::yes) sent.push_back({port, {message.begin(), message.end()}});
            return answer;
        });
    }
    /// The records of all that was sent.
    std::vector<SyncRecord> records() {
        std::vector<SyncRecord> all;
        for (const auto& [port, message] : sent) {
            SyncMessageReader reader(message, 7, faults);
            while (const auto r = reader.next()) all.push_back(*r);
        }
        EXPECT_EQ(faults, SyncFaults{});
        return all;
    }

    struct Message {
        std::size_t port;
        std::vector<std::byte> bytes;
    };
    std::vector<Message> sent;
    Sent answer = Sent::yes;
    SyncFaults faults{};
    std::shared_ptr<const ServiceTable> services = std::make_shared<const ServiceTable>();
    std::unique_ptr<AffinityTable> affinity;
    SyncRules rules;
    SyncVersion version = SyncVersion::v1;
    std::size_t most_waiting = 100;
    TickTime tick{Ticks(1000)};
    SyncMaster::Clock::time_point now{1000s};
};

TEST_F(SyncMasterTest, SendsWhatIsTwoSecondsOld) {
    SyncMaster master = make();
    master.tell(record(1), moment());
    now += 1s;
    master.tell(record(2), moment());
    now += 999ms;
    master.send(moment());
    EXPECT_TRUE(sent.empty());
    now += 1ms;
    master.send(moment());
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(records().size(), 2U);
    now += 10s;
    master.send(moment());
    EXPECT_EQ(sent.size(), 1U) << "nothing more is there";
    EXPECT_EQ(master.counts().messages, 1U);
    EXPECT_EQ(master.counts().records, 2U);
}

TEST_F(SyncMasterTest, SendsFullDatagramsAtOnce) {
    SyncMaster master = make({.syncid = 7, .maxlen = 8 + 36 * 3});
    for (int port = 1; port <= 7; ++port) master.tell(record(port), moment());
    master.send(moment());
    EXPECT_EQ(sent.size(), 2U);
    EXPECT_EQ(records().size(), 6U);
}

TEST_F(SyncMasterTest, AConnectionKeepsItsPort) {
    SyncMaster master = make({.syncid = 7, .ports = 4});
    for (int round = 0; round < 3; ++round) {
        for (int port = 1; port <= 40; ++port) master.tell(record(port), moment());
        now += 2s;
        master.send(moment());
    }
    std::map<std::uint16_t, std::set<std::size_t>> ports;
    std::set<std::size_t> all;
    for (const auto& [port, message] : sent) {
        SyncMessageReader reader(message, 7, faults);
        while (const auto r = reader.next()) ports[r->client.port.value()].insert(port);
        all.insert(port);
    }
    EXPECT_EQ(all.size(), 4U);
    EXPECT_EQ(ports.size(), 40U);
    for (const auto& [client, its] : ports) EXPECT_EQ(its.size(), 1U) << client;
}

TEST_F(SyncMasterTest, WhatCannotBeSentWaitsUpToALimit) {
    most_waiting = 2;
    SyncMaster master = make({.syncid = 7, .maxlen = 8 + 36});
    answer = Sent::later;
    for (int port = 1; port <= 5; ++port) master.tell(record(port), moment());
    master.send(moment());
    EXPECT_EQ(master.counts().dropped, 2U) << "the newest but the one that is being filled";
    answer = Sent::yes;
    master.send(moment());
    ASSERT_EQ(records().size(), 2U);
    EXPECT_EQ(records()[0].client.port.value(), 1);
    answer = Sent::never;
    now += 2s;
    master.send(moment());
    EXPECT_EQ(master.counts().failed, 1U);
    EXPECT_EQ(master.counts().messages, 2U);
}

TEST_F(SyncMasterTest, AnotherVersionBeginsAnotherDatagram) {
    SyncMaster master = make();
    master.tell(record(1), moment());
    version = SyncVersion::v0;
    master.tell(record(2), moment());
    SyncRecord six = record(3);
    six.client = parse_endpoint("[2001:db8::1]:3").value();
    six.virtual_service = six.server = six.client;
    master.tell(six, moment());
    EXPECT_EQ(master.counts().unfit, 1U);
    now += 2s;
    master.send(moment());
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].bytes.size(), 8U + 36);
    EXPECT_EQ(sent[1].bytes.size(), 4U + 24);
}

/// A service on a mark, and a template of it.
class SyncMasterTemplates : public SyncMasterTest {
  protected:
    SyncMasterTemplates() {
        affinity = std::make_unique<AffinityTable>(16, 4, 1);
        auto service = std::make_shared<VirtualService>();
        service->key = {.protocol = Protocol::none, .endpoint = {}, .mark = Mark(7)};
        service->servers.push_back(
            {.id = DestId(0), .endpoint = parse_endpoint("10.1.0.11:8080").value()});
        DestSlot slot;
        slot.available = slot.in_use = true;
        slot.endpoint = service->servers[0].endpoint;
        services = std::make_shared<const ServiceTable>(
            std::vector<std::shared_ptr<const VirtualService>>{service},
            std::vector<DestSlot>{slot});
        AffinityKey key{};
        key.client = {192, 0, 2, 0};
        key.service = {0, 0, 0, 7};
        affinity->put(key, {.lease = {.dest = DestId(0), .port = {}, .timeout = Ticks(3000)}},
                      tick);
    }
    SyncNotice notice() { return {.record = record(1), .dest = DestId(0), .affinity = 0}; }
};

TEST_F(SyncMasterTemplates, FollowTheirConnections) {
    SyncMaster master = make();
    master.tell(notice(), moment());
    now += 2s;
    master.send(moment());
    const auto all = records();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].mark, Mark(7)) << "the connection is of the service on the mark";
    const SyncRecord& r = all[1];
    EXPECT_TRUE(r.is_template() && r.has(sync_flag::inactive));
    EXPECT_EQ(r.client, parse_endpoint("192.0.2.0:0"));
    EXPECT_EQ(r.virtual_service, parse_endpoint("0.0.0.7:0"));
    EXPECT_EQ(r.server, parse_endpoint("10.1.0.11:0"));
    EXPECT_EQ(r.protocol, Protocol::none);
    EXPECT_EQ(r.mark, Mark(7));
    EXPECT_EQ(r.timeout, 300U);
    EXPECT_EQ(r.state, 0);
}

TEST_F(SyncMasterTemplates, AreToldOnceASecondAndWhenTheyComeToLife) {
    SyncMaster master = make();
    const auto told = [&] {
        const auto before = master.counts().records;
        SyncNotice alone = notice();
        alone.template_only = true;
        master.tell(alone, moment());
        return master.counts().records - before;
    };
    EXPECT_EQ(told(), 1U);
    EXPECT_EQ(told(), 0U);
    tick += Ticks(9);
    EXPECT_EQ(told(), 0U);
    affinity->assure(0);
    EXPECT_EQ(told(), 1U);
    tick += Ticks(10);
    EXPECT_EQ(told(), 1U);
    rules.refresh = 60s;
    tick += Ticks(590);
    EXPECT_EQ(told(), 0U) << "told by its end";
    tick += Ticks(3000);
    EXPECT_EQ(told(), 0U) << "it is over";
}

}  // namespace
}  // namespace shunt::ctl
