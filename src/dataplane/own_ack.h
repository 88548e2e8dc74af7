// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Acknowledgements that the balancer makes itself, for data that it holds back: the receiver has
// nothing to answer to, and the sender would send it again and again.
#include "dataplane/tcp_segment.h"
#include "dataplane/worker.h"

namespace shunt {

/// What the sender of a segment is told on the receiver's behalf.
struct OwnAck {
    std::uint32_t acknowledgement = 0;
    Be16 window;  ///< the last one of the receiver
};

/// Acknowledges to the sender of `segment`, which came in `claim.direction` and acknowledges
/// something itself.
template <class F>
void send_own_ack(WorkerState& worker, const Claimed<F>& claim, TcpHeaderBytes segment,
                  const OwnAck& ack) noexcept;

}  // namespace shunt
