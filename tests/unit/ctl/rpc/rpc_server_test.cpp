// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/rpc/rpc_server.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "ctl/methods/event_methods.h"

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
    options.limits.longest_line = 500;
    options.limits.longest_of_one = 1000;
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
    options.limits.longest_line = 1000;
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
    options.limits.longest_line = 1000;
    options.limits.patience = 50ms;
    start();
    Client slow(options.path);
    slow.send(std::string(1500, ' '));
    EXPECT_EQ(slow.line(), R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,)"
                           R"("message":"a line that is begun must end within 50 ms",)"
                           R"("data":{"errno":"ETIMEDOUT"}}})");
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
    options.limits.most_unsent = 100'000;
    options.limits.patience = 200ms;
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

// How many there may be.

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

TEST_F(RpcServerTest, WhoWasIdleTheLongestMakesRoom) {
    options.most_clients_of_user = 3;
    options.least_idle = 0ms;
    start();
    Client works(options.path);
    works.send(request(1, "later"));
    ASSERT_TRUE(later_is_asked());
    Client hangs(options.path);
    hangs.send(R"({"jsonrpc":"2.0","id":1,"meth)");
    ASSERT_TRUE(clients_become(2));
    Client quiet(options.path);
    ASSERT_TRUE(clients_become(3));
    hangs.send("od");
    std::this_thread::sleep_for(20ms);
    Client next(options.path);
    next.send(request(2, "count"));
    EXPECT_EQ(next.line(), answer(2, "1"));
    EXPECT_EQ(quiet.line(),
              R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"there are )"
              R"(3 clients of this user already, and this one did nothing",)"
              R"("data":{"errno":"EAGAIN"}}})");
    EXPECT_TRUE(quiet.closed());
    hangs.send(R"(":"count"})"
               "\n");
    EXPECT_EQ(hangs.line(), answer(1, "2")) << "its line was on the way";
    on_thread([this] { pending.at(0)(json::value("done")); });
    EXPECT_EQ(works.line(), answer(1, "\"done\"")) << "it waited for its answer";
}

TEST_F(RpcServerTest, ALineThatDoesNotEndIsCutOff) {
    options.limits.patience = 200ms;
    start();
    Client quiet(options.path);
    Client hangs(options.path);
    const auto begin = std::chrono::steady_clock::now();
    hangs.send(request(1, "count") + R"({"jsonrpc":"2.0")");
    EXPECT_EQ(hangs.line(), answer(1, "1"));
    EXPECT_EQ(hangs.line(), R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,)"
                            R"("message":"a line that is begun must end within 200 ms",)"
                            R"("data":{"errno":"ETIMEDOUT"}}})");
    EXPECT_TRUE(hangs.closed());
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 200ms);
    quiet.send(request(1, "count"));
    EXPECT_EQ(quiet.line(), answer(1, "2")) << "who says nothing at all may stay";
}

TEST_F(RpcServerTest, WhatIsBeyondTheRateWaits) {
    options.limits.rate = 50;
    start();
    Client fast(options.path);
    std::string lines;
    for (int i = 1; i <= 60; ++i) lines += request(i, "count");
    const auto begin = std::chrono::steady_clock::now();
    fast.send(lines);
    for (int i = 1; i <= 50; ++i) ASSERT_EQ(fast.line(), answer(i, std::to_string(i)));
    Client other(options.path);
    other.send(request(1, "later"));
    ASSERT_TRUE(later_is_asked()) << "each client has a rate of its own";
    for (int i = 51; i <= 60; ++i) ASSERT_EQ(fast.line(), answer(i, std::to_string(i)));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 190ms);
}

// Events.

class RpcServerEvents : public RpcServerTest {
  protected:
    RpcServerEvents() {
        std::vector<Method> all = methods.methods();
        all.push_back(events_subscribe(events));
        all.push_back(events_unsubscribe());
        methods = MethodTable(std::move(all));
    }
    void publish(EventKind kind, json::object about = {}) {
        on_thread([&] { events.publish(kind, std::move(about)); });
    }
    /// What stands in the next line; "answer" of what is no event.
    static json::object next_of(Client& client) {
        const auto line = json::parse(client.line().value_or("{}")).as_object();
        if (!line.contains("method")) return {{"answer", line.contains("result")}};
        EXPECT_EQ(line.at("method"), "event");
        EXPECT_FALSE(line.contains("id"));
        return line.at("params").as_object();
    }

