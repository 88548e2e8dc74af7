// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/config_text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <tuple>

namespace shunt::ctl {

namespace {

constexpr int include_depth_max = 8;
constexpr std::size_t text_bytes_max = std::size_t{64} << 20;
/// More than any section has. libconfig compares each with all before it.
constexpr std::size_t names_max = 256;
constexpr std::string_view too_large = "the configuration is over 64 MiB";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_name_start(char c) {
    return is_letter(c) || c == '*';
}
bool is_name_part(char c) {
    return is_name_start(c) || is_digit(c) || c == '-' || c == '_';
}
bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

std::string read_whole_file(const std::string& path, const ConfigText::Origin& asked_by,
                            std::string_view key) {
    std::error_code ignored;
    const bool directory = std::filesystem::is_directory(path, ignored);
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string bytes;
    std::array<char, 65536> block;
    while (file && !directory && bytes.size() <= text_bytes_max) {
        file.read(block.data(), block.size());
        bytes.append(block.data(), static_cast<std::size_t>(file.gcount()));
    }
    if (bytes.size() > text_bytes_max) throw_config_error(asked_by, key, too_large);
    if (!directory && file.is_open() && !file.bad()) return bytes;
    const int error = directory ? EISDIR : errno;
    throw_config_error(asked_by, key,
                       quote(path) + " cannot be read: " + std::strerror(error ? error : EIO));
}

}  // namespace

void throw_config_error(const ConfigText::Origin& where, std::string_view key,
                        std::string_view reason) {
    auto line = where.file + ":" + std::to_string(where.line) + ": ";
    line.append(key).append(": ").append(reason);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; }, '?');
    throw ConfigError(line, std::string(key));
}

std::string quote(std::string_view text) {
    constexpr std::size_t shown_max = 80;
    const bool cut = text.size() > shown_max;
    return '"' + std::string(text.substr(0, shown_max)) + (cut ? "...\"" : "\"");
}

/// Copies one file after the other into the ConfigText. It follows libconfig's own lexical rules:
/// comments, strings with backslashes, names, numbers; all else is passed on as it is.
class ConfigScanner {
  public:
    /// Gives the text of an included file, or throws.
    using Open = std::function<std::string(const std::string& path, const ConfigText::Origin& by)>;

    ConfigScanner(ConfigText& out, Open open) : out_(out), open_(std::move(open)) {}

    void add(const std::string& name, std::string text) {
        read_ += text.size();
        if (read_ > text_bytes_max) throw_config_error({name, 0}, "file", too_large);
        const auto outer = std::make_tuple(text_, at_, file_, line_);
        file_ = out_.files_.size();
        out_.files_.push_back({name, std::move(text)});
        text_ = out_.files_.back().text;
        at_ = 0;
        out_.text_.reserve(out_.text_.size() + text_.size() + text_.size() / 8);
        start_line(1);
        while (at_ < text_.size()) step();
        out_.text_ += '\n';
        std::tie(text_, at_, file_, line_) = outer;
    }

  private:
    [[noreturn]] void fail(std::string_view key, std::string_view reason) const {
        throw_config_error(here(), key, reason);
    }
    [[nodiscard]] ConfigText::Origin here() const { return {out_.files_[file_].name, line_}; }
    [[nodiscard]] bool next_is(std::string_view word) const {
        return text_.substr(at_, word.size()) == word;
    }
    template <class Test>
    std::string_view take_while(Test test) {
        const auto start = at_;
        while (at_ < text_.size() && test(text_[at_])) ++at_;
        return text_.substr(start, at_ - start);
    }
    void start_line(int line) {
        line_ = line;
        out_.lines_.push_back({file_, line_});
    }
    void copy() {
        const char c = text_[at_++];
        if (c == '\0') fail("file", "a zero byte; this is no text");
        if (out_.text_.size() >= text_bytes_max) fail("file", too_large);
        out_.text_ += c;
        if (c == '\n') start_line(line_ + 1);
    }

    void step() {
        const char c = text_[at_];
        if (c == '"')
            string();
        else if (c == '#' || next_is("//"))
            take_while([](char in_comment) { return in_comment != '\n'; });
        else if (next_is("/*"))
            comment();
        else if (is_name_start(c))
            name();
        else if (is_digit(c) || c == '.')
            number();
        else if (c == '@')
            include();
        else if (is_blank(c))
            blanks();
        else
            bracket();
    }

    /// As one: they only separate.
    void blanks() {
        take_while(is_blank);
        out_.text_ += ' ';
    }

