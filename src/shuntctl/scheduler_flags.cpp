// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/scheduler_flags.h"

#include <algorithm>
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
                             Vocabulary{"mh", {"mh-fallback", "mh-port", ""}},
                             Vocabulary{"conhash", {"", "conhash-port", ""}}};

const Vocabulary& vocabulary_of(std::string_view scheduler) {
    for (const auto& v : special)
        if (v.scheduler == scheduler) return v;
    return any;
}

}  // namespace

std::optional<SchedulerFlags> parse_scheduler_flag(std::string_view word) {
    if (word.empty()) return std::nullopt;
    const auto find = [word](const Vocabulary& v) -> std::optional<SchedulerFlags> {
        const auto* const at = std::find(v.words.begin(), v.words.end(), word);
        if (at == v.words.end()) return std::nullopt;
        return SchedulerFlags().set(static_cast<std::size_t>(at - v.words.begin()));
    };
    auto flag = find(any);
    for (const auto& v : special)
        if (!flag) flag = find(v);
    return flag;
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
