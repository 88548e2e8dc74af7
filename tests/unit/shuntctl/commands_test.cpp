// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/commands.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

namespace shunt::cli {
namespace {

namespace json = boost::json;

/// The command in front of a daemon that answers as a test says.
struct Bench {
    std::map<std::string, std::string, std::less<>> results;  ///< by method; default {}
    std::function<void()> before_answer = [] {};

    std::string socket;
    std::vector<std::string> requests;  ///< "METHOD {...}"
    std::string out;
    std::string err;

    int run(const std::string& line) {
        std::istringstream words(line);
        std::ostringstream out_stream;
        std::ostringstream err_stream;
        requests.clear();
        const auto call = [this](std::string_view method, const json::object& params) {
            requests.push_back(std::string(method) + ' ' + json::serialize(params));
            before_answer();
            const auto result = results.find(method);
            return json::parse(result == results.end() ? "{}" : result->second);
        };
        const auto connect = [&](const std::string& path) -> Call {
            socket = path;
            return call;
        };
        const auto listen = [&](const std::string& path, const json::object& params,
                                const TakeEvent&) { connect(path)("events.subscribe", params); };
        const auto status = run_shuntctl(
            {std::istream_iterator<std::string>(words), {}},
            {"/default.sock", connect, out_stream, err_stream, nullptr, false, listen});
        out = out_stream.str();
        err = err_stream.str();
        return status;
    }
};

using Requests = std::vector<std::string>;

/// A session that ends with its second answer.
void watch(Bench& bench, const std::string& first, const std::string& last) {
    bench.results = {{"capture.start", R"({"session": 7})"}, {"trace.start", R"({"session": 7})"}};
    auto& results = bench.results;
    auto answers = std::make_shared<int>(0);
    bench.before_answer = [&results, first, last, answers] {
        for (const char* method : {"capture.read", "trace.read"})
            results[method] = *answers < 2 ? "{" + first + R"(, "done": false})"
                                           : "{" + last + R"(, "done": true, "packets": 3,)" +
                                                 R"("lost": 2, "ended": "seconds"})";
        ++*answers;
    };
}

TEST(Commands, CaptureWritesWhatItReads) {
    Bench bench;
    watch(bench, R"("data": "Zm9v")", R"("data": "YmFy")");
    EXPECT_EQ(bench.run("capture tcp 192.0.2.1:80 --client 10.0.0.0/8 --server 10.1.0.11:80 "
                        "--address 10.0.0.1 --port wan0 --l4-port 80 --worker 1 --dropped "
                        "--packets 5 --seconds 6 --snap 100 --bytes 1000 -w -"),
              0);
    EXPECT_EQ(bench.requests,
              (Requests{R"(capture.start {"filter":{"protocol":"tcp","virtual":"192.0.2.1:80",)"
                        R"("client":"10.0.0.0/8","server":"10.1.0.11:80","address":"10.0.0.1",)"
                        R"("port":"wan0","l4_port":80,"worker":1,"dropped":true},"packets":5,)"
                        R"("seconds":6,"snap":100,"bytes":1000})",
                        R"(capture.read {"session":7})", R"(capture.read {"session":7})"}));
    EXPECT_EQ(bench.out, "foobar");
    EXPECT_EQ(bench.err,
              "watching; Ctrl-C ends it\n3 packets matched, 2 records were lost for want of room; "
              "ended by: seconds\n");
}

TEST(Commands, CaptureWritesAFile) {
    const std::string path = "capture-" + std::to_string(getpid()) + ".pcapng";
    Bench bench;
    watch(bench, R"("data": "Zm9v")", R"("data": "")");
    EXPECT_EQ(bench.run("capture -w " + path), 0);
    std::stringstream file;
    file << std::ifstream(path).rdbuf();
    std::remove(path.c_str());
    EXPECT_EQ(file.str(), "foo");
    EXPECT_EQ(bench.requests.at(0), "capture.start {}");
    EXPECT_EQ(bench.run("capture"), 2) << "no file is given";
    watch(bench, R"("data": "???")", R"("data": "")");
    EXPECT_EQ(bench.run("capture -w -"), 3);
}

TEST(Commands, TraceShowsDecisions) {
    const std::string step = R"("time": "T", "worker": 0, "stage": )";
    Bench bench;
    watch(bench,
          R"("steps": [{"packet": 1, )" + step +
              R"("lookup", "decision": "miss"}, {"packet": 1, )" + step +
              R"("forward", "decision": "nat"}])",
          R"("steps": [{"packet": 2, )" + step + R"("lookup", "decision": "hit"}])");
    EXPECT_EQ(bench.run("trace udp"), 0);
    EXPECT_EQ(bench.requests.at(0), R"(trace.start {"filter":{"protocol":"udp"}})");
    EXPECT_EQ(bench.out,
              "#1  T  worker 0\n    lookup    miss\n    forward   nat\n#2  T  worker 0\n"
              "    lookup    hit\n");
    Bench again;
    watch(again, R"("steps": [{"packet":1}])", R"("steps": [])");
    EXPECT_EQ(again.run("--json trace"), 0);
    EXPECT_EQ(again.out, "{\"packet\":1}\n");
    EXPECT_EQ(again.run("trace --dropped"), 2);
}

TEST(Commands, VerbsBecomeRequests) {
    const std::string service = R"("service":{"protocol":"tcp","address":"192.0.2.1:80"})";
    const std::string server = service + R"(,"server":{"address":"[2001:db8::1]:8080"})";
    for (
        const auto& [line, request] : std::vector<std::pair<std::string, std::string>>{
            {"service list", R"(service.list {"limit":500})"},
            {"service", R"(service.list {"limit":500})"},
            {"service list tcp 192.0.2.1:80", "service.list {" + service + "}"},
            {"service add tcp 192.0.2.1:80", "service.add {" + service + "}"},
            {"service add tcp 192.0.2.1:80 --scheduler rr",
             "service.add {" + service + R"(,"scheduler":"rr"})"},
            {"service edit --scheduler rr tcp 192.0.2.1:80",
             "service.edit {" + service + R"(,"scheduler":"rr"})"},
            {"service delete tcp 192.0.2.1:80", "service.delete {" + service + "}"},
            {"service flush", "service.flush {}"},
            {"dest add tcp 192.0.2.1:80 [2001:db8::1]:8080", "dest.add {" + server + "}"},
            {"dest add tcp 192.0.2.1:80 [2001:db8::1]:8080 --weight 0 --forward nat",
             "dest.add {" + server + R"(,"forward":"nat","weight":0})"},
            {"dest edit tcp 192.0.2.1:80 [2001:db8::1]:8080 --weight 7",
             "dest.edit {" + server + R"(,"weight":7})"},
            {"dest delete tcp 192.0.2.1:80 [2001:db8::1]:8080", "dest.delete {" + server + "}"},
            {"health", "health.list {}"},
            {"health list tcp 192.0.2.1:80", "health.list {" + service + "}"},
            {"health set tcp 192.0.2.1:80 --type tcp",
             "health.set {" + service + R"(,"check":{"type":"tcp"}})"},
            {"health set tcp 192.0.2.1:80 --type http --interval-ms 1000 --timeout-ms 500 --rise 1 "
             "--fall 4 --port 8080 --source 10.1.0.1 --path /x --host h --status 200 "
             "--initially down --all-down use_all",
             "health.set {" + service +
                 R"(,"check":{"type":"http","interval_ms":1000,"timeout_ms":500,"rise":1,)"
                 R"("fall":4,"port":8080,"source":"10.1.0.1","path":"/x","host":"h",)"
                 R"("status":"200","initially":"down","all_down":"use_all"}})"},
            {"health set --mark 7 --off",
             R"(health.set {"service":{"mark":7,"family":"ipv4"},"check":null})"},
            {"health force tcp 192.0.2.1:80 [2001:db8::1]:8080 --state down",
             "health.force {" + server + R"(,"state":"down"})"},
            {"service list --mark 7", R"(service.list {"service":{"mark":7,"family":"ipv4"}})"},
            {"service add --mark 4294967295 --ipv6 --one-packet",
             R"(service.add {"service":{"mark":4294967295,"family":"ipv6"},)"
             R"("flags":["one_packet"]})"},
            {"service add tcp 192.0.2.1:80 --flag sh-port --flag sh-fallback --scheduler sh",
             "service.add {" + service + R"(,"scheduler":"sh","flags":["sh-port","sh-fallback"]})"},
            {"service edit tcp 192.0.2.1:80 --persistent 60 --granularity 0 --engine sip",
             "service.edit {" + service +
                 R"(,"persistence":{"timeout":60,"granularity":0},"engine":"sip"})"},
            {"service add tcp 192.0.2.1:80 --persistent 60",
             "service.add {" + service + R"(,"persistence":{"timeout":60}})"},
            {"service add tcp 192.0.2.1:80 --slow-start 30",
             "service.add {" + service + R"(,"slow_start":30})"},
            {"service edit tcp 192.0.2.1:80 --slow-start 0",
             "service.edit {" + service + R"(,"slow_start":0})"},
            {"service add tcp 192.0.2.1:80 --scheduler mh --mh-size 65521 --mh-order address",
             "service.add {" + service +
                 R"(,"scheduler":"mh","mh_size":65521,"mh_order":"address"})"},
            {"service add tcp 192.0.2.1:80 --scheduler conhash --load-bound 150 --flag "
             "conhash-port",
             "service.add {" + service +
                 R"(,"scheduler":"conhash","flags":["conhash-port"],"load_bound":150})"},
            {"service delete --ipv6 --mark 7",
             R"(service.delete {"service":{"mark":7,"family":"ipv6"}})"},
            {"stats zero --mark 7", R"(stats.zero {"service":{"mark":7,"family":"ipv4"}})"},
            {"dest add --mark 7 10.0.0.1:0 --forward direct",
             R"(dest.add {"service":{"mark":7,"family":"ipv4"},)"
             R"("server":{"address":"10.0.0.1:0"},"forward":"direct"})"},
            {"dest delete 10.0.0.1:0 --mark 7",
             R"(dest.delete {"service":{"mark":7,"family":"ipv4"},)"
             R"("server":{"address":"10.0.0.1:0"}})"},
            {"dest add tcp 192.0.2.1:80 [2001:db8::1]:8080 --forward tunnel --tunnel-type gue "
             "--tunnel-port 6080 --tunnel-checksum full --upper 9 --lower 0",
             "dest.add {" + server +
                 R"(,"forward":"tunnel","tunnel":{"type":"gue","port":6080,"checksum":"full"},)"
                 R"("upper":9,"lower":0})"},
            {"tunable", "tunable.list {}"},
            {"tunable get sloppy_tcp", R"(tunable.get {"name":"sloppy_tcp"})"},
            {"tunable set sloppy_tcp 1", R"(tunable.set {"name":"sloppy_tcp","value":1})"},
            {"tunable set est_nice -20", R"(tunable.set {"name":"est_nice","value":-20})"},
            {"tunable set est_cpulist 0-1", R"(tunable.set {"name":"est_cpulist","value":"0-1"})"},
            {"app", "app.list {}"},
            {"app list", "app.list {}"},
            {"app add ftp", R"(app.add {"name":"ftp"})"},
            {"app add ftp 21", R"(app.add {"name":"ftp","port":21})"},
            {"app remove tftp 69", R"(app.remove {"name":"tftp","port":69})"},
            {"mark", R"(mark.list {"limit":10000})"},
            {"mark clear", R"(mark.set {"rules":[]})"},
            {"conn list", R"(conn.list {"limit":1000})"},
            {"conn", R"(conn.list {"limit":1000})"},
            {"conn list --limit 3", R"(conn.list {"limit":3})"},
            {"conn list tcp 192.0.2.1:80 --client 10.0.0.0/8 --server 10.1.0.1:0 --limit 3",
             R"(conn.list {"filter":{)" + service +
                 R"(,"client":"10.0.0.0/8","server":{"address":"10.1.0.1:0"}},"limit":3})"},
            {"conn count", "conn.count {}"},
            {"conn count --mark 7 --state syn_recv --idle 0 --protocol sctp --forward bypass "
             "--kind template",
             R"(conn.count {"filter":{"service":{"mark":7,"family":"ipv4"},"state":"SYN_RECV",)"
             R"("idle":0,"protocol":"sctp","forward":"bypass","kind":"template"}})"},
            {"conn find udp [2001:db8::7]:1 [2001:db8::10]:53",
             R"(conn.find {"protocol":"udp","client":"[2001:db8::7]:1",)"
             R"("virtual":"[2001:db8::10]:53"})"},
            {"conn flush", "conn.flush {}"},
            {"conn flush --all", R"(conn.flush {"all":true})"},
            {"conn flush --idle 60", R"(conn.flush {"filter":{"idle":60}})"},
            {"stats", "stats.get {}"},
            {"stats zero", "stats.zero {}"},
            {"stats zero tcp 192.0.2.1:80", "stats.zero {" + service + "}"},
            {"timeout show", "timeout.get {}"},
            {"timeout set --udp 5 --tcp-fin 0", R"(timeout.set {"tcp_fin":0,"udp":5})"},
            {"worker list", "worker.list {}"},
            {"port", "port.list {}"},
            {"status", "status.get {}"}}) {
        Bench bench;
        EXPECT_EQ(bench.run(line), 0) << line << bench.err;
        EXPECT_EQ(bench.requests, Requests{request}) << line;
        EXPECT_EQ(bench.socket, "/default.sock");
    }
}

TEST(Commands, SocketAndJsonGoAnywhere) {
    for (const auto* line :
         {"--socket /other --json status", "status --json --socket /other",
          "timeout show --socket=/other --json", "timeout --json --socket /other"}) {
        Bench bench;
        bench.results["status.get"] = bench.results["timeout.get"] = R"({"a": [1, "x"]})";
        EXPECT_EQ(bench.run(line), 0) << line << bench.err;
        EXPECT_EQ(bench.socket, "/other") << line;
        EXPECT_EQ(bench.out, "{\"a\":[1,\"x\"]}\n") << line;
    }
    Bench bench;
    EXPECT_EQ(bench.run("service add tcp 192.0.2.1:80 --json"), 0);
    EXPECT_EQ(bench.out, "{}\n");
    EXPECT_EQ(bench.run("service add tcp 192.0.2.1:80"), 0);
    EXPECT_EQ(bench.out, "");
}

TEST(Commands, WrongUsageAsksNobody) {
    for (const auto* line : {"",
                             "bogus",
                             "service bogus",
                             "dest",
                             "service add",
                             "service add tcp",
                             "service add --mark 0",
                             "service add --mark 4294967296",
                             "service add --mark 7 tcp 192.0.2.1:80",
                             "service add tcp 192.0.2.1:80 --ipv6",
                             "service add tcp 192.0.2.1:80 10.0.0.1:80",
                             "service add tcp 192.0.2.1:80 --granularity 24",
                             "service add tcp 192.0.2.1:80 --persistent 0",
                             "service list 192.0.2.1:80",
                             "service add icmp 192.0.2.1:80",
                             "service add tcp 192.0.2.1",
                             "service list tcp",
                             "service add tcp name:80",
                             "dest add tcp 192.0.2.1:80",
                             "dest add tcp 192.0.2.1:80 10.0.0.1",
                             "dest add --mark 7",
                             "dest add --mark 7 tcp 10.0.0.1:80",
                             "dest delete tcp 192.0.2.1:80 10.0.0.1:80 --upper 1",
                             "dest add tcp 192.0.2.1:80 10.0.0.1:80 --tunnel-port 0",
                             "health set tcp 192.0.2.1:80",
                             "health set tcp 192.0.2.1:80 --rise 1",
                             "health set tcp 192.0.2.1:80 --off --type tcp",
                             "health set tcp 192.0.2.1:80 --type ping",
                             "health set tcp 192.0.2.1:80 --type tcp --interval-ms 99",
                             "health force tcp 192.0.2.1:80 10.0.0.1:80",
                             "health force tcp 192.0.2.1:80 10.0.0.1:80 --state drain",
                             "health force tcp 192.0.2.1:80 --state up",
                             "tunable get",
                             "tunable set sloppy_tcp",
                             "app add",
                             "app add ftp 0",
                             "mark add",
                             "mark add --mark 0",
                             "mark add --mark 1 --at 0",
                             "mark delete",
                             "mark delete 0",
                             "mark load",
                             "mark load /nonexistent/rules",
                             "dest add tcp 192.0.2.1:80 10.0.0.1:80 --weight -1",
                             "dest add tcp 192.0.2.1:80 10.0.0.1:80 --weight x",
                             "dest delete tcp 192.0.2.1:80 10.0.0.1:80 --weight 1",
                             "timeout set",
                             "timeout set --tcp 2678401",
                             "timeout set --tcp -1",
                             "conn list --limit x",
                             "status extra",
                             "--json ipvsadm"}) {
        Bench bench;
        EXPECT_EQ(bench.run(line), 2) << line;
        EXPECT_EQ(bench.requests, Requests{}) << line;
        EXPECT_NE(bench.err, "") << line;
        EXPECT_EQ(bench.out, "") << line;
    }
}

std::vector<CommandInfo> all_commands() {
    std::ostringstream nowhere;
    return shuntctl_commands({"", {}, nowhere, nowhere});
}

TEST(Commands, HelpTeachesEveryCommandWithAnExample) {
    Bench bench;
    EXPECT_EQ(bench.run("--help"), 0);
    const auto program_help = bench.out;
    EXPECT_NE(bench.out.find("shuntctl dest add tcp 192.0.2.10:80 10.1.0.11:80 --weight 3\n"),
              std::string::npos);
    for (const auto& command : all_commands()) {
        const auto name = command.name();
        EXPECT_NE(program_help.find("\n  " + command.noun + ' '), std::string::npos) << name;
        EXPECT_EQ(bench.run(command.noun + " --help"), 0) << bench.err;
        EXPECT_NE(bench.out.find("shuntctl " + command.noun), std::string::npos) << name;
        EXPECT_NE(bench.out.find(command.verb), std::string::npos) << name;
        EXPECT_EQ(bench.run(name + " --help"), 0) << bench.err;
        EXPECT_TRUE(bench.out.starts_with("shuntctl " + name + ": " + command.what)) << bench.out;
        EXPECT_TRUE(command.example.starts_with("shuntctl " + name)) << name << command.example;
        EXPECT_NE(bench.out.find(command.example), std::string::npos) << name;
        for (const auto& argument : command.arguments) {
            EXPECT_NE(bench.out.find("\n  " + argument.name), std::string::npos) << name;
            EXPECT_NE(argument.what, "") << name << ' ' << argument.name;
        }
        EXPECT_EQ(bench.requests, Requests{});
    }
    EXPECT_EQ(bench.run("dest edit -h"), 0);
    EXPECT_NE(bench.out.find("--weight NUMBER         0 to 2147483647: share"), std::string::npos)
        << bench.out;
}

/// The examples of the help are commands that this program takes.
TEST(Commands, ExamplesAreUnderstood) {
    for (const auto& command : all_commands()) {
        const bool about_a_file = command.noun == "config" || command.name() == "mark load";
        if (about_a_file || command.noun == "ipvsadm") continue;
        Bench bench;
        bench.results["mark.list"] = R"({"rules":[{"mark":1},{"mark":2}]})";
        bench.results["conn.find"] = R"({"connection":null})";
        for (const char* noun : {"capture", "trace"}) {
            bench.results[std::string(noun) + ".start"] = R"({"session": 1})";
            bench.results[std::string(noun) + ".read"] =
                R"({"data": "", "steps": [], "done": true})";
        }
        const auto words = command.example.substr(9, command.example.find_first_of(">|") - 9);
        EXPECT_EQ(bench.run(words), 0) << command.example << bench.err;
        EXPECT_EQ(bench.requests.empty(), command.noun == "completion") << command.example;
    }
}

TEST(Commands, MistakesNameThePlaceAndWhatWasMeant) {
    for (const auto& [line, message] : std::vector<std::pair<std::string, std::string>>{
             {"servce list",
              "shuntctl: \"servce\" is no noun; did you mean \"service\"?\n"
              "Try `shuntctl --help`.\n"},
             {"xyzzy", "shuntctl: \"xyzzy\" is no noun\nTry `shuntctl --help`.\n"},
             {"--socket /s --json service lsit",
              "shuntctl service: \"lsit\" is no verb of service; did you mean \"list\"?\n"
              "Try `shuntctl service --help`.\n"},
             {"stats bogus",
              "shuntctl stats: \"bogus\" is no verb of stats; there are show or zero\n"
              "Try `shuntctl stats --help`.\n"},
             {"dest",
              "shuntctl dest: a verb is missing: add, edit or delete\n"
              "Try `shuntctl dest --help`.\n"},
             {"dest add tcp 192.0.2.1:80 10.0.0.1:80 --wieght=3",
              "shuntctl dest add: \"--wieght\" is no option of this command; did you mean "
              "\"--weight\"?\nTry `shuntctl dest add --help`.\n"},
             {"worker list --jsn",
              "shuntctl worker list: \"--jsn\" is no option of this command; did you mean "
              "\"--json\"?\nTry `shuntctl worker list --help`.\n"},
             {"status extra",
              "shuntctl status: \"extra\" is not expected here\n"
              "Try `shuntctl status --help`.\n"},
             {"timeout set --tcp 2678401",
              "shuntctl timeout set: --tcp: Value 2678401 not in range 0 to 2678400\n"
              "Try `shuntctl timeout set --help`.\n"},
             {"app add ftp 0",
              "shuntctl app add: PORT: Value 0 not in range 1 to 65535\n"
              "Try `shuntctl app add --help`.\n"}}) {
        Bench bench;
        EXPECT_EQ(bench.run(line), 2) << line;
        EXPECT_EQ(bench.err, message) << line;
    }
}

TEST(Commands, RefusedAndUnreachableDiffer) {
    Bench bench;
    bench.before_answer = [] { throw Refused(-32000, "no such service", "", "ESRCH"); };
    EXPECT_EQ(bench.run("service delete tcp 192.0.2.1:80"), 1);
    EXPECT_EQ(bench.err, "shuntctl: no such service\n");
    bench.before_answer = [] { throw Unreachable("nobody there"); };
    EXPECT_EQ(bench.run("service delete tcp 192.0.2.1:80"), 3);
    EXPECT_EQ(bench.err, "shuntctl: nobody there\n");
}

TEST(Commands, ServiceTable) {
    Bench bench;
    bench.results["service.list"] = R"({"services":[
        {"service":{"protocol":"tcp","address":"192.0.2.10:80"},"scheduler":"wrr",
         "slow_start":30,"stats":{"connections":1234567,"rates":{"connections":9.6}},
         "servers":[{"address":"10.1.0.11:80","forward":"nat","weight":3,"ramping":35,
                     "active":2,"inactive":17,
                     "stats":{"connections":600,"rates":{"connections":0.2}}}]},
        {"service":{"mark":7,"family":"ipv4"},"scheduler":"sh","flags":["one_packet","sh-port"],
         "persistence":{"timeout":360,"granularity":24},"engine":"sip","servers":[
            {"address":"10.1.0.12:0","forward":"tunnel","weight":1,"upper":100,"lower":50,
             "tunnel":{"type":"gue","port":6080,"checksum":"full"}},
            {"address":"10.1.0.13:0","forward":"tunnel","local":true,
             "tunnel":{"type":"gre","checksum":"none"}}]},
        {"service":{"mark":7,"family":"ipv6"},"scheduler":"rr","flags":[],
         "mh_size":251,"mh_order":"address","load_bound":150,
         "persistence":{"timeout":60,"granularity":128},"servers":[]},
        {"service":{"protocol":"udp","address":"[2001:db8::1]:53"},"scheduler":"rr",
         "persistence":null,"engine":null,"servers":[]}]})";
    EXPECT_EQ(bench.run("service list"), 0);
    EXPECT_EQ(bench.out,
              "SERVICE / SERVER      METHOD  WEIGHT  ACTIVE  INACTIVE  CONNS  CONNS/S  OPTIONS\n"
              "tcp 192.0.2.10:80     wrr                               1.23M       10  "
              "slow_start 30\n"
              "  10.1.0.11:80        nat          3       2        17    600        0  "
              "ramping 35%\n"
              "mark 7                sh                                    0        0  "
              "one_packet sh-port persistent 360/24 sip\n"
              "  10.1.0.12:0         tunnel       1       0         0      0        0  "
              "gue:6080 full upper 100 lower 50\n"
              "  10.1.0.13:0         tunnel       0       0         0      0        0  gre local\n"
              "mark 7 ipv6           rr                                    0        0  "
              "persistent 60 mh_size 251 mh_order address load_bound 150\n"
              "udp [2001:db8::1]:53  rr                                    0        0\n");
}

