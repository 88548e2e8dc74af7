// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/rpc_client.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstring>
#include <filesystem>
#include <thread>

namespace shunt::cli {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// A peer on a socket of its own: takes one connection and hands it to the test's function, on a
/// thread that ends with the object.
class Peer {
  public:
    using Serve = std::function<void(int connection)>;

    explicit Peer(Serve serve) {
        std::string name = std::filesystem::temp_directory_path() / "shuntctl-test-XXXXXX";
        directory_ = mkdtemp(name.data());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
        listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(listen(listener_, 1), 0);
        thread_ = std::thread([this, serve = std::move(serve)] {
            const int connection = accept(listener_, nullptr, nullptr);
            if (connection < 0) return;
            serve(connection);
            close(connection);
        });
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() {
        shutdown(listener_, SHUT_RDWR);
        thread_.join();
        close(listener_);
        std::filesystem::remove_all(directory_);
    }

    [[nodiscard]] std::string path() const { return directory_ + "/s"; }

  private:
    std::string directory_;
    int listener_ = -1;
    std::thread thread_;
};

/// One line that the client sent, without its end; empty when it has gone.
std::string receive(int connection) {
    std::string line;
    for (char c = 0; read(connection, &c, 1) == 1;) {
        if (c == '\n') return line;
        line += c;
    }
    return line;
}

void send_text(int connection, std::string_view text) {
    EXPECT_EQ(send(connection, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
}

/// The id of a request, as it stands in it.
std::string id_in(const std::string& request) {
    return json::serialize(json::parse(request).at("id"));
}

/// Answers every request with the next of `answers`.
Peer::Serve answering(std::vector<std::string> answers, std::vector<std::string>* requests) {
    return [answers, requests](int connection) {
        for (const auto& answer : answers) {
            requests->push_back(receive(connection));
            send_text(connection, answer + "\n");
        }
    };
}

std::string sentence(const std::string& path, RpcClient::Limits limits = {}) {
    try {
        RpcClient(path, limits).call("status.get", {});
    } catch (const Unreachable& error) {
        return error.what();
    }
    return "no error";
}

TEST(RpcClient, CallsInTurnOnOneConnection) {
    std::vector<std::string> requests;
    {
        const Peer peer(answering({R"({"jsonrpc":"2.0","id":1,"result":{"a":1}})",
                                   R"({"jsonrpc":"2.0","id":2,"result":null})"},
                                  &requests));
        RpcClient client(peer.path());
        EXPECT_EQ(json::serialize(client.call("x.y", {{"p", "q"}})), R"({"a":1})");
        EXPECT_TRUE(client.call("z", {}).is_null());
    }
    EXPECT_EQ(requests, (std::vector<std::string>{
                            R"({"jsonrpc":"2.0","id":1,"method":"x.y","params":{"p":"q"}})",
                            R"({"jsonrpc":"2.0","id":2,"method":"z"})"}));
}

TEST(RpcClient, RefusalCarriesEverythingAndTheConnectionGoesOn) {
    std::vector<std::string> requests;
    const Peer peer(answering(
        {R"({"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"too heavy",)"
         R"("data":{"path":"server.weight","errno":"EINVAL"}}})",
         R"({"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"no such method"}})",
         R"({"jsonrpc":"2.0","id":3,"error":"odd"})", R"({"jsonrpc":"2.0","id":4,"result":7})"},
        &requests));
    RpcClient client(peer.path());
    const auto refusal = [&] {
        try {
            client.call("m", {});
        } catch (const Refused& error) {
            return std::to_string(error.code()) + '|' + error.what() + '|' + error.path() + '|' +
                   error.errno_name();
        }
        return std::string("no refusal");
    };
    EXPECT_EQ(refusal(), "-32602|too heavy|server.weight|EINVAL");
    EXPECT_EQ(refusal(), "-32601|no such method||");
    EXPECT_EQ(refusal(), "0|the daemon refused without a reason||");
    EXPECT_EQ(client.call("m", {}).as_int64(), 7);
}

TEST(RpcClient, AnswerMayComeInPiecesAndBeLarge) {
    const std::string text(3'000'000, 'x');
    const Peer peer([&](int connection) {
        receive(connection);
        for (const auto* piece : {"{\"jsonrpc\":\"2.0\",", "\"id\":1", ",\"result\":\""})
            send_text(connection, piece);
        send_text(connection, text);
        send_text(connection, "\"}\n");
    });
    EXPECT_EQ(RpcClient(peer.path()).call("m", {}).as_string(), text);
}

