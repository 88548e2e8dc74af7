# SPDX-License-Identifier: BSD-3-Clause
"""Packets and captures for the golden tests, from the RFCs and the standard library alone.

Checksums are always computed in full, over the whole packet. Addresses are text; what goes on the
wire is bytes.
"""
import ipaddress
import os
import struct
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))
from internet_checksum import ones_sum  # noqa: E402

TCP, UDP, ICMP, ICMP6, SCTP = 6, 17, 1, 58, 132
IN_IPV4, IN_IPV6, GRE = 4, 41, 47  # protocol numbers of what is wrapped, and of GRE
GUE_PORT = 6080                    # in these tests no datagram but GUE goes there
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
IPV4, IPV6, ARP, VLAN, QINQ = 0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8
EXTENSIONS = (0, 43, 60)  # hop by hop, routing, destination options
FRAGMENT = 44


# --- Checksums ------------------------------------------------------------------------------------

def checksum(data):
    return 0xFFFF - ones_sum(data)


def pseudo_header(src, dst, protocol, length):
    a, b = packed(src), packed(dst)
    if len(a) == 4:
        return a + b + struct.pack("!BBH", 0, protocol, length)
    return a + b + struct.pack("!IHBB", length, 0, 0, protocol)


CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP6: 2}


def l4_checksum(src, dst, protocol, segment):
    """What must stand in the checksum field of a whole TCP, UDP or ICMPv6 message."""
    at = CHECKSUM_AT[protocol]
    blank = segment[:at] + b"\0\0" + segment[at + 2:]
    value = checksum(pseudo_header(src, dst, protocol, len(segment)) + blank)
    return 0xFFFF if protocol == UDP and value == 0 else value