TEST(Commands, HealthTable) {
    Bench bench;
    bench.results["health.list"] = R"({"services":[
        {"service":{"protocol":"tcp","address":"192.0.2.10:80"},
         "check":{"type":"http","path":"/health","interval_ms":2000},
         "servers":[{"address":"10.1.0.11:80","weight":3,"health":"down","effective_weight":0,
                     "since":1795300000.1,"checks":812,"reason":"http: status 503",
                     "took_ms":0.213,"failed_in_a_row":5},
                    {"address":"10.1.0.12:80","weight":1,"health":"up","since":1,"checks":0}]},
        {"service":{"mark":7,"family":"ipv4"},"check":null,
         "servers":[{"address":"10.1.0.13:0","weight":1,"health":"down","forced":"down",
                     "effective_weight":0}]}]})";
    EXPECT_EQ(bench.run("health list"), 0);
    EXPECT_EQ(bench.out,
              "SERVICE / SERVER   HEALTH                      WEIGHT  CHECKS  IN A ROW    MS  "
              "LAST CHECK\n"
              "tcp 192.0.2.10:80  http /health every 2000 ms\n"
              "  10.1.0.11:80     down                             3     812  5 failed  0.21  "
              "http: status 503\n"
              "  10.1.0.12:80     up                               1       0         -     -  -\n"
              "mark 7             unchecked\n"
              "  10.1.0.13:0      down (forced)                    1       -         -     -  -\n");
}

