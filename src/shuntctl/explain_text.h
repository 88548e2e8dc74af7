// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What `shuntctl explain` shows a person. Pure.
#include <boost/json/value.hpp>
#include <string>

namespace shunt::cli {

/// Of the result of the method `explain` (docs/protocol.md). Throws Unreachable for a result that
/// is not as documented there.
std::string explain_text(const boost::json::value& result);

}  // namespace shunt::cli
