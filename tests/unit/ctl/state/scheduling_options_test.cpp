// SPDX-License-Identifier: BSD-3-Clause
// What services and servers tell schedulers, on its way from the configuration file or a request to
// the workers: flags, thresholds, weights.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cerrno>

#include "sched/registry.h"
#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;

ServiceKey tcp(const char* text) {
    return {.protocol = Protocol::tcp, .endpoint = parse_endpoint(text).value(), .mark = {}};
}
ServerConfig server(const char* text, std::uint32_t weight = 1, Thresholds thresholds = {}) {
    return {.address = parse_endpoint(text).value(), .weight = weight, .thresholds = thresholds};
}
SchedulerFlags flags(std::initializer_list<SchedulerFlag> all) {
    SchedulerFlags flags;
    for (const auto flag : all) flags.set(flag);
    return flags;
}

const ServiceKey web = tcp("192.0.2.10:80");
const ServiceSettings mh{.scheduler = "mh"};
const ServiceSettings rr{.scheduler = "rr"};
constexpr auto web_json = R"("service":{"protocol":"tcp","address":"192.0.2.10:80"})";

/// The errno and the parameter of a refusal.
template <class Change>
std::pair<int, std::string> refusal(Change change) {
    try {
        change();
    } catch (const RpcError& e) {
        return {e.error_number(), e.path()};
    }
    return {0, "not refused"};
}

class SchedulingOptions : public testing::Test {
  protected:
    json::value answer(const std::string& method, const std::string& params) {
        return json::parse(control.ask(R"({"jsonrpc":"2.0","id":1,"method":")" + method +
                                       R"(","params":{)" + web_json + params + "}}"));
    }
    void good(const std::string& method, const std::string& params) {
        const auto told = answer(method, params);
        EXPECT_TRUE(told.as_object().contains("result")) << told;
    }
    std::string problem(const std::string& method, const std::string& params) {
        const auto told = answer(method, params);
        if (!told.as_object().contains("error")) return "none";
        return std::string(told.at("error").at("message").as_string());
    }
    json::value listed() { return answer("service.list", "").at("result").at("services").at(0); }
    [[nodiscard]] const VirtualService& published() const {
        return *control.publisher.current().services->services()[0];
    }
    [[nodiscard]] const RealServer& first() const { return published().servers.at(0); }
    /// With so many connections on both workers together.
    bool overloaded(std::uint32_t total) {
        Gauge& gauge = control.dests[1][first().id.value()].total;
        gauge.add(total - gauge.value());
        return Loads(control.shared.dest_counters, &control.shared.overload).overloaded(first().id);
    }
    /// A worker counts the last of so many connections.
    void count_one(std::uint32_t total) {
        control.shared.overload.update(first().id, [total] { return total; });
    }

    test::Control control;
};

TEST_F(SchedulingOptions, FlagsReachTheWorkersAndAreListed) {
    good("service.add", R"(,"scheduler":"sh","flags":["sh-port","sh-fallback"])");
    EXPECT_EQ(published().scheduler_flags, flags({flag_fallback, flag_port}));
    EXPECT_EQ(listed().at("flags"), json::parse(R"(["sh-fallback","sh-port"])"));
    good("service.edit", R"(,"scheduler":"sh","flags":["flag-2"])");
    EXPECT_EQ(published().scheduler_flags, flags({flag_port}));
    EXPECT_EQ(listed().at("flags"), json::parse(R"(["sh-port"])"));
    good("service.edit", R"(,"scheduler":"mh","flags":["mh-fallback"])");
    EXPECT_EQ(published().scheduler_flags, flags({flag_fallback}));
    EXPECT_EQ(listed().at("flags"), json::parse(R"(["mh-fallback"])"));
    good("service.edit", R"(,"scheduler":"rr","flags":["flag-1","flag-3"])");
    EXPECT_EQ(listed().at("flags"), json::parse(R"(["flag-1","flag-3"])"));
    good("service.edit", R"(,"scheduler":"rr")");
    EXPECT_EQ(published().scheduler_flags, SchedulerFlags());
    EXPECT_EQ(listed().at("flags"), json::array());
}

