// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/mark_registry.h"

#include <algorithm>
#include <cerrno>

#include "ctl/config/config_text.h"
#include "ctl/rpc/rpc_error.h"

namespace shunt::ctl {

MarkRegistry::MarkRegistry(Publisher& publisher, std::vector<std::string> ports, Build build)
    : publisher_(publisher), ports_(std::move(ports)), build_(std::move(build)) {}

void MarkRegistry::set(std::vector<MarkConfig> rules) {
    Prepared prepared = prepare(std::move(rules));
    publisher_.set_marks(prepared.built);
    accept(std::move(prepared));
}

MarkRegistry::Prepared MarkRegistry::prepare(std::vector<MarkConfig> rules) const {
    if (rules.size() > MarkRules::max_rules)
        throw refused(EINVAL,
                      "there may be " + std::to_string(MarkRules::max_rules) + " rules, not " +
                          std::to_string(rules.size()),
                      "rules");
    std::vector<MarkRule> with_ports;
    with_ports.reserve(rules.size());
    for (const auto& rule : rules)
        with_ports.push_back(whole(rule, "rules[" + std::to_string(with_ports.size()) + ']'));
    std::shared_ptr<const MarkRules> built;
    if (!rules.empty()) {
        built = build_(with_ports);
        if (built == nullptr)
            throw refused(ENOMEM,
                          "no memory for " + std::to_string(rules.size()) +
                              " rules (configuration: memory.size_mb)",
                          "rules");
    }
    return {std::move(rules), std::move(built)};
}

MarkRule MarkRegistry::whole(const MarkConfig& config, const std::string& path) const {
    MarkRule rule = config.rule;
    if (const auto why = problem(rule)) throw refused(EINVAL, path + ' ' + std::string(*why), path);
    if (config.port.empty()) return rule;
    const auto port = std::ranges::find(ports_, config.port);
    if (port == ports_.end())
        throw refused(EINVAL, quote(config.port) + " is not the name of a port", path + ".port");
    rule.ingress = PortId(static_cast<std::uint16_t>(port - ports_.begin()));
    return rule;
}

}  // namespace shunt::ctl
