// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc_server.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

namespace shunt::ctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;

/// A blocking client that gives up after five seconds.
class Client {
  public:
    explicit Client(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        std::strncpy(to.sun_path, path.c_str(), sizeof(to.sun_path) - 1);
        connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
        const timeval patience{.tv_sec = 5, .tv_usec = 0};
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    }
    ~Client() { close(fd_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    [[nodiscard]] bool connected() const { return connected_; }
    /// Bytes that the server took.
    std::size_t send(std::string_view data) const {
        std::size_t sent = 0;
        while (sent < data.size()) {
            const auto n = ::send(fd_, data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) break;
            sent += static_cast<std::size_t>(n);
        }
        return sent;
    }
    void end_sending() const { shutdown(fd_, SHUT_WR); }
    /// The next line without its newline; nothing at the end.
    std::optional<std::string> line() {
        for (;;) {
            if (const auto at = buffer_.find('\n'); at != std::string::npos) {
                auto out = buffer_.substr(0, at);
                buffer_.erase(0, at + 1);
                return out;
            }
            std::array<char, 65536> chunk;
            const auto n = recv(fd_, chunk.data(), chunk.size(), 0);
            if (n <= 0) {
                timed_out_ = n < 0 && errno == EAGAIN;
                return {};
            }
            buffer_.append(chunk.data(), static_cast<std::size_t>(n));
        }
    }
    /// Has the server closed, with nothing left to read?
    bool closed() { return !line() && !timed_out_; }

  private:
    int fd_;
    bool connected_ = false;
    bool timed_out_ = false;
    std::string buffer_;
};

std::string request(int id, std::string_view method, std::string_view params = "{}") {
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" +
           std::string(method) + R"(","params":)" + std::string(params) + "}\n";
}
std::string answer(int id, std::string_view result) {
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"result":)" +
           std::string(result) + "}";
}

/// A server on a thread of its own.
class RpcServerTest : public testing::Test {
  protected:
    RpcServerTest() {
        char name[] = "/tmp/shunt-rpc-XXXXXX";
        folder = mkdtemp(name);
        options.path = folder + "/run/shunt.sock";
    }
    ~RpcServerTest() override {
        stop();
        fs::remove_all(folder);
    }
    void start() {
        server.emplace(io, methods, options);
        thread = std::thread([this] { io.run(); });
    }
    void stop() {
        if (!thread.joinable()) return;
        on_thread([this] { server.reset(); });
        io.stop();
        thread.join();
    }
    void on_thread(const std::function<void()>& what) {
        std::atomic<bool> done{false};
        boost::asio::post(io, [&] {
            what();
            done = true;
            done.notify_all();
        });
        done.wait(false);
    }
    bool becomes_true(const std::function<bool()>& what) {
        for (int i = 0; i < 1000; ++i) {
            bool yes = false;
            on_thread([&] { yes = what(); });
            if (yes) return true;
            std::this_thread::sleep_for(5ms);
        }
        return false;
    }
    bool clients_become(std::size_t wanted) {
        return becomes_true([&] { return server->clients() == wanted; });
    }
    bool later_is_asked() {
        return becomes_true([&] { return !pending.empty(); });
    }
    std::string start_error() {
        try {
            const RpcServer failing(io, methods, options);
            return "none";
        } catch (const std::runtime_error& e) {
            return e.what();
        }
    }

    std::string folder;
    RpcServer::Options options;
    boost::asio::io_context io;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        io.get_executor()};
    std::vector<Respond> pending;  ///< of "later"; on the server's thread
    std::atomic<int> calls{0};
    MethodTable methods{
        {{"count",
          {},
          [this](const Params&, const Respond& respond) { respond(json::value(++calls)); }},
         {"bytes",
          {{"size", true}},
          [](const Params& p, const Respond& respond) {
              respond(json::value(std::string(p.number("size", 0, 1U << 30), 'x')));
          }},
         {"later", {}, [this](const Params&, const Respond& respond) {
              pending.push_back(respond);
          }}}};
    std::optional<RpcServer> server;
    std::thread thread;
};

TEST_F(RpcServerTest, AnswersInOrderHoweverTheBytesCome) {
    start();
    Client client(options.path);
    std::string lines;
    for (int i = 1; i <= 200; ++i) lines += request(i, "count") + (i % 7 == 0 ? "\r\n  \n" : "");
    const auto middle = lines.size() / 2 + 5;
    client.send(lines.substr(0, 3));
    client.send(lines.substr(3, middle - 3));
    std::this_thread::sleep_for(5ms);
    client.send(lines.substr(middle));
    for (int i = 1; i <= 200; ++i) ASSERT_EQ(client.line(), answer(i, std::to_string(i)));
}

