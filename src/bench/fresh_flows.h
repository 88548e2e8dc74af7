// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Traffic of which every packet opens a connection.
#include "bench/frame_template.h"
#include "bench/loop_device.h"

namespace shunt::bench {

/// Every transmitted packet becomes the SYN of the next flow, and the first flow's after the last.
template <class F>
class FreshFlows final : public TransmitHook {
  public:
    FreshFlows(std::uint32_t flows, std::uint16_t frame_length)
        : flows_(flows),
          frame_length_(frame_length),
          syn_(Direction::from_client, 0, TcpHeader::syn, frame_length) {}

    void sent(std::span<rte_mbuf*> packets) noexcept override {
        for (rte_mbuf* packet : packets) {
            syn_.write(
                reset_frame(packet, frame_length_).template first<FrameTemplate<F>::headers>(),
                client_of(next_));
            if (++next_ == flows_) next_ = 0;
        }
    }

  private:
    std::uint32_t flows_;
    std::uint16_t frame_length_;
    FrameTemplate<F> syn_;
    std::uint32_t next_ = 0;
};

}  // namespace shunt::bench
