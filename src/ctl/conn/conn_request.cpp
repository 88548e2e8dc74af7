// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/conn/conn_request.h"

#include <algorithm>
#include <charconv>

#include "dataplane/connections.h"

namespace shunt::ctl {

namespace {

/// A whole decimal number of digits only that fits.
template <class T>
bool read_number(std::string_view text, T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

std::string to_string(const ListPosition& p) {
    if (p.templates) return "t:" + std::to_string(p.slot);
    return std::string(p.family == Family::ipv4 ? "4" : "6") + ':' +
           std::to_string(p.worker.value()) + ':' + std::to_string(p.slot);
}

std::optional<ListPosition> parse_list_position(std::string_view text, std::uint16_t workers) {
    if (ListPosition p = template_at(0); text.starts_with("t:"))
        return read_number(text.substr(2), p.slot) ? std::optional(p) : std::nullopt;
    const auto first = text.find(':');
    const auto second = text.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return {};
    const auto family = text.substr(0, first);
    std::uint16_t worker = 0;
    ListPosition p;
    if (!read_number(text.substr(first + 1, second - first - 1), worker) || worker >= workers ||
        !read_number(text.substr(second + 1), p.slot) || (family != "4" && family != "6"))
        return {};
    p.family = family == "4" ? Family::ipv4 : Family::ipv6;
    p.worker = WorkerId(worker);
    return p;
}

bool ConnectionRequest::step(WorkerState& worker) noexcept {
    return step({.v4 = worker.conns_v4,
                 .v6 = worker.conns_v6,
                 .affinity = worker.shared.affinity.get(),
                 .services = worker.services(),
                 .timeouts = worker.snapshot->timeouts,
                 .now = worker.now,
                 .worker = &worker});
}

/// True at the end of the table.
template <class Table, class Visit>
bool ConnectionWalk::walk_table(Table& table, std::uint32_t most, Visit& visit) noexcept {
    const std::uint32_t used = table.slots_used();
    const std::uint32_t left = used - std::min(used, position_.slot);
    for (const std::uint32_t end = position_.slot + std::min(left, most); position_.slot < end;
         ++position_.slot)
        if (!visit(table, position_.slot)) return false;
    return position_.slot >= used;
}

template <class Visit>
bool ConnectionWalk::walk(const ConnectionTables& tables, Visit&& visit) noexcept {
    if (is_to_end()) return true;
    if (position_.templates)
        finished_ = tables.affinity == nullptr ||
                    walk_table(*tables.affinity, template_slots_a_step, visit);
    else if (position_.family == Family::ipv6)
        finished_ = walk_table(tables.v6, slots_a_step, visit);
    else if (walk_table(tables.v4, slots_a_step, visit))
        position_ = {.worker = position_.worker, .family = Family::ipv6, .slot = 0};
    return finished_;
}

namespace {

/// Calls `fn` for the connection or template in a slot, if there is one that matches.
template <class F, class Fn>
void with_match(const ConnectionFilter& filter, const ConnectionTables& in, ConnTable<F>& table,
                std::uint32_t slot, Fn&& fn) noexcept {
    table.for_each(slot, 1, [&](const Conn<F>& conn) {
        if (filter.matches(conn, in.services, in.timeouts, in.now)) fn(conn);
    });
}

template <class Fn>
void with_match(const ConnectionFilter& filter, const ConnectionTables& in, AffinityTable& table,
                std::uint32_t slot, Fn&& fn) noexcept {
    table.for_each(slot, 1, in.now, [&](const AffinityTable::Row& row) {
        if (const auto shown = make_row(row, in.services); shown && filter.matches(row, *shown))
            fn(row);
    });
}

/// Ends the connection or template in a slot, if there is one that matches. Was there?
template <class F>
bool end_match(const ConnectionFilter& filter, const ConnectionTables& in, ConnTable<F>& table,
               std::uint32_t slot) noexcept {
    bool ended = false;
    table.sweep(slot, 1, [&](const Conn<F>& conn) {
        ended = filter.matches(conn, in.services, in.timeouts, in.now);
        if (ended && in.worker != nullptr) uncount_connection<F>(*in.worker, conn);
        return ended;
    });
    return ended;
}

bool end_match(const ConnectionFilter& filter, const ConnectionTables& in, AffinityTable& table,
               std::uint32_t slot) noexcept {
    return table.end_if(slot, in.now, [&](const AffinityTable::Row& row) {
        const auto shown = make_row(row, in.services);
        return shown && filter.matches(row, *shown);
    });
}

template <class F>
std::uint64_t& count_of(ConnectionTally& tally, const ConnTable<F>&) noexcept {
    return tally.connections;
}
std::uint64_t& count_of(ConnectionTally& tally, const AffinityTable&) noexcept {
    return tally.templates;
}

}  // namespace

bool ConnectionPage::step(const ConnectionTables& tables) noexcept {
    const auto add = [&]<class Found>(const Found& found) noexcept {
        if constexpr (std::is_same_v<Found, AffinityTable::Row>) {
            rows_[count_] = *make_row(found, tables.services);
            engine_data_[count_++] = found.data;
        } else {
            rows_[count_] = make_row(found, tables.services, tables.now);
            rows_[count_++].worker = worker();
        }
    };
    const bool end = walk(tables, [&](auto& table, std::uint32_t slot) noexcept {
        if (count_ == rows_.size()) return false;
        with_match(filter(), tables, table, slot, add);
        return true;
    });
    return end || count_ == rows_.size();
}

void ConnectionPage::give(std::vector<ConnectionRow>& rows) const {
    for (std::size_t i = 0; i < count_; ++i) {
        rows.push_back(rows_[i]);
        if (!rows_[i].is_template) continue;
        const auto data = engine_data_[i].view();
        rows.back().engine_data.assign(reinterpret_cast<const char*>(data.data()), data.size());
    }
}

bool ConnectionCount::step(const ConnectionTables& tables) noexcept {
    return walk(tables, [&](auto& table, std::uint32_t slot) noexcept {
        with_match(filter(), tables, table, slot,
                   [&](const auto&) noexcept { ++count_of(tally_, table); });
        return true;
    });
}

bool ConnectionFlush::step(const ConnectionTables& tables) noexcept {
    std::uint32_t ended = 0;
    return walk(tables, [&](auto& table, std::uint32_t slot) noexcept {
        if (ended == ended_a_step) return false;
        if (!end_match(filter(), tables, table, slot)) return true;
        ++ended;
        ++count_of(tally_, table);
        return true;
    });
}

bool ConnectionSearch::step(const ConnectionTables& tables) noexcept {
    const auto look = [&]<class F>(ConnTable<F>& table, const FlowTuple<F>& tuple) noexcept {
        const auto [conn, direction] = table.find(tuple);
        if (conn == nullptr || direction != Direction::from_client) return;
        found_ = make_row(*conn, tables.services, tables.now);
        found_->worker = worker_;
    };
    if (const auto* tuple = std::get_if<FlowTuple<Ipv4>>(&tuple_))
        look(tables.v4, *tuple);
    else
        look(tables.v6, std::get<FlowTuple<Ipv6>>(tuple_));
    return true;
}

}  // namespace shunt::ctl
