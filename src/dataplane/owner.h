// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Which worker owns a connection: a pure function of the client's address and port, the same for
// both directions, for every port and, where the card is told the same key, in hardware
// (design: whose connection is it; peers call it receive-side scaling).
#include <array>
#include <cstdint>

#include "base/id.h"
#include "net/tuple.h"

namespace shunt {

/// Toeplitz hash (as RSS cards compute it) of address and port, and the table of workers behind it.
class OwnerFunction {
  public:
    static constexpr std::size_t key_size = 40;
    static constexpr std::size_t table_size = 128;
    using Key = std::array<std::uint8_t, key_size>;

    OwnerFunction(const Key& key, std::uint16_t workers) noexcept;

    template <class F>
    [[nodiscard]] WorkerId owner(const typename F::Address& client, L4Port port) const noexcept {
        return WorkerId(table_[hash<F>(client, port) & (table_size - 1)]);
    }

    /// The Toeplitz hash over address then port.
    template <class F>
    [[nodiscard]] std::uint32_t hash(const typename F::Address& client,
                                     L4Port port) const noexcept {
        std::array<std::uint8_t, sizeof(client) + sizeof(port)> input;
        std::memcpy(input.data(), &client, sizeof(client));
        std::memcpy(input.data() + sizeof(client), &port, sizeof(port));
        std::uint32_t h = 0;
        for (std::size_t i = 0; i < input.size(); ++i) h ^= partial_[i][input[i]];
        return h;
    }

    [[nodiscard]] const Key& key() const noexcept { return key_; }
    /// Which worker a card's redirection table entry must name.
    [[nodiscard]] WorkerId entry(std::size_t index) const noexcept {
        return WorkerId(table_[index % table_size]);
    }

  private:
    Key key_;
    std::array<std::uint16_t, table_size> table_;
    /// What each value of each input byte adds to the hash: 18 bytes for an IPv6 endpoint.
    std::array<std::array<std::uint32_t, 256>, 18> partial_;
};

}  // namespace shunt
