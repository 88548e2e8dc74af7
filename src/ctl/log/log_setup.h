// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How the daemon writes its log: on standard output, one message a line. For the journal the line
// begins with its priority ("<6>", sd-daemon(3)) and has no time, which the journal adds; otherwise
// it begins with time and level. Thread: main, before others start.
#include <sys/types.h>

#include <string>
#include <string_view>

namespace shunt::ctl {

/// Does what is written to `file` go to the journal? `stream` is the value of JOURNAL_STREAM,
/// "DEVICE:INODE" of what systemd has connected to it; empty when there is none.
[[nodiscard]] bool is_journal(int file, std::string_view stream);

/// A level that is `steps` less important than `level`, or the least: "info", 1 gives "debug".
[[nodiscard]] std::string more_verbose(std::string_view level, std::size_t steps);

/// To be called once.
void set_up_log();

/// Says why the daemon does not start: to a person on standard error, to the journal as a message.
void report_start_failure(const std::string& reason);

/// From now on messages of `level` and above are written, and of `verbose` levels below.
void set_log_level(std::string_view level, std::size_t verbose);

}  // namespace shunt::ctl
