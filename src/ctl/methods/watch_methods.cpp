// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/watch_methods.h"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <cerrno>

#include "base/base64.h"
#include "ctl/config/config_text.h"
#include "ctl/methods/rpc_read.h"
#include "ctl/seeing/capture_file.h"
#include "ctl/seeing/trace_log.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

constexpr std::uint64_t most_packets = 1'000'000;
constexpr std::uint64_t most_traced = 10'000;
constexpr std::uint64_t most_seconds = 3600;
constexpr std::uint64_t most_bytes = 1U << 30;
constexpr std::uint64_t least_snap = 64;
constexpr std::uint64_t most_snap = 65535;
/// Of a packet that is traced: enough for its headers.
constexpr std::uint32_t traced_snap = 256;
/// One answer's part of a file.
constexpr std::size_t bytes_a_read = 512U << 10;

using Ports = std::vector<WatchPort>;

/// Everything that the methods share.
struct Watching {
    WatchControl* control;
    std::function<Ports()> ports;

    [[nodiscard]] WatchControl& watch() const {
        if (control == nullptr) throw refused(ENOSYS, "packets cannot be watched here", "");
        return *control;
    }
};

WorkerId read_worker(const Params& filter, std::uint16_t workers) {
    const auto number = filter.number("worker", 0, 0xFFFF);
    if (number >= workers)
        filter.fail("worker", "is not there: workers are 0 to " + std::to_string(workers - 1));
    return WorkerId(static_cast<std::uint16_t>(number));
}

PortId read_port(const Params& filter, const Ports& ports) {
    const auto found = std::ranges::find(ports, filter.text("port"), &WatchPort::name);
    if (found == ports.end()) filter.fail("port", "is not there; port.list has all");
    return PortId(static_cast<std::uint16_t>(found - ports.begin()));
}

/// "filter" of a request.
void read_filter(const Params& p, WatchTask& task, const Ports& ports, std::uint16_t workers) {
    static const std::array<Parameter, 9> known{{{"protocol"},
                                                 {"client"},
                                                 {"virtual"},
                                                 {"server"},
                                                 {"address"},
                                                 {"l4_port"},
                                                 {"port"},
                                                 {"worker"},
                                                 {"dropped"}}};
    if (!p.has("filter")) return;
    const Params given = p.object("filter", known);
    task.filter = read_packet_filter(given);
    if (given.has("port")) task.port = read_port(given, ports);
    if (given.has("worker")) task.worker = read_worker(given, workers);
    task.dropped_only = given.flag("dropped");
    if (task.traces && task.dropped_only)
        given.fail("dropped", "is not for a trace: what becomes of a packet is known too late");
}

WatchTask read_task(const Params& p, const Watching& w, bool traces) {
    WatchTask task;
    task.traces = traces;
    read_filter(p, task, w.ports(), w.watch().workers());
    task.packets =
        static_cast<std::uint32_t>(traces ? p.number_or("packets", 1, most_traced, 10)
                                          : p.number_or("packets", 1, most_packets, 1000));
    task.time = std::chrono::seconds(p.number_or("seconds", 1, most_seconds, 60));
    task.bytes = traces ? most_bytes : p.number_or("bytes", 1, most_bytes, 64U << 20);
    task.snap = traces
                    ? traced_snap
                    : static_cast<std::uint32_t>(p.number_or("snap", least_snap, most_snap, 1600));
    return task;
}

std::vector<CaptureDevice> devices_of(const Ports& ports) {
    std::vector<CaptureDevice> devices;
    for (std::size_t i = 0; i < ports.size(); ++i) {
        const PortId id(static_cast<std::uint16_t>(i));
        devices.push_back({DeviceIndex::of_port(id), ports[i].name, "port of the balancer"});
        if (ports[i].twin)
            devices.push_back({DeviceIndex::of_twin(id), ports[i].name + " host",
                               "the kernel twin of the port: to and from the host"});
    }
    return devices;
}

WatchControl::Session read_session(const Params& p) {
    return static_cast<WatchControl::Session>(p.number("session", 1, 0xFFFF'FFFF));
}

void respond_with(const Respond& respond, json::object result) {
    respond(json::value(std::move(result)));
}

json::object state_json(const WatchControl::State& state) {
    const bool done = state.done && state.sink->unread() == 0;
    return {{"packets", state.packets},
            {"lost", state.lost},
            {"done", done},
            {"ended", state.why.empty() ? json::value(nullptr) : json::value(state.why)}};
}

template <class Sink>
Sink& sink_of(const WatchControl::State& state) {
    auto* sink = dynamic_cast<Sink*>(state.sink);
    if (sink == nullptr)
        throw refused(EINVAL, "the session is of the other kind: capture or trace", "session");
    return *sink;
}

std::function<void(WatchControl::Session)> told_session(const Respond& respond) {
    return [respond](WatchControl::Session session) {
        respond_with(respond, {{"session", session}});
    };
}

void start_capture(const Watching& w, const Params& p, const Respond& respond) {
    const WatchTask task = read_task(p, w, false);
    w.watch().start(
        task,
        std::make_unique<CaptureFile>("shuntd " SHUNT_VERSION, devices_of(w.ports()), task.snap),
        told_session(respond));
}

void start_trace(const Watching& w, const Params& p, const Respond& respond) {
    const WatchTask task = read_task(p, w, true);
    std::vector<std::string> names;
    for (const auto& port : w.ports()) names.push_back(port.name);
    w.watch().start(task, std::make_unique<TraceLog>(std::move(names)), told_session(respond));
}

/// Answers when there is something to read. `read` makes the result's own member of a sink.
template <class Sink, class Read>
void read_when_there(const Watching& w, const Params& p, const Respond& respond, const char* name,
                     Read read) {
    w.watch().read(read_session(p), [respond, name, read](const WatchControl::State& state) {
        try {
            json::value content = read(sink_of<Sink>(state));
            json::object result = state_json(state);
            result[name] = std::move(content);
            respond_with(respond, std::move(result));
        } catch (const RpcError& error) {
            respond(error);
        }
    });
}

void read_capture(const Watching& w, const Params& p, const Respond& respond) {
    read_when_there<CaptureFile>(w, p, respond, "data", [](CaptureFile& file) {
        return json::value(to_base64(file.read(bytes_a_read)));
    });
}

void read_trace(const Watching& w, const Params& p, const Respond& respond) {
    read_when_there<TraceLog>(w, p, respond, "steps",
                              [](TraceLog& log) { return json::value(log.read()); });
}

void stop(const Watching& w, const Params& p, const Respond& respond) {
    w.watch().stop(read_session(p));
    respond_with(respond, {});
}

}  // namespace

std::vector<Method> watch_methods(WatchControl* watch, std::function<Ports()> ports) {
    const auto w = std::make_shared<const Watching>(Watching{watch, std::move(ports)});
    const auto with = [&w](auto run) {
        return [w, run](const Params& p, const Respond& respond) { run(*w, p, respond); };
    };
    const std::vector<Parameter> session{{"session", true}};
    return {{"capture.start",
             {{"filter"}, {"packets"}, {"seconds"}, {"bytes"}, {"snap"}},
             with(start_capture)},
            {"capture.read", session, with(read_capture)},
            {"capture.stop", session, with(stop)},
            {"trace.start", {{"filter"}, {"packets"}, {"seconds"}}, with(start_trace)},
            {"trace.read", session, with(read_trace)},
            {"trace.stop", session, with(stop)}};
}

}  // namespace shunt::ctl
