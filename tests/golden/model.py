# SPDX-License-Identifier: BSD-3-Clause
"""A plain model of an IPVS director, written from the rules of IPVS and the RFCs, not from src/.

One packet at a time, dictionaries, full checksums. It says what a case must give: frames out of
each port, drop reasons, statistics and connections. It has no clock: nothing expires. Where Shunt
differs from IPVS on purpose (docs/differences-from-ipvs.md), it does as Shunt.
"""
import ipaddress
import math
import struct

import packets as p
import states

PROTOCOLS = {"tcp": p.TCP, "udp": p.UDP, "sctp": p.SCTP}
PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()}
FIXED_HEADER = {p.TCP: 20, p.UDP: 8, p.SCTP: 16}  # of SCTP with that of its first chunk
PORT_MTU = 1500


class Stats:
    FIELDS = ("connections", "packets_in", "packets_out", "bytes_in", "bytes_out")

    def __init__(self):
        self.values = dict.fromkeys(self.FIELDS, 0)

    def count(self, what, size=None):
        if what == "connections":
            self.values["connections"] += 1
        else:
            self.values["packets_" + what] += 1
            self.values["bytes_" + what] += size


class Server:
    def __init__(self, address, port, weight, forward, tunnel):
        self.address, self.port, self.weight = address, port, weight
        self.forward, self.tunnel = forward, tunnel
        self.v6 = ":" in address
        self.stats = Stats()

    @property
    def overhead(self):
        """What its way in adds to a packet."""
        if self.forward != "tunnel":
            return 0
        extra = {"ipip": 0, "gue": 12, "gre": 8 if self.tunnel.get("checksum") == "full" else 4}
        return (40 if self.v6 else 20) + extra[self.tunnel["type"]]


class Service:
    """The servers in the order of the schedulers: the newest first. `name`: as it is listed."""

    def __init__(self, spec):
        if "mark" in spec:
            self.name = {"mark": spec["mark"], "family": spec["family"]}
            self.address = self.port = None
            self.key = (spec["mark"], spec["family"])
        else:
            self.name = {"protocol": spec["protocol"], "address": p.endpoint(*spec["address"])}
            self.address, self.port = spec["address"]
            self.key = (PROTOCOLS[spec["protocol"]], *spec["address"])
        self.scheduler = spec["scheduler"]
        self.one_packet = spec.get("one_packet", False)
        self.servers = []
        self.stats = Stats()
        self.last = None           # index of the last choice; None: before the first server
        self.threshold = self.top = 0
        self.step = 1

    def add(self, server):
        if server.forward != "nat" and self.port is not None:
            server.port = self.port
        self.servers.insert(0, server)
        weights = [s.weight for s in self.servers if s.weight > 0]
        self.last = None
        self.step = math.gcd(*weights) if weights else 1
        self.top = max(weights) - (self.step - 1) if weights else 0
        if self.threshold > self.top or self.threshold == 0:
            self.threshold = self.top
        elif self.step > 1:
            self.threshold = self.threshold // self.step * self.step + 1

    def choose(self):
        if not any(s.weight > 0 for s in self.servers):
            return None
        return self.choose_rr() if self.scheduler == "rr" else self.choose_wrr()

    def choose_rr(self):
        at = -1 if self.last is None else self.last
        while True:
            at = (at + 1) % len(self.servers)
            if self.servers[at].weight > 0:
                self.last = at
                return self.servers[at]

    def choose_wrr(self):
        at = -1 if self.last is None else self.last
        while True:
            at += 1
            if at == len(self.servers):
                at = 0
                self.threshold -= self.step
                if self.threshold <= 0:
                    self.threshold = self.top
            if self.servers[at].weight >= self.threshold:
                self.last = at
                return self.servers[at]


class Connection:
    def __init__(self, protocol, client, virtual, service, server):
        self.protocol, self.client, self.virtual = protocol, client, virtual
        self.service, self.server = service, server
        translated = server.forward == "nat"
        self.real = (server.address, server.port if translated and server.port else virtual[1])
        self.state = states.State(protocol, translated)

    @property
    def keys(self):
        """From the client, and from the server."""
        answers = self.real if self.server.forward == "nat" else self.virtual
        return ((self.protocol, self.client, self.virtual), (self.protocol, answers, self.client))


