// SPDX-License-Identifier: BSD-3-Clause
#include "support/worker_bench.h"

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_ring_elem.h>

#include <stdexcept>

#include "dataplane/ring.h"
#include "support/mbufs.h"

namespace shunt::test {

namespace {

constexpr unsigned any_node = static_cast<unsigned>(SOCKET_ID_ANY);
constexpr std::uint32_t servers = 64;
constexpr std::uint64_t hash_seed = 0x5EED;

/// A tick lasts longer than any test, so that only WorkerBench::pass() moves the clock.
std::uint64_t frozen_tick() {
    return rte_get_tsc_hz() * 1000;
}

/// Eligible servers in turn, in the order of the service.
class TakeTurns final : public Scheduler {
  public:
    [[nodiscard]] std::string_view name() const noexcept override { return "turns"; }
    [[nodiscard]] std::optional<std::size_t> choose(const Candidates& all,
                                                    const SchedulingKey&) const noexcept override {
        const std::size_t count = all.servers.size();
        for (std::size_t tried = 0; tried < count; ++tried)
            if (const std::size_t next = all.state.word++ % count; all.eligible(next)) return next;
        return std::nullopt;
    }
};
const TakeTurns take_turns;

std::string unique_name(const char* what) {
    static unsigned serial = 0;
    return what + std::to_string(serial++);
}

void enqueue(rte_ring* ring, rte_mbuf* packet) {
    if (rte_ring_enqueue(ring, packet) != 0) throw std::runtime_error("a device's ring is full");
}

}  // namespace

std::string Addresses::endpoint(std::string_view address, int port) const {
    return to_string(Endpoint{ip(address), L4Port(static_cast<std::uint16_t>(port))});
}

IpAddress ip(std::string_view text) {
    return parse_address(text).value();
}
MacAddress mac(std::string_view text) {
    return parse_mac(text).value();
}

PacketBuilder from_client(const Addresses& a) {
    return PacketBuilder().mac(client_mac, wan_mac).ip(a.client, a.vip);
}
PacketBuilder from_server(const Addresses& a) {
    return PacketBuilder().mac(server_mac, lan_mac).ip(a.server, a.client);
}
PacketBuilder to_server(const Addresses& a) {
    return PacketBuilder().mac(lan_mac, server_mac).ip(a.client, a.server).ttl(63);
}
PacketBuilder to_client(const Addresses& a) {
    return PacketBuilder().mac(wan_mac, client_mac).ip(a.vip, a.client).ttl(63);
}

Frame left_to_the_card(PacketBuilder builder) {
    const Frame packet = network_part(builder.build());
    const bool is_v4 = (packet.at(0) >> 4) == std::byte{4};
    const std::size_t header = is_v4 ? 20 : 40;
    auto sum = static_cast<std::uint32_t>(packet.size() - header);
    sum += std::to_integer<std::uint32_t>(packet[is_v4 ? 9 : 6]);
    for (std::size_t at = is_v4 ? 12 : 8; at < header; at += 2) sum += get16(packet, at);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return builder.l4_checksum(static_cast<std::uint16_t>(sum)).build();
}

NetTableBuilder links(std::uint16_t wan_mtu, std::uint16_t lan_mtu) {
    NetTableBuilder network;
    network.add_interface({wan_link, wan, 0, mac(wan_mac), wan_mtu, "wan"});
    network.add_interface({lan_link, lan, 0, mac(lan_mac), lan_mtu, "lan"});
    for (const auto& a : families) {
        const auto client_net = parse_prefix(a.client_net).value();
        const auto server_net = parse_prefix(a.server_net).value();
        network.add_address(wan_link, ip(a.wan_self), client_net.length);
        network.add_address(lan_link, ip(a.lan_self), server_net.length);
        for (const auto self : {a.wan_self, a.lan_self, a.vip})
            network.add_local({ip(self), static_cast<std::uint8_t>(ip(self).bits())});
        network.add_route(client_net, {{wan_link, {}, 1}});
        network.add_route(server_net, {{lan_link, {}, 1}});
    }
    return network;
}

void add_neighbours(NetTableBuilder& network) {
    for (const auto& a : families) {
        network.add_neighbour(wan_link, ip(a.client), mac(client_mac));
        network.add_neighbour(lan_link, ip(a.server), mac(server_mac));
        network.add_neighbour(lan_link, ip(a.server2), mac(server2_mac));
    }
}

::testing::AssertionResult same_frame(const Frame& actual, const Frame& expected) {
    if (actual == expected) return ::testing::AssertionSuccess();
    const auto words = [](const Frame& f) {
        return f.empty() ? std::string("no frame\n") : describe(f) + "\n" + hexdump(f);
    };
    return ::testing::AssertionFailure()
           << "is       " << words(actual) << "\nexpected " << words(expected);
}

void WorkerBench::PoolFree::operator()(rte_mempool* pool) const noexcept {
    rte_mempool_free(pool);
}
void WorkerBench::RcuFree::operator()(rte_rcu_qsbr* rcu) const noexcept {
    rte_free(rcu);
}

WorkerBench::WorkerBench(const BenchOptions& options)
    : network(links()),
      options_(options),
      pool_(rte_pktmbuf_pool_create(unique_name("bench").c_str(), buffers, 0, 0,
                                    RTE_PKTMBUF_HEADROOM + most_frame, SOCKET_ID_ANY)) {
    if (options_.transmit_queues == 0) options_.transmit_queues = options_.workers;
    rcu_.reset(static_cast<rte_rcu_qsbr*>(
        rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(options_.workers), RTE_CACHE_LINE_SIZE)));
    if (!pool_ || !rcu_ || rte_rcu_qsbr_init(rcu_.get(), options_.workers) != 0)
        throw std::runtime_error("no memory for packets");
    add_neighbours(network);
    tunables.half_open_share = 100;
    OwnerFunction::Key key;
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i * 73 + 41);

    shared_.pool = pool_.get();
    shared_.rcu = rcu_.get();
    shared_.workers = options_.workers;
    shared_.owner = std::make_unique<OwnerFunction>(key, options_.workers);
    shared_.handoff = std::make_unique<HandoffRings>(options_.workers, options_.ring_depth);
    shared_.resolve_requests = make_ring("resolve", 256, RING_F_SC_DEQ, sizeof(ResolveRequest));
    shared_.path_mtu_reports = make_ring("path_mtu", 64, RING_F_SC_DEQ, sizeof(PathMtuReport));
    shared_.affinity = std::make_unique<AffinityTable>(options_.templates, servers, hash_seed);
    shared_.expectations = std::make_unique<ExpectationTable>(options_.expectations, 16, hash_seed);
    shared_.start_tsc = rte_rdtsc();
    shared_.tsc_per_tick = frozen_tick();
    for (const PortId port : {wan, lan}) {
        static_cast<void>(port);
        make_device(options_.receive_queues, options_.transmit_queues);
        make_device(options_.twins ? 1 : 0, options_.twins ? 1 : 0);
    }
    make_workers();
}

