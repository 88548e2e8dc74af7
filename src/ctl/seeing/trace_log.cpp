// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/seeing/trace_log.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <boost/json/object.hpp>
#include <cstring>
#include <ctime>

#include "conn/sctp_state.h"
#include "conn/tcp_state.h"
#include "dataplane/watch_mark.h"
#include "net/parse.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

/// "2026-03-01T12:00:00.123456789Z"
std::string time_text(std::uint64_t ns) {
    constexpr std::uint64_t second = 1'000'000'000;
    const auto seconds = static_cast<std::time_t>(ns / second);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 32> text;
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    return fmt::format("{}.{:09}Z", std::string_view(text.data(), size), ns % second);
}

std::string flags_text(std::uint8_t flags) {
    constexpr std::array<std::string_view, 8> names{"FIN", "SYN", "RST", "PSH",
                                                    "ACK", "URG", "ECE", "CWR"};
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        if ((flags >> i & 1) != 0) text += ' ' + std::string(names[i]);
    return text;
}

template <class F>
std::string tuple_text(const PacketMeta& meta) {
    const auto& t = meta.tuple<F>();
    if (!meta.has_ports)
        return fmt::format("protocol {}, {} > {}", static_cast<unsigned>(t.protocol),
                           to_string(IpAddress(t.source)), to_string(IpAddress(t.destination)));
    return fmt::format(
        "{} {} > {}{}", to_string(t.protocol), to_string(Endpoint{t.source, t.source_port}),
        to_string(Endpoint{t.destination, t.destination_port}), flags_text(meta.tcp_flags));
}

std::string frame_text(const WatchedPacket& packet) {
    PacketMeta meta;
    const PacketReader frame(packet.bytes);
    const bool sound = !parse(frame, packet.record.length, meta, HeaderChecksum::verified);
    std::string text = !sound                              ? "no sound headers"
                       : meta.network == NetworkKind::ipv4 ? tuple_text<Ipv4>(meta)
                       : meta.network == NetworkKind::ipv6 ? tuple_text<Ipv6>(meta)
                                                           : "not IP";
    return fmt::format("{}, {} bytes", text, packet.record.length);
}

std::string device_text(DeviceIndex device, const std::vector<std::string>& ports) {
    const std::size_t port = device.value / 2U;
    const std::string name = port < ports.size() ? ports[port] : "port " + std::to_string(port);
    return device.value % 2 == 0 ? name : "the host, by " + name;
}

std::string_view state_text(const TracedConn& conn, std::uint8_t state) {
    if (conn.protocol == Protocol::tcp) return tcp_state_name(static_cast<TcpState>(state));
    if (conn.protocol == Protocol::sctp) return sctp_state_name(static_cast<SctpState>(state));
    return "UDP";
}

std::string_view method_text(ForwardMethod method) {
    switch (method) {
        case ForwardMethod::nat:
            return "nat";
        case ForwardMethod::direct:
            return "direct";
        case ForwardMethod::tunnel:
            return "tunnel";
        case ForwardMethod::bypass:
            return "bypass";
    }
    return "";
}

std::string_view direction_text(const TracedConn& conn) {
    return conn.direction == Direction::from_client ? "from the client" : "from the server";
}

std::string conn_text(const TracedConn& c) {
    return fmt::format("client {}, service {} {}{}{} -> {}", to_string(c.client),
                       to_string(c.protocol), to_string(c.virtual_service),
                       c.scheduler == nullptr ? "" : " ",
                       c.scheduler == nullptr ? "" : c.scheduler->name(), to_string(c.server));
}

std::string parse_text(const TracePass& pass, const TraceStep& step) {
    if (!step.yes) return pass.dropped ? "refused" : "not IP: to the host";
    std::string text = pass.network == NetworkKind::ipv4 ? "ok: IPv4" : "ok: IPv6";
    if (pass.taken_over) text += ", taken over from another worker";
    return text;
}

std::string classify_text(const TracePass& pass, const TraceStep& step) {
    if (step.yes)
        return pass.fragment == FragmentKind::joined ? "mine, put together from fragments" : "mine";
    if (pass.icmp_error)
        return pass.dropped ? "ICMP error, refused" : "ICMP error, goes its own way";
    if (pass.held) return "a fragment that waits for the others";
    return pass.dropped ? "refused" : "not mine: goes elsewhere";
}

