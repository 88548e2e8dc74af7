// SPDX-License-Identifier: BSD-3-Clause
// ServiceRegistry: checks, what the operator forces, and the weights that follow.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "support/control.h"

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

class ServiceHealthTest : public testing::Test {
  protected:
    using Weights = std::vector<std::uint32_t>;

    static Endpoint address(unsigned number) {
        return {Ipv4Address{Be32(0x0A010000U + number)}, L4Port(std::uint16_t{80})};
    }
    static ServiceSettings checked(AllDown all_down = AllDown::refuse,
                                   Health initially = Health::up) {
        ServiceSettings settings;
        settings.scheduler = "wlc";
        settings.check.emplace();
        settings.check->all_down = all_down;
        settings.check->initially = initially;
        return settings;
    }
    void make(const ServiceSettings& settings, unsigned servers = 3) {
        control.registry.add_service(web, settings);
        for (unsigned i = 1; i <= servers; ++i) add(i);
    }
    void add(unsigned number) {
        control.registry.add_server(web, {.address = address(number), .weight = number});
    }
    void set(unsigned number, Health health) {
        const HealthChange change{web, address(number), health};
        control.registry.set_health({&change, 1});
    }
    void force(unsigned number, Forced forced) {
        control.registry.force_health(web, address(number), forced);
    }
    [[nodiscard]] const VirtualService& published() const {
        return *control.publisher.current().services->services()[0];
    }
    /// As schedulers see them, oldest server first.
    [[nodiscard]] Weights weights() const {
        Weights all;
        for (const auto& s : published().servers) all.insert(all.begin(), s.weight);
        return all;
    }
    [[nodiscard]] Weights slot_weights() const {
        Weights all;
        for (const auto& s : published().servers)
            all.insert(all.begin(), control.publisher.current().services->slot(s.id).weight);
        return all;
    }
    [[nodiscard]] Weights configured() const {
        Weights all;
        const auto service = control.registry.configuration(web);
        for (const auto& s : service->servers) all.push_back(s.weight);
        return all;
    }
    [[nodiscard]] ServerView view(unsigned number) const {
        const auto all = control.registry.view(web).servers;
        return all.at(all.size() - number);
    }
    [[nodiscard]] std::uint32_t generation() const {
        return control.publisher.current().generation;
    }

    const ServiceKey web{
        .protocol = Protocol::tcp, .endpoint = parse_endpoint("192.0.2.10:80").value(), .mark = {}};
    test::Control control;
};

TEST_F(ServiceHealthTest, AServerThatFallsHasNoWeightAndKeepsWhatIsConfigured) {
    make(checked());
    EXPECT_EQ(weights(), (Weights{1, 2, 3}));
    EXPECT_EQ(view(2).health.health(), Health::up);
    set(2, Health::down);
    EXPECT_EQ(weights(), (Weights{1, 0, 3}));
    EXPECT_EQ(slot_weights(), (Weights{1, 0, 3})) << "expire_quiescent_template looks there";
    EXPECT_EQ(configured(), (Weights{1, 2, 3}));
    EXPECT_EQ(view(2).server.weight, 2U);
    EXPECT_EQ(view(2).health.health(), Health::down);
    EXPECT_TRUE(view(2).health.out);
    EXPECT_EQ(published().servers[1].last_weight, 2U);
    set(2, Health::up);
    EXPECT_EQ(weights(), (Weights{1, 2, 3}));
    EXPECT_EQ(slot_weights(), (Weights{1, 2, 3}));
    EXPECT_FALSE(view(2).health.out);
}

TEST_F(ServiceHealthTest, ManyChangesAreOnePublicationAndNoChangeIsNone) {
    make(checked());
    auto before = generation();
    const std::vector<HealthChange> all{{web, address(1), Health::down},
                                        {web, address(3), Health::down}};
    control.registry.set_health(all);
    EXPECT_EQ(weights(), (Weights{0, 2, 0}));
    EXPECT_EQ(generation(), before + 1);
    before = generation();
    control.registry.set_health(all);
    EXPECT_EQ(generation(), before) << "nothing is new";
    ServiceKey other = web;
    other.endpoint.port = L4Port(std::uint16_t{81});
    const std::vector<HealthChange> unknown{{other, address(1), Health::down},
                                            {web, address(9), Health::down}};
    control.registry.set_health(unknown);
    EXPECT_EQ(generation(), before) << "of what there is not";
}

TEST_F(ServiceHealthTest, WithoutChecksNobodyIsChecked) {
    make({});
    set(1, Health::down);
    EXPECT_EQ(weights(), (Weights{1, 2, 3}));
    EXPECT_EQ(view(1).health.health(), Health::unchecked);
}

