// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// DPDK's environment layer for unit tests: once a process, before the first test, without huge
// pages, devices, shared files or privileges. Linked tests need do nothing but include their own
// headers: eal.cpp registers the GoogleTest environment by itself.
#include <gtest/gtest.h>

namespace shunt::test {

/// Starts the EAL with 128 MB of ordinary memory and every CPU the process may use as an lcore;
/// ends the test program when that fails.
class EalEnvironment : public ::testing::Environment {
  public:
    void SetUp() override;
    void TearDown() override;
};

}  // namespace shunt::test
