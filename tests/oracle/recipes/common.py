# SPDX-License-Identifier: BSD-3-Clause
"""What the recipes share: a topology with additions, and builders for the packets that scapy
makes awkward (ICMP errors with a quotation of any length, extension headers, fragments)."""
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import scenario_lib as lib  # noqa: E402
from scenario_lib import *  # noqa: E402,F401,F403
from scenario_lib import CGW, CIP, CIP6, D0, D1, DIP0, DIP0_6, SGW, VIP, VIP6  # noqa: E402
from scenario_lib import IP, IPv6, TCP, UDP, Ether, Raw  # noqa: E402

CIP6_2 = "2001:db8:c::8"
FAR = ["10.2.0.21", "10.2.0.22"]  # real servers behind a router of the server side
FAR6 = ["2001:db8:22::21", "2001:db8:22::22"]
ROUTER, ROUTER6 = "203.0.113.77", "2001:db8:77::1"  # some router on the way to the clients
INNER, INNER6 = "10.1.0.254", "2001:db8:2::fe"  # the router of the server side

plain_topology = lib.topology


def topology(addresses=None, neighbours=None, routes=(), **kw):
    """The library's topology with more addresses and neighbours ({interface: ...}) and routes."""
    interfaces, all_routes = plain_topology(**kw)
    for name, more in (addresses or {}).items():
        interfaces.setdefault(name, {}).setdefault("addresses", []).extend(more)
    for name, more in (neighbours or {}).items():
        interfaces[name].setdefault("neighbours", {}).update(more)
    return interfaces, all_routes + list(routes)


lib.topology = topology


def checksum(data):
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def udp(s, sport=5000, dport=53, data=b"query", src=CIP, dst=VIP, **ip):
    return s.ip(src, dst, **ip) / UDP(sport=sport, dport=dport) / Raw(data)


def udp6(s, sport=5000, dport=53, data=b"query", src=CIP6, dst=VIP6, **ip):
    return udp(s, sport, dport, data, src, dst, **ip)


def tcp(s, flags="S", sport=40000, dport=80, src=CIP, dst=VIP, seq=1000, ack=0, data=b"", **ip):
    return (
        s.ip(src, dst, **ip)
        / TCP(sport=sport, dport=dport, flags=flags, seq=seq, ack=ack, window=64240)
        / Raw(data)
    )


def tcp6(s, flags="S", src=CIP6, dst=VIP6, **kw):
    return tcp(s, flags, src=src, dst=dst, **kw)


def out(outs, iface="eth1", index=0):
    """The IP packet of one output, as bytes; empty if there is none."""
    found = [bytes(frame)[14:] for name, frame in outs if name == iface]
    if len(found) <= index:
        return b""
    packet = found[index]
    length = (
        struct.unpack("!H", packet[2:4])[0]
        if packet[0] >> 4 == 4
        else 40 + struct.unpack("!H", packet[4:6])[0]
    )
    return packet[:length]


def icmp4(s, src, dst, kind, code, quoted, word=0, bad=False, ttl=64):
    """An ICMP message with anything in it; `word` is its second 32 bits."""
    body = struct.pack("!BBHI", kind, code, 0, word) + bytes(quoted)
    value = checksum(body) ^ (0x5A5A if bad else 0)
    body = body[:2] + struct.pack("!H", value) + body[4:]
    return s.ip(src, dst, df=False, tos=0xC0, ttl=ttl, proto=1) / Raw(body)


def icmp6_body(src, dst, kind, code, quoted, word=0, bad=False):
    body = struct.pack("!BBHI", kind, code, 0, word) + bytes(quoted)
    pseudo = socket_bytes(src) + socket_bytes(dst) + struct.pack("!IxxxB", len(body), 58)
    value = checksum(pseudo + body) ^ (0x5A5A if bad else 0)
    return body[:2] + struct.pack("!H", value) + body[4:]


def icmp6(s, src, dst, kind, code, quoted, word=0, bad=False, ttl=64):
    return IPv6(src=src, dst=dst, hlim=ttl, nh=58) / Raw(
        icmp6_body(src, dst, kind, code, quoted, word, bad)
    )


def socket_bytes(address):
    import socket

    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def echo4(s, src, dst, kind=8, data=b"abcdefgh", **kw):
    return icmp4(s, src, dst, kind, 0, data, word=0x12340001, **kw)


def echo6(s, src, dst, kind=128, data=b"abcdefgh", **kw):
    return icmp6(s, src, dst, kind, 0, data, word=0x12340001, **kw)


def cut(packet, sizes, ident=None, df=False):
    """IPv4 fragments of the packet, the payload cut into `sizes` (multiples of 8 but the last;
    what is left over makes one more)."""
    raw = bytes(packet)
    header, payload = raw[: (raw[0] & 15) * 4], raw[(raw[0] & 15) * 4 :]
    pieces, at = [], 0
    for size in list(sizes) + [len(payload)]:
        if at < len(payload):
            pieces.append((at, payload[at : at + size]))
            at += size
    return [
        fragment4(header, offset, data, offset + len(data) < len(payload), ident, df)
        for offset, data in pieces
    ]


