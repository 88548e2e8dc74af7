// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/rpc_params.h"

#include <algorithm>
#include <boost/json/value.hpp>
#include <cerrno>

namespace shunt::ctl {

namespace {

/// A name from the request, fit to be put into a sentence or a path.
std::string shorten(std::string_view name) {
    constexpr std::size_t most = 40;
    std::string out(name.substr(0, most));
    std::ranges::replace_if(
        out, [](char c) { return c < ' ' || c > '~'; }, '?');
    return name.size() > most ? out + "..." : out;
}

std::string nth(std::string_view name, std::size_t position) {
    return std::string(name) + '[' + std::to_string(position) + ']';
}

}  // namespace

Params::Params(const boost::json::object& object, std::span<const Parameter> known,
               std::string path)
    : object_(&object), path_(std::move(path)) {
    for (const auto& member : object)
        if (std::ranges::find(known, std::string_view(member.key()), &Parameter::name) ==
            known.end())
            fail(member.key(), "unknown parameter");
    for (const auto& p : known)
        if (p.required && !has(p.name)) fail(p.name, "is missing");
}

std::string Params::path(std::string_view name) const {
    return path_.empty() ? shorten(name) : path_ + '.' + shorten(name);
}

void Params::fail(std::string_view name, const std::string& sentence) const {
    throw RpcError(RpcCode::bad_parameter, path(name) + ": " + sentence, path(name), EINVAL);
}

void Params::fail_type(std::string_view name, const boost::json::value& value,
                       std::string_view expected) const {
    fail(name, "is " + std::string(boost::json::to_string(value.kind())) + ", expected " +
                   std::string(expected));
}

const boost::json::value& Params::at(std::string_view name) const {
    return object_->at(name);
}

bool Params::has_value(std::string_view name) const {
    return has(name) && !at(name).is_null();
}

std::string_view Params::text(std::string_view name) const {
    const auto* text = at(name).if_string();
    if (text == nullptr) fail_type(name, at(name), "a string");
    return *text;
}

std::string_view Params::text_or(std::string_view name, std::string_view missing) const {
    return has(name) ? text(name) : missing;
}

template <class T>
T Params::whole_number(std::string_view name, T least, T most) const {
    const auto range = std::to_string(least) + " to " + std::to_string(most);
    const auto& value = at(name);
    if (!value.is_number()) fail_type(name, value, "a number, " + range);
    boost::system::error_code error;
    const auto number = value.to_number<T>(error);
    if (error || number < least || number > most)
        fail(name, "is out of range, expected a whole number, " + range);
    return number;
}

std::uint64_t Params::number(std::string_view name, std::uint64_t least, std::uint64_t most) const {
    return whole_number(name, least, most);
}

std::int64_t Params::integer(std::string_view name, std::int64_t least, std::int64_t most) const {
    return whole_number(name, least, most);
}

std::uint64_t Params::number_or(std::string_view name, std::uint64_t least, std::uint64_t most,
                                std::uint64_t missing) const {
    return has(name) ? number(name, least, most) : missing;
}

bool Params::flag(std::string_view name) const {
    if (!has(name)) return false;
    const auto* flag = at(name).if_bool();
    if (flag == nullptr) fail_type(name, at(name), "true or false");
    return *flag;
}

Params Params::object(std::string_view name, std::span<const Parameter> known) const {
    const auto* object = at(name).if_object();
    if (object == nullptr) fail_type(name, at(name), "an object");
    return {*object, known, path(name)};
}

std::vector<Params> Params::objects(std::string_view name, std::span<const Parameter> known) const {
    std::vector<Params> all;
    for (const auto& element : array(name)) {
        const auto place = nth(name, all.size());
        const auto* object = element.if_object();
        if (object == nullptr) fail_type(place, element, "an object");
        all.emplace_back(*object, known, path(place));
    }
    return all;
}

std::vector<std::string_view> Params::texts(std::string_view name) const {
    std::vector<std::string_view> all;
    for (const auto& element : array(name)) {
        const auto* text = element.if_string();
        if (text == nullptr) fail_type(nth(name, all.size()), element, "a string");
        all.emplace_back(*text);
    }
    return all;
}

const boost::json::array& Params::array(std::string_view name) const {
    const auto* array = at(name).if_array();
    if (array == nullptr) fail_type(name, at(name), "an array");
    return *array;
}

}  // namespace shunt::ctl
