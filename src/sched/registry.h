// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// All schedulers by name. A scheduler is one file here and one line in registry.cpp.
#include <string>
#include <string_view>
#include <vector>

#include "service/scheduler.h"

namespace shunt {

/// The scheduler of that name, or null. It lives as long as the process. Thread: any.
const Scheduler* find_scheduler(std::string_view name) noexcept;

/// The names that find_scheduler() knows, sorted.
std::vector<std::string> scheduler_names();

}  // namespace shunt
