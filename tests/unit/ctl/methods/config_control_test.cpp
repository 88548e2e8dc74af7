// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/config_control.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>
#include <filesystem>
#include <fstream>

#include "ctl/methods/config_diff.h"
#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;

const std::string fixed = R"(workers = 2; servers = 256;
ports = ( { name = "wan0"; device = "net_null0"; }, { name = "lan0"; device = "net_null1"; } );
)";

const std::string web = R"(services = (
  { protocol = "tcp"; address = "192.0.2.10:80"; scheduler = "wrr";
    servers = ( { address = "10.1.0.11:80"; weight = 3; }, { address = "10.1.0.12:80"; } ); },
  { protocol = "udp"; address = "192.0.2.10:53"; scheduler = "rr";
    servers = ( { address = "10.1.0.11:53"; } ); } );
)";

/// One of everything that can change while the daemon runs.
const std::string everything = R"(
log = { level = "warn"; };
timeouts = { tcp_fin = 50; };
tunables = { sloppy_tcp = 1; sync_threshold = "1 2"; };
marks = ( { mark = 5; source = "10.0.0.0/8"; port = "wan0"; }, { mark = 6; } );
apps = ( { name = "ftp"; ports = [ 21, 2121 ]; }, { name = "tftp"; } );
ftp = { passive_ports = "50000-51000"; active_source = "20"; least_client_port = 1025;
        any_client_address = true; foreign_address = "refuse"; };
services = (
  { protocol = "tcp"; address = "192.0.2.10:80"; scheduler = "mh"; flags = [ "mh-port" ];
    persistence = 300; granularity = 24; timeout_tcp = 5; mh_size = 251; mh_order = "address";
    servers = ( { address = "10.1.0.11:8080"; weight = 0; upper = 9; lower = 3; },
                { address = "10.1.0.12:80"; forward = "tunnel";
                  tunnel = { type = "gue"; port = 6080; checksum = "remote"; }; },
                { address = "10.1.0.14:81"; forward = "tunnel"; },
                { address = "10.1.0.13:81"; forward = "direct"; } ); },
  { protocol = "udp"; address = "[2001:db8::10]:5060"; persistence = 60; engine = "sip";
    one_packet = true; timeout_udp = 7; slow_start = 30; },
  { mark = 7; family = "ipv6"; scheduler = "conhash"; load_bound = 150; } );
)";

class ConfigControlTest : public testing::Test {
  protected:
    ConfigDiff apply(const std::string& text) {
        return control.config.apply(control.config.parse(fixed + text, "FILE", {}));
    }
    json::value ask(std::string_view method, const json::object& params) {
        return json::parse(control.ask(json::serialize(
            json::object{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}})));
    }
    json::value result(std::string_view method, const json::object& params) {
        const auto answer = ask(method, params).as_object();
        EXPECT_TRUE(answer.contains("result")) << json::serialize(answer);
        return answer.contains("result") ? answer.at("result") : json::value();
    }
    json::value error(std::string_view method, const json::object& params) {
        const auto answer = ask(method, params).as_object();
        EXPECT_TRUE(answer.contains("error")) << json::serialize(answer);
        return answer.contains("error") ? answer.at("error") : json::value();
    }
    std::uint64_t publications() { return control.publisher.current().generation; }
    static ServiceKey key(const char* address, Protocol protocol = Protocol::tcp) {
        return {.protocol = protocol, .endpoint = parse_endpoint(address).value(), .mark = {}};
    }

    test::Control control;
};

TEST_F(ConfigControlTest, AllComesInOnePublication) {
    const auto before = publications();
    const auto diff = apply(everything);
    EXPECT_EQ(publications(), before + 1);
    EXPECT_TRUE(diff.needs_restart.empty());
    const auto& now = control.publisher.current();
    EXPECT_EQ(now.services->services().size(), 3U);
    EXPECT_EQ(now.tunables.sloppy_tcp, 1);
    EXPECT_EQ(now.tunables.timeout_finwait, 50);
    EXPECT_EQ(now.timeouts.tcp[static_cast<std::size_t>(TcpState::fin_wait)],
              Ticks(std::chrono::seconds(50)));
    ASSERT_NE(now.marks, nullptr);
    EXPECT_EQ(control.marks.rules().size(), 2U);
    ASSERT_NE(now.apps, nullptr);
    EXPECT_EQ(now.apps->ftp().active_source, ActiveSource::twenty);
    EXPECT_EQ(control.apps.list().size(), 3U);
    EXPECT_EQ(control.apps.ftp().rules.least_client_port, 1025);
    // 7 services and servers, 3 apps, 5 of ftp, 3 tunables, the log, the marks.
    EXPECT_EQ(diff.size(), 7U + 3 + 5 + 3 + 1 + 1);
}

