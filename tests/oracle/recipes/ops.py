# SPDX-License-Identifier: BSD-3-Clause
"""One-packet scheduling."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}


@scenario(
    (
        "One packet each, NAT: every datagram is scheduled anew, no entry stays, answers are not"
        " translated"
    ),
    **BOTH,
    stats=True,
    ipvs=nat(port=53, proto="u", extra="-o", rport=5353)
    + nat(VIP6, 53, proto="u", extra="-o", rport=5353),
)
def ops_nat(s):
    for i in range(3):
        s.c(udp(s), "the same client and port")
    s.r(udp(s, src=RS[0], dst=CIP, sport=5353, dport=5000), "an answer")
    for i in range(3):
        s.c(udp6(s), "IPv6")
    s.r(udp6(s, src=RS6[0], dst=CIP6, sport=5353, dport=5000), "IPv6 answer")


@scenario(
    "One packet each, direct routing and tunnel, three servers of different weights",
    ipvs=nat(port=53, proto="u", extra="-o", mode="g", reals=RS[:3], weights=[2, 1, 0], sched="wrr")
    + nat(port=54, proto="u", extra="-o", mode="i"),
)
def ops_direct(s):
    for i in range(6):
        s.c(udp(s))
    for i in range(2):
        s.c(udp(s, dport=54))


@scenario(
    "One packet each with persistence: the template keeps the client at its server",
    ipvs=nat(port=53, proto="u", extra="-o -p 300", rport=5353),
)
def ops_persistent(s):
    for i in range(2):
        s.c(udp(s), "first client")
    s.c(udp(s, src=CIP2), "second client")
    s.c(udp(s, sport=5001), "first client, another port")
    s.r(udp(s, src=RS[0], dst=CIP2, sport=5353, dport=5000), "an answer to the second")


@scenario(
    "One packet each: switched on and off while there are entries", ipvs=nat(port=53, proto="u")
)
def ops_switched(s):
    s.c(udp(s), "makes an entry")
    s.ipvs("-E -u 192.0.2.10:53 -s rr -o")
    s.c(udp(s), "the entry is followed still")
    s.c(udp(s, sport=5001), "another port: one packet only")
    s.c(udp(s, sport=5001), "once more")
    s.ipvs("-E -u 192.0.2.10:53 -s rr")
    s.c(udp(s, sport=5001), "switched off: an entry again")
    s.c(udp(s, sport=5001), "and followed")


@scenario(
    "One packet each: errors, fragments, no server",
    ipvs=nat(port=53, proto="u", extra="-o", rport=5353),
)
def ops_errors(s):
    seen = out(s.c(udp(s), "datagram"))
    s.r(icmp4(s, RS[1], CIP, 3, 3, seen), "port unreachable from the server: nothing knows it")
    for p in cut(udp(s, data=b"f" * 300, df=False), [160], ident=301):
        s.c(p, "fragment")
    s.c(udp(s, ttl=1), "TTL 1")
    s.ipvs(
        "-e -u 192.0.2.10:53 -r 10.1.0.11:5353 -m -w 0",
        "-e -u 192.0.2.10:53 -r 10.1.0.12:5353 -m -w 0",
    )
    s.c(udp(s), "no server")
