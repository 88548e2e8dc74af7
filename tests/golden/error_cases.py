# SPDX-License-Identifier: BSD-3-Clause
"""Cases: ICMP errors of others about translated packets."""
import packets as p
from packets import ACK, PSH, SYN
from setting import (ANY_WORKERS, CASES, CLIENT, CLIENT6, MAC, ROUTER, SERVER_MAC, Talk, case,
                     either, service)


def error_frame(v6, source, target, mac, kinds, rest, quote, field=None, **options):
    """`kinds`: (type, code) for IPv4 and for IPv6; `field`: a wrong checksum."""
    kind, code = kinds[1] if v6 else kinds[0]
    if v6:
        message = p.icmp6(source, target, kind, code, rest, quote)
    else:
        message = p.icmp4(kind, code, rest, quote)
    if field is not None:
        message = p.put16(message, 2, field)
    return p.eth(MAC["wan0"], mac, p.ip(source, target, p.ICMP6 if v6 else p.ICMP, message,
                                        **options))


PORT = ((3, 3), (1, 4))
HOST = ((3, 1), (1, 3))
TIME = ((11, 0), (3, 0))
BIG = ((3, 4), (2, 0))
QUENCH = ((4, 0), (4, 1))  # IPv6: parameter problem


def short(v6, packet):
    """As little as some quote: 8 bytes behind the IP header."""
    return packet[:(40 if v6 else 20) + 8]


def known(talk):
    """More packets of a new connection than a burst has. Errors in the burst that opens it would
    belong to nothing: they cannot come so early, for they are answers."""
    for _ in range(33):
        talk.request(ACK)
    return talk


def services(v6):
    return [service("tcp", 80, [(1, 8080)], v6=v6), service("udp", 53, [(1, 5353)], v6=v6),
            service("udp", 54, [(1, 54)], v6=v6)]


def from_server(v6):
    """Of the server, and of a router before it."""
    frames = []
    client, router = (CLIENT6, "2001:db8:1::fe") if v6 else (CLIENT, "10.1.0.254")
    for protocol, vport, dport in ((p.UDP, 53, 5353), (p.TCP, 80, 8080), (p.UDP, 54, 54)):
        talk = Talk(protocol, v6=v6, vport=vport, dport=dport, frames=frames).request(SYN, b"asked")
        known(talk)
        sent = talk.packet(talk.client, talk.real, SYN, b"asked", ttl=63)
        for source, kinds, rest, quote in (
                (talk.real[0], PORT, 0, sent), (router, HOST, 0, short(v6, sent)),
                (router, TIME, 0, sent), (router, BIG, 1300, sent), (router, QUENCH, 0, sent)):
            frames.append(error_frame(v6, source, client, SERVER_MAC[1], kinds, rest, quote))
        frames.append(error_frame(v6, router, client, SERVER_MAC[1], PORT, 0, sent, ttl=2,
                                  **({"traffic_class": 0xC0} if v6 else {"tos": 0xC0})))
        frames.append(error_frame(v6, router, client, SERVER_MAC[1], PORT, 0, sent, field=0x1234))
        talk.reply(ACK, b"lives on")
    stranger = Talk(p.UDP, v6=v6, sport=41000, dport=5353, frames=[])
    frames.append(error_frame(v6, stranger.real[0], client, SERVER_MAC[1], PORT, 0,
                              stranger.packet(stranger.client, stranger.real)))
    CASES[f"icmp{6 if v6 else 4}_from_server"] = case(
        "ICMP errors of a server or a router before it go to the client as from the virtual "
        "address, about the packet that the client sent. Wrong checksums are dropped, errors about "
        "nothing known are the host's.", services(v6), frames, workers=ANY_WORKERS)


def from_client(v6):
    frames = []
    router = "2001:db8:9::1" if v6 else "203.0.113.1"
    for protocol, vport, dport in ((p.TCP, 80, 8080), (p.UDP, 53, 5353), (p.UDP, 54, 54)):
        talk = Talk(protocol, v6=v6, vport=vport, dport=dport, frames=frames)
        known(talk.request(SYN).reply(SYN | ACK)).reply(PSH | ACK, b"long" * 300)
        vip = talk.virtual[0]
        sent = talk.packet(talk.virtual, talk.client, PSH | ACK, b"long" * 300, ttl=60)
        for kinds, rest, quote in ((BIG, 1400, sent[:528]), (BIG, 1280, short(v6, sent)),
                                   (PORT, 0, sent[:100]), (TIME, 0, sent), (HOST, 0, sent[:77])):
            frames.append(error_frame(v6, router, vip, ROUTER, kinds, rest, quote))
        frames.append(error_frame(v6, talk.client[0], vip, ROUTER, PORT, 0, sent[:528],
                                  field=0xFFFE))
        frames.append(error_frame(v6, router, vip, ROUTER, BIG, 1400, sent[:200], ttl=2))
        talk.request(ACK)
    CASES[f"icmp{6 if v6 else 4}_from_client"] = case(
        "ICMP errors from the client's side about answers, such as 'fragmentation needed', go to "
        "the server, about the packet that it sent.", services(v6), frames, workers=ANY_WORKERS)


def without_translation():
    """By direct routing and through tunnels errors go unchanged where the packets go."""
    frames, wanted = [], []
    for v6 in (False, True):
        router = "2001:db8:9::1" if v6 else "203.0.113.1"
        for port, way in ((80, {"forward": "direct"}),
                          (81, {"forward": "tunnel", "tunnel": {"type": "ipip"}})):
            wanted.append(service("tcp", port, [(1, port)], v6=v6, **way))
            talk = known(Talk(v6=v6, vport=port, frames=frames).request(SYN))
            sent = talk.packet(talk.virtual, talk.client, PSH | ACK, b"long" * 300, ttl=60)
            for kinds, rest in ((BIG, 1400), (TIME, 0)):
                frames.append(error_frame(v6, router, talk.virtual[0], ROUTER, kinds, rest,
                                          sent[:528]))
            frames.append(error_frame(v6, router, talk.virtual[0], ROUTER, BIG, 1400,
                                      short(v6, sent)))
    CASES["icmp_direct_tunnel"] = case(
        "ICMP errors from the client's side about answers that went another way: to the server by "
        "its method, unchanged.", wanted, frames, workers=ANY_WORKERS)


def build_all():
    either(from_server)
    either(from_client)
    without_translation()
