// SPDX-License-Identifier: BSD-3-Clause
// A worker that forwards so many packets and no more, to have its instructions counted: by
// callgrind, between the beginning and the end of measured() (instructions.py).
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "bench/fresh_flows.h"
#include "bench/handshakes.h"
#include "bench/traffic_source.h"
#include "ctl/device/eal.h"
#include "sched/registry.h"

namespace {

using namespace shunt;
using namespace shunt::bench;

constexpr std::uint32_t flows = 1024;
constexpr std::uint32_t bursts = 1024;
constexpr std::uint32_t packets = bursts * burst_size;
/// One turn of the ring, so that caches and tables of the worker are as later.
constexpr std::uint32_t warm_up = LoopDevice::in_flight / burst_size;
constexpr std::uint32_t dpdk_memory_mb = 64;

[[gnu::noinline]] void measured(Balancer& balancer) {
    for (std::uint32_t i = 0; i < bursts; ++i) balancer.iterate();
}

void run(Balancer& balancer, LoopDevice& device, TransmitHook& source) {
    device.refill(source);
    device.set_hook(&source);
    for (std::uint32_t i = 0; i < warm_up; ++i) balancer.iterate();
    const std::uint64_t before = balancer.counters().forwarded.value();
    measured(balancer);
    device.set_hook(nullptr);
    if (balancer.counters().forwarded.value() - before != packets)
        throw std::runtime_error("not every packet was forwarded");
}

template <class F>
void forward(const Method& method, Traffic traffic) {
    LoopDevice device(FrameTemplate<F>::headers + 20);
    Balancer balancer(*find_scheduler("rr"), method, flows, device);
    const auto servers = open_connections<F>(balancer, device, method, flows, [](std::uint32_t) {});
    TrafficSource<F> source(flows, traffic, device.frame_length(), servers);
    run(balancer, device, source);
}

template <class F>
void connect() {
    LoopDevice device(FrameTemplate<F>::headers + 20);
    Balancer balancer(*find_scheduler("wlc"), Method{}, 2 * (packets + LoopDevice::in_flight),
                      device);
    FreshFlows<F> source(packets + LoopDevice::in_flight * 3, device.frame_length());
    run(balancer, device, source);
}

const std::map<std::string, std::function<void()>> cases = {
    {"nat4-in", [] { forward<Ipv4>({}, Traffic::in); }},
    {"nat4-out", [] { forward<Ipv4>({}, Traffic::out); }},
    {"nat6-in", [] { forward<Ipv6>({}, Traffic::in); }},
    {"nat6-out", [] { forward<Ipv6>({}, Traffic::out); }},
    {"direct4", [] { forward<Ipv4>({.forward = ForwardMethod::direct}, Traffic::in); }},
    {"direct6", [] { forward<Ipv6>({.forward = ForwardMethod::direct}, Traffic::in); }},
    {"ipip4", [] { forward<Ipv4>({.forward = ForwardMethod::tunnel}, Traffic::in); }},
    {"connect4", [] { connect<Ipv4>(); }},
    {"connect6", [] { connect<Ipv6>(); }},
};

}  // namespace

int main(int argc, char** argv) {
    const auto found = argc == 2 ? cases.find(argv[1]) : cases.end();
    if (found == cases.end()) {
        for (const auto& [name, run] : cases) std::printf("%s\n", name.c_str());
        return argc == 1 ? 0 : 2;
    }
    try {
        const ctl::Eal eal({.memory = ctl::choose_memory_mode(ctl::HugePages::off, dpdk_memory_mb),
                            .memory_mb = dpdk_memory_mb,
                            .workers = 0,
                            .worker_cpus = {},
                            .pci_devices = {}});
        found->second();
        std::printf("%u\n", packets);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "instruction-count: %s\n", error.what());
        return 1;
    }
}
