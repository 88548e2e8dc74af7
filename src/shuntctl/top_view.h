// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What `shuntctl top` shows: rates made of the daemon's counters. Pure.
#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shuntctl/rows.h"

namespace shunt::cli {

enum class TopView : std::uint8_t { services, servers, workers };

struct TopLine {
    std::vector<std::string> words;  ///< one for each title of words
    std::vector<double> values;      ///< one for each title of values; not a number: not known yet
};

/// What stands above the columns, first those of words. Of each view always the same.
struct TopTitles {
    std::vector<std::string> words;
    std::vector<std::string> values;
    /// The place of a title among words and values, whatever the size of its letters.
    [[nodiscard]] std::optional<std::size_t> find(const std::string& title) const;
    [[nodiscard]] std::vector<std::string> all() const;
};
const TopTitles& top_titles(TopView view);

/// How fast counters grow. A round is: begin(), rates() of everything, end().
class RateMeter {
  public:
    /// `now` in seconds.
    void begin(double now);
    /// A second, since the round before; not a number for what was not there then. A counter that
    /// has become smaller was set to zero.
    std::vector<double> rates(const std::string& name, const std::vector<std::uint64_t>& counts);
    void end();

  private:
    using Counts = std::map<std::string, std::vector<std::uint64_t>>;
    Counts before_;
    Counts now_;
    double last_ = 0;
    double passed_ = 0;
};

/// The lines of a view. What has no rates yet takes those that the daemon estimates, if any.
std::vector<TopLine> service_lines(const std::vector<ServiceRow>& services, RateMeter& meter);
std::vector<TopLine> server_lines(const std::vector<ServiceRow>& services, RateMeter& meter);
std::vector<TopLine> worker_lines(const boost::json::value& worker_list_result, RateMeter& meter);

struct TopOrder {
    std::size_t column = 0;  ///< as TopTitles::find() says
    bool reversed = false;
};
/// Numbers start with the largest, words with the first of the alphabet. What is not known is last.
void sort_lines(std::vector<TopLine>& lines, const TopOrder& order);

/// The table; the title of the column that orders it has a star. Lines after `most` are counted
/// only. 0 is any width.
std::string top_table(TopView view, const std::vector<TopLine>& lines, const TopOrder& order,
                      std::size_t width, std::size_t most);

/// "2 workers 35% busy, 1.20M pps in, 1.20M forwarded, 0 dropped, 5000 conns".
std::string top_summary(const std::vector<TopLine>& workers);

}  // namespace shunt::cli
