// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Broken frames, generated from sound ones: cut at each byte, with lengths that lie, with each byte
// of their headers replaced. From 192.0.2.7:40000 to 198.51.100.10:80 and their like of IPv6.
#include <string>
#include <vector>

#include "support/packet_builder.h"

namespace shunt::test {

struct Sound {
    std::string name;
    Frame frame;
    std::size_t l3;  ///< where its network header begins
    std::size_t l4;  ///< where its L4 header begins
    bool v4 = true;
    /// Bytes that a whole packet must have from `l4` on.
    std::size_t least_l4 = 0;
};

/// What is broken: every kind of packet that is told apart.
[[nodiscard]] std::vector<Sound> sound_frames();

struct Broken {
    std::string name;
    Frame frame;
    std::string outcome;  ///< "sound" or the reason; empty where any is right
};
using Corpus = std::vector<Broken>;

/// Cut at each byte: whatever is missing, the frame ends before its headers or lengths say so.
[[nodiscard]] Corpus cut_frames();
/// Cut at each byte behind the fixed network header, with a network header that owns up to it.
[[nodiscard]] Corpus short_packets();
/// Network lengths that are not those of the frame.
[[nodiscard]] Corpus lying_lengths();
/// IPv4 header lengths below five words and beyond the packet; versions.
[[nodiscard]] Corpus lying_first_bytes();
/// Extension headers of every length: those that lead beyond the packet are refused.
[[nodiscard]] Corpus lying_extensions();
/// Each header byte replaced: lengths, numbers, offsets, tags.
[[nodiscard]] Corpus replaced_bytes();

}  // namespace shunt::test
