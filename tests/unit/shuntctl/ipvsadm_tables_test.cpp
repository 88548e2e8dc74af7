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

/// Two services in no particular order; every number comes from `n`.
std::vector<ServiceRow> services(std::uint64_t n) {
    return {{Protocol::udp, endpoint("[2001:db8::1]:53"), "rr", stats(n), {}},
            {Protocol::tcp,
             endpoint("192.0.2.10:80"),
             "wlc",
             stats(n),
             {{endpoint("10.1.0.13:8080"), "nat", 3, 2, 17, stats(n)},
              {endpoint("10.1.0.12:8081"), "dr", 4, 3, 17, stats(n + 1)}}}};
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

TEST(IpvsadmTables, OrderIsByFamilyProtocolAddressAndPort) {
    std::vector<ServiceRow> rows;
    for (const auto& [protocol, address] :
         std::vector<std::pair<Protocol, const char*>>{{Protocol::tcp, "[2001:db8::1]:80"},
                                                       {Protocol::udp, "10.0.0.1:53"},
                                                       {Protocol::tcp, "200.0.0.1:80"},
                                                       {Protocol::tcp, "9.0.0.1:443"},
                                                       {Protocol::tcp, "9.0.0.1:80"}})
        rows.push_back({protocol, endpoint(address), "rr", {}, {}});
    sort_services(rows);
    std::string order;
    for (const auto& row : rows)
        order += std::string(to_string(row.protocol)) + ' ' + to_string(row.address) + '\n';
    EXPECT_EQ(order,
              "tcp 9.0.0.1:80\ntcp 9.0.0.1:443\ntcp 200.0.0.1:80\nudp 10.0.0.1:53\n"
              "tcp [2001:db8::1]:80\n");
}

TEST(IpvsadmTables, LongNamesOfIpv4AreCut) {
    const std::vector<ServiceRow> rows = {{Protocol::tcp,
                                           endpoint("192.0.2.10:80"),
                                           "rr",
                                           {},
                                           {{endpoint("10.1.0.1:80"), "nat", 1, 0, 0, {}}}}};
    const EndpointText name = [](const Endpoint&, Protocol) {
        return std::string("a-rather-long-name.of-a-host.example:http");
    };
    EXPECT_EQ(service_table(rows, {}, name),
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "TCP  a-rather-long-name.of-a-host rr\n"
              "  -> a-rather-long-name.of-a-host Masq    1      0          0         \n");
}

TEST(IpvsadmTables, Connections) {
    const std::vector<ConnectionRow> rows = {
        {Protocol::tcp, endpoint("192.0.2.254:40000"), endpoint("198.51.100.10:80"),
         endpoint("192.168.10.1:80"), "ESTABLISHED", 899, 0},
        {Protocol::udp, endpoint("192.0.2.254:40001"), endpoint("198.51.100.10:53"),
         endpoint("192.168.10.1:53"), "UDP", 6001, 1},
        {Protocol::tcp, endpoint("255.255.255.255:40000"), endpoint("255.255.255.255:80"),
         endpoint("255.255.255.255:80"), "TIME_WAIT", 59, 0}};
    EXPECT_EQ(connection_title() + connection_lines(rows, numeric_text),
              "IPVS connection entries\n"
              "pro expire state       source             virtual            destination\n"
              "TCP 14:59  ESTABLISHED 192.0.2.254:40000  198.51.100.10:80   192.168.10.1:80\n"
              "UDP 100:01 UDP         192.0.2.254:40001  198.51.100.10:53   192.168.10.1:53\n"
              "TCP 00:59  TIME_WAIT   255.255.255.255:40000 255.255.255.255:80 "
              "255.255.255.255:80\n");
}

TEST(IpvsadmTables, Timeouts) {
    EXPECT_EQ(timeout_line(900, 120, 300), "Timeout (tcp tcpfin udp): 900 120 300\n");
}

TEST(IpvsadmTables, SavedLinesCanBeRestored) {
    auto rows = services(1);
    sort_services(rows);
    rows[0].servers.push_back({endpoint("10.1.0.14:80"), "tun", 0, 0, 0, {}});
    rows[0].servers.push_back({endpoint("10.1.0.15:80"), "local", 2, 0, 0, {}});
    EXPECT_EQ(save_lines(rows, numeric_text),
              "-A -t 192.0.2.10:80 -s wlc\n"
              "-a -t 192.0.2.10:80 -r 10.1.0.12:8081 -g -w 4\n"
              "-a -t 192.0.2.10:80 -r 10.1.0.13:8080 -m -w 3\n"
              "-a -t 192.0.2.10:80 -r 10.1.0.14:80 -i -w 0 --tun-type ipip\n"
              "-a -t 192.0.2.10:80 -r 10.1.0.15:80 -g -w 2\n"
              "-A -u [2001:db8::1]:53 -s rr\n");
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
