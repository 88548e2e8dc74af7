// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The control socket: any number of requests a client, one after the other, answered in order.
//
// A client can hurt only itself: its lines are at most 1 MiB long, but for one client at a time,
// who may send a line of 64 MiB (a whole configuration) within 10 s; while more than 1 MiB of
// answers waits for it, none of its requests is looked at; when it takes no answer for 10 s it is
// cut off; one that closes its sending side still gets its answers. Thread: control.
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "ctl/rpc_dispatch.h"

namespace shunt::ctl {

class RpcServer {
  public:
    struct Options {
        std::string path;
        std::uint32_t mode = 0660;
        std::string group;  ///< empty: unchanged
        std::size_t most_clients = 64;
        std::size_t longest_line = 1U << 20;
        std::size_t longest_of_one = 64U << 20;  ///< as long as a configuration file may be
        std::size_t most_unsent = 1U << 20;
        std::chrono::milliseconds patience{10'000};
    };

    /// Listens when it returns. `io` and `methods` outlive this. Throws std::runtime_error with one
    /// line for the operator.
    RpcServer(boost::asio::io_context& io, const MethodTable& methods, Options options);
    /// Cuts every client off and removes the socket file, if it is still ours.
    ~RpcServer();
    RpcServer(const RpcServer&) = delete;
    RpcServer& operator=(const RpcServer&) = delete;

    [[nodiscard]] std::size_t clients() const noexcept { return sessions_.size(); }

    /// Is one of them sending a line over Options::longest_line?
    [[nodiscard]] bool has_long_line() const noexcept { return long_line_ != nullptr; }

  private:
    class Session;
    using Socket = boost::asio::local::stream_protocol::socket;

    void listen();
    void accept();
    void accepted(const boost::system::error_code& error, Socket socket);
    /// Lets one session at a time have a line over Options::longest_line.
    bool take_long_line(const Session& session) noexcept;
    void give_long_line(const Session& session) noexcept;
    void forget(const std::shared_ptr<Session>& session) { sessions_.erase(session); }

    const MethodTable& methods_;
    Options options_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    boost::asio::steady_timer retry_;
    std::set<std::shared_ptr<Session>> sessions_;
    const Session* long_line_ = nullptr;  ///< whose line is a long one
    std::uint64_t inode_ = 0;             ///< of the socket file that we made
    std::uint64_t device_ = 0;
    /// Handlers that the io_context still holds look at it before they touch the server.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace shunt::ctl
