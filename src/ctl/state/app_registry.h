// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The applications that are loaded, by name and port, as the operator asked for them
// (ipvs-behaviour 6.1, 10.10).
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ctl/config/config.h"
#include "ctl/state/publisher.h"

namespace shunt::ctl {

/// Each port of each application; without ports its usual one.
[[nodiscard]] std::vector<AppTable::Incarnation> incarnations_of(std::span<const AppConfig> apps);

/// Thread: control. Whatever throws throws RpcError and has changed nothing.
class AppRegistry {
  public:
    /// How many connections are bound by a slot.
    using Bound = std::function<std::uint32_t(AppTable::Slot)>;
    struct Row {
        AppKind app = AppKind::none;
        L4Port port;
        std::uint32_t connections = 0;
    };

    /// `publisher` outlives this, and so does what `bound` looks at.
    AppRegistry(Publisher& publisher, Bound bound, const FtpOptions& ftp = {});

    /// All of them at once, in one publication: as at the start of the daemon.
    void load(std::span<const AppConfig> apps);
    /// New connections to the port have the application from now on. `name` may be that of none.
    void add(std::string_view name, std::optional<L4Port> port);
    /// They have it no longer; those that have it keep it. Without a port: none of its ports.
    void remove(std::string_view name, std::optional<L4Port> port);

    /// What load() would publish in place of what is loaded, which keeps its connections where it
    /// stays. In two steps: what can fail, and what cannot, once the table is published.
    struct Prepared {
        AppTable::Incarnations incarnations{};
        FtpOptions ftp{};
        std::shared_ptr<const AppTable> table{};  ///< null: there are none
    };
    [[nodiscard]] Prepared prepare(std::span<const AppConfig> apps, const FtpOptions& ftp) const;
    void accept(const Prepared& prepared) noexcept;

    [[nodiscard]] const FtpOptions& ftp() const noexcept { return ftp_; }
    /// By application, then by port.
    [[nodiscard]] std::vector<Row> list() const;
    /// What load() would make the same of.
    [[nodiscard]] std::vector<AppConfig> configuration() const;

  private:
    void insert(AppTable::Incarnations& all, AppKind app, L4Port port) const;
    void publish(const AppTable::Incarnations& all);

    Publisher& publisher_;
    Bound bound_;
    FtpOptions ftp_;
    AppTable::Incarnations incarnations_{};
};

}  // namespace shunt::ctl
