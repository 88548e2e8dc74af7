// SPDX-License-Identifier: BSD-3-Clause
#include "app/ftp/line_scanner.h"

#include <algorithm>

namespace shunt::ftp {

namespace {

constexpr std::uint8_t cr = 13;
constexpr std::uint8_t lf = 10;
constexpr std::uint8_t blank = 32;  // and all below it

// RFC 854
constexpr std::uint8_t end_of_parameters = 240;
constexpr std::uint8_t begin_of_parameters = 250;
constexpr std::uint8_t will = 251;
constexpr std::uint8_t dont = 254;
constexpr std::uint8_t interpret_as_command = 255;

// Of ReplyScanner::digits_, behind the three.
constexpr std::uint8_t code_known = 4;
constexpr std::uint8_t no_code = 5;

constexpr char upper(char c) noexcept {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
constexpr bool is_digit(std::uint8_t byte) noexcept {
    return byte >= '0' && byte <= '9';
}

bool same_word(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, upper, upper);
}

/// Takes bytes until there is an event.
template <class Fn>
std::size_t take_each(std::span<const std::byte> bytes, Event& event, Fn&& take) noexcept {
    event = Event();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        take(std::to_integer<std::uint8_t>(bytes[i]));
        if (event.any()) return i + 1;
    }
    return bytes.size();
}

}  // namespace

bool TelnetFilter::is_text(std::uint8_t byte) noexcept {
    if (byte == cr || byte == lf) {
        reset();
        return true;
    }
    switch (state_) {
        case State::text:
            if (byte != interpret_as_command) return true;
            state_ = State::command;
            return false;
        case State::command:
            if (byte == begin_of_parameters)
                state_ = State::parameters;
            else
                state_ = byte >= will && byte <= dont ? State::option : State::text;
            return byte == interpret_as_command;  // two of them are one byte of text
        case State::option:
            state_ = State::text;
            return false;
        case State::parameters:
            if (byte == interpret_as_command) state_ = State::parameters_command;
            return false;
        case State::parameters_command:
            state_ = byte == end_of_parameters ? State::text : State::parameters;
            return false;
    }
    return true;
}

// --- Commands

std::size_t CommandScanner::scan(std::span<const std::byte> bytes, Event& event) noexcept {
    return take_each(bytes, event, [&](std::uint8_t byte) noexcept { take(byte, event); });
}

void CommandScanner::take(std::uint8_t byte, Event& event) noexcept {
    length_ = std::min<std::uint16_t>(length_ + 1, longest_line + 1);
    const bool text = telnet_.is_text(byte);
    // It has no argument to be held back, and is to be spoilt all the same.
    if (text && byte <= blank && part_ == Part::word && is("LPSV")) {
        hold();
        part_ = Part::rest;
    }
    if (holds_) keep(byte);
    if (byte == lf)
        end_line(event);
    else if (byte == cr)
        cr_ = true;
    else if (text)
        take_text(byte);
    ++next_;
    if (byte == lf) start_line();
}

void CommandScanner::take_text(std::uint8_t byte) noexcept {
    if (cr_ && !holds_) start_line();
    cr_ = false;
    switch (part_) {
        case Part::start:
            if (byte > blank) part_ = Part::word;
            if (part_ == Part::word) take_word(byte);
            break;
        case Part::word:
            take_word(byte);
            break;
        case Part::blank:
            if (byte > blank) begin_argument(byte);
            break;
        case Part::argument:
            if (!holds_) keep(byte);
            break;
        case Part::rest:
            break;
    }
}

void CommandScanner::take_word(std::uint8_t byte) noexcept {
    if (byte <= blank)
        part_ = is("PORT") || is("EPRT") || is("LPRT") || is("EPSV") || is("AUTH") ? Part::blank
                                                                                   : Part::rest;
    else if (letters_ < word_.size())
        word_[letters_++] = upper(static_cast<char>(byte));
    else
        letters_ = static_cast<std::uint8_t>(word_.size() + 1);  // a longer word
}

bool CommandScanner::is(std::string_view word) const noexcept {
    return letters_ == word.size() && std::equal(word.begin(), word.end(), word_.begin());
}

void CommandScanner::begin_argument(std::uint8_t byte) noexcept {
    part_ = Part::argument;
    if (is("PORT") || is("EPRT") || is("LPRT")) hold();
    keep(byte);
}

void CommandScanner::hold() noexcept {
    holds_ = true;
    first_ = next_;
}

void CommandScanner::keep(std::uint8_t byte) noexcept {
    if (!text_.append(static_cast<char>(byte))) too_long_ = true;
}

std::string_view CommandScanner::argument() const noexcept {
    std::string_view text = text_.view();
    while (!text.empty() && static_cast<std::uint8_t>(text.back()) <= blank) text.remove_suffix(1);
    return text;
}

void CommandScanner::end_line(Event& event) noexcept {
    event.line_end = true;
    event.line_too_long = length_ > longest_line;
    if (holds_) {
        event.has_range = true;
        event.first = first_;
        event.last = next_;
        event.text = too_long_ ? ShortText(cr_ ? "\r\n" : "\n") : text_;
        event.closing_size = cr_ ? 2 : 1;
    }
    describe(event);
}

void CommandScanner::describe(Event& event) const noexcept {
    if (is("PORT") || is("EPRT") || is("LPRT") || is("LPSV"))
        describe_port(event);
    else if (event.line_too_long)
        return;
    else if (is("PASV"))
        event.kind = EventKind::passive;
    else if (is("CCC"))
        event.kind = EventKind::clear_command_channel;
    else if (is("EPSV"))
        event.kind =
            same_word(argument(), "ALL") ? EventKind::extended_only : EventKind::extended_passive;
    else if (is("AUTH"))
        event.kind = same_word(argument().substr(0, 3), "TLS") || same_word(argument(), "SSL")
                         ? EventKind::auth_tls
                         : EventKind::auth_other;
}

