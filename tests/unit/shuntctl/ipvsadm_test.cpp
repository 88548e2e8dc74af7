// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/ipvsadm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <deque>
#include <map>
#include <memory>
#include <sstream>

namespace shunt::cli {
namespace {

namespace json = boost::json;

/// Answers a request only when three others have come, or none will.
Stream late_stream(const Call& call) {
    auto waiting = std::make_shared<std::deque<std::function<void()>>>();
    const auto answer_until = [waiting](std::size_t left) {
        while (waiting->size() > left) {
            waiting->front()();
            waiting->pop_front();
        }
    };
    return {.send =
                [=](std::string_view method, const json::object& params, Answered answered) {
                    waiting->push_back([=, method = std::string(method)] {
                        try {
                            call(method, params);
                            answered(nullptr);
                        } catch (const Refused& refusal) {
                            answered(&refusal);
                        }
                    });
                    answer_until(3);
                },
            .finish = [=] { answer_until(0); }};
}

/// The command in front of a daemon that answers as a test says.
struct Bench {
    std::map<std::string, std::string, std::less<>> results;  ///< by method; default {}
    std::map<std::string, Refused, std::less<>> refusals;
    bool reachable = true;

    std::vector<std::string> requests;  ///< "METHOD {...}"
    std::string out;
    std::string err;

    int run(const std::string& line, const std::string& input = "") {
        std::istringstream words(line);
        std::istringstream in(input);
        std::ostringstream out_stream;
        std::ostringstream err_stream;
        requests.clear();
        const IpvsadmWorld world{
            .program = "/sbin/ipvsadm",
            .socket_path = "/sock",
            .connect = [this](const std::string& path) { return connect(path); },
            .stream = [this](const std::string& path) { return late_stream(connect(path)); },
            .resolver = {[](const std::string&) { return std::nullopt; },
                         [](const std::string&, Protocol) { return std::nullopt; }},
            .names = [](const Endpoint& e, Protocol) { return "name-of-" + to_string(e); },
            .in = in,
            .out = out_stream,
            .err = err_stream};
        const auto status = run_ipvsadm({std::istream_iterator<std::string>(words), {}}, world);
        out = out_stream.str();
        err = err_stream.str();
        return status;
    }

