// SPDX-License-Identifier: BSD-3-Clause
// Watching packets: what is told of them, wherever they go, and that nothing else changes.
#include "dataplane/watch.h"

#include <gmock/gmock.h>

#include "dataplane/trace.h"
#include "dataplane/watch_mark.h"
#include "support/mbufs.h"
#include "support/random_traffic.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// What was told of one packet at one time.
struct Told {
    WatchRecord record;
    std::uint16_t worker = 0;
    Frame bytes;

    [[nodiscard]] bool was(WatchEvent event, DeviceIndex device) const {
        return record.event == event && record.device.value == device.value;
    }
    [[nodiscard]] TracePass pass() const {
        TracePass pass;
        EXPECT_EQ(bytes.size(), sizeof(pass));
        std::memcpy(&pass, bytes.data(), std::min(bytes.size(), sizeof(pass)));
        return pass;
    }
};

/// All workers of a bench watch.
class Watchers {
  public:
    explicit Watchers(WorkerBench& bench, std::uint32_t records = 256) : bench_(bench) {
        EXPECT_TRUE(register_watch_mark());
        order.packets = 1000;
        order.snap = 2048;
        records_ = records;
    }
    ~Watchers() { end(); }
    Watchers(const Watchers&) = delete;
    Watchers& operator=(const Watchers&) = delete;

    WatchOrder order;

    void begin() {
        for (std::uint16_t w = 0; w < bench_.shared().workers; ++w) {
            watches_.push_back(std::make_unique<Watch>(order, WorkerId(w), records_));
            bench_.worker(w).counters.watch = watches_.back().get();
        }
    }
    void end() {
        for (std::uint16_t w = 0; w < watches_.size(); ++w)
            bench_.worker(w).counters.watch = nullptr;
    }
    /// What was told since the last time, by time.
    std::vector<Told> told() {
        std::vector<Told> all;
        for (std::uint16_t w = 0; w < watches_.size(); ++w)
            watches_[w]->ring().take([&](const WatchRecord& r, auto bytes) {
                all.push_back({r, w, Frame(bytes.begin(), bytes.end())});
                return true;
            });
        std::ranges::stable_sort(all, {}, [](const Told& t) { return t.record.tsc; });
        return all;
    }
    std::uint64_t lost() const {
        std::uint64_t sum = 0;
        for (const auto& watch : watches_) sum += watch->lost();
        return sum;
    }

  private:
    WorkerBench& bench_;
    std::uint32_t records_;
    std::vector<std::unique_ptr<Watch>> watches_;
};

const DeviceIndex wan_port = DeviceIndex::of_port(wan);
const DeviceIndex lan_port = DeviceIndex::of_port(lan);

class WatchTest : public ::testing::TestWithParam<Addresses> {
  protected:
    const Addresses& a = GetParam();
    Frame syn(int port = 40000) {
        return from_client(a).tcp(static_cast<std::uint16_t>(port), 80, H::syn).build();
    }
};
INSTANTIATE_TEST_SUITE_P(Families, WatchTest, ::testing::ValuesIn(families), family_name);

TEST_P(WatchTest, ATranslatedPacketIsToldOfOnBothSides) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.begin();
    bench.put(wan, syn());
    bench.settle();
    const auto told = watchers.told();
    ASSERT_THAT(told, SizeIs(2));
    EXPECT_TRUE(told[0].was(WatchEvent::arrived, wan_port));
    EXPECT_TRUE(same_frame(told[0].bytes, syn()));
    EXPECT_TRUE(told[1].was(WatchEvent::left, lan_port));
    EXPECT_TRUE(same_frame(told[1].bytes, bench.one_sent(lan)));
    EXPECT_EQ(told[0].record.number, told[1].record.number);
    EXPECT_EQ(watch_number(told[0].record.number), 1U);
    EXPECT_EQ(told[0].record.length, syn().size());
    EXPECT_FALSE(told[0].record.was_dropped());
}

TEST_P(WatchTest, WhatDoesNotMatchIsNotToldOf) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.order.filter.port = L4Port(std::uint16_t{40001});
    watchers.begin();
    bench.put(wan, syn(40000));
    bench.put(wan, syn(40001));
    bench.settle();
    const auto told = watchers.told();
    ASSERT_THAT(told, SizeIs(2));
    EXPECT_TRUE(same_frame(told[0].bytes, syn(40001)));
    EXPECT_THAT(bench.sent(lan), SizeIs(2));
}

