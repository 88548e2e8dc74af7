// SPDX-License-Identifier: BSD-3-Clause
#include "support/packet_builder.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace shunt::test {
namespace {

constexpr std::uint8_t no_next_header = 59;
constexpr std::uint8_t fragment_header = 44;
constexpr std::uint8_t authentication_header = 51;

void put8(Frame& out, std::uint32_t v) {
    out.push_back(static_cast<std::byte>(v));
}
void put16(Frame& out, std::uint32_t v) {
    put8(out, v >> 8);
    put8(out, v);
}
void put32(Frame& out, std::uint32_t v) {
    put16(out, v >> 16);
    put16(out, v);
}
void put(Frame& out, std::span<const std::byte> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}
void put(Frame& out, const MacAddress& mac) {
    for (const std::uint8_t b : mac.bytes) put8(out, b);
}
void put(Frame& out, const IpAddress& address) {
    if (address.family() == Family::ipv4)
        put32(out, address.v4().word.value());
    else
        for (const std::uint8_t b : address.v6().bytes) put8(out, b);
}
void set16(Frame& out, std::size_t at, std::uint32_t v) {
    out.at(at) = static_cast<std::byte>(v >> 8);
    out.at(at + 1) = static_cast<std::byte>(v);
}
Frame padded(Frame bytes, std::size_t multiple) {
    while (bytes.size() % multiple != 0) put8(bytes, 0);
    return bytes;
}

/// RFC 1071 the slow and obvious way: big-endian words, 64-bit sum, fold at the end.
class Sum {
  public:
    void add(std::span<const std::byte> bytes) {
        for (std::size_t i = 0; i < bytes.size(); ++i)
            total_ += std::to_integer<std::uint64_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    }
    void add(std::uint64_t word) { total_ += word; }
    [[nodiscard]] std::uint16_t folded() const {
        std::uint64_t t = total_;
        while (t > 0xFFFF) t = (t & 0xFFFF) + (t >> 16);
        return static_cast<std::uint16_t>(t);
    }
    [[nodiscard]] std::uint16_t field() const { return static_cast<std::uint16_t>(~folded()); }

