// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/explain_methods.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cerrno>

#include "ctl/config/config_text.h"
#include "ctl/config/words.h"
#include "ctl/methods/rpc_read.h"
#include "ctl/methods/rpc_write.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;
using Names = std::vector<std::string>;

/// What answers are made from. The snapshot is held: the answer may come after it was replaced.
struct Asked {
    PacketQuestion question;
    Names ports;
    std::shared_ptr<const ServiceTable> services;
    std::shared_ptr<const NetTable> network;
    std::vector<MarkConfig> marks;
    const SharedState* shared;
};

constexpr std::string_view verdict_name(Explanation::Verdict verdict) {
    constexpr std::array names{"known", "opens", "undecided", "to_host", "dropped"};
    return names[static_cast<std::size_t>(verdict)];
}

json::value port_name(const Names& ports, PortId port) {
    return port.value() < ports.size() ? json::value(ports[port.value()]) : json::value(nullptr);
}

/// Where packets from `source` come in, as far as the routes tell.
template <class F>
PortId port_toward(const NetTable& network, const typename F::Address& source) {
    const auto route = network.route<F>(source, 0);
    const auto* const interface = network.find_interface(route.ifindex);
    return interface != nullptr ? interface->port : PortId();
}

template <class F>
ExplainQuestion<F> question_of(const Params& p, const FlowTuple<F>& tuple, const Names& ports,
                               const NetTable& network) {
    ExplainQuestion<F> question{.tuple = tuple, .port = port_toward<F>(network, tuple.source)};
    if (p.has("port")) {
        const auto at = std::ranges::find(ports, p.text("port"));
        if (at == ports.end())
            throw refused(ENOENT, quote(p.text("port")) + " is not the name of a port", "port");
        question.port = PortId(static_cast<std::uint16_t>(at - ports.begin()));
    }
    if (p.has("mark"))
        question.mark = Mark(static_cast<std::uint32_t>(p.number("mark", 1, 0xFFFFFFFFU)));
    return question;
}

/// The number of the rule that gives the packet its mark, from 1; null when it was given, or the
/// rules have changed since.
template <class F>
json::value rule_number(const ExplainQuestion<F>& question, const Asked& asked) {
    if (question.mark) return nullptr;
    for (std::size_t i = 0; i < asked.marks.size(); ++i) {
        MarkRule rule = asked.marks[i].rule;
        const auto at = std::ranges::find(asked.ports, asked.marks[i].port);
        if (!asked.marks[i].port.empty())
            rule.ingress = PortId(static_cast<std::uint16_t>(at - asked.ports.begin()));
        if (matches<F>(rule, question.port, question.tuple)) return i + 1;
    }
    return nullptr;
}

const VirtualService* service_named(const Asked& asked, const ServiceKey& key) {
    for (const auto& service : asked.services->services())
        if (service->key == key) return service.get();
    return nullptr;
}

json::value service_json(const Asked& asked, const Explanation& e) {
    const auto* const service = e.service ? service_named(asked, *e.service) : nullptr;
    if (service == nullptr) return nullptr;
    return {{"service", to_json(service->key)},
            {"scheduler", service->scheduler->name()},
            {"persistent", service->persistence.has_value()}};
}

json::array candidates_json(const Asked& asked, const Explanation& e) {
    json::array rows;
    const auto* const service = e.service ? service_named(asked, *e.service) : nullptr;
    if (service == nullptr) return rows;
    for (const RealServer& server : service->servers) {
        const bool full =
            server.thresholds.upper != 0 && asked.shared->overload.overloaded(server.id);
        const std::string_view why = server.weight == 0 ? "weight 0"
                                     : full             ? "at its upper threshold"
                                                        : "";
        rows.push_back({{"address", to_string(server.endpoint)},
                        {"forward", word_of(forward_words(), server.forward)},
                        {"weight", server.weight},
                        {"eligible", why.empty()},
                        {"why", why}});
    }
    return rows;
}

json::value server_json(const Explanation& e) {
    if (!e.server) return nullptr;
    const bool bypass = e.server->method == ForwardMethod::bypass;
    json::object server{
        {"address", to_string(e.server->endpoint)},
        {"forward", bypass ? "bypass" : word_of(forward_words(), e.server->method)}};
    if (e.server->method == ForwardMethod::tunnel)
        server["tunnel"] = word_of(tunnel_type_words(), e.server->tunnel.type);
    return server;
}