    EventBus events;
};

TEST_F(RpcServerEvents, ASubscriberIsSentWhatItAskedFor) {
    start();
    Client client(options.path);
    client.send(request(1, "events.subscribe", R"({"kinds":["server"]})"));
    EXPECT_EQ(next_of(client), (json::object{{"answer", true}}));
    publish(EventKind::config_saved);
    publish(EventKind::server_up, {{"weight", 3}});
    auto event = next_of(client);
    EXPECT_EQ(event["kind"], "server.up");
    EXPECT_EQ(event["weight"], 3);
    EXPECT_EQ(event["sequence"], 2);
    EXPECT_GT(event["time"].as_double(), 1.6e9);
    client.send(request(2, "count"));
    EXPECT_EQ(client.line(), answer(2, "1")) << "it goes on asking";
    client.send(request(3, "events.unsubscribe"));
    EXPECT_EQ(next_of(client), (json::object{{"answer", true}}));
    publish(EventKind::server_up);
    client.send(request(4, "count"));
    EXPECT_EQ(client.line(), answer(4, "2"));
    client.send(request(5, "events.subscribe"));
    next_of(client);
    client.end_sending();
    EXPECT_TRUE(client.closed());
    publish(EventKind::server_up);
    EXPECT_TRUE(clients_become(0));
}

TEST_F(RpcServerEvents, WhoDoesNotListenAndHasToMakeRoomIsCutOff) {
    options.most_clients = 1;
    options.least_idle = 0ms;
    options.limits.patience = 100ms;
    start();
    Client deaf(options.path);
    deaf.send(request(1, "events.subscribe"));
    ASSERT_EQ(next_of(deaf), (json::object{{"answer", true}}));
    on_thread([this] {
        for (int i = 0; i < 20'000; ++i)
            events.publish(EventKind::server_up, {{"text", std::string(100, 'x')}});
    });
    std::this_thread::sleep_for(2 * options.limits.patience);
    Client next(options.path);
    next.send(request(1, "count"));
    EXPECT_EQ(next.line(), answer(1, "1"));
    EXPECT_TRUE(clients_become(1)) << "what the deaf one was told last does not keep it";
}

TEST_F(RpcServerEvents, WhoDoesNotListenLosesEventsAndIsToldHowMany) {
    options.limits.most_events = 100'000;
    options.limits.patience = 50ms;
    start();
    Client slow(options.path);
    slow.send(request(1, "events.subscribe"));
    ASSERT_EQ(next_of(slow), (json::object{{"answer", true}}));
    constexpr std::uint64_t all = 20'000;
    on_thread([this] {
        for (std::uint64_t i = 0; i < all; ++i)
            events.publish(EventKind::server_up, {{"text", std::string(100, 'x')}});
    });
    std::this_thread::sleep_for(200ms);
    Client other(options.path);
    other.send(request(1, "count"));
    EXPECT_EQ(other.line(), answer(1, "1")) << "nobody waits for it";
    std::uint64_t heard = 0;
    std::uint64_t lost = 0;
    std::uint64_t last = 0;
    while (heard + lost < all) {
        const auto event = next_of(slow);
        ASSERT_FALSE(event.contains("answer")) << "after " << heard << " and " << lost;
        if (event.contains("lost")) {
            lost += event.at("lost").to_number<std::uint64_t>();
            continue;
        }
        ++heard;
        const auto sequence = event.at("sequence").to_number<std::uint64_t>();
        EXPECT_EQ(sequence, last + 1);
        last = sequence;
    }
    EXPECT_GT(lost, 0U);
    EXPECT_GT(heard, 100U);
    publish(EventKind::server_down);
    EXPECT_EQ(next_of(slow)["sequence"], all + 1) << "it was not cut off";
}

// Who may do what.

/// Opened by a thread that is another user; the process stays what it is.
std::unique_ptr<Client> client_of(uid_t uid, gid_t gid, const std::vector<gid_t>& groups,
                                  const std::string& path) {
    std::unique_ptr<Client> client;
    std::thread([&] {
        // The functions of the C library would change every thread.
        if (syscall(SYS_setgroups, groups.size(), groups.data()) == 0 &&
            syscall(SYS_setresgid, gid, gid, gid) == 0 &&
            syscall(SYS_setresuid, uid, uid, uid) == 0)
            client = std::make_unique<Client>(path);
    }).join();
    return client;
}

class RpcServerRights : public RpcServerTest {
  protected:
    static constexpr uid_t stranger = 54321;
    static constexpr gid_t changers = 1;
    static constexpr gid_t readers = 2;

    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
        ASSERT_EQ(chmod(folder.c_str(), 0755), 0);
        ASSERT_NE(getgrgid(changers), nullptr);
        options.group = getgrgid(changers)->gr_name;
        ASSERT_NE(getgrgid(readers), nullptr);
        options.readers = getgrgid(readers)->gr_name;
        options.mode = 0666;
        options.audit = [this](const AuditRecord& record) { told.push_back(audit_line(record)); };
        options.refused = [this](const Credentials& who, const std::string&) {
            turned_away.push_back(who.uid);
        };
    }
    /// The answer to a change.
    std::string change(gid_t gid, const std::vector<gid_t>& groups) {
        const auto client = client_of(stranger, gid, groups, options.path);
        if (client == nullptr || !client->connected()) return "not connected";
        client->send(request(1, "count"));
        return client->line().value_or("closed");
    }

    std::vector<std::string> told;
    std::vector<uid_t> turned_away;
};

