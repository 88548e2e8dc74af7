// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/metrics/metrics_exporter.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <cstdlib>
#include <future>
#include <string>

namespace shunt::ctl {
namespace {

using namespace std::chrono_literals;

/// One request; everything that came back.
std::string get(int port, const std::string& path) {
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string text;
    if (connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0) {
        const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
        EXPECT_EQ(write(client, request.data(), request.size()),
                  static_cast<ssize_t>(request.size()));
        char part[4096];
        for (ssize_t n = 0; (n = read(client, part, sizeof(part))) > 0;)
            text.append(part, static_cast<std::size_t>(n));
    }
    close(client);
    return text;
}

/// In a namespace of its own, where no other program listens.
class MetricsExporterTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs the right to make namespaces";
        ASSERT_EQ(std::system("ip link set lo up"), 0);
    }
    std::unique_ptr<MetricsExporter> make(const std::string& address,
                                          std::chrono::milliseconds patience = 10s) {
        MetricsSource source;
        source.version = "1.2.3";
        return std::make_unique<MetricsExporter>(
            io,
            MetricsExporter::Options{.address = parse_endpoint(address).value(),
                                     .worker_cpus = {0},
                                     .patience = patience},
            source, [this] {
                ++samples;
                MetricsSample sample;
                sample.removed_servers = 42;
                return sample;
            });
    }
    /// The answer to one scrape while the control thread works.
    std::string scrape(int port, const std::string& path = "/metrics") {
        auto answer = std::async(std::launch::async, get, port, path);
        while (answer.wait_for(0s) != std::future_status::ready) io.run_one_for(10ms);
        return answer.get();
    }

    boost::asio::io_context io;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        io.get_executor()};
    int samples = 0;
};

TEST_F(MetricsExporterTest, ServesWhatTheControlThreadKnows) {
    const auto exporter = make("127.0.0.1:0");
    const auto text = scrape(exporter->port());
    EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n")) << text;
    EXPECT_NE(text.find("Content-Type: text/plain"), std::string::npos) << text;
    EXPECT_NE(text.find("\nshunt_removed_servers 42\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\nshunt_control_up 1\n"), std::string::npos) << text;
    EXPECT_EQ(samples, 1);
    for (const char* other : {"/", "/etc/passwd"}) {
        const auto refusal = scrape(exporter->port(), other);
        EXPECT_NE(refusal.find(" 404 Not Found\r\n"), std::string::npos) << refusal;
        EXPECT_EQ(refusal.find("root:"), std::string::npos) << refusal;
    }
}

TEST_F(MetricsExporterTest, DoesNotWaitForAControlThreadThatStandsStill) {
    const auto exporter = make("127.0.0.1:0", 20ms);
    const auto text = get(exporter->port(), "/metrics");
    EXPECT_NE(text.find("\nshunt_control_up 0\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("\nshunt_removed_servers "), std::string::npos) << text;
    io.poll();
    EXPECT_EQ(samples, 1) << "what was asked for in vain, harms nothing";
}

TEST_F(MetricsExporterTest, EndsWhileAScrapeWaits) {
    auto exporter = make("127.0.0.1:0", 60s);
    auto answer = std::async(std::launch::async, get, exporter->port(), "/metrics");
    EXPECT_EQ(answer.wait_for(100ms), std::future_status::timeout) << "it waits";
    const auto begin = std::chrono::steady_clock::now();
    exporter.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s) << "not as long as its patience";
    answer.get();
    io.poll();
    EXPECT_EQ(samples, 0) << "nothing is looked at any more";
}

TEST_F(MetricsExporterTest, EndsAtOnceWhenNobodyCalls) {
    for (const char* address : {"127.0.0.1:0", "0.0.0.0:0"}) {
        auto exporter = make(address);
        const auto begin = std::chrono::steady_clock::now();
        exporter.reset();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s) << address;
    }
}

TEST_F(MetricsExporterTest, SaysWhereItCannotListen) {
    const auto first = make("127.0.0.1:0");
    const auto taken = "127.0.0.1:" + std::to_string(first->port());
    try {
        make(taken);
        FAIL() << "two listen at one place";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("metrics: cannot listen at " + taken),
                  std::string::npos)
            << error.what();
    }
}

}  // namespace
}  // namespace shunt::ctl
