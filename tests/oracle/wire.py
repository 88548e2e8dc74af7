# SPDX-License-Identifier: BSD-3-Clause
"""The far ends of the balancer's links: raw frames in, and everything that comes out, in order and
with its VLAN tag. Used by one thread."""

import ctypes
import errno
import os
import select
import socket
import struct
import time
from contextlib import contextmanager

from ipvs_oracle import BARRIER_IP

ETH_P_ALL = 0x0003
ETHERTYPE_ARP = b"\x08\x06"
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
SO_RCVBUFFORCE = 33
PACKET_OUTGOING = 4
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6
AUXDATA = struct.Struct("=IIIHHHH")
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
LARGEST_FRAME = 1 << 17

PROBE_SENDER = bytes.fromhex("02ba441e")  # two more bytes: the number of the probe
FIRST_PATIENCE, PATIENCE = 0.2, 60.0  # seconds for the answer to one probe, and to any of them


class WireError(Exception):
    """The balancer does not answer, or a frame cannot be sent."""


def end_with_parent(number):
    """This process gets the signal when the one that started it is gone, however that ended."""
    LIBC.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


@contextmanager
def network_namespace(name):
    """This thread is in the named namespace within the block."""
    def enter(fd):
        if LIBC.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter network namespace {name}")

    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            enter(home)
    finally:
        os.close(home)


def packet_socket(interface):
    """A socket that gets every frame that comes in on the interface, of this thread's namespace."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sock.bind((interface, ETH_P_ALL))
    return sock


def with_vlan_tag(frame, ancillary):
    """The frame as it was on the wire: the kernel takes an outer VLAN tag out of it."""
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = AUXDATA.unpack(data[:AUXDATA.size])
            if status & TP_STATUS_VLAN_VALID:
                if not status & TP_STATUS_VLAN_TPID_VALID:
                    tpid = 0x8100
                return frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
    return frame


def receive(sock):
    """One frame, or None for a copy of one that was sent here."""
    frame, ancillary, _, address = sock.recvmsg(LARGEST_FRAME, 256)
    return None if address[2] == PACKET_OUTGOING else with_vlan_tag(frame, ancillary)


def probe_frame(number):
    """An ARP probe (RFC 5227, 2.1.1) for the address that the balancer's host keeps for it."""
    sender = PROBE_SENDER + struct.pack("!H", number & 0xffff)
    return (b"\xff" * 6 + sender + ETHERTYPE_ARP
            + struct.pack("!HHBBH6s4x6x4s", 1, 0x800, 6, 4, 1, sender,
                          socket.inet_aton(BARRIER_IP)))


def answered_probe(frame):
    """The number of the probe that the frame answers, or None."""
    if frame[:4] != PROBE_SENDER or frame[12:14] != ETHERTYPE_ARP:
        return None
    return struct.unpack("!H", frame[4:6])[0]


class Wire:
    """Sockets of the far ends, by the names that scenarios give the interfaces. Frames are
    (interface, bytes). `quiet`: seconds of silence after which nothing more is expected.
    `settle`: where packets may overtake each other, a function that returns when none is on its
    way inside the balancer."""

    def __init__(self, sockets, quiet, settle=None):
        self.sockets = sockets
        self.names = {sock: name for name, sock in sockets.items()}
        self.quiet = quiet
        self.settle = settle
        self.probes = 0

    def close(self):
        for sock in self.names:
            sock.close()

    def arrivals(self, patience):
        """What has come by now, after waiting at most `patience` seconds for a first frame; answers
        to probes appear as (interface, number of the probe)."""
        ready, _, _ = select.select(list(self.names), [], [], max(0, patience))
        for sock in ready:
            frame = receive(sock)
            if frame is not None:
                number = answered_probe(frame)
                yield self.names[sock], frame if number is None else number

    def drain(self, stop_at=None):
        """Frames until there is silence, or until a moment of time.monotonic()."""
        frames = []
        end = time.monotonic() + self.quiet
        while (left := (stop_at or end) - time.monotonic()) > 0:
            for name, frame in self.arrivals(left):
                if isinstance(frame, bytes):
                    frames.append((name, frame))
                end = time.monotonic() + self.quiet
        return frames

    def probe(self, interface):
        """Returns when the host behind the balancer has answered a question that was asked behind
        everything sent on the interface; what came out before that."""
        frames = []
        asked = set()
        begin = now = time.monotonic()
        ask_again = begin
        while now - begin < PATIENCE:
            if now >= ask_again:
                self.probes = (self.probes + 1) & 0xffff
                asked.add(self.probes)
                self.transmit(interface, probe_frame(self.probes))
                ask_again = now + FIRST_PATIENCE
            answered = False
            for name, frame in self.arrivals(ask_again - now):
                if isinstance(frame, bytes):
                    frames.append((name, frame))
                else:
                    answered = answered or frame in asked
            if answered:
                return frames
            now = time.monotonic()
        raise WireError(f"no answer to the ordering probe on {interface} within {PATIENCE:.0f} s")

    def transmit(self, interface, frame):
        """A frame that is too long for the link is lost there, as it was when it was recorded."""
        try:
            self.sockets[interface].send(frame)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise WireError(f"a frame of {len(frame)} bytes cannot be sent on {interface}: "
                                f"{error.strerror}") from error

    def inject(self, interface, frame):
        """Sends one frame; all frames that came out because of it."""
        self.transmit(interface, frame)
        frames = self.probe(interface)
        if self.settle:
            self.settle()
            frames += self.probe(interface)  # by now the host has got, and answered, what is its
            self.settle()
        return frames + self.drain()
