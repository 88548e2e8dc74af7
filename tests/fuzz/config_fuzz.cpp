// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as a configuration, text or, when they are a JSON object, a state of config.apply: they
// are a Config that keeps its promises and that config.save would lead back to, or a ConfigError of
// one line with a place. Files cannot be reached: parse_config() refuses @include.
#include <boost/json/parse.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ctl/config/config.h"
#include "ctl/config/config_writer.h"
#include "ctl/state/service_change.h"

namespace {

using shunt::ctl::Config;

void require(bool good) {
    if (!good) std::abort();
}

void check_config(const Config& config) {
    require(config.workers >= 1 && config.workers <= 64);
    require(config.worker_cpus.empty() || config.worker_cpus.size() == config.workers);
    require(!config.ports.empty());
    for (const auto& port : config.ports) {
        require(!port.name.empty() && port.name.size() <= 15 && !port.device.empty());
        require((port.file == "fuzz" && port.line >= 1) ||
                (port.file == "state" && port.line == 0));
    }
    require(config.socket_path.size() <= 107 && config.socket_mode <= 0777);
    for (const auto& about : shunt::tunable_list) {
        const auto value = config.tunables.*about.value;
        require(value >= about.least && value <= about.most);
    }
    for (const auto& mark : config.marks) require(!shunt::problem(mark.rule));
    for (const auto& service : config.services) {
        const bool marked = service.key.mark != shunt::Mark{};
        require(marked != (service.key.endpoint.port.value() != 0));
        for (const auto& server : service.servers)
            require(server.forward == shunt::ForwardMethod::tunnel ||
                    server.address.address.family() == service.key.endpoint.address.family());
    }
}

const std::vector<std::string> schedulers{"rr", "wlc", "wrr"};

/// What would be written of it is the same again.
void check_saved(const Config& config) {
    using shunt::ctl::diff_services;
    const auto text = shunt::ctl::write_config(config.source, {.services = config.services,
                                                               .tunables = config.tunables,
                                                               .marks = config.marks,
                                                               .apps = config.apps,
                                                               .ftp = config.ftp,
                                                               .log_level = config.log_level});
    const auto again = shunt::ctl::parse_config(text, "saved", schedulers);
    require(again.marks == config.marks && again.apps == config.apps);
    require(again.log_level == config.log_level);
    for (const auto& about : shunt::tunable_list)
        require(again.tunables.*about.value == config.tunables.*about.value);
    const auto a = diff_services({}, config.services);
    const auto b = diff_services({}, again.services);
    require(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        require(a[i].key == b[i].key && a[i].after == b[i].after);
        require(a[i].servers.size() == b[i].servers.size());
        for (std::size_t s = 0; s < a[i].servers.size(); ++s)
            require(a[i].servers[s].after == b[i].servers[s].after);
    }
}

void check_error(std::string_view error, std::string_view name) {
    require(error.starts_with(name));
    error.remove_prefix(name.size());
    const auto digits = error.find_first_not_of("0123456789");
    require(digits != 0 && digits != error.npos && error.substr(digits, 2) == ": ");
    require(error.find(": ", digits + 2) != error.npos);
    require(error.find('\n') == error.npos);
}

}  // namespace

/// libconfig 1.5 loses the text that it was reading when it meets a syntax error.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libconfig";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static const Config running = shunt::ctl::parse_config(
        "ports = ( { name = \"wan0\"; device = \"net_null0\"; } );", "fuzz", schedulers);
    boost::json::error_code not_json;
    boost::json::parse_options options;
    options.max_depth = 16;
    const auto state = boost::json::parse(text, not_json, {}, options);
    const bool is_state = !not_json && state.is_object();
    try {
        const auto config = is_state ? shunt::ctl::read_state(state, running, schedulers)
                                     : shunt::ctl::parse_config(text, "fuzz", schedulers);
        check_config(config);
        check_saved(config);
    } catch (const shunt::ctl::ConfigError& error) {
        check_error(error.what(), is_state ? "state:" : "fuzz:");
    }
    return 0;
}
