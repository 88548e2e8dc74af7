// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/slow_start.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "support/control.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;
using Clock = Ramp::Clock;

constexpr Clock::time_point start{1000s};

TEST(Ramp, TakesTwentyEqualSteps) {
    Ramp ramp;
    EXPECT_EQ(ramp.percent(), 5U);
    EXPECT_FALSE(ramp.move_on(start, 40s)) << "it begins with the first call";
    unsigned changes = 0;
    for (auto passed = 0ms; passed <= 40s; passed += 100ms) {
        changes += ramp.move_on(start + passed, 40s) ? 1U : 0U;
        EXPECT_EQ(ramp.share(), std::max<std::int64_t>(1, passed / 2s)) << passed.count();
        EXPECT_EQ(ramp.at_end(), passed == 40s);
    }
    EXPECT_EQ(changes, 19U);
    EXPECT_FALSE(ramp.move_on(start + 48h, 40s)) << "not beyond its end";
    EXPECT_EQ(ramp.percent(), 100U);
}

TEST(Ramp, ShorterThanAStepASecondEndsInTime) {
    Ramp ramp;
    ramp.move_on(start, 3s);
    EXPECT_TRUE(ramp.move_on(start + 1s, 3s));
    EXPECT_EQ(ramp.percent(), 30U);
    EXPECT_TRUE(ramp.move_on(start + 3s, 3s));
    EXPECT_TRUE(ramp.at_end());
}

TEST(RampedWeights, KeepTheRatioOfSmallWeights) {
    const RampedWeights weights(3);
    EXPECT_EQ(weights.of(3, Ramp::parts), 60U);
    EXPECT_EQ(weights.of(1, Ramp::parts), 20U);
    EXPECT_EQ(weights.of(1, 1), 1U);
    EXPECT_EQ(weights.of(3, 7), 21U);
    EXPECT_EQ(weights.of(0, 7), 0U) << "quiesced stays quiesced";
}

TEST(RampedWeights, LargeOnesDoNotOverflow) {
    for (const std::uint32_t heaviest : {0x7FFFFFFFU, 0x40000000U, 0x06666667U, 0x06666666U}) {
        const RampedWeights weights(heaviest);
        EXPECT_LE(weights.of(heaviest, Ramp::parts), 0x7FFFFFFFU) << heaviest;
        EXPECT_GE(weights.of(heaviest, Ramp::parts), heaviest) << heaviest;
        EXPECT_NEAR(weights.of(heaviest, 5), weights.of(heaviest, Ramp::parts) / 4, 1) << heaviest;
        EXPECT_EQ(weights.of(1, 1), 1U) << "never 0";
    }
}

/// A service whose servers a test loads with connections.
class SlowStartTest : public testing::Test {
  protected:
    static constexpr auto ramp = 40s;

    void make(const char* scheduler, std::chrono::seconds slow_start) {
        ServiceSettings settings{.scheduler = scheduler};
        settings.slow_start = slow_start;
        control.registry.add_service(web, settings);
    }
    static ServerConfig server(unsigned number, std::uint32_t weight = 1) {
        return {.address = {Ipv4Address{Be32(0x0A010000U + number)}, L4Port(std::uint16_t{80})},
                .weight = weight};
    }
    void add(unsigned number, std::uint32_t weight = 1) {
        control.registry.add_server(web, server(number, weight));
    }
    /// Servers 1 to `count` in a service that runs for long.
    void add_warm(unsigned count) {
        for (unsigned i = 1; i <= count; ++i) add(i);
        control.registry.ramp(start - 2 * ramp);
        control.registry.ramp(start - ramp);
    }
    void pass(std::chrono::seconds passed) { control.registry.ramp(start + passed); }
    [[nodiscard]] const VirtualService& published() const {
        return *control.publisher.current().services->services()[0];
    }
    [[nodiscard]] std::uint32_t generation() const {
        return control.publisher.current().generation;
    }
    /// The weights that workers see, newest server first.
    [[nodiscard]] std::vector<std::uint32_t> weights() const {
        std::vector<std::uint32_t> all;
        for (const auto& s : published().servers) all.push_back(s.weight);
        return all;
    }
    using Weights = std::vector<std::uint32_t>;

