// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/live_commands.h"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cmath>
#include <ostream>
#include <stdexcept>

#include "shuntctl/command_args.h"
#include "shuntctl/event_text.h"

namespace shunt::cli {

namespace json = boost::json;

void LiveCommands::add_to(CommandTree& tree) {
    add_events(tree);
    add_top(tree);
}

void LiveCommands::add_events(CommandTree& tree) {
    auto* const events = tree.noun(
        "events", "what happens, one line an event, until it is interrupted",
        [this] { print_events(); }, "shuntctl events server limit.reached");
    events
        ->add_option("KIND", kinds_,
                     "kinds of events: server.down, or server for all about servers; default: "
                     "all; the others are service, limit, defence, config and sync")
        ->type_name("");
}

void LiveCommands::print_events() {
    json::object params;
    if (!kinds_.empty()) params["kinds"] = json::array(kinds_.begin(), kinds_.end());
    const auto print = [this](const json::object& event) {
        context_.out() << (context_.as_json() ? json::serialize(event) : event_text(event))
                       << std::endl;
        return context_.out().good();
    };
    context_.world().listen(context_.world().socket_path, params, print);
}

void LiveCommands::add_top(CommandTree& tree) {
    auto* const top = tree.noun(
        "top", "live rates of services, servers or workers", [this] { show_top(); },
        "shuntctl top --view servers --sort inbps");
    top->add_option("--view", view_, "what to begin with; default services")
        ->check(one_of({"services", "servers", "workers"}))
        ->type_name("VIEW");
    top->add_option("--sort", top_.sort, "the column that orders it, such as cps or active")
        ->type_name("COLUMN");
    top->add_flag("--reverse", top_.reversed, "the other way round");
    top->add_option("--every", every_, "how often to look; default 2")
        ->check(CLI::Range(0.1, 86400.0))
        ->type_name("SECONDS");
    top->add_flag("--once", top_.once, "one table, of so many seconds, and no keys");
}

void LiveCommands::show_top() {
    top_.view = view_ == "workers"   ? TopView::workers
                : view_ == "servers" ? TopView::servers
                                     : TopView::services;
    top_.every = std::chrono::milliseconds(std::llround(every_ * 1000));
    top_.json = context_.as_json();
    const auto& world = context_.world();
    try {
        run_top(top_, {[&world] { return world.connect(world.socket_path); }, context_.out(),
                       world.err, *world.terminal});
    } catch (const std::invalid_argument& error) {
        throw CLI::ValidationError("--sort", error.what());
    }
}

}  // namespace shunt::cli
