// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Connection listings: the workers copy their connections, a bounded number a step between two
// bursts; the control thread waits for that by a timer and never blocks.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/publisher.h"
#include "ctl/rpc_error.h"
#include "dataplane/worker.h"

namespace shunt::ctl {

struct ConnectionRow {
    Protocol protocol = Protocol::none;
    std::uint8_t state = 0;  ///< as in Conn
    Endpoint client;
    Endpoint virtual_service;
    Endpoint server;  ///< may be of the other family; where packets go anyway when there is none
    ForwardMethod method = ForwardMethod::nat;
    std::chrono::seconds expires{0};  ///< time left, rounded down
    WorkerId worker;                  ///< of a connection
    bool is_template = false;         ///< no connection, but what ties a client to a server
    bool assured = false;             ///< of a template
};

/// The name of a row's state: the TCP or SCTP state, or "UDP"; of a template "NONE" or "ASSURED".
std::string_view state_name(const ConnectionRow& row) noexcept;

/// Where a listing goes on. Workers are taken one after the other, IPv4 before IPv6; then
/// templates.
struct ListPosition {
    WorkerId worker;
    Family family = Family::ipv4;
    std::uint32_t slot = 0;
    bool templates = false;  ///< the slot is one of the AffinityTable
    bool operator==(const ListPosition&) const noexcept = default;
};
/// "family:worker:slot" or "t:slot".
std::string to_string(const ListPosition& p);
std::optional<ListPosition> parse_list_position(std::string_view text, std::uint16_t workers);

/// A part of a page, filled by one worker from its two tables.
class ConnectionPage final : public WorkerRequest {
  public:
    /// Slots looked at in one step.
    static constexpr std::uint32_t slots_a_step = 256;

    ConnectionPage(const ListPosition& from, std::size_t most) : position_(from), rows_(most) {}

    bool step(WorkerState& worker) noexcept override {
        return step(worker.conns_v4, worker.conns_v6, worker.services(), worker.now);
    }
    /// `services` are those of the snapshot that the worker has.
    bool step(const ConnTable<Ipv4>& v4, const ConnTable<Ipv6>& v6, const ServiceTable& services,
              TickTime now) noexcept;

    /// Ends at the next step, with the rows found until then. Thread: control.
    void end_early() noexcept { end_early_.store(true, std::memory_order_relaxed); }

    // Once done().
    [[nodiscard]] std::span<const ConnectionRow> rows() const noexcept {
        return std::span(rows_).first(count_);
    }
    /// The first slot not looked at; nothing when the worker has no more.
    [[nodiscard]] std::optional<ListPosition> next() const noexcept {
        return finished_ ? std::nullopt : std::optional(position_);
    }

  private:
    template <class F>
    void copy(const ConnTable<F>& table, const ServiceTable& services, TickTime now) noexcept;

    ListPosition position_;
    std::vector<ConnectionRow> rows_;  ///< allocated by the asker
    std::size_t count_ = 0;
    bool finished_ = false;
    std::atomic<bool> end_early_{false};
};

struct ConnectionList {
    std::vector<ConnectionRow> rows;
    std::optional<ListPosition> next;
};

/// Thread: control. To be destroyed when the workers have ended, or were never given a request.
class ConnectionLister {
  public:
    /// Gives a request to a worker; false: it takes none at the moment.
    using Post = std::function<bool(WorkerId, ConnectionPage&)>;
    /// Adds rows of templates from a slot on, until there are so many rows in all or enough was
    /// looked at; the slot to go on from, or nothing when there are no more.
    using Templates = std::function<std::optional<std::uint32_t>(
        std::uint32_t from, std::size_t most, std::vector<ConnectionRow>& rows)>;
    /// Either the list, or the error.
    using Done = std::function<void(ConnectionList, std::optional<RpcError>)>;

    struct Patience {
        std::chrono::milliseconds poll{1};
        /// After that a page ends where it is; the cursor tells the client where to go on.
        std::chrono::milliseconds page{1000};
        /// After that a worker is held to be stuck, and the request refused.
        std::chrono::milliseconds worker{5000};
    };

    /// `templates`: may be null, then none are listed.
    ConnectionLister(boost::asio::io_context& io, std::uint16_t workers, Post post,
                     const Patience& patience, Templates templates = {});
    ConnectionLister(boost::asio::io_context& io, std::uint16_t workers, Post post,
                     Templates templates = {})
        : ConnectionLister(io, workers, std::move(post), Patience{}, std::move(templates)) {}

    /// Lists up to `most` connections from `from` on; calls `done` once, later, from the
    /// io_context.
    void list(const ListPosition& from, std::size_t most, Done done);

    [[nodiscard]] std::uint16_t workers() const noexcept { return workers_; }

  private:
    using Clock = std::chrono::steady_clock;
    struct Job;
    void start(const std::shared_ptr<Job>& job, const ListPosition& from);
    void wait(const std::shared_ptr<Job>& job);
    void poll(const std::shared_ptr<Job>& job);
    void take(const std::shared_ptr<Job>& job);
    void go_on(const std::shared_ptr<Job>& job, const std::optional<ListPosition>& next);
    void list_templates(const std::shared_ptr<Job>& job);
    void finish(const std::shared_ptr<Job>& job, std::optional<ListPosition> next);
    void give_up(const std::shared_ptr<Job>& job);

    boost::asio::io_context& io_;
    std::uint16_t workers_;
    Post post_;
    Patience patience_;
    Templates templates_;
    /// Requests given up that a worker may still hold.
    std::list<std::unique_ptr<ConnectionPage>> abandoned_;
};

/// Lists the templates of `shared`, which has them, and outlives this as `publisher` does.
ConnectionLister::Templates templates_of(SharedState& shared, const Publisher& publisher);

/// Posts to the request rings of these workers, which outlive it.
ConnectionLister::Post post_to(std::span<WorkerState* const> workers);

}  // namespace shunt::ctl
