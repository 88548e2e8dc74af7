// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/busy_meter.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>

namespace shunt::ctl {
namespace {

class BusyMeterTest : public ::testing::Test {
  protected:
    BusyMeterTest() {
        counters[0].busy_cycles.add(1'000'000);  // before the meter was there
        meter.emplace(std::vector<const WorkerCounters*>{&counters[0], &counters[1]}, 5000);
    }
    std::array<WorkerCounters, 2> counters;
    std::optional<BusyMeter> meter;
};

TEST_F(BusyMeterTest, KnowsNothingBeforeTheFirstSample) {
    EXPECT_EQ(meter->share(WorkerId(0)), 0);
    EXPECT_EQ(meter->share(WorkerId(1)), 0);
}

TEST_F(BusyMeterTest, SharesAreOfTheLastPeriodAndOfEachWorker) {
    counters[0].busy_cycles.add(250);
    meter->sample(6000);
    EXPECT_DOUBLE_EQ(meter->share(WorkerId(0)), 0.25);
    EXPECT_DOUBLE_EQ(meter->share(WorkerId(1)), 0);
    counters[1].busy_cycles.add(2000);
    meter->sample(8000);
    EXPECT_DOUBLE_EQ(meter->share(WorkerId(0)), 0);
    EXPECT_DOUBLE_EQ(meter->share(WorkerId(1)), 1);
}

TEST_F(BusyMeterTest, MoreThanAllIsAll) {
    // An iteration that began in the period before.
    counters[0].busy_cycles.add(5000);
    meter->sample(6000);
    EXPECT_DOUBLE_EQ(meter->share(WorkerId(0)), 1);
}

TEST_F(BusyMeterTest, WithoutTimeThereIsNoNewShare) {
    counters[0].busy_cycles.add(500);
    meter->sample(6000);
    counters[0].busy_cycles.add(100);
    meter->sample(6000);
    EXPECT_DOUBLE_EQ(meter->share(WorkerId(0)), 0.5);
    meter->sample(7000);
    EXPECT_DOUBLE_EQ(meter->share(WorkerId(0)), 0.1);
}

}  // namespace
}  // namespace shunt::ctl
