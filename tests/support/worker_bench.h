// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Workers of the data plane on devices made of rings, one iteration at a time: what the daemon puts
// together (ctl/device/dataplane.cpp), without cards, twins, threads or time of its own.
//
//   WorkerBench bench;                                       // one worker, ports wan and lan
//   bench.add_service(Protocol::tcp, "192.0.2.10:80", {"198.51.100.11:8080"});
//   bench.publish();
//   bench.put(wan, from_client(v4).tcp(40000, 80, TcpHeader::syn).build());
//   bench.settle();
//   EXPECT_EQ(bench.sent(lan).size(), 1U);
//
// The end of a bench is a test of its own: each worker's counters agree, every packet that was put
// was received, and no packet buffer is missing.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/worker.h"
#include "support/packet_builder.h"

struct rte_mempool;

namespace shunt::test {

// The world of a bench. Clients are on the link of port wan, real servers on the link of port lan.
inline constexpr PortId wan{0};
inline constexpr PortId lan{1};
inline constexpr int wan_link = 1;  ///< the ports' interfaces
inline constexpr int lan_link = 2;
inline constexpr std::string_view wan_mac = "02:00:00:00:00:0a";
inline constexpr std::string_view lan_mac = "02:00:00:00:00:0b";
inline constexpr std::string_view client_mac = "02:00:00:00:01:64";
inline constexpr std::string_view server_mac = "02:00:00:00:02:0b";
inline constexpr std::string_view server2_mac = "02:00:00:00:02:0c";

/// The same places in both families.
struct Addresses {
    std::string_view name;
    std::string_view client;
    std::string_view client_net;
    std::string_view vip;
    std::string_view server;
    std::string_view server2;
    std::string_view server_net;
    std::string_view wan_self;  ///< the host's own
    std::string_view lan_self;
    std::string_view elsewhere;  ///< behind no link
    std::size_t header;          ///< bytes of the network header
    /// "192.0.2.10:80" or "[2001:db8:1::10]:80"
    [[nodiscard]] std::string endpoint(std::string_view address, int port) const;
};
inline constexpr Addresses v4{"IPv4",
                              "192.0.2.100",
                              "192.0.2.0/24",
                              "192.0.2.10",
                              "198.51.100.11",
                              "198.51.100.12",
                              "198.51.100.0/24",
                              "192.0.2.1",
                              "198.51.100.1",
                              "203.0.113.5",
                              20};
inline constexpr Addresses v6{"IPv6",
                              "2001:db8:1::100",
                              "2001:db8:1::/64",
                              "2001:db8:1::10",
                              "2001:db8:2::11",
                              "2001:db8:2::12",
                              "2001:db8:2::/64",
                              "2001:db8:1::1",
                              "2001:db8:2::1",
                              "2001:db8:f::5",
                              40};

/// A frame of the client to the virtual address, as it comes in by wan.
[[nodiscard]] PacketBuilder from_client(const Addresses& a);
/// A frame of the server to the client, as it comes in by lan.
[[nodiscard]] PacketBuilder from_server(const Addresses& a);
/// The same as they are to leave: to the server by lan, to the client by wan. TTL 63.
[[nodiscard]] PacketBuilder to_server(const Addresses& a);
[[nodiscard]] PacketBuilder to_client(const Addresses& a);

/// A TCP or UDP frame as its sender leaves it to a network card: instead of the checksum it has the
/// sum of the pseudo header. No IP options.
[[nodiscard]] Frame left_to_the_card(PacketBuilder builder);

[[nodiscard]] IpAddress ip(std::string_view text);
template <class F>
[[nodiscard]] typename F::Address address_of(std::string_view text) {
    return F::of(ip(text));
}
[[nodiscard]] MacAddress mac(std::string_view text);

/// Interfaces, addresses and connected routes of both ports, in both families.
[[nodiscard]] NetTableBuilder links(std::uint16_t wan_mtu = 1500, std::uint16_t lan_mtu = 1500);
/// The link addresses of the client and both servers.
void add_neighbours(NetTableBuilder& network);

struct BenchOptions {
    std::uint16_t workers = 1;
    bool twins = true;
    std::uint16_t receive_queues = 1;   ///< of a port; queue q is polled by worker q
    std::uint16_t transmit_queues = 0;  ///< of a port; 0: one a worker. A twin has one
    std::uint32_t device_depth = 512;   ///< packets that a device's queue can have, and one
    std::uint32_t ring_depth = 512;     ///< the same of a hand-off or relay ring
    std::uint32_t connections = 256;    ///< a worker and family
    std::uint32_t templates = 64;       ///< of clients of persistent services
    std::uint32_t expectations = 64;    ///< data connections that applications announced
    std::uint32_t helpers = 8;          ///< of applications, a worker
    std::size_t held_packets = 16;
    ReassemblyLimits fragments{.datagrams = 64, .buffers = 256, .buffers_per_source = 128};
};

/// Thread: one. Needs a running EAL (support/eal.cpp).
class WorkerBench {
  public:
    static constexpr std::uint32_t buffers = 2047;
    /// Above the Ethernet frames of most tests; a longer one needs put_pieces().
    static constexpr std::size_t most_frame = 2048;

