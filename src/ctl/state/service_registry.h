// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The services and real servers that the operator configured, and their statistics. Every change is
// checked whole, then published as one new ServiceTable, then told to the service's scheduler.
//
// A server that is taken out of its service keeps its slot while connections name it, and for two
// minutes after; when it is added to the same service again in that time, it is the same server
// still, with its connections and its counts (ipvs-behaviour 10.3).
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "conn/affinity_table.h"
#include "ctl/config/config.h"
#include "ctl/config/service_rules.h"
#include "ctl/rpc/rpc_error.h"
#include "ctl/state/dest_slots.h"
#include "ctl/state/estimator.h"
#include "ctl/state/publisher.h"
#include "ctl/state/service_change.h"
#include "ctl/state/slow_start.h"

namespace shunt::ctl {

/// Counts since the last zero() and rates a second.
struct Stats {
    Traffic counts;
    Traffic rates;
};

/// What the operator says of a server, whatever its checks say.
enum class Forced : std::uint8_t { automatic, up, down };

/// What a server is held for. Its configured weight stays: when it is out, schedulers see 0.
struct HealthState {
    Health checked = Health::unchecked;  ///< as its checks say; unchecked: its service has none
    Forced forced = Forced::automatic;
    bool out = false;  ///< it gets no new connections for that

    [[nodiscard]] Health health() const noexcept {
        if (forced == Forced::automatic) return checked;
        return forced == Forced::up ? Health::up : Health::down;
    }
};

/// What checks found out.
struct HealthChange {
    ServiceKey service;
    Endpoint server;
    Health health = Health::up;  ///< up or down
};

/// How the servers of a service are, without its statistics.
struct ServiceHealth {
    struct Server {
        Endpoint address;
        std::uint32_t weight = 0;  ///< configured
        HealthState state;
    };
    ServiceKey key;
    std::optional<HealthCheck> check;
    std::vector<Server> servers;  ///< newest first
};

struct ServerView {
    RealServer server;
    HealthState health{};
    std::optional<std::uint32_t> ramping{};  ///< percent of its weight that count by now
    std::uint32_t active = 0;  ///< connections, as schedulers weigh them (ipvs-behaviour 2.11)
    std::uint32_t inactive = 0;
    std::uint32_t persistent = 0;  ///< templates of clients
    Stats stats;
};

struct ServiceView {
    ServiceKey key;
    std::string_view scheduler;
    SchedulerFlags scheduler_flags{};
    bool one_packet = false;
    std::optional<Persistence> persistence{};
    ServiceTimeouts timeouts{};
    std::chrono::seconds slow_start{0};
    SchedulerOptions scheduler_options{};
    std::optional<HealthCheck> check{};
    Stats stats;
    std::vector<ServerView> servers;  ///< newest first
};

/// As ipvsadm sorts: by mark, those without one first, then by family, protocol, address and port.
struct ServiceOrder {
    bool operator()(const ServiceKey& a, const ServiceKey& b) const noexcept;
};

/// Thread: control. Whatever throws throws RpcError and has changed nothing.
class ServiceRegistry {
  public:
    using Clock = std::chrono::steady_clock;
    /// How long an unreferenced removed server is kept, and how often collect() is to be called.
    static constexpr std::chrono::seconds keep_removed{120};
    static constexpr std::chrono::seconds collect_period{60};
    /// How often ramp() is to be called.
    static constexpr std::chrono::seconds ramp_period{1};

    /// `publisher` and `counters` (SharedState::dest_counters) outlive this. `slots`: as many
    /// servers can be known at a time, removed ones included; each worker's array has one element
    /// more (WorkerState::no_server). `affinity`: the templates, which name servers as connections
    /// do; outlives this; null: there are none.
    ServiceRegistry(Publisher& publisher, const std::vector<DestCounters*>& counters,
                    std::uint32_t slots, AffinityTable* affinity = nullptr,
                    OverloadTable* overload = nullptr);

    void add_service(const ServiceKey& key, const ServiceSettings& settings);
    void edit_service(const ServiceKey& key, const ServiceSettings& settings);
    void delete_service(const ServiceKey& key);
    void flush();
    void add_server(const ServiceKey& key, const ServerConfig& server);
    /// Connections keep the method that they were made with; a changed tunnel is theirs at once
    /// (ipvs-behaviour 10.2).
    void edit_server(const ServiceKey& key, const ServerConfig& server);
    void delete_server(const ServiceKey& key, const Endpoint& server);
    /// Adds all of them, in this order, in one publication: as at the start of the daemon.
    void load(std::span<const ServiceConfig> services);

    /// All of these at once, in one publication together with `others`. A service is named once,
    /// and what is said to be there before is; new servers stand behind those that stay.
    void apply(std::span<const ServiceChange> changes, Publisher::Changes others = {});

