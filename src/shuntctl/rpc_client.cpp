// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/rpc_client.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <exception>
#include <memory>
#include <utility>

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
    const auto request = next_request(method, params);
    return result_in(exchange(request), last_id_);
}

std::string RpcClient::next_request(std::string_view method, const json::object& params) {
    json::object request{{"jsonrpc", "2.0"}, {"id", ++last_id_}, {"method", method}};
    if (!params.empty()) request["params"] = params;
    return json::serialize(request) + "\n";
}

json::value RpcClient::result_in(const std::string& line, std::int64_t id) const {
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

void RpcClient::send(std::string_view method, const json::object& params, Answered answered) {
    // While the daemon works on one batch, this side makes the next.
    constexpr std::size_t batch = 256;
    gathered_ += next_request(method, params);
    sent_.push_back({last_id_, std::move(answered)});
    if (++gathered_requests_ == batch) turn(batch);
}

void RpcClient::finish() {
    if (!sent_.empty()) turn(0);
}

void RpcClient::turn(std::size_t awaited) {
    gathered_requests_ = 0;
    const std::size_t answers = sent_.size() - std::min(sent_.size(), awaited);
    exchange_many(std::exchange(gathered_, {}), answers, [this](const std::string& line) {
        const Sent request = std::move(sent_.front());
        sent_.pop_front();
        try {
            result_in(line, request.id);
        } catch (const Refused& refusal) {
            return request.answered(&refusal);
        }
        request.answered(nullptr);
    });
}

void RpcClient::exchange_many(const std::string& requests, std::size_t answers,
                              const std::function<void(const std::string& line)>& take) {
    error_code result;
    std::exception_ptr thrown;
    asio::async_write(socket_, asio::buffer(requests), [&](const error_code& e, std::size_t) {
        if (e && !result) result = e;
    });
    const std::function<void()> read_next = [&] {
        if (answers == 0) return;
        asio::async_read_until(socket_, asio::dynamic_buffer(input_, limits_.reply_bytes), '\n',
                               [&](const error_code& e, std::size_t bytes) {
                                   if (e) {
                                       result = e;
                                       return;
                                   }
                                   --answers;
                                   // What is under way refers to this frame, and has to end first.
                                   try {
                                       take(take_line(bytes, e));
                                       read_next();
                                   } catch (...) {
                                       thrown = std::current_exception();
                                   }
                               });
    };
    read_next();
    run(limits_.reply, "answer");
    if (thrown) std::rethrow_exception(thrown);
    if (answers != 0 || result) take_line(0, result);
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

Stream open_daemon_stream(const std::string& socket_path) {
    auto client = std::make_shared<RpcClient>(socket_path);
    return {
        .send = [client](std::string_view method, const json::object& params,
                         Answered answered) { client->send(method, params, std::move(answered)); },
        .finish = [client] { client->finish(); }};
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
