// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/housekeeping.h"

#include <gtest/gtest.h>
#include <rte_cycles.h>

#include "support/control.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

TEST(Housekeeping, MeasuresTheWorkersOnceASecond) {
    test::Control control;
    const Housekeeping housekeeping(control.io, control.publisher, control.registry, control.busy,
                                    control.shared);
    // The meter of Control began at 0.
    control.counters[1].busy_cycles.add(rte_rdtsc());
    control.io.run_for(500ms);
    EXPECT_EQ(control.busy.share(WorkerId(1)), 0);
    control.io.run_for(700ms);
    EXPECT_GT(control.busy.share(WorkerId(1)), 0.5);
    EXPECT_EQ(control.busy.share(WorkerId(0)), 0);
}

}  // namespace
}  // namespace shunt::ctl
