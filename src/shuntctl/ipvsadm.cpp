// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/ipvsadm.h"

#include <boost/json/object.hpp>
#include <functional>
#include <istream>
#include <map>
#include <optional>
#include <ostream>
#include <sstream>

#include "shuntctl/ipvsadm_request.h"
#include "shuntctl/pages.h"
#include "shuntctl/progress.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

constexpr int refused_status = 255;
constexpr int list_failed_status = 1;
constexpr int unreachable_status = 3;
constexpr std::uint64_t default_table_size = 4096;
constexpr int connections_a_page = 10000;

constexpr const char* help_text = R"(Usage:
  PROG -A|-E SERVICE [-s SCHEDULER] [-p [SECONDS]] [-M MASK] [-o] [--pe NAME] [-b FLAGS]
  PROG -D SERVICE
  PROG -C
  PROG -R
  PROG -S [-n]
  PROG -a|-e SERVICE -r SERVER [-g|-i|-m] [-w WEIGHT] [-x UPPER] [-y LOWER] [TUNNEL]
  PROG -d SERVICE -r SERVER
  PROG -L|-l [-n] [SERVICE|-c|--timeout|--daemon] [--exact] [--sort|--nosort]
       [--stats|--rate|--thresholds|--persistent-conn|--tun-info]
  PROG -Z [SERVICE]
  PROG --set TCP TCPFIN UDP
  PROG -h | -v

Commands (the first option; short ones can be joined, as in -Ln):
  -A --add-service     add a virtual service            -a --add-server     add a real server
  -E --edit-service    change it: what is not given     -e --edit-server    change it: what is not
                       becomes its default again                            given becomes default
  -D --delete-service  delete it and its real servers   -d --delete-server  delete it
  -C --clear           delete all services              -L -l --list        show the tables
  -S --save            print lines that -R reads        -R --restore        read lines from stdin
  -Z --zero            set counters to zero             --set               timeouts, in seconds;
  -h --help            this text                                            0 keeps what is set
  -v --version         versions

SERVICE is one of
  -t --tcp-service ADDRESS[:PORT]   -u --udp-service ADDRESS[:PORT]   --sctp-service ADDRESS[:PORT]
  -f --fwmark-service MARK [-6]
  with an IPv6 address in brackets: -t [2001:db8::1]:80

Options of a service:
  -s --scheduler NAME        rr, wrr, lc, wlc and others (default wlc)
  -p --persistent [SECONDS]  bring a client back to its server for so long (default 360)
  -M --netmask MASK          clients of one network count as one: 255.255.255.0; IPv6: -M 64
  -o --ops                   no connections: every packet is scheduled (UDP and marks)
  --pe NAME                  persistence engine: sip
  -b --sched-flags FLAGS     sh-fallback, sh-port, mh-fallback, mh-port, conhash-port, flag-1,
                             flag-2, flag-3

Options of a server:
  -r --real-server ADDRESS[:PORT]   after SERVICE; without PORT the service's
  -m --masquerading          forward by NAT
  -g --gatewaying            forward by direct routing (default)
  -i --ipip                  forward through a tunnel, with TUNNEL:
     --tun-type ipip|gue|gre    (default ipip)
     --tun-port PORT            of a gue tunnel
     --tun-nocsum, --tun-csum   without or with checksums: gue, gre
     --tun-remcsum              checksums by remote offload: gue
  -w --weight NUMBER         share of the connections, 0: no new ones (default 1)
  -x --u-threshold NUMBER    no new ones at so many connections (default 0: no limit)
  -y --l-threshold NUMBER    new ones again below so many (default 0: three quarters of -x)

Options of lists:
  -n --numeric               no names for addresses and ports
  -c --connection            the connections instead of the services
  --stats, --rate            counters, or their rates a second
  --thresholds               the limits -x and -y
  --persistent-conn          clients that persistence has tied to a server; with -c: its engines
  --tun-info                 the tunnels
  -X --exact                 large numbers in full
  --nosort                   in the order of the schedulers
  --timeout                  the timeouts

Examples:
  PROG -A -t 192.0.2.10:80 -s wrr
  PROG -a -t 192.0.2.10:80 -r 10.1.0.11:80 -m -w 3
  PROG -A -f 7 -s rr -p 600
  PROG -a -f 7 -r 10.1.0.12 -i --tun-type gue --tun-port 6080
  PROG -Ln --stats
)";

constexpr const char* version_text = "ipvsadm v1.31 (shuntctl " SHUNT_VERSION ", IPVS v1.2.1)\n";

/// Without the directories of `path`.
std::string usage(const std::string& path) {
    const auto program = path.substr(path.rfind('/') + 1);
    std::string text = version_text;
    text += help_text;
    for (std::size_t at = 0; (at = text.find("PROG", at)) != text.npos; at += program.size())
        text.replace(at, 4, program);
    return text;
}