TEST(RpcClient, RequestMayBeLarge) {
    const std::string text(500'000, 'x');
    std::size_t received = 0;
    {
        const Peer peer([&](int connection) {
            received = receive(connection).size();
            send_text(connection, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
        });
        EXPECT_TRUE(RpcClient(peer.path()).call("m", {{"t", text}}).is_object());
    }
    EXPECT_GT(received, text.size());
}

TEST(RpcClient, NobodyListens) {
    EXPECT_EQ(sentence("/nonexistent/shunt.sock"),
              "shuntd is not reachable at /nonexistent/shunt.sock: No such file or directory; "
              "is the service running?");
    const auto longest = "/" + std::string(200, 'x');
    EXPECT_EQ(sentence(longest),
              "shuntd is not reachable at " + longest + ": the path is too long for a socket");
}

TEST(RpcClient, SilentPeerIsGivenUp) {
    const Peer peer([](int connection) {
        receive(connection);
        receive(connection);  // until the client has gone
    });
    EXPECT_EQ(sentence(peer.path(), {.reply = 50ms}),
              "shuntd is not reachable at " + peer.path() + ": no answer within 50 ms");
}

TEST(RpcClient, TellsThatItWaits) {
    const Peer peer([](int connection) {
        receive(connection);
        receive(connection);
    });
    int told = 0;
    EXPECT_EQ(sentence(peer.path(), {.reply = 500ms, .waiting = [&told] { ++told; }}),
              "shuntd is not reachable at " + peer.path() + ": no answer within 500 ms");
    EXPECT_GE(told, 2);
    EXPECT_LE(told, 3);
}

TEST(RpcClient, PeerThatSendsHalfALineIsGivenUp) {
    const Peer peer([](int connection) {
        send_text(connection, "{\"jsonrpc\"");
        receive(connection);
        receive(connection);
    });
    EXPECT_EQ(sentence(peer.path(), {.reply = 50ms}),
              "shuntd is not reachable at " + peer.path() + ": no answer within 50 ms");
}

TEST(RpcClient, PeerThatCloses) {
    const Peer peer([](int connection) { receive(connection); });
    EXPECT_EQ(sentence(peer.path()), "shuntd is not reachable at " + peer.path() +
                                         ": it closed the connection before it had answered");
}

TEST(RpcClient, EndlessLineIsGivenUp) {
    const Peer peer([](int connection) {
        receive(connection);
        const std::string junk(2000, 'x');
        send(connection, junk.data(), junk.size(), MSG_NOSIGNAL);
        receive(connection);
    });
    EXPECT_EQ(sentence(peer.path(), {.reply_bytes = 1000}),
              "shuntd is not reachable at " + peer.path() + ": its answer is too long");
}

TEST(RpcClient, GarbageIsNoAnswer) {
    struct Row {
        const char* answer;
        const char* reason;
    };
    for (const auto& [answer, reason] : std::vector<Row>{
             {"HTTP/1.1 400 Bad Request\n", "it answered with something that is not a JSON object"},
             {"\n", "it answered with something that is not a JSON object"},
             {"[1]\n", "it answered with something that is not a JSON object"},
             {"{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}\n", "it answered another request"},
             {"{\"jsonrpc\":\"2.0\",\"result\":{}}\n", "it answered another request"},
             {"{\"jsonrpc\":\"2.0\",\"id\":1}\n",
              "its answer has neither a result nor an error"}}) {
        const Peer peer([answer = answer](int connection) {
            receive(connection);
            send_text(connection, answer);
        });
        EXPECT_EQ(sentence(peer.path()),
                  "shuntd is not reachable at " + peer.path() + ": " + reason);
    }
}

TEST(RpcClient, SocketPathComesFromTheEnvironment) {
    const char* const before = std::getenv("SHUNT_SOCKET");
    const std::string saved = before != nullptr ? before : "";
    setenv("SHUNT_SOCKET", "/somewhere", 1);
    EXPECT_EQ(default_socket_path(), "/somewhere");
    setenv("SHUNT_SOCKET", "", 1);
    EXPECT_EQ(default_socket_path(), "/run/shunt/shunt.sock");
    unsetenv("SHUNT_SOCKET");
    EXPECT_EQ(default_socket_path(), "/run/shunt/shunt.sock");
    if (before != nullptr) setenv("SHUNT_SOCKET", saved.c_str(), 1);
}

/// Takes requests in the kernel's time and refuses every third.
TEST(RpcClient, ManyRequestsAreOnTheirWayAtOnce) {
    constexpr int requests = 1000;
    int most_at_once = 0;
    const Peer peer([&most_at_once](int connection) {
        for (int i = 0; i < requests; ++i) {
            const auto request = receive(connection);
            int more = 0;
            if (ioctl(connection, FIONREAD, &more) == 0)
                most_at_once = std::max(most_at_once, more / static_cast<int>(request.size()));
            const bool refuses = json::parse(request).at("params").at("i").as_int64() % 3 == 0;
            send_text(connection, R"({"jsonrpc":"2.0","id":)" + id_in(request) +
                                      (refuses ? R"(,"error":{"code":-32000,"message":"no",)"
                                                 R"("data":{"errno":"EEXIST"}})"
                                               : R"(,"result":{})") +
                                      "}\n");
        }
    });
    const Stream stream = open_daemon_stream(peer.path());
    std::vector<int> order;
    int refused = 0;
    for (int i = 0; i < requests; ++i)
        stream.send("x", {{"i", i}}, [&, i](const Refused* refusal) {
            order.push_back(i);
            EXPECT_EQ(refusal != nullptr, i % 3 == 0) << i;
            refused += refusal != nullptr && refusal->errno_name() == "EEXIST" ? 1 : 0;
        });
    stream.finish();
    ASSERT_EQ(order.size(), std::size_t{requests});
    EXPECT_TRUE(std::ranges::is_sorted(order));
    EXPECT_EQ(refused, 334);
    EXPECT_GT(most_at_once, 50);
    stream.finish();
}

TEST(RpcClient, AStreamThatBreaksTellsOfWhatWasAnsweredOnly) {
    const Peer peer([](int connection) {
        for (int i = 0; i < 3; ++i)
            send_text(connection, R"({"jsonrpc":"2.0","id":)" + id_in(receive(connection)) +
                                      R"(,"result":{}})" + "\n");
    });
    const Stream stream = open_daemon_stream(peer.path());
    int answered = 0;
    for (int i = 0; i < 5; ++i) stream.send("x", {}, [&](const Refused*) { ++answered; });
    EXPECT_THROW(stream.finish(), Unreachable);
    EXPECT_EQ(answered, 3);
}

}  // namespace
}  // namespace shunt::cli
