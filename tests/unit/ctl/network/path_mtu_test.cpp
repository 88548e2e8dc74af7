// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/network/path_mtu.h"

#include <gtest/gtest.h>

#include <array>

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

PathMtuReport report(std::string_view address, std::uint16_t mtu) {
    return {.destination = parse_address(address).value(), .mtu = mtu};
}

class PathMtuTest : public testing::Test {
  protected:
    void learn(std::string_view address, std::uint16_t mtu) {
        learner_.learn(std::array{report(address, mtu)}, now_);
    }
    [[nodiscard]] std::uint32_t generation() const { return publisher_.current().generation; }
    /// 0: none is known.
    [[nodiscard]] std::uint16_t known(std::string_view address) const {
        const auto& mtus = publisher_.current().path_mtus;
        if (mtus == nullptr) return 0;
        const auto at = mtus->find(parse_address(address).value());
        return at == mtus->end() ? std::uint16_t{0} : at->second;
    }

    SharedState shared_;
    Publisher publisher_{shared_};
    PathMtuLearner learner_{publisher_};
    PathMtuLearner::Clock::time_point now_{};
};

TEST_F(PathMtuTest, ReportsArePublishedTogether) {
    EXPECT_EQ(publisher_.current().path_mtus, nullptr);
    const auto before = generation();
    learner_.learn(
        std::array{report("10.1.0.1", 1400), report("2001:db8::1", 1280), report("10.1.0.1", 1300)},
        now_);
    EXPECT_EQ(generation(), before + 1);
    EXPECT_EQ(known("10.1.0.1"), 1300);
    EXPECT_EQ(known("2001:db8::1"), 1280);
    EXPECT_EQ(known("10.1.0.2"), 0);
    learner_.learn({}, now_);
    EXPECT_EQ(generation(), before + 1);
}

TEST_F(PathMtuTest, TheSmallestCounts) {
    learn("10.1.0.1", 1400);
    const auto before = generation();
    learn("10.1.0.1", 1450);
    learn("10.1.0.1", 1400);
    EXPECT_EQ(generation(), before) << "nothing that workers do not know";
    EXPECT_EQ(known("10.1.0.1"), 1400);
    learn("10.1.0.1", 1399);
    EXPECT_EQ(known("10.1.0.1"), 1399);
}

TEST_F(PathMtuTest, EachCountsForTenMinutes) {
    learn("10.1.0.1", 1400);
    now_ += 100s;
    learn("10.1.0.2", 1400);
    auto before = generation();
    now_ += 499s;
    learner_.forget(now_);
    EXPECT_EQ(generation(), before);
    now_ += 1s;
    learner_.forget(now_);
    EXPECT_EQ(generation(), before + 1);
    EXPECT_EQ(known("10.1.0.1"), 0);
    EXPECT_EQ(known("10.1.0.2"), 1400);
    now_ += 100s;
    learner_.forget(now_);
    EXPECT_EQ(publisher_.current().path_mtus, nullptr);
    before = generation();
    learner_.forget(now_ + 1h);
    EXPECT_EQ(generation(), before);
}

TEST_F(PathMtuTest, TheSameReportRenewsAndALargerOneDoesNot) {
    learn("10.1.0.1", 1400);
    learn("10.1.0.2", 1400);
    now_ += 300s;
    learn("10.1.0.1", 1400);
    learn("10.1.0.2", 1450);
    now_ += 300s;
    learner_.forget(now_);
    EXPECT_EQ(known("10.1.0.1"), 1400);
    EXPECT_EQ(known("10.1.0.2"), 0);
    learn("10.1.0.2", 1450);
    EXPECT_EQ(known("10.1.0.2"), 1450) << "the smaller one is forgotten";
}

TEST_F(PathMtuTest, WhatNoPathCanBeIsIgnored) {
    learn("10.1.0.1", 67);
    learn("10.1.0.2", 0);
    learn("2001:db8::1", 1279);
    EXPECT_EQ(publisher_.current().path_mtus, nullptr);
    learn("10.1.0.1", 68);
    learn("2001:db8::1", 1280);
    EXPECT_EQ(known("10.1.0.1"), 68);
    EXPECT_EQ(known("2001:db8::1"), 1280);
}

TEST_F(PathMtuTest, NoMoreAddressesThanThereIsRoomFor) {
    std::vector<PathMtuReport> reports;
    for (std::uint32_t i = 0; i <= PathMtuLearner::most; ++i)
        reports.push_back({Ipv4Address{Be32(0x0A00'0000 + i)}, 1400});
    learner_.learn(reports, now_);
    EXPECT_EQ(publisher_.current().path_mtus->size(), PathMtuLearner::most);
    EXPECT_EQ(known("10.1.0.0"), 0) << "the 65,537th";
    learn("10.0.0.0", 1300);
    EXPECT_EQ(known("10.0.0.0"), 1300) << "known ones go on";
    now_ += 600s;
    learner_.forget(now_);
    learn("10.1.0.0", 1400);
    EXPECT_EQ(known("10.1.0.0"), 1400);
}

}  // namespace
}  // namespace shunt::ctl
