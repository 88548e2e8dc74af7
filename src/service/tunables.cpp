// SPDX-License-Identifier: BSD-3-Clause
#include "service/tunables.h"

#include <charconv>
#include <optional>

namespace shunt {

namespace {

/// The number at the start of `text`, which loses it.
std::optional<std::uint32_t> take_number(std::string_view& text) noexcept {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number > 0x7FFFFFFF) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

bool take(std::string_view& text, char c) noexcept {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

bool is_cpu_list(std::string_view text) noexcept {
    if (text.empty()) return true;
    do {
        const auto first = take_number(text);
        if (!first) return false;
        if (!take(text, '-')) continue;
        const auto last = take_number(text);
        if (!last || *last < *first) return false;
    } while (take(text, ','));
    return text.empty();
}

bool is_sync_threshold(std::string_view text) noexcept {
    const auto threshold = take_number(text);
    if (!threshold || !take(text, ' ')) return false;
    const auto period = take_number(text);
    return period && text.empty() && (*threshold < *period || *period == 0);
}

}  // namespace shunt