class Fragments:
    """The fragments that wait for others of their datagram. Nothing is forgotten."""

    def __init__(self):
        self.waiting = {}  # {datagram: [its fragments]}

    def add(self, d):
        """What becomes of all of them: ("held" or "duplicate" or "overlap" or "joined", how many
        fragments), and the whole packet with its longest fragment, or None."""
        key = (d.v6, d.source, d.target, d.ident, None if d.v6 else d.protocol)
        parts = self.waiting.setdefault(key, [])
        first, last = d.offset, d.offset + len(d.l4)
        if any(o.offset <= first and last <= o.offset + len(o.l4) for o in parts):
            return "duplicate", 1, None
        parts.append(d)
        if any(o is not d and first < o.offset + len(o.l4) and o.offset < last for o in parts):
            del self.waiting[key]
            return "overlap", len(parts), None
        parts.sort(key=lambda o: o.offset)
        end = 0
        for o in parts:
            if o.offset != end:
                return "held", 1, None
            end += len(o.l4)
        if parts[-1].more:
            return "held", 1, None
        del self.waiting[key]
        return "joined", len(parts), (join(parts), max(o.length for o in parts))


def join(parts):
    """The IP packet that these fragments were, with the header of the first."""
    first, payload = parts[0], b"".join(o.l4 for o in parts)
    if first.v6:
        at = first.fragment_at
        header = first.l3[:at]
        header = header[:6] + first.l3[at:at + 1] + header[7:]
        return p.put16(header, 4, at - 40 + len(payload)) + payload
    size = first.l4_at
    header = p.put16(first.l3[:size], 2, size + len(payload))
    header = p.put16(p.put16(header, 6, 0x4000 if first.df else 0), 10, 0)
    return p.put16(header, 10, p.checksum(header)) + payload


