// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The one form of all messages of the daemon: a line that begins with event=NAME and goes on with
// key=value. Text that is not one plain word stands in quotes, with quotes, backslashes and what
// cannot be printed escaped, so that a line stays one line, whatever it quotes from outside.
// Thread: any but a worker's.
#include <spdlog/common.h>

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace shunt::ctl {

/// In quotes, escaped.
[[nodiscard]] std::string quoted(std::string_view text);

/// As it stands in a line: as it is when it is one word of plain characters, else quoted().
[[nodiscard]] std::string log_value(std::string_view text);

struct LogField {
    LogField(std::string_view name, std::string_view text) : key(name), value(log_value(text)) {}
    LogField(std::string_view name, const std::string& text)
        : LogField(name, std::string_view(text)) {}
    LogField(std::string_view name, const char* text) : LogField(name, std::string_view(text)) {}
    LogField(std::string_view name, bool truth) : key(name), value(truth ? "true" : "false") {}
    template <std::integral Number>
    requires(!std::same_as<Number, bool>) LogField(std::string_view name, Number number)
        : key(name), value(std::to_string(number)) {}

    std::string_view key;
    std::string value;
};

using LogFields = std::initializer_list<LogField>;

/// `event=ready version=0.1.0 workers=2`.
[[nodiscard]] std::string log_line(std::string_view event, LogFields fields);

/// Writes a line that log_line() made.
void write_log_line(spdlog::level::level_enum level, const std::string& line);
/// The same, as an information, even where the level of the log is above that.
void write_log_line_always(const std::string& line);

/// Both at once.
void write_log(spdlog::level::level_enum level, std::string_view event, LogFields fields);

}  // namespace shunt::ctl
