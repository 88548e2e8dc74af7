// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc_server.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <stdexcept>

namespace shunt::ctl {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using LocalStream = asio::local::stream_protocol;

[[noreturn]] void fail(const std::string& path, const std::string& reason) {
    throw std::runtime_error("socket " + path + ": " + reason);
}

std::string reason_of(int error_number) {
    return std::error_code(error_number, std::generic_category()).message();
}

/// Makes the socket's folder if it is missing.
void make_parent(const std::string& path) {
    const auto parent = std::filesystem::path(path).parent_path();
    std::error_code error;
    if (parent.empty() || std::filesystem::exists(parent, error)) return;
    const auto mask = umask(0022);
    std::filesystem::create_directories(parent, error);
    umask(mask);
    if (error) fail(path, "cannot make the directory " + parent.string() + ": " + error.message());
}

/// Removes a socket file that nobody listens on any more.
void remove_stale(const asio::any_io_executor& executor, const std::string& path) {
    struct stat there {};
    if (lstat(path.c_str(), &there) != 0) {
        if (errno == ENOENT) return;
        fail(path, reason_of(errno) + "; give another --socket");
    }
    if (!S_ISSOCK(there.st_mode)) fail(path, "a file stands there that is no socket; remove it");
    LocalStream::socket probe(executor);
    error_code error;
    probe.open(LocalStream(), error);
    probe.non_blocking(true, error);
    probe.connect(LocalStream::endpoint(path), error);
    if (!error || error == asio::error::would_block)
        fail(path, "another shuntd answers there; stop it or give another --socket");
    if (error != asio::error::connection_refused) fail(path, error.message());
    if (unlink(path.c_str()) != 0 && errno != ENOENT) fail(path, reason_of(errno));
}

void set_access(const std::string& path, std::uint32_t mode, const std::string& group) {
    if (!group.empty()) {
        const ::group* entry = getgrnam(group.c_str());
        if (entry == nullptr) fail(path, "there is no group \"" + group + "\"");
        if (chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0)
            fail(path, "cannot give it to group " + group + ": " + reason_of(errno));
    }
    if (chmod(path.c_str(), mode) != 0) fail(path, reason_of(errno));
}

}  // namespace

/// One client. Alive while an operation on its socket or a request is under way, or its server
/// keeps it.
class RpcServer::Session : public std::enable_shared_from_this<Session> {
  public:
    Session(RpcServer& server, Socket socket)
        : server_(server),
          socket_(std::move(socket)),
          deadline_(socket_.get_executor()),
          line_deadline_(socket_.get_executor()) {}

    void start() { read(); }

    /// Answers with one line and closes.
    void refuse(const RpcError& error) {
        closing_ = true;
        end_long_line();
        send(error_line(error));
    }

    void close() {
        if (closed_) return;
        closed_ = true;
        error_code ignored;
        socket_.close(ignored);
        deadline_.cancel();
        end_long_line();
    }

  private:
    void read() {
        if (closed_ || closing_ || reading_ || ended_) return;
        reading_ = true;
        socket_.async_read_some(
            asio::buffer(chunk_),
            [self = shared_from_this()](const error_code& error, std::size_t size) {
                self->reading_ = false;
                if (self->closed_) return;
                if (error) self->ended_ = true;
                self->input_.append(self->chunk_.data(), size);
                self->proceed();
            });
    }

    /// Does what there is to do next: a request, reading more, or the end.
    void proceed() {
        if (closed_ || closing_ || busy_ || unsent_ > server_.options_.most_unsent) return;
        const auto newline = input_.find('\n', searched_);
        const bool whole = newline != std::string::npos;
        const auto size = (whole ? newline : input_.size()) - start_;
        if (size > server_.options_.longest_line && !may_be_long(size)) return;
        if (whole || (ended_ && size > 0)) return handle(size, whole ? 1 : 0);
        if (ended_) return finish_if_done();
        input_.erase(0, start_);
        if (input_.empty() && input_.capacity() > 2 * server_.options_.longest_line)
            input_.shrink_to_fit();
        start_ = 0;
        searched_ = input_.size();
        read();
    }

    /// Refuses if not.
    bool may_be_long(std::size_t size) {
        const auto& options = server_.options_;
        if (size > options.longest_of_one) {
            refuse({RpcCode::not_a_request,
                    "a line is at most " + std::to_string(options.longest_of_one) + " bytes long",
                    "", 0});
            return false;
        }
        if (long_line_) return true;
        long_line_ = server_.take_long_line(*this);
        if (!long_line_) {
            refuse(refused(EAGAIN,
                           "another client sends a line of over " +
                               std::to_string(options.longest_line) + " bytes, try again",
                           ""));
            return false;
        }
        line_deadline_.expires_after(options.patience);
        line_deadline_.async_wait([self = shared_from_this()](const error_code& error) {
            if (!error && self->long_line_ && !self->busy_) self->end();
        });
        return true;
    }

    void end_long_line() {
        if (!long_line_) return;
        long_line_ = false;
        line_deadline_.cancel();
        server_.give_long_line(*this);
    }

