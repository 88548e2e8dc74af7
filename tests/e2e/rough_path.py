#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the way of a host's FTP control packets rough: what this host sends on port 21 is cut,
lost or overtaken before it gets to the wire.

    rough_path.py client|server ADDRESS4 ADDRESS6 [--cut] [--loss PERCENT] [--reorder PERCENT]

The kernel routes the packets (to port 21 of a client, from port 21 of a server) to a TUN interface;
this program reads them there and sends them on by a raw socket, whose packets have a mark and so
take the usual route. Data connections are not touched. It is done to packets because no kernel goes
under an MSS of 88, and it asks for no queueing discipline. --cut: every segment with more than one
byte becomes segments of one byte. --reorder: so many packets wait until later ones have gone.
Prints "ready", and at SIGTERM what it did, as JSON. Standard library only.
"""

import argparse
import fcntl
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter

from internet_checksum import ones_sum

MARK, TABLE = 0x5F7B, 77
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
IPV6_HDRINCL = 36
FIN, PSH = 0x01, 0x08
DELAY = 0.03  # seconds for which a packet that is overtaken waits
BATCH = 65536


def open_tun(name):
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def divert(side, address4, address6, name):
    """Control packets go to the interface, marked ones as ever."""
    port = "dport" if side == "client" else "sport"
    for family, address in (("-4", address4), ("-6", address6)):
        batch = (f"rule add pref 10 fwmark {MARK} lookup main\n"
                 f"rule add pref 20 ipproto tcp {port} 21 lookup {TABLE}\n")
        subprocess.run(["ip", family, "-batch", "-"], input=batch, text=True, check=True)
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
    for family, address in (("-4", address4), ("-6", address6)):
        subprocess.run(["ip", family, "route", "add", "default", "dev", name, "src", address,
                        "table", str(TABLE)], check=True)


def raw_sockets():
    """Version of IP -> socket that sends whole packets."""
    made = {4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
            6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)}
    made[6].setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
    for each in made.values():
        each.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
    return made


def cut(packet):
    """The packet's TCP segment as segments of one byte; the packet itself if that has no more."""
    header = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
    begin = header + (packet[header + 12] >> 4) * 4
    if len(packet) - begin <= 1:
        return [packet]
    sequence, = struct.unpack_from("!I", packet, header + 4)
    last = len(packet) - begin - 1
    return [one_byte(packet, header, begin, (sequence + i) & 0xFFFFFFFF, i, i == last)
            for i in range(last + 1)]


def one_byte(packet, header, begin, sequence, i, is_last):
    out = bytearray(packet[:begin]) + packet[begin + i:begin + i + 1]
    struct.pack_into("!I", out, header + 4, sequence)
    if not is_last:
        out[header + 13] &= ~(FIN | PSH)
    struct.pack_into("!H", out, header + 16, 0)
    length = len(out) - header
    if packet[0] >> 4 == 4:
        struct.pack_into("!H", out, 2, len(out))
        addresses = bytes(out[12:20])
    else:
        struct.pack_into("!H", out, 4, length)
        addresses = bytes(out[8:40])
    total = ones_sum(addresses + struct.pack("!HH", socket.IPPROTO_TCP, length)
                     + bytes(out[header:]))
    struct.pack_into("!H", out, header + 16, ~total & 0xFFFF)
    return bytes(out)


class RoughPath:
    def __init__(self, arguments):
        self.arguments = arguments
        self.chance = random.Random(arguments.seed)
        self.sockets = raw_sockets()
        self.waiting = []  # (when, packet), the earliest first
        self.done = Counter()

    def is_tcp(self, packet):
        if len(packet) < 40:
            return False
        return packet[9 if packet[0] >> 4 == 4 else 6] == socket.IPPROTO_TCP

    def take(self, packet):
        if not self.is_tcp(packet):
            return
        pieces = cut(packet) if self.arguments.cut else [packet]
        self.done["packets"] += 1
        self.done["pieces"] += len(pieces) if len(pieces) > 1 else 0
        for piece in pieces:
            if self.chance.random() * 100 < self.arguments.loss:
                self.done["lost"] += 1
            elif self.chance.random() * 100 < self.arguments.reorder:
                self.done["overtaken"] += 1
                self.waiting.append((time.monotonic() + DELAY, piece))
            else:
                self.send(piece)

    def send(self, packet):
        if packet[0] >> 4 == 4:
            to, sender = (socket.inet_ntop(socket.AF_INET, packet[16:20]), 0), self.sockets[4]
        else:
            to, sender = (socket.inet_ntop(socket.AF_INET6, packet[24:40]), 0), self.sockets[6]
        try:
            sender.sendto(packet, to)
        except OSError:
            self.done["refused"] += 1  # as lost as on a wire

    def run(self, tun):
        while True:
            timeout = None
            if self.waiting:
                timeout = max(0.0, self.waiting[0][0] - time.monotonic())
            if select.select([tun], [], [], timeout)[0]:
                self.take(os.read(tun, BATCH))
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                self.send(self.waiting.pop(0)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=("client", "server"))
    parser.add_argument("address4")
    parser.add_argument("address6")
    parser.add_argument("--cut", action="store_true")
    parser.add_argument("--loss", type=float, default=0, metavar="PERCENT")
    parser.add_argument("--reorder", type=float, default=0, metavar="PERCENT")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    path = RoughPath(arguments)

    def end(_number, _frame):
        print(json.dumps(path.done), flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    tun = open_tun("rough0")
    divert(arguments.side, arguments.address4, arguments.address6, "rough0")
    print("ready", flush=True)
    path.run(tun)


if __name__ == "__main__":
    main()
