// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/conn_methods.h"

#include <boost/json/object.hpp>

#include "ctl/config/config_text.h"
#include "ctl/methods/rpc_read.h"
#include "ctl/methods/rpc_write.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

constexpr std::uint64_t default_list_limit = 1000;
constexpr std::uint64_t most_list_limit = 10'000;

/// The slots of a filter's service, by DestId.
std::vector<bool> servers_of(const ServiceRegistry& registry, const ServiceKey& key) try {
    std::vector<bool> servers;
    for (const DestId id : registry.servers_ever_of(key)) {
        if (id.value() >= servers.size()) servers.resize(id.value() + 1);
        servers[id.value()] = true;
    }
    return servers;
} catch (const RpcError& error) {
    throw refused(error.error_number(), error.what(), "filter.service");
}

/// Null when none is given.
FilterPtr filter_of(const ServiceRegistry& registry, const Params& p) {
    auto filter = read_connection_filter(p);
    if (!filter) return nullptr;
    if (auto& service = filter->service) service->servers = servers_of(registry, service->key);
    return std::make_shared<const ConnectionFilter>(std::move(*filter));
}

FilterPtr or_everything(FilterPtr filter) {
    return filter != nullptr ? std::move(filter) : std::make_shared<const ConnectionFilter>();
}

/// Answers with the result, by way of `show`, or the error.
template <class Result, class Show>
ConnectionLister::Done<Result> answer(const Respond& respond, Show show) {
    return [respond, show](Result result, std::optional<RpcError> error) {
        respond(error ? Reply(*error) : Reply(json::value(show(std::move(result)))));
    };
}

template <class Result>
ConnectionLister::Done<Result> answer(const Respond& respond) {
    return answer<Result>(respond, [](const Result& result) { return to_json(result); });
}

}  // namespace

Method conn_list(ConnectionLister& lister, const ServiceRegistry& registry) {
    return {"conn.list",
            {{"filter"}, {"cursor"}, {"limit"}},
            [&lister, &registry](const Params& p, const Respond& respond) {
                ListPosition from;
                if (p.has("cursor")) {
                    const auto given = parse_list_position(p.text("cursor"), lister.workers());
                    if (!given)
                        p.fail("cursor", quote(p.text("cursor")) + " is no cursor of this list");
                    from = *given;
                }
                const auto most = p.number_or("limit", 1, most_list_limit, default_list_limit);
                lister.list(or_everything(filter_of(registry, p)), from, most,
                            answer<ConnectionList>(respond));
            }};
}

Method conn_count(ConnectionLister& lister, const ServiceRegistry& registry) {
    return {
        "conn.count", {{"filter"}}, [&lister, &registry](const Params& p, const Respond& respond) {
            lister.count(or_everything(filter_of(registry, p)), answer<ConnectionTally>(respond));
        }};
}

Method conn_find(ConnectionLister& lister) {
    using Found = std::optional<ConnectionRow>;
    return {"conn.find",
            {{"protocol", true}, {"client", true}, {"virtual", true}},
            [&lister](const Params& p, const Respond& respond) {
                lister.find(
                    read_client_tuple(p), answer<Found>(respond, [](const Found& found) {
                        return json::object{{"connection", found ? json::value(to_json(*found))
                                                                 : json::value(nullptr)}};
                    }));
            }};
}

Method conn_flush(ConnectionLister& lister, const ServiceRegistry& registry) {
    return {"conn.flush",
            {{"filter"}, {"all"}},
            [&lister, &registry](const Params& p, const Respond& respond) {
                const auto filter = filter_of(registry, p);
                const bool all = p.flag("all");
                if (filter == nullptr && !all)
                    p.fail("all", "must be true to end all connections; or give a filter");
                if (filter != nullptr && all) p.fail("all", "cannot be true beside a filter");
                lister.flush(or_everything(filter), answer<ConnectionTally>(respond));
            }};
}

void end_orphans(const Publisher& publisher, ConnectionLister& lister) {
    if (publisher.current().tunables.expire_nodest_conn == 0) return;
    lister.flush(std::make_shared<const ConnectionFilter>(ConnectionFilter{.orphaned = true}),
                 [](const ConnectionTally&, const std::optional<RpcError>&) {});
}

}  // namespace shunt::ctl
