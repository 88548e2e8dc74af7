// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Has the workers watch packets (dataplane/watch.h) for one client at a time, and brings what they
// tell in the order of time to a WatchSink.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "ctl/rpc/rpc_error.h"
#include "dataplane/watch.h"
#include "dataplane/worker.h"

namespace shunt::ctl {

/// What a worker told.
struct WatchedPacket {
    std::uint64_t time = 0;  ///< nanoseconds since 1970
    WorkerId worker;
    WatchRecord record;
    std::vector<std::byte> bytes;
};

/// Makes of that what the client reads.
class WatchSink {
  public:
    WatchSink() = default;
    WatchSink(const WatchSink&) = delete;
    WatchSink& operator=(const WatchSink&) = delete;
    virtual ~WatchSink() = default;
    virtual void take(const WatchedPacket& packet) = 0;
    /// Nothing more comes; `lost` records found no room.
    virtual void end(std::uint64_t time, std::uint64_t lost) = 0;
    /// Bytes that nobody has read yet.
    [[nodiscard]] virtual std::size_t unread() const = 0;
    /// All bytes so far.
    [[nodiscard]] virtual std::uint64_t bytes() const = 0;
};

/// What is to be watched, and when that ends.
struct WatchTask {
    PacketFilter filter;
    std::optional<WorkerId> worker;
    std::optional<PortId> port;
    bool dropped_only = false;
    bool traces = false;
    std::uint32_t packets = 0;
    std::uint32_t snap = 0;
    std::uint64_t bytes = 0;  ///< of the sink
    std::chrono::seconds time{0};
};

/// Thread: control. To be destroyed when the workers have ended, or have never been given a
/// request.
class WatchControl {
  public:
    using Session = std::uint32_t;
    /// Gives a request to a worker; false: it takes none at the moment.
    using Post = std::function<bool(WorkerId, WorkerRequest&)>;

    struct Patience {
        std::chrono::milliseconds poll{5};
        std::chrono::milliseconds begin{1000};
        std::chrono::milliseconds client{5000};  ///< without a read a session ends after that
        std::chrono::milliseconds rest{400};     ///< after the last packet, for what becomes of it
        std::chrono::milliseconds answer{500};   ///< a read without news is answered after that
    };

    WatchControl(boost::asio::io_context& io, std::uint16_t workers, Post post,
                 const Patience& patience);
    WatchControl(boost::asio::io_context& io, std::uint16_t workers, Post post)
        : WatchControl(io, workers, std::move(post), Patience{}) {}
    ~WatchControl();
    WatchControl(const WatchControl&) = delete;
    WatchControl& operator=(const WatchControl&) = delete;

    /// Calls `watching` once, later: when every worker watches, at most after Patience::begin.
    /// Throws RpcError when somebody else watches already, or memory is short.
    void start(const WatchTask& task, std::unique_ptr<WatchSink> sink,
               std::function<void(Session)> watching);

    struct State {
        WatchSink* sink = nullptr;
        bool done = false;          ///< nothing more comes
        std::uint32_t packets = 0;  ///< that matched
        std::uint64_t lost = 0;
        std::string_view why;  ///< it ended; empty while it goes on
    };
    /// Calls `done` once, later at most by Patience::answer, when there is something to read or
    /// nothing more comes; then the session is forgotten when that is read. Throws RpcError when
    /// there is no such session.
    void read(Session session, std::function<void(const State&)> done);
    /// Nothing more is watched; what there is can still be read. Throws RpcError.
    void stop(Session session);

    [[nodiscard]] std::uint16_t workers() const noexcept { return workers_; }
    [[nodiscard]] bool active() const noexcept { return session_ != nullptr; }

  private:
    using Clock = std::chrono::steady_clock;
    class Change;
    struct Running;

    void wait();
    void poll();
    void gather(bool all);
    void change_workers();
    void tell_begin();
    void check_end();
    void end(std::string_view why);
    void answer_reader();
    [[nodiscard]] Running& running(Session session);

    std::uint16_t workers_;
    Post post_;
    Patience patience_;
    boost::asio::steady_timer timer_;
    std::unique_ptr<Running> session_;
    Session last_session_ = 0;
};

}  // namespace shunt::ctl
