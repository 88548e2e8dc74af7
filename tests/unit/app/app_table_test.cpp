// SPDX-License-Identifier: BSD-3-Clause
#include "app/app_table.h"

#include <gtest/gtest.h>

namespace shunt {
namespace {

L4Port port(int number) {
    return L4Port(static_cast<std::uint16_t>(number));
}

TEST(AppTable, FindsAnIncarnationByProtocolAndPort) {
    AppTable::Incarnations all{};
    all[0] = {AppKind::ftp, port(21)};
    all[3] = {AppKind::ftp, port(2121)};
    all[15] = {AppKind::tftp, port(69)};
    const AppTable table(all, {});
    EXPECT_EQ(table.find(Protocol::tcp, port(21)), 0);
    EXPECT_EQ(table.find(Protocol::tcp, port(2121)), 3);
    EXPECT_EQ(table.find(Protocol::udp, port(69)), 15);
    EXPECT_EQ(table.find(Protocol::udp, port(21)), std::nullopt);
    EXPECT_EQ(table.find(Protocol::tcp, port(69)), std::nullopt);
    EXPECT_EQ(table.find(Protocol::none, L4Port{}), std::nullopt) << "free slots are none";
    EXPECT_EQ(AppTable().find(Protocol::tcp, port(21)), std::nullopt);
}

TEST(AppKinds, HaveNamesProtocolsAndPorts) {
    for (const AppKind app : app_kinds) EXPECT_EQ(app_named(name(app)), app);
    EXPECT_EQ(app_named("none"), std::nullopt);
    EXPECT_EQ(app_named("FTP"), std::nullopt);
    EXPECT_EQ(protocol_of(AppKind::tftp), Protocol::udp);
    EXPECT_EQ(usual_port(AppKind::ftp), port(21));
    EXPECT_EQ(usual_port(AppKind::tftp), port(69));
}

}  // namespace
}  // namespace shunt
