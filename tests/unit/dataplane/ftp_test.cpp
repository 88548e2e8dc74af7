// SPDX-License-Identifier: BSD-3-Clause
// FTP through workers: control connections that are looked into, and their data connections, for
// both families, on one worker and on four (ipvs-behaviour 6).
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "dataplane/app_hook.h"
#include "support/ftp_session.h"

namespace shunt {
namespace {

using namespace test;
using namespace std::chrono_literals;
using H = TcpHeader;
using Seconds = std::chrono::duration<std::uint32_t>;

constexpr L4Port port21{std::uint16_t{21}};

struct Place {
    Addresses addresses;
    std::uint16_t workers;
};
void PrintTo(const Place& place, std::ostream* out) {
    *out << place.addresses.name << " on " << place.workers;
}

class Ftp : public ::testing::TestWithParam<Place> {
  protected:
    Ftp() {
        bench.add_service(Protocol::tcp, a.endpoint(a.vip, 21),
                          {a.endpoint(a.server, 21), a.endpoint(a.server2, 21)});
        bench.apps[0] = {AppKind::ftp, port21};
        bench.publish();
    }
    /// In place of the service of before.
    void serve_directly() {
        bench.services.clear();
        bench.add_service(Protocol::tcp, a.endpoint(a.vip, 21),
                          {a.endpoint(a.server, 21), a.endpoint(a.server2, 21)},
                          ForwardMethod::direct);
        bench.publish();
    }
    [[nodiscard]] bool is_v4() const { return a.header == 20; }
    /// "192,0,2,10,195,80", or for IPv6 "|||50000|" as 229 has it.
    [[nodiscard]] std::string where(std::string_view address, int port) const {
        if (!is_v4()) return "|||" + std::to_string(port) + '|';
        std::string text(address);
        std::ranges::replace(text, '.', ',');
        return text + ',' + std::to_string(port / 256) + ',' + std::to_string(port % 256);
    }
    [[nodiscard]] std::string passive_command() const { return is_v4() ? "PASV\r\n" : "EPSV\r\n"; }
    [[nodiscard]] std::string passive_reply(std::string_view address, int port) const {
        return (is_v4() ? "227 Entering Passive Mode (" : "229 Entering Extended Passive Mode (") +
               where(address, port) + ")\r\n";
    }
    [[nodiscard]] std::string eprt(std::string_view address, int port) const {
        return std::string("EPRT |") + (is_v4() ? "1" : "2") + '|' + std::string(address) + '|' +
               std::to_string(port) + "|\r\n";
    }
    [[nodiscard]] std::string active_command(int port) const {
        return is_v4() ? "PORT " + where(a.client, port) + "\r\n" : eprt(a.client, port);
    }
    [[nodiscard]] std::string at(std::string_view address, int port) const {
        return a.endpoint(address, port);
    }
    /// As client_calls() and server_calls() write it.
    [[nodiscard]] static std::string plain(std::string_view address, int port) {
        return std::string(address) + ':' + std::to_string(port);
    }
    /// Where a passive data connection goes.
    [[nodiscard]] std::string data(std::string_view server, int server_port, int shown) const {
        return plain(server, server_port) + " as " + plain(a.vip, shown);
    }
    [[nodiscard]] std::uint64_t count(std::uint64_t ftp::FtpCounters::*which) {
        std::uint64_t sum = 0;
        for (std::uint16_t w = 0; w < GetParam().workers; ++w)
            for (std::size_t i = 0; i < ftp_counter_names.size(); ++i)
                if (ftp_counter_names[i].count == which)
                    sum += bench.worker(w).apps.counters.ftp[i].value();
        return sum;
    }
    [[nodiscard]] std::uint32_t bound() {
        std::uint32_t sum = 0;
        for (std::uint16_t w = 0; w < GetParam().workers; ++w)
            sum += bench.worker(w).apps.counters.bound[0].value();
        return sum;
    }
    [[nodiscard]] ExpectationTable& expectations() { return *bench.shared().expectations; }

