// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/daemon.h"

#include <cap-ng.h>
#include <rte_cycles.h>
#include <rte_ring_elem.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <optional>

#include "ctl/device/dataplane.h"
#include "ctl/log/log_line.h"
#include "ctl/methods/health_methods.h"
#include "ctl/methods/limit_watch.h"
#include "ctl/methods/methods.h"
#include "ctl/methods/service_watch.h"
#include "ctl/metrics/metrics_exporter.h"
#include "ctl/network/fixed_network.h"
#include "ctl/network/netlink_mirror.h"
#include "ctl/network/path_mtu.h"
#include "ctl/rpc/log_limit.h"
#include "ctl/rpc/rpc_server.h"
#include "ctl/state/defence_control.h"
#include "ctl/state/housekeeping.h"
#include "ctl/state/liveness.h"
#include "ctl/state/periodic.h"
#include "sched/registry.h"

namespace shunt::ctl {

namespace {

using namespace std::chrono_literals;

/// Every port needs these but those that read and write files only.
void check_rights(const Config& config) {
    capng_get_caps_process();
    if (capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 0 &&
        capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW) != 0)
        return;
    for (const auto& port : config.ports)
        if (port.twin || kernel_interface_of(port.device) || is_pci_device(port.device))
            throw StartError(fmt::format(
                "port {}: no permission to open it: CAP_NET_ADMIN and CAP_NET_RAW are missing; run "
                "as root, or by the systemd unit",
                port.name));
}

std::unique_ptr<Eal> start_eal(const Config& config, const Sizes& sizes) {
    Eal::Options options{.memory = choose_memory_mode(config.huge_pages, sizes.huge_memory_mb),
                         .memory_mb = sizes.ordinary_memory_mb,
                         .workers = config.workers,
                         .worker_cpus = config.worker_cpus,
                         .pci_devices = {}};
    for (const auto& port : config.ports)
        if (is_pci_device(port.device)) options.pci_devices.push_back(port.device);
    if (options.memory == MemoryMode::huge_pages)
        write_log(spdlog::level::info, "memory", {{"pages", "huge"}});
    else
        write_log(spdlog::level::info, "memory",
                  {{"pages", "ordinary"}, {"reason", "huge pages are not free, or switched off"}});
    return std::make_unique<Eal>(options);
}

std::vector<std::string> port_names(const Config& config) {
    std::vector<std::string> names;
    for (const auto& port : config.ports) names.push_back(port.name);
    return names;
}

Sizes sizes_of(const Config& config) {
    const std::uint64_t available = available_memory();
    const Sizes sizes = compute_sizes(config, available);
    write_log_line(spdlog::level::info, describe(sizes));
    if (sizes.tables_mb > available >> 20)
        throw StartError(fmt::format(
            "connections = {}: the tables for them take {} MB, but only {} MB of memory are free",
            sizes.connections, sizes.tables_mb, available >> 20));
    return sizes;
}

/// What the workers put into a ring of elements, but no more than the control thread has time for.
template <class T>
std::vector<T> take_some(rte_ring& ring) {
    constexpr std::size_t most = 1024;
    std::vector<T> some;
    for (T one; some.size() < most && rte_ring_dequeue_elem(&ring, &one, sizeof(one)) == 0;)
        some.push_back(one);
    return some;
}

/// How many connections of all workers an incarnation of an application has.
AppRegistry::Bound bound_of(const Dataplane& dataplane) {
    return [workers = dataplane.workers()](AppTable::Slot slot) {
        std::uint32_t all = 0;
        for (const WorkerState* worker : workers) all += worker->apps.counters.bound[slot].value();
        return all;
    };
}

std::vector<const AppCounters*> app_counters_of(const std::vector<WorkerState*>& workers) {
    std::vector<const AppCounters*> all;
    for (const WorkerState* worker : workers) all.push_back(&worker->apps.counters);
    return all;
}

/// What was changed by whom is written whatever the level of the log is.
void write_audit(const AuditRecord& record) {
    write_log_line_always(audit_line(record));
}

RpcServer::Options socket_options(const Config& config) {
    return {.path = config.socket_path,
            .mode = config.socket_mode,
            .group = config.socket_group,
            .readers = config.socket_readers,
            .most_clients = config.socket_clients,
            .most_clients_of_user = config.socket_clients_of_user,
            .limits = {.rate = config.socket_rate},
            .audit = write_audit,
            .refused = [log = LogLimit()](const Credentials& who, const std::string&) mutable {
                log.write(spdlog::level::warn, "client_refused",
                          {{"uid", who.uid}, {"user", user_name(who.uid)}, {"pid", who.pid}});
            }};
}

/// Before anything is opened.
const Config& checked(const Config& config) {
    check_rights(config);
    return config;
}

}  // namespace

