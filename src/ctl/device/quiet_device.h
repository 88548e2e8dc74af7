// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Keeps the host's network stack off a kernel interface that a port's DPDK device reads with a
// packet socket. Such a socket only gets copies: without this the host would answer, forward or
// reset what the balancer forwards. Thread: control.
#include <optional>
#include <string>
#include <string_view>

namespace shunt::ctl {

/// The interface that a device string of DPDK names, when its frames also reach the host's stack:
/// "net_af_packet0,iface=eth1", "net_pcap0,iface=eth1" or "net_pcap0,rx_iface=eth1,...".
[[nodiscard]] std::optional<std::string> kernel_interface_of(std::string_view device);

/// While it lives, nothing that comes in on the interface reaches the host's protocols, and the
/// host has no IPv6 there, so sends none of its own accord. Packet sockets see all frames as
/// before. A left-over of a process that was killed is taken over. IPv4 addresses of the interface
/// stay.
class QuietDevice {
  public:
    /// Never throws for what the kernel refuses; see problem().
    explicit QuietDevice(std::string interface);
    /// Removes the rule and gives IPv6 back as it was.
    ~QuietDevice();
    QuietDevice(const QuietDevice&) = delete;
    QuietDevice& operator=(const QuietDevice&) = delete;

    /// One sentence for each thing that could not be done, else empty. The port works all the
    /// same; the host may then disturb its traffic.
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

  private:
    void switch_ipv6_off();
    void drop_ingress();
    void add_problem(const std::string& sentence);

    const std::string interface_;
    bool restore_ipv6_ = false;
    bool dropping_ = false;
    std::string problem_;
};

}  // namespace shunt::ctl
