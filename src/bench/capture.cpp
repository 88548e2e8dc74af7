// SPDX-License-Identifier: BSD-3-Clause
#include "bench/capture.h"

#include <pcap/pcap.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <stdexcept>

#include "net/view.h"

namespace shunt::bench {

namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;

using Pcap = std::unique_ptr<pcap, void (*)(pcap*)>;

Pcap open_capture(const std::string& path) {
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    Pcap file(pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO,
                                                      error.data()),
              pcap_close);
    if (!file) {
        // libpcap names the file in some of its sentences.
        const std::string why(error.data());
        throw std::runtime_error(why.starts_with(path) ? why : path + ": " + why);
    }
    if (const int type = pcap_datalink(file.get()); type != DLT_EN10MB) {
        const char* name = pcap_datalink_val_to_name(type);
        throw std::runtime_error(fmt::format(
            "{}: its packets are of link type {}, and only Ethernet (EN10MB) can be replayed: "
            "capture on one Ethernet interface, not on \"any\" or a tunnel",
            path, name != nullptr ? name : std::to_string(type)));
    }
    return file;
}

/// Why a record cannot be replayed; "" when it can.
std::string fault_of(const pcap_pkthdr& header) {
    if (header.caplen < header.len)
        return fmt::format(
            "only the first {} of its {} bytes were captured: capture whole packets (tcpdump -s 0)",
            header.caplen, header.len);
    if (header.caplen > Capture::longest)
        return fmt::format(
            "it has {} bytes, more than {}: the card joined or had still to split segments; switch "
            "that off (ethtool -K IF gro off lro off tso off gso off) and capture again",
            header.caplen, Capture::longest);
    return "";
}

/// Nothing of a frame that ends within it.
std::optional<MacAddress> target_of(std::span<const std::byte> frame) noexcept {
    return PacketReader(frame).read<MacAddress>(0);
}

}  // namespace

void Capture::add(const std::string& path, PortId port) {
    const Pcap file = open_capture(path);
    std::uint64_t time = 0;
    for (std::size_t number = 1;; ++number) {
        pcap_pkthdr* header = nullptr;
        const u_char* data = nullptr;
        const int result = pcap_next_ex(file.get(), &header, &data);
        if (result == PCAP_ERROR_BREAK) break;
        if (result != 1)
            throw std::runtime_error(
                fmt::format("{}: packet {}: {}", path, number, pcap_geterr(file.get())));
        if (const std::string fault = fault_of(*header); !fault.empty())
            throw std::runtime_error(fmt::format("{}: packet {}: {}", path, number, fault));
        const auto seconds = static_cast<std::uint64_t>(header->ts.tv_sec);
        time = std::max(time,
                        seconds * ns_per_second + static_cast<std::uint64_t>(header->ts.tv_usec));
        packets_.push_back(
            {.time = time, .begin = bytes_.size(), .length = header->caplen, .port = port});
        const auto* begin = reinterpret_cast<const std::byte*>(data);
        bytes_.insert(bytes_.end(), begin, begin + header->caplen);
    }
}

void Capture::sort() {
    std::ranges::stable_sort(packets_, {}, &Packet::time);
}

std::uint32_t Capture::longest_packet() const noexcept {
    std::uint32_t most = 0;
    for (const Packet& packet : packets_) most = std::max(most, packet.length);
    return most;
}

std::optional<MacAddress> Capture::usual_target(PortId port) const {
    std::map<std::array<std::uint8_t, 6>, std::size_t> counts;
    for (const Packet& packet : packets_)
        if (const auto mac = target_of(bytes(packet));
            packet.port == port && mac && !mac->is_group())
            ++counts[mac->bytes];
    const auto most =
        std::ranges::max_element(counts, {}, [](const auto& target) { return target.second; });
    if (most == counts.end()) return std::nullopt;
    return MacAddress{most->first};
}

Capture::Targets Capture::targets(PortId port, const MacAddress& own) const {
    Targets t;
    for (const Packet& packet : packets_) {
        if (packet.port != port) continue;
        const auto mac = target_of(bytes(packet));
        ++t.packets;
        if (!mac || *mac == own || mac->is_group()) ++t.own;
    }
    return t;
}

void Capture::readdress(PortId port, const MacAddress& own) {
    for (const Packet& packet : packets_) {
        const auto mac = target_of(bytes(packet));
        if (packet.port == port && mac && !mac->is_group())
            std::memcpy(bytes_.data() + packet.begin, &own, sizeof(own));
    }
}

CaptureWriter::CaptureWriter(const std::string& path)
    : path_(path),
      pcap_(pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 1 << 16, PCAP_TSTAMP_PRECISION_NANO),
            pcap_close),
      file_(nullptr) {
    if (!pcap_) throw std::bad_alloc();
    file_ = pcap_dump_open(pcap_.get(), path.c_str());
    if (file_ == nullptr) throw std::runtime_error(pcap_geterr(pcap_.get()));
}

CaptureWriter::~CaptureWriter() {
    if (file_ != nullptr) pcap_dump_close(file_);
}

void CaptureWriter::write(std::uint64_t time, std::span<const std::byte> frame) {
    pcap_pkthdr header{};
    header.ts.tv_sec = static_cast<decltype(header.ts.tv_sec)>(time / ns_per_second);
    header.ts.tv_usec = static_cast<decltype(header.ts.tv_usec)>(time % ns_per_second);
    header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
    pcap_dump(reinterpret_cast<u_char*>(file_), &header,
              reinterpret_cast<const u_char*>(frame.data()));
    ++packets_;
}

void CaptureWriter::finish() {
    if (pcap_dump_flush(file_) != 0 || ferror(pcap_dump_file(file_)) != 0)
        throw std::runtime_error(
            path_ + ": not everything could be written: " + std::string(strerror(errno)));
}

}  // namespace shunt::bench
