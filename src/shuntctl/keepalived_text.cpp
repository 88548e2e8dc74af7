// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/keepalived_text.h"

#include <cctype>
#include <map>

namespace shunt::cli {

namespace {

constexpr std::size_t most_depth = 32;
constexpr std::size_t most_files = 256;
/// A line of definitions that name each other could grow without end.
constexpr std::size_t longest_line = 65536;

struct Token {
    enum class Kind : std::uint8_t { word, open, close, end_of_line } kind;
    std::string text;
    ImportPlace place;
};

bool is_blank(char c) noexcept {
    return std::isspace(static_cast<unsigned char>(c)) != 0;
}
bool is_name(char c) noexcept {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return std::string(text);
}

/// Cuts texts into tokens, included files where they are named.
class Tokens {
  public:
    Tokens(const ReadIncluded& read, ImportPlan& notes) : read_(read), notes_(notes) {}

    void take(std::string_view text, const std::string& file) {
        ++files_;
        ImportPlace place{file, 0};
        while (!text.empty()) {
            ++place.line;
            const auto first = place;
            std::string line = next_line(text);
            while (line.ends_with('\\') && !text.empty()) {
                line.pop_back();
                line += next_line(text);
                ++place.line;
            }
            take_line(line, first);
        }
    }
    [[nodiscard]] const std::vector<Token>& all() const noexcept { return tokens_; }

  private:
    static std::string next_line(std::string_view& text) {
        const auto end = text.find('\n');
        std::string line(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        while (line.ends_with('\r')) line.pop_back();
        return line;
    }

    void take_line(std::string line, const ImportPlace& place) {
        line = trimmed(line);
        if (line.starts_with('@')) {
            const auto blank = line.find_first_of(" \t");
            const bool unless = line.starts_with("@!") || line.starts_with("@^");
            if (!unless) {
                notes_.note(place, "left out: a line for " + line.substr(0, blank) + " alone");
                return;
            }
            line = blank == std::string::npos ? "" : trimmed(line.substr(blank));
        }
        if (line.starts_with('~'))
            return notes_.note(
                place, "left out: " + line.substr(0, line.find('(')) + " is not understood");
        if (define(line)) return;
        cut(expanded(line, place), place);
    }

    /// "$NAME=VALUE".
    bool define(const std::string& line) {
        if (!line.starts_with('$')) return false;
        std::size_t end = 1;
        while (end < line.size() && is_name(line[end])) ++end;
        if (end == 1 || end == line.size() || line[end] != '=') return false;
        definitions_[line.substr(1, end - 1)] = trimmed(std::string_view(line).substr(end + 1));
        return true;
    }

    std::string expanded(const std::string& line, const ImportPlace& place) {
        std::string out;
        for (std::size_t i = 0; i < line.size();) {
            const bool braced = line[i] == '$' && i + 1 < line.size() && line[i + 1] == '{';
            std::size_t end = i + (braced ? 2 : 1);
            const std::size_t begin = end;
            while (line[i] == '$' && end < line.size() && is_name(line[end])) ++end;
            if (line[i] != '$' || end == begin) {
                out += line[i++];
                continue;
            }
            const auto at = definitions_.find(line.substr(begin, end - begin));
            if (at == definitions_.end())
                notes_.note(place, "$" + line.substr(begin, end - begin) + " is not defined");
            else if (out.size() + at->second.size() < longest_line)
                out += at->second;
            i = end + (braced && end < line.size() && line[end] == '}' ? 1 : 0);
        }
        return out;
    }

    void cut(const std::string& line, const ImportPlace& place) {
        const std::size_t first = tokens_.size();
        std::string word;
        bool is_word = false;
        const auto end_word = [&] {
            if (is_word) tokens_.push_back({Token::Kind::word, word, place});
            word.clear();
            is_word = false;
        };
        bool quoted = false;
        for (std::size_t i = 0; i < line.size(); ++i) {
            const char c = line[i];
            if (c == '"') {
                quoted = !quoted;
                is_word = true;
            } else if (quoted) {
                if (c == '\\' && i + 1 < line.size()) ++i;
                word += line[i];
            } else if (c == '!' || c == '#') {
                break;
            } else if (c == '{' || c == '}') {
                end_word();
                tokens_.push_back(
                    {c == '{' ? Token::Kind::open : Token::Kind::close, std::string(1, c), place});
            } else if (is_blank(c)) {
                end_word();
            } else {
                word += c;
                is_word = true;
            }
        }
        end_word();
        if (tokens_.size() == first) return;
        if (!include(first)) tokens_.push_back({Token::Kind::end_of_line, "", place});
    }

    /// Are the tokens from `first` on an include? Then what they name takes their place.
    bool include(std::size_t first) {
        const Token& keyword = tokens_[first];
        if (keyword.kind != Token::Kind::word || !keyword.text.starts_with("include") ||
            keyword.text.size() > 8)
            return false;
        const ImportPlace place = keyword.place;
        const std::string pattern = tokens_.size() > first + 1 ? tokens_[first + 1].text : "";
        tokens_.resize(first);
        if (files_ >= most_files) {
            notes_.note(place, "left out: more than " + std::to_string(most_files) + " files");
            return true;
        }
        const auto files = read_(pattern, place.file);
        if (files.empty()) notes_.note(place, "left out: " + pattern + " names no file");
        for (const auto& [name, text] : files)
            if (files_ < most_files) take(text, name);
        return true;
    }

    const ReadIncluded& read_;
    ImportPlan& notes_;
    std::vector<Token> tokens_;
    std::map<std::string, std::string> definitions_;
    std::size_t files_ = 0;
};

class Parser {
  public:
    Parser(const std::vector<Token>& tokens, ImportPlan& notes) : tokens_(tokens), notes_(notes) {}