json::value next_hop_json(const Asked& asked, const Explanation& e) {
    if (!e.next_hop) return nullptr;
    const auto& hop = *e.next_hop;
    if (hop.kind == WayAhead::Kind::local) return {{"kind", "local"}};
    if (hop.kind == WayAhead::Kind::unreachable) return {{"kind", "unreachable"}};
    const auto* const interface = asked.network->find_interface(hop.ifindex);
    const bool known = interface != nullptr;
    return {{"kind", "via"},
            {"interface", known ? json::value(interface->name) : json::value(nullptr)},
            {"port", known ? port_name(asked.ports, interface->port) : json::value(nullptr)},
            {"gateway", to_string(hop.gateway)},
            {"mac", hop.resolved ? json::value(to_string(hop.mac)) : json::value(nullptr)},
            {"fits", hop.fits}};
}

json::object defence_json(const Explanation::Defences& d) {
    return {{"secure_tcp", d.secure_tcp},
            {"drop_entry", d.drop_entry},
            {"drop_packet_one_of", d.drop_packet_one_of},
            {"admits_newcomers", d.admits_newcomers},
            {"connections", d.connections},
            {"half_open", d.half_open},
            {"room", d.room}};
}

json::array rules_json(const Explanation& e) {
    json::array rows;
    for (std::size_t i = 0; i < e.rules_count; ++i) {
        const auto& rule = about(e.rules[i]);
        rows.push_back({{"rule", rule.name}, {"step", rule.step}, {"text", rule.text}});
    }
    return rows;
}

template <class F>
json::object packet_json(const ExplainQuestion<F>& question, const Asked& asked,
                         const Explanation& e) {
    const auto& tuple = question.tuple;
    json::object out{
        {"protocol", to_string(tuple.protocol)},
        {"source", to_string(Endpoint{tuple.source, tuple.source_port})},
        {"destination", to_string(Endpoint{tuple.destination, tuple.destination_port})},
        {"port", port_name(asked.ports, question.port)},
        {"mark", nullptr}};
    if (e.mark != Mark{})
        out["mark"] = {{"mark", e.mark.value()}, {"rule", rule_number<F>(question, asked)}};
    return out;
}

json::object answer_json(const Asked& asked, const ExplainAnswer& answer) {
    const Explanation& e = answer.explanation;
    json::object out =
        std::visit([&](const auto& q) { return packet_json(q, asked, e); }, asked.question);
    const bool from_client = e.direction == Direction::from_client;
    out["verdict"] = verdict_name(e.verdict);
    out["reason"] = e.drop_reason ? json::value(name(*e.drop_reason)) : json::value(nullptr);
    out["owner"] = e.owner.value();
    out["direction"] = from_client ? "from_client" : "from_server";
    out["service"] = service_json(asked, e);
    out["connection"] =
        answer.connection ? json::value(to_json(*answer.connection)) : json::value(nullptr);
    out["server"] = server_json(e);
    out["candidates"] = candidates_json(asked, e);
    out["next_hop"] = next_hop_json(asked, e);
    out["application"] = e.app == AppKind::none ? json::value(nullptr) : json::value(name(e.app));
    out["defence"] = defence_json(e.defences);
    out["rules"] = rules_json(e);
    return out;
}

Reply reply_of(const Asked& asked, const std::optional<ExplainAnswer>& answer,
               const std::optional<RpcError>& error) {
    if (error) return *error;
    if (!answer) return refused(EAGAIN, "services changed meanwhile; ask again", "");
    return json::value(answer_json(asked, *answer));
}

}  // namespace

Method explain_method(ConnectionLister& lister, const Publisher& publisher,
                      const MarkRegistry& marks, const SharedState& shared,
                      std::function<std::vector<std::string>()> ports) {
    return {"explain",
            {{"protocol", true}, {"client", true}, {"virtual", true}, {"port"}, {"mark"}},
            [&lister, &publisher, &marks, &shared, ports = std::move(ports)](
                const Params& p, const Respond& respond) {
                const Snapshot& now = publisher.current();
                if (now.network == nullptr)
                    throw refused(EAGAIN, "the network is not known yet; ask again", "");
                const auto names = ports();
                const auto question = std::visit(
                    [&](const auto& tuple) {
                        return PacketQuestion(question_of(p, tuple, names, *now.network));
                    },
                    read_client_tuple(p));
                const auto asked = std::make_shared<const Asked>(
                    Asked{question, names, now.services, now.network, marks.rules(), &shared});
                lister.explain(question, [asked, respond](std::optional<ExplainAnswer> answer,
                                                          const std::optional<RpcError>& error) {
                    respond(reply_of(*asked, answer, error));
                });
            }};
}

}  // namespace shunt::ctl
