// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Which applications look into the connections of services: by protocol and virtual port
// (ipvs-behaviour 6.1). One application may have several ports; each is an incarnation of it.
// Immutable, part of a Snapshot; asked only while a connection is made. Thread: any.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "app/ftp/control_session.h"
#include "net/address.h"
#include "service/mark_rules.h"

namespace shunt {

enum class AppKind : std::uint8_t { none, ftp, tftp };
inline constexpr std::array app_kinds{AppKind::ftp, AppKind::tftp};

[[nodiscard]] std::string_view name(AppKind app) noexcept;
/// Nothing for a name that is none.
[[nodiscard]] std::optional<AppKind> app_named(std::string_view name) noexcept;
[[nodiscard]] Protocol protocol_of(AppKind app) noexcept;
/// Where it is by itself: 21, or 69.
[[nodiscard]] L4Port usual_port(AppKind app) noexcept;

/// From which port servers begin the data connections of active FTP.
enum class ActiveSource : std::uint8_t {
    before_control,  ///< that of the control connection less one, as RFC 959 has it
    twenty,          ///< 20, wherever the control connection is
    any,
};

struct FtpOptions {
    /// Of the virtual address, for the data connections of clients.
    PortRange passive_ports{L4Port(std::uint16_t{1024}), L4Port(std::uint16_t{65535})};
    ActiveSource active_source = ActiveSource::before_control;
    ftp::SessionRules rules{};
};

class AppTable {
  public:
    struct Incarnation {
        AppKind app = AppKind::none;  ///< none: the slot is free
        L4Port port;
        bool operator==(const Incarnation&) const noexcept = default;
    };
    using Slot = std::uint8_t;
    static constexpr std::size_t most_incarnations = 16;
    using Incarnations = std::array<Incarnation, most_incarnations>;

    AppTable() noexcept = default;
    /// An incarnation keeps its slot for as long as it is there.
    AppTable(const Incarnations& incarnations, const FtpOptions& ftp) noexcept
        : incarnations_(incarnations), ftp_(ftp) {}

    [[nodiscard]] std::optional<Slot> find(Protocol protocol, L4Port port) const noexcept;
    [[nodiscard]] const Incarnation& operator[](Slot slot) const noexcept {
        return incarnations_[slot];
    }
    [[nodiscard]] const Incarnations& incarnations() const noexcept { return incarnations_; }
    [[nodiscard]] const FtpOptions& ftp() const noexcept { return ftp_; }

  private:
    Incarnations incarnations_{};
    FtpOptions ftp_{};
};

}  // namespace shunt
