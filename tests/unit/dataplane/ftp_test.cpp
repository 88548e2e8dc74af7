// SPDX-License-Identifier: BSD-3-Clause
// FTP through workers: control connections that are looked into, and their data connections, for
// both families, on one worker and on four (ipvs-behaviour 6).
#include <gtest/gtest.h>

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

class Ftp : public ::testing::TestWithParam<Place> {
  protected:
    Ftp() {
        bench.add_service(Protocol::tcp, a.endpoint(a.vip, 21),
                          {a.endpoint(a.server, 21), a.endpoint(a.server2, 21)});
        bench.apps[0] = {AppKind::ftp, port21};
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
    WorkerBench bench{{.workers = GetParam().workers}};
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


INSTANTIATE_TEST_SUITE_P(Places, Ftp,
                         ::testing::Values(Place{v4, 1}, Place{v6, 1}, Place{v4, 4}, Place{v6, 4}),
                         [](const auto& info) {
                             return std::string(info.param.addresses.name) + "_on_" +
                                    std::to_string(info.param.workers);
                         });

}  // namespace
}  // namespace shunt
