// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What happened, told to whoever wants to know (docs/protocol.md, "Events"). The bus knows nobody
// by name: who has something to tell publishes it, who wants to hear subscribes. Thread: control.
#include <array>
#include <bitset>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::ctl {

enum class EventKind : std::uint8_t {
    service_added,
    service_edited,
    service_deleted,
    server_added,
    server_edited,
    server_deleted,
    server_down,
    server_up,
    server_overloaded,
    server_relieved,
    limit_reached,
    limit_over,
    defence_level,
    config_applied,
    config_saved,
    sync_started,
    sync_stopped,
};

struct EventKindText {
    std::string_view name;
    std::string_view meaning;
};

/// By kind.
inline constexpr auto event_kind_texts = std::to_array<EventKindText>({
    {"service.added", "a service came, with so many servers"},
    {"service.edited", "its scheduler, persistence, timeouts, checks or options changed"},
    {"service.deleted", "it went, with so many servers"},
    {"server.added", "a server came into a service that was there"},
    {"server.edited", "its weight, method, tunnel or thresholds changed"},
    {"server.deleted", "it went, and its service stays"},
    {"server.down", "its weight is 0 now, or its checks failed: it gets no new connections"},
    {"server.up", "its weight was 0 or its checks failed, and that is over"},
    {"server.overloaded", "it has as many connections as its upper threshold"},
    {"server.relieved", "it has fewer than its lower threshold again"},
    {"limit.reached", "packets are dropped for want of room, after 10 s without"},
    {"limit.over", "none was dropped for that reason in 10 s"},
    {"defence.level", "room became short or is enough again, or a measure was switched"},
    {"config.applied", "a whole configuration that differs was put in force"},
    {"config.saved", "the state was written as a configuration"},
    {"sync.started", "a daemon that synchronises connections began"},
    {"sync.stopped", "it ended"},
});
inline constexpr std::size_t event_kind_count = event_kind_texts.size();

[[nodiscard]] constexpr std::string_view name(EventKind kind) noexcept {
    return event_kind_texts[static_cast<std::size_t>(kind)].name;
}

using EventKinds = std::bitset<event_kind_count>;

/// The kinds that a word means: a name, or what stands before the dot for all of these. Nothing
/// when there is no such kind.
[[nodiscard]] std::optional<EventKinds> find_event_kinds(std::string_view word);

struct Event {
    std::uint64_t sequence = 0;  ///< 1 for the first one since the start
    std::chrono::system_clock::time_point time;
    EventKind kind{};
    boost::json::object about;
};

/// {"sequence": 7, "time": 1795300000.123, "kind": "server.down", ...}; seconds since 1970.
[[nodiscard]] boost::json::object to_json(const Event& event);

class EventBus {
  public:
    using Listener = std::function<void(const Event&)>;
    /// Ends when it is reset, at any time.
    using Subscription = std::shared_ptr<const void>;

    [[nodiscard]] Subscription subscribe(EventKinds kinds, Listener listener);
    /// Tells all who want to hear of it, in the order of their subscriptions, before it returns.
    void publish(EventKind kind, boost::json::object about);
    /// Of the last event.
    [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

  private:
    struct Subscriber {
        EventKinds kinds;
        Listener listener;
    };

    std::vector<std::weak_ptr<const Subscriber>> subscribers_;
    std::uint64_t sequence_ = 0;
};

/// The other end of a connection, as the methods about events see it.
class EventReceiver {
  public:
    virtual ~EventReceiver() = default;
    /// It is sent the events of these kinds from now on, in place of those that it was sent.
    virtual void subscribe(EventBus& bus, EventKinds kinds) = 0;
    virtual void unsubscribe() = 0;
};

}  // namespace shunt::ctl
