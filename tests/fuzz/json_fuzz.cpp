// SPDX-License-Identifier: BSD-3-Clause
// Whatever bytes come over the control socket: each line of the input goes through the dispatcher
// to the real method table and registry. An answer is one line of JSON, or nothing, an error has
// published nothing, a reader changes nothing, and the published services stay what the registry
// says.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "support/control.h"

namespace {

void check(bool good) {
    if (!good) std::abort();
}

/// Was it refused?
bool check_answer(std::string_view answer) {
    if (answer.empty()) return false;
    check(answer.back() == '\n' && answer.find('\n') == answer.size() - 1);
    boost::system::error_code error;
    const auto value = boost::json::parse(answer.substr(0, answer.size() - 1), error);
    check(!error && value.is_object());
    const auto& object = value.get_object();
    check(object.contains("result") != object.contains("error") && object.contains("id"));
    return object.contains("error");
}

std::string ask_as_reader(shunt::test::Control& control, std::string_view line) {
    std::string answer;
    std::string audited;
    shunt::ctl::dispatch_line(
        line, control.methods, [&answer](std::string a) { answer = std::move(a); },
        {.caller = {.who = {}, .access = shunt::ctl::Access::read},
         .audit = [&audited](const auto& record) { audited = audit_line(record); }});
    control.io.restart();
    control.io.run();
    check(audited.size() < 4096 && audited.find('\n') == std::string::npos);
    return answer;
}

void check_published(const shunt::test::Control& control) {
    const auto& table = *control.publisher.current().services;
    const auto views = control.registry.list();
    check(table.services().size() == views.size());
    for (const auto& view : views) {
        const auto published = std::ranges::find_if(
            table.services(), [&](const auto& service) { return service->key == view.key; });
        check(published != table.services().end());
        const auto& servers = (*published)->servers;
        check(servers.size() == view.servers.size());
        for (std::size_t i = 0; i < servers.size(); ++i) {
            const auto& slot = table.slot(servers[i].id);
            check(slot.in_use && slot.available && slot.endpoint == servers[i].endpoint &&
                  slot.endpoint == view.servers[i].server.endpoint &&
                  slot.weight == view.servers[i].server.weight);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    shunt::test::Control control;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(line.size() == rest.size() ? line.size() : line.size() + 1);
        const auto before = control.publisher.current().generation;
        const bool refused = check_answer(control.ask(line));
        check(!refused || control.publisher.current().generation == before);
        const auto after = control.publisher.current().generation;
        check_answer(ask_as_reader(control, line));
        check(control.publisher.current().generation == after);
    }
    check_published(control);
    return 0;
}
