// SPDX-License-Identifier: BSD-3-Clause
#include "bench/account.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "bench/stage_clock.h"
#include "bench/statistics.h"
#include "dataplane/straight.h"

namespace shunt::bench {

namespace {

constexpr unsigned bursts_per_chunk = 32;
constexpr double packets_per_chunk = bursts_per_chunk * burst_size;
constexpr unsigned looked_at_bursts = 64;

/// Counts the packets that go the straight way, before they go it. It takes no time: it would touch
/// connections before the stage that has to wait for them.
class StraightCount : public Nobody {
  public:
    StraightCount(WorkerState& worker, const Batch& batch) noexcept
        : worker_(worker), batch_(batch) {}
    void received() noexcept {}
    template <class F>
    void forwards(Claims<F> claimed) noexcept {
        const StraightWay<F> way(worker_, batch_);
        for (const Claimed<F>& claim : claimed)
            straight_ +=
                way.suits(batch_.packets[claim.place], batch_.meta[claim.place], claim) ? 1 : 0;
    }
    void iterated() noexcept {}

    [[nodiscard]] double share() const noexcept {
        return straight_ / (double{looked_at_bursts} * burst_size);
    }

  private:
    WorkerState& worker_;
    const Batch& batch_;
    double straight_ = 0;
};

double straight_share(Balancer& balancer) {
    StraightCount count(balancer.state(), balancer.batch());
    for (unsigned i = 0; i < looked_at_bursts; ++i) balancer.iterate(count);
    return count.share();
}

/// What one call of the clock costs, in cycles.
double cost_of_a_lap(TransmitHook& source) {
    constexpr unsigned laps = 64;
    StageClock clock(source);
    std::vector<float> costs(256);
    for (float& cost : costs) {
        const std::uint64_t begin = rte_rdtsc();
        clock.begin();
        for (unsigned i = 0; i < laps; ++i) clock.lap(Account::Part::rest);
        cost = static_cast<float>(rte_rdtsc() - begin) / laps;
    }
    return percentile(costs, 0.5);
}

std::uint64_t total(const StageClock::Laps& laps) noexcept {
    return std::accumulate(laps.cycles.begin(), laps.cycles.end(), std::uint64_t{0});
}

/// The mean of the middle fifth of the chunks: no part is taken from another chunk than the rest,
/// so the parts add up.
Account middle_of(std::vector<StageClock::Laps>& chunks, double lap_cost) {
    std::ranges::sort(chunks, {}, total);
    const std::size_t first = chunks.size() * 2 / 5;
    const std::size_t last = std::max(first + 1, chunks.size() * 3 / 5);
    Account account;
    const double packets = static_cast<double>(last - first) * packets_per_chunk;
    for (std::size_t i = first; i < last; ++i)
        for (std::size_t p = 0; p < Account::part_count; ++p) {
            const double stamps = chunks[i].count[p] * lap_cost;
            account.cycles[p] += (static_cast<double>(chunks[i].cycles[p]) - stamps) / packets;
            account.stamp_cycles += stamps / packets;
        }
    return account;
}

}  // namespace

double Account::sum() const noexcept {
    return std::accumulate(cycles.begin(), cycles.end(), 0.0);
}

Account measure_account(Balancer& balancer, LoopDevice& device, TransmitHook& source,
                        double seconds) {
    device.set_hook(&source);
    const double straight = straight_share(balancer);
    const double lap_cost = cost_of_a_lap(source);
    StageClock clock(source);
    device.set_hook(&clock);
    std::vector<StageClock::Laps> chunks;
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    const std::uint64_t end = rte_rdtsc() + static_cast<std::uint64_t>(seconds * hz);
    do {
        clock.begin();
        for (unsigned i = 0; i < bursts_per_chunk; ++i) balancer.iterate(clock);
        chunks.push_back(clock.take());
    } while (rte_rdtsc() < end);
    device.set_hook(&source);
    Account account = middle_of(chunks, lap_cost);
    account.straight_share = straight;
    return account;
}

}  // namespace shunt::bench
