// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Lists, counts, ends and finds connections and templates: workers do it, a bounded number a step
// between two bursts; the control thread waits for that by a timer and never blocks.
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ctl/conn/conn_request.h"
#include "ctl/conn/explain_request.h"
#include "ctl/rpc/rpc_error.h"

namespace shunt::ctl {

struct ConnectionList {
    std::vector<ConnectionRow> rows;
    std::optional<ListPosition> next;
};

/// Thread: control. To be destroyed when the workers have ended, or were never given a request.
class ConnectionLister {
  public:
    /// Gives a request to a worker; false: it takes none at the moment.
    using Post = std::function<bool(WorkerId, ConnectionRequest&)>;
    /// Either the result, or the error.
    template <class Result>
    using Done = std::function<void(Result, std::optional<RpcError>)>;

    struct Patience {
        std::chrono::milliseconds poll{1};
        /// After that a page ends where it is; the cursor tells the client where to go on.
        std::chrono::milliseconds page{1000};
        /// After that a worker is held to be stuck, and the request refused.
        std::chrono::milliseconds worker{5000};
    };

    /// `templates`: there may be some.
    ConnectionLister(boost::asio::io_context& io, std::uint16_t workers, bool templates, Post post,
                     const Patience& patience);
    ConnectionLister(boost::asio::io_context& io, std::uint16_t workers, bool templates, Post post)
        : ConnectionLister(io, workers, templates, std::move(post), Patience{}) {}

    // Each calls `done` once, later, from the io_context.

    /// Up to `most` of those that match, from `from` on. A list is at its end when it has no next.
    void list(const FilterPtr& filter, const ListPosition& from, std::size_t most,
              Done<ConnectionList> done);
    /// How many match.
    void count(const FilterPtr& filter, Done<ConnectionTally> done);
    /// Ends all that match; connections before templates. After an error some may have ended.
    void flush(const FilterPtr& filter, Done<ConnectionTally> done);
    /// The connection of a client's packets, or nothing.
    void find(const ClientTuple& tuple, Done<std::optional<ConnectionRow>> done);
    /// What its owner says of a packet; nothing when no worker held itself to be the owner.
    void explain(const PacketQuestion& question, Done<std::optional<ExplainAnswer>> done);

    [[nodiscard]] std::uint16_t workers() const noexcept { return workers_; }

  private:
    using Clock = std::chrono::steady_clock;
    struct Job;
    struct ListJob;
    template <class Request>
    struct TallyJob;
    struct FindJob;
    struct ExplainJob;
    void begin(const std::shared_ptr<Job>& job, const ConnectionFilter& filter,
               const ListPosition& from);
    void start(const std::shared_ptr<Job>& job, const ListPosition& at);
    void wait(const std::shared_ptr<Job>& job);
    void poll(const std::shared_ptr<Job>& job);
    void take(const std::shared_ptr<Job>& job);
    [[nodiscard]] std::optional<ListPosition> after(const Job& job) const;
    void give_up(const std::shared_ptr<Job>& job);

    boost::asio::io_context& io_;
    std::uint16_t workers_;
    bool templates_;
    Post post_;
    Patience patience_;
    /// Requests given up that a worker may still hold.
    std::list<std::unique_ptr<ConnectionRequest>> abandoned_;
};

/// Posts to the request rings of these workers, which outlive it.
std::function<bool(WorkerId, WorkerRequest&)> post_to(std::span<WorkerState* const> workers);

}  // namespace shunt::ctl
