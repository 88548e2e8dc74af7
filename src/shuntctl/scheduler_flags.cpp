// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/scheduler_flags.h"

#include <array>

namespace shunt::cli {

namespace {

/// The words of one scheduler; empty where a bit has none.
struct Vocabulary {
    std::string_view scheduler;
    std::array<std::string_view, SchedulerFlags().size()> words;
};

constexpr Vocabulary any{"", {"flag-1", "flag-2", "flag-3"}};
constexpr std::array special{Vocabulary{"sh", {"sh-fallback", "sh-port", ""}},
                             Vocabulary{"mh", {"mh-fallback", "mh-port", ""}}};

const Vocabulary& vocabulary_of(std::string_view scheduler) {
    for (const auto& v : special)
        if (v.scheduler == scheduler) return v;
    return any;
}

}  // namespace

std::optional<SchedulerFlags> parse_scheduler_flag(std::string_view word) {
    if (word.empty()) return std::nullopt;
    for (std::size_t bit = 0; bit < any.words.size(); ++bit)
        for (const auto& v : {any, special[0], special[1]})
            if (v.words[bit] == word) return SchedulerFlags().set(bit);
    return std::nullopt;
}

std::vector<std::string> scheduler_flag_words(SchedulerFlags flags, std::string_view scheduler) {
    const auto& vocabulary = vocabulary_of(scheduler);
    std::vector<std::string> words;
    for (std::size_t bit = 0; bit < flags.size(); ++bit)
        if (flags.test(bit) && !vocabulary.words[bit].empty())
            words.emplace_back(vocabulary.words[bit]);
    return words;
}

}  // namespace shunt::cli
