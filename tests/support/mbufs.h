// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Packet buffers of a test's own pool, and what is in them. Needs a running EAL (support/eal.cpp).
#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/packet_builder.h"

namespace shunt::test {

struct PoolFree {
    void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
};
using Pool = std::unique_ptr<rte_mempool, PoolFree>;

/// `room`: bytes of a buffer behind its headroom.
inline Pool make_pool(unsigned buffers, std::uint16_t room = RTE_MBUF_DEFAULT_DATAROOM) {
    static unsigned serial = 0;
    Pool pool(rte_pktmbuf_pool_create(("test" + std::to_string(serial++)).c_str(), buffers, 0, 0,
                                      static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + room),
                                      SOCKET_ID_ANY));
    if (!pool) throw std::runtime_error("no memory for packets");
    return pool;
}

/// In a chain of buffers: `sizes`, then the rest in as many as it needs.
inline rte_mbuf* packet_of(rte_mempool* pool, const Frame& bytes,
                           const std::vector<std::size_t>& sizes = {}) {
    rte_mbuf* packet = nullptr;
    std::size_t done = 0;
    for (std::size_t i = 0; i < sizes.size() || done < bytes.size(); ++i) {
        const std::size_t most = i < sizes.size() ? sizes[i] : RTE_MBUF_DEFAULT_DATAROOM;
        const std::size_t size = std::min(most, bytes.size() - done);
        rte_mbuf* buffer = rte_pktmbuf_alloc(pool);
        if (buffer == nullptr) throw std::runtime_error("no buffer left");
        std::memcpy(rte_pktmbuf_append(buffer, static_cast<std::uint16_t>(size)),
                    bytes.data() + done, size);
        if (packet == nullptr)
            packet = buffer;
        else if (rte_pktmbuf_chain(packet, buffer) != 0)
            throw std::runtime_error("the chain is too long");
        done += size;
    }
    return packet;
}

inline Frame bytes_in(const rte_mbuf* packet) {
    const char* wrong = nullptr;
    EXPECT_EQ(rte_mbuf_check(packet, 1, &wrong), 0) << wrong;
    Frame bytes(packet->pkt_len);
    const void* read = rte_pktmbuf_read(packet, 0, packet->pkt_len, bytes.data());
    if (read != bytes.data() && read != nullptr) std::memcpy(bytes.data(), read, bytes.size());
    return bytes;
}

}  // namespace shunt::test
