// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A capture file in the format pcapng (draft-ietf-opsawg-pcapng), as Wireshark reads it: one
// section of Ethernet interfaces, in this machine's byte order, with times in nanoseconds. Thread:
// any, one at a time.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace shunt::ctl {

enum class PacketDirection : std::uint8_t { unknown, inbound, outbound };  // as the format has them

struct PcapngPacket {
    std::uint32_t interface = 0;  ///< in the order of add_interface()
    std::uint64_t time = 0;       ///< nanoseconds since 1970
    std::uint32_t length = 0;     ///< on the wire; `bytes` are the first of it
    std::span<const std::byte> bytes;
    PacketDirection direction = PacketDirection::unknown;
    std::uint32_t queue = 0;
    std::uint64_t number = 0;  ///< the same for what is the same packet elsewhere
    std::string_view comment;  ///< empty: none
};

class PcapngWriter {
  public:
    /// Begins the section; `application` is who wrote it.
    explicit PcapngWriter(std::string_view application);

    /// `snap`: bytes of a packet that are kept. All interfaces come before the first packet.
    void add_interface(std::string_view name, std::string_view description, std::uint32_t snap);
    void add_packet(const PcapngPacket& packet);
    /// What was lost on an interface, for the end of the file.
    void add_statistics(std::uint32_t interface, std::uint64_t time, std::uint64_t lost);

    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    /// Takes up to `most` bytes from the front of what was written and not yet taken.
    [[nodiscard]] std::string take(std::size_t most);

  private:
    template <class T>
    void put(T value);
    void put_padded(std::string_view bytes);
    void put_option(std::uint16_t code, std::string_view value);
    template <class T>
    void put_number_option(std::uint16_t code, T value);
    [[nodiscard]] std::size_t begin_block(std::uint32_t type);
    /// Ends the options, too.
    void end_block(std::size_t begin);
    void put_time(std::uint64_t time);

    std::string bytes_;
};

}  // namespace shunt::ctl