    using Told = std::function<void(const std::set<ServiceKey>&)>;
    /// `told` is called with the services that changed, servers and all, after each publication of
    /// a change, also when only weights in slow start did.
    void on_change(Told told) { told_ = std::move(told); }
    /// The same for who checks the servers; called before the other one.
    void on_change_for_health(Told told) { told_for_health_ = std::move(told); }

    /// What checks found out, in at most one publication; what names no checked server is passed
    /// over.
    void set_health(std::span<const HealthChange> changes);
    /// Until it is said otherwise, or the server leaves its service. ESRCH, ENOENT.
    void force_health(const ServiceKey& key, const Endpoint& server, Forced forced);
    /// Of one service; nothing when it is not there.
    [[nodiscard]] std::optional<ServiceHealth> health(const ServiceKey& key) const;
    /// As list(), of the services that have checks or a server that is forced.
    [[nodiscard]] std::vector<ServiceHealth> health_list(const std::optional<ServiceKey>& after,
                                                         std::size_t most) const;

    /// Counts of every service, its servers and the total start again at 0, rates too.
    void zero();
    void zero(const ServiceKey& key);

    /// To be called every RateEstimator::period. Without `run_estimation` rates stand still.
    void estimate();
    /// Moves servers in slow start on, in at most one publication; `now` never goes back.
    void ramp(Clock::time_point now);
    /// Gives free what removed servers held; `now` never goes back.
    void collect(Clock::time_point now);
    /// To be called every collect_period: schedulers forget what was not used for a long time.
    void collect_memories(TickTime now);

    /// At most `most` of them, those behind `after` in that order, which need not be there.
    [[nodiscard]] std::vector<ServiceView> list(
        const std::optional<ServiceKey>& after = {},
        std::size_t most = std::numeric_limits<std::size_t>::max()) const;
    [[nodiscard]] ServiceView view(const ServiceKey& key) const;
    /// What load() would make the same services of.
    [[nodiscard]] std::vector<ServiceConfig> configuration() const;
    /// The same of one; nothing when it is not there.
    [[nodiscard]] std::optional<ServiceConfig> configuration(const ServiceKey& key) const;
    /// The servers of the service, with those removed whose connections may live on; the service
    /// itself may be gone. ESRCH when there is neither.
    [[nodiscard]] std::vector<DestId> servers_ever_of(const ServiceKey& key) const;
    /// Everything that was counted, for deleted services too.
    [[nodiscard]] Stats total() const;
    [[nodiscard]] std::size_t services() const noexcept { return services_.size(); }
    [[nodiscard]] std::size_t removed_servers() const noexcept { return removed_.size(); }
    [[nodiscard]] std::uint64_t connections() const noexcept { return slots_.connections(); }
    [[nodiscard]] std::uint64_t connections(WorkerId worker) const noexcept {
        return slots_.connections(worker);
    }

  private:
    /// Beyond so many removed servers the oldest unreferenced ones go before their time.
    static constexpr std::size_t most_removed = 1024;

    struct Server {
        RealServer real;
        Traffic start;  ///< DestSlots::counted when it got its slot
        Traffic zero;   ///< the same at the last zero()
        RateEstimator rates;
        std::optional<Ramp> ramp{};  ///< while it is in slow start
        HealthState health{};
    };
    struct Service {
        ServiceKey key;
        std::uint64_t instance = 0;  ///< another one with the same key has another number
        ServiceSettings settings;    ///< with the granularity that holds
        const Scheduler* scheduler = nullptr;
        std::shared_ptr<SchedulerState> state;
        std::vector<Server> servers;  ///< newest first
        std::uint32_t next_sequence = 1;
        Traffic retired;  ///< what servers counted whose slots are free again
        Traffic zero;
        RateEstimator rates;
        std::shared_ptr<const VirtualService> published;
    };
    struct Removed {
        Server server;
        ServiceKey service;
        std::uint64_t instance = 0;
        std::optional<Publisher::Grace> grace;  ///< since when no worker may choose it
        std::optional<Clock::time_point> unreferenced_since;
    };
    using RemovedList = std::list<Removed>;  ///< oldest first
    using CountsByInstance = std::unordered_map<std::uint64_t, Traffic>;