class Daemon::Impl {
  public:
    explicit Impl(const Config& config);
    ~Impl() {
        if (launched_) dataplane_.shut_down();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    bool run();

  private:
    [[nodiscard]] MethodContext context();
    void start_network();
    void start_sync();
    void start_metrics();
    void network_changed(std::shared_ptr<const NetTable> network);
    void serve_reports();
    void watch();
    void feed_watchdog();
    [[nodiscard]] std::string status() const;
    void tell_status();
    void tell_ready();
    void sweep_templates();
    void watch_idle();
    void await_signal();
    void reload();
    void stop(const std::string& why);

    const Config config_;
    const Sizes sizes_;
    const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    std::unique_ptr<Eal> eal_;
    Dataplane dataplane_;
    Publisher publisher_;
    ServiceRegistry registry_;
    MarkRegistry marks_;
    AppRegistry apps_;
    PathMtuLearner path_mtus_;
    boost::asio::io_context io_{1};
    EventBus events_;
    BusyMeter busy_;
    Liveness liveness_;
    std::vector<WorkerState*> workers_;
    DefenceControl defence_;
    ConnectionLister lister_;
    WatchControl watch_;
    SyncControl sync_;
    ConfigControl config_control_;
    HealthControl health_;
    MethodTable methods_;
    RpcServer server_;
    boost::asio::signal_set signals_;
    std::unique_ptr<NetlinkMirror> mirror_;
    std::optional<ServiceWatch> service_watch_;
    std::optional<LimitWatch> limit_watch_;
    bool network_known_ = false;
    bool launched_ = false;
    std::unique_ptr<Housekeeping> housekeeping_;
    std::vector<std::unique_ptr<Periodic>> timers_;
    std::uint32_t swept_ = 0;  ///< slots of templates, in this round
    std::uint64_t partial_checksums_ = 0;
    LogLimit checksum_log_;
    std::uint64_t seen_packets_ = 0;
    std::chrono::steady_clock::time_point last_packet_;
    std::unique_ptr<MetricsExporter> metrics_;
    std::string told_status_;  ///< to systemd
};

Daemon::Impl::Impl(const Config& config)
    : config_(checked(config)),
      sizes_(sizes_of(config_)),
      eal_(start_eal(config_, sizes_)),
      dataplane_(config_, sizes_),
      publisher_(dataplane_.shared()),
      registry_(publisher_, dataplane_.shared().dest_counters, config_.servers,
                dataplane_.shared().affinity.get(), &dataplane_.shared().overload),
      marks_(publisher_, port_names(config_)),
      apps_(publisher_, bound_of(dataplane_), config_.ftp),
      path_mtus_(publisher_),
      busy_(dataplane_.counters(), rte_rdtsc()),
      liveness_(dataplane_.counters()),
      workers_(dataplane_.workers()),
      defence_(publisher_, dataplane_.shared().defence,
               [this] { return room_of(workers_, dataplane_.shared().pool); }),
      lister_(io_, config_.workers, dataplane_.shared().affinity != nullptr, post_to(workers_)),
      watch_(io_, config_.workers, post_to(workers_)),
      sync_({.io = io_,
             .publisher = publisher_,
             .shared = dataplane_.shared(),
             .events = events_,
             .connections = workers_.front()->conns_v4.capacity(),
             .post = post_to(workers_),
             .tick = [this] { return dataplane_.shared().tick_at(rte_rdtsc()); }}),
      config_control_({registry_, publisher_, marks_, apps_, defence_, lister_, events_, &sync_},
                      config_, scheduler_names()),
      health_(io_, registry_, tell_health(events_), HealthControl::limits_of_process()),
      methods_(make_methods(context())),
      server_(io_, methods_, socket_options(config_)),
      signals_(io_, SIGTERM, SIGINT, SIGHUP) {
    await_signal();
    for (const auto& port : dataplane_.ports()) {
        const PortStatus status = port->status();
        write_log(spdlog::level::info, "port",
                  {{"port", status.name},
                   {"device", status.device},
                   {"mac", to_string(status.mac)},
                   {"mtu", status.mtu},
                   {"receive_queues", status.receive_queues},
                   {"transmit_queues", status.transmit_queues},
                   {"steering", status.steering},
                   {"twin", status.twin ? status.name : "none"}});
    }
    publisher_.set_tunables(config_.tunables);
    marks_.set(config_.marks);
    apps_.load(config_.apps);
    registry_.load(config_.services);
    start_network();
    start_sync();
    dataplane_.launch();
    launched_ = true;
    health_.start();
    defence_.update();
    service_watch_.emplace(io_, registry_, events_);
    limit_watch_.emplace(events_, dataplane_.counters(), publisher_, dataplane_.shared().overload,
                         defence_);
    housekeeping_ =
        std::make_unique<Housekeeping>(io_, publisher_, registry_, busy_, dataplane_.shared());
    timers_.push_back(std::make_unique<Periodic>(io_, 5ms, [this] { serve_reports(); }));
    timers_.push_back(std::make_unique<Periodic>(io_, 1s, [this] { watch(); }));
    if (config_.exit_when_idle > 0ms)
        timers_.push_back(std::make_unique<Periodic>(io_, 10ms, [this] { watch_idle(); }));
    start_metrics();
}

MethodContext Daemon::Impl::context() {
    return {.registry = registry_,
            .publisher = publisher_,
            .marks = marks_,
            .apps = apps_,
            .app_counters = app_counters_of(workers_),
            .expectations = dataplane_.shared().expectations.get(),
            .lister = lister_,
            .busy = busy_,
            .workers = dataplane_.counters(),
            .worker_cpus = config_.worker_cpus,
            .ports =
                [this] {
                    std::vector<PortStatus> rows;
                    for (const auto& port : dataplane_.ports()) rows.push_back(port->status());
                    return rows;
                },
            .connections_capacity = sizes_.connections,
            .defence = defence_,
            .shared = dataplane_.shared(),
            .config = config_control_,
            .events = events_,
            .health = &health_,
            .sync = &sync_,
            .watch = &watch_,
            .version = SHUNT_VERSION,
            .started = started_};
}

void Daemon::Impl::start_network() {
    if (config_.network == NetworkProvider::fixed) {
        std::vector<FixedPort> ports;
        for (const auto& port : dataplane_.ports())
            ports.push_back(
                {.name = port->name(), .id = port->id(), .mac = port->mac(), .mtu = port->mtu()});
        network_changed(make_fixed_network(config_.fixed, ports));
        return;
    }
    std::vector<Twin> twins;
    for (const auto& port : dataplane_.ports())
        if (port->has_twin()) twins.push_back({.port = port->id(), .interface = port->name()});
    mirror_ = std::make_unique<NetlinkMirror>(
        io_, std::move(twins),
        [this](std::shared_ptr<const NetTable> network) { network_changed(std::move(network)); },
        [log = LogLimit()](const std::string& what) mutable {
            log.write(spdlog::level::warn, "network_problem", {{"reason", what}});
        });
    // Workers need a first table; clients of the socket are served meanwhile.
    while (!network_known_ && !io_.stopped()) io_.run_one();
    if (!network_known_) throw StartError("stopped by a signal while starting");
}

void Daemon::Impl::start_sync() {
    try {
        sync_.accept(sync_.prepare(config_.sync));
    } catch (const RpcError& error) {
        throw StartError(error.what());
    }
}

/// Packets are forwarded with or without it.
void Daemon::Impl::start_metrics() {
    if (config_.metrics_address.empty()) return;
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    try {
        metrics_ = std::make_unique<MetricsExporter>(
            io_,
            MetricsExporter::Options{.address = parse_endpoint(config_.metrics_address).value(),
                                     .worker_cpus = config_.worker_cpus},
            MetricsSource{.version = SHUNT_VERSION,
                          .start_time = now.count(),
                          .connections_capacity = sizes_.connections,
                          .tsc_hz = rte_get_tsc_hz(),
                          .workers = dataplane_.counters(),
                          .app_counters = app_counters_of(workers_),
                          .servers = config_.metrics_servers},
            [c = context()] { return take_metrics_sample(c); });
    } catch (const std::runtime_error& error) {
        write_log(spdlog::level::warn, "metrics_off", {{"reason", error.what()}});
    }
}

void Daemon::Impl::network_changed(std::shared_ptr<const NetTable> network) {
    network_known_ = true;
    publisher_.set_network(std::move(network));
}

/// What workers ask for and tell of.
void Daemon::Impl::serve_reports() {
    const SharedState& shared = dataplane_.shared();
    for (const auto& request : take_some<ResolveRequest>(*shared.resolve_requests))
        if (mirror_) mirror_->resolve(request.ifindex, request.address);
    path_mtus_.learn(take_some<PathMtuReport>(*shared.path_mtu_reports),
                     PathMtuLearner::Clock::now());
}

/// What is looked at once a second.
void Daemon::Impl::watch() {
    if (mirror_) {
        std::vector<IpAddress> servers;
        for (const auto& slot : publisher_.current().services->slots())
            if (slot.available) servers.push_back(slot.endpoint.address);
        mirror_->keep_fresh(std::move(servers));
    }
    path_mtus_.forget(PathMtuLearner::Clock::now());
    defence_.update();
    limit_watch_->look(LimitWatch::Clock::now());
    sweep_templates();
    std::uint64_t partial = 0;
    for (const WorkerCounters* c : dataplane_.counters())
        partial += c->dropped[static_cast<std::size_t>(DropReason::partial_checksum)].value();
    if (partial != partial_checksums_)
        checksum_log_.write(spdlog::level::warn, "partial_checksum",
                            {{"packets", partial - partial_checksums_},
                             {"reason", "their sender left the checksum to its network card"},
                             {"advice", "on the sender: ethtool -K IF tx off"}});
    partial_checksums_ = partial;
    feed_watchdog();
    tell_status();
}

/// What `systemctl status` shows.
std::string Daemon::Impl::status() const {
    const std::string& problem = config_control_.reload_problem();
    return fmt::format("STATUS=forwarding: ports={} workers={} services={}{}{}",
                       dataplane_.ports().size(), config_.workers, registry_.services(),
                       problem.empty() ? "" : "; the last reload was refused: ", problem);
}

void Daemon::Impl::tell_status() {
    std::string now = status();
    if (now == told_status_) return;
    told_status_ = std::move(now);
    sd_notify(0, told_status_.c_str());
}

void Daemon::Impl::tell_ready() {
    told_status_ = status();
    sd_notify(0, ("READY=1\n" + told_status_).c_str());
}

/// systemd starts the daemon again when this does not come for a while: because the control thread
/// stands still, or a worker.
void Daemon::Impl::feed_watchdog() {
    constexpr unsigned worth_a_line = 3;
    if (liveness_.check()) sd_notify(0, "WATCHDOG=1");
    for (const WorkerId worker : liveness_.still_for(worth_a_line))
        write_log(spdlog::level::err, "worker_stands_still",
                  {{"worker", worker.value()}, {"seconds", worth_a_line}});
}

/// Templates and expectations of which the time is over, and which no client asked for since;
/// templates a part at a time.
void Daemon::Impl::sweep_templates() {
    constexpr std::uint32_t slots_at_once = 16384;
    SharedState& shared = dataplane_.shared();
    AffinityTable& table = *shared.affinity;
    if (swept_ >= table.slots_used()) swept_ = 0;
    table.sweep(swept_, slots_at_once, shared.tick_at(rte_rdtsc()));
    swept_ += slots_at_once;
    ExpectationTable& expectations = *shared.expectations;
    if (expectations.any())
        expectations.sweep(0, expectations.slots_used(), shared.tick_at(rte_rdtsc()));
}

void Daemon::Impl::watch_idle() {
    std::uint64_t packets = 0;
    for (const WorkerCounters* c : dataplane_.counters())
        packets += c->received.value() + c->from_twin.value();
    const auto now = std::chrono::steady_clock::now();
    if (packets != seen_packets_) {
        seen_packets_ = packets;
        last_packet_ = now;
    }
    if (packets > 0 && now - last_packet_ >= config_.exit_when_idle) stop("no more packets");
}

void Daemon::Impl::await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
        if (error) return;
        if (signal != SIGHUP) return stop(signal == SIGTERM ? "SIGTERM" : "SIGINT");
        reload();
        await_signal();
    });
}

