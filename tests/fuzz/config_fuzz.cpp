// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as a configuration: they are a Config that keeps its promises, or a ConfigError of one
// line with a place. Files cannot be reached: parse_config() refuses @include.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ctl/config.h"

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
        require(port.file == "fuzz" && port.line >= 1);
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

void check_error(std::string_view error) {
    constexpr std::string_view name = "fuzz:";
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
    try {
        check_config(shunt::ctl::parse_config(text, "fuzz", {"rr", "wlc", "wrr"}));
    } catch (const shunt::ctl::ConfigError& error) {
        check_error(error.what());
    }
    return 0;
}
