// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/device/port.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "ctl/log/log_line.h"

namespace shunt::ctl {

namespace {

using namespace std::chrono_literals;

/// A cable that was just plugged in takes this long to agree on a speed.
constexpr auto link_patience = 5s;

/// What the kernel says about an interface by an ioctl that fills an ifreq.
std::optional<ifreq> ask_kernel(const std::string& interface, unsigned long what) {
    ifreq request{};
    std::memcpy(request.ifr_name, interface.data(),
                std::min(interface.size(), sizeof(request.ifr_name) - 1));
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::nullopt;
    const bool answered = ioctl(fd, what, &request) == 0;
    close(fd);
    return answered ? std::optional(request) : std::nullopt;
}

/// Most failures of a kernel interface show before DPDK is asked, and then have better names.
void check_kernel_interface(const std::string& where, const std::string& interface) {
    const auto flags = ask_kernel(interface, SIOCGIFFLAGS);
    if (!flags)
        throw StartError(fmt::format(
            "{}: there is no network interface {}; name an existing one ('ip link' lists them)",
            where, interface));
    if ((flags->ifr_flags & IFF_UP) == 0)
        throw StartError(fmt::format("{}: interface {} is down; set it up with 'ip link set {} up'",
                                     where, interface, interface));
}

void check_twin_name(const std::string& where, const std::string& name) {
    if (if_nametoindex(name.c_str()) != 0)
        throw StartError(fmt::format(
            "{}: an interface {} exists already, so the kernel twin cannot have that name; is "
            "another shuntd running? Else rename the port or the interface",
            where, name));
}

/// Before the device is opened, so that these checks come first.
std::unique_ptr<DeviceLock> lock_device(const PortConfig& config) {
    const std::string where = "port " + config.name;
    const auto interface = kernel_interface_of(config.device);
    std::unique_ptr<DeviceLock> lock;
    if (interface) {
        check_kernel_interface(where, *interface);
        lock = std::make_unique<DeviceLock>(where, *interface);
    }
    if (config.twin) check_twin_name(where, config.name);
    return lock;
}

std::unique_ptr<QuietDevice> make_quiet(const PortConfig& config) {
    const auto interface = kernel_interface_of(config.device);
    if (!interface || !config.twin) return nullptr;
    auto quiet = std::make_unique<QuietDevice>(*interface);
    if (!quiet->problem().empty())
        write_log(spdlog::level::warn, "port_not_quiet",
                  {{"port", config.name}, {"reason", quiet->problem()}});
    return quiet;
}

/// The client's end of the packets that come in.
EthDevice::RssSide client_end(PortSide side) {
    switch (side) {
        case PortSide::clients:
            return EthDevice::RssSide::source;
        case PortSide::servers:
            return EthDevice::RssSide::destination;
        case PortSide::both:
            break;
    }
    return EthDevice::RssSide::both;
}

std::uint16_t kernel_mtu(const std::string& device, std::uint16_t otherwise) {
    const auto interface = kernel_interface_of(device);
    const auto answer = interface ? ask_kernel(*interface, SIOCGIFMTU) : std::nullopt;
    return answer ? static_cast<std::uint16_t>(answer->ifr_mtu) : otherwise;
}

/// Through the kernel: the driver of the twins knows no frames above 1522 bytes, the interface
/// does.
bool set_kernel_mtu(const std::string& interface, std::uint16_t mtu) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return false;
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_mtu = mtu;
    const bool done = ioctl(socket, SIOCSIFMTU, &request) == 0;
    close(socket);
    return done;
}

}  // namespace

Port::Port(PortId id, const PortConfig& config, const Needs& needs)
    : id_(id),
      config_(config),
      lock_(lock_device(config)),
      quiet_(make_quiet(config)),
      device_(where(), config.device, std::to_string(id.value())),
      workers_(needs.workers) {
    if (config.mac) device_.set_mac(*config.mac);
    plan_queues(needs);
    const auto steering =
        device_.configure(queues_, needs.pool, *needs.owner, client_end(config.side));
    if (needs.workers == 1)
        steering_ = "one worker";
    else if (steering.by_owner)
        steering_ = fmt::format("card, by owner, {} queues", queues_.receive);
    else if (steering.spread)
        steering_ = fmt::format("card over {} queues, then hand-off", queues_.receive);
    else
        steering_ = fmt::format("hand-off from {} queue{}", queues_.receive,
                                queues_.receive == 1 ? "" : "s");
    if (config.mtu != 0) device_.set_mtu(config.mtu);
    mtu_ = config.mtu != 0 ? config.mtu : kernel_mtu(config.device, device_.mtu());
    if (config.twin) make_twin(needs);
}

