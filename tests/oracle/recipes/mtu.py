# SPDX-License-Identifier: BSD-3-Clause
"""Packets that are too long for the way they go."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}


@scenario(
    (
        "NAT, server side with MTU 400: with DF fragmentation needed, without DF fragmented; the"
        " answer is not"
    ),
    mtu1=400,
    ipvs=nat(port=53, proto="u", reals=RS[:1], rport=5353) + nat(reals=RS[:1]),
)
def mtu_nat_in(s):
    s.c(udp(s, data=b"x" * 372), "fits exactly, DF")
    s.c(udp(s, data=b"x" * 373), "one byte too long, DF")
    s.c(udp(s, data=b"x" * 373, df=False), "one byte too long, no DF")
    s.c(udp(s, data=b"y" * 1000, df=False), "three fragments")
    s.c(tcp(s), "SYN")
    s.c(tcp(s, "PA", seq=1001, ack=1, data=b"z" * 500), "segment too long, DF")
    s.c(tcp(s, "PA", seq=1001, ack=1, data=b"z" * 500, df=False), "segment too long, no DF")
    s.c(udp(s, data=b"x" * 373, ttl=1), "too long and TTL 1: time exceeded goes first")


@scenario(
    (
        "NAT, client side with MTU 400: the server's long answers; the director tells the server, "
        "and fragments what has no DF"
    ),
    mtu0=400,
    ipvs=nat(port=53, proto="u", reals=RS[:1], rport=5353) + nat(reals=RS[:1]),
)
def mtu_nat_out(s):
    s.c(udp(s), "query")
    answer = dict(src=RS[0], dst=CIP, sport=5353, dport=5000)
    s.r(udp(s, data=b"x" * 372, **answer), "fits exactly, DF")
    s.r(udp(s, data=b"x" * 373, **answer), "one byte too long, DF")
    s.r(udp(s, data=b"x" * 373, df=False, **answer), "one byte too long, no DF")
    s.c(tcp(s), "SYN")
    answer = dict(src=RS[0], dst=CIP, sport=80, dport=40000, seq=9, ack=1001)
    s.r(tcp(s, "SA", **answer), "SYN/ACK")
    s.r(tcp(s, "PA", data=b"z" * 500, **answer), "segment too long, DF")
    s.r(tcp(s, "PA", data=b"z" * 500, df=False, **answer), "segment too long, no DF")
    s.r(tcp(s, "PA", data=b"z" * 10, ttl=1, **answer), "TTL 1 from the server")


@scenario(
    "IPv6 NAT: packet too big to the client and to the server",
    mtu0=1280,
    mtu1=1300,
    **BOTH,
    ipvs=nat(VIP6, 53, proto="u", reals=RS6[:1], rport=5353),
)
def mtu_nat6(s):
    s.c(udp6(s, data=b"x" * 1252), "fits exactly")
    s.c(udp6(s, data=b"x" * 1253), "one byte too long")
    answer = dict(src=RS6[0], dst=CIP6, sport=5353, dport=5000)
    s.r(udp6(s, data=b"y" * 1232, **answer), "answer fits exactly")
    s.r(udp6(s, data=b"y" * 1233, **answer), "answer one byte too long")
    s.r(udp6(s, data=b"y", ttl=1, **answer), "answer with hop limit 1")


@scenario(
    "A route's MTU below its link's",
    routes=["10.2.0.0/16 via 10.1.0.254 dev eth1 mtu 500"],
    ipvs=nat(port=53, proto="u", reals=FAR[:1])
    + nat(port=54, proto="u", mode="g", reals=FAR[:1])
    + nat(port=55, proto="u", mode="i", reals=FAR[:1])
    + nat(port=56, proto="u", reals=RS[:1]),
)
def mtu_route(s):
    for port, method, room in ((53, "NAT", 472), (54, "DR", 472), (55, "tunnel", 452)):
        s.c(udp(s, dport=port, data=b"a" * room), method + ": fits exactly, DF")
        s.c(udp(s, dport=port, data=b"b" * (room + 1)), method + ": too long, DF")
        s.c(udp(s, dport=port, data=b"c" * (room + 1), df=False), method + ": too long, no DF")
    s.c(udp(s, dport=56, data=b"d" * 600), "a server by another route")


@scenario(
    "A route's MTU locked: DF counts no more for the director's own packets",
    routes=["10.2.0.0/16 via 10.1.0.254 dev eth1 mtu lock 500"],
    ipvs=nat(port=53, proto="u", reals=FAR[:1]) + nat(port=55, proto="u", mode="i", reals=FAR[:1]),
)
def mtu_route_locked(s):
    for port, method, room in ((53, "NAT", 472), (55, "tunnel", 452)):
        s.c(udp(s, dport=port, data=b"b" * (room + 1)), method + ": too long, DF")
        s.c(udp(s, dport=port, data=b"c" * (room + 1), df=False), method + ": too long, no DF")


@scenario(
    "A route's MTU in the way back",
    routes=["198.51.100.0/24 via 192.0.2.254 dev eth0 mtu 500"],
    ipvs=nat(port=53, proto="u", reals=RS[:1]),
)
def mtu_route_back(s):
    s.c(udp(s), "query")
    answer = dict(src=RS[0], dst=CIP, sport=53, dport=5000)
    s.r(udp(s, data=b"x" * 473, **answer), "one byte too long, DF")
    s.r(udp(s, data=b"x" * 473, df=False, **answer), "one byte too long, no DF")


@scenario(
    (
        "Fragmentation needed from a router of the server side, and from one of the client side: "
        "passed on, nothing learned for NAT"
    ),
    ipvs=nat(reals=RS[:1], rport=8080),
)
def mtu_told_by_router(s):
    seen = out(s.c(tcp(s), "SYN"))
    s.r(tcp(s, "SA", src=RS[0], dst=CIP, sport=8080, dport=40000, seq=9, ack=1001), "SYN/ACK")
    seen = out(s.c(tcp(s, "PA", seq=1001, ack=10, data=b"q" * 200), "request"))
    s.r(icmp4(s, INNER, CIP, 3, 4, seen[:28], word=150), "router of the server side: MTU 150")
    s.c(tcp(s, "PA", seq=1001, ack=10, data=b"q" * 200), "request again: goes as before")
    seen = out(
        s.r(
            tcp(
                s,
                "PA",
                src=RS[0],
                dst=CIP,
                sport=8080,
                dport=40000,
                seq=10,
                ack=1201,
                data=b"r" * 300,
            ),
            "answer",
        ),
        "eth0",
    )
    s.c(icmp4(s, ROUTER, VIP, 3, 4, seen[:28], word=200), "router of the client side: MTU 200")
    s.r(
        tcp(
            s, "PA", src=RS[0], dst=CIP, sport=8080, dport=40000, seq=10, ack=1201, data=b"r" * 300
        ),
        "answer again: goes as before",
    )


@scenario(
    "Options count for the length; a fragment carries only those that are to be copied",
    mtu1=400,
    ipvs=nat(port=53, proto="u", reals=RS[:1]),
)
def mtu_options(s):
    s.c(with_options(udp(s, data=b"x" * 368), b"\x01\x01\x01\x01"), "fits exactly, DF")
    s.c(with_options(udp(s, data=b"x" * 369), b"\x01\x01\x01\x01"), "one byte too long, DF")
    s.c(
        with_options(
            udp(s, data=b"x" * 369, df=False), b"\x94\x04\0\0\x07\x07\x08\x01\x02\x03\x04\0"
        ),
        "fragmented: router alert is copied, record route is not",
    )
