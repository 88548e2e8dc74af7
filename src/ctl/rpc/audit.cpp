// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/audit.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstring>

#include "ctl/log/log_line.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

/// Goes through a value and stops as soon as the text is long enough, however large the rest is.
class Describer {
  public:
    explicit Describer(std::size_t most) : most_(most) {}

    /// `path`: where the value stands.
    void add(const std::string& path, const json::value& value) {
        if (text_.size() > most_) return;
        if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
            for (const auto& [key, member] : *object) {
                const auto name = std::string_view(key).substr(0, most_);
                add(path.empty() ? std::string(name) : path + '.' + std::string(name), member);
                if (text_.size() > most_) return;
            }
        } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
            for (std::size_t i = 0; i < array->size() && text_.size() <= most_; ++i)
                add(path + '[' + std::to_string(i) + ']', (*array)[i]);
        } else if (!path.empty()) {
            text_ += (text_.empty() ? "" : " ") + path + '=';
            const auto* text = value.if_string();
            text_ += text != nullptr ? std::string(std::string_view(*text).substr(0, most_))
                                     : json::serialize(value);
        }
    }

    [[nodiscard]] std::string text() && {
        if (text_.size() <= most_) return std::move(text_);
        return text_.substr(0, most_) + "...";
    }

  private:
    std::size_t most_;
    std::string text_;
};

std::string result_of(const RpcError* error) {
    if (error == nullptr) return "ok";
    const char* const known =
        error->error_number() == 0 ? nullptr : strerrorname_np(error->error_number());
    return known != nullptr ? known : std::to_string(static_cast<int>(error->code()));
}

}  // namespace

std::string describe_params(const json::object& params, std::size_t most) {
    Describer describer(most);
    for (const auto& [key, value] : params)
        describer.add(std::string(std::string_view(key).substr(0, most)), value);
    return std::move(describer).text();
}

std::string audit_line(const AuditRecord& record) {
    const Credentials& who = record.caller.who;
    return log_line("audit", {{"uid", who.uid},
                              {"user", user_name(who.uid)},
                              {"pid", who.pid},
                              {"method", record.method},
                              {"what", record.what},
                              {"result", result_of(record.error)}});
}

}  // namespace shunt::ctl