TEST_F(ConfigControlTest, TheSameAgainIsNoChangeAndNoPublication) {
    apply(everything);
    const auto before = publications();
    EXPECT_EQ(apply(everything).size(), 0U);
    EXPECT_EQ(publications(), before);
}

/// What config.save writes leads nowhere else, from any state.
TEST_F(ConfigControlTest, WhatIsSavedIsNoDifference) {
    for (const auto& text : {everything, web, std::string()}) {
        apply(text);
        const auto saved = control.config.save();
        const auto wanted = control.config.parse(saved, "saved", {});
        const auto diff = control.config.diff(wanted);
        EXPECT_EQ(diff.size(), 0U) << json::serialize(to_json(diff));
        EXPECT_TRUE(diff.needs_restart.empty()) << json::serialize(to_json(diff));
    }
}

TEST_F(ConfigControlTest, WhatIsNotSaidGoes) {
    apply(everything);
    const auto diff = apply("");
    EXPECT_EQ(control.registry.services(), 0U);
    EXPECT_EQ(control.registry.removed_servers(), 4U);
    EXPECT_TRUE(control.marks.rules().empty());
    EXPECT_TRUE(control.apps.list().empty());
    EXPECT_EQ(control.publisher.current().apps, nullptr);
    EXPECT_EQ(control.publisher.current().marks, nullptr);
    EXPECT_EQ(control.publisher.current().tunables.sloppy_tcp, 0);
    EXPECT_EQ(control.publisher.current().tunables.sync_threshold, "3 50");
    EXPECT_EQ(diff.size(), 7U + 3 + 5 + 3 + 1 + 1);
}

TEST_F(ConfigControlTest, WhatStaysKeepsItsSlotCountsAndSchedulerState) {
    apply(web);
    const auto name = key("192.0.2.10:80");
    const auto before = control.registry.view(name);
    const auto* service = control.publisher.current().services->find<Ipv4>(
        {}, Protocol::tcp, Ipv4::of(name.endpoint.address), name.endpoint.port);
    ASSERT_NE(service, nullptr);
    const auto state = service->state;
    control.dests[0][before.servers[1].server.id.value()].packets_in.add(9);

    auto changed = web;
    changed.replace(changed.find("weight = 3"), 10, "weight = 5");
    changed.replace(changed.find("10.1.0.12:80"), 12, "10.1.0.19:80");
    const auto diff = apply(changed);
    ASSERT_EQ(diff.services.size(), 1U);
    EXPECT_EQ(diff.services[0].servers.size(), 3U) << "one edited, one gone, one new";

    const auto after = control.registry.view(name);
    ASSERT_EQ(after.servers.size(), 2U);
    EXPECT_EQ(after.servers[1].server.id, before.servers[1].server.id);
    EXPECT_EQ(after.servers[1].server.sequence, before.servers[1].server.sequence);
    EXPECT_EQ(after.servers[1].server.weight, 5U);
    EXPECT_EQ(after.servers[1].stats.counts.packets_in, 9U);
    EXPECT_EQ(to_string(after.servers[0].server.endpoint), "10.1.0.19:80");
    EXPECT_NE(after.servers[0].server.id, before.servers[0].server.id)
        << "the removed one keeps its slot";
    EXPECT_EQ(control.registry.removed_servers(), 1U);
    service = control.publisher.current().services->find<Ipv4>(
        {}, Protocol::tcp, Ipv4::of(name.endpoint.address), name.endpoint.port);
    EXPECT_EQ(service->state, state);

    apply(web);
    EXPECT_EQ(control.registry.view(name).servers[0].server.id, before.servers[0].server.id)
        << "it is the same server again";
}

