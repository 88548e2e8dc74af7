// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The results of many measurements: JSON objects as shunt-bench prints them, each in a file of its
// own, and those that scripts/bench made of other programs beside them.
#include <boost/json.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::bench {

using Result = boost::json::object;

/// What a result is about; members that are not given may be anything, or missing.
struct Query {
    std::string_view command;
    std::string_view forward{};
    std::string_view tunnel{};
    int family = 0;
    std::string_view direction{};
    std::uint32_t flows = 0;
    std::string_view app{};  ///< the application that was loaded; none when not given
};

class ResultSet {
  public:
    ResultSet() = default;
    explicit ResultSet(std::vector<Result> results) : results_(std::move(results)) {}
    /// All files NAME.json of a folder, by name. Throws std::runtime_error that names the file.
    static ResultSet load(const std::filesystem::path& folder);

    /// They stay the set's.
    [[nodiscard]] std::vector<const Result*> all(const Query& query) const&;
    /// The first one; null when there is none.
    [[nodiscard]] const Result* find(const Query& query) const&;
    std::vector<const Result*> all(const Query& query) const&& = delete;
    const Result* find(const Query& query) const&& = delete;

  private:
    std::vector<Result> results_;
};

/// A file name that tells what was measured: the same measurement has the same one.
std::string file_name_of(const Result& result);

/// Members, by their path ("latency_ns", "p50"). Nothing, or "", when one is missing.
std::optional<double> number_in(const Result& result, std::string_view key,
                                std::string_view inner = {});
/// Were the packets shorter than the least frame, and padded?
bool is_padded(const Result& result);
std::string text_in(const Result& result, std::string_view key);

}  // namespace shunt::bench
