// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the methods show, as JSON (docs/protocol.md). Thread: control.
#include <boost/json/object.hpp>

#include "ctl/conn/conn_listing.h"
#include "ctl/state/service_registry.h"

namespace shunt::ctl {

boost::json::object to_json(const Stats& stats);
/// A service's name, as requests give it.
boost::json::object to_json(const ServiceKey& key);
boost::json::object to_json(const HealthCheck& check);
std::string_view health_word(Health health) noexcept;
/// What a server is held for, into its object: "health", "forced" and "effective_weight".
void put_health(boost::json::object& out, const HealthState& state);
boost::json::object to_json(const ServiceView& view);
boost::json::object to_json(const ConnectionRow& row);
boost::json::object to_json(const ConnectionList& list);
boost::json::object to_json(const ConnectionTally& tally);
boost::json::object to_json(const MarkConfig& rule);

}  // namespace shunt::ctl