TEST(Commands, AServiceTellsWhatIsDown) {
    Bench bench;
    bench.results["service.list"] = R"({"services":[
        {"service":{"protocol":"tcp","address":"192.0.2.10:80"},"scheduler":"wrr",
         "servers":[{"address":"10.1.0.11:80","forward":"nat","weight":3,"health":"down",
                     "effective_weight":0},
                    {"address":"10.1.0.12:80","forward":"nat","weight":3,"health":"up"},
                    {"address":"10.1.0.13:80","forward":"nat","weight":3,"health":"up",
                     "forced":"up"}]}]})";
    EXPECT_EQ(bench.run("service list"), 0);
    EXPECT_NE(
        bench.out.find("10.1.0.11:80     nat          3       0         0      0        0  down\n"),
        std::string::npos)
        << bench.out;
    EXPECT_NE(bench.out.find("  forced up\n"), std::string::npos) << bench.out;
    EXPECT_EQ(bench.out.find("0  up\n"), std::string::npos) << "that is as it should be";
}

TEST(Commands, ConfigSaveReplacesAFileOrPrints) {
    Bench bench;
    bench.results["config.save"] = R"({"text":"workers = 2;\n"})";
    EXPECT_EQ(bench.run("config save"), 0);
    EXPECT_EQ(bench.out, "workers = 2;\n");
    const std::string path = ::testing::TempDir() + "saved.conf";
    std::ofstream(path) << "what was there before, which is longer";
    EXPECT_EQ(bench.run("config save " + path), 0);
    std::ifstream file(path);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "workers = 2;\n");
    EXPECT_EQ(bench.run("config save /nonexistent/file"), 2);
    std::remove(path.c_str());
}