  private:
    Call connect(const std::string& path) {
        if (!reachable) throw Unreachable("shuntd is not reachable at " + path);
        return [this](std::string_view method, const json::object& params) {
            requests.push_back(std::string(method) + ' ' + json::serialize(params));
            const auto refusal = refusals.find(method);
            if (refusal != refusals.end()) throw Refused(refusal->second);
            const auto result = results.find(method);
            return json::parse(result == results.end() ? "{}" : result->second);
        };
    }
};

Refused refused(const std::string& errno_name, const std::string& message = "because") {
    return {-32000, message, "", errno_name};
}

using Requests = std::vector<std::string>;

TEST(Ipvsadm, CommandsBecomeRequests) {
    const std::string service = R"("service":{"protocol":"tcp","address":"192.0.2.1:80"})";
    const std::string server = service + R"(,"server":{"address":"10.0.0.1:8080"})";
    for (const auto& [line, request] : std::vector<std::pair<std::string, std::string>>{
             {"-A -t 192.0.2.1:80", "service.add {" + service + R"(,"scheduler":"wlc"})"},
             {"-D -t 192.0.2.1:80", "service.delete {" + service + "}"},
             {"-C", "service.flush {}"},
             {"-a -t 192.0.2.1:80 -r 10.0.0.1:8080 -m",
              "dest.add {" + server + R"(,"forward":"nat","weight":1})"},
             {"-e -t 192.0.2.1:80 -r 10.0.0.1:8080 -m -w 0",
              "dest.edit {" + server + R"(,"forward":"nat","weight":0})"},
             {"-d -t 192.0.2.1:80 -r 10.0.0.1:8080", "dest.delete {" + server + "}"},
             {"-a -t 192.0.2.1:80 -r 10.0.0.1:8080 -m -x 9 -y 4",
              "dest.add {" + server + R"(,"forward":"nat","weight":1,"upper":9,"lower":4})"},
             {"-a -f 7 -r 10.0.0.1",
              R"(dest.add {"service":{"mark":7,"family":"ipv4"},)"
              R"("server":{"address":"10.0.0.1:0"},"forward":"direct","weight":1})"},
             {"-e -f 7 -6 -r 10.0.0.1:5 -i",
              R"(dest.edit {"service":{"mark":7,"family":"ipv6"},)"
              R"("server":{"address":"10.0.0.1:5"},"forward":"tunnel","weight":1,)"
              R"("tunnel":{"type":"ipip"}})"},
             {"-A -f 4294967295 -o",
              R"(service.add {"service":{"mark":4294967295,"family":"ipv4"},)"
              R"("scheduler":"wlc","flags":["one_packet"]})"},
             {"-D -f 7 -6", R"(service.delete {"service":{"mark":7,"family":"ipv6"}})"},
             {"-Z", "stats.zero {}"},
             {"-Z -t 192.0.2.1:80", "stats.zero {" + service + "}"},
             {"--set 0 60 5", R"(timeout.set {"tcp":0,"tcp_fin":60,"udp":5})"},
             {"-A -u [2001:db8::1]:53",
              R"(service.add {"service":{"protocol":"udp","address":"[2001:db8::1]:53"},)"
              R"("scheduler":"wlc"})"}}) {
        Bench bench;
        EXPECT_EQ(bench.run(line), 0) << line;
        EXPECT_EQ(bench.requests, Requests{request});
        EXPECT_EQ(bench.out + bench.err, "") << line;
    }
}

TEST(Ipvsadm, OptionsOfServices) {
    for (const auto& [options, params] : std::vector<std::pair<std::string, std::string>>{
             {"-p", R"("scheduler":"wlc","persistence":{"timeout":360,"granularity":32})"},
             {"-s rr -p 60 -M 255.255.0.0",
              R"("scheduler":"rr","persistence":{"timeout":60,"granularity":16})"},
             {"-p --pe sip", R"("scheduler":"wlc","persistence":{"timeout":360,"granularity":32},)"
                             R"("engine":"sip")"},
             {"-o", R"("scheduler":"wlc","flags":["one_packet"])"},
             {"-b flag-3,flag-1", R"("scheduler":"wlc","flags":["flag-1","flag-3"])"},
             // Whatever a bit was called, the scheduler's own name is sent.
             {"-s sh -b flag-2,sh-fallback -o",
              R"("scheduler":"sh","flags":["one_packet","sh-fallback","sh-port"])"},
             {"-s mh -b mh-port", R"("scheduler":"mh","flags":["mh-port"])"},
             {"-s conhash -b conhash-port", R"("scheduler":"conhash","flags":["conhash-port"])"},
             {"-s conhash -b flag-2", R"("scheduler":"conhash","flags":["conhash-port"])"},
             {"-s mh -b flag-3", R"("scheduler":"mh")"}}) {
        Bench bench;
        EXPECT_EQ(bench.run("-A -u 192.0.2.1:53 " + options), 0) << bench.err;
        EXPECT_EQ(
            bench.requests,
            Requests{R"(service.add {"service":{"protocol":"udp","address":"192.0.2.1:53"},)" +
                     params + "}"});
    }
}

TEST(Ipvsadm, AnEditKeepsWhatIpvsadmHasNoWordsFor) {
    const std::string service = R"({"protocol":"tcp","address":"192.0.2.1:80"})";
    Bench bench;
    bench.results["service.list"] = R"({"services":[{"service":)" + service +
                                    R"(,"scheduler":"wlc","flags":["one_packet"],"slow_start":30,)"
                                    R"("timeouts":{"tcp":5,"tcp_fin":0,"udp":0},"stats":{}}]})";
    const std::string list = R"(service.list {"service":)" + service + "}";
    const std::string edit = R"(service.edit {"service":)" + service;
    EXPECT_EQ(bench.run("-E -t 192.0.2.1:80 -s wlc -p 60"), 0);
    EXPECT_EQ(
        bench.requests,
        (Requests{list, edit + R"(,"scheduler":"wlc",)"
                               R"("persistence":{"timeout":60,"granularity":32},)"
                               R"("timeouts":{"tcp":5,"tcp_fin":0,"udp":0},"slow_start":30})"}));
    EXPECT_EQ(bench.run("-E -t 192.0.2.1:80 -s mh"), 0);
    EXPECT_EQ(bench.requests,
              (Requests{list, edit + R"(,"scheduler":"mh",)"
                                     R"("timeouts":{"tcp":5,"tcp_fin":0,"udp":0}})"}));
}

TEST(Ipvsadm, TunnelsOfServers) {
    for (const auto& [options, tunnel] : std::vector<std::pair<std::string, std::string>>{
             {"", R"({"type":"ipip"})"},
             {"--tun-type gue --tun-port 6080", R"({"type":"gue","port":6080,"checksum":"none"})"},
             {"--tun-type gue --tun-port 6080 --tun-csum",
              R"({"type":"gue","port":6080,"checksum":"full"})"},
             {"--tun-type gue --tun-port 1 --tun-remcsum",
              R"({"type":"gue","port":1,"checksum":"remote"})"},
             {"--tun-type gre --tun-csum", R"({"type":"gre","checksum":"full"})"}}) {
        Bench bench;
        EXPECT_EQ(bench.run("-a --sctp-service 192.0.2.1:9 -r 10.0.0.1 -i -w 3 " + options), 0);
        EXPECT_EQ(
            bench.requests,
            Requests{
                R"(dest.add {"service":{"protocol":"sctp","address":"192.0.2.1:9"},)"
                R"("server":{"address":"10.0.0.1:9"},"forward":"tunnel","weight":3,"tunnel":)" +
                tunnel + "}"});
    }
}

TEST(Ipvsadm, RefusalsHaveTheTextOfTheCommand) {
    const std::string general =
        "Invalid operation.  Possibly wrong module version, address not unicast, ...\n";
    struct Row {
        const char* line;
        const char* method;
        const char* errno_name;
        std::string text;
        int status;
    };
    const auto* const service = "-D -t 192.0.2.1:80";
    const auto* const server = "-d -t 192.0.2.1:80 -r 10.0.0.1";
    for (const auto& row : std::vector<Row>{
             {"-A -t 192.0.2.1:80", "service.add", "EEXIST", "Service already exists\n", 255},
             {"-A -t 192.0.2.1:80", "service.add", "ENOENT",
              "Scheduler or persistence engine not found\n", 255},
             {service, "service.delete", "ESRCH", "No such service\n", 255},
             {"-Z -t 192.0.2.1:80", "stats.zero", "ESRCH", "No such service\n", 255},
             {server, "dest.delete", "ESRCH", "Service not defined\n", 255},
             {server, "dest.delete", "ENOENT", "No such destination\n", 255},
             {"-a -t 192.0.2.1:80 -r 10.0.0.1 -m", "dest.add", "EEXIST",
              "Destination already exists\n", 255},
             {server, "dest.delete", "EPERM", "Permission denied (you must be root)\n", 255},
             {server, "dest.delete", "ENOMEM", "Memory allocation problem\n", 255},
             {server, "dest.delete", "EINVAL", general + "shuntd: because\n", 255},
             {"-a -t 192.0.2.1:80 -r 10.0.0.1 -g", "dest.add", "EINVAL",
              general + "shuntd: because\n", 255},
             {"-a -t 192.0.2.1:80 -r 10.0.0.1 -x 1 -y 2", "dest.add", "ERANGE",
              "Numerical result out of range\n", 255},
             {"-E -t 192.0.2.1:80 -p --pe x", "service.edit", "ENOENT",
              "Scheduler or persistence engine not found\n", 255},
             {"-C", "service.flush", "", "because\n", 255},
             {"-Ln -t 192.0.2.1:80", "service.list", "ESRCH", "No such service\n", 1}}) {
        Bench bench;
        bench.refusals.emplace(row.method, refused(row.errno_name));
        EXPECT_EQ(bench.run(row.line), row.status) << row.line;
        EXPECT_EQ(bench.err, row.text);
        EXPECT_EQ(bench.out, "");
    }
}

constexpr const char* one_service = R"({"services":[{"service":{"protocol":"tcp",
    "address":"192.0.2.10:80"},"scheduler":"rr","servers":[
    {"address":"10.0.0.2:80","forward":"nat","weight":1,"active":2,"inactive":3},
    {"address":"10.0.0.1:80","forward":"nat","weight":1,"active":2,"inactive":3}]}]})";