TEST_F(ServiceHealthTest, ANewServerIsWhatIsConfiguredAndOneThatServesStaysUp) {
    make(checked(AllDown::refuse, Health::down), 2);
    EXPECT_EQ(weights(), (Weights{0, 0}));
    set(1, Health::up);
    control.registry.edit_server(web, {.address = address(1), .weight = 7});
    EXPECT_EQ(weights(), (Weights{7, 0})) << "an edit leaves the health alone";
    control.registry.edit_server(web, {.address = address(2), .weight = 9});
    EXPECT_EQ(weights(), (Weights{7, 0}));
    EXPECT_EQ(slot_weights(), (Weights{7, 0}));
    control.registry.edit_service(web, {});
    EXPECT_EQ(weights(), (Weights{7, 9})) << "without checks nobody is down";
    EXPECT_EQ(view(2).health.health(), Health::unchecked);
    control.registry.edit_service(web, checked(AllDown::refuse, Health::down));
    EXPECT_EQ(weights(), (Weights{7, 9})) << "checks that begin take nobody out by themselves";
    add(3);
    EXPECT_EQ(weights(), (Weights{7, 9, 0}));
}

TEST_F(ServiceHealthTest, OneThatLeftAndComesBackIsNew) {
    make(checked());
    set(3, Health::down);
    force(2, Forced::down);
    for (const unsigned number : {2U, 3U}) {
        control.registry.delete_server(web, address(number));
        add(number);
    }
    EXPECT_EQ(weights(), (Weights{1, 2, 3}));
    EXPECT_EQ(view(2).health.forced, Forced::automatic);
}

TEST_F(ServiceHealthTest, WhenAllAreDownTheOperatorChooses) {
    make(checked(AllDown::refuse));
    for (const unsigned number : {1U, 2U, 3U}) set(number, Health::down);
    EXPECT_EQ(weights(), (Weights{0, 0, 0}));
    control.registry.edit_service(web, checked(AllDown::use_all));
    EXPECT_EQ(weights(), (Weights{1, 2, 3}));
    EXPECT_EQ(slot_weights(), (Weights{1, 2, 3}));
    EXPECT_EQ(view(1).health.health(), Health::down) << "it is said what it is";
    EXPECT_FALSE(view(1).health.out);
    set(3, Health::up);
    EXPECT_EQ(weights(), (Weights{0, 0, 3}));
    set(3, Health::down);
    EXPECT_EQ(weights(), (Weights{1, 2, 3}));
}

TEST_F(ServiceHealthTest, AServerWithoutWeightIsNobodyToRelyOn) {
    make(checked(AllDown::use_all), 2);
    control.registry.edit_server(web, {.address = address(1), .weight = 0});
    set(2, Health::down);
    EXPECT_EQ(weights(), (Weights{0, 2})) << "the other one is up, but has no weight";
}

TEST_F(ServiceHealthTest, UseAllDoesNotUseWhatTheOperatorTookOut) {
    make(checked(AllDown::use_all));
    force(1, Forced::down);
    set(2, Health::down);
    set(3, Health::down);
    EXPECT_EQ(weights(), (Weights{0, 2, 3}));
}

TEST_F(ServiceHealthTest, WhatIsForcedHoldsWhateverChecksSay) {
    make(checked());
    force(2, Forced::down);
    EXPECT_EQ(weights(), (Weights{1, 0, 3}));
    set(2, Health::up);
    EXPECT_EQ(weights(), (Weights{1, 0, 3}));
    force(2, Forced::up);
    set(2, Health::down);
    EXPECT_EQ(weights(), (Weights{1, 2, 3}));
    EXPECT_EQ(view(2).health.health(), Health::up);
    EXPECT_EQ(view(2).health.checked, Health::down);
    force(2, Forced::automatic);
    EXPECT_EQ(weights(), (Weights{1, 0, 3})) << "as the checks say by now";
    const auto before = generation();
    force(2, Forced::automatic);
    EXPECT_EQ(generation(), before);
}

TEST_F(ServiceHealthTest, MaintenanceNeedsNoChecks) {
    make({});
    force(1, Forced::down);
    EXPECT_EQ(weights(), (Weights{0, 2, 3}));
    EXPECT_EQ(view(1).health.health(), Health::down);
    control.registry.edit_service(web, checked());
    EXPECT_EQ(weights(), (Weights{0, 2, 3})) << "it outlives a change of the checks";
    force(1, Forced::automatic);
    EXPECT_EQ(weights(), (Weights{1, 2, 3}));
}

