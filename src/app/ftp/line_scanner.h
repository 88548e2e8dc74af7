// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a load balancer must know of the lines on an FTP control connection, found byte by byte, so
// that it is the same however the stream is cut into segments (RFC 959 4, 5.3; RFC 2428; RFC 4217;
// RFC 854; RFC 1123 4.1.2).
//
// A scanner is given the bytes of its direction in order and says, line by line, what was there.
// Only the argument of PORT, EPRT and LPRT, what is behind LPSV, the numbers in a 227 reply and
// what stands in parentheses in a 229 reply are held back; every other byte may go on at once. The
// range of an event ends with the byte that decided, so the last byte of a range has always come
// with the last bytes that were given, and the sender still has it.
//
// Where servers differ in what they take for a command, what any of them would take is seen: space,
// tabs and other control characters before it; a lone CR as the end of a line; Telnet sequences,
// which nevertheless end with the line. So no client can hide a PORT from the scanner that its
// server obeys.
//
// No allocation; memory is bounded whatever comes. Thread: the connection's owner.
#include <cstddef>
#include <cstdint>
#include <span>

#include "app/ftp/address_text.h"

namespace shunt::ftp {

enum class EventKind : std::uint8_t {
    none,              ///< nothing of interest, or the end of a line only
    port,              ///< PORT; held back up to the end of its line
    extended_port,     ///< EPRT; the same
    long_address,      ///< LPRT, LPSV (RFC 1639): the same, and not understood
    passive,           ///< PASV
    extended_passive,  ///< EPSV, with or without a network protocol
    extended_only,     ///< EPSV ALL
    auth_tls,          ///< AUTH TLS, SSL, TLS-C or TLS-P
    auth_other,
    clear_command_channel,   ///< CCC
    passive_reply,           ///< the six numbers in a 227 reply
    extended_passive_reply,  ///< what is in parentheses in a 229 reply
    released,                ///< what was held back is nothing of interest
};

/// What was found. `first`, `last` and what follows it have a meaning if `has_range`.
struct Event {
    EventKind kind = EventKind::none;
    bool line_end = false;       ///< of a command, or of a line of a reply
    bool reply_end = false;      ///< of its last line
    bool line_too_long = false;  ///< said at its end
    bool has_range = false;
    std::uint16_t code = 0;   ///< of the reply; 0: the line is of none
    std::uint32_t first = 0;  ///< sequence number
    std::uint32_t last = 0;
    /// At the end of a 227 or 229 reply that has no range: what is wrong with all of it.
    AddressText address;
    /// The bytes of the range; of one that is too long only what closes it.
    ShortText text;
    std::uint8_t closing_size = 0;  ///< the bytes behind the address, which are the last ones

    [[nodiscard]] std::string_view closing() const noexcept {
        return text.view().substr(text.view().size() - closing_size);
    }
    [[nodiscard]] bool any() const noexcept { return kind != EventKind::none || line_end; }
};

/// Passes the commands and options of Telnet by (RFC 854, 855). 1 byte.
class TelnetFilter {
  public:
    /// Is the byte text? CR and LF always are, and end any sequence.
    [[nodiscard]] bool is_text(std::uint8_t byte) noexcept;
    void reset() noexcept { state_ = State::text; }

  private:
    enum class State : std::uint8_t { text, command, option, parameters, parameters_command };
    State state_ = State::text;
};

// Codes of replies that tell where the server listens (RFC 959 4.2.2, RFC 2428 3).
inline constexpr std::uint16_t passive_code = 227;
inline constexpr std::uint16_t extended_passive_code = 229;

/// A line longer than this holds nothing of interest.
inline constexpr std::uint16_t longest_line = 512;

/// Of the client's direction. Each line gives one event at its end. 76 bytes.
class CommandScanner {
  public:
    explicit CommandScanner(std::uint32_t next = 0) noexcept : next_(next) {}

