// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/event_methods.h"

#include <boost/json/array.hpp>
#include <cerrno>

#include "ctl/config/config_text.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

EventKinds read_kinds(const Params& p) {
    if (!p.has("kinds")) return EventKinds().set();
    EventKinds kinds;
    std::size_t i = 0;
    for (const auto word : p.texts("kinds")) {
        const auto found = find_event_kinds(word);
        if (!found)
            p.fail("kinds[" + std::to_string(i) + "]",
                   quote(word) + " is no kind of events; docs/protocol.md lists those there are");
        kinds |= *found;
        ++i;
    }
    if (kinds.none()) p.fail("kinds", "is empty, expected kinds of events");
    return kinds;
}

json::array names_of(const EventKinds& kinds) {
    json::array names;
    for (std::size_t i = 0; i < kinds.size(); ++i)
        if (kinds[i]) names.push_back(json::value(event_kind_texts[i].name));
    return names;
}

EventReceiver& receiver_of(EventReceiver* receiver) {
    if (receiver == nullptr) throw refused(EINVAL, "there is no connection to send events by", "");
    return *receiver;
}

}  // namespace

Method events_subscribe(EventBus& events) {
    Method method{"events.subscribe", {{"kinds"}}, {}};
    method.about_connection = [&events](const Params& p, const Respond& respond,
                                        EventReceiver* receiver) {
        const EventKinds kinds = read_kinds(p);
        receiver_of(receiver).subscribe(events, kinds);
        respond(json::object{{"kinds", names_of(kinds)}, {"sequence", events.sequence()}});
    };
    return method;
}

Method events_unsubscribe() {
    Method method{"events.unsubscribe", {}, {}};
    method.about_connection = [](const Params&, const Respond& respond, EventReceiver* receiver) {
        receiver_of(receiver).unsubscribe();
        respond(json::object());
    };
    return method;
}

}  // namespace shunt::ctl
