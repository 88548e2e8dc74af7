// SPDX-License-Identifier: BSD-3-Clause
// An FTP session whose replies one balancer has changed goes on by another one, with the numbers
// that both ends know.
#include <gtest/gtest.h>

#include "dataplane/sync_feed.h"
#include "dataplane/sync_install.h"
#include "support/ftp_session.h"

namespace shunt {
namespace {

using namespace test;

constexpr L4Port port21{std::uint16_t{21}};
std::string passive(std::string_view address, int low_byte) {
    return "227 Entering Passive Mode (" + std::string(address) + ",195," +
           std::to_string(low_byte) + ")\r\n";
}
/// As the server says it, and as the client hears it; each of another port.
std::string reply(int n = 0) {
    return passive("198,51,100,11", 80 + n);
}
std::string shown(int n = 0) {
    return passive("192,0,2,10", 80 + n);
}
constexpr std::uint32_t shorter_by = 3;

class SyncFtp : public ::testing::Test {
  protected:
    SyncFtp() {
        for (WorkerBench* bench : {&first, &second}) {
            bench->add_service(Protocol::tcp, v4.endpoint(v4.vip, 21),
                               {v4.endpoint(v4.server, 21)});
            bench->apps[0] = {AppKind::ftp, port21};
        }
        auto made = std::make_shared<SyncFeeds>();
        made->feeds.push_back(std::make_unique<SyncFeed>(256, 256));
        feeds = made;
        first.sync_feeds = feeds;
        first.publish();
        second.publish();
        second.iterate();
    }

    /// What the first one has told last.
    SyncRecord told() {
        SyncRecord last;
        feeds->feeds[0]->take(1000, [&](const SyncNotice& n) { last = n.record; });
        return last;
    }
    void install(const SyncRecord& record) {
        SyncInstall request({record});
        ASSERT_TRUE(request.step(second.worker()));
        ASSERT_EQ(request.outcomes()[static_cast<std::size_t>(SyncOutcome::made)] +
                      request.outcomes()[static_cast<std::size_t>(SyncOutcome::updated)],
                  1U);
    }
    /// Both ends go on by the second one, as they are.
    void fail_over() {
        after.client = before.client;
        after.server = before.server;
    }

    WorkerBench first;
    WorkerBench second;
    std::shared_ptr<const SyncFeeds> feeds;
    FtpSession before{first, v4, 40000};
    FtpSession after{second, v4, 40000};
};

TEST_F(SyncFtp, AnEditedSessionGoesOn) {
    before.open();
    before.server_says("220 ready\r\n");
    before.client_says("PASV\r\n");
    ASSERT_EQ(before.server_says(reply()), shown());
    before.client_says("NOOP\r\n");
    const SyncRecord record = told();
    EXPECT_TRUE(record.has(sync_flag::out_seq));
    EXPECT_FALSE(record.has(sync_flag::in_seq));
    EXPECT_EQ(record.sequence[1].delta, 0U - shorter_by);
    install(record);
    EXPECT_EQ(second.worker().apps.counters.bound[0].value(), 1U);
    fail_over();
    EXPECT_EQ(after.server_says("200 fine\r\n"), "200 fine\r\n");
    EXPECT_EQ(after.client_says("PASV\r\n"), "PASV\r\n");
    EXPECT_EQ(after.server_says(reply(1)), shown(1)) << "and is looked into";
    EXPECT_EQ(after.client_says("NOOP\r\n"), "NOOP\r\n");
    EXPECT_EQ(after.server_says("200 fine\r\n"), "200 fine\r\n");
    EXPECT_EQ(after.client.acked, after.client.next);
    EXPECT_EQ(after.server.acked, after.server.next) << "in the server's own numbers";
    EXPECT_EQ(second.all_dropped(), 0U);
}

TEST_F(SyncFtp, TheClientMaySpeakFirst) {
    before.open();
    before.server_says("220 ready\r\n");
    before.client_says("PASV\r\n");
    ASSERT_EQ(before.server_says(reply()), shown());
    before.client_says("NOOP\r\n");
    before.server_says("200 fine\r\n");
    install(told());
    fail_over();
    EXPECT_EQ(after.client_says("QUIT\r\n"), "QUIT\r\n");
    EXPECT_EQ(after.server_says("221 bye\r\n"), "221 bye\r\n");
    EXPECT_EQ(after.server.acked, after.server.next);
}

TEST_F(SyncFtp, LaterEditsAreTold) {
    before.open();
    before.server_says("220 ready\r\n");
    for (int round = 1; round <= 3; ++round) {
        before.client_says("PASV\r\n");
        ASSERT_EQ(before.server_says(reply(round)), shown(round));
        before.client_says("NOOP\r\n");
        const SyncRecord record = told();
        EXPECT_EQ(record.sequence[1].delta, 0U - static_cast<std::uint32_t>(round) * shorter_by);
        install(record);
    }
    fail_over();
    EXPECT_EQ(after.server_says("200 fine\r\n"), "200 fine\r\n");
    EXPECT_EQ(after.client_says("PASV\r\n"), "PASV\r\n");
    EXPECT_EQ(after.server_says(reply(9)), shown(9));
}

}  // namespace
}  // namespace shunt
