// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The names of devices in the configuration.
#include <string>
#include <string_view>

namespace shunt::ctl {

/// "0000:01:00.0" or "01:00.0", in small letters and with its domain; else nothing.
std::string whole_pci_address(std::string_view text);

/// One spelling for devices that are the same.
std::string canonical_device(const std::string& device);

}  // namespace shunt::ctl
