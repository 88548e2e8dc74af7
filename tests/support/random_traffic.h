// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Mixed traffic through a WorkerBench, and all that came of it: for tests that compare two ways of
// running the same.
#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "support/worker_bench.h"

namespace shunt::test {

/// What one way of running the traffic came to.
struct Outcome {
    std::map<std::string, std::vector<Frame>> frames;  ///< by device, sorted
    std::map<std::string, std::uint64_t> counts;
    bool operator==(const Outcome&) const = default;
};

/// One frame of the traffic, and the queue that a card would choose for its flow.
struct Arrival {
    PortId port;
    std::uint16_t flow;
    Frame frame;
};

class Traffic {
  public:
    explicit Traffic(unsigned seed) : random_(seed) {}

    /// A burst for one port, about few flows so that packets of one meet.
    std::vector<Arrival> burst() {
        const PortId port = any(2) == 0 ? wan : lan;
        std::vector<Arrival> arrivals(1 + any(40));
        for (auto& arrival : arrivals) arrival = one(port);
        return arrivals;
    }

  private:
    using H = TcpHeader;

    std::uint32_t any(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
    template <class T>
    const T& one_of(std::initializer_list<T> list) {
        return list.begin()[any(static_cast<std::uint32_t>(list.size()))];
    }

    Arrival one(PortId port) {
        const Addresses& a = any(2) == 0 ? v4 : v6;
        const auto client_port = static_cast<std::uint16_t>(40000 + any(24));
        auto builder = port == wan ? from_client(a) : from_server(a);
        const auto server_port = static_cast<std::uint16_t>(port == wan ? 80 : 8080);
        const auto source = port == wan ? client_port : server_port;
        const auto destination = port == wan ? server_port : client_port;
        if (any(3) != 0)
            builder.tcp(source, destination,
                        one_of<std::uint8_t>({H::syn, H::ack, H::ack, H::ack | H::psh,
                                              H::fin | H::ack, H::rst, H::syn | H::ack}));
        else
            builder.udp(source, destination);
        builder.payload(any(60));
        if (any(6) == 0) disturb(builder, a);
        return {port, client_port, builder.build()};
    }

    /// Something that ends in another verdict.
    void disturb(PacketBuilder& b, const Addresses& a) {
        switch (any(9)) {
            case 0:
                b.ttl(static_cast<std::uint8_t>(any(3)));
                break;
            case 1:
                b.fragment(static_cast<std::uint16_t>(any(2) * 64), any(2) == 0, ++fragments_);
                break;
            case 2:
                b.mac(client_mac, "02:00:00:00:00:ff");
                break;
            case 3:
                b.payload(1600).dont_fragment(any(2) == 0);
                break;
            case 4:
                b.icmp(8, 0);
                break;
            case 5:
                b.vlan(static_cast<std::uint16_t>(any(2) * 77));
                break;
            case 6:
                b.ip(a.client, a.wan_self);
                break;
            case 7:
                b.udp(7, 9);
                break;
            default:
                b.ip_length(1);
                break;
        }
    }

    std::mt19937 random_;
    std::uint16_t fragments_ = 0;  ///< each of a datagram of its own
};

/// Errors of IPv4 carry a number that counts the worker's errors, fragments of IPv6 one that counts
/// its fragments.
inline Frame without_identification(Frame frame) {
    constexpr std::size_t protocol = 23;
    constexpr std::size_t next_header = 20;
    if (frame.size() > 62 && get16(frame, 12) == 0x86DD && frame[next_header] == std::byte{44})
        poke(frame, 58, {0, 0, 0, 0});
    if (frame.size() > 34 && get16(frame, 12) == 0x0800 && frame[protocol] == std::byte{1}) {
        poke(frame, 18, {0, 0});
        poke(frame, 24, {0, 0});
    }
    return frame;
}

class Balancing {
  public:
    explicit Balancing(const BenchOptions& options)
        : bench_(options), queues_(options.receive_queues) {
        // Each worker has limits of its own for ICMP errors.
        bench_.tunables.icmp_ratelimit = bench_.tunables.icmp_msgs_per_sec = 0;
        bench_.add_usual_services();
    }
    [[nodiscard]] WorkerBench& bench() { return bench_; }
    /// Called after each burst.
    std::function<void()> after_burst = [] {};

    Outcome operator()(unsigned seed) {
        Traffic traffic(seed);
        for (int round = 0; round < 60; ++round) {
            for (const Arrival& a : traffic.burst())
                bench_.put(a.port, a.frame, static_cast<std::uint16_t>(a.flow % queues_));
            bench_.settle();
            after_burst();
            if (round % 20 == 10) change(round);
            bench_.pass(Ticks(5));
            collect();
        }
        count();
        for (auto& [device, frames] : outcome_.frames) std::ranges::sort(frames);
        return std::move(outcome_);
    }

  private:
    /// A server leaves its service, comes back, and the network table is another one.
    void change(int round) {
        bench_.services[1].servers[0].removed = round == 10;
        bench_.services[2].servers[0].removed = round == 30;
        bench_.publish();
        bench_.settle();
    }
    void collect() {
        const auto add = [this](const char* device, std::vector<Frame> frames) {
            for (auto& f : frames)
                outcome_.frames[device].push_back(without_identification(std::move(f)));
        };
        add("wan", bench_.sent(wan));
        add("lan", bench_.sent(lan));
        add("host by wan", bench_.to_host(wan));
        add("host by lan", bench_.to_host(lan));
    }
    void count() {
        for (std::size_t r = 0; r < drop_reason_count; ++r) {
            const auto reason = static_cast<DropReason>(r);
            outcome_.counts[std::string(name(reason))] = bench_.dropped(reason);
        }
        outcome_.counts["connections"] = bench_.connections();
        outcome_.counts["received"] = bench_.sum(&WorkerCounters::received);
        outcome_.counts["generated"] = bench_.sum(&WorkerCounters::generated);
        outcome_.counts["forwarded"] = bench_.sum(&WorkerCounters::forwarded);
        outcome_.counts["held"] = bench_.sum(&WorkerCounters::held);
        outcome_.counts["to_host"] = bench_.sum(&WorkerCounters::to_host);
        for (std::uint32_t id = 0; id < 4; ++id) {
            const auto server = "server " + std::to_string(id) + " ";
            outcome_.counts[server + "connections"] = bench_.dest(id, &DestCounters::connections);
            outcome_.counts[server + "packets_in"] = bench_.dest(id, &DestCounters::packets_in);
            outcome_.counts[server + "packets_out"] = bench_.dest(id, &DestCounters::packets_out);
            outcome_.counts[server + "bytes_in"] = bench_.dest(id, &DestCounters::bytes_in);
            outcome_.counts[server + "bytes_out"] = bench_.dest(id, &DestCounters::bytes_out);
            outcome_.counts[server + "total"] = bench_.dest(id, &DestCounters::total);
            outcome_.counts[server + "active"] = bench_.dest(id, &DestCounters::active);
        }
    }

    WorkerBench bench_;
    std::uint16_t queues_;
    Outcome outcome_;
};

}  // namespace shunt::test
