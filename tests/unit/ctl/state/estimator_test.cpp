// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/estimator.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace shunt::ctl {
namespace {

Traffic packets(std::uint64_t n) {
    return {.packets_in = n};
}
Traffic bytes(std::uint64_t n) {
    return {.bytes_in = n};
}

/// Rates after each sample of a counter that shows these values.
template <class Make, class Field>
std::vector<std::uint64_t> rates(Make make, Field field, std::vector<std::uint64_t> shown) {
    RateEstimator estimator;
    std::vector<std::uint64_t> out;
    for (const auto n : shown) {
        estimator.sample(make(n));
        out.push_back(estimator.per_second().*field);
    }
    return out;
}

using Rates = std::vector<std::uint64_t>;

TEST(RateEstimator, ApproachesASteadyRateByAQuarterEachPeriod) {
    // 2000 packets a period: 1000 a second. Exact averages: 250, 437.5, 578.125, 683.59, 762.69.
    EXPECT_EQ(rates(packets, &Traffic::packets_in, {2000, 4000, 6000, 8000, 10000}),
              (Rates{250, 437, 578, 684, 763}));
    EXPECT_EQ(rates(bytes, &Traffic::bytes_in, {2000, 4000, 6000, 8000, 10000}),
              (Rates{250, 437, 578, 684, 763}));
}

TEST(RateEstimator, DecaysWhenTrafficStops) {
    // 4096 packets: average 2048 * 1024 / 4 = 524288, then * 3/4 each: 512, 384, 288, 216, 162.
    EXPECT_EQ(rates(packets, &Traffic::packets_in, {4096, 4096, 4096, 4096, 4096}),
              (Rates{512, 384, 288, 216, 162}));
}

TEST(RateEstimator, RoundsJustBelowAHalfDown) {
    // 1 packet: 512 >> 2 = 128, shown as (128 + 511) >> 10 = 0. 4 packets: 512, (512+511)>>10 = 0.
    EXPECT_EQ(rates(packets, &Traffic::packets_in, {1}), (Rates{0}));
    EXPECT_EQ(rates(packets, &Traffic::packets_in, {4}), (Rates{0}));
    EXPECT_EQ(rates(packets, &Traffic::packets_in, {5}), (Rates{1}));
    // 4 bytes: 64 >> 2 = 16, (16 + 15) >> 5 = 0; 5 bytes: 20, 35 >> 5 = 1.
    EXPECT_EQ(rates(bytes, &Traffic::bytes_in, {4}), (Rates{0}));
    EXPECT_EQ(rates(bytes, &Traffic::bytes_in, {5}), (Rates{1}));
}

TEST(RateEstimator, FallingAverageIsShiftedDownward) {
    // 10 bytes: average 40, then 30, -30 >> 2 = -8: 22, -22 >> 2 = -6: 16. Cut toward zero instead
    // it would be 40, 30, 23, 18, and 18 is shown as 1.
    EXPECT_EQ(rates(bytes, &Traffic::bytes_in, {10, 10, 10, 10}), (Rates{1, 1, 1, 0}));
    RateEstimator estimator;
    estimator.sample(bytes(6'400'000));
    for (int i = 0; i < 100; ++i) estimator.sample(bytes(6'400'000));
    EXPECT_EQ(estimator.per_second(), Traffic{}) << "the average reaches zero, not one";
}

/// The formula as it stands in ipvs-behaviour 8, for one counter.
class Reference {
  public:
    Reference(unsigned sample_shift, std::int64_t round, unsigned scale)
        : sample_shift_(sample_shift), round_(round), scale_(scale) {}
    void sample(std::uint64_t increase) {
        const auto now = static_cast<std::int64_t>(increase << sample_shift_);
        average_ += (now - average_) >> 2;
    }
    [[nodiscard]] std::uint64_t per_second() const {
        return static_cast<std::uint64_t>((average_ + round_) >> scale_);
    }

  private:
    unsigned sample_shift_;
    std::int64_t round_;
    unsigned scale_;
    std::int64_t average_ = 0;
};

TEST(RateEstimator, IsTheFormulaOfTheReferenceForAnyTraffic) {
    const auto count_reference = [] { return Reference(9, 511, 10); };
    const auto byte_reference = [] { return Reference(4, 15, 5); };
    std::mt19937_64 random(7);
    for (int life = 0; life < 200; ++life) {
        RateEstimator estimator;
        Reference connections = count_reference();
        Reference packets_out = count_reference();
        Reference bytes_out = byte_reference();
        Traffic shown;
        for (int period = 0; period < 100; ++period) {
            // From none to 2^40 in a period, and often none at all.
            const auto draw = [&random] {
                return random() % 3 == 0 ? 0 : random() >> (24 + random() % 40);
            };
            const Traffic more{.connections = draw(), .packets_out = draw(), .bytes_out = draw()};
            shown += more;
            estimator.sample(shown);
            connections.sample(more.connections);
            packets_out.sample(more.packets_out);
            bytes_out.sample(more.bytes_out);
            ASSERT_EQ(estimator.per_second(), (Traffic{.connections = connections.per_second(),
                                                       .packets_out = packets_out.per_second(),
                                                       .bytes_out = bytes_out.per_second()}))
                << "life " << life << ", period " << period;
        }
    }
}

TEST(RateEstimator, EachFieldIsOnItsOwn) {
    RateEstimator estimator;
    estimator.sample({.connections = 800,
                      .packets_in = 1600,
                      .packets_out = 2400,
                      .bytes_in = 3200,
                      .bytes_out = 4000});
    EXPECT_EQ(estimator.per_second(), (Traffic{.connections = 100,
                                               .packets_in = 200,
                                               .packets_out = 300,
                                               .bytes_in = 400,
                                               .bytes_out = 500}));
}

TEST(RateEstimator, StartsFromWhatIsCountedAlready) {
    RateEstimator estimator(packets(1'000'000));
    estimator.sample(packets(1'000'000));
    EXPECT_EQ(estimator.per_second(), Traffic{});
    estimator.sample(packets(1'000'800));
    EXPECT_EQ(estimator.per_second(), packets(100));
}

TEST(RateEstimator, ClearForgetsTheRateButNotTheCount) {
    RateEstimator estimator;
    estimator.sample(packets(8000));
    estimator.clear();
    EXPECT_EQ(estimator.per_second(), Traffic{});
    estimator.sample(packets(8800));
    EXPECT_EQ(estimator.per_second(), packets(100));
}

TEST(RateEstimator, HoldsTheRatesOfAFastNetwork) {
    // 400 Gbit/s and 600 million packets a second, for long enough to settle.
    RateEstimator estimator;
    Traffic shown;
    for (int i = 0; i < 100; ++i) {
        shown += {.packets_in = 1'200'000'000, .bytes_in = 100'000'000'000};
        estimator.sample(shown);
    }
    EXPECT_EQ(estimator.per_second().packets_in, 600'000'000U);
    EXPECT_EQ(estimator.per_second().bytes_in, 50'000'000'000U);
}

TEST(Traffic, AddsAndSubtractsFieldByField) {
    const Traffic a{1, 2, 3, 4, 5};
    const Traffic b{10, 20, 30, 40, 50};
    EXPECT_EQ(a + b, (Traffic{11, 22, 33, 44, 55}));
    EXPECT_EQ((a + b) - a, b);
}

}  // namespace
}  // namespace shunt::ctl