def fragment4(header, offset, data, more, ident=None, df=False):
    """One IPv4 fragment with the given header (bytes)."""
    word = offset // 8 | (0x2000 if more else 0) | (0x4000 if df else 0)
    head = bytearray(header)
    head[2:4] = struct.pack("!H", len(head) + len(data))
    if ident is not None:
        head[4:6] = struct.pack("!H", ident)
    head[6:8] = struct.pack("!H", word)
    head[10:12] = b"\0\0"
    head[10:12] = struct.pack("!H", checksum(bytes(head)))
    return Bytes(bytes(head) + data)


def cut6(packet, sizes, ident=0x1234):
    """IPv6 fragments; `sizes` as in cut()."""
    raw = bytes(packet)
    header, payload = raw[:40], raw[40:]
    pieces, at = [], 0
    for size in list(sizes) + [len(payload)]:
        if at < len(payload):
            pieces.append((at, payload[at : at + size]))
            at += size
    return [
        fragment6(header, offset, data, offset + len(data) < len(payload), ident)
        for offset, data in pieces
    ]


def fragment6(header, offset, data, more, ident=0x1234, before=b"", before_type=None):
    """One IPv6 fragment; `before` are extension headers between the header and the fragment header
    (the last of them must name 44, the first is `before_type`)."""
    head = bytearray(header)
    fragment_header = struct.pack("!BBHI", head[6], 0, offset | (1 if more else 0), ident)
    head[6] = 44 if before_type is None else before_type
    head[4:6] = struct.pack("!H", len(before) + 8 + len(data))
    return Bytes(bytes(head) + before + fragment_header + data)


class Bytes:
    """Raw layer-3 bytes that Scen.c and Scen.r take like a scapy packet."""

    def __init__(self, raw):
        self.raw = bytes(raw)

    @property
    def src(self):
        import socket

        raw = self.raw
        if raw[0] >> 4 == 4:
            return socket.inet_ntop(socket.AF_INET, raw[12:16])
        return socket.inet_ntop(socket.AF_INET6, raw[8:24])

    def __bytes__(self):
        return self.raw


def frame(data, src, dst):
    """An Ethernet frame around layer-3 bytes."""
    data = bytes(data)
    kind = b"\x08\x00" if data[0] >> 4 == 4 else b"\x86\xdd"
    return mac_bytes(dst) + mac_bytes(src) + kind + data


def mac_bytes(text):
    return bytes(int(x, 16) for x in text.split(":"))


def from_client(s, data, note=None, dst=D0, src=CGW, pad=b""):
    return s.raw("eth0", frame(data, src, dst) + pad, note)


def from_server(s, data, note=None, dst=D1, src=None, pad=b""):
    address = data.src if hasattr(data, "src") else None
    return s.raw("eth1", frame(data, src or lib.MAC_OF.get(address, SGW), dst) + pad, note)


def fix4(raw):
    """The IPv4 header checksum put right."""
    b = bytearray(raw)
    n = (b[0] & 15) * 4
    b[10:12] = b"\0\0"
    b[10:12] = struct.pack("!H", checksum(bytes(b[:n])))
    return bytes(b)


def with_options(packet, options):
    """The IPv4 packet with option bytes (a multiple of four) behind its header."""
    raw = bytes(packet)
    b = bytearray(raw[:20] + options + raw[20:])
    b[0] = 0x45 + len(options) // 4
    b[2:4] = struct.pack("!H", len(b))
    return Bytes(fix4(bytes(b)))


def with_extension(packet, chain):
    """The IPv6 packet with extension headers: chain is [(type, bytes without the first one)]."""
    raw = bytes(packet)
    head = bytearray(raw[:40])
    kinds = [kind for kind, _ in chain] + [head[6]]
    body = b"".join(bytes([kinds[i + 1]]) + rest for i, (_, rest) in enumerate(chain))
    head[6] = kinds[0]
    head[4:6] = struct.pack("!H", len(body) + len(raw) - 40)
    return Bytes(bytes(head) + body + raw[40:])


PADN6 = b"\0\x01\x04\0\0\0\0"  # extension header of 8 bytes holding padding only


def sends(iface, gateway, own):
    """Scen.c or Scen.r for scapy packets and for Bytes."""

    def send(s, packet, note=None, mac=None):
        data = bytes(packet)
        source = mac or lib.MAC_OF.get(Bytes(data).src, gateway) if iface == "eth1" else gateway
        return s.raw(iface, frame(data, source, own), note)

    return send


lib.Scen.c = sends("eth0", CGW, D0)
lib.Scen.r = sends("eth1", SGW, D1)
