// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/host_path.h"

namespace shunt {

void send_to_host(WorkerState& worker, PortId port, rte_mbuf* packet) noexcept {
    const auto twin = DeviceIndex::of_twin(port);
    if (!worker.transmitter.has(twin)) {
        worker.drop(packet, DropReason::no_twin);
        return;
    }
    worker.transmitter.send(twin, packet, SendKind::to_host);
}

void send_from_host(WorkerState& worker, PortId port, std::span<rte_mbuf*> packets) noexcept {
    for (rte_mbuf* packet : packets)
        worker.transmitter.send(DeviceIndex::of_port(port), packet, SendKind::from_host);
}

}  // namespace shunt
