// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/config_reader.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <numeric>

namespace shunt::ctl {

namespace {

namespace json = boost::json;

std::string_view type_text(const config_setting_t& setting) {
    switch (setting.type) {
        case CONFIG_TYPE_INT:
        case CONFIG_TYPE_INT64:
            return "a number";
        case CONFIG_TYPE_FLOAT:
            return "a number with a fraction";
        case CONFIG_TYPE_STRING:
            return "text in quotes";
        case CONFIG_TYPE_BOOL:
            return "true or false";
        case CONFIG_TYPE_GROUP:
            return "a group {...}";
        case CONFIG_TYPE_ARRAY:
            return "an array [...]";
        case CONFIG_TYPE_LIST:
            return "a list (...)";
        default:
            return "nothing";
    }
}

std::string_view type_text(const json::value& value) {
    switch (value.kind()) {
        case json::kind::int64:
        case json::kind::uint64:
            return "a number";
        case json::kind::double_:
            return "a number with a fraction";
        case json::kind::string:
            return "text in quotes";
        case json::kind::bool_:
            return "true or false";
        case json::kind::object:
            return "a group {...}";
        case json::kind::array:
            return "an array [...]";
        case json::kind::null:
            break;
    }
    return "null";
}

bool is_aggregate(const config_setting_t& setting) {
    return setting.type == CONFIG_TYPE_GROUP || setting.type == CONFIG_TYPE_ARRAY ||
           setting.type == CONFIG_TYPE_LIST;
}

/// Of a list or group; null: it is empty.
const config_list_t* elements_of(const config_setting_t& setting) {
    return is_aggregate(setting) ? setting.value.list : nullptr;
}

std::string nth(std::size_t i) {
    return '[' + std::to_string(i) + ']';
}

/// libconfig has no path of its own that counts as ours does.
std::string path_of(const config_setting_t& setting) {
    if (setting.parent == nullptr) return {};
    const std::string above = path_of(*setting.parent);
    if (setting.name != nullptr) return above + (above.empty() ? "" : ".") + setting.name;
    const config_list_t& list = *setting.parent->value.list;
    const auto* const at = std::find(list.elements, list.elements + list.length, &setting);
    return above + nth(static_cast<std::size_t>(at - list.elements));
}

/// The way from `from` to `wanted`, appended to `path`. Values do not know what holds them; only
/// errors ask.
bool find_path(const json::value& from, const json::value& wanted, std::string& path) {
    if (&from == &wanted) return true;
    const auto before = path.size();
    const auto found = [&](const json::value& inner, std::string_view step) {
        path += step;
        if (find_path(inner, wanted, path)) return true;
        path.resize(before);
        return false;
    };
    if (const auto* object = from.if_object())
        for (const auto& member : *object)
            if (found(member.value(), (path.empty() ? "" : ".") + std::string(member.key())))
                return true;
    if (const auto* array = from.if_array())
        for (std::size_t i = 0; i < array->size(); ++i)
            if (found((*array)[i], nth(i))) return true;
    return false;
}

std::string_view explain_parse_error(std::string_view said) {
    if (said == "syntax error")
        return "not understood here; look for a missing \";\", bracket or quote in this line or "
               "before it";
    if (said == "memory exhausted") return "groups and lists are nested too deep";
    return said;
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

// The tree.

ConfigTree::ConfigTree(ConfigText text) : text_(std::move(text)) {
    config_init(&parsed_);
    if (config_read_string(&parsed_, text_.text().c_str()) == CONFIG_TRUE) return;
    const auto line = static_cast<unsigned>(std::max(parsed_.error_line, 1));
    const std::string why(explain_parse_error(parsed_.error_text));
    config_destroy(&parsed_);
    throw_config_error(text_.origin(line), "syntax", why);
}

ConfigTree::ConfigTree(const json::value& document, std::string name)
    : document_(&document), name_(std::move(name)) {}

ConfigTree::~ConfigTree() {
    if (document_ == nullptr) config_destroy(&parsed_);
}

ConfigNode ConfigTree::root() const noexcept {
    if (document_ != nullptr) return {.json = document_};
    return {.setting = parsed_.root};
}

ConfigText::Origin ConfigTree::origin(const ConfigNode& node) const {
    if (node.setting == nullptr) return {name_, 0};
    return text_.origin(node.setting->line);
}

std::string ConfigTree::path(const ConfigNode& node) const {
    if (node.setting != nullptr) return path_of(*node.setting);
    std::string path;
    find_path(*document_, *node.json, path);
    return path;
}

// A value.

void Value::fail(std::string_view reason) const {
    throw_config_error(origin(), path(), reason);
}

std::string Value::path() const {
    const std::string path = tree_->path(node_);
    const bool dot = !path.empty() && !missing_.empty() && missing_.front() != '[';
    return path + (dot ? "." : "") + missing_;
}

void Value::expect(bool good, std::string_view what) const {
    if (good) return;
    const auto type = node_.setting != nullptr ? type_text(*node_.setting) : type_text(*node_.json);
    fail("is " + std::string(type) + ", expected " + std::string(what));
}

long long Value::number(const Range& range) const {
    bool is_number = false;
    bool fits = true;
    long long given = 0;
    if (node_.setting != nullptr) {
        const int type = node_.setting->type;
        is_number = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
        if (is_number) given = config_setting_get_int64(node_.setting);
    } else if (const auto* whole = node_.json->if_int64()) {
        is_number = true;
        given = *whole;
    } else {
        is_number = node_.json->is_uint64();
        fits = false;  // what fits is an int64 here
    }
    if (!is_number) expect(false, "a number, " + range.text());
    if (fits && range.contains(given)) return given;
    const auto shown = fits ? std::to_string(given) : std::to_string(node_.json->get_uint64());
    fail(shown + " is out of range, expected " + range.text());
}

bool Value::flag() const {
    const bool good =
        node_.setting != nullptr ? node_.setting->type == CONFIG_TYPE_BOOL : node_.json->is_bool();
    expect(good, "true or false");
    return node_.setting != nullptr ? config_setting_get_bool(node_.setting) != 0
                                    : node_.json->get_bool();
}

std::string_view Value::view() const {
    const bool good = node_.setting != nullptr ? node_.setting->type == CONFIG_TYPE_STRING
                                               : node_.json->is_string();
    expect(good, "text in quotes");
    if (node_.json != nullptr) return node_.json->get_string();
    const char* const text = node_.setting->value.sval;
    return text == nullptr ? "" : text;
}

void Value::expect_section() const {
    const bool good = node_.setting != nullptr ? node_.setting->type == CONFIG_TYPE_GROUP
                                               : node_.json->is_object();
    expect(good, "a group {...}");
}

void Value::expect_list() const {
    const bool good =
        node_.setting != nullptr ? node_.setting->type == CONFIG_TYPE_LIST : node_.json->is_array();
    expect(good, "a list ( {...}, ... )");
}

void Value::expect_numbers() const {
    const bool good = node_.setting != nullptr
                          ? is_aggregate(*node_.setting) && node_.setting->type != CONFIG_TYPE_GROUP
                          : node_.json->is_array();
    expect(good, "an array of numbers [...]");
}

void Value::expect_texts() const {
    const bool good = node_.setting != nullptr
                          ? is_aggregate(*node_.setting) && node_.setting->type != CONFIG_TYPE_GROUP
                          : node_.json->is_array();
    expect(good, "an array of texts [...]");
}

int Value::size() const {
    if (!missing_.empty()) return 0;
    if (node_.setting != nullptr) {
        const auto* const elements = elements_of(*node_.setting);
        return elements == nullptr ? 0 : static_cast<int>(elements->length);
    }
    if (const auto* object = node_.json->if_object()) return static_cast<int>(object->size());
    if (const auto* array = node_.json->if_array()) return static_cast<int>(array->size());
    return 0;
}

ConfigMember Value::member(int i) const {
    if (node_.setting != nullptr) {
        const config_setting_t* const one = elements_of(*node_.setting)->elements[i];
        return {one->name == nullptr ? "" : one->name, {.setting = one}};
    }
    const auto& pair = node_.json->get_object().begin()[i];
    return {pair.key(), {.json = &pair.value()}};
}

ConfigNode Value::find(std::string_view name) const {
    if (!missing_.empty()) return {};
    if (node_.json != nullptr) {
        const auto* const object = node_.json->if_object();
        return {.json = object == nullptr ? nullptr : object->if_contains(name)};
    }
    if (node_.setting->type != CONFIG_TYPE_GROUP) return {};
    for (int i = 0; i < size(); ++i)
        if (const auto one = member(i); one.name == name) return one.node;
    return {};
}

bool Value::has(std::string_view name) const {
    return static_cast<bool>(find(name));
}

Value Value::at(std::string_view name) const {
    if (const auto found = find(name)) return {*tree_, found};
    return {*tree_, node_, missing_ + (missing_.empty() ? "" : ".") + std::string(name)};
}

Value Value::operator[](int i) const {
    if (!missing_.empty() || i >= size()) return {*tree_, node_, missing_ + nth(std::size_t(i))};
    if (node_.json != nullptr && node_.json->is_array())
        return {*tree_, {.json = &node_.json->get_array()[static_cast<std::size_t>(i)]}};
    return {*tree_, member(i).node};
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
