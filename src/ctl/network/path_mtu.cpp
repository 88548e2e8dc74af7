// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/network/path_mtu.h"

#include <memory>

namespace shunt::ctl {

void PathMtuLearner::learn(std::span<const PathMtuReport> reports, Clock::time_point now) {
    bool changed = false;
    for (const auto& report : reports) changed |= take(report, now);
    if (changed) publish();
}

bool PathMtuLearner::take(const PathMtuReport& report, Clock::time_point now) {
    const bool ipv4 = report.destination.family() == Family::ipv4;
    if (report.mtu < (ipv4 ? least_ipv4 : least_ipv6)) return false;
    const auto known = paths_.find(report.destination);
    if (known == paths_.end()) {
        if (paths_.size() == most) return false;
        paths_.emplace(report.destination, Path{report.mtu, now + keep});
        return true;
    }
    if (report.mtu > known->second.mtu) return false;
    const bool smaller = report.mtu < known->second.mtu;
    known->second = {report.mtu, now + keep};
    return smaller;
}

void PathMtuLearner::forget(Clock::time_point now) {
    if (std::erase_if(paths_, [now](const auto& path) { return path.second.until <= now; }) > 0)
        publish();
}

void PathMtuLearner::publish() {
    if (paths_.empty()) {
        publisher_.set_path_mtus(nullptr);
        return;
    }
    auto mtus = std::make_shared<PathMtus>();
    for (const auto& [address, path] : paths_) mtus->emplace_hint(mtus->end(), address, path.mtu);
    publisher_.set_path_mtus(std::move(mtus));
}

}  // namespace shunt::ctl
