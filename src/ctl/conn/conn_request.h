// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a worker is asked about its connections, and about the templates that all workers share. It
// does a bounded piece of that between two bursts. Asked by the control thread.
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ctl/conn/conn_filter.h"
#include "dataplane/worker.h"

namespace shunt::ctl {

/// Where a walk goes on. Workers are taken one after the other, IPv4 before IPv6; then templates.
/// Nothing ever moves to another slot, so a position stays good.
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
constexpr ListPosition template_at(std::uint32_t slot) noexcept {
    return {.worker = {}, .slot = slot, .templates = true};
}

/// What a request works on.
struct ConnectionTables {
    ConnTable<Ipv4>& v4;
    ConnTable<Ipv6>& v6;
    AffinityTable* affinity;  ///< null: there are no templates
    const ServiceTable& services;
    const Timeouts& timeouts;
    TickTime now;
    WorkerState* worker;  ///< whose they are; null: nobody counts the connections
};

class ConnectionRequest : public WorkerRequest {
  public:
    bool step(WorkerState& worker) noexcept final;
    /// One step; true when there is none left.
    virtual bool step(const ConnectionTables& tables) noexcept = 0;

    /// Ends at the next step, with what was done until then. Thread: control.
    void end_early() noexcept { end_early_.store(true, std::memory_order_relaxed); }

    // Once done().
    /// Where the worker is to be asked again; nothing when it has no more.
    [[nodiscard]] virtual std::optional<ListPosition> next() const noexcept = 0;

  protected:
    [[nodiscard]] bool is_to_end() const noexcept {
        return end_early_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<bool> end_early_{false};
};

using FilterPtr = std::shared_ptr<const ConnectionFilter>;

/// Goes over the slots of a worker's two tables, or over those of the templates.
class ConnectionWalk : public ConnectionRequest {
  public:
    // Slots looked at in one step.
    static constexpr std::uint32_t slots_a_step = 256;
    static constexpr std::uint32_t template_slots_a_step = 64;

    [[nodiscard]] std::optional<ListPosition> next() const noexcept final {
        return finished_ ? std::nullopt : std::optional(position_);
    }

  protected:
    ConnectionWalk(FilterPtr filter, const ListPosition& from)
        : filter_(std::move(filter)), position_(from) {}

    [[nodiscard]] const ConnectionFilter& filter() const noexcept { return *filter_; }
    [[nodiscard]] WorkerId worker() const noexcept { return position_.worker; }

    /// One step. `visit` has an operator() for a table and a slot of it; false: not this slot nor
    /// those behind it in this step. True when no slots are left.
    template <class Visit>
    bool walk(const ConnectionTables& tables, Visit&& visit) noexcept;

  private:
    template <class Table, class Visit>
    bool walk_table(Table& table, std::uint32_t most, Visit& visit) noexcept;

    FilterPtr filter_;
    ListPosition position_;
    bool finished_ = false;
};

/// Copies those that match: a part of a page.
class ConnectionPage final : public ConnectionWalk {
  public:
    using ConnectionWalk::step;
    ConnectionPage(FilterPtr filter, const ListPosition& from, std::size_t most)
        : ConnectionWalk(std::move(filter), from),
          rows_(most),
          engine_data_(from.templates ? most : 0) {}
    bool step(const ConnectionTables& tables) noexcept override;

    // Once done(). Thread: control.
    /// Adds them to `rows`.
    void give(std::vector<ConnectionRow>& rows) const;

  private:
    // Allocated by the asker.
    std::vector<ConnectionRow> rows_;
    std::vector<EngineData> engine_data_;  ///< of templates, by row
    std::size_t count_ = 0;
};

/// How many there are.
struct ConnectionTally {
    std::uint64_t connections = 0;
    std::uint64_t templates = 0;
    bool operator==(const ConnectionTally&) const noexcept = default;
};

class ConnectionSum : public ConnectionWalk {
  public:
    // Once done().
    [[nodiscard]] const ConnectionTally& tally() const noexcept { return tally_; }

  protected:
    using ConnectionWalk::ConnectionWalk;
    ConnectionTally tally_;
};

/// Counts those that match.
class ConnectionCount final : public ConnectionSum {
  public:
    using ConnectionSum::step;
    ConnectionCount(FilterPtr filter, const ListPosition& from)
        : ConnectionSum(std::move(filter), from) {}
    bool step(const ConnectionTables& tables) noexcept override;
};

/// Ends those that match, as if their time were over, and counts them. A template whose connections
/// live on ties nobody any more, and goes after them.
class ConnectionFlush final : public ConnectionSum {
  public:
    /// Most that are ended in one step: each costs several cache misses.
    static constexpr std::uint32_t ended_a_step = 16;

    using ConnectionSum::step;
    ConnectionFlush(FilterPtr filter, const ListPosition& from)
        : ConnectionSum(std::move(filter), from) {}
    bool step(const ConnectionTables& tables) noexcept override;
};

/// Packets from a client to a virtual endpoint, of either family.
using ClientTuple = std::variant<FlowTuple<Ipv4>, FlowTuple<Ipv6>>;

/// Finds the connection of a client's packets.
class ConnectionSearch final : public ConnectionRequest {
  public:
    using ConnectionRequest::step;
    ConnectionSearch(const ClientTuple& tuple, WorkerId worker) : tuple_(tuple), worker_(worker) {}
    bool step(const ConnectionTables& tables) noexcept override;

    // Once done().
    [[nodiscard]] std::optional<ListPosition> next() const noexcept override { return {}; }
    [[nodiscard]] const std::optional<ConnectionRow>& found() const noexcept { return found_; }

  private:
    ClientTuple tuple_;
    WorkerId worker_;
    std::optional<ConnectionRow> found_;
};

}  // namespace shunt::ctl
