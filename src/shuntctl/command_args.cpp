// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/command_args.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>

#include "net/address.h"
#include "shuntctl/nearest_word.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

constexpr std::int64_t most_mark = 0xFFFFFFFF;
constexpr std::int64_t most_timeout = 2678400;
constexpr std::int64_t most_slow_start = 86400;
constexpr std::int64_t most_number = 0x7FFFFFFF;

CLI::Range from_to(std::int64_t least, std::int64_t most) {
    return {least, most};
}

std::string upper_case(std::string word) {
    for (auto& c : word)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return word;
}

void check_endpoint(const char* name, const std::string& text) {
    if (!parse_endpoint(text))
        throw CLI::ValidationError(name, "\"" + text +
                                             "\" is not ADDRESS:PORT such as 192.0.2.10:80 or "
                                             "[2001:db8::10]:80");
}

}  // namespace

void put(json::object& object, const char* name, const std::string& word) {
    if (!word.empty()) object[name] = word;
}

void put(json::object& object, const char* name, const std::optional<std::int64_t>& number) {
    if (number) object[name] = *number;
}

CLI::Validator one_of(const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? '{' : '|') + word;
    return {[words](std::string& given) {
                if (std::find(words.begin(), words.end(), given) != words.end())
                    return std::string();
                auto meant = did_you_mean(given, words);
                if (meant.empty()) meant = "; it is " + or_list(words);
                return '"' + given + "\" cannot stand here" + meant;
            },
            all + '}'};
}

void ServiceArgs::add_to(CLI::App& verb, Names names) {
    verb.add_option("PROTOCOL", first_, "tcp, udp or sctp")->type_name("");
    verb.add_option("SERVICE", second_, "the service's ADDRESS:PORT")->type_name("");
    if (names == Names::service_and_server)
        verb.add_option("SERVER", third_, "the server's ADDRESS:PORT")->type_name("");
    auto* const mark = verb.add_option("--mark", mark_,
                                       "names a service on a mark, in place of PROTOCOL and "
                                       "SERVICE")
                           ->check(from_to(1, most_mark))
                           ->type_name("NUMBER");
    verb.add_flag("--ipv6", ipv6_, "with --mark: on IPv6 packets, not on IPv4")->needs(mark);
    verb.callback([this, names] { read(names); });
}

void ServiceArgs::read(Names names) {
    std::vector<std::string> words;
    for (const auto* word : {&first_, &second_, &third_})
        if (!word->empty()) words.push_back(*word);
    const bool with_server = names == Names::service_and_server;
    if (words.empty() && !mark_ && names == Names::service_if_any) return;
    if (words.size() != (mark_ ? 0U : 2U) + (with_server ? 1U : 0U))
        throw CLI::ValidationError("SERVICE",
                                   std::string("expected PROTOCOL ADDRESS:PORT or --mark NUMBER") +
                                       (with_server ? ", and then the server's ADDRESS:PORT" : ""));
    if (mark_) {
        service_ = {{"mark", *mark_}, {"family", ipv6_ ? "ipv6" : "ipv4"}};
    } else {
        if (!parse_protocol(words[0]))
            throw CLI::ValidationError("PROTOCOL",
                                       "\"" + words[0] + "\" is none of tcp, udp and sctp");
        check_endpoint("SERVICE", words[1]);
        service_ = {{"protocol", words[0]}, {"address", words[1]}};
    }
    if (!with_server) return;
    server_ = words.back();
    check_endpoint("SERVER", server_);
}

json::object ServiceArgs::params() const {
    json::object params;
    if (!service_.empty()) params["service"] = service_;
    if (!server_.empty()) params["server"] = json::object{{"address", server_}};
    return params;
}

