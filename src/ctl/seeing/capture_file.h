// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Watched packets as a capture file, for the client that asked for it. Thread: control.
#include <string>
#include <vector>

#include "ctl/seeing/pcapng.h"
#include "ctl/seeing/watch_control.h"

namespace shunt::ctl {

/// A device that packets come and go by, for its interface in the file.
struct CaptureDevice {
    DeviceIndex index;
    std::string name;         ///< "wan0"
    std::string description;  ///< what it is
};

class CaptureFile final : public WatchSink {
  public:
    CaptureFile(std::string_view application, std::vector<CaptureDevice> devices,
                std::uint32_t snap);

    void take(const WatchedPacket& packet) override;
    void end(std::uint64_t time, std::uint64_t lost) override;
    [[nodiscard]] std::size_t unread() const override { return file_.size(); }
    [[nodiscard]] std::uint64_t bytes() const override { return taken_ + file_.size(); }

    /// The next bytes of the file.
    [[nodiscard]] std::string read(std::size_t most);

  private:
    [[nodiscard]] std::uint32_t interface_of(DeviceIndex device) const;

    std::vector<CaptureDevice> devices_;
    PcapngWriter file_;
    std::uint64_t taken_ = 0;
};

}  // namespace shunt::ctl