void WorkerBench::make_device(std::uint16_t receive_queues, std::uint16_t transmit_queues) {
    Device& device = devices_.emplace_back();
    DeviceQueues& queues = shared_.devices.emplace_back();
    if (receive_queues == 0) return;
    std::vector<rte_ring*> in;
    std::vector<rte_ring*> out;
    for (std::uint16_t q = 0; q < receive_queues; ++q)
        in.push_back(device.receive.emplace_back(make_ring("rx", options_.device_depth, 0)).get());
    for (std::uint16_t q = 0; q < transmit_queues; ++q)
        out.push_back(
            device.transmit.emplace_back(make_ring("tx", options_.device_depth, 0)).get());
    device.name = unique_name("bench");
    const int ethdev = rte_eth_from_rings(device.name.c_str(), in.data(), receive_queues,
                                          out.data(), transmit_queues, any_node);
    if (ethdev < 0) throw std::runtime_error("a ring device does not open");
    device.ethdev = static_cast<std::uint16_t>(ethdev);
    const rte_eth_conf conf{};
    bool right = rte_eth_dev_configure(device.ethdev, receive_queues, transmit_queues, &conf) == 0;
    for (std::uint16_t q = 0; q < receive_queues; ++q)
        right = right &&
                rte_eth_rx_queue_setup(device.ethdev, q, 64, any_node, nullptr, pool_.get()) == 0;
    for (std::uint16_t q = 0; q < transmit_queues; ++q)
        right = right && rte_eth_tx_queue_setup(device.ethdev, q, 64, any_node, nullptr) == 0;
    if (!right || rte_eth_dev_start(device.ethdev) != 0)
        throw std::runtime_error("a ring device does not start");
    queues.present = true;
    queues.ethdev = device.ethdev;
    queues.transmit_queues = transmit_queues;
    for (std::uint16_t q = 0; transmit_queues < options_.workers && q < transmit_queues; ++q)
        queues.relays.push_back(make_ring("relay", options_.ring_depth, RING_F_SC_DEQ));
}

