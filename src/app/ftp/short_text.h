// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A text of a few bytes in a place of its own, for what is held back and for what replaces it.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "app/stream_edits.h"

namespace shunt::ftp {

/// As long as the text of an edit may be. What does not fit is left out, and said. 56 bytes.
class ShortText {
  public:
    static constexpr std::size_t longest = StreamEdits::longest_text;

    ShortText() noexcept = default;
    explicit ShortText(std::string_view text) noexcept { append(text); }

    /// False, and nothing is appended, when it does not fit.
    bool append(std::string_view text) noexcept {
        if (text.size() > longest - size_) return false;
        std::copy(text.begin(), text.end(), bytes_.begin() + size_);
        size_ = static_cast<std::uint8_t>(size_ + text.size());
        return true;
    }
    bool append(char c) noexcept { return append(std::string_view(&c, 1)); }
    bool append_number(unsigned number) noexcept {
        std::array<char, 10> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        return append(std::string_view(digits.data(), end));
    }
    void clear() noexcept { size_ = 0; }

    [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  private:
    std::uint8_t size_ = 0;
    std::array<char, longest> bytes_;  // those behind the size mean nothing
};
static_assert(sizeof(ShortText) == 56);

}  // namespace shunt::ftp
