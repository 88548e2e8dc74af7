// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/seeing/capture_file.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/watch_mark.h"
#include "net/headers.h"

namespace shunt::ctl {

namespace {

/// In the place of the link-layer header that a packet has no more: no addresses, and the type.
std::vector<std::byte> with_link_header(const WatchedPacket& packet) {
    EthernetHeader header{};
    const bool v6 = !packet.bytes.empty() && (packet.bytes.front() >> 4) == std::byte{6};
    header.type = Be16(static_cast<std::uint16_t>(v6 ? EtherType::ipv6 : EtherType::ipv4));
    std::array<std::byte, sizeof(header)> bytes;
    std::memcpy(bytes.data(), &header, sizeof(header));
    std::vector<std::byte> frame(bytes.begin(), bytes.end());
    frame.insert(frame.end(), packet.bytes.begin(), packet.bytes.end());
    return frame;
}

PacketDirection direction_of(WatchEvent event) noexcept {
    if (event == WatchEvent::arrived) return PacketDirection::inbound;
    return event == WatchEvent::left ? PacketDirection::outbound : PacketDirection::unknown;
}

std::string comment_of(const WatchRecord& record) {
    if (!record.was_dropped()) return {};
    const auto& reason = drop_reason_texts[record.reason];
    return "dropped: " + std::string(reason.name) + " (" + std::string(reason.text) + ')';
}

}  // namespace

CaptureFile::CaptureFile(std::string_view application, std::vector<CaptureDevice> devices,
                         std::uint32_t snap)
    : devices_(std::move(devices)), file_(application) {
    for (const auto& device : devices_) file_.add_interface(device.name, device.description, snap);
}

std::uint32_t CaptureFile::interface_of(DeviceIndex device) const {
    const auto found = std::ranges::find(devices_, device.value,
                                         [](const CaptureDevice& d) { return d.index.value; });
    return found == devices_.end() ? 0 : static_cast<std::uint32_t>(found - devices_.begin());
}

void CaptureFile::take(const WatchedPacket& packet) {
    const WatchRecord& record = packet.record;
    if (record.event == WatchEvent::handed || record.event == WatchEvent::passed) return;
    const auto framed = record.bare ? with_link_header(packet) : std::vector<std::byte>();
    constexpr std::uint32_t link_header = sizeof(EthernetHeader);
    const std::string comment = comment_of(record);
    file_.add_packet({.interface = interface_of(record.device),
                      .time = packet.time,
                      .length = record.length + (record.bare ? link_header : 0),
                      .bytes = record.bare ? framed : packet.bytes,
                      .direction = direction_of(record.event),
                      .queue = packet.worker.value(),
                      .number = watch_number(record.number),
                      .comment = comment});
}

void CaptureFile::end(std::uint64_t time, std::uint64_t lost) {
    if (!devices_.empty()) file_.add_statistics(0, time, lost);
}

std::string CaptureFile::read(std::size_t most) {
    std::string bytes = file_.take(most);
    taken_ += bytes.size();
    return bytes;
}

}  // namespace shunt::ctl