void WorkerBench::make_workers() {
    shared_.overload = OverloadTable(servers);
    const WorkerState::Limits limits{.connections = options_.connections,
                                     .servers = servers,
                                     .held_packets = options_.held_packets,
                                     .fragments = options_.fragments,
                                     .helpers = options_.helpers};
    for (std::uint16_t w = 0; w < options_.workers; ++w) {
        states_.push_back(std::make_unique<WorkerState>(WorkerId(w), shared_, limits, hash_seed));
        loops_.push_back(std::make_unique<Worker>(*states_.back(), Idle::poll));
        shared_.dest_counters.push_back(states_.back()->dests.data());
        shared_.load_changes.push_back(states_.back()->load_changes.data());
        rte_rcu_qsbr_thread_register(rcu_.get(), w);
        rte_rcu_qsbr_thread_online(rcu_.get(), w);
    }
    for (const PortId port : {wan, lan}) add_queues(port, options_.receive_queues);
}

void WorkerBench::add_queues(PortId port, std::uint16_t queues) {
    for (std::uint16_t q = 0; q < queues; ++q)
        states_[q % options_.workers]->queues.push_back(
            {.port = port,
             .ethdev = devices_[DeviceIndex::of_port(port).value].ethdev,
             .queue = q});
    if (options_.twins)
        states_[0]->queues.push_back({.port = port,
                                      .ethdev = devices_[DeviceIndex::of_twin(port).value].ethdev,
                                      .twin = true});
}

WorkerBench::~WorkerBench() {
    if (shared_.snapshot.load() != nullptr) end();
    for (const PortId port : {wan, lan}) {
        static_cast<void>(take(DeviceIndex::of_port(port)));
        static_cast<void>(take(DeviceIndex::of_twin(port)));
    }
    restore_buffers();
    EXPECT_EQ(free_buffers(), buffers) << "packet buffers are missing";
    close_devices();
}

/// Everything under way arrives, then the workers end.
void WorkerBench::end() {
    shared_.phase = Phase::run;
    settle();
    EXPECT_EQ(sum(&WorkerCounters::handed_off), sum(&WorkerCounters::taken_over));
    EXPECT_EQ(sum(&WorkerCounters::received) + sum(&WorkerCounters::from_twin), put_);
    shared_.phase = Phase::end;
    for (std::uint16_t w = 0; w < options_.workers; ++w) {
        loops_[w]->run();
        EXPECT_TRUE(counters(w).conserved()) << "worker " << w;
    }
    EXPECT_EQ(sum(&WorkerCounters::held), sum(&WorkerCounters::resumed));
}

void WorkerBench::close_devices() {
    for (const Device& device : devices_) {
        if (device.name.empty()) continue;
        rte_eth_dev_stop(device.ethdev);
        rte_eth_dev_close(device.ethdev);
        rte_vdev_uninit(("net_ring_" + device.name).c_str());
    }
}

void WorkerBench::add_service(Protocol protocol, std::string_view endpoint,
                              const std::vector<std::string>& endpoints) {
    Service service{.protocol = protocol, .endpoint = std::string(endpoint), .servers = {}};
    for (const auto& server : endpoints) service.servers.push_back({.endpoint = server});
    services.push_back(std::move(service));
}