TEST_F(SchedulingOptions, AFlagOfAnotherSchedulerIsRefused) {
    EXPECT_EQ(problem("service.add", R"(,"scheduler":"sh","flags":["sh-port","mh-port"])"),
              "flags[1]: \"mh-port\" is not known, expected one of one_packet, sh-fallback, "
              "sh-port, flag-1, flag-2, flag-3");
    EXPECT_EQ(problem("service.add", R"(,"flags":["sh-port"])"),
              "flags[0]: \"sh-port\" is not known, expected one of one_packet, flag-1, flag-2, "
              "flag-3");
}

TEST_F(SchedulingOptions, ThresholdsReachTheWorkersAndAreListed) {
    good("service.add", "");
    good("dest.add", R"(,"server":{"address":"10.1.0.11:80"},"upper":100,"lower":40)");
    EXPECT_EQ(first().thresholds, (Thresholds{100, 40}));
    EXPECT_TRUE(control.publisher.current().services->slot(first().id).limited);
    EXPECT_EQ(listed().at("servers").at(0).at("upper"), 100);
    EXPECT_EQ(listed().at("servers").at(0).at("lower"), 40);
    good("dest.edit", R"(,"server":{"address":"10.1.0.11:80"},"weight":2)");
    EXPECT_EQ(first().thresholds, Thresholds());
    EXPECT_FALSE(control.publisher.current().services->slot(first().id).limited);
    EXPECT_FALSE(listed().at("servers").at(0).as_object().contains("upper"));
    EXPECT_FALSE(listed().at("servers").at(0).as_object().contains("lower"));
}

TEST_F(SchedulingOptions, ALowerThresholdAboveTheUpperOneIsOutOfRange) {
    control.registry.add_service(web, rr);
    for (const Thresholds t : {Thresholds{5, 6}, Thresholds{0, 1}})
        EXPECT_EQ(refusal([&] { control.registry.add_server(web, server("10.1.0.1:80", 1, t)); }),
                  std::pair(ERANGE, std::string("lower")));
    EXPECT_EQ(refusal([&] {
                  control.registry.add_server(web, server("10.1.0.1:80", 1, {0x80000000U, 1}));
              }),
              std::pair(EINVAL, std::string("upper")));
    control.registry.add_server(web, server("10.1.0.1:80", 1, {6, 6}));
}

TEST_F(SchedulingOptions, AnEditMayFreeAServerButLeavesTheRestToTheNextConnection) {
    const auto edit = [&](std::uint32_t upper, std::uint32_t lower) {
        control.registry.edit_server(web, server("10.1.0.1:80", 1, {upper, lower}));
    };
    control.registry.add_service(web, rr);
    control.registry.add_server(web, server("10.1.0.1:80"));
    EXPECT_FALSE(overloaded(10));
    edit(10, 5);
    EXPECT_FALSE(overloaded(10));
    count_one(10);
    EXPECT_TRUE(overloaded(10));
    edit(10, 8);
    EXPECT_TRUE(overloaded(10));
    edit(20, 8);
    EXPECT_FALSE(overloaded(10)) << "the upper threshold rises";
    edit(10, 0);
    EXPECT_FALSE(overloaded(10));
    count_one(10);
    EXPECT_TRUE(overloaded(10));
    edit(0, 0);
    EXPECT_FALSE(overloaded(10));
}

TEST_F(SchedulingOptions, AServerThatComesBackIsAsItWas) {
    const auto come_back = [&] {
        control.registry.delete_server(web, parse_endpoint("10.1.0.1:80").value());
        control.registry.add_server(web, server("10.1.0.1:80", 1, {10, 5}));
    };
    control.registry.add_service(web, rr);
    control.registry.add_server(web, server("10.1.0.1:80", 1, {10, 5}));
    EXPECT_FALSE(overloaded(10)) << "workers have not looked";
    come_back();
    EXPECT_FALSE(overloaded(10));
    count_one(10);
    come_back();
    EXPECT_TRUE(overloaded(10));
}

