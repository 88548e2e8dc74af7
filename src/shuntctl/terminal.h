// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The operator's terminal. The base class is what there is without one: output to a file or a pipe.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace shunt::cli {

struct TerminalSize {
    std::size_t columns = 80;
    std::size_t rows = 24;
};

class Terminal {
  public:
    enum class Wake : std::uint8_t {
        time,  ///< as long as was asked for, or the window's size has changed
        key,   ///< one was pressed
        end,   ///< nobody reads any more
    };

    Terminal() = default;
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    virtual ~Terminal() = default;

    /// Of what standard output writes to, of now; nothing when that is no terminal.
    [[nodiscard]] virtual std::optional<TerminalSize> size() const { return std::nullopt; }
    /// Sleeps. With keys taken, `key` is the one that was pressed, when Wake::key.
    virtual Wake wait(std::chrono::milliseconds /*time*/, char& /*key*/) { return Wake::end; }
    /// From now on, and until the program ends in whatever way, keys are taken one by one, unseen,
    /// on a screen of its own. False when that is not possible.
    virtual bool take_keys() { return false; }
};

/// That of the process: standard input and output, the signals. One at a time.
class SystemTerminal final : public Terminal {
  public:
    SystemTerminal();
    ~SystemTerminal() override;

    /// COLUMNS and LINES of the environment go before what the terminal says.
    [[nodiscard]] std::optional<TerminalSize> size() const override;
    Wake wait(std::chrono::milliseconds time, char& key) override;
    bool take_keys() override;
};

}  // namespace shunt::cli