/// For systemd it is over when the new configuration is in force, or was refused.
void Daemon::Impl::reload() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
               static_cast<long long>(duration_cast<std::chrono::microseconds>(now).count()));
    try {
        config_control_.reload();
    } catch (const std::exception&) {
        // The log has it, and nothing has changed.
    }
    tell_ready();
}

void Daemon::Impl::stop(const std::string& why) {
    write_log(spdlog::level::info, "stopping", {{"reason", why}});
    sd_notify(0, "STOPPING=1");
    io_.stop();
}

bool Daemon::Impl::run() {
    write_log(spdlog::level::info, "ready",
              {{"version", SHUNT_VERSION},
               {"pid", getpid()},
               {"workers", config_.workers},
               {"services", registry_.services()},
               {"socket", config_.socket_path}});
    tell_ready();
    if (!io_.stopped()) io_.run();
    dataplane_.shut_down();
    launched_ = false;
    const Conservation sum = dataplane_.conservation();
    write_log_line(sum.holds ? spdlog::level::info : spdlog::level::err, describe(sum));
    return sum.holds;
}

Daemon::Daemon(const Config& config) : impl_(std::make_unique<Impl>(config)) {}
Daemon::~Daemon() = default;
bool Daemon::run() {
    return impl_->run();
}

}  // namespace shunt::ctl
