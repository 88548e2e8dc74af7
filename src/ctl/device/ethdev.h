// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One DPDK Ethernet device from attach to close.
#include <cstdint>
#include <string>

#include "ctl/device/eal.h"
#include "dataplane/owner.h"
#include "net/address.h"

struct rte_mempool;

namespace shunt::ctl {

/// Owns the device. Thread: control; queues are used by workers between start() and stop().
class EthDevice {
  public:
    struct Queues {
        std::uint16_t receive = 1;
        std::uint16_t transmit = 1;
        std::uint16_t descriptors = 1024;
    };
    struct Counts {
        std::uint64_t received = 0;
        std::uint64_t sent = 0;
        std::uint64_t missed = 0;  ///< arrived while no receive buffer was free
        std::uint64_t errors = 0;
    };

    /// Attaches `device`: a PCI address, or a driver name with arguments, to whose name `suffix` is
    /// added so that several of one driver are possible. `where` begins each error, such as "port
    /// wan0". Throws StartError.
    EthDevice(std::string where, const std::string& device, const std::string& suffix);
    ~EthDevice();
    EthDevice(const EthDevice&) = delete;
    EthDevice& operator=(const EthDevice&) = delete;

    void set_mac(const MacAddress& mac);
    void set_mtu(std::uint16_t mtu);
    [[nodiscard]] MacAddress mac() const;
    [[nodiscard]] std::uint16_t mtu() const;
    /// How many queues the device can have.
    [[nodiscard]] Queues most_queues() const;

    /// With several receive queues the card spreads flows by `owner`'s key and table if it can.
    /// Returns whether it does; hashing covers what `RssSide` says.
    enum class RssSide : std::uint8_t { both, source, destination };
    struct Steering {
        bool spread = false;    ///< by the card, over all receive queues
        bool by_owner = false;  ///< and each packet arrives at its owner
    };
    Steering configure(const Queues& queues, rte_mempool* pool, const OwnerFunction& owner,
                       RssSide side);
    void start();
    void stop() noexcept;
    [[nodiscard]] bool link_up() const;
    [[nodiscard]] Counts counts() const;

    [[nodiscard]] std::uint16_t id() const noexcept { return id_; }

  private:
    [[nodiscard]] StartError failed(const std::string& what, int error,
                                    const std::string& advice) const;
    bool set_up_table(const OwnerFunction& owner, std::uint16_t queues);

    std::string where_;
    OwnerFunction::Key rss_key_{};  ///< drivers read it when the device starts
    std::uint16_t id_ = 0;
    bool started_ = false;
};

/// Is this device string a PCI address, with or without arguments?
bool is_pci_device(const std::string& device);

}  // namespace shunt::ctl
