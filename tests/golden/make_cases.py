#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the golden cases: for each a folder with shunt.conf, one capture in and one out for every
port, counters.json and README. What must come out is said by model.py, an independent model.

Run it after a change here, and look at the difference before it is committed.
"""
import argparse
import json
import pathlib
import shutil
import struct
import sys
import tempfile

import error_cases
import fragment_cases
import method_cases
import model
import packets as p
from packets import ACK, FIN, PSH, RST, SYN
from setting import (ANY_WORKERS, CASES, CLIENT, CLIENT6, MAC, ROUTER, SERVER_MAC, VIP, VIP6, Talk,
                     case, either, network, retag, server, service, with_good_one)

HERE = pathlib.Path(__file__).resolve().parent


# --- Cases: translation ---------------------------------------------------------------------------

def nat(v6):
    family = "IPv6" if v6 else "IPv4"
    CASES[f"tcp{6 if v6 else 4}"] = case(
        f"A TCP conversation over {family}, port 80 to 8080 and back, from SYN to the last ACK.",
        [service("tcp", 80, [(1, 8080)], v6=v6)], Talk(v6=v6).whole().frames, workers=ANY_WORKERS)
    CASES[f"udp{6 if v6 else 4}"] = case(
        f"UDP over {family} both ways, with empty, even and odd payloads.",
        [service("udp", 53, [(1, 5353)], v6=v6)],
        Talk(p.UDP, v6=v6, vport=53, dport=5353).datagrams().frames, workers=ANY_WORKERS)


def udp_zero_checksum(v6):
    talk = Talk(p.UDP, v6=v6, vport=53, dport=5353)
    for payload in (b"", b"odd", b"even"):
        talk.request(payload=payload, tcp={"field": 0})
        talk.reply(payload=payload, tcp={"field": 0})
    CASES[f"udp{6 if v6 else 4}_zero_checksum"] = case(
        "UDP datagrams without a checksum leave with a right one, both ways.",
        [service("udp", 53, [(1, 5353)], v6=v6)], talk.frames)


def udp_folds_to_zero(v6):
    """A payload for which the checksum behind the balancer comes to 0, to be sent as 0xFFFF."""
    talk = Talk(p.UDP, v6=v6, vport=53, dport=5353)
    client, virtual, real = talk.client, talk.virtual, talk.real
    blank = {"field": 0}
    for source, target, send in ((client, real, talk.request), (virtual, client, talk.reply)):
        segment = p.udp(*source, *target, b"\0\0", **blank)
        rest = p.ones_sum(p.pseudo_header(source[0], target[0], p.UDP, 10) + segment)
        send(payload=struct.pack("!H", 0xFFFF - rest))
        send(payload=struct.pack("!H", 0xFFFF - rest), tcp=blank)
    CASES[f"udp{6 if v6 else 4}_checksum_folds_to_zero"] = case(
        "UDP whose translated checksum comes to 0 leaves with 0xFFFF, updated or made anew.",
        [service("udp", 53, [(1, 5353)], v6=v6)], talk.frames)


def wrong_l4_checksum():
    frames = []
    for v6 in (False, True):
        for protocol, vport, dport in ((p.TCP, 80, 8080), (p.UDP, 53, 5353)):
            talk = Talk(protocol, v6=v6, vport=vport, dport=dport, frames=frames)
            for field in (0x1111, 0xBEEF):
                talk.request(SYN, b"wrong", tcp={"field": field})
                talk.reply(SYN | ACK, b"wrong too", tcp={"field": field ^ 0x4444})
    CASES["wrong_l4_checksum"] = case(
        "A wrong TCP or UDP checksum is passed on, wrong by the same amount.",
        [service(protocol, port, [(1, real)], v6=v6) for v6 in (False, True)
         for protocol, port, real in (("tcp", 80, 8080), ("udp", 53, 5353))], frames)


def ethernet_padding():
    talk = Talk()
    talk.request(SYN, padding=b"\0" * 6).reply(SYN | ACK, padding=b"\xAA" * 6)
    talk.request(ACK, padding=b"garbage").request(PSH | ACK, b"abc", padding=b"\xFF" * 3)
    Talk(v6=True, frames=talk.frames).request(SYN, padding=b"\xEE" * 11)
    CASES["ethernet_padding"] = case(
        "What stands behind the IP packet in the frame is cut off.",
        [service("tcp", 80, [(1, 8080)]), service("tcp", 80, [(1, 8080)], v6=True)], talk.frames)


def vlans():
    web = [service("tcp", 80, [(1, 8080)]), service("tcp", 80, [(1, 8080)], v6=True)]

    def conversations(**tags):
        return Talk(frames=Talk(v6=True, **tags).whole().frames, **tags).whole().frames

    CASES["vlan_to_untagged"] = case(
        "Clients in VLAN 10, servers untagged: the tag goes on the way in, comes on the way back.",
        web, conversations(client_tags=[10]), net=network(client_vlan=10))
    CASES["untagged_to_vlan"] = case(
        "Clients untagged, servers in VLAN 20.",
        web, conversations(server_tags=[20]), net=network(server_vlan=20))
    priority = 5 << 13
    CASES["vlan_to_vlan"] = case(
        "Clients in VLAN 10 with priority 5, servers in VLAN 20: priority 0 on the way out.",
        web, conversations(client_tags=[(p.VLAN, priority | 10)], server_tags=[20]),
        net=network(client_vlan=10, server_vlan=20), workers=ANY_WORKERS)
    CASES["priority_tag"] = case(
        "A tag with VLAN id 0 has a priority only: the same as untagged.",
        web, conversations(client_tags=[(p.VLAN, priority)]))
    frames = []
    for n, tags in enumerate(([(p.QINQ, 10), (p.VLAN, 10)], [(p.VLAN, 10), (p.VLAN, 10)],
                              [(p.VLAN, 10), (p.VLAN, 30)], [(p.QINQ, 30), (p.VLAN, 10)],
                              [(p.QINQ, 10)], [99])):
        for v6 in (False, True):
            Talk(v6=v6, sport=40000 + n, client_tags=tags, frames=frames).request(SYN)
    Talk(sport=40008, client_tags=[10], frames=frames).request(SYN)
    Talk(v6=True, sport=40009, frames=frames).request(SYN)
    CASES["other_vlan"] = case(
        "Stacked tags (QinQ), 802.1ad tags and VLANs in which the balancer has no address are not "
        "balanced; the port without a tag is.", web, frames,
        net=network(client_vlan=10, server_vlan=20))


def ipv4_options():
    record_route = bytes([1, 7, 7, 4, 0, 0, 0, 0])
    router_alert = bytes([148, 4, 0, 0])
    longest = bytes([1] * 40)
    talk = Talk()
    for options in (record_route, router_alert, longest):
        talk.request(SYN, options=options).reply(SYN | ACK, options=options)
        talk.request(ACK, b"with options", options=options)
    tcp_options = {"options": bytes([2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 1, 1])}
    Talk(sport=40001, frames=talk.frames).request(SYN, tcp=tcp_options).reply(
        SYN | ACK, tcp=tcp_options)
    CASES["ipv4_options"] = case(
        "IPv4 and TCP options of every length pass unchanged.",
        [service("tcp", 80, [(1, 8080)])], talk.frames)


def ipv6_extensions():
    padding = bytes([0, 1, 4, 0, 0, 0, 0])
    long_padding = bytes([1, 1, 12]) + bytes(12)
    used_routing = bytes([2, 0, 0]) + bytes(4) + p.packed("2001:db8:9::9")
    chains = ([(0, padding)], [(60, long_padding)], [(0, padding), (60, padding)],
              [(0, padding), (43, used_routing), (60, long_padding)])
    frames = []
    for n, chain in enumerate(chains):
        Talk(v6=True, sport=40000 + n, frames=frames).request(
            SYN, extensions=chain).reply(SYN | ACK, extensions=chain).request(
                ACK, b"data", extensions=chain, traffic_class=0xB8, flow=0xABCDE)
        Talk(p.UDP, v6=True, sport=40000 + n, vport=53, dport=5353, frames=frames).request(
            payload=b"data", extensions=chain).reply(payload=b"data", extensions=chain)
    CASES["ipv6_extensions"] = case(
        "TCP and UDP behind IPv6 extension headers; traffic class and flow label stay.",
        [service("tcp", 80, [(1, 8080)], v6=True), service("udp", 53, [(1, 5353)], v6=True)],
        frames)


# --- Cases: errors that the balancer sends --------------------------------------------------------

def ttl(v6):
    talk = Talk(v6=v6).open()
    talk.request(PSH | ACK, b"passes", ttl=2).reply(PSH | ACK, b"passes back", ttl=2)
    talk.request(PSH | ACK, b"expires", ttl=1).reply(PSH | ACK, b"expires back", ttl=1)
    talk.request(PSH | ACK, b"x" * 700, ttl=1)
    talk.reply(PSH | ACK, b"y" * 1300, ttl=1)
    first = {} if v6 else {"tos": 0x10}
    Talk(p.UDP, v6=v6, vport=53, dport=5353, frames=talk.frames).request(
        payload=b"first of its flow", ttl=1, **first)
    CASES[f"ttl{6 if v6 else 4}"] = case(
        "The TTL or hop limit goes down by one; at 1 the sender is told 'time exceeded', quoting "
        "the packet as it came. Client packets count nevertheless, server packets do not.",
        [service("tcp", 80, [(1, 8080)], v6=v6), service("udp", 53, [(1, 5353)], v6=v6)],
        talk.frames)


def no_server(v6):
    frames = []
    Talk(v6=v6, frames=frames).request(SYN)
    Talk(v6=v6, vport=81, frames=frames).request(SYN, b"early data")
    Talk(p.UDP, v6=v6, vport=53, frames=frames).request(payload=b"question")
    Talk(p.UDP, v6=v6, vport=54, frames=frames).request(payload=b"z" * 1400, ttl=1)
    CASES[f"no_server{6 if v6 else 4}"] = case(
        "A service without servers, or only ones of weight 0: port unreachable, also at TTL 1.",
        [service("tcp", 80, [], v6=v6), service("tcp", 81, [(1, 81, 0), (2, 81, 0)], "wrr", v6=v6),
         service("udp", 53, [], "wrr", v6=v6), service("udp", 54, [(3, 54, 0)], v6=v6)], frames)


def mtu(v6):
    talk = Talk(p.UDP, v6=v6, vport=53, dport=5353)
    header = 48 if v6 else 28
    talk.request(payload=b"").reply(payload=b"")
    talk.request(payload=b"x" * (1500 - header)).reply(payload=b"y" * (1500 - header))
    talk.request(payload=b"x" * (1501 - header)).reply(payload=b"y" * (1501 - header))
    CASES[f"mtu{6 if v6 else 4}"] = case(
        "Packets of exactly the MTU pass; one byte more gets " +
        ("'packet too big'" if v6 else "'fragmentation needed' (DF is set)") + " with MTU 1500.",
        [service("udp", 53, [(1, 5353)], v6=v6)], talk.frames)


def unreachable():
    frames = []
    for v6 in (False, True):
        Talk(v6=v6, frames=frames).request(SYN)
        Talk(p.UDP, v6=v6, vport=53, frames=frames).request(payload=b"question")
    net = network()
    net["addresses"] = [a for a in net["addresses"] if not a[2].startswith(("10.", "2001:db8:1:"))]
    net["routes"] = [("198.51.100.0/24", ("wan0", 0, "192.0.2.254")),
                     ("2001:db8:c::/64", ("wan0", 0, "2001:db8::fe"))]
    net["neighbours"] = net["neighbours"][:2]
    CASES["no_route"] = case(
        "No route to the server: host unreachable to the client.",
        [service("tcp", 80, [(1, 8080)]), service("tcp", 80, [(1, 8080)], v6=True),
         service("udp", 53, [(1, 53)]), service("udp", 53, [(1, 53)], v6=True)], frames, net=net)


def no_way_back():
    frames = Talk(frames=Talk(v6=True).request(SYN).reply(SYN | ACK).frames).request(SYN).reply(
        SYN | ACK).frames
    net = network()
    net["routes"] = []
    CASES["no_way_back"] = case(
        "No route to the client: the server is told that the network is unreachable.",
        [service("tcp", 80, [(1, 8080)]), service("tcp", 80, [(1, 8080)], v6=True)], frames,
        net=net)


def unresolved():
    frames = []
    for v6 in (False, True):
        Talk(v6=v6, real=3, frames=frames).request(SYN).request(SYN)
        Talk(p.UDP, v6=v6, vport=53, frames=frames).request(payload=b"question")
    net = network()
    net["neighbours"] = [n for n in net["neighbours"] if n[3] != SERVER_MAC[3]]
    services = [service("tcp", 80, [(3, 8080)]), service("tcp", 80, [(3, 8080)], v6=True),
                service("udp", 53, [(1, 53)]), service("udp", 53, [(1, 53)], v6=True)]
    CASES["held"] = case(
        "Packets to a server whose link address is unknown wait, and are dropped at the end; "
        "others pass.", services, frames, net=net, resolves=True)
    CASES["neighbour_unresolved"] = case(
        "Packets to a server whose link address stays unknown are dropped after three seconds.",
        services, frames, net=net)


# --- Cases: scheduling and connections ------------------------------------------------------------

def schedulers():
    flows = []
    for n in range(12):
        Talk(sport=41000 + n, frames=flows).request(SYN)
    CASES["wrr"] = case("Twelve SYNs over weights 3, 2, 1.",
                        [service("tcp", 80, [(1, 8080, 3), (2, 8080, 2), (3, 8080, 1)], "wrr")],
                        flows)
    CASES["wrr_step"] = case("Twelve SYNs over weights 30, 0, 20: divided by 10, one quiesced.",
                             [service("tcp", 80, [(1, 8080, 30), (2, 8080, 0), (3, 8080, 20)],
                                      "wrr")], flows)
    CASES["rr"] = case("Twelve SYNs in turn, the newest server first, one of weight 0 left out.",
                       [service("tcp", 80, [(1, 8080, 5), (2, 8080, 0), (3, 8080, 1)])], flows)


def reused_port(pause):
    """One client port for three connections, and a SYN on a living one."""
    frames = []

    def opened(real, sport=42000):
        talk = Talk(real=real, sport=sport, frames=frames).request(SYN)
        frames.extend(pause)
        return talk.reply(SYN | ACK).request(ACK)

    opened(2).request(PSH | ACK, b"first life").close()
    frames.extend(pause)
    opened(1).reply(RST | ACK)
    frames.extend(pause)
    opened(2).request(PSH | ACK, b"third life")
    opened(1, sport=42001).request(SYN).reply(ACK)
    return frames


def port_reuse():
    services = [service("tcp", 80, [(1, 8080), (2, 8080)])]
    about = ("A SYN on a connection in TIME_WAIT or CLOSE opens a new one, on the next server; on "
             "an established one it is forwarded. ")
    pause = [p.eth("ff:ff:ff:ff:ff:ff", ROUTER, b"", p.ARP)] * 64
    CASES["port_reuse"] = case(about + "64 other packets between.", services, reused_port(pause))
    CASES["port_reuse_at_once"] = case(about + "All in one burst.", services, reused_port([]))


def tcp_states():
    frames = []

    def talk(n, **options):
        return Talk(sport=43000 + n, frames=frames, **options)

    talk(0).request(SYN)
    talk(1).open()
    talk(2).open().request(FIN | ACK)
    talk(3).open().reply(FIN | ACK)
    talk(4).open().request(FIN | ACK).reply(FIN | ACK)
    talk(5).open().request(RST)
    talk(6).open().reply(RST)
    talk(7).request(SYN).request(RST)
    talk(8).request(SYN).reply(RST | ACK)
    talk(9).open().request(0, b"no flags")
    talk(10).request(SYN | ACK)
    talk(11).request(SYN | FIN)
    talk(12).open().reply(FIN | ACK).request(FIN | ACK).request(ACK)
    talk(13).request(SYN).reply(SYN | ACK).request(SYN)
    talk(14, real=1).open().request(FIN | ACK).request(ACK).reply(ACK, b"half closed")
    CASES["tcp_states"] = case(
        "Connections left in each state, with its timeout; which of them count as active.",
        [service("tcp", 80, [(1, 8080)])], frames, workers=ANY_WORKERS)


def long_flow():
    talk = Talk(p.UDP, vport=53, dport=5353)
    for n in range(60):
        talk.request(payload=bytes([n] * (n % 5))).reply(payload=bytes([n] * (n % 7)))
    CASES["long_flow"] = case("120 packets of one flow stay in order over several bursts.",
                              [service("udp", 53, [(1, 5353)])], talk.frames, workers=ANY_WORKERS)


def many_flows():
    """The flows advance side by side, a packet each at a time."""
    talks = []
    for n in range(10):
        for v6 in (False, True):
            client = f"2001:db8:c::{n + 16:x}" if v6 else f"198.51.100.{n + 16}"
            talks.append(Talk(v6=v6, client=client, sport=44000 + 7 * n).whole())
            talks.append(Talk(p.UDP, v6=v6, client=client, sport=44000 + 3 * n, vport=53,
                              dport=5353).datagrams())
    longest = max(len(t.frames) for t in talks)
    frames = [t.frames[i] for i in range(longest) for t in talks if i < len(t.frames)]
    CASES["many_flows"] = case(
        "40 conversations side by side: the same packets with 1, 2 and 4 workers.",
        [service("tcp", 80, [(1, 8080)]), service("udp", 53, [(1, 5353)]),
         service("tcp", 80, [(1, 8080)], v6=True), service("udp", 53, [(1, 5353)], v6=True)],
        frames, workers=ANY_WORKERS)


def two_ports():
    """Both captures are read at once, so neither may wait for the other: no replies."""
    outside, inside = [], []
    for n in range(8):
        v6 = bool(n % 2)
        Talk(v6=v6, sport=45000 + n, frames=outside).request(SYN).request(ACK)
        up = Talk(p.UDP, v6=v6, sport=46000 + n, vport=54, port="lan0", frames=inside,
                  client="2001:db8:1::77" if v6 else "10.1.0.77", real=2, dport=54)
        up.request(payload=b"from inside").request(payload=b"again")
    net = network(inside="lan0", server_vlan=20)
    net["routes"].append(("172.16.9.0/24", ("lan0", 20, server(3))))
    services = [service("tcp", 80, [(1, 8080)]), service("tcp", 80, [(1, 8080)], v6=True),
                service("udp", 54, [(2, 54)]), service("udp", 54, [(2, 54)], v6=True)]
    # Servers behind a router inside, and behind the one outside; over IPv4 only.
    for port, address in ((55, "172.16.9.5"), (56, "203.0.113.9")):
        services.append({"protocol": "udp", "address": (VIP, port), "scheduler": "rr",
                         "servers": [(address, 5500, 1, "nat", None)]})
    Talk(p.UDP, sport=47000, vport=55, frames=outside).request(payload=b"behind a router")
    for n in range(5):
        Talk(p.UDP, sport=47001 + n, vport=56, client="10.1.0.77", port="lan0",
             frames=inside).request(payload=b"to the outside").request()
    CASES["two_ports"] = case(
        "Two ports, one in a VLAN: to servers on the link and behind a router, from both sides.",
        services, {"wan0": outside, "lan0": [retag(f, 20) for f in inside]}, net=net,
        workers=ANY_WORKERS)


# --- Cases: what is not forwarded -----------------------------------------------------------------

WEB = [service("tcp", 80, [(1, 8080)]), service("tcp", 80, [(1, 8080)], v6=True),
       service("udp", 53, [(1, 5353)]), service("udp", 53, [(1, 5353)], v6=True)]


def to_host():
    frames = []
    for v6 in (False, True):
        client, vip = (CLIENT6, VIP6) if v6 else (CLIENT, VIP)
        for flags in (ACK, RST, RST | ACK, FIN | ACK, SYN | RST, PSH | ACK, 0):
            Talk(v6=v6, sport=50000 + flags, frames=frames).request(flags)
        Talk(v6=v6, vport=22, frames=frames).request(SYN)
        Talk(p.UDP, v6=v6, vport=80, frames=frames).request(payload=b"no UDP service")
        Talk(v6=v6, sport=20, frames=frames).request(SYN)
        Talk(p.UDP, v6=v6, sport=20, vport=53, frames=frames).request(payload=b"from port 20")
        Talk(v6=v6, frames=frames).reply(SYN | ACK)
        Talk(p.UDP, v6=v6, frames=frames, dport=5353).reply(payload=b"asked by nobody")
        echo = p.icmp6(client, vip, 128, 0, 1, b"ping") if v6 else p.icmp4(8, 0, 1, b"ping")
        frames.append(p.eth(MAC["wan0"], ROUTER,
                            p.ip(client, vip, p.ICMP6 if v6 else p.ICMP, echo)))
        frames.append(p.eth(MAC["wan0"], ROUTER, p.ip(client, vip, 47, b"GRE, let us say")))
        quote = p.ip(vip, client, p.TCP, p.tcp(vip, 80, client, 40000, ACK))
        error = (p.icmp6(client, vip, 2, 0, 1400, quote) if v6 else p.icmp4(3, 4, 1400, quote))
        frames.append(p.eth(MAC["wan0"], ROUTER,
                            p.ip(client, vip, p.ICMP6 if v6 else p.ICMP, error)))
    arp = struct.pack("!HHBBH", 1, p.IPV4, 6, 4, 1) + p.mac_bytes(ROUTER) + p.packed(
        "192.0.2.254") + bytes(6) + p.packed(VIP)
    frames.append(p.eth("ff:ff:ff:ff:ff:ff", ROUTER, arp + bytes(18), p.ARP))
    frames.append(p.eth("01:80:c2:00:00:0e", ROUTER, bytes(46), 0x88CC))
    frames.append(p.eth(MAC["wan0"], ROUTER, bytes(46), 0x0026))
    CASES["to_host"] = case(
        "The host's business: no service, no connection and no SYN, client port 20, replies to "
        "nobody, ping, ICMP errors, other protocols, ARP, LLDP. Without a twin it is dropped.",
        WEB, with_good_one(frames))


def other_mac():
    frames = []
    for mac in ("02:70:63:61:70:77", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:0a"):
        for v6 in (False, True):
            packet = p.ip(*(((CLIENT6, VIP6) if v6 else (CLIENT, VIP))), p.TCP,
                          p.tcp(*((CLIENT6, 40000, VIP6, 80) if v6 else (CLIENT, 40000, VIP, 80)),
                                SYN))
            frames.append(p.eth(mac, ROUTER, packet))
    CASES["other_mac"] = case("Frames for another link address, and broadcasts, are not balanced.",
                              WEB, with_good_one(frames))


def truncated():
    whole = Talk().request(SYN, b"payload").frames[0]
    whole6 = Talk(v6=True).request(SYN, b"payload").frames[0]
    tagged = retag(whole, 10)
    frames = [whole[:n] for n in (1, 6, 13, 14, 15, 33)] + [whole6[:n] for n in (15, 53)]
    frames += [tagged[:n] for n in (18, 30)]
    options = Talk().request(SYN, options=bytes([1] * 12)).frames[0]
    frames.append(options[:14 + 24])
    CASES["truncated"] = case("Frames that end within the Ethernet or IP header.",
                              WEB, with_good_one(frames))


def malformed():
    def four(l4=None, **options):
        l4 = p.tcp(CLIENT, 40000, VIP, 80, SYN) if l4 is None else l4
        return p.eth(MAC["wan0"], ROUTER, p.ip4(CLIENT, VIP, options.pop("protocol", p.TCP), l4,
                                                **options), p.IPV4)

    def six(l4=None, **options):
        l4 = p.tcp(CLIENT6, 40000, VIP6, 80, SYN) if l4 is None else l4
        return p.eth(MAC["wan0"], ROUTER, p.ip6(CLIENT6, VIP6, p.TCP, l4, **options), p.IPV6)

    versions = [four(version=v) for v in (0, 5, 6)]
    lengths = [four(ihl=n) for n in (0, 4)] + [four(total=n) for n in (0, 19, 41, 1500, 65535)]
    CASES["ipv4_bad_header"] = case(
        "IPv4 with an impossible version, header length or total length; and frames that end "
        "before their packet.", WEB,
        with_good_one(versions + lengths))
    CASES["ipv4_bad_checksum"] = case(
        "A wrong IPv4 header checksum, also next to the right one.", WEB,
        with_good_one([four(header_checksum=n) for n in (0, 0xFFFF, 0x1234)] +
                      [flip(four(), 14 + 10), flip(four(), 14 + 8), flip(four(), 14 + 19)]))
    version = six()
    beyond = [(0, bytes([20]) + bytes(6))]
    CASES["ipv6_bad_header"] = case(
        "IPv6 with an impossible version or extension chain; and frames that end before their "
        "packet.", WEB,
        with_good_one([version[:14] + b"\x40" + version[15:], six(length=21), six(length=60000),
                       six(extensions=beyond)]))
    short = p.tcp(CLIENT, 40000, VIP, 80, SYN)
    short6 = p.tcp(CLIENT6, 40000, VIP6, 80, SYN)
    CASES["l4_bad_header"] = case(
        "Packets that end within the TCP or UDP header.", WEB,
        with_good_one([four(short[:n]) for n in (0, 4, 8, 19)] +
                      [six(short6[:n]) for n in (0, 4, 19)] +
                      [four(p.udp(CLIENT, 40000, VIP, 53)[:n], protocol=p.UDP) for n in (4, 7)]))
    odd = [four(p.tcp(CLIENT, 40000 + n, VIP, 80, SYN, offset=n)) for n in (0, 4, 6, 15)]
    odd += [four(p.udp(CLIENT, 40000 + n % 100, VIP, 53, b"odd length", length=n),
                 protocol=p.UDP) for n in (0, 7, 9, 65535)]
    CASES["odd_l4_lengths"] = case(
        "A TCP data offset or UDP length that cannot be is none of the balancer's business, as in "
        "IPVS.", WEB, with_good_one(odd))


def flip(frame, at):
    return frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1:]


def partial_checksum():
    frames = []
    for v6 in (False, True):
        for protocol, vport, dport in ((p.TCP, 80, 8080), (p.UDP, 53, 5353)):
            talk = Talk(protocol, v6=v6, vport=vport, dport=dport, frames=frames)
            client, virtual, real = talk.client, talk.virtual, talk.real

            length = (20 if protocol == p.TCP else 8) + len(b"partial")

            def field(source, target):
                return {"field": p.ones_sum(p.pseudo_header(source[0], target[0], protocol,
                                                            length))}

            talk.request(SYN, b"partial", tcp=field(client, virtual))
            talk.request(SYN, b"whole")
            if protocol == p.TCP:
                talk.reply(SYN | ACK, b"partial", tcp=field(real, client))
            talk.reply(SYN | ACK, b"whole")
    CASES["partial_checksum"] = case(
        "A connection does not begin with packets whose sender left the checksum to its card.",
        WEB, frames)


def long_frames():
    """Longer than one packet buffer of the daemon (2 KiB)."""
    talk = Talk()
    talk.request(SYN, padding=bytes(2600)).reply(SYN | ACK, padding=bytes(4100))
    talk.request(PSH | ACK, b"x" * 2600).reply(PSH | ACK, b"y" * 2600)
    Talk(v6=True, frames=talk.frames).request(SYN, padding=bytes(2300)).request(ACK, b"z" * 2300)
    CASES["long_frames"] = case(
        "Frames over several packet buffers: padding is cut, too big ones are answered.",
        WEB, talk.frames)


def build_all():
    for pair in (nat, udp_zero_checksum, udp_folds_to_zero, ttl, no_server, mtu):
        either(pair)
    for build in (wrong_l4_checksum, ethernet_padding, vlans, ipv4_options, ipv6_extensions,
                  unreachable, no_way_back, unresolved, schedulers, port_reuse,
                  tcp_states, long_flow, many_flows, two_ports, to_host, other_mac, truncated,
                  malformed, partial_checksum, long_frames):
        build()
    for module in (method_cases, fragment_cases, error_cases):
        module.build_all()
    return CASES


# --- Files ----------------------------------------------------------------------------------------

def mark_ports(mark):
    return "-".join(map(str, mark["destination_ports"]))


def server_text(address, port, weight, forward, tunnel):
    text = f'{{ address = "{p.endpoint(address, port)}"; weight = {weight};'
    if forward != "nat":
        text += f' forward = "{forward}";'
    if tunnel:
        values = (f'{key} = {json.dumps(value)};' for key, value in tunnel.items())
        text += f' tunnel = {{ {" ".join(values)} }};'
    return text + " }"


def service_text(s):
    if "mark" in s:
        name = f'mark = {s["mark"]}; family = "{s["family"]}"; '
    else:
        name = f'protocol = "{s["protocol"]}"; address = "{p.endpoint(*s["address"])}"; '
    flags = " one_packet = true;" if s.get("one_packet") else ""
    servers = ",\n                      ".join(server_text(*row) for row in s["servers"])
    return (f'{{ {name}scheduler = "{s["scheduler"]}";{flags}\n          '
            f'servers = ( {servers} ); }}')


def configuration(name, c):
    """The text of shunt.conf."""

    def rows(key, entries, indent="    "):
        body = ",\n".join(indent + "    " + entry for entry in entries)
        return f"{indent}{key} = (\n{body}\n{indent});" if entries else ""

    def number(key, value):
        return f" {key} = {value};" if value else ""

    def vlan(tag):
        return number("vlan", tag)

    ports = [f'{{ name = "{port}"; twin = false;{number("mtu", c["mtu"].get(port))}\n          '
             f'device = "net_pcap,rx_pcap={port}.in.pcap,tx_pcap={port}.out.pcap"; }}'
             for port in c["ports"]]
    addresses = [f'{{ port = "{port}"; address = "{a}";{vlan(v)} }}'
                 for port, v, a in c["addresses"]]
    routes = []
    for to, (port, v, gateway) in c["routes"]:
        hop = f'{{ port = "{port}"; gateway = "{gateway}";{vlan(v)} }}'
        routes.append(f'{{ to = "{to}"; via = ( {hop} ); }}')
    neighbours = [f'{{ port = "{port}"; address = "{a}"; mac = "{mac}";{vlan(v)} }}'
                  for port, v, a, mac in c["neighbours"]]
    marks = [f'{{ mark = {m["mark"]}; destination = "{m["destination"]}"; '
             f'protocol = "{m["protocol"]}";\n          destination_ports = "{mark_ports(m)}"; }}'
             for m in c["marks"]]
    tunables = "".join(f" {key} = {value};" for key, value in c["tunables"].items())
    services = [service_text(s) for s in c["services"]]
    return f"""# {name}: written by make_cases.py
