// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/rpc_client.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <memory>

namespace shunt::cli {

namespace asio = boost::asio;
namespace json = boost::json;
using boost::system::error_code;

namespace {

std::string text_member(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* text = value != nullptr ? value->if_string() : nullptr;
    return text != nullptr ? std::string(*text) : std::string();
}

/// The "error" member of a reply as an exception.
Refused refusal(const json::value& error) {
    const auto* object = error.if_object();
    if (object == nullptr) return {0, "the daemon refused without a reason", "", ""};
    const auto* code = object->if_contains("code");
    const auto* data = object->if_contains("data");
    const json::object none;
    const auto& details = data != nullptr && data->is_object() ? data->get_object() : none;
    auto message = text_member(*object, "message");
    if (message.empty()) message = "the daemon refused without a reason";
    return {code != nullptr && code->is_int64() ? static_cast<int>(code->get_int64()) : 0, message,
            text_member(details, "path"), text_member(details, "errno")};
}

}  // namespace

RpcClient::RpcClient(std::string socket_path, Limits limits)
    : path_(std::move(socket_path)), limits_(limits), socket_(io_) {
    asio::local::stream_protocol::endpoint endpoint;
    try {
        endpoint = asio::local::stream_protocol::endpoint(path_);
    } catch (const boost::system::system_error&) {
        throw Unreachable("shuntd is not reachable at " + path_ +
                          ": the path is too long for a socket");
    }
    error_code result;
    socket_.async_connect(endpoint, [&](const error_code& e) { result = e; });
    run(limits_.connect, "connection");
    if (!result) return;
    const auto* const advice = result == boost::system::errc::permission_denied
                                   ? "; are you root, or in the socket's group?"
                                   : "; is the service running?";
    throw Unreachable("shuntd is not reachable at " + path_ + ": " + result.message() + advice);
}

json::value RpcClient::call(std::string_view method, const json::object& params) {
    const auto id = ++last_id_;
    json::object request{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}};
    if (!params.empty()) request["params"] = params;
    const auto line = exchange(json::serialize(request) + "\n");

    error_code broken;
    const auto reply = json::parse(line, broken);
    const auto* object = broken ? nullptr : reply.if_object();
    if (object == nullptr) fail("it answered with something that is not a JSON object");
    if (const auto* error = object->if_contains("error")) throw refusal(*error);
    const auto* answered = object->if_contains("id");
    if (answered == nullptr || !answered->is_int64() || answered->get_int64() != id)
        fail("it answered another request");
    const auto* result = object->if_contains("result");
    if (result == nullptr) fail("its answer has neither a result nor an error");
    return *result;
}

/// Sends one line and returns the line that comes back, without its end.
std::string RpcClient::exchange(const std::string& request) {
    error_code result;
    std::size_t length = 0;
    // The reply is awaited from the start, so that a peer which answers or closes before it has
    // read everything cannot make this side wait for ever.
    asio::async_write(socket_, asio::buffer(request), [&](const error_code& e, std::size_t) {
        if (e && !result) result = e;
    });
    asio::async_read_until(socket_, asio::dynamic_buffer(input_, limits_.reply_bytes), '\n',
                           [&](const error_code& e, std::size_t bytes) {
                               if (e) {
                                   result = e;
                                   return;
                               }
                               length = bytes;
                           });
    run(limits_.reply, "answer");
    return take_line(length, result);
}

json::object RpcClient::next_event() {
    error_code result;
    std::size_t length = 0;
    asio::async_read_until(socket_, asio::dynamic_buffer(input_, limits_.reply_bytes), '\n',
                           [&](const error_code& e, std::size_t bytes) {
                               result = e;
                               length = e ? 0 : bytes;
                           });
    io_.restart();
    io_.run();
    error_code broken;
    const auto line = json::parse(take_line(length, result), broken);
    const auto* object = broken ? nullptr : line.if_object();
    const auto* params = object != nullptr ? object->if_contains("params") : nullptr;
    if (params == nullptr || !params->is_object()) fail("it sent something that is no event");
    return params->get_object();
}

std::string RpcClient::take_line(std::size_t length, const error_code& result) {
    if (length == 0) {
        if (result == asio::error::not_found) fail("its answer is too long");
        if (result == asio::error::eof) fail("it closed the connection before it had answered");
        fail(result.message());
    }
    auto line = input_.substr(0, length - 1);
    input_.erase(0, length);
    return line;
}

void RpcClient::run(std::chrono::milliseconds limit, std::string_view awaited) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds slice{200};
    io_.restart();
    for (const auto end = Clock::now() + limit; Clock::now() < end;) {
        io_.run_until(std::min(end, Clock::now() + slice));
        if (io_.stopped()) return;
        if (limits_.waiting) limits_.waiting();
    }
    error_code ignored;
    socket_.close(ignored);
    io_.run();  // the handlers refer to the caller's frame: let them end before it does
    fail("no " + std::string(awaited) + " within " + std::to_string(limit.count()) + " ms");
}

void RpcClient::fail(const std::string& reason) const {
    throw Unreachable("shuntd is not reachable at " + path_ + ": " + reason);
}

Call connect_daemon(const std::string& socket_path) {
    auto client = std::make_shared<RpcClient>(socket_path);
    return [client](std::string_view method, const json::object& params) {
        return client->call(method, params);
    };
}

void listen_to_daemon(const std::string& socket_path, const json::object& params,
                      const TakeEvent& take) {
    RpcClient client(socket_path);
    client.call("events.subscribe", params);
    while (take(client.next_event())) {
    }
}

std::string default_socket_path() {
    const char* const given = std::getenv("SHUNT_SOCKET");
    return given != nullptr && *given != '\0' ? given : "/run/shunt/shunt.sock";
}

}  // namespace shunt::cli
