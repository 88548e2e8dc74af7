// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/rpc_server.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace shunt::ctl {

using boost::system::error_code;

namespace {

AccessRules rules_of(const RpcServer::Options& options, const SocketFile& file) {
    AccessRules rules{.owner = geteuid(), .changers = file.group()};
    if (!options.readers.empty()) rules.readers = find_group(options.path, options.readers);
    return rules;
}

std::string too_many(std::optional<uid_t> user, std::size_t most) {
    return "there are " + std::to_string(most) + " clients" + (user ? " of this user" : "") +
           " already";
}

}  // namespace

RpcServer::RpcServer(boost::asio::io_context& io, const MethodTable& methods, Options options)
    : methods_(methods),
      options_(std::move(options)),
      acceptor_(io),
      file_(acceptor_, {.path = options_.path, .mode = options_.mode, .group = options_.group}),
      rules_(rules_of(options_, file_)),
      retry_(io),
      watch_(io) {
    accept();
    watch();
}

RpcServer::~RpcServer() {
    for (const auto& session : sessions_) session->close();
}

void RpcServer::accept() {
    acceptor_.async_accept(
        [this, alive = std::weak_ptr(alive_)](const error_code& error, Socket socket) {
            if (!alive.expired()) accepted(error, std::move(socket));
        });
}

void RpcServer::accepted(const error_code& error, Socket socket) {
    if (error) {
        // Out of file descriptors, most likely: the one to be accepted stays, so try later.
        retry_.expires_after(std::chrono::milliseconds(100));
        retry_.async_wait([this, alive = std::weak_ptr(alive_)](const error_code&) {
            if (!alive.expired()) accept();
        });
        return;
    }
    const auto peer = peer_of(socket.native_handle());
    const Caller caller =
        peer ? Caller{*peer, access_of(*peer, rules_)} : Caller{.who = {}, .access = Access::none};
    const auto session = std::make_shared<RpcSession>(
        std::move(socket), methods_, options_.limits, long_line_, Origin{caller, options_.audit},
        [this](const std::shared_ptr<RpcSession>& gone) { sessions_.erase(gone); });
    admit(*session);
    sessions_.insert(session);
    accept();
}

/// Serves it, or says why not.
void RpcServer::admit(RpcSession& session) {
    const Credentials& who = session.caller().who;
    if (session.caller().access == Access::none) {
        const std::string why = "user " + std::to_string(who.uid) +
                                " has no right to use this socket; members of its group and of "
                                "socket.readers have";
        if (options_.refused) options_.refused(who, why);
        return session.refuse(forbidden(why));
    }
    if (!make_room(who.uid, options_.most_clients_of_user))
        return session.refuse(
            refused(EAGAIN, too_many(who.uid, options_.most_clients_of_user), ""));
    if (!make_room(std::nullopt, options_.most_clients))
        return session.refuse(refused(EAGAIN, too_many(std::nullopt, options_.most_clients), ""));
    session.start();
}

bool RpcServer::make_room(std::optional<uid_t> user, std::size_t most) {
    std::size_t count = 0;
    RpcSession* oldest = nullptr;
    Clock::time_point since = Clock::now() - options_.least_idle;
    for (const auto& session : sessions_) {
        if (session->leaving() || (user && session->caller().who.uid != *user)) continue;
        ++count;
        const auto idle = session->idle_since();
        if (!idle || *idle > since) continue;
        oldest = session.get();
        since = *idle;
    }
    if (count < most) return true;
    if (oldest == nullptr) return false;
    oldest->refuse(refused(EAGAIN, too_many(user, most) + ", and this one did nothing", ""));
    return true;
}

/// From time to time.
void RpcServer::watch() {
    using std::chrono::milliseconds;
    watch_.expires_after(
        std::clamp(options_.limits.patience / 10, milliseconds(10), milliseconds(1000)));
    watch_.async_wait([this, alive = std::weak_ptr(alive_)](const error_code&) {
        if (alive.expired()) return;
        const auto now = Clock::now();
        for (const auto& session : sessions_) session->watch(now);
        watch();
    });
}

}  // namespace shunt::ctl