    /// The line of `size` bytes at start_, and `end` bytes of newline behind it.
    void handle(std::size_t size, std::size_t end) {
        const std::string_view line = std::string_view(input_).substr(start_, size);
        start_ += size + end;
        searched_ = start_;
        busy_ = true;
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) return answered({});
        dispatch_line(line, server_.methods_, [self = shared_from_this()](std::string answer) {
            self->answered(std::move(answer));
        });
    }

    /// One request is done. The next one waits its turn behind other clients'.
    void answered(std::string answer) {
        if (closed_) return;
        end_long_line();
        if (!answer.empty()) send(std::move(answer));
        asio::post(socket_.get_executor(), [self = shared_from_this()] {
            self->busy_ = false;
            self->proceed();
        });
    }

    void send(std::string answer) {
        unsent_ += answer.size();
        output_.push_back(std::move(answer));
        if (output_.size() == 1) write();
    }

    void write() {
        deadline_.expires_after(server_.options_.patience);
        deadline_.async_wait([self = shared_from_this()](const error_code& error) {
            if (!error) self->end();
        });
        const auto& front = output_.front();
        socket_.async_write_some(
            asio::buffer(front.data() + sent_, front.size() - sent_),
            [self = shared_from_this()](const error_code& error, std::size_t size) {
                self->written(error, size);
            });
    }

    void written(const error_code& error, std::size_t size) {
        if (closed_) return;
        if (error) return end();
        sent_ += size;
        unsent_ -= size;
        if (sent_ == output_.front().size()) {
            output_.pop_front();
            sent_ = 0;
        }
        if (!output_.empty()) {
            write();
        } else {
            deadline_.cancel();
            finish_if_done();
        }
        proceed();
    }

    void finish_if_done() {
        if (output_.empty() && (closing_ || (ended_ && !busy_ && start_ == input_.size()))) end();
    }

    /// The client is gone, or has to go.
    void end() {
        if (closed_) return;
        close();
        server_.forget(shared_from_this());
    }

    RpcServer& server_;  ///< outlives a session that is not closed_
    Socket socket_;
    asio::steady_timer deadline_;       ///< for the client to take some of its answer
    asio::steady_timer line_deadline_;  ///< for the rest of a long line
    std::array<char, 65536> chunk_;
    std::string input_;
    std::size_t start_ = 0;     ///< of the first line not handled, in input_
    std::size_t searched_ = 0;  ///< no newline stands between start_ and here
    std::deque<std::string> output_;
    std::size_t sent_ = 0;    ///< of the front of output_
    std::size_t unsent_ = 0;  ///< in all of output_
    bool reading_ = false;
    bool long_line_ = false;  ///< the line at start_ is one, and may be
    bool busy_ = false;       ///< a request is being handled
    bool ended_ = false;      ///< the client sends no more
    bool closing_ = false;    ///< to be closed when output_ is sent
    bool closed_ = false;
};

RpcServer::RpcServer(asio::io_context& io, const MethodTable& methods, Options options)
    : methods_(methods), options_(std::move(options)), acceptor_(io), retry_(io) {
    listen();
    accept();
}

RpcServer::~RpcServer() {
    for (const auto& session : sessions_) session->close();
    struct stat there {};
    if (lstat(options_.path.c_str(), &there) == 0 && there.st_ino == inode_ &&
        there.st_dev == device_)
        unlink(options_.path.c_str());
}

void RpcServer::listen() {
    const auto& path = options_.path;
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
        fail(path, "the path must have 1 to " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                       " characters");
    make_parent(path);
    error_code error;
    acceptor_.open(LocalStream(), error);
    if (error) fail(path, error.message());
    remove_stale(acceptor_.get_executor(), path);
    // Nobody gets in before the mode is what it has to be.
    const auto mask = umask(0177);
    acceptor_.bind(LocalStream::endpoint(path), error);
    umask(mask);
    if (error) fail(path, error.message());
    struct stat made {};
    if (lstat(path.c_str(), &made) == 0) {
        inode_ = made.st_ino;
        device_ = made.st_dev;
    }
    try {
        set_access(path, options_.mode, options_.group);
        acceptor_.listen(asio::socket_base::max_listen_connections, error);
        if (error) fail(path, error.message());
    } catch (...) {
        unlink(path.c_str());
        throw;
    }
}

bool RpcServer::take_long_line(const Session& session) noexcept {
    if (long_line_ != nullptr) return false;
    long_line_ = &session;
    return true;
}

void RpcServer::give_long_line(const Session& session) noexcept {
    if (long_line_ == &session) long_line_ = nullptr;
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
    const auto session = std::make_shared<Session>(*this, std::move(socket));
    const bool full = sessions_.size() >= options_.most_clients;
    sessions_.insert(session);
    if (full)
        session->refuse(refused(
            EAGAIN, "there are " + std::to_string(options_.most_clients) + " clients already", ""));
    else
        session->start();
    accept();
}

}  // namespace shunt::ctl