void Port::plan_queues(const Needs& needs) {
    const auto most = device_.most_queues();
    if (config_.queues > most.receive)
        throw StartError(fmt::format(
            "{}: {} receive queues are configured and the device has {}; lower ports[].queues or "
            "give the device more (net_af_packet: qpairs={})",
            where(), config_.queues, most.receive, config_.queues));
    queues_.receive = config_.queues != 0 ? config_.queues : std::min(needs.workers, most.receive);
    queues_.transmit = std::min(needs.workers, most.transmit);
    queues_.descriptors = needs.descriptors;
}

void Port::make_twin(const Needs& needs) {
    const std::string device =
        fmt::format("net_tap,iface={},mac={}", config_.name, to_string(mac()));
    twin_ = std::make_unique<EthDevice>(where() + ": kernel twin", device,
                                        "_twin" + std::to_string(id_.value()));
    twin_->configure({.receive = 1, .transmit = 1, .descriptors = needs.descriptors}, needs.pool,
                     *needs.owner, EthDevice::RssSide::both);
    if (!set_kernel_mtu(config_.name, mtu_))
        throw StartError(fmt::format("{}: kernel twin: cannot set the MTU {}: {}", where(), mtu_,
                                     std::strerror(errno)));
}

void Port::start() {
    device_.start();
    if (twin_) twin_->start();
    wait_for_link();
}

void Port::wait_for_link() const {
    const auto end = std::chrono::steady_clock::now() + link_patience;
    while (!device_.link_up()) {
        if (std::chrono::steady_clock::now() > end)
            throw StartError(fmt::format(
                "{}: the link of {} is down; check the cable and the other end, or take the port "
                "out of the configuration",
                where(), config_.device));
        std::this_thread::sleep_for(50ms);
    }
}

void Port::stop() noexcept {
    device_.stop();
    if (twin_) twin_->stop();
}

DeviceQueues Port::port_queues() const {
    DeviceQueues queues;
    queues.present = true;
    queues.ethdev = device_.id();
    queues.transmit_queues = queues_.transmit;
    return queues;
}

DeviceQueues Port::twin_queues() const {
    DeviceQueues queues;
    if (twin_ == nullptr) return queues;
    queues.present = true;
    queues.ethdev = twin_->id();
    queues.transmit_queues = 1;
    return queues;
}

std::vector<ReceiveQueue> Port::receive_queues(WorkerId worker) const {
    std::vector<ReceiveQueue> mine;
    for (std::uint16_t q = 0; q < queues_.receive; ++q) {
        // Ports with fewer queues than workers begin with different ones.
        const unsigned first = queues_.receive < workers_ ? id_.value() : 0U;
        if ((first + q) % workers_ == worker.value())
            mine.push_back({.port = id_, .ethdev = device_.id(), .queue = q});
    }
    // The worker with transmit queue 0: what the host sends needs no second hop.
    if (twin_ && worker == WorkerId(0))
        mine.push_back({.port = id_, .ethdev = twin_->id(), .queue = 0, .twin = true});
    return mine;
}

PortStatus Port::status() const {
    const auto counts = device_.counts();
    return {.name = config_.name,
            .device = config_.device,
            .mac = mac(),
            .mtu = mtu_,
            .link_up = device_.link_up(),
            .steering = steering_,
            .receive_queues = queues_.receive,
            .transmit_queues = queues_.transmit,
            .twin = has_twin(),
            .id = id_,
            .received = counts.received,
            .sent = counts.sent,
            .missed = counts.missed,
            .errors = counts.errors};
}

}  // namespace shunt::ctl
