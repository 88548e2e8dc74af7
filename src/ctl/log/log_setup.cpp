// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/log/log_setup.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "ctl/log/log_line.h"

namespace shunt::ctl {

namespace {

/// The priority of sd-daemon(3) for a message's level.
class PriorityFlag : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm&,
                spdlog::memory_buf_t& out) override {
        static constexpr std::array<std::string_view, 7> of_level{"<7>", "<7>", "<6>", "<4>",
                                                                  "<3>", "<2>", "<7>"};
        const auto text =
            of_level[std::min(static_cast<std::size_t>(message.level), of_level.size() - 1)];
        out.append(text.data(), text.data() + text.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<PriorityFlag>();
    }
};

bool writes_to_journal() {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    return is_journal(STDOUT_FILENO, stream == nullptr ? "" : stream);
}

}  // namespace

bool is_journal(int file, std::string_view stream) {
    struct stat there {};
    return !stream.empty() && fstat(file, &there) == 0 &&
           stream == std::to_string(there.st_dev) + ':' + std::to_string(there.st_ino);
}

std::string more_verbose(std::string_view level, std::size_t steps) {
    static constexpr std::array<std::string_view, 5> levels{"trace", "debug", "info", "warn",
                                                            "error"};
    const auto at = static_cast<std::size_t>(std::ranges::find(levels, level) - levels.begin());
    return at == levels.size() ? std::string(level) : std::string(levels[at - std::min(at, steps)]);
}

void set_up_log() {
    auto log = spdlog::stdout_color_mt("shuntd");
    if (writes_to_journal()) {
        auto formatter = std::make_unique<spdlog::pattern_formatter>();
        formatter->add_flag<PriorityFlag>('*').set_pattern("%*%v");
        log->set_formatter(std::move(formatter));
    } else {
        log->set_pattern("%H:%M:%S.%e %l: %v");
    }
    // A pipe shows lines as they come.
    log->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(log);
}

void report_start_failure(const std::string& reason) {
    if (writes_to_journal())
        write_log(spdlog::level::err, "start_failed", {{"reason", reason}});
    else
        std::fprintf(stderr, "shuntd: %s\n", reason.c_str());
}

void set_log_level(std::string_view level, std::size_t verbose) {
    spdlog::set_level(spdlog::level::from_str(more_verbose(level, verbose)));
}

}  // namespace shunt::ctl
