// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The flags of a service that mean something to its scheduler only, and their words
// (ipvs-behaviour 4.10).
#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::cli {

/// Every scheduler has the same three bits; sh and mh have names of their own for the first two,
/// and no use for the third, conhash has a use for the second only.
using SchedulerFlags = std::bitset<3>;

/// The bit that a word stands for: "flag-2", "sh-port". Nothing for what is no such word.
std::optional<SchedulerFlags> parse_scheduler_flag(std::string_view word);

/// The bits as `scheduler` names them, lowest first.
std::vector<std::string> scheduler_flag_words(SchedulerFlags flags, std::string_view scheduler);

}  // namespace shunt::cli
