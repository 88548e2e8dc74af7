// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/command_context.h"

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <sstream>
#include <utility>

#include "shuntctl/pages.h"
#include "shuntctl/watch.h"

namespace shunt::cli {

namespace json = boost::json;

CommandContext::CommandContext(const ShuntctlWorld& world)
    : out_(world.out.rdbuf()),
      world_{world.socket_path,
             world.connect,
             out_,
             world.err,
             world.terminal != nullptr ? world.terminal : &no_terminal_,
             world.progress,
             world.listen} {}

void CommandContext::add_to(CommandTree& tree) {
    auto& app = tree.root();
    app.add_option("--socket", world_.socket_path,
                   "the daemon's socket; default: $SHUNT_SOCKET, or /run/shunt/shunt.sock")
        ->type_name("PATH");
    app.add_flag("--json", json_, "print the daemon's answer as JSON");
    app.add_option("--watch", watch_, "show again and again, every so many seconds; default 2")
        ->check(CLI::Range(0.1, 86400.0))
        ->type_name("[SECONDS]");
    app.set_version_flag("--version", "shuntctl " SHUNT_VERSION, "print the version");
}

json::value CommandContext::call(std::string_view method, const json::object& params) {
    if (!call_) call_ = world_.connect(world_.socket_path);
    return call_whole(call_, method, params);
}

CommandContext::Do CommandContext::asking(const char* method, Show show, Params params) {
    return [this, method, show = std::move(show), params = std::move(params)] {
        const auto result = call(method, params ? params() : json::object());
        if (json_)
            world_.out << json::serialize(result) << '\n';
        else if (show)
            world_.out << show(result, width());
    };
}

std::size_t CommandContext::width() const {
    const auto size = world_.terminal->size();
    return size ? size->columns : 0;
}

void CommandContext::watch(const Do& action) {
    std::ostream real(out_.rdbuf());
    const auto frame = [&] {
        std::ostringstream text;
        auto* const before = out_.rdbuf(text.rdbuf());
        try {
            action();
        } catch (...) {
            out_.rdbuf(before);
            throw;
        }
        out_.rdbuf(before);
        return text.str();
    };
    const std::chrono::duration<double> every(watch_);
    run_watch({frame, [this] { call_ = nullptr; },
               std::chrono::duration_cast<std::chrono::milliseconds>(every), real, world_.err,
               *world_.terminal});
}

}  // namespace shunt::cli