  private:
    std::uint64_t total_ = 0;
};

/// The pseudo-header of RFC 793 and RFC 8200 8.1; both give the same sum.
Sum pseudo_header(std::span<const std::byte> addresses, std::uint8_t protocol, std::size_t length) {
    Sum sum;
    sum.add(addresses);
    sum.add(protocol);
    sum.add(length >> 16);
    sum.add(length & 0xFFFF);
    return sum;
}

std::uint8_t get8(std::span<const std::byte> frame, std::size_t offset) {
    if (offset >= frame.size()) throw std::out_of_range("frame too short");
    return std::to_integer<std::uint8_t>(frame[offset]);
}
std::uint32_t get32(std::span<const std::byte> frame, std::size_t offset) {
    return (std::uint32_t{get16(frame, offset)} << 16) | get16(frame, offset + 2);
}
std::span<const std::byte> slice(std::span<const std::byte> frame, std::size_t offset,
                                 std::size_t length) {
    if (offset > frame.size() || frame.size() - offset < length)
        throw std::out_of_range("frame too short");
    return frame.subspan(offset, length);
}

/// Where the layers of a frame lie; made by dissect(), which throws std::out_of_range for frames
/// that are cut short or whose lengths lie.
struct Layers {
    std::vector<std::uint16_t> tags;
    std::uint16_t ether_type = 0;
    std::size_t network = 0;    ///< offset of the network header
    std::uint8_t version = 0;   ///< 4, 6, or 0 when the frame is not IP
    std::size_t transport = 0;  ///< offset behind the network header and extensions
    std::size_t end = 0;        ///< offset behind the IP packet
    std::uint8_t protocol = 0;
    bool fragment = false;
    std::uint32_t fragment_offset = 0;
    bool more = false;
    std::span<const std::byte> addresses;  ///< source and destination
};

void dissect_ipv4(std::span<const std::byte> f, Layers& l) {
    l.version = 4;
    const std::size_t header = (get8(f, l.network) & 0x0FU) * 4;
    const std::size_t total = get16(f, l.network + 2);
    if (get8(f, l.network) >> 4 != 4 || header < 20 || total < header)
        throw std::out_of_range("impossible IPv4 header");
    slice(f, l.network, total);
    l.transport = l.network + header;
    l.end = l.network + total;
    l.protocol = get8(f, l.network + 9);
    const std::uint16_t word = get16(f, l.network + 6);
    l.fragment_offset = (word & Ipv4Header::offset_mask) * 8U;
    l.more = (word & Ipv4Header::more_fragments) != 0;
    l.fragment = l.more || l.fragment_offset != 0;
    l.addresses = slice(f, l.network + 12, 8);
}

void dissect_ipv6(std::span<const std::byte> f, Layers& l) {
    l.version = 6;
    if (get8(f, l.network) >> 4 != 6) throw std::out_of_range("impossible IPv6 header");
    l.end = l.network + 40 + get16(f, l.network + 4);
    slice(f, l.network, l.end - l.network);
    const std::span<const std::byte> packet = f.first(l.end);
    l.addresses = slice(f, l.network + 8, 32);
    l.protocol = get8(f, l.network + 6);
    l.transport = l.network + 40;
    for (;;) {
        const std::uint8_t kind = l.protocol;
        std::size_t length = 8;
        if (kind == 0 || kind == 43 || kind == 60 || kind == 135)
            length = (get8(packet, l.transport + 1) + 1U) * 8;
        else if (kind == authentication_header)
            length = (get8(packet, l.transport + 1) + 2U) * 4;
        else if (kind == fragment_header) {
            const std::uint16_t word = get16(packet, l.transport + 2);
            l.fragment_offset = word & 0xFFF8U;
            l.more = (word & 1) != 0;
            l.fragment = l.more || l.fragment_offset != 0;
        } else
            return;
        slice(packet, l.transport, length);
        l.protocol = get8(packet, l.transport);
        l.transport += length;
        if (kind == fragment_header && l.fragment_offset != 0) return;
    }
}

Layers dissect(std::span<const std::byte> f) {
    Layers l;
    l.network = 14;
    l.ether_type = get16(f, 12);
    while (l.ether_type == 0x8100 || l.ether_type == 0x88A8) {
        l.tags.push_back(get16(f, l.network) & 0x0FFF);
        l.ether_type = get16(f, l.network + 2);
        l.network += 4;
    }
    if (l.ether_type == 0x0800) dissect_ipv4(f, l);
    if (l.ether_type == 0x86DD) dissect_ipv6(f, l);
    return l;
}

/// Sums a transport header with its payload; right ones give 0xFFFF.
std::string transport_problem(std::span<const std::byte> f, const Layers& l) {
    const std::span<const std::byte> segment = f.subspan(l.transport, l.end - l.transport);
    const char* kind = nullptr;
    bool pseudo = true;
    if (l.protocol == 6) {
        slice(segment, 0, 20);
        kind = "TCP";
    } else if (l.protocol == 17) {
        slice(segment, 0, 8);
        if (get16(segment, 4) != segment.size()) return "UDP length differs from IP length";
        if (get16(segment, 6) == 0) return l.version == 4 ? "" : "UDP checksum 0 over IPv6";
        kind = "UDP";
    } else if (l.protocol == 1 && l.version == 4) {
        slice(segment, 0, 8);
        kind = "ICMP";
        pseudo = false;
    } else if (l.protocol == 58 && l.version == 6) {
        slice(segment, 0, 8);
        kind = "ICMPv6";
    } else {
        return "";
    }
    Sum sum = pseudo ? pseudo_header(l.addresses, l.protocol, segment.size()) : Sum();
    sum.add(segment);
    return sum.folded() == 0xFFFF ? "" : std::string(kind) + " checksum wrong";
}

std::string hex(std::uint64_t value, int digits) {
    std::string out;
    for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
        out += "0123456789abcdef"[(value >> shift) & 0xF];
    return out;
}

std::string address_text(std::span<const std::byte> bytes) {
    std::string out;
    if (bytes.size() == 4) {
        for (const std::byte b : bytes)
            out += (out.empty() ? "" : ".") + std::to_string(std::to_integer<int>(b));
        return out;
    }
    Ipv6Address a;
    std::transform(bytes.begin(), bytes.end(), a.bytes.begin(),
                   [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
    return to_string(IpAddress(a));
}

std::string tcp_text(std::span<const std::byte> f, std::size_t at) {
    static constexpr std::array<char, 8> letters{'F', 'S', 'R', 'P', 'A', 'U', 'E', 'C'};
    std::string flags;
    for (std::size_t bit = 0; bit < letters.size(); ++bit)
        if ((get8(f, at + 13) >> bit & 1) != 0) flags += letters[bit];
    return " TCP [" + flags + "] seq " + std::to_string(get32(f, at + 4)) + " ack " +
           std::to_string(get32(f, at + 8)) + " win " + std::to_string(get16(f, at + 14));
}

std::string ip_text(std::span<const std::byte> f, const Layers& l) {
    const bool ports = (l.protocol == 6 || l.protocol == 17) && l.fragment_offset == 0;
    const std::size_t half = l.addresses.size() / 2;
    const auto endpoint = [&](std::size_t which) {
        const std::string a = address_text(l.addresses.subspan(which * half, half));
        if (!ports) return a;
        const std::string port = std::to_string(get16(f, l.transport + which * 2));
        return l.version == 4 ? a + ":" + port : "[" + a + "]:" + port;
    };
    std::string out = endpoint(0) + " > " + endpoint(1);
    if (l.fragment)
        out += " fragment " + std::to_string(l.fragment_offset) + (l.more ? "+" : " (last)");
    if (l.protocol == 6 && ports)
        out += tcp_text(f, l.transport);
    else if (l.protocol == 17 && ports)
        out += " UDP length " + std::to_string(get16(f, l.transport + 4));
    else if ((l.protocol == 1 || l.protocol == 58) && l.fragment_offset == 0)
        out += std::string(l.protocol == 1 ? " ICMP " : " ICMPv6 ") +
               std::to_string(get8(f, l.transport)) + "/" +
               std::to_string(get8(f, l.transport + 1));
    else
        out += " protocol " + std::to_string(l.protocol);
    return out + " ttl " + std::to_string(get8(f, l.network + (l.version == 4 ? 8 : 7))) + " ip " +
           std::to_string(l.end - l.network);
}

}  // namespace

Frame bytes_of(std::string_view text) {
    Frame out;
    for (const char c : text) put8(out, static_cast<std::uint8_t>(c));
    return out;
}
Frame bytes_of(std::initializer_list<int> values) {
    Frame out;
    for (const int v : values) put8(out, static_cast<std::uint32_t>(v));
    return out;
}

PacketBuilder& PacketBuilder::mac(std::string_view source, std::string_view destination) {
    source_mac_ = parse_mac(source).value();
    destination_mac_ = parse_mac(destination).value();
    return *this;
}
PacketBuilder& PacketBuilder::vlan(std::uint16_t control, EtherType type) {
    tags_.push_back({type, control});
    return *this;
}
PacketBuilder& PacketBuilder::ether_type(std::uint16_t type) {
    ether_type_ = type;
    return *this;
}
PacketBuilder& PacketBuilder::pad_to(std::size_t length) {
    pad_to_ = length;
    return *this;
}

PacketBuilder& PacketBuilder::ipv4(std::string_view source, std::string_view destination) {
    ip(source, destination);
    if (is_v6()) throw std::invalid_argument("not IPv4");
    return *this;
}
PacketBuilder& PacketBuilder::ipv6(std::string_view source, std::string_view destination) {
    ip(source, destination);
    if (!is_v6()) throw std::invalid_argument("not IPv6");
    return *this;
}
PacketBuilder& PacketBuilder::ip(std::string_view source, std::string_view destination) {
    source_ = parse_address(source).value();
    destination_ = parse_address(destination).value();
    if (source_.family() != destination_.family()) throw std::invalid_argument("two families");
    has_network_ = true;
    return *this;
}
PacketBuilder& PacketBuilder::ttl(std::uint8_t value) {
    ttl_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::tos(std::uint8_t value) {
    tos_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::flow_label(std::uint32_t value) {
    flow_label_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::fragment(std::uint16_t offset, bool more, std::uint32_t id) {
    id_ = static_cast<std::uint16_t>(id);
    fragment_word_ = static_cast<std::uint16_t>(offset / 8U | (more ? 0x2000U : 0U));
    Frame body;
    put16(body, (offset & 0xFFF8U) | (more ? 1U : 0U));
    put32(body, id);
    extensions_.push_back({fragment_header, body});
    return *this;
}
PacketBuilder& PacketBuilder::ip_id(std::uint16_t value) {
    id_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::dont_fragment(bool on) {
    fragment_word_ = static_cast<std::uint16_t>((fragment_word_ & ~0x4000U) | (on ? 0x4000U : 0U));
    return *this;
}
PacketBuilder& PacketBuilder::ip_options(const Frame& options) {
    ip_options_ = padded(options, 4);
    return *this;
}
PacketBuilder& PacketBuilder::extension(std::uint8_t type, const Frame& body) {
    extensions_.push_back({type, body});
    return *this;
}
PacketBuilder& PacketBuilder::ip_protocol(std::uint8_t value) {
    protocol_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::ip_version(std::uint8_t value) {
    version_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::ihl(std::uint8_t words) {
    ihl_ = words;
    return *this;
}
PacketBuilder& PacketBuilder::ip_length(std::uint16_t value) {
    ip_length_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::ip_checksum(std::uint16_t value) {
    ip_checksum_ = value;
    return *this;
}

PacketBuilder& PacketBuilder::tcp(std::uint16_t source, std::uint16_t destination,
                                  std::uint8_t flags) {
    transport_ = Transport::tcp;
    source_port_ = source;
    destination_port_ = destination;
    flags_ = flags;
    return *this;
}
PacketBuilder& PacketBuilder::udp(std::uint16_t source, std::uint16_t destination) {
    transport_ = Transport::udp;
    source_port_ = source;
    destination_port_ = destination;
    return *this;
}
PacketBuilder& PacketBuilder::icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest) {
    transport_ = Transport::icmp;
    icmp_type_ = type;
    icmp_code_ = code;
    icmp_rest_ = rest;
    return *this;
}
PacketBuilder& PacketBuilder::sequence(std::uint32_t sequence, std::uint32_t acknowledgement) {
    sequence_ = sequence;
    acknowledgement_ = acknowledgement;
    return *this;
}
PacketBuilder& PacketBuilder::window(std::uint16_t value) {
    window_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::urgent(std::uint16_t value) {
    urgent_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::tcp_options(const Frame& options) {
    tcp_options_ = padded(options, 4);
    return *this;
}
PacketBuilder& PacketBuilder::data_offset(std::uint8_t words) {
    data_offset_ = words;
    return *this;
}
PacketBuilder& PacketBuilder::udp_length(std::uint16_t value) {
    udp_length_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::l4_checksum(std::uint16_t value) {
    l4_checksum_ = value;
    return *this;
}
PacketBuilder& PacketBuilder::payload(std::string_view text) {
    return payload(bytes_of(text));
}
PacketBuilder& PacketBuilder::payload(const Frame& bytes) {
    payload_ = bytes;
    return *this;
}
PacketBuilder& PacketBuilder::payload(std::size_t length) {
    payload_.clear();
    for (std::size_t i = 0; i < length; ++i) put8(payload_, static_cast<std::uint8_t>(i));
    return *this;
}

std::uint8_t PacketBuilder::transport_number() const {
    switch (transport_) {
        case Transport::tcp:
            return 6;
        case Transport::udp:
            return 17;
        case Transport::icmp:
            return is_v6() ? 58 : 1;
        case Transport::none:
            break;
    }
    return no_next_header;
}

/// The header with a zero checksum.
Frame PacketBuilder::transport_header() const {
    Frame out;
    if (transport_ == Transport::tcp) {
        put16(out, source_port_);
        put16(out, destination_port_);
        put32(out, sequence_);
        put32(out, acknowledgement_);
        const std::size_t words =
            data_offset_.value_or(static_cast<std::uint8_t>((20 + tcp_options_.size()) / 4));
        put8(out, static_cast<std::uint32_t>(words << 4));
        put8(out, flags_);
        put16(out, window_);
        put16(out, 0);
        put16(out, urgent_);
        put(out, tcp_options_);
    } else if (transport_ == Transport::udp) {
        put16(out, source_port_);
        put16(out, destination_port_);
        put16(out, udp_length_.value_or(static_cast<std::uint16_t>(8 + payload_.size())));
        put16(out, 0);
    } else if (transport_ == Transport::icmp) {
        put8(out, icmp_type_);
        put8(out, icmp_code_);
        put16(out, 0);
        put32(out, icmp_rest_);
    }
    return out;
}

/// Header and payload, checksum filled in.
Frame PacketBuilder::transport_bytes() const {
    Frame out = transport_header();
    put(out, payload_);
    if (transport_ == Transport::none) return out;
    const std::size_t at = transport_ == Transport::tcp ? 16 : transport_ == Transport::udp ? 6 : 2;
    Frame addresses;
    put(addresses, source_);
    put(addresses, destination_);
    const bool pseudo = transport_ != Transport::icmp || is_v6();
    Sum sum = pseudo ? pseudo_header(addresses, transport_number(), out.size()) : Sum();
    sum.add(out);
    std::uint16_t field = sum.field();
    if (transport_ == Transport::udp && field == 0) field = 0xFFFF;
    set16(out, at, l4_checksum_.value_or(field));
    return out;
}

Frame PacketBuilder::ipv4_header(std::size_t payload_length) const {
    const std::size_t length = 20 + ip_options_.size();
    Frame out;
    const std::uint32_t words = ihl_.value_or(static_cast<std::uint8_t>(length / 4));
    put8(out, version_.value_or(4) * 16U + (words & 0xF));
    put8(out, tos_);
    put16(out, ip_length_.value_or(static_cast<std::uint16_t>(length + payload_length)));
    put16(out, id_);
    put16(out, fragment_word_);
    put8(out, ttl_);
    put8(out, protocol_.value_or(transport_number()));
    put16(out, 0);
    put(out, source_);
    put(out, destination_);
    put(out, ip_options_);
    Sum sum;
    sum.add(out);
    set16(out, 10, ip_checksum_.value_or(sum.field()));
    return out;
}

Frame PacketBuilder::extension_bytes(const Extension& e, std::uint8_t next) const {
    Frame out;
    put8(out, next);
    put8(out, 0);
    put(out, e.body);
    out = padded(std::move(out), 8);
    if (e.type == authentication_header)
        out[1] = static_cast<std::byte>(out.size() / 4 - 2);
    else if (e.type != fragment_header)
        out[1] = static_cast<std::byte>(out.size() / 8 - 1);
    return out;
}

Frame PacketBuilder::ipv6_header(std::size_t payload_length) const {
    const std::uint8_t last = protocol_.value_or(transport_number());
    Frame chain;
    for (std::size_t i = 0; i < extensions_.size(); ++i)
        put(chain, extension_bytes(extensions_[i],
                                   i + 1 < extensions_.size() ? extensions_[i + 1].type : last));
    Frame out;
    put32(out, version_.value_or(6) * 0x10000000U + tos_ * 0x100000U + flow_label_);
    put16(out, ip_length_.value_or(static_cast<std::uint16_t>(chain.size() + payload_length)));
    put8(out, extensions_.empty() ? last : extensions_.front().type);
    put8(out, ttl_);
    put(out, source_);
    put(out, destination_);
    put(out, chain);
    return out;
}

Frame PacketBuilder::build() const {
    Frame out;
    put(out, destination_mac_);
    put(out, source_mac_);
    for (const Tag& tag : tags_) {
        put16(out, static_cast<std::uint16_t>(tag.type));
        put16(out, tag.control);
    }
    const EtherType type = !has_network_ ? EtherType::arp
                           : is_v6()     ? EtherType::ipv6
                                         : EtherType::ipv4;
    put16(out, ether_type_.value_or(static_cast<std::uint16_t>(type)));
    const Frame transport = transport_bytes();
    if (has_network_)
        put(out, is_v6() ? ipv6_header(transport.size()) : ipv4_header(transport.size()));
    put(out, transport);
    if (out.size() < pad_to_) out.resize(pad_to_);
    return out;
}

std::string checksum_problem(std::span<const std::byte> frame) {
    try {
        const Layers l = dissect(frame);
        if (l.version == 0) return "";
        if (l.version == 4) {
            Sum sum;
            sum.add(frame.subspan(l.network, l.transport - l.network));
            if (sum.folded() != 0xFFFF) return "IPv4 header checksum wrong";
        }
        return l.fragment ? "" : transport_problem(frame, l);
    } catch (const std::out_of_range& e) {
        return e.what();
    }
}

Frame network_part(std::span<const std::byte> frame) {
    const Layers l = dissect(frame);
    if (l.version == 0) return {};
    const std::span<const std::byte> part = frame.subspan(l.network, l.end - l.network);
    return Frame(part.begin(), part.end());
}

std::uint16_t get16(std::span<const std::byte> frame, std::size_t offset) {
    return static_cast<std::uint16_t>(get8(frame, offset) << 8 | get8(frame, offset + 1));
}

void poke(Frame& frame, std::size_t offset, std::initializer_list<int> values) {
    slice(frame, offset, values.size());
    for (const int v : values) frame[offset++] = static_cast<std::byte>(v);
}

std::string describe(std::span<const std::byte> frame) {
    std::string out = std::to_string(frame.size()) + " bytes";
    try {
        const auto mac = [&](std::size_t at) {
            std::string text;
            for (std::size_t i = 0; i < 6; ++i)
                text += (i == 0 ? "" : ":") + hex(get8(frame, at + i), 2);
            return text;
        };
        out += ' ' + mac(6) + " > " + mac(0);
        const Layers l = dissect(frame);
        for (const std::uint16_t tag : l.tags) out += " vlan " + std::to_string(tag);
        if (l.version == 0)
            out += " type 0x" + hex(l.ether_type, 4);
        else
            out += ' ' + ip_text(frame, l);
    } catch (const std::out_of_range& e) {
        return out + " (" + e.what() + ")";
    }
    const std::string problem = checksum_problem(frame);
    return problem.empty() ? out : out + " (" + problem + ")";
}

std::string hexdump(std::span<const std::byte> frame) {
    std::string out;
    for (std::size_t i = 0; i < frame.size(); ++i) {
        if (i % 16 == 0) out += (i == 0 ? "" : "\n") + hex(i, 4) + ":";
        out += ' ' + hex(get8(frame, i), 2);
    }
    return out + '\n';
}

}  // namespace shunt::test
