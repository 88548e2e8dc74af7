// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A hash map of which many versions share what they have in common, as those of shared_tree.h do.
#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "base/shared_tree.h"

namespace shunt {

/// Split into shards by the hash of the key; a change copies the shard that it touches.
template <class Key, class Value>
class SharedMap {
  public:
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool contains(const Key& key) const noexcept { return find(key) != nullptr; }

    /// Null when there is none.
    [[nodiscard]] const Value* find(const Key& key) const noexcept {
        const Probe probe{key};
        const Shard* shard = shards_.find(probe.shard());
        if (shard == nullptr) return nullptr;
        const auto at = shard->find(probe);
        return at == shard->end() ? nullptr : &at->second;
    }
    /// The value as this version alone has it, made when there was none. Valid until the next
    /// change.
    [[nodiscard]] Value& edit(const Key& key) {
        const auto [at, is_new] = shards_.edit(Probe{key}.shard()).try_emplace(key);
        size_ += is_new ? 1 : 0;
        return at->second;
    }
    void erase(const Key& key) {
        if (!contains(key)) return;
        const Probe probe{key};
        Shard& shard = shards_.edit(probe.shard());
        shard.erase(shard.find(probe));
        if (shard.empty()) shards_.drop(probe.shard());
        --size_;
    }

    void measure(const SharedMap& before, Footprint& sum) const {
        shards_.measure(before.shards_, sum, [](const Shard& shard) {
            return sizeof(shard) + shard.bucket_count() * (sizeof(*shard.begin()) + 1);
        });
    }

  private:
    static constexpr unsigned shard_bits = 12;

    /// A key that is looked for: hashed once for shard and place.
    struct Probe {
        explicit Probe(const Key& wanted) noexcept : key(wanted), hash(hash_of(wanted, 0)) {}
        [[nodiscard]] std::size_t shard() const noexcept { return hash >> (64 - shard_bits); }
        const Key& key;
        std::uint64_t hash;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(const Key& key) const noexcept { return hash_of(key, 0); }
        std::size_t operator()(const Probe& probe) const noexcept { return probe.hash; }
    };
    struct Equal {
        using is_transparent = void;
        bool operator()(const Key& a, const Key& b) const noexcept { return a == b; }
        bool operator()(const Probe& a, const Key& b) const noexcept { return a.key == b; }
        bool operator()(const Key& a, const Probe& b) const noexcept { return a == b.key; }
    };
    using Shard = boost::unordered_flat_map<Key, Value, Hash, Equal>;

    SharedTree<Shard> shards_;
    std::size_t size_ = 0;
};

}  // namespace shunt
