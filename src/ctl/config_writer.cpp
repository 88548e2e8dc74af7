// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config_writer.h"

#include <cstdio>
#include <cstdlib>
#include <libconfig.h++>
#include <memory>
#include <new>

#include "ctl/port_range.h"
#include "ctl/words.h"

namespace shunt::ctl {

namespace {

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

/// The keys of one group, each in a line of its own.
class Group {
  public:
    explicit Group(unsigned depth) : indent_(std::size_t{depth} * 4, ' ') {}

    void raw(std::string_view key, const std::string& value) {
        text_ += indent_ + std::string(key) + " = " + value + ";\n";
    }
    void text(std::string_view key, std::string_view value) { raw(key, in_quotes(value)); }
    template <class T>
    void number(std::string_view key, T value, T standard) {
        if (value != standard) raw(key, std::to_string(value));
    }
    [[nodiscard]] const std::string& lines() const noexcept { return text_; }

  private:
    std::string indent_;
    std::string text_;
};

/// "( { ... }, { ... } )" of what `write(element, group)` writes.
template <class T, class Fn>
std::string list_of(std::span<const T> elements, unsigned depth, Fn write) {
    const std::string indent(std::size_t{depth} * 4, ' ');
    std::string text = "(";
    for (const T& element : elements) {
        Group group(depth + 1);
        write(element, group);
        text += (text.size() > 1 ? ",\n" : "\n") + indent + "{\n" + group.lines() + indent + "}";
    }
    return text + ")";
}

void write_tunnel(const Tunnel& tunnel, Group& out) {
    std::string keys = "type = " + in_quotes(word_of(tunnel_type_words(), tunnel.type)) + "; ";
    if (tunnel.port != L4Port{}) keys += "port = " + std::to_string(tunnel.port.value()) + "; ";
    if (tunnel.checksum != TunnelChecksum::none)
        keys += "checksum = " + in_quotes(word_of(tunnel_checksum_words(), tunnel.checksum)) + "; ";
    out.raw("tunnel", "{ " + keys + "}");
}

void write_server(const ServerConfig& server, Group& out) {
    const ServerConfig standard;
    out.text("address", to_string(server.address));
    if (server.forward != standard.forward)
        out.text("forward", word_of(forward_words(), server.forward));
    if (server.tunnel) write_tunnel(*server.tunnel, out);
    out.number("weight", server.weight, standard.weight);
    out.number("upper", server.thresholds.upper, standard.thresholds.upper);
    out.number("lower", server.thresholds.lower, standard.thresholds.lower);
}

void write_key(const ServiceKey& key, Group& out) {
    if (key.mark != Mark{}) {
        out.raw("mark", std::to_string(key.mark.value()));
        out.text("family", word_of(family_words(), key.endpoint.address.family()));
    } else {
        out.text("protocol", word_of(protocol_words(), key.protocol));
        out.text("address", to_string(key.endpoint));
    }
}

void write_flags(const ServiceSettings& settings, Group& out) {
    std::string flags;
    std::uint8_t written = 0;
    for (const auto& [word, flag] : scheduler_flag_words(settings.scheduler)) {
        const auto bit = static_cast<std::uint8_t>(flag);
        if (!settings.scheduler_flags.has(flag) || (written & bit) != 0) continue;
        written |= bit;
        flags += (flags.empty() ? "" : ", ") + in_quotes(word);
    }
    if (!flags.empty()) out.raw("flags", "[ " + flags + " ]");
}

void write_seconds(std::string_view key, Ticks time, Group& out) {
    out.number(key, std::chrono::duration_cast<std::chrono::seconds>(time).count(),
               std::chrono::seconds::rep{0});
}

void write_settings(const ServiceSettings& settings, Group& out) {
    out.text("scheduler", settings.scheduler);
    write_flags(settings, out);
    if (settings.one_packet) out.raw("one_packet", "true");
    if (const auto& persistence = settings.persistence) {
        out.raw("persistence", std::to_string(persistence->timeout.count()));
        if (persistence->granularity)
            out.raw("granularity", std::to_string(unsigned{*persistence->granularity}));
        if (persistence->engine != PersistenceEngine::none)
            out.text("engine", word_of(engine_words(), persistence->engine));
    }
    write_seconds("timeout_tcp", settings.timeouts.tcp, out);
    write_seconds("timeout_tcp_fin", settings.timeouts.tcp_fin, out);
    write_seconds("timeout_udp", settings.timeouts.udp, out);
    out.number("slow_start", settings.slow_start.count(), std::chrono::seconds::rep{0});
    const SchedulerOptions standard;
    const SchedulerOptions& options = settings.scheduler_options;
    out.number("mh_size", options.mh_size, standard.mh_size);
    if (options.mh_order != standard.mh_order)
        out.text("mh_order", word_of(maglev_order_words(), options.mh_order));
    out.number("load_bound", options.load_bound, standard.load_bound);
}

void write_service(const ServiceConfig& service, Group& out) {
    write_key(service.key, out);
    write_settings(service.settings, out);
    if (!service.servers.empty())
        out.raw("servers", list_of(std::span(service.servers), 2, write_server));
}

void write_mark(const MarkConfig& config, Group& out) {
    const MarkRule& rule = config.rule;
    out.raw("mark", std::to_string(rule.mark.value()));
    if (rule.source) out.text("source", to_string(*rule.source));
    if (rule.destination) out.text("destination", to_string(*rule.destination));
    if (rule.protocol) out.text("protocol", word_of(protocol_words(), *rule.protocol));
    if (rule.source_ports != PortRange{}) out.text("source_ports", to_string(rule.source_ports));
    if (rule.destination_ports != PortRange{})
        out.text("destination_ports", to_string(rule.destination_ports));
    if (!config.port.empty()) out.text("port", config.port);
}

void write_app(const AppConfig& app, Group& out) {
    out.text("name", name(app.app));
    std::string ports;
    for (const L4Port port : app.ports)
        ports += (ports.empty() ? "" : ", ") + std::to_string(port.value());
    if (!ports.empty()) out.raw("ports", "[ " + ports + " ]");
}

std::string written(const Tunables& tunables) {
    Group group(1);
    for (const auto& about : tunable_list)
        group.number(about.name, tunables.*about.value, about.standard);
    for (const auto& about : text_tunable_list)
        if (tunables.*about.value != about.standard) group.text(about.name, tunables.*about.value);
    return group.lines().empty() ? "" : "\ntunables = {\n" + group.lines() + "};\n";
}

struct Free {
    void operator()(char* p) const noexcept { std::free(p); }
};

/// All of `source` but what changes while the daemon runs.
std::string without_state(const std::string& source) {
    libconfig::Config tree;
    tree.readString(source);
    for (const char* section : {"services", "tunables", "timeouts", "marks", "apps"})
        if (tree.exists(section)) tree.getRoot().remove(section);
    char* bytes = nullptr;
    std::size_t size = 0;
    std::FILE* const out = open_memstream(&bytes, &size);
    if (out == nullptr) throw std::bad_alloc();
    tree.write(out);
    const bool whole = std::fclose(out) == 0;
    const std::unique_ptr<char, Free> owned(bytes);
    if (!whole) throw std::bad_alloc();
    return {bytes, size};
}

}  // namespace

std::string write_config(const std::string& source, const RunningState& state) {
    std::string text = without_state(source) + written(state.tunables);
    if (!state.apps.empty()) text += "\napps = " + list_of(state.apps, 1, write_app) + ";\n";
    if (!state.marks.empty()) text += "\nmarks = " + list_of(state.marks, 1, write_mark) + ";\n";
    if (!state.services.empty())
        text += "\nservices = " + list_of(state.services, 1, write_service) + ";\n";
    return text;
}

}  // namespace shunt::ctl
