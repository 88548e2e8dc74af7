// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A blocking JSON-RPC 2.0 client on the daemon's UNIX socket (docs/protocol.md). One connection;
// one request at a time, or many whose answers nobody waits for before the next. Not thread safe.
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::cli {

/// No answer could be had: nobody listens, it took too long, the connection broke, or what came
/// back is no answer. what() is one sentence for the operator.
class Unreachable : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The daemon refused. what() is its own sentence.
class Refused : public std::runtime_error {
  public:
    Refused(int code, const std::string& message, std::string path, std::string errno_name)
        : std::runtime_error(message),
          code_(code),
          path_(std::move(path)),
          errno_name_(std::move(errno_name)) {}
    [[nodiscard]] int code() const noexcept { return code_; }
    /// The parameter that is wrong, such as "server.weight"; empty when it is none of them.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// "EEXIST"; empty when the daemon gave none.
    [[nodiscard]] const std::string& errno_name() const noexcept { return errno_name_; }

  private:
    int code_;
    std::string path_;
    std::string errno_name_;
};

/// Calls a method and returns its result. Throws Refused or Unreachable.
using Call =
    std::function<boost::json::value(std::string_view method, const boost::json::object& params)>;

/// Opens the daemon at a socket path. Throws Unreachable.
using Connect = std::function<Call(const std::string& socket_path)>;

/// Told what came of a request; null: it was done.
using Answered = std::function<void(const Refused* refusal)>;

/// Many requests on their way at once, answered in their order. Both throw Unreachable, and nothing
/// is told any more of the requests that were not answered by then.
struct Stream {
    /// Sends, now or a little later; tells meanwhile of earlier requests.
    std::function<void(std::string_view method, const boost::json::object& params, Answered)> send;
    /// Returns when all are answered.
    std::function<void()> finish;
};

/// Opens the daemon at a socket path. Throws Unreachable.
using OpenStream = std::function<Stream(const std::string& socket_path)>;

/// Takes an event; returns false when it wants no more.
using TakeEvent = std::function<bool(const boost::json::object& event)>;

/// Subscribes to the daemon's events and hands them over until no more are wanted, or the daemon
/// ends. `params`: of events.subscribe. Throws Refused or Unreachable.
using Listen = std::function<void(const std::string& socket_path, const boost::json::object& params,
                                  const TakeEvent& take)>;

class RpcClient {
  public:
    struct Limits {
        std::chrono::milliseconds connect{5000};
        std::chrono::milliseconds reply{30000};  ///< from the request to the reply's last byte
        std::size_t reply_bytes = 256U << 20U;
        std::function<void()> waiting = {};  ///< called five times a second while nothing comes
    };

    /// Connects. Throws Unreachable.
    explicit RpcClient(std::string socket_path) : RpcClient(std::move(socket_path), Limits()) {}
    RpcClient(std::string socket_path, Limits limits);

    /// Throws Refused, after which the connection can go on being used, or Unreachable, after which
    /// it can not.
    boost::json::value call(std::string_view method, const boost::json::object& params);
    /// Like call() without waiting; see Stream. Between the first and finish() there is no call().
    void send(std::string_view method, const boost::json::object& params, Answered answered);
    void finish();
    /// After events.subscribe: waits for the next event, for ever. Throws Unreachable.
    boost::json::object next_event();

  private:
    struct Sent {
        std::int64_t id;
        Answered answered;
    };

    std::string next_request(std::string_view method, const boost::json::object& params);
    /// The result in the answer to a request. Throws Refused or Unreachable.
    boost::json::value result_in(const std::string& line, std::int64_t id) const;
    std::string exchange(const std::string& request);
    /// Sends what is gathered, and takes answers until only so many are awaited.
    void turn(std::size_t awaited);
    /// Sends lines while it takes so many that come back. Throws Unreachable, and what `take`
    /// throws.
    void exchange_many(const std::string& requests, std::size_t answers,
                       const std::function<void(const std::string& line)>& take);
    /// The first `length` bytes of input_, without the newline; 0: none came, as `result` says.
    std::string take_line(std::size_t length, const boost::system::error_code& result);
    void run(std::chrono::milliseconds limit, std::string_view awaited);
    [[noreturn]] void fail(const std::string& reason) const;

    std::string path_;
    Limits limits_;
    boost::asio::io_context io_;
    boost::asio::local::stream_protocol::socket socket_;
    std::string input_;  ///< received, not yet used
    std::int64_t last_id_ = 0;
    std::string gathered_;  ///< requests to be sent
    std::size_t gathered_requests_ = 0;
    std::deque<Sent> sent_;  ///< those not answered, with what is gathered
};

/// A Connect that opens an RpcClient with the usual limits.
Call connect_daemon(const std::string& socket_path);

/// An OpenStream of an RpcClient.
Stream open_daemon_stream(const std::string& socket_path);

/// The Listen of an RpcClient.
void listen_to_daemon(const std::string& socket_path, const boost::json::object& params,
                      const TakeEvent& take);

/// Where the daemon listens: $SHUNT_SOCKET, or /run/shunt/shunt.sock.
std::string default_socket_path();

}  // namespace shunt::cli
