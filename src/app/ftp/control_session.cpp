// SPDX-License-Identifier: BSD-3-Clause
#include "app/ftp/control_session.h"

#include <algorithm>
#include <limits>

namespace shunt::ftp {

namespace {

constexpr std::uint16_t auth_code = 234;

}  // namespace

ControlSession::CommandVerdict ControlSession::command(const Event& event,
                                                       const SessionRules& rules,
                                                       FtpCounters& counters) noexcept {
    if (!event.line_end) return CommandVerdict::pass;
    if (event.line_too_long) ++counters.lines_too_long;
    switch (event.kind) {
        case EventKind::passive:
        case EventKind::extended_passive:
        case EventKind::extended_only:
        case EventKind::auth_tls:
        case EventKind::auth_other:
            ask(event.kind, counters);
            return CommandVerdict::pass;
        default:
            if (due_ < std::numeric_limits<std::uint16_t>::max()) ++due_;
            return event.has_range ? judge_active(event, rules, counters) : CommandVerdict::pass;
    }
}

ControlSession::CommandVerdict ControlSession::judge_active(const Event& event,
                                                            const SessionRules& rules,
                                                            FtpCounters& counters) const noexcept {
    const Endpoint& named = event.address.endpoint;
    if (event.address.problem != AddressProblem::none)
        ++counters.active_malformed;
    else if (named.address != client_ && !rules.any_client_address)
        ++counters.active_foreign;
    else if (named.port.value() < rules.least_client_port)
        ++counters.active_low_port;
    else
        return CommandVerdict::expect;
    return CommandVerdict::refuse;
}

ControlSession::ReplyDecision ControlSession::reply(const Event& event, const SessionRules& rules,
                                                    FtpCounters& counters) noexcept {
    ReplyDecision decision;
    if (event.kind == EventKind::passive_reply || event.kind == EventKind::extended_passive_reply)
        decision = judge_passive(event, rules, counters);
    if (event.line_end && event.line_too_long) ++counters.lines_too_long;
    if (event.reply_end) decision.tls_follows = end_reply(event, counters);
    return decision;
}

ControlSession::ReplyDecision ControlSession::judge_passive(const Event& event,
                                                            const SessionRules& rules,
                                                            FtpCounters& counters) noexcept {
    answered_ = answer(event.kind == EventKind::passive_reply ? EventKind::passive
                                                              : EventKind::extended_passive);
    if (!answered_) {
        ++counters.passive_unasked;
        return {};
    }
    const IpAddress& said = event.address.endpoint.address;
    const bool unspecified = said.visit([](const auto& a) { return a.is_unspecified(); });
    const bool foreign = event.address.has_address && !unspecified && said != server_;
    if (foreign) ++counters.passive_foreign;
    if (foreign && rules.foreign == ForeignAddress::refuse) {
        ++counters.passive_withheld;
        return {.verdict = ReplyVerdict::withhold};
    }
    const bool as_said = foreign && rules.foreign == ForeignAddress::trust;
    return {.verdict = ReplyVerdict::offer,
            .server = {as_said ? said : server_, event.address.endpoint.port}};
}

/// Does TLS follow?
bool ControlSession::end_reply(const Event& event, FtpCounters& counters) noexcept {
    if (answered_) {
        answered_ = false;
        return false;
    }
    if (event.code == auth_code && (answer(EventKind::auth_tls) || answer(EventKind::auth_other)))
        return true;
    if (event.code == passive_code || event.code == extended_passive_code) {
        if (event.address.problem != AddressProblem::none) ++counters.passive_malformed;
        if (answer(event.code == passive_code ? EventKind::passive : EventKind::extended_passive))
            return false;
    }
    settle(event.code);
    return false;
}

void ControlSession::ask(EventKind kind, FtpCounters& counters) noexcept {
    if (count_ == most_requests) {
        ++counters.requests_forgotten;
        const std::uint16_t due = requests_[0].due_before;
        drop_requests(1);
        requests_[0].due_before =
            static_cast<std::uint16_t>(std::min(requests_[0].due_before + due + 1, 0xFFFF));
    }
    requests_[count_++] = {kind, due_};
    due_ = 0;
}

void ControlSession::drop_requests(std::size_t number) noexcept {
    std::copy(requests_.begin() + static_cast<std::ptrdiff_t>(number), requests_.begin() + count_,
              requests_.begin());
    count_ = static_cast<std::uint8_t>(count_ - number);
}

/// The oldest request of the kind is answered, and so are those before it. False if there is none.
bool ControlSession::answer(EventKind kind) noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
        if (requests_[i].kind != kind) continue;
        drop_requests(i + 1);
        return true;
    }
    return false;
}

/// A reply that does not tell by its code what it answers.
void ControlSession::settle(std::uint16_t code) noexcept {
    if (code < 200) return;
    std::uint16_t& due = count_ > 0 ? requests_[0].due_before : due_;
    if (due > 0) {
        --due;
        return;
    }
    if (count_ == 0) return;
    const EventKind oldest = requests_[0].kind;
    const bool data_request = oldest == EventKind::passive || oldest == EventKind::extended_passive;
    if (data_request && code < 400) return;
    if (oldest == EventKind::extended_only && code < 300) extended_only_ = true;
    drop_requests(1);
}

void ControlSession::forget_requests() noexcept {
    count_ = 0;
    due_ = 0;
    answered_ = false;
}

ShortText ControlSession::refusal(const Event& event) noexcept {
    ShortText text("refused");
    text.append(event.closing());
    return text;
}

ShortText ControlSession::passive_text(const Event& event,
                                       const std::optional<Endpoint>& shown) noexcept {
    ShortText text;
    if (event.kind == EventKind::extended_passive_reply) {
        text.append('(');
        append_extended_port(text, shown ? shown->port : L4Port());
    } else {
        const bool fits = shown && shown->address.family() == Family::ipv4;
        append_host_port(text, fits ? shown->address.v4() : Ipv4Address(),
                         fits ? shown->port : L4Port());
    }
    text.append(event.closing());
    return text;
}

}  // namespace shunt::ftp
