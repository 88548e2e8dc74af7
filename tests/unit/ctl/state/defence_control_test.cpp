// SPDX-License-Identifier: BSD-3-Clause
// The modes of drop_entry, drop_packet and secure_tcp, and what workers are ordered
// (ipvs-behaviour 2.13).
#include "ctl/state/defence_control.h"

#include <gtest/gtest.h>

namespace shunt::ctl {
namespace {

class Defending : public ::testing::Test {
  protected:
    void set(std::int64_t Tunables::*tunable, std::int64_t value) {
        Tunables tunables = publisher.current().tunables;
        tunables.*tunable = value;
        publisher.set_tunables(tunables);
    }
    void update(std::uint64_t pages) {
        room = {.connections = pages, .buffers = pages + 1};
        control.update();
    }
    [[nodiscard]] std::string orders() const {
        const DefenceOrders& o = shared.defence;
        return "refuse " + std::to_string(o.refuse_one_of) + (o.end_idle ? " end" : "") +
               (o.secure_tcp ? " secure" : "");
    }
    [[nodiscard]] std::string modes() const {
        const Tunables& t = publisher.current().tunables;
        return std::to_string(t.drop_entry) + std::to_string(t.drop_packet) +
               std::to_string(t.secure_tcp);
    }

    SharedState shared;
    Publisher publisher{shared};
    Room room;
    DefenceControl control{publisher, shared.defence, [this] { return room; }};
};

TEST_F(Defending, NothingIsDoneByDefaultHoweverShortRoomIs) {
    update(0);
    EXPECT_TRUE(control.short_of_room());
    EXPECT_EQ(orders(), "refuse 0");
    EXPECT_EQ(modes(), "000");
}

TEST_F(Defending, Mode1Becomes2WhileRoomIsShortAndComesBack) {
    for (const auto mode : {&Tunables::drop_entry, &Tunables::drop_packet, &Tunables::secure_tcp})
        set(mode, 1);
    update(1024);
    EXPECT_FALSE(control.short_of_room()) << "amemthresh itself is enough";
    EXPECT_EQ(orders(), "refuse 0");
    EXPECT_EQ(modes(), "111");
    update(512);
    EXPECT_EQ(orders(), "refuse 2 end secure");
    EXPECT_EQ(modes(), "222");
    const std::uint32_t recount = shared.defence.recount;
    update(1000);
    EXPECT_EQ(orders(), "refuse 42 end secure") << "1024 / (1024 - 1000)";
    EXPECT_EQ(shared.defence.recount, recount + 1);
    update(2000);
    EXPECT_EQ(orders(), "refuse 0");
    EXPECT_EQ(modes(), "111");
}

TEST_F(Defending, Mode2WithoutNeedIsMode1) {
    set(&Tunables::secure_tcp, 2);
    update(5000);
    EXPECT_EQ(orders(), "refuse 0");
    EXPECT_EQ(modes(), "001");
}

TEST_F(Defending, Mode3IsAlways) {
    for (const auto mode : {&Tunables::drop_entry, &Tunables::drop_packet, &Tunables::secure_tcp})
        set(mode, 3);
    set(&Tunables::am_droprate, 7);
    update(5000);
    EXPECT_EQ(orders(), "refuse 7 end secure");
    EXPECT_EQ(modes(), "333");
    const std::uint32_t recount = shared.defence.recount;
    update(0);
    EXPECT_EQ(orders(), "refuse 7 end secure");
    EXPECT_EQ(shared.defence.recount, recount) << "the count goes on";
}

TEST_F(Defending, TheSmallerRoomCounts) {
    room = {.connections = 3000, .buffers = 10};
    control.update();
    EXPECT_TRUE(control.short_of_room());
    room = {.connections = 10, .buffers = 3000};
    control.update();
    EXPECT_TRUE(control.short_of_room());
}

TEST_F(Defending, OfASmallTableAnEighthIsEnough) {
    set(&Tunables::drop_packet, 1);
    room = {.connections = 100, .buffers = 5000, .all_connections = 800, .all_buffers = 8000};
    control.update();
    EXPECT_FALSE(control.short_of_room());
    room.connections = 75;
    control.update();
    EXPECT_TRUE(control.short_of_room());
    EXPECT_EQ(orders(), "refuse 4") << "100 / 25";
}

TEST_F(Defending, NothingIsPublishedWhenNoModeChanges) {
    const std::uint32_t generation = publisher.current().generation;
    update(0);
    update(5000);
    EXPECT_EQ(publisher.current().generation, generation);
}

}  // namespace
}  // namespace shunt::ctl
