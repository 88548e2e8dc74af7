// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The control socket: who is let in, and how many. What one client may do is RpcSession's matter.
//
// When there are as many clients as there may be, in all or of one user, the one that has done
// nothing for the longest makes room. Thread: control.
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "ctl/rpc/access.h"
#include "ctl/rpc/rpc_session.h"
#include "ctl/rpc/socket_file.h"

namespace shunt::ctl {

class RpcServer {
  public:
    struct Options {
        std::string path;
        std::uint32_t mode = 0660;
        std::string group{};    ///< whose members may change; empty: the daemon's own
        std::string readers{};  ///< the group whose members may read; empty: there is none
        std::size_t most_clients = 512;
        std::size_t most_clients_of_user = 256;
        /// A client that did something in this time does not have to make room.
        std::chrono::milliseconds least_idle{1000};
        RpcLimits limits{};
        Audit audit{};
        /// Told of each client that is refused for want of rights, and why.
        std::function<void(const Credentials&, const std::string&)> refused{};
    };

    /// Listens when it returns. `io` and `methods` outlive this. Throws std::runtime_error with one
    /// line for the operator.
    RpcServer(boost::asio::io_context& io, const MethodTable& methods, Options options);
    /// Cuts every client off and removes the socket file, if it is still ours.
    ~RpcServer();
    RpcServer(const RpcServer&) = delete;
    RpcServer& operator=(const RpcServer&) = delete;

    [[nodiscard]] std::size_t clients() const noexcept { return sessions_.size(); }

    /// Is one of them sending a line over RpcLimits::longest_line?
    [[nodiscard]] bool has_long_line() const noexcept { return long_line_.taken(); }

  private:
    using Socket = RpcSession::Socket;
    using Clock = RpcSession::Clock;

    void accept();
    void accepted(const boost::system::error_code& error, Socket socket);
    void admit(RpcSession& session);
    /// Is there room for one more, of this user only or of all? Whoever has been idle for the
    /// longest goes, if that helps.
    [[nodiscard]] bool make_room(std::optional<uid_t> user, std::size_t most);
    void watch();

    const MethodTable& methods_;
    const Options options_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    const SocketFile file_;
    const AccessRules rules_;
    boost::asio::steady_timer retry_;
    boost::asio::steady_timer watch_;
    LongLine long_line_;
    std::set<std::shared_ptr<RpcSession>> sessions_;
    /// Handlers that the io_context still holds look at it before they touch the server.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace shunt::ctl
