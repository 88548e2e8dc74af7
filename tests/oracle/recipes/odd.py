# SPDX-License-Identifier: BSD-3-Clause
"""Odd packets."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}
UDP4 = nat(port=53, proto="u", reals=RS[:1], rport=5353)
UDP6 = nat(VIP6, 53, proto="u", reals=RS6[:1], rport=5353)
TCP4 = nat(reals=RS[:1], rport=8080)
TCP6 = nat(VIP6, reals=RS6[:1], rport=8080)


@scenario("IPv4 options through NAT, both directions", ipvs=UDP4)
def odd_options(s):
    answer = dict(src=RS[0], dst=CIP, sport=5353, dport=5000)
    for options, text in (
        (b"\x94\x04\0\0", "router alert"),
        (b"\x01\x01\x01\0", "no-operations"),
        (b"\x07\x0b\x04" + b"\0" * 8 + b"\0", "record route with two free places"),
        (b"\x07\x07\x08\x01\x02\x03\x04\0", "record route, full"),
        (b"\x82\x0b" + b"\0" * 9 + b"\0", "security"),
        (b"\x1e\x04\0\0", "an experimental one"),
        (b"\x01" * 40, "forty bytes"),
    ):
        s.c(with_options(udp(s), options), text)
        s.r(with_options(udp(s, **answer), options), "answer: " + text)


@scenario("IPv4 options that are malformed, and source routes", ipvs=UDP4)
def odd_options_bad(s):
    s.c(udp(s), "without")
    for options, text in (
        (b"\x94\x01\0\0", "length 1"),
        (b"\x94\x09\0\0", "longer than the header"),
        (b"\x07\x03\x04\0", "record route of length 3"),
        (b"\x83\x07\x04\x0a\x01\0\x0b\0", "loose source route"),
        (b"\x83\x07\x08\x0a\x01\0\x0b\0", "loose source route, used up"),
        (b"\x89\x07\x04\x0a\x01\0\x0b\0", "strict source route"),
        (b"\x07\x0b\x04" + b"\0" * 8 + b"\x07", "a second record route cut short"),
    ):
        s.c(with_options(udp(s), options), text)
    s.r(
        with_options(udp(s, src=RS[0], dst=CIP, sport=5353, dport=5000), b"\x94\x09\0\0"),
        "answer: longer than the header",
    )


CHAINS = (
    ("hop-by-hop options", [(0, PADN6)]),
    ("destination options", [(60, PADN6)]),
    ("hop-by-hop and destination options", [(0, PADN6), (60, PADN6)]),
    (
        "routing header of type 4, nothing left",
        [(43, b"\x02\x04\0\0\0\0\0" + socket_bytes("2001:db8::1"))],
    ),
    (
        "routing header of type 0, one left",
        [(43, b"\x02\0\x01\0\0\0\0" + socket_bytes("2001:db8::1"))],
    ),
    ("five destination options", [(60, PADN6)] * 5),
    ("hop-by-hop options not first", [(60, PADN6), (0, PADN6)]),
    ("an unknown option to be skipped", [(60, b"\0\x1e\x04\0\0\0\0")]),
    ("an unknown option to be refused", [(60, b"\0\x9e\x04\0\0\0\0")]),
    ("hop-by-hop router alert", [(0, b"\0\x05\x02\0\0\x01\0")]),
)


@scenario("IPv6 extension headers through NAT", **BOTH, ipvs=UDP6)
def odd_extensions(s):
    for text, chain in CHAINS:
        s.c(with_extension(udp6(s), chain), text)


@scenario("IPv6 extension headers in a server's answer", **BOTH, ipvs=UDP6)
def odd_extensions_answer(s):
    s.c(udp6(s), "query")
    for text, chain in CHAINS:
        s.r(with_extension(udp6(s, src=RS6[0], dst=CIP6, sport=5353, dport=5000), chain), text)


@scenario(
    "IPv6 extension headers through direct routing and a tunnel",
    **BOTH,
    ipvs=nat(VIP6, 53, mode="g", proto="u", reals=RS6[:1])
    + nat(VIP6, 54, mode="i", proto="u", reals=RS6[:1]),
)
def odd_extensions_direct(s):
    for text, chain in CHAINS[:4]:
        s.c(with_extension(udp6(s), chain), "DR: " + text)
        s.c(with_extension(udp6(s, dport=54), chain), "tunnel: " + text)


@scenario("IPv6 extension headers that are cut short or too long", **BOTH, ipvs=UDP6)
def odd_extensions_bad(s):
    raw = bytearray(bytes(with_extension(udp6(s), [(60, PADN6)])))
    for n in (0, 1, 4, 8, 12, 16):
        b = raw[: 40 + n]
        b[4:6] = struct.pack("!H", n)
        s.c(Bytes(b), "%d bytes behind the header" % n)
    s.c(
        with_extension(udp6(s), [(60, b"\x08" + PADN6[1:])]), "says 72 bytes, the packet is shorter"
    )
    s.c(udp6(s), "a good one")


@scenario("A wrong IPv4 header checksum, wrong version, header length, total length", ipvs=UDP4)
def odd_ipv4_header(s):
    good = bytearray(bytes(udp(s)))

    def changed(note, fix=True, **at):
        b = bytearray(good)
        for offset, value in at.items():
            b[int(offset[1:])] = value
        s.c(Bytes(fix4(bytes(b)) if fix else b), note)

    changed("good")
    changed("wrong header checksum", fix=False, b10=good[10] ^ 0x11)
    changed("checksum 0", fix=False, b10=0, b11=0)
    changed("version 5", fix=True, b0=0x55)
    changed("header length 16", b0=0x44)
    changed("header length 60, beyond the packet", fix=False, b0=0x4F)
    changed("total length 19", b2=0, b3=19)
    changed("total length 27, UDP header cut", b2=0, b3=27)
    changed("total length 30, three bytes less than the frame", b2=0, b3=30)
    changed("total length 34, one byte more than the frame", b2=0, b3=34)
    changed("total length 65535", b2=255, b3=255)
    changed("reserved flag set", b6=0xC0)
    changed("id 0, no DF", b4=0, b5=0, b6=0)


@scenario(
    "IPv6 header: payload length against the frame, traffic class, flow label, hop limit",
    **BOTH,
    ipvs=UDP6,
)
def odd_ipv6_header(s):
    good = bytes(udp6(s))

    def changed(note, at, value):
        b = bytearray(good)
        b[at : at + len(value)] = value
        s.c(Bytes(b), note)

    changed("good", 0, b"")
    changed("payload length one less", 4, struct.pack("!H", 12))
    changed("payload length one more", 4, struct.pack("!H", 14))
    changed("payload length 0", 4, b"\0\0")
    changed("version 4", 0, b"\x40")
    changed("traffic class 0xb8, flow label 0x12345", 0, b"\x6b\x81\x23\x45")
    s.r(
        udp6(s, src=RS6[0], dst=CIP6, sport=5353, dport=5000, fl=0x54321, tos=0x2E),
        "answer with a flow label",
    )


@scenario(
    "Wrong checksums of TCP and UDP, and none: sent on wrong, none made right (both directions)",
    **BOTH,
    ipvs=UDP4 + TCP4 + UDP6 + TCP6,
)
def odd_l4_checksum(s):
    def with_sum(p, layer, value):
        p[layer].chksum = value
        return p

    answer = dict(src=RS[0], dst=CIP, sport=5353, dport=5000)
    answer6 = dict(src=RS6[0], dst=CIP6, sport=5353, dport=5000)
    s.c(with_sum(udp(s), UDP, 0x1234), "UDP wrong")
    s.c(with_sum(udp(s), UDP, 0), "UDP none")
    s.r(with_sum(udp(s, **answer), UDP, 0x1234), "answer, UDP wrong")
    s.r(with_sum(udp(s, **answer), UDP, 0), "answer, UDP none")
    s.c(with_sum(tcp(s), TCP, 0x1234), "TCP wrong")
    s.c(with_sum(tcp(s, "A"), TCP, 0), "TCP 0")
    s.r(
        with_sum(tcp(s, "SA", src=RS[0], dst=CIP, sport=8080, dport=40000), TCP, 0x1234),
        "answer, TCP wrong",
    )
    s.c(with_sum(udp6(s), UDP, 0x1234), "IPv6 UDP wrong")
    s.c(with_sum(udp6(s), UDP, 0), "IPv6 UDP none")
    s.r(with_sum(udp6(s, **answer6), UDP, 0), "IPv6 answer, UDP none")
    s.c(with_sum(tcp6(s), TCP, 0x1234), "IPv6 TCP wrong")


@scenario(
    "UDP checksums whose sum is 0 (sent as 0xffff) before and after the translation",
    **BOTH,
    ipvs=UDP4 + UDP6,
)
def odd_udp_zero_sum(s):
    for make, real, name in ((udp, RS[0], "IPv4"), (udp6, RS6[0], "IPv6")):
        vip, port = (VIP, 53) if make is udp else (VIP6, 53)
        for target, tport, text in ((vip, port, "before"), (real, 5353, "after")):
            probe = make(s, data=b"\0\0", dst=target, dport=tport)
            probe[UDP].chksum = None
            value = struct.unpack("!H", bytes(probe)[-4:-2])[0]
            s.c(
                make(s, data=struct.pack("!H", value)),
                "%s: sum 0 %s the translation" % (name, text),
            )


@scenario("UDP length field too small, too large, 0", **BOTH, ipvs=UDP4 + UDP6)
def odd_udp_length(s):
    for make in (udp, udp6):
        for length in (13, 12, 14, 8, 7, 0, 65535):
            p = make(s)
            p[UDP].len = length
            s.c(p, "%d of 13" % length)


@scenario("TCP with odd flags, reserved bits, urgent pointer, options, odd data offset", ipvs=TCP4)
def odd_tcp(s):
    s.c(tcp(s), "SYN")

    def changed(note, **kw):
        p = tcp(s, "A", seq=1001, ack=1, data=b"odd")
        for k, v in kw.items():
            setattr(p[TCP], k, v)
        s.c(p, note)

    changed("urgent", flags="AU", urgptr=3)
    changed("reserved bits", reserved=7)
    changed("ECE and CWR", flags="AEC")
    changed("data offset 4", dataofs=4)
    changed("data offset 15, beyond the packet", dataofs=15)
    changed("all flags", flags=0xFF)
    s.c(tcp(s, "", sport=40001), "no flags, no connection")
    s.c(tcp(s, "SF", sport=40002), "SYN and FIN")
    s.c(tcp(s, "SU", sport=40003, data=b"data"), "SYN with urgent and data")
    s.c(tcp(s, "SR", sport=40004), "SYN and RST")
    s.c(tcp(s, "SA", sport=40005, ack=1), "SYN and ACK")
    s.c(tcp(s, "SEC", sport=40006), "SYN with ECE and CWR")


@scenario("Payloads of all small lengths, odd and even, both directions", ipvs=UDP4)
def odd_lengths(s):
    for n in (0, 1, 2, 3, 17, 18, 19, 99):
        s.c(udp(s, data=bytes(range(n))), "%d bytes" % n)
        s.r(
            udp(s, src=RS[0], dst=CIP, sport=5353, dport=5000, data=bytes(range(n))),
            "answer of %d bytes" % n,
        )


@scenario(
    (
        "Addresses that must not be: multicast, broadcast, loopback, unspecified, the director's"
        " own as source"
    ),
    ipvs=TCP4 + UDP4,
)
def odd_addresses(s):
    for source in (
        "224.0.0.5",
        "255.255.255.255",
        "127.0.0.1",
        "0.0.0.0",
        VIP,
        DIP0,
        "240.0.0.1",
        "192.0.2.255",
        "10.1.0.11",
    ):
        s.c(tcp(s, src=source), "source " + source)
    for target in (
        "224.0.0.5",
        "255.255.255.255",
        "127.0.0.1",
        "0.0.0.0",
        "192.0.2.255",
        "240.0.0.1",
        "10.1.0.255",
    ):
        s.c(udp(s, dst=target), "destination " + target)
    s.c(tcp(s, src=VIP, sport=80), "land: source and destination the same")


@scenario("IPv6 addresses that must not be", **BOTH, ipvs=TCP6 + UDP6)
def odd_addresses6(s):
    for source in (
        "ff02::1",
        "::1",
        "::",
        VIP6,
        DIP0_6,
        "fe80::1",
        "::ffff:192.0.2.1",
        "2001:db8:2::11",
    ):
        s.c(tcp6(s, src=source), "source " + source)
    for target in ("::1", "::", "ff0e::1:2:3:4", "::ffff:192.0.2.10"):
        s.c(udp6(s, dst=target), "destination " + target)
    s.c(tcp6(s, src=VIP6, sport=80), "land: source and destination the same")


@scenario(
    "Frames to other MAC addresses: another host's, broadcast, multicast",
    **BOTH,
    ipvs=TCP4 + UDP4 + UDP6,
)
def odd_mac(s):
    for target, text in (
        ("02:00:00:00:00:99", "another host's"),
        ("ff:ff:ff:ff:ff:ff", "broadcast"),
        ("01:00:5e:00:00:05", "IPv4 multicast"),
        ("33:33:00:00:00:01", "IPv6 multicast"),
        (D1, "the director's other interface"),
    ):
        from_client(s, udp(s), "UDP to %s" % text, dst=target)
        from_client(s, tcp(s), "SYN to %s" % text, dst=target)
        from_client(s, udp6(s), "IPv6 UDP to %s" % text, dst=target)
    from_client(s, udp(s), "from a multicast MAC", src="01:00:5e:00:00:07")
    from_client(s, udp(s), "from the director's own MAC", src=D0)


@scenario(
    "Frames that are no IP, or whose type does not fit what is in them", **BOTH, ipvs=UDP4 + UDP6
)
def odd_ethertype(s):
    head = mac_bytes(D0) + mac_bytes(CGW)
    s.raw("eth0", head + b"\x88\xb5" + b"experimental" * 4, "an experimental type")
    s.raw(
        "eth0",
        head + b"\x00\x20" + b"\xaa\xaa\x03\0\0\0\x08\0" + bytes(udp(s)),
        "802.3 with LLC and SNAP",
    )
    s.raw("eth0", head + b"\x86\xdd" + bytes(udp(s)), "IPv4 as IPv6")
    s.raw("eth0", head + b"\x08\x00" + bytes(udp6(s)), "IPv6 as IPv4")
    s.raw("eth0", head + b"\x08\x00", "nothing behind the type")
    s.raw("eth0", head + b"\x08\x00" + bytes(udp(s))[:12], "half an IPv4 header")
    s.raw("eth0", head + b"\x86\xdd" + bytes(udp6(s))[:30], "three quarters of an IPv6 header")


POLICY = [
    "ip rule add from 192.0.2.10 lookup 100",
    "ip route add default via 192.0.2.253 dev eth0 table 100",
]
OTHER_GATEWAY = {"eth0": {"192.0.2.253": "02:00:00:00:0c:fd"}}


def rerouted(s):
    s.c(udp(s), "query")
    s.r(udp(s, src=RS[0], dst=CIP, sport=5353, dport=5000), "answer")
    s.r(udp(s, src=RS[0], dst=CIP, sport=9999, dport=5000), "another packet of the server")
    seen = out(s.c(udp(s), "query"))
    s.r(icmp4(s, RS[0], CIP, 3, 3, seen[:28]), "error of the server")
    s.c(echo4(s, CIP, VIP), "echo: the host's own answer")


@scenario(
    (
        "snat_reroute 1: a translated answer is routed by its new source (a rule: from the virtual"
        " address by another gateway)"
    ),
    neighbours=OTHER_GATEWAY,
    commands=POLICY,
    ipvs=UDP4,
)
def snat_reroute_1(s):
    rerouted(s)


@scenario(
    "snat_reroute 0: a translated answer goes the way of the untranslated one",
    neighbours=OTHER_GATEWAY,
    commands=POLICY,
    sysctls={"net.ipv4.vs.snat_reroute": 0},
    ipvs=UDP4,
)
def snat_reroute_0(s):
    rerouted(s)