/// A folder with a configuration that includes another.
struct ConfigFolder {
    ConfigFolder() {
        std::ofstream(main) << "@include \"sub.conf\"\nworkers = 1;\n@include \"sub.conf\"\n";
        std::ofstream(path + "sub.conf") << "# nothing\n";
    }
    ~ConfigFolder() {
        std::remove(main.c_str());
        std::remove((path + "sub.conf").c_str());
    }
    std::string path = ::testing::TempDir();
    std::string main = path + "main.conf";
};

TEST(Commands, ConfigurationsAreSentWithWhatTheyInclude) {
    const ConfigFolder folder;
    Bench bench;
    const auto text = json::serialize(json::object{
        {"name", folder.main},
        {"text", "@include \"sub.conf\"\nworkers = 1;\n@include \"sub.conf\"\n"},
        {"includes", {{{"name", folder.path + "sub.conf"}, {"text", "# nothing\n"}}}}});
    EXPECT_EQ(bench.run("config check " + folder.main), 0);
    EXPECT_EQ(bench.requests, Requests{"config.check " + text});
    EXPECT_EQ(bench.run("config diff " + folder.main), 0);
    EXPECT_EQ(bench.requests, Requests{"config.diff " + text});
    EXPECT_EQ(bench.run("config apply " + folder.main), 0);
    EXPECT_EQ(bench.requests, Requests{"config.apply " + text});
    EXPECT_EQ(bench.run("config apply --dry-run " + folder.main), 0);
    EXPECT_EQ(bench.requests,
              Requests{"config.apply " + text.substr(0, text.size() - 1) + ",\"dry_run\":true}"});
    EXPECT_EQ(bench.run("config reload"), 0);
    EXPECT_EQ(bench.requests, Requests{"config.reload {}"});
    EXPECT_EQ(bench.run("config reload --rows 0"), 0);
    EXPECT_EQ(bench.requests, Requests{R"(config.reload {"rows":0})"});
    EXPECT_EQ(bench.run("config apply"), 2);
    EXPECT_EQ(bench.run("config check /nonexistent/file"), 1);
    EXPECT_EQ(bench.err,
              "/nonexistent/file:0: file: \"/nonexistent/file\" cannot be read: No such file or "
              "directory\n");
}