TEST_F(SchedulingOptions, TheLastWeightIsTheLatestThatWasNotZero) {
    control.registry.add_service(web, mh);
    control.registry.add_server(web, server("10.1.0.1:80", 0));
    EXPECT_EQ(first().last_weight, 0U) << "as added";
    for (const auto& [weight, last] : {std::pair(7U, 7U), {0U, 7U}, {3U, 3U}}) {
        control.registry.edit_server(web, server("10.1.0.1:80", weight));
        EXPECT_EQ(first().last_weight, last);
    }
    control.registry.delete_server(web, parse_endpoint("10.1.0.1:80").value());
    control.registry.add_server(web, server("10.1.0.1:80", 0));
    EXPECT_EQ(first().last_weight, 0U) << "as added again";
}

TEST_F(SchedulingOptions, ATableThatIsTheSameIsKept) {
    control.registry.add_service(web, mh);
    control.registry.add_server(web, server("10.1.0.1:80", 2));
    control.registry.add_server(web, server("10.1.0.2:80", 3));
    const auto before = published().table;
    ASSERT_NE(before, nullptr);
    control.registry.edit_server(web, server("10.1.0.1:80", 0));
    EXPECT_EQ(published().table, before);
    control.registry.edit_server(web, server("10.1.0.1:80", 4));
    EXPECT_NE(published().table, before);
    control.registry.edit_service(web, rr);
    EXPECT_EQ(published().table, nullptr);
}

TEST_F(SchedulingOptions, ASlowStartIsListedWithItsServersOnTheirWay) {
    using namespace std::chrono_literals;
    good("service.add", R"(,"slow_start":40)");
    EXPECT_EQ(listed().at("slow_start"), 40);
    good("dest.add", R"(,"server":{"address":"10.1.0.11:80"},"weight":7)");
    const auto begin = ServiceRegistry::Clock::time_point{} + 100s;
    control.registry.ramp(begin);
    control.registry.ramp(begin + 14s);
    EXPECT_EQ(listed().at("servers").at(0).at("ramping"), 35);
    EXPECT_EQ(listed().at("servers").at(0).at("weight"), 7);
    control.registry.ramp(begin + 40s);
    EXPECT_FALSE(listed().at("servers").at(0).as_object().contains("ramping"));
    good("service.edit", "");
    EXPECT_FALSE(listed().as_object().contains("slow_start"));
}

TEST_F(SchedulingOptions, ASlowStartIsRefusedWhereItMeansNothing) {
    for (const char* const name : {"wrr", "wlc", "sed", "nq", "twos"})
        EXPECT_TRUE(find_scheduler(name)->uses(SchedulerOption::slow_start)) << name;
    EXPECT_EQ(problem("service.add", R"(,"scheduler":"rr","slow_start":40)"),
              "slow_start is not for scheduler rr, only for nq, sed, twos, wlc, wrr");
    EXPECT_EQ(problem("service.add", R"(,"slow_start":86401)"),
              "slow_start: is out of range, expected a whole number, 0 to 86400");
    good("service.add", R"(,"scheduler":"rr","slow_start":0)");
    EXPECT_NE(problem("service.edit", R"(,"scheduler":"lc","slow_start":1)"), "none");
    EXPECT_EQ(listed().at("scheduler"), "rr");
}

TEST_F(SchedulingOptions, HashOptionsReachTheWorkersAndAreListed) {
    good("service.add", R"(,"scheduler":"mh")");
    good("dest.add", R"(,"server":{"address":"10.1.0.11:80"})");
    EXPECT_EQ(published().scheduler_options, SchedulerOptions());
    EXPECT_EQ(published().table->buckets.size(), 4093U);
    for (const char* const key : {"mh_size", "mh_order", "load_bound"})
        EXPECT_FALSE(listed().as_object().contains(key)) << key;
    good("service.edit", R"(,"scheduler":"mh","mh_size":251,"mh_order":"address")");
    EXPECT_EQ(published().scheduler_options.mh_order, MaglevOrder::address);
    EXPECT_EQ(published().table->buckets.size(), 251U);
    EXPECT_EQ(listed().at("mh_size"), 251);
    EXPECT_EQ(listed().at("mh_order"), "address");
    good("service.edit",
         R"(,"scheduler":"conhash","mh_size":509,"load_bound":200,"flags":["conhash-port"])");
    EXPECT_EQ(published().scheduler_options.load_bound, 200U);
    EXPECT_EQ(published().scheduler_flags, flags({flag_port}));
    EXPECT_EQ(published().table->buckets.size(), 509U);
    EXPECT_EQ(listed().at("load_bound"), 200);
    EXPECT_EQ(listed().at("flags"), json::parse(R"(["conhash-port"])"));
    good("service.edit", R"(,"scheduler":"mh")");
    EXPECT_EQ(published().table->buckets.size(), 4093U) << "an edit gives what is missing";
}

