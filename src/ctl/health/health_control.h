// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Checks the real servers of the services that have checks, and tells the registry, the log and
// whoever wants to know what it found out. What the registry says of services is followed by
// itself.
//
// At most Limits::running checks are under way at a time. Others that are due wait in the order in
// which they became due, so that every server has its turn; they are late then, not left out.
#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ctl/health/check_schedule.h"
#include "ctl/health/probe.h"
#include "ctl/health/rise_and_fall.h"
#include "ctl/rpc/log_limit.h"
#include "ctl/state/periodic.h"
#include "ctl/state/service_registry.h"

namespace shunt::ctl {

/// What checks of one server told.
struct CheckReport {
    std::string reason;  ///< of the last one; empty: there was none
    bool passed = false;
    std::uint32_t in_a_row = 0;                   ///< that ended like it
    std::uint64_t checks = 0;                     ///< since the server came
    std::chrono::system_clock::time_point since;  ///< it is what it is held for
    std::chrono::steady_clock::duration took{0};  ///< the last one
};

/// Of all servers, since the start.
struct CheckNumbers {
    std::array<std::uint64_t, 4> ends{};          ///< by CheckEnd
    std::chrono::steady_clock::duration took{0};  ///< all together
    std::size_t servers = 0;                      ///< that are checked
    std::size_t running = 0;
    std::size_t waiting = 0;  ///< due, but for the limit
};

/// Thread: control.
class HealthControl {
  public:
    using Clock = CheckSchedule::Clock;

    struct Limits {
        std::size_t running = 4096;
        std::chrono::milliseconds turn{20};  ///< how often it is looked what is due
    };
    /// `running` such that most descriptors of the process are left to others.
    [[nodiscard]] static Limits limits_of_process();

    /// Of a server that came up or went down, by its checks or by the operator. What is told of
    /// after a change may change nothing itself.
    using Told = std::function<void(const ServiceKey& service, const ServiceHealth::Server& server,
                                    const std::string& reason)>;

    /// Everything given outlives this.
    HealthControl(boost::asio::io_context& io, ServiceRegistry& registry, Told told,
                  const Limits& limits);
    ~HealthControl();
    HealthControl(const HealthControl&) = delete;
    HealthControl& operator=(const HealthControl&) = delete;

    /// Checks from now on what the registry has and will have.
    void start();

    /// As ServiceRegistry::force_health(); it is told when the server is something else then.
    void force(const ServiceKey& key, const Endpoint& server, Forced forced);

    /// Nothing for a server that is not checked.
    [[nodiscard]] std::optional<CheckReport> report(const ServiceKey& key,
                                                    const Endpoint& server) const;
    [[nodiscard]] CheckNumbers numbers() const;

  private:
    using Id = CheckSchedule::Target;

    struct Target {
        ServiceKey service;
        Endpoint server;
        RiseAndFall state;
        std::uint32_t version = 0;  ///< another one after each change of its check
        CheckReport report{};
        std::shared_ptr<Probe> probe{};  ///< while a check is under way
        Clock::time_point began{};       ///< of that check
    };
    struct Watched {
        HealthCheck check;
        std::map<Endpoint, Id> servers;
    };
    /// A server that is something else, not told yet.
    struct Turned {
        Id id = 0;
        HealthChange change;
        std::string reason;
    };

    void follow(const ServiceKey& key);
    Id add(const ServiceKey& key, const ServiceHealth::Server& server, const HealthCheck& check);
    void remove(Id id);
    void stop(Target& target);
    void look();
    void begin_waiting();
    void begin(Id id, Target& target);
    void ended(Id id, const CheckResult& result);
    void tell();
    void tell(const ServiceHealth& service, const std::vector<const Turned*>& turned);
    void tell(const ServiceKey& key, const ServiceHealth::Server& server,
              const std::string& reason);
    void tell_all_down(const ServiceHealth& service);

    boost::asio::io_context& io_;
    ServiceRegistry& registry_;
    Told told_;
    const Limits limits_;
    std::map<ServiceKey, Watched, ServiceOrder> services_;
    std::unordered_map<Id, Target> targets_;
    Id last_id_ = 0;
    CheckSchedule schedule_;
    std::deque<CheckSchedule::Due> waiting_;
    std::size_t running_ = 0;
    std::vector<Turned> turned_;
    bool telling_ = false;  ///< the registry, whose changes are ours
    CheckNumbers numbers_;
    LogLimit turn_log_;
    LogLimit own_log_;
    std::optional<Periodic> timer_;
};

}  // namespace shunt::ctl
