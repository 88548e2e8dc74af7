// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/config_writer.h"

#include <algorithm>
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <libconfig.h++>
#include <memory>
#include <new>

#include "ctl/config/config_shape.h"

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

    void raw(std::string_view key, std::string_view value) {
        text_.append(indent_).append(key).append(" = ").append(value).append(";\n");
    }
    void text(std::string_view key, std::string_view value) { raw(key, in_quotes(value)); }
    void text(std::string_view key, std::string_view value, std::string_view standard) {
        if (value != standard) text(key, value);
    }
    void number(std::string_view key, std::integral auto value) { raw(key, std::to_string(value)); }
    template <std::integral T>
    void number(std::string_view key, T value, T standard) {
        if (value != standard) number(key, value);
    }
    void flag(std::string_view key, bool value, bool standard) {
        if (value != standard) raw(key, value ? "true" : "false");
    }
    void texts(std::string_view key, const std::vector<std::string>& values) {
        array(key, values, in_quotes);
    }
    void numbers(std::string_view key, const std::vector<std::uint16_t>& values) {
        array(key, values, [](std::uint16_t n) { return std::to_string(n); });
    }
    /// In one line.
    void section(std::string_view key, auto fill) {
        Group inner(0);
        fill(inner);
        std::string line = inner.lines();
        std::ranges::replace(line, '\n', ' ');
        raw(key, "{ " + line + "}");
    }
    [[nodiscard]] const std::string& lines() const noexcept { return text_; }

  private:
    void array(std::string_view key, const auto& values, auto show) {
        std::string all;
        for (const auto& value : values) all += (all.empty() ? "" : ", ") + show(value);
        raw(key, "[ " + all + " ]");
    }

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

void write_service(const ServiceConfig& service, Group& out) {
    write_key(service.key, out);
    write_settings(service.settings, out);
    if (!service.servers.empty())
        out.raw("servers", list_of(std::span(service.servers), 2, write_server<Group>));
}

/// A section with what differs from its defaults.
std::string section_of(std::string_view name, auto write) {
    Group group(1);
    write(group);
    if (group.lines().empty()) return {};
    return "\n" + std::string(name) + " = {\n" + group.lines() + "};\n";
}

struct Free {
    void operator()(char* p) const noexcept { std::free(p); }
};

/// All of `source` but what changes while the daemon runs.
std::string without_state(const std::string& source) {
    libconfig::Config tree;
    tree.readString(source);
    for (const char* section :
         {"services", "tunables", "timeouts", "marks", "apps", "sync", "ftp", "log"})
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
    std::string text = without_state(source);
    text += section_of("log", [&](Group& out) { out.text("level", state.log_level, "info"); });
    text += section_of("tunables", [&](Group& out) { write_tunables(state.tunables, out); });
    text += section_of("ftp", [&](Group& out) { write_ftp(state.ftp, out); });
    if (!state.apps.empty()) text += "\napps = " + list_of(state.apps, 1, write_app<Group>) + ";\n";
    if (!state.sync.empty())
        text += "\nsync = " + list_of(state.sync, 1, write_sync<Group>) + ";\n";
    if (!state.marks.empty())
        text += "\nmarks = " + list_of(state.marks, 1, write_mark<Group>) + ";\n";
    if (!state.services.empty())
        text += "\nservices = " + list_of(state.services, 1, write_service) + ";\n";
    return text;
}

}  // namespace shunt::ctl