TEST_P(WatchTest, WhatLeavesMayMatchByItself) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.order.filter.server = Endpoint{ip(a.server), L4Port(std::uint16_t{8080})};
    watchers.begin();
    bench.put(wan, syn());
    bench.settle();
    const auto told = watchers.told();
    ASSERT_THAT(told, SizeIs(1));
    EXPECT_TRUE(told[0].was(WatchEvent::left, lan_port));
    EXPECT_TRUE(same_frame(told[0].bytes, bench.one_sent(lan)));
}

TEST_P(WatchTest, ADropIsNotedOnTheArrivalAndItsAnswerHasTheSameNumber) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.order.filter.protocol = Protocol::tcp;
    watchers.begin();
    bench.put(wan, from_client(a).ttl(1).tcp(40000, 80, H::syn).build());
    bench.settle();
    const auto told = watchers.told();
    ASSERT_THAT(told, SizeIs(2));
    ASSERT_TRUE(told[0].record.was_dropped());
    EXPECT_EQ(static_cast<DropReason>(told[0].record.reason), DropReason::ttl_expired);
    EXPECT_TRUE(told[1].was(WatchEvent::left, wan_port));
    EXPECT_FALSE(told[1].record.was_dropped());
    EXPECT_EQ(told[0].record.number, told[1].record.number);
    EXPECT_TRUE(same_frame(told[1].bytes, bench.one_sent(wan)));
}

TEST_P(WatchTest, MalformedFramesAreToldOfWhenNothingIsAskedFor) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.order.dropped_only = true;
    watchers.begin();
    bench.put(wan, syn());
    bench.put(wan, from_client(a).ip_version(9).tcp(40000, 80).build());
    bench.settle();
    const auto told = watchers.told();
    ASSERT_THAT(told, SizeIs(1));
    EXPECT_TRUE(told[0].record.was_dropped());
    EXPECT_TRUE(told[0].was(WatchEvent::arrived, wan_port));
    EXPECT_EQ(watchers.order.matched, 1U);
}

TEST(WatchPieces, HaveTheNumberOfTheWhole) {
    WorkerBench bench;
    bench.network = links(1500, 600);
    add_neighbours(bench.network);
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.begin();
    bench.put(wan, from_client(v4).udp(40000, 80).payload(1200).dont_fragment(false).build());
    bench.settle();
    const auto told = watchers.told();
    const auto sent = bench.sent(lan);
    ASSERT_THAT(sent, SizeIs(3));
    ASSERT_THAT(told, SizeIs(4));
    for (std::size_t i = 0; i < sent.size(); ++i) {
        EXPECT_TRUE(told[i + 1].was(WatchEvent::left, lan_port));
        EXPECT_TRUE(same_frame(told[i + 1].bytes, sent[i]));
        EXPECT_EQ(told[i + 1].record.number, told[0].record.number);
    }
}

TEST_P(WatchTest, APacketThatWaitedInVainIsToldOfAsItWaited) {
    WorkerBench bench;
    bench.network = links();
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.begin();
    bench.put(wan, syn());
    bench.settle();
    EXPECT_THAT(watchers.told(), SizeIs(1));
    bench.pass(Ticks(31));
    bench.settle();
    const auto told = watchers.told();
    ASSERT_THAT(told, SizeIs(1));
    EXPECT_EQ(told[0].record.event, WatchEvent::dropped);
    EXPECT_EQ(static_cast<DropReason>(told[0].record.reason), DropReason::neighbour_unresolved);
    EXPECT_TRUE(told[0].record.bare);
    EXPECT_EQ(told[0].bytes.size(), syn().size() - 14);
}

TEST_P(WatchTest, WhatIsToldOfIsNotMoreThanThereIsRoomFor) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench, 4);
    watchers.order.snap = 64;
    watchers.begin();
    for (int i = 0; i < 10; ++i) bench.put(wan, syn(40000 + i));
    bench.settle();
    const auto told = watchers.told();
    EXPECT_THAT(told, SizeIs(4));
    for (const Told& t : told) EXPECT_EQ(t.bytes.size(), std::min<std::size_t>(64, syn().size()));
    EXPECT_EQ(told[0].record.length, syn().size());
    EXPECT_EQ(watchers.lost(), 16U);
    EXPECT_THAT(bench.sent(lan), SizeIs(10));
}

