// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What is written down of every request that may change something: who asked, what for, and what
// came of it. Thread: control.
#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "ctl/rpc/access.h"
#include "ctl/rpc/rpc_error.h"

namespace shunt::ctl {

struct AuditRecord {
    const Caller& caller;
    std::string_view method;
    std::string_view what;            ///< describe_params()
    const RpcError* error = nullptr;  ///< null: it was done
};

/// Told of a request when it is done or refused.
using Audit = std::function<void(const AuditRecord&)>;

/// Parameters as one short text, "service.protocol=tcp service.address=192.0.2.1:80 weight=3". What
/// is longer than `most` characters is cut, and ends with "...".
[[nodiscard]] std::string describe_params(const boost::json::object& params,
                                          std::size_t most = 400);

/// `event=audit uid=1000 user=ann pid=4711 method=dest.add what="..." result=ok`. What was refused
/// has the name of its errno in the place of "ok".
[[nodiscard]] std::string audit_line(const AuditRecord& record);

}  // namespace shunt::ctl