    const Addresses& a = GetParam().addresses;
    WorkerBench bench{{.workers = GetParam().workers, .helpers = 16}};
    FtpSession ftp{bench, a, 40000};
};

TEST_P(Ftp, PassiveDataConnectionsGoToTheServerOfTheControlConnection) {
    ftp.open();
    EXPECT_EQ(ftp.server_says("220 ready\r\n"), "220 ready\r\n");
    EXPECT_EQ(ftp.client_says(passive_command()), passive_command());
    EXPECT_EQ(ftp.server_says(passive_reply(a.server, 50000)), passive_reply(a.vip, 50000));
    EXPECT_EQ(ftp.server.acked, ftp.server.next) << "in the server's own numbers";
    EXPECT_EQ(expectations().waiting(), 1U);
    EXPECT_EQ(ftp.client_calls(41000, 50000, a.server, 50000), data(a.server, 50000, 50000));
    EXPECT_EQ(expectations().waiting(), 0U);
    EXPECT_EQ(expectations().in_use(), 1U);
    EXPECT_EQ(ftp.client_calls(41001, 50000, a.server, 50000), "nowhere") << "announced once";
    EXPECT_EQ(bench.dest(0, &DestCounters::total), 2U);
    EXPECT_EQ(count(&ftp::FtpCounters::passive), 1U);

    EXPECT_EQ(ftp.client_says("NOOP\r\n"), "NOOP\r\n");
    EXPECT_EQ(ftp.server_says("200 fine\r\n"), "200 fine\r\n");
    EXPECT_EQ(ftp.client.acked, ftp.client.next);
    EXPECT_EQ(ftp.server.acked, ftp.server.next);
}

TEST_P(Ftp, ActiveDataConnectionsComeFromTheVirtualAddress) {
    ftp.open();
    for (const auto& [command, port] :
         {std::pair{active_command(5001), 5001}, {eprt(a.client, 5002), 5002}}) {
        EXPECT_EQ(ftp.client_says(command), command);
        EXPECT_EQ(ftp.server_calls(20, static_cast<std::uint16_t>(port)),
                  plain(a.vip, 20) + " > " + std::to_string(port));
    }
    EXPECT_EQ(expectations().in_use(), 2U);
    EXPECT_EQ(ftp.server_calls(20, 5003), "nowhere") << "nobody announced it";
    EXPECT_EQ(count(&ftp::FtpCounters::active), 2U);
}

TEST_P(Ftp, TheServersPortOfActiveDataIsTheOneBeforeTheControlPortUnlessAnyIsAllowed) {
    ftp.open();
    EXPECT_EQ(ftp.client_says(active_command(5001)), active_command(5001));
    EXPECT_EQ(ftp.server_calls(1022, 5001), "nowhere");
    bench.ftp.active_source = ActiveSource::any;
    bench.publish();
    EXPECT_EQ(ftp.client_says(active_command(5002)), active_command(5002));
    EXPECT_EQ(ftp.server_calls(1022, 5002), plain(a.vip, 20) + " > 5002");
}

TEST_P(Ftp, LinesThatAreCutAnywhereMeanTheSame) {
    std::uint16_t port = 42000;
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 19U}) {
        FtpSession session(bench, a, ++port);
        session.open();
        FtpSession other(bench, a, static_cast<std::uint16_t>(port + 100), a.server2);
        other.open();  // the scheduler takes servers in turn
        EXPECT_EQ(session.server_says("220-hello\r\n220 ready\r\n", piece),
                  "220-hello\r\n220 ready\r\n");
        const int client_port = 5000 + port;
        EXPECT_EQ(session.client_says(active_command(client_port), piece),
                  active_command(client_port));
        EXPECT_EQ(session.server_says("200 PORT\r\n", piece), "200 PORT\r\n");
        EXPECT_EQ(session.server_calls(20, static_cast<std::uint16_t>(client_port)),
                  plain(a.vip, 20) + " > " + std::to_string(client_port));
        EXPECT_EQ(session.client_says(passive_command(), piece), passive_command());
        EXPECT_EQ(session.server_says(passive_reply(a.server, 50000), piece),
                  passive_reply(a.vip, 50000));
        EXPECT_EQ(session.client_calls(port, 50000, a.server, 50000), data(a.server, 50000, 50000));
        EXPECT_EQ(session.client_says("QUIT\r\n", piece), "QUIT\r\n");
        EXPECT_EQ(session.server_says("221 bye\r\n", piece), "221 bye\r\n");
        EXPECT_EQ(session.client.acked, session.client.next) << piece;
        EXPECT_EQ(session.server.acked, session.server.next) << piece;
    }
}