TEST(Ipvsadm, ListSortsUnlessTold) {
    Bench bench;
    bench.results["service.list"] = one_service;
    bench.results["status.get"] = R"({"connections_capacity":1048576})";
    EXPECT_EQ(bench.run("-Ln"), 0);
    const std::string titles =
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
        "TCP  192.0.2.10:80 rr\n";
    const std::string first =
        "  -> 10.0.0.1:80                  Masq    1      2          3         \n";
    const std::string second =
        "  -> 10.0.0.2:80                  Masq    1      2          3         \n";
    const std::string version = "IP Virtual Server version 1.2.1 (size=1048576)\n";
    EXPECT_EQ(bench.out, version + titles + first + second);
    EXPECT_EQ(bench.run("-Ln --nosort"), 0);
    EXPECT_EQ(bench.out, version + titles + second + first);
    // One service: no version line, and so no need to ask for the size.
    EXPECT_EQ(bench.run("-Ln -t 192.0.2.10:80"), 0);
    EXPECT_EQ(bench.out, titles + first + second);
    EXPECT_EQ(bench.requests.size(), 1U);
}

TEST(Ipvsadm, NamesUnlessNumeric) {
    Bench bench;
    bench.results["service.list"] = one_service;
    EXPECT_EQ(bench.run(""), 0);
    EXPECT_NE(bench.out.find("(size=4096)\n"), std::string::npos) << "the daemon gave no size";
    EXPECT_NE(bench.out.find("TCP  name-of-192.0.2.10:80 rr\n"), std::string::npos) << bench.out;
    EXPECT_EQ(bench.run("-S"), 0);
    EXPECT_NE(bench.out.find("-A -t name-of-192.0.2.10:80 -s rr\n"), std::string::npos);
    EXPECT_EQ(bench.run("-Sn"), 0);
    EXPECT_EQ(bench.out,
              "-A -t 192.0.2.10:80 -s rr\n"
              "-a -t 192.0.2.10:80 -r 10.0.0.1:80 -m -w 1\n"
              "-a -t 192.0.2.10:80 -r 10.0.0.2:80 -m -w 1\n");
}

