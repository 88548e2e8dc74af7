# SPDX-License-Identifier: BSD-3-Clause
"""Tunnels: IP in IP, GRE and GUE."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}


def tunnel(kind="", vip=VIP, reals=None, port=80, proto="t", **kw):
    return nat(
        vip,
        port,
        mode="i",
        proto=proto,
        rextra=kind,
        reals=reals or (RS6[:1] if ":" in vip else RS[:1]),
        **kw,
    )


@scenario(
    "IP in IP in all four mixtures of the versions",
    **BOTH,
    ipvs=tunnel()
    + tunnel(vip=VIP6)
    + tunnel(port=81, reals=RS6[:1])
    + tunnel(vip=VIP6, port=81, reals=RS[:1]),
)
def tun_ipip_families(s):
    s.c(tcp(s), "4 in 4")
    s.c(tcp(s, "A", seq=1001, ack=1, df=False), "4 in 4, no DF")
    s.c(tcp6(s), "6 in 6")
    s.c(tcp(s, dport=81), "4 in 6")
    s.c(tcp(s, "A", dport=81, seq=1001, ack=1, df=False), "4 in 6, no DF")
    s.c(tcp6(s, dport=81), "6 in 4")
    s.c(tcp6(s, "A", dport=81, seq=1001, ack=1), "6 in 4, ACK")


@scenario(
    "GRE without and with a checksum, all four mixtures of the versions",
    **BOTH,
    ipvs=tunnel("--tun-type gre")
    + tunnel("--tun-type gre --tun-csum", port=81)
    + tunnel("--tun-type gre", vip=VIP6)
    + tunnel("--tun-type gre --tun-csum", vip=VIP6, port=81)
    + tunnel("--tun-type gre --tun-csum", port=82, reals=RS6[:1])
    + tunnel("--tun-type gre --tun-nocsum", vip=VIP6, port=82, reals=RS[:1]),
)
def tun_gre_families(s):
    s.c(tcp(s), "4 in 4")
    s.c(tcp(s, dport=81), "4 in 4, checksum")
    s.c(tcp(s, "PA", dport=81, seq=1001, ack=1, data=b"odd"), "4 in 4, checksum, odd length")
    s.c(tcp6(s), "6 in 6")
    s.c(tcp6(s, dport=81), "6 in 6, checksum")
    s.c(tcp(s, dport=82), "4 in 6, checksum")
    s.c(tcp6(s, dport=82), "6 in 4")


@scenario(
    "GUE without and with a checksum, all four mixtures of the versions",
    **BOTH,
    ipvs=tunnel("--tun-type gue --tun-port 6080 --tun-nocsum")
    + tunnel("--tun-type gue --tun-port 6080 --tun-csum", port=81)
    + tunnel("--tun-type gue --tun-port 6080 --tun-nocsum", vip=VIP6)
    + tunnel("--tun-type gue --tun-port 6080 --tun-csum", vip=VIP6, port=81)
    + tunnel("--tun-type gue --tun-port 5555 --tun-csum", port=82, reals=RS6[:1])
    + tunnel("--tun-type gue --tun-port 5555 --tun-nocsum", vip=VIP6, port=82, reals=RS[:1]),
)
def tun_gue_families(s):
    s.c(tcp(s), "4 in 4")
    s.c(tcp(s, "A", seq=1001, ack=1, df=False), "4 in 4, no DF")
    s.c(tcp(s, dport=81), "4 in 4, checksum")
    s.c(tcp(s, "PA", dport=81, seq=1001, ack=1, data=b"odd"), "4 in 4, checksum, odd length")
    s.c(tcp6(s), "6 in 6")
    s.c(tcp6(s, dport=81), "6 in 6, checksum")
    s.c(tcp(s, dport=82), "4 in 6, checksum, another port")
    s.c(tcp6(s, dport=82), "6 in 4, another port")


@scenario(
    "GUE with remote checksum: a packet whose checksum is complete gets an outer checksum instead",
    **BOTH,
    ipvs=tunnel("--tun-type gue --tun-port 6080 --tun-remcsum")
    + tunnel("--tun-type gue --tun-port 6080 --tun-remcsum", port=53, proto="u")
    + tunnel("--tun-type gue --tun-port 6080 --tun-remcsum", vip=VIP6),
)
def tun_gue_remcsum(s):
    s.c(tcp(s), "TCP")
    s.c(udp(s), "UDP")
    p = udp(s)
    p[UDP].chksum = 0
    s.c(p, "UDP without a checksum")
    s.c(tcp6(s), "IPv6")


@scenario(
    "Type of service of the outer header: DSCP goes over, of ECN all but CE, which becomes ECT(0)",
    **BOTH,
    ipvs=tunnel(port=53, proto="u")
    + tunnel(port=53, proto="u", vip=VIP6)
    + tunnel(port=54, proto="u", reals=RS6[:1])
    + tunnel("--tun-type gre", port=54, proto="u", vip=VIP6, reals=RS[:1])
    + tunnel("--tun-type gue --tun-port 6080 --tun-nocsum", port=55, proto="u"),
)
def tun_tos(s):
    for tos, text in ((0xB8, "EF, not ECN"), (0x29, "ECT(1)"), (0x2A, "ECT(0)"), (0x2B, "CE")):
        s.c(udp(s, tos=tos), "4 in 4, " + text)
        s.c(udp6(s, tos=tos), "6 in 6, " + text)
        s.c(udp(s, dport=54, tos=tos), "4 in 6, " + text)
        s.c(udp6(s, dport=54, tos=tos), "6 in 4 by GRE, " + text)
    s.c(udp(s, dport=55, tos=0xFF), "GUE, all bits")


@scenario(
    "Time to live: refused at 1 before the tunnel, else one less inside and the same outside",
    **BOTH,
    ipvs=tunnel(port=53, proto="u")
    + tunnel(port=53, proto="u", vip=VIP6)
    + tunnel(port=54, proto="u", reals=RS6[:1])
    + tunnel(port=54, proto="u", vip=VIP6, reals=RS[:1])
    + tunnel("--tun-type gre", port=55, proto="u")
    + tunnel("--tun-type gue --tun-port 6080 --tun-nocsum", port=56, proto="u"),
)
def tun_ttl(s):
    for ttl in (1, 2, 255):
        s.c(udp(s, ttl=ttl), "4 in 4, TTL %d" % ttl)
        s.c(udp6(s, ttl=ttl), "6 in 6, hop limit %d" % ttl)
        s.c(udp(s, dport=54, ttl=ttl), "4 in 6, TTL %d" % ttl)
        s.c(udp6(s, dport=54, ttl=ttl), "6 in 4, hop limit %d" % ttl)
    s.c(udp(s, dport=55, ttl=2), "GRE, TTL 2")
    s.c(udp(s, dport=56, ttl=2), "GUE, TTL 2")


@scenario(
    (
        "pmtu_disc 1 (its default): DF goes over to the outer header, too long with DF is told to"
        " the client with the tunnel's MTU, without DF the outer packet is fragmented"
    ),
    mtu1=400,
    ipvs=tunnel(port=53, proto="u")
    + tunnel("--tun-type gre --tun-csum", port=54, proto="u")
    + tunnel("--tun-type gue --tun-port 6080 --tun-nocsum", port=55, proto="u"),
)
def tun_mtu_df(s):
    for port, over, kind in ((53, 20, "IP in IP"), (54, 28, "GRE with checksum"), (55, 32, "GUE")):
        room = 400 - over - 28
        s.c(udp(s, dport=port, data=b"a" * room), kind + ": fits exactly, DF")
        s.c(udp(s, dport=port, data=b"b" * (room + 1)), kind + ": one byte too long, DF")
        if port != 55:  # later fragments of GUE cannot be told from others when ids are masked
            s.c(udp(s, dport=port, data=b"c" * (room + 1), df=False), kind + ": too long, no DF")


@scenario(
    "pmtu_disc 0: the outer header never has DF, nothing is too long",
    mtu1=400,
    sysctls={"net.ipv4.vs.pmtu_disc": 0},
    ipvs=tunnel(port=53, proto="u")
    + tunnel("--tun-type gre", port=54, proto="u")
    + tunnel("--tun-type gue --tun-port 6080 --tun-csum", port=55, proto="u"),
)
def tun_pmtu_disc_0(s):
    for port, kind in ((53, "IP in IP"), (54, "GRE"), (55, "GUE")):
        s.c(udp(s, dport=port), kind + ": short, DF")
        if port != 55:
            s.c(udp(s, dport=port, data=b"b" * 400), kind + ": too long, DF")
            s.c(udp(s, dport=port, data=b"c" * 400, df=False), kind + ": too long, no DF")
    s.sysctl(net__ipv4__vs__pmtu_disc=1)
    s.c(udp(s, data=b"d" * 400), "set to 1 now: too long, DF")


@scenario(
    "IPv6 and IPv4 in IPv6 tunnels when the packet is too long",
    mtu1=1320,
    **BOTH,
    ipvs=tunnel(port=53, proto="u", vip=VIP6)
    + tunnel(port=54, proto="u", reals=RS6[:1])
    + tunnel("--tun-type gre", port=55, proto="u", vip=VIP6, reals=RS[:1]),
)
def tun_mtu_v6(s):
    s.c(udp6(s, data=b"a" * 1232), "6 in 6: fits exactly")
    s.c(udp6(s, data=b"b" * 1233), "6 in 6: one byte too long")
    s.c(udp(s, dport=54, data=b"c" * 1253), "4 in 6: one byte too long, DF")
    s.c(udp(s, dport=54, data=b"d" * 1253, df=False), "4 in 6: one byte too long, no DF")
    s.c(udp6(s, dport=55, data=b"f" * 1249), "6 in 4 by GRE: one byte too long")


@scenario(
    "An MTU that leaves less than IPv6's least inside the tunnel: dropped without a word",
    mtu1=1300,
    **BOTH,
    ipvs=tunnel(port=53, proto="u", vip=VIP6)
    + tunnel(port=54, proto="u", vip=VIP6, reals=RS[:1])
    + tunnel(port=55, proto="u", reals=RS6[:1]),
)
def tun_mtu_floor(s):
    s.c(udp6(s), "6 in 6 with 1260 inside, short packet")
    s.c(udp6(s, data=b"a" * 1300), "6 in 6, long packet")
    s.c(udp6(s, dport=54), "6 in 4 with 1280 inside, short packet")
    s.c(udp6(s, dport=54, data=b"b" * 1233), "6 in 4, one byte too long")
    s.c(udp(s, dport=55), "4 in 6 with 1260 inside")


@scenario(
    "Outer source address: by the route to the server, the network's own address, a route's src",
    addresses={"eth1": ["10.3.0.1/24", "2001:db8:3::1/64"]},
    **BOTH,
    neighbours={"eth1": {"10.3.0.11": "02:00:00:00:03:0b", "2001:db8:3::11": "02:00:00:00:03:0b"}},
    routes=["10.4.0.0/16 via 10.1.0.254 dev eth1 src 10.3.0.1"],
    ipvs=tunnel()
    + tunnel(port=81, reals=["10.3.0.11"])
    + tunnel(port=82, reals=["10.2.0.21"])
    + tunnel(port=83, reals=["10.4.0.21"])
    + tunnel(vip=VIP6)
    + tunnel(vip=VIP6, port=81, reals=["2001:db8:3::11"])
    + tunnel(vip=VIP6, port=82, reals=FAR6[:1]),
)
def tun_source(s):
    s.c(tcp(s), "server in the first network")
    s.c(tcp(s, dport=81), "server in the second network of the interface")
    s.c(tcp(s, dport=82), "server behind a router")
    s.c(tcp(s, dport=83), "server behind a router, the route names a source")
    s.c(tcp6(s), "IPv6, first network")
    s.c(tcp6(s, dport=81), "IPv6, second network")
    s.c(tcp6(s, dport=82), "IPv6, behind a router")


@scenario(
    "The kind of tunnel edited while a connection lives: the next packet goes by the new kind",
    ipvs=tunnel(),
)
def tun_edit(s):
    edit = "-e -t 192.0.2.10:80 -r 10.1.0.11:80 "
    s.c(tcp(s), "IP in IP")
    s.ipvs(edit + "-i --tun-type gue --tun-port 6080 --tun-nocsum")
    s.c(tcp(s, "A", seq=1001, ack=1), "GUE now")
    s.ipvs(edit + "-i --tun-type gue --tun-port 5555 --tun-csum")
    s.c(tcp(s, "A", seq=1001, ack=1), "GUE to another port, with checksum")
    s.ipvs(edit + "-i --tun-type gre")
    s.c(tcp(s, "A", seq=1001, ack=1), "GRE now")
    s.ipvs(edit + "-m")
    s.c(tcp(s, "A", seq=1001, ack=1), "NAT for new connections, the old one stays with its tunnel")
    s.c(tcp(s, sport=40001), "a new one")
    s.ipvs(edit + "-g")
    s.c(tcp(s, sport=40002), "direct routing for the next")
    s.c(tcp(s, "A", seq=1001, ack=1), "the first connection")
    s.c(tcp(s, "A", sport=40001, seq=1001, ack=1), "the second")


@scenario(
    "Options of the inner header, wrong checksums and padding through a tunnel",
    ipvs=tunnel(port=53, proto="u"),
)
def tun_inner(s):
    s.c(with_options(udp(s), b"\x94\x04\0\0"), "router alert")
    s.c(with_options(udp(s), b"\x07\x0b\x04" + b"\0" * 8 + b"\0"), "record route")
    from_client(s, udp(s, data=b"a"), "padded frame", pad=b"\xee" * 17)
    p = udp(s)
    p[UDP].chksum = 0x1234
    s.c(p, "wrong UDP checksum")
    p = udp(s)
    p[UDP].chksum = 0
    s.c(p, "no UDP checksum")


@scenario(
    "A fragmented datagram into a tunnel: whole inside one outer packet, which may be fragmented",
    mtu1=600,
    ipvs=tunnel(port=53, proto="u"),
)
def tun_fragments(s):
    for p in cut(udp(s, data=b"f" * 400, df=False), [200], ident=77):
        s.c(p)
    for p in cut(udp(s, data=b"g" * 900, df=False), [504], ident=78):
        s.c(p)
    for p in cut(udp(s, data=b"h" * 900, df=False), [504], ident=79, df=True):
        s.c(p, "with DF")


def tunnel_errors(s, first, inner_df, over):
    """Errors of a router about the tunnel packet that `first` is."""
    s.r(icmp4(s, INNER, DIP1, 3, 1, first[: 60 + over]), "host unreachable")
    s.r(icmp4(s, INNER, DIP1, 11, 0, first[: 60 + over]), "time exceeded")
    s.r(icmp4(s, INNER, DIP1, 3, 3, first[: 60 + over]), "port unreachable")
    s.r(icmp4(s, INNER, DIP1, 3, 2, first), "protocol unreachable, everything quoted")
    s.r(icmp4(s, INNER, DIP1, 4, 0, first[: 60 + over]), "source quench")
    s.r(icmp4(s, INNER, DIP1, 12, 0, first[: 60 + over]), "parameter problem")
    s.r(icmp4(s, INNER, DIP1, 3, 1, first[:28]), "host unreachable, 8 bytes quoted")
    s.r(
        icmp4(s, INNER, DIP1, 3, 1, first[: 20 + over + 20]),
        "host unreachable, inner header and no more",
    )
    s.r(
        icmp4(s, INNER, DIP1, 3, 1, first[: 20 + over + 24]),
        "host unreachable, inner header and 4 bytes",
    )
    s.r(
        icmp4(s, INNER, DIP1, 3, 1, first[: 60 + over], bad=True),
        "host unreachable, wrong checksum",
    )
    s.r(
        icmp4(s, INNER, DIP1, 3, 4, first[: 60 + over], word=1300),
        "fragmentation needed, MTU 1300" + ("" if inner_df else ", the inner packet has no DF"),
    )


def errors_about(kind, over):
    @scenario(
        "Errors about %s packets, inner packet with DF: told on to the client" % kind,
        ipvs=tunnel(
            {
                "ipip": "",
                "gre": "--tun-type gre --tun-csum",
                "gue": "--tun-type gue --tun-port 6080 --tun-csum",
            }[kind]
        ),
    )
    def errors(s):
        first = out(s.c(tcp(s, data=b""), "SYN"))
        tunnel_errors(s, first, True, over)
        s.c(tcp(s, "A", seq=1001, ack=1, data=b"m" * 1300), "longer than what was learned, DF")
        if kind != "gue":
            s.c(
                tcp(s, "A", seq=1001, ack=1, data=b"m" * 1300, df=False),
                "longer than what was learned, no DF",
            )

    item = lib.SCENARIOS[-1]
    lib.SCENARIOS[-1] = ("tun-errors-" + kind,) + item[1:]


errors_about("ipip", 0)
errors_about("gre", 8)
errors_about("gue", 12)


@scenario(
    "Errors about tunnel packets whose inner packet has no DF; and about connections unknown",
    ipvs=tunnel() + tunnel("--tun-type gue --tun-port 6080 --tun-nocsum", port=81),
)
def tun_errors_no_df(s):
    for port in (80, 81):
        first = out(s.c(tcp(s, dport=port, df=False), "SYN without DF"))
        s.r(
            icmp4(s, INNER, DIP1, 3, 4, first, word=1300), "fragmentation needed: kept, not told on"
        )
        s.r(icmp4(s, INNER, DIP1, 3, 1, first), "host unreachable")
        s.r(icmp4(s, INNER, DIP1, 11, 0, first), "time exceeded")
        s.r(icmp4(s, RS[0], DIP1, 3, 3, first), "port unreachable from the server itself")
    unknown = s.ip(DIP1, RS[0], proto=4) / Raw(bytes(tcp(s, sport=45000)))
    s.r(icmp4(s, INNER, DIP1, 3, 1, bytes(unknown)), "about a connection that does not exist")
    unknown = s.ip(DIP1, RS[3], proto=4) / Raw(bytes(tcp(s)))
    s.r(icmp4(s, INNER, DIP1, 3, 1, bytes(unknown)), "about a tunnel to another server")


@scenario(
    "ICMPv6 errors about IPv6 tunnel packets: nothing comes of them",
    mtu1=1500,
    **BOTH,
    ipvs=tunnel(vip=VIP6) + tunnel(port=81, reals=RS6[:1]),
)
def tun_errors_v6(s):
    first = out(s.c(tcp6(s), "6 in 6"))
    s.r(icmp6(s, INNER6, DIP1_6, 1, 3, first), "address unreachable")
    s.r(icmp6(s, INNER6, DIP1_6, 2, 0, first, word=1400), "packet too big, MTU 1400")
    s.c(tcp6(s, "A", seq=1001, ack=1, data=b"m" * 1330), "longer than 1360 with its headers")
    first = out(s.c(tcp(s, dport=81), "4 in 6"))
    s.r(icmp6(s, INNER6, DIP1_6, 3, 0, first), "time exceeded")


@scenario(
    "Tunnel with NAT and direct routing in one service",
    ipvs=nat(reals=[])
    + [
        "-a -t 192.0.2.10:80 -r 10.1.0.11:80 -i",
        "-a -t 192.0.2.10:80 -r 10.1.0.12:8080 -m",
        "-a -t 192.0.2.10:80 -r 10.1.0.13:80 -g",
    ],
)
def tun_mixed_methods(s):
    for port in range(40000, 40004):
        s.c(tcp(s, sport=port))
    for port in range(40000, 40004):
        s.c(tcp(s, "A", sport=port, seq=1001, ack=1))
