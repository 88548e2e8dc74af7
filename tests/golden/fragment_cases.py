# SPDX-License-Identifier: BSD-3-Clause
"""Cases: datagrams in fragments. Each client has its own address: pieces show no ports."""
import packets as p
from setting import ANY_WORKERS, CASES, Talk, case, either, network, retag, service, with_good_one
from method_cases import KINDS


class Pieces:
    """Datagrams of one client, in fragments of at most `most` bytes, at the end of `frames`."""

    def __init__(self, v6, client, frames, **talk):
        self.v6, self.frames, self.ident = v6, frames, 0x2000 + client
        address = f"2001:db8:c::{client:x}" if v6 else f"198.51.100.{client}"
        self.talk = Talk(p.UDP, v6=v6, client=address, vport=53, dport=5353, **talk)

    def cut(self, most, send, payload, **options):
        """The frames, not yet sent."""
        self.ident += 1
        own = {} if self.v6 else {"ident": self.ident, "df": False}
        self.talk.frames.clear()
        frame = send(payload=payload, **own, **options).frames[0]
        return [frame[:14] + piece for piece in p.fragments(frame[14:], most, self.ident)]

    def request(self, most, payload, order=None, **options):
        pieces = self.cut(most, self.talk.request, payload, **options)
        self.frames += [pieces[n] for n in order] if order else pieces
        return self

    def reply(self, most, payload, order=None, **options):
        pieces = self.cut(most, self.talk.reply, payload, **options)
        self.frames += [pieces[n] for n in order] if order else pieces
        return self


def text(size):
    return bytes(n % 251 for n in range(size))


def dns(v6, **options):
    return [service("udp", 53, [(1, 5353)], v6=v6, **options)]


def fragments_nat(v6):
    frames = []
    Pieces(v6, 20, frames).request(1500, text(4000)).request(636, text(1501), (2, 0, 1))
    Pieces(v6, 21, frames).request(800, text(999), tcp={"field": 0}, ttl=2)
    Pieces(v6, 22, frames).request(700, text(700), tcp={"field": 0x1111}).request(1500, b"whole")
    Pieces(v6, 23, frames).request(700, text(900), ttl=1)
    CASES[f"fragments{6 if v6 else 4}_nat"] = case(
        "Fragments are joined, translated as one packet, and leave in pieces as long as the "
        "longest that came: in order and not, without a UDP checksum and with a wrong one, at TTL "
        "1.", dns(v6), frames, workers=ANY_WORKERS)


def fragments_answers(v6):
    """With one worker only: others put the fragments of an answer together than those of the
    request that is to be there before it."""
    frames = []
    Pieces(v6, 24, frames).request(1500, b"asked").reply(1500, text(3500)).reply(1300, text(2001))
    Pieces(v6, 25, frames).request(636, text(1501), (2, 1, 0)).reply(636, text(1501), (1, 2, 0))
    Pieces(v6, 26, frames).request(800, text(999)).reply(800, text(1999), tcp={"field": 0}, ttl=2)
    Pieces(v6, 27, frames).request(800, text(999)).reply(800, text(1999), ttl=1)
    CASES[f"fragments{6 if v6 else 4}_answers"] = case(
        "Fragments of servers are joined, translated as one packet, and leave in pieces as long as "
        "the longest that came.", dns(v6), frames)


def fragments_direct():
    frames = []
    for v6 in (False, True):
        Pieces(v6, 30, frames).request(1500, text(4000)).request(700, text(1700), (1, 2, 0))
        Pieces(v6, 31, frames).request(800, text(1400), tcp={"field": 0}, ttl=2)
    CASES["fragments_direct"] = case(
        "Fragments by direct routing: the same pieces, the checksum as it was.",
        dns(False, forward="direct") + dns(True, forward="direct"), frames, workers=ANY_WORKERS)


