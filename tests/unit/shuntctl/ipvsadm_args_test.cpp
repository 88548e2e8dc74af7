// SPDX-License-Identifier: BSD-3-Clause
// Every refusal below was compared with what ipvsadm 1.31 itself prints for the same line.
#include "shuntctl/ipvsadm_args.h"

#include <gtest/gtest.h>

#include <sstream>

namespace shunt::cli {
namespace {

Resolver resolver() {
    return {[](const std::string& host) -> std::optional<Ipv4Address> {
                if (host == "web") return parse_address("192.0.2.80")->v4();
                return std::nullopt;
            },
            [](const std::string& name, Protocol protocol) -> std::optional<std::uint16_t> {
                if (name == "http" && protocol == Protocol::tcp) return std::uint16_t{80};
                return std::nullopt;
            }};
}

std::vector<std::string> split(const std::string& line) {
    std::istringstream stream(line);
    return {std::istream_iterator<std::string>(stream), {}};
}

Command parse(const std::string& line) {
    return parse_ipvsadm(split(line), "PROG", resolver());
}

struct Refusal {
    int status = 0;
    std::string text;
    bool operator==(const Refusal&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Refusal& r) {
    return out << r.status << ' ' << r.text;
}

Refusal refusal(const std::string& line) {
    try {
        parse(line);
        return {};
    } catch (const ArgsError& error) {
        return {error.status(), error.what()};
    }
}

const Refusal advice{255, "Try `PROG -h' or 'PROG --help' for more information."};

TEST(IpvsadmArgs, NothingListsEverything) {
    const auto command = parse("");
    EXPECT_EQ(command.action, Action::list);
    EXPECT_EQ(command.list.what, ListWhat::services);
    EXPECT_FALSE(command.list.numeric);
    EXPECT_TRUE(command.list.sorted);
}

TEST(IpvsadmArgs, ServiceHasDefaults) {
    const auto command = parse("-A -t 192.0.2.1:80");
    EXPECT_EQ(command.action, Action::add_service);
    ASSERT_TRUE(command.service);
    EXPECT_EQ(command.service->protocol, Protocol::tcp);
    EXPECT_EQ(to_string(command.service->address), "192.0.2.1:80");
    EXPECT_EQ(command.service_options.scheduler, "wlc");
    EXPECT_TRUE(command.service_options.flags.none());
    EXPECT_FALSE(command.service_options.one_packet);
    EXPECT_FALSE(command.service_options.persistence);
    EXPECT_EQ(command.service_options.engine, "");
    EXPECT_EQ(command.unsupported, "");
}

TEST(IpvsadmArgs, ServerHasDefaults) {
    const auto command = parse("-a -t 192.0.2.1:80 -r 10.0.0.1");
    EXPECT_EQ(command.action, Action::add_server);
    EXPECT_EQ(command.server_options.forward, Forward::direct);
    EXPECT_EQ(command.server_options.weight, 1U);
    EXPECT_EQ(command.server_options.upper, 0U);
    EXPECT_EQ(command.server_options.lower, 0U);
    EXPECT_EQ(to_string(command.server.value()), "10.0.0.1:80");
}

TEST(IpvsadmArgs, CommandsHaveShortAndLongNames) {
    struct Row {
        const char* line;
        Action action;
    };
    for (const auto& [line, action] :
         std::vector<Row>{{"-E -u 192.0.2.1:53", Action::edit_service},
                          {"--edit-service -u 192.0.2.1:53", Action::edit_service},
                          {"-D -u 192.0.2.1:53", Action::delete_service},
                          {"--delete-service -u 192.0.2.1:53", Action::delete_service},
                          {"-C", Action::flush},
                          {"--clear", Action::flush},
                          {"-l", Action::list},
                          {"--list", Action::list},
                          {"--add-server -t 1.2.3.4:1 -r 1.2.3.5", Action::add_server},
                          {"-e -t 1.2.3.4:1 -r 1.2.3.5", Action::edit_server},
                          {"--edit-server -t 1.2.3.4:1 -r 1.2.3.5", Action::edit_server},
                          {"-d -t 1.2.3.4:1 -r 1.2.3.5", Action::delete_server},
                          {"--delete-server -t 1.2.3.4:1 -r 1.2.3.5", Action::delete_server},
                          {"-R", Action::restore},
                          {"--restore", Action::restore},
                          {"-Sn", Action::save},
                          {"--save", Action::save},
                          {"-Z", Action::zero},
                          {"--zero", Action::zero},
                          {"-h", Action::help},
                          {"--help -L", Action::help},
                          {"-hL", Action::help},
                          {"-v extra", Action::version},
                          {"--version", Action::version}})
        EXPECT_EQ(parse(line).action, action) << line;
}

TEST(IpvsadmArgs, OptionsCanBeJoinedOrCarryTheirArgument) {
    for (const auto* line :
         {"-At 192.0.2.1:80 -s rr", "-At192.0.2.1:80 -srr", "-A -t=192.0.2.1:80 -s=rr",
          "--add-service --tcp-service=192.0.2.1:80 --scheduler=rr",
          "-A --tcp-service 192.0.2.1:80 --scheduler rr", "-A -s rr -t 192.0.2.1:80"}) {
        const auto command = parse(line);
        EXPECT_EQ(to_string(command.service.value().address), "192.0.2.1:80") << line;
        EXPECT_EQ(command.service_options.scheduler, "rr") << line;
    }
    const auto server = parse("-amt 192.0.2.1:80 -r 10.0.0.1:90 -w5");
    EXPECT_EQ(server.server_options.forward, Forward::masquerade);
    EXPECT_EQ(server.server_options.weight, 5U);
    EXPECT_EQ(to_string(server.server.value()), "10.0.0.1:90");
}

TEST(IpvsadmArgs, ListOptions) {
    const auto command = parse("-Ln --stats --rate --exact --nosort --sort");
    EXPECT_TRUE(command.list.numeric);
    EXPECT_TRUE(command.list.exact);
    EXPECT_FALSE(command.list.sorted) << "--nosort wins, wherever it stands";
    EXPECT_EQ(command.list.view, ListView::stats) << "counters win over rates";
    EXPECT_EQ(parse("-LnX --rate --stats").list.view, ListView::stats);
    EXPECT_EQ(parse("-L --thresholds --rate").list.view, ListView::rate);
    EXPECT_EQ(parse("-L --persistent-conn --thresholds").list.view, ListView::thresholds);
    EXPECT_EQ(parse("-L --tun-info --persistent-conn").list.view, ListView::persistence);
    EXPECT_EQ(parse("-L --tun-info").list.view, ListView::tunnels);
    EXPECT_EQ(parse("-L").list.view, ListView::plain);
    EXPECT_TRUE(parse("-Lc --persistent-conn").list.engines);
    EXPECT_FALSE(parse("-Lc --tun-info").list.engines);
    EXPECT_EQ(parse("-Lcn").list.what, ListWhat::connections);
    EXPECT_EQ(parse("-L --timeout -n").list.what, ListWhat::timeouts);
    EXPECT_EQ(parse("-L --daemon").list.what, ListWhat::daemons);
    EXPECT_EQ(to_string(parse("-Ln -u 192.0.2.1").service.value().address), "192.0.2.1:0");
}

TEST(IpvsadmArgs, Addresses) {
    struct Row {
        const char* given;
        const char* meant;  ///< null: refused
    };
    for (const auto& [given, meant] : std::vector<Row>{{"1.2.3.4:80", "1.2.3.4:80"},
                                                       {"1.2.3.4:080", "1.2.3.4:80"},
                                                       {"1.2.3.4:+80", "1.2.3.4:80"},
                                                       {"1.2.3.4:http", "1.2.3.4:80"},
                                                       {"1.2.3.4:65535", "1.2.3.4:65535"},
                                                       {"web:http", "192.0.2.80:80"},
                                                       {"80:80", "0.0.0.80:80"},
                                                       {"1.2.3:80", "1.2.0.3:80"},
                                                       {"010.1.1.1:80", "8.1.1.1:80"},
                                                       {"[::1]:80", "[::1]:80"},
                                                       {"[::1]:http", "[::1]:80"},
                                                       {"[2001:DB8::A]:1", "[2001:db8::a]:1"},
                                                       {"1.2.3.4:65536", nullptr},
                                                       {"1.2.3.4:-1", nullptr},
                                                       {"1.2.3.4:0x50", nullptr},
                                                       {"1.2.3.4:80x", nullptr},
                                                       {"1.2.3.4:", nullptr},
                                                       {"1.2.3.4::80", nullptr},
                                                       {":80", nullptr},
                                                       {"80", nullptr},
                                                       {"256.1.1.1:80", nullptr},
                                                       {"unknown:80", nullptr},
                                                       {"1.2.3.4:unknown", nullptr},
                                                       {"[::1]", nullptr},
                                                       {"[::1]80", nullptr},
                                                       {"[::1]:", nullptr},
                                                       {"[::1:80", nullptr},
                                                       {"[1.2.3.4]:80", nullptr},
                                                       {"[fe80::1%eth0]:80", nullptr}}) {
        const auto line = std::string("-A -t ") + given;
        if (meant != nullptr)
            EXPECT_EQ(to_string(parse(line).service.value().address), meant);
        else
            EXPECT_EQ(refusal(line),
                      (Refusal{2, "illegal virtual server address[:port] specified"}))
                << given;
    }
    EXPECT_EQ(to_string(parse("-D -t 1::2:80").service.value().address), "[1::2:80]:0");
}

TEST(IpvsadmArgs, ServerTakesItsPortFromTheServiceBeforeIt) {
    const auto server = [](const char* line) { return to_string(parse(line).server.value()); };
    EXPECT_EQ(server("-a -t 1.2.3.4:80 -r 10.0.0.1 -m"), "10.0.0.1:80");
    EXPECT_EQ(server("-a -t 1.2.3.4:80 -r 10.0.0.1:0 -m"), "10.0.0.1:0");
    EXPECT_EQ(server("-a -r 10.0.0.1 -t 1.2.3.4:80 -m"), "10.0.0.1:0") << "too early to know it";
    EXPECT_EQ(server("-a -t 1.2.3.4:80 -r 10.0.0.1:http -m"), "10.0.0.1:80");
    EXPECT_EQ(server("-a -t [::1]:80 -r ::2 -m"), "[::2]:80");
    // Direct routing and tunnels leave the port alone.
    EXPECT_EQ(server("-a -t 1.2.3.4:80 -r 10.0.0.1:8080 -g"), "10.0.0.1:80");
    EXPECT_EQ(server("-a -t 1.2.3.4:80 -r 10.0.0.1:8080 -i"), "10.0.0.1:80");
    EXPECT_EQ(server("-d -t 1.2.3.4:80 -r 10.0.0.1:81"), "10.0.0.1:81");
    EXPECT_EQ(server("-a -f 7 -r 10.0.0.1 -g"), "10.0.0.1:0") << "a mark has no port";
    EXPECT_EQ(server("-a -f 7 -r 10.0.0.1:81 -g"), "10.0.0.1:81");
    EXPECT_EQ(server("-a -f 7 -6 -r [2001:db8::1]:81 -i"), "[2001:db8::1]:81");
    EXPECT_EQ(server("-a -t [::1]:80 -r 10.0.0.1:81 -i"), "10.0.0.1:80") << "tunnels change family";
    EXPECT_EQ(refusal("-a -r 10.0.0.1:http -t 1.2.3.4:80 -m"),
              (Refusal{2, "illegal real server address[:port] specified"}));
    EXPECT_EQ(refusal("-a -t 1.2.3.4:80 -r 5"),
              (Refusal{2, "illegal real server address[:port] specified"}));
}

TEST(IpvsadmArgs, TimeoutsAreTheThreeWordsOfSet) {
    const auto command = parse("--set 1 0 2678400");
    EXPECT_EQ(command.action, Action::set_timeouts);
    EXPECT_EQ(command.timeouts.tcp, 1U);
    EXPECT_EQ(command.timeouts.tcp_fin, 0U);
    EXPECT_EQ(command.timeouts.udp, 2678400U);
    EXPECT_EQ(refusal("--set 1 2"), (Refusal{2, "--set option requires 3 timeout values"}));
    EXPECT_EQ(refusal("--set 1 2 3 4"), (Refusal{2, "unexpected argument 4"}));
    EXPECT_EQ(refusal("--set x 2 3 4"), (Refusal{2, "invalid timeout value `x' specified"}));
    EXPECT_EQ(refusal("--set 1 2 2678401"),
              (Refusal{2, "invalid timeout value `2678401' specified"}));
    EXPECT_EQ(refusal("--set -1 2 3"), (Refusal{255, "-1: unknown option"}));
    EXPECT_EQ(refusal("--set=1 2 3"), advice);
}

TEST(IpvsadmArgs, CommandComesFirst) {
    for (const auto* line : {"-n -L", "-nL", "-t 1.2.3.4:80 -A", "-Q", "-Q -L", "--bogus", "extra",
                             "-", "--", "-- -L", "--list=5", "--flush", "--start-daemon"})
        EXPECT_EQ(refusal(line), advice) << line;
}

TEST(IpvsadmArgs, ParserErrors) {
    struct Row {
        const char* line;
        const char* text;
    };
    for (const auto& [line, text] :
         std::vector<Row>{{"-A -t", "-t: missing argument"},
                          {"-At", "-At: missing argument"},
                          {"-L --tcp-service", "--tcp-service: missing argument"},
                          {"-Lz", "-Lz: unknown option"},
                          {"-L -z extra", "-z: unknown option"},
                          {"-A --tcp-serv 1.2.3.4:80", "--tcp-serv: unknown option"},
                          {"-A -t 1.2.3.4:80 -p -1", "-1: unknown option"},
                          {"-Ln --stats=5", "--stats=5: option does not take an argument"},
                          {"-L -cn=1", "-cn=1: option does not take an argument"}})
        EXPECT_EQ(refusal(line), (Refusal{255, text}));
    // -R may read anything.
    const std::string zero("-L\0", 3);
    EXPECT_EQ(refusal(zero).status, 255);
}

TEST(IpvsadmArgs, Refusals) {
    struct Row {
        const char* line;
        const char* text;
    };
    for (const auto& [line, text] : std::vector<Row>{
             {"-A",
              "You need to supply the 'service-address' option for the 'add-service' command"},
             {"-a -t 1.2.3.4:80",
              "You need to supply the 'real-server' option for the 'add-server' command"},
             {"-A -n", "Illegal 'numeric' option with the 'add-service' command"},
             {"-C -t 1.2.3.4:80", "Illegal 'service-address' option with the 'flush' command"},
             {"-D -t 1.2.3.4:80 -s rr",
              "Illegal 'scheduler' option with the 'delete-service' command"},
             {"-d -t 1.2.3.4:80 -r 10.0.0.1 -m",
              "Illegal 'forwarding-method' option with the 'delete-server' command"},
             {"-A -t 1.2.3.4:80 -w 3", "Illegal 'weight' option with the 'add-service' command"},
             {"-list", "Illegal 'scheduler' option with the 'list' command"},
             {"-Z --nosort", "Illegal 'nosort' option with the 'zero' command"},
             {"-R -n", "Illegal 'numeric' option with the 'restore' command"},
             {"-A -t 1.2.3.4:80 -u 1.2.3.4:81", "multiple 'service-address' options specified"},
             {"-a -t 1.2.3.4:80 -r 1.1.1.1 -m -g",
              "multiple 'forwarding-method' options specified"},
             {"-Lnn", "multiple 'numeric' options specified"},
             {"-A -D", "invalid option `-D'"},
             {"-L -l", "invalid option `-l'"},
             {"-La", "invalid option `-La'"},
             {"-Ln --help", "invalid option `--help'"},
             {"-A -t 1.2.3.4:80 -s rr extra", "unexpected argument extra"},
             {"-L -- -n", "unexpected argument -n"},
             {"extra -L", "unexpected argument extra"},
             {"-A -t 1.2.3.4", "Zero port specified for non-persistent service"},
             {"-A -t 1.2.3.4:53 -o", "One-Packet Scheduling is only for UDP virtual services"},
             {"-a -t 1.2.3.4:80 -r 10.0.0.1 -w -5", "illegal weight specified"},
             {"-a -t 1.2.3.4:80 -r 10.0.0.1 -w 0x10", "illegal weight specified"},
             {"-a -t 1.2.3.4:80 -r 10.0.0.1 -w 2147483648", "illegal weight specified"},
             {"-a -t 1.2.3.4:80 -r 10.0.0.1 -x -1", "illegal u_threshold specified"},
             {"-a -t 1.2.3.4:80 -r 10.0.0.1 -y q", "illegal l_threshold specified"},
             {"-a -t 1.2.3.4:80 -r ::1 -g",
              "Different address family is allowed only for tunneling servers"},
             {"-A -f 0", "invalid fwmark value `0' specified"},
             {"-A -f 4294967296", "invalid fwmark value `4294967296' specified"},
             {"-A -6 -f 5", "-6 used before -f\n"},
             {"-A -t 1.2.3.4:80 -6", "-6 used before -f\n"},
             {"-a -f 5 -6 -r 10.0.0.1 -g",
              "Different address family is allowed only for tunneling servers"},
             {"-A -t [::1]:80 -p 5 -M 0", "illegal ipv6 netmask specified"},
             {"-A -t 1.2.3.4:80 -p 0", "invalid timeout value `0' specified"},
             {"-A -t 1.2.3.4:80 -ps rr", "invalid timeout value `s' specified"},
             {"-A -t 1.2.3.4:80 -p -M x", "illegal virtual server persistent mask specified"},
             {"-A -t [::1]:80 -p -M 129", "illegal ipv6 netmask specified"},
             {"-A -t 1.2.3.4:80 -b flag-1,bogus", "invalid scheduler flag `bogus'"},
             {"-A -t 1.2.3.4:80 -s mh -b sh-port", "incompatible scheduler flag `sh-port'"},
             {"-A -t 1.2.3.4:80 -s mh -b conhash-port",
              "incompatible scheduler flag `conhash-port'"},
             {"-Lnc -t 1.2.3.4:80",
              "The option 'service-address' conflicts with the 'connection' "
              "option in the 'list' command"},
             {"-L -t 1.2.3.4:80 --timeout --daemon",
              "The option 'timeout' conflicts with the 'service-address' option in the 'list' "
              "command"},
             {"-Lnc --stats", "options conflicts in the list command"},
             {"-L --timeout --persistent-conn", "options conflicts in the list command"},
             {"--start-daemon foo", "illegal start-daemon parameter specified"},
             {"--stop-daemon foo", "illegal start_daemon specified"},
             {"--start-daemon master --syncid 256", "illegal syncid specified"},
             {"--start-daemon master --mcast-port 0", "illegal mcast-port specified"},
             {"--start-daemon master --mcast-ttl 256", "illegal mcast-ttl specified"},
             {"--start-daemon master --sync-maxlen 0", "illegal sync-maxlen specified"},
             {"--start-daemon master --mcast-group 1.2.3.4", "invalid IPv4 mcast-group `1.2.3.4'"},
             {"--start-daemon master --mcast-group ::1", "invalid IPv6 mcast-group `::1'"}})
        EXPECT_EQ(refusal(line), (Refusal{2, text})) << line;
}

TEST(IpvsadmArgs, TunnelOptions) {
    const std::string server = "-a -t 1.2.3.4:80 -r 10.0.0.1 ";
    struct Row {
        const char* options;
        const char* text;
    };
    for (const auto& [options, text] : std::vector<Row>{
             {"-m --tun-type ipip", "Tunnel options conflict with forward method"},
             {"-i --tun-csum", "Illegal 'tun-csum' option with the 'ipip' tunnel type"},
             {"-i --tun-type foo", "illegal tunnel type specified"},
             {"-i --tun-type gue",
              "You need to supply the 'tun-port' option for the 'gue' tunnel type"},
             {"-i --tun-type gue --tun-port 0", "illegal tunnel port specified"},
             {"-i --tun-type gre --tun-port 5",
              "Illegal 'tun-port' option with the 'gre' tunnel type"},
             {"-i --tun-type gre --tun-remcsum",
              "Illegal 'tun-remcsum' option with the 'gre' tunnel type"},
             {"-i --tun-type gue --tun-port 5 --tun-remcsum --tun-csum",
              "The option 'tun-remcsum' conflicts with the 'tun-csum' option in the 'gue' tunnel "
              "type"}})
        EXPECT_EQ(refusal(server + options), (Refusal{2, text}));
}

TEST(IpvsadmArgs, Tunnels) {
    struct Row {
        const char* options;
        TunnelType type;
        std::uint16_t port;
        TunnelChecksum checksum;
    };
    for (const auto& row : std::vector<Row>{
             {"", TunnelType::ipip, 0, TunnelChecksum::none},
             {" --tun-type ipip", TunnelType::ipip, 0, TunnelChecksum::none},
             {" --tun-type gue --tun-port 6080", TunnelType::gue, 6080, TunnelChecksum::none},
             {" --tun-csum --tun-port 65535 --tun-type gue", TunnelType::gue, 65535,
              TunnelChecksum::full},
             {" --tun-type gue --tun-port 1 --tun-remcsum", TunnelType::gue, 1,
              TunnelChecksum::remote},
             {" --tun-type gre --tun-nocsum", TunnelType::gre, 0, TunnelChecksum::none},
             {" --tun-type gre --tun-csum", TunnelType::gre, 0, TunnelChecksum::full}}) {
        const auto options =
            parse(std::string("-a -t 1.2.3.4:80 -r 10.0.0.1 -i") + row.options).server_options;
        EXPECT_EQ(options.forward, Forward::tunnel);
        EXPECT_EQ(options.tunnel.type, row.type) << row.options;
        EXPECT_EQ(options.tunnel.port, row.port) << row.options;
        EXPECT_EQ(options.tunnel.checksum, row.checksum) << row.options;
    }
}

TEST(IpvsadmArgs, Thresholds) {
    const auto options = parse("-e -t 1.2.3.4:80 -r 1.1.1.1 -m -x 2147483647 -y 3").server_options;
    EXPECT_EQ(options.upper, 2147483647U);
    EXPECT_EQ(options.lower, 3U);
}

TEST(IpvsadmArgs, Marks) {
    const auto v4 = parse("-A -f 4294967295").service.value();
    EXPECT_EQ(v4.mark, 4294967295U);
    EXPECT_EQ(v4.address.address.family(), Family::ipv4);
    const auto v6 = parse("-Ln --fwmark-service 7 --ipv6").service.value();
    EXPECT_EQ(v6.mark, 7U);
    EXPECT_EQ(v6.address.address.family(), Family::ipv6);
    EXPECT_EQ(parse("-A -t 1.2.3.4:80").service.value().mark, 0U);
}

TEST(IpvsadmArgs, PersistenceAndItsMask) {
    struct Row {
        const char* options;
        std::uint32_t timeout;
        unsigned granularity;
    };
    for (const auto& row :
         std::vector<Row>{{"-t 1.2.3.4:80 -p", 360, 32},
                          {"-t 1.2.3.4 --persistent=60", 60, 32},
                          {"-t 1.2.3.4:80 -p 2678400 -M 255.255.255.0", 2678400, 24},
                          {"-M 255.255.0.0 -t 1.2.3.4:80 -p", 360, 16},
                          {"-t 1.2.3.4:80 -p -M 0.0.0.0", 360, 0},
                          {"-f 7 -M 255.128.0.0 -p", 360, 9},
                          {"-t [::1]:80 -p", 360, 128},
                          {"-t [::1]:80 -p 5 -M 64x", 5, 64},
                          {"-M 64 -t [::1]:80 -p 5", 5, 128},
                          {"-f 7 -6 -p -M 1", 360, 1},
                          {"-f 7 -M 255.255.0.0 -6 -p", 360, 128}}) {
        const auto command = parse(std::string("-A ") + row.options);
        ASSERT_TRUE(command.service_options.persistence) << row.options;
        EXPECT_EQ(command.service_options.persistence->timeout, row.timeout) << row.options;
        EXPECT_EQ(command.service_options.persistence->granularity, row.granularity) << row.options;
        EXPECT_EQ(command.unsupported, "");
    }
    EXPECT_FALSE(parse("-A -t 1.2.3.4:80 -M 255.0.0.0").service_options.persistence);
}

TEST(IpvsadmArgs, FlagsOfServices) {
    const auto options = parse("-A -u 1.2.3.4:53 -s sh -b sh-port,flag-3 --ops --pe sip -p");
    EXPECT_EQ(options.service_options.flags, SchedulerFlags(0b110));
    EXPECT_TRUE(options.service_options.one_packet);
    EXPECT_EQ(options.service_options.engine, "sip");
    const auto flags = [](const std::string& words) {
        return parse("-A -f 7 -o " + words).service_options.flags;
    };
    EXPECT_EQ(flags("-b mh-fallback,mh-port -s mh"), SchedulerFlags(0b011));
    EXPECT_EQ(flags("-s sh -b sh-fallback"), SchedulerFlags(0b001));
    EXPECT_EQ(flags("-b flag-1,flag-1,flag-2"), SchedulerFlags(0b011));
    EXPECT_EQ(flags("-b ,"), SchedulerFlags());
}

TEST(IpvsadmArgs, LegalButUnsupportedSaysWhy) {
    struct Row {
        const char* line;
        const char* reason;
    };
    for (const auto& [line, reason] :
         std::vector<Row>{{"--start-daemon master --mcast-interface eth0", ""},
                          {"--stop-daemon backup", ""},
                          {"-A -t 1.2.3.4:80 -p -M 255.0.255.0", "-M 255.0.255.0 is no prefix"},
                          {"-A -f 7 -p -M 24", "-M 24 is no prefix"},
                          {"-A -t 1.2.3.4:80 -M 255.0.255.0", ""}})
        EXPECT_EQ(parse(line).unsupported, reason) << line;
}

TEST(IpvsadmArgs, OnlyTheKindOptionLetsRestoreGoOn) {
    const auto kind = [](const std::string& line) {
        try {
            parse(line);
        } catch (const ArgsError& error) {
            return error.kind();
        }
        ADD_FAILURE() << line << " was accepted";
        return ArgsError::Kind::client;
    };
    EXPECT_EQ(kind("-A -z"), ArgsError::Kind::option);
    EXPECT_EQ(kind("-A -t"), ArgsError::Kind::option);
    EXPECT_EQ(kind("-z"), ArgsError::Kind::usage);
    EXPECT_EQ(kind("-A"), ArgsError::Kind::client);
}

}  // namespace
}  // namespace shunt::cli
