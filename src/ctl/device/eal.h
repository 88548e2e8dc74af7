// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Start and end of DPDK's environment (EAL): memory mode, cores, PCI devices.
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "ctl/config/config.h"

namespace shunt::ctl {

/// The daemon cannot start: what() is one sentence that says what, where and what to do.
class StartError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Where DPDK's memory comes from.
enum class MemoryMode : std::uint8_t { huge_pages, ordinary_pages };

/// Free huge pages of all sizes, in megabytes.
std::uint32_t free_huge_memory_mb();

/// The mode that the configuration asks for, or the one that suits `needed_mb`. Throws StartError
/// when huge pages are demanded and missing.
MemoryMode choose_memory_mode(HugePages wanted, std::uint32_t needed_mb);

/// Running EAL of this process; there is one at a time. Thread: control, which becomes the main
/// lcore; workers are lcores 1 .. workers.
class Eal {
  public:
    struct Options {
        MemoryMode memory = MemoryMode::ordinary_pages;
        std::uint32_t memory_mb = 0;  ///< on ordinary pages, where it cannot grow
        std::uint16_t workers = 1;
        std::vector<unsigned> worker_cpus;     ///< one a worker; empty: every CPU of the process
        std::vector<std::string> pci_devices;  ///< no other PCI device is touched
    };
    /// Throws StartError. DPDK's own messages go to the log at debug level.
    explicit Eal(const Options& options);
    ~Eal();
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;
};

/// The last line since the previous call in which DPDK told of a failure; "" when there is none.
std::string last_dpdk_error();

/// The lcore of a worker.
unsigned lcore_of(WorkerId worker) noexcept;

}  // namespace shunt::ctl