TEST(Commands, PlacesInAFileStandFirst) {
    const ConfigFolder folder;
    Bench bench;
    bench.before_answer = [] { throw Refused(-32602, "/a.conf:3: workers: why", "workers", ""); };
    EXPECT_EQ(bench.run("config apply " + folder.main), 1);
    EXPECT_EQ(bench.err, "/a.conf:3: workers: why\n");
    bench.before_answer = [] { throw Refused(-32000, "256 more servers: too many", "", "ENOMEM"); };
    EXPECT_EQ(bench.run("config apply " + folder.main), 1);
    EXPECT_EQ(bench.err, "shuntctl: 256 more servers: too many\n");
}

TEST(Commands, DifferencesAreLines) {
    Bench bench;
    bench.results["config.reload"] = R"({"applied":true,"changes":9,
      "values":[{"key":"tunables.sloppy_tcp","before":0,"after":1}],
      "apps":[{"name":"ftp","port":2121,"change":"added"},
              {"name":"tftp","port":69,"change":"removed"}],
      "marks":{"before":[{"mark":1},{"mark":2},{"mark":3}],
               "after":[{"mark":1},{"mark":3,"source":"10.0.0.0/8"},{"mark":3}]},
      "services":[
        {"service":{"protocol":"tcp","address":"192.0.2.1:80"},"change":"removed",
         "before":{"scheduler":"rr"},"servers":[
          {"address":"10.1.0.11:80","change":"removed","before":{}}]},
        {"service":{"mark":7,"family":"ipv6"},"change":"added",
         "after":{"scheduler":"sh","flags":["sh-port","flag-3"]},"servers":[
          {"address":"10.1.0.12:80","change":"added",
           "after":{"forward":"tunnel","tunnel":{"type":"gue","port":6080}}}]},
        {"service":{"protocol":"udp","address":"192.0.2.1:53"},"change":"changed",
         "before":{"persistence":null},"after":{"persistence":300},"servers":[]},
        {"service":{"protocol":"udp","address":"192.0.2.1:54"},"change":"changed","servers":[
          {"address":"10.1.0.11:54","change":"changed","before":{"weight":1,"upper":0},
           "after":{"weight":3,"upper":9}}]}],
      "needs_restart":["workers"]})";
    EXPECT_EQ(bench.run("config reload"), 0);
    EXPECT_EQ(bench.out, R"(~ tunables.sloppy_tcp: 0 -> 1
+ app ftp 2121
- app tftp 69
- mark rule 2 mark=2
+ mark rule 2 mark=3 source=10.0.0.0/8
- service tcp 192.0.2.1:80 scheduler=rr
-   server 10.1.0.11:80
+ service mark 7 ipv6 scheduler=sh flags=sh-port,flag-3
+   server 10.1.0.12:80 forward=tunnel tunnel={type=gue,port=6080}
~ service udp 192.0.2.1:53 persistence: none -> 300
  service udp 192.0.2.1:54
~   server 10.1.0.11:54 weight: 1 -> 3, upper: 0 -> 9
! workers: changes only with a restart
9 changes, applied
)");
    bench.results["config.reload"] = R"({"applied":false,"changes":1,"values":[],"apps":[],
        "marks":null,"services":[],"needs_restart":[]})";
    EXPECT_EQ(bench.run("config reload"), 0);
    EXPECT_EQ(bench.out, "1 change, not applied\n");
    EXPECT_EQ(bench.run("--json config reload"), 0);
    EXPECT_EQ(json::parse(bench.out), json::parse(bench.results["config.reload"]));
}