TEST_P(Ftp, WhatIsHeldBackIsAcknowledgedToItsSenderOnTheReceiversBehalf) {
    ftp.open();
    ftp.put_from_server(ftp.from_server_end(H::ack).window(777).build());
    ftp.client_says("NOOP\r\n");
    ftp.client_says(is_v4() ? "PORT " : "EPRT ");
    const Frame options = bytes_of({1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 7});
    ftp.put_from_client(ftp.from_client_end(H::ack | H::psh)
                            .tcp_options(options)
                            .payload(is_v4() ? "192," : "|2|2001")
                            .build());
    ASSERT_EQ(ftp.to_client.size(), 1U);
    const SegmentOut& ack = ftp.to_client[0];
    EXPECT_EQ(ack.source, 21);
    EXPECT_EQ(ack.destination, 40000);
    EXPECT_EQ(ack.flags, H::ack);
    EXPECT_EQ(ack.seq, ftp.client.expects);
    EXPECT_EQ(ack.options, bytes_of({1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9}));
    ASSERT_EQ(ftp.to_server.size(), 1U) << "and goes on as an acknowledgement of its own";
    EXPECT_EQ(ftp.to_server[0].options, options);
    EXPECT_EQ(ftp.to_server[0].ack, ftp.server.next);
    EXPECT_EQ(bench.sum(&WorkerCounters::generated), 1U);
}

TEST_P(Ftp, BytesBehindAGapMakeTheAcknowledgementComeAgain) {
    ftp.open();
    ftp.server_says("220 ready\r\n");
    ftp.put_from_client(ftp.from_client_end(H::ack).window(555).build());
    const std::uint32_t lost = ftp.server.next;
    ftp.server.next += 10;  // bytes that do not come here
    for (int i = 0; i < 3; ++i) {
        ftp.put_from_server(ftp.from_server_end(H::ack | H::psh).payload("200 b\r\n").build());
        ASSERT_EQ(ftp.to_server.size(), 1U);
        const SegmentOut& ack = ftp.to_server[0];
        EXPECT_EQ(ack.flags, H::ack);
        EXPECT_EQ(ack.ack, lost) << "three of them, and the server sends again at once";
        EXPECT_EQ(ack.seq, ftp.server.expects);
        EXPECT_EQ(ack.window, 555);
        EXPECT_EQ(ack.data, "");
        ftp.server.next += 7;
    }
    EXPECT_EQ(ftp.client.received, "220 ready\r\n");
}

TEST_P(Ftp, ALongerTextThanTheWayAheadTakesGoesInTwoSegments) {
    ftp.open();
    ftp.client_says(passive_command());
    // The server's address is written shorter than the virtual one will be.
    const std::string before = "200-" + std::string(1200, 'x') + "\r\n200 done\r\n";
    const std::string reply = is_v4() ? "227 =1,1,1,1,4,1\r\n" : "229 (|||7|)\r\n";
    const std::string rest((is_v4() ? 1458 : 1438) - before.size() - reply.size(), 'y');
    const std::string shown =
        is_v4() ? "227 =" + where(a.vip, 1025) + "\r\n" : "229 (|||1024|)\r\n";
    bench.ftp.passive_ports = {
        L4Port(std::uint16_t{is_v4() ? std::uint16_t{1025} : std::uint16_t{1024}}),
        L4Port(std::uint16_t{is_v4() ? std::uint16_t{1025} : std::uint16_t{1024}})};
    bench.publish();
    const auto flags = static_cast<std::uint8_t>(H::ack | H::psh | H::fin);
    ftp.put_from_server(ftp.from_server_end(flags).payload(before + reply + rest + "\r\n").build());
    EXPECT_EQ(ftp.to_client.size(), 2U);
    EXPECT_EQ(bench.sum(&WorkerCounters::split), 1U);
    std::string all;
    for (const SegmentOut& segment : ftp.to_client) {
        EXPECT_LE(segment.data.size(), is_v4() ? 1460U : 1440U);
        const bool last = &segment == &ftp.to_client.back();
        EXPECT_EQ(segment.flags, last ? flags : H::ack);
        EXPECT_EQ(segment.seq, ftp.to_client[0].seq + all.size());
        all += segment.data;
    }
    EXPECT_EQ(all, before + shown + rest + "\r\n");
}

