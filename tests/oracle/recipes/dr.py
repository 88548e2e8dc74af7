# SPDX-License-Identifier: BSD-3-Clause
"""Direct routing."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}


@scenario(
    "UDP through direct routing: two clients, two servers, the client's port is part of the key",
    ipvs=nat(port=53, proto="u", mode="g"),
)
def dr_udp(s):
    s.c(udp(s), "first client")
    s.c(udp(s, src=CIP2), "second client, the other server")
    s.c(udp(s, data=b""), "first client again, empty datagram")
    s.c(udp(s, sport=5001), "another port of the first client is another connection")
    s.c(udp(s, dport=54), "no service on this port: the host answers")


@scenario(
    "TCP and UDP over IPv6 through direct routing",
    **BOTH,
    ipvs=nat(VIP6, mode="g") + nat(VIP6, 53, mode="g", proto="u"),
)
def dr_v6(s):
    Conn(s, cip=CIP6, vip=VIP6, reply=False).open().exchange().close()
    s.c(udp6(s), "UDP")
    s.c(udp6(s, src=CIP6_2), "UDP of a second client")
    s.c(udp6(s, dport=54), "no service on this port: the host answers")


@scenario(
    "Direct routing to servers behind a router of the server side: the frame goes to the router",
    **BOTH,
    ipvs=nat(mode="g", reals=FAR) + nat(VIP6, mode="g", reals=FAR6),
)
def dr_gateway(s):
    s.c(tcp(s), "SYN")
    s.c(tcp(s, sport=40001), "SYN, the other server")
    s.c(tcp(s, "A", seq=1001, ack=1), "ACK")
    s.c(tcp6(s), "IPv6 SYN")
    s.c(tcp6(s, sport=40001), "IPv6 SYN, the other server")
    s.c(tcp6(s, "A", seq=1001, ack=1), "IPv6 ACK")


@scenario(
    (
        "Time to live: 1 is refused with time exceeded from the virtual address, 2 leaves as 1; "
        "connection and state change all the same"
    ),
    **BOTH,
    ipvs=nat(mode="g", reals=RS[:1])
    + nat(VIP6, mode="g", reals=RS6[:1])
    + nat(port=53, mode="g", proto="u", reals=RS[:1]),
)
def dr_ttl(s):
    s.c(tcp(s, ttl=1), "TTL 1, new connection")
    s.dump("after TTL 1")
    s.c(tcp(s, "A", seq=1001, ttl=2), "TTL 2")
    s.c(tcp(s, "FA", seq=1001, ttl=1), "TTL 1 with FIN: is the state changed?")
    s.c(tcp(s, "A", seq=1002, ttl=255), "TTL 255")
    s.c(tcp(s, "A", seq=1002, ttl=0), "TTL 0")
    s.c(udp(s, ttl=1), "UDP with TTL 1")
    s.c(tcp6(s, ttl=1), "IPv6, hop limit 1, new connection")
    s.c(tcp6(s, "A", seq=1001, ttl=2), "IPv6, hop limit 2")
    s.c(tcp6(s, "A", seq=1001, ttl=0), "IPv6, hop limit 0")


@scenario(
    "Server side with MTU 400: with DF fragmentation needed, without DF fragmented on the way out",
    mtu1=400,
    ipvs=nat(port=53, mode="g", proto="u", reals=RS[:1]) + nat(mode="g", reals=RS[:1]),
)
def dr_mtu(s):
    s.c(udp(s, data=b"x" * 372), "fits exactly, DF")
    s.c(udp(s, data=b"x" * 373), "one byte too long, DF")
    s.c(udp(s, data=b"x" * 373, df=False), "one byte too long, no DF")
    s.c(udp(s, data=b"y" * 1000, df=False), "three fragments")
    s.c(tcp(s), "SYN")
    s.c(tcp(s, "PA", seq=1001, ack=1, data=b"z" * 500), "segment too long, DF")
    s.c(tcp(s, "PA", seq=1001, ack=1, data=b"z" * 500, df=False), "segment too long, no DF")


@scenario(
    "IPv6 and a server side with MTU 1280: packet too big from the virtual address",
    mtu1=1280,
    **BOTH,
    ipvs=nat(VIP6, 53, mode="g", proto="u", reals=RS6[:1]),
)
def dr_mtu6(s):
    s.c(udp6(s, data=b"x" * 1232), "fits exactly")
    s.c(udp6(s, data=b"x" * 1233), "one byte too long")


@scenario(
    "IPv4 options pass direct routing as they are; those that a router must act on too",
    ipvs=nat(port=53, mode="g", proto="u", reals=RS[:1]),
)
def dr_options(s):
    s.c(with_options(udp(s), b"\x94\x04\0\0"), "router alert")
    s.c(with_options(udp(s), b"\x01\x01\x01\0"), "no-operations and end of list")
    s.c(
        with_options(udp(s), b"\x07\x0b\x04" + b"\0" * 8 + b"\0"),
        "record route with two free places",
    )
    s.c(with_options(udp(s), b"\x07\x07\x08\x01\x02\x03\x04\0"), "record route, full")
    s.c(
        with_options(udp(s), b"\x83\x07\x04\x0a\x01\0\x0b\0"), "loose source route with a hop to go"
    )


@scenario(
    "A server of weight 0 gets no new connection and keeps its old ones",
    ipvs=nat(mode="g", weights=[1, 0]),
)
def dr_weight0(s):
    s.c(tcp(s), "only the first server can be chosen")
    s.c(tcp(s, sport=40001), "again")
    s.ipvs("-e -t 192.0.2.10:80 -r 10.1.0.11 -g -w 0", "-e -t 192.0.2.10:80 -r 10.1.0.12 -g -w 1")
    s.c(tcp(s, "A", seq=1001), "old connection, server's weight now 0")
    s.c(tcp(s, sport=40002), "new connection, to the other")
    s.c(tcp(s, seq=1000), "the SYN of the old connection once more: stays")
    s.ipvs("-e -t 192.0.2.10:80 -r 10.1.0.12 -g -w 0")
    s.c(tcp(s, sport=40003), "no server left")


@scenario(
    "Weighted round robin over three servers with direct routing",
    ipvs=nat(port=53, mode="g", proto="u", reals=RS[:3], weights=[3, 1, 2], sched="wrr"),
)
def dr_several(s):
    for i in range(12):
        s.c(udp(s, sport=5000 + i))


@scenario(
    "Short frames padded to 60 bytes, with zeros and with rubbish: the padding does not go on",
    **BOTH,
    ipvs=nat(port=53, mode="g", proto="u", reals=RS[:1])
    + nat(mode="g", reals=RS[:1])
    + nat(VIP6, 53, mode="g", proto="u", reals=RS6[:1]),
)
def dr_padding(s):
    from_client(s, udp(s, data=b"a"), "UDP, one byte, zeros behind it", pad=b"\0" * 17)
    from_client(s, udp(s, data=b"ab"), "rubbish behind it", pad=b"\xee" * 16)
    from_client(s, tcp(s), "SYN without options", pad=b"\xee" * 6)
    from_client(
        s, udp(s, data=b"c" * 100), "four bytes behind a long packet", pad=b"\xfc\xfc\xfc\xfc"
    )
    from_client(s, udp6(s, data=b"d"), "IPv6", pad=b"\xee" * 11)


ONE_ARM = {
    "eth0": {
        "192.0.2.21": "02:00:00:00:02:15",
        "192.0.2.22": "02:00:00:00:02:16",
        "192.0.2.50": "02:00:00:00:02:32",
    }
}


@scenario(
    "One arm: the servers stand in the client side's network, in and out by the same interface",
    neighbours=ONE_ARM,
    ipvs=nat(mode="g", reals=["192.0.2.21", "192.0.2.22"]),
)
def dr_onearm(s):
    Conn(s, reply=False).open().exchange().close()
    s.c(tcp(s, sport=40001), "second connection, the other server")
    s.raw(
        "eth0",
        frame(tcp(s, src="192.0.2.50"), "02:00:00:00:02:32", D0),
        "client of the same network",
    )


@scenario(
    "A server's answer that passes the director comes from the director's own address: dropped",
    ipvs=nat(mode="g", reals=RS[:1]),
)
def dr_reply_seen(s):
    s.c(tcp(s), "SYN")
    s.r(
        tcp(s, "SA", src=VIP, dst=CIP, sport=80, dport=40000, seq=7000, ack=1001),
        "SYN/ACK by way of the director",
        mac=RSMAC[0],
    )


@scenario(
    "Server ports given with direct routing are not used",
    ipvs=["-A -t 192.0.2.10:80 -s rr", "-a -t 192.0.2.10:80 -r 10.1.0.11:8080 -g -w 1"],
)
def dr_server_port(s):
    s.c(tcp(s), "SYN")


@scenario(
    "No way to the server: host unreachable, and what the table keeps",
    **BOTH,
    routes=["unreachable 10.9.0.0/16", "unreachable 2001:db8:99::/48"],
    ipvs=nat(mode="g", reals=["10.9.0.1"])
    + nat(VIP6, mode="g", reals=["2001:db8:99::1"])
    + nat(port=53, proto="u", mode="m", reals=["10.9.0.1"]),
)
def dr_no_route(s):
    s.c(tcp(s), "SYN")
    s.c(tcp(s, "A", seq=1001), "ACK")
    s.c(udp(s), "UDP, NAT")
    s.c(tcp6(s), "IPv6 SYN")
