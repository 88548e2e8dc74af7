// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// JSON-RPC 2.0 without the socket: one line of bytes in, one line out (docs/protocol.md). Thread:
// control.
#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ctl/rpc/audit.h"
#include "ctl/rpc/events.h"
#include "ctl/rpc/rpc_error.h"
#include "ctl/rpc/rpc_params.h"

namespace shunt::ctl {

/// The result, or why there is none.
using Reply = std::variant<boost::json::value, RpcError>;
/// To be called once, during the handler's call or later.
using Respond = std::function<void(Reply)>;

struct Method {
    std::string name;
    std::vector<Parameter> parameters;
    /// `params` live until it returns. What it throws is the answer; it has not responded then.
    std::function<void(const Params& params, const Respond& respond)> handler;
    /// What a caller needs; MethodTable fills it in (access_needed() in ctl/reading_methods.h).
    Access access = Access::change;
    /// In the place of `handler`, for what is about the connection that the request comes by; null
    /// when it comes by none.
    std::function<void(const Params& params, const Respond& respond, EventReceiver* receiver)>
        about_connection{};
};

/// A method that answers at once.
Method direct(std::string name, std::vector<Parameter> parameters,
              std::function<boost::json::object(const Params&)> run);

/// Where a line comes from.
struct Origin {
    Caller caller{};
    Audit audit{};  ///< told of every request that needs the right to change; empty: nobody is
    EventReceiver* receiver = nullptr;  ///< outlives the call to dispatch_line()
};

/// Sorted by name; names are unique.
class MethodTable {
  public:
    explicit MethodTable(std::vector<Method> methods);
    /// Null when there is no such method.
    [[nodiscard]] const Method* find(std::string_view name) const noexcept;
    [[nodiscard]] const std::vector<Method>& methods() const noexcept { return methods_; }

  private:
    std::vector<Method> methods_;
};

/// A request may nest so deep.
inline constexpr std::size_t most_json_depth = 16;

/// Handles one line, without its newline. `done` is called once, with the answer and its newline,
/// or with nothing for a notification; a handler may take its time over that. What the caller has
/// no right to is refused with EPERM.
void dispatch_line(std::string_view line, const MethodTable& methods,
                   std::function<void(std::string answer)> done, const Origin& origin = {});

/// A notification of an event, with its newline.
std::string event_line(const boost::json::object& about);

/// The answer to a request that could not even be looked at.
std::string error_line(const RpcError& error);

}  // namespace shunt::ctl