TEST_F(RpcServerTest, AClientThatStoppedSendingGetsItsAnswers) {
    start();
    Client client(options.path);
    std::string last = request(2, "count");
    last.pop_back();
    client.send(request(1, "count") + last);
    client.end_sending();
    EXPECT_EQ(client.line(), answer(1, "1"));
    EXPECT_EQ(client.line(), answer(2, "2")) << "though its newline is missing";
    EXPECT_TRUE(client.closed());
    EXPECT_TRUE(clients_become(0));
}

TEST_F(RpcServerTest, ASlowRequestHoldsUpOnlyItsClient) {
    start();
    Client slow(options.path);
    Client quick(options.path);
    slow.send(request(1, "later") + request(2, "count"));
    slow.end_sending();
    ASSERT_TRUE(later_is_asked());
    quick.send(request(1, "count"));
    EXPECT_EQ(quick.line(), answer(1, "1"));
    on_thread([this] { pending.at(0)(json::value("done")); });
    EXPECT_EQ(slow.line(), answer(1, "\"done\""));
    EXPECT_EQ(slow.line(), answer(2, "2"));
    EXPECT_TRUE(slow.closed());
}

TEST_F(RpcServerTest, AClientGoneMidRequestIsHarmless) {
    start();
    {
        Client gone(options.path);
        gone.send(request(1, "later") + request(2, "count"));
        ASSERT_TRUE(later_is_asked());
    }
    {
        const Client half(options.path);
        half.send(R"({"jsonrpc":"2.0","id":1,"meth)");
    }
    std::size_t waiting = 0;
    on_thread([&] {
        waiting = pending.size();
        for (const auto& respond : pending) respond(json::value(1));
    });
    EXPECT_EQ(waiting, 1U);
    EXPECT_TRUE(clients_become(0));
    Client next(options.path);
    next.send(request(1, "count"));
    EXPECT_TRUE(next.line());
}

TEST_F(RpcServerTest, AnAnswerAfterTheServersEndIsHarmless) {
    start();
    Client client(options.path);
    client.send(request(1, "later"));
    ASSERT_TRUE(later_is_asked());
    on_thread([this] {
        server.reset();
        pending.at(0)(json::value(1));
    });
    EXPECT_TRUE(client.closed());
}

TEST_F(RpcServerTest, TooLongALineEndsTheConnection) {
    options.longest_line = 500;
    options.longest_of_one = 1000;
    start();
    for (const std::string& line : {std::string(1001, ' ') + "\n", std::string(5000, '[')}) {
        Client client(options.path);
        client.send(request(1, "count"));
        EXPECT_TRUE(client.line());
        client.send(line);
        EXPECT_EQ(client.line(), R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,)"
                                 R"("message":"a line is at most 1000 bytes long"}})");
        EXPECT_TRUE(client.closed());
    }
    Client client(options.path);
    client.send(std::string(900, ' ') + request(1, "count"));
    EXPECT_TRUE(client.line().value().starts_with(R"({"jsonrpc":"2.0","id":1,"result")"));
}

TEST_F(RpcServerTest, LinesUpToAMebibyteAreRead) {
    start();
    Client client(options.path);
    auto line = request(1, "count");
    line.insert(0, (1U << 20) + 1 - line.size(), ' ');
    client.send(line);
    EXPECT_EQ(client.line(), answer(1, "1"));
}

TEST_F(RpcServerTest, OneClientAtATimeMaySendALongLine) {
    options.longest_line = 1000;
    start();
    Client first(options.path);
    Client second(options.path);
    const auto line = std::string(2'000'000, ' ') + request(1, "count");
    first.send(line.substr(0, 1'500'000));
    ASSERT_TRUE(becomes_true([&] { return server->has_long_line(); }));
    second.send(std::string(1500, ' '));
    EXPECT_EQ(second.line(), R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,)"
                             R"("message":"another client sends a line of over 1000 bytes, )"
                             R"(try again","data":{"errno":"EAGAIN"}}})");
    EXPECT_TRUE(second.closed());
    first.send(line.substr(1'500'000));
    EXPECT_EQ(first.line(), answer(1, "1"));
    EXPECT_FALSE(server->has_long_line());
    Client third(options.path);
    third.send(line);
    EXPECT_EQ(third.line(), answer(1, "2"));
}

TEST_F(RpcServerTest, ALongLineThatDoesNotEndIsCutOff) {
    options.longest_line = 1000;
    options.patience = 50ms;
    start();
    Client slow(options.path);
    slow.send(std::string(1500, ' '));
    EXPECT_TRUE(slow.closed());
    EXPECT_TRUE(clients_become(0));
    EXPECT_FALSE(server->has_long_line());
}

