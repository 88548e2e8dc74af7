# SPDX-License-Identifier: BSD-3-Clause
"""The defence strategies where they are not left to chance: always on."""
from common import *

ALWAYS = {"net.ipv4.vs.secure_tcp": 3}


@scenario(
    "secure_tcp always: only the server's packets establish a connection",
    ipvs=nat(reals=RS[:1]) + nat(port=81, mode="g", reals=RS[:1]),
    sysctls=ALWAYS,
)
def defence_secure_tcp(s):
    s.wait(2.2)
    s.c(tcp(s), "SYN")
    s.dump("syn")
    s.c(tcp(s, "A", seq=1001), "an ACK without the server's answer")
    s.dump("ack")
    s.r(tcp(s, "SA", sport=8080, dport=40000, src=RS[0], dst=CIP, seq=9, ack=1001), "SYN/ACK")
    s.dump("synack")
    s.c(tcp(s, "S"), "the SYN again")
    s.dump("again")
    s.c(tcp(s, "A", seq=1001, ack=10), "ACK")
    s.dump("client")
    s.r(tcp(s, "A", sport=8080, dport=40000, src=RS[0], dst=CIP, seq=10, ack=1001), "data")
    s.dump("server")
    s.c(tcp(s, "R", seq=1001), "RST")
    s.dump("rst")
    s.c(tcp(s, dport=81), "SYN, direct routing")
    s.dump("direct-syn")
    s.c(tcp(s, "A", dport=81, seq=1001), "ACK")
    s.dump("direct-ack")
    s.c(tcp(s, "FA", dport=81, seq=1001), "FIN")
    s.dump("direct-fin")


@scenario(
    "drop_packet always: one of three new connections is refused, of each protocol and service",
    ipvs=nat() + nat(port=53, proto="u", rport=5353),
    sysctls={"net.ipv4.vs.drop_packet": 3, "net.ipv4.vs.am_droprate": 3},
)
def defence_drop_packet(s):
    s.wait(2.2)
    for i in range(7):
        s.c(tcp(s, sport=40000 + i), "SYN")
    s.c(tcp(s, "A", sport=40001, seq=1001), "a connection that is there")
    s.c(udp(s), "first datagram")
    s.c(udp(s), "second datagram")
    for i in range(3):
        s.c(udp(s, sport=5001 + i), "others")


@scenario(
    "drop_packet always and persistence: what is refused has no template either",
    ipvs=nat(extra="-p 300"),
    sysctls={"net.ipv4.vs.drop_packet": 3, "net.ipv4.vs.am_droprate": 2},
)
def defence_drop_persistent(s):
    s.wait(2.2)
    for i in range(5):
        s.c(tcp(s, sport=40000 + i, src=CIP if i < 3 else CIP2), "SYN")