TEST(Ipvsadm, WhatServersHaveIsShown) {
    Bench bench;
    bench.results["service.list"] = R"({"services":[{"service":{"mark":7},"scheduler":"rr",
        "persistence":{"timeout":60},"engine":"sip","servers":[
        {"address":"10.0.0.1:0","forward":"tunnel","local":true,"weight":1,"persistent":5,
         "upper":9,"lower":4,"tunnel":{"type":"gue","port":6080,"checksum":"remote"}}]}]})";
    for (const auto& [view, server] : std::vector<std::pair<std::string, std::string>>{
             {"", "Local   1      0          0         "},
             {" --persistent-conn", "1         5           0          0         "},
             {" --thresholds", "9          4          0          0         "},
             {" --tun-info", "Local   gue:6080:r+c  1      0          0         "}}) {
        EXPECT_EQ(bench.run("-Ln -f 7" + view), 0);
        const std::string rows =
            "FWM  7 rr persistent 60 pe sip\n  -> 10.0.0.1:0                   ";
        EXPECT_EQ(bench.out.substr(bench.out.find("FWM")), rows + server + '\n') << view;
    }
}

TEST(Ipvsadm, EnginesOfConnectionsAreShownOnRequest) {
    Bench bench;
    bench.results["conn.list"] = R"({"connections":[{"protocol":"udp","client":"10.0.0.9:0",
        "virtual":"192.0.2.1:5060","server":"10.0.0.1:5060","state":"NONE","expires":58,
        "engine":"sip","engine_data":"call@host"}],"cursor":null})";
    const std::string row =
        "UDP 00:58  NONE        10.0.0.9:0         192.0.2.1:5060     10.0.0.1:5060";
    EXPECT_EQ(bench.run("-Lnc --persistent-conn"), 0);
    EXPECT_EQ(bench.out, connection_title(true) + row + "    sip                call@host\n");
    for (const auto* line : {"-Lnc", "-Lnc --sort", "-Lnc --nosort", "-l -c -n --exact"}) {
        EXPECT_EQ(bench.run(line), 0) << line;
        EXPECT_EQ(bench.out, connection_title(false) + row + '\n') << line;
    }
    EXPECT_EQ(bench.run("-Lnc -u 192.0.2.1:5060"), 2) << "as ipvsadm has it";
}