TEST_P(WatchTest, SoManyPacketsAndWhatBecomesOfThem) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.order.packets = 3;
    watchers.begin();
    for (int i = 0; i < 10; ++i) bench.put(wan, syn(40000 + i));
    bench.settle();
    EXPECT_THAT(watchers.told(), SizeIs(6));
    EXPECT_TRUE(watchers.order.exhausted());
    EXPECT_THAT(bench.sent(lan), SizeIs(10));
}

TEST_P(WatchTest, OnePortOrOneWorker) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.order.port = lan;
    watchers.order.worker = WorkerId(0);
    watchers.begin();
    bench.put(wan, syn());
    bench.settle();
    auto told = watchers.told();
    ASSERT_THAT(told, SizeIs(1));
    EXPECT_TRUE(told[0].was(WatchEvent::left, lan_port));
    watchers.order.worker = WorkerId(1);
    bench.put(wan, syn(40001));
    bench.settle();
    EXPECT_THAT(watchers.told(), IsEmpty());
}

TEST_P(WatchTest, AMarkOfAnEarlierSessionMeansNothing) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.order.packets = 0;
    watchers.order.session = 2;
    watchers.begin();
    rte_mbuf* packet = bench.packet(syn());
    set_watch_mark(packet, 1U << 24 | 7);
    bench.put(wan, packet);
    bench.settle();
    EXPECT_THAT(watchers.told(), IsEmpty());
    EXPECT_THAT(bench.sent(lan), SizeIs(1));
}

TEST_P(WatchTest, ATagThatTheCardTookOutIsThere) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.begin();
    rte_mbuf* packet = bench.packet(syn());
    packet->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    packet->vlan_tci = 77;
    bench.put(wan, packet);
    bench.settle();
    const auto told = watchers.told();
    ASSERT_FALSE(told.empty());
    EXPECT_TRUE(same_frame(told[0].bytes, from_client(a).vlan(77).tcp(40000, 80, H::syn).build()));
    EXPECT_EQ(told[0].record.length, syn().size() + 4);
}

TEST_P(WatchTest, AnotherWorkerTellsWhatLeft) {
    WorkerBench bench({.workers = 2});
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.begin();
    for (int i = 0; i < 16; ++i) bench.put(wan, syn(40000 + i));
    bench.settle();
    const auto told = watchers.told();
    EXPECT_THAT(told, SizeIs(32));
    bool by_the_other = false;
    for (const Told& t : told) {
        const bool came = t.was(WatchEvent::arrived, wan_port);
        EXPECT_NE(came, t.was(WatchEvent::left, lan_port));
        EXPECT_TRUE(!came || t.worker == 0);
        by_the_other = by_the_other || t.worker == 1;
        EXPECT_EQ(std::ranges::count_if(
                      told, [&](const Told& o) { return o.record.number == t.record.number; }),
                  2);
    }
    EXPECT_TRUE(by_the_other);
}

/// Stages and what they said.
std::vector<std::pair<TraceStage, bool>> decisions(const TracePass& pass) {
    std::vector<std::pair<TraceStage, bool>> all;
    for (std::size_t i = 0; i < pass.count; ++i)
        all.emplace_back(pass.steps[i].stage, pass.steps[i].yes);
    return all;
}

TEST_P(WatchTest, ATraceTellsEachDecision) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.order.traces = true;
    watchers.begin();
    bench.put(wan, syn());
    bench.settle();
    auto told = watchers.told();
    ASSERT_THAT(told, SizeIs(3));
    EXPECT_TRUE(told[0].was(WatchEvent::arrived, wan_port));
    ASSERT_EQ(told[1].record.event, WatchEvent::passed);
    EXPECT_TRUE(told[2].was(WatchEvent::left, lan_port));
    const TracePass pass = told[1].pass();
    using enum TraceStage;
    EXPECT_THAT(decisions(pass), ElementsAre(std::pair(parse, true), std::pair(classify, true),
                                             std::pair(lookup, false), std::pair(admit, true),
                                             std::pair(advance, true), std::pair(forward, true)));
    const TraceStep& last = pass.steps[5];
    EXPECT_EQ(to_string(last.conn.server), a.endpoint(a.server, 8080));
    EXPECT_TRUE(last.conn.next_hop_known);
    EXPECT_EQ(last.conn.next_hop.port, lan);
    EXPECT_NE(pass.steps[4].state_before, pass.steps[4].conn.state);

    bench.put(lan, from_server(a).tcp(8080, 40000, H::syn | H::ack).build());
    bench.settle();
    told = watchers.told();
    ASSERT_THAT(told, SizeIs(3));
    EXPECT_THAT(
        decisions(told[1].pass()),
        ElementsAre(std::pair(parse, true), std::pair(classify, true), std::pair(lookup, true),
                    std::pair(advance, true), std::pair(forward, true)));
    EXPECT_EQ(told[1].pass().steps[2].conn.direction, Direction::from_server);
}

