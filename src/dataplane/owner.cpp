// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/owner.h"

#include <rte_thash.h>

namespace shunt {

OwnerFunction::OwnerFunction(const Key& key, std::uint16_t workers) noexcept : key_(key) {
    for (std::size_t i = 0; i < table_size; ++i)
        table_[i] = static_cast<std::uint16_t>(i % workers);

    // The hash is linear over XOR, so it is the XOR of what each byte adds on its own. The library
    // takes whole 32-bit words in host order; byte `i` stands in word i/4.
    for (std::size_t i = 0; i < partial_.size(); ++i) {
        for (std::uint32_t value = 0; value < 256; ++value) {
            std::array<std::uint32_t, 5> words{};
            words[i / 4] = value << (24 - 8 * (i % 4));
            partial_[i][value] = rte_softrss(words.data(), words.size(), key_.data());
        }
    }
}

}  // namespace shunt