std::string admit_text(const TraceStep& step, const TracePass& pass) {
    if (step.yes) return "new connection: " + conn_text(step.conn);
    return pass.dropped ? "refused" : "opens no connection";
}

std::string advance_text(const TraceStep& step) {
    if (step.again) return "the connection is over; the packet opens another one";
    const auto before = state_text(step.conn, step.state_before);
    const auto after = state_text(step.conn, step.conn.state);
    return before == after ? fmt::format("state {}", after)
                           : fmt::format("state {} -> {}", before, after);
}

std::string hop_text(const TraceStep& step, const TracePass& pass,
                     const std::vector<std::string>& ports) {
    if (!step.conn.next_hop_known)
        return pass.held ? "next hop's link address not known: held" : "way looked up again";
    MacAddress mac;
    std::memcpy(&mac, step.conn.next_hop.l2.data(), sizeof(mac));
    return fmt::format("next hop {} by {}", to_string(mac),
                       device_text(DeviceIndex::of_port(step.conn.next_hop.port), ports));
}

std::string forward_text(const TraceStep& step, const TracePass& pass) {
    std::string text(method_text(step.conn.method));
    if (!step.yes) return text + ": refused";
    if (pass.split > 0) text += fmt::format(", in {} pieces", pass.split + 1);
    return text;
}

void add_step(std::vector<TraceLine>& lines, const TraceStep& step, const TracePass& pass,
              const std::vector<std::string>& ports) {
    switch (step.stage) {
        case TraceStage::parse:
            lines.push_back({"parse", parse_text(pass, step)});
            return;
        case TraceStage::classify:
            lines.push_back({"classify", classify_text(pass, step)});
            return;
        case TraceStage::lookup:
            lines.push_back({"lookup", !step.yes
                                           ? "miss"
                                           : fmt::format("hit, {}: {}", direction_text(step.conn),
                                                         conn_text(step.conn))});
            return;
        case TraceStage::admit:
            lines.push_back({"admit", admit_text(step, pass)});
            return;
        case TraceStage::advance:
            lines.push_back({"advance", advance_text(step)});
            return;
        case TraceStage::forward:
            lines.push_back({"forward", forward_text(step, pass)});
            if (step.yes) lines.push_back({"resolve", hop_text(step, pass, ports)});
            return;
    }
}

std::vector<TraceLine> pass_lines(const WatchedPacket& packet,
                                  const std::vector<std::string>& ports) {
    std::vector<TraceLine> lines;
    TracePass pass;
    if (packet.bytes.size() != sizeof(pass)) return lines;
    std::memcpy(&pass, packet.bytes.data(), sizeof(pass));
    for (std::size_t i = 0; i < std::min<std::size_t>(pass.count, pass.steps.size()); ++i)
        add_step(lines, pass.steps[i], pass, ports);
    if (pass.generated) lines.push_back({"icmp", "an answer of the balancer's own was made"});
    return lines;
}

}  // namespace

std::vector<TraceLine> trace_lines(const WatchedPacket& packet,
                                   const std::vector<std::string>& ports) {
    const WatchRecord& r = packet.record;
    switch (r.event) {
        case WatchEvent::arrived:
            return {{"receive", "by " + device_text(r.device, ports) + ": " + frame_text(packet)}};
        case WatchEvent::left:
            return {{"send", "to " + device_text(r.device, ports) + ": " + frame_text(packet)}};
        case WatchEvent::handed:
            return {{"handoff", "to worker " + std::to_string(r.to.value())}};
        case WatchEvent::dropped: {
            const auto& reason = drop_reason_texts[r.reason];
            return {{"drop", fmt::format("{}: {}", reason.name, reason.text)}};
        }
        case WatchEvent::passed:
            return pass_lines(packet, ports);
    }
    return {};
}

void TraceLog::take(const WatchedPacket& packet) {
    for (auto& line : trace_lines(packet, ports_)) {
        const std::size_t size = line.decision.size() + 100;
        unread_ += size;
        bytes_ += size;
        steps_.push_back(json::object{{"packet", watch_number(packet.record.number)},
                                      {"time", time_text(packet.time)},
                                      {"worker", packet.worker.value()},
                                      {"stage", line.stage},
                                      {"decision", std::move(line.decision)}});
    }
}

json::array TraceLog::read() {
    unread_ = 0;
    return std::exchange(steps_, json::array());
}

}  // namespace shunt::ctl