class Balancer:
    """`case` has the keys of the configuration: ports {name: mac}, mtu {name: bytes} of those with
    another one than 1500, addresses, routes, neighbours, marks, services; and `resolves`: does a
    missing link address still have time to become known? feed() takes frames; `out` has what left,
    a list of frames a port."""

    def __init__(self, case):
        self.ports = case["ports"]
        self.addresses = [(port, vlan, ipaddress.ip_interface(a))
                          for port, vlan, a in case["addresses"]]
        self.routes = [(ipaddress.ip_network(to), hop) for to, hop in case["routes"]]
        self.neighbours = {(port, vlan, p.packed(a)): mac
                           for port, vlan, a, mac in case["neighbours"]}
        self.mtu = case["mtu"]
        self.marks = case["marks"]
        self.services = {}
        for spec in case["services"]:
            service = Service(spec)
            for row in spec["servers"]:
                service.add(Server(*row))
            self.services[service.key] = service
        self.fragments = Fragments()
        self.connections = {}      # by either key
        self.out = {name: [] for name in self.ports}
        self.drops = {}
        self.resolves = case["resolves"]
        self.received = self.generated = self.forwarded = self.held = 0
        self.joined = self.split = 0

    # --- In ---------------------------------------------------------------------------------------

    def feed(self, port, frame):
        self.received += 1
        if len(frame) < 14:
            return self.drop("truncated")
        d = p.decode_frame(frame)
        bad = self.malformed(d)
        if bad:
            return self.drop(bad)
        if d.dst != self.ports[port] or not self.on_network(port, d.tags):
            return self.drop("no_twin")
        if d.fragment:
            return self.fragment(d) if self.concerns(d) else self.drop("no_twin")
        if d.protocol in (p.ICMP, p.ICMP6):
            return self.relay(d)
        return self.handle(d) if d.protocol in FIXED_HEADER else self.drop("no_twin")

    def fragment(self, d):
        """One that completes its datagram goes on as that one, the others became part of it."""
        verdict, count, whole = self.fragments.add(d)
        if verdict == "held":
            self.held += 1
        elif verdict == "duplicate":
            self.drop("fragment_duplicate")
        elif verdict == "overlap":
            self.held -= count - 1
            self.drop("fragment_overlap", count)
        else:
            self.held -= count - 1
            self.joined += count - 1
            packet, longest = whole
            one = p.Decoded()
            one.ethertype = d.ethertype
            p.decode_ip(one, packet)
            one.longest = longest
            self.handle(one)

    def concerns(self, fragment):
        """To a virtual address, or from a real server."""
        services = self.services.values()
        return (fragment.target in {s.address for s in services} or
                fragment.source in {s.address for service in services for s in service.servers})

    def on_network(self, port, tags):
        """One 802.1Q tag says in which VLAN, 0 is none. The port itself is there in any case."""
        vlan = tags[0][1] & 0xFFF if tags else 0
        stacked = len(tags) > 1 or tags and tags[0][0] != p.VLAN
        return not stacked and (vlan == 0 or (port, vlan) in {a[:2] for a in self.addresses})

    @staticmethod
    def malformed(d):
        """The drop reason of a packet that cannot be, or None."""
        l3 = d.l3
        if d.ethertype == p.IPV4:
            if len(l3) < 20:
                return "truncated"
            size = (l3[0] & 15) * 4
            if l3[0] >> 4 != 4 or size < 20:
                return "ipv4_bad_header"
            if len(l3) < size:
                return "truncated"
            if d.length < size:
                return "ipv4_bad_header"
            if d.length > len(l3):
                return "truncated"
            if p.ones_sum(l3[:size]) != 0xFFFF:
                return "ipv4_bad_checksum"
        elif d.ethertype == p.IPV6:
            if len(l3) < 40:
                return "truncated"
            if l3[0] >> 4 != 6:
                return "ipv6_bad_header"
            if d.length > len(l3):
                return "truncated"
            if d.l4_at > d.length:
                return "ipv6_bad_header"
        fixed = FIXED_HEADER.get(d.protocol, 0)
        if not d.fragment and len(d.l4) < fixed:
            return "l4_bad_header"
        return None

    def handle(self, d):
        source, target = (d.source, d.sport), (d.target, d.dport)
        key = (d.protocol, source, target)
        connection = self.connections.get(key)
        if connection and connection.keys[1] == key:
            return self.reply(d, connection)
        if connection and states.first_packet(d.protocol, d.l4) and connection.state.ended:
            self.forget(connection)
            connection = None
        if connection:
            return self.request(d, connection)
        return self.admit(d, source, target)

    def admit(self, d, source, target):
        service = (self.services.get((self.mark_of(d), "ipv6" if d.v6 else "ipv4")) or
                   self.services.get((d.protocol, *target)))
        if service is None or not states.opens(d.protocol, d.l4) or d.sport == 20:
            return self.drop("no_twin")
        if self.partial(d):
            return self.drop("partial_checksum")
        server = service.choose()
        if server is None:
            self.drop("no_destination")
            return self.icmp_error(d, d.l3, (3, 3), (1, 4))
        connection = Connection(d.protocol, source, target, service, server)
        if not (service.one_packet and d.protocol == p.UDP):
            for key in connection.keys:
                self.connections[key] = connection
        service.stats.count("connections")
        server.stats.count("connections")
        return self.request(d, connection)

    def mark_of(self, d):
        """Of the first rule that fits, or None. Rules have all of these keys."""
        for rule in self.marks:
            first, last = rule["destination_ports"]
            if (ipaddress.ip_address(d.target) in ipaddress.ip_network(rule["destination"]) and
                    PROTOCOLS[rule["protocol"]] == d.protocol and first <= d.dport <= last):
                return rule["mark"]
        return None

    def forget(self, connection):
        for key in connection.keys:
            del self.connections[key]

    # --- Translation ------------------------------------------------------------------------------

    def request(self, d, connection):
        server = connection.server
        for stats in (connection.service.stats, server.stats):
            stats.count("in", d.length)
        connection.state.advance(True, d.l4)
        hop = self.next_hop(server.address)
        if not self.passes(d, hop, (3, 1), (1, 3), lower_ttl, server.overhead):
            return None
        packet = d.l3[:d.length]
        if server.forward == "nat":
            packet = translate(d, dst=connection.real)
        return self.emit(lower_ttl(packet), hop, server, d.longest)

    def reply(self, d, connection):
        if d.protocol == p.TCP and d.l4[13] & p.SYN and self.partial(d):
            return self.drop("partial_checksum")
        hop = self.next_hop(connection.client[0])
        if not self.passes(d, hop, (3, 0), (1, 0), bytes):
            return None
        packet = translate(d, src=connection.virtual)
        for stats in (connection.service.stats, connection.server.stats):
            stats.count("out", d.length)
        connection.state.advance(False, d.l4)
        return self.emit(lower_ttl(packet), hop, None, d.longest)

    def passes(self, d, hop, v4, v6, quote, overhead=0):
        """Route, TTL and size. Otherwise `d` is dropped and its sender told; `v4` and `v6`: of no
        route, `quote`: what it does to the packet before a quotation because of its size."""
        if hop is None:
            self.drop("no_route")
            self.icmp_error(d, d.l3, v4, v6)
            return False
        if d.ttl <= 1:
            self.drop("ttl_expired")
            self.icmp_error(d, d.l3, (11, 0), (3, 0))
            return False
        most = self.mtu_of(hop) - overhead
        # What came in fragments and leaves in fragments has the size of the longest.
        if (d.longest or d.length) > most if d.v6 else d.df and d.length > most:
            self.drop("too_big")
            self.icmp_error(d, quote(d.l3[:d.length]), (3, 4), (2, 0), most)
            return False
        return True

    def mtu_of(self, hop):
        return self.mtu.get(hop[0], PORT_MTU)

    def emit(self, packet, hop, server, longest=0):
        """To `server` by its method; to the client where that is None. What is longer than the link
        takes is cut, and what came in fragments to the length of the longest one."""
        most = self.mtu_of(hop)
        if server and server.forward == "tunnel":
            outer = wrap(packet, server, self.source_towards(hop))
            if longest and server.v6 == (packet[0] >> 4 == 6):
                # A piece of IPv6 may grow by the header around it, up to what any link takes: so
                # did the kernel where it was recorded (frag-tunnel6).
                grown = longest + 40 if server.v6 and longest + 40 <= 1280 else longest
                most = min(most, grown)
            packet = outer
        elif longest:
            most = min(most, longest)
        pieces = p.fragments(packet, most, 0)
        self.split += len(pieces) - 1
        for piece in pieces:
            self.send(piece, hop)

    # --- ICMP errors of others --------------------------------------------------------------------

    def relay(self, d):
        """About a packet of a connection: from the client's side to the server, or from the
        server's to the client. Neither state nor timer change."""
        inner = p.quoted(d)
        if inner is None or inner.offset or not d.v6 and d.l4[0] not in (3, 4, 11):
            return self.drop("no_twin")
        key = (inner.protocol, (inner.target, inner.dport), (inner.source, inner.sport))
        connection = self.connections.get(key)
        if connection is None:
            return self.drop("no_twin")
        right = (p.l4_checksum(d.source, d.target, p.ICMP6, d.l4) if d.v6 else
                 p.checksum(p.put16(d.l4, 2, 0)))
        if struct.unpack_from("!H", d.l4, 2)[0] != right:
            return self.drop("icmp_bad_checksum")
        to_server = key == connection.keys[0]
        server = connection.server
        hop = self.next_hop(server.address if to_server else connection.client[0])
        for stats in (connection.service.stats, server.stats):
            stats.count("in" if to_server else "out", d.length)
        packet = d.l3[:d.length]
        if server.forward == "nat" and to_server:
            packet = translate_error(d, inner, dst=connection.real)
        elif server.forward == "nat":
            packet = translate_error(d, inner, src=connection.virtual)
        return self.emit(lower_ttl(packet), hop, server if to_server else None)

    @staticmethod
    def partial(d):
        """The sum over the pseudo header alone: the sender's card was to add the rest. A right
        checksum may look so by chance: only the first packets of a connection are judged."""
        if d.protocol == p.SCTP:
            return False
        at = p.CHECKSUM_AT[d.protocol]
        given, = struct.unpack_from("!H", d.l4, at)
        return given == p.ones_sum(p.pseudo_header(d.source, d.target, d.protocol, len(d.l4)))

    # --- Out --------------------------------------------------------------------------------------

    def drop(self, reason, count=1):
        self.drops[reason] = self.drops.get(reason, 0) + count

    def next_hop(self, address):
        """(port, vlan, address of the next hop) by longest prefix, or None."""
        target = ipaddress.ip_address(address)
        ways = [(a.network, (port, vlan, address)) for port, vlan, a in self.addresses]
        ways += [(to, (port, vlan, gateway or address))
                 for to, (port, vlan, gateway) in self.routes]
        ways = [w for w in ways if w[0].version == target.version and target in w[0]]
        return max(ways, key=lambda w: w[0].prefixlen)[1] if ways else None

    def send(self, packet, hop):
        port, vlan, address = hop
        mac = self.neighbours.get((port, vlan, p.packed(address)))
        if mac is None and self.resolves:
            self.held += 1
            return None
        if mac is None:
            return self.drop("neighbour_unresolved")
        self.forwarded += 1
        tags = [vlan] if vlan else []
        self.out[port].append(p.eth(mac, self.ports[port], packet, tags=tags))
        return None

    def source_towards(self, hop):
        """The host's address in the network of the next hop."""
        target = ipaddress.ip_address(hop[2])
        return next(str(a.ip) for port, vlan, a in self.addresses
                    if (port, vlan) == hop[:2] and target in a.network)

    def icmp_error(self, d, quote, v4, v6, rest=0):
        """RFC 792, RFC 1812 4.3.2 and RFC 4443: about `d`, to its sender."""
        hop = self.next_hop(d.source)
        source = d.target
        if ipaddress.ip_address(source) not in [a.ip for _, _, a in self.addresses]:
            source = self.source_towards(hop)
        quote = quote[:d.length]
        self.generated += 1
        if d.v6:
            message = p.icmp6(source, d.source, *v6, rest, quote[:1280 - 48])
            return self.send(p.ip6(source, d.source, p.ICMP6, message), hop)
        message = p.icmp4(*v4, rest, quote[:576 - 28])
        return self.send(p.ip4(source, d.source, p.ICMP, message, tos=(d.tos & 0x1E) | 0xC0,
                               ident=0, df=False), hop)

    # --- What remains -----------------------------------------------------------------------------

    def service_rows(self):
        rows = [{"service": s.name, "stats": s.stats.values,
                 "servers": [self.server_row(s, server) for server in s.servers]}
                for s in self.services.values()]
        return sorted(rows, key=lambda r: (r["service"].get("mark", 0),
                                           r["service"].get("protocol", ""),
                                           r["service"].get("address", r["service"].get("family"))))

    def server_row(self, service, server):
        own = [c.state for c in set(self.connections.values())
               if c.service is service and c.server is server]
        active = sum(state.active for state in own)
        row = {"address": p.endpoint(server.address, server.port), "forward": server.forward,
               "weight": server.weight, "active": active, "inactive": len(own) - active,
               "stats": server.stats.values}
        if server.tunnel:
            row["tunnel"] = server.tunnel
        return row

    def connection_rows(self):
        rows = [{"protocol": PROTOCOL_NAMES[c.protocol], "client": p.endpoint(*c.client),
                 "virtual": p.endpoint(*c.virtual), "server": p.endpoint(*c.real),
                 "forward": c.server.forward, "state": c.state.name,
                 "timeout": c.state.timeout} for c in set(self.connections.values())]
        return sorted(rows, key=lambda r: (r["protocol"], r["client"], r["virtual"]))