void CommandScanner::describe_port(Event& event) const noexcept {
    const bool extended = is("EPRT");
    const bool long_address = is("LPRT") || is("LPSV");
    event.kind = long_address ? EventKind::long_address
                 : extended   ? EventKind::extended_port
                              : EventKind::port;
    if (too_long_ || event.line_too_long)
        event.address.problem = AddressProblem::too_long;
    else if (long_address)
        event.address.problem = AddressProblem::family;
    else
        event.address = extended ? parse_extended(argument()) : parse_host_port(argument());
}

void CommandScanner::start_line() noexcept {
    part_ = Part::start;
    length_ = 0;
    letters_ = 0;
    holds_ = cr_ = too_long_ = false;
    text_.clear();
}

// --- Replies

std::size_t ReplyScanner::scan(std::span<const std::byte> bytes, Event& event) noexcept {
    return take_each(bytes, event, [&](std::uint8_t byte) noexcept { take(byte, event); });
}

void ReplyScanner::take(std::uint8_t byte, Event& event) noexcept {
    length_ = std::min<std::uint16_t>(length_ + 1, longest_line + 1);
    const bool text = telnet_.is_text(byte);
    search(byte, event);
    if (byte == lf)
        end_line(event);
    else if (text)
        take_code(byte);
    ++next_;
}

/// The first three digits of a line, and what is behind them.
void ReplyScanner::take_code(std::uint8_t byte) noexcept {
    if (digits_ < 3 && is_digit(byte)) {
        code_ = static_cast<std::uint16_t>(code_ * 10 + (byte - '0'));
        ++digits_;
    } else if (digits_ == 3) {
        const bool ends = byte == ' ' || byte == cr;
        digits_ = ends || byte == '-' ? code_known : no_code;
        if (multi_ != 0)
            last_line_ = ends && code_ == multi_;
        else if (byte == '-')
            multi_ = code_;
        else
            last_line_ = ends;
    } else if (digits_ < 3) {
        digits_ = no_code;
    }
}

void ReplyScanner::search(std::uint8_t byte, Event& event) noexcept {
    if (holds_) {
        go_on(byte, event);
        return;
    }
    const bool run = is_digit(byte) || byte == ',';
    in_run_ = in_run_ && run;
    const bool known = multi_ != 0 || digits_ == code_known;
    const std::uint16_t code = code_of_reply();
    if (!known || done_ || in_run_ || length_ > longest_line) return;
    const bool begins =
        (code == passive_code && is_digit(byte)) || (code == extended_passive_code && byte == '(');
    in_run_ = code == passive_code && byte == ',';
    if (!begins) return;
    holds_ = true;
    first_ = next_;
    text_.clear();
    text_.append(static_cast<char>(byte));
}

void ReplyScanner::go_on(std::uint8_t byte, Event& event) noexcept {
    if (length_ > longest_line)
        decide(byte, {.problem = AddressProblem::too_long, .endpoint = {}}, event);
    else if (code_of_reply() == passive_code)
        go_on_in_numbers(byte, event);
    else
        go_on_in_parentheses(byte, event);
}

void ReplyScanner::go_on_in_numbers(std::uint8_t byte, Event& event) noexcept {
    constexpr std::size_t longest_host_port = 23;
    const bool run = is_digit(byte) || byte == ',';
    if (run && text_.view().size() < longest_host_port) {
        text_.append(static_cast<char>(byte));
        return;
    }
    decide(byte,
           run ? AddressText{.problem = AddressProblem::too_long, .endpoint = {}}
               : parse_host_port(text_.view()),
           event);
    in_run_ = run;
}

void ReplyScanner::go_on_in_parentheses(std::uint8_t byte, Event& event) noexcept {
    const bool fits = text_.view().size() < ShortText::longest - 1;
    const bool ends = byte == ')' || byte <= blank || byte >= 127 || !fits;
    if (!ends)
        text_.append(static_cast<char>(byte));
    else if (byte == ')')
        decide(byte, parse_extended_reply(text_.view().substr(1)), event);
    else
        decide(
            byte,
            {.problem = fits ? AddressProblem::syntax : AddressProblem::too_long, .endpoint = {}},
            event);
}

/// `byte` has ended what was held back.
void ReplyScanner::decide(std::uint8_t byte, const AddressText& address, Event& event) noexcept {
    holds_ = false;
    event.has_range = true;
    event.first = first_;
    event.last = next_;
    event.code = code_of_reply();
    event.address = address;
    text_.append(static_cast<char>(byte));
    event.text = text_;
    event.closing_size = 1;
    done_ = address.problem == AddressProblem::none;
    if (!done_)
        event.kind = EventKind::released;
    else if (event.code == passive_code)
        event.kind = EventKind::passive_reply;
    else
        event.kind = EventKind::extended_passive_reply;
    if (!done_ && address.problem != AddressProblem::syntax) problem_ = address.problem;
}

void ReplyScanner::end_line(Event& event) noexcept {
    if (digits_ == 3) last_line_ = multi_ == 0 || code_ == multi_;
    event.line_end = true;
    event.line_too_long = length_ > longest_line;
    event.code = last_line_ || multi_ != 0 ? code_of_reply() : 0;
    event.reply_end = last_line_;
    if (last_line_) {
        if (event.kind == EventKind::none)
            event.address.problem = done_ ? AddressProblem::none : problem_;
        multi_ = 0;
        done_ = false;
        problem_ = AddressProblem::syntax;
    }
    length_ = 0;
    code_ = 0;
    digits_ = 0;
    last_line_ = in_run_ = false;
}

}  // namespace shunt::ftp