/// An error's text with the daemon's errno, as ipvsadm has it for the action; empty: none.
std::string errno_text(Action action, const std::string& name) {
    const bool for_server = action == Action::add_server || action == Action::edit_server ||
                            action == Action::delete_server;
    const bool for_scheduler = action == Action::add_service || action == Action::edit_service;
    const bool for_list = action == Action::list || action == Action::save;
    const bool for_service =
        for_scheduler || for_list || action == Action::delete_service || action == Action::zero;
    if (name == "EEXIST" && action == Action::add_service) return "Service already exists";
    if (name == "EEXIST" && action == Action::add_server) return "Destination already exists";
    if (name == "ENOENT" && for_scheduler) return "Scheduler or persistence engine not found";
    if (name == "ENOENT" && for_server) return "No such destination";
    if (name == "ESRCH" && for_service) return "No such service";
    if (name == "ESRCH" && for_server) return "Service not defined";
    if (name == "EEXIST" && action == Action::start_daemon) return "Daemon has already run";
    if (name == "ESRCH" && action == Action::stop_daemon) return "No daemon is running";
    static const std::map<std::string_view, const char*> any = {
        {"EPERM", "Permission denied (you must be root)"},
        {"EINVAL", "Invalid operation.  Possibly wrong module version, address not unicast, ..."},
        {"ENOPROTOOPT", "Protocol not available"},
        {"ENOMEM", "Memory allocation problem"},
        {"EOPNOTSUPP", "Operation not supported with IPv6"},
        {"EAFNOSUPPORT", "Operation not supported with specified address family"},
        {"ENODEV", "No such device"},
        {"EMSGSIZE", "Module is wrong version"},
        {"ERANGE", "Numerical result out of range"},
        {"EEXIST", "File exists"},
        {"ENOENT", "No such file or directory"},
        {"ESRCH", "No such process"}};
    const auto found = any.find(name);
    return found != any.end() ? found->second : "";
}

/// The daemon's connection is opened at the first request and kept, for -R.
class Run {
  public:
    explicit Run(const IpvsadmWorld& world) : world_(world) {}

    /// Throws ArgsError and Unreachable.
    int command_line(const std::vector<std::string>& args) {
        const auto command = parse(args);
        return command.action == Action::restore ? restore() : perform(command);
    }

  private:
    [[nodiscard]] Command parse(const std::vector<std::string>& args) const {
        return parse_ipvsadm(args, world_.program, world_.resolver);
    }

    int restore();
    void send(const Command& command, const std::function<void(int status)>& done);
    void settle();
    int perform(const Command& command);
    void execute(const Command& command);
    void keep_own_options(json::object& edit);
    void list(const Command& command);
    void list_services(const Command& command);
    void list_connections(const Command& command);
    void save(const Command& command);
    void explain(Action action, const Refused& refusal) const;

    [[nodiscard]] EndpointText endpoint_text(const Command& command) const {
        return command.list.numeric ? EndpointText(numeric_text) : world_.names;
    }

    json::value call(std::string_view method, const json::object& params) {
        if (!call_) call_ = world_.connect(world_.socket_path);
        return call_whole(call_, method, params);
    }

    const IpvsadmWorld& world_;
    Call call_;
    std::optional<Stream> stream_;
};

/// Takes the command one request, whatever else there is?
bool is_one_request(const Command& command) {
    switch (command.action) {
        case Action::add_service:
        case Action::delete_service:
        case Action::flush:
        case Action::add_server:
        case Action::edit_server:
        case Action::delete_server:
        case Action::zero:
        case Action::set_timeouts:
            return command.unsupported.empty();
        default:
            return false;
    }
}

std::vector<std::string> restore_words(const std::string& line) {
    std::vector<std::string> words;
    std::istringstream stream(line);
    for (std::string word; stream >> word;)
        if (word != "ipvsadm") words.push_back(word);
    return words;
}

/// The status of the last line. What the daemon refuses does not keep the next lines from being
/// done; a line that is wrong in itself does, except for an unknown option.
int Run::restore() {
    int status = 0;
    std::size_t lines = 0;
    Progress progress(world_.err, world_.progress);
    const std::function<void(int)> done = [&](int with) {
        status = with;
        progress.tell(std::to_string(++lines) + " lines");
    };
    for (std::string line; std::getline(world_.in, line);) {
        const auto words = restore_words(line);
        if (words.empty()) continue;
        try {
            const auto command = parse(words);
            if (command.action == Action::restore)
                throw ArgsError(ArgsError::Kind::usage, help_advice(world_.program));
            if (is_one_request(command)) {
                send(command, done);
                continue;
            }
            settle();
            done(perform(command));
            const bool ends = command.action == Action::help || command.action == Action::version;
            if (ends || status == list_failed_status) return status;
        } catch (const ArgsError& error) {
            settle();
            if (error.kind() != ArgsError::Kind::option) throw;
            world_.err << error.what() << '\n';
            status = error.status();
        }
    }
    settle();
    return status;
}