def lower_ttl(packet):
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes([packet[7] - 1]) + packet[8:]
    size = (packet[0] & 15) * 4
    packet = p.put16(packet[:8] + bytes([packet[8] - 1]) + packet[9:], 10, 0)
    return p.put16(packet, 10, p.checksum(packet[:size]))


def translate(d, src=None, dst=None):
    """The packet with another source or destination (address, port). A wrong TCP or UDP checksum
    stays wrong by as much; none (UDP) becomes a right one. The CRC of SCTP is made anew if the port
    is another one."""
    source, target = src or (d.source, d.sport), dst or (d.target, d.dport)
    segment = struct.pack("!HH", source[1], target[1]) + d.l4[4:]
    if d.protocol == p.SCTP:
        return readdress(d, source[0], target[0],
                         segment if segment == d.l4 else p.sctp_sealed(segment))
    at = p.CHECKSUM_AT[d.protocol]
    before, field = d.l4, struct.unpack_from("!H", d.l4, at)[0]
    error = (field - p.l4_checksum(d.source, d.target, d.protocol, before)) % 0xFFFF
    right = p.l4_checksum(source[0], target[0], d.protocol, segment)
    if d.protocol == p.UDP and field == 0 or error == 0:
        value = right
    else:
        value = (right + error) % 0xFFFF
    return readdress(d, source[0], target[0], p.put16(segment, at, value))


