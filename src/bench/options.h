// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The command line of shunt-bench.
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/method.h"
#include "net/address.h"

namespace shunt::bench {

/// Which way the measured packets go.
enum class Traffic : std::uint8_t {
    in,    ///< from clients
    out,   ///< from real servers
    both,  ///< each packet one or the other, at random
};

/// What `replay` replays.
struct ReplayOptions {
    std::string config;
    std::vector<std::string> pcaps;  ///< FILE, or PORT=FILE
    std::uint32_t loops = 1;
    std::string out;       ///< empty: what is sent is not written
    bool any_mac = false;  ///< packets for other hosts are taken, too
};

struct Options {
    enum class Command : std::uint8_t { forward, connect, churn, replay, limit, report };

    Command command = Command::forward;
    Method method;
    Family family = Family::ipv4;
    std::uint32_t flows = 1'000'000;
    std::uint16_t packet_size = 64;  ///< bytes on the wire with the frame check sequence
    Traffic direction = Traffic::both;
    double seconds = 1;  ///< of each measurement
    std::uint32_t repeat = 5;
    std::string scheduler = "rr";
    bool hand_off = false;        ///< forward: a worker receives what is another one's
    bool ftp = false;             ///< forward: with the FTP helper loaded, and without
    bool reuse_ports = false;     ///< churn: connections come from ports of ended ones
    std::optional<unsigned> cpu;  ///< where to run; by default the last that the process may use
    ReplayOptions replay;
    bool account = false;  ///< of the cycles, by stage
    bool json = false;
    std::string report;    ///< a folder that gets the results, tables and plots; empty: none
    std::string page;      ///< for `report`: a page whose tables are written anew; empty: none
    bool no_huge = false;  ///< packet buffers on ordinary pages, as under valgrind
};

/// The command line is wrong; what() is one line.
class UsageError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The arguments without the program's name; nothing when they ask for help, whose text is then in
/// `help`. Throws UsageError.
std::optional<Options> parse_options(std::vector<std::string> arguments, std::string& help);

/// "in", "out" or "both".
std::string_view to_string(Traffic traffic) noexcept;

}  // namespace shunt::bench