void WorkerBench::add_service(Protocol protocol, std::string_view endpoint,
                              const std::vector<std::string>& endpoints, ForwardMethod forward,
                              Tunnel tunnel) {
    add_service(protocol, endpoint, endpoints);
    for (Server& server : services.back().servers) {
        server.forward = forward;
        server.tunnel = tunnel;
    }
}

void WorkerBench::add_usual_services() {
    for (const auto& a : families)
        for (const auto protocol : {Protocol::tcp, Protocol::udp})
            add_service(protocol, a.endpoint(a.vip, 80), {a.endpoint(a.server, 8080)});
    publish();
}

std::shared_ptr<const ServiceTable> WorkerBench::service_table() {
    std::vector<std::shared_ptr<const VirtualService>> table;
    std::vector<ServiceTable::DestSlot> slots;
    for (const Service& s : services) {
        auto service = std::make_shared<VirtualService>();
        service->key = {s.protocol, parse_endpoint(s.endpoint).value(), s.mark};
        service->one_packet = s.one_packet;
        service->persistence = s.persistence;
        service->scheduler = s.scheduler != nullptr ? s.scheduler : &take_turns;
        service->state = s.state;
        for (const Server& server : s.servers) {
            const DestId id(static_cast<std::uint32_t>(slots.size()));
            const Endpoint endpoint = parse_endpoint(server.endpoint).value();
            slots.push_back({.available = !server.removed && !s.removed,
                             .weight = server.weight,
                             .endpoint = endpoint,
                             .forward = server.forward,
                             .tunnel = server.tunnel,
                             .limited = server.thresholds.upper != 0,
                             .virtual_address = service->key.endpoint.address,
                             .in_use = true,
                             .any_port = s.persistence.has_value(),
                             .timeouts = s.timeouts});
            shared_.overload.set(id, server.thresholds);
            if (!server.removed)
                service->servers.push_back({.id = id,
                                            .sequence = id.value(),
                                            .endpoint = endpoint,
                                            .weight = server.weight,
                                            .forward = server.forward,
                                            .tunnel = server.tunnel,
                                            .thresholds = server.thresholds});
        }
        if (!s.removed) table.push_back(std::move(service));
    }
    return std::make_shared<const ServiceTable>(std::move(table), std::move(slots));
}

void WorkerBench::publish() {
    auto snapshot = std::make_unique<Snapshot>();
    snapshot->services = service_table();
    snapshot->network = network.build();
    snapshot->timeouts = timeouts;
    snapshot->tunables = tunables;
    snapshot->sync_feeds = sync_feeds;
    snapshot->sync_rules = SyncRules::of(tunables);
    snapshot->sync_backup = sync_backup;
    if (apps != AppTable::Incarnations{})
        snapshot->apps = std::make_shared<const AppTable>(apps, ftp);
    if (!marks.empty()) snapshot->marks = MarkRules::build(marks);
    if (!path_mtus.empty()) snapshot->path_mtus = std::make_shared<const PathMtus>(path_mtus);
    snapshot->generation = static_cast<std::uint32_t>(snapshots_.size()) + 1;
    if (snapshot->network == nullptr) throw std::runtime_error("no memory for route tables");
    snapshot->derive();
    shared_.snapshot = snapshot.get();
    snapshots_.push_back(std::move(snapshot));
}

rte_mbuf* WorkerBench::packet(const Frame& frame, const std::vector<std::size_t>& sizes) {
    rte_mbuf* first = nullptr;
    std::size_t at = 0;
    for (std::size_t piece = 0; piece <= sizes.size(); ++piece) {
        const std::size_t rest = frame.size() - at;
        const std::size_t size = piece < sizes.size() ? std::min(sizes[piece], rest) : rest;
        rte_mbuf* m = rte_pktmbuf_alloc(pool_.get());
        char* bytes =
            m == nullptr ? nullptr : rte_pktmbuf_append(m, static_cast<std::uint16_t>(size));
        if (bytes == nullptr) throw std::runtime_error("no buffer for a frame of this size");
        std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), size,
                    reinterpret_cast<std::byte*>(bytes));
        at += size;
        if (first == nullptr)
            first = m;
        else
            rte_pktmbuf_chain(first, m);
    }
    return first;
}