TEST_F(RpcServerRights, MembersOfTheGroupMayChange) {
    start();
    EXPECT_EQ(change(changers, {}), answer(1, "1"));
    EXPECT_EQ(change(stranger, {7, changers}), answer(1, "2")) << "supplementary groups count";
    stop();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_TRUE(told[0].starts_with("event=audit uid=54321 user=\"\" pid=" +
                                    std::to_string(getpid()) + " method=count what=\"\" result=ok"))
        << told[0];
}

TEST_F(RpcServerRights, ReadersMayNotChange) {
    start();
    const std::string refusal =
        R"({"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"no right to call count: )"
        R"(it takes the right to change","data":{"errno":"EPERM"}}})";
    EXPECT_EQ(change(readers, {}), refusal);
    EXPECT_EQ(change(stranger, {readers}), refusal);
    EXPECT_EQ(calls, 0);
    stop();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_TRUE(told[1].ends_with("method=count what=\"\" result=EPERM")) << told[1];
}

TEST_F(RpcServerRights, OthersAreToldSoAndClosed) {
    start();
    const auto client = client_of(stranger, stranger, {7}, options.path);
    ASSERT_NE(client, nullptr);
    ASSERT_TRUE(client->connected());
    client->send(request(1, "count"));
    EXPECT_EQ(client->line(),
              R"({"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"user 54321 has no )"
              R"(right to use this socket; members of its group and of socket.readers have",)"
              R"("data":{"errno":"EPERM"}}})");
    EXPECT_TRUE(client->closed());
    EXPECT_TRUE(clients_become(0));
    EXPECT_EQ(calls, 0);
    stop();
    EXPECT_EQ(turned_away, std::vector<uid_t>{stranger});
    EXPECT_TRUE(told.empty());
}

TEST_F(RpcServerRights, OneUserTakesNoRoomFromAnother) {
    options.most_clients_of_user = 2;
    start();
    std::vector<std::unique_ptr<Client>> many;
    for (int i = 0; i < 3; ++i) many.push_back(client_of(stranger, changers, {}, options.path));
    EXPECT_EQ(many[2]->line(),
              R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"there are 2 )"
              R"(clients of this user already","data":{"errno":"EAGAIN"}}})");
    Client root(options.path);
    root.send(request(1, "count"));
    EXPECT_EQ(root.line(), answer(1, "1"));
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
    options.readers = std::exchange(options.group, "");
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