    [[nodiscard]] Service& find(const ServiceKey& key);
    [[nodiscard]] const Service& find(const ServiceKey& key) const;
    static void check(const ServiceKey& key, const ServiceSettings& settings);
    static void check(const ServiceKey& key, const ServerConfig& server);
    /// Makes room for what the engine of such a service keeps.
    void prepare_engine(const ServiceSettings& settings);
    static void check_room(const Scheduler& scheduler, const SchedulerOptions& options,
                           std::size_t servers);
    [[nodiscard]] static std::shared_ptr<SchedulerState> make_state(const Scheduler& scheduler);
    [[nodiscard]] static const Scheduler& find_scheduler(std::string_view name);
    [[nodiscard]] static std::vector<Server>::iterator find(Service& service,
                                                            const Endpoint& endpoint);
    void check_load(std::span<const ServiceConfig> services);

    /// A change, and what it needs that may not be to be had.
    struct Prepared {
        const ServiceChange& change;
        const Scheduler* scheduler = nullptr;     ///< null: the service goes
        std::shared_ptr<SchedulerState> state{};  ///< null: it keeps its own
    };
    [[nodiscard]] Prepared prepare(const ServiceChange& change);
    void check_servers(const ServiceChange& change, const Scheduler& scheduler) const;
    void check_slots(std::span<const ServiceChange> changes);
    /// Up to its publication.
    void carry_out(Prepared& prepared);
    void change_servers(Service& service, std::span<const ServerChange> changes);

    Service& make_service(const ServiceKey& key, const ServiceSettings& settings,
                          const Scheduler& scheduler, std::shared_ptr<SchedulerState> state);
    /// Whole ones; `state`: null when the scheduler stays.
    void take_settings(Service& service, ServiceSettings next, const Scheduler& scheduler,
                       std::shared_ptr<SchedulerState> state);
    /// The next server of the service, which it is to be put into.
    [[nodiscard]] Server make_server(Service& service, const ServerConfig& config);
    /// Gives a server what is configured, and its slot what the server has.
    void configure(const Service& service, RealServer& server, const ServerConfig& config);
    [[nodiscard]] Server revive_or_make(const Service& service, const Endpoint& endpoint);
    void remove_server(Service& service, std::vector<Server>::iterator server);
    void remove_servers(Service& service);
    /// Gives free unreferenced removed servers, oldest first, until only `keep` are left.
    void make_room(std::size_t keep);
    /// Tells the workers how many connections a server may have (ipvs-behaviour 2.11).
    void limit(const RealServer& server);
    /// After its weight was set, which was `before`, or 0 when it was not in the service.
    static void start_slowly(const Service& service, Server& server, std::uint32_t before);
    /// Whether servers are out, by what they are held for; one that comes back starts slowly.
    static void decide_health(Service& service);
    /// Of the service that has other checks now, or none.
    static void take_check(Service& service, const std::optional<HealthCheck>& before);
    /// Gives the servers that are out a weight of 0, and their slots what holds.
    void quiesce(const Service& service, std::span<RealServer> servers);
    [[nodiscard]] static ServiceHealth health(const Service& service);
    /// Gives servers the weights that schedulers are to see.
    static void ramp_weights(const Service& service, std::span<RealServer> servers);
    void rebuild(Service& service);
    static void reconfigure(const Service& service);
    static void lead_through(const Service& service);
    /// Publishes what has been rebuilt or erased since the last time, together with `others`.
    void publish(Publisher::Changes others = {});

    /// Lets connections go to any port of the servers from now on, when the service does.
    void open_ports(const Service& service);
    [[nodiscard]] std::uint32_t templates(DestId id) const noexcept {
        return affinity_ == nullptr ? 0 : affinity_->count(id);
    }
    [[nodiscard]] bool unreferenced(const Removed& removed) const noexcept;
    RemovedList::iterator give_free(RemovedList::iterator removed);

    [[nodiscard]] CountsByInstance removed_counts() const;
    [[nodiscard]] Traffic counted(const Service& service, const CountsByInstance& removed) const;
    /// Of servers that are not in the service any more.
    [[nodiscard]] static Traffic gone(const Service& service, const CountsByInstance& removed);
    [[nodiscard]] ServiceView view(const Service& service, const CountsByInstance& removed) const;
    [[nodiscard]] static ServiceConfig configuration(const Service& service);
    void zero(Service& service, const CountsByInstance& removed);

    Publisher& publisher_;
    AffinityTable* affinity_;
    OverloadTable* overload_;
    DestSlots slots_;
    std::map<ServiceKey, Service, ServiceOrder> services_;
    std::set<ServiceKey> changed_;  ///< since the last publication
    Told told_;
    Told told_for_health_;
    std::shared_ptr<const ServiceTable> table_ = std::make_shared<const ServiceTable>();
    RemovedList removed_;
    std::map<std::pair<Endpoint, ServiceKey>, RemovedList::iterator> find_removed_;
    std::uint64_t next_instance_ = 1;
    Traffic zero_;  ///< of the total
    RateEstimator rates_;
};

}  // namespace shunt::ctl