TEST(Ipvsadm, ConnectionsComeInPages) {
    int pages = 0;
    std::vector<std::string> asked;
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    const Call call = [&](std::string_view, const json::object& params) {
        asked.push_back(json::serialize(params));
        const std::string cursor = ++pages < 3 ? "\"p" + std::to_string(pages) + '"' : "null";
        return json::parse(
            R"({"connections":[{"protocol":"udp","client":"10.0.0.9:1","virtual":"192.0.2.1:53",)"
            R"("server":"10.0.0.1:53","state":"UDP","expires":300,"worker":0}],"cursor":)" +
            cursor + "}");
    };
    EXPECT_EQ(run_ipvsadm({"-Lnc"}, {"ipvsadm",
                                     "/sock",
                                     [&](const std::string&) { return call; },
                                     {},
                                     {},
                                     numeric_text,
                                     in,
                                     out,
                                     err}),
              0);
    const std::string line =
        "UDP 05:00  UDP         10.0.0.9:1         192.0.2.1:53       10.0.0.1:53\n";
    EXPECT_EQ(out.str(), connection_title(false) + line + line + line);
    EXPECT_EQ(asked, (Requests{R"({"limit":10000})", R"({"limit":10000,"cursor":"p1"})",
                               R"({"limit":10000,"cursor":"p2"})"}));
}

TEST(Ipvsadm, TimeoutsAndDaemons) {
    Bench bench;
    bench.results["timeout.get"] = R"({"tcp":900,"tcp_fin":120,"udp":300})";
    EXPECT_EQ(bench.run("-L --timeout"), 0);
    EXPECT_EQ(bench.out, "Timeout (tcp tcpfin udp): 900 120 300\n");
    EXPECT_EQ(bench.run("-L --daemon"), 0);
    EXPECT_EQ(bench.out, "");
}

TEST(Ipvsadm, RestoreGoesOnAfterRefusals) {
    Bench bench;
    bench.refusals.emplace("service.add", refused("EEXIST"));
    EXPECT_EQ(bench.run("-R",
                        "-A -t 192.0.2.1:80\n"
                        "\n"
                        "ipvsadm -A -t 192.0.2.1:81\n"
                        "-C"),
              0)
        << "the last line's status";
    EXPECT_EQ(bench.err, "Service already exists\nService already exists\n");
    ASSERT_EQ(bench.requests.size(), 3U);
    EXPECT_EQ(bench.requests[2], "service.flush {}");
    EXPECT_EQ(bench.run("-R", "-C\n-A -t 192.0.2.1:80\n"), 255);
    EXPECT_EQ(bench.run("-R", "-C\n-A -z\n-C\n"), 0) << "an unknown option is passed over";
    EXPECT_EQ(bench.requests.size(), 2U);
    EXPECT_EQ(bench.run("-R", "-A -z\n"), 255) << "unless it is in the last line";
    EXPECT_EQ(bench.run("-R", ""), 0);
}

TEST(Ipvsadm, RestoreSaysWhatIsWrongInTheOrderOfTheLines) {
    Bench bench;
    bench.refusals.emplace("service.add", refused("EEXIST"));
    bench.refusals.emplace("dest.add", refused("EINVAL", "no such port"));
    bench.refusals.emplace("dest.delete", refused("ENOENT"));
    const std::string invalid =
        "Invalid operation.  Possibly wrong module version, address not unicast, ...\n"
        "shuntd: no such port\n";
    EXPECT_EQ(bench.run("-R",
                        "-a -t 192.0.2.1:80 -r 10.0.0.1\n"
                        "-A -t 192.0.2.1:80\n"
                        "-A -z\n"
                        "-C\n"
                        "-a -t 192.0.2.1:80 -r 10.0.0.2\n"
                        "-E -t 192.0.2.1:80\n"
                        "-d -t 192.0.2.1:80 -r 10.0.0.1\n"),
              255);
    const auto option = bench.err.find("unknown option");
    ASSERT_NE(option, std::string::npos) << bench.err;
    EXPECT_TRUE(bench.err.starts_with(invalid + "Service already exists\n")) << bench.err;
    EXPECT_LT(option, bench.err.rfind(invalid));
    EXPECT_TRUE(bench.err.ends_with(invalid + "No such destination\n")) << bench.err;
    ASSERT_EQ(bench.requests.size(), 7U);
    EXPECT_TRUE(bench.requests[4].starts_with("service.list ")) << "after all that came before";
    EXPECT_TRUE(bench.requests[5].starts_with("service.edit "));
}

