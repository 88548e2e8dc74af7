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
