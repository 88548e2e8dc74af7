// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/seeing/pcapng.h"

#include <algorithm>
#include <cstring>

namespace shunt::ctl {

namespace {

// Block types (section 11.1 of the draft) and options (4.1 to 4.6).
constexpr std::uint32_t section_header = 0x0A0D0D0A;
constexpr std::uint32_t interface_description = 1;
constexpr std::uint32_t interface_statistics = 5;
constexpr std::uint32_t enhanced_packet = 6;

constexpr std::uint32_t byte_order_magic = 0x1A2B3C4D;
constexpr std::uint16_t major_version = 1;
constexpr std::uint16_t minor_version = 0;
constexpr std::uint64_t length_unknown = ~std::uint64_t{0};
constexpr std::uint16_t ethernet = 1;

constexpr std::uint16_t end_of_options = 0;
constexpr std::uint16_t comment_option = 1;
constexpr std::uint16_t application_option = 4;
constexpr std::uint16_t name_option = 2;
constexpr std::uint16_t description_option = 3;
constexpr std::uint16_t resolution_option = 9;
constexpr std::uint16_t flags_option = 2;
constexpr std::uint16_t packet_number_option = 5;
constexpr std::uint16_t queue_option = 6;
constexpr std::uint16_t system_drops_option = 7;

constexpr std::uint8_t nanoseconds = 9;  // 10^-9 s

std::string_view chars_of(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

template <class T>
void PcapngWriter::put(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    bytes_.append(bytes, sizeof(T));
}

void PcapngWriter::put_padded(std::string_view bytes) {
    bytes_.append(bytes);
    bytes_.append((4 - bytes.size() % 4) % 4, '\0');
}

void PcapngWriter::put_option(std::uint16_t code, std::string_view value) {
    value = value.substr(0, 0xFFFF);
    put(code);
    put(static_cast<std::uint16_t>(value.size()));
    put_padded(value);
}

template <class T>
void PcapngWriter::put_number_option(std::uint16_t code, T value) {
    put_option(code, {reinterpret_cast<const char*>(&value), sizeof(value)});
}

std::size_t PcapngWriter::begin_block(std::uint32_t type) {
    const std::size_t begin = bytes_.size();
    put(type);
    put(std::uint32_t{0});
    return begin;
}

void PcapngWriter::end_block(std::size_t begin) {
    put_option(end_of_options, {});
    const auto length = static_cast<std::uint32_t>(bytes_.size() + sizeof(std::uint32_t) - begin);
    put(length);
    std::memcpy(bytes_.data() + begin + sizeof(std::uint32_t), &length, sizeof(length));
}

void PcapngWriter::put_time(std::uint64_t time) {
    put(static_cast<std::uint32_t>(time >> 32));
    put(static_cast<std::uint32_t>(time));
}

PcapngWriter::PcapngWriter(std::string_view application) {
    const std::size_t begin = begin_block(section_header);
    put(byte_order_magic);
    put(major_version);
    put(minor_version);
    put(length_unknown);
    put_option(application_option, application);
    end_block(begin);
}

void PcapngWriter::add_interface(std::string_view name, std::string_view description,
                                 std::uint32_t snap) {
    const std::size_t begin = begin_block(interface_description);
    put(ethernet);
    put(std::uint16_t{0});
    put(snap);
    put_option(name_option, name);
    put_option(description_option, description);
    put_number_option(resolution_option, nanoseconds);
    end_block(begin);
}

void PcapngWriter::add_packet(const PcapngPacket& packet) {
    const std::size_t begin = begin_block(enhanced_packet);
    put(packet.interface);
    put_time(packet.time);
    put(static_cast<std::uint32_t>(packet.bytes.size()));
    put(packet.length);
    put_padded(chars_of(packet.bytes));
    if (!packet.comment.empty()) put_option(comment_option, packet.comment);
    put_number_option(flags_option, static_cast<std::uint32_t>(packet.direction));
    put_number_option(packet_number_option, packet.number);
    put_number_option(queue_option, packet.queue);
    end_block(begin);
}

void PcapngWriter::add_statistics(std::uint32_t interface, std::uint64_t time, std::uint64_t lost) {
    const std::size_t begin = begin_block(interface_statistics);
    put(interface);
    put_time(time);
    put_number_option(system_drops_option, lost);
    end_block(begin);
}

std::string PcapngWriter::take(std::size_t most) {
    const std::size_t size = std::min(most, bytes_.size());
    std::string out = bytes_.substr(0, size);
    bytes_.erase(0, size);
    return out;
}

}  // namespace shunt::ctl