    explicit WorkerBench(const BenchOptions& options = {});
    /// The checks above. Packets that still wait are dropped first, as when the daemon ends.
    ~WorkerBench();
    WorkerBench(const WorkerBench&) = delete;
    WorkerBench& operator=(const WorkerBench&) = delete;

    // What the next publish() puts in force.
    NetTableBuilder network;  ///< at first links() with add_neighbours()
    Timeouts timeouts;
    Tunables tunables;  ///< at first without a share for half-open connections
    std::vector<MarkRule> marks;
    PathMtus path_mtus;
    AppTable::Incarnations apps{};
    FtpOptions ftp;
    std::shared_ptr<const SyncFeeds> sync_feeds;  ///< as of a sync master
    bool sync_backup = false;
    struct Server {
        std::string endpoint;
        std::uint32_t weight = 1;
        bool removed = false;  ///< out of its service, slot kept
        ForwardMethod forward = ForwardMethod::nat;
        Tunnel tunnel{};
        Thresholds thresholds{};
    };
    struct Service {
        Protocol protocol;
        std::string endpoint;
        std::vector<Server> servers;
        bool removed = false;                  ///< and all its servers with it
        const Scheduler* scheduler = nullptr;  ///< null: one that takes eligible servers in turn
        std::shared_ptr<SchedulerState> state = std::make_shared<SchedulerState>();
        bool one_packet = false;
        Mark mark{};  ///< then of `endpoint` only the family counts
        std::optional<Persistence> persistence{};
        ServiceTimeouts timeouts{};
    };
    /// Servers get their DestIds in this order, from 0 on; a test only appends.
    std::vector<Service> services;

    void add_service(Protocol protocol, std::string_view endpoint,
                     const std::vector<std::string>& servers);
    /// The same with another forwarding method, or tunnels.
    void add_service(Protocol protocol, std::string_view endpoint,
                     const std::vector<std::string>& servers, ForwardMethod forward,
                     Tunnel tunnel = {});
    /// tcp and udp, port 80 of the virtual address, server port 8080, in both families; published.
    void add_usual_services();
    void publish();

    // Packets in. Each is taken by the next iteration of the worker that has the queue.
    void put(PortId port, const Frame& frame, std::uint16_t queue = 0);
    /// In a chain of buffers: `sizes`, then the rest in the last one.
    void put_pieces(PortId port, const Frame& frame, const std::vector<std::size_t>& sizes);
    /// As the host sends it on the twin.
    void put_from_host(PortId port, const Frame& frame);
    /// A buffer with a frame, for a test that changes it before it goes to put().
    [[nodiscard]] rte_mbuf* packet(const Frame& frame, const std::vector<std::size_t>& sizes = {});
    void put(PortId port, rte_mbuf* packet, std::uint16_t queue = 0);

    std::uint32_t iterate(std::uint16_t worker = 0);
    /// Iterates all workers until none moves anything.
    void settle();
    /// Lets time pass for all workers; it stands still otherwise.
    void pass(Ticks time);

    // Packets out since the last call, over all queues.
    [[nodiscard]] std::vector<Frame> sent(PortId port);
    [[nodiscard]] std::vector<Frame> to_host(PortId port);
    /// The one frame that is there; a failure and an empty frame when there is not one.
    [[nodiscard]] Frame one_sent(PortId port);
    [[nodiscard]] Frame one_to_host(PortId port);
    /// What workers asked the control thread for since the last call.
    [[nodiscard]] std::vector<ResolveRequest> resolve_requests();
    /// And what they told it.
    [[nodiscard]] std::vector<PathMtuReport> path_mtu_reports();

