// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What health.list looks like to a person. Pure; as command_tables.h.
#include <boost/json/value.hpp>
#include <string>

namespace shunt::cli {

std::string health_text(const boost::json::value& result, std::size_t width = 0);

}  // namespace shunt::cli
