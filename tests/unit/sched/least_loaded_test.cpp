// SPDX-License-Identifier: BSD-3-Clause
// What workers remember of loads, and what is prepared of a short list, must never show: each
// choice is that of a look at every server.
#include "sched/least_loaded.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "sched/registry.h"
#include "service/service_table.h"

namespace shunt {
namespace {

constexpr std::size_t most_workers = 3;
constexpr std::uint32_t slots = 1024;
constexpr auto no_key = [] { return SchedulingKey{}; };

struct Setting {
    const char* scheduler;
    int servers;
    std::size_t workers;
    bool even;  ///< one weight, apart from zero, and no limits
};

/// One service, the counts of some workers, and what happens to both.
class World {
  public:
    World(const Setting& setting, unsigned seed)
        : setting_(setting), random_(seed), overload_(slots) {
        service_.scheduler = find_scheduler(setting.scheduler);
        service_.state = std::make_shared<SchedulerState>();
        for (std::uint32_t i = 0; i < slots; ++i) free_.push_back(DestId(i));
        for (int i = 0; i < setting.servers; ++i) add_server();
        rebuild();
    }

    void event() {
        switch (const auto kind = random_() % 1000) {
            case 0:
                return edit_weight(), rebuild();
            case 1:
                return add_server(), rebuild();
            case 2:
                return remove_server(), rebuild();
            case 3:
                return edit_threshold(), rebuild();
            default:
                if (kind < 500)
                    begin(choice(some_worker()).value_or(0));
                else if (kind < 550)
                    begin(random_() % service_.servers.size());
                else if (kind < 700)
                    toggle_active();
                else
                    end();
        }
    }

    /// Empty when the worker's choice is right.
    [[nodiscard]] std::string compare() {
        const WorkerId worker = some_worker();
        const Loads plain(arrays(), &overload_);
        const Candidates each{service_.servers, plain, *service_.state};
        const auto expected = service_.scheduler->choose(each, {});
        const auto found = choice(worker);
        if (found == expected) return "";
        return "worker " + std::to_string(worker.value()) + " chose " +
               (found ? std::to_string(*found) : "none") + " and not " +
               (expected ? std::to_string(*expected) : "none");
    }
    [[nodiscard]] bool some_overloaded() const {
        return std::ranges::any_of(service_.servers,
                                   [&](const auto& s) { return overload_.overloaded(s.id); });
    }

  private:
    struct Connection {
        std::size_t worker;
        DestId id;
        bool active;
    };

    WorkerId some_worker() {
        return WorkerId(static_cast<std::uint16_t>(random_() % setting_.workers));
    }
    RealServer& some_server() { return service_.servers[random_() % service_.servers.size()]; }
    std::optional<std::size_t> choice(WorkerId worker) {
        const auto changes = std::span(change_arrays_).first(setting_.workers);
        return service_.choose(Loads(arrays(), &overload_, changes, worker), no_key, {}, {});
    }
    [[nodiscard]] std::span<DestCounters* const> arrays() const {
        return std::span(arrays_).first(setting_.workers);
    }

    void changed(std::size_t worker, DestId id) {
        overload_.update(id, [&] { return Loads(arrays()).total(id); });
        changes_[worker][load_group(id)].bump();
    }
    void begin(std::size_t position) {
        const Connection c{some_worker().value(), service_.servers[position].id, random_() % 4 > 0};
        counters_[c.worker][c.id.value()].total.add();
        if (c.active) counters_[c.worker][c.id.value()].active.add();
        connections_.push_back(c);
        changed(c.worker, c.id);
    }
    void toggle_active() {
        if (connections_.empty()) return;
        Connection& c = connections_[random_() % connections_.size()];
        c.active = !c.active;
        Gauge& gauge = counters_[c.worker][c.id.value()].active;
        c.active ? gauge.add() : gauge.sub();
        changed(c.worker, c.id);
    }
    void end() {
        if (connections_.empty()) return;
        std::swap(connections_[random_() % connections_.size()], connections_.back());
        const Connection c = connections_.back();
        connections_.pop_back();
        counters_[c.worker][c.id.value()].total.sub();
        if (c.active) counters_[c.worker][c.id.value()].active.sub();
        changed(c.worker, c.id);
    }