def crc32c(data):
    """The Castagnoli CRC of RFC 9260, appendix A: of "123456789" it is 0xE3069283."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sctp_sealed(packet):
    """With the right CRC32c, which goes on the wire with its lowest byte first."""
    return packet[:8] + struct.pack("<I", crc32c(packet[:8] + bytes(4) + packet[12:])) + packet[12:]


def put16(data, at, value):
    return data[:at] + struct.pack("!H", value) + data[at + 2:]


# --- Addresses ------------------------------------------------------------------------------------

def packed(address):
    return ipaddress.ip_address(address).packed


def unpacked(data):
    return str(ipaddress.ip_address(data))


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def mac_text(data):
    return data.hex(":")


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


# --- Building -------------------------------------------------------------------------------------

def eth(dst, src, payload, ethertype=None, tags=()):
    """`tags`: outermost first, a VLAN id each, or (TPID, TCI)."""
    if ethertype is None:
        ethertype = IPV4 if payload[0] >> 4 == 4 else IPV6
    frame = mac_bytes(dst) + mac_bytes(src)
    for tag in tags:
        tpid, tci = tag if isinstance(tag, tuple) else (VLAN, tag)
        frame += struct.pack("!HH", tpid, tci)
    return frame + struct.pack("!H", ethertype) + payload


def ip4(src, dst, protocol, payload, *, ttl=64, tos=0, ident=0x1234, df=True, mf=False, offset=0,
        options=b"", total=None, version=4, ihl=None, header_checksum=None):
    """What is None is right; `offset` is in bytes."""
    options += b"\0" * (-len(options) % 4)
    ihl = 5 + len(options) // 4 if ihl is None else ihl
    total = 20 + len(options) + len(payload) if total is None else total
    flags = (0x4000 if df else 0) | (0x2000 if mf else 0) | offset // 8
    header = struct.pack("!BBHHHBBH", version << 4 | ihl, tos, total, ident, flags, ttl, protocol,
                         0) + packed(src) + packed(dst) + options
    value = checksum(header) if header_checksum is None else header_checksum
    return put16(header, 10, value) + payload


def ip6(src, dst, protocol, payload, *, hops=64, traffic_class=0, flow=0, extensions=(),
        length=None):
    """`extensions`: (protocol number, bytes after the "next header" byte)."""
    following = [number for number, _ in extensions[1:]] + [protocol]
    chain = b"".join(bytes([after]) + body
                     for (_, body), after in zip(extensions, following))
    first = extensions[0][0] if extensions else protocol
    length = len(chain) + len(payload) if length is None else length
    return struct.pack("!IHBB", 6 << 28 | traffic_class << 20 | flow, length, first,
                       hops) + packed(src) + packed(dst) + chain + payload


def tcp(src, sport, dst, dport, flags, payload=b"", *, seq=1000, ack=0, options=b"", offset=None,
        field=None):
    """`field`: another checksum than the right one."""
    offset = 5 + len(options) // 4 if offset is None else offset
    segment = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, offset << 4, flags, 8192, 0,
                          0) + options + payload
    return put16(segment, 16, l4_checksum(src, dst, TCP, segment) if field is None else field)


def udp(src, sport, dst, dport, payload=b"", *, length=None, field=None):
    segment = struct.pack("!HHHH", sport, dport, 8 + len(payload) if length is None else length,
                          0) + payload
    return put16(segment, 6, l4_checksum(src, dst, UDP, segment) if field is None else field)


def sctp(sport, dport, *chunks, tag=0, field=None):
    """`chunks`: (type, body) each; `field`: another checksum than the right one."""
    packet = struct.pack("!HHII", sport, dport, tag, 0)
    for kind, body in chunks:
        packet += struct.pack("!BBH", kind, 0, 4 + len(body)) + body + bytes(-len(body) % 4)
    if field is None:
        return sctp_sealed(packet)
    return packet[:8] + struct.pack("!I", field) + packet[12:]


def icmp4(kind, code, rest, payload):
    message = struct.pack("!BBHI", kind, code, 0, rest) + payload
    return put16(message, 2, checksum(message))


def icmp6(src, dst, kind, code, rest, payload):
    message = struct.pack("!BBHI", kind, code, 0, rest) + payload
    return put16(message, 2, l4_checksum(src, dst, ICMP6, message))


def ip(src, dst, protocol, payload, *, ttl=64, **options):
    """Of the family of the addresses."""
    if ":" in src:
        return ip6(src, dst, protocol, payload, hops=ttl, **options)
    return ip4(src, dst, protocol, payload, ttl=ttl, **options)


def fragments(packet, most, ident=None):
    """The pieces of a whole IP packet without options or extension headers, none longer than
    `most` bytes; all but the last are as long as that allows. `ident`: for IPv6."""
    v6 = packet[0] >> 4 == 6
    header, payload = (packet[:40], packet[40:]) if v6 else (packet[:20], packet[20:])
    if len(packet) <= most:
        return [packet]
    room = (most - len(header) - (8 if v6 else 0)) & ~7
    pieces = []
    for at in range(0, len(payload), room):
        part, more = payload[at:at + room], at + room < len(payload)
        if v6:
            head = put16(header, 4, 8 + len(part))
            head = head[:6] + bytes([FRAGMENT]) + head[7:]
            pieces.append(head + struct.pack("!BBHI", header[6], 0, at | more, ident) + part)
        else:
            head = put16(header, 2, 20 + len(part))
            flags = struct.unpack_from("!H", header, 6)[0] & 0x4000 | (0x2000 if more else 0)
            head = put16(put16(head, 6, flags | at // 8), 10, 0)
            pieces.append(put16(head, 10, checksum(head)) + part)
    return pieces


# --- Captures -------------------------------------------------------------------------------------

def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for n, frame in enumerate(frames):
            file.write(struct.pack("<IIII", 0, n, len(frame), len(frame)) + frame)


def read_pcap(path):
    with open(path, "rb") as file:
        data = file.read()
    magic = data[:4]
    order = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    frames, at = [], 24
    while at + 16 <= len(data):
        kept, = struct.unpack_from(order + "I", data, at + 8)
        frames.append(data[at + 16:at + 16 + kept])
        at += 16 + kept
    return frames


# --- Reading --------------------------------------------------------------------------------------

class Decoded:
    """The fields of a frame or of a quoted packet; what is not there is None."""

    def __init__(self):
        self.dst = self.src = self.ethertype = None
        self.tags = []
        self.l3 = b""           # from the IP header to the end of the frame
        self.source = self.target = self.protocol = None
        self.ttl = self.length = self.df = self.ident = self.tos = None
        self.l4_at = 0          # in l3
        self.offset = 0         # of a fragment, bytes
        self.fragment = self.more = False
        self.fragment_at = None  # of the IPv6 fragment header, in l3
        self.longest = 0        # of a datagram that came in fragments: the longest, bytes
        self.sport = self.dport = None

    @property
    def l4(self):
        return self.l3[self.l4_at:self.length]

    @property
    def v6(self):
        return self.ethertype == IPV6


def decode_frame(frame):
    d = Decoded()
    d.dst, d.src = mac_text(frame[:6]), mac_text(frame[6:12])
    d.ethertype, at = struct.unpack_from("!H", frame, 12)[0], 14
    while d.ethertype in (VLAN, QINQ) and len(frame) >= at + 4:
        d.tags.append((d.ethertype, struct.unpack_from("!H", frame, at)[0]))
        d.ethertype, at = struct.unpack_from("!H", frame, at + 2)[0], at + 4
    decode_ip(d, frame[at:])
    return d


def decode_ip(d, data):
    """Fills `d`; tolerates packets that end early. Returns `d`."""
    d.l3 = data
    if d.ethertype == IPV4 and len(data) >= 20:
        _, d.tos, d.length, d.ident, flags, d.ttl, d.protocol = struct.unpack_from("!BBHHHBB", data)
        d.source, d.target = unpacked(data[12:16]), unpacked(data[16:20])
        d.df, d.more, d.offset = bool(flags & 0x4000), bool(flags & 0x2000), (flags & 0x1FFF) * 8
        d.fragment = bool(flags & 0x3FFF)
        d.l4_at = (data[0] & 15) * 4
    elif d.ethertype == IPV6 and len(data) >= 40:
        first, length, d.protocol, d.ttl = struct.unpack_from("!IHBB", data)
        d.tos, d.length = first >> 20 & 0xFF, 40 + length
        d.source, d.target = unpacked(data[8:24]), unpacked(data[24:40])
        d.l4_at = 40
        while len(data) >= d.l4_at + 8:
            if d.protocol in EXTENSIONS:
                d.protocol, d.l4_at = data[d.l4_at], d.l4_at + 8 * (data[d.l4_at + 1] + 1)
            elif d.protocol == FRAGMENT:
                d.fragment, d.fragment_at = True, d.l4_at
                place, d.ident = struct.unpack_from("!HI", data, d.l4_at + 2)
                d.offset, d.more = place & 0xFFF8, bool(place & 1)
                d.protocol, d.l4_at = data[d.l4_at], d.l4_at + 8
                if d.offset:
                    break
            else:
                break
    if d.protocol in (TCP, UDP, SCTP) and d.offset == 0 and len(data) >= d.l4_at + 4:
        d.sport, d.dport = struct.unpack_from("!HH", data, d.l4_at)
    return d


def quoted(d):
    """The packet inside an ICMP error, or None."""
    errors = {ICMP: (3, 4, 5, 11, 12), ICMP6: (1, 2, 3, 4)}
    if d.protocol not in errors or d.l3[d.l4_at] not in errors[d.protocol]:
        return None
    inner = Decoded()
    inner.ethertype = d.ethertype
    return decode_ip(inner, d.l3[d.l4_at + 8:])


def wrapped(d):
    """The packet that a tunnel packet carries, as far as it is there, or None."""
    if d.offset or d.protocol not in (IN_IPV4, IN_IPV6, GRE, UDP) or len(d.l4) < 12:
        return None
    kind, at = d.protocol, 0
    if d.protocol == GRE:
        flags, ethertype = struct.unpack_from("!HH", d.l4)
        kind = {IPV4: IN_IPV4, IPV6: IN_IPV6}.get(ethertype)
        at = 8 if flags & 0x8000 else 4
    elif d.protocol == UDP:
        if d.dport != GUE_PORT:
            return None
        kind, at = d.l4[9], 12 + 4 * (d.l4[8] & 31)
    if kind not in (IN_IPV4, IN_IPV6):
        return None
    inner = Decoded()
    inner.ethertype = IPV4 if kind == IN_IPV4 else IPV6
    return decode_ip(inner, d.l4[at:])


def describe_ip(d):
    if d.source is None:
        return f"type 0x{d.ethertype:04x}, {len(d.l3)} bytes"
    text = f"{d.source}>{d.target} ttl={d.ttl} len={d.length}" + (" DF" if d.df else "")
    if d.tos:
        text += f" tos=0x{d.tos:02x}"
    if d.fragment:
        text += f" id={d.ident} fragment at {d.offset}" + ("+" if d.more else "")
    l4 = d.l4
    inner = wrapped(d)
    if inner:
        at = len(l4) - len(inner.l3)
        return text + f" protocol {d.protocol} [{l4[:at].hex(' ')}] {{{describe_ip(inner)}}}"
    if d.protocol == TCP and d.sport is not None and len(l4) >= 20:
        flags = "".join(c for bit, c in ((SYN, "S"), (FIN, "F"), (RST, "R"), (PSH, "P"), (ACK, "A"))
                        if l4[13] & bit)
        text += " TCP {}>{} [{}] seq={} ack={} data={}".format(
            d.sport, d.dport, flags, *struct.unpack_from("!II", l4, 4), len(l4) - (l4[12] >> 4) * 4)
    elif d.protocol == UDP and d.sport is not None:
        text += f" UDP {d.sport}>{d.dport} data={len(l4) - 8}"
    elif d.protocol in (ICMP, ICMP6) and len(l4) >= 8:
        inner = quoted(d)
        text += f" ICMP {l4[0]}/{l4[1]} rest={struct.unpack_from('!I', l4, 4)[0]}"
        text += f" {{{describe_ip(inner)}}}" if inner else ""
    else:
        text += f" protocol {d.protocol}"
    at = CHECKSUM_AT.get(d.protocol)
    whole = len(d.l3) >= d.length and not d.fragment and at is not None and len(l4) >= at + 2
    if whole:
        given = struct.unpack_from("!H", l4, at)[0]
        right = l4_checksum(d.source, d.target, d.protocol, l4)
        if given != right:
            text += f" (L4 checksum {given:04x}, right is {right:04x})"
    return text


def describe(frame):
    """One line."""
    if len(frame) < 14:
        return f"{len(frame)} bytes"
    d = decode_frame(frame)
    tags = "".join(f" vlan {tci & 0xFFF}" for _, tci in d.tags)
    return f"{d.src}>{d.dst}{tags} {describe_ip(d)}"


def hexdump(frame, other=b"", most=12):
    """16 bytes a line; a star marks lines that are not the same in `other`. `most` lines, from a
    little before the first of them on."""
    rows = [(at, frame[at:at + 16]) for at in range(0, len(frame), 16)]
    changed = [n for n, (at, row) in enumerate(rows) if row != other[at:at + 16]]
    first = max(0, min(changed[0] - 2, len(rows) - most)) if changed else 0
    lines = [f"    ... {first} lines"] if first else []
    for at, row in rows[first:first + most]:
        mark = "*" if row != other[at:at + 16] else " "
        lines.append(f"    {mark} {at:04x}  {row.hex(' ')}")
    if first + most < len(rows):
        lines.append(f"    ... {len(rows) - first - most} lines")
    return "\n".join(lines)
