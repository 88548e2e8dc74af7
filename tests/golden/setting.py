# SPDX-License-Identifier: BSD-3-Clause
"""The network, the conversations and the list of the golden cases."""
import struct

import packets as p
from packets import ACK, FIN, PSH, SYN

# The MAC addresses that DPDK's pcap devices have, in the order of the ports.
MAC = {"wan0": "02:70:63:61:70:00", "lan0": "02:70:63:61:70:01"}
ROUTER = "02:00:00:00:00:fe"
SERVER_MAC = {1: "02:00:00:00:01:01", 2: "02:00:00:00:01:02", 3: "02:00:00:00:01:03"}
CLIENT, VIP, SERVER = "198.51.100.7", "192.0.2.10", "10.1.0.1{}"
CLIENT6, VIP6, SERVER6 = "2001:db8:c::7", "2001:db8::10", "2001:db8:1::1{}"
ANY_WORKERS = [1, 2, 4]


def server(n, v6=False):
    return (SERVER6 if v6 else SERVER).format(n)


# --- Topology -------------------------------------------------------------------------------------

def network(inside="wan0", client_vlan=0, server_vlan=0):
    """Clients behind a router on wan0, three servers on the link of `inside`."""
    outside = "wan0"
    return {
        "ports": {name: MAC[name] for name in dict.fromkeys((outside, inside))},
        "addresses": [(outside, client_vlan, "192.0.2.1/24"), (outside, client_vlan, f"{VIP}/32"),
                      (inside, server_vlan, "10.1.0.1/24"),
                      (outside, client_vlan, "2001:db8::1/64"),
                      (outside, client_vlan, f"{VIP6}/128"),
                      (inside, server_vlan, "2001:db8:1::1/64")],
        "routes": [("0.0.0.0/0", (outside, client_vlan, "192.0.2.254")),
                   ("::/0", (outside, client_vlan, "2001:db8::fe"))],
        "neighbours": [(outside, client_vlan, "192.0.2.254", ROUTER),
                       (outside, client_vlan, "2001:db8::fe", ROUTER)] +
                      [(inside, server_vlan, server(n, v6), mac)
                       for n, mac in SERVER_MAC.items() for v6 in (False, True)],
    }


def service(protocol, port, servers, scheduler="rr", v6=False, *, forward="nat", tunnel=None,
            real_v6=None, **options):
    """`servers`: (number or address, port) or with a weight behind; of the other family: `real_v6`.
    `options`: other keys of the service."""
    real_v6 = v6 if real_v6 is None else real_v6
    rows = [(s[0] if isinstance(s[0], str) else server(s[0], real_v6), s[1],
             s[2] if len(s) > 2 else 1, forward, tunnel) for s in servers]
    return {"protocol": protocol, "address": (VIP6 if v6 else VIP, port), "scheduler": scheduler,
            "servers": rows, **options}


def marked(mark, family, servers):
    """A service on a mark; `servers`: (address, port)."""
    return {"mark": mark, "family": family, "scheduler": "rr",
            "servers": [(address, port, 1, "nat", None) for address, port in servers]}


class Talk:
    """Frames of one conversation, as its two ends send them, at the end of `frames`."""

    def __init__(self, protocol=p.TCP, *, v6=False, client=None, sport=40000, vport=80, real=1,
                 dport=8080, port="wan0", client_tags=(), server_tags=(), frames=None):
        self.protocol = protocol
        self.client = (client or (CLIENT6 if v6 else CLIENT), sport)
        self.virtual = (VIP6 if v6 else VIP, vport)
        self.real = (server(real, v6), dport)
        self.real_mac = SERVER_MAC[real]
        self.mac = MAC[port]
        self.client_tags, self.server_tags = client_tags, server_tags
        self.frames = [] if frames is None else frames
        self.seq = {True: 1000, False: 5000}

    def packet(self, source, target, flags=0, payload=b"", tcp=None, **ip_options):
        if self.protocol == p.UDP:
            l4 = p.udp(*source, *target, payload, **(tcp or {}))
        else:
            ours = source == self.client
            l4 = p.tcp(*source, *target, flags, payload, seq=self.seq[ours],
                       ack=self.seq[not ours] if flags & ACK else 0, **(tcp or {}))
            self.seq[ours] += len(payload) + bool(flags & (SYN | FIN))
        return p.ip(source[0], target[0], self.protocol, l4, **ip_options)

    def request(self, flags=0, payload=b"", padding=b"", **options):
        packet = self.packet(self.client, self.virtual, flags, payload, **options)
        self.frames.append(p.eth(self.mac, ROUTER, packet, tags=self.client_tags) + padding)
        return self

    def reply(self, flags=0, payload=b"", padding=b"", **options):
        packet = self.packet(self.real, self.client, flags, payload, **options)
        self.frames.append(p.eth(self.mac, self.real_mac, packet, tags=self.server_tags) + padding)
        return self

    def open(self):
        return self.request(SYN).reply(SYN | ACK).request(ACK)

    def close(self):
        return self.request(FIN | ACK).reply(FIN | ACK).request(ACK)

    def whole(self):
        """A TCP conversation, with an odd number of bytes each way."""
        self.open().request(PSH | ACK, b"GET / HTTP/1.0\r\n\r\nx")
        return self.reply(ACK).reply(PSH | ACK, b"HTTP/1.0 200 OK\r\n\r\n" + b"body!").close()

    def datagrams(self):
        self.request(payload=b"").reply(payload=b"a")
        return self.request(payload=b"question").reply(payload=b"odd answer.")


def either(build):
    """A pair of cases from one: IPv4 and IPv6."""
    return build(False), build(True)


CASES = {}


def case(about, services, frames, *, net=None, workers=None, resolves=False, marks=(), mtu=None,
         tunables=None):
    """`frames`: a list for wan0, or {port: list}; `mtu`: {port: bytes} instead of 1500."""
    return {"about": about, "services": services, "workers": workers or [1], "resolves": resolves,
            "frames": frames if isinstance(frames, dict) else {"wan0": frames}, "marks": marks,
            "mtu": mtu or {}, "tunables": tunables or {}, **(net or network())}


def retag(frame, vlan):
    return frame[:12] + struct.pack("!HH", p.VLAN, vlan) + frame[12:]


def with_good_one(frames):
    """A last packet that passes: the refused ones before it did no harm."""
    return Talk(sport=49999, frames=frames).request(SYN).frames