def fragments_tunnel():
    frames = []
    for v6 in (False, True):
        one = Pieces(v6, 40, frames).request(1400, text(2600)).request(1400, text(2500), (1, 0))
        if not v6:
            one.request(448, text(500)).request(600, text(900))
    tunnel = {"forward": "tunnel", "tunnel": KINDS["ipip"]}
    CASES["fragments_tunnel"] = case(
        "Fragments into tunnels: joined, wrapped, and the outer packet is cut, in pieces as long "
        "as the longest that came.",
        dns(False, **tunnel) + dns(True, **tunnel), frames, workers=ANY_WORKERS)
    frames = Pieces(True, 41, []).request(448, text(500)).frames
    CASES["fragments_tunnel6_short"] = case(
        "IPv6 fragments below 1280 bytes into a tunnel: pieces as they came, the first longer by "
        "the outer header.", dns(True, **tunnel), frames, workers=ANY_WORKERS)


def fragments_cut_again():
    """A capture device takes frames of any length; its port sends none over 1500."""
    frames = []
    Pieces(False, 50, frames).request(3000, text(4000)).request(1700, text(3100), (1, 0))
    Pieces(False, 50, frames).request(2500, text(6000))
    Pieces(True, 50, frames).request(1500, text(4000)).request(1600, text(4000))
    CASES["fragments_cut_again"] = case(
        "Fragments longer than the MTU: those of IPv4 are cut to fit, the sender of those of IPv6 "
        "is told.", dns(False) + dns(True), frames, workers=ANY_WORKERS)
    frames = Pieces(False, 51, []).request(1500, b"asked").reply(1900, text(3000)).frames
    Pieces(True, 51, frames).request(1500, b"asked").reply(1600, text(4000))
    CASES["fragments_answer_cut_again"] = case(
        "Answers in fragments longer than the MTU of the way to the client: IPv4 without DF is cut "
        "to fit, the server of IPv6 is told.", dns(False) + dns(True), frames)


def fragments_overlap():
    frames = []
    for v6 in (False, True):
        # Whole datagrams are behind each, so that the harm would show.
        def pieces(client, payload=text(800)):
            one = Pieces(v6, client, [])
            return one.cut(500, one.talk.request, payload)

        first, last = pieces(60)
        frames += [first, first, last]                       # a duplicate
        first, last = pieces(61)
        frames += [first, moved(last, -8), last]             # overlaps, and one that is left over
        first, last = pieces(62)
        frames += [last, moved(first, 8, more=True), first]  # the same from the other side
        first, _ = pieces(63)
        frames += [first]                                    # the other one never comes
        first, middle, last = pieces(64, text(1300))
        frames += [last, first, moved(middle, -16), last]
        frames += pieces(65)
    CASES["fragments_overlap"] = case(
        "What overlaps others is dropped with them; what is there already, alone; what has no "
        "first fragment stays until the end.", dns(False) + dns(True), with_good_one(frames),
        workers=ANY_WORKERS)


def moved(frame, by, more=False):
    """A fragment at another place, `by` bytes further, with other bytes in it."""
    d = p.decode_frame(frame)
    packet = d.l3[:d.l4_at] + bytes(b ^ 0xFF for b in d.l3[d.l4_at:])
    if d.v6:
        place = d.offset + by | (more or d.more)
        return frame[:14] + p.put16(packet, d.fragment_at + 2, place)
    packet = p.put16(packet, 6, (0x2000 if more or d.more else 0) | (d.offset + by) // 8)
    packet = p.put16(packet, 10, 0)
    return frame[:14] + p.put16(packet, 10, p.checksum(packet[:d.l4_at]))


def fragments_vlan():
    frames = []
    for v6 in (False, True):
        Pieces(v6, 70, frames).request(1500, text(2000)).request(600, text(1000), (1, 0))
    CASES["fragments_vlan"] = case(
        "Fragments from VLAN 10 to VLAN 20, and those of an address that is no service.",
        dns(False) + dns(True),
        [retag(f, 10) for f in frames] + [retag(f, 30) for f in frames],
        net=network(client_vlan=10, server_vlan=20), workers=ANY_WORKERS)


def build_all():
    either(fragments_nat)
    either(fragments_answers)
    for build in (fragments_direct, fragments_tunnel, fragments_cut_again, fragments_overlap,
                  fragments_vlan):
        build()