TEST_P(Ftp, TwoServersThatOfferOnePortGetTwoOfTheVirtualAddress) {
    ftp.open();
    FtpSession second(bench, a, 40001, a.server2);
    second.open();
    ftp.client_says(passive_command());
    second.client_says(passive_command());
    EXPECT_EQ(ftp.server_says(passive_reply(a.server, 50000)), passive_reply(a.vip, 50000));
    const std::string other = second.server_says(passive_reply(a.server2, 50000));
    EXPECT_NE(other, passive_reply(a.vip, 50000));
    int port = 0;
    for (int tried = 1024; tried < 65536 && port == 0; ++tried)
        if (other == passive_reply(a.vip, tried)) port = tried;
    ASSERT_NE(port, 0) << other;
    EXPECT_EQ(second.client_calls(41001, static_cast<std::uint16_t>(port), a.server2, 50000),
              data(a.server2, 50000, port));
    EXPECT_EQ(ftp.client_calls(41000, 50000, a.server, 50000), data(a.server, 50000, 50000));
}

TEST_P(Ftp, PassivePortsStayInTheirRangeAndOffOtherServices) {
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 50000), {a.endpoint(a.server, 80)});
    bench.ftp.passive_ports = {L4Port(std::uint16_t{50000}), L4Port(std::uint16_t{50001})};
    bench.publish();
    ftp.open();
    ftp.client_says(passive_command());
    EXPECT_EQ(ftp.server_says(passive_reply(a.server, 50000)), passive_reply(a.vip, 50001));
    ftp.client_says(passive_command());
    const std::string none = ftp.server_says(passive_reply(a.server, 50002));
    EXPECT_EQ(none, is_v4() ? "227 Entering Passive Mode (0,0,0,0,0,0)\r\n"
                            : "229 Entering Extended Passive Mode (|||0|)\r\n");
    EXPECT_EQ(count(&ftp::FtpCounters::passive_withheld), 1U);
}

TEST_P(Ftp, CommandsThatNameOthersOrLowPortsAreNeutralised) {
    ftp.open();
    const std::string foreign =
        is_v4() ? "PORT " + where(a.elsewhere, 5001) + "\r\n" : eprt(a.elsewhere, 5001);
    for (const std::string& command : {foreign, active_command(80)}) {
        const std::string said = ftp.client_says(command);
        EXPECT_EQ(said, command.substr(0, 5) + "refused\r\n");
        EXPECT_EQ(ftp.client.acked, ftp.client.next);
    }
    EXPECT_EQ(expectations().waiting(), 0U);
    EXPECT_EQ(count(&ftp::FtpCounters::active_foreign), 1U);
    EXPECT_EQ(count(&ftp::FtpCounters::active_low_port), 1U);
    EXPECT_EQ(ftp.server_calls(20, 80), "nowhere");
}

TEST_P(Ftp, AControlConnectionMayNotAnnounceWithoutEnd) {
    ftp.open();
    for (int port = 5001; port <= 5008; ++port)
        EXPECT_EQ(ftp.client_says(active_command(port)), active_command(port));
    EXPECT_NE(ftp.client_says(active_command(5009)), active_command(5009));
    EXPECT_EQ(count(&ftp::FtpCounters::active_no_room), 1U);
}

TEST_P(Ftp, RepeatedSegmentsAreRewrittenAgainTheSame) {
    ftp.open();
    ftp.client_says(passive_command());
    const std::string reply = passive_reply(a.server, 50000);
    const Frame frame = ftp.from_server_end(H::ack | H::psh).payload(reply).build();
    ftp.put_from_server(frame);
    ASSERT_EQ(ftp.to_client.size(), 1U);
    const SegmentOut first = ftp.to_client[0];
    EXPECT_EQ(first.data, passive_reply(a.vip, 50000));
    ftp.put_from_server(frame);
    ASSERT_EQ(ftp.to_client.size(), 1U);
    EXPECT_EQ(ftp.to_client[0].data, first.data);
    EXPECT_EQ(ftp.to_client[0].seq, first.seq);
    EXPECT_EQ(expectations().waiting(), 1U);
    EXPECT_EQ(count(&ftp::FtpCounters::passive), 1U);
}

