// SPDX-License-Identifier: BSD-3-Clause
// The pipeline as a whole: whatever the number of workers and queues, the same packets leave by the
// same devices, and the same is counted.
#include <gtest/gtest.h>

#include "support/random_traffic.h"

namespace shunt {
namespace {

using namespace test;

class Pipeline : public ::testing::TestWithParam<BenchOptions> {};
INSTANTIATE_TEST_SUITE_P(
    Shapes, Pipeline,
    ::testing::Values(BenchOptions{.workers = 2}, BenchOptions{.workers = 4},
                      BenchOptions{.workers = 4, .transmit_queues = 1},
                      BenchOptions{.workers = 4, .receive_queues = 4},
                      BenchOptions{.workers = 3, .receive_queues = 2, .transmit_queues = 2}),
    [](const auto& info) {
        return std::to_string(info.param.workers) + "Workers" +
               std::to_string(info.param.receive_queues) + "Receive" +
               std::to_string(info.param.transmit_queues) + "TransmitQueues";
    });

TEST_P(Pipeline, SeveralWorkersDoWhatOneDoes) {
    for (unsigned seed = 1; seed <= 4; ++seed) {
        const Outcome one = Balancing({.workers = 1})(seed);
        const Outcome several = Balancing(GetParam())(seed);
        for (const auto& [what, number] : one.counts)
            EXPECT_EQ(several.counts.at(what), number) << what << ", seed " << seed;
        for (const auto& [device, frames] : one.frames) {
            ASSERT_EQ(several.frames.at(device).size(), frames.size())
                << device << ", seed " << seed;
            for (std::size_t i = 0; i < frames.size(); ++i)
                ASSERT_TRUE(same_frame(several.frames.at(device)[i], frames[i]))
                    << device << ", seed " << seed;
        }
    }
}

TEST(PipelineTraffic, ReachesWhatTheComparisonIsAbout) {
    const Outcome one = Balancing({.workers = 1})(1);
    for (const char* what : {"ttl_expired", "held", "too_big", "destination_removed",
                             "no_destination", "generated", "forwarded", "to_host", "connections"})
        EXPECT_GT(one.counts.at(what), 0U) << what;
    for (const auto& [device, frames] : one.frames) EXPECT_GT(frames.size(), 20U) << device;
}

}  // namespace
}  // namespace shunt
