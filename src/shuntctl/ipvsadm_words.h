// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The vocabulary of ipvsadm's command line: which words there are, which options a command may
// have, and how words are taken apart. Part of ipvsadm_args.
#include <array>
#include <bitset>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "shuntctl/ipvsadm_args.h"

namespace shunt::cli {

/// The order is the one in which ipvsadm checks which of them a command may have.
enum Option : std::uint8_t {
    opt_numeric,
    opt_connection,
    opt_service,
    opt_scheduler,
    opt_persistent,
    opt_netmask,
    opt_server,
    opt_forward,
    opt_weight,
    opt_upper,
    opt_lower,
    opt_interface,
    opt_timeout,
    opt_daemon,
    opt_stats,
    opt_rate,
    opt_thresholds,
    opt_persistent_conn,
    opt_nosort,
    opt_syncid,
    opt_exact,
    opt_ops,
    opt_pe,
    opt_sched_flags,
    opt_group,
    opt_port,
    opt_ttl,
    opt_maxlen,
    opt_tun_info,
    opt_tun_type,
    opt_tun_port,
    opt_tun_nocsum,
    opt_tun_csum,
    opt_tun_remcsum,
    option_count,
};
using Options = std::bitset<option_count>;

/// As refusals name them.
inline constexpr std::array<const char*, option_count> option_names = {"numeric",
                                                                       "connection",
                                                                       "service-address",
                                                                       "scheduler",
                                                                       "persistent",
                                                                       "netmask",
                                                                       "real-server",
                                                                       "forwarding-method",
                                                                       "weight",
                                                                       "u-threshold",
                                                                       "l-threshold",
                                                                       "mcast-interface",
                                                                       "timeout",
                                                                       "daemon",
                                                                       "stats",
                                                                       "rate",
                                                                       "thresholds",
                                                                       "persistent-conn",
                                                                       "nosort",
                                                                       "syncid",
                                                                       "exact",
                                                                       "ops",
                                                                       "pe",
                                                                       "sched-flags",
                                                                       "mcast-group",
                                                                       "mcast-port",
                                                                       "mcast-ttl",
                                                                       "sync-maxlen",
                                                                       "tun-info",
                                                                       "tun-type",
                                                                       "tun-port",
                                                                       "tun-nocsum",
                                                                       "tun-csum",
                                                                       "tun-remcsum"};

Options set_of(std::initializer_list<Option> options);

struct Rule {
    const char* name;
    Options required;
    Options allowed;  ///< besides the required ones
};

/// What goes with a command; `action` is none of help and version.
Rule rule_of(Action action);

enum class Takes : std::uint8_t { nothing, argument, maybe };

/// What a word stands for: a command, or an option with its check.
enum class Key : std::uint8_t {
    command,
    tcp,
    udp,
    sctp,
    fwmark,
    ipv6,
    scheduler,
    persistent,
    netmask,
    engine,
    server,
    masquerade,
    tunnel,
    direct,
    weight,
    upper,
    lower,
    sched_flags,
    tun_type,
    tun_port,
    syncid,
    group,
    mcast_port,
    ttl,
    maxlen,
    sort,
    timeout,
    daemon,
    connection,
    numeric,
    nosort,
    exact,
    other,  ///< nothing but its presence counts
};

struct Word {
    char letter;  ///< 0: none
    const char* name;
    Takes takes;
    Key key;
    Option option;  ///< option_count: none
    Action action = Action::list;
};

/// Takes the words apart into options, arguments and the rest, the way libpopt does. The words must
/// outlive it.
class Scanner {
  public:
    struct Found {
        const Word* word = nullptr;
        std::string written;               ///< "-p", "--persistent"
        std::string whole;                 ///< the word that it stands in: "-Lp"
        std::optional<std::string> value;  ///< its argument
    };

    explicit Scanner(const std::vector<std::string>& args) : args_(args) {}

    /// The next option, or none at the end. Throws ArgsError of kind option.
    std::optional<Found> next();

    /// The words that belong to no option; complete once next() has returned none.
    [[nodiscard]] const std::vector<std::string>& rest() const noexcept { return rest_; }

  private:
    Found long_option(const std::string& word);
    Found short_option();
    void take_argument(Found& option);

    const std::vector<std::string>& args_;
    std::size_t at_ = 0;
    std::string whole_;
    std::string cluster_;  ///< the letters of whole_ that are still to be read
    bool only_rest_ = false;
    std::vector<std::string> rest_;
};

}  // namespace shunt::cli