workers = 1;
connections = 1024;
servers = 64;
packet_buffers = 2048;
memory = {{ huge_pages = "off"; }};
socket = {{ path = "/tmp/shunt-golden.sock"; }};
{rows("ports", ports, "")}
network = {{
    provider = "static";
{rows("addresses", addresses)}
{rows("routes", routes)}
{rows("neighbours", neighbours)}
}};
{rows("marks", marks, "")}{rows("services", services, "")}
{f"tunables = {{{tunables} }};" if tunables else ""}"""


def write_case(folder, name, c):
    balancer = model.Balancer(c)
    for port, frames in c["frames"].items():
        for frame in frames:
            balancer.feed(port, frame)
    folder.mkdir()
    (folder / "README").write_text(c["about"] + "\n")
    (folder / "shunt.conf").write_text(configuration(name, c))
    for port in c["ports"]:
        p.write_pcap(folder / f"{port}.in.pcap", c["frames"].get(port, []))
        p.write_pcap(folder / f"{port}.out.pcap", balancer.out[port])
    counters = {
        "workers": c["workers"],
        "received": balancer.received,
        "generated": balancer.generated,
        "forwarded": balancer.forwarded,
        "held": balancer.held,
        "joined": balancer.joined,
        "split": balancer.split,
        "drops": dict(sorted(balancer.drops.items())),
        "services": balancer.service_rows(),
        "connections": balancer.connection_rows(),
    }
    (folder / "counters.json").write_text(json.dumps(counters, indent=1) + "\n")


def contents(root):
    """What stands in the folders of the cases: {file: bytes}."""
    return {str(file.relative_to(root)): file.read_bytes()
            for counters in root.glob("*/counters.json") for file in counters.parent.iterdir()}


def check():
    """Are the folders what would be written? The exit code."""
    with tempfile.TemporaryDirectory() as name:
        write_all(pathlib.Path(name))
        wanted, found = contents(pathlib.Path(name)), contents(HERE)
    differing = [f for f in sorted(wanted.keys() | found.keys()) if wanted.get(f) != found.get(f)]
    for file in differing:
        print(f"{file}: not what make_cases.py writes")
    print(f"{len(wanted)} files, {len(differing)} differ")
    return 1 if differing else 0


def write_all(root):
    cases = build_all()
    for counters in root.glob("*/counters.json"):
        shutil.rmtree(counters.parent)
    for name, c in cases.items():
        write_case(root / name, name, c)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true",
                        help="write nothing; exit 1 when the folders are not what would be written")
    args = parser.parse_args()
    if args.check:
        return check()
    write_all(HERE)
    print(f"{len(CASES)} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
