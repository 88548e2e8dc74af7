# SPDX-License-Identifier: BSD-3-Clause
"""Services for all ports."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}


@scenario(
    "A persistent service for all ports, NAT: each port goes to the same server, port kept",
    ipvs=nat(port=0, extra="-p 300") + nat(port=0, proto="u", extra="-p 300"),
)
def port0_nat(s):
    s.c(tcp(s), "port 80")
    s.c(tcp(s, dport=8443), "port 8443")
    s.c(tcp(s, src=CIP2, dport=22), "another client, port 22")
    s.r(
        tcp(s, "SA", src=RS[1], dst=CIP, sport=80, dport=40000, seq=9, ack=1001),
        "answer of port 80",
    )
    s.c(udp(s), "UDP 53")
    s.c(udp(s, dport=123), "UDP 123")
    s.c(tcp(s, "A", dport=8443, seq=1001, ack=1), "ACK")
    s.c(tcp(s, "A", dport=81, seq=1001, ack=1), "ACK of nothing known")


@scenario(
    "A service for all ports and one for a port of the same address: the exact one goes before",
    ipvs=nat(port=0, extra="-p 300", reals=RS[:1])
    + nat(port=80, reals=RS[1:2])
    + nat(port=443, extra="-p 300", reals=RS[2:3]),
)
def port0_and_exact(s):
    s.c(tcp(s), "port 80: its own service")
    s.c(tcp(s, dport=443), "port 443: its own, persistent service")
    s.c(tcp(s, dport=22), "port 22: all ports")
    s.ipvs("-D -t 192.0.2.10:80")
    s.c(tcp(s, sport=40001), "port 80, its service gone: all ports")
    s.c(tcp(s, "A", seq=1001, ack=1), "the old connection to port 80")


@scenario(
    "All ports by direct routing and IPv6", **BOTH, ipvs=nat(VIP6, 0, extra="-p 300", mode="g")
)
def port0_direct6(s):
    s.c(tcp6(s), "port 80")
    s.c(tcp6(s, dport=443), "port 443")
    s.c(tcp6(s, src=CIP6_2, dport=443), "another client")
    s.c(udp6(s), "UDP: no such service")


@scenario(
    "All ports with servers that have a port: it is not used, the client's port is kept",
    ipvs=[
        "-A -t 192.0.2.10:0 -s rr -p 300",
        "-a -t 192.0.2.10:0 -r 10.1.0.11:8080 -m",
        "-a -t 192.0.2.10:0 -r 10.1.0.12:0 -m",
    ],
)
def port0_server_port(s):
    for port in (80, 443):
        s.c(tcp(s, dport=port), "first client, port %d" % port)
        s.c(tcp(s, src=CIP2, dport=port), "second client, port %d" % port)


@scenario(
    "All ports: no server, server removed, client port 20, ports below 1024",
    ipvs=nat(port=0, extra="-p 300", reals=RS[:1]),
)
def port0_leave(s):
    s.c(tcp(s), "SYN")
    s.c(tcp(s, sport=20), "from client port 20")
    s.ipvs("-e -t 192.0.2.10:0 -r 10.1.0.11:0 -m -w 0")
    s.c(tcp(s, sport=40001), "weight 0, but the template holds")
    s.c(tcp(s, src=CIP2), "weight 0, another client")
    s.ipvs("-d -t 192.0.2.10:0 -r 10.1.0.11:0")
    s.c(tcp(s, sport=40002), "server removed")
