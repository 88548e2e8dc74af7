// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/device_name.h"

#include <algorithm>

namespace shunt::ctl {

std::string whole_pci_address(std::string_view text) {
    std::string out;
    for (const char c : text) out += (c >= 'A' && c <= 'F') ? static_cast<char>(c | 0x20) : c;
    constexpr std::string_view short_form = "xx:xx.x";
    if (out.size() == short_form.size()) out.insert(0, "0000:");
    constexpr std::string_view form = "xxxx:xx:xx.x";
    const auto fits = [](char c, char pattern) {
        constexpr std::string_view digits = "0123456789abcdef";
        return pattern == 'x' ? digits.find(c) != digits.npos : c == pattern;
    };
    return std::equal(out.begin(), out.end(), form.begin(), form.end(), fits) ? out : "";
}

std::string canonical_device(const std::string& device) {
    const auto comma = std::min(device.find(','), device.size());
    const auto pci = whole_pci_address(std::string_view(device).substr(0, comma));
    return pci.empty() ? device : pci;
}

}  // namespace shunt::ctl
