// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl health`: the checks of real servers.
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "shuntctl/command_args.h"
#include "shuntctl/command_context.h"
#include "shuntctl/command_tree.h"

namespace shunt::cli {

/// How servers are checked.
class CheckArgs {
  public:
    void add_to(CLI::App& verb);
    /// "check": null with --off. Throws CLI::ValidationError when neither --off nor --type is
    /// given.
    void put_into(boost::json::object& params) const;

  private:
    void add_http_to(CLI::App& verb);

    bool off_ = false;
    std::string type_;
    std::optional<std::int64_t> interval_;
    std::optional<std::int64_t> timeout_;
    std::optional<std::int64_t> rise_;
    std::optional<std::int64_t> fall_;
    std::optional<std::int64_t> port_;
    std::string source_;
    std::string path_;
    std::string host_;
    std::string status_;
    std::string initially_;
    std::string all_down_;
};

class HealthCommands {
  public:
    /// `context` outlives this, and this the actions that it adds.
    explicit HealthCommands(CommandContext& context) : context_(context) {}
    HealthCommands(const HealthCommands&) = delete;
    HealthCommands& operator=(const HealthCommands&) = delete;

    void add_to(CommandTree& tree);

  private:
    CommandContext& context_;
    ServiceArgs service_;
    CheckArgs check_;
    std::string state_;
};

}  // namespace shunt::cli
