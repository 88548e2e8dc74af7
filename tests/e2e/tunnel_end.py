#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The real server's end of a tunnel, in place of the kernel's ipip, sit, gre, ip6tnl, ip6gre and
fou devices, which not every kernel has.

    tunnel_end.py ipip|gre|gue GUE_PORT

Takes the outer packets (IPv4 and IPv6) from sockets, checks what the kernel's devices would check,
and writes the inner ones (IPv4 and IPv6) to a TUN device, tunnel-ipip, tunnel-gre or tunnel-gue,
where the host's stack finds them as if they had come by a tunnel device. Nothing is wrapped: a real
server answers its clients directly.

Prints "ready", and from then on a line for each packet that is not as it should be; such a packet
is not passed on. Runs until it is ended.
"""

import fcntl
import os
import selectors
import socket
import struct
import subprocess
import sys

from internet_checksum import ones_sum

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
UDP_NO_CHECK6_RX = 102  # Linux: take IPv6 UDP without a checksum (RFC 6935)
SO_RCVBUFFORCE = 33
ROOM = 8 << 20

IPV4, IPV6, GRE = 4, 41, 47  # IP protocols
INNER_VERSION = {IPV4: 4, IPV6: 6, 0x0800: 4, 0x86DD: 6}
GRE_CHECKSUM = 0x8000


class Bad(Exception):
    """A packet that is not as RFC 2003, 4213, 2473, 2784 or the GUE draft has it."""


def inner(packet, kind):
    """The packet, if it is one whole packet of the kind that the wrapping says."""
    version = INNER_VERSION.get(kind)
    if version is None:
        raise Bad(f"inner protocol {kind:#x}")
    if len(packet) < 20 or packet[0] >> 4 != version:
        raise Bad(f"inner protocol {kind:#x} and a packet of version {packet[:1].hex()[:1]}")
    length = struct.unpack_from("!H", packet, 2 if version == 4 else 4)[0]
    if length + (0 if version == 4 else 40) != len(packet):
        raise Bad(f"{len(packet)} bytes inside, and the inner header says {length}")
    return packet


def unwrap_gre(data):
    flags, kind = struct.unpack_from("!HH", data)
    if flags & ~GRE_CHECKSUM:
        raise Bad(f"GRE flags {flags:#x}")
    if not flags:
        return inner(data[4:], kind)
    if ones_sum(data) != 0xFFFF or data[6:8] != b"\0\0":
        raise Bad("GRE checksum")
    return inner(data[8:], kind)


def unwrap_gue(data):
    """Version 0, a data packet without options."""
    first, kind, flags = struct.unpack_from("!BBH", data)
    if first or flags:
        raise Bad(f"GUE header {data[:4].hex()}")
    return inner(data[4:], kind)


class Socket:
    """A socket of outer packets, and how to unwrap what it gives."""

    def __init__(self, family, kind, protocol, port=0):
        self.has_header = family == socket.AF_INET and kind == socket.SOCK_RAW
        self.protocol = protocol
        self.socket = socket.socket(family, kind, protocol)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        if port:
            if family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                self.socket.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)
            self.socket.bind(("", port))

    def packet(self):
        data = self.socket.recv(65535)
        if self.has_header:
            data = data[(data[0] & 15) * 4:]
        if self.protocol == GRE:
            return unwrap_gre(data)
        if self.protocol == socket.IPPROTO_UDP:
            return unwrap_gue(data)
        return inner(data, self.protocol)


def open_sockets(kind, port):
    families = (socket.AF_INET, socket.AF_INET6)
    if kind == "gue":
        return [Socket(family, socket.SOCK_DGRAM, socket.IPPROTO_UDP, port) for family in families]
    protocols = {"ipip": (IPV4, IPV6), "gre": (GRE,)}[kind]
    return [Socket(family, socket.SOCK_RAW, protocol)
            for family in families for protocol in protocols]


def open_device(name):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", name, "mtu", "9000", "up"], check=True)
    return device


def main():
    kind, port = sys.argv[1], int(sys.argv[2])
    sockets = open_sockets(kind, port)
    device = open_device(f"tunnel-{kind}")
    selector = selectors.DefaultSelector()
    for each in sockets:
        selector.register(each.socket, selectors.EVENT_READ, each)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            try:
                os.write(device, key.data.packet())
            except (Bad, struct.error) as error:
                print(error, flush=True)


if __name__ == "__main__":
    main()
