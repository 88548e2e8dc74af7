# SPDX-License-Identifier: BSD-3-Clause
"""SCTP."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}
(
    DATA,
    INIT,
    INIT_ACK,
    SACK,
    HEARTBEAT,
    HEARTBEAT_ACK,
    ABORT,
    SHUTDOWN,
    SHUTDOWN_ACK,
    ERROR,
    COOKIE_ECHO,
    COOKIE_ACK,
    ECNE,
    CWR,
    SHUTDOWN_COMPLETE,
) = range(15)
NAMES = (
    "DATA",
    "INIT",
    "INIT ACK",
    "SACK",
    "HEARTBEAT",
    "HEARTBEAT ACK",
    "ABORT",
    "SHUTDOWN",
    "SHUTDOWN ACK",
    "ERROR",
    "COOKIE ECHO",
    "COOKIE ACK",
    "ECNE",
    "CWR",
    "SHUTDOWN COMPLETE",
)
BODY = {
    DATA: b"\0\0\0\x01\0\0\0\0\0\0\0\0data",
    INIT: b"\0\0\0\x05\0\1\0\0\0\x0a\0\x0a\0\0\0\x01",
    INIT_ACK: b"\0\0\0\x06\0\1\0\0\0\x0a\0\x0a\0\0\0\x01\0\x07\0\x08cook",
    SACK: b"\0\0\0\x01\0\1\0\0\0\0\0\0",
    COOKIE_ECHO: b"cook",
    SHUTDOWN: b"\0\0\0\x01",
    HEARTBEAT: b"\0\1\0\x08beat",
    HEARTBEAT_ACK: b"\0\1\0\x08beat",
}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def chunk(kind, body=None, flags=3):
    body = BODY.get(kind, b"") if body is None else body
    data = struct.pack("!BBH", kind, flags if kind == DATA else 0, 4 + len(body)) + body
    return data + b"\0" * (-len(data) % 4)


def sctp(s, *kinds, src=CIP, dst=VIP, sport=40000, dport=80, bad=False, raw=b"", **ip):
    chunks = b"".join(chunk(k) for k in kinds) + raw
    head = struct.pack("!HHII", sport, dport, 0x11223344, 0)
    crc = crc32c(head + chunks) ^ (0x5A5A5A5A if bad else 0)
    data = head[:8] + struct.pack("<I", crc) + chunks
    packet = s.ip(src, dst, **ip)
    if ":" in src:
        packet.nh = 132
    else:
        packet.proto = 132
    return packet / Raw(data)


def exchange(s, steps, client, server):
    """steps: strings of 'c'/'s' and chunk kinds; states are in the dumps after the marked ones."""
    for side, kinds, label in steps:
        text = " + ".join(NAMES[k] for k in kinds)
        if side == "c":
            s.c(sctp(s, *kinds, **client), "client: " + text)
        else:
            s.r(sctp(s, *kinds, **server), "server: " + text)
        if label:
            s.dump(label)


OPEN = [
    ("c", [INIT], None),
    ("s", [INIT_ACK], "after INIT ACK"),
    ("c", [COOKIE_ECHO], "after COOKIE ECHO"),
    ("s", [COOKIE_ACK], "after COOKIE ACK"),
]
CLOSE = [
    ("c", [SHUTDOWN], "after SHUTDOWN"),
    ("s", [SHUTDOWN_ACK], "after SHUTDOWN ACK"),
    ("c", [SHUTDOWN_COMPLETE], None),
]
TO_REAL = dict(src=RS[0], dst=CIP, sport=8080, dport=40000)


@scenario(
    "SCTP through NAT with another port: handshake, data, shutdown; CRC32c computed anew",
    ipvs=nat(proto="-sctp-service", reals=RS[:1], rport=8080),
)
def sctp_nat(s):
    exchange(
        s,
        OPEN
        + [
            ("c", [DATA], None),
            ("s", [SACK, DATA], None),
            ("c", [HEARTBEAT], None),
            ("s", [HEARTBEAT_ACK], None),
        ]
        + CLOSE,
        {},
        TO_REAL,
    )


@scenario(
    "SCTP through NAT with the same port: the CRC32c is left as it is, right or wrong",
    ipvs=nat(proto="-sctp-service", reals=RS[:1]),
)
def sctp_nat_same_port(s):
    exchange(s, OPEN + [("c", [DATA], None)], {}, dict(TO_REAL, sport=80))
    s.c(sctp(s, DATA, bad=True), "wrong CRC32c")
    s.r(sctp(s, SACK, bad=True, **dict(TO_REAL, sport=80)), "server, wrong CRC32c")


@scenario(
    "SCTP through NAT with another port: a wrong CRC32c",
    ipvs=nat(proto="-sctp-service", reals=RS[:1], rport=8080),
)
def sctp_bad_crc(s):
    exchange(s, OPEN, {}, TO_REAL)
    s.c(sctp(s, DATA, bad=True), "wrong CRC32c")
    s.r(sctp(s, SACK, bad=True, **TO_REAL), "server, wrong CRC32c")
    s.c(sctp(s, INIT, sport=40001, bad=True), "INIT with wrong CRC32c")


@scenario(
    "SCTP over IPv6 through NAT",
    **BOTH,
    ipvs=nat(VIP6, proto="-sctp-service", reals=RS6[:1], rport=8080),
)
def sctp_nat6(s):
    exchange(
        s,
        OPEN + [("c", [DATA], None), ("s", [SACK, DATA], None)] + CLOSE,
        dict(src=CIP6, dst=VIP6),
        dict(src=RS6[0], dst=CIP6, sport=8080, dport=40000),
    )


@scenario(
    "SCTP through direct routing: states are guessed from the client's side alone",
    ipvs=nat(proto="-sctp-service", mode="g"),
)
def sctp_dr(s):
    exchange(
        s,
        [
            ("c", [INIT], "after INIT"),
            ("c", [COOKIE_ECHO], "after COOKIE ECHO"),
            ("c", [DATA], "after DATA"),
            ("c", [SACK], None),
            ("c", [SHUTDOWN], "after SHUTDOWN"),
            ("c", [SHUTDOWN_COMPLETE], None),
        ],
        {},
        {},
    )


@scenario(
    "SCTP through a tunnel, the server closes",
    ipvs=nat(proto="-sctp-service", mode="i", reals=RS[:1]),
)
def sctp_tunnel(s):
    exchange(
        s,
        [
            ("c", [INIT], None),
            ("c", [COOKIE_ECHO], None),
            ("c", [DATA], "before SHUTDOWN ACK"),
            ("c", [SHUTDOWN_ACK], None),
        ],
        {},
        {},
    )


@scenario(
    "ABORT from the client, from the server, and while opening",
    ipvs=nat(proto="-sctp-service", reals=RS[:1], rport=8080),
)
def sctp_abort(s):
    for port, steps in (
        (40000, OPEN + [("c", [ABORT], None)]),
        (40001, OPEN + [("s", [ABORT], None)]),
        (40002, [("c", [INIT], None), ("s", [ABORT], None)]),
        (40003, OPEN[:2] + [("c", [ABORT], None)]),
        (40004, OPEN[:2] + [("c", [COOKIE_ECHO, ABORT], None)]),
    ):
        exchange(
            s,
            [(side, kinds, None) for side, kinds, _ in steps],
            dict(sport=port),
            dict(TO_REAL, dport=port),
        )


@scenario(
    "Every kind of chunk with no connection: only INIT opens one",
    ipvs=nat(proto="-sctp-service", reals=RS[:1], rport=8080),
)
def sctp_no_connection(s):
    for kind in (DATA, INIT_ACK, SACK, HEARTBEAT, ABORT, SHUTDOWN, COOKIE_ECHO, SHUTDOWN_COMPLETE):
        s.c(sctp(s, kind, sport=41000 + kind), NAMES[kind])
    s.c(sctp(s, INIT, sport=41001), "INIT")
    s.c(sctp(s, INIT, dport=81), "INIT, no service on the port")
    s.r(sctp(s, INIT_ACK, **dict(TO_REAL, dport=45000)), "server: INIT ACK of no connection")


@scenario(
    "sloppy_sctp 1: every chunk but ABORT opens a connection",
    sysctls={"net.ipv4.vs.sloppy_sctp": 1},
    ipvs=nat(proto="-sctp-service", reals=RS[:1], rport=8080),
)
def sctp_sloppy(s):
    for kind in (
        DATA,
        INIT_ACK,
        SACK,
        HEARTBEAT,
        ABORT,
        SHUTDOWN,
        SHUTDOWN_ACK,
        ERROR,
        COOKIE_ECHO,
        COOKIE_ACK,
        ECNE,
        SHUTDOWN_COMPLETE,
    ):
        s.c(sctp(s, kind, sport=41000 + kind), NAMES[kind])


@scenario(
    "Bundled chunks: the first decides, but for COOKIE ECHO and ABORT; a chunk of an unknown kind",
    ipvs=nat(proto="-sctp-service", reals=RS[:1], rport=8080),
)
def sctp_bundled(s):
    client, server = {}, TO_REAL
    exchange(
        s,
        OPEN[:2]
        + [
            ("c", [COOKIE_ECHO, DATA], "COOKIE ECHO and DATA"),
            ("s", [COOKIE_ACK, SACK, DATA], None),
            ("c", [SACK, SHUTDOWN], "SACK and SHUTDOWN"),
            ("c", [DATA, ABORT], "DATA and ABORT"),
        ],
        client,
        server,
    )
    s.c(sctp(s, raw=chunk(0xC1, b"addr")), "ASCONF, an unknown kind")
    s.c(sctp(s, raw=chunk(0x3F, b"????")), "an unknown kind")
    s.c(sctp(s, INIT, sport=40001), "another INIT")
    s.c(sctp(s, INIT, DATA, sport=40002), "INIT with DATA behind it")


@scenario("Headers that are cut short", ipvs=nat(proto="-sctp-service", reals=RS[:1], rport=8080))
def sctp_short(s):
    raw = bytes(sctp(s, INIT))
    for n in (4, 8, 11, 12, 14, 15, 16, 20):
        b = bytearray(raw[: 20 + n])
        b[2:4] = struct.pack("!H", len(b))
        s.c(Bytes(fix4(bytes(b))), "%d bytes of SCTP" % n)


@scenario(
    "ICMP errors about SCTP, both sides", ipvs=nat(proto="-sctp-service", reals=RS[:1], rport=8080)
)
def sctp_icmp(s):
    seen = out(s.c(sctp(s, INIT), "INIT"))
    s.r(icmp4(s, RS[0], CIP, 3, 2, seen), "protocol unreachable from the server")
    s.r(icmp4(s, RS[0], CIP, 3, 3, seen[:28]), "port unreachable from the server")
    seen = out(s.r(sctp(s, INIT_ACK, **TO_REAL), "INIT ACK"), "eth0")
    s.c(icmp4(s, CIP, VIP, 3, 2, seen[:28]), "protocol unreachable from the client")
    s.c(icmp4(s, ROUTER, VIP, 3, 4, seen[:28], word=1400), "MTU 1400 from a router")


@scenario(
    "SCTP without a server; a closed connection's port used again",
    ipvs=nat(proto="-sctp-service", rport=8080),
)
def sctp_reuse(s):
    exchange(
        s,
        [("c", [INIT], None), ("s", [ABORT], "closed"), ("c", [INIT], "opened again")],
        {},
        dict(TO_REAL, src=RS[1]),
    )
    s.ipvs(
        "-e --sctp-service 192.0.2.10:80 -r 10.1.0.11:8080 -m -w 0",
        "-e --sctp-service 192.0.2.10:80 -r 10.1.0.12:8080 -m -w 0",
    )
    s.c(sctp(s, INIT, sport=40001), "no server")
