// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The header of an HTTP/1 answer as its bytes come, of which only the status is wanted (RFC 9112
// sections 2.2 and 4). Interim answers (1xx) are passed over. Keeps no bytes but those of the
// status line; takes any bytes from the network. Thread: any.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shunt::ctl {

class HttpAnswer {
  public:
    /// Bytes of all headers together, beyond which an answer is broken.
    static constexpr std::size_t longest_header = 16384;

    enum class State : std::uint8_t { more, done, broken };

    /// The next bytes. What comes behind the header, or after the end of this, is not looked at.
    State take(std::string_view bytes) noexcept;

    [[nodiscard]] State state() const noexcept { return state_; }
    /// 200 to 599, when done.
    [[nodiscard]] std::uint16_t status() const noexcept { return status_; }
    /// Why it is broken.
    [[nodiscard]] std::string_view problem() const noexcept { return problem_; }

  private:
    State take(char c) noexcept;
    State end_line() noexcept;
    State read_status() noexcept;
    State fail(std::string_view problem) noexcept;

    std::array<char, 13> line_{};  ///< begin of the status line: "HTTP/1.1 200 "
    std::size_t line_size_ = 0;    ///< of the line so far, without a CR at its end
    std::size_t size_ = 0;         ///< of all lines
    bool in_status_line_ = true;
    bool after_cr_ = false;
    std::uint16_t status_ = 0;
    State state_ = State::more;
    std::string_view problem_;
};

}  // namespace shunt::ctl
