// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The configuration on its two ways: a file as a request, and a difference as lines for a person.
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>

namespace shunt::cli {

/// The parameters text, name and includes of the config methods, which may not read files
/// themselves. Throws ctl::ConfigError for a file that cannot be read, or that libconfig could not.
boost::json::object config_params(const std::string& path);

/// The result of config.apply, config.diff or config.reload. A line a change: "+" comes, "-" goes,
/// "~" changes, "!" waits for a restart, and blank is only a title. The last line has the number.
std::string config_diff_text(const boost::json::value& result);

}  // namespace shunt::cli
