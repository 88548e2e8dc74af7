# SPDX-License-Identifier: BSD-3-Clause
"""The director itself as a real server, traffic that comes back where it came from, bypass."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}


@scenario(
    "NAT to an address of the director: its host answers, translated back",
    **BOTH,
    ipvs=nat(reals=[DIP1], rport=8080)
    + nat(port=53, proto="u", reals=[DIP1], rport=5353)
    + nat(VIP6, reals=[DIP1_6], rport=8080),
)
def local_nat(s):
    s.c(tcp(s), "SYN: reset from the virtual service")
    s.c(tcp(s, "A", seq=1001, ack=1), "ACK")
    s.c(udp(s), "UDP: port unreachable from the virtual address")
    s.c(tcp(s, ttl=1, sport=40001), "TTL 1 is enough")
    s.c(tcp6(s), "IPv6 SYN")
    s.c(tcp6(s, "A", seq=1001, ack=1), "IPv6 ACK")


@scenario(
    "Direct routing and a tunnel to an address of the director: its host gets the packet as it is",
    **BOTH,
    ipvs=nat(mode="g", reals=[DIP1])
    + nat(port=53, proto="u", mode="g", reals=[DIP1])
    + nat(port=81, mode="i", reals=[DIP1])
    + nat(VIP6, mode="g", reals=[DIP1_6])
    + nat(VIP6, 53, mode="i", proto="u", reals=[DIP1_6]),
)
def local_direct(s):
    s.c(tcp(s), "DR: SYN, reset by the host")
    s.c(udp(s), "DR: UDP, port unreachable from the host")
    s.c(tcp(s, dport=81, ttl=1), "tunnel: SYN with TTL 1")
    s.c(tcp6(s), "IPv6 DR: SYN")
    s.c(udp6(s), "IPv6 tunnel: UDP")


@scenario("Local and remote servers in one NAT service", ipvs=nat(reals=[DIP1, RS[0]], rport=8080))
def local_and_remote(s):
    s.c(tcp(s), "remote")
    s.c(tcp(s, sport=40001), "local: reset")
    s.c(tcp(s, sport=40002), "remote")
    s.r(
        tcp(s, "SA", src=RS[0], dst=CIP, sport=8080, dport=40000, seq=9, ack=1001), "remote answers"
    )


@scenario(
    (
        "Servers in the loopback network: packets from outside are dropped with NAT; with direct "
        "routing the host has them"
    ),
    ipvs=nat(reals=["127.0.0.1"])
    + nat(port=81, mode="g", reals=["127.0.0.1"])
    + nat(port=53, proto="u", reals=["127.1.2.3"]),
)
def local_loopback(s):
    s.c(tcp(s), "NAT: dropped")
    s.c(udp(s), "NAT, UDP to 127.1.2.3: dropped")
    s.c(tcp(s, dport=81), "direct routing")


@scenario("NAT to the virtual address itself", ipvs=nat(reals=[VIP], rport=8080))
def local_vip(s):
    s.c(tcp(s), "SYN")
    s.c(tcp(s, "R", seq=1001), "RST")


CLIENTS = {"eth1": {"10.1.0.50": "02:00:00:00:01:32"}}


@scenario(
    (
        "Client and servers in one network, NAT: in and out by one interface, answers by way of the"
        " director"
    ),
    neighbours=CLIENTS,
    ipvs=nat(rport=8080),
)
def hairpin_nat(s):
    s.r(tcp(s, src="10.1.0.50"), "SYN", mac="02:00:00:00:01:32")
    s.r(
        tcp(s, "SA", src=RS[1], dst="10.1.0.50", sport=8080, dport=40000, seq=9, ack=1001),
        "SYN/ACK that the server gave to the director",
    )
    s.r(tcp(s, "A", src="10.1.0.50", seq=1001, ack=10), "ACK", mac="02:00:00:00:01:32")
    s.r(tcp(s, src=RS[0]), "a real server as client", mac=RSMAC[0])
    s.r(tcp(s, src=RS[0], sport=40001), "and once more: it gets itself", mac=RSMAC[0])


@scenario(
    "Client and servers in one network, direct routing and tunnel, IPv4 and IPv6",
    neighbours={"eth1": {"10.1.0.50": "02:00:00:00:01:32", "2001:db8:2::50": "02:00:00:00:01:32"}},
    **BOTH,
    ipvs=nat(mode="g", reals=RS[:1])
    + nat(port=81, mode="i", reals=RS[:1])
    + nat(VIP6, mode="g", reals=RS6[:1])
    + nat(VIP6, 81, mode="m", reals=RS6[:1]),
)
def hairpin_direct(s):
    mac = "02:00:00:00:01:32"
    s.r(tcp(s, src="10.1.0.50"), "DR", mac=mac)
    s.r(tcp(s, src="10.1.0.50", dport=81), "tunnel", mac=mac)
    s.r(tcp6(s, src="2001:db8:2::50"), "IPv6 DR", mac=mac)
    s.r(tcp6(s, src="2001:db8:2::50", dport=81), "IPv6 NAT", mac=mac)
    s.r(
        tcp6(s, "SA", src=RS6[0], dst="2001:db8:2::50", sport=81, dport=40000, seq=9, ack=1001),
        "IPv6 NAT, the answer",
    )


@scenario(
    "A client of the server side's network behind another interface than its packets come from",
    ipvs=nat(rport=8080, reals=RS[:1]),
)
def hairpin_asymmetric(s):
    s.r(tcp(s), "the client's SYN arrives at the server side's interface", mac=SGW)
    s.r(
        tcp(s, "SA", src=RS[0], dst=CIP, sport=8080, dport=40000, seq=9, ack=1001),
        "the answer goes where the route says",
    )
    s.c(tcp(s, "A", seq=1001, ack=10), "ACK by the client side's interface: same connection")


ONE_ARM = {
    "eth0": {
        "192.0.2.21": "02:00:00:00:02:15",
        "192.0.2.22": "02:00:00:00:02:16",
        "2001:db8:1::21": "02:00:00:00:02:15",
    }
}


@scenario(
    "One arm with NAT: client's router and servers on one interface",
    **BOTH,
    neighbours=ONE_ARM,
    ipvs=nat(rport=8080, reals=["192.0.2.21", "192.0.2.22"])
    + nat(VIP6, rport=8080, reals=["2001:db8:1::21"]),
)
def onearm_nat(s):
    server = "02:00:00:00:02:16"
    s.c(tcp(s), "SYN")
    s.raw(
        "eth0",
        frame(
            tcp(s, "SA", src="192.0.2.22", dst=CIP, sport=8080, dport=40000, seq=9, ack=1001),
            server,
            D0,
        ),
        "SYN/ACK",
    )
    s.c(tcp(s, "A", seq=1001, ack=10), "ACK")
    s.c(tcp6(s), "IPv6 SYN")
    s.raw(
        "eth0",
        frame(
            tcp6(s, "SA", src="2001:db8:1::21", dst=CIP6, sport=8080, dport=40000, seq=9, ack=1001),
            "02:00:00:00:02:15",
            D0,
        ),
        "IPv6 SYN/ACK",
    )
    s.c(udp(s, dport=53), "not a service")


@scenario("One arm with a tunnel", neighbours=ONE_ARM, ipvs=nat(mode="i", reals=["192.0.2.21"]))
def onearm_tunnel(s):
    s.c(tcp(s), "SYN")
    s.c(tcp(s, "A", seq=1001, ack=10), "ACK")


MARKS = [
    "load_module sch_ingress",
    "load_module cls_u32",
    "load_module act_skbedit",
    "ethtool qdisc add dev eth0 ingress",  # tc, see record.py
    (
        "ethtool filter add dev eth0 parent ffff: protocol ip u32 match ip protocol 6 0xff "
        "match ip dport 80 0xffff action skbedit mark 7"
    ),
    (
        "ethtool filter add dev eth0 parent ffff: protocol ip u32 match ip protocol 17 0xff "
        "match ip dport 53 0xffff action skbedit mark 7"
    ),
]
TO_HOST = ["ip rule add fwmark 7 lookup 100", "ip route add local 0.0.0.0/0 dev lo table 100"]
ANYWHERE = "203.0.113.80"


@scenario(
    (
        "cache_bypass 1: packets of a mark service that has no server go to where they were sent "
        "(TCP to port 80 and UDP to port 53 from eth0 bear mark 7 and are routed to the host)"
    ),
    sysctls={"net.ipv4.vs.cache_bypass": 1},
    tags=["marks"],
    commands=MARKS + TO_HOST,
    routes=["203.0.113.0/24 via 10.1.0.254 dev eth1"],
    ipvs=["-A -f 7 -s rr"],
)
def bypass_no_server(s):
    s.c(tcp(s, dst=ANYWHERE), "SYN")
    s.c(tcp(s, "A", dst=ANYWHERE, seq=1001, ack=1), "ACK follows the entry")
    s.c(tcp(s, dst=ANYWHERE, sport=40001, ttl=1), "TTL 1")
    s.c(udp(s, dst=ANYWHERE), "UDP")
    s.c(tcp(s, dst=VIP, sport=40002), "to an address of the director: port unreachable")
    s.dump("before a server")
    s.ipvs("-a -f 7 -r 10.1.0.11 -g")
    s.c(tcp(s, dst=ANYWHERE, sport=40003), "a server now: new connection goes there")
    s.c(tcp(s, "A", dst=ANYWHERE, seq=1001, ack=1), "the old one stays bypassed")


@scenario(
    "cache_bypass 0: the same packets get port unreachable",
    tags=["marks"],
    commands=MARKS + TO_HOST,
    routes=["203.0.113.0/24 via 10.1.0.254 dev eth1"],
    ipvs=["-A -f 7 -s rr"],
)
def bypass_off(s):
    s.c(tcp(s, dst=ANYWHERE), "SYN")
    s.c(udp(s, dst=ANYWHERE), "UDP")


@scenario(
    "A mark service with NAT servers: virtual address and port are those of the packet",
    tags=["marks"],
    commands=MARKS + TO_HOST,
    vips=(VIP, VIP2),
    ipvs=[
        "-A -f 7 -s rr",
        "-a -f 7 -r 10.1.0.11:0 -m",
        "-a -f 7 -r 10.1.0.12:8080 -m",
        "-A -t 192.0.2.10:80 -s rr",
        "-a -t 192.0.2.10:80 -r 10.1.0.13:80 -m",
    ],
)
def mark_nat(s):
    s.c(tcp(s), "a mark goes before the exact service")
    s.c(tcp(s, dst=VIP2), "another virtual address, next server")
    s.c(udp(s), "UDP of the same mark")
    s.c(tcp(s, dst=ANYWHERE), "an address that is not the director's")
    s.c(tcp(s, dport=81), "no mark, no service")
    s.r(tcp(s, "SA", src=RS[1], dst=CIP, sport=8080, dport=40000, seq=9, ack=1001), "SYN/ACK")
