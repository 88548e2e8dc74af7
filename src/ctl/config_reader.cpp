// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config_reader.h"

#include <algorithm>
#include <numeric>

namespace shunt::ctl {

namespace {

using libconfig::Setting;

std::string type_text(const Setting& setting) {
    switch (setting.getType()) {
        case Setting::TypeInt:
        case Setting::TypeInt64:
            return "a number";
        case Setting::TypeFloat:
            return "a number with a fraction";
        case Setting::TypeString:
            return "text in quotes";
        case Setting::TypeBoolean:
            return "true or false";
        case Setting::TypeGroup:
            return "a group {...}";
        case Setting::TypeArray:
            return "an array [...]";
        case Setting::TypeList:
            return "a list (...)";
        case Setting::TypeNone:
            break;
    }
    return "nothing";
}

/// How many letters must be put in, left out or replaced to make `a` of `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

void Value::fail(std::string_view reason) const {
    throw_config_error(origin(), path_, reason);
}

ConfigText::Origin Value::origin() const {
    return text_->origin(setting_->getSourceLine());
}

void Value::expect(bool good, const std::string& what) const {
    if (!good) fail("is " + type_text(*setting_) + ", expected " + what);
}

long long Value::number(const Range& range) const {
    const auto type = setting_->getType();
    expect(type == Setting::TypeInt || type == Setting::TypeInt64, "a number, " + range.text());
    const auto given = static_cast<long long>(*setting_);
    if (!range.contains(given))
        fail(std::to_string(given) + " is out of range, expected " + range.text());
    return given;
}

bool Value::flag() const {
    expect(setting_->getType() == Setting::TypeBoolean, "true or false");
    return *setting_;
}

std::string Value::text() const {
    expect(setting_->getType() == Setting::TypeString, "text in quotes");
    return *setting_;
}

void Value::expect_section() const {
    expect(setting_->isGroup(), "a group {...}");
}

void Value::expect_list() const {
    expect(setting_->isList(), "a list ( {...}, ... )");
}

void Value::expect_numbers() const {
    expect(setting_->isArray() || setting_->isList(), "an array of numbers [...]");
}

void Value::expect_texts() const {
    expect(setting_->isArray() || setting_->isList(), "an array of texts [...]");
}

std::vector<std::string> Value::names() const {
    std::vector<std::string> all;
    for (int i = 0; i < setting_->getLength(); ++i) all.emplace_back((*setting_)[i].getName());
    return all;
}

bool Value::has(const std::string& name) const {
    return setting_->exists(name);
}

Value Value::at(const std::string& name) const {
    const auto path = path_.empty() ? name : path_ + '.' + name;
    return {has(name) ? (*setting_)[name.c_str()] : *setting_, *text_, path};
}

Value Value::operator[](int i) const {
    return {(*setting_)[i], *text_, path_ + '[' + std::to_string(i) + ']'};
}

void fail_unknown(const Value& section, const std::string& name,
                  const std::vector<std::string>& known) {
    std::string nearest;
    auto least = std::min<std::size_t>(3, name.size() / 2 + 1);
    std::string all;
    for (const auto& candidate : known) {
        all += (all.empty() ? "" : ", ") + candidate;
        const auto distance = edit_distance(name, candidate);
        if (distance >= least) continue;
        least = distance;
        nearest = candidate;
    }
    section.at(name).fail(nearest.empty() ? "unknown key; known here: " + all
                                          : "unknown key; did you mean \"" + nearest + "\"?");
}

}  // namespace shunt::ctl