def readdress(d, source, target, l4):
    """`d` with these addresses and this behind its IP header."""
    header, size = d.l3[:d.l4_at], len(p.packed(source))
    first = 8 if d.v6 else 12
    header = header[:first] + p.packed(source) + p.packed(target) + header[first + 2 * size:]
    if not d.v6:
        header = p.put16(p.put16(header, 10, 0), 10, p.checksum(p.put16(header, 10, 0)))
    return header + l4


def translate_error(d, inner, src=None, dst=None):
    """An ICMP error from the virtual endpoint `src`, or to the real one `dst`; the packet that it
    quotes was sent to, or by, the same one. The quoted transport checksum stays."""
    if dst:
        quote = readdress(inner, dst[0], inner.target, struct.pack("!H", dst[1]) +
                          inner.l3[inner.l4_at + 2:])
    else:
        at = inner.l4_at
        quote = readdress(inner, inner.source, src[0], inner.l3[at:at + 2] +
                          struct.pack("!H", src[1]) + inner.l3[at + 4:])
    source, target = src[0] if src else d.source, dst[0] if dst else d.target
    message = p.put16(d.l4[:8], 2, 0) + quote[:len(d.l4) - 8]
    right = p.l4_checksum(source, target, p.ICMP6, message) if d.v6 else p.checksum(message)
    return readdress(d, source, target, p.put16(message, 2, right))


