// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/device/sizing.h"

#include <gtest/gtest.h>

#include "conn/conn_table.h"
#include "dataplane/app_state.h"

namespace shunt::ctl {
namespace {

constexpr std::uint64_t mib = 1U << 20;
constexpr std::uint64_t gib = 1U << 30;

Config config_of(std::uint16_t workers, std::size_t ports = 1, bool twins = true) {
    Config config;
    config.workers = workers;
    config.ports.resize(ports);
    for (auto& port : config.ports) port.twin = twins;
    return config;
}

TEST(Sizing, WhatTheConfigurationSaysStands) {
    Config config = config_of(2);
    config.connections = 5000;
    config.packet_buffers = 12345;
    config.memory_mb = 77;
    const Sizes sizes = compute_sizes(config, 64 * gib);
    EXPECT_EQ(sizes.connections, 5000U);
    EXPECT_EQ(sizes.packet_buffers, 12345U);
    EXPECT_EQ(sizes.huge_memory_mb, 77U);
    EXPECT_EQ(sizes.ordinary_memory_mb, 77U);
}

TEST(Sizing, ConnectionsComeFromTheMemoryWithinBounds) {
    const auto connections = [](std::uint64_t memory) {
        return compute_sizes(config_of(1), memory).connections;
    };
    EXPECT_EQ(connections(1024 * gib), 1048576U);
    EXPECT_EQ(connections(0), 1024U);
    EXPECT_LT(connections(512 * mib), connections(gib));
    EXPECT_NEAR(connections(gib), 2.0 * connections(512 * mib), 2);
}

TEST(Sizing, TheTablesFitTheirEighthOfTheMemory) {
    for (const std::uint16_t workers : std::initializer_list<std::uint16_t>{1, 2, 4, 16})
        for (const std::uint64_t memory : {512 * mib, 2 * gib, 8 * gib}) {
            const Sizes sizes = compute_sizes(config_of(workers), memory);
            const ConnTable<Ipv4> v4(sizes.connections_per_worker, 1, {});
            const ConnTable<Ipv6> v6(sizes.connections_per_worker, 1, {});
            // Several workers have their quarter more.
            EXPECT_LE(workers * (v4.bytes() + v6.bytes()), memory / 8 * (workers == 1 ? 4 : 5) / 4)
                << workers << " workers, " << memory / mib << " MB";
        }
}

TEST(Sizing, TheTablesAreCountedAsLargeAsTheyAre) {
    Config config = config_of(4);
    config.connections = 1'000'000;
    const Sizes sizes = compute_sizes(config, 64 * gib);
    const ConnTable<Ipv4> v4(sizes.connections_per_worker, 1, {});
    const ConnTable<Ipv6> v6(sizes.connections_per_worker, 1, {});
    const std::uint64_t real = (v4.bytes() + v6.bytes()) * 4 / mib;
    EXPECT_GE(sizes.tables_mb, real);
    EXPECT_LE(sizes.tables_mb, real * 3 / 2);
}

TEST(Sizing, OneWorkerTakesAllConnectionsAndSeveralAQuarterMoreThanTheirShare) {
    Config config = config_of(1);
    config.connections = 100'000;
    EXPECT_EQ(compute_sizes(config, gib).connections_per_worker, 100'000U);
    config.workers = 4;
    EXPECT_NEAR(compute_sizes(config, gib).connections_per_worker, 31'250, 2);
    config.workers = 64;
    config.connections = 1;
    EXPECT_GE(compute_sizes(config, gib).connections_per_worker, 1U);
    config.workers = 2;
    config.connections = 0xFFFFFFFF;
    EXPECT_GE(compute_sizes(config, gib).connections_per_worker, 0x7FFFFFFFU);
}

TEST(Sizing, BuffersFillAllQueuesAndLeaveSomeToWorkWith) {
    for (const std::uint16_t workers : std::initializer_list<std::uint16_t>{1, 2, 4, 5, 64})
        for (const std::size_t ports : {1U, 2U, 8U}) {
            const Sizes sizes = compute_sizes(config_of(workers, ports), gib);
            const std::uint64_t queues = ports * (workers + 1U);
            const std::uint64_t in_devices = queues * 2 * sizes.descriptors;
            EXPECT_GE(sizes.packet_buffers, in_devices + workers * sizes.held_packets)
                << workers << " workers, " << ports << " ports";
        }
    const auto with = compute_sizes(config_of(1, 1, true), gib);
    const auto without = compute_sizes(config_of(1, 1, false), gib);
    EXPECT_EQ(with.packet_buffers - without.packet_buffers, 2U * with.descriptors);
}

TEST(Sizing, HoldQueuesAndRingsHaveTheDocumentedDepth) {
    EXPECT_EQ(compute_sizes(config_of(1), gib).held_packets, 512U);
    // Few workers have deep rings.
    EXPECT_GT(compute_sizes(config_of(4), gib).ring_depth,
              compute_sizes(config_of(5), gib).ring_depth);
}

TEST(Sizing, DpdksMemoryHoldsBuffersRingsAndTheReserve) {
    for (const std::uint16_t workers : std::initializer_list<std::uint16_t>{1, 4, 64}) {
        const Sizes sizes = compute_sizes(config_of(workers), gib);
        const std::uint64_t rings = std::uint64_t{workers} * workers * sizes.ring_depth * 8;
        const std::uint64_t least =
            std::uint64_t{sizes.packet_buffers} * sizes.buffer_bytes + rings;
        EXPECT_GE(sizes.huge_memory_mb * mib, least + 47 * mib);
        // On ordinary pages a buffer takes a whole one.
        const std::uint64_t pages = std::uint64_t{sizes.packet_buffers} * 4096 + rings;
        EXPECT_GE(sizes.ordinary_memory_mb * mib, pages + 47 * mib);
    }
}

TEST(Sizing, OneWorkerFitsAMachineOf512MB) {
    const Sizes sizes = compute_sizes(config_of(1, 2), 512 * mib);
    EXPECT_LT(sizes.ordinary_memory_mb + 512U / 8, 400U);
}

TEST(Sizing, AQuarterOfTheBuffersMayWaitForFragments) {
    const auto fragments = [](std::uint16_t workers, std::uint32_t buffers) {
        Config config = config_of(workers);
        config.packet_buffers = buffers;
        return compute_sizes(config, gib).fragment_buffers;
    };
    EXPECT_EQ(fragments(1, 16'000), 2000U) << "of each family";
    EXPECT_EQ(fragments(4, 16'000), 500U) << "and each worker";
    EXPECT_EQ(fragments(64, 16'000), 64U) << "but enough for one datagram";
    EXPECT_EQ(fragments(1, 1'000'000), 4096U);
}

TEST(Sizing, TemplatesAreAnEighthOfTheConnectionsAndSome) {
    Config config;
    config.connections = 800'000;
    EXPECT_EQ(compute_sizes(config, 1 << 30).templates, 100'000U);
    config.connections = 1024;
    EXPECT_EQ(compute_sizes(config, 1 << 30).templates, 1024U);
}

TEST(Sizing, HelpersAreCountedAsLargeAsTheyAre) {
    for (const std::uint16_t workers : std::initializer_list<std::uint16_t>{1, 4})
        for (const std::uint32_t helpers : {1U, 4096U, 100'000U}) {
            Config config = config_of(workers);
            config.helpers = helpers;
            const Sizes sizes = compute_sizes(config, gib);
            EXPECT_EQ(sizes.helpers, helpers);
            const AppState app(helpers);
            const ExpectationTable expected(sizes.expectations, helpers * workers, 1);
            const std::uint64_t real =
                workers * (app.ftp.bytes() + app.tftp.bytes() + app.scratch.bytes()) +
                expected.bytes();
            // Each of an AppState's nine arrays and the table's three begins a page.
            const std::uint64_t rounding = (workers * 9U + 3U) * 2 * mib;
            EXPECT_LE(sizes.helpers_mb, real / mib + 1) << helpers;
            EXPECT_GE(sizes.helpers_mb * mib + rounding, real) << helpers;
        }
    EXPECT_NEAR(static_cast<double>(compute_sizes(config_of(1), gib).helpers_mb), 8, 2);
}

TEST(Sizing, TheLogLineHasEveryNumber) {
    const Sizes sizes{.connections = 11,
                      .connections_per_worker = 12,
                      .templates = 21,
                      .expectations = 22,
                      .helpers = 23,
                      .helpers_mb = 24,
                      .packet_buffers = 13,
                      .buffer_bytes = 14,
                      .ring_depth = 15,
                      .descriptors = 16,
                      .held_packets = 17,
                      .fragment_buffers = 20,
                      .huge_memory_mb = 18,
                      .ordinary_memory_mb = 19};
    EXPECT_EQ(describe(sizes),
              "event=sizes connections=11 per_worker=12 templates=21 expectations=22 helpers=23 "
              "helpers_mb=24 packet_buffers=13 buffer_bytes=14 ring_depth=15 descriptors=16 "
              "held_packets=17 fragment_buffers=20 "
              "memory_mb=18 "
              "without_huge_pages_mb=19");
}

TEST(AvailableMemory, IsSomeOfTheMachines) {
    EXPECT_GT(available_memory(), 16 * mib);
    EXPECT_LT(available_memory(), UINT64_MAX);
}

}  // namespace
}  // namespace shunt::ctl