TEST_F(SchedulingOptions, HashOptionsAreRefusedWhereTheyMeanNothing) {
    EXPECT_EQ(problem("service.add", R"(,"scheduler":"mh","mh_size":4094)"),
              "a table cannot have 4094 buckets, expected 251, 509, 1021, 2039, 4093, "
              "8191, 16381, 32749, 65521 or 131071");
    EXPECT_EQ(problem("service.add", R"(,"scheduler":"sh","mh_size":8191)"),
              "mh_size is not for scheduler sh, only for conhash, mh");
    EXPECT_EQ(problem("service.add", R"(,"scheduler":"conhash","mh_order":"address")"),
              "mh_order is not for scheduler conhash, only for mh");
    EXPECT_EQ(problem("service.add", R"(,"scheduler":"mh","mh_order":"name")"),
              "mh_order: \"name\" is not known, expected one of added, address");
    EXPECT_EQ(problem("service.add", R"(,"scheduler":"mh","load_bound":150)"),
              "load_bound is not for scheduler mh, only for conhash");
    EXPECT_EQ(problem("service.add", R"(,"scheduler":"conhash","load_bound":99)"),
              "load_bound: is out of range, expected a whole number, 100 to 10000");
    EXPECT_EQ(problem("service.add", R"(,"scheduler":"nope","load_bound":150)").substr(0, 19),
              "no scheduler \"nope\"");
}

TEST_F(SchedulingOptions, ATableCannotBecomeSmallerThanItsServersAreMany) {
    good("service.add", R"(,"scheduler":"mh","mh_size":509)");
    for (std::uint32_t i = 0; i < 252; ++i)
        control.registry.add_server(
            web, {.address = {Ipv4Address{Be32(0x0A010000U + i)}, L4Port(std::uint16_t{80})}});
    EXPECT_EQ(problem("service.edit", R"(,"scheduler":"mh","mh_size":251)"),
              "scheduler mh has room for 251 servers");
    EXPECT_EQ(published().table->buckets.size(), 509U);
}

TEST_F(SchedulingOptions, MoreServersThanBucketsAreRefused) {
    constexpr std::uint32_t most = 4093;
    std::vector<DestCounters> counters(most + 2);
    SharedState shared;
    shared.dest_counters = {counters.data()};
    Publisher publisher(shared);
    ServiceRegistry registry(publisher, shared.dest_counters, most + 1);
    ServiceConfig config{.key = web, .settings = rr, .servers = {}};
    for (std::uint32_t i = 0; i <= most; ++i)
        config.servers.push_back(
            {.address = {Ipv4Address{Be32(0x0A010001 + i)}, L4Port(std::uint16_t{80})}});
    const std::pair too_many(EINVAL, std::string("scheduler"));

    config.settings = mh;
    EXPECT_EQ(refusal([&] { registry.load(std::span(&config, 1)); }), too_many);
    config.settings = rr;
    registry.load(std::span(&config, 1));
    EXPECT_EQ(refusal([&] { registry.edit_service(web, mh); }), too_many);
    EXPECT_EQ(registry.view(web).scheduler, "rr");
    registry.delete_server(web, config.servers.back().address);
    registry.edit_service(web, mh);
    EXPECT_EQ(refusal([&] { registry.add_server(web, config.servers.back()); }), too_many);
    EXPECT_EQ(registry.view(web).servers.size(), most);
}

