// SPDX-License-Identifier: BSD-3-Clause
#include "bench/loop_device.h"

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include <stdexcept>

#include "dataplane/batch.h"
#include "dataplane/ring.h"

namespace shunt::bench {

namespace {

/// The packets under way, and some for errors that the balancer would make itself.
constexpr unsigned pool_packets = 2047;
constexpr std::uint16_t descriptors = 512;
constexpr auto any_node = static_cast<unsigned>(SOCKET_ID_ANY);

}  // namespace

void LoopDevice::PoolFree::operator()(rte_mempool* pool) const noexcept {
    rte_mempool_free(pool);
}

LoopDevice::LoopDevice(std::uint16_t frame_length)
    : frame_length_(frame_length),
      pool_(rte_pktmbuf_pool_create("bench", pool_packets, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                    static_cast<int>(any_node))),
      ring_(make_ring("loop", 2 * in_flight, RING_F_SP_ENQ | RING_F_SC_DEQ)) {
    if (!pool_ || !ring_ || rte_pktmbuf_alloc_bulk(pool_.get(), packets_.data(), in_flight) != 0)
        throw std::runtime_error("no memory for packet buffers");
    for (rte_mbuf* packet : packets_) {
        const auto frame = reset_frame(packet, frame_length_);
        std::memset(frame.data(), 0, frame.size());
    }
    start();
}

void LoopDevice::start() {
    rte_ring* ring = ring_.get();
    const int port = rte_eth_from_rings("bench", &ring, 1, &ring, 1, any_node);
    if (port < 0) throw std::runtime_error("the loop device does not open");
    ethdev_ = static_cast<std::uint16_t>(port);
    const rte_eth_conf conf{};
    if (rte_eth_dev_configure(ethdev_, 1, 1, &conf) != 0 ||
        rte_eth_rx_queue_setup(ethdev_, 0, descriptors, 0, nullptr, pool_.get()) != 0 ||
        rte_eth_tx_queue_setup(ethdev_, 0, descriptors, 0, nullptr) != 0 ||
        rte_eth_dev_start(ethdev_) != 0)
        throw std::runtime_error("the loop device does not start");
    callback_ = rte_eth_add_tx_callback(ethdev_, 0, &LoopDevice::transmitting, this);
    if (callback_ == nullptr) throw std::runtime_error("no memory for the loop device's callback");
}

LoopDevice::~LoopDevice() {
    // The next device with this number would call it otherwise.
    rte_eth_remove_tx_callback(ethdev_, 0, callback_);
    rte_eth_dev_stop(ethdev_);
    rte_eth_dev_close(ethdev_);
    rte_vdev_uninit("net_ring_bench");  // the driver's name for what start() made of rings
}

std::uint16_t LoopDevice::transmitting(std::uint16_t, std::uint16_t, rte_mbuf** packets,
                                       std::uint16_t count, void* self) {
    if (TransmitHook* hook = static_cast<LoopDevice*>(self)->hook_; hook != nullptr)
        hook->sent({packets, count});
    return count;
}

void LoopDevice::refill(TransmitHook& hook) noexcept {
    std::array<rte_mbuf*, in_flight> old;
    collect(old);
    const std::span all(packets_);
    for (std::size_t i = 0; i < all.size(); i += burst_size) hook.sent(all.subspan(i, burst_size));
    inject(all);
}

void LoopDevice::inject(std::span<rte_mbuf*> packets) noexcept {
    rte_ring_enqueue_bulk(ring_.get(), reinterpret_cast<void**>(packets.data()),
                          static_cast<unsigned>(packets.size()), nullptr);
}

std::size_t LoopDevice::collect(std::span<rte_mbuf*> packets) noexcept {
    return rte_ring_dequeue_burst(ring_.get(), reinterpret_cast<void**>(packets.data()),
                                  static_cast<unsigned>(packets.size()), nullptr);
}

}  // namespace shunt::bench
