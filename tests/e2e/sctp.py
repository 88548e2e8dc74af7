#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Associations of SCTP (RFC 9260) over raw sockets, for kernels without SCTP: as much as one
message each way needs, without retransmission.

    sctp.py server NAME PORT         answers each message with "NAME " and the message; prints
                                     "ready", and a line for each packet with a wrong checksum
    sctp.py client HOST PORT COUNT   COUNT associations, each from a port of its own; prints one
                                     JSON object: which servers answered, and what went wrong
"""

import json
import os
import selectors
import socket
import struct
import sys
from collections import Counter

DATA, INIT, INIT_ACK, SACK, SHUTDOWN, SHUTDOWN_ACK, COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = (
    0, 1, 2, 3, 7, 8, 10, 11, 14)
WINDOW, FIRST_NUMBER = 65536, 1
STATE_COOKIE = 7  # parameter of INIT ACK
WHOLE_MESSAGE = 3  # flags of DATA: first and last fragment
FIRST_PORT = 40000
PATIENCE = 15.0  # seconds that an answer may take on a slow and busy machine


def crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


class Wrong(Exception):
    """A packet that should not have come; str() says what is wrong with it."""


def chunk(kind, body=b"", flags=0):
    return struct.pack("!BBH", kind, flags, 4 + len(body)) + body + bytes(-len(body) % 4)


def init(kind, tag, parameters=b""):
    return chunk(kind, struct.pack("!IIHHI", tag, WINDOW, 1, 1, FIRST_NUMBER) + parameters)


def data(message):
    return chunk(DATA, struct.pack("!IHHI", FIRST_NUMBER, 0, 0, 0) + message, WHOLE_MESSAGE)


def packet(source, destination, tag, *chunks):
    header, body = struct.pack("!HHI", source, destination, tag), b"".join(chunks)
    return header + struct.pack("<I", crc32c(header + bytes(4) + body)) + body


class Received:
    """A packet, taken apart."""

    def __init__(self, taken):
        self.source, self.destination, self.tag = struct.unpack_from("!HHI", taken)
        if taken[8:12] != struct.pack("<I", crc32c(taken[:8] + bytes(4) + taken[12:])):
            raise Wrong(f"checksum of a packet {self.source} > {self.destination}")
        self.chunks = {}  # type -> body
        position = 12
        while position + 4 <= len(taken):
            kind, _, length = struct.unpack_from("!BBH", taken, position)
            self.chunks[kind] = taken[position + 4:position + length]
            position += max(4, length + -length % 4)

    def initiate_tag(self, kind):
        return struct.unpack_from("!I", self.chunks[kind])[0]


def raw_socket(family):
    return socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_SCTP)


def without_header(sock, taken):
    """Linux gives the IPv4 header too."""
    return taken[(taken[0] & 15) * 4:] if sock.family == socket.AF_INET else taken


class Server:
    """All associations of one family; the cookie holds what there is to remember."""

    def __init__(self, family, name, port):
        self.socket = raw_socket(family)
        self.name, self.port = name.encode(), port
        self.tags = {}  # (client's address, port) -> tag of the client

    def serve_one(self):
        taken, sender = self.socket.recvfrom(65535)
        came = Received(without_header(self.socket, taken))
        if came.destination != self.port:
            return
        answer = self.answer(came, (sender[0], came.source))
        if answer:
            reply = packet(self.port, came.source, self.tags[sender[0], came.source], *answer)
            self.socket.sendto(reply, (sender[0], 0))

    def answer(self, came, peer):
        if INIT in came.chunks:
            self.tags[peer] = came.initiate_tag(INIT)
            cookie = struct.pack("!HHI", STATE_COOKIE, 8, self.tags[peer])
            return [init(INIT_ACK, self.tags[peer] ^ 1, cookie)]
        if peer not in self.tags or came.tag != self.tags[peer] ^ 1:
            raise Wrong(f"verification tag of a packet from {peer}")
        if COOKIE_ECHO in came.chunks:
            return [chunk(COOKIE_ACK)]
        if DATA in came.chunks:
            message = came.chunks[DATA][12:]
            return [chunk(SACK, struct.pack("!IIHH", FIRST_NUMBER, WINDOW, 0, 0)),
                    data(self.name + b" " + message)]
        if SHUTDOWN in came.chunks:
            return [chunk(SHUTDOWN_ACK)]
        return []


class Client:
    """One association."""

    def __init__(self, host, source, destination):
        self.socket = raw_socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((host, 0))
        self.source, self.destination = source, destination
        self.tag, self.own_tag = 0, 0x10000 | source << 1  # what each side wants to see

    def ask(self, expected, *chunks):
        """Sends, and returns the answer, which has a chunk of the expected type."""
        self.socket.send(packet(self.source, self.destination, self.tag, *chunks))
        while True:
            came = Received(without_header(self.socket, self.socket.recv(65535)))
            if came.destination != self.source:
                continue
            if came.source != self.destination or came.tag != self.own_tag:
                raise Wrong(f"an answer from port {came.source} with tag {came.tag:#x}")
            if expected not in came.chunks:
                raise Wrong(f"chunks {sorted(came.chunks)} in place of {expected}")
            return came

    def run(self, message):
        """The name of the server that answered."""
        came = self.ask(INIT_ACK, init(INIT, self.own_tag))
        self.tag = came.initiate_tag(INIT_ACK)
        self.ask(COOKIE_ACK, chunk(COOKIE_ECHO, came.chunks[INIT_ACK][16 + 4:16 + 8]))
        name, _, text = self.ask(DATA, data(message)).chunks[DATA][12:].partition(b" ")
        if text != message:
            raise Wrong("another message came back")
        self.ask(SHUTDOWN_ACK, chunk(SHUTDOWN, struct.pack("!I", FIRST_NUMBER)))
        self.socket.send(packet(self.source, self.destination, self.tag, chunk(SHUTDOWN_COMPLETE)))
        return name.decode()


def serve(name, port):
    selector = selectors.DefaultSelector()
    for family in (socket.AF_INET, socket.AF_INET6):
        server = Server(family, name, port)
        selector.register(server.socket, selectors.EVENT_READ, server)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            try:
                key.data.serve_one()
            except (Wrong, struct.error) as error:
                print(error, flush=True)


def ask(host, port, count):
    servers, errors = Counter(), Counter()
    for number in range(count):
        try:
            client = Client(host, FIRST_PORT + number, port)
            servers[client.run(os.urandom(101).hex().encode())] += 1
        except TimeoutError:
            errors["timeout"] += 1
            if errors["timeout"] > 3:
                break
        except (OSError, Wrong, struct.error) as error:
            errors[str(error)] += 1
    print(json.dumps({"servers": servers, "errors": errors}))


def main():
    if sys.argv[1] == "server":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))


if __name__ == "__main__":
    main()