    const ServiceKey web{
        .protocol = Protocol::tcp, .endpoint = parse_endpoint("192.0.2.10:80").value(), .mark = {}};
    test::Control control;
};

TEST_F(SlowStartTest, ANewServersWeightGrowsWhileTheOthersKeepTheirRatio) {
    make("wlc", ramp);
    add_warm(2);
    EXPECT_EQ(weights(), (Weights{1, 1}));
    add(3, 3);
    EXPECT_EQ(weights(), (Weights{3, 20, 20}));
    pass(0s);
    pass(20s);
    EXPECT_EQ(weights(), (Weights{30, 20, 20}));
    EXPECT_EQ(control.registry.view(web).servers[0].ramping, 50U);
    EXPECT_EQ(control.registry.view(web).servers[0].server.weight, 3U) << "what is configured";
    EXPECT_EQ(control.registry.view(web).servers[1].ramping, std::nullopt);
    pass(40s);
    EXPECT_EQ(weights(), (Weights{3, 1, 1}));
    EXPECT_EQ(control.registry.view(web).servers[0].ramping, std::nullopt);
}

TEST_F(SlowStartTest, OnlyStepsArePublished) {
    make("wlc", ramp);
    add_warm(2);
    add(3);
    pass(0s);
    const auto before = generation();
    for (auto passed = 1s; passed <= 100s; ++passed) pass(passed);
    EXPECT_EQ(generation() - before, 19U);
}

TEST_F(SlowStartTest, SoItIsWhenAWeightWasZero) {
    make("wlc", ramp);
    add_warm(2);
    control.registry.edit_server(web, server(1, 0));
    EXPECT_EQ(weights(), (Weights{1, 0})) << "no connections any more, at once";
    control.registry.edit_server(web, server(1, 2));
    EXPECT_EQ(weights(), (Weights{20, 2}));
    pass(0s);
    pass(10s);
    control.registry.edit_server(web, server(1, 4));
    EXPECT_EQ(weights(), (Weights{20, 20})) << "another weight does not begin again";
    const auto id = published().servers[1].id;
    EXPECT_EQ(control.publisher.current().services->slot(id).weight, 4U) << "of the slot: whole";
    control.registry.edit_server(web, server(1, 0));
    EXPECT_EQ(weights(), (Weights{1, 0}));
    EXPECT_EQ(control.publisher.current().services->slot(id).weight, 0U);
    EXPECT_EQ(published().servers[1].last_weight, 4U);
}

TEST_F(SlowStartTest, AServerThatComesBackBeginsAgain) {
    make("wlc", ramp);
    add_warm(2);
    add(3);
    pass(0s);
    pass(30s);
    EXPECT_EQ(weights(), (Weights{15, 20, 20}));
    control.registry.delete_server(web, server(3).address);
    EXPECT_EQ(weights(), (Weights{1, 1}));
    add(3);
    EXPECT_EQ(weights(), (Weights{1, 20, 20}));
}

TEST_F(SlowStartTest, TheOptionEndsItToo) {
    make("wlc", ramp);
    add_warm(1);
    add(2);
    control.registry.edit_service(web, {.scheduler = "wlc"});
    EXPECT_EQ(weights(), (Weights{1, 1}));
    add(3);
    EXPECT_EQ(weights(), (Weights{1, 1, 1})) << "without it nothing ramps";
}

TEST_F(SlowStartTest, ServersOfTheConfigurationFileHaveTheirWeightsAtOnce) {
    ServiceConfig config{.key = web, .settings = {}, .servers = {server(1), server(2, 3)}};
    config.settings.slow_start = ramp;
    control.registry.load({&config, 1});
    EXPECT_EQ(weights(), (Weights{3, 1}));
}

