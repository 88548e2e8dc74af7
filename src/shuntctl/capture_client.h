// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Reads what the daemon watches until that ends, or the operator interrupts.
#include <boost/json/object.hpp>
#include <functional>
#include <iosfwd>

#include "shuntctl/rpc_client.h"

namespace shunt::cli {

struct CaptureWorld {
    Call call;
    std::ostream& out;  ///< what was asked for
    std::ostream& err;  ///< how it went
    std::function<bool()> interrupted;
};

/// True once the process got SIGINT or SIGTERM; from the first call on, which takes the first of
/// them. A second one ends the process as usual.
bool was_interrupted();

/// Writes a capture file to `out`. Throws Refused or Unreachable.
void run_capture(const CaptureWorld& world, const boost::json::object& params);
/// Writes decisions to `out`, as text or as a JSON object a line. Throws Refused or Unreachable.
void run_trace(const CaptureWorld& world, const boost::json::object& params, bool as_json);

}  // namespace shunt::cli
