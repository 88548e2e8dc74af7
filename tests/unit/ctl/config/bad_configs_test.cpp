// SPDX-License-Identifier: BSD-3-Clause
// Some 200 configuration files that are wrong in one place each (tests/golden/bad-configs): every
// one is refused with its place, key and reason, as a file and over the control socket, and leaves
// everything as it was.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <iterator>
#include <vector>

#include "sched/registry.h"
#include "support/control.h"

namespace shunt::ctl {
namespace {

namespace json = boost::json;

const std::string folder = SHUNT_SOURCE_DIR "/tests/golden/bad-configs/";

std::string with_lines(std::string text) {
    for (std::size_t at = 0; (at = text.find("\\n", at)) != text.npos;) text.replace(at, 2, "\n");
    return text;
}

struct Mutation {
    std::string there;
    std::string instead;
    std::string error;  ///< "LINE: key: reason"
};

std::vector<Mutation> read_mutations() {
    std::ifstream file(folder + "mutations.txt");
    std::vector<Mutation> all;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("- ")) all.push_back({with_lines(line.substr(2)), {}, {}});
        if (line.starts_with("+")) all.back().instead = with_lines(line.substr(2));
        if (line.starts_with("= ")) all.back().error = line.substr(2);
    }
    return all;
}

class BadConfigs : public testing::Test {
  protected:
    BadConfigs() {
        std::ifstream file(folder + "good.conf");
        good.assign(std::istreambuf_iterator<char>(file), {});
    }
    [[nodiscard]] std::string mutated(const Mutation& by) const {
        std::string text = good;
        const auto at = text.find(by.there);
        EXPECT_NE(at, text.npos) << by.there;
        return at == text.npos ? text : text.replace(at, by.there.size(), by.instead);
    }

    std::string good;
    const std::vector<Mutation> mutations = read_mutations();
};

TEST_F(BadConfigs, TheGoodOneIsGoodAndThereAreMany) {
    EXPECT_NO_THROW(parse_config(good, "FILE", scheduler_names()));
    EXPECT_GE(mutations.size(), 200U);
}

TEST_F(BadConfigs, EachHasAPlaceAKeyAndAReason) {
    const std::string path = testing::TempDir() + "bad.conf";
    for (const auto& mutation : mutations) {
        std::ofstream(path) << mutated(mutation);
        try {
            load_config(path, scheduler_names());
            ADD_FAILURE() << mutation.instead << " was taken";
        } catch (const ConfigError& error) {
            std::string said = error.what();
            const auto in_folder = said.find('"' + testing::TempDir());
            if (in_folder != said.npos) said.erase(in_folder + 1, testing::TempDir().size());
            EXPECT_EQ(said, path + ':' + mutation.error) << mutation.instead;
        }
    }
    std::remove(path.c_str());
}

TEST_F(BadConfigs, NoneChangesARunningDaemon) {
    test::Control control;
    control.config.apply(control.config.parse(good, "FILE", {}));
    const auto saved = control.config.save();
    const auto generation = control.publisher.current().generation;
    for (const auto& mutation : mutations) {
        const json::object params{{"name", "FILE"}, {"text", mutated(mutation)}};
        const auto answer = json::parse(control.ask(json::serialize(json::object{
            {"jsonrpc", "2.0"}, {"id", 1}, {"method", "config.apply"}, {"params", params}})));
        const auto* error = answer.as_object().if_contains("error");
        ASSERT_NE(error, nullptr) << mutation.instead << ": " << json::serialize(answer);
        const std::string message(error->at("message").as_string());
        // A request may not include files, which is another reason.
        if (mutation.error.find("cannot be read") == mutation.error.npos) {
            EXPECT_EQ(message, "FILE:" + mutation.error);
        }
        EXPECT_FALSE(error->at("data").at("path").as_string().empty());
    }
    EXPECT_EQ(control.config.save(), saved);
    EXPECT_EQ(control.publisher.current().generation, generation);
}

}  // namespace
}  // namespace shunt::ctl