TEST(Commands, TunableTables) {
    Bench bench;
    bench.results["tunable.list"] = R"({"tunables":[
        {"name":"sloppy_tcp","value":1,"default":0,"least":0,"most":1,"meaning":"any TCP packet"},
        {"name":"icmp_ratelimit","value":1000,"default":1000,"least":0,"most":600000,
         "meaning":"milliseconds"}]})";
    EXPECT_EQ(bench.run("tunable list"), 0);
    EXPECT_EQ(bench.out,
              "TUNABLE         VALUE  DEFAULT  RANGE\n"
              "sloppy_tcp          1        0  0 to 1\n"
              "icmp_ratelimit   1000     1000  0 to 600000\n"
              "\n"
              "sloppy_tcp: any TCP packet\n"
              "icmp_ratelimit: milliseconds\n");
    bench.results["tunable.set"] = R"({"name":"sloppy_tcp","value":1})";
    EXPECT_EQ(bench.run("tunable set sloppy_tcp 1"), 0);
    EXPECT_EQ(bench.out,
              "TUNABLE     VALUE\n"
              "sloppy_tcp      1\n");
}

constexpr const char* two_rules =
    R"({"rules":[{"mark":1,"source":"192.0.2.0/24"},{"mark":2,"protocol":"tcp",)"
    R"("destination":"198.51.100.0/24","source_ports":"1-9","destination_ports":"80",)"
    R"("port":"wan0"}]})";

TEST(Commands, MarkTable) {
    Bench bench;
    bench.results["mark.list"] = two_rules;
    EXPECT_EQ(bench.run("mark list"), 0);
    EXPECT_EQ(bench.out,
              "RULE  MARK  PROTO  SOURCE        PORTS  DESTINATION      PORTS  CAME BY\n"
              "   1     1  any    192.0.2.0/24  any    any              any    any\n"
              "   2     2  tcp    any           1-9    198.51.100.0/24  80     wan0\n");
}

