// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/mark_registry.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "ctl/rpc/rpc_error.h"

namespace shunt::ctl {
namespace {

MarkConfig rule(std::uint32_t mark, std::string port = {}) {
    MarkConfig config;
    config.rule.mark = Mark(mark);
    config.port = std::move(port);
    return config;
}

class MarkRegistryTest : public testing::Test {
  protected:
    [[nodiscard]] const Snapshot& current() const { return publisher_.current(); }
    void expect_refused(const std::vector<MarkConfig>& rules, int number, std::string_view path,
                        std::string_view sentence) {
        const auto before = current().generation;
        const auto known = registry_.rules();
        try {
            registry_.set(rules);
            ADD_FAILURE() << "not refused";
        } catch (const RpcError& e) {
            EXPECT_EQ(e.code(), RpcCode::refused);
            EXPECT_EQ(e.error_number(), number);
            EXPECT_EQ(e.path(), path);
            EXPECT_EQ(e.what(), sentence);
        }
        EXPECT_EQ(current().generation, before);
        EXPECT_EQ(registry_.rules(), known);
    }

    SharedState shared_;
    Publisher publisher_{shared_};
    bool memory_ = true;
    MarkRegistry registry_{publisher_, {"wan0", "lan0"}, [this](std::span<const MarkRule> rules) {
                               return memory_ ? MarkRules::build(rules) : nullptr;
                           }};
};

TEST_F(MarkRegistryTest, RulesOfTheOperatorMarkPackets) {
    EXPECT_EQ(current().marks, nullptr);
    const auto before = current().generation;
    registry_.set({rule(7, "lan0"), rule(8)});
    EXPECT_EQ(current().generation, before + 1);
    ASSERT_NE(current().marks, nullptr);
    const FlowTuple<Ipv4> tuple{};
    EXPECT_EQ(current().marks->classify<Ipv4>(PortId(1), tuple), Mark(7));
    EXPECT_EQ(current().marks->classify<Ipv4>(PortId(0), tuple), Mark(8));
    EXPECT_EQ(registry_.rules(), (std::vector{rule(7, "lan0"), rule(8)}));
    registry_.set({rule(9)});
    EXPECT_EQ(current().marks->classify<Ipv4>(PortId(1), tuple), Mark(9));
    EXPECT_EQ(registry_.rules(), std::vector{rule(9)});
}

TEST_F(MarkRegistryTest, NoRulesAreNone) {
    registry_.set({rule(7)});
    registry_.set({});
    EXPECT_EQ(current().marks, nullptr);
    EXPECT_TRUE(registry_.rules().empty());
}

TEST_F(MarkRegistryTest, AWrongRuleChangesNothing) {
    registry_.set({rule(7)});
    expect_refused({rule(1), rule(2, "eth9")}, EINVAL, "rules[1].port",
                   "\"eth9\" is not the name of a port");
    auto ports = rule(1);
    ports.rule.destination_ports = {L4Port(std::uint16_t{80}), L4Port(std::uint16_t{80})};
    expect_refused({rule(1), rule(2), ports}, EINVAL, "rules[2]",
                   "rules[2] has ports without tcp, udp or sctp");
    expect_refused(std::vector(65536, rule(1)), EINVAL, "rules",
                   "there may be 65535 rules, not 65536");
    memory_ = false;
    expect_refused({rule(1)}, ENOMEM, "rules",
                   "no memory for 1 rules (configuration: memory.size_mb)");
}

}  // namespace
}  // namespace shunt::ctl
