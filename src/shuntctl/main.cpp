// SPDX-License-Identifier: BSD-3-Clause
// The operator's command. Under the name ipvsadm, or as `shuntctl ipvsadm`, it is ipvsadm.
#include <unistd.h>

#include <boost/json/object.hpp>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "shuntctl/commands.h"
#include "shuntctl/ipvsadm.h"
#include "shuntctl/names.h"
#include "shuntctl/progress.h"

namespace {

using namespace shunt::cli;

constexpr bool on_terminal = true;

/// Tells on a terminal that it waits for an answer, after a second of waiting.
Call connect_with_progress(const std::string& path) {
    auto waiting = std::make_shared<std::function<void()>>();
    RpcClient::Limits limits;
    limits.waiting = [waiting] {
        if (*waiting) (*waiting)();
    };
    auto client = std::make_shared<RpcClient>(path, limits);
    return [waiting, client](std::string_view method, const boost::json::object& params) {
        Progress progress(std::cerr, on_terminal);
        const auto begin = Progress::Clock::now();
        *waiting = [&progress, method, begin] {
            const std::chrono::duration<double> waited = Progress::Clock::now() - begin;
            progress.tell("waiting for " + std::string(method) + ", " +
                          std::to_string(static_cast<int>(waited.count())) + " s");
        };
        return client->call(method, params);
    };
}

/// For a shell that waits with an unfinished word.
Call connect_quickly(const std::string& path) {
    RpcClient::Limits limits;
    limits.connect = std::chrono::milliseconds(300);
    limits.reply = std::chrono::milliseconds(700);
    auto client = std::make_shared<RpcClient>(path, limits);
    return [client](std::string_view method, const boost::json::object& params) {
        return client->call(method, params);
    };
}

int as_ipvsadm(const std::vector<std::string>& args, const std::string& program,
               const std::string& socket_path) {
    const bool progress = isatty(STDERR_FILENO) != 0;
    return run_ipvsadm(args, {program, socket_path,
                              progress ? Connect(connect_with_progress) : Connect(connect_daemon),
                              open_daemon_stream, system_resolver(), system_names(), std::cin,
                              std::cout, std::cerr, progress});
}

int run(const std::string& program, const std::vector<std::string>& args) {
    auto socket_path = default_socket_path();
    if (program.substr(program.rfind('/') + 1) == "ipvsadm")
        return as_ipvsadm(args, program, socket_path);

    auto word = args.begin();
    if (args.size() > 2 && *word == "--socket") {
        socket_path = *++word;
        ++word;
    }
    if (word != args.end() && *word == "ipvsadm")
        return as_ipvsadm({word + 1, args.end()}, program + " ipvsadm", socket_path);
    const bool progress = isatty(STDERR_FILENO) != 0;
    Connect connect = progress ? Connect(connect_with_progress) : Connect(connect_daemon);
    if (!args.empty() && args.front() == "__complete") connect = connect_quickly;
    SystemTerminal terminal;
    return run_shuntctl(
        args, {default_socket_path(), connect, std::cout, std::cerr, &terminal, progress});
}

}  // namespace

int main(int argc, char** argv) {
    std::ios::sync_with_stdio(false);
    try {
        return run(argc > 0 ? argv[0] : "shuntctl", {argv + (argc > 0 ? 1 : 0), argv + argc});
    } catch (const std::exception& error) {
        std::cerr << "shuntctl: " << error.what() << '\n';
        return status_refused;
    }
}
