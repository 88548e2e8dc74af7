// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/app_registry.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "ctl/rpc/rpc_error.h"

namespace shunt::ctl {
namespace {

L4Port port(int number) {
    return L4Port(static_cast<std::uint16_t>(number));
}

class Apps : public ::testing::Test {
  protected:
    /// "ftp 21 (0), tftp 69 (0)"
    std::string list() {
        std::string all;
        for (const auto& row : registry.list())
            all += (all.empty() ? "" : ", ") + std::string(name(row.app)) + ' ' +
                   std::to_string(row.port.value()) + " (" + std::to_string(row.connections) + ')';
        return all;
    }
    template <class Fn>
    static int error(Fn&& change) {
        try {
            change();
        } catch (const RpcError& e) {
            return e.error_number();
        }
        return 0;
    }
    const AppTable* published() { return publisher.current().apps.get(); }

    SharedState shared;
    Publisher publisher{shared};
    std::array<std::uint32_t, AppTable::most_incarnations> bound{};
    AppRegistry registry{publisher,
                         [this](AppTable::Slot slot) { return bound[slot]; },
                         {.active_source = ActiveSource::any}};
};

TEST_F(Apps, AreAddedAndRemovedByNameAndPort) {
    EXPECT_EQ(published(), nullptr);
    registry.add("ftp", port(2121));
    registry.add("ftp", {});
    registry.add("tftp", {});
    EXPECT_EQ(list(), "ftp 21 (0), ftp 2121 (0), tftp 69 (0)");
    ASSERT_NE(published(), nullptr);
    EXPECT_EQ(published()->find(Protocol::tcp, port(21)), 1);
    EXPECT_EQ(published()->ftp().active_source, ActiveSource::any);
    bound[1] = 4;
    registry.remove("ftp", port(21));
    EXPECT_EQ(list(), "ftp 2121 (0), tftp 69 (0)");
    registry.add("ftp", port(990));
    EXPECT_EQ(published()->find(Protocol::tcp, port(990)), 3)
        << "the slot of the removed one still has connections";
    registry.remove("ftp", {});
    registry.remove("tftp", {});
    EXPECT_EQ(list(), "");
    EXPECT_EQ(published(), nullptr);
}

TEST_F(Apps, WhatCannotBeIsRefusedAndChangesNothing) {
    registry.add("ftp", {});
    const AppTable* before = published();
    EXPECT_EQ(error([&] { registry.add("ftp", port(21)); }), EEXIST);
    EXPECT_EQ(error([&] { registry.add("http", {}); }), ENOENT);
    EXPECT_EQ(error([&] { registry.remove("http", {}); }), ENOENT);
    EXPECT_EQ(error([&] { registry.remove("ftp", port(22)); }), ENOENT);
    EXPECT_EQ(error([&] { registry.remove("tftp", {}); }), ENOENT);
    EXPECT_EQ(published(), before);
    for (int i = 0; i < 7; ++i) registry.add("ftp", port(1000 + i));
    EXPECT_EQ(error([&] { registry.add("ftp", port(2000)); }), ENOSPC);
    bound.fill(1);
    EXPECT_EQ(error([&] { registry.add("tftp", {}); }), ENOSPC);
}

TEST_F(Apps, AreLoadedFromTheConfigurationAtOnce) {
    registry.load(
        std::vector<AppConfig>{{AppKind::ftp, {port(21), port(22)}}, {AppKind::tftp, {}}});
    EXPECT_EQ(list(), "ftp 21 (0), ftp 22 (0), tftp 69 (0)");
}

}  // namespace
}  // namespace shunt::ctl