/// A daemon that keeps services and servers as it is told, newest servers first.
struct Memory {
    json::array services;

    json::value call(std::string_view method, json::object params) {
        if (method == "service.list") return {{"services", services}};
        const auto found = std::find_if(services.begin(), services.end(), [&](const auto& row) {
            return row.at("service") == params.at("service");
        });
        if (method == "service.add") {
            EXPECT_EQ(found, services.end());
            params["servers"] = json::array();
            services.emplace_back(params);
        } else {
            EXPECT_EQ(method, "dest.add");
            params["address"] = params.at("server").at("address");
            auto& servers = found->at("servers").as_array();
            servers.insert(servers.begin(), params);
        }
        return json::object();
    }
};

TEST(Ipvsadm, SavedLinesAreRestored) {
    const std::string saved =
        "-A -t 192.0.2.10:80 -s wlc -p 360 -M 255.255.255.0 --pe sip -b flag-1\n"
        "-a -t 192.0.2.10:80 -r 10.1.0.11:80 -g -w 0\n"
        "-a -t 192.0.2.10:80 -r 10.1.0.12:8080 -m -w 2\n"
        "-a -t 192.0.2.10:80 -r 10.1.0.13:80 -i -w 1 --tun-type ipip\n"
        "-A --sctp-service 192.0.2.10:99 -s mh -b mh-port\n"
        "-A -u [2001:db8::10]:53 -s sh -p 60 -M 64 -o -b sh-fallback,sh-port\n"
        "-a -u [2001:db8::10]:53 -r 10.1.0.15:53 -i -w 1 --tun-type gre --tun-csum\n"
        "-a -u [2001:db8::10]:53 -r [2001:db8::11]:53 -i -w 1 --tun-type gre --tun-nocsum\n"
        "-A -f 7 -s rr -p 360\n"
        "-a -f 7 -r 10.1.0.11:0 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum\n"
        "-a -f 7 -r 10.1.0.12:1 -i -w 1 --tun-type gue --tun-port 1 --tun-remcsum\n"
        "-A -f 7 -6 -s rr -o\n"
        "-a -f 7 -6 -r [2001:db8::11]:0 -g -w 1\n";
    Memory memory;
    const auto run = [&memory](const char* command, const std::string& input) {
        std::istringstream in(input);
        std::ostringstream out;
        std::ostringstream err;
        const auto connect = [&memory](const std::string&) -> Call {
            return [&memory](std::string_view method, const json::object& params) {
                return memory.call(method, params);
            };
        };
        EXPECT_EQ(run_ipvsadm({command}, {"ipvsadm",
                                          "/sock",
                                          connect,
                                          [&connect](const std::string& path) {
                                              return late_stream(connect(path));
                                          },
                                          {},
                                          numeric_text,
                                          in,
                                          out,
                                          err}),
                  0);
        EXPECT_EQ(err.str(), "");
        return out.str();
    };
    run("-R", saved);
    EXPECT_EQ(run("-Sn", ""), saved);
}

TEST(Ipvsadm, RestoreEndsAtAWrongLine) {
    struct Row {
        const char* input;
        int status;
    };
    for (const auto& [input, status] : std::vector<Row>{{"-C\n-A -t 1.2.3.4:0\n-C\n", 2},
                                                        {"-C\n# no comment\n-C\n", 255},
                                                        {"-C\n-R\n-C\n", 255},
                                                        {"-C\n-v\n-C\n", 0}}) {
        Bench bench;
        EXPECT_EQ(bench.run("-R", input), status) << input;
        EXPECT_EQ(bench.requests, Requests{"service.flush {}"}) << input;
    }
}

