// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/events.h"

#include <utility>

namespace shunt::ctl {

std::optional<EventKinds> find_event_kinds(std::string_view word) {
    EventKinds found;
    for (std::size_t i = 0; i < event_kind_count; ++i) {
        const std::string_view kind = event_kind_texts[i].name;
        found[i] = kind == word || kind.substr(0, kind.find('.')) == word;
    }
    return found.any() ? std::optional(found) : std::nullopt;
}

boost::json::object to_json(const Event& event) {
    using std::chrono::milliseconds;
    const auto since = std::chrono::floor<milliseconds>(event.time.time_since_epoch());
    boost::json::object out{{"sequence", event.sequence},
                            {"time", static_cast<double>(since.count()) / 1000},
                            {"kind", name(event.kind)}};
    for (const auto& [key, value] : event.about) out[key] = value;
    return out;
}

EventBus::Subscription EventBus::subscribe(EventKinds kinds, Listener listener) {
    auto subscriber = std::make_shared<const Subscriber>(Subscriber{kinds, std::move(listener)});
    subscribers_.push_back(subscriber);
    return subscriber;
}

void EventBus::publish(EventKind kind, boost::json::object about) {
    const Event event{.sequence = ++sequence_,
                      .time = std::chrono::system_clock::now(),
                      .kind = kind,
                      .about = std::move(about)};
    std::erase_if(subscribers_, [](const auto& subscriber) { return subscriber.expired(); });
    // By index: a listener may subscribe somebody.
    for (std::size_t i = 0, count = subscribers_.size(); i < count; ++i)
        if (const auto subscriber = subscribers_[i].lock();
            subscriber && subscriber->kinds[static_cast<std::size_t>(kind)])
            subscriber->listener(event);
}

}  // namespace shunt::ctl
