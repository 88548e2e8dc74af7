// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The rules that give packets a mark, which services may be had by (ipvs-behaviour 1.3). IPVS reads
// the mark that the kernel's packet filter left on a packet; here these rules take the filter's
// place. One set is immutable, shared by all workers, and replaced as a whole.
//
// Worked example: the rules "to 198.51.100.0/24, tcp, ports 80 to 80: mark 1" and "to
// 198.51.100.0/24: mark 2" give mark 1 to web traffic of that network and mark 2 to the rest of it;
// in the other order they would give mark 2 to all of it.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/id.h"
#include "net/tuple.h"
#include "service/mark.h"

struct rte_acl_ctx;

namespace shunt {

/// The ports from `first` to `last`, both of them too. What is not given is every port.
struct PortRange {
    L4Port first{std::uint16_t{0}};
    L4Port last{std::uint16_t{0xFFFF}};
    bool operator==(const PortRange&) const noexcept = default;
};

/// A packet matches when all holds that is given. Without prefixes both families match. Ports that
/// a packet's tuple does not know count as 0.
struct MarkRule {
    std::optional<IpPrefix> source{};
    std::optional<IpPrefix> destination{};  ///< of the same family as `source`
    std::optional<Protocol> protocol{};     ///< any number, also one that Protocol does not name
    PortRange source_ports{};               ///< other than every port only with tcp, udp or sctp
    PortRange destination_ports{};          ///< the same
    std::optional<PortId> ingress{};        ///< the port that the packet came in by
    Mark mark{};                            ///< not 0
    bool operator==(const MarkRule&) const noexcept = default;
};

/// What keeps a rule from being used, as words to follow the rule's name; nothing when it may be.
[[nodiscard]] std::optional<std::string_view> problem(const MarkRule& rule) noexcept;

/// Does the rule match a packet? For the control thread, which tells an operator why a packet has
/// its mark; packets go by MarkRules.
template <class F>
[[nodiscard]] bool matches(const MarkRule& rule, PortId port, const FlowTuple<F>& tuple) noexcept;

class MarkRules {
  public:
    static constexpr std::size_t max_rules = 0xFFFF;

    /// Of several rules that match a packet the first in this order decides. Rules with a problem()
    /// and those beyond the first `max_rules` are left out. Null when there is no memory for them.
    /// Takes up to seconds for the largest sets (docs/decisions/0013), so keep the set while the
    /// rules stay the same. Needs a running EAL. Thread: control.
    [[nodiscard]] static std::shared_ptr<const MarkRules> build(std::span<const MarkRule> rules);

    /// Are there any rules for this family? Where not, callers need not ask for marks.
    template <class F>
    [[nodiscard]] bool any() const noexcept {
        return context<F>() != nullptr;
    }

    /// The marks of packets that came in by `port`: marks[i] is that of tuples[i], 0 when no rule
    /// matches. Both spans have the same size, any. Any thread.
    template <class F>
    void classify(PortId port, std::span<const FlowTuple<F>* const> tuples,
                  std::span<Mark> marks) const noexcept;

    /// The same for one packet, at several times the cost.
    template <class F>
    [[nodiscard]] Mark classify(PortId port, const FlowTuple<F>& tuple) const noexcept;

  private:
    MarkRules() = default;

    struct Free {
        void operator()(rte_acl_ctx* context) const noexcept;
    };
    using Context = std::unique_ptr<rte_acl_ctx, Free>;

    template <class F>
    [[nodiscard]] const Context& context() const noexcept {
        if constexpr (F::family == Family::ipv4)
            return v4_;
        else
            return v6_;
    }

    /// Makes the context of a family, unless it has no rules; false: no memory.
    template <class F>
    [[nodiscard]] static bool fill(Context& context, std::span<const MarkRule> rules);

    Context v4_;  ///< null: no rule for the family
    Context v6_;
};

}  // namespace shunt
