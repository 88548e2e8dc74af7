# SPDX-License-Identifier: BSD-3-Clause
"""ICMP: errors about balanced connections from both sides, echo, and everything odd about them."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}
NATTED = nat(reals=RS[:1], rport=8080)
ANSWER = dict(src=RS[0], dst=CIP, sport=8080, dport=40000, seq=9, ack=1001)
ANSWER6 = dict(src=RS6[0], dst=CIP6, sport=8080, dport=40000, seq=9, ack=1001)


def connection(s):
    """Opens a NAT connection; returns what the server and what the client saw (bytes)."""
    at_server = out(s.c(tcp(s), "SYN"))
    at_client = out(s.r(tcp(s, "SA", **ANSWER), "SYN/ACK"), "eth0")
    return at_server, at_client


def connection6(s):
    at_server = out(s.c(tcp6(s), "SYN"))
    at_client = out(s.r(tcp6(s, "SA", **ANSWER6), "SYN/ACK"), "eth0")
    return at_server, at_client


KINDS = [(3, code, "unreachable %d" % code) for code in (0, 1, 2, 3, 5, 9, 13, 15)] + [
    (4, 0, "source quench"),
    (5, 1, "redirect"),
    (11, 0, "time exceeded"),
    (11, 1, "reassembly time exceeded"),
    (12, 0, "parameter problem"),
    (17, 0, "address mask"),
]


@scenario("Every kind of error from the real server about a NAT connection", ipvs=NATTED)
def icmp_kinds_server(s):
    at_server, _ = connection(s)
    for kind, code, text in KINDS:
        s.r(icmp4(s, RS[0], CIP, kind, code, at_server[:28]), text)


@scenario("Every kind of error from the client about a NAT connection", ipvs=NATTED)
def icmp_kinds_client(s):
    _, at_client = connection(s)
    for kind, code, text in KINDS:
        s.c(icmp4(s, CIP, VIP, kind, code, at_client[:28]), text)


@scenario(
    (
        "Errors of routers on both sides about a NAT connection: from the server side they come"
        " from the virtual address then"
    ),
    ipvs=NATTED,
)
def icmp_routers(s):
    at_server, at_client = connection(s)
    s.r(icmp4(s, INNER, CIP, 3, 1, at_server[:28]), "server side's router: host unreachable")
    s.r(icmp4(s, INNER, CIP, 11, 0, at_server), "server side's router: time exceeded, all quoted")
    s.r(icmp4(s, INNER, CIP, 3, 4, at_server, word=1400), "server side's router: MTU 1400")
    s.r(icmp4(s, "10.2.0.77", CIP, 3, 1, at_server), "a router further away")
    s.c(icmp4(s, ROUTER, VIP, 3, 1, at_client[:28]), "client side's router: host unreachable")
    s.c(icmp4(s, ROUTER, VIP, 11, 0, at_client), "client side's router: time exceeded, all quoted")
    s.c(icmp4(s, ROUTER, VIP, 3, 4, at_client, word=1400), "client side's router: MTU 1400")
    s.c(icmp4(s, ROUTER, VIP, 3, 4, at_client, word=0), "MTU 0")


@scenario("How much of the packet is quoted, from the server side", ipvs=NATTED)
def icmp_quote_server(s):
    at_server, _ = connection(s)
    for n in (0, 8, 19, 20, 22, 23, 24, 27, 28, 36, 40):
        s.r(icmp4(s, RS[0], CIP, 3, 3, at_server[:n]), "%d bytes quoted" % n)
    s.r(s.ip(RS[0], CIP, proto=1) / Raw(b"\x03\x03\0\0"), "half an ICMP header")


@scenario("How much of the packet is quoted, from the client side", ipvs=NATTED)
def icmp_quote_client(s):
    _, at_client = connection(s)
    for n in (0, 8, 19, 20, 22, 23, 24, 27, 28, 36, 40):
        s.c(icmp4(s, CIP, VIP, 3, 3, at_client[:n]), "%d bytes quoted" % n)
    s.c(s.ip(CIP, VIP, proto=1) / Raw(b"\x03\x03\0\0"), "half an ICMP header")


@scenario(
    "A wrong checksum in errors, both sides, NAT and direct routing",
    ipvs=NATTED + nat(port=81, mode="g", reals=RS[:1]),
)
def icmp_checksum(s):
    at_server, at_client = connection(s)
    s.r(icmp4(s, RS[0], CIP, 3, 3, at_server, bad=True), "server, wrong ICMP checksum")
    s.c(icmp4(s, CIP, VIP, 3, 3, at_client, bad=True), "client, wrong ICMP checksum")
    quoted = bytearray(at_client)
    quoted[10] ^= 0x55
    s.c(icmp4(s, CIP, VIP, 3, 3, quoted), "client, wrong checksum of the quoted IP header")
    quoted = bytearray(at_client)
    quoted[36] ^= 0x55
    s.c(icmp4(s, CIP, VIP, 3, 3, quoted), "client, wrong TCP checksum quoted")
    s.c(tcp(s, dport=81), "a connection by direct routing")
    quoted = bytes(tcp(s, "SA", src=VIP, dst=CIP, sport=81, dport=40000, seq=9, ack=1001))
    s.c(icmp4(s, CIP, VIP, 3, 3, quoted, bad=True), "direct routing, wrong ICMP checksum")
    s.c(icmp4(s, CIP, VIP, 3, 3, quoted), "direct routing, right")


@scenario("An error that comes in fragments, from both sides", ipvs=NATTED)
def icmp_fragmented(s):
    at_server, at_client = connection(s)
    for p in cut(icmp4(s, RS[0], CIP, 3, 3, at_server), [24, 16], ident=501):
        s.r(p)
    for p in cut(icmp4(s, CIP, VIP, 3, 3, at_client), [24, 16], ident=502):
        s.c(p)
    for p in reversed(cut(icmp4(s, CIP, VIP, 11, 0, at_client), [8, 40], ident=503)):
        s.c(p, "last fragment first")


@scenario(
    "Errors that quote a fragment: the first one and a later one",
    ipvs=nat(port=53, proto="u", reals=RS[:1], rport=5353),
)
def icmp_about_fragment(s):
    s.c(udp(s), "query")
    answer = udp(s, src=RS[0], dst=CIP, sport=5353, dport=5000, data=b"r" * 400, df=False)
    outs = []
    for p in cut(answer, [200], ident=504):
        outs += s.r(p)
    seen = [bytes(f)[14:] for name, f in outs if name == "eth0"]
    for i, p in enumerate(seen):
        s.c(icmp4(s, CIP, VIP, 11, 1, p[:28]), "about fragment %d" % i)
    query = bytes(udp(s, df=False))
    header = bytearray(query[:20])
    header[16:20] = socket_bytes(RS[0])
    first = bytes(fragment4(bytes(header), 0, struct.pack("!HHHH", 5000, 5353, 400, 0), True))
    later = bytes(fragment4(bytes(header), 200, b"q" * 20, False))
    s.r(icmp4(s, RS[0], CIP, 11, 1, first), "from the server about a first fragment")
    s.r(icmp4(s, RS[0], CIP, 11, 1, later), "from the server about a later fragment")


@scenario(
    "Errors about UDP, both sides",
    ipvs=nat(port=53, proto="u", reals=RS[:1], rport=5353) + nat(port=54, proto="u", reals=RS[:1]),
)
def icmp_udp(s):
    at_server = out(s.c(udp(s), "query"))
    s.r(icmp4(s, RS[0], CIP, 3, 3, at_server), "port unreachable from the server")
    at_client = out(s.r(udp(s, src=RS[0], dst=CIP, sport=5353, dport=5000), "answer"), "eth0")
    s.c(icmp4(s, CIP, VIP, 3, 3, at_client), "port unreachable from the client")
    s.c(icmp4(s, ROUTER, VIP, 11, 0, at_client[:28]), "time exceeded on the way to the client")
    at_server = out(s.c(udp(s, dport=54), "to the service whose server has the same port"))
    s.r(icmp4(s, RS[0], CIP, 3, 3, at_server), "port unreachable from the server")


@scenario("Errors with IPv4 options in the outer and in the quoted header", ipvs=NATTED)
def icmp_options(s):
    at_server, at_client = connection(s)
    quoted = bytes(with_options(Bytes(at_server), b"\x94\x04\0\0"))
    s.r(icmp4(s, RS[0], CIP, 3, 3, quoted), "server: the quoted header has options")
    s.r(
        with_options(icmp4(s, RS[0], CIP, 3, 3, at_server), b"\x94\x04\0\0"),
        "server: the outer header has options",
    )
    quoted = bytes(with_options(Bytes(at_client), b"\x01\x01\x01\0"))
    s.c(icmp4(s, CIP, VIP, 3, 3, quoted), "client: the quoted header has options")
    s.c(
        with_options(icmp4(s, CIP, VIP, 3, 3, at_client), b"\x01\x01\x01\0"),
        "client: the outer header has options",
    )
    for first in (b"\x44", b"\x55", b"\x65"):
        s.c(
            icmp4(s, CIP, VIP, 3, 3, first + at_client[1:]),
            "client: quoted version and header length are %s" % first.hex(),
        )


@scenario(
    "Errors about connections by direct routing and through a tunnel: sent on as they are",
    **BOTH,
    ipvs=nat(mode="g", reals=RS[:1])
    + nat(port=81, mode="i", reals=RS[:1])
    + nat(VIP6, mode="g", reals=RS6[:1])
    + nat(VIP6, 81, mode="i", reals=RS6[:1]),
)
def icmp_direct(s):
    for port, method in ((80, "DR"), (81, "tunnel")):
        s.c(tcp(s, dport=port), method + ": SYN")
        answer = bytes(tcp(s, "SA", src=VIP, dst=CIP, sport=port, dport=40000, seq=9, ack=1001))
        s.c(icmp4(s, CIP, VIP, 3, 3, answer[:28]), method + ": port unreachable from the client")
        s.c(
            icmp4(s, ROUTER, VIP, 3, 4, answer[:28], word=1400), method + ": MTU 1400 from a router"
        )
        s.c(icmp4(s, ROUTER, VIP, 11, 0, answer[:28], ttl=1), method + ": TTL 1")
        s.c(tcp6(s, dport=port), method + ": IPv6 SYN")
        answer = bytes(tcp6(s, "SA", src=VIP6, dst=CIP6, sport=port, dport=40000, seq=9, ack=1001))
        s.c(icmp6(s, CIP6, VIP6, 1, 4, answer), method + ": IPv6 port unreachable from the client")
        s.c(icmp6(s, ROUTER6, VIP6, 2, 0, answer, word=1300), method + ": IPv6 MTU 1300")


@scenario(
    "The TTL of errors: one less when they go on; 1 is the end",
    **BOTH,
    ipvs=NATTED + nat(VIP6, reals=RS6[:1], rport=8080),
)
def icmp_ttl(s):
    at_server, at_client = connection(s)
    for ttl in (1, 2):
        s.r(icmp4(s, RS[0], CIP, 3, 3, at_server, ttl=ttl), "from the server, TTL %d" % ttl)
        s.c(icmp4(s, CIP, VIP, 3, 3, at_client, ttl=ttl), "from the client, TTL %d" % ttl)
    at_server, at_client = connection6(s)
    for ttl in (1, 2):
        s.r(
            icmp6(s, RS6[0], CIP6, 1, 4, at_server, ttl=ttl),
            "IPv6 from the server, hop limit %d" % ttl,
        )
        s.c(
            icmp6(s, CIP6, VIP6, 1, 4, at_client, ttl=ttl),
            "IPv6 from the client, hop limit %d" % ttl,
        )


@scenario(
    "Errors that are too long for the other side",
    mtu0=300,
    mtu1=300,
    ipvs=nat(port=53, proto="u", reals=RS[:1]),
)
def icmp_long(s):
    at_server = out(s.c(udp(s, data=b"q" * 200), "query"))
    s.r(icmp4(s, RS[0], CIP, 3, 3, at_server + b"p" * 200), "long error from the server")
    at_client = out(
        s.r(udp(s, src=RS[0], dst=CIP, sport=53, dport=5000, data=b"r" * 200), "answer"), "eth0"
    )
    s.c(icmp4(s, CIP, VIP, 3, 3, at_client + b"p" * 200), "long error from the client")
    long = icmp4(s, CIP, VIP, 3, 3, at_client + b"p" * 200)
    long.flags = "DF"
    s.c(long, "long error from the client, with DF")


@scenario("Errors about nothing that is known", ipvs=NATTED + nat(port=53, proto="u", reals=RS[:1]))
def icmp_unrelated(s):
    at_server, at_client = connection(s)
    s.c(
        icmp4(s, CIP, VIP, 3, 3, bytes(tcp(s, "SA", src=VIP, dst=CIP, sport=80, dport=41000))),
        "client: a port without a connection",
    )
    s.c(
        icmp4(
            s,
            CIP,
            VIP,
            3,
            3,
            bytes(tcp(s, "SA", src=VIP, dst="198.51.100.99", sport=80, dport=40000)),
        ),
        "client: a connection of another client",
    )
    s.c(
        icmp4(s, "198.51.100.99", VIP, 3, 3, at_client[:28]),
        "another host about the client's connection",
    )
    s.c(icmp4(s, CIP, DIP0, 3, 3, at_client[:28]), "to another address of the director")
    s.r(
        icmp4(s, RS[0], CIP, 3, 3, bytes(tcp(s, src=CIP, dst=RS[0], sport=41000, dport=8080))),
        "server: a port without a connection: goes on as it is",
    )
    s.r(
        icmp4(s, RS[0], CIP, 3, 3, bytes(tcp(s, src=CIP, dst=RS[1], sport=40000, dport=8080))),
        "server: about another server",
    )
    s.r(icmp4(s, RS[1], CIP, 3, 3, at_server[:28]), "another server about this connection")
    s.r(
        icmp4(s, RS[0], "198.51.100.99", 3, 3, at_server[:28]),
        "to another host about this connection",
    )
    p = s.ip(VIP, CIP, proto=47) / Raw(b"\0\0\x08\0" + bytes(20))
    s.c(icmp4(s, CIP, VIP, 3, 2, bytes(p)), "client: about a protocol that is not balanced")


@scenario(
    "Echo to virtual addresses is answered by the director, echo to a server goes by",
    **BOTH,
    ipvs=NATTED + nat(VIP6, reals=RS6[:1], rport=8080),
)
def icmp_echo(s):
    s.c(echo4(s, CIP, VIP), "to the virtual address")
    s.c(echo4(s, CIP, DIP0), "to the director's own address")
    s.c(echo4(s, CIP, VIP, data=b""), "without data")
    s.c(echo4(s, CIP, VIP, bad=True), "wrong checksum")
    s.c(echo4(s, CIP, VIP, ttl=1), "TTL 1")
    s.c(echo4(s, CIP, RS[0]), "to a server through the director")
    s.r(echo4(s, RS[0], CIP, kind=0), "its reply")
    s.c(echo6(s, CIP6, VIP6), "IPv6, to the virtual address")
    s.c(echo6(s, CIP6, VIP6, bad=True), "IPv6, wrong checksum")
    s.c(echo6(s, CIP6, RS6[0]), "IPv6, to a server through the director")
    s.r(echo6(s, RS6[0], CIP6, kind=129), "IPv6, its reply")
    s.r(echo4(s, RS[0], VIP), "from a server to the virtual address")


@scenario("A long echo in fragments is answered in fragments", ipvs=NATTED, mtu0=600)
def icmp_echo_fragments(s):
    for p in cut(echo4(s, CIP, VIP, data=b"e" * 800), [400], ident=505):
        s.c(p)


KINDS6 = (
    (1, 0, 0, "no route"),
    (1, 1, 0, "prohibited"),
    (1, 3, 0, "address unreachable"),
    (1, 4, 0, "port unreachable"),
    (2, 0, 1300, "too big, 1300"),
    (3, 0, 0, "time exceeded"),
    (3, 1, 0, "reassembly time exceeded"),
    (4, 0, 0, "parameter problem"),
    (100, 0, 0, "private kind"),
)


@scenario(
    "ICMPv6 errors of every kind from the server about a NAT connection",
    **BOTH,
    ipvs=nat(VIP6, reals=RS6[:1], rport=8080),
)
def icmp6_kinds_server(s):
    at_server, _ = connection6(s)
    for kind, code, word, text in KINDS6:
        s.r(icmp6(s, RS6[0], CIP6, kind, code, at_server, word=word), text)
    s.r(icmp6(s, ROUTER6.replace("77", "22"), CIP6, 1, 0, at_server), "from a router")
    s.r(icmp6(s, RS6[0], CIP6, 1, 4, at_server, bad=True), "wrong checksum")


@scenario(
    "ICMPv6 errors of every kind from the client about a NAT connection",
    **BOTH,
    ipvs=nat(VIP6, reals=RS6[:1], rport=8080),
)
def icmp6_kinds_client(s):
    _, at_client = connection6(s)
    for kind, code, word, text in KINDS6:
        s.c(icmp6(s, CIP6, VIP6, kind, code, at_client, word=word), text)
    s.c(icmp6(s, ROUTER6, VIP6, 1, 0, at_client), "from a router")
    s.c(icmp6(s, CIP6, VIP6, 1, 4, at_client, bad=True), "wrong checksum")


@scenario("How much an ICMPv6 error quotes", **BOTH, ipvs=nat(VIP6, reals=RS6[:1], rport=8080))
def icmp6_quote(s):
    at_server, at_client = connection6(s)
    for n in (0, 39, 40, 43, 44, 48, 52, 60):
        s.r(icmp6(s, RS6[0], CIP6, 1, 4, at_server[:n]), "server, %d bytes quoted" % n)
        s.c(icmp6(s, CIP6, VIP6, 1, 4, at_client[:n]), "client, %d bytes quoted" % n)


@scenario(
    "ICMPv6 errors whose quoted packet has extension headers; those that have such themselves",
    **BOTH,
    ipvs=nat(VIP6, reals=RS6[:1], rport=8080),
)
def icmp6_extensions(s):
    at_server, at_client = connection6(s)
    for text, chain in (
        ("destination options", [(60, PADN6)]),
        ("hop-by-hop options", [(0, PADN6)]),
        (
            "destination options and a routing header",
            [(60, PADN6), (43, b"\x02\x04\0\0\0\0\0" + socket_bytes("2001:db8::1"))],
        ),
    ):
        s.r(
            icmp6(s, RS6[0], CIP6, 1, 4, with_extension(Bytes(at_server), chain)),
            "server, quoted: " + text,
        )
        s.c(
            icmp6(s, CIP6, VIP6, 1, 4, with_extension(Bytes(at_client), chain)),
            "client, quoted: " + text,
        )
    first = fragment6(at_client[:40], 0, at_client[40:], True)
    later = fragment6(at_client[:40], 1000, at_client[40:], False)
    s.c(icmp6(s, CIP6, VIP6, 3, 1, first), "client, quoted: a first fragment")
    s.c(icmp6(s, CIP6, VIP6, 3, 1, later), "client, quoted: a later fragment")
    first = fragment6(at_server[:40], 0, at_server[40:], True)
    later = fragment6(at_server[:40], 1000, at_server[40:], False)
    s.r(icmp6(s, RS6[0], CIP6, 3, 1, first), "server, quoted: a first fragment")
    s.r(icmp6(s, RS6[0], CIP6, 3, 1, later), "server, quoted: a later fragment")
    s.c(
        with_extension(icmp6(s, CIP6, VIP6, 1, 4, at_client), [(60, PADN6)]),
        "client: destination options in front of the error",
    )
    s.r(
        with_extension(icmp6(s, RS6[0], CIP6, 1, 4, at_server), [(60, PADN6)]),
        "server: destination options in front of the error",
    )


@scenario("ICMPv6 errors that come in fragments", **BOTH, ipvs=nat(VIP6, reals=RS6[:1], rport=8080))
def icmp6_fragmented(s):
    at_server, at_client = connection6(s)
    for p in cut6(icmp6(s, RS6[0], CIP6, 1, 4, at_server), [40], ident=7):
        s.r(p)
    for p in cut6(icmp6(s, CIP6, VIP6, 1, 4, at_client), [40], ident=8):
        s.c(p)
    s.c(cut6(icmp6(s, CIP6, VIP6, 1, 4, at_client), [400], ident=9)[0], "an atomic fragment")


@scenario(
    "schedule_icmp 1: an error about an unknown connection is scheduled by what it quotes",
    sysctls={"net.ipv4.vs.schedule_icmp": 1},
    **BOTH,
    ipvs=nat(rport=8080)
    + nat(port=53, proto="u", mode="g")
    + nat(VIP6, rport=8080)
    + ["-A -t 192.0.2.10:81 -s rr"],
)
def icmp_schedule(s):
    answer = bytes(tcp(s, "SA", src=VIP, dst=CIP, sport=80, dport=41000, seq=9, ack=1001))
    s.c(icmp4(s, ROUTER, VIP, 3, 4, answer[:28], word=1400), "TCP, NAT")
    s.c(icmp4(s, ROUTER, VIP, 3, 1, answer[:28]), "again: the same server")
    s.c(
        tcp(s, "A", sport=41000, seq=1001, ack=10),
        "the connection's next packet goes to that server",
    )
    answer = bytes(udp(s, src=VIP, dst=CIP, sport=53, dport=5100))
    s.c(icmp4(s, CIP, VIP, 3, 3, answer), "UDP, DR")
    s.c(icmp4(s, CIP, VIP, 3, 3, answer[:24]), "UDP, only the ports quoted")
    answer = bytes(tcp(s, "SA", src=VIP, dst=CIP, sport=81, dport=41000))
    s.c(icmp4(s, ROUTER, VIP, 3, 1, answer[:28]), "a service without servers")
    answer = bytes(tcp(s, "SA", src=VIP, dst=CIP, sport=82, dport=41000))
    s.c(icmp4(s, ROUTER, VIP, 3, 1, answer[:28]), "no service")
    answer = bytes(tcp6(s, "SA", src=VIP6, dst=CIP6, sport=80, dport=41000, seq=9, ack=1001))
    s.c(icmp6(s, ROUTER6, VIP6, 2, 0, answer, word=1300), "IPv6, NAT")


@scenario(
    "nat_icmp_send 1: a server whose connection is unknown is told so, but for its resets",
    sysctls={"net.ipv4.vs.nat_icmp_send": 1},
    **BOTH,
    ipvs=NATTED
    + nat(port=53, proto="u", reals=RS[:1])
    + nat(VIP6, reals=RS6[:1], rport=8080)
    + nat(port=81, mode="g", reals=RS[1:2]),
)
def icmp_nat_send(s):
    s.r(tcp(s, "SA", **ANSWER), "SYN/ACK of no connection")
    s.r(tcp(s, "R", **ANSWER), "RST of no connection: goes on untranslated")
    s.r(tcp(s, "RA", **ANSWER), "RST and ACK")
    s.r(udp(s, src=RS[0], dst=CIP, sport=53, dport=5000), "UDP of no connection")
    s.r(udp(s, src=RS[0], dst=CIP, sport=54, dport=5000), "a port of no server")
    s.r(tcp(s, "SA", src=RS[1], dst=CIP, sport=81, dport=40000), "a server by direct routing")
    s.r(tcp6(s, "SA", **ANSWER6), "IPv6, SYN/ACK of no connection")
    s.r(tcp6(s, "R", **ANSWER6), "IPv6, RST")
    s.sysctl(net__ipv4__vs__nat_icmp_send=0)
    s.r(tcp(s, "SA", **ANSWER), "switched off: goes on untranslated")
    s.c(tcp(s), "now there is a connection")
    s.r(tcp(s, "SA", **ANSWER), "and its SYN/ACK is translated")


@scenario(
    "An error keeps no connection alive and changes no state; counters do count it",
    stats=True,
    ipvs=NATTED,
)
def icmp_counters(s):
    at_server, at_client = connection(s)
    s.c(icmp4(s, CIP, VIP, 3, 3, at_client[:28]), "56 bytes in")
    s.c(icmp4(s, CIP, VIP, 11, 0, at_client[:40]), "68 bytes in")
    s.r(icmp4(s, RS[0], CIP, 3, 3, at_server[:28]), "56 bytes out")
    s.c(icmp4(s, CIP, VIP, 3, 3, at_client[:28], bad=True), "wrong checksum")
    s.c(icmp4(s, CIP, VIP, 3, 3, at_client[:28], ttl=1), "TTL 1")
