// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The command ipvsadm in front of shuntd.
#include <iosfwd>
#include <string>
#include <vector>

#include "shuntctl/ipvsadm_tables.h"
#include "shuntctl/rpc_client.h"

namespace shunt::cli {

/// Everything that the command reaches outside of itself.
struct IpvsadmWorld {
    std::string program;  ///< as texts name the command: "ipvsadm"
    std::string socket_path;
    Connect connect;
    OpenStream stream;   ///< for -R
    Resolver resolver;   ///< names on the command line
    EndpointText names;  ///< names in tables
    std::istream& in;    ///< for -R
    std::ostream& out;
    std::ostream& err;
    bool progress = false;  ///< tell on `err` how far -R is
};

/// Runs one command line (the words after the program's name). Returns the exit status: that of
/// ipvsadm, 3 if the daemon is not reachable.
int run_ipvsadm(const std::vector<std::string>& args, const IpvsadmWorld& world);

}  // namespace shunt::cli