    /// Takes bytes up to and with the next event, or all; returns how many.
    std::size_t scan(std::span<const std::byte> bytes, Event& event) noexcept;

    /// The sequence number of the byte to come.
    [[nodiscard]] std::uint32_t next() const noexcept { return next_; }
    /// The first byte that is to be held back; next() if none is.
    [[nodiscard]] std::uint32_t held() const noexcept { return holds_ ? first_ : next_; }
    [[nodiscard]] bool at_line_start() const noexcept { return part_ == Part::start && !cr_; }

  private:
    enum class Part : std::uint8_t { start, word, blank, argument, rest };

    void take(std::uint8_t byte, Event& event) noexcept;
    void take_text(std::uint8_t byte) noexcept;
    void take_word(std::uint8_t byte) noexcept;
    void begin_argument(std::uint8_t byte) noexcept;
    void hold() noexcept;
    void keep(std::uint8_t byte) noexcept;
    [[nodiscard]] std::string_view argument() const noexcept;
    void end_line(Event& event) noexcept;
    void describe(Event& event) const noexcept;
    void describe_port(Event& event) const noexcept;
    void start_line() noexcept;
    [[nodiscard]] bool is(std::string_view word) const noexcept;

    std::uint32_t next_;
    std::uint32_t first_ = 0;   ///< of what is held back
    std::uint16_t length_ = 0;  ///< of the line; stays at one above the longest
    Part part_ = Part::start;
    TelnetFilter telnet_;
    bool holds_ = false;
    bool cr_ = false;        ///< the byte before was one
    bool too_long_ = false;  ///< the argument
    std::uint8_t letters_ = 0;
    std::array<char, 4> word_{};  ///< in capital letters
    ShortText text_;              ///< of the argument, with what is behind it
};
static_assert(sizeof(CommandScanner) == 76);

/// Of the server's direction. A line gives one event at its end, and before that one for each piece
/// of it that was held back. 80 bytes.
class ReplyScanner {
  public:
    explicit ReplyScanner(std::uint32_t next = 0) noexcept : next_(next) {}

    // As those of CommandScanner.
    std::size_t scan(std::span<const std::byte> bytes, Event& event) noexcept;
    [[nodiscard]] std::uint32_t next() const noexcept { return next_; }
    [[nodiscard]] std::uint32_t held() const noexcept { return holds_ ? first_ : next_; }

  private:
    void take(std::uint8_t byte, Event& event) noexcept;
    void take_code(std::uint8_t byte) noexcept;
    void search(std::uint8_t byte, Event& event) noexcept;
    void go_on(std::uint8_t byte, Event& event) noexcept;
    void go_on_in_numbers(std::uint8_t byte, Event& event) noexcept;
    void go_on_in_parentheses(std::uint8_t byte, Event& event) noexcept;
    void decide(std::uint8_t byte, const AddressText& address, Event& event) noexcept;
    void end_line(Event& event) noexcept;
    [[nodiscard]] std::uint16_t code_of_reply() const noexcept {
        return multi_ != 0 ? multi_ : code_;
    }

    std::uint32_t next_;
    std::uint32_t first_ = 0;
    std::uint16_t length_ = 0;
    std::uint16_t code_ = 0;   ///< what the line begins with
    std::uint16_t multi_ = 0;  ///< of the reply of many lines that has begun
    std::uint8_t digits_ = 0;  ///< of the code that came; above 3: it is known, or there is none
    TelnetFilter telnet_;
    bool holds_ = false;
    bool last_line_ = false;                           ///< of its reply
    bool in_run_ = false;                              ///< of digits and commas that is no address
    bool done_ = false;                                ///< an address was found in this reply
    AddressProblem problem_ = AddressProblem::syntax;  ///< of what is the most like an address
    ShortText text_;                                   ///< what is held back
};
static_assert(sizeof(ReplyScanner) == 80);

}  // namespace shunt::ftp
