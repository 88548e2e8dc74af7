// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The text of a configuration, made ready for libconfig 1.5. That version cuts a number that does
// not fit 32 bits without a word, stops at a zero byte, takes a comment that never ends for the end
// of the file, dislikes a comment in a last line without newline, and does not say which key is set
// twice or where. So the text is scanned once before: numbers get the suffix of 64-bit ones,
// @include lines are replaced by the file (relative to the including one), and every line remembers
// where it came from. Thread: any.
#include <deque>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::ctl {

/// A configuration that cannot be used: what() is "FILE:LINE: key: reason", one line.
class ConfigError : public std::runtime_error {
  public:
    explicit ConfigError(const std::string& line, std::string key = {})
        : std::runtime_error(line), key_(std::move(key)) {}
    /// The key to blame: "services[0].address"; empty when it is none.
    [[nodiscard]] const std::string& key() const noexcept { return key_; }

  private:
    std::string key_;
};

/// A file as it was read.
struct ConfigFile {
    std::string name;  ///< its path as an @include leads to it
    std::string text;
};

class ConfigText {
  public:
    struct Origin {
        std::string file;
        int line = 0;
    };

    /// Throws ConfigError.
    static ConfigText from_file(const std::string& path);
    /// `name` stands for the file in errors. An @include finds the files of `included` and no
    /// others, whatever there is on the disk. Throws ConfigError.
    static ConfigText from_memory(std::string_view text, const std::string& name,
                                  std::span<const ConfigFile> included = {});

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// What was read: the file itself, then what it includes, each time it does.
    [[nodiscard]] const std::deque<ConfigFile>& files() const noexcept { return files_; }
    /// Where line `line` of text(), counted from 1, was written.
    [[nodiscard]] Origin origin(unsigned line) const;

  private:
    friend class ConfigScanner;
    struct Line {
        std::size_t file;  ///< index of files_
        int line;
    };
    std::string text_;
    std::deque<ConfigFile> files_;
    std::vector<Line> lines_;
};

/// Throws the ConfigError "FILE:LINE: key: reason", in one line whatever the parts hold.
[[noreturn]] void throw_config_error(const ConfigText::Origin& where, std::string_view key,
                                     std::string_view reason);

/// `text` in quotes for a message, cut when it is long.
std::string quote(std::string_view text);

}  // namespace shunt::ctl