TEST_F(ConfigControlTest, AnAppliedServiceIsAsIfLoadedAtTheStart) {
    apply(everything);
    test::Control other;
    other.registry.load(control.config.parse(fixed + everything, "FILE", {}).services);
    const auto a = control.registry.list();
    const auto b = other.registry.list();
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        ASSERT_EQ(a[i].servers.size(), b[i].servers.size());
        for (std::size_t s = 0; s < a[i].servers.size(); ++s) {
            EXPECT_EQ(a[i].servers[s].server.id, b[i].servers[s].server.id);
            EXPECT_EQ(a[i].servers[s].server.sequence, b[i].servers[s].server.sequence);
            EXPECT_EQ(a[i].servers[s].server.endpoint, b[i].servers[s].server.endpoint);
        }
    }
}

TEST_F(ConfigControlTest, WhatOnlyARestartChangesIsNamedAndTheRestApplied) {
    const auto diff = control.config.apply(
        control.config.parse("workers = 1; connections = 2048; memory = { size_mb = 512; };"
                             "ports = ( { name = \"wan0\"; device = \"net_null0\"; mtu = 1400; },"
                             "          { name = \"lan0\"; device = \"net_null1\"; } );" +
                                 web,
                             "FILE", {}));
    EXPECT_EQ(diff.needs_restart, (std::vector<std::string>{"workers", "connections", "servers",
                                                            "memory.size_mb", "ports"}));
    EXPECT_EQ(control.registry.services(), 2U);
}

TEST_F(ConfigControlTest, RefusedWhole) {
    apply(web);
    const auto before = publications();
    const auto saved = control.config.save();
    std::string many =
        "tunables = { sloppy_tcp = 1; };\nservices = ( "
        "{ protocol = \"tcp\"; address = \"192.0.2.99:80\"; servers = (";
    for (int i = 0; i < 256; ++i)
        many += std::string(i == 0 ? "" : ",") + "{ address = \"10.9." + std::to_string(i) +
                ".1:80\"; }";
    many += ");} );";
    try {
        apply(many);
        FAIL() << "there is no room, as the servers that go keep theirs";
    } catch (const RpcError& refusal) {
        EXPECT_EQ(refusal.error_number(), ENOMEM);
        EXPECT_EQ(refusal.path(), "services");
        EXPECT_NE(std::string(refusal.what()).find("256 more servers"), std::string::npos);
    }
    EXPECT_EQ(control.config.save(), saved);
    EXPECT_EQ(publications(), before);
}

TEST_F(ConfigControlTest, TheMethodsAnswerWithTheDifference) {
    const json::object text{{"text", fixed + web}};
    const auto planned = result("config.diff", text).as_object();
    EXPECT_EQ(planned.at("applied"), false);
    EXPECT_EQ(planned.at("changes"), 5);
    EXPECT_EQ(control.registry.services(), 0U);
    EXPECT_EQ(result("config.apply", {{"text", fixed + web}, {"dry_run", true}}), planned);
    EXPECT_EQ(control.registry.services(), 0U);
    auto done = result("config.apply", text).as_object();
    EXPECT_EQ(done.at("applied"), true);
    done["applied"] = false;
    EXPECT_EQ(done, planned);
    EXPECT_EQ(planned.at("services").at(0),
              json::parse(R"({"service":{"protocol":"tcp","address":"192.0.2.10:80"},
                  "change":"added","after":{"scheduler":"wrr"},"servers":[
                    {"address":"10.1.0.11:80","change":"added","after":{"weight":3}},
                    {"address":"10.1.0.12:80","change":"added","after":{}}]})"));
    auto other = web;
    other.replace(other.find("weight = 3"), 10, "upper = 90");
    other.replace(other.find("\"rr\""), 4, "\"lc\"");
    other += "tunables = { drop_entry = 2; };";
    const auto changed = result("config.diff", {{"text", fixed + other}}).as_object();
    EXPECT_EQ(changed.at("services"), json::parse(R"([
        {"service":{"protocol":"tcp","address":"192.0.2.10:80"},"change":"changed","servers":[
          {"address":"10.1.0.11:80","change":"changed","before":{"weight":3,"upper":0},
           "after":{"weight":1,"upper":90}}]},
        {"service":{"protocol":"udp","address":"192.0.2.10:53"},"change":"changed",
         "before":{"scheduler":"rr"},"after":{"scheduler":"lc"},"servers":[]}])"));
    EXPECT_EQ(changed.at("values"),
              json::parse(R"([{"key":"tunables.drop_entry","before":0,"after":2}])"));
}

