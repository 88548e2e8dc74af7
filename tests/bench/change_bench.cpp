// SPDX-License-Identifier: BSD-3-Clause
// What a change of one service costs in a large configuration: time from request to publication,
// without workers, and how much of the new snapshot the one before has too.
//     change-bench [SERVICES [SERVERS]]
#include <rte_eal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "ctl/state/service_registry.h"

namespace shunt::ctl {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(const std::function<void()>& work) {
    const auto begin = Clock::now();
    work();
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// The median over so many.
double median(int repeats, const std::function<void()>& work) {
    std::vector<double> times;
    for (int i = 0; i < repeats; ++i) times.push_back(milliseconds(work));
    std::ranges::nth_element(times, times.begin() + repeats / 2);
    return times[static_cast<std::size_t>(repeats) / 2];
}

Endpoint endpoint(std::uint32_t address) {
    return {Ipv4Address{Be32(address)}, L4Port(std::uint16_t{80})};
}

ServiceKey key_of(std::uint32_t service) {
    return {.protocol = Protocol::tcp, .endpoint = endpoint(0xC612'0000U + service), .mark = {}};
}

ServerConfig server_of(std::uint32_t number, std::uint32_t weight = 1) {
    return {.address = endpoint(0x0A00'0000U + number), .weight = weight};
}

std::vector<ServiceConfig> configuration(std::uint32_t services, std::uint32_t servers) {
    std::vector<ServiceConfig> all;
    for (std::uint32_t s = 0; s < services; ++s) {
        all.push_back({.key = key_of(s), .settings = {.scheduler = "wlc"}, .servers = {}});
        for (std::uint32_t i = 0; i < servers; ++i)
            all.back().servers.push_back(server_of(s * servers + i));
    }
    return all;
}

std::shared_ptr<const NetTable> network() {
    NetTableBuilder builder;
    builder.add_interface({.ifindex = 1, .port = PortId(0), .mac = {}, .name = "eth0"});
    builder.add_address(1, Ipv4Address{Be32(0x0AFF'FFFEU)}, 8);
    return builder.build();
}

class Lab {
  public:
    Lab(std::uint32_t services, std::uint32_t servers)
        : services_(services),
          servers_(servers),
          slots_(services * servers + more),
          counters_(slots_ + 1),
          arrays_{counters_.data()} {
        publisher_.set_network(network());
    }

    void run() {
        const auto all = configuration(services_, servers_);
        std::printf("%u services of %u servers\n", services_, servers_);
        say("load everything", milliseconds([&] { registry_.load(all); }));
        const auto loaded = publisher_.current().services;
        registry_.edit_server(key_of(0), server_of(0, 2));
        const Footprint memory = publisher_.current().services->footprint(*loaded);
        std::printf("  a snapshot's services: %.1f MB, after a change %.1f kB of them its own\n",
                    static_cast<double>(memory.shared + memory.own) / 1e6,
                    static_cast<double>(memory.own) / 1e3);
        std::uint32_t n = 0;
        const auto next = [&] { return key_of(n++ * 7 % services_); };
        const auto first_of = [&](const ServiceKey& key) {
            const auto s = key.endpoint.address.v4().word.value() - 0xC612'0000U;
            return s * servers_;
        };
        say("edit a server's weight", median(21, [&] {
                const auto key = next();
                registry_.edit_server(key, server_of(first_of(key), 1 + n));
            }));
        std::uint32_t fresh = services_ * servers_;
        say("add a server", median(21, [&] { registry_.add_server(next(), server_of(fresh++)); }));
        say("remove a server", median(21, [&] {
                const auto key = next();
                registry_.delete_server(key, server_of(first_of(key) + 1).address);
            }));
        say("edit a service",
            median(21, [&] { registry_.edit_service(next(), {.scheduler = "rr"}); }));
        const ServiceKey grown = key_of(services_);
        say("add 1,000 servers to one new service, one by one", milliseconds([&] {
                registry_.add_service(grown, {.scheduler = "wlc"});
                for (int i = 0; i < 1000; ++i) registry_.add_server(grown, server_of(fresh++));
            }));
        say("remove that service", milliseconds([&] { registry_.delete_service(grown); }));
        say("estimate", median(5, [&] { registry_.estimate(); }));
        say("collect", median(5, [&] { registry_.collect({}); }));
        say("remove everything", milliseconds([&] { registry_.flush(); }));
    }

  private:
    static constexpr std::uint32_t more = 2000;

    static void say(const char* what, double time) {
        std::printf("  %-50s %10.3f ms\n", what, time);
    }

    std::uint32_t services_;
    std::uint32_t servers_;
    std::uint32_t slots_;
    std::vector<DestCounters> counters_;
    std::vector<DestCounters*> arrays_;
    SharedState shared_;
    Publisher publisher_{shared_};
    ServiceRegistry registry_{publisher_, arrays_, slots_};
};

}  // namespace
}  // namespace shunt::ctl

int main(int count, char** arguments) {
    std::array<std::string, 7> words{
        "change-bench", "--no-huge", "--no-pci", "--no-shconf", "-m", "128", "--log-level=*:error"};
    std::array<char*, words.size()> eal{};
    for (std::size_t i = 0; i < words.size(); ++i) eal[i] = words[i].data();
    if (rte_eal_init(static_cast<int>(eal.size()), eal.data()) < 0) return EXIT_FAILURE;
    const auto number = [&](int i, std::uint32_t otherwise) {
        return i < count ? static_cast<std::uint32_t>(std::atoi(arguments[i])) : otherwise;
    };
    shunt::ctl::Lab(number(1, 1000), number(2, 50)).run();
    rte_eal_cleanup();
    return EXIT_SUCCESS;
}
