// SPDX-License-Identifier: BSD-3-Clause
// The expected texts are what ipvsadm 1.31 prints for the same numbers, trailing blanks included.
#include "shuntctl/ipvsadm_tables.h"

#include <gtest/gtest.h>

namespace shunt::cli {
namespace {

Endpoint endpoint(std::string_view text) {
    return parse_endpoint(text).value();
}

StatsRow stats(std::uint64_t n) {
    const auto rate = static_cast<double>(n);
    return {{n, n * 10, n / 2, n * 1000, n * 123456},
            {static_cast<double>(n % 1000), rate, rate + 1, rate * 100, rate * 99}};
}

ServiceRow service(Protocol protocol, std::string_view address, const std::string& scheduler) {
    ServiceRow row;
    row.protocol = protocol;
    row.address = endpoint(address);
    row.scheduler = scheduler;
    return row;
}

ServiceRow on_mark(std::uint64_t mark, Family family, const std::string& scheduler) {
    ServiceRow row;
    row.mark = mark;
    if (family == Family::ipv6) row.address.address = Ipv6Address{};
    row.scheduler = scheduler;
    return row;
}

ServerRow server(std::string_view address, const std::string& forward, std::uint64_t weight = 1) {
    ServerRow row;
    row.address = endpoint(address);
    row.forward = forward;
    row.weight = weight;
    return row;
}

ServerRow tunnel(std::string_view address, const TunnelRow& about) {
    auto row = server(address, "tunnel");
    row.tunnel = about;
    return row;
}

/// Two services in no particular order; every number comes from `n`.
std::vector<ServiceRow> services(std::uint64_t n) {
    std::vector<ServiceRow> rows{service(Protocol::udp, "[2001:db8::1]:53", "rr"),
                                 service(Protocol::tcp, "192.0.2.10:80", "wlc")};
    for (auto& row : rows) row.stats = stats(n);
    auto first = server("10.1.0.13:8080", "nat", 3);
    first.active = 2;
    first.inactive = 17;
    first.stats = stats(n);
    auto second = server("10.1.0.12:8081", "direct", 4);
    second.active = 3;
    second.inactive = 17;
    second.stats = stats(n + 1);
    rows[1].servers = {first, second};
    return rows;
}

/// Services with everything that the command can say.
std::vector<ServiceRow> rich_services() {
    auto web = service(Protocol::tcp, "192.0.2.10:80", "wlc");
    web.flags = {"flag-1"};
    web.persistence = {360, 24};
    auto limited = server("10.1.0.11:80", "direct");
    limited.upper = 100;
    limited.lower = 50;
    limited.persistent = 7;
    web.servers = {limited, server("10.1.0.12:80", "nat", 2),
                   tunnel("10.1.0.13:80", {"ipip", 0, "none"})};

    auto voice = service(Protocol::udp, "192.0.2.10:5060", "sh");
    voice.flags = {"sh-port", "one_packet", "sh-fallback"};
    voice.persistence = {60, {}};
    voice.engine = "sip";
    auto names = service(Protocol::udp, "192.0.2.10:53", "mh");
    names.flags = {"one_packet", "mh-port", "flag-3"};
    auto flagged = service(Protocol::tcp, "192.0.2.10:81", "rr");
    flagged.flags = {"flag-3", "flag-2", "flag-1", "unheard-of"};
    auto idle = service(Protocol::tcp, "192.0.2.10:82", "sh");
    idle.flags = {"flag-3"};
    idle.engine = "sip";
    auto sctp = service(Protocol::sctp, "192.0.2.10:99", "lc");
    sctp.servers = {server("10.1.0.11:99", "nat")};

    auto v6 = service(Protocol::tcp, "[2001:db8:1::10]:80", "wlc");
    v6.persistence = {100, 64};
    v6.servers = {tunnel("[2001:db8:2::11]:80", {"gue", 6080, "full"}),
                  tunnel("[2001:db8:2::12]:80", {"gue", 6080, "remote"}),
                  tunnel("[2001:db8:2::13]:80", {"gue", 60801, "none"}),
                  tunnel("[2001:db8:2::14]:80", {"gre", 0, "full"}),
                  tunnel("[2001:db8:2::15]:80", {"gre", 0, "none"}),
                  tunnel("10.1.0.15:80", {"ipip", 0, "none"})};

    auto mark = on_mark(7, Family::ipv4, "rr");
    mark.persistence = {30, 16};
    mark.servers = {server("10.1.0.12:8080", "nat"), server("10.1.0.11:0", "direct")};
    auto mark_v6 = on_mark(7, Family::ipv6, "rr");
    mark_v6.persistence = {360, {}};
    mark_v6.servers = {server("[2001:db8:2::11]:0", "direct")};
    auto last = on_mark(12345, Family::ipv4, "wrr");
    last.flags = {"one_packet"};
    last.servers = {tunnel("10.1.0.14:0", {"gue", 5, "none"})};

    std::vector<ServiceRow> rows{last, mark_v6, v6,      mark, on_mark(3, Family::ipv6, "rr"),
                                 sctp, names,   flagged, idle, voice,
                                 web};
    sort_services(rows);
    return rows;
}

std::string rich_table(ListView view) {
    return service_table(rich_services(), {.view = view}, numeric_text);
}

std::string table(std::uint64_t n, ListView view, bool exact = false) {
    auto rows = services(n);
    sort_services(rows);
    return service_table(rows, {.view = view, .exact = exact}, numeric_text);
}

TEST(IpvsadmTables, VersionLine) {
    EXPECT_EQ(version_line(4096), "IP Virtual Server version 1.2.1 (size=4096)\n");
}

TEST(IpvsadmTables, Plain) {
    EXPECT_EQ(table(12, ListView::plain),
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "TCP  192.0.2.10:80 wlc\n"
              "  -> 10.1.0.12:8081               Route   4      3          17        \n"
              "  -> 10.1.0.13:8080               Masq    3      2          17        \n"
              "UDP  [2001:db8::1]:53 rr\n");
}

TEST(IpvsadmTables, Counters) {
    EXPECT_EQ(table(12, ListView::stats),
              "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
              "  -> RemoteAddress:Port\n"
              "TCP  192.0.2.10:80                      12      120        6    12000  1481472\n"
              "  -> 10.1.0.12:8081                     13      130        6    13000  1604928\n"
              "  -> 10.1.0.13:8080                     12      120        6    12000  1481472\n"
              "UDP  [2001:db8::1]:53                   12      120        6    12000  1481472\n");
}

TEST(IpvsadmTables, LargeCounters) {
    EXPECT_EQ(table(123456789, ListView::stats),
              "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
              "  -> RemoteAddress:Port\n"
              "TCP  192.0.2.10:80                 123456K    1234M 61728394     123G   15241G\n"
              "  -> 10.1.0.12:8081                123456K    1234M 61728395     123G   15241G\n"
              "  -> 10.1.0.13:8080                123456K    1234M 61728394     123G   15241G\n"
              "UDP  [2001:db8::1]:53              123456K    1234M 61728394     123G   15241G\n");
}

TEST(IpvsadmTables, ExactCounters) {
    EXPECT_EQ(table(123456789, ListView::stats, true),
              "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
              "  -> RemoteAddress:Port\n"
              "TCP  192.0.2.10:80                123456789 1234567890 61728394 123456789000 "
              "15241481342784\n"
              "  -> 10.1.0.12:8081               123456790 1234567900 61728395 123456790000 "
              "15241481466240\n"
              "  -> 10.1.0.13:8080               123456789 1234567890 61728394 123456789000 "
              "15241481342784\n"
              "UDP  [2001:db8::1]:53             123456789 1234567890 61728394 123456789000 "
              "15241481342784\n");
}

TEST(IpvsadmTables, RatesOfServersAreShortenedOnlyInBytes) {
    EXPECT_EQ(table(123456789, ListView::rate),
              "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n"
              "  -> RemoteAddress:Port\n"
              "TCP  192.0.2.10:80                     789  123456K  123456K   12345M   12222M\n"
              "  -> 10.1.0.12:8081                    790 123456790 123456791   12345M   12222M\n"
              "  -> 10.1.0.13:8080                    789 123456789 123456790   12345M   12222M\n"
              "UDP  [2001:db8::1]:53                  789  123456K  123456K   12345M   12222M\n");
}

TEST(IpvsadmTables, FlagsOfServices) {
    EXPECT_EQ(rich_table(ListView::plain),
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "TCP  192.0.2.10:80 wlc (flag-1) persistent 360 mask 255.255.255.0\n"
              "  -> 10.1.0.11:80                 Route   1      0          0         \n"
              "  -> 10.1.0.12:80                 Masq    2      0          0         \n"
              "  -> 10.1.0.13:80                 Tunnel  1      0          0         \n"
              "TCP  192.0.2.10:81 rr (flag-1,flag-2,flag-3)\n"
              "TCP  192.0.2.10:82 sh\n"
              "UDP  192.0.2.10:53 mh (mh-port) ops\n"
              "UDP  192.0.2.10:5060 sh (sh-fallback,sh-port) persistent 60 pe sip ops\n"
              "SCTP 192.0.2.10:99 lc\n"
              "  -> 10.1.0.11:99                 Masq    1      0          0         \n"
              "TCP  [2001:db8:1::10]:80 wlc persistent 100 mask 64\n"
              "  -> 10.1.0.15:80                 Tunnel  1      0          0         \n"
              "  -> [2001:db8:2::11]:80          Tunnel  1      0          0         \n"
              "  -> [2001:db8:2::12]:80          Tunnel  1      0          0         \n"
              "  -> [2001:db8:2::13]:80          Tunnel  1      0          0         \n"
              "  -> [2001:db8:2::14]:80          Tunnel  1      0          0         \n"
              "  -> [2001:db8:2::15]:80          Tunnel  1      0          0         \n"
              "FWM  3 IPv6 rr\n"
              "FWM  7 rr persistent 30 mask 255.255.0.0\n"
              "  -> 10.1.0.11:0                  Route   1      0          0         \n"
              "  -> 10.1.0.12:8080               Masq    1      0          0         \n"
              "FWM  7 IPv6 rr persistent 360\n"
              "  -> [2001:db8:2::11]:0           Route   1      0          0         \n"
              "FWM  12345 wrr ops\n"
              "  -> 10.1.0.14:0                  Tunnel  1      0          0         \n");
}

/// The first lines of a table.
std::string head(const std::string& table, int lines) {
    std::size_t end = 0;
    for (; lines > 0; --lines) end = table.find('\n', end) + 1;
    return table.substr(0, end);
}

TEST(IpvsadmTables, Thresholds) {
    EXPECT_EQ(head(rich_table(ListView::thresholds), 5),
              "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
              "  -> RemoteAddress:Port\n"
              "TCP  192.0.2.10:80 wlc (flag-1) persistent 360 mask 255.255.255.0\n"
              "  -> 10.1.0.11:80                 100        50         0          0         \n"
              "  -> 10.1.0.12:80                 0          0          0          0         \n");
}

TEST(IpvsadmTables, PersistentConnections) {
    EXPECT_EQ(head(rich_table(ListView::persistence), 5),
              "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n"
              "  -> RemoteAddress:Port\n"
              "TCP  192.0.2.10:80 wlc (flag-1) persistent 360 mask 255.255.255.0\n"
              "  -> 10.1.0.11:80                 1         7           0          0         \n"
              "  -> 10.1.0.12:80                 2         0           0          0         \n");
}

TEST(IpvsadmTables, Tunnels) {
    const auto table = rich_table(ListView::tunnels);
    EXPECT_EQ(head(table, 6),
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn "
              "InActConn\n"
              "TCP  192.0.2.10:80 wlc (flag-1) persistent 360 mask 255.255.255.0\n"
              "  -> 10.1.0.11:80                 Route   n/a           1      0          0       "
              "  \n"
              "  -> 10.1.0.12:80                 Masq    n/a           2      0          0       "
              "  \n"
              "  -> 10.1.0.13:80                 Tunnel  ipip          1      0          0       "
              "  \n");
    const auto at = table.find("  -> 10.1.0.15:80");
    ASSERT_NE(at, table.npos);
    EXPECT_EQ(head(table.substr(at), 6),
              "  -> 10.1.0.15:80                 Tunnel  ipip          1      0          0       "
              "  \n"
              "  -> [2001:db8:2::11]:80          Tunnel  gue:6080:+c   1      0          0       "
              "  \n"
              "  -> [2001:db8:2::12]:80          Tunnel  gue:6080:r+c  1      0          0       "
              "  \n"
              "  -> [2001:db8:2::13]:80          Tunnel  gue:60801:-c  1      0          0       "
              "  \n"
              "  -> [2001:db8:2::14]:80          Tunnel  gre:+c        1      0          0       "
              "  \n"
              "  -> [2001:db8:2::15]:80          Tunnel  gre:-c        1      0          0       "
              "  \n");
}

TEST(IpvsadmTables, MarksHaveCountersToo) {
    std::vector<ServiceRow> rows{on_mark(7, Family::ipv6, "rr"), on_mark(7, Family::ipv4, "rr")};
    sort_services(rows);
    EXPECT_EQ(service_table(rows, {.view = ListView::stats}, numeric_text),
              "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
              "  -> RemoteAddress:Port\n"
              "FWM  7                                   0        0        0        0        0\n"
              "FWM  7 IPv6                              0        0        0        0        0\n");
}

TEST(IpvsadmTables, TheBalancerItselfIsLocal) {
    auto row = service(Protocol::tcp, "192.0.2.10:80", "rr");
    row.servers = {server("10.1.0.1:80", "direct")};
    row.servers[0].local = true;
    EXPECT_EQ(service_table({row}, {}, numeric_text),
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "TCP  192.0.2.10:80 rr\n"
              "  -> 10.1.0.1:80                  Local   1      0          0         \n");
    EXPECT_EQ(save_lines({row}, numeric_text),
              "-A -t 192.0.2.10:80 -s rr\n"
              "-a -t 192.0.2.10:80 -r 10.1.0.1:80 -g -w 1\n");
}

TEST(IpvsadmTables, MasksOfAllLengths) {
    struct Row {
        unsigned length;
        const char* mask;
    };
    for (const auto& [length, mask] : std::vector<Row>{
             {0, "0.0.0.0"}, {1, "128.0.0.0"}, {25, "255.255.255.128"}, {31, "255.255.255.254"}}) {
        auto row = service(Protocol::tcp, "192.0.2.10:80", "rr");
        row.persistence = {360, length};
        EXPECT_EQ(save_lines({row}, numeric_text),
                  std::string("-A -t 192.0.2.10:80 -s rr -p 360 -M ") + mask + '\n');
    }
}

TEST(IpvsadmTables, OrderIsByFamilyProtocolAddressAndPort) {
    std::vector<ServiceRow> rows;
    for (const auto& [protocol, address] :
         std::vector<std::pair<Protocol, const char*>>{{Protocol::tcp, "[2001:db8::1]:80"},
                                                       {Protocol::udp, "10.0.0.1:53"},
                                                       {Protocol::tcp, "200.0.0.1:80"},
                                                       {Protocol::tcp, "9.0.0.1:443"},
                                                       {Protocol::tcp, "9.0.0.1:80"}})
        rows.push_back(service(protocol, address, "rr"));
    sort_services(rows);
    std::string order;
    for (const auto& row : rows)
        order += std::string(to_string(row.protocol)) + ' ' + to_string(row.address) + '\n';
    EXPECT_EQ(order,
              "tcp 9.0.0.1:80\ntcp 9.0.0.1:443\ntcp 200.0.0.1:80\nudp 10.0.0.1:53\n"
              "tcp [2001:db8::1]:80\n");
}

TEST(IpvsadmTables, LongNamesOfIpv4AreCut) {
    auto row = service(Protocol::tcp, "192.0.2.10:80", "rr");
    row.servers = {server("10.1.0.1:80", "nat")};
    const EndpointText name = [](const Endpoint&, Protocol) {
        return std::string("a-rather-long-name.of-a-host.example:http");
    };
    EXPECT_EQ(service_table({row}, {}, name),
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "TCP  a-rather-long-name.of-a-host rr\n"
              "  -> a-rather-long-name.of-a-host Masq    1      0          0         \n");
}

TEST(IpvsadmTables, PortsOfMarksHaveNoNames) {
    auto row = on_mark(7, Family::ipv4, "rr");
    row.servers = {server("10.1.0.1:80", "nat")};
    std::vector<Protocol> asked;
    const EndpointText text = [&asked](const Endpoint& e, Protocol protocol) {
        asked.push_back(protocol);
        return to_string(e);
    };
    service_table({row}, {}, text);
    save_lines({row}, text);
    EXPECT_EQ(asked, (std::vector{Protocol::none, Protocol::none}));
}

ConnectionRow connection(const std::string& protocol, std::string_view client,
                         std::string_view destination, std::string_view server,
                         const std::string& state, std::uint64_t expires) {
    ConnectionRow row;
    row.protocol = protocol;
    row.client = endpoint(client);
    row.destination = endpoint(destination);
    row.server = endpoint(server);
    row.state = state;
    row.expires = expires;
    return row;
}

TEST(IpvsadmTables, Connections) {
    const std::vector<ConnectionRow> rows = {
        connection("tcp", "192.0.2.254:40000", "198.51.100.10:80", "192.168.10.1:80", "ESTABLISHED",
                   899),
        connection("udp", "192.0.2.254:40001", "198.51.100.10:53", "192.168.10.1:53", "UDP", 6001),
        connection("sctp", "[2001:db8:c::7]:40002", "[2001:db8:1::10]:80", "10.1.0.11:80",
                   "ESTABLISHED", 60),
        connection("ip", "10.0.0.0:0", "0.0.0.1:0", "192.168.10.1:0", "ASSURED", 312),
        connection("tcp", "255.255.255.255:40000", "255.255.255.255:80", "255.255.255.255:80",
                   "TIME_WAIT", 59)};
    EXPECT_EQ(connection_title(false) + connection_lines(rows, false, numeric_text),
              "IPVS connection entries\n"
              "pro expire state       source             virtual            destination\n"
              "TCP 14:59  ESTABLISHED 192.0.2.254:40000  198.51.100.10:80   192.168.10.1:80\n"
              "UDP 100:01 UDP         192.0.2.254:40001  198.51.100.10:53   192.168.10.1:53\n"
              "SCTP 01:00  ESTABLISHED [2001:db8:c::7]:40002 [2001:db8:1::10]:80 10.1.0.11:80\n"
              "IP  05:12  ASSURED     10.0.0.0:0         0.0.0.1:0          192.168.10.1:0\n"
              "TCP 00:59  TIME_WAIT   255.255.255.255:40000 255.255.255.255:80 "
              "255.255.255.255:80\n");
}

TEST(IpvsadmTables, PersistenceEngines) {
    std::vector<ConnectionRow> rows = {
        connection("udp", "198.51.100.8:40000", "192.0.2.10:5060", "10.1.0.11:5060", "UDP", 298),
        connection("udp", "198.51.100.7:0", "192.0.2.10:5060", "10.1.0.11:5060", "NONE", 58)};
    rows[1].engine = "sip";
    rows[1].engine_data = "abc@host.example";
    EXPECT_EQ(connection_title(true) + connection_lines(rows, true, numeric_text),
              "IPVS connection entries\n"
              "pro expire state       source             virtual            destination        pe "
              "name          pe_data\n"
              "UDP 04:58  UDP         198.51.100.8:40000 192.0.2.10:5060    10.1.0.11:5060\n"
              "UDP 00:58  NONE        198.51.100.7:0     192.0.2.10:5060    10.1.0.11:5060   sip  "
              "              abc@host.example\n");
    EXPECT_EQ(connection_lines(rows, false, numeric_text).find("sip"), std::string::npos);
}

TEST(IpvsadmTables, Timeouts) {
    EXPECT_EQ(timeout_line(900, 120, 300), "Timeout (tcp tcpfin udp): 900 120 300\n");
}

constexpr const char* saved =
    "-A -t 192.0.2.10:80 -s wlc -p 360 -M 255.255.255.0 -b flag-1\n"
    "-a -t 192.0.2.10:80 -r 10.1.0.11:80 -g -w 1\n"
    "-a -t 192.0.2.10:80 -r 10.1.0.12:80 -m -w 2\n"
    "-a -t 192.0.2.10:80 -r 10.1.0.13:80 -i -w 1 --tun-type ipip\n"
    "-A -t 192.0.2.10:81 -s rr -b flag-1,flag-2,flag-3\n"
    "-A -t 192.0.2.10:82 -s sh --pe sip\n"
    "-A -u 192.0.2.10:53 -s mh -o -b mh-port\n"
    "-A -u 192.0.2.10:5060 -s sh -p 60 --pe sip -o -b sh-fallback,sh-port\n"
    "-A --sctp-service 192.0.2.10:99 -s lc\n"
    "-a --sctp-service 192.0.2.10:99 -r 10.1.0.11:99 -m -w 1\n"
    "-A -t [2001:db8:1::10]:80 -s wlc -p 100 -M 64\n"
    "-a -t [2001:db8:1::10]:80 -r 10.1.0.15:80 -i -w 1 --tun-type ipip\n"
    "-a -t [2001:db8:1::10]:80 -r [2001:db8:2::11]:80 -i -w 1 --tun-type gue --tun-port 6080 "
    "--tun-csum\n"
    "-a -t [2001:db8:1::10]:80 -r [2001:db8:2::12]:80 -i -w 1 --tun-type gue --tun-port 6080 "
    "--tun-remcsum\n"
    "-a -t [2001:db8:1::10]:80 -r [2001:db8:2::13]:80 -i -w 1 --tun-type gue --tun-port 60801 "
    "--tun-nocsum\n"
    "-a -t [2001:db8:1::10]:80 -r [2001:db8:2::14]:80 -i -w 1 --tun-type gre --tun-csum\n"
    "-a -t [2001:db8:1::10]:80 -r [2001:db8:2::15]:80 -i -w 1 --tun-type gre --tun-nocsum\n"
    "-A -f 3 -6 -s rr\n"
    "-A -f 7 -s rr -p 30 -M 255.255.0.0\n"
    "-a -f 7 -r 10.1.0.11:0 -g -w 1\n"
    "-a -f 7 -r 10.1.0.12:8080 -m -w 1\n"
    "-A -f 7 -6 -s rr -p 360\n"
    "-a -f 7 -6 -r [2001:db8:2::11]:0 -g -w 1\n"
    "-A -f 12345 -s wrr -o\n"
    "-a -f 12345 -r 10.1.0.14:0 -i -w 1 --tun-type gue --tun-port 5 --tun-nocsum\n";

TEST(IpvsadmTables, SavedLines) {
    EXPECT_EQ(save_lines(rich_services(), numeric_text), saved);
}

TEST(IpvsadmTables, AServerThatIsDownHasNoWeightButIsSavedWithIt) {
    ServiceRow service;
    service.protocol = Protocol::tcp;
    service.address = parse_endpoint("192.0.2.10:80").value();
    service.scheduler = "rr";
    ServerRow server;
    server.address = parse_endpoint("10.1.0.11:80").value();
    server.forward = "nat";
    server.weight = 3;
    server.effective_weight = 0;
    server.health = "down";
    service.servers = {server};
    for (const auto view : {ListView::plain, ListView::persistence, ListView::tunnels}) {
        const auto table = service_table({service}, {.view = view, .numeric = true}, numeric_text);
        const auto line = table.substr(table.find("10.1.0.11:80"));
        EXPECT_EQ(line.find('3'), line.npos) << line;
        EXPECT_NE(line.find(" 0 "), line.npos) << line;
    }
    EXPECT_EQ(save_lines({service}, numeric_text),
              "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 10.1.0.11:80 -m -w 3\n");
}

TEST(IpvsadmTables, LargeNumbers) {
    struct Row {
        std::uint64_t value;
        const char* shown;
        const char* exact;
    };
    for (const auto& [value, shown, exact] :
         std::vector<Row>{{0, "        0", "        0"},
                          {99'999'999, " 99999999", " 99999999"},
                          {100'000'000, "  100000K", " 100000000"},
                          {999'999'999, "  999999K", " 999999999"},
                          {1'000'000'000, "    1000M", " 1000000000"},
                          {99'999'999'999, "   99999M", " 99999999999"},
                          {100'000'000'000, "     100G", " 100000000000"},
                          {99'999'999'999'999, "   99999G", " 99999999999999"},
                          {100'000'000'000'000, "     100T", " 100000000000000"},
                          {~0ULL, "18446744T", " 18446744073709551615"}}) {
        EXPECT_EQ(large_number(value, false), shown);
        EXPECT_EQ(large_number(value, true), exact);
    }
}

}  // namespace
}  // namespace shunt::cli
