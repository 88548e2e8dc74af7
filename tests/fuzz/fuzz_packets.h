// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What fuzz targets of packets share: the input as numbers, promises, a pool of buffers and packets
// in it. Includes LLVMFuzzerInitialize(), so one file of a target includes this.
#include <rte_eal.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "support/packet_builder.h"

namespace shunt::fuzz {

using test::Frame;

inline void require(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "a promise is broken: %s\n", promise);
    std::abort();
}
#define REQUIRE(promise) require((promise), #promise)

constexpr unsigned pool_size = 1023;

inline rte_mempool* pool() {
    static rte_mempool* const made =
        rte_pktmbuf_pool_create("fuzz", pool_size, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    return made;
}

/// The input, number by number; zeros behind its end.
class Numbers {
  public:
    Numbers(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
    [[nodiscard]] bool empty() const { return left_ == 0; }
    std::uint8_t next() {
        if (left_ == 0) return 0;
        --left_;
        return *data_++;
    }
    Frame bytes(std::size_t most) {
        Frame out(std::min(most, left_));
        for (std::byte& b : out) b = std::byte{next()};
        return out;
    }

  private:
    const std::uint8_t* data_;
    std::size_t left_;
};

/// A chain of buffers of `cut` bytes when that is not zero; the first has 110 more.
inline rte_mbuf* packet_of(const Frame& frame, std::size_t cut) {
    rte_mbuf* packet = nullptr;
    for (std::size_t done = 0; done < frame.size() || packet == nullptr;) {
        const std::size_t most = cut != 0 ? (packet == nullptr ? 110 + cut : cut) : frame.size();
        const std::size_t size = std::min(most, frame.size() - done);
        rte_mbuf* buffer = rte_pktmbuf_alloc(pool());
        REQUIRE(buffer != nullptr);
        char* bytes = rte_pktmbuf_append(buffer, static_cast<std::uint16_t>(size));
        REQUIRE(bytes != nullptr);
        if (size > 0) std::memcpy(bytes, frame.data() + done, size);
        if (packet == nullptr)
            packet = buffer;
        else
            REQUIRE(rte_pktmbuf_chain(packet, buffer) == 0);
        done += size;
    }
    return packet;
}

inline Frame bytes_in(const rte_mbuf* packet) {
    const char* wrong = nullptr;
    REQUIRE(rte_mbuf_check(packet, 1, &wrong) == 0);
    Frame frame(packet->pkt_len);
    const void* read = rte_pktmbuf_read(packet, 0, packet->pkt_len, frame.data());
    REQUIRE(read != nullptr);
    if (read != frame.data()) std::memcpy(frame.data(), read, frame.size());
    return frame;
}

}  // namespace shunt::fuzz

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
    std::array<std::string, 9> words{"fuzz",        "--no-huge",      "--no-pci",
                                     "--no-shconf", "--no-telemetry", "-m",
                                     "64",          "--iova-mode=va", "--log-level=lib.eal:error"};
    std::array<char*, words.size()> arguments{};
    for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
    if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0 ||
        shunt::fuzz::pool() == nullptr)
        std::abort();
    return 0;
}
