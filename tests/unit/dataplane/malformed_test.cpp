// SPDX-License-Identifier: BSD-3-Clause
// Broken frames (support/broken_frames.h) on the whole of their way, to services of each forwarding
// method, in one buffer and in several: each ends in exactly one verdict, which is a named reason
// where the frame has one.
#include <gtest/gtest.h>

#include "support/broken_frames.h"
#include "support/worker_bench.h"

namespace shunt {
namespace {

using test::Broken;
using test::Corpus;
using test::Frame;
using test::wan;
using test::WorkerBench;

struct Kind {
    std::string name;
    Corpus (*frames)();
};
std::ostream& operator<<(std::ostream& out, const Kind& kind) {
    return out << kind.name;
}

/// As it comes to the port.
Frame at_port(Frame frame) {
    const MacAddress mac = test::mac(test::wan_mac);
    for (std::size_t i = 0; i < std::min(frame.size(), mac.bytes.size()); ++i)
        frame[i] = std::byte{mac.bytes[i]};
    return frame;
}

class MalformedOnTheWay : public ::testing::TestWithParam<std::tuple<ForwardMethod, Kind>> {
  protected:
    MalformedOnTheWay() {
        const auto [method, kind] = GetParam();
        for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp}) {
            bench.add_service(protocol, "198.51.100.10:80", {"198.51.100.11:80"}, method);
            bench.add_service(protocol, "[2001:db8:1::10]:80", {"[2001:db8:2::11]:80"}, method);
        }
        bench.tunables.sloppy_tcp = 1;
        bench.tunables.sloppy_sctp = 1;
        bench.publish();
    }

    /// One frame more in, and all of its traces out.
    void passes(const Broken& broken) {
        const std::uint64_t before = verdicts();
        const std::uint64_t of_reason = dropped(broken.outcome);
        (halves_ = !halves_) && broken.frame.size() > 20
            ? bench.put_pieces(wan, at_port(broken.frame), {20})
            : bench.put(wan, at_port(broken.frame));
        bench.settle();
        EXPECT_EQ(verdicts() - before, 1U) << broken.name;
        if (!broken.outcome.empty() && broken.outcome != "sound") {
            EXPECT_EQ(dropped(broken.outcome) - of_reason, 1U) << broken.name;
        }
        for (const PortId port : {wan, test::lan}) {
            static_cast<void>(bench.sent(port));
            static_cast<void>(bench.to_host(port));
        }
    }

    WorkerBench bench;

  private:
    /// Of what was put; what was made or came back here has verdicts of its own.
    [[nodiscard]] std::uint64_t verdicts() const {
        return bench.sum(&WorkerCounters::forwarded) + bench.sum(&WorkerCounters::to_host) +
               bench.sum(&WorkerCounters::held) + bench.sum(&WorkerCounters::joined) +
               bench.all_dropped() - bench.sum(&WorkerCounters::generated) -
               bench.sum(&WorkerCounters::split) - bench.sum(&WorkerCounters::resumed);
    }
    [[nodiscard]] std::uint64_t dropped(std::string_view reason) const {
        for (std::size_t r = 0; r < drop_reason_count; ++r)
            if (const auto known = static_cast<DropReason>(r); name(known) == reason)
                return bench.dropped(known);
        return 0;
    }

    bool halves_ = false;
};

TEST_P(MalformedOnTheWay, EachEndsInOneVerdict) {
    for (const Broken& broken : std::get<Kind>(GetParam()).frames()) passes(broken);
}

INSTANTIATE_TEST_SUITE_P(
    All, MalformedOnTheWay,
    ::testing::Combine(
        ::testing::Values(ForwardMethod::nat, ForwardMethod::direct, ForwardMethod::tunnel),
        ::testing::Values(Kind{"cut", test::cut_frames}, Kind{"short_packets", test::short_packets},
                          Kind{"lying_lengths", test::lying_lengths},
                          Kind{"lying_first_bytes", test::lying_first_bytes},
                          Kind{"lying_extensions", test::lying_extensions},
                          Kind{"replaced_bytes", test::replaced_bytes})),
    [](const auto& info) {
        return std::get<Kind>(info.param).name + "_" +
               std::to_string(static_cast<int>(std::get<ForwardMethod>(info.param)));
    });

}  // namespace
}  // namespace shunt
