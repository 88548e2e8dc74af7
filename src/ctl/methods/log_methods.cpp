// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/log_methods.h"

#include <string>

#include "ctl/config/config_text.h"
#include "ctl/config/words.h"
#include "ctl/log/log_setup.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

json::object log_json(const ConfigControl& config) {
    return {{"level", config.log_level()},
            {"verbose", config.verbose()},
            {"written", more_verbose(config.log_level(), config.verbose())}};
}

std::string read_level(const Params& p) {
    const std::string_view level = p.text("level");
    const auto found = find_word(log_level_words(), level);
    if (!found)
        p.fail("level",
               quote(level) + " is not known, expected one of " + list_words(log_level_words()));
    return *found;
}

}  // namespace

std::vector<Method> log_methods(ConfigControl& config) {
    return {direct("log.get", {}, [&config](const Params&) { return log_json(config); }),
            direct("log.set", {{"level", true}}, [&config](const Params& p) {
                config.set_log_level(read_level(p));
                return log_json(config);
            })};
}

}  // namespace shunt::ctl