void ServiceOptionArgs::add_to(CLI::App& verb) {
    verb.add_option("--scheduler", scheduler_, "rr, wrr, lc, wlc, ...; default wlc")
        ->type_name("NAME");
    verb.add_flag("--one-packet", one_packet_,
                  "no connections: every packet is scheduled; for UDP and marks");
    verb.add_option("--flag", flags_, "a flag of the scheduler, such as sh-port; any number")
        ->type_name("NAME")
        ->expected(1)
        ->take_all();
    auto* const persistent = verb.add_option("--persistent", persistent_,
                                             "bring a client back to its server for so long")
                                 ->check(from_to(1, most_timeout))
                                 ->type_name("SECONDS");
    verb.add_option("--granularity", granularity_,
                    "clients whose addresses agree in so many bits count as one; default: all")
        ->check(from_to(0, 128))
        ->type_name("BITS")
        ->needs(persistent);
    verb.add_option("--engine", engine_, "persistence engine: sip")->type_name("NAME");
    const auto timeout = [&verb](const char* option, std::optional<std::int64_t>& to,
                                 const char* help) {
        verb.add_option(option, to, help)->check(from_to(1, most_timeout))->type_name("SECONDS");
    };
    timeout("--timeout-tcp", timeout_tcp_,
            "how long its connections may be silent; TCP, established");
    timeout("--timeout-tcp-fin", timeout_tcp_fin_, "the same after the first FIN");
    timeout("--timeout-udp", timeout_udp_, "the same for UDP");
    verb.add_option("--slow-start", slow_start_,
                    "in so long the weight of a new server grows to the whole; default 0")
        ->check(from_to(0, most_slow_start))
        ->type_name("SECONDS");
    verb.add_option("--mh-size", mh_size_, "buckets of mh and conhash; default 4093")
        ->check(from_to(1, most_number))
        ->type_name("NUMBER");
    verb.add_option("--mh-order", mh_order_,
                    "servers of mh take buckets as added or by address; default added")
        ->check(one_of({"added", "address"}))
        ->type_name("ORDER");
    verb.add_option("--load-bound", load_bound_,
                    "of its fair share a server of conhash may have so much; default 125")
        ->check(from_to(1, most_number))
        ->type_name("PERCENT");
}

void ServiceOptionArgs::put_into(json::object& params) const {
    put(params, "scheduler", scheduler_);
    json::array flags;
    if (one_packet_) flags.emplace_back("one_packet");
    for (const auto& flag : flags_) flags.emplace_back(flag);
    if (!flags.empty()) params["flags"] = std::move(flags);
    if (persistent_) {
        json::object persistence{{"timeout", *persistent_}};
        put(persistence, "granularity", granularity_);
        params["persistence"] = std::move(persistence);
    }
    put(params, "engine", engine_);
    json::object timeouts;
    put(timeouts, "tcp", timeout_tcp_);
    put(timeouts, "tcp_fin", timeout_tcp_fin_);
    put(timeouts, "udp", timeout_udp_);
    if (!timeouts.empty()) params["timeouts"] = std::move(timeouts);
    put(params, "slow_start", slow_start_);
    put(params, "mh_size", mh_size_);
    put(params, "mh_order", mh_order_);
    put(params, "load_bound", load_bound_);
}

void ServerOptionArgs::add_to(CLI::App& verb) {
    const auto number = [&verb](const char* option, std::optional<std::int64_t>& to,
                                const char* help) {
        verb.add_option(option, to, help)->check(from_to(0, most_number))->type_name("NUMBER");
    };
    verb.add_option("--forward", forward_, "how packets travel to the server; default nat")
        ->check(one_of({"nat", "direct", "tunnel"}))
        ->type_name("METHOD");
    number("--weight", weight_, "share of the connections, 0: no new ones; default 1");
    verb.add_option("--tunnel-type", tunnel_type_,
                    "how --forward tunnel wraps packets; default ipip")
        ->check(one_of({"ipip", "gue", "gre"}))
        ->type_name("TYPE");
    verb.add_option("--tunnel-port", tunnel_port_, "where the server takes gue")
        ->check(from_to(1, 65535))
        ->type_name("PORT");
    verb.add_option("--tunnel-checksum", tunnel_checksum_,
                    "of gue and gre: none or full, of gue also remote; default none")
        ->check(one_of({"none", "full", "remote"}))
        ->type_name("KIND");
    number("--upper", upper_, "no new connections at so many, 0: no limit; default 0");
    number("--lower", lower_, "new ones again below so many, 0: three quarters; default 0");
}

