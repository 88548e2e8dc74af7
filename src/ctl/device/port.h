// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A configured port: its DPDK device, its kernel twin, and which worker serves which queue.
#include <memory>
#include <vector>

#include "ctl/device/device_lock.h"
#include "ctl/device/ethdev.h"
#include "ctl/device/port_status.h"
#include "ctl/device/quiet_device.h"
#include "dataplane/worker.h"

namespace shunt::ctl {

/// Owns both devices. Thread: control.
class Port {
  public:
    struct Needs {
        std::uint16_t workers = 1;
        std::uint16_t descriptors = 1024;
        rte_mempool* pool = nullptr;
        const OwnerFunction* owner = nullptr;
    };

    /// Attaches and configures, and starts nothing yet. Throws StartError.
    Port(PortId id, const PortConfig& config, const Needs& needs);

    /// Starts the device and the twin, and waits a little for the link. Throws StartError.
    void start();
    /// After that no packet comes or goes. The twin's interface disappears with the object.
    void stop() noexcept;

    /// How workers send by the port and by its twin; without twin the latter is not present.
    [[nodiscard]] DeviceQueues port_queues() const;
    [[nodiscard]] DeviceQueues twin_queues() const;
    /// What the worker is to poll.
    [[nodiscard]] std::vector<ReceiveQueue> receive_queues(WorkerId worker) const;

    [[nodiscard]] PortId id() const noexcept { return id_; }
    [[nodiscard]] const std::string& name() const noexcept { return config_.name; }
    [[nodiscard]] MacAddress mac() const { return device_.mac(); }
    [[nodiscard]] std::uint16_t mtu() const noexcept { return mtu_; }
    [[nodiscard]] bool has_twin() const noexcept { return twin_ != nullptr; }
    /// How packets find their worker, in words.
    [[nodiscard]] const std::string& steering() const noexcept { return steering_; }
    [[nodiscard]] PortStatus status() const;

  private:
    void plan_queues(const Needs& needs);
    void make_twin(const Needs& needs);
    void wait_for_link() const;
    [[nodiscard]] std::string where() const { return "port " + config_.name; }

    PortId id_;
    PortConfig config_;
    std::unique_ptr<DeviceLock> lock_;    ///< when a kernel interface stands behind the device
    std::unique_ptr<QuietDevice> quiet_;  ///< and the kernel is to keep off it
    EthDevice device_;
    std::unique_ptr<EthDevice> twin_;
    EthDevice::Queues queues_;
    std::uint16_t workers_;
    std::uint16_t mtu_ = 0;
    std::string steering_;
};

}  // namespace shunt::ctl
