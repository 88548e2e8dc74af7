// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/rpc_dispatch.h"

#include <algorithm>
#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>

#include "ctl/rpc/reading_methods.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

RpcError not_a_request(const std::string& sentence) {
    return {RpcCode::not_a_request, sentence, "", 0};
}

RpcError internal(const std::exception& error) {
    return {RpcCode::internal, std::string("internal error: ") + error.what(), "", 0};
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

/// Tells of the request when it is done or refused. A change is told of before it is answered.
Respond audited(const Request& request, const Method& method, const Respond& respond,
                const Origin& origin) {
    if (!is_audited(method.name) || !origin.audit) return respond;
    return [respond, caller = origin.caller, audit = origin.audit, name = method.name,
            what = describe_params(*request.params)](Reply reply) {
        audit({caller, name, what, std::get_if<RpcError>(&reply)});
        respond(std::move(reply));
    };
}

void call(const Request& request, const MethodTable& methods, const Respond& answer,
          const Origin& origin) {
    const Method* method = methods.find(request.method);
    if (method == nullptr)
        return answer(RpcError(RpcCode::no_such_method,
                               "no such method; docs/protocol.md lists those there are", "", 0));
    const Respond respond = audited(request, *method, answer, origin);
    try {
        if (origin.caller.access < method->access)
            throw forbidden("no right to call " + method->name + ": it takes the right to " +
                            std::string(name(method->access)));
        const Params params(*request.params, method->parameters);
        if (method->about_connection)
            method->about_connection(params, respond, origin.receiver);
        else
            method->handler(params, respond);
    } catch (const RpcError& error) {
        respond(error);
    } catch (const std::exception& error) {
        respond(internal(error));
    }
}

}  // namespace

Method direct(std::string name, std::vector<Parameter> parameters,
              std::function<json::object(const Params&)> run) {
    return {std::move(name), std::move(parameters),
            [run = std::move(run)](const Params& p, const Respond& respond) {
                json::object result = run(p);
                respond(json::value(std::move(result)));
            }};
}

MethodTable::MethodTable(std::vector<Method> methods) : methods_(std::move(methods)) {
    std::ranges::sort(methods_, {}, &Method::name);
    for (Method& method : methods_) method.access = access_needed(method.name);
}

const Method* MethodTable::find(std::string_view name) const noexcept {
    const auto at = std::ranges::lower_bound(methods_, name, {}, &Method::name);
    return at != methods_.end() && at->name == name ? &*at : nullptr;
}

void dispatch_line(std::string_view line, const MethodTable& methods,
                   std::function<void(std::string answer)> done, const Origin& origin) {
    // Small requests, the usual ones, are parsed without touching the heap.
    std::array<unsigned char, 4096> buffer;
    json::monotonic_resource memory(buffer.data(), buffer.size());
    json::value id = nullptr;
    try {
        const json::value parsed = parse(line, &memory);
        id = id_of(parsed);
        const Request request = read_request(parsed);
        call(
            request, methods,
            [done, given = request.id ? std::optional(json::value(*request.id, json::storage_ptr()))
                                      : std::nullopt](Reply reply) {
                done(given ? answer_line(*given, std::move(reply)) : std::string());
            },
            origin);
    } catch (const RpcError& error) {
        done(answer_line(std::move(id), error));
    } catch (const std::exception& error) {
        done(answer_line(std::move(id), internal(error)));
    }
}

std::string event_line(const json::object& about) {
    return json::serialize(
               json::object{{"jsonrpc", "2.0"}, {"method", "event"}, {"params", about}}) +
           '\n';
}

std::string error_line(const RpcError& error) {
    return answer_line(nullptr, error);
}

}  // namespace shunt::ctl
