// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The Call-ID of a SIP message, the name by which its call is known to both ends (RFC 3261 7.3,
// 20.8, 25.1). Pure functions of the bytes, for any thread.
#include <cstdint>
#include <string_view>

#include "net/view.h"

namespace shunt {

/// A longer Call-ID counts as none.
inline constexpr std::size_t longest_call_id = 255;

/// Looks for the header, line by line. The kernel is followed where the standard leaves room
/// (ipvs-behaviour 5.5): a line may end with CR, LF or both, a body is searched too, and of several
/// headers the first one counts, even when it is none that can be read.
class SipCallIdSearch {
  public:
    explicit SipCallIdSearch(std::span<const std::byte> message) noexcept : message_(message) {}

    [[nodiscard]] std::span<const std::byte> run() noexcept {
        while (go_to_next_line())
            if (pass("call-id") || pass_compact_name())
                return skip_blanks() && pass(":") && skip_blanks() ? value()
                                                                   : std::span<const std::byte>();
        return {};
    }

  private:
    static char lower(char c) noexcept {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    static bool is_letter(char c) noexcept { return lower(c) >= 'a' && lower(c) <= 'z'; }
    /// May a "word" of the standard have it?
    static bool is_of_word(char c) noexcept {
        constexpr std::string_view signs = "-.!%*_+`'~()<>:\\\"/[]?{}";
        return is_letter(c) || (c >= '0' && c <= '9') || signs.find(c) != std::string_view::npos;
    }

    [[nodiscard]] bool at_end() const noexcept { return at_ == message_.size(); }
    /// To be called before the end only.
    [[nodiscard]] char here() const noexcept { return std::to_integer<char>(message_[at_]); }
    [[nodiscard]] bool is_at(char c) const noexcept { return !at_end() && here() == c; }
    [[nodiscard]] bool at_line_end() const noexcept { return is_at('\r') || is_at('\n'); }
    [[nodiscard]] bool at_blank() const noexcept { return is_at(' ') || is_at('\t'); }

    void pass_line_end() noexcept {
        const bool may_be_two = is_at('\r');
        ++at_;
        if (may_be_two && is_at('\n')) ++at_;
    }

    /// To the first byte behind the next end of a line; false when the message ends there.
    bool go_to_next_line() noexcept {
        while (!at_end() && !at_line_end()) ++at_;
        if (!at_end()) pass_line_end();
        return !at_end();
    }

    /// Passes what is given in small letters; stays when something else stands here.
    bool pass(std::string_view text) noexcept {
        if (message_.size() - at_ < text.size()) return false;
        for (std::size_t i = 0; i < text.size(); ++i)
            if (lower(std::to_integer<char>(message_[at_ + i])) != text[i]) return false;
        at_ += text.size();
        return true;
    }

    /// A longer name may begin with the same letter.
    bool pass_compact_name() noexcept {
        const bool longer =
            message_.size() - at_ < 2 || is_letter(std::to_integer<char>(message_[at_ + 1]));
        return !longer && pass("i");
    }

    /// Passes blanks, and the end of a line when the next one goes on with it; false when it does
    /// not.
    bool skip_blanks() noexcept {
        while (at_blank()) ++at_;
        if (!at_line_end()) return true;
        pass_line_end();
        if (!at_blank()) return false;
        while (at_blank()) ++at_;
        return true;
    }

    void pass_word() noexcept {
        while (!at_end() && is_of_word(here())) ++at_;
    }

    /// A word, or two of them with an "@" between, and the end of the line behind it.
    std::span<const std::byte> value() noexcept {
        const std::size_t first = at_;
        pass_word();
        if (at_ == first) return {};
        if (pass("@")) {
            const std::size_t host = at_;
            pass_word();
            if (at_ == host) return {};
        }
        const std::size_t size = at_ - first;
        return at_line_end() && size <= longest_call_id ? message_.subspan(first, size)
                                                        : std::span<const std::byte>();
    }

    std::span<const std::byte> message_;
    std::size_t at_ = 0;
};

/// The Call-ID in a SIP message, a part of `message`; empty when there is none that counts.
[[nodiscard]] inline std::span<const std::byte> sip_call_id(PacketReader message) noexcept {
    return SipCallIdSearch(message.bytes()).run();
}

}  // namespace shunt