def wrap(packet, server, source):
    """In the tunnel to `server`. What the balancer may choose is 0 or the first possible: the
    identification of an IPv4 packet without DF, the source port of GUE."""
    v6 = packet[0] >> 4 == 6
    if v6:
        tos, ttl, df = struct.unpack_from("!H", packet)[0] >> 4 & 0xFF, packet[7], False
    else:
        tos, ttl, df = packet[1], packet[8], bool(packet[6] & 0x40)
    if tos & 3 == 3:
        tos ^= 1  # congestion experienced stays inside; outside the packet is capable of it
    kind, checksum = server.tunnel["type"], server.tunnel.get("checksum", "none")
    protocol, target = p.IN_IPV6 if v6 else p.IN_IPV4, server.address
    if kind == "gre":
        head = struct.pack("!HH", 0, p.IPV6 if v6 else p.IPV4)
        if checksum == "full":
            head = struct.pack("!HHHH", 0x8000, p.IPV6 if v6 else p.IPV4, 0, 0)
            head = p.put16(head, 4, p.checksum(head + packet))
        protocol, packet = p.GRE, head + packet
    elif kind == "gue":
        packet = struct.pack("!BBH", 0, protocol, 0) + packet
        packet = p.udp(source, 32768, target, server.tunnel["port"], packet,
                       field=0 if checksum == "none" else None)
        protocol = p.UDP
    if server.v6:
        return p.ip6(source, target, protocol, packet, hops=ttl, traffic_class=tos)
    return p.ip4(source, target, protocol, packet, ttl=ttl, tos=tos, ident=0, df=df)