/// Steady load: as many connections as there are live on; which one ends is chance.
class Load {
  public:
    explicit Load(test::Control& control) : control_(control) {}

    /// The server of a new connection, after the end of another one when there are so many.
    DestId connect(std::size_t most) {
        const auto& snapshot = control_.publisher.current();
        const auto& service = *snapshot.services->services()[0];
        if (live_.size() >= most) {
            std::swap(live_[random_() % live_.size()], live_.back());
            end();
        }
        const Loads loads(control_.shared.dest_counters, &control_.shared.overload);
        const DestId id = service.servers[service.choose(loads, {}, {}, {}).value()].id;
        begin(id);
        return id;
    }
    void clear() {
        while (!live_.empty()) end();
    }
    [[nodiscard]] double on(DestId id) const { return control_.dests[0][id.value()].total.value(); }

  private:
    void begin(DestId id) {
        live_.push_back(id);
        of(id).total.add(1);
        of(id).active.add(1);
    }
    void end() {
        of(live_.back()).total.sub(1);
        of(live_.back()).active.sub(1);
        live_.pop_back();
    }
    DestCounters& of(DestId id) { return control_.dests[0][id.value()]; }

    test::Control& control_;
    std::vector<DestId> live_;
    std::mt19937 random_{7};
};

TEST_F(SlowStartTest, WithoutItWlcSendsANewServerAllNewConnections) {
    make("wlc", 0s);
    add_warm(10);
    Load load(control);
    for (int i = 0; i < 20'000; ++i) load.connect(10'000);
    add(11);
    const DestId fresh = published().servers[0].id;
    int taken = 0;
    for (int i = 0; i < 800; ++i) taken += load.connect(10'000) == fresh ? 1 : 0;
    EXPECT_GE(taken, 720);
}

TEST_F(SlowStartTest, WithItTheShareFollowsTheTime) {
    constexpr int a_second = 400;
    for (const char* const scheduler : {"wlc", "sed", "twos", "nq"}) {
        if (control.registry.services() != 0) control.registry.delete_service(web);
        make(scheduler, ramp);
        add_warm(10);
        Load load(control);
        for (int i = 0; i < 20'000; ++i) load.connect(10'000);
        add(11);
        const DestId fresh = published().servers[0].id;
        constexpr double fair = 10'000.0 / 11;
        for (auto passed = 0s; passed < ramp; ++passed) {
            pass(passed);
            for (int i = 0; i < a_second; ++i) load.connect(10'000);
            const double way = static_cast<double>(passed.count()) / ramp.count();
            EXPECT_LE(load.on(fresh), (way + 0.05) * fair + 20) << scheduler << passed.count();
        }
        EXPECT_GE(load.on(fresh), 0.85 * fair) << scheduler;
        pass(ramp);
        for (int i = 0; i < 40'000; ++i) load.connect(10'000);
        EXPECT_NEAR(load.on(fresh), fair, 0.05 * fair) << scheduler;
        load.clear();
    }
}

TEST_F(SlowStartTest, WrrGivesTheShareInTurns) {
    make("wrr", ramp);
    add_warm(10);
    Load load(control);
    for (int i = 0; i < 1000; ++i) load.connect(500);
    add(11);
    const DestId fresh = published().servers[0].id;
    pass(0s);
    pass(10s);  // a quarter
    std::array<int, 12> taken{};
    for (int i = 0; i < 205 * 10; ++i) {
        pass(10s);
        ++taken.at(load.connect(500).value());
    }
    EXPECT_EQ(taken.at(fresh.value()), 50) << "5 of 205 in each round";
    pass(40s);
    taken = {};
    for (int i = 0; i < 1100; ++i) ++taken.at(load.connect(500).value());
    EXPECT_EQ(taken.at(fresh.value()), 100);
}

}  // namespace
}  // namespace shunt::ctl