    [[nodiscard]] WorkerState& worker(std::uint16_t w = 0) { return *states_[w]; }
    [[nodiscard]] Worker& loop(std::uint16_t w = 0) { return *loops_[w]; }
    [[nodiscard]] WorkerCounters& counters(std::uint16_t w = 0) { return states_[w]->counters; }
    [[nodiscard]] SharedState& shared() { return shared_; }
    [[nodiscard]] std::uint64_t dropped(DropReason reason) const;
    [[nodiscard]] std::uint64_t all_dropped() const;
    /// A counter's sum over the workers.
    [[nodiscard]] std::uint64_t sum(Counter WorkerCounters::*counter) const;
    /// A server's counts over the workers.
    template <class T>
    [[nodiscard]] T dest(std::uint32_t id, BasicCounter<T> DestCounters::*counter) const {
        T all = 0;
        for (const auto& state : states_) all += (state->dests[id].*counter).value();
        return all;
    }
    [[nodiscard]] std::uint32_t connections() const;
    /// The connection of a flow from the client, wherever it is; null when there is none.
    template <class F>
    [[nodiscard]] Conn<F>* connection(std::string_view client, int client_port,
                                      std::string_view virtual_address, int virtual_port,
                                      Protocol protocol);
    [[nodiscard]] std::uint32_t free_buffers() const;
    /// Takes all free packet buffers, and gives them back.
    void exhaust_buffers();
    void restore_buffers();

  private:
    struct Device {
        std::string name;
        std::uint16_t ethdev = 0;
        std::vector<RingPtr> receive;
        std::vector<RingPtr> transmit;
    };
    struct PoolFree {
        void operator()(rte_mempool* pool) const noexcept;
    };
    struct RcuFree {
        void operator()(rte_rcu_qsbr* rcu) const noexcept;
    };

    void make_device(std::uint16_t receive_queues, std::uint16_t transmit_queues);
    void make_workers();
    void add_queues(PortId port, std::uint16_t queues);
    void close_devices();
    [[nodiscard]] std::shared_ptr<const ServiceTable> service_table();
    [[nodiscard]] std::vector<Frame> take(DeviceIndex device);
    void end();

    BenchOptions options_;
    std::unique_ptr<rte_mempool, PoolFree> pool_;
    std::unique_ptr<rte_rcu_qsbr, RcuFree> rcu_;
    std::vector<Device> devices_;  ///< by DeviceIndex; empty ones are not present
    SharedState shared_;
    std::vector<std::unique_ptr<const Snapshot>> snapshots_;
    std::vector<std::unique_ptr<WorkerState>> states_;
    std::vector<std::unique_ptr<Worker>> loops_;
    std::vector<rte_mbuf*> exhausted_;
    std::uint64_t put_ = 0;
};

template <class F>
Conn<F>* WorkerBench::connection(std::string_view client, int client_port,
                                 std::string_view virtual_address, int virtual_port,
                                 Protocol protocol) {
    const FlowTuple<F> tuple{.source = address_of<F>(client),
                             .destination = address_of<F>(virtual_address),
                             .source_port = L4Port(static_cast<std::uint16_t>(client_port)),
                             .destination_port = L4Port(static_cast<std::uint16_t>(virtual_port)),
                             .protocol = protocol};
    for (const auto& state : states_)
        if (const auto found = state->conns<F>().find(tuple); found.conn != nullptr)
            return found.conn;
    return nullptr;
}

/// Compares two frames byte by byte; a failure shows both in words and in bytes.
[[nodiscard]] ::testing::AssertionResult same_frame(const Frame& actual, const Frame& expected);

/// Tests that are the same for both families:
/// INSTANTIATE_TEST_SUITE_P(Families, SomeTest, ::testing::ValuesIn(families), family_name);
inline constexpr std::array families{v4, v6};
inline std::string family_name(const ::testing::TestParamInfo<Addresses>& info) {
    return std::string(info.param.name);
}
inline void PrintTo(const Addresses& a, std::ostream* out) {
    *out << a.name;
}

}  // namespace shunt::test
