// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/nearest_word.h"

#include <algorithm>

namespace shunt::cli {

namespace {

/// How many letters differ; two neighbours that changed places count once.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last;
    std::vector<std::size_t> last(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::vector<std::size_t> now(b.size() + 1, i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            now[j] = std::min(
                {last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) now[j] = std::min(now[j], before_last[j - 2] + 1);
        }
        before_last = std::move(last);
        last = std::move(now);
    }
    return last.back();
}

}  // namespace

std::string nearest_word(std::string_view given, const std::vector<std::string>& words) {
    constexpr std::size_t shortest_beginning = 2;
    std::string nearest;
    std::size_t least = std::max<std::size_t>(1, given.size() / 3) + 1;
    for (const auto& word : words) {
        const bool begins = given.size() >= shortest_beginning && word.starts_with(given);
        const auto letters = begins ? 0 : distance(given, word);
        if (letters >= least) continue;
        least = letters;
        nearest = word;
    }
    return nearest;
}

std::string did_you_mean(std::string_view given, const std::vector<std::string>& words) {
    const auto nearest = nearest_word(given, words);
    return nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?";
}

std::string or_list(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i)
        text += (i == 0 ? "" : i + 1 < words.size() ? ", " : " or ") + words[i];
    return text;
}

}  // namespace shunt::cli
