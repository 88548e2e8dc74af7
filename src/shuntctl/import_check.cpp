// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/import_check.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace shunt::cli {

namespace {

using Statement = KeepalivedStatement;

std::string word(const Statement& statement, std::size_t i) {
    return i < statement.words.size() ? statement.words[i] : "";
}

template <class T>
std::optional<T> number(const std::string& text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
    return value;
}

/// Seconds, also with a fraction, as milliseconds within a range; nothing for what is no number.
std::optional<std::uint32_t> milliseconds(const std::string& text, double least, double most) {
    const auto seconds = number<double>(text);
    if (!seconds || !(*seconds >= 0)) return {};
    return static_cast<std::uint32_t>(std::clamp(*seconds * 1000, least, most));
}

/// "200-204" of "200-204", "200" of "200"; nothing for several, of which a check here has one.
bool is_status_range(const std::string& text) {
    const auto dash = text.find('-');
    const auto first = number<std::uint16_t>(text.substr(0, dash));
    const auto last = dash == text.npos ? first : number<std::uint16_t>(text.substr(dash + 1));
    return first && last && *first >= 100 && *first <= *last && *last <= 599;
}

class UrlReader {
  public:
    UrlReader(ImportedCheck& check, ImportPlan& notes) : check_(check), notes_(notes) {}

    void read(const Statement& url) {
        if (!check_.path.empty()) return note(url, "only the first url of a server is asked for");
        check_.path = "/";
        for (const auto& s : url.block) {
            const auto& name = s.words[0];
            if (name == "path")
                check_.path = word(s, 1);
            else if (name == "virtualhost")
                check_.host = word(s, 1);
            else if (name == "status_code")
                read_status(s);
            else
                note(s, name + " is not carried over: only the status counts");
        }
    }

  private:
    void read_status(const Statement& s) {
        if (s.words.size() == 2 && is_status_range(s.words[1]))
            check_.status = s.words[1];
        else
            note(s, "status_code: one range of 100 to 599 is expected");
    }
    void note(const Statement& s, const std::string& text) { notes_.note(s.place, text); }

    ImportedCheck& check_;
    ImportPlan& notes_;
};

void read_time(const Statement& s, double least, double most, std::optional<std::uint32_t>& to,
               ImportPlan& notes) {
    if (const auto time = milliseconds(word(s, 1), least, most))
        to = time;
    else
        notes.note(s.place, s.words[0] + ": " + word(s, 1) + " is not understood");
}

}  // namespace

bool read_check_setting(const Statement& s, ImportedCheck& check, ImportPlan& notes) {
    const auto& name = s.words[0];
    const auto value = word(s, 1);
    if (name == "delay_loop") {
        read_time(s, 100, 3'600'000, check.interval_ms, notes);
    } else if (name == "connect_timeout") {
        read_time(s, 10, 60'000, check.timeout_ms, notes);
    } else if (name == "retry") {
        // So many more before the server is given up.
        if (const auto retries = number<std::uint32_t>(value))
            check.fall = std::min(*retries, 99U) + 1;
    } else if (name == "connect_port") {
        check.port = number<std::uint16_t>(value).value_or(0);
    } else if (name == "bindto") {
        if (parse_address(value)) check.source = value;
    } else if (name == "virtualhost") {
        check.host = value;
    } else if (name == "alpha") {
        check.initially_down = true;
    } else if (name == "delay_before_retry") {
        notes.note(s.place, name + " is not carried over: the next check comes after delay_loop");
    } else {
        // This is what becomes of a server that is down here.
        return name == "inhibit_on_failure";
    }
    return true;
}

bool is_checker(const Statement& statement) {
    const auto& name = statement.words[0];
    return name.ends_with("_CHECK") || name.ends_with("_GET");
}

std::optional<ImportedCheck> read_checker(const Statement& s, const ImportedCheck& settings,
                                          ImportPlan& notes) {
    const auto& name = s.words[0];
    const auto left = [&](const char* why) {
        notes.note(s.place, name + " is not carried over: " + why);
        return std::nullopt;
    };
    if (name == "SSL_GET") return left("there are no checks over TLS");
    ImportedCheck check = settings;
    check.type = name == "TCP_CHECK"   ? "tcp"
                 : name == "HTTP_GET"  ? "http"
                 : name == "UDP_CHECK" ? "udp"
                                       : "";
    if (check.type.empty()) return left("there is no such check");
    UrlReader urls(check, notes);
    for (const auto& inner : s.block) {
        if (inner.words[0] == "url" && check.type == "http")
            urls.read(inner);
        else if (!read_check_setting(inner, check, notes))
            notes.note(inner.place,
                       inner.words[0] + " is not carried over: there is no counterpart");
    }
    if (check.type != "http")
        check.host.clear();
    else if (check.status.empty())
        check.status = "200-299";
    return check;
}

}  // namespace shunt::cli
