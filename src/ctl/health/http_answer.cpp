// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/health/http_answer.h"

#include <algorithm>

namespace shunt::ctl {

namespace {

constexpr std::string_view version = "HTTP/1.";
constexpr std::size_t status_at = 9;  // behind "HTTP/1.1 "
constexpr std::size_t status_end = 12;

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

}  // namespace

HttpAnswer::State HttpAnswer::take(std::string_view bytes) noexcept {
    for (const char c : bytes) {
        if (state_ != State::more) break;
        state_ = take(c);
    }
    return state_;
}

HttpAnswer::State HttpAnswer::take(char c) noexcept {
    if (++size_ > longest_header) return fail("its header is too long");
    if (c == '\n') return end_line();
    // A CR that ends no line is a part of it.
    line_size_ += after_cr_ ? 1 : 0;
    after_cr_ = c == '\r';
    if (after_cr_) return State::more;
    if (in_status_line_ && line_size_ < line_.size()) line_[line_size_] = c;
    if (in_status_line_ && line_size_ < version.size() && c != version[line_size_])
        return fail("it is not HTTP/1");
    ++line_size_;
    return State::more;
}

HttpAnswer::State HttpAnswer::end_line() noexcept {
    const bool empty = line_size_ == 0;
    const State read = in_status_line_ ? read_status() : State::more;
    line_size_ = 0;
    after_cr_ = false;
    if (in_status_line_) {
        in_status_line_ = false;
        return read;
    }
    if (!empty) return State::more;
    if (status_ >= 200) return State::done;
    in_status_line_ = true;
    line_ = {};
    return State::more;
}

/// Of a line that began with the version as far as it went.
HttpAnswer::State HttpAnswer::read_status() noexcept {
    const auto digits = std::string_view(line_.data(), line_.size()).substr(status_at, 3);
    const bool whole = line_size_ >= status_end && is_digit(line_[version.size()]) &&
                       line_[status_at - 1] == ' ' && std::ranges::all_of(digits, is_digit) &&
                       (line_size_ == status_end || line_[status_end] == ' ');
    if (!whole) return fail("its first line is not understood");
    status_ = 0;
    for (const char c : digits) status_ = static_cast<std::uint16_t>(status_ * 10 + (c - '0'));
    if (status_ < 100 || status_ > 599) return fail("its status is none of HTTP");
    return State::more;
}

HttpAnswer::State HttpAnswer::fail(std::string_view problem) noexcept {
    problem_ = problem;
    return State::broken;
}

}  // namespace shunt::ctl