    std::vector<KeepalivedStatement> run() {
        std::vector<KeepalivedStatement> all;
        while (at_ < tokens_.size()) {
            read_block(all, 0);
            if (at_ == tokens_.size()) break;
            notes_.note(tokens_[at_++].place, "a '}' without its '{'");
        }
        return all;
    }

  private:
    using Kind = Token::Kind;

    /// Reads up to the end of the block, whose '}' it leaves.
    void read_block(std::vector<KeepalivedStatement>& out, std::size_t depth) {
        while (at_ < tokens_.size() && tokens_[at_].kind != Kind::close) {
            const Token& token = tokens_[at_];
            if (token.kind == Kind::end_of_line) {
                ++at_;
            } else if (token.kind == Kind::open) {
                notes_.note(token.place, "left out: a block without a name");
                skip_block();
            } else {
                out.push_back(read_statement(depth));
            }
        }
    }

    KeepalivedStatement read_statement(std::size_t depth) {
        KeepalivedStatement statement{tokens_[at_].place, {}, {}};
        while (at_ < tokens_.size() && tokens_[at_].kind == Kind::word)
            statement.words.push_back(tokens_[at_++].text);
        std::size_t next = at_;
        while (next < tokens_.size() && tokens_[next].kind == Kind::end_of_line) ++next;
        if (next == tokens_.size() || tokens_[next].kind != Kind::open) return statement;
        at_ = next;
        if (depth == most_depth) {
            notes_.note(statement.place, "left out: blocks are nested too deep");
            skip_block();
            return statement;
        }
        ++at_;
        read_block(statement.block, depth + 1);
        if (at_ < tokens_.size())
            ++at_;
        else
            notes_.note(statement.place, "the block has no end");
        return statement;
    }

    /// From its '{' to behind its '}'.
    void skip_block() {
        std::size_t depth = 0;
        do {
            if (tokens_[at_].kind == Kind::open) ++depth;
            if (tokens_[at_].kind == Kind::close) --depth;
            ++at_;
        } while (at_ < tokens_.size() && depth > 0);
    }

    const std::vector<Token>& tokens_;
    ImportPlan& notes_;
    std::size_t at_ = 0;
};

}  // namespace

std::vector<KeepalivedStatement> parse_keepalived(std::string_view text, const std::string& file,
                                                  const ReadIncluded& read, ImportPlan& notes) {
    Tokens tokens(read, notes);
    tokens.take(text, file);
    return Parser(tokens.all(), notes).run();
}

}  // namespace shunt::cli