TEST(Ipvsadm, StartsAndStopsSyncDaemons) {
    for (const auto& [line, request] : std::vector<std::pair<std::string, std::string>>{
             {"--start-daemon master",
              R"(sync.start {"role":"master","interface":"eth0","syncid":0})"},
             {"--start-daemon=backup --mcast-interface eth1 --syncid 7 --mcast-port 8850 "
              "--mcast-ttl 3 --sync-maxlen 1400 --mcast-group 224.0.0.90",
              R"(sync.start {"role":"backup","interface":"eth1","syncid":7,)"
              R"("group":"224.0.0.90","port":8850,"ttl":3,"maxlen":1400})"},
             {"--stop-daemon backup --syncid 7", R"(sync.stop {"role":"backup"})"}}) {
        Bench bench;
        EXPECT_EQ(bench.run(line), 0) << line;
        EXPECT_EQ(bench.requests, Requests{request}) << line;
    }
}

TEST(Ipvsadm, RefusalsOfSyncDaemonsHaveTheTextsOfIpvsadm) {
    Bench bench;
    bench.refusals.emplace("sync.start", refused("EEXIST"));
    bench.refusals.emplace("sync.stop", refused("ESRCH"));
    EXPECT_EQ(bench.run("--start-daemon master"), 255);
    EXPECT_EQ(bench.err, "Daemon has already run\n");
    EXPECT_EQ(bench.run("--stop-daemon master"), 255);
    EXPECT_EQ(bench.err, "No daemon is running\n");
    bench.refusals.clear();
    bench.refusals.emplace("sync.start", refused("ENODEV"));
    EXPECT_EQ(bench.run("--start-daemon master --mcast-interface nosuch0"), 255);
    EXPECT_EQ(bench.err, "No such device\n");
}

TEST(Ipvsadm, ListsSyncDaemons) {
    Bench bench;
    bench.results["sync.status"] = R"({"daemons":[]})";
    EXPECT_EQ(bench.run("-L --daemon"), 0);
    EXPECT_EQ(bench.out, "");
    bench.results["sync.status"] =
        R"({"daemons":[{"role":"master","interface":"eth0","syncid":0,"maxlen":1472,)"
        R"("group":"224.0.0.81","port":8848,"ttl":1},{"role":"backup","interface":"eth1",)"
        R"("syncid":7,"maxlen":1400,"group":"224.0.0.90","port":8850,"ttl":3}]})";
    EXPECT_EQ(bench.run("-L --daemon"), 0);
    EXPECT_EQ(bench.out,
              "master sync daemon (mcast=eth0, syncid=0, maxlen=1472, group=224.0.0.81, "
              "port=8848, ttl=1)\n"
              "backup sync daemon (mcast=eth1, syncid=7, maxlen=1400, group=224.0.0.90, "
              "port=8850, ttl=3)\n");
}

TEST(Ipvsadm, MaskThatIsNoPrefixIsAnInvalidOperation) {
    Bench bench;
    EXPECT_EQ(bench.run("-A -t 192.0.2.10:80 -p -M 255.0.255.0"), 255);
    EXPECT_EQ(bench.err,
              "Invalid operation.  Possibly wrong module version, address not unicast, ...\n"
              "shuntd: -M 255.0.255.0 is no prefix\n");
    EXPECT_EQ(bench.requests, Requests{});
}

TEST(Ipvsadm, Unreachable) {
    Bench bench;
    bench.reachable = false;
    EXPECT_EQ(bench.run("-C"), 3);
    EXPECT_EQ(bench.err, "shuntd is not reachable at /sock\n");
    EXPECT_EQ(bench.run("-R", "-C\n-C\n"), 3);
    EXPECT_EQ(bench.err, "shuntd is not reachable at /sock\n") << "once, not for every line";
    // What needs no daemon works without one.
    EXPECT_EQ(bench.run("-h"), 0);
    EXPECT_NE(bench.out.find("  ipvsadm -Ln --stats\n"), std::string::npos) << bench.out;
    EXPECT_EQ(bench.run("-v"), 0);
    EXPECT_TRUE(bench.out.starts_with("ipvsadm v1.31 ")) << bench.out;
}

}  // namespace
}  // namespace shunt::cli
