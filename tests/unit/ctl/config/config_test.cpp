// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/config/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "sched/registry.h"

namespace shunt::ctl {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> schedulers{"lc", "rr", "wlc", "wrr"};

/// What stands in line 1 of most rows, so that only the line under test can be wrong.
const std::string port_line = "ports = ( { name = \"p0\"; device = \"net_null0\"; } );\n";

Config parse(const std::string& text) {
    return parse_config(text, "FILE", schedulers);
}

const std::string no_error = "no error";

/// The error of a text, or no_error.
std::string error_of(const std::string& text) {
    try {
        parse(text);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return no_error;
}

std::string read_file(const fs::path& path) {
    std::ifstream file(path);
    EXPECT_TRUE(file.is_open()) << path;
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

const fs::path source_dir = SHUNT_SOURCE_DIR;

struct BadFile {
    std::string text;
    std::string error;  ///< without "FILE:"; a "*" at the end takes any rest
};

void expect_errors(const std::string& before, const std::vector<BadFile>& rows) {
    for (const auto& row : rows) {
        const auto error = error_of(before + row.text);
        EXPECT_EQ(error.find('\n'), std::string::npos) << error;
        auto expected = row.error == no_error ? row.error : "FILE:" + row.error;
        if (expected.back() == '*') {
            expected.pop_back();
            EXPECT_EQ(error.substr(0, expected.size()), expected) << row.text << "\n" << error;
        } else {
            EXPECT_EQ(error, expected) << row.text;
        }
    }
}

TEST(ConfigErrors, Syntax) {
    expect_errors(
        port_line,
        {
            {"workers = ;",
             "2: syntax: not understood here; look for a missing \";\", bracket or "
             "quote in this line or before it"},
            {"\n\nmemory = { size_mb = 64;", "4: syntax: *"},
            {"idle = adaptive;", "2: syntax: *"},
            {"log = { level = \"info }\n",
             "2: syntax: the text in quotes that starts here never "
             "ends"},
            {"\n/* lost\n\n", "3: syntax: the comment that starts here never ends"},
            {"workers = 1;\n\nworkers = 2;",
             "4: workers: is set a second time; the first is in "
             "line 2"},
            {"memory = { size_mb = 64; size_mb = 65; };",
             "2: size_mb: is set a second time; the first is in line 2"},
            {"worker_cpus = [ 1, true ];", "2: syntax: mismatched element type in array"},
            {"a = " + std::string(20000, '('), "2: syntax: groups and lists are nested too deep"},
            {"@include \"/etc/passwd\"", "2: @include: is possible only in a file"},
            {"workers = @include \"x\"",
             "2: syntax: \"@\" is only for a line of its own: @include "
             "\"FILE\""},
            {std::string("workers\0= 1", 11), "2: file: a zero byte; this is no text"},
            {"workers = 1 # no newline at the end \" */", no_error},
        });
}

TEST(ConfigErrors, UnknownKeys) {
    expect_errors(
        port_line,
        {
            {"wokers = 2;", "2: wokers: unknown key; did you mean \"workers\"?"},
            {"Idle = \"poll\";", "2: Idle: unknown key; did you mean \"idle\"?"},
            {"memory = { hugepages = \"on\"; };",
             "2: memory.hugepages: unknown key; did you mean \"huge_pages\"?"},
            {"socket = {\n  colour = 1;\n};",
             "3: socket.colour: unknown key; known here: path, mode, group, readers, "
             "clients, clients_of_user, rate"},
            {"timeouts = { tpc = 1; };",
             "2: timeouts.tpc: unknown key; known here: tcp, tcp_fin, udp"},
            {"services = ( { addr = \"192.0.2.1:80\"; } );", "2: services[0].addr: unknown key; *"},
        });
}

TEST(ConfigErrors, TypesAndRanges) {
    expect_errors(
        port_line,
        {
            {"workers = \"2\";", "2: workers: is text in quotes, expected a number, 1 to 64"},
            {"workers = true;", "2: workers: is true or false, expected a number, 1 to 64"},
            {"workers = 1.5;",
             "2: workers: is a number with a fraction, expected a number, 1 to "
             "64"},
            {"workers = 0;", "2: workers: 0 is out of range, expected 1 to 64"},
            {"workers = -1;", "2: workers: -1 is out of range, expected 1 to 64"},
            {"workers = 65L;", "2: workers: 65 is out of range, expected 1 to 64"},
            {"workers = 4294967297;", "2: workers: 4294967297 is out of range, expected 1 to 64"},
            {"workers = 0x41;", "2: workers: 65 is out of range, expected 1 to 64"},
            {"workers = (1);", "2: workers: is a list (...), expected a number, 1 to 64"},
            {"connections = 1000;",
             "2: connections: 1000 is out of range, expected 0 or 1024 to 500000000"},
            {"memory = { size_mb = 63; };",
             "2: memory.size_mb: 63 is out of range, expected 0 or 64 to 1048576"},
            {"memory = 64;", "2: memory: is a number, expected a group {...}"},
            {"memory = { huge_pages = true; };",
             "2: memory.huge_pages: is true or false, expected text in quotes"},
            {"memory = { huge_pages = \"yes\"; };",
             "2: memory.huge_pages: \"yes\" is not known, expected one of \"auto\", \"on\", "
             "\"off\""},
            {"idle = \"sleep\";",
             "2: idle: \"sleep\" is not known, expected one of \"adaptive\", \"poll\""},
            {"log = { level = \"INFO\"; };", "2: log.level: \"INFO\" is not known, *"},
            {"timeouts = { udp = 0; };",
             "2: timeouts.udp: 0 is out of range, expected 1 to 2678400"},
            {"worker_cpus = 3;", "2: worker_cpus: is a number, expected an array of numbers [...]"},
            {"worker_cpus = [\"0\"];",
             "2: worker_cpus[0]: is text in quotes, expected a number, 0 to 1023"},
            {"worker_cpus = [1,\n2000];",
             "3: worker_cpus[1]: 2000 is out of range, expected 0 to 1023"},
            {"workers = 2;\nworker_cpus = [0, 1, 2];",
             "3: worker_cpus: names 3 CPUs for 2 workers, expected one each"},
            {"socket = { mode = 0660; };", "2: socket.mode: is a number, expected text in quotes"},
            {"socket = { mode = \"0680\"; };",
             "2: socket.mode: \"0680\" is no access mode, expected an octal number \"0000\" to "
             "\"0777\""},
            {"socket = { mode = \"1777\"; };", "2: socket.mode: \"1777\" is no access mode, *"},
            {"socket = { path = \"shunt.sock\"; };",
             "2: socket.path: \"shunt.sock\" is not usable, expected an absolute path"},
            {"socket = { path = \"/" + std::string(107, 'x') + "\"; };",
             "2: socket.path: the path has 108 characters, a socket can have 107"},
            {"socket = { path = \"/" + std::string(106, 'x') + "\"; };", no_error},
            {"socket = { group = \"a b\"; };",
             "2: socket.group: \"a b\" cannot name a group of users"},
            {"socket = { readers = \"watch\"; };",
             "2: socket.readers: its members cannot open the socket, expected socket.mode to be "
             "\"0666\"; who is in neither group is refused all the same"},
            {"socket = { mode = \"0664\"; readers = \"watch\"; };", "2: socket.readers: its *"},
            {"socket = { mode = \"0666\"; readers = \"watch\"; };", no_error},
            {"socket = { clients = 0; };", "2: socket.clients: *"},
            {"socket = { rate = 1000001; };", "2: socket.rate: *"},
            {"exit_when_idle_ms = 86400001;",
             "2: exit_when_idle_ms: 86400001 is out of range, expected 0 to 86400000"},
        });
}

TEST(ConfigErrors, Ports) {
    const std::string name = "name = \"p0\"; ";
    const std::string device = "device = \"net_null0\"; ";
    expect_errors(
        "\n",
        {
            {"workers = 1;", "1: ports: is missing"},
            {"ports = ();", "2: ports: is empty, expected at least one port"},
            {"ports = [];", "2: ports: is an array [...], expected a list ( {...}, ... )"},
            {"ports = ( 5 );", "2: ports[0]: is a number, expected a group {...}"},
            {"ports = ( { " + device + "} );", "2: ports[0].name: is missing"},
            {"ports = ( { " + name + "} );", "2: ports[0].device: is missing"},
            {"ports = (\n{\n" + device + "\n}\n);", "3: ports[0].name: is missing"},
            {"ports = ( { name = \"\"; " + device + "} );",
             "2: ports[0].name: \"\" cannot name an interface, expected 1 to 15 letters, digits, "
             "\".\", \"_\" or \"-\""},
            {"ports = ( { name = \"sixteen-letters-\"; " + device + "} );",
             "2: ports[0].name: \"sixteen-letters-\" cannot name an interface, *"},
            {"ports = ( { name = \"..\"; " + device + "} );", "2: ports[0].name: *"},
            {"ports = ( { name = \"a/b\"; " + device + "} );", "2: ports[0].name: *"},
            {"ports = ( { " + name + "device = \"eth0\"; } );",
             "2: ports[0].device: \"eth0\" is no device, expected a PCI address such as "
             "0000:01:00.0 or a DPDK device such as net_af_packet,iface=eth1"},
            {"ports = ( { " + name + "device = \"net_pcap, rx_pcap=a\"; } );",
             "2: ports[0].device: *"},
            {"ports = ( { " + name + device + "queues = 65; } );",
             "2: ports[0].queues: 65 is out of range, expected 0 to 64"},
            {"ports = ( { " + name + device + "twin = false; } );",
             "2: ports[0].twin: must be true with network.provider = \"kernel\": the twin's "
             "addresses and routes are the port's"},
            {"ports = ( { " + name + device + "twin = 1; } );",
             "2: ports[0].twin: is a number, expected true or false"},
            {"ports = ( { " + name + device + "mac = \"2:0:0:0:0:1\"; } );",
             "2: ports[0].mac: \"2:0:0:0:0:1\" is no link address, expected such as "
             "02:00:00:00:00:01"},
            {"ports = ( { " + name + device + "mac = \"01:00:5e:00:00:01\"; } );",
             "2: ports[0].mac: \"01:00:5e:00:00:01\" is not the address of one interface"},
            {"ports = ( { " + name + device + "mtu = 67; } );",
             "2: ports[0].mtu: 67 is out of range, expected 0 or 68 to 9216"},
            {"ports = ( { " + name + device + "},\n{ " + name + "device = \"net_null1\"; } );",
             "3: ports[1].name: the same as ports[0].name in line 2"},
            {"ports = ( { name = \"a\"; device = \"0000:0A:00.0,x=1\"; },\n"
             "{ name = \"b\"; device = \"0a:00.0\"; } );",
             "3: ports[1].device: the same as ports[0].device in line 2"},
        });
}

TEST(ConfigErrors, Network) {
    const std::string fixed = "network = { provider = \"static\"; ";
    const auto address = [&](const std::string& entry) {
        return fixed + "addresses = ( { " + entry + " } ); };";
    };
    const auto route = [&](const std::string& entry) {
        return fixed + "routes = ( { " + entry + " } ); };";
    };
    const auto neighbour = [&](const std::string& entry) {
        return fixed + "neighbours = ( { " + entry + " } ); };";
    };
    const std::string p0 = "port = \"p0\"; ";
    const std::string mac = "mac = \"02:00:00:00:00:01\"; ";
    expect_errors(
        port_line,
        {
            {"network = { provider = \"bird\"; };",
             "2: network.provider: \"bird\" is not known, expected one of \"kernel\", \"static\""},
            {"network = { addresses = (); };",
             "2: network.addresses: is possible only with network.provider = \"static\""},
            {"network = { routes = (); };",
             "2: network.routes: is possible only with network.provider = \"static\""},
            {address("address = \"192.0.2.1/24\";"), "2: network.addresses[0].port: is missing"},
            {address(p0), "2: network.addresses[0].address: is missing"},
            {address("port = \"p9\"; address = \"192.0.2.1/24\";"),
             "2: network.addresses[0].port: \"p9\" is not the name of a port, expected one of: p0"},
            {address(p0 + "address = \"192.0.2/24\";"),
             "2: network.addresses[0].address: \"192.0.2/24\" is no address with a prefix length, "
             "expected such as 192.0.2.1/24 or 2001:db8::1/64"},
            {address(p0 + "address = \"192.0.2.1/33\";"),
             "2: network.addresses[0].address: \"192.0.2.1/33\" has no prefix length of 0 to 32, "
             "*"},
            {address(p0 + "address = \"2001:db8::1/129\";"),
             "2: network.addresses[0].address: \"2001:db8::1/129\" has no prefix length of 0 to "
             "128, *"},
            {address(p0 + "address = \"192.0.2.1/\";"), "2: network.addresses[0].address: *"},
            {address(p0 + "address = \"192.0.2.1/-1\";"), "2: network.addresses[0].address: *"},
            {address(p0 + "address = \"ff02::1/64\";"),
             "2: network.addresses[0].address: \"ff02::1/64\" is not an address that an interface "
             "can have"},
            {address(p0 + "address = \"192.0.2.1/24\"; vlan = 4095;"),
             "2: network.addresses[0].vlan: 4095 is out of range, expected 0 to 4094"},
            {fixed + "addresses = ( { " + p0 + "address = \"192.0.2.1/24\"; },\n{ " + p0 +
                 "address = \"192.0.2.1/25\"; } ); };",
             "3: network.addresses[1].address: the same as network.addresses[0].address in line 2"},
            {route("via = ( { port = \"p0\"; } );"), "2: network.routes[0].to: is missing"},
            {route("to = \"10.0.0.0/8\";"), "2: network.routes[0].via: is missing"},
            {route("to = \"10.0.0.0/8\"; via = ();"),
             "2: network.routes[0].via: is empty, expected at least one way"},
            {route("to = \"10.1.0.0/8\"; via = ( { port = \"p0\"; } );"),
             "2: network.routes[0].to: \"10.1.0.0/8\" has bits behind the prefix, expected "
             "10.0.0.0/8"},
            {route("to = \"2001:db8::1/33\"; via = ( { port = \"p0\"; } );"),
             "2: network.routes[0].to: \"2001:db8::1/33\" has bits behind the prefix, expected "
             "2001:db8::/33"},
            {route("to = \"10.0.0.0/8\"; via = ( { port = \"p0\"; },\n{ port = \"p1\"; } );"),
             "3: network.routes[0].via[1].port: \"p1\" is not the name of a port, expected one of: "
             "p0"},
            {route("to = \"10.0.0.0/8\"; via = ( { port = \"p0\"; gateway = \"::1\"; } );"),
             "2: network.routes[0].via[0].gateway: \"::1\" is of another family than the route"},
            {route("to = \"10.0.0.0/8\"; via = ( { port = \"p0\"; gateway = \"router\"; } );"),
             "2: network.routes[0].via[0].gateway: \"router\" is no address, expected such as "
             "192.0.2.1 or 2001:db8::1"},
            {route("to = \"10.0.0.0/8\"; via = ( { port = \"p0\"; weight = 0; } );"),
             "2: network.routes[0].via[0].weight: 0 is out of range, expected 1 to 256"},
            {fixed + "routes = ( { to = \"::/0\"; via = ( { port = \"p0\"; } ); },\n"
                     "{ to = \"::/0\"; via = ( { port = \"p0\"; } ); } ); };",
             "3: network.routes[1].to: the same as network.routes[0].to in line 2"},
            {neighbour(p0 + mac), "2: network.neighbours[0].address: is missing"},
            {neighbour(p0 + "address = \"10.0.0.1\";"), "2: network.neighbours[0].mac: is missing"},
            {neighbour(p0 + mac + "address = \"224.0.0.1\";"),
             "2: network.neighbours[0].address: \"224.0.0.1\" is a multicast address, expected the "
             "address of one host"},
            {fixed + "neighbours = ( { " + p0 + mac + "address = \"10.0.0.1\"; },\n{ " + p0 + mac +
                 "address = \"10.0.0.1\"; } ); };",
             "3: network.neighbours[1].address: the same as network.neighbours[0].address in line "
             "2"},
        });
}

TEST(ConfigErrors, Services) {
    const auto service = [](const std::string& keys) { return "services = ( { " + keys + " } );"; };
    const auto server = [&](const std::string& keys) {
        return service("address = \"192.0.2.1:80\"; servers = ( { " + keys + " } );");
    };
    expect_errors(
        port_line,
        {
            {service(""), "2: services[0].address: is missing"},
            {service("address = \"192.0.2.1\";"),
             "2: services[0].address: \"192.0.2.1\" is no endpoint, expected ADDRESS:PORT such as "
             "192.0.2.1:80 or [2001:db8::1]:80"},
            {service("address = \"www:80\";"),
             "2: services[0].address: \"www:80\" is no endpoint*"},
            {service("address = \"192.0.2.1:65536\";"), "2: services[0].address: *"},
            {service("address = \"2001:db8::1:80\";"), "2: services[0].address: *"},
            {service("address = \"192.0.2.1:0\";"),
             "2: services[0].address: port 0 (every port) needs persistence, expected a port 1 to "
             "65535"},
            {service("address = \"192.0.2.1:80\"; persistence = 0;"),
             "2: services[0].persistence: 0 is out of range, expected 1 to 2678400"},
            {service("address = \"192.0.2.1:80\"; granularity = 24;"),
             "2: services[0].persistence: clients are brought back for 1 to 2678400 seconds*"},
            {service("address = \"192.0.2.1:80\"; persistence = 360; granularity = 33;"),
             "2: services[0].granularity: so many first bits of a client's address cannot count, "
             "expected 0 to 32"},
            {service("address = \"0.0.0.0:80\";"),
             "2: services[0].address: \"0.0.0.0:80\" is unspecified, expected the address of one "
             "host"},
            {service("address = \"[::]:80\";"),
             "2: services[0].address: \"[::]:80\" is unspecifie*"},
            {service("protocol = \"icmp\"; address = \"192.0.2.1:80\";"),
             "2: services[0].protocol: \"icmp\" is not known, expected one of \"tcp\", \"udp\", "
             "\"sctp\""},
            {service("protocol = \"tcp\"; address = \"192.0.2.1:80\";\none_packet = true;"),
             "3: services[0].one_packet: one-packet scheduling is only for UDP and for marks"},
            {service("protocol = \"udp\"; address = \"192.0.2.1:80\"; one_packet = true;"),
             no_error},
            {service("protocol = \"sctp\"; address = \"192.0.2.1:80\";"), no_error},
            {service("address = \"192.0.2.1:80\"; scheduler = \"wr\";"),
             "2: services[0].scheduler: \"wr\" is no scheduler, expected one of: lc, rr, wlc, wrr"},
            {service("address = \"192.0.2.1:80\"; },\n{ address = \"192.0.2.1:80\";"),
             "3: services[1].address: the same as services[0].address in line 2"},
            {server("weight = 1;"), "2: services[0].servers[0].address: is missing"},
            {server("address = \"10.0.0.1:0\";"),
             "2: services[0].servers[0].address: port 0 is no port of a server, expected 1 to "
             "65535"},
            {server("address = \"0.0.0.0:80\";"),
             "2: services[0].servers[0].address: \"0.0.0.0:80*"},
            {server("address = \"255.255.255.255:80\";"),
             "2: services[0].servers[0].address: \"255.255.255.255:80\" is the broadcast address, "
             "expected the address of one host"},
            {server("address = \"[ff02::1]:80\";"),
             "2: services[0].servers[0].address: \"[ff02::1]:80\" is a multicast address, *"},
            {server("address = \"[2001:db8::1]:80\";"),
             "2: services[0].servers[0].address: [2001:db8::1]:80 is of another address family "
             "than "
             "its service, which only the server of a tunnel may be"},
            {server("address = \"127.0.0.1:80\";"), no_error},
            {server("address = \"10.0.0.1:80\"; weight = 2147483648;"),
             "2: services[0].servers[0].weight: 2147483648 is out of range, expected 0 to "
             "2147483647"},
            {server("address = \"10.0.0.1:80\"; weight = -1;"),
             "2: services[0].servers[0].weight: -1 is out of range, expected 0 to 2147483647"},
            {server("address = \"10.0.0.1:80\"; forward = \"gate\";"),
             "2: services[0].servers[0].forward: \"gate\" is not known, expected one of \"nat\", "
             "\"direct\", \"tunnel\""},
            {server("address = \"10.0.0.1:8080\"; forward = \"direct\"; },\n"
                    "{ address = \"10.0.0.1:80\";"),
             "3: services[0].servers[1].address: the same as services[0].servers[0].address in "
             "line 2"},
            {server("address = \"10.0.0.1:80\"; },\n{ address = \"10.0.0.1:80\";"),
             "3: services[0].servers[1].address: the same as services[0].servers[0].address in "
             "line "
             "2"},
            {"servers = 1; services = ( { address = \"192.0.2.1:80\"; servers = (\n"
             "{ address = \"10.0.0.1:80\"; }, { address = \"10.0.0.2:80\"; } ); } );",
             "2: services: hold 2 servers, but the key servers allows 1"},
        });
}

TEST(ConfigErrors, ServicesOnMarks) {
    const auto service = [](const std::string& keys) { return "services = ( { " + keys + " } );"; };
    expect_errors(
        port_line,
        {
            {service("mark = 0;"),
             "2: services[0].mark: 0 is out of range, expected 1 to 4294967295"},
            {service("mark = 4294967296;"), "2: services[0].mark: 4294967296 is out of range, *"},
            {service("mark = 7; family = \"ipx\";"),
             "2: services[0].family: \"ipx\" is not known, expected one of \"ipv4\", \"ipv6\""},
            {service("address = \"192.0.2.1:80\"; family = \"ipv4\";"),
             "2: services[0].family: is only for a service on a mark"},
            {service("mark = 7;\naddress = \"192.0.2.1:80\";"),
             "3: services[0].address: is not for a service on a mark"},
            {service("mark = 7;\nprotocol = \"tcp\";"),
             "3: services[0].protocol: is not for a service on a mark"},
            {service("mark = 7; },\n{ mark = 7; family = \"ipv4\";"),
             "3: services[1].mark: the same as services[0].mark in line 2"},
            {service("mark = 7; },\n{ mark = 7; family = \"ipv6\";"), no_error},
            {service("mark = 7; one_packet = true; servers = ( { address = \"10.0.0.1:0\"; } );"),
             no_error},
            {service("mark = 7; family = \"ipv6\"; servers = ( { address = \"10.0.0.1:0\"; } );"),
             "2: services[0].servers[0].address: 10.0.0.1:0 is of another address family*"},
        });
}

TEST(ConfigErrors, Tunnels) {
    const auto server = [](const std::string& keys) {
        return "services = ( { address = \"192.0.2.1:80\"; servers = ( { address = "
               "\"10.0.0.1:80\";\n" +
               keys + " } ); } );";
    };
    const auto tunnel = [&](const std::string& keys) {
        return server("forward = \"tunnel\";\ntunnel = {\n" + keys + " };");
    };
    expect_errors(
        port_line,
        {
            {server("tunnel = { type = \"ipip\"; };"),
             "3: services[0].servers[0].tunnel: only a server of forwarding method tunnel has "
             "this"},
            {tunnel("type = \"vxlan\";"),
             "5: services[0].servers[0].tunnel.type: \"vxlan\" is not known, expected one of "
             "\"ipip\", \"gue\", \"gre\""},
            {tunnel("port = 6080;"),
             "5: services[0].servers[0].tunnel.port: only a GUE tunnel has a port"},
            {tunnel("type = \"gue\"; port = 0;"),
             "5: services[0].servers[0].tunnel.port: 0 is out of range, expected 1 to 65535"},
            {tunnel("type = \"gue\";"),
             "4: services[0].servers[0].tunnel.port: a GUE tunnel needs a port, 1 to 65535"},
            {tunnel("checksum = \"full\";"),
             "5: services[0].servers[0].tunnel.checksum: an IPIP tunnel has no checksum"},
            {tunnel("type = \"gre\";\nchecksum = \"remote\";"),
             "6: services[0].servers[0].tunnel.checksum: only a GUE tunnel has remote checksums"},
            {tunnel("checksum = \"half\";"), "5: services[0].servers[0].tunnel.checksum: *"},
            {tunnel("colour = 1;"),
             "5: services[0].servers[0].tunnel.colour: unknown key; known here: type, port, "
             "checksum"},
            {tunnel(""), no_error},
            {tunnel("type = \"gre\"; checksum = \"full\";"), no_error},
            {tunnel("type = \"gue\"; port = 6080; checksum = \"remote\";"), no_error},
        });
}

TEST(ConfigErrors, Marks) {
    const auto mark = [](const std::string& keys) { return "marks = ( { " + keys + " } );"; };
    expect_errors(
        port_line,
        {
            {mark(""), "2: marks[0].mark: is missing"},
            {mark("mark = 0;"), "2: marks[0].mark: 0 is out of range, expected 1 to 4294967295"},
            {mark("mark = 1; source = \"10.0.0.1/8\";"),
             "2: marks[0].source: \"10.0.0.1/8\" has bits behind the prefix, expected 10.0.0.0/8"},
            {mark("mark = 1; destination = \"www\";"), "2: marks[0].destination: \"www\" is no *"},
            {mark("mark = 1; protocol = \"icmp\";"),
             "2: marks[0].protocol: \"icmp\" is not known, expected one of \"tcp\", \"udp\", "
             "\"sctp\""},
            {mark("mark = 1; protocol = \"tcp\"; source_ports = \"90-80\";"),
             "2: marks[0].source_ports: \"90-80\" is no range of ports, expected such as 80 or "
             "80-90"},
            {mark("mark = 1; protocol = \"tcp\"; destination_ports = 80;"),
             "2: marks[0].destination_ports: is a number, expected text in quotes"},
            {mark("mark = 1; },\n{ mark = 1; destination_ports = \"80\";"),
             "3: marks[1]: has ports without tcp, udp or sctp"},
            {mark("mark = 1; source = \"10.0.0.0/8\"; destination = \"2001:db8::/32\";"),
             "2: marks[0]: has prefixes of both families"},
            {mark("mark = 1; port = \"p1\";"),
             "2: marks[0].port: \"p1\" is not the name of a port, expected one of: p0"},
        });
}

TEST(ConfigErrors, Tunables) {
    expect_errors(
        port_line,
        {
            {"tunables = { conn_reuse_mod = 1; };",
             "2: tunables.conn_reuse_mod: unknown key; did you mean \"conn_reuse_mode\"?"},
            {"tunables = { est_cpulist = \"3-1\"; };",
             "2: tunables.est_cpulist: \"3-1\" cannot stand here"},
            {"tunables = { conn_reuse_mode = 4; };",
             "2: tunables.conn_reuse_mode: 4 is out of range, expected 0 to 3"},
            {"tunables = { icmp_msgs_burst = 0; };",
             "2: tunables.icmp_msgs_burst: 0 is out of range, expected 1 to 100000"},
            {"tunables = { sloppy_tcp = true; };",
             "2: tunables.sloppy_tcp: is true or false, expected a number, 0 to 1"},
        });
}

TEST(ConfigErrors, ADefaultSchedulerThatIsNotThereIsAnError) {
    try {
        parse_config(port_line + "services = ( { address = \"192.0.2.1:80\"; } );", "FILE", {"rr"});
        FAIL() << "accepted";
    } catch (const ConfigError& error) {
        EXPECT_STREQ(error.what(),
                     "FILE:2: services[0].scheduler: \"wlc\" is no scheduler, expected one of: rr");
    }
}

TEST(ConfigErrors, AreOneLineWithoutControlCharacters) {
    EXPECT_EQ(error_of(port_line + "idle = \"a\\n\\x1b[2Jb\";"),
              "FILE:2: idle: \"a??[2Jb\" is not known, expected one of \"adaptive\", \"poll\"");
    EXPECT_EQ(error_of(port_line + "idle = \"" + std::string(5000, 'x') + "\";").size(), 148U);
}

TEST(Config, DefaultsAreThoseOfTheStruct) {
    const auto config = parse(port_line);
    EXPECT_EQ(config.workers, 1);
    EXPECT_TRUE(config.worker_cpus.empty());
    EXPECT_EQ(config.idle, IdleMode::adaptive);
    EXPECT_EQ(config.huge_pages, HugePages::automatic);
    EXPECT_EQ(config.servers, 16384U);
    EXPECT_EQ(config.socket_path, "/run/shunt/shunt.sock");
    EXPECT_EQ(config.socket_mode, 0660U);
    EXPECT_EQ(config.log_level, "info");
    EXPECT_EQ(config.network, NetworkProvider::kernel);
    EXPECT_EQ(config.tunables.timeout_established, 900);
    EXPECT_EQ(config.exit_when_idle.count(), 0);
    ASSERT_EQ(config.ports.size(), 1U);
    EXPECT_EQ(config.ports[0].name, "p0");
    EXPECT_EQ(config.ports[0].file, "FILE");
    EXPECT_EQ(config.ports[0].line, 1);
    EXPECT_TRUE(config.ports[0].twin);
    EXPECT_FALSE(config.ports[0].mac);
    EXPECT_TRUE(config.services.empty());
    EXPECT_TRUE(config.marks.empty());
    for (const auto& about : tunable_list)
        EXPECT_EQ(config.tunables.*about.value, about.standard) << about.name;
}

TEST(Config, EachTunableReachesItsField) {
    for (const auto& about : tunable_list)
        for (const auto value : {about.least, about.most}) {
            const auto config = parse(port_line + "tunables = { " + std::string(about.name) +
                                      " = " + std::to_string(value) + "; };");
            for (const auto& other : tunable_list)
                EXPECT_EQ(config.tunables.*other.value,
                          other.name == about.name ? value : other.standard)
                    << other.name;
        }
    const auto config = parse(port_line + "tunables = { sync_threshold = \"0 9\"; };");
    EXPECT_EQ(config.tunables.sync_threshold, "0 9");
    EXPECT_EQ(config.tunables.est_cpulist, "");
}

TEST(ConfigErrors, Sync) {
    const std::string one = "{ role = \"master\"; interface = \"eth1\"; }";
    expect_errors(
        port_line,
        {
            {"sync = ( { role = \"master\"; } );", "2: sync[0].interface: is missing"},
            {"sync = ( { role = \"both\"; interface = \"eth1\"; } );",
             "2: sync[0].role: \"both\" is not known, expected one of \"master\", \"backup\""},
            {"sync = ( " + one + ",\n" + one + " );",
             "3: sync[1].role: the same as sync[0].role in line 2"},
            {"sync = ( { role = \"master\"; interface = \"eth1\"; group = \"192.0.2.1\"; } );",
             "2: sync[0].group: \"192.0.2.1\" is no multicast address, expected such as 224.0.0.81 "
             "or ff02::81"},
            {"sync = ( { role = \"master\"; interface = \"eth1\"; syncid = 256; } );",
             "2: sync[0].syncid: 256 is out of range, expected 0 to 255"},
        });
}

TEST(ConfigErrors, Apps) {
    expect_errors(port_line,
                  {
                      {"apps = ( { ports = [21]; } );", "2: apps[0].name: is missing"},
                      {"apps = ( { name = \"http\"; } );",
                       "2: apps[0].name: \"http\" is not known, expected one of \"ftp\", \"tftp\""},
                      {"apps = ( { name = \"ftp\"; ports = [0]; } );",
                       "2: apps[0].ports[0]: 0 is out of range, expected 1 to 65535"},
                      {"apps = ( { name = \"ftp\"; },\n{ name = \"ftp\"; } );",
                       "3: apps[1].name: the same as apps[0].name in line 2"},
                      {"apps = ( { name = \"ftp\"; ports = [21, 21]; } );",
                       "2: apps[0].ports[1]: the same as apps[0].ports[0] in line 2"},
                      {"apps = ( { name = \"ftp\"; ports = [1, 2, 3, 4, 5, 6, 7, 8, 9]; } );",
                       "2: apps[0].ports: are 9, there may be 8"},
                      {"ftp = { passive_ports = \"0-5\"; };",
                       "2: ftp.passive_ports: 0 is no port that a client can call"},
                  });
}

TEST(Config, AppsReachTheirFields) {
    const auto config = parse(
        port_line +
        "apps = ( { name = \"tftp\"; }, { name = \"ftp\"; ports = [21, 2121]; } );"
        "ftp = { passive_ports = \"50000-51000\"; active_source = \"any\"; least_client_port = 1;"
        "        any_client_address = true; foreign_address = \"trust\"; };"
        "helpers = 9;");
    ASSERT_EQ(config.apps.size(), 2U);
    EXPECT_EQ(config.apps[0], (AppConfig{AppKind::tftp, {}}));
    EXPECT_EQ(config.apps[1],
              (AppConfig{AppKind::ftp, {L4Port(std::uint16_t{21}), L4Port(std::uint16_t{2121})}}));
    EXPECT_EQ(config.ftp.passive_ports.first.value(), 50000);
    EXPECT_EQ(config.ftp.passive_ports.last.value(), 51000);
    EXPECT_EQ(config.ftp.active_source, ActiveSource::any);
    EXPECT_EQ(config.ftp.rules.least_client_port, 1);
    EXPECT_TRUE(config.ftp.rules.any_client_address);
    EXPECT_EQ(config.ftp.rules.foreign, ftp::ForeignAddress::trust);
    EXPECT_EQ(config.helpers, 9U);
}

TEST(Config, MarksReachTheirFields) {
    const auto marks =
        parse(port_line +
              "marks = ( { mark = 4294967295; source = \"10.0.0.0/8\"; destination ="
              "  \"192.0.2.0/24\"; protocol = \"tcp\"; source_ports = \"1024-65535\";"
              "  destination_ports = \"80\"; port = \"p0\"; }, { mark = 2; } );")
            .marks;
    ASSERT_EQ(marks.size(), 2U);
    const auto& rule = marks[0].rule;
    EXPECT_EQ(rule.mark, Mark(4294967295));
    EXPECT_EQ(to_string(rule.source.value()), "10.0.0.0/8");
    EXPECT_EQ(to_string(rule.destination.value()), "192.0.2.0/24");
    EXPECT_EQ(rule.protocol, Protocol::tcp);
    EXPECT_EQ(rule.source_ports.first.value(), 1024);
    EXPECT_EQ(rule.source_ports.last.value(), 65535);
    EXPECT_EQ(rule.destination_ports.first.value(), 80);
    EXPECT_EQ(rule.destination_ports.last.value(), 80);
    EXPECT_EQ(marks[0].port, "p0");
    MarkConfig any;
    any.rule.mark = Mark(2);
    EXPECT_EQ(marks[1], any);
}

TEST(Config, EveryScalarReachesItsField) {
    const auto config = parse(
        "workers = 3; worker_cpus = [4, 5, 6]; idle = \"poll\"; connections = 0x10000;"
        "servers = 7; packet_buffers = 2048L; memory = { huge_pages = \"off\"; size_mb = 512; };"
        "socket : { path = \"/tmp/s\"; mode = \"666\"; group = \"ops\";"
        "readers = \"watch\"; clients = 9; clients_of_user = 8; rate = 7; };"
        "log = { level = \"warn\"; }; timeouts = { tcp = 1; tcp_fin = 2; udp = 2678400; };"
        "exit_when_idle_ms = 250; ports = ( { name = \"wan0.7\"; device = \"0000:01:00.0\";"
        "queues = 2; side = \"servers\"; twin = false; mac = \"02:00:00:00:00:0A\"; mtu = 9000; } "
        ");"
        "network = { provider = \"static\"; };");
    EXPECT_EQ(config.ports[0].side, PortSide::servers);
    EXPECT_EQ(config.workers, 3);
    EXPECT_EQ(config.worker_cpus, (std::vector<unsigned>{4, 5, 6}));
    EXPECT_EQ(config.idle, IdleMode::poll);
    EXPECT_EQ(config.connections, 65536U);
    EXPECT_EQ(config.servers, 7U);
    EXPECT_EQ(config.packet_buffers, 2048U);
    EXPECT_EQ(config.huge_pages, HugePages::off);
    EXPECT_EQ(config.memory_mb, 512U);
    EXPECT_EQ(config.socket_path, "/tmp/s");
    EXPECT_EQ(config.socket_mode, 0666U);
    EXPECT_EQ(config.socket_group, "ops");
    EXPECT_EQ(config.socket_readers, "watch");
    EXPECT_EQ(config.socket_clients, 9U);
    EXPECT_EQ(config.socket_clients_of_user, 8U);
    EXPECT_EQ(config.socket_rate, 7U);
    EXPECT_EQ(config.log_level, "warn");
    EXPECT_EQ(config.tunables.timeout_established, 1);
    EXPECT_EQ(config.tunables.timeout_finwait, 2);
    EXPECT_EQ(config.tunables.timeout_udp, 2678400);
    EXPECT_EQ(config.exit_when_idle.count(), 250);
    const auto& port = config.ports.at(0);
    EXPECT_EQ(port.name, "wan0.7");
    EXPECT_EQ(port.device, "0000:01:00.0");
    EXPECT_EQ(port.queues, 2);
    EXPECT_FALSE(port.twin);
    ASSERT_TRUE(port.mac);
    EXPECT_EQ(to_string(*port.mac), "02:00:00:00:00:0a");
    EXPECT_EQ(port.mtu, 9000);
}

TEST(Config, TheStaticNetworkReachesItsFields) {
    const auto fixed =
        parse(port_line +
              "network = { provider = \"static\";"
              "addresses = ( { port = \"p0\"; address = \"192.0.2.1/24\"; vlan = 5; },"
              "              { port = \"p0\"; address = \"2001:db8::1\"; } );"
              "routes = ( { to = \"0.0.0.0/0\"; via = ("
              "  { port = \"p0\"; gateway = \"192.0.2.254\"; vlan = 5; weight = 256; },"
              "  { port = \"p0\"; } ); } );"
              "neighbours = ( { port = \"p0\"; address = \"192.0.2.254\"; vlan = 5;"
              "                 mac = \"02:00:00:00:00:fe\"; } ); };")
            .fixed;
    ASSERT_EQ(fixed.addresses.size(), 2U);
    EXPECT_EQ(to_string(fixed.addresses[0].address), "192.0.2.1");
    EXPECT_EQ(fixed.addresses[0].prefix_length, 24);
    EXPECT_EQ(fixed.addresses[0].vlan, 5);
    EXPECT_EQ(fixed.addresses[1].prefix_length, 128);
    ASSERT_EQ(fixed.routes.size(), 1U);
    EXPECT_EQ(to_string(fixed.routes[0].prefix), "0.0.0.0/0");
    ASSERT_EQ(fixed.routes[0].hops.size(), 2U);
    const auto& hop = fixed.routes[0].hops[0];
    EXPECT_EQ(hop.port, "p0");
    ASSERT_TRUE(hop.gateway);
    EXPECT_EQ(to_string(*hop.gateway), "192.0.2.254");
    EXPECT_EQ(hop.vlan, 5);
    EXPECT_EQ(hop.weight, 256U);
    EXPECT_FALSE(fixed.routes[0].hops[1].gateway);
    ASSERT_EQ(fixed.neighbours.size(), 1U);
    EXPECT_EQ(to_string(fixed.neighbours[0].mac), "02:00:00:00:00:fe");
    EXPECT_EQ(fixed.neighbours[0].vlan, 5);
}

TEST(Config, ServicesReachTheirFields) {
    const auto services =
        parse(port_line +
              "services = ( { protocol = \"udp\"; address = \"[2001:db8::a]:53\";"
              "  one_packet = true;"
              "  scheduler = \"rr\"; servers = ( { address = \"[fd00::1]:5353\"; weight = 0; },"
              "                                  { address = \"[fd00::2]:5353\"; } ); },"
              "  { address = \"192.0.2.10:53\"; },"
              "  { mark = 7; family = \"ipv6\"; }, { mark = 8; } );")
            .services;
    ASSERT_EQ(services.size(), 4U);
    EXPECT_EQ(services[0].key.protocol, Protocol::udp);
    EXPECT_EQ(to_string(services[0].key.endpoint), "[2001:db8::a]:53");
    EXPECT_EQ(services[0].key.mark, Mark{});
    EXPECT_EQ(services[0].settings.scheduler, "rr");
    EXPECT_TRUE(services[0].settings.one_packet);
    ASSERT_EQ(services[0].servers.size(), 2U);
    EXPECT_EQ(to_string(services[0].servers[0].address), "[fd00::1]:5353");
    EXPECT_EQ(services[0].servers[0].weight, 0U);
    EXPECT_EQ(services[0].servers[1].weight, 1U);
    EXPECT_EQ(services[0].servers[1].forward, ForwardMethod::nat);
    EXPECT_FALSE(services[0].servers[1].tunnel);
    EXPECT_EQ(services[1].key.protocol, Protocol::tcp);
    EXPECT_EQ(services[1].settings.scheduler, "wlc");
    EXPECT_FALSE(services[1].settings.one_packet);
    EXPECT_EQ(services[2].key,
              (ServiceKey{Protocol::none, {IpAddress(Ipv6Address{}), {}}, Mark(7)}));
    EXPECT_EQ(services[3].key,
              (ServiceKey{Protocol::none, {IpAddress(Ipv4Address{}), {}}, Mark(8)}));
}

TEST(Config, ChecksReachTheirFields) {
    const auto check_of = [](const std::string& keys) {
        const auto service =
            "services = ( { address = \"192.0.2.10:80\"; check = { " + keys + " }; } );";
        return parse(port_line + service).services.at(0).settings.check.value();
    };
    HealthCheck expected;
    EXPECT_EQ(check_of("type = \"tcp\";"), expected) << "the defaults are those of the struct";
    expected.type = CheckType::udp;
    EXPECT_EQ(check_of("type = \"udp\";"), expected);
    expected = {.type = CheckType::http,
                .interval = std::chrono::milliseconds(100),
                .timeout = std::chrono::milliseconds(60'000),
                .rise = 4,
                .fall = 5,
                .port = L4Port(std::uint16_t{8080}),
                .source = parse_address("10.1.0.1"),
                .path = "/x",
                .host = "h",
                .status = {204, 204},
                .initially = Health::down,
                .all_down = AllDown::use_all};
    EXPECT_EQ(
        check_of("type = \"http\"; interval_ms = 100; timeout_ms = 60000; rise = 4; fall = 5; "
                 "port = 8080; source = \"10.1.0.1\"; path = \"/x\"; host = \"h\"; "
                 "status = \"204\"; initially = \"down\"; all_down = \"use_all\";"),
        expected);
    EXPECT_FALSE(parse(port_line + "services = ( { address = \"192.0.2.10:80\"; } );")
                     .services.at(0)
                     .settings.check);
}

TEST(Config, MethodsAndTunnelsReachTheirFields) {
    const auto servers =
        parse(port_line +
              "services = ( { address = \"192.0.2.10:80\"; servers = ("
              "  { address = \"10.0.0.1:80\"; forward = \"direct\"; },"
              "  { address = \"10.0.0.2:80\"; forward = \"tunnel\"; },"
              "  { address = \"[fd00::1]:80\"; forward = \"tunnel\";"
              "    tunnel = { type = \"gue\"; port = 6080; checksum = \"full\"; }; } ); } );")
            .services.at(0)
            .servers;
    ASSERT_EQ(servers.size(), 3U);
    EXPECT_EQ(servers[0].forward, ForwardMethod::direct);
    EXPECT_FALSE(servers[0].tunnel);
    EXPECT_EQ(servers[1].forward, ForwardMethod::tunnel);
    EXPECT_FALSE(servers[1].tunnel);
    EXPECT_EQ(servers[2].tunnel, (Tunnel{.type = TunnelType::gue,
                                         .port = L4Port(std::uint16_t{6080}),
                                         .checksum = TunnelChecksum::full}));
}

/// A directory of its own for a test, removed at its end.
class ConfigFiles : public testing::Test {
  protected:
    ConfigFiles() {
        std::string name = (fs::temp_directory_path() / "shunt-config-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
        directory_ = name;
    }
    ~ConfigFiles() override { fs::remove_all(directory_); }

    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(directory_ / name) << text;
        return (directory_ / name).string();
    }
    static std::string load_error(const std::string& path) {
        try {
            load_config(path, schedulers);
        } catch (const ConfigError& error) {
            return error.what();
        }
        return no_error;
    }

    fs::path directory_;
};

TEST_F(ConfigFiles, AnIncludeIsReadRelativeToItsFileAndKeepsItsPlace) {
    fs::create_directory(directory_ / "d");
    write("d/ports.conf", "\n" + port_line + "@include \"more.conf\"\n");
    write("d/more.conf", "workers = 2;");
    const auto path = write("a.conf", "@include \"d/ports.conf\"\nidle = \"poll\";\n");
    const auto config = load_config(path, schedulers);
    EXPECT_EQ(config.workers, 2);
    EXPECT_EQ(config.idle, IdleMode::poll);
    EXPECT_EQ(config.ports.at(0).file, (directory_ / "d/ports.conf").string());
    EXPECT_EQ(config.ports.at(0).line, 2);

    write("d/more.conf", "\nworkers = 0;");
    EXPECT_EQ(load_error(path), (directory_ / "d/more.conf").string() +
                                    ":2: workers: 0 is out of range, expected 1 to 64");
    write("d/more.conf", "workers = 1;");
    write("a.conf", "@include \"d/ports.conf\"\nidle = 1;\n");
    EXPECT_EQ(load_error(path), path + ":2: idle: is a number, expected text in quotes");
    write("a.conf", "@include \"d/ports.conf\"\n\nworkers = 1;\n");
    EXPECT_EQ(load_error(path),
              path + ":3: workers: is set a second time; the first is in line 1 of " +
                  (directory_ / "d/more.conf").string());
}

TEST_F(ConfigFiles, WhatCannotBeReadIsNamed) {
    const auto missing = (directory_ / "missing.conf").string();
    EXPECT_EQ(load_error(missing),
              missing + ":0: file: \"" + missing + "\" cannot be read: No such file or directory");
    const auto directory = directory_.string();
    EXPECT_EQ(load_error(directory),
              directory + ":0: file: \"" + directory + "\" cannot be read: Is a directory");
    const auto path = write("a.conf", "\n@include \"missing.conf\"\n");
    EXPECT_EQ(load_error(path),
              path + ":2: @include: \"" + missing + "\" cannot be read: No such file or directory");
    const auto self = write("self.conf", "@include \"self.conf\"\n");
    EXPECT_EQ(load_error(self), self + ":1: @include: files include each other more than 8 deep");
}

TEST(Config, MetricsAreShownAtAnAddressOfTheHostOrNowhere) {
    EXPECT_EQ(parse(port_line).metrics_address, "127.0.0.1:9736");
    EXPECT_TRUE(parse(port_line).metrics_servers);
    const auto address = [](const std::string& text) {
        return parse(port_line + "metrics = { address = \"" + text + "\"; servers = false; };");
    };
    EXPECT_EQ(address("").metrics_address, "");
    EXPECT_EQ(address("0.0.0.0:80").metrics_address, "0.0.0.0:80");
    EXPECT_FALSE(address("").metrics_servers);
    for (const std::string bad : {"9736", "127.0.0.1", "127.0.0.1:0", "[::1]:9736", "localhost:1"})
        EXPECT_EQ(error_of(port_line + "metrics = { address = \"" + bad + "\"; };"),
                  "FILE:2: metrics.address: \"" + bad +
                      "\" is nothing to listen at, expected an IPv4 ADDRESS:PORT such as "
                      "127.0.0.1:9736, or \"\"");
}

/// "ports[].name" -> "name".
std::string leaf(const std::string& key) {
    return key.substr(key.rfind('.') + 1);
}

/// conf/shunt.conf with all its examples switched on.
std::string reference_with_examples() {
    static const std::regex example("(^|\n)#(?=[^ #\n]|    |\n)");
    return std::regex_replace(read_file(source_dir / "conf/shunt.conf"), example, "$1");
}

TEST(ConfigReference, LoadsAsShipped) {
    const auto config = load_config((source_dir / "conf/shunt.conf").string(), schedulers);
    EXPECT_EQ(config.ports.size(), 2U);
    EXPECT_TRUE(config.services.empty());
    EXPECT_EQ(config.network, NetworkProvider::kernel);
}

TEST(ConfigReference, LoadsWithAllExamples) {
    const auto config = parse_config(reference_with_examples(), "FILE", scheduler_names());
    EXPECT_EQ(config.network, NetworkProvider::fixed);
    EXPECT_EQ(config.fixed.addresses.size(), 3U);
    EXPECT_EQ(config.fixed.routes.size(), 2U);
    EXPECT_EQ(config.fixed.neighbours.size(), 2U);
    EXPECT_EQ(config.services.size(), 3U);
    EXPECT_EQ(config.marks.size(), 2U);
    EXPECT_TRUE(config.ports.at(0).mac);
}

TEST(ConfigReference, SetsEveryKeyAndShowsItsDefault) {
    const auto text = reference_with_examples();
    for (const auto& key : config_keys())
        EXPECT_TRUE(std::regex_search(text, std::regex("(^|[ \n])" + leaf(key.name) + " = ")))
            << key.name;
    const auto shipped = read_file(source_dir / "conf/shunt.conf");
    for (const auto& key : config_keys()) {
        const bool in_example = key.name.find("[]") != std::string::npos ||
                                key.name.starts_with("network") || key.name == "services" ||
                                key.name == "marks" || key.name == "apps" || key.name == "sync";
        if (in_example || key.default_value == "required") continue;
        EXPECT_NE(shipped.find(leaf(key.name) + " = " + key.default_value + ";"), std::string::npos)
            << key.name;
    }
}

TEST(ConfigReference, KeysAreNamedOnceAndDescribedInOneLine) {
    std::set<std::string> names;
    for (const auto& key : config_keys()) {
        EXPECT_TRUE(names.insert(key.name).second) << key.name;
        for (const auto& part : {key.values, key.default_value, key.meaning}) {
            EXPECT_FALSE(part.empty()) << key.name;
            EXPECT_EQ(part.find_first_of("\n|"), std::string::npos) << key.name;
        }
    }
    EXPECT_TRUE(names.contains("ports[].queues"));
    EXPECT_TRUE(names.contains("network.routes[].via[].gateway"));
}

/// The page must hold exactly the rows that the table of keys makes, in its order.
TEST(ConfigReference, TheTableInTheDocsIsThisOne) {
    std::string expected;
    for (const auto& key : config_keys())
        expected += "| `" + key.name + "` | " + key.values + " | " + key.default_value + " | " +
                    key.meaning + " |\n";
    std::istringstream page(read_file(source_dir / "docs/configuration.md"));
    std::string found;
    for (std::string line; std::getline(page, line);)
        if (line.starts_with("| `")) found += line + "\n";
    EXPECT_EQ(found, expected);
}

TEST(ConfigReference, TheManualPageNamesEveryKeyWithItsMeaning) {
    auto page = read_file(source_dir / "docs/man/shunt.conf.5");
    page = std::regex_replace(page, std::regex("\\\\-"), "-");
    for (const auto& key : config_keys()) {
        const auto entry = "\n.B " + key.name + "\n" + key.meaning;
        EXPECT_NE(page.find(entry), std::string::npos) << entry;
    }
}

}  // namespace
}  // namespace shunt::ctl
