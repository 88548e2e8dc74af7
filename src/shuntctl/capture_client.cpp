// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/capture_client.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <iomanip>
#include <ostream>

#include "base/base64.h"
#include "shuntctl/rows.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

volatile std::sig_atomic_t interrupt_seen = 0;

void see_interrupt(int) {
    interrupt_seen = 1;
}

bool catch_interrupts() {
    struct sigaction action {};
    action.sa_handler = see_interrupt;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    // A reader behind a pipe that goes away is seen when writing fails.
    std::signal(SIGPIPE, SIG_IGN);
    return true;
}

bool is_done(const json::value& answer) {
    const auto* object = answer.if_object();
    const auto* done = object != nullptr ? object->if_contains("done") : nullptr;
    if (done == nullptr || !done->is_bool())
        throw Unreachable("the daemon's answer does not say whether more comes");
    return done->get_bool();
}

void tell_end(const CaptureWorld& world, const json::value& last) {
    world.err << member_text(last, "packets") << " packets matched";
    if (const auto lost = member_count(last, "lost"); lost != 0)
        world.err << ", " << lost << " records were lost for want of room";
    world.err << "; ended by: " << member_text(last, "ended") << '\n';
}

/// Reads from the session of `noun` until it ends; `show` writes an answer.
void read_all(const CaptureWorld& world, const std::string& noun, const json::object& params,
              const std::function<void(const json::value&)>& show) {
    static_cast<void>(world.interrupted());
    const auto started = world.call(noun + ".start", params);
    const json::object session{{"session", member_count(started, "session")}};
    world.err << "watching; Ctrl-C ends it" << std::endl;
    bool stopped = false;
    for (;;) {
        const auto answer = world.call(noun + ".read", session);
        show(answer);
        world.out.flush();
        if (is_done(answer)) return tell_end(world, answer);
        if (stopped || (!world.interrupted() && world.out.good())) continue;
        world.call(noun + ".stop", session);
        stopped = true;
    }
}

/// Lines of one packet on one worker stand together under a head.
class TraceText {
  public:
    explicit TraceText(std::ostream& out) : out_(out) {}

    void show(const json::value& step) {
        const auto packet = member_count(step, "packet");
        const auto worker = member_count(step, "worker");
        if (packet != packet_ || worker != worker_ || first_)
            out_ << '#' << packet << "  " << member_text(step, "time") << "  worker " << worker
                 << '\n';
        first_ = false;
        packet_ = packet;
        worker_ = worker;
        out_ << "    " << std::left << std::setw(9) << member_text(step, "stage") << ' '
             << member_text(step, "decision") << '\n';
    }

  private:
    std::ostream& out_;
    bool first_ = true;
    std::uint64_t packet_ = 0;
    std::uint64_t worker_ = 0;
};

}  // namespace

bool was_interrupted() {
    static const bool caught = catch_interrupts();
    return caught && interrupt_seen != 0;
}

void run_capture(const CaptureWorld& world, const json::object& params) {
    read_all(world, "capture", params, [&](const json::value& answer) {
        const auto bytes = from_base64(member_word(answer, "data"));
        if (!bytes) throw Unreachable("the daemon's answer holds no part of a file");
        world.out.write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
    });
}

void run_trace(const CaptureWorld& world, const json::object& params, bool as_json) {
    TraceText text(world.out);
    read_all(world, "trace", params, [&](const json::value& answer) {
        for (const auto& step : member_rows(answer, "steps"))
            if (as_json)
                world.out << json::serialize(step) << '\n';
            else
                text.show(step);
    });
}

}  // namespace shunt::cli
