// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/event_text.h"

#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace shunt::cli {

namespace {

namespace json = boost::json;

std::string plain(const json::value& value) {
    const auto* text = value.if_string();
    return text != nullptr ? std::string(*text) : json::serialize(value);
}

/// Seconds since 1970.
std::string time_text(const json::value& time) {
    constexpr double most = 253402300799;  // the end of the year 9999
    if (!time.is_number()) return plain(time);
    const auto seconds = time.to_number<double>();
    if (!(seconds >= 0 && seconds <= most)) return plain(time);
    const auto milliseconds = static_cast<std::int64_t>(std::llround(seconds * 1000));
    const auto whole = static_cast<std::time_t>(milliseconds / 1000);
    std::tm parts{};
    std::array<char, 32> text{};
    if (localtime_r(&whole, &parts) == nullptr ||
        std::strftime(text.data(), text.size(), "%F %T", &parts) == 0)
        return plain(time);
    std::array<char, 8> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03d", static_cast<int>(milliseconds % 1000));
    return std::string(text.data()) + fraction.data();
}

/// The members of a service's or server's name, one after the other: "tcp 192.0.2.1:80".
std::string name_text(const json::value& name) {
    const auto* members = name.if_object();
    if (members == nullptr) return plain(name);
    std::string text;
    for (const auto& [key, value] : *members) {
        if (!text.empty()) text += ' ';
        if (key == "mark") text += "mark ";
        text += plain(value);
    }
    return text;
}

}  // namespace

std::string event_text(const json::object& event) {
    std::string text;
    const auto add = [&text](const std::string& word) { text += (text.empty() ? "" : " ") + word; };
    if (const auto* lost = event.if_contains("lost")) add("lost " + plain(*lost));
    if (const auto* time = event.if_contains("time")) add(time_text(*time));
    if (const auto* kind = event.if_contains("kind")) add(plain(*kind));
    for (const auto& [key, value] : event) {
        if (key == "service" || key == "server")
            add(name_text(value));
        else if (key != "lost" && key != "time" && key != "kind" && key != "sequence")
            add(std::string(key) + '=' + plain(value));
    }
    return text;
}

}  // namespace shunt::cli
