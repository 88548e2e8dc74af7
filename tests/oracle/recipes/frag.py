# SPDX-License-Identifier: BSD-3-Clause
"""Fragments in all orders, from both sides, through every method."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}
UDP4 = nat(port=53, proto="u", reals=RS[:1], rport=5353)
UDP6 = nat(VIP6, 53, proto="u", reals=RS6[:1], rport=5353)


def pattern(n, start=0):
    return bytes((i * 7 + start) & 0xFF for i in range(n))


def from_client_all(s, pieces, notes=()):
    for i, p in enumerate(pieces):
        s.c(p, notes[i] if i < len(notes) else None)


@scenario(
    "UDP in three fragments: in order, in reverse, middle last, and the same datagram twice",
    ipvs=UDP4,
)
def frag_orders(s):
    whole = udp(s, data=pattern(500), df=False)
    for ident, order, text in (
        (101, (0, 1, 2), "in order"),
        (102, (2, 1, 0), "in reverse"),
        (103, (0, 2, 1), "middle last"),
        (101, (0, 1, 2), "the first id again"),
    ):
        pieces = cut(whole, [200, 200], ident=ident)
        from_client_all(s, [pieces[i] for i in order], [text] * 3)


@scenario(
    "IPv6 UDP in three fragments: in order, in reverse, middle last, the same again",
    **BOTH,
    ipvs=UDP6,
)
def frag6_orders(s):
    whole = udp6(s, data=pattern(500))
    for ident, order, text in (
        (101, (0, 1, 2), "in order"),
        (102, (2, 1, 0), "in reverse"),
        (103, (0, 2, 1), "middle last"),
        (101, (0, 1, 2), "the first id again"),
    ):
        pieces = cut6(whole, [200, 200], ident=ident)
        from_client_all(s, [pieces[i] for i in order], [text] * 3)


@scenario("Duplicates of fragments: first, middle and last twice", **BOTH, ipvs=UDP4 + UDP6)
def frag_duplicates(s):
    pieces = cut(udp(s, data=pattern(300), df=False), [104, 104], ident=111)
    from_client_all(
        s, [pieces[i] for i in (0, 0, 1, 1, 2)], ["first", "again", "middle", "again", "last"]
    )
    s.c(pieces[2], "the last once more when all is done")
    pieces = cut6(udp6(s, data=pattern(300)), [104, 104], ident=111)
    from_client_all(
        s, [pieces[i] for i in (0, 0, 1, 1, 2)], ["first", "again", "middle", "again", "last"]
    )


@scenario("Overlapping IPv4 fragments: partly, wholly, beyond the end", ipvs=UDP4)
def frag_overlap(s):
    raw = bytes(udp(s, data=pattern(300), df=False))
    header, body = raw[:20], raw[20:]

    def piece(ident, start, end, more, change=0):
        data = bytes(b ^ change for b in body[start:end])
        return fragment4(header, start, data, more, ident)

    s.c(piece(121, 0, 160, True), "0-160")
    s.c(piece(121, 152, 240, True, 0xFF), "152-240 with other bytes: overlaps partly")
    s.c(piece(121, 240, 308, False), "240-308")
    s.c(piece(122, 0, 160, True), "0-160")
    s.c(piece(122, 40, 80, True, 0xFF), "40-80 with other bytes: lies within")
    s.c(piece(122, 160, 308, False), "160-308")
    s.c(piece(123, 40, 80, True), "40-80")
    s.c(piece(123, 0, 160, True), "0-160: covers it")
    s.c(piece(123, 160, 308, False), "160-308")
    s.c(piece(124, 160, 308, False), "160-308, last")
    s.c(fragment4(header, 304, pattern(80), True, 124), "304-384: beyond the end")
    s.c(piece(124, 0, 160, True), "0-160")
    s.c(piece(125, 0, 160, True), "0-160")
    s.c(piece(125, 0, 160, True, 0xFF), "0-160 with other bytes")
    s.c(piece(125, 160, 308, False), "160-308")
    s.c(piece(126, 160, 240, False), "160-240, last")
    s.c(piece(126, 160, 308, False), "160-308, another last")
    s.c(piece(126, 0, 160, True), "0-160")


@scenario("Overlapping IPv6 fragments", **BOTH, ipvs=UDP6)
def frag6_overlap(s):
    raw = bytes(udp6(s, data=pattern(300)))
    header, body = raw[:40], raw[40:]

    def piece(ident, start, end, more, change=0):
        return fragment6(header, start, bytes(b ^ change for b in body[start:end]), more, ident)

    s.c(piece(121, 0, 160, True), "0-160")
    s.c(piece(121, 152, 240, True, 0xFF), "152-240 with other bytes: overlaps partly")
    s.c(piece(121, 240, 308, False), "240-308")
    s.c(piece(121, 160, 240, True), "160-240: would be complete now")
    s.c(piece(122, 0, 160, True), "0-160")
    s.c(piece(122, 0, 160, True), "exactly the same")
    s.c(piece(122, 160, 308, False), "160-308")
    s.c(piece(123, 160, 308, False), "160-308, last")
    s.c(fragment6(header, 304, pattern(80), True, 123), "304-384: beyond the end")
    s.c(piece(123, 0, 160, True), "0-160")


@scenario("Fragments that are missing or ill-formed", ipvs=UDP4)
def frag_malformed(s):
    raw = bytes(udp(s, data=pattern(300), df=False))
    header, body = raw[:20], raw[20:]
    s.c(fragment4(header, 0, body[:160], True, 131), "first")
    s.c(fragment4(header, 240, body[240:], False, 131), "last; the middle never comes")
    s.c(fragment4(header, 0, body[:155], True, 132), "first, length no multiple of eight")
    s.c(fragment4(header, 152, body[152:], False, 132), "the rest")
    s.c(fragment4(header, 0, b"", True, 133), "first, empty")
    s.c(fragment4(header, 0, body, False, 133), "a whole datagram of the same id")
    s.c(fragment4(header, 65528, pattern(40), False, 134), "beyond 65535")
    s.c(fragment4(header, 0, body[:4], True, 135), "first of four bytes: no multiple of eight")
    s.c(fragment4(header, 308, b"", False, 136), "last, empty")
    s.c(fragment4(header, 0, body, True, 136), "the first has it all: 308 bytes")


@scenario(
    "A tiny first fragment: the ports in the first, or not even they",
    **BOTH,
    ipvs=UDP4 + nat(reals=RS[:1]) + UDP6,
)
def frag_tiny(s):
    pieces = cut(udp(s, data=pattern(100), df=False), [8], ident=141)
    from_client_all(s, pieces, ["UDP header only", "the rest"])
    pieces = cut(tcp(s, df=False), [8, 8], ident=142)
    from_client_all(s, pieces, ["TCP ports and sequence number", "up to the flags", "the rest"])
    pieces = cut(tcp(s, df=False, sport=40001), [16], ident=143)
    from_client_all(s, reversed(pieces), ["checksum and urgent pointer first", "the rest"])
    pieces = cut6(udp6(s, data=pattern(100)), [8, 48], ident=141)
    from_client_all(s, pieces, ["IPv6, UDP header only", "more", "the rest"])


@scenario(
    "Datagrams with different ids and from different clients interleaved; same id, other protocol",
    ipvs=UDP4 + nat(port=54, proto="u", reals=RS[1:2]) + nat(reals=RS[2:3]),
)
def frag_interleaved(s):
    a = cut(udp(s, data=pattern(300), df=False), [160], ident=151)
    b = cut(udp(s, data=pattern(300, 9), df=False, sport=5001), [160], ident=152)
    c = cut(udp(s, data=pattern(300, 5), df=False, src=CIP2), [160], ident=151)
    d = cut(tcp(s, df=False, data=pattern(200, 3)), [160], ident=151)
    from_client_all(
        s,
        [a[0], b[1], c[0], d[0], b[0], c[1], a[1], d[1]],
        [
            "A first",
            "B last",
            "C first (another client, A's id)",
            "D first (TCP, A's id)",
            "B first",
            "C last",
            "A last",
            "D last",
        ],
    )
    e = cut(udp(s, data=pattern(300), df=False), [160], ident=153)
    f = cut(udp(s, data=pattern(300, 1), df=False, dport=54), [160], ident=153)
    from_client_all(
        s,
        [e[0], f[1], f[0], e[1]],
        ["E first", "F last: same id, another port; completes E", "F first", "E last: completes F"],
    )


@scenario("Fragments with DF: sent on with DF, even when refragmented", mtu1=300, ipvs=UDP4)
def frag_df(s):
    whole = udp(s, data=pattern(500), df=True)
    from_client_all(s, cut(whole, [200, 200], ident=161, df=True), ["DF on all", "", ""])
    pieces = cut(whole, [200], ident=162, df=True)[:1] + cut(whole, [200], ident=162)[1:]
    from_client_all(s, pieces, ["DF on the smaller first", "no DF on the larger second"])
    pieces = cut(whole, [400], ident=163, df=True)
    from_client_all(s, pieces, ["DF, fragments larger than the server side's MTU", ""])


@scenario(
    "A server's answer in fragments: put together, translated and cut again; in and out of order",
    ipvs=UDP4,
)
def frag_from_server(s):
    s.c(udp(s), "query")
    answer = udp(s, src=RS[0], dst=CIP, sport=5353, dport=5000, data=pattern(500), df=False)
    for i, p in enumerate(cut(answer, [200, 200], ident=171)):
        s.r(p, "in order" if i == 0 else None)
    pieces = cut(answer, [200, 200], ident=172)
    for i in (2, 0, 1):
        s.r(pieces[i], "last, first, middle")
    for p in cut(answer, [200, 200], ident=173, df=True):
        s.r(p, "DF")
    for p in cut(
        udp(s, src=RS[0], dst=CIP, sport=9999, dport=5000, data=pattern(300), df=False),
        [160],
        ident=174,
    ):
        s.r(p, "another port, not a connection's: goes on as it is")
    for p in cut(
        udp(s, src=RS[1], dst=CIP, sport=5353, dport=5000, data=pattern(300), df=False),
        [160],
        ident=175,
    ):
        s.r(p, "a host that is no real server")


@scenario("IPv6: a server's answer in fragments", **BOTH, ipvs=UDP6)
def frag6_from_server(s):
    s.c(udp6(s), "query")
    answer = udp6(s, src=RS6[0], dst=CIP6, sport=5353, dport=5000, data=pattern(500))
    for i, p in enumerate(cut6(answer, [200, 200], ident=171)):
        s.r(p, "in order" if i == 0 else None)
    pieces = cut6(answer, [200, 200], ident=172)
    for i in (2, 0, 1):
        s.r(pieces[i], "last, first, middle")
    for p in cut6(
        udp6(s, src=RS6[0], dst=CIP6, sport=9999, dport=5000, data=pattern(300)), [160], ident=174
    ):
        s.r(p, "another port, not a connection's: goes on as it is")


@scenario(
    "Cut again when the way out has a smaller MTU, and not joined when it has a larger one",
    mtu0=1500,
    mtu1=300,
    ipvs=UDP4,
)
def frag_refragment(s):
    whole = udp(s, data=pattern(700), df=False)
    from_client_all(s, cut(whole, [400], ident=181), ["two of 400 and 308 bytes, MTU 300"])
    from_client_all(s, cut(whole, [96] * 7, ident=182), ["eight of 96 bytes"])
    from_client_all(
        s, cut(whole, [24, 512], ident=183), ["the first is small, the second is large"]
    )
    answer = udp(s, src=RS[0], dst=CIP, sport=5353, dport=5000, data=pattern(700), df=False)
    for p in cut(answer, [272, 272], ident=184):
        s.r(p, "answer in three, the client side's MTU is 1500")


@scenario(
    "IPv6: cut again to the largest fragment that came, but not below 1280",
    mtu1=1400,
    **BOTH,
    ipvs=UDP6,
)
def frag6_refragment(s):
    whole = udp6(s, data=pattern(2000))
    from_client_all(s, cut6(whole, [1000], ident=181), ["1000 and the rest"])
    from_client_all(s, cut6(whole, [1440], ident=182), ["1440 and the rest, MTU 1400"])


@scenario(
    "Fragments to a virtual address where there is no service: the host's answer",
    **BOTH,
    ipvs=UDP4 + UDP6,
)
def frag_no_service(s):
    from_client_all(
        s, cut(udp(s, dport=99, data=pattern(300), df=False), [160], ident=191), ["UDP"]
    )
    from_client_all(
        s, cut(tcp(s, dport=99, data=pattern(100), df=False), [64], ident=192), ["TCP SYN"]
    )
    from_client_all(s, cut6(udp6(s, dport=99, data=pattern(300)), [160], ident=191), ["IPv6 UDP"])
    s.c(cut(udp(s, data=pattern(300), df=False), [160], ident=193)[1], "a later fragment alone")


@scenario(
    "Fragmented datagrams through direct routing",
    **BOTH,
    mtu1=1500,
    ipvs=nat(port=53, mode="g", proto="u", reals=RS[:1])
    + nat(VIP6, 53, mode="g", proto="u", reals=RS6[:1]),
)
def frag_dr(s):
    whole = udp(s, data=pattern(500), df=False)
    from_client_all(s, cut(whole, [200, 200], ident=201), ["in order"])
    from_client_all(s, reversed(cut(whole, [200, 200], ident=202)), ["in reverse"])
    from_client_all(s, cut(whole, [200, 200], ident=203, df=True), ["DF"])
    from_client_all(s, cut6(udp6(s, data=pattern(500)), [200, 200], ident=204), ["IPv6"])


@scenario(
    "Fragmented datagrams through IPv6 tunnels and mixed ones",
    **BOTH,
    mtu1=1500,
    ipvs=nat(port=53, mode="i", proto="u", reals=RS6[:1])
    + nat(VIP6, 53, mode="i", proto="u", reals=RS6[:1]),
)
def frag_tunnel6(s):
    from_client_all(s, cut(udp(s, data=pattern(500), df=False), [400], ident=211), ["4 in 6"])
    from_client_all(s, cut6(udp6(s, data=pattern(500)), [400], ident=212), ["6 in 6"])


@scenario("UDP without a checksum, and with a wrong one, in fragments", ipvs=UDP4)
def frag_checksum(s):
    p = udp(s, data=pattern(300), df=False)
    p[UDP].chksum = 0
    from_client_all(s, cut(p, [160], ident=221), ["no checksum"])
    p = udp(s, data=pattern(300), df=False)
    p[UDP].chksum = 0x1234
    from_client_all(s, cut(p, [160], ident=222), ["wrong checksum"])
    p = udp(s, src=RS[0], dst=CIP, sport=5353, dport=5000, data=pattern(300), df=False)
    p[UDP].chksum = 0
    for piece in cut(p, [160], ident=223):
        s.r(piece, "answer without a checksum")


@scenario(
    "An IPv6 atomic fragment (offset 0, no more): UDP, TCP and from the server",
    **BOTH,
    ipvs=UDP6 + nat(VIP6, reals=RS6[:1]) + nat(VIP6, 81, mode="g", reals=RS6[:1]),
)
def frag6_atomic(s):
    s.c(cut6(udp6(s), [], ident=1)[0], "UDP")
    s.c(cut6(tcp6(s), [], ident=2)[0], "TCP SYN")
    s.c(cut6(tcp6(s, dport=81), [], ident=3)[0], "TCP SYN, direct routing")
    s.r(cut6(udp6(s, src=RS6[0], dst=CIP6, sport=5353, dport=5000), [], ident=4)[0], "answer")


@scenario(
    "IPv6 fragments with extension headers before and behind the fragment header", **BOTH, ipvs=UDP6
)
def frag6_extensions(s):
    raw = bytes(udp6(s, data=pattern(300)))
    head, body = raw[:40], raw[40:]
    for start, end, more in ((0, 160, True), (160, 308, False)):
        s.c(
            fragment6(head, start, body[start:end], more, 231, b"\x2c" + PADN6, 60),
            "destination options before the fragment header",
        )
    for start, end, more in ((0, 160, True), (160, 308, False)):
        s.c(
            fragment6(head, start, body[start:end], more, 232, b"\x2c" + PADN6, 0),
            "hop-by-hop options before the fragment header",
        )
    raw = bytes(with_extension(udp6(s, data=pattern(300)), [(60, PADN6)]))
    head, body = raw[:40], raw[40:]
    for start, end, more in ((0, 160, True), (160, 316, False)):
        s.c(
            fragment6(head, start, body[start:end], more, 233),
            "destination options behind the fragment header",
        )
    for start, end, more in ((0, 8, True), (8, 316, False)):
        s.c(
            fragment6(head, start, body[start:end], more, 234),
            "the first fragment has the options only, not the ports",
        )


@scenario("A datagram of 20000 bytes in 14 fragments, in a mixed order", ipvs=UDP4)
def frag_many(s):
    pieces = cut(udp(s, data=pattern(20000), df=False), [1480] * 13, ident=241)
    for i in (1, 0, 3, 2, 5, 4, 13, 6, 8, 7, 9, 12, 11, 10):
        s.c(pieces[i], "fragment %d" % i)


@scenario("TCP in fragments, NAT, both sides", ipvs=nat(reals=RS[:1], rport=8080))
def frag_tcp(s):
    s.c(tcp(s), "SYN")
    s.r(tcp(s, "SA", src=RS[0], dst=CIP, sport=8080, dport=40000, seq=9, ack=1001), "SYN/ACK")
    from_client_all(
        s,
        cut(tcp(s, "PA", seq=1001, ack=10, data=pattern(300), df=False), [160], ident=251),
        ["client's segment in two", ""],
    )
    for p in cut(
        tcp(
            s,
            "PA",
            src=RS[0],
            dst=CIP,
            sport=8080,
            dport=40000,
            seq=10,
            ack=1301,
            data=pattern(300),
            df=False,
        ),
        [160],
        ident=252,
    ):
        s.r(p, "server's segment in two")
    from_client_all(
        s,
        cut(tcp(s, sport=40001, df=False, data=pattern(40)), [40], ident=253),
        ["a SYN in two", ""],
    )


@scenario(
    "Fragments with options: kept on the first, later ones have those to be copied", ipvs=UDP4
)
def frag_options(s):
    raw = bytes(with_options(udp(s, data=pattern(300), df=False), b"\x94\x04\0\0\x01\x01\x01\0"))
    header, body = raw[:28], raw[28:]
    later = bytearray(raw[:20] + b"\x94\x04\0\0")
    later[0] = 0x46
    s.c(fragment4(header, 0, body[:160], True, 261), "first, router alert and no-operations")
    s.c(fragment4(bytes(later), 160, body[160:], False, 261), "last, router alert only")


@scenario(
    "TTL and type of service of fragments: those of the first count, of ECN the mark of any",
    ipvs=UDP4,
)
def frag_header_fields(s):
    for ident, fields in (
        (271, ((64, 0), (9, 0))),
        (272, ((9, 0), (64, 0))),
        (273, ((1, 0), (64, 0))),
        (274, ((64, 0xB8), (64, 0))),
        (275, ((64, 0x02), (64, 0x03))),
        (276, ((64, 0x00), (64, 0x03))),
    ):
        pieces = []
        for i, (ttl, tos) in enumerate(fields):
            raw = bytes(udp(s, data=pattern(100), df=False, ttl=ttl, tos=tos))
            data = raw[20:84] if i == 0 else raw[84:]
            pieces.append(fragment4(raw[:20], 64 * i, data, i == 0, ident))
        from_client_all(s, pieces, ["TTL %d, TOS %#x" % f for f in fields])


@scenario(
    (
        "Fragments of uneven sizes, MTU large enough for all: cut alike to the largest, or as they"
        " came"
    ),
    **BOTH,
    ipvs=UDP4 + UDP6,
)
def frag_uneven(s):
    sizes = [48, 208, 104]
    from_client_all(
        s, cut(udp(s, data=pattern(500), df=False), sizes, ident=281), ["IPv4, 48, 208, 104, 148"]
    )
    from_client_all(
        s, reversed(cut(udp(s, data=pattern(500), df=False), sizes, ident=282)), ["in reverse"]
    )
    from_client_all(
        s, cut6(udp6(s, data=pattern(500)), sizes, ident=281), ["IPv6, 48, 208, 104, 148"]
    )
    from_client_all(s, reversed(cut6(udp6(s, data=pattern(500)), sizes, ident=282)), ["in reverse"])