TEST(Commands, MarkRulesAreChangedAsAWhole) {
    const std::string first = R"({"mark":1,"source":"192.0.2.0/24"})";
    const std::string second = R"({"mark":2,"protocol":"tcp","destination":"198.51.100.0/24",)"
                               R"("source_ports":"1-9","destination_ports":"80","port":"wan0"})";
    const std::string added =
        R"({"mark":7,"source":"10.0.0.0/8","destination":"192.0.2.1","protocol":"udp",)"
        R"("source_ports":"53","destination_ports":"1-2","port":"lan0"})";
    const std::string add =
        "mark add --mark 7 --source 10.0.0.0/8 --destination 192.0.2.1 --protocol udp "
        "--source-ports 53 --destination-ports 1-2 --port lan0";
    for (const auto& [line, rules] : std::vector<std::pair<std::string, std::string>>{
             {add, first + ',' + second + ',' + added},
             {add + " --at 3", first + ',' + second + ',' + added},
             {add + " --at 1", added + ',' + first + ',' + second},
             {"mark add --at 2 --mark 9", first + R"(,{"mark":9},)" + second},
             {"mark delete 1", second},
             {"mark delete 2", first}}) {
        Bench bench;
        bench.results["mark.list"] = two_rules;
        EXPECT_EQ(bench.run(line), 0) << line << bench.err;
        EXPECT_EQ(bench.requests, (Requests{R"(mark.list {"limit":10000})",
                                            "mark.set {\"rules\":[" + rules + "]}"}))
            << line;
        EXPECT_EQ(bench.out, "");
    }
    for (const auto* line : {"mark add --mark 7 --at 4", "mark delete 3"}) {
        Bench bench;
        bench.results["mark.list"] = two_rules;
        EXPECT_EQ(bench.run(line), 2) << line;
        EXPECT_EQ(bench.requests, Requests{R"(mark.list {"limit":10000})"}) << line;
        EXPECT_NE(bench.err.find("there are 2 rules"), std::string::npos) << bench.err;
    }
}

TEST(Commands, MarkRulesComeFromAFile) {
    const auto path = testing::TempDir() + "mark-rules-" + std::to_string(getpid());
    const auto load = [&path](Bench& bench, const std::string& text) {
        std::ofstream(path) << text;
        return bench.run("mark load " + path);
    };
    Bench bench;
    EXPECT_EQ(load(bench, two_rules), 0) << bench.err;
    EXPECT_EQ(bench.requests, Requests{"mark.set " + std::string(two_rules)});
    for (const auto* text : {"", "{", "[]", "{}", R"({"rules":5})", R"({"rules":null})"}) {
        EXPECT_EQ(load(bench, text), 2) << text;
        EXPECT_EQ(bench.requests, Requests{}) << text;
        EXPECT_NE(bench.err.find(path), std::string::npos) << bench.err;
    }
    std::remove(path.c_str());
}

TEST(Commands, WorkerTableFitsWithLargeNumbers) {
    Bench bench;
    bench.results["worker.list"] = R"({"workers":[{"worker":63,"cpu":127,"busy":1.0,
        "received":123456789012,"forwarded":123456789012,"to_host":123456789012,
        "from_host":123456789012,"handed_off":123456789012,"taken_over":123456789012,
        "held":123456789012,"dropped":123456789012,"connections":123456789012},
        {"worker":0,"cpu":null,"busy":0.124}]})";
    EXPECT_EQ(bench.run("worker list"), 0);
    EXPECT_EQ(
        bench.out,
        "WORKER  CPU  BUSY  RECEIVED  FORWARD  TO-HOST  FROM-HOST  HANDED  TAKEN  HELD  "
        "DROPPED  CONNS\n"
        "    63  127  100%      123G     123G     123G       123G    123G   123G  123G     "
        "123G   123G\n"
        "     0    -   12%         -        -        -          -       -      -     -        "
        "-      -\n");
    EXPECT_LE(bench.out.find('\n'), 100U);
}

TEST(Commands, PortTable) {
    Bench bench;
    bench.results["port.list"] = R"({"ports":[{"port":"wan0","device":"net_af_packet,iface=v0",
        "mac":"02:00:00:00:00:01","mtu":1500,"link":"up","steering":"software",
        "receive_queues":1,"transmit_queues":2,"twin":true,
        "received":1000000,"sent":99999,"missed":3,"errors":0}]})";
    EXPECT_EQ(bench.run("port list"), 0);
    EXPECT_EQ(bench.out,
              "PORT  LINK  MAC                 MTU  QUEUES  TWIN  RECEIVED   SENT  MISSED  ERRORS\n"
              "wan0  up    02:00:00:00:00:01  1500     1/2  yes      1.00M  99999       3       0\n"
              "\n"
              "wan0: device net_af_packet,iface=v0, steering software\n");
}

TEST(Commands, StatsShowWhatWasDroppedMostFirst) {
    Bench bench;
    bench.results["stats.get"] = R"({"drops":{"no_route":5,"bad_checksum":0,"ttl":77},
        "total":{"connections":10,"packets_in":100,"packets_out":5,"bytes_in":10000,"bytes_out":7,
                 "rates":{"connections":1,"packets_in":2000000}}})";
    EXPECT_EQ(bench.run("stats show"), 0);
    EXPECT_EQ(bench.out,
              "TOTAL        COUNT  PER SECOND\n"
              "connections     10           1\n"
              "packets in     100       2.00M\n"
              "packets out      5           0\n"
              "bytes in     10000           0\n"
              "bytes out        7           0\n"
              "\n"
              "DROPPED BECAUSE  PACKETS\n"
              "ttl                   77\n"
              "no_route               5\n");
}

TEST(Commands, TimeoutsAndStatus) {
    Bench bench;
    bench.results["timeout.set"] = R"({"tcp":900,"tcp_fin":120,"udp":5})";
    EXPECT_EQ(bench.run("timeout set --udp 5"), 0);
    EXPECT_EQ(bench.out,
              "TIMEOUT        SECONDS\n"
              "tcp                900\n"
              "tcp after FIN      120\n"
              "udp                  5\n");
    bench.results["status.get"] = R"({"version":"0.1.0","uptime":93784.5,"workers":2})";
    EXPECT_EQ(bench.run("status"), 0);
    EXPECT_EQ(bench.out,
              "STATUS   VALUE\n"
              "version  0.1.0\n"
              "uptime   1d 02:03:04\n"
              "workers  2\n");
}

