// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/sync_methods.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cerrno>
#include <cstdint>

#include "ctl/config/config_shape.h"
#include "ctl/config/config_text.h"
#include "ctl/methods/rpc_read.h"
#include "ctl/methods/rpc_write.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

SyncControl& control_of(SyncControl* sync) {
    if (sync == nullptr) throw refused(EINVAL, "nothing is forwarded here", "");
    return *sync;
}

SyncRole read_role(const Params& p) {
    const auto text = p.text("role");
    const auto role = find_word(sync_role_words(), text);
    if (!role)
        p.fail("role", quote(text) + " is no role, expected " + list_words(sync_role_words()));
    return *role;
}

std::string read_interface(const Params& p) {
    constexpr std::size_t longest = 15;
    std::string name(p.text("interface"));
    if (name.empty() || name.size() > longest)
        p.fail("interface", quote(name) + " cannot name an interface");
    return name;
}

IpAddress read_group(const Params& p, const IpAddress& standard) {
    if (!p.has("group")) return standard;
    const auto text = p.text("group");
    const auto group = parse_address(text);
    if (!group || !group->visit([](const auto& a) { return a.is_multicast(); }))
        p.fail("group", quote(text) + " is no multicast address");
    return *group;
}

SyncDaemonConfig read_daemon(const Params& p) {
    SyncDaemonConfig out;
    out.role = read_role(p);
    out.interface = read_interface(p);
    out.syncid = static_cast<std::uint8_t>(p.number_or("syncid", 0, 255, out.syncid));
    out.group = read_group(p, out.group);
    out.port = static_cast<std::uint16_t>(p.number_or("port", 1, 65535, out.port));
    out.ttl = static_cast<std::uint8_t>(p.number_or("ttl", 1, 255, out.ttl));
    out.maxlen = static_cast<std::uint16_t>(p.number_or("maxlen", 0, 65535, out.maxlen));
    return out;
}

json::object to_json(const SyncSetup& setup) {
    return {{"role", word_of(sync_role_words(), setup.config.role)},
            {"interface", setup.config.interface},
            {"syncid", setup.config.syncid},
            {"group", to_string(setup.config.group)},
            {"port", setup.config.port},
            {"ttl", setup.config.ttl},
            {"maxlen", setup.maxlen},
            {"ports", setup.ports}};
}

json::object status(const SyncControl& sync) {
    json::array daemons;
    for (const SyncRole role : {SyncRole::master, SyncRole::backup})
        if (const SyncSetup* setup = sync.setup(role)) daemons.emplace_back(to_json(*setup));
    json::object counters;
    for (const auto& [name, meaning, value] : sync_counts(sync.told(), sync.heard()))
        counters[name] = value;
    return {{"daemons", std::move(daemons)}, {"counters", std::move(counters)}};
}

}  // namespace

std::vector<Method> sync_methods(SyncControl* sync) {
    const Parameter role{"role", true};
    return {
        direct("sync.start",
               {role, {"interface", true}, {"syncid"}, {"group"}, {"port"}, {"ttl"}, {"maxlen"}},
               [sync](const Params& p) {
                   control_of(sync).start(read_daemon(p));
                   return json::object();
               }),
        direct("sync.stop", {role},
               [sync](const Params& p) {
                   control_of(sync).stop(read_role(p));
                   return json::object();
               }),
        direct("sync.status", {}, [sync](const Params&) { return status(control_of(sync)); })};
}

}  // namespace shunt::ctl
