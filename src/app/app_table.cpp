// SPDX-License-Identifier: BSD-3-Clause
#include "app/app_table.h"

namespace shunt {

std::string_view name(AppKind app) noexcept {
    switch (app) {
        case AppKind::ftp:
            return "ftp";
        case AppKind::tftp:
            return "tftp";
        case AppKind::none:
            break;
    }
    return "none";
}

std::optional<AppKind> app_named(std::string_view text) noexcept {
    for (const AppKind app : app_kinds)
        if (name(app) == text) return app;
    return std::nullopt;
}

Protocol protocol_of(AppKind app) noexcept {
    switch (app) {
        case AppKind::ftp:
            return Protocol::tcp;
        case AppKind::tftp:
            return Protocol::udp;
        case AppKind::none:
            break;
    }
    return Protocol::none;
}

L4Port usual_port(AppKind app) noexcept {
    return L4Port(std::uint16_t{app == AppKind::ftp ? std::uint16_t{21} : std::uint16_t{69}});
}

std::optional<AppTable::Slot> AppTable::find(Protocol protocol, L4Port port) const noexcept {
    for (std::size_t i = 0; i < incarnations_.size(); ++i) {
        const Incarnation& at = incarnations_[i];
        if (at.app != AppKind::none && at.port == port && protocol_of(at.app) == protocol)
            return static_cast<Slot>(i);
    }
    return std::nullopt;
}

}  // namespace shunt
