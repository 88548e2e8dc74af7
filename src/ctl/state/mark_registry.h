// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The rules that give packets a mark, as the operator wrote them, with ports by name.
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ctl/config/config.h"
#include "ctl/state/publisher.h"

namespace shunt::ctl {

/// Thread: control.
class MarkRegistry {
  public:
    using Build = std::function<std::shared_ptr<const MarkRules>(std::span<const MarkRule>)>;

    /// `publisher` outlives this. `ports`: names by PortId. `build` stands in for MarkRules::build,
    /// which needs a running EAL.
    MarkRegistry(Publisher& publisher, std::vector<std::string> ports,
                 Build build = &MarkRules::build);

    /// Puts these rules in force in place of all others, in one publication. Throws RpcError, whose
    /// path begins with "rules", and has changed nothing then.
    void set(std::vector<MarkConfig> rules);

    /// The same in two steps: what can fail, and what cannot, once prepare()d rules are published.
    struct Prepared {
        std::vector<MarkConfig> rules;
        std::shared_ptr<const MarkRules> built;  ///< null: there are no rules
    };
    [[nodiscard]] Prepared prepare(std::vector<MarkConfig> rules) const;
    void accept(Prepared&& prepared) noexcept { rules_ = std::move(prepared.rules); }

    [[nodiscard]] const std::vector<MarkConfig>& rules() const noexcept { return rules_; }

  private:
    [[nodiscard]] MarkRule whole(const MarkConfig& config, const std::string& path) const;

    Publisher& publisher_;
    std::vector<std::string> ports_;
    Build build_;
    std::vector<MarkConfig> rules_;
};

}  // namespace shunt::ctl
