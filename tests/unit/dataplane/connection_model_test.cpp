// SPDX-License-Identifier: BSD-3-Clause
// Random packets, passing time and changes of the configuration, with workers beside a model of
// what IPVS does (ipvs-behaviour 1.2, 1.4 to 1.6, 2, 3, 5), which is as plain as it can be: each
// packet has to come out where the model says, and each table has to be the model's. A difference
// is shrunk to a short list of events that still shows one.
#include <gtest/gtest.h>

#include <list>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "support/worker_bench.h"

namespace shunt {
namespace {

using namespace test;
using H = TcpHeader;

// --- The world: the same in both families ------------------------------------------------------

using Tick = std::int64_t;
constexpr Tick second = 10;

/// Who a packet is from or for.
enum Host : std::uint8_t { client1, client2, client3, vip, server1, server2, nobody };
constexpr std::size_t hosts = 6;
/// The first two clients are one for persistent services, which leave out two bits.
constexpr std::array<int, 3> client_group{0, 0, 1};
constexpr unsigned bits_left_out = 2;

std::string address_text(int family, Host host) {
    const Addresses& a = families[static_cast<std::size_t>(family)];
    const std::string client_net(a.client.substr(0, a.client.size() - 3));
    const std::array<std::string, hosts> texts{client_net + "100",    client_net + "102",
                                               client_net + "105",    std::string(a.vip),
                                               std::string(a.server), std::string(a.server2)};
    return texts[host];
}

struct ServerPlan {
    Host host;
    std::uint16_t port;
    Thresholds thresholds{};
};
struct ServicePlan {
    Protocol protocol;
    std::uint16_t port;
    ForwardMethod method;
    Tick persistence;  ///< 0: none
    std::vector<ServerPlan> servers;
};
constexpr auto nat = ForwardMethod::nat;
constexpr auto direct = ForwardMethod::direct;
/// Some servers stand in two services, so that their answers belong to the newer connection.
const std::vector<ServicePlan> service_plans{
    {Protocol::tcp, 80, nat, 0, {{server1, 8080}, {server2, 8080, {6, 3}}, {server2, 8081}}},
    {Protocol::tcp, 81, direct, 0, {{server1, 81}, {server2, 81}}},
    {Protocol::udp, 80, nat, 0, {{server1, 8080, {5, 0}}, {server2, 8080}}},
    {Protocol::udp, 81, direct, 0, {{server1, 81}, {server2, 81}}},
    {Protocol::tcp, 90, nat, 30 * second, {{server1, 8080}, {server2, 8090}}},
    {Protocol::udp, 90, nat, 400 * second, {{server1, 8080}, {server2, 8090}}},
    {Protocol::udp, 95, direct, 100 * second, {{server1, 95}, {server2, 95}}},
    {Protocol::tcp, 0, nat, 100 * second, {{server1, 0}, {server2, 0}}},
};
constexpr std::array<std::uint16_t, 5> virtual_ports{80, 81, 90, 95, 96};
constexpr std::uint16_t first_client_port = 40000;
constexpr int client_ports = 5;

/// What may change while packets flow.
struct Settings {
    int conn_reuse_mode = 1;
    int expire_nodest_conn = 0;
    int expire_quiescent_template = 0;
    int sloppy_tcp = 0;
    bool secure_tcp = false;
};

// --- Events ------------------------------------------------------------------------------------

struct Packet {
    int family;
    Protocol protocol;
    Host client;
    std::uint16_t client_port;
    Host peer;  ///< vip and from the client, or the sender
    std::uint16_t peer_port;
    bool from_client;
    std::uint8_t flags;
    auto operator<=>(const Packet&) const = default;
};

struct Event {
    enum class Kind : std::uint8_t { packet, pass, weight, server, service, setting };
    Kind kind;
    Packet packet{};
    bool ends_burst = true;
    int which = 0;    ///< server, service or setting
    Tick number = 0;  ///< ticks, weight, or whatever is set
};
using Events = std::vector<Event>;

/// Where a packet came out, and with which endpoints.
struct Seen {
    enum class Place : std::uint8_t { nowhere, wan, lan, wan_host, lan_host, refused };
    Place place = Place::nowhere;
    Host link = nobody;  ///< on the servers' link
    Host source = nobody;
    Host destination = nobody;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    bool operator==(const Seen&) const = default;
};

constexpr std::array<const char*, 7> host_names{"client1", "client2", "client3", "vip",
                                                "server1", "server2", "nobody"};
constexpr std::array<const char*, 6> place_names{"nowhere",  "wan",      "lan",
                                                 "wan host", "lan host", "refused"};

std::ostream& operator<<(std::ostream& out, const Seen& s) {
    return out << place_names[static_cast<std::size_t>(s.place)] << ' ' << host_names[s.source]
               << ':' << s.source_port << '>' << host_names[s.destination] << ':'
               << s.destination_port << " link " << host_names[s.link];
}
std::ostream& operator<<(std::ostream& out, const Packet& p) {
    const auto side = [&](Host host, std::uint16_t port) {
        out << host_names[host] << ':' << port;
    };
    out << families[static_cast<std::size_t>(p.family)].name
        << (p.protocol == Protocol::tcp ? " tcp " : " udp ");
    p.from_client ? side(p.client, p.client_port) : side(p.peer, p.peer_port);
    out << '>';
    p.from_client ? side(p.peer, p.peer_port) : side(p.client, p.client_port);
    if (p.protocol != Protocol::tcp) return out;
    out << ((p.flags & H::syn) != 0 ? " syn" : "") << ((p.flags & H::fin) != 0 ? " fin" : "")
        << ((p.flags & H::rst) != 0 ? " rst" : "") << ((p.flags & H::ack) != 0 ? " ack" : "");
    return out;
}

constexpr std::array<const char*, 5> setting_names{"conn_reuse_mode", "expire_nodest_conn",
                                                   "expire_quiescent_template", "sloppy_tcp",
                                                   "secure_tcp"};

std::ostream& operator<<(std::ostream& out, const Event& e) {
    using Kind = Event::Kind;
    const bool gone = e.number == 0;
    switch (e.kind) {
        case Kind::packet:
            return out << e.packet << (e.ends_burst ? "" : " with the next");
        case Kind::pass:
            return out << "pass " << e.number << " ticks";
        case Kind::weight:
            return out << "weight of server " << e.which << " = " << e.number;
        case Kind::server:
            return out << (gone ? "remove" : "add") << " server " << e.which;
        case Kind::service:
            return out << (gone ? "remove" : "add") << " service " << e.which;
        case Kind::setting:
            return out << setting_names[static_cast<std::size_t>(e.which)] << " = " << e.number;
    }
    return out;
}

// --- The model ---------------------------------------------------------------------------------

enum State : std::uint8_t { NO, ES, SS, SR, FW, TW, CL, CW, LA, LI, SA };
using Row = std::array<State, 11>;
enum Side : std::uint8_t { from_client, from_server, client_only };
/// 3.1 and 3.2: by side; SYN, FIN, ACK, RST; by state.
using StateTable = std::array<std::array<Row, 4>, 3>;
const StateTable normal_table{{
    {{{SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR},
      {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW},
      {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
      {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR}}},
    {{{SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR},
      {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW},
      {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES},
      {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL}}},
    {{{SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR},
      {CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW},
      {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
      {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL}}},
}};
const StateTable secure_table{{
    {{{SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA},
      {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA},
      {ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA},
      {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL}}},
    {{{SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA},
      {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW},
      {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES},
      {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL}}},
    {{{SA, ES, ES, SR, SA, SA, SA, SA, SA, SA, SA},
      {CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW},
      {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
      {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL}}},
}};
/// 3.3, seconds by state.
constexpr std::array<Tick, 11> tcp_timeouts{2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120};
constexpr Tick udp_timeout = 300;

bool is_active(int state) {
    return state == SS || state == SR || state == ES || state == SA;
}

/// What connections are found by.
struct Flow {
    int family;
    Protocol protocol;
    Host client;
    std::uint16_t client_port;
    std::uint16_t virtual_port;
    auto operator<=>(const Flow&) const = default;
};

struct Template {
    int family;
    Protocol protocol;
    int group;
    std::uint16_t port;  ///< 0: all
    int server;
    Tick timeout;
    Tick expires = 0;
    bool valid = true;
    bool assured = false;
    int connections = 0;
    auto operator<=>(const Template&) const = default;
};

struct Connection {
    int server;
    Host real = vip;  ///< of answers
    std::uint16_t real_port = 0;
    int state = NO;
    Tick expires = 0;
    bool server_silent = false;
    int packets_in = 0;
    Template* tied = nullptr;
    std::uint64_t made = 0;
};

struct Server {
    ServerPlan plan;
    int service;
    std::uint32_t weight = 1;
    bool removed = false;
    bool overloaded = false;
    std::uint32_t total = 0;
    std::uint32_t active = 0;
    std::uint64_t scheduled = 0;
};

struct Service {
    const ServicePlan* plan;
    int family;
    std::vector<int> servers;
    bool removed = false;
    std::uint64_t turn = 0;
};

class Model {
  public:
    Model() {
        for (int family = 0; family < 2; ++family)
            for (const ServicePlan& plan : service_plans) {
                Service service{.plan = &plan, .family = family, .servers = {}};
                for (const ServerPlan& server : plan.servers) {
                    service.servers.push_back(static_cast<int>(servers.size()));
                    servers.push_back(
                        {.plan = server, .service = static_cast<int>(services.size())});
                }
                services.push_back(std::move(service));
            }
    }

    Seen take(const Packet& p) { return p.from_client ? take_request(p) : take_reply(p); }

    /// When something ends next.
    [[nodiscard]] Tick next_end() const {
        Tick next = std::numeric_limits<Tick>::max();
        for (const auto& [flow, c] : connections) next = std::min(next, c.expires);
        for (const Template& t : templates) next = std::min(next, t.expires);
        return next;
    }
    /// 2.8. When both end in one tick, the template's timer is the first.
    void reach(Tick time) {
        now = time;
        for (auto t = templates.begin(); t != templates.end();) {
            if (t->expires <= now && t->connections == 0) {
                t = templates.erase(t);
                continue;
            }
            if (t->expires <= now) t->expires += t->timeout = 60 * second;
            ++t;
        }
        for (auto c = connections.begin(); c != connections.end();)
            c = c->second.expires <= now ? end(c) : std::next(c);
    }

    std::vector<Server> servers;
    std::vector<Service> services;
    std::map<Flow, Connection> connections;
    std::list<Template> templates;
    Settings settings;
    Tick now = 0;
    std::uint64_t refused = 0;   ///< no server
    std::uint64_t orphaned = 0;  ///< the server was removed
    std::uint64_t begun_anew = 0;

  private:
    using Found = std::map<Flow, Connection>::iterator;

    [[nodiscard]] bool available(const Connection& c) const { return available(c.server); }
    [[nodiscard]] bool available(int server) const {
        const Server& s = servers[static_cast<std::size_t>(server)];
        return !s.removed && !services[static_cast<std::size_t>(s.service)].removed;
    }
    [[nodiscard]] Server& server_of(const Connection& c) {
        return servers[static_cast<std::size_t>(c.server)];
    }
    [[nodiscard]] ForwardMethod method_of(const Connection& c) {
        return services[static_cast<std::size_t>(server_of(c).service)].plan->method;
    }

    /// 1.2.
    Seen take_request(const Packet& p) {
        const Flow flow{p.family, p.protocol, p.client, p.client_port, p.peer_port};
        auto found = connections.find(flow);
        const bool opens = p.protocol == Protocol::tcp && (p.flags & H::syn) != 0;
        if (found != connections.end() && opens && begins_anew(found->second)) {
            ++begun_anew;
            end(found);
            found = connections.end();
        }
        if (found != connections.end() && !available(found->second)) {
            if (settings.expire_nodest_conn == 0) {
                ++orphaned;
                return {};
            }
            end(found);
            found = connections.end();
        }
        if (found == connections.end()) {
            Service* service = may_open(p) ? service_for(flow) : nullptr;
            if (service == nullptr) return as_it_is(p, Seen::Place::wan_host);
            found = open(*service, flow);
            if (found == connections.end()) {
                ++refused;
                return {.place = Seen::Place::refused};
            }
        }
        Connection& c = found->second;
        advance(c, p, c.server_silent ? client_only : from_client);
        ++c.packets_in;
        Seen seen = as_it_is(p, Seen::Place::lan);
        seen.link = server_of(c).plan.host;
        if (method_of(c) == nat) {
            seen.destination = c.real;
            seen.destination_port = c.real_port;
        }
        return seen;
    }

    /// 1.8, 2.4. Of connections with the same answers the newest has them.
    Seen take_reply(const Packet& p) {
        Connection* newest = nullptr;
        std::uint16_t virtual_port = 0;
        for (auto& [flow, c] : connections)
            if (flow.family == p.family && flow.protocol == p.protocol && flow.client == p.client &&
                flow.client_port == p.client_port && c.real == p.peer &&
                c.real_port == p.peer_port && (newest == nullptr || c.made > newest->made)) {
                newest = &c;
                virtual_port = flow.virtual_port;
            }
        if (newest == nullptr) return as_it_is(p, Seen::Place::lan_host);
        advance(*newest, p, from_server);
        if (method_of(*newest) != nat) return as_it_is(p, Seen::Place::lan_host);
        Seen seen = as_it_is(p, Seen::Place::wan);
        seen.source = vip;
        seen.source_port = virtual_port;
        return seen;
    }

    static Seen as_it_is(const Packet& p, Seen::Place place) {
        if (p.from_client) return {place, nobody, p.client, p.peer, p.client_port, p.peer_port};
        return {place, nobody, p.peer, p.client, p.peer_port, p.client_port};
    }

    /// 2.10.
    bool begins_anew(const Connection& c) {
        if (settings.expire_nodest_conn != 0 && server_of(c).weight == 0) return true;
        if (settings.conn_reuse_mode == 0 || c.tied != nullptr) return false;
        if (c.state == TW || c.state == CL) return true;
        return (settings.conn_reuse_mode & 2) != 0 && c.state == FW && c.server_silent;
    }

    /// 1.4.
    [[nodiscard]] bool may_open(const Packet& p) const {
        if (p.protocol == Protocol::udp) return true;
        return (p.flags & H::rst) == 0 && ((p.flags & H::syn) != 0 || settings.sloppy_tcp != 0);
    }

    /// 1.3.
    Service* service_for(const Flow& flow) {
        for (const std::uint16_t port : {flow.virtual_port, std::uint16_t{0}})
            for (Service& s : services)
                if (!s.removed && s.family == flow.family && s.plan->protocol == flow.protocol &&
                    s.plan->port == port)
                    return &s;
        return nullptr;
    }

    /// 1.5, 5.3.
    Found open(Service& service, const Flow& flow) {
        Template* tied = service.plan->persistence != 0 ? template_for(service, flow) : nullptr;
        const int chosen = tied != nullptr ? tied->server : choose(service);
        if (chosen < 0) return connections.end();
        if (service.plan->persistence != 0 && tied == nullptr)
            tied = &templates.emplace_front(Template{.family = flow.family,
                                                     .protocol = flow.protocol,
                                                     .group = client_group[flow.client],
                                                     .port = service.plan->port,
                                                     .server = chosen,
                                                     .timeout = service.plan->persistence});
        return make(service, flow, chosen, tied);
    }

    /// 2.2.
    Found make(const Service& service, const Flow& flow, int chosen, Template* tied) {
        Server& server = servers[static_cast<std::size_t>(chosen)];
        Connection c{.server = chosen};
        c.made = ++made_;
        c.server_silent = service.plan->method != nat;
        c.real = service.plan->method == nat ? server.plan.host : vip;
        c.real_port = service.plan->method != nat || server.plan.port == 0 ? flow.virtual_port
                                                                           : server.plan.port;
        c.tied = tied;
        if (tied != nullptr) {
            ++tied->connections;
            tied->expires = now + tied->timeout;
        }
        ++server.total;
        ++server.scheduled;
        judge(server);
        return connections.emplace(flow, c).first;
    }

    /// 5.3 steps 1 and 2.
    Template* template_for(const Service& service, const Flow& flow) {
        for (Template& t : templates) {
            if (!t.valid || t.family != flow.family || t.protocol != flow.protocol ||
                t.group != client_group[flow.client] || t.port != service.plan->port)
                continue;
            const bool quiescent = servers[static_cast<std::size_t>(t.server)].weight == 0;
            if (available(t.server) && !(quiescent && settings.expire_quiescent_template != 0))
                return &t;
            t.valid = false;
        }
        return nullptr;
    }

    /// The bench's scheduler: eligible servers in turn.
    int choose(Service& service) {
        std::vector<int> present;
        for (const int s : service.servers)
            if (!servers[static_cast<std::size_t>(s)].removed) present.push_back(s);
        for (std::size_t tried = 0; tried < present.size(); ++tried) {
            const int next = present[service.turn++ % present.size()];
            const Server& server = servers[static_cast<std::size_t>(next)];
            if (server.weight > 0 && !server.overloaded) return next;
        }
        return -1;
    }

    /// 3.
    void advance(Connection& c, const Packet& p, Side side) {
        if (p.protocol == Protocol::udp) {
            c.expires = now + udp_timeout * second;
            if (side == from_server && c.tied != nullptr) c.tied->assured = true;
            return;
        }
        if (side == from_server) c.server_silent = false;
        const int before = c.state;
        const StateTable& table = settings.secure_tcp ? secure_table : normal_table;
        constexpr std::array<std::uint8_t, 4> by_priority{H::rst, H::syn, H::fin, H::ack};
        constexpr std::array<std::size_t, 4> rows{3, 0, 1, 2};
        c.state = CL;
        for (std::size_t i = 0; i < rows.size(); ++i)
            if ((p.flags & by_priority[i]) != 0) {
                c.state = table[side][rows[i]][static_cast<std::size_t>(before)];
                break;
            }
        c.expires = now + tcp_timeouts[static_cast<std::size_t>(c.state)] * second;
        Server& server = server_of(c);
        if (is_active(before) && !is_active(c.state)) --server.active;
        if (!is_active(before) && is_active(c.state)) ++server.active;
        if (before != ES && c.state == ES && c.tied != nullptr) c.tied->assured = true;
    }

    /// 2.11.
    static void judge(Server& server) {
        const Thresholds& t = server.plan.thresholds;
        if (t.upper == 0) return;
        if (server.total >= t.upper) server.overloaded = true;
        if (server.total < (t.lower != 0 ? t.lower : t.upper - t.upper / 4))
            server.overloaded = false;
    }

    Found end(Found which) {
        const Connection& c = which->second;
        Server& server = server_of(c);
        --server.total;
        if (which->first.protocol == Protocol::tcp && is_active(c.state)) --server.active;
        judge(server);
        if (c.tied != nullptr) --c.tied->connections;
        return connections.erase(which);
    }

    std::uint64_t made_ = 0;
};

// --- Workers and model side by side --------------------------------------------------------------

/// A connection or template as both sides show it.
using Shown = std::tuple<Flow, int, Host, std::uint16_t, int, Tick, bool, bool, int, bool>;

class World {
  public:
    explicit World(std::uint16_t workers)
        : workers_(workers), bench_({.workers = workers, .templates = 2048}) {
        for (int family = 0; family < 2; ++family)
            for (std::size_t h = 0; h < hosts; ++h) {
                const auto host = static_cast<Host>(h);
                addresses_[static_cast<std::size_t>(family)][h] = ip(address_text(family, host));
                if (host <= client3)
                    bench_.network.add_neighbour(wan_link, ip(address_text(family, host)),
                                                 mac(client_mac));
            }
        bench_.tunables.icmp_ratelimit = 0;
        bench_.tunables.icmp_msgs_per_sec = 0;
        for (const Service& service : model.services) add(service);
        bench_.publish();
        const auto all = snapshot().services->services();
        services_.assign(all.begin(), all.end());
        bench_.settle();
    }

    /// Lets an event happen to both; a sentence when they differ.
    std::string apply(const Event& e) {
        if (e.kind == Event::Kind::packet) {
            burst_.push_back(e.packet);
            const bool full = burst_.size() == most_in_burst || workers_ > 1;
            return e.ends_burst || full ? send() : "";
        }
        std::string problem = send();
        if (!problem.empty()) return problem;
        if (e.kind == Event::Kind::pass) return pass(e.number), "";
        change(e);
        publish();
        return "";
    }

    /// Compares all that there is.
    std::string compare() {
        if (std::string problem = send(); !problem.empty()) return problem;
        std::ostringstream out;
        compare_counts(out);
        compare_sets(out, "connection", connections(), model_connections());
        compare_sets(out, "template", templates(), model_templates());
        return out.str();
    }

    Model model;
    std::map<Seen::Place, std::uint64_t> places;
    std::set<int> states;

  private:
    static constexpr std::size_t most_in_burst = 6;

    void add(const Service& service) {
        const ServicePlan& plan = *service.plan;
        const Addresses& a = families[static_cast<std::size_t>(service.family)];
        std::vector<std::string> endpoints;
        for (const ServerPlan& s : plan.servers)
            endpoints.push_back(a.endpoint(address_text(service.family, s.host), s.port));
        bench_.add_service(plan.protocol, a.endpoint(a.vip, plan.port), endpoints, plan.method);
        auto& added = bench_.services.back();
        for (std::size_t i = 0; i < plan.servers.size(); ++i)
            added.servers[i].thresholds = plan.servers[i].thresholds;
        if (plan.persistence != 0)
            added.persistence = Persistence{
                .timeout = Ticks(static_cast<std::uint32_t>(plan.persistence)),
                .granularity = static_cast<std::uint8_t>(ip(a.vip).bits() - bits_left_out)};
    }

    [[nodiscard]] const Snapshot& snapshot() { return *bench_.shared().snapshot.load(); }

    void change(const Event& e) {
        const auto which = static_cast<std::size_t>(e.which);
        const auto number = static_cast<int>(e.number);
        Settings& s = model.settings;
        const std::array<int*, 4> values{&s.conn_reuse_mode, &s.expire_nodest_conn,
                                         &s.expire_quiescent_template, &s.sloppy_tcp};
        if (e.kind == Event::Kind::weight)
            model.servers[which].weight = static_cast<std::uint32_t>(number);
        else if (e.kind == Event::Kind::server)
            model.servers[which].removed = number == 0;
        else if (e.kind == Event::Kind::service)
            model.services[which].removed = number == 0;
        else if (which < values.size())
            *values[which] = number;
        else
            s.secure_tcp = number != 0;
    }

    /// As the control thread does: the network stays the same.
    void publish() {
        auto next = std::make_unique<Snapshot>(snapshot());
        const auto before = next->services->slots();
        std::vector<ServiceTable::DestSlot> slots(before.begin(), before.end());
        std::vector<std::shared_ptr<const VirtualService>> table;
        for (std::size_t i = 0; i < services_.size(); ++i) {
            auto service = std::make_shared<VirtualService>(*services_[i]);
            for (RealServer& server : service->servers) {
                const Server& now = model.servers[server.id.value()];
                server.weight = slots[server.id.value()].weight = now.weight;
                slots[server.id.value()].available = !now.removed && !model.services[i].removed;
            }
            std::erase_if(service->servers, [&](const RealServer& server) {
                return model.servers[server.id.value()].removed;
            });
            if (!model.services[i].removed) table.push_back(std::move(service));
        }
        next->services = std::make_shared<const ServiceTable>(std::move(table), std::move(slots));
        const Settings& s = model.settings;
        next->tunables.conn_reuse_mode = s.conn_reuse_mode;
        next->tunables.expire_nodest_conn = s.expire_nodest_conn;
        next->tunables.expire_quiescent_template = s.expire_quiescent_template;
        next->tunables.sloppy_tcp = s.sloppy_tcp;
        bench_.shared().defence.secure_tcp = s.secure_tcp;
        ++next->generation;
        next->derive();
        bench_.shared().snapshot = next.get();
        bench_.settle();
        published_ = std::move(next);
    }

    /// Workers look at the clock more often than it moves: nothing that ends is passed over.
    void pass(Tick ticks) {
        const Tick until = model.now + ticks;
        while (model.now < until) {
            const Tick next = std::min(until, model.next_end());
            bench_.pass(Ticks(static_cast<std::uint32_t>(next - model.now)));
            bench_.settle();
            model.reach(next);
        }
    }

    const Frame& frame(const Packet& p, std::size_t id) {
        Frame& frame = frames_[{p, id}];
        if (!frame.empty()) return frame;
        PacketBuilder b;
        const std::string client = address_text(p.family, p.client);
        const std::string peer = address_text(p.family, p.peer);
        p.from_client ? b.mac(client_mac, wan_mac).ip(client, peer)
                      : b.mac(server_mac, lan_mac).ip(peer, client);
        const std::uint16_t source = p.from_client ? p.client_port : p.peer_port;
        const std::uint16_t destination = p.from_client ? p.peer_port : p.client_port;
        const auto number = static_cast<int>(id);
        if (p.protocol == Protocol::tcp)
            b.tcp(source, destination, p.flags).sequence(static_cast<std::uint32_t>(id));
        else
            b.udp(source, destination).payload(test::bytes_of({number, 0, 0, 0}));
        return frame = b.build();
    }

    /// Sends what waits and compares where each packet went. Workers look at the clients' port
    /// first.
    std::string send() {
        std::stable_sort(burst_.begin(), burst_.end(), [](const Packet& a, const Packet& b) {
            return a.from_client > b.from_client;
        });
        std::vector<Seen> expected;
        for (std::size_t id = 0; id < burst_.size(); ++id) {
            bench_.put(burst_[id].from_client ? wan : lan, frame(burst_[id], id));
            expected.push_back(model.take(burst_[id]));
            ++places[expected.back().place];
        }
        workers_ > 1 ? bench_.settle() : static_cast<void>(bench_.iterate());
        std::vector<Seen> seen(burst_.size());
        std::string problem;
        using Place = Seen::Place;
        collect(bench_.sent(wan), Place::wan, seen, problem);
        collect(bench_.sent(lan), Place::lan, seen, problem);
        collect(bench_.to_host(wan), Place::wan_host, seen, problem);
        collect(bench_.to_host(lan), Place::lan_host, seen, problem);
        for (std::size_t id = 0; id < burst_.size() && problem.empty(); ++id) {
            if (seen[id] == expected[id]) continue;
            std::ostringstream out;
            out << burst_[id] << "\n  went to  " << seen[id] << "\n  expected " << expected[id];
            problem = out.str();
        }
        burst_.clear();
        return problem;
    }

    void collect(const std::vector<Frame>& frames, Seen::Place place, std::vector<Seen>& seen,
                 std::string& problem) {
        for (const Frame& f : frames) {
            const std::size_t family = f.at(12) == std::byte{0x08} ? 0 : 1;
            const std::size_t header = families[family].header;
            const auto protocol = std::to_integer<int>(f.at(14 + (family == 0 ? 9U : 6U)));
            std::size_t l4 = 14 + header;
            const bool error = protocol == (family == 0 ? 1 : 58);
            std::size_t carried = protocol == 6 ? 7 : 8;
            if (error) {
                const auto quoted = std::to_integer<int>(f.at(l4 + 8 + (family == 0 ? 9U : 6U)));
                l4 += 8 + header;
                carried = quoted == 6 ? 7 : 8;
            }
            const auto id = std::to_integer<std::size_t>(f.at(l4 + carried));
            if (id >= seen.size() || seen[id].place != Seen::Place::nowhere)
                problem = "a packet too many: " + describe(f);
            else if (error)
                seen[id].place = Seen::Place::refused;
            else
                seen[id] = {place,
                            place == Seen::Place::lan ? link_host(f) : nobody,
                            host_at(f, family, false),
                            host_at(f, family, true),
                            get16(f, l4),
                            get16(f, l4 + 2)};
        }
    }

    [[nodiscard]] static Host link_host(const Frame& f) {
        static const std::array<MacAddress, 2> links{mac(server_mac), mac(server2_mac)};
        for (std::size_t i = 0; i < links.size(); ++i)
            if (std::memcmp(f.data(), links[i].bytes.data(), 6) == 0)
                return static_cast<Host>(server1 + i);
        return nobody;
    }
    [[nodiscard]] Host host_at(const Frame& f, std::size_t family, bool destination) const {
        const std::size_t size = family == 0 ? 4 : 16;
        const std::size_t at = 14 + families[family].header - (destination ? 1 : 2) * size;
        for (std::size_t h = 0; h < hosts; ++h) {
            const bool same = addresses_[family][h].visit([&](const auto& address) {
                return sizeof(address) == size && std::memcmp(f.data() + at, &address, size) == 0;
            });
            if (same) return static_cast<Host>(h);
        }
        return nobody;
    }

    void compare_counts(std::ostringstream& out) {
        const auto judge = [&](const std::string& what, std::uint64_t is, std::uint64_t expected) {
            if (is != expected) out << what << " is " << is << ", expected " << expected << '\n';
        };
        for (std::uint32_t id = 0; id < model.servers.size(); ++id) {
            const Server& s = model.servers[id];
            const std::string name = "server " + std::to_string(id);
            judge(name + " total", bench_.dest(id, &DestCounters::total), s.total);
            judge(name + " active", bench_.dest(id, &DestCounters::active), s.active);
            judge(name + " scheduled", bench_.dest(id, &DestCounters::connections), s.scheduled);
            const bool overloaded = bench_.shared().overload.overloaded(DestId(id));
            judge(name + " overloaded", overloaded, s.overloaded);
        }
        judge("refused", bench_.dropped(DropReason::no_destination), model.refused);
        judge("orphaned", bench_.dropped(DropReason::destination_removed), model.orphaned);
        judge("dropped", bench_.all_dropped(), model.refused + model.orphaned);
    }

    template <class T, class Print>
    static void list(std::ostringstream& out, const char* what, const std::multiset<T>& from,
                     const std::multiset<T>& without, Print&& print) {
        std::vector<T> rest;
        std::set_difference(from.begin(), from.end(), without.begin(), without.end(),
                            std::back_inserter(rest));
        for (const T& one : rest) print(out << what << ' ', one) << '\n';
    }
    template <class T>
    static void compare_sets(std::ostringstream& out, const std::string& what,
                             const std::multiset<T>& is, const std::multiset<T>& expected) {
        if (is == expected) return;
        list(out, (what + " is      ").c_str(), is, expected, print<T>);
        list(out, (what + " expected").c_str(), expected, is, print<T>);
    }
    template <class T>
    static std::ostream& print(std::ostream& out, const T& one);

    [[nodiscard]] std::multiset<Shown> connections() {
        std::multiset<Shown> all;
        for (std::uint16_t w = 0; w < workers_; ++w) {
            add_connections<Ipv4>(bench_.worker(w), 0, all);
            add_connections<Ipv6>(bench_.worker(w), 1, all);
        }
        return all;
    }
    template <class F>
    void add_connections(WorkerState& worker, int family, std::multiset<Shown>& all) {
        const auto who = [&](const typename F::Address& address) {
            for (std::size_t h = 0; h < hosts; ++h)
                if (addresses_[static_cast<std::size_t>(family)][h] == IpAddress(address))
                    return static_cast<Host>(h);
            return nobody;
        };
        const auto& table = worker.conns<F>();
        table.for_each(0, table.slots_used(), [&](const Conn<F>& c) {
            all.emplace(Flow{family, c.protocol, who(c.client), c.client_port.value(),
                             c.virtual_port.value()},
                        static_cast<int>(c.dest.value()), who(c.real), c.real_port.value(), c.state,
                        Tick{c.expires.time_since_epoch().count()}, c.server_silent,
                        c.counted_active, static_cast<int>(c.packets_in),
                        c.affinity != no_affinity);
        });
    }
    [[nodiscard]] std::multiset<Shown> model_connections() {
        std::multiset<Shown> all;
        for (const auto& [flow, c] : model.connections) {
            const bool tcp = flow.protocol == Protocol::tcp;
            if (tcp) states.insert(c.state);
            all.emplace(flow, c.server, c.real, c.real_port, c.state, c.expires, c.server_silent,
                        tcp && is_active(c.state), c.packets_in, c.tied != nullptr);
        }
        return all;
    }
    [[nodiscard]] std::multiset<Template> templates() {
        AffinityTable& table = *bench_.shared().affinity;
        std::multiset<Template> all;
        table.for_each(0, table.slots_used(),
                       TickTime(Ticks(static_cast<std::uint32_t>(model.now))),
                       [&](const AffinityTable::Row& row) {
                           const bool v4 = row.key.family == Family::ipv4;
                           // The last byte of the first two clients' group, as it is masked.
                           const int last = v4 ? row.key.client[3] : row.key.client[15];
                           all.insert(Template{.family = v4 ? 0 : 1,
                                               .protocol = row.key.protocol,
                                               .group = last == (v4 ? 100 : 0) ? 0 : 1,
                                               .port = row.key.port.value(),
                                               .server = static_cast<int>(row.dest.value()),
                                               .timeout = Tick{row.timeout.count()},
                                               .expires = model.now + Tick{row.left.count()},
                                               .valid = row.valid,
                                               .assured = row.assured});
                       });
        return all;
    }
    [[nodiscard]] std::multiset<Template> model_templates() const {
        std::multiset<Template> all;
        for (Template t : model.templates) {
            t.connections = 0;  // listings do not show it
            all.insert(t);
        }
        return all;
    }

    std::uint16_t workers_;
    std::array<std::array<IpAddress, hosts>, 2> addresses_;
    std::unique_ptr<const Snapshot> published_;  ///< outlives the workers
    WorkerBench bench_;
    std::vector<std::shared_ptr<const VirtualService>> services_;
    std::vector<Packet> burst_;
    std::map<std::pair<Packet, std::size_t>, Frame> frames_;
};

std::ostream& operator<<(std::ostream& out, const Flow& f) {
    return out << families[static_cast<std::size_t>(f.family)].name
               << (f.protocol == Protocol::tcp ? " tcp " : " udp ") << host_names[f.client] << ':'
               << f.client_port << ">vip:" << f.virtual_port;
}

template <>
std::ostream& World::print(std::ostream& out, const Shown& one) {
    const auto& [flow, server, real, port, state, expires, silent, active, packets, tied] = one;
    return out << flow << " server " << server << ' ' << host_names[real] << ':' << port
               << " state " << state << " expires " << expires << (silent ? " silent" : "")
               << (active ? " active" : "") << " packets " << packets << (tied ? " tied" : "");
}
template <>
std::ostream& World::print(std::ostream& out, const Template& t) {
    return out << "family " << t.family << " protocol " << static_cast<int>(t.protocol) << " group "
               << t.group << " port " << t.port << " server " << t.server << " timeout "
               << t.timeout << " expires " << t.expires << (t.valid ? "" : " invalid")
               << (t.assured ? " assured" : "");
}

// --- What happens ------------------------------------------------------------------------------

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : engine_(seed) {}

    Event next(const Model& model) {
        const auto draw = pick(1000);
        if (draw < 30) return configuration(model);
        if (draw < 90) return time();
        return {.kind = Event::Kind::packet, .packet = packet(model), .ends_burst = pick(3) == 0};
    }

  private:
    std::size_t pick(std::size_t below) { return engine_() % below; }
    template <class T>
    auto one_of(const T& all) {
        return all[pick(all.size())];
    }

    /// Mostly too short for anything to end, seldom long enough for all.
    Event time() {
        static constexpr std::array<Tick, 16> ticks{1,  1,  1,   2,   3,   7,   10,   15,
                                                    40, 90, 150, 310, 590, 601, 1250, 3000};
        return {.kind = Event::Kind::pass, .number = pick(300) == 0 ? 950 * second : one_of(ticks)};
    }

    Event configuration(const Model& model) {
        Event e{.kind = Event::Kind::weight};
        const auto draw = pick(10);
        const auto server = pick(model.servers.size());
        if (draw < 4) {
            e.number = static_cast<Tick>(pick(3));
            e.which = static_cast<int>(server);
        } else if (draw < 7) {
            e.kind = Event::Kind::server;
            e.number = static_cast<Tick>(pick(2));
            e.which = static_cast<int>(server);
        } else if (draw == 7) {
            e.kind = Event::Kind::service;
            e.number = static_cast<Tick>(pick(4) != 0);
            e.which = static_cast<int>(pick(model.services.size()));
        } else {
            e.kind = Event::Kind::setting;
            e.which = static_cast<int>(pick(setting_names.size()));
            // Servers that are removed are missed more often than not.
            e.number = static_cast<Tick>(e.which == 0   ? pick(4)
                                         : e.which == 1 ? pick(3) / 2
                                                        : pick(2));
        }
        return e;
    }

    Packet packet(const Model& model) {
        Packet p{.family = static_cast<int>(pick(2)),
                 .protocol = pick(3) == 0 ? Protocol::udp : Protocol::tcp,
                 .client = static_cast<Host>(pick(3)),
                 .client_port = static_cast<std::uint16_t>(first_client_port + pick(client_ports)),
                 .peer = vip,
                 .peer_port = one_of(virtual_ports),
                 .from_client = true,
                 .flags = H::syn};
        const bool known = !model.connections.empty() && pick(4) != 0;
        p.from_client = pick(8) != 0;
        if (!p.from_client) {
            p.peer = static_cast<Host>(vip + pick(3));
            if (p.peer != vip)
                p.peer_port = one_of(std::array<std::uint16_t, 4>{8080, 8081, 8090, 95});
        }
        if (known) follow(p, model);
        if (p.protocol == Protocol::udp)
            p.flags = 0;
        else if (known)
            p.flags = flags(p.from_client);
        return p;
    }

    /// A packet of a connection that is there.
    void follow(Packet& p, const Model& model) {
        const auto& [flow, c] = *std::next(
            model.connections.begin(), static_cast<std::ptrdiff_t>(pick(model.connections.size())));
        p.family = flow.family;
        p.protocol = flow.protocol;
        p.client = flow.client;
        p.client_port = flow.client_port;
        p.from_client = pick(2) == 0;
        p.peer = p.from_client ? vip : c.real;
        p.peer_port = p.from_client ? flow.virtual_port : c.real_port;
    }

    std::uint8_t flags(bool by_client) {
        static constexpr std::uint8_t none = 0;
        constexpr std::uint8_t opening = H::syn | H::ack;
        constexpr std::uint8_t closing = H::fin | H::ack;
        const std::array<std::uint8_t, 10> usual{H::ack,
                                                 H::ack,
                                                 H::ack,
                                                 closing,
                                                 closing,
                                                 H::rst,
                                                 by_client ? H::syn : opening,
                                                 by_client ? H::syn : opening,
                                                 opening,
                                                 none};
        constexpr std::array<std::uint8_t, 4> each{H::syn, H::fin, H::rst, H::ack};
        if (pick(20) != 0) return one_of(usual);
        return static_cast<std::uint8_t>(one_of(each) | one_of(each) | one_of(each));
    }

    std::mt19937_64 engine_;
};

/// The problem that events lead to, if they do, and how many of them it took.
struct Ending {
    std::string problem;
    std::size_t events = 0;
};
Ending replay(const Events& events, std::uint16_t workers) {
    World world(workers);
    for (std::size_t i = 0; i < events.size(); ++i) {
        std::string problem = world.apply(events[i]);
        if (problem.empty() && events[i].ends_burst) problem = world.compare();
        if (!problem.empty()) return {problem, i + 1};
    }
    return {world.compare(), events.size()};
}

/// Leaves out what the problem does not need, in ever smaller pieces, with a limit of tries.
Events shrink(Events events, std::uint16_t workers) {
    int tries = 300;
    for (std::size_t piece = events.size() / 2; piece > 0 && tries > 0; piece /= 2)
        for (std::size_t from = 0; from < events.size() && tries > 0; --tries) {
            Events fewer(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(from));
            const auto behind = std::min(from + piece, events.size());
            fewer.insert(fewer.end(), events.begin() + static_cast<std::ptrdiff_t>(behind),
                         events.end());
            const Ending ending = replay(fewer, workers);
            if (ending.problem.empty()) {
                from += piece;
                continue;
            }
            fewer.resize(ending.events);
            events = std::move(fewer);
        }
    return events;
}

void print(std::ostream& out, const Events& events, std::size_t most) {
    const std::size_t from = events.size() > most ? events.size() - most : 0;
    for (std::size_t i = from; i < events.size(); ++i) out << "  " << events[i] << '\n';
}

struct Run {
    std::uint64_t seed;
    std::uint16_t workers;
};
void PrintTo(const Run& run, std::ostream* out) {
    *out << "seed " << run.seed << ", " << run.workers << " workers";
}

class ConnectionModel : public ::testing::TestWithParam<Run> {};

/// With several workers a burst has one packet: there is no order between workers otherwise.
INSTANTIATE_TEST_SUITE_P(Seeds, ConnectionModel, ::testing::ValuesIn([] {
                             std::vector<Run> runs;
                             for (std::uint64_t seed = 1; seed <= 20; ++seed)
                                 runs.push_back({seed, std::uint16_t(seed % 5 == 0 ? 3 : 1)});
                             return runs;
                         }()),
                         [](const auto& run) { return "Seed" + std::to_string(run.param.seed); });

TEST_P(ConnectionModel, AgreesWithTheWorkers) {
    constexpr std::size_t steps = 50'000;
    constexpr std::size_t between_looks = 100;
    const auto [seed, workers] = GetParam();
    World world(workers);
    Chance chance(seed);
    Events events;
    std::string problem;
    while (events.size() < steps && problem.empty()) {
        events.push_back(chance.next(world.model));
        problem = world.apply(events.back());
        if (problem.empty() && events.size() % between_looks == 0) problem = world.compare();
    }
    if (!problem.empty()) {
        std::ostringstream out;
        out << "seed " << seed << ", event " << events.size() << ": " << problem
            << "\nthe last events:\n";
        print(out, events, 30);
        const Events few = shrink(events, workers);
        out << "as short as it gets, " << few.size() << " events, then\n"
            << replay(few, workers).problem << '\n';
        print(out, few, 100);
        FAIL() << out.str();
    }
    using Place = Seen::Place;
    for (const auto place : {Place::nowhere, Place::wan, Place::lan, Place::wan_host,
                             Place::lan_host, Place::refused}) {
        const std::string name = place_names[static_cast<std::size_t>(place)];
        EXPECT_GT(world.places[place], 25U) << name;
        RecordProperty(name, std::to_string(world.places[place]));
    }
    EXPECT_GT(world.model.begun_anew, 100U);
    RecordProperty("begun anew", std::to_string(world.model.begun_anew));
    EXPECT_EQ(world.states, (std::set<int>{ES, SS, SR, FW, TW, CL, CW, SA}));
}

}  // namespace
}  // namespace shunt