Config configured(const std::string& service) {
    return parse_config(
        "ports = ( { name = \"wan0\"; device = \"net_null0\"; } );\n"
        "services = ( { protocol = \"tcp\"; address = \"192.0.2.1:80\";\n" +
            service + " } );\n",
        "FILE", scheduler_names());
}

std::string config_problem(const std::string& service) {
    try {
        configured(service);
    } catch (const ConfigError& e) {
        return e.what();
    }
    return "none";
}

TEST(SchedulingOptionsOfTheFile, AreRead) {
    const auto config = configured(
        "flags = [ \"sh-port\", \"sh-fallback\" ]; scheduler = \"sh\"; servers = (\n"
        "{ address = \"10.1.0.1:80\"; upper = 100; lower = 40; }, { address = \"10.1.0.2:80\"; } "
        ");");
    const ServiceConfig& service = config.services.at(0);
    EXPECT_EQ(service.settings.scheduler_flags, flags({flag_port, flag_fallback}));
    EXPECT_EQ(service.servers.at(0).thresholds, (Thresholds{100, 40}));
    EXPECT_EQ(service.servers.at(1).thresholds, Thresholds());
}

TEST(SchedulingOptionsOfTheFile, ASlowStartIsReadAndChecked) {
    EXPECT_EQ(configured("slow_start = 86400;").services.at(0).settings.slow_start,
              std::chrono::hours(24));
    EXPECT_EQ(configured("").services.at(0).settings.slow_start, std::chrono::seconds(0));
    EXPECT_EQ(config_problem("scheduler = \"mh\";\nslow_start = 5;"),
              "FILE:4: services[0].slow_start: slow_start is not for scheduler mh, only for nq, "
              "sed, twos, "
              "wlc, wrr");
    EXPECT_EQ(config_problem("slow_start = -1;"),
              "FILE:3: services[0].slow_start: -1 is out of range, expected 0 to 86400");
}

TEST(SchedulingOptionsOfTheFile, HashOptionsAreReadAndChecked) {
    const auto settings = [](const std::string& service) {
        return configured(service).services.at(0).settings;
    };
    const auto mh = settings("scheduler = \"mh\"; mh_size = 131071; mh_order = \"address\";");
    EXPECT_EQ(mh.scheduler_options.mh_size, 131071U);
    EXPECT_EQ(mh.scheduler_options.mh_order, MaglevOrder::address);
    const auto conhash =
        settings("scheduler = \"conhash\"; flags = [ \"conhash-port\" ]; load_bound = 101;");
    EXPECT_EQ(conhash.scheduler_options.load_bound, 101U);
    EXPECT_EQ(conhash.scheduler_flags, flags({flag_port}));
    EXPECT_EQ(settings("").scheduler_options, SchedulerOptions());
    EXPECT_EQ(config_problem("scheduler = \"mh\";\nmh_size = 1024;"),
              "FILE:4: services[0].mh_size: a table cannot have 1024 buckets, expected 251, 509, "
              "1021, 2039, 4093, 8191, 16381, 32749, 65521 or 131071");
    EXPECT_EQ(config_problem("scheduler = \"rr\";\nmh_order = \"address\";"),
              "FILE:4: services[0].mh_order: mh_order is not for scheduler rr, only for mh");
}

TEST(SchedulingOptionsOfTheFile, AreChecked) {
    EXPECT_EQ(config_problem("scheduler = \"mh\"; flags = [ \"mh-port\", \"sh-port\" ];"),
              "FILE:3: services[0].flags[1]: \"sh-port\" is not known, expected one of "
              "\"mh-fallback\", \"mh-port\", \"flag-1\", \"flag-2\", \"flag-3\"");
    EXPECT_EQ(config_problem("flags = \"flag-1\";"),
              "FILE:3: services[0].flags: is text in quotes, expected an array of texts [...]");
    EXPECT_EQ(config_problem("servers = ( { address = \"10.1.0.1:80\"; upper = 5; lower = 6; } );"),
              "FILE:3: services[0].servers[0].lower: the lower threshold is at most the upper one");
}

}  // namespace
}  // namespace shunt::ctl
