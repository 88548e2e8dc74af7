# SPDX-License-Identifier: BSD-3-Clause
"""ESP and AH that follow a UDP connection from port 500 to port 500."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}
ESP, AH = 50, 51


def ipsec(s, proto, src=CIP, dst=VIP, **ip):
    payload = (
        struct.pack("!II", 0x1001, 1) + b"e" * 40
        if proto == ESP
        else struct.pack("!BBHIII", 6, 4, 0, 0x1002, 1, 0) + b"a" * 32
    )
    packet = s.ip(src, dst, **ip)
    if ":" in src:
        packet.nh = proto
    else:
        packet.proto = proto
    return packet / Raw(payload)


def ike(s, src=CIP, dst=VIP, **kw):
    return udp(s, sport=500, dport=500, data=b"k" * 28, src=src, dst=dst, **kw)


def follow(s, real, replies=True):
    for proto, name in ((ESP, "ESP"), (AH, "AH")):
        s.c(ipsec(s, proto), name + " before there is a connection")
    s.c(ike(s), "IKE")
    for proto, name in ((ESP, "ESP"), (AH, "AH")):
        s.c(ipsec(s, proto), name)
        s.c(ipsec(s, proto, src=CIP2), name + " of another client")
        if replies:
            s.r(ipsec(s, proto, src=real, dst=CIP), "server's " + name)


@scenario("ESP and AH through NAT", ipvs=nat(port=500, proto="u"))
def esp_nat(s):
    follow(s, RS[1])


@scenario("ESP and AH through direct routing", ipvs=nat(port=500, proto="u", mode="g"))
def esp_dr(s):
    follow(s, RS[1], replies=False)


@scenario("ESP and AH through a tunnel", ipvs=nat(port=500, proto="u", mode="i"))
def esp_tunnel(s):
    follow(s, RS[1], replies=False)


@scenario(
    "ESP and AH over IPv6 through NAT and direct routing",
    **BOTH,
    ipvs=nat(VIP6, 500, proto="u", reals=RS6[:1]),
)
def esp_v6(s):
    s.c(ipsec(s, ESP, src=CIP6, dst=VIP6), "ESP before there is a connection")
    s.c(ike(s, src=CIP6, dst=VIP6), "IKE")
    s.c(ipsec(s, ESP, src=CIP6, dst=VIP6), "ESP")
    s.r(ipsec(s, ESP, src=RS6[0], dst=CIP6), "server's ESP")
    s.c(ipsec(s, AH, src=CIP6, dst=VIP6), "AH")


@scenario(
    "ESP and AH when the UDP connection is from another port, or to a server's other port",
    ipvs=nat(port=500, proto="u", reals=RS[:1], rport=5000)
    + nat(port=4500, proto="u", reals=RS[1:2]),
)
def esp_ports(s):
    s.c(udp(s, sport=4500, dport=4500), "NAT traversal, port 4500")
    s.c(ipsec(s, ESP), "ESP: nothing from port 500 yet")
    s.c(udp(s, sport=1500, dport=500), "IKE from port 1500")
    s.c(ipsec(s, ESP), "ESP")
    s.c(ike(s), "IKE from port 500, to the server's port 5000")
    s.c(ipsec(s, ESP), "ESP")
    s.r(ipsec(s, ESP, src=RS[0], dst=CIP), "server's ESP")


@scenario(
    "ESP and AH: TTL, length, fragments", mtu1=300, ipvs=nat(port=500, proto="u", reals=RS[:1])
)
def esp_limits(s):
    s.c(ike(s), "IKE")
    s.c(ipsec(s, ESP, ttl=1), "TTL 1")
    big = ipsec(s, ESP)
    big = big.__class__(
        bytes(s.ip(CIP, VIP, proto=ESP) / Raw(struct.pack("!II", 0x1001, 2) + b"e" * 400))
    )
    s.c(big, "too long, DF")
    for p in cut(
        s.ip(CIP, VIP, proto=ESP, df=False) / Raw(struct.pack("!II", 0x1001, 3) + b"f" * 192),
        [104],
        ident=311,
    ):
        s.c(p, "ESP in fragments")


@scenario("ICMP errors that quote ESP", ipvs=nat(port=500, proto="u", reals=RS[:1]))
def esp_icmp(s):
    s.c(ike(s), "IKE")
    seen = out(s.c(ipsec(s, ESP), "ESP"))
    s.r(icmp4(s, RS[0], CIP, 3, 2, seen[:28]), "protocol unreachable from the server")
    seen = out(s.r(ipsec(s, ESP, src=RS[0], dst=CIP), "server's ESP"), "eth0")
    if seen:
        s.c(icmp4(s, CIP, VIP, 3, 2, seen[:28]), "protocol unreachable from the client")
    s.c(icmp4(s, ROUTER, VIP, 3, 4, seen[:28], word=1400), "MTU 1400 from a router")
