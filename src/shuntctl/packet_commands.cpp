// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/packet_commands.h"

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include "shuntctl/drop_text.h"
#include "shuntctl/explain_text.h"

namespace shunt::cli {

namespace json = boost::json;

void PacketCommands::add_to(CommandTree& tree) {
    add_explain(tree);
    add_drops(tree);
    add_capture(tree);
}

void PacketCommands::add_explain(CommandTree& tree) {
    const auto params = [this] {
        auto all = packet_.params();
        if (!by_port_.empty()) all["port"] = by_port_;
        if (mark_ != 0) all["mark"] = mark_;
        return all;
    };
    auto* const explain = tree.noun("explain", "what would become of a packet, and why",
                                    context_.ask("explain", explain_text, params),
                                    "shuntctl explain tcp 198.51.100.7:40000 192.0.2.10:80");
    packet_.add_to(*explain);
    explain->add_option("--port", by_port_, "the port that it comes in by")->type_name("NAME");
    explain->add_option("--mark", mark_, "its mark, in place of that of the rules")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{4294967295}))
        ->type_name("NUMBER");
}

void PacketCommands::add_drops(CommandTree& tree) {
    auto* const drops = tree.noun(
        "drops", "the last packets that were dropped, by reason",
        context_.ask(
            "drop.list", [this](const json::value& result) { return drops_text(result, hex_); },
            [this] {
                json::object params;
                if (!drop_reason_.empty()) params["reason"] = drop_reason_;
                return params;
            }),
        "shuntctl drops no_destination --hex");
    drops->add_option("REASON", drop_reason_, "only those; `shuntctl stats` shows the reasons")
        ->type_name("");
    drops->add_flag("--hex", hex_, "with their first bytes");
}

void PacketCommands::add_capture(CommandTree& tree) {
    auto* const capture = tree.noun(
        "capture", "packets before and after, for Wireshark", [this] { capture_packets(); },
        "shuntctl capture tcp 192.0.2.10:80 -w - | tshark -r -");
    captured_.add_to(*capture, CaptureArgs::For::capture);
    capture->add_option("-w,--write", context_.file(), "the capture file; -: standard output")
        ->required()
        ->type_name("FILE");
    const auto show_trace = [this] {
        run_trace(capture_world(context_.out()), traced_.params(), context_.as_json());
    };
    traced_.add_to(*tree.noun("trace", "what the stages decide about the next packets", show_trace,
                              "shuntctl trace --client 198.51.100.7 --packets 5"),
                   CaptureArgs::For::trace);
}

CaptureWorld PacketCommands::capture_world(std::ostream& out) {
    return {.call = [this](std::string_view method,
                           const json::object& params) { return context_.call(method, params); },
            .out = out,
            .err = context_.world().err,
            .interrupted = was_interrupted};
}

void PacketCommands::capture_packets() {
    if (context_.file() == "-")
        return run_capture(capture_world(context_.out()), captured_.params());
    std::ofstream file(context_.file(), std::ios::binary | std::ios::trunc);
    if (file) run_capture(capture_world(file), captured_.params());
    file.close();
    if (!file)
        throw CLI::ValidationError("--write",
                                   context_.file() + " cannot be written: " + std::strerror(errno));
}

}  // namespace shunt::cli
