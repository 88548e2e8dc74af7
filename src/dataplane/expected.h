// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Data connections that an application has announced (app/expectation_table.h): the first packet of
// one, from either side, and what a helper announces. Thread: the connection's owner.
#include <optional>

#include "dataplane/worker.h"

namespace shunt {

template <class F>
struct ExpectedConnection {
    Conn<F> conn;  ///< not filed yet; release_expected() is to be called for it
    Direction direction = Direction::from_client;
};

/// The connection that a packet of none begins, if it was announced. `tuple` is the packet's own.
template <class F>
std::optional<ExpectedConnection<F>> expected_connection(WorkerState& worker,
                                                         const PacketMeta& meta,
                                                         const FlowTuple<F>& tuple) noexcept;

/// The same, but nothing changes, and release_expected() is not to be called.
template <class F>
std::optional<ExpectedConnection<F>> announced_connection(const WorkerState& worker,
                                                          const FlowTuple<F>& tuple) noexcept;

/// The end of a connection that was announced, or of the attempt to make one.
template <class F>
void release_expected(WorkerState& worker, const Conn<F>& conn) noexcept {
    worker.shared.expectations->release(conn.affinity, worker.now);
}

/// What an FTP control connection announces: the DataConnections of its ControlChannel.
template <class F>
class Announcements {
  public:
    Announcements(WorkerState& worker, const Conn<F>& conn, FtpHelper& helper,
                  const FtpOptions& options) noexcept
        : worker_(worker), conn_(conn), helper_(helper), options_(options) {}

    [[nodiscard]] bool expect_active(const Endpoint& client) noexcept;
    [[nodiscard]] std::optional<Endpoint> offer_passive(const Endpoint& server) noexcept;

  private:
    [[nodiscard]] bool has_control() noexcept;
    [[nodiscard]] Expectation announcement() const noexcept;

    WorkerState& worker_;
    const Conn<F>& conn_;
    FtpHelper& helper_;
    const FtpOptions& options_;
};

/// A client has sent a TFTP request on `conn`: the server answers from a port of its choice, which
/// the client sees as that of the virtual address (RFC 1350 4).
template <class F>
void expect_tftp_answer(WorkerState& worker, const Conn<F>& conn) noexcept;

}  // namespace shunt