TEST_P(Ftp, SelectiveAcknowledgementsSpeakOfTheSendersBytes) {
    ftp.open();
    ftp.client_says(passive_command());
    const std::string reply = passive_reply(a.server, 50000);
    ftp.put_from_server(ftp.from_server_end(H::ack).payload(reply).build());
    const auto longer =
        static_cast<std::uint32_t>(passive_reply(a.vip, 50000).size() - reply.size());
    ftp.server.next += static_cast<std::uint32_t>(reply.size());
    ftp.put_from_client(ftp.from_client_end(H::ack).build());
    EXPECT_EQ(ftp.server.acked, ftp.server.next);
    // 100 bytes are lost on their way to the client, 50 behind them arrive.
    const std::uint32_t at = ftp.client.expects + 100;
    const auto byte = [](std::uint32_t n, int shift) {
        return static_cast<int>(n >> shift & 0xFF);
    };
    const auto sack = [&](std::uint32_t left, std::uint32_t right) {
        return bytes_of({1, 1, 5, 10, byte(left, 24), byte(left, 16), byte(left, 8), byte(left, 0),
                         byte(right, 24), byte(right, 16), byte(right, 8), byte(right, 0)});
    };
    ftp.put_from_client(ftp.from_client_end(H::ack).tcp_options(sack(at, at + 50)).build());
    ASSERT_EQ(ftp.to_server.size(), 1U);
    EXPECT_EQ(ftp.to_server[0].options, sack(at - longer, at + 50 - longer));
}

TEST_P(Ftp, AnUnreadableSessionPassesAsItIs) {
    ftp.open();
    EXPECT_EQ(ftp.client_says("AUTH TLS\r\n"), "AUTH TLS\r\n");
    EXPECT_EQ(ftp.server_says("234 go on\r\n"), "234 go on\r\n");
    const std::string hello("\x16\x03\x01\x00\x08handhand", 13);
    EXPECT_EQ(ftp.client_says(hello), hello);
    EXPECT_EQ(ftp.server_says(hello), hello);
    EXPECT_EQ(count(&ftp::FtpCounters::tls), 1U);
    EXPECT_EQ(ftp.client.acked, ftp.client.next);
}

TEST_P(Ftp, LongTransfersKeepASilentControlConnection) {
    ftp.open();
    ftp.client_says(passive_command());
    ftp.server_says(passive_reply(a.server, 50000));
    ASSERT_EQ(ftp.client_calls(41000, 50000, a.server, 50000), data(a.server, 50000, 50000));
    const auto data_moves = [&] {
        bench.put(wan, from_client(a).tcp(41000, 50000, H::ack).build());
        bench.settle();
        static_cast<void>(bench.sent(lan));
    };
    data_moves();
    for (int i = 0; i < 25; ++i) {
        bench.pass(Seconds(100));
        data_moves();
    }
    EXPECT_EQ(bound(), 1U) << "silent for 2500 s, of which it may be for 900";
    EXPECT_EQ(ftp.client_says("NOOP\r\n"), "NOOP\r\n");
    EXPECT_EQ(ftp.server_says("226 done\r\n"), "226 done\r\n");
    for (int i = 0; i < 8; ++i) {
        bench.pass(Seconds(100));
        data_moves();
    }
    // The data connection ends by silence at 900 s after its last packet; the control connection
    // lives for its full time behind that.
    bench.pass(Seconds(899));
    bench.settle();
    EXPECT_EQ(bench.connections(), 2U);
    bench.pass(Seconds(2));
    bench.settle();
    EXPECT_EQ(bench.connections(), 1U);
    bench.pass(Seconds(898));
    bench.settle();
    EXPECT_EQ(bound(), 1U);
    bench.pass(Seconds(4));
    bench.settle();
    EXPECT_EQ(bound(), 0U);
    EXPECT_EQ(bench.connections(), 0U);
    EXPECT_FALSE(expectations().any());
}