void ServerOptionArgs::put_into(json::object& params) const {
    put(params, "forward", forward_);
    put(params, "weight", weight_);
    json::object tunnel;
    put(tunnel, "type", tunnel_type_);
    put(tunnel, "port", tunnel_port_);
    put(tunnel, "checksum", tunnel_checksum_);
    if (!tunnel.empty()) params["tunnel"] = std::move(tunnel);
    put(params, "upper", upper_);
    put(params, "lower", lower_);
}

void ConnectionFilterArgs::add_to(CLI::App& verb) {
    const auto word = [&verb](const char* option, std::string& to, const char* help,
                              const char* type) {
        return verb.add_option(option, to, help)->type_name(type);
    };
    word("--client", client_, "clients of a network, such as 192.0.2.0/24, or one", "NETWORK");
    word("--server", server_, "where they go to; port 0: any", "ADDRESS:PORT");
    word("--state", state_, "ESTABLISHED, SYN_RECV, UDP, ...; of templates ASSURED or NONE",
         "NAME");
    verb.add_option("--idle", idle_, "for so long without a packet, or for longer")
        ->check(from_to(0, most_timeout))
        ->type_name("SECONDS");
    word("--protocol", protocol_, "their protocol; ip: templates of marks", "NAME")
        ->check(one_of({"tcp", "udp", "sctp", "ip"}));
    word("--forward", forward_, "how they are forwarded", "METHOD")
        ->check(one_of({"nat", "direct", "tunnel", "bypass"}));
    word("--kind", kind_, "what they are; default: both", "KIND")
        ->check(one_of({"connection", "template"}));
}

void ConnectionFilterArgs::put_into(json::object& params, const ServiceArgs& service) const {
    json::object filter = service.params();
    put(filter, "client", client_);
    if (!server_.empty()) filter["server"] = json::object{{"address", server_}};
    put(filter, "state", upper_case(state_));
    put(filter, "idle", idle_);
    put(filter, "protocol", protocol_);
    put(filter, "forward", forward_);
    put(filter, "kind", kind_);
    if (!filter.empty()) params["filter"] = std::move(filter);
}

void ConnectionNameArgs::add_to(CLI::App& verb) {
    const auto word = [&verb](const char* name, std::string& to, const char* help) {
        verb.add_option(name, to, help)->required()->type_name("");
    };
    word("PROTOCOL", protocol_, "tcp, udp or sctp");
    word("CLIENT", client_, "the client's ADDRESS:PORT");
    word("VIRTUAL", virtual_, "the ADDRESS:PORT that the client sends to");
}

json::object ConnectionNameArgs::params() const {
    return {{"protocol", protocol_}, {"client", client_}, {"virtual", virtual_}};
}

void MarkRuleArgs::add_to(CLI::App& verb) {
    const auto word = [&verb](const char* option, std::string& to, const char* help,
                              const char* type) {
        verb.add_option(option, to, help)->type_name(type);
    };
    verb.add_option("--mark", mark_, "the mark that matching packets get")
        ->check(from_to(1, most_mark))
        ->type_name("NUMBER")
        ->required();
    word("--source", source_, "where they come from, such as 192.0.2.0/24", "NETWORK");
    word("--destination", destination_, "where they go to", "NETWORK");
    word("--protocol", protocol_, "tcp, udp or sctp", "NAME");
    word("--source-ports", source_ports_, "such as 80 or 80-90; with --protocol", "PORTS");
    word("--destination-ports", destination_ports_, "such as 80 or 80-90; with --protocol",
         "PORTS");
    word("--port", port_, "the network port by which they come", "NAME");
}

json::object MarkRuleArgs::rule() const {
    json::object rule{{"mark", mark_}};
    put(rule, "source", source_);
    put(rule, "destination", destination_);
    put(rule, "protocol", protocol_);
    put(rule, "source_ports", source_ports_);
    put(rule, "destination_ports", destination_ports_);
    put(rule, "port", port_);
    return rule;
}

}  // namespace shunt::cli
