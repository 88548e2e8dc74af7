// SPDX-License-Identifier: BSD-3-Clause
#include "support/ftp_session.h"

#include <algorithm>

namespace shunt::test {

namespace {

using H = TcpHeader;
constexpr std::uint16_t control_port = 21;

std::uint32_t get32(const Frame& frame, std::size_t at) {
    return std::uint32_t{get16(frame, at)} << 16 | get16(frame, at + 2);
}

std::string address_at(const Frame& frame, const Addresses& a, bool destination) {
    const bool v4 = a.header == 20;
    const std::size_t at = 14 + (v4 ? 12U : 8U) + (destination ? (v4 ? 4U : 16U) : 0U);
    if (v4) {
        Ipv4Address address;
        std::memcpy(&address, frame.data() + at, sizeof(address));
        return to_string(IpAddress(address));
    }
    Ipv6Address address;
    std::memcpy(&address, frame.data() + at, sizeof(address));
    return to_string(IpAddress(address));
}

}  // namespace

SegmentOut segment_of(const Frame& frame, const Addresses& a) {
    EXPECT_EQ(checksum_problem(frame), "") << describe(frame);
    const std::size_t l4 = 14 + a.header;
    const std::size_t header = std::to_integer<std::size_t>(frame.at(l4 + 12) >> 4) * 4;
    SegmentOut out{.source = get16(frame, l4),
                   .destination = get16(frame, l4 + 2),
                   .seq = get32(frame, l4 + 4),
                   .ack = get32(frame, l4 + 8),
                   .flags = std::to_integer<std::uint8_t>(frame.at(l4 + 13)),
                   .window = get16(frame, l4 + 14),
                   .urgent = get16(frame, l4 + 18),
                   .options = {},
                   .data = {}};
    out.options.assign(frame.begin() + static_cast<std::ptrdiff_t>(l4 + 20),
                       frame.begin() + static_cast<std::ptrdiff_t>(l4 + header));
    for (std::size_t i = l4 + header; i < frame.size(); ++i)
        out.data += std::to_integer<char>(frame[i]);
    return out;
}

std::vector<SegmentOut> segments_of(const std::vector<Frame>& frames, const Addresses& a) {
    std::vector<SegmentOut> all;
    for (const Frame& frame : frames) all.push_back(segment_of(frame, a));
    return all;
}

void TcpEnd::take(const SegmentOut& segment) {
    if ((segment.flags & H::ack) != 0 && !seq_before(segment.ack, acked)) acked = segment.ack;
    if ((segment.flags & H::syn) != 0) expects = segment.seq + 1;
    const std::uint32_t end = segment.seq + static_cast<std::uint32_t>(segment.data.size());
    if (seq_before(expects, segment.seq) || !seq_before(expects, end)) return;
    received += segment.data.substr(expects - segment.seq);
    expects = end;
}

FtpSession::FtpSession(WorkerBench& bench, const Addresses& addresses, std::uint16_t client_port,
                       std::string_view server_address)
    : bench_(bench),
      a_(addresses),
      port_(client_port),
      server_(server_address.empty() ? addresses.server : server_address) {}

PacketBuilder FtpSession::from_client_end(std::uint8_t flags) const {
    return from_client(a_).tcp(port_, control_port, flags).sequence(client.next, client.expects);
}

PacketBuilder FtpSession::from_server_end(std::uint8_t flags) const {
    return PacketBuilder()
        .mac(server_mac, lan_mac)
        .ip(server_, a_.client)
        .tcp(control_port, port_, flags)
        .sequence(server.next, server.expects);
}

void FtpSession::collect() {
    bench_.settle();
    to_server = segments_of(bench_.sent(lan), a_);
    to_client = segments_of(bench_.sent(wan), a_);
    for (const SegmentOut& segment : to_server) server.take(segment);
    for (const SegmentOut& segment : to_client) client.take(segment);
}

void FtpSession::put_from_client(const Frame& frame) {
    bench_.put(wan, frame);
    collect();
}

void FtpSession::put_from_server(const Frame& frame) {
    bench_.put(lan, frame);
    collect();
}

void FtpSession::open(std::uint32_t client_first, std::uint32_t server_first) {
    client.next = client_first;
    server.next = server_first;
    put_from_client(from_client_end(H::syn).build());
    ++client.next;
    put_from_server(from_server_end(H::syn | H::ack).build());
    ++server.next;
    client.acked = client.next;
    server.acked = server.next;
    put_from_client(from_client_end(H::ack).build());
}

std::string FtpSession::say(bool by_client, std::string_view text, std::size_t piece) {
    TcpEnd& speaker = by_client ? client : server;
    TcpEnd& hearer = by_client ? server : client;
    const std::size_t before = hearer.received.size();
    for (std::size_t at = 0; at < text.size(); at += piece) {
        const auto part = text.substr(at, piece);
        const auto flags = static_cast<std::uint8_t>(H::ack | H::psh);
        by_client ? put_from_client(from_client_end(flags).payload(part).build())
                  : put_from_server(from_server_end(flags).payload(part).build());
        speaker.next += static_cast<std::uint32_t>(part.size());
        by_client ? put_from_server(from_server_end(H::ack).build())
                  : put_from_client(from_client_end(H::ack).build());
    }
    return hearer.received.substr(before);
}

std::string FtpSession::client_says(std::string_view text, std::size_t piece) {
    return say(true, text, piece);
}

std::string FtpSession::server_says(std::string_view text, std::size_t piece) {
    return say(false, text, piece);
}

std::string FtpSession::client_calls(std::uint16_t from, std::uint16_t to,
                                     std::string_view server_address, std::uint16_t server_port) {
    bench_.put(wan, from_client(a_).tcp(from, to, H::syn).build());
    bench_.settle();
    const auto out = bench_.sent(lan);
    static_cast<void>(bench_.sent(wan));
    if (out.size() != 1) return "nowhere";
    std::string went =
        address_at(out[0], a_, true) + ':' + std::to_string(segment_of(out[0], a_).destination);
    bench_.put(lan, PacketBuilder()
                        .mac(server_mac, lan_mac)
                        .ip(server_address, a_.client)
                        .tcp(server_port, from, H::syn | H::ack)
                        .build());
    bench_.settle();
    const auto back = bench_.sent(wan);
    if (back.size() != 1) return went + ", no answer";
    EXPECT_EQ(segment_of(back[0], a_).destination, from);
    return went + " as " + address_at(back[0], a_, false) + ':' +
           std::to_string(segment_of(back[0], a_).source);
}

std::string FtpSession::server_calls(std::uint16_t from, std::uint16_t to) {
    bench_.put(lan, PacketBuilder()
                        .mac(server_mac, lan_mac)
                        .ip(server_, a_.client)
                        .tcp(from, to, H::syn)
                        .build());
    bench_.settle();
    const auto out = bench_.sent(wan);
    if (out.size() != 1) return "nowhere";
    const SegmentOut call = segment_of(out[0], a_);
    std::string seen = address_at(out[0], a_, false) + ':' + std::to_string(call.source) + " > " +
                       std::to_string(call.destination);
    bench_.put(wan, from_client(a_).tcp(to, call.source, H::syn | H::ack).build());
    bench_.settle();
    const auto back = bench_.sent(lan);
    if (back.size() != 1) return seen + ", no answer";
    EXPECT_EQ(address_at(back[0], a_, true), to_string(ip(server_)));
    EXPECT_EQ(segment_of(back[0], a_).destination, from);
    return seen;
}

}  // namespace shunt::test
