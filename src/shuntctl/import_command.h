// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// `shuntctl config import`: the configuration of ipvsadm or keepalived as one of shuntd. Needs no
// daemon.
#include <CLI/App.hpp>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "shuntctl/import_keepalived.h"

namespace shunt::cli {

enum class ImportFormat : std::uint8_t { ipvsadm, keepalived };

/// Which of them a text is, by its first word.
ImportFormat guess_format(std::string_view text);

/// Reads `text` into a plan.
ImportPlan import_plan(ImportFormat format, std::string_view text, const std::string& file,
                       const ReadIncluded& read, const Resolver& resolver);

class ImportArgs {
  public:
    void add_to(CLI::App& verb);
    /// Prints the configuration to `out` and what was left out to `err`. Returns the exit status.
    /// Throws CLI::ValidationError for a file that cannot be read.
    int run(std::istream& in, std::ostream& out, std::ostream& err) const;

  private:
    std::string file_;
    std::string from_;
    std::vector<std::string> ports_;
    bool strict_ = false;
};

}  // namespace shunt::cli