TEST_F(ConfigControlTest, AStateIsReadAsAFileIs) {
    const auto state = json::parse(R"({"tunables": {"sloppy_tcp": 1},
        "apps": [{"name": "ftp", "ports": [21]}],
        "services": [{"protocol": "tcp", "address": "192.0.2.10:80", "scheduler": "wrr",
                      "servers": [{"address": "10.1.0.11:80", "weight": 3}]}]})");
    const auto done = result("config.apply", {{"state", state}}).as_object();
    EXPECT_EQ(done.at("changes"), 4);
    EXPECT_EQ(done.at("needs_restart"), json::array()) << "what it leaves out stays";
    const auto text = fixed + R"(tunables = { sloppy_tcp = 1; };
        apps = ( { name = "ftp"; ports = [ 21 ]; } );
        services = ( { protocol = "tcp"; address = "192.0.2.10:80"; scheduler = "wrr";
                       servers = ( { address = "10.1.0.11:80"; weight = 3; } ); } );)";
    EXPECT_EQ(result("config.diff", {{"text", text}}).at("changes"), 0);
    const auto restart = result("config.diff", {{"state", {{"workers", 3}}}}).at("needs_restart");
    EXPECT_EQ(restart, json::array({"workers"}));
}

TEST_F(ConfigControlTest, ErrorsHaveTheKeyAsTheirPath) {
    const auto saved = control.config.save();
    const auto of_text = error("config.apply", {{"name", "a.conf"}, {"text", fixed + R"(services = (
        { address = "192.0.2.10:80"; servers = ( { address = "10.1.0.11:80"; weight = -1; } ); }
        );)"}});
    EXPECT_EQ(of_text, json::parse(R"({"code":-32602,"message":"a.conf:4: services[0].servers[0])"
                                   R"(.weight: -1 is out of range, expected 0 to 2147483647",
        "data":{"path":"services[0].servers[0].weight","errno":"EINVAL"}})"));
    const auto of_state = error("config.apply", {{"state", json::parse(R"({"services":
        [{"address":"192.0.2.10:80","servers":[{"address":"10.1.0.11:80","weight":-1}]}]})")}});
    EXPECT_EQ(of_state, json::parse(R"({"code":-32602,"message":"services[0].servers[0].weight: )"
                                    R"(-1 is out of range, expected 0 to 2147483647",
        "data":{"path":"services[0].servers[0].weight","errno":"EINVAL"}})"));
    const auto path = [&](const json::object& params) {
        return error("config.check", params).at("data").at("path");
    };
    EXPECT_EQ(path({{"text", "ports = ("}}), "text");
    EXPECT_EQ(path({{"text", "@include \"/etc/passwd\"\n"}}), "text");
    EXPECT_EQ(path({{"state", 5}}), "state");
    EXPECT_EQ(error("config.check", {{"state", 5}}).at("message"),
              "state: is a number, expected a group {...}");
    EXPECT_TRUE(error("config.check", {{"state", {{"a", 1}}}})
                    .at("message")
                    .as_string()
                    .starts_with("a: unknown key; known here: workers, "));
    EXPECT_EQ(path({{"state", {{"wrkers", 1}}}}), "wrkers");
    EXPECT_EQ(path({{"state", {{"marks", {{{"mark", 1}, {"port", "eth9"}}}}}}}), "marks[0].port");
    EXPECT_EQ(path({{"state", {{"workers", 18446744073709551615ULL}}}}), "workers");
    EXPECT_EQ(path({{"state", {{"workers", nullptr}}}}), "workers");
    EXPECT_EQ(path({}), "text");
    EXPECT_EQ(path({{"text", ""}, {"state", json::object()}}), "text");
    EXPECT_EQ(path({{"name", "x"}, {"state", json::object()}}), "name");
    EXPECT_EQ(control.config.save(), saved);
}

TEST_F(ConfigControlTest, IncludesComeWithTheRequest) {
    const json::array includes{{{"name", "/etc/shunt/web.conf"}, {"text", web}}};
    const json::object good{{"name", "/etc/shunt/shunt.conf"},
                            {"text", fixed + "@include \"web.conf\"\n"},
                            {"includes", includes}};
    EXPECT_EQ(result("config.diff", good).at("changes"), 5);
    auto bad = good;
    bad["includes"] = {{{"name", "/etc/shunt/web.conf"}, {"text", "\nservices = ( { } );\n"}}};
    EXPECT_EQ(error("config.diff", bad).at("message"),
              "/etc/shunt/web.conf:2: services[0].address: is missing");
}

TEST_F(ConfigControlTest, AnAnswerHasAsManyRowsAsAreWanted) {
    const auto all = result("config.diff", {{"text", fixed + web}});
    EXPECT_EQ(all.at("left_out"), 0);
    ASSERT_EQ(all.at("services").as_array().size(), 2U);
    const auto rows = [&](int most) {
        const auto some = result("config.diff", {{"text", fixed + web}, {"rows", most}});
        EXPECT_EQ(some.at("changes"), all.at("changes")) << "whatever is listed";
        std::size_t listed = 0;
        for (const auto& service : some.at("services").as_array())
            listed += 1 + service.at("servers").as_array().size();
        EXPECT_EQ(listed + json::value_to<std::size_t>(some.at("left_out")), 5U) << most;
        return listed;
    };
    for (const int most : {0, 1, 2, 3, 4, 5}) EXPECT_EQ(rows(most), std::size_t(most));
    EXPECT_EQ(rows(1'000'000), 5U);
    EXPECT_EQ(result("config.diff", {{"text", fixed + web}, {"rows", 3}}).at("services").at(0),
              all.at("services").at(0));
    EXPECT_EQ(error("config.diff", {{"text", fixed}, {"rows", -1}}).at("data").at("path"), "rows");
}

TEST_F(ConfigControlTest, WhatWasDoneIsListedInPartUnlessMoreIsAskedFor) {
    std::string many = fixed + "services = (\n";
    for (int i = 0; i < 1100; ++i)
        many += (i == 0 ? "{ mark = " : ",{ mark = ") + std::to_string(i + 1) + "; }";
    many += ");\n";
    EXPECT_EQ(result("config.apply", {{"text", many}, {"dry_run", true}}).at("left_out"), 0);
    const auto done = result("config.apply", {{"text", many}});
    EXPECT_EQ(done.at("changes"), 1100);
    EXPECT_EQ(done.at("services").as_array().size(), 1000U);
    EXPECT_EQ(done.at("left_out"), 100);
    EXPECT_EQ(result("config.apply", {{"text", fixed}, {"rows", 5000}}).at("left_out"), 0);
}

/// Puts the level of the whole program back.
class LogLevelTest : public ConfigControlTest {
  protected:
    ~LogLevelTest() override { spdlog::set_level(spdlog::level::info); }
};

TEST_F(LogLevelTest, ChangesWhileTheDaemonRuns) {
    EXPECT_EQ(result("log.get", {}),
              (json::value{{"level", "info"}, {"verbose", 0}, {"written", "info"}}));
    EXPECT_EQ(result("log.set", {{"level", "error"}}).at("written"), "error");
    EXPECT_EQ(spdlog::get_level(), spdlog::level::err);
    const auto publications_before = publications();
    EXPECT_EQ(error("log.set", {{"level", "loud"}}).at("message"),
              "level: \"loud\" is not known, expected one of trace, debug, info, warn, error");
    EXPECT_EQ(error("log.set", {}).at("data").at("path"), "level");
    EXPECT_EQ(spdlog::get_level(), spdlog::level::err);
    EXPECT_EQ(publications(), publications_before) << "workers have nothing to do with it";
    EXPECT_NE(control.config.save().find("level = \"error\""), std::string::npos);
}

TEST_F(LogLevelTest, TheLastOneThatWasSaidCounts) {
    result("log.set", {{"level", "debug"}});
    EXPECT_EQ(apply("log = { level = \"warn\"; };").values.size(), 1U);
    EXPECT_EQ(result("log.get", {}).at("level"), "warn");
    result("log.set", {{"level", "debug"}});
    EXPECT_EQ(apply("").values.size(), 1U) << "a configuration without a level sets the default";
    EXPECT_EQ(spdlog::get_level(), spdlog::level::info);
}

TEST_F(LogLevelTest, VerboseIsAddedWhoeverSetsTheLevel) {
    auto started = test::Control::started();
    started.verbose = 1;
    ConfigControl verbose({control.registry, control.publisher, control.marks, control.apps,
                           control.defence, control.lister, control.events},
                          started, scheduler_names());
    verbose.set_log_level("warn");
    EXPECT_EQ(spdlog::get_level(), spdlog::level::info);
    EXPECT_TRUE(verbose.diff(verbose.parse(fixed + "log = { level = \"warn\"; };", "FILE", {}))
                    .values.empty())
        << "it is no difference between the file and what runs";
    verbose.apply(verbose.parse(fixed, "FILE", {}));
    EXPECT_EQ(spdlog::get_level(), spdlog::level::debug);
}

TEST_F(ConfigControlTest, ReloadNeedsAFile) {
    EXPECT_EQ(error("config.reload", {}).at("data").at("errno"), "ENOENT");
}

TEST_F(ConfigControlTest, ReloadReadsTheFileAgain) {
    const auto path = std::filesystem::temp_directory_path() /
                      ("shunt-reload-" + std::to_string(getpid()) + ".conf");
    const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
    write(fixed);
    const auto started = load_config(path, scheduler_names());
    ConfigControl of_file({control.registry, control.publisher, control.marks, control.apps,
                           control.defence, control.lister, control.events},
                          started, scheduler_names());
    control.registry.add_service(key("192.0.2.77:1"), {});
    write(fixed + web);
    EXPECT_EQ(of_file.reload().size(), 6U) << "the operator's service goes";
    EXPECT_EQ(control.registry.services(), 2U);
    write(fixed + web + "\nworkers = 1;\n");
    EXPECT_THROW(of_file.reload(), ConfigError);
    EXPECT_EQ(control.registry.services(), 2U);
    write(fixed + "tunables = { drop_entry = 9; };");
    EXPECT_THROW(of_file.reload(), ConfigError);
    EXPECT_EQ(control.registry.services(), 2U);
    EXPECT_NE(of_file.reload_problem().find(":3: tunables.drop_entry: "), std::string::npos)
        << of_file.reload_problem();
    write(fixed + web);
    EXPECT_EQ(of_file.reload().size(), 0U);
    EXPECT_EQ(of_file.reload_problem(), "");
    std::filesystem::remove(path);
    EXPECT_THROW(of_file.reload(), ConfigError);
    EXPECT_EQ(control.registry.services(), 2U);
}

TEST_F(ConfigControlTest, EventsTellWhatWasAppliedAndSaved) {
    std::vector<std::string> heard;
    const auto all = control.events.subscribe(EventKinds().set(), [&heard](const Event& event) {
        heard.push_back(std::string(name(event.kind)) + json::serialize(event.about));
    });
    result("config.apply", {{"text", fixed + web}});
    result("config.apply", {{"text", fixed + web}});
    result("config.diff", {{"text", fixed}});
    result("config.apply", {{"text", fixed}, {"dry_run", true}});
    error("config.apply", {{"text", "workers = 0;"}});
    result("config.save", {});
    EXPECT_EQ(heard, (std::vector<std::string>{R"(config.applied{"changes":5,"services":2})",
                                               R"(config.saved{"services":2})"}));
}

/// A key that nobody has thought of would neither change nor be named.
TEST(ConfigDiff, KnowsHowEachKeyChanges) {
    for (const auto& key : config_keys())
        EXPECT_TRUE(change_of(key.name).has_value()) << key.name << ": add it to config_diff.cpp";
    EXPECT_EQ(change_of("services[].servers[].weight"), KeyChange::at_once);
    EXPECT_EQ(change_of("ports[].mtu"), KeyChange::with_restart);
    EXPECT_EQ(change_of("portsmith"), std::nullopt);
}

}  // namespace
}  // namespace shunt::ctl
