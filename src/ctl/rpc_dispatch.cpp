// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc_dispatch.h"

#include <algorithm>
#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>

namespace shunt::ctl {

namespace {

namespace json = boost::json;

RpcError not_a_request(const std::string& sentence) {
    return {RpcCode::not_a_request, sentence, "", 0};
}

/// A request whose form is right.
struct Request {
    std::optional<json::value> id;  ///< none: a notification
    std::string_view method;
    const json::object* params = nullptr;
};

/// An answer can carry it back: 1e999 is read as infinity, which JSON cannot write.
bool is_id(const json::value& id) {
    const auto* number = id.if_double();
    return id.is_string() || id.is_null() || id.is_int64() || id.is_uint64() ||
           (number != nullptr && std::isfinite(*number));
}

/// Its id or null: what an answer to it carries, even when the rest is wrong.
json::value id_of(const json::value& line) {
    if (const auto* object = line.if_object())
        if (const auto* id = object->if_contains("id"); id != nullptr && is_id(*id)) return *id;
    return nullptr;
}

Request read_request(const json::value& line) {
    static const json::object no_params;
    const auto* object = line.if_object();
    if (object == nullptr)
        throw not_a_request(line.is_array() ? "batches are not taken: one request a line"
                                            : "a request is an object");
    const auto* version = object->if_contains("jsonrpc");
    if (version == nullptr || *version != "2.0") throw not_a_request("jsonrpc must be \"2.0\"");
    Request request{.id = {}, .method = {}, .params = &no_params};
    for (const auto& [key, value] : *object) {
        if (key == "id") {
            if (!is_id(value)) throw not_a_request("id must be a string, a number or null");
            request.id = value;
        } else if (key == "method") {
            if (!value.is_string()) throw not_a_request("method must be a string");
            request.method = value.get_string();
        } else if (key == "params") {
            if (!value.is_object())
                throw RpcError(RpcCode::bad_parameter, "params must be an object", "", EINVAL);
            request.params = &value.get_object();
        } else if (key != "jsonrpc") {
            throw not_a_request("only jsonrpc, id, method and params may stand in a request");
        }
    }
    if (!object->contains("method")) throw not_a_request("method is missing");
    return request;
}

json::object error_object(const RpcError& error) {
    json::object out{{"code", static_cast<int>(error.code())}, {"message", error.what()}};
    json::object data;
    if (!error.path().empty()) data["path"] = error.path();
    if (error.error_number() != 0) data["errno"] = strerrorname_np(error.error_number());
    if (!data.empty()) out["data"] = std::move(data);
    return out;
}

std::string answer_line(json::value id, Reply reply) {
    auto* const result = std::get_if<json::value>(&reply);
    // In the memory of the result, which would have to be copied to another.
    json::object answer({{"jsonrpc", "2.0"}, {"id", std::move(id)}},
                        result != nullptr ? result->storage() : json::storage_ptr());
    if (result != nullptr)
        answer["result"] = std::move(*result);
    else
        answer["error"] = error_object(std::get<RpcError>(reply));
    return json::serialize(answer) + '\n';
}

json::value parse(std::string_view line, const json::storage_ptr& storage) {
    json::parse_options options;
    options.max_depth = most_json_depth;
    json::error_code error;
    auto value = json::parse(line, error, storage, options);
    if (error) throw RpcError(RpcCode::not_json, "not JSON: " + error.message(), "", 0);
    return value;
}

void call(const Request& request, const MethodTable& methods, const Respond& respond) {
    const Method* method = methods.find(request.method);
    if (method == nullptr)
        throw RpcError(RpcCode::no_such_method,
                       "no such method; docs/protocol.md lists those there are", "", 0);
    method->handler(Params(*request.params, method->parameters), respond);
}

}  // namespace

MethodTable::MethodTable(std::vector<Method> methods) : methods_(std::move(methods)) {
    std::ranges::sort(methods_, {}, &Method::name);
}

const Method* MethodTable::find(std::string_view name) const noexcept {
    const auto at = std::ranges::lower_bound(methods_, name, {}, &Method::name);
    return at != methods_.end() && at->name == name ? &*at : nullptr;
}

void dispatch_line(std::string_view line, const MethodTable& methods,
                   std::function<void(std::string answer)> done) {
    // Small requests, the usual ones, are parsed without touching the heap.
    std::array<unsigned char, 4096> buffer;
    json::monotonic_resource memory(buffer.data(), buffer.size());
    std::optional<json::value> id(nullptr);
    const auto answer = [&done, &id](Reply reply) {
        done(id ? answer_line(std::move(*id), std::move(reply)) : std::string());
    };
    try {
        const json::value parsed = parse(line, &memory);
        *id = id_of(parsed);
        const Request request = read_request(parsed);
        id = request.id ? std::optional(json::value(*request.id, json::storage_ptr()))
                        : std::nullopt;
        call(request, methods, [done, id](Reply reply) {
            done(id ? answer_line(*id, std::move(reply)) : std::string());
        });
    } catch (const RpcError& error) {
        answer(error);
    } catch (const std::exception& error) {
        answer(RpcError(RpcCode::internal, std::string("internal error: ") + error.what(), "", 0));
    }
}

std::string error_line(const RpcError& error) {
    return answer_line(nullptr, error);
}

}  // namespace shunt::ctl