void WorkerBench::put(PortId port, rte_mbuf* m, std::uint16_t queue) {
    enqueue(devices_[DeviceIndex::of_port(port).value].receive[queue].get(), m);
    ++put_;
}
void WorkerBench::put(PortId port, const Frame& frame, std::uint16_t queue) {
    put(port, packet(frame), queue);
}
void WorkerBench::put_pieces(PortId port, const Frame& frame,
                             const std::vector<std::size_t>& sizes) {
    put(port, packet(frame, sizes));
}
void WorkerBench::put_from_host(PortId port, const Frame& frame) {
    enqueue(devices_[DeviceIndex::of_twin(port).value].receive[0].get(), packet(frame));
    ++put_;
}

std::uint32_t WorkerBench::iterate(std::uint16_t w) {
    return loops_[w]->iterate();
}

void WorkerBench::settle() {
    for (std::uint32_t moved = 1; moved > 0;) {
        moved = 0;
        for (auto& loop : loops_) moved += loop->iterate();
    }
}

void WorkerBench::pass(Ticks time) {
    shared_.start_tsc -= time.count() * shared_.tsc_per_tick;
}

std::vector<Frame> WorkerBench::take(DeviceIndex index) {
    std::vector<Frame> frames;
    for (const auto& ring : devices_[index.value].transmit) {
        void* taken = nullptr;
        while (rte_ring_dequeue(ring.get(), &taken) == 0) {
            auto* m = static_cast<rte_mbuf*>(taken);
            frames.push_back(bytes_in(m));
            rte_pktmbuf_free(m);
        }
    }
    return frames;
}

std::vector<Frame> WorkerBench::sent(PortId port) {
    return take(DeviceIndex::of_port(port));
}
std::vector<Frame> WorkerBench::to_host(PortId port) {
    return take(DeviceIndex::of_twin(port));
}

namespace {
Frame the_one(std::vector<Frame> frames, const char* what) {
    EXPECT_EQ(frames.size(), 1U) << what;
    return frames.size() == 1 ? std::move(frames[0]) : Frame();
}
}  // namespace

Frame WorkerBench::one_sent(PortId port) {
    return the_one(sent(port), "sent");
}
Frame WorkerBench::one_to_host(PortId port) {
    return the_one(to_host(port), "to the host");
}

std::vector<ResolveRequest> WorkerBench::resolve_requests() {
    std::vector<ResolveRequest> requests;
    ResolveRequest request;
    while (rte_ring_dequeue_elem(shared_.resolve_requests.get(), &request, sizeof(request)) == 0)
        requests.push_back(request);
    return requests;
}

std::vector<PathMtuReport> WorkerBench::path_mtu_reports() {
    std::vector<PathMtuReport> reports;
    PathMtuReport report;
    while (rte_ring_dequeue_elem(shared_.path_mtu_reports.get(), &report, sizeof(report)) == 0)
        reports.push_back(report);
    return reports;
}

std::uint64_t WorkerBench::dropped(DropReason reason) const {
    std::uint64_t all = 0;
    for (const auto& state : states_)
        all += state->counters.dropped[static_cast<std::size_t>(reason)].value();
    return all;
}
std::uint64_t WorkerBench::all_dropped() const {
    std::uint64_t all = 0;
    for (const auto& state : states_) all += state->counters.all_dropped();
    return all;
}
std::uint64_t WorkerBench::sum(Counter WorkerCounters::*counter) const {
    std::uint64_t all = 0;
    for (const auto& state : states_) all += (state->counters.*counter).value();
    return all;
}
std::uint32_t WorkerBench::connections() const {
    std::uint32_t all = 0;
    for (const auto& state : states_) all += state->conns_v4.size() + state->conns_v6.size();
    return all;
}

std::uint32_t WorkerBench::free_buffers() const {
    return rte_mempool_avail_count(pool_.get());
}
void WorkerBench::exhaust_buffers() {
    while (rte_mbuf* m = rte_pktmbuf_alloc(pool_.get())) exhausted_.push_back(m);
}
void WorkerBench::restore_buffers() {
    for (rte_mbuf* m : exhausted_) rte_pktmbuf_free(m);
    exhausted_.clear();
}

}  // namespace shunt::test
