// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Lists in pages, the same way for every method that has one (docs/protocol.md, "Pages"). Thread:
// control.
#include <string>

#include "ctl/rpc/rpc_dispatch.h"

namespace shunt::ctl {

/// The method, whose result has a list `key`, with two more parameters: `limit`, so many rows at
/// most, and `cursor`, from where the page before ended. With a limit the result has a `cursor`
/// too: a text, or null at the end.
Method paged(Method method, std::string key);

}  // namespace shunt::ctl
