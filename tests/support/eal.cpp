// SPDX-License-Identifier: BSD-3-Clause
#include "support/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace shunt::test {

void EalEnvironment::SetUp() {
    std::array<std::string, 9> words{"unit-test",   "--no-huge",      "--no-pci",
                                     "--no-shconf", "--no-telemetry", "-m",
                                     "128",         "--iova-mode=va", "--log-level=lib.eal:error"};
    std::array<char*, words.size()> arguments{};
    for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
    if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
        std::fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
        std::exit(1);
    }
}

void EalEnvironment::TearDown() {
    rte_eal_cleanup();
}

namespace {
[[maybe_unused]] const ::testing::Environment* const registered =
    ::testing::AddGlobalTestEnvironment(new EalEnvironment);
}

}  // namespace shunt::test
