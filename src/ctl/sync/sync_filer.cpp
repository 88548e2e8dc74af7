// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/sync/sync_filer.h"

#include <utility>

namespace shunt::ctl {

namespace {

template <class F>
WorkerId owner_of(const OwnerFunction& owner, const SyncRecord& record) {
    return owner.owner<F>(F::of(record.client.address), record.client.port);
}

}  // namespace

SyncFiler::SyncFiler(const OwnerFunction& owner, std::uint16_t workers, Post post)
    : owner_(owner), post_(std::move(post)), queues_(workers) {}

void SyncFiler::file(const SyncRecord& record) {
    const WorkerId worker = record.family() == Family::ipv4 ? owner_of<Ipv4>(owner_, record)
                                                            : owner_of<Ipv6>(owner_, record);
    Queue& queue = queues_[worker.value()];
    if (queue.waiting.size() < most_waiting)
        queue.waiting.push_back(record);
    else
        ++lost_;
}

void SyncFiler::poll() {
    for (std::size_t i = 0; i < queues_.size(); ++i) {
        Queue& queue = queues_[i];
        collect(queue);
        if (queue.request == nullptr && !queue.waiting.empty())
            queue.request = std::make_unique<SyncInstall>(std::exchange(queue.waiting, {}));
        if (queue.request != nullptr && !queue.posted)
            queue.posted = post_(WorkerId(static_cast<std::uint16_t>(i)), *queue.request);
    }
}

void SyncFiler::collect(Queue& queue) {
    if (!queue.posted || !queue.request->done()) return;
    for (std::size_t i = 0; i < outcomes_.size(); ++i) outcomes_[i] += queue.request->outcomes()[i];
    queue.request.reset();
    queue.posted = false;
}

}  // namespace shunt::ctl
