// SPDX-License-Identifier: BSD-3-Clause
#include "support/broken_frames.h"

#include "net/headers.h"

namespace shunt::test {

namespace {

PacketBuilder v4() {
    return PacketBuilder().ipv4("192.0.2.7", "198.51.100.10");
}
PacketBuilder v6() {
    return PacketBuilder().ipv6("2001:db8::7", "2001:db8:1::10");
}
Frame behind_ethernet(const Frame& packet) {
    return {packet.begin() + sizeof(EthernetHeader), packet.end()};
}

constexpr std::size_t tcp = sizeof(TcpHeader);
constexpr std::size_t udp = sizeof(UdpHeader);
constexpr std::size_t sctp = sizeof(SctpHeader) + sizeof(SctpChunkHeader);

void add(Corpus& corpus, const Sound& from, const std::string& what, Frame frame,
         std::string outcome = "") {
    corpus.push_back({from.name + " " + what, std::move(frame), std::move(outcome)});
}

Frame cut(Frame frame, std::size_t length) {
    frame.resize(length);
    return frame;
}
void put16(Frame& frame, std::size_t at, std::size_t value) {
    poke(frame, at, {static_cast<int>(value >> 8 & 0xFF), static_cast<int>(value & 0xFF)});
}
/// Says `length` bytes from the network header on, with a right checksum.
Frame with_length(const Sound& from, Frame frame, std::size_t length) {
    if (!from.v4) {
        put16(frame, from.l3 + 4, length - sizeof(Ipv6Header));
        return frame;
    }
    put16(frame, from.l3 + 2, length);
    put16(frame, from.l3 + 10, 0);
    std::uint32_t sum = 0;
    for (std::size_t at = from.l3; at < from.l4; at += 2) sum += get16(frame, at);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    put16(frame, from.l3 + 10, ~sum & 0xFFFF);
    return frame;
}

}  // namespace

std::vector<Sound> sound_frames() {
    const Frame options(12, std::byte{1});
    const Frame cookie_abort =
        bytes_of({0x9C, 0x40, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 10, 0, 0, 4, 6, 0, 0, 4});
    const Frame reply = PacketBuilder()
                            .ipv4("198.51.100.10", "192.0.2.7")
                            .ip_options(options)
                            .tcp(80, 40000)
                            .build();
    const Frame reply6 = PacketBuilder()
                             .ipv6("2001:db8:1::10", "2001:db8::7")
                             .extension(0)
                             .fragment(0, true)
                             .udp(80, 40000)
                             .build();
    const auto chain = [] { return v6().extension(0).extension(43, Frame(14)).extension(60); };
    return {
        {"v4_tcp", v4().tcp(40000, 80).build(), 14, 34, true, tcp},
        {"v4_udp_on_vlan", v4().vlan(5).udp(40000, 80).build(), 18, 38, true, udp},
        {"v4_tcp_on_two_tags", v4().vlan(5, EtherType::qinq).vlan(6).tcp(40000, 80).build(), 22, 42,
         true, tcp},
        {"v4_options_tcp", v4().ip_options(options).tcp(40000, 80).build(), 14, 46, true, tcp},
        {"v4_options_sctp", v4().ip_options(options).ip_protocol(132).payload(cookie_abort).build(),
         14, 46, true, sctp},
        {"v4_icmp", v4().icmp(3, 3).payload(behind_ethernet(reply)).build(), 14, 34},
        {"v6_tcp", v6().tcp(40000, 80).build(), 14, 54, false, tcp},
        {"v6_chain_udp", chain().udp(40000, 80).build(), 14, 86, false, udp},
        {"v6_fragment_sctp",
         v6().extension(60).fragment(0, false).ip_protocol(132).payload(cookie_abort).build(), 14,
         70, false, sctp},
        {"v6_chain_on_tags",
         chain().vlan(5, EtherType::qinq).vlan(6).fragment(0, false).tcp(40000, 80).build(), 22,
         102, false, tcp},
        {"v6_icmp", v6().extension(0).icmp(1, 4).payload(behind_ethernet(reply6)).build(), 14, 62,
         false},
    };
}

Corpus cut_frames() {
    Corpus corpus;
    for (const Sound& from : sound_frames())
        for (std::size_t length = 0; length < from.frame.size(); ++length)
            add(corpus, from, "cut to " + std::to_string(length), cut(from.frame, length),
                "truncated");
    return corpus;
}

Corpus short_packets() {
    Corpus corpus;
    for (const Sound& from : sound_frames()) {
        const std::size_t fixed = from.v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
        for (std::size_t length = from.l3 + fixed; length < from.frame.size(); ++length) {
            const Frame frame = cut(with_length(from, from.frame, length - from.l3), length);
            add(corpus, from, "of " + std::to_string(length), frame,
                length < from.l4                   ? from.v4 ? "ipv4_bad_header" : "ipv6_bad_header"
                : length < from.l4 + from.least_l4 ? "l4_bad_header"
                                                   : "sound");
        }
    }
    return corpus;
}

Corpus lying_lengths() {
    Corpus corpus;
    for (const Sound& from : sound_frames()) {
        const std::size_t right = from.frame.size() - from.l3;
        const std::size_t base = from.v4 ? 0 : sizeof(Ipv6Header);
        for (const std::size_t length : {right + 1, right + 2, right + 1000, std::size_t{65535}})
            add(corpus, from, "says " + std::to_string(length),
                with_length(from, from.frame, length), "truncated");
        for (std::size_t length = base; length < from.l4 - from.l3; ++length)
            add(corpus, from, "says " + std::to_string(length),
                with_length(from, from.frame, length),
                from.v4 ? "ipv4_bad_header" : "ipv6_bad_header");
        if (from.v4) continue;
        Frame longest = from.frame;
        poke(longest, from.l3 + 4, {0xFF, 0xFF});
        add(corpus, from, "says 65575", longest, "ipv6_bad_header");
    }
    return corpus;
}

Corpus lying_first_bytes() {
    Corpus corpus;
    for (const Sound& from : sound_frames())
        for (int byte = 0; byte < 256; ++byte) {
            Frame frame = from.frame;
            if (std::to_integer<int>(frame[from.l3]) == byte) continue;
            poke(frame, from.l3, {byte});
            const bool version = byte >> 4 == (from.v4 ? 4 : 6);
            const bool length = !from.v4 || (byte & 0xF) >= 5;
            add(corpus, from, "begins with " + std::to_string(byte), frame,
                version && length ? ""
                : from.v4         ? "ipv4_bad_header"
                                  : "ipv6_bad_header");
        }
    return corpus;
}

Corpus lying_extensions() {
    Corpus corpus;
    for (const int kind : {0, 43, 60})
        for (int length = 0; length < 256; ++length) {
            Frame frame = v6().extension(static_cast<std::uint8_t>(kind), Frame(6))
                              .ip_protocol(200)
                              .payload(std::size_t{64})
                              .build();
            poke(frame, 14 + 40 + 1, {length});
            corpus.push_back({"extension " + std::to_string(kind) + " of " + std::to_string(length),
                              frame, (length + 1) * 8 <= 72 ? "sound" : "ipv6_bad_header"});
        }
    return corpus;
}

Corpus replaced_bytes() {
    Corpus corpus;
    for (const Sound& from : sound_frames())
        for (std::size_t at = 12; at < from.frame.size(); ++at)
            for (const int value : {0x00, 0x01, 0x2C, 0x3C, 0x7F, 0x80, 0xFF}) {
                Frame frame = from.frame;
                if (std::to_integer<int>(frame[at]) == value) continue;
                poke(frame, at, {value});
                add(corpus, from, "byte " + std::to_string(at) + " is " + std::to_string(value),
                    frame);
            }
    return corpus;
}

}  // namespace shunt::test