TEST_P(Ftp, TheEndOfAControlConnectionEndsWhatItAnnounced) {
    ftp.open();
    ftp.client_says(passive_command());
    ftp.server_says(passive_reply(a.server, 50000));
    ftp.put_from_client(ftp.from_client_end(H::rst).build());
    bench.pass(Seconds(11));
    bench.settle();
    EXPECT_EQ(bound(), 0U);
    EXPECT_EQ(ftp.client_calls(41000, 50000, a.server, 50000), "nowhere");
    EXPECT_FALSE(expectations().any());
}

TEST_P(Ftp, WhatIsAnnouncedWaitsForTwoMinutes) {
    ftp.open();
    ftp.client_says(passive_command());
    ftp.server_says(passive_reply(a.server, 50000));
    bench.pass(Seconds(119));
    EXPECT_EQ(ftp.client_calls(41000, 50000, a.server, 50000), data(a.server, 50000, 50000));
    ftp.client_says(passive_command());
    ftp.server_says(passive_reply(a.server, 50001));
    bench.pass(Seconds(120));
    EXPECT_EQ(ftp.client_calls(41001, 50001, a.server, 50001), "nowhere");
}

TEST_P(Ftp, AServerThatIsTakenOutGetsNoDataConnections) {
    ftp.open();
    ftp.client_says(passive_command());
    ftp.server_says(passive_reply(a.server, 50000));
    bench.services[0].servers[0].removed = true;
    bench.publish();
    EXPECT_EQ(ftp.client_calls(41000, 50000, a.server, 50000), "nowhere");
    bench.services[0].servers[0].removed = false;
    bench.services[0].servers[0].weight = 0;
    bench.publish();
    EXPECT_EQ(ftp.client_calls(41000, 50000, a.server, 50000), data(a.server, 50000, 50000))
        << "a quiescent one does";
}

TEST_P(Ftp, WithoutAHelperAConnectionPassesAsItIs) {
    for (std::uint16_t i = 0; i < 16 * GetParam().workers; ++i) {
        FtpSession(bench, a, static_cast<std::uint16_t>(43000 + i)).open();
    }
    std::uint64_t unhelped = 0;
    std::uint16_t port = 44000;
    for (; unhelped == 0; ++port) {
        FtpSession(bench, a, port).open();
        for (std::uint16_t w = 0; w < GetParam().workers; ++w)
            unhelped += bench.worker(w).apps.counters.unhelped.value();
    }
    const Frame command = from_client(a)
                              .tcp(static_cast<std::uint16_t>(port - 1), 21)
                              .payload(passive_command())
                              .build();
    bench.put(wan, command);
    bench.settle();
    EXPECT_EQ(segment_of(bench.one_sent(lan), a).data, passive_command());
    static_cast<void>(bench.sent(wan));
}

TEST_P(Ftp, WhoJoinsInTheMiddleOrComesToAnotherPortHasNoHelper) {
    bench.tunables.sloppy_tcp = 1;
    bench.add_service(Protocol::tcp, a.endpoint(a.vip, 80), {a.endpoint(a.server, 80)});
    bench.publish();
    bench.put(wan, from_client(a).tcp(40000, 21, H::ack).payload("PASV\r\n").build());
    bench.put(wan, from_client(a).tcp(40000, 80, H::syn).build());
    bench.settle();
    EXPECT_EQ(bench.sent(lan).size(), 2U);
    EXPECT_EQ(bound(), 0U);
    bench.apps = {};
    bench.publish();
    ftp.open();
    EXPECT_EQ(bound(), 0U) << "no application is loaded";
}

TEST_P(Ftp, SegmentsWithWrongChecksumsAreNotLookedInto) {
    ftp.open();
    ftp.put_from_client(
        ftp.from_client_end(H::ack).payload(active_command(5001)).l4_checksum(1).build());
    EXPECT_TRUE(ftp.to_server.empty());
    EXPECT_EQ(bench.dropped(DropReason::tcp_bad_checksum), 1U);
    EXPECT_EQ(expectations().waiting(), 0U);
    EXPECT_EQ(ftp.client_says(active_command(5001)), active_command(5001));
}

