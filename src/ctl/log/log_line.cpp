// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/log/log_line.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>

namespace shunt::ctl {

namespace {

/// No quotes are needed around it, and no reader of key=value stumbles over it.
bool is_plain(char c) noexcept {
    return c > ' ' && c <= '~' && c != '"' && c != '\\' && c != '=';
}

}  // namespace

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c >= ' ' && c <= '~') {
            out += c;
        } else {
            char hex[5];
            std::snprintf(hex, sizeof(hex), "\\x%02x", static_cast<unsigned char>(c));
            out += hex;
        }
    }
    return out + '"';
}

std::string log_value(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_plain) ? std::string(text) : quoted(text);
}

std::string log_line(std::string_view event, LogFields fields) {
    std::string line = "event=" + std::string(event);
    for (const LogField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=' + field.value;
    }
    return line;
}

void write_log_line(spdlog::level::level_enum level, const std::string& line) {
    spdlog::log(level, "{}", line);
}

void write_log_line_always(const std::string& line) {
    static const auto log = [] {
        auto clone = spdlog::default_logger()->clone("audit");
        clone->set_level(spdlog::level::info);
        return clone;
    }();
    log->info("{}", line);
}

void write_log(spdlog::level::level_enum level, std::string_view event, LogFields fields) {
    if (spdlog::should_log(level)) write_log_line(level, log_line(event, fields));
}

}  // namespace shunt::ctl