TEST_F(RpcServerTest, LargeAnswersArriveWhole) {
    start();
    Client client(options.path);
    client.send(request(1, "bytes", R"({"size":20000000})") + request(2, "count"));
    const auto line = client.line();
    ASSERT_TRUE(line);
    EXPECT_EQ(line->size(), answer(1, "").size() + 2 + 20'000'000);
    EXPECT_EQ(client.line(), answer(2, "1"));
}

TEST_F(RpcServerTest, AClientThatReadsNothingIsPausedThenCutOff) {
    options.most_unsent = 100'000;
    options.patience = 200ms;
    start();
    Client client(options.path);
    std::string lines;
    for (int i = 0; i < 1000; ++i) lines += request(i, "bytes", R"({"size":100000})");
    for (int i = 0; i < 1000; ++i) lines += request(i, "count");
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(clients_become(1));
    client.send(lines);
    EXPECT_TRUE(clients_become(0));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 150ms);
    EXPECT_EQ(calls, 0) << "requests behind unread answers are not looked at";
    Client other(options.path);
    other.send(request(1, "count"));
    EXPECT_EQ(other.line(), answer(1, "1"));
}

TEST_F(RpcServerTest, OneClientTooManyIsToldSo) {
    options.most_clients = 2;
    start();
    Client one(options.path);
    auto two = std::make_unique<Client>(options.path);
    ASSERT_TRUE(clients_become(2));
    Client three(options.path);
    EXPECT_EQ(three.line(),
              R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,)"
              R"("message":"there are 2 clients already","data":{"errno":"EAGAIN"}}})");
    EXPECT_TRUE(three.closed());
    two.reset();
    ASSERT_TRUE(clients_become(1));
    Client four(options.path);
    four.send(request(1, "count"));
    EXPECT_EQ(four.line(), answer(1, "1"));
}

// The socket file.

TEST_F(RpcServerTest, MakesItsFolderAndSetsTheMode) {
    options.mode = 0640;
    start();
    struct stat made {};
    ASSERT_EQ(lstat(options.path.c_str(), &made), 0);
    EXPECT_EQ(made.st_mode, static_cast<mode_t>(S_IFSOCK | 0640));
    ASSERT_EQ(stat((folder + "/run").c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 07777, 0755U);
    stop();
    EXPECT_FALSE(fs::exists(options.path));
}

TEST_F(RpcServerTest, GivesTheSocketToItsGroup) {
    const ::group* const entry = getgrgid(getegid());
    ASSERT_NE(entry, nullptr);
    options.group = entry->gr_name;
    start();
    struct stat made {};
    ASSERT_EQ(lstat(options.path.c_str(), &made), 0);
    EXPECT_EQ(made.st_gid, getegid());
    stop();
    options.group = "no-such-group";
    EXPECT_EQ(start_error(), "socket " + options.path + ": there is no group \"no-such-group\"");
    EXPECT_FALSE(fs::exists(options.path)) << "nothing is left behind";
}

TEST_F(RpcServerTest, ReplacesAFileThatNobodyListensOn) {
    fs::create_directories(folder + "/run");
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, options.path.c_str(), sizeof(at.sun_path) - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)), 0);
    close(fd);
    ASSERT_TRUE(fs::exists(options.path));
    start();
    Client client(options.path);
    client.send(request(1, "count"));
    EXPECT_EQ(client.line(), answer(1, "1"));
}

TEST_F(RpcServerTest, LeavesAnotherDaemonsSocketAlone) {
    start();
    EXPECT_EQ(start_error(),
              "socket " + options.path +
                  ": another shuntd answers there; stop it or give another --socket");
    Client client(options.path);
    client.send(request(1, "count"));
    EXPECT_EQ(client.line(), answer(1, "1"));
}

TEST_F(RpcServerTest, LeavesOtherFilesAlone) {
    fs::create_directories(folder + "/run");
    std::ofstream(options.path) << "mine";
    EXPECT_EQ(start_error(),
              "socket " + options.path + ": a file stands there that is no socket; remove it");
    EXPECT_EQ(fs::file_size(options.path), 4U);
    options.path = folder + "/" + std::string(120, 'x');
    EXPECT_EQ(start_error(), "socket " + options.path + ": the path must have 1 to 107 characters");
    options.path = folder + "/run/shunt.sock/deeper/sock";
    EXPECT_TRUE(start_error().starts_with("socket " + options.path + ": cannot make"));
}

TEST_F(RpcServerTest, RemovesOnlyItsOwnFileAtTheEnd) {
    start();
    fs::remove(options.path);
    std::ofstream(options.path) << "another's";
    stop();
    EXPECT_TRUE(fs::exists(options.path));
}

}  // namespace
}  // namespace shunt::ctl
