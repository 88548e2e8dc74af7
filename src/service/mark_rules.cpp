// SPDX-License-Identifier: BSD-3-Clause
#include "service/mark_rules.h"

#include <rte_acl.h>
#include <rte_memory.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <vector>

namespace shunt {

namespace {

constexpr std::size_t burst = 32;

/// What rte_acl reads of one packet, all in network order. Not initialised before write().
template <class F>
struct Key {
    std::array<std::byte, sizeof(FlowTuple<F>)> tuple;
    std::uint32_t ingress;

    const std::uint8_t* write(const FlowTuple<F>& from, PortId port) noexcept {
        std::memcpy(tuple.data(), &from, sizeof from);
        ingress = Be32(port.value()).raw();
        return reinterpret_cast<const std::uint8_t*>(this);
    }
};
static_assert(offsetof(Key<Ipv4>, tuple) == 0 && offsetof(Key<Ipv6>, tuple) == 0);

/// rte_acl matches an address as 32-bit words.
template <class F>
constexpr std::size_t address_words = sizeof(typename F::Address) / sizeof(std::uint32_t);

/// The places of a rule's fields; an address has one for each of its words.
template <class F>
struct Place {
    static constexpr std::size_t protocol = 0;
    static constexpr std::size_t source = 1;
    static constexpr std::size_t destination = source + address_words<F>;
    static constexpr std::size_t source_port = destination + address_words<F>;
    static constexpr std::size_t destination_port = source_port + 1;
    static constexpr std::size_t ingress = destination_port + 1;
    static constexpr std::size_t count = ingress + 1;
};

/// rte_acl's rule with the fields of a family; values are in host order.
template <class F>
struct AclRule {
    rte_acl_rule_data data{};
    std::array<rte_acl_field, Place<F>::count> field{};
};
static_assert(sizeof(AclRule<Ipv4>) == RTE_ACL_RULE_SZ(Place<Ipv4>::count));
static_assert(sizeof(AclRule<Ipv6>) == RTE_ACL_RULE_SZ(Place<Ipv6>::count));

/// The first field must be of one byte, and those behind it fill groups of four consecutive bytes,
/// each with its own input number.
template <class F>
rte_acl_config make_config() noexcept {
    rte_acl_config config{};
    config.num_categories = 1;
    std::uint8_t group = 0;
    const auto add = [&](std::uint8_t type, std::uint8_t size, std::size_t offset) {
        const auto index = static_cast<std::uint8_t>(config.num_fields++);
        config.defs[index] = {type, size, index, group, static_cast<std::uint32_t>(offset)};
    };
    const auto add_address = [&](std::size_t offset) {
        for (std::size_t i = 0; i < address_words<F>; ++i, ++group)
            add(RTE_ACL_FIELD_TYPE_MASK, 4, offset + 4 * i);
    };
    add(RTE_ACL_FIELD_TYPE_BITMASK, 1, offsetof(FlowTuple<F>, protocol));
    ++group;
    add_address(offsetof(FlowTuple<F>, source));
    add_address(offsetof(FlowTuple<F>, destination));
    add(RTE_ACL_FIELD_TYPE_RANGE, 2, offsetof(FlowTuple<F>, source_port));
    add(RTE_ACL_FIELD_TYPE_RANGE, 2, offsetof(FlowTuple<F>, destination_port));
    ++group;
    add(RTE_ACL_FIELD_TYPE_MASK, 4, offsetof(Key<F>, ingress));
    return config;
}

/// One field for each word of the address. rte_acl looks only at the first `mask_range` bits of it.
template <class F>
void set_prefix(rte_acl_field* fields, const IpPrefix& prefix) noexcept {
    std::array<std::uint32_t, address_words<F>> words;
    std::memcpy(words.data(), &F::of(prefix.address), sizeof words);
    std::uint32_t left = prefix.length;
    for (const std::uint32_t word : words) {
        const std::uint32_t length = std::min(left, 32U);
        left -= length;
        fields->value.u32 = Be32::from_raw(word).value();
        fields->mask_range.u32 = length;
        ++fields;
    }
}

void set_range(rte_acl_field& field, const PortRange& range) noexcept {
    field.value.u16 = range.first.value();
    field.mask_range.u16 = range.last.value();
}

/// `priority`: the higher one wins.
template <class F>
AclRule<F> make_rule(const MarkRule& rule, std::int32_t priority) noexcept {
    using At = Place<F>;
    AclRule<F> acl;
    acl.data = {.category_mask = 1, .priority = priority, .userdata = rule.mark.value()};
    if (rule.protocol) {
        acl.field[At::protocol].value.u8 = static_cast<std::uint8_t>(*rule.protocol);
        acl.field[At::protocol].mask_range.u8 = 0xFF;
    }
    if (rule.source) set_prefix<F>(&acl.field[At::source], *rule.source);
    if (rule.destination) set_prefix<F>(&acl.field[At::destination], *rule.destination);
    set_range(acl.field[At::source_port], rule.source_ports);
    set_range(acl.field[At::destination_port], rule.destination_ports);
    if (rule.ingress) {
        acl.field[At::ingress].value.u32 = rule.ingress->value();
        acl.field[At::ingress].mask_range.u32 = 32;
    }
    return acl;
}

template <class F>
bool is_for(const MarkRule& rule) noexcept {
    const auto other = [](const std::optional<IpPrefix>& prefix) {
        return prefix && prefix->address.family() != F::family;
    };
    return !other(rule.source) && !other(rule.destination) && !problem(rule);
}

/// The rules of a family, the first with the highest priority.
template <class F>
std::vector<AclRule<F>> rules_for(std::span<const MarkRule> rules) {
    std::vector<AclRule<F>> out;
    auto priority = static_cast<std::int32_t>(rules.size());
    for (const MarkRule& rule : rules) {
        if (is_for<F>(rule)) out.push_back(make_rule<F>(rule, priority));
        --priority;
    }
    return out;
}

/// DPDK finds contexts by name over the whole process and gives out a known one again, so each gets
/// a name of its own.
template <class F>
rte_acl_ctx* make_context(std::size_t rules) noexcept {
    static std::atomic<std::uint32_t> serial{0};
    char name[RTE_ACL_NAMESIZE];
    std::snprintf(name, sizeof name, "marks%u_%u", static_cast<unsigned>(F::family),
                  serial.fetch_add(1, std::memory_order_relaxed));
    const rte_acl_param param{.name = name,
                              .socket_id = SOCKET_ID_ANY,
                              .rule_size = sizeof(AclRule<F>),
                              .max_rule_num = static_cast<std::uint32_t>(rules)};
    return rte_acl_create(&param);
}

/// Fills a context with the rules; false: no memory.
template <class F>
bool compile(rte_acl_ctx* context, std::span<const AclRule<F>> rules) noexcept {
    const auto* const first = reinterpret_cast<const rte_acl_rule*>(rules.data());
    if (rte_acl_add_rules(context, first, static_cast<std::uint32_t>(rules.size())) != 0)
        return false;
    const rte_acl_config config = make_config<F>();
    return rte_acl_build(context, &config) == 0;
}

bool has_ports(Protocol protocol) noexcept {
    return protocol == Protocol::tcp || protocol == Protocol::udp || protocol == Protocol::sctp;
}

}  // namespace

std::optional<std::string_view> problem(const MarkRule& rule) noexcept {
    const bool every_port =
        rule.source_ports == PortRange{} && rule.destination_ports == PortRange{};
    if (rule.mark == Mark{}) return "has no mark";
    if (rule.source && rule.destination &&
        rule.source->address.family() != rule.destination->address.family())
        return "has prefixes of both families";
    if (!every_port && !(rule.protocol && has_ports(*rule.protocol)))
        return "has ports without tcp, udp or sctp";
    if (rule.source_ports.last < rule.source_ports.first ||
        rule.destination_ports.last < rule.destination_ports.first)
        return "has ports that end before they begin";
    return std::nullopt;
}

void MarkRules::Free::operator()(rte_acl_ctx* context) const noexcept {
    rte_acl_free(context);
}

template <class F>
bool MarkRules::fill(Context& context, std::span<const MarkRule> rules) {
    const auto acl = rules_for<F>(rules);
    if (acl.empty()) return true;
    context.reset(make_context<F>(acl.size()));
    return context != nullptr && compile<F>(context.get(), acl);
}

std::shared_ptr<const MarkRules> MarkRules::build(std::span<const MarkRule> rules) {
    rules = rules.first(std::min(rules.size(), max_rules));
    const std::shared_ptr<MarkRules> marks(new MarkRules);
    return fill<Ipv4>(marks->v4_, rules) && fill<Ipv6>(marks->v6_, rules) ? marks : nullptr;
}

template <class F>
void MarkRules::classify(PortId port, std::span<const FlowTuple<F>* const> tuples,
                         std::span<Mark> marks) const noexcept {
    if (!any<F>()) {
        std::fill(marks.begin(), marks.end(), Mark{});
        return;
    }
    std::array<Key<F>, burst> keys;
    std::array<const std::uint8_t*, burst> data;
    std::array<std::uint32_t, burst> results;
    for (std::size_t done = 0; done < tuples.size(); done += burst) {
        const std::size_t count = std::min(burst, tuples.size() - done);
        for (std::size_t i = 0; i < count; ++i) data[i] = keys[i].write(*tuples[done + i], port);
        rte_acl_classify(context<F>().get(), data.data(), results.data(),
                         static_cast<std::uint32_t>(count), 1);
        for (std::size_t i = 0; i < count; ++i) marks[done + i] = Mark(results[i]);
    }
}

template <class F>
Mark MarkRules::classify(PortId port, const FlowTuple<F>& tuple) const noexcept {
    if (!any<F>()) return {};
    Key<F> key;
    const std::uint8_t* data = key.write(tuple, port);
    std::uint32_t result = 0;
    rte_acl_classify(context<F>().get(), &data, &result, 1, 1);
    return Mark(result);
}

namespace {

template <class F>
bool is_within(const std::optional<IpPrefix>& network, const typename F::Address& address) {
    return !network || (network->address.family() == F::family &&
                        network_of(IpAddress(address), network->length) == network->address);
}

bool is_within(const PortRange& range, L4Port port) noexcept {
    return range.first.value() <= port.value() && port.value() <= range.last.value();
}

}  // namespace

template <class F>
bool matches(const MarkRule& rule, PortId port, const FlowTuple<F>& tuple) noexcept {
    return (!rule.protocol || *rule.protocol == tuple.protocol) &&
           (!rule.ingress || *rule.ingress == port) && is_within<F>(rule.source, tuple.source) &&
           is_within<F>(rule.destination, tuple.destination) &&
           is_within(rule.source_ports, tuple.source_port) &&
           is_within(rule.destination_ports, tuple.destination_port);
}

template bool matches<Ipv4>(const MarkRule&, PortId, const FlowTuple<Ipv4>&) noexcept;
template bool matches<Ipv6>(const MarkRule&, PortId, const FlowTuple<Ipv6>&) noexcept;
template void MarkRules::classify<Ipv4>(PortId, std::span<const FlowTuple<Ipv4>* const>,
                                        std::span<Mark>) const noexcept;
template void MarkRules::classify<Ipv6>(PortId, std::span<const FlowTuple<Ipv6>* const>,
                                        std::span<Mark>) const noexcept;
template Mark MarkRules::classify<Ipv4>(PortId, const FlowTuple<Ipv4>&) const noexcept;
template Mark MarkRules::classify<Ipv6>(PortId, const FlowTuple<Ipv6>&) const noexcept;

}  // namespace shunt
