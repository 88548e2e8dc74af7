// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/import_ipvsadm.h"

#include <sstream>

namespace shunt::cli {

namespace {

std::vector<std::string> words_of(const std::string& line) {
    std::vector<std::string> words;
    std::istringstream stream(line);
    for (std::string word; stream >> word;) {
        if (word.front() == '#') break;
        // Lines of a script name the command, with or without its folder.
        const auto command = word.substr(word.rfind('/') + 1);
        if (words.empty() && command == "ipvsadm") continue;
        words.push_back(word);
    }
    return words;
}

void carry_out(const Command& command, const ImportPlace& place, ImportPlan& plan) {
    const bool edit =
        command.action == Action::edit_service || command.action == Action::edit_server;
    switch (command.action) {
        case Action::add_service:
        case Action::edit_service:
            plan.put_service(place, *command.service, command.service_options, edit);
            return;
        case Action::add_server:
        case Action::edit_server:
            plan.put_server(place, *command.service, *command.server, command.server_options, edit);
            return;
        case Action::delete_service:
            return plan.remove_service(place, *command.service);
        case Action::delete_server:
            return plan.remove_server(place, *command.service, *command.server);
        case Action::flush:
            return plan.clear();
        case Action::set_timeouts:
            return plan.set_timeouts(place, command.timeouts);
        case Action::start_daemon:
            return plan.start_daemon(place, command.daemon);
        case Action::stop_daemon:
            return plan.stop_daemon(command.daemon);
        default:
            return plan.note(place, "this command makes nothing that could be carried over");
    }
}

}  // namespace

void import_ipvsadm(std::string_view text, const std::string& file, const Resolver& resolver,
                    ImportPlan& plan) {
    std::istringstream lines{std::string(text)};
    ImportPlace place{file, 0};
    for (std::string line; std::getline(lines, line);) {
        ++place.line;
        const auto words = words_of(line);
        if (words.empty()) continue;
        try {
            const auto command = parse_ipvsadm(words, "ipvsadm", resolver);
            if (command.unsupported.empty())
                carry_out(command, place, plan);
            else
                plan.note(place, "left out: " + command.unsupported);
        } catch (const ArgsError& error) {
            std::string why = error.what();
            why = why.substr(0, why.find('\n'));
            plan.note(place, "left out: ipvsadm would refuse this line: " + why);
        }
    }
}

}  // namespace shunt::cli
