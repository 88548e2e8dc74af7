// SPDX-License-Identifier: BSD-3-Clause
#include "bench/memory_port.h"

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include <array>
#include <stdexcept>

namespace shunt::bench {

namespace {

constexpr std::uint32_t incoming_depth = 64;    ///< more than a burst
constexpr std::uint32_t outgoing_depth = 4096;  ///< all pieces of a burst of long packets
constexpr std::uint16_t descriptors = 512;
constexpr auto any_node = static_cast<unsigned>(SOCKET_ID_ANY);

}  // namespace

MemoryPort::MemoryPort(std::string name, rte_mempool& pool)
    : name_(std::move(name)),
      incoming_(make_ring("incoming", incoming_depth, RING_F_SP_ENQ | RING_F_SC_DEQ)),
      outgoing_(make_ring("outgoing", outgoing_depth, RING_F_SP_ENQ | RING_F_SC_DEQ)) {
    if (!incoming_ || !outgoing_) throw std::runtime_error("no memory for the rings of a port");
    start(pool);
}

void MemoryPort::start(rte_mempool& pool) {
    rte_ring* incoming = incoming_.get();
    rte_ring* outgoing = outgoing_.get();
    const int port = rte_eth_from_rings(name_.c_str(), &incoming, 1, &outgoing, 1, any_node);
    if (port < 0) throw std::runtime_error("the memory device " + name_ + " does not open");
    ethdev_ = static_cast<std::uint16_t>(port);
    const rte_eth_conf conf{};
    if (rte_eth_dev_configure(ethdev_, 1, 1, &conf) != 0 ||
        rte_eth_rx_queue_setup(ethdev_, 0, descriptors, 0, nullptr, &pool) != 0 ||
        rte_eth_tx_queue_setup(ethdev_, 0, descriptors, 0, nullptr) != 0 ||
        rte_eth_dev_start(ethdev_) != 0)
        throw std::runtime_error("the memory device " + name_ + " does not start");
}

MemoryPort::~MemoryPort() {
    rte_eth_dev_stop(ethdev_);
    rte_eth_dev_close(ethdev_);
    rte_vdev_uninit(("net_ring_" + name_).c_str());  // the driver's name for what start() made
    std::array<rte_mbuf*, 64> left;
    for (rte_ring* ring : {incoming_.get(), outgoing_.get()})
        for (unsigned n = 0;
             (n = rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(left.data()), left.size(),
                                         nullptr)) > 0;)
            rte_pktmbuf_free_bulk(left.data(), n);
}

void MemoryPort::receive(std::span<rte_mbuf*> packets) noexcept {
    rte_ring_enqueue_bulk(incoming_.get(), reinterpret_cast<void**>(packets.data()),
                          static_cast<unsigned>(packets.size()), nullptr);
}

std::size_t MemoryPort::take_sent(std::span<rte_mbuf*> packets) noexcept {
    return rte_ring_dequeue_burst(outgoing_.get(), reinterpret_cast<void**>(packets.data()),
                                  static_cast<unsigned>(packets.size()), nullptr);
}

}  // namespace shunt::bench
