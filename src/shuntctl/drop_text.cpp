// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/drop_text.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <optional>
#include <vector>

#include "net/parse.h"
#include "shuntctl/rows.h"
#include "shuntctl/rpc_client.h"
#include "shuntctl/table.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

using Bytes = std::vector<std::byte>;

std::optional<Bytes> bytes_in(const std::string& hex) {
    if (hex.size() % 2 != 0) return {};
    Bytes bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        unsigned value = 0;
        const char* const at = hex.data() + i;
        const auto [end, error] = std::from_chars(at, at + 2, value, 16);
        if (error != std::errc{} || end != at + 2) return {};
        bytes.push_back(static_cast<std::byte>(value));
    }
    return bytes;
}

unsigned byte_at(std::span<const std::byte> bytes, std::size_t i) {
    return i < bytes.size() ? std::to_integer<unsigned>(bytes[i]) : 0;
}

/// Does an IP header begin here whose length is that of all? What waited for a link address has
/// lost its own link-layer header.
bool begins_with_ip(std::span<const std::byte> bytes, std::uint32_t length) {
    const unsigned version = byte_at(bytes, 0) >> 4U;
    const auto word = [&](std::size_t i) {
        return byte_at(bytes, i) << 8U | byte_at(bytes, i + 1);
    };
    return (version == 4 && word(2) == length) || (version == 6 && word(4) + 40 == length);
}

Bytes with_ethernet(std::span<const std::byte> packet) {
    Bytes frame(14);
    const bool ipv6 = byte_at(packet, 0) >> 4U == 6;
    frame[12] = std::byte{static_cast<unsigned char>(ipv6 ? 0x86 : 0x08)};
    frame[13] = std::byte{static_cast<unsigned char>(ipv6 ? 0xDD : 0x00)};
    frame.insert(frame.end(), packet.begin(), packet.end());
    return frame;
}

std::string flags_text(std::uint8_t flags) {
    static constexpr std::array names{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        if ((flags >> i & 1U) != 0) text += std::string(" ") + names[i];
    return text;
}

std::string protocol_text(Protocol protocol) {
    if (protocol == Protocol::tcp || protocol == Protocol::udp || protocol == Protocol::sctp)
        return std::string(to_string(protocol));
    if (protocol == Protocol::icmp) return "icmp";
    if (protocol == Protocol::icmpv6) return "icmpv6";
    return "protocol " + std::to_string(static_cast<unsigned>(protocol));
}

template <class F>
std::string flow_text(const PacketMeta& meta) {
    const auto& tuple = meta.tuple<F>();
    const auto end = [&](const typename F::Address& address, L4Port port) {
        return meta.has_ports ? to_string(Endpoint{address, port}) : to_string(IpAddress(address));
    };
    std::string text = protocol_text(tuple.protocol) + ' ' + end(tuple.source, tuple.source_port) +
                       " > " + end(tuple.destination, tuple.destination_port);
    if (meta.has_ports && tuple.protocol == Protocol::tcp) text += flags_text(meta.tcp_flags);
    if (meta.icmp_type != no_icmp_type) text += " type " + std::to_string(meta.icmp_type);
    if (meta.fragment == FragmentKind::first) text += ", first fragment";
    if (meta.fragment == FragmentKind::later) text += ", fragment";
    return text + ", ttl " + std::to_string(meta.ttl);
}

std::string frame_text(std::span<const std::byte> frame, std::uint32_t length) {
    PacketMeta meta;
    const auto unsound = parse(PacketReader(frame), length, meta, HeaderChecksum::verified);
    if (unsound) return "cannot be read: " + std::string(name(*unsound));
    if (meta.network == NetworkKind::other) {
        char type[16];
        std::snprintf(type, sizeof type, "0x%02x%02x", byte_at(frame, 12), byte_at(frame, 13));
        return std::string("no IP, Ethernet type ") + type;
    }
    const std::string vlan = meta.vlan != 0 ? ", vlan " + std::to_string(meta.vlan) : "";
    return (meta.network == NetworkKind::ipv4 ? flow_text<Ipv4>(meta) : flow_text<Ipv6>(meta)) +
           vlan;
}

/// "14:03:07.250" of today or any day, in the local time zone.
std::string time_text(double seconds) {
    const double whole = std::floor(seconds);
    const auto at = static_cast<std::time_t>(whole);
    std::tm parts{};
    localtime_r(&at, &parts);
    char text[32];
    std::snprintf(text, sizeof text, "%02d:%02d:%02d.%03d", parts.tm_hour, parts.tm_min,
                  parts.tm_sec, static_cast<int>((seconds - whole) * 1000));
    return text;
}

std::string hex_text(std::span<const std::byte> bytes) {
    constexpr std::size_t a_line = 16;
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += a_line) {
        char field[40];
        std::snprintf(field, sizeof field, "    %04zx ", i);
        text += field;
        for (const auto byte : bytes.subspan(i, std::min(a_line, bytes.size() - i))) {
            std::snprintf(field, sizeof field, " %02x", std::to_integer<unsigned>(byte));
            text += field;
        }
        text += '\n';
    }
    return text;
}

}  // namespace

std::string packet_text(std::span<const std::byte> bytes, std::uint32_t length) {
    if (!begins_with_ip(bytes, length)) return frame_text(bytes, length);
    const Bytes frame = with_ethernet(bytes);
    return frame_text(frame, length + 14);
}

std::string drops_text(const json::value& result, bool hex) {
    const auto& rows = member_rows(result, "drops");
    if (rows.empty()) return "no packet was dropped\n";
    std::string details;
    Table table({{"TIME"},
                 {"REASON"},
                 {"WORKER", Align::right},
                 {"PORT"},
                 {"LENGTH", Align::right},
                 {"PACKET"}});
    for (const auto& row : rows) {
        const auto bytes = bytes_in(member_word(row, "bytes"));
        if (!bytes) throw Unreachable("the daemon sent a sample that is not hexadecimal");
        const auto length = static_cast<std::uint32_t>(member_count(row, "length"));
        const auto* const twin = row.as_object().if_contains("twin");
        const bool by_twin = twin != nullptr && *twin == true;
        const std::vector<std::string> cells{time_text(member_number(row, "time")),
                                             member_word(row, "reason"),
                                             member_text(row, "worker"),
                                             member_text(row, "port") + (by_twin ? " (twin)" : ""),
                                             std::to_string(length),
                                             packet_text(*bytes, length)};
        table.add(cells);
        if (hex) details += '\n' + cells[0] + ' ' + cells[1] + '\n' + hex_text(*bytes);
    }
    return table.text() + details;
}

}  // namespace shunt::cli
