// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The decisions that the stages take about one packet, for an operator who asks why it went where
// it did. While somebody traces, run_traced() stands in for run_pipeline(): a packet that is
// watched goes through the stages alone, and what they say is written down between them. As a burst
// ends as if its packets had come one by one, the same packets leave.
#include "dataplane/worker.h"

namespace shunt {

enum class TraceStage : std::uint8_t { parse, classify, lookup, admit, advance, forward };

/// A connection as it was at that moment.
struct TracedConn {
    Protocol protocol = Protocol::none;
    std::uint8_t state = 0;  ///< as in Conn
    Direction direction = Direction::from_client;
    ForwardMethod method = ForwardMethod::nat;
    Endpoint client;
    Endpoint virtual_service;
    Endpoint server;                       ///< of a connection that has one
    const Scheduler* scheduler = nullptr;  ///< that of its service, if it still has one
    bool next_hop_known = false;
    NextHop next_hop{};
};

struct TraceStep {
    TraceStage stage = TraceStage::parse;
    /// parse: sound, IP; classify: to be looked up here; lookup: found; admit: there is a
    /// connection now; forward: the packet was not dropped.
    bool yes = false;
    bool again = false;  ///< advance: it opens another connection in the place of this one
    std::uint8_t state_before = 0;  ///< advance
    TracedConn conn{};              ///< advance, forward; lookup and admit if `yes`
};

/// One way through the stages, on one worker. Trivially copyable.
struct TracePass {
    static constexpr std::size_t most_steps = 12;

    bool taken_over = false;  ///< another worker had received it
    NetworkKind network = NetworkKind::other;
    FragmentKind fragment = FragmentKind::none;
    bool icmp_error = false;
    // What happened meanwhile.
    bool dropped = false;
    bool held = false;
    bool joined = false;
    bool generated = false;  ///< an ICMP error or an acknowledgement was made
    std::uint8_t split = 0;  ///< further pieces
    std::uint8_t count = 0;
    std::array<TraceStep, most_steps> steps{};
};
static_assert(std::is_trivially_copyable_v<TracePass>);

/// Does what run_pipeline() does. There is a Watch that traces.
void run_traced(WorkerState& worker, Batch& batch) noexcept;

}  // namespace shunt
