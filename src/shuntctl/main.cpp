// SPDX-License-Identifier: BSD-3-Clause
// The operator's command. Under the name ipvsadm, or as `shuntctl ipvsadm`, it is ipvsadm.
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "shuntctl/commands.h"
#include "shuntctl/ipvsadm.h"
#include "shuntctl/names.h"

namespace {

using namespace shunt::cli;

int as_ipvsadm(const std::vector<std::string>& args, const std::string& program,
               const std::string& socket_path) {
    return run_ipvsadm(args, {program, socket_path, connect_daemon, system_resolver(),
                              system_names(), std::cin, std::cout, std::cerr});
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
    return run_shuntctl(args, {default_socket_path(), connect_daemon, std::cout, std::cerr});
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
