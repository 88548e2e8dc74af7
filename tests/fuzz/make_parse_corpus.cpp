// SPDX-License-Identifier: BSD-3-Clause
// Writes the seed frames of parse_fuzz: make_parse_corpus DIRECTORY.
#include <cstdio>
#include <fstream>
#include <map>

#include "support/packet_builder.h"

using namespace shunt;
using test::bytes_of;
using test::Frame;
using test::PacketBuilder;

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: make_parse_corpus DIRECTORY\n");
        return 2;
    }
    const auto v4 = [] { return PacketBuilder().ipv4("192.0.2.7", "198.51.100.10"); };
    const auto v6 = [] { return PacketBuilder().ipv6("2001:db8::7", "2001:db8:1::10"); };
    const std::map<std::string, Frame> frames = {
        {"arp", PacketBuilder().payload(std::size_t{46}).build()},
        {"v4_tcp_syn", v4().tcp(40000, 80, TcpHeader::syn).tcp_options(Frame(20)).build()},
        {"v4_tcp_options", v4().ip_options(bytes_of({7, 7, 4, 0, 0, 0, 0})).tcp(1, 2).build()},
        {"v4_udp_padded", v4().udp(5353, 53).payload("hi").pad_to(60).build()},
        {"v4_icmp", v4().icmp(8, 0, 1).payload("ping").build()},
        {"v4_first_fragment", v4().udp(1, 2).payload(std::size_t{24}).fragment(0, true).build()},
        {"v4_later_fragment", v4().udp(1, 2).fragment(1480, false).build()},
        {"v4_vlan_tcp", v4().vlan(10).tcp(40000, 80).payload("GET /").build()},
        {"v4_qinq_udp", v4().vlan(100, EtherType::qinq).vlan(7).udp(1, 2).build()},
        {"v6_tcp", v6().tcp(40000, 80).build()},
        {"v6_chain_udp", v6().extension(0).extension(43, Frame(6)).extension(60).udp(1, 2).build()},
        {"v6_first_fragment", v6().extension(60).fragment(0, true).udp(1, 2).build()},
        {"v6_later_fragment_vlan", v6().vlan(3).fragment(1232, false).udp(1, 2).build()},
        {"v6_icmp", v6().extension(0).icmp(135, 0).payload(Frame(16)).build()},
    };
    for (const auto& [name, frame] : frames) {
        std::ofstream out(std::string(argv[1]) + "/" + name, std::ios::binary);
        out.write(reinterpret_cast<const char*>(frame.data()),
                  static_cast<std::streamsize>(frame.size()));
        if (!out.flush()) {
            std::fprintf(stderr, "%s: cannot be written\n", name.c_str());
            return 1;
        }
    }
    return 0;
}
