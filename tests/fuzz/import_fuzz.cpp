// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as a configuration of ipvsadm or of keepalived: what is made of them is a configuration
// that shuntd takes, and each note is one line with a place. The first byte chooses the format.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ctl/config/config.h"
#include "sched/registry.h"
#include "shuntctl/import_command.h"

namespace {

using namespace shunt::cli;

void require(bool good) {
    if (!good) std::abort();
}

/// An include gives the including text again; keeps that from taking long.
constexpr std::size_t most_services = 64;

void check(const ImportPlan& plan) {
    for (const auto& note : plan.notes()) {
        require(note.place.line >= 1 && !note.place.file.empty());
        require(note.text.find('\n') == std::string::npos);
    }
    if (plan.services().size() > most_services) return;
    const auto text = import_text(plan, "fuzz", {{"wan0", "0000:01:00.0"}});
    static_cast<void>(shunt::ctl::parse_config(text, "fuzz", shunt::scheduler_names()));
}

}  // namespace

/// libconfig 1.5 loses the text that it was reading when it meets a syntax error.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libconfig";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Resolver nobody{.host = [](const std::string&) { return std::nullopt; },
                          .port = [](const std::string&, shunt::Protocol) { return std::nullopt; }};
    const ReadIncluded itself = [&](const std::string& pattern, const std::string&) {
        std::vector<std::pair<std::string, std::string>> files;
        if (pattern == "itself") files.emplace_back("itself", text);
        return files;
    };
    const auto format = data[0] % 2 == 0 ? ImportFormat::ipvsadm : ImportFormat::keepalived;
    check(import_plan(format, text, "fuzz", itself, nobody));
    return 0;
}
