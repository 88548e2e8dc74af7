// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/ipvsadm_words.h"

#include <algorithm>

namespace shunt::cli {

namespace {

using std::string_literals::operator""s;

constexpr auto no = Takes::nothing;
constexpr auto arg = Takes::argument;
constexpr auto none = option_count;

constexpr Word words[] = {
    {'A', "add-service", no, Key::command, none, Action::add_service},
    {'E', "edit-service", no, Key::command, none, Action::edit_service},
    {'D', "delete-service", no, Key::command, none, Action::delete_service},
    {'C', "clear", no, Key::command, none, Action::flush},
    {'L', "list", no, Key::command, none, Action::list},
    {'l', "list", no, Key::command, none, Action::list},
    {'a', "add-server", no, Key::command, none, Action::add_server},
    {'d', "delete-server", no, Key::command, none, Action::delete_server},
    {'e', "edit-server", no, Key::command, none, Action::edit_server},
    {'S', "save", no, Key::command, none, Action::save},
    {'R', "restore", no, Key::command, none, Action::restore},
    {'Z', "zero", no, Key::command, none, Action::zero},
    {'h', "help", no, Key::command, none, Action::help},
    {'v', "version", no, Key::command, none, Action::version},
    {0, "set", no, Key::command, none, Action::set_timeouts},
    {0, "start-daemon", arg, Key::command, none, Action::start_daemon},
    {0, "stop-daemon", arg, Key::command, none, Action::stop_daemon},
    {'t', "tcp-service", arg, Key::tcp, opt_service},
    {'u', "udp-service", arg, Key::udp, opt_service},
    {0, "sctp-service", arg, Key::sctp, opt_service},
    {'f', "fwmark-service", arg, Key::fwmark, opt_service},
    {'6', "ipv6", no, Key::ipv6, none},
    {'s', "scheduler", arg, Key::scheduler, opt_scheduler},
    {'p', "persistent", Takes::maybe, Key::persistent, opt_persistent},
    {'M', "netmask", arg, Key::netmask, opt_netmask},
    {'r', "real-server", arg, Key::server, opt_server},
    {'m', "masquerading", no, Key::masquerade, opt_forward},
    {'i', "ipip", no, Key::tunnel, opt_forward},
    {'g', "gatewaying", no, Key::direct, opt_forward},
    {'w', "weight", arg, Key::weight, opt_weight},
    {'x', "u-threshold", arg, Key::upper, opt_upper},
    {'y', "l-threshold", arg, Key::lower, opt_lower},
    {'o', "ops", no, Key::other, opt_ops},
    {0, "pe", arg, Key::engine, opt_pe},
    {'b', "sched-flags", arg, Key::sched_flags, opt_sched_flags},
    {0, "tun-type", arg, Key::tun_type, opt_tun_type},
    {0, "tun-port", arg, Key::tun_port, opt_tun_port},
    {0, "tun-nocsum", no, Key::other, opt_tun_nocsum},
    {0, "tun-csum", no, Key::other, opt_tun_csum},
    {0, "tun-remcsum", no, Key::other, opt_tun_remcsum},
    {0, "mcast-interface", arg, Key::other, opt_interface},
    {0, "syncid", arg, Key::syncid, opt_syncid},
    {0, "mcast-group", arg, Key::group, opt_group},
    {0, "mcast-port", arg, Key::mcast_port, opt_port},
    {0, "mcast-ttl", arg, Key::ttl, opt_ttl},
    {0, "sync-maxlen", arg, Key::maxlen, opt_maxlen},
    {'c', "connection", no, Key::connection, opt_connection},
    {0, "timeout", no, Key::timeout, opt_timeout},
    {0, "daemon", no, Key::daemon, opt_daemon},
    {0, "stats", no, Key::other, opt_stats},
    {0, "rate", no, Key::other, opt_rate},
    {0, "thresholds", no, Key::other, opt_thresholds},
    {0, "persistent-conn", no, Key::other, opt_persistent_conn},
    {0, "tun-info", no, Key::other, opt_tun_info},
    {0, "nosort", no, Key::nosort, opt_nosort},
    {0, "sort", no, Key::sort, none},
    {'X', "exact", no, Key::exact, opt_exact},
    {'n', "numeric", no, Key::numeric, opt_numeric},
};

[[noreturn]] void fail(const std::string& written, const char* why) {
    throw ArgsError(ArgsError::Kind::option, written + ": " + why);
}

}  // namespace

Options set_of(std::initializer_list<Option> options) {
    Options set;
    for (const auto o : options) set.set(o);
    return set;
}

Rule rule_of(Action action) {
    const auto service = set_of({opt_service});
    const auto both = set_of({opt_service, opt_server});
    const auto scheduling =
        set_of({opt_scheduler, opt_persistent, opt_netmask, opt_ops, opt_pe, opt_sched_flags});
    const auto server = set_of({opt_forward, opt_weight, opt_upper, opt_lower, opt_tun_type,
                                opt_tun_port, opt_tun_nocsum, opt_tun_csum, opt_tun_remcsum});
    const auto listing = set_of({opt_numeric, opt_connection, opt_service, opt_timeout, opt_daemon,
                                 opt_stats, opt_rate, opt_thresholds, opt_persistent_conn,
                                 opt_nosort, opt_exact, opt_tun_info});
    const auto sync = set_of({opt_interface, opt_syncid, opt_group, opt_port, opt_ttl, opt_maxlen});
    switch (action) {
        case Action::add_service:
            return {"add-service", service, scheduling};
        case Action::edit_service:
            return {"edit-service", service, scheduling};
        case Action::delete_service:
            return {"delete-service", service, {}};
        case Action::list:
            return {"list", {}, listing};
        case Action::add_server:
            return {"add-server", both, server};
        case Action::edit_server:
            return {"edit-server", both, server};
        case Action::delete_server:
            return {"delete-server", both, {}};
        case Action::set_timeouts:
            return {"set", {}, {}};
        case Action::start_daemon:
            return {"start-daemon", {}, sync};
        case Action::stop_daemon:
            return {"stop-daemon", {}, set_of({opt_syncid})};
        case Action::restore:
            return {"restore", {}, {}};
        case Action::save:
            return {"save", {}, set_of({opt_numeric})};
        case Action::zero:
            return {"zero", {}, service};
        case Action::flush:
        default:
            return {"flush", {}, {}};
    }
}

std::optional<Scanner::Found> Scanner::next() {
    while (cluster_.empty()) {
        if (at_ == args_.size()) return std::nullopt;
        const auto& word = args_[at_++];
        if (only_rest_ || word.size() < 2 || word[0] != '-') {
            rest_.push_back(word);
        } else if (word == "--") {
            only_rest_ = true;
        } else if (word[1] == '-') {
            return long_option(word);
        } else {
            whole_ = word;
            cluster_ = word.substr(1);
        }
    }
    return short_option();
}

Scanner::Found Scanner::long_option(const std::string& word) {
    const auto equals = word.find('=');
    const auto name = word.substr(2, equals == word.npos ? word.npos : equals - 2);
    const auto* found = std::find_if(std::begin(words), std::end(words),
                                     [&](const Word& w) { return name == w.name; });
    if (found == std::end(words)) fail(word, "unknown option");
    Found option{found, "--" + name, word, std::nullopt};
    if (equals != word.npos) {
        if (found->takes == Takes::nothing) fail(word, "option does not take an argument");
        option.value = word.substr(equals + 1);
    } else {
        take_argument(option);
    }
    return option;
}

Scanner::Found Scanner::short_option() {
    const char letter = cluster_.front();
    cluster_.erase(0, 1);
    const auto* found = std::find_if(std::begin(words), std::end(words), [&](const Word& w) {
        return w.letter != 0 && w.letter == letter;
    });
    if (found == std::end(words)) fail(whole_, "unknown option");
    Found option{found, "-"s + letter, whole_, std::nullopt};
    if (found->takes == Takes::nothing) {
        if (cluster_.starts_with('=')) fail(whole_, "option does not take an argument");
        return option;
    }
    if (cluster_.empty()) {
        take_argument(option);
    } else {
        option.value = cluster_.substr(cluster_.front() == '=' ? 1 : 0);
        cluster_.clear();
    }
    return option;
}

void Scanner::take_argument(Found& option) {
    const bool follows = at_ < args_.size();
    if (option.word->takes == Takes::argument) {
        if (!follows) fail(option.whole, "missing argument");
        option.value = args_[at_++];
    } else if (option.word->takes == Takes::maybe && follows && !args_[at_].starts_with('-')) {
        option.value = args_[at_++];
    }
}

}  // namespace shunt::cli
