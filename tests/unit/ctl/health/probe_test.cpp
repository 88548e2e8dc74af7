// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/health/probe.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <optional>

namespace shunt::ctl {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using namespace std::chrono_literals;

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

/// A server on the loopback interface, which answers what it is told to.
class Server {
  public:
    explicit Server(asio::io_context& io, bool ipv6 = false)
        : acceptor_(io, ipv6 ? tcp::endpoint(asio::ip::address_v6::loopback(), 0)
                             : tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          ipv6_(ipv6) {
        accept();
    }
    [[nodiscard]] Endpoint address() const {
        const auto port = std::to_string(acceptor_.local_endpoint().port());
        return parse_endpoint((ipv6_ ? "[::1]:" : "127.0.0.1:") + port).value();
    }
    std::string answer;    ///< empty: none
    bool closes = true;    ///< behind the answer
    std::string request;   ///< of the last client
    tcp::endpoint client;  ///< the same
    std::size_t clients = 0;

  private:
    struct Client {
        tcp::socket socket;
        std::array<char, 1024> bytes{};
    };
    void accept() {
        acceptor_.async_accept([this](const auto& error, tcp::socket socket) {
            if (error) return;
            ++clients;
            boost::system::error_code gone;
            client = socket.remote_endpoint(gone);
            serve(std::make_shared<Client>(Client{std::move(socket), {}}));
            accept();
        });
    }
    void serve(const std::shared_ptr<Client>& one) {
        one->socket.async_read_some(
            asio::buffer(one->bytes), [this, one](const auto& error, std::size_t size) {
                if (error) return;
                request.assign(one->bytes.data(), size);
                asio::async_write(one->socket, asio::buffer(answer), [this, one](auto...) {
                    if (!closes) serve(one);
                });
            });
    }
    tcp::acceptor acceptor_;
    bool ipv6_;
};

class ProbeTest : public testing::Test {
  protected:
    CheckResult check(const HealthCheck& how, const Endpoint& server) {
        std::optional<CheckResult> result;
        const auto probe = Probe::start(io, check_task(how, server), [&](const CheckResult& r) {
            EXPECT_FALSE(result) << "twice";
            result = r;
        });
        EXPECT_FALSE(result) << "later";
        io.restart();
        while (!result && io.run_one() != 0) {
        }
        io.poll();
        return result.value();
    }
    static HealthCheck of(CheckType type, std::chrono::milliseconds timeout = 5s) {
        HealthCheck check;
        check.type = type;
        check.timeout = timeout;
        return check;
    }
    /// Where nobody listens.
    Endpoint nobody() {
        const tcp::acceptor taken(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        return parse_endpoint("127.0.0.1:" + std::to_string(taken.local_endpoint().port())).value();
    }

    asio::io_context io;
};

TEST_F(ProbeTest, TcpConnects) {
    Server server(io);
    const auto result = check(of(CheckType::tcp), server.address());
    EXPECT_EQ(result.end, CheckEnd::passed);
    EXPECT_EQ(result.reason, "connected");
    EXPECT_GT(result.took, 0ns);
    Server server6(io, true);
    EXPECT_EQ(check(of(CheckType::tcp), server6.address()).end, CheckEnd::passed);
}

TEST_F(ProbeTest, TcpIsRefused) {
    const auto result = check(of(CheckType::tcp), nobody());
    EXPECT_EQ(result.end, CheckEnd::failed);
    EXPECT_EQ(result.reason, "connect: Connection refused");
}

TEST_F(ProbeTest, HttpLooksAtTheStatus) {
    Server server(io);
    server.answer = "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n";
    auto how = of(CheckType::http);
    how.path = "/alive";
    EXPECT_EQ(check(how, server.address()).end, CheckEnd::passed);
    EXPECT_TRUE(server.request.starts_with("GET /alive HTTP/1.1\r\nHost: 127.0.0.1:"));
    EXPECT_TRUE(server.request.ends_with("\r\n\r\n"));
    server.answer = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
    auto result = check(how, server.address());
    EXPECT_EQ(result.end, CheckEnd::failed);
    EXPECT_EQ(result.reason, "http: status 503");
    how.status = {503, 503};
    EXPECT_EQ(check(how, server.address()).end, CheckEnd::passed);
    how.status = {200, 502};
    EXPECT_EQ(check(how, server.address()).end, CheckEnd::failed);
}

TEST_F(ProbeTest, HttpWithoutAnAnswerFails) {
    Server server(io);
    server.answer = "HTTP/1.1 200 OK\r\nX: ";
    const auto reason = [&] { return check(of(CheckType::http), server.address()).reason; };
    EXPECT_EQ(reason(), "http: closed before the end of the header");
    server.answer = "SSH-2.0-x\r\n";
    EXPECT_EQ(reason(), "http: it is not HTTP/1");
    server.closes = false;
    server.answer = "HTTP/1.1 200 OK\r\n" + std::string(70'000, 'a');
    EXPECT_EQ(reason(), "http: its header is too long");
    server.answer = "";
    const auto result = check(of(CheckType::http, 50ms), server.address());
    EXPECT_EQ(result.end, CheckEnd::timed_out);
    EXPECT_EQ(result.reason, "timeout 50 ms");
    EXPECT_GE(result.took, 50ms);
    EXPECT_EQ(check(of(CheckType::http), nobody()).reason, "connect: Connection refused");
}

TEST_F(ProbeTest, AnEndlessAnswerIsNoWayToLive) {
    Server server(io);
    server.closes = false;
    server.answer = "HTTP/1.1 200 OK\r\n";
    EXPECT_EQ(check(of(CheckType::http, 30ms), server.address()).end, CheckEnd::timed_out);
}

TEST_F(ProbeTest, UdpIsDownWhenTheHostSaysThatNobodyListens) {
    udp::socket silent(io, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    const auto address = [](const udp::socket& socket) {
        const auto port = std::to_string(socket.local_endpoint().port());
        return parse_endpoint("127.0.0.1:" + port).value();
    };
    auto result = check(of(CheckType::udp, 20ms), address(silent));
    EXPECT_EQ(result.end, CheckEnd::passed);
    EXPECT_EQ(result.reason, "udp: no error");
    EXPECT_EQ(silent.available(), 0U);
    const Endpoint gone = address(silent);
    silent.close();
    result = check(of(CheckType::udp), gone);
    EXPECT_EQ(result.end, CheckEnd::failed);
    EXPECT_EQ(result.reason, "udp: Connection refused");
}

TEST_F(ProbeTest, UdpThatAnswersNeedNotBeWaitedFor) {
    udp::socket echo(io, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    udp::endpoint from;
    std::array<char, 16> bytes{};
    echo.async_receive_from(asio::buffer(bytes), from, [&](const auto&, std::size_t size) {
        EXPECT_EQ(size, 0U) << "an empty datagram";
        echo.send_to(asio::buffer("long answer", 11), from);
    });
    const auto port = std::to_string(echo.local_endpoint().port());
    const auto result = check(of(CheckType::udp, 60s), parse_endpoint("127.0.0.1:" + port).value());
    EXPECT_EQ(result.end, CheckEnd::passed);
    EXPECT_EQ(result.reason, "udp: answered");
}

TEST_F(ProbeTest, ItComesFromTheSourceThatIsSaid) {
    Server server(io);
    server.answer = "HTTP/1.1 200 OK\r\n\r\n";
    auto how = of(CheckType::http);
    how.source = parse_address("127.0.0.7");
    EXPECT_EQ(check(how, server.address()).end, CheckEnd::passed);
    EXPECT_EQ(server.client.address().to_string(), "127.0.0.7");
    how.source = parse_address("192.0.2.77");
    const auto result = check(how, server.address());
    EXPECT_EQ(result.end, CheckEnd::not_made) << "the address is not of this host";
    EXPECT_EQ(result.reason, "socket: Cannot assign requested address");
}

TEST_F(ProbeTest, WithoutDescriptorsNothingIsSaidOfTheServer) {
    const Endpoint server = nobody();
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 0;
    io.poll();
    setrlimit(RLIMIT_NOFILE, &none);
    const auto result = check(of(CheckType::tcp), server);
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(result.end, CheckEnd::not_made);
    EXPECT_EQ(result.reason, "socket: Too many open files");
}

TEST_F(ProbeTest, AStoppedOneSaysNothing) {
    Server server(io);
    bool called = false;
    const auto probe = Probe::start(io, check_task(of(CheckType::http, 10ms), server.address()),
                                    [&](const CheckResult&) { called = true; });
    probe->stop();
    io.run_for(30ms);
    EXPECT_FALSE(called);
}

TEST_F(ProbeTest, AThousandLeaveNoDescriptorBehind) {
    Server server(io);
    server.answer = "HTTP/1.1 200 OK\r\n\r\n";
    const Endpoint refuses = nobody();
    check(of(CheckType::http), server.address());
    io.poll();
    const auto before = open_descriptors();
    for (int i = 0; i < 250; ++i) {
        EXPECT_EQ(check(of(CheckType::http), server.address()).end, CheckEnd::passed);
        EXPECT_EQ(check(of(CheckType::tcp), server.address()).end, CheckEnd::passed);
        EXPECT_EQ(check(of(CheckType::tcp), refuses).end, CheckEnd::failed);
        EXPECT_EQ(check(of(CheckType::udp), refuses).end, CheckEnd::failed);
        Probe::start(io, check_task(of(CheckType::http), server.address()), {})->stop();
    }
    for (std::size_t i = 0; i < 1000; ++i) io.poll();
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace shunt::ctl