    void add_server() {
        if (free_.empty()) return;
        std::swap(free_[random_() % free_.size()], free_.back());
        RealServer server;
        server.id = free_.back();
        server.weight = some_weight();
        free_.pop_back();
        service_.servers.insert(service_.servers.begin(), server);
    }
    void remove_server() {
        const auto at = service_.servers.begin() +
                        static_cast<std::ptrdiff_t>(random_() % service_.servers.size());
        free_.push_back(at->id);
        limit(at->id, {});
        service_.servers.erase(at);
    }
    void edit_weight() { some_server().weight = some_weight(); }
    std::uint32_t some_weight() {
        const auto n = static_cast<std::uint32_t>(random_() % 12);
        if (setting_.even) return n == 0 ? 0 : 5;
        return n == 11 ? 2147483647 : n % 8;
    }
    void edit_threshold() {
        if (setting_.even) return;
        RealServer& server = some_server();
        server.thresholds.upper = static_cast<std::uint32_t>(random_() % 4);
        limit(server.id, server.thresholds);
    }
    void limit(DestId id, Thresholds thresholds) {
        overload_.set(id, thresholds);
        overload_.update(id, [&] { return Loads(arrays()).total(id); });
    }
    /// As with each configuration.
    void rebuild() {
        ASSERT_TRUE(service_.scheduler->compares_loads());
        const auto& servers = service_.servers;
        const bool large = servers.size() >= LoadCache::least_servers;
        service_.cache = large ? std::make_shared<LoadCache>(servers, setting_.workers) : nullptr;
        service_.table = service_.scheduler->build(servers, {});
    }

    Setting setting_;
    std::mt19937 random_;
    VirtualService service_;
    std::array<std::array<DestCounters, slots>, most_workers> counters_;
    std::array<std::array<LoadChanges, slots / load_group_size>, most_workers> changes_;
    std::array<DestCounters*, most_workers> arrays_{counters_[0].data(), counters_[1].data(),
                                                    counters_[2].data()};
    std::array<LoadChanges*, most_workers> change_arrays_{changes_[0].data(), changes_[1].data(),
                                                          changes_[2].data()};
    OverloadTable overload_;
    std::vector<DestId> free_;
    std::vector<Connection> connections_;
};

class RememberedLoads
    : public testing::TestWithParam<std::tuple<const char*, int, std::size_t, bool>> {};
INSTANTIATE_TEST_SUITE_P(Schedulers, RememberedLoads,
                         testing::Combine(testing::Values("lc", "wlc", "sed", "nq"),
                                          testing::Values(16, 300),
                                          testing::Values(std::size_t{1}, most_workers),
                                          testing::Bool()),
                         [](const auto& about) {
                             return std::get<0>(about.param) + std::string("_") +
                                    std::to_string(std::get<1>(about.param)) + "_" +
                                    std::to_string(std::get<2>(about.param)) +
                                    (std::get<3>(about.param) ? "_even" : "_uneven");
                         });

TEST_P(RememberedLoads, NeverShow) {
    const auto [scheduler, servers, workers, even] = GetParam();
    constexpr int events = 30'000;
    const auto world = std::make_unique<World>(Setting{scheduler, servers, workers, even}, 7U);
    int overloaded = 0;
    for (int i = 0; i < events; ++i) {
        world->event();
        ASSERT_EQ(world->compare(), "") << "after event " << i;
        if (i % 100 == 0) overloaded += world->some_overloaded() ? 1 : 0;
    }
    EXPECT_EQ(overloaded > events / 1000, !even);
}

TEST(RememberedLoads, NobodyIsChosenWhereNobodyMayBe) {
    VirtualService service;
    service.servers.resize(100);
    for (std::uint32_t i = 0; i < 100; ++i)
        service.servers[i] = {.id = DestId(i), .endpoint = {}, .weight = 0, .tunnel = {}};
    std::array<DestCounters, 100> counters;
    std::array<LoadChanges, 7> changes;
    const std::array<DestCounters*, 1> arrays{counters.data()};
    const std::array<LoadChanges*, 1> change_arrays{changes.data()};
    const Loads loads(arrays, nullptr, change_arrays, WorkerId());
    service.state = std::make_shared<SchedulerState>();
    for (const char* const name : {"lc", "wlc", "sed", "nq"}) {
        service.scheduler = find_scheduler(name);
        service.servers[70].weight = 0;
        service.cache = std::make_shared<LoadCache>(service.servers, 1);
        EXPECT_EQ(service.choose(loads, no_key, {}, {}), std::nullopt) << name;
        service.servers[70].weight = 1;
        service.cache = std::make_shared<LoadCache>(service.servers, 1);
        EXPECT_EQ(service.choose(loads, no_key, {}, {}), 70U) << name;
    }
}

TEST(RememberedLoads, OtherSchedulersRememberNone) {
    for (const auto& name : scheduler_names())
        EXPECT_EQ(find_scheduler(name)->compares_loads(),
                  name == "lc" || name == "wlc" || name == "sed" || name == "nq")
            << name;
}

}  // namespace
}  // namespace shunt
