// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/publisher.h"

#include <thread>

namespace shunt::ctl {

Publisher::Publisher(SharedState& shared) : shared_(shared) {
    auto first = std::make_unique<Snapshot>();
    first->services = std::make_shared<const ServiceTable>();
    publish(std::move(first));
}

Publisher::~Publisher() {
    shared_.snapshot.store(nullptr, std::memory_order_release);
}

Publisher::Grace Publisher::set(Changes changes) {
    auto next = std::make_unique<Snapshot>(*current_);
    if (changes.tunables) {
        next->tunables = *std::move(changes.tunables);
        next->timeouts = Timeouts::of(next->tunables);
        next->sync_rules = SyncRules::of(next->tunables);
    }
    if (changes.marks) next->marks = *std::move(changes.marks);
    if (changes.apps) next->apps = *std::move(changes.apps);
    if (changes.services) {
        next->services = *std::move(changes.services);
        next->derive();
    }
    return publish(std::move(next));
}

Publisher::Grace Publisher::set_services(std::shared_ptr<const ServiceTable> services) {
    return set({.services = std::move(services)});
}

Publisher::Grace Publisher::set_network(std::shared_ptr<const NetTable> network) {
    auto next = std::make_unique<Snapshot>(*current_);
    next->network = std::move(network);
    next->derive();
    return publish(std::move(next));
}

Publisher::Grace Publisher::set_tunables(const Tunables& tunables) {
    return set({.tunables = tunables});
}

Publisher::Grace Publisher::set_marks(std::shared_ptr<const MarkRules> marks) {
    return set({.marks = std::move(marks)});
}

Publisher::Grace Publisher::set_apps(std::shared_ptr<const AppTable> apps) {
    return set({.apps = std::move(apps)});
}

Publisher::Grace Publisher::set_sync(std::shared_ptr<const SyncFeeds> feeds, bool backup) {
    auto next = std::make_unique<Snapshot>(*current_);
    next->sync_feeds = std::move(feeds);
    next->sync_backup = backup;
    return publish(std::move(next));
}

Publisher::Grace Publisher::set_path_mtus(std::shared_ptr<const PathMtus> path_mtus) {
    auto next = std::make_unique<Snapshot>(*current_);
    next->path_mtus = std::move(path_mtus);
    return publish(std::move(next));
}

Publisher::Grace Publisher::publish(std::unique_ptr<Snapshot> next) {
    next->generation = current_ ? current_->generation + 1 : 1;
    shared_.snapshot.store(next.get(), std::memory_order_release);
    const Grace grace = shared_.rcu == nullptr ? 0 : rte_rcu_qsbr_start(shared_.rcu);
    if (current_) retired_.push_back({std::move(current_), grace});
    current_ = std::move(next);
    if (reclaim() > most_retired) wait_for_room();
    return grace;
}

bool Publisher::grace_passed(Grace grace) const noexcept {
    return shared_.rcu == nullptr || rte_rcu_qsbr_check(shared_.rcu, grace, false) == 1;
}

std::size_t Publisher::reclaim() noexcept {
    while (!retired_.empty() && grace_passed(retired_.front().grace)) retired_.pop_front();
    return retired_.size();
}

void Publisher::wait_for_room() noexcept {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (reclaim() > most_retired && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::microseconds(50));
}

}  // namespace shunt::ctl
