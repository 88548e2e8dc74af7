// SPDX-License-Identifier: BSD-3-Clause
// The engine of a persistent service, on its way from the configuration file or a request to the
// workers, and what it found, on its way back.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "ctl/config/config.h"
#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

const ServiceKey voice{
    .protocol = Protocol::udp, .endpoint = parse_endpoint("192.0.2.10:5060").value(), .mark = {}};
constexpr auto voice_json = R"("service":{"protocol":"udp","address":"192.0.2.10:5060"})";
constexpr auto persistent = R"(,"persistence":{"timeout":60})";

ServiceSettings with_engine() {
    return {.scheduler = "rr",
            .persistence = PersistenceConfig{.timeout = 60s, .engine = PersistenceEngine::sip}};
}

class Engine : public testing::Test {
  protected:
    json::object answer(const std::string& method, const std::string& params) {
        return json::parse(control.ask(R"({"jsonrpc":"2.0","id":1,"method":")" + method +
                                       R"(","params":{)" + params + "}}"))
            .as_object();
    }
    void good(const std::string& method, const std::string& params) {
        const auto told = answer(method, voice_json + params);
        EXPECT_TRUE(told.contains("result")) << json::serialize(told);
    }
    json::object error(const std::string& params) {
        const auto told = answer("service.add", voice_json + params);
        return told.contains("error") ? told.at("error").as_object() : json::object();
    }
    json::object listed() {
        return answer("service.list", voice_json).at("result").at("services").at(0).as_object();
    }
    [[nodiscard]] PersistenceEngine published() const {
        return control.publisher.current().services->services()[0]->persistence.value().engine;
    }

    test::Control control;
};

TEST_F(Engine, ReachesTheWorkersAndIsListed) {
    good("service.add", std::string(persistent) + R"(,"engine":"sip")");
    EXPECT_EQ(published(), PersistenceEngine::sip);
    EXPECT_EQ(listed().at("engine"), "sip");
    good("service.edit", persistent);
    EXPECT_EQ(published(), PersistenceEngine::none);
    EXPECT_FALSE(listed().contains("engine"));
    good("service.edit", std::string(persistent) + R"(,"engine":"sip")");
    EXPECT_EQ(published(), PersistenceEngine::sip);
    good("service.edit", std::string(persistent) + R"(,"engine":null)");
    EXPECT_EQ(published(), PersistenceEngine::none);
}

TEST_F(Engine, ThereIsNoOther) {
    const auto refused = error(std::string(persistent) + R"(,"engine":"rtsp")");
    EXPECT_EQ(refused.at("message"), "no persistence engine \"rtsp\", there is sip");
    EXPECT_EQ(refused.at("data").at("errno"), "ENOENT");
    EXPECT_EQ(refused.at("data").at("path"), "engine");
    EXPECT_EQ(control.registry.services(), 0U);
}

TEST_F(Engine, NeedsPersistence) {
    EXPECT_EQ(error(R"(,"engine":"sip")").at("message"), "engine: needs persistence");
    EXPECT_EQ(control.registry.services(), 0U);
}

TEST_F(Engine, ItsRoomIsMadeWithTheFirstSuchService) {
    AffinityTable templates(16, test::Control::servers, 1);
    const auto before = templates.bytes();
    ServiceRegistry registry(control.publisher, control.shared.dest_counters,
                             test::Control::servers, &templates, nullptr);
    const ServiceSettings plain{.persistence = PersistenceConfig{.timeout = 60s}};
    registry.add_service(voice, plain);
    EXPECT_EQ(templates.bytes(), before);
    registry.edit_service(voice, with_engine());
    EXPECT_EQ(templates.bytes(), before + 16 * sizeof(EngineData));
    registry.delete_service(voice);
    registry.load(std::vector<ServiceConfig>{{voice, with_engine(), {}}});
    EXPECT_EQ(templates.bytes(), before + 16 * sizeof(EngineData));
}

TEST_F(Engine, WhatItFoundIsListed) {
    control.registry.add_service(voice, with_engine());
    control.registry.add_server(voice, {.address = parse_endpoint("10.1.0.11:5070").value()});
    control.affinity = std::make_unique<AffinityTable>(16, test::Control::servers, 1);
    control.affinity->prepare_engine_data();
    const DestId dest = control.publisher.current().services->services()[0]->servers[0].id;
    const std::string_view name = "a\"b\\c@host";
    const auto found = control.affinity->take_or_make(
        {.client = {198, 51, 100, 7},
         .service = {192, 0, 2, 10},
         .port = L4Port(std::uint16_t{5060}),
         .protocol = Protocol::udp},
        {.dest = dest, .port = L4Port(std::uint16_t{5070}), .timeout = std::chrono::minutes(1)},
        control.now, [](DestId) { return AffinityTable::Verdict::usable; },
        EngineData(std::as_bytes(std::span(name))));
    ASSERT_TRUE(found);
    const auto rows = answer("conn.list", "").at("result").at("connections").as_array();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].at("engine"), "sip");
    EXPECT_EQ(rows[0].at("engine_data"), "a\"b\\c@host");
}

PersistenceConfig configured(const std::string& keys) {
    const auto config = parse_config(
        "ports = ( { name = \"p\"; device = \"net_null0\"; } );\n"
        "services = ( { protocol = \"udp\"; address = \"192.0.2.10:5060\"; " +
            keys + " } );",
        "test", {"wlc"});
    return config.services.at(0).settings.persistence.value();
}

TEST(EngineInTheFile, IsRead) {
    EXPECT_EQ(configured("persistence = 60; engine = \"sip\";").engine, PersistenceEngine::sip);
    EXPECT_EQ(configured("persistence = 60;").engine, PersistenceEngine::none);
}

TEST(EngineInTheFile, IsRefusedWhenItCannotBe) {
    const auto why = [](const std::string& keys) -> std::string {
        try {
            configured(keys);
        } catch (const ConfigError& e) {
            return e.what();
        }
        return "not refused";
    };
    EXPECT_EQ(why("persistence = 60; engine = \"rtsp\";"),
              "test:2: services[0].engine: \"rtsp\" is not known, expected one of \"sip\"");
    EXPECT_EQ(why("engine = \"sip\";").substr(0, 35), "test:2: services[0].persistence: cl")
        << why("engine = \"sip\";");
}

}  // namespace
}  // namespace shunt::ctl
