// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The sync daemons, at most one of each role: a master tells other balancers of the connections
// here, a backup has those of others filed here (ipvs-behaviour 7). Thread: control. Whatever
// throws throws RpcError and has changed nothing.
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "conn/affinity_table.h"
#include "ctl/config/config.h"
#include "ctl/rpc/events.h"
#include "ctl/state/periodic.h"
#include "ctl/state/publisher.h"
#include "ctl/sync/sync_counts.h"
#include "ctl/sync/sync_filer.h"
#include "ctl/sync/sync_master.h"
#include "ctl/sync/sync_socket.h"
#include "sync/message_reader.h"

namespace shunt::ctl {

/// To be destroyed when the workers have ended, or were never given a request.
class SyncControl {
  public:
    /// They outlive this.
    struct Parts {
        boost::asio::io_context& io;
        Publisher& publisher;
        const SharedState& shared;
        EventBus& events;
        std::uint32_t connections = 0;  ///< of a worker and family
        SyncFiler::Post post;
        std::function<TickTime()> tick;  ///< of the data plane's clock, now
    };

    explicit SyncControl(Parts parts);
    ~SyncControl();
    SyncControl(const SyncControl&) = delete;
    SyncControl& operator=(const SyncControl&) = delete;

    /// EEXIST: there is one of this role.
    void start(const SyncDaemonConfig& config);
    /// ESRCH: there is none.
    void stop(SyncRole role);

    class Daemon;
    /// Those of a wanted list that do not run yet, with their sockets open.
    struct Prepared {
        std::vector<SyncDaemonConfig> wanted;
        std::vector<std::shared_ptr<Daemon>> fresh;
    };
    /// Each role is named at most once. Path: "sync".
    [[nodiscard]] Prepared prepare(std::span<const SyncDaemonConfig> wanted);
    /// Runs these and no others; those that run already go on.
    void accept(const Prepared& prepared);

    [[nodiscard]] std::vector<SyncDaemonConfig> configuration() const;
    /// Null: there is none of this role.
    [[nodiscard]] const SyncSetup* setup(SyncRole role) const;
    [[nodiscard]] SyncTold told() const;
    [[nodiscard]] SyncHeard heard() const;

  private:
    class Master;
    class Backup;

    [[nodiscard]] std::shared_ptr<Daemon> open(const SyncDaemonConfig& config);
    [[nodiscard]] std::shared_ptr<Daemon>& slot(SyncRole role);
    void run(std::shared_ptr<Daemon> daemon);
    void end(SyncRole role);
    void publish();
    void poll();
    void hear(std::span<const std::byte> message, std::uint8_t syncid);

    Parts parts_;
    SyncFiler filer_;
    SyncTold told_before_;  ///< by masters that have ended
    SyncHeard heard_;       ///< outcomes of templates alone
    std::shared_ptr<Daemon> master_;
    std::shared_ptr<Daemon> backup_;
    std::optional<Periodic> timer_;
};

}  // namespace shunt::ctl
