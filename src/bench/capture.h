// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Captured packets, read from files of tcpdump or Wireshark (pcap and pcapng) into memory, and
// written to files. Thread: any, one at a time.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/id.h"
#include "net/address.h"

struct pcap;
struct pcap_dumper;

namespace shunt::bench {

/// Packets of all ports in the order of their times.
class Capture {
  public:
    struct Packet {
        std::uint64_t time = 0;  ///< nanoseconds since 1970
        std::size_t begin = 0;   ///< of its bytes
        std::uint32_t length = 0;
        PortId port;
    };

    /// The longest packet that is taken: more comes from cards that join segments.
    static constexpr std::uint32_t longest = 9234;

    /// Adds the packets of a file, as received by `port`. A packet whose time is before the one
    /// before it in the file is taken to have come at the same time as that. Throws
    /// std::runtime_error, whose text says which file, which packet and why.
    void add(const std::string& path, PortId port);
    /// To be called once all files are there.
    void sort();

    [[nodiscard]] const std::vector<Packet>& packets() const noexcept { return packets_; }
    [[nodiscard]] std::span<const std::byte> bytes(const Packet& packet) const noexcept {
        return std::span(bytes_).subspan(packet.begin, packet.length);
    }
    [[nodiscard]] std::uint32_t longest_packet() const noexcept;
    /// Bytes of all packets.
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

    /// The address of one host that most packets of the port are for; nothing when there is none.
    [[nodiscard]] std::optional<MacAddress> usual_target(PortId port) const;
    struct Targets {
        std::size_t packets = 0;  ///< received by the port
        std::size_t own = 0;      ///< for this address or for a group
    };
    [[nodiscard]] Targets targets(PortId port, const MacAddress& own) const;
    /// Makes all packets of the port that are for one host be for this one.
    void readdress(PortId port, const MacAddress& own);

  private:
    std::vector<std::byte> bytes_;
    std::vector<Packet> packets_;
};

/// A pcap file of Ethernet frames, with times in nanoseconds.
class CaptureWriter {
  public:
    /// Throws std::runtime_error, here and when something cannot be written.
    explicit CaptureWriter(const std::string& path);
    ~CaptureWriter();
    CaptureWriter(const CaptureWriter&) = delete;
    CaptureWriter& operator=(const CaptureWriter&) = delete;

    void write(std::uint64_t time, std::span<const std::byte> frame);
    /// To be called after the last packet.
    void finish();
    [[nodiscard]] std::uint64_t packets() const noexcept { return packets_; }

  private:
    std::string path_;
    std::unique_ptr<pcap, void (*)(pcap*)> pcap_;
    pcap_dumper* file_;
    std::uint64_t packets_ = 0;
};

}  // namespace shunt::bench
