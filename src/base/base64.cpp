// SPDX-License-Identifier: BSD-3-Clause
#include "base/base64.h"

#include <array>
#include <cstdint>

namespace shunt {

namespace {

constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t no_letter = 0xFF;

constexpr std::array<std::uint8_t, 256> values = [] {
    std::array<std::uint8_t, 256> all{};
    all.fill(no_letter);
    for (std::size_t i = 0; i < letters.size(); ++i)
        all[static_cast<unsigned char>(letters[i])] = static_cast<std::uint8_t>(i);
    return all;
}();

}  // namespace

std::string to_base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::string_view group = bytes.substr(at, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i)
            text += i <= group.size() ? letters[bits >> (18 - 6 * i) & 63U] : '=';
    }
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t at = 0; at < text.size(); at += 4) {
        const std::size_t missing = at + 4 == text.size() ? padding : 0;
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const bool pads = i >= 4 - missing;
            const std::uint8_t value = pads ? 0 : values[static_cast<unsigned char>(text[at + i])];
            if (value == no_letter) return std::nullopt;
            bits = bits << 6 | value;
        }
        for (std::size_t i = 0; i < 3 - missing; ++i)
            bytes += static_cast<char>(bits >> (16 - 8 * i) & 0xFFU);
        if ((bits & ((1U << (8 * missing)) - 1)) != 0) return std::nullopt;
    }
    return bytes;
}

}  // namespace shunt