/// A change goes on its way before what came of the ones before is known. When the answer is there,
/// what is wrong is said, and `done` is told the status; so all come in the order of the lines.
void Run::send(const Command& command, const std::function<void(int status)>& done) {
    if (!stream_) stream_ = world_.stream(world_.socket_path);
    auto request = request_of(command);
    stream_->send(request.method, request.params,
                  [this, &done, action = command.action](const Refused* refusal) {
                      if (refusal != nullptr) explain(action, *refusal);
                      done(refusal == nullptr ? 0 : refused_status);
                  });
}

/// Waits for what is on its way.
void Run::settle() {
    if (stream_) stream_->finish();
}

int Run::perform(const Command& command) {
    if (!command.unsupported.empty()) {
        world_.err << errno_text(command.action, "EINVAL") << "\nshuntd: " << command.unsupported
                   << '\n';
        return refused_status;
    }
    try {
        execute(command);
        return 0;
    } catch (const Refused& refusal) {
        explain(command.action, refusal);
        const bool lists = command.action == Action::list || command.action == Action::save;
        return lists ? list_failed_status : refused_status;
    }
}

void Run::explain(Action action, const Refused& refusal) const {
    const auto text = errno_text(action, refusal.errno_name());
    world_.err << (text.empty() ? refusal.what() : text) << '\n';
    if (refusal.errno_name() == "EINVAL") world_.err << "shuntd: " << refusal.what() << '\n';
}

void Run::execute(const Command& command) {
    switch (command.action) {
        case Action::help:
            world_.out << usage(world_.program);
            return;
        case Action::version:
            world_.out << version_text;
            return;
        case Action::list:
            list(command);
            return;
        case Action::save:
            save(command);
            return;
        default: {
            auto request = request_of(command);
            if (command.action == Action::edit_service) keep_own_options(request.params);
            call(request.method, request.params);
            return;
        }
    }
}

/// service.edit sets all options of a service, those too that ipvsadm has no words for: they stay,
/// but for the ones that another scheduler does not have.
void Run::keep_own_options(json::object& edit) {
    const auto listed = call("service.list", {{"service", edit.at("service")}});
    for (const auto& row : member_rows(listed, "services")) {
        const auto& now = row.as_object();
        const bool same = member_word(row, "scheduler") == edit.at("scheduler").as_string();
        for (const char* option : {"timeouts", "slow_start", "mh_size", "mh_order", "load_bound"})
            if (now.contains(option) && (same || option == std::string_view("timeouts")))
                edit[option] = now.at(option);
    }
}

void Run::list(const Command& command) {
    switch (command.list.what) {
        case ListWhat::services:
            list_services(command);
            return;
        case ListWhat::connections:
            list_connections(command);
            return;
        case ListWhat::timeouts: {
            const auto set = call("timeout.get", {});
            world_.out << timeout_line(member_count(set, "tcp"), member_count(set, "tcp_fin"),
                                       member_count(set, "udp"));
            return;
        }
        case ListWhat::daemons:
            world_.out << daemon_lines(call("sync.status", {}));
            return;
    }
}

void Run::list_services(const Command& command) {
    json::object params;
    if (command.service) params["service"] = service_json(*command.service);
    auto services = service_rows(call("service.list", params));
    if (command.list.sorted) sort_services(services);
    if (!command.service) {
        const auto size = member_count(call("status.get", {}), "connections_capacity");
        world_.out << version_line(size != 0 ? size : default_table_size);
    }
    world_.out << service_table(services, command.list, endpoint_text(command));
}

void Run::list_connections(const Command& command) {
    const auto text = endpoint_text(command);
    const bool engines = command.list.engines;
    json::object params{{"limit", connections_a_page}};
    for (auto title = connection_title(engines);; title.clear()) {
        const auto page = call("conn.list", params);
        world_.out << title << connection_lines(connection_rows(page), engines, text);
        const auto cursor = member_word(page, "cursor");
        if (cursor.empty()) return;
        params["cursor"] = cursor;
    }
}

void Run::save(const Command& command) {
    auto services = service_rows(call("service.list", {}));
    sort_services(services);
    world_.out << save_lines(services, endpoint_text(command));
}

}  // namespace

int run_ipvsadm(const std::vector<std::string>& args, const IpvsadmWorld& world) {
    try {
        return Run(world).command_line(args);
    } catch (const ArgsError& error) {
        world.err << error.what() << '\n';
        return error.status();
    } catch (const Unreachable& error) {
        world.err << error.what() << '\n';
        return unreachable_status;
    }
}

}  // namespace shunt::cli