    void string() {
        const int start = line_;
        copy();
        while (at_ < text_.size() && text_[at_] != '"') {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) copy();
            copy();
        }
        if (at_ == text_.size())
            throw_config_error({out_.files_[file_].name, start}, "syntax",
                               "the text in quotes that starts here never ends");
        copy();
    }

    void comment() {
        const auto origin = here();
        at_ += 2;
        for (; at_ < text_.size() && !next_is("*/"); ++at_) {
            if (text_[at_] != '\n') continue;
            out_.text_ += '\n';
            start_line(line_ + 1);
        }
        if (at_ == text_.size())
            throw_config_error(origin, "syntax", "the comment that starts here never ends");
        at_ += 2;
        out_.text_ += ' ';
    }

    void name() {
        const auto word = take_while(is_name_part);
        out_.text_ += word;
        if (!is_set_here()) return;
        const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(sections_.back());
        const auto first = std::find_if(begin, names_.end(),
                                        [word](const Name& known) { return known.word == word; });
        if (first == names_.end()) {
            if (names_.size() - sections_.back() == names_max)
                fail(word,
                     "is one of more than " + std::to_string(names_max) + " keys in one section");
            names_.push_back({word, file_, line_});
            return;
        }
        auto reason = "is set a second time; the first is in line " + std::to_string(first->line);
        if (first->file != file_) reason += " of " + out_.files_[first->file].name;
        fail(word, reason);
    }

    /// Is the name that was just read followed by "=" or ":"?
    [[nodiscard]] bool is_set_here() const {
        const auto next = text_.find_first_not_of(" \t\r\n", at_);
        return next != std::string_view::npos && (text_[next] == '=' || text_[next] == ':');
    }

    /// A whole number without the suffix gets it: libconfig then keeps all 64 bits.
    void number() {
        const bool hex = next_is("0x") || next_is("0X");
        if (hex) {
            out_.text_ += text_.substr(at_, 2);
            at_ += 2;
        }
        const auto digits = take_while(
            [hex](char c) { return is_digit(c) || (hex && is_letter(c) && (c | 0x20) <= 'f'); });
        out_.text_ += digits;
        const char next = at_ < text_.size() ? text_[at_] : '\n';
        const bool fraction = next == '.' || next == 'e' || next == 'E';
        if (fraction && !hex)
            out_.text_ += take_while([](char c) {
                return is_digit(c) || c == '.' || c == 'e' || c == 'E' || c == '-' || c == '+';
            });
        else if (next == 'L')
            out_.text_ += take_while([](char c) { return c == 'L'; });
        else
            out_.text_ += 'L';
    }

    void bracket() {
        const char c = text_[at_];
        if (c == '{') sections_.push_back(names_.size());
        if (c == '}' && sections_.size() > 1) {
            names_.resize(sections_.back());
            sections_.pop_back();
        }
        copy();
    }

    void include() {
        const auto line_start = text_.substr(0, at_).rfind('\n') + 1;  // npos + 1 is 0
        const auto before = text_.substr(line_start, at_ - line_start);
        if (!next_is("@include") || !std::all_of(before.begin(), before.end(), is_blank))
            fail("syntax", "\"@\" is only for a line of its own: @include \"FILE\"");
        at_ += std::strlen("@include");
        take_while(is_blank);
        if (!next_is("\"")) fail("@include", "expected the name of a file in quotes");
        ++at_;
        const auto path = take_while([](char c) { return c != '"' && c != '\n'; });
        if (!next_is("\"")) fail("@include", "the closing quote is missing");
        ++at_;
        if (depth_ == include_depth_max)
            fail("@include", "files include each other more than 8 deep");
        const auto from = std::filesystem::path(out_.files_[file_].name).parent_path();
        const auto target = (from / std::string(path)).string();
        auto text = open_(target, here());
        out_.text_ += '\n';
        ++depth_;
        add(target, std::move(text));
        --depth_;
        start_line(line_);
    }

    struct Name {
        std::string_view word;
        std::size_t file;
        int line;
    };

    ConfigText& out_;
    Open open_;
    int depth_ = 0;
    std::size_t read_ = 0;  ///< bytes of all files
    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t file_ = 0;
    int line_ = 1;
    std::vector<Name> names_;               ///< set in the open sections, innermost last
    std::vector<std::size_t> sections_{0};  ///< where the names of each begin
};

ConfigText ConfigText::from_file(const std::string& path) {
    ConfigText text;
    ConfigScanner(text, [](const std::string& included, const Origin& by) {
        return read_whole_file(included, by, "@include");
    }).add(path, read_whole_file(path, {path, 0}, "file"));
    return text;
}

ConfigText ConfigText::from_memory(std::string_view bytes, const std::string& name,
                                   std::span<const ConfigFile> included) {
    ConfigText text;
    ConfigScanner(text, [included](const std::string& path, const Origin& by) {
        const auto file = std::ranges::find(included, path, &ConfigFile::name);
        if (file != included.end()) return file->text;
        throw_config_error(by, "@include",
                           included.empty() ? "is possible only in a file"
                                            : quote(path) + " is not among the included files");
    }).add(name, std::string(bytes));
    return text;
}

ConfigText::Origin ConfigText::origin(unsigned line) const {
    const auto& found = lines_[std::clamp<std::size_t>(line, 1, lines_.size()) - 1];
    return {files_[found.file].name, found.line};
}

}  // namespace shunt::ctl
