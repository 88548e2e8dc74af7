// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A service as schedulers see it: servers named by letters, one worker's counters, connections that
// stay until they are taken away.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "sched/registry.h"

namespace shunt::test {

class SchedulerBench {
  public:
    /// The service exists, without servers, when this returns.
    explicit SchedulerBench(const char* scheduler) : scheduler_(find_scheduler(scheduler)) {
        EXPECT_NE(scheduler_, nullptr) << scheduler;
        state_.memory = scheduler_->make_memory(7);
        scheduler_->reconfigure(servers_, state_);
    }

    /// Adds the server in front, as the newest: A is 192.168.10.1:80, B 192.168.10.2:80.
    SchedulerBench& add(char name, std::uint32_t weight) {
        RealServer server;
        server.id = DestId(static_cast<std::uint32_t>(name - 'A'));
        server.sequence = ++last_sequence_;
        server.endpoint = {Ipv4Address{Be32(0xC0A8'0A01U + server.id.value())},
                           L4Port(std::uint16_t{80})};
        server.weight = server.last_weight = weight;
        servers_.insert(servers_.begin(), server);
        scheduler_->reconfigure(servers_, state_);
        return *this;
    }
    SchedulerBench& edit(char name, std::uint32_t weight) {
        at(name)->weight = weight;
        if (weight != 0) at(name)->last_weight = weight;
        scheduler_->reconfigure(servers_, state_);
        return *this;
    }
    /// It keeps its connections; when it is added again, it is the same server.
    SchedulerBench& remove(char name) {
        servers_.erase(at(name));
        scheduler_->reconfigure(servers_, state_);
        return *this;
    }
    /// Live connections of a server, spread over the two workers.
    void load(char name, std::uint32_t active, std::uint32_t inactive = 0) {
        DestCounters& first = workers_[0][static_cast<std::size_t>(name - 'A')];
        DestCounters& second = workers_[1][static_cast<std::size_t>(name - 'A')];
        first.active.add(active / 2);
        first.total.add(active / 2);
        second.active.add(active - active / 2);
        second.total.add(active - active / 2 + inactive);
    }
    /// A server has no connections any more.
    void unload(char name) {
        for (auto& worker : workers_) {
            DestCounters& counters = worker[static_cast<std::size_t>(name - 'A')];
            counters.active.sub(counters.active.value());
            counters.total.sub(counters.total.value());
        }
    }
    /// The names of the next `count` choices, '-' for none; each becomes an active connection.
    std::string choose(int count) {
        std::string names;
        for (; count > 0; --count) {
            const char name = peek();
            names += name;
            if (name != '-') load(name, 1, 0);
        }
        return names;
    }
    /// The name of the next choice, which gets no connection.
    char peek() {
        const std::array<DestCounters* const, 2> arrays{workers_[0].data(), workers_[1].data()};
        const Loads loads(arrays, &overload_);
        const auto table = scheduler_->build(servers_, options_);
        Candidates from{servers_, loads, state_, table.get(), flags_, options_};
        from.now = now_;
        from.lblcr_expiration = tunables_.lblcr_expiration;
        const auto choice = scheduler_->choose(from, client_);
        if (!choice) return '-';
        EXPECT_LT(*choice, servers_.size());
        return static_cast<char>('A' + servers_.at(*choice).id.value());
    }
    /// Choices are for connections from this endpoint on.
    SchedulerBench& from(const char* client, std::uint16_t port = 0) {
        client_.client = parse_address(client).value().visit([](const auto& a) { return fold(a); });
        client_.client_port = L4Port(port);
        return *this;
    }
    /// The same to this address.
    SchedulerBench& to(const char* destination) { return to(parse_address(destination).value()); }
    SchedulerBench& to(const IpAddress& destination) {
        client_.destination = destination.visit([](const auto& a) { return fold(a); });
        client_.destination_address = destination;
        return *this;
    }
    /// Time goes on.
    SchedulerBench& wait(Ticks time) {
        now_ += time;
        return *this;
    }
    /// What is done once a minute, in which no time passes.
    SchedulerBench& collect(int times = 1) {
        for (; times > 0; --times) state_.memory->collect(now_, tunables_);
        return *this;
    }
    [[nodiscard]] Tunables& tunables() { return tunables_; }
    SchedulerBench& set(SchedulerFlag flag) {
        flags_.set(flag);
        return *this;
    }
    SchedulerBench& set(const SchedulerOptions& options) {
        options_ = options;
        return *this;
    }
    /// The server has all the connections that it may have, or not any more.
    SchedulerBench& overload(char name, bool overloaded = true) {
        const auto server = at(name);
        server->thresholds.upper = 1;
        overload_.set(server->id, server->thresholds);
        overload_.update(server->id, [overloaded] { return overloaded ? 1U : 0U; });
        return *this;
    }
    /// The names of the servers in the buckets of a hash scheduler.
    [[nodiscard]] std::string buckets() const {
        const auto table = scheduler_->build(servers_, options_);
        std::string names;
        for (const auto i : table->buckets)
            names += static_cast<char>('A' + servers_.at(i).id.value());
        return names;
    }
    /// In how many buckets each server is.
    [[nodiscard]] std::map<char, int> shares() const {
        std::map<char, int> count;
        for (const char name : buckets()) ++count[name];
        return count;
    }
    [[nodiscard]] const Scheduler& scheduler() const { return *scheduler_; }
    [[nodiscard]] SchedulerState& state() { return state_; }
    [[nodiscard]] const std::vector<RealServer>& servers() const { return servers_; }

  private:
    std::vector<RealServer>::iterator at(char name) {
        const DestId id(static_cast<std::uint32_t>(name - 'A'));
        return std::ranges::find(servers_, id, &RealServer::id);
    }

    const Scheduler* scheduler_;
    SchedulerState state_;
    std::vector<RealServer> servers_;
    std::uint32_t last_sequence_ = 0;
    std::array<std::array<DestCounters, 26>, 2> workers_;
    OverloadTable overload_{26};
    SchedulerFlags flags_;
    SchedulerOptions options_;
    SchedulingKey client_;
    TickTime now_{Ticks(4'000'000'000)};  ///< soon to begin anew at 0
    Tunables tunables_;
};

inline std::string repeat(const std::string& text, int times) {
    std::string out;
    for (; times > 0; --times) out += text;
    return out;
}

}  // namespace shunt::test