TEST_P(Ftp, DataOnASynStaysBehind) {
    ftp.client.next = 1000;
    ftp.put_from_client(ftp.from_client_end(H::syn).payload("PASV\r\n").build());
    ASSERT_EQ(ftp.to_server.size(), 1U);
    EXPECT_EQ(ftp.to_server[0].data, "");
    EXPECT_EQ(ftp.to_server[0].flags, H::syn);
    EXPECT_EQ(ftp.to_server[0].seq, 1000U);
}

TEST_P(Ftp, OrdersMayComeInAnyOrderAndInManyBuffers) {
    ftp.open();
    const std::string text = active_command(5001);
    const std::string first = text.substr(0, 6);
    const std::string second = text.substr(6);
    auto late = ftp;
    late.client.next += 6;
    ftp.put_from_client(late.from_client_end(H::ack).payload(second).build());
    EXPECT_EQ(ftp.server.received, "") << "what is before it is missing";
    ftp.put_from_client(ftp.from_client_end(H::ack).payload(first).build());
    const Frame frame = late.from_client_end(H::ack).payload(second).build();
    bench.put_pieces(wan, frame, {frame.size() - second.size() + 3, 2});
    bench.settle();
    std::string received = ftp.server.received;
    for (const SegmentOut& segment : segments_of(bench.sent(lan), a)) received += segment.data;
    static_cast<void>(bench.sent(wan));
    EXPECT_EQ(received, text);
    EXPECT_EQ(expectations().waiting(), 1U);
}

TEST_P(Ftp, ErrorsQuoteTheSendersOwnNumbers) {
    ftp.open();
    ftp.client_says(passive_command());
    const std::string reply = passive_reply(a.server, 50000);
    ftp.server_says(reply);
    const std::uint32_t server_seq = ftp.server.next;
    ftp.put_from_server(ftp.from_server_end(H::ack).payload("x").build());
    ASSERT_EQ(ftp.to_client.size(), 1U);
    const std::uint32_t shown_seq = ftp.to_client[0].seq;
    const Frame quoted =
        to_client(a).tcp(21, 40000, H::ack).sequence(shown_seq, ftp.client.next).build();
    bench.put(wan, PacketBuilder()
                       .mac(client_mac, wan_mac)
                       .ip(a.client, a.vip)
                       .icmp(is_v4() ? 3 : 1, is_v4() ? 1 : 3)
                       .payload(network_part(quoted))
                       .build());
    bench.settle();
    const Frame error = bench.one_sent(lan);
    const std::size_t at = 14 + a.header + 8 + a.header + 4;
    ASSERT_GE(error.size(), at + 4);
    EXPECT_EQ(std::uint32_t{get16(error, at)} << 16 | get16(error, at + 2), server_seq);
    EXPECT_EQ(shown_seq != server_seq, is_v4()) << "else this shows nothing";
}

TEST_P(Ftp, NoPacketIsLostFromTheBooksWhenBuffersAre) {
    ftp.open();
    ftp.client_says(passive_command());
    rte_mbuf* packet =
        bench.packet(ftp.from_server_end(H::ack).payload(passive_reply(a.server, 50000)).build());
    bench.exhaust_buffers();
    bench.put(lan, packet);
    bench.settle();
    bench.restore_buffers();
    EXPECT_EQ(bench.dropped(DropReason::no_buffer), 1U);
    EXPECT_EQ(ftp.server_says(passive_reply(a.server, 50000)), passive_reply(a.vip, 50000))
        << "it comes again";
}