TEST_P(WatchTest, ATraceGoesOnAtTheOwner) {
    WorkerBench bench({.workers = 2});
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.order.traces = true;
    watchers.begin();
    for (int i = 0; i < 16; ++i) bench.put(wan, syn(40000 + i));
    bench.settle();
    const auto told = watchers.told();
    const auto handed =
        std::ranges::find(told, WatchEvent::handed, [](const Told& t) { return t.record.event; });
    ASSERT_NE(handed, told.end());
    EXPECT_EQ(handed->record.to, WorkerId(1));
    std::vector<Told> of_it;
    for (const Told& t : told)
        if (t.record.number == handed->record.number) of_it.push_back(t);
    ASSERT_THAT(of_it, SizeIs(5));  // arrived, passed, handed, passed, left
    EXPECT_FALSE(of_it[1].pass().taken_over);
    EXPECT_TRUE(of_it[3].pass().taken_over);
    EXPECT_EQ(of_it[3].worker, 1);
    EXPECT_EQ(of_it[4].record.event, WatchEvent::left);
}

TEST_P(WatchTest, ATraceTellsOfADropAtItsTime) {
    WorkerBench bench;
    bench.add_usual_services();
    Watchers watchers(bench);
    watchers.order.traces = true;
    watchers.begin();
    bench.put(wan, from_client(a).ttl(1).tcp(40000, 80, H::syn).build());
    bench.settle();
    const auto told = watchers.told();
    ASSERT_THAT(told, SizeIs(4));  // arrived, passed, dropped, left: the answer
    EXPECT_TRUE(told[1].pass().dropped);
    EXPECT_TRUE(told[1].pass().generated);
    EXPECT_EQ(told[2].record.event, WatchEvent::dropped);
    EXPECT_EQ(static_cast<DropReason>(told[2].record.reason), DropReason::ttl_expired);
    EXPECT_TRUE(told[3].was(WatchEvent::left, wan_port));
}

/// How a run is watched.
enum class Manner : std::uint8_t { capture, some, drops, trace };

class Unchanged : public ::testing::TestWithParam<std::tuple<std::uint16_t, Manner>> {};
INSTANTIATE_TEST_SUITE_P(Watched, Unchanged,
                         ::testing::Combine(::testing::Values(1, 4),
                                            ::testing::Values(Manner::capture, Manner::some,
                                                              Manner::drops, Manner::trace)));

TEST_P(Unchanged, TheSamePacketsLeaveAndTheSameIsCounted) {
    const auto [workers, manner] = GetParam();
    for (unsigned seed = 1; seed <= 3; ++seed) {
        const Outcome unseen = Balancing({.workers = workers})(seed);
        Balancing balancing({.workers = workers});
        Watchers watchers(balancing.bench());
        watchers.order.packets = 1'000'000;
        watchers.order.snap = 128;
        watchers.order.dropped_only = manner == Manner::drops;
        watchers.order.traces = manner == Manner::trace;
        if (manner == Manner::some) watchers.order.filter.protocol = Protocol::tcp;
        watchers.begin();
        std::size_t told = 0;
        balancing.after_burst = [&] { told += watchers.told().size(); };
        const Outcome seen = balancing(seed);
        EXPECT_GT(told, 100U);
        EXPECT_EQ(seen.counts, unseen.counts) << "seed " << seed;
        ASSERT_EQ(seen.frames.size(), unseen.frames.size());
        for (const auto& [device, frames] : unseen.frames) {
            ASSERT_EQ(seen.frames.at(device).size(), frames.size()) << device;
            for (std::size_t i = 0; i < frames.size(); ++i)
                ASSERT_TRUE(same_frame(seen.frames.at(device)[i], frames[i])) << device;
        }
    }
}

}  // namespace
}  // namespace shunt