TEST_F(ServiceHealthTest, WhatIsNotThereCannotBeForced) {
    make(checked());
    const auto errno_of = [&](const ServiceKey& key, unsigned server) {
        try {
            control.registry.force_health(key, address(server), Forced::down);
        } catch (const RpcError& error) {
            return error.error_number();
        }
        return 0;
    };
    ServiceKey other = web;
    other.protocol = Protocol::udp;
    EXPECT_EQ(errno_of(other, 1), ESRCH);
    EXPECT_EQ(errno_of(web, 9), ENOENT);
}

TEST_F(ServiceHealthTest, AServerThatComesUpStartsSlowly) {
    constexpr ServiceRegistry::Clock::time_point start{1000s};
    ServiceSettings settings = checked();
    settings.slow_start = 40s;
    make(settings, 2);
    control.registry.ramp(start - 100s);
    control.registry.ramp(start - 50s);
    EXPECT_EQ(weights(), (Weights{1, 2})) << "all are warm";
    set(2, Health::down);
    EXPECT_EQ(weights(), (Weights{1, 0}));
    control.registry.edit_server(web, {.address = address(2), .weight = 0});
    control.registry.edit_server(web, {.address = address(2), .weight = 2});
    EXPECT_EQ(view(2).ramping, std::nullopt) << "not while it is down";
    set(2, Health::up);
    EXPECT_EQ(weights(), (Weights{20, 2}));
    EXPECT_EQ(view(2).ramping, 5U);
    control.registry.ramp(start);
    control.registry.ramp(start + 20s);
    EXPECT_EQ(weights(), (Weights{20, 20}));
    set(1, Health::down);
    EXPECT_EQ(weights(), (Weights{0, 20})) << "a step of another one brings nobody back";
    control.registry.ramp(start + 22s);
    EXPECT_EQ(weights(), (Weights{0, 22}));
    control.registry.ramp(start + 40s);
    EXPECT_EQ(weights(), (Weights{0, 2}));
}

TEST_F(ServiceHealthTest, OnlyServersThatAreUpAreChosen) {
    make(checked());
    set(1, Health::down);
    set(3, Health::down);
    const Loads loads(control.shared.dest_counters, &control.shared.overload);
    for (int i = 0; i < 10; ++i) {
        const auto chosen = published().choose(loads, {}, {}, {});
        ASSERT_TRUE(chosen);
        EXPECT_EQ(published().servers[*chosen].endpoint, address(2));
    }
    set(2, Health::down);
    EXPECT_EQ(published().choose(loads, {}, {}, {}), std::nullopt);
}

TEST_F(ServiceHealthTest, OfTheConfigurationFileTheyBeginAsItSays) {
    ServiceConfig config{.key = web,
                         .settings = checked(AllDown::refuse, Health::down),
                         .servers = {{.address = address(1)}, {.address = address(2)}}};
    control.registry.load({&config, 1});
    EXPECT_EQ(weights(), (Weights{0, 0}));
    EXPECT_EQ(slot_weights(), (Weights{0, 0}));
    set(1, Health::up);
    EXPECT_EQ(weights(), (Weights{1, 0}));
    EXPECT_EQ(control.registry.configuration(web)->settings, whole(web, config.settings));
}

TEST_F(ServiceHealthTest, ListsWhatIsCheckedOrForcedInPages) {
    make(checked(), 1);
    ServiceKey plain = web;
    plain.endpoint.port = L4Port(std::uint16_t{81});
    ServiceKey forced = web;
    forced.endpoint.port = L4Port(std::uint16_t{82});
    for (const auto& key : {plain, forced}) {
        control.registry.add_service(key, {});
        control.registry.add_server(key, {.address = address(5)});
    }
    control.registry.force_health(forced, address(5), Forced::down);
    const auto all = control.registry.health_list({}, 10);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].key, web);
    EXPECT_TRUE(all[0].check);
    EXPECT_EQ(all[1].key, forced);
    EXPECT_EQ(all[1].servers.at(0).state.health(), Health::down);
    ASSERT_EQ(control.registry.health_list({}, 1).size(), 1U);
    EXPECT_EQ(control.registry.health_list(web, 10).at(0).key, forced);
}

TEST_F(ServiceHealthTest, TheOneWhoChecksIsToldFirst) {
    std::vector<int> order;
    control.registry.on_change([&](const auto&) { order.push_back(2); });
    control.registry.on_change_for_health([&](const std::set<ServiceKey>& keys) {
        EXPECT_EQ(keys, std::set<ServiceKey>{web});
        order.push_back(1);
    });
    control.registry.add_service(web, checked());
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

}  // namespace
}  // namespace shunt::ctl
