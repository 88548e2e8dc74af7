// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// One client of the control socket: its requests one after the other, answered in order.
//
// A client can hurt only itself: its lines are at most `longest_line` long, but for one client at a
// time, who may send one of `longest_of_one` (a whole configuration); one that is begun must end
// within `patience`, a long one within that time after it became long; while more than
// `most_unsent` of answers waits for it, none of its requests is looked at; when it takes no answer
// for `patience` it is cut off; what it asks beyond `rate` waits; events that it does not take in
// time are lost to it, and it is told how many. One that closes its sending side still gets its
// answers, and no more events. Thread: control.
#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ctl/rpc/rpc_dispatch.h"
#include "ctl/rpc/token_bucket.h"

namespace shunt::ctl {

/// What one client may have.
struct RpcLimits {
    std::size_t longest_line = 1U << 20;     ///< bytes
    std::size_t longest_of_one = 64U << 20;  ///< bytes; as long as a configuration file may be
    std::size_t most_unsent = 1U << 20;      ///< bytes of answers
    std::size_t most_events = 256U << 10;    ///< bytes that may wait for it when an event comes
    std::chrono::milliseconds patience{10'000};
    std::uint32_t rate = 20'000;  ///< requests a second, and so many at once
};

class RpcSession;

/// The one line at a time that may be longer than RpcLimits::longest_line.
class LongLine {
  public:
    /// False when another client has it.
    bool take(const RpcSession& client) noexcept {
        if (client_ != nullptr && client_ != &client) return false;
        client_ = &client;
        return true;
    }
    void give_back(const RpcSession& client) noexcept {
        if (client_ == &client) client_ = nullptr;
    }
    [[nodiscard]] bool taken() const noexcept { return client_ != nullptr; }

  private:
    const RpcSession* client_ = nullptr;
};

/// Alive while an operation on its socket or a request is under way, or its server keeps it.
class RpcSession : public std::enable_shared_from_this<RpcSession>, private EventReceiver {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;
    using Clock = std::chrono::steady_clock;

    /// `methods`, `limits` and `long_line` outlive the session until it is closed. `ended` is
    /// called once, when it closes by itself.
    RpcSession(Socket socket, const MethodTable& methods, const RpcLimits& limits,
               LongLine& long_line, Origin origin,
               std::function<void(const std::shared_ptr<RpcSession>&)> ended);

    /// Serves it.
    void start() { read(); }
    /// Answers with one line and closes.
    void refuse(const RpcError& error);
    void close();
    /// To be called from time to time: refuses a client that has begun a line and does not end it.
    void watch(Clock::time_point now);

    [[nodiscard]] const Caller& caller() const noexcept { return origin_.caller; }
    /// Has it been refused?
    [[nodiscard]] bool leaving() const noexcept { return closing_; }
    /// Since when nothing is under way for it, or it takes nothing of its events; nothing while
    /// there is.
    [[nodiscard]] std::optional<Clock::time_point> idle_since() const noexcept;

  private:
    void subscribe(EventBus& bus, EventKinds kinds) override;
    void unsubscribe() override;
    void tell(const Event& event);
    void tell_of_lost();
    void read();
    void proceed();
    bool may_be_long(std::size_t size);
    void end_long_line();
    void handle(std::size_t size, std::size_t end);
    void pause(Clock::duration time);
    void answered(std::string answer);
    void send(std::string line);
    void wait_for_client();
    void write();
    void written(const boost::system::error_code& error, std::size_t size);
    void finish_if_done();
    void end();

    Socket socket_;
    boost::asio::steady_timer deadline_;  ///< for the client to take some of its answer
    boost::asio::steady_timer pause_;
    const MethodTable& methods_;
    const RpcLimits& limits_;
    LongLine& long_line_;
    Origin origin_;
    std::function<void(const std::shared_ptr<RpcSession>&)> ended_by_itself_;
    TokenBucket bucket_;
    std::array<char, 65536> chunk_;
    std::string input_;
    std::size_t start_ = 0;     ///< of the first line not handled, in input_
    std::size_t searched_ = 0;  ///< no newline stands between start_ and here
    std::deque<std::string> output_;
    std::size_t sent_ = 0;                     ///< of the front of output_
    std::size_t unsent_ = 0;                   ///< in all of output_
    Clock::time_point active_ = Clock::now();  ///< when something came or was done
    Clock::time_point taken_{};  ///< when the client took something, or could begin to
    /// While a line is begun and has not ended: when it was, or when it became a long one.
    std::optional<Clock::time_point> line_since_;
    EventBus::Subscription subscription_;
    std::uint64_t lost_ = 0;  ///< events, since it was told
    bool reading_ = false;
    bool is_long_ = false;  ///< the line at start_ is a long one, and may be
    bool busy_ = false;     ///< a request is being handled
    bool paused_ = false;   ///< the next request is before its time
    bool ended_ = false;    ///< the client sends no more
    bool closing_ = false;  ///< to be closed when output_ is sent
    bool closed_ = false;
};

}  // namespace shunt::ctl
