// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Reads the parameters of a request. Whatever does not fit throws RpcError (bad_parameter) with the
// path of the culprit. Thread: control.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/rpc/rpc_error.h"

namespace shunt::ctl {

/// A name that a request may give.
struct Parameter {
    std::string name;
    bool required = false;
};

/// An object of parameters. A view: the JSON value must outlive it.
class Params {
  public:
    /// Checks that `object` has every required one of `known` and nothing else. `path`: where it
    /// stands in the request; empty for the parameters themselves.
    Params(const boost::json::object& object, std::span<const Parameter> known,
           std::string path = {});

    [[nodiscard]] bool has(std::string_view name) const { return object_->contains(name); }
    [[nodiscard]] bool empty() const noexcept { return object_->empty(); }
    /// Is it there, and not null?
    [[nodiscard]] bool has_value(std::string_view name) const;
    [[nodiscard]] std::string_view text(std::string_view name) const;
    [[nodiscard]] std::string_view text_or(std::string_view name, std::string_view missing) const;
    /// A whole number from `least` to `most`.
    [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t least,
                                       std::uint64_t most) const;
    /// The same, and it may be below zero.
    [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t least,
                                       std::int64_t most) const;
    [[nodiscard]] std::uint64_t number_or(std::string_view name, std::uint64_t least,
                                          std::uint64_t most, std::uint64_t missing) const;
    /// Whatever it is.
    [[nodiscard]] const boost::json::value& value(std::string_view name) const { return at(name); }
    /// True or false; false when it is missing.
    [[nodiscard]] bool flag(std::string_view name) const;
    [[nodiscard]] Params object(std::string_view name, std::span<const Parameter> known) const;
    /// An array of objects; the path of the first is "name[0]".
    [[nodiscard]] std::vector<Params> objects(std::string_view name,
                                              std::span<const Parameter> known) const;
    /// An array of strings.
    [[nodiscard]] std::vector<std::string_view> texts(std::string_view name) const;

    /// `name` may have the position in an array behind it: "name[0]".
    [[noreturn]] void fail(std::string_view name, const std::string& sentence) const;
    [[nodiscard]] std::string path(std::string_view name) const;

  private:
    template <class T>
    [[nodiscard]] T whole_number(std::string_view name, T least, T most) const;
    [[nodiscard]] const boost::json::value& at(std::string_view name) const;
    [[nodiscard]] const boost::json::array& array(std::string_view name) const;
    [[noreturn]] void fail_type(std::string_view name, const boost::json::value& value,
                                std::string_view expected) const;

    const boost::json::object* object_;
    std::string path_;
};

}  // namespace shunt::ctl
