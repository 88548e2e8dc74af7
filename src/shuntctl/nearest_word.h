// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What somebody who mistyped a word may have meant. Pure.
#include <string>
#include <string_view>
#include <vector>

namespace shunt::cli {

/// The word of the list that is nearest to `given`: the one that begins so, or the one that the
/// fewest letters put in, left out, replaced or swapped lead to. Empty when none is near.
std::string nearest_word(std::string_view given, const std::vector<std::string>& words);

/// "; did you mean WORD?", or nothing when no word is near.
std::string did_you_mean(std::string_view given, const std::vector<std::string>& words);

/// "a", "a or b", "a, b or c".
std::string or_list(const std::vector<std::string>& words);

}  // namespace shunt::cli