TEST_P(Ftp, CommandsToADirectServerLeadTheClientsAnswersThere) {
    serve_directly();
    const auto send = [&](const Frame& frame) {
        bench.put(wan, frame);
        bench.settle();
        return bench.sent(lan);
    };
    const auto told = [&](const PacketBuilder& builder) {
        const auto out = send(builder.build());
        return out.size() == 1 ? segment_of(out[0], a).data : "nothing";
    };
    const auto control = [&](std::uint8_t flags, std::uint32_t seq) {
        return from_client(a).tcp(40000, 21, flags).sequence(seq, 1);
    };
    EXPECT_EQ(send(control(H::syn, 99).build()).size(), 1U);
    std::uint32_t seq = 100;
    for (int i = 0; i < 20; ++i) {
        const std::string low = active_command(7);
        EXPECT_EQ(told(control(H::ack, seq).payload(low)), low) << "nothing is changed";
        seq += static_cast<std::uint32_t>(low.size());
    }
    for (const char byte : active_command(5001))
        EXPECT_EQ(told(control(H::ack, seq++).payload(std::string(1, byte))), std::string(1, byte));
    EXPECT_EQ(count(&ftp::FtpCounters::active_low_port), 20U);
    const auto answer = from_client(a).tcp(5001, 20, H::syn | H::ack).build();
    const auto out = send(answer);
    ASSERT_EQ(out.size(), 1U);
    EXPECT_EQ(network_part(out[0]),
              network_part(from_client(a).ttl(63).tcp(5001, 20, H::syn | H::ack).build()));
    const auto first = mac(server_mac).bytes;
    EXPECT_TRUE(std::equal(first.begin(), first.end(), out[0].begin(), [](auto x, auto y) {
        return x == std::to_integer<std::uint8_t>(y);
    })) << "to the server of the control connection";
    EXPECT_TRUE(send(from_client(a).tcp(5002, 20, H::syn | H::ack).build()).empty());
}

/// A client uses the port of a data connection that is over again, for one of another server.
TEST_P(Ftp, APortThatIsUsedAgainLeadsToTheDirectServerThatAnnouncedItLast) {
    serve_directly();
    const auto send = [&](const Frame& frame) {
        bench.put(wan, frame);
        bench.settle();
        const auto out = bench.sent(lan);
        return out.size() == 1
                   ? to_string(load<MacAddress>(std::span<const std::byte, 6>(out[0].data(), 6)))
                   : "nowhere";
    };
    const auto announce = [&](std::uint16_t port) {
        const std::string server =
            send(from_client(a).tcp(port, 21, H::syn).sequence(99, 1).build());
        send(from_client(a)
                 .tcp(port, 21, H::ack)
                 .sequence(100, 1)
                 .payload(active_command(5001))
                 .build());
        return server;
    };
    const auto data = [&](std::uint8_t flags) {
        return send(from_client(a).tcp(5001, 20, flags).build());
    };
    const std::string first = announce(40000);
    EXPECT_EQ(data(H::syn | H::ack), first);
    EXPECT_EQ(data(H::ack), first);
    EXPECT_EQ(data(H::syn | H::ack), first) << "nothing new is announced";
    const std::string second = announce(40001);
    EXPECT_NE(second, first);
    EXPECT_EQ(data(H::syn | H::ack), first) << "it lives";
    EXPECT_EQ(data(H::fin | H::ack), first);
    EXPECT_EQ(data(H::ack), first) << "the last of it";
    EXPECT_EQ(data(H::syn | H::ack), second);
    EXPECT_EQ(data(H::ack), second);
}

TEST(AppCounters, AreExplainedOnThePageOfCounters) {
    std::ifstream in(SHUNT_SOURCE_DIR "/docs/counters.md");
    const std::string page{std::istreambuf_iterator<char>(in), {}};
    const auto explained = [&](std::string_view name) {
        return page.find("\n| `" + std::string(name) + "` | ") != std::string::npos;
    };
    for (const auto& counter : ftp_counter_names)
        EXPECT_TRUE(explained(counter.name)) << counter.name;
    for (const auto* name : {"data_connections", "tftp_requests", "unhelped", "kept"})
        EXPECT_TRUE(explained(name)) << name;
    EXPECT_EQ(ftp_counter_names.size() * sizeof(std::uint64_t), sizeof(ftp::FtpCounters))
        << "each has a name";
}

INSTANTIATE_TEST_SUITE_P(Places, Ftp,
                         ::testing::Values(Place{v4, 1}, Place{v6, 1}, Place{v4, 4}, Place{v6, 4}),
                         [](const auto& info) {
                             return std::string(info.param.addresses.name) + "_on_" +
                                    std::to_string(info.param.workers);
                         });

}  // namespace
}  // namespace shunt