TEST(Commands, ConnectionsComeInPagesUpToTheLimit) {
    Bench bench;
    bench.results["conn.list"] = R"({"connections":[
        {"protocol":"tcp","client":"10.0.0.9:1","virtual":"192.0.2.1:53","server":"10.0.0.1:53",
         "forward":"direct","state":"SYN_RECV","expires":60,"worker":1},
        {"protocol":"ip","client":"10.0.0.9:0","virtual":"0.0.0.7:0","server":"10.0.0.1:0",
         "forward":"nat","state":"ASSURED","expires":300,"worker":null}],"cursor":"next"})";
    EXPECT_EQ(bench.run("conn list --limit 4"), 0);
    EXPECT_EQ(bench.requests,
              (Requests{R"(conn.list {"limit":4})", R"(conn.list {"limit":2,"cursor":"next"})"}));
    const std::string rows =
        "tcp    10.0.0.9:1  192.0.2.1:53  10.0.0.1:53  direct   SYN_RECV       60       1\n"
        "ip     10.0.0.9:0  0.0.0.7:0     10.0.0.1:0   nat      ASSURED       300       -\n";
    EXPECT_EQ(bench.out,
              "PROTO  CLIENT      SERVICE       SERVER       FORWARD  STATE     EXPIRES  WORKER\n" +
                  rows + rows);
    EXPECT_EQ(bench.run("conn list --limit 4 --json"), 0);
    EXPECT_EQ(bench.requests.size(), 2U);
    EXPECT_EQ(std::count(bench.out.begin(), bench.out.end(), '\n'), 2) << "a line for every page";
}

TEST(Commands, ConnectionsAreCountedEndedAndFound) {
    Bench bench;
    bench.results["conn.count"] = bench.results["conn.flush"] =
        R"({"connections":1234567,"templates":8})";
    for (const auto* line : {"conn count", "conn flush --all"}) {
        EXPECT_EQ(bench.run(line), 0);
        EXPECT_EQ(bench.out, "CONNECTIONS  TEMPLATES\n    1234567          8\n");
    }
    bench.results["conn.find"] = R"({"connection":null})";
    EXPECT_EQ(bench.run("conn find tcp 10.0.0.9:1 192.0.2.1:53"), 0);
    EXPECT_EQ(bench.out, "no such connection\n");
    bench.results["conn.find"] = R"({"connection":{"protocol":"tcp","client":"10.0.0.9:1",
        "virtual":"192.0.2.1:53","server":"10.0.0.1:53","forward":"direct","state":"SYN_RECV",
        "expires":60,"worker":1}})";
    EXPECT_EQ(bench.run("conn find tcp 10.0.0.9:1 192.0.2.1:53"), 0);
    EXPECT_EQ(bench.out,
              "PROTO  CLIENT      SERVICE       SERVER       FORWARD  STATE     EXPIRES  WORKER\n"
              "tcp    10.0.0.9:1  192.0.2.1:53  10.0.0.1:53  direct   SYN_RECV       60       1\n");
}

TEST(Commands, AnswerThatIsNotAsDocumentedIsNamed) {
    for (const auto* answer :
         {R"({"services":5})", R"({"services":[{"service":{}}]})", R"({"services":[{}]})",
          R"({"services":[{"service":{"mark":7,"family":"ipx"}}]})",
          R"({"services":[{"service":{"mark":7},"flags":[5]}]})",
          R"({"services":[{"service":{"mark":7},"flags":"x"}]})",
          R"({"services":[{"service":{"mark":7},"persistence":{"granularity":33}}]})"}) {
        Bench bench;
        bench.results["service.list"] = answer;
        EXPECT_EQ(bench.run("service list"), 3) << answer;
        EXPECT_NE(bench.err.find("not understood"), std::string::npos) << bench.err;
    }
}

/// Where nobody reads any more, at some time.
class Pipe : public std::stringbuf {
  public:
    bool closed = false;

  protected:
    std::streamsize xsputn(const char* from, std::streamsize size) override {
        return closed ? 0 : std::stringbuf::xsputn(from, size);
    }
};

TEST(Commands, EventsArePrintedAsTheyCome) {
    Pipe pipe;
    std::ostream out(&pipe);
    std::ostringstream err;
    std::string asked;
    const auto listen = [&](const std::string& path, const json::object& params,
                            const TakeEvent& take) {
        asked = path + json::serialize(params);
        EXPECT_TRUE(take({{"kind", "server.up"}, {"weight", 1}}));
        EXPECT_EQ(pipe.str().back(), '\n') << "it is there before the next one comes";
        pipe.closed = true;
        EXPECT_FALSE(take({{"lost", 2}})) << "nobody reads any more";
        pipe.closed = false;
    };
    const ShuntctlWorld world{"/default.sock", {}, out, err, nullptr, false, listen};
    EXPECT_EQ(run_shuntctl({"events", "server", "limit.over"}, world), status_done);
    EXPECT_EQ(asked, R"(/default.sock{"kinds":["server","limit.over"]})");
    EXPECT_EQ(pipe.str(), "server.up weight=1\n");
    pipe.str("");
    EXPECT_EQ(run_shuntctl({"--socket", "/other", "events", "--json"}, world), status_done);
    EXPECT_EQ(asked, "/other{}");
    EXPECT_EQ(pipe.str(), "{\"kind\":\"server.up\",\"weight\":1}\n");
    const ShuntctlWorld deaf{
        "/default.sock", {}, out, err, nullptr, false, [](const auto&, const auto&, const auto&) {
            throw Unreachable("shuntd is not reachable at /default.sock: it closed the connection");
        }};
    EXPECT_EQ(run_shuntctl({"events"}, deaf), status_unreachable);
}

}  // namespace
}  // namespace shunt::cli
