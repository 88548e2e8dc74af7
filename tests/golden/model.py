# SPDX-License-Identifier: BSD-3-Clause
"""A plain model of a NAT director, written from the rules of IPVS and the RFCs, not from src/.

One packet at a time, dictionaries, full checksums. It says what a case must give: frames out of
each port, drop reasons, statistics and connections. It has no clock: nothing expires. Where Shunt
differs from IPVS on purpose (docs/differences-from-ipvs.md), it does as Shunt.
"""
import ipaddress
import math
import struct

import packets as p

# First level: is the packet from the client? Second: event. Then state -> next state (section 3 of
# RFC 793 as IPVS tracks it). ES established, SS SYN sent, SR SYN received, FW FIN wait, TW time
# wait, CL close, CW close wait, LA last ack.
STATES = ("NO", "ES", "SS", "SR", "FW", "TW", "CL", "CW", "LA")
NEXT_STATE = {
    (True, "syn"): "SR ES ES SR SR SR SR SR SR",
    (True, "fin"): "CL CW SS TW TW TW CL CW LA",
    (True, "ack"): "ES ES SS ES FW TW CL CW CL",
    (True, "rst"): "CL CL CL SR CL CL CL CL LA",
    (False, "syn"): "SS ES SS SR SS SS SS SS SS",
    (False, "fin"): "TW FW SS TW FW TW CL TW LA",
    (False, "ack"): "ES ES SS ES FW TW CL CW LA",
    (False, "rst"): "CL CL SS CL CL TW CL CL CL",
}
NAMES = {"NO": "NONE", "ES": "ESTABLISHED", "SS": "SYN_SENT", "SR": "SYN_RECV", "FW": "FIN_WAIT",
         "TW": "TIME_WAIT", "CL": "CLOSE", "CW": "CLOSE_WAIT", "LA": "LAST_ACK"}
TIMEOUT = {"NO": 2, "ES": 900, "SS": 120, "SR": 60, "FW": 120, "TW": 120, "CL": 10, "CW": 60,
           "LA": 30, "UDP": 300}
ACTIVE = ("ES", "SS", "SR")
PROTOCOLS = {"tcp": p.TCP, "udp": p.UDP}
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
    def __init__(self, address, port, weight):
        self.address, self.port, self.weight = address, port, weight
        self.stats = Stats()


class Service:
    """The servers in the order of the schedulers: the newest first."""

    def __init__(self, protocol, address, port, scheduler):
        self.protocol, self.address, self.port = protocol, address, port
        self.scheduler = scheduler
        self.servers = []
        self.stats = Stats()
        self.last = None           # index of the last choice; None: before the first server
        self.threshold = self.top = 0
        self.step = 1

    def add(self, server):
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
    def __init__(self, client, service, server):
        self.client, self.service, self.server = client, service, server
        self.state = "NO" if service.protocol == p.TCP else "UDP"

    def advance(self, from_client, segment):
        if self.state == "UDP":
            return
        flags = segment[13]
        for bit, event in ((p.RST, "rst"), (p.SYN, "syn"), (p.FIN, "fin"), (p.ACK, "ack")):
            if flags & bit:
                row = NEXT_STATE[from_client, event].split()
                self.state = row[STATES.index(self.state)]
                return
        self.state = "CL"

    @property
    def keys(self):
        """From the client, and from the server."""
        c, s, d = self.client, self.service, self.server
        return ((s.protocol, c, (s.address, s.port)), (s.protocol, (d.address, d.port), c))


class Balancer:
    """`case` has the keys of the configuration: ports {name: mac}, addresses, routes, neighbours,
    services; and `resolves`: does a missing link address still have time to become known? feed()
    takes frames; `out` has what left, a list of frames a port."""

    def __init__(self, case):
        self.ports = case["ports"]
        self.addresses = [(port, vlan, ipaddress.ip_interface(a))
                          for port, vlan, a in case["addresses"]]
        self.routes = [(ipaddress.ip_network(to), hop) for to, hop in case["routes"]]
        self.neighbours = {(port, vlan, p.packed(a)): mac
                           for port, vlan, a, mac in case["neighbours"]}
        self.services = {}
        for spec in case["services"]:
            service = Service(PROTOCOLS[spec["protocol"]], *spec["address"], spec["scheduler"])
            for address, port, weight in spec["servers"]:
                service.add(Server(address, port, weight))
            self.services[service.protocol, service.address, service.port] = service
        self.connections = {}      # by either key
        self.out = {name: [] for name in self.ports}
        self.drops = {}
        self.resolves = case["resolves"]
        self.received = self.generated = self.forwarded = self.held = 0

    # --- In ---------------------------------------------------------------------------------------

    def feed(self, port, frame):
        self.received += 1
        if len(frame) < 14:
            return self.drop("truncated")
        d = p.decode_frame(frame)
        bad = self.malformed(d)
        if bad:
            return self.drop(bad)
        if (d.dst != self.ports[port] or not self.on_network(port, d.tags) or
                d.protocol not in (p.TCP, p.UDP)):
            return self.drop("no_twin")
        if d.fragment:
            return self.drop("fragment" if self.concerns(d) else "no_twin")
        return self.handle(d)

    def concerns(self, fragment):
        """To a virtual address, or from a real server. Only the first fragment shows its port."""
        services = self.services.values()
        servers = [s for service in services for s in service.servers]
        if fragment.target in {s.address for s in services}:
            return True
        if fragment.offset:
            return fragment.source in {s.address for s in servers}
        return (fragment.source, fragment.sport) in {(s.address, s.port) for s in servers}

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
        fixed = {p.TCP: 20, p.UDP: 8}.get(d.protocol, 0)
        if not d.fragment and len(d.l4) < fixed:
            return "l4_bad_header"
        return None

    def handle(self, d):
        source, target = (d.source, d.sport), (d.target, d.dport)
        key = (d.protocol, source, target)
        connection = self.connections.get(key)
        if connection and connection.keys[1] == key:
            return self.reply(d, connection)
        opens = d.protocol == p.TCP and d.l4[13] & p.SYN
        if connection and opens and connection.state in ("TW", "CL"):
            self.forget(connection)
            connection = None
        if connection:
            return self.request(d, connection)
        return self.admit(d, source, target)

    def admit(self, d, source, target):
        service = self.services.get((d.protocol, *target))
        starts = d.protocol == p.UDP or (d.l4[13] & p.SYN and not d.l4[13] & p.RST)
        if service is None or not starts or d.sport == 20:
            return self.drop("no_twin")
        if self.partial(d):
            return self.drop("partial_checksum")
        server = service.choose()
        if server is None:
            self.drop("no_destination")
            return self.icmp_error(d, d.l3, (3, 3), (1, 4))
        connection = Connection(source, service, server)
        for key in connection.keys:
            self.connections[key] = connection
        service.stats.count("connections")
        server.stats.count("connections")
        return self.request(d, connection)

    def forget(self, connection):
        for key in connection.keys:
            del self.connections[key]

    # --- Translation ------------------------------------------------------------------------------

    def request(self, d, connection):
        service, server = connection.service, connection.server
        for stats in (service.stats, server.stats):
            stats.count("in", d.length)
        connection.advance(True, d.l4)
        hop = self.next_hop(server.address)
        if hop is None:
            self.drop("no_route")
            return self.icmp_error(d, d.l3, (3, 1), (1, 3))
        if d.ttl <= 1:
            self.drop("ttl_expired")
            return self.icmp_error(d, d.l3, (11, 0), (3, 0))
        if d.length > PORT_MTU:
            return self.too_big(d, lower_ttl(d.l3[:d.length]))
        packet = translate(d, dst=(server.address, server.port))
        return self.send(lower_ttl(packet), hop)

    def reply(self, d, connection):
        if d.protocol == p.TCP and d.l4[13] & p.SYN and self.partial(d):
            return self.drop("partial_checksum")
        hop = self.next_hop(connection.client[0])
        if hop is None:
            self.drop("no_route")
            return self.icmp_error(d, d.l3, (3, 0), (1, 0))
        if d.ttl <= 1:
            self.drop("ttl_expired")
            return self.icmp_error(d, d.l3, (11, 0), (3, 0))
        if d.length > PORT_MTU:
            return self.too_big(d, d.l3)
        service = connection.service
        packet = translate(d, src=(service.address, service.port))
        for stats in (service.stats, connection.server.stats):
            stats.count("out", d.length)
        connection.advance(False, d.l4)
        return self.send(lower_ttl(packet), hop)

    def too_big(self, d, quote):
        """Nothing is fragmented here: IPv4 without DF is dropped in silence."""
        self.drop("too_big")
        if d.v6 or d.df:
            self.icmp_error(d, quote, (3, 4), (2, 0), PORT_MTU)

    @staticmethod
    def partial(d):
        """The sum over the pseudo header alone: the sender's card was to add the rest. A right
        checksum may look so by chance: only the first packets of a connection are judged."""
        at = p.CHECKSUM_AT[d.protocol]
        given, = struct.unpack_from("!H", d.l4, at)
        return given == p.ones_sum(p.pseudo_header(d.source, d.target, d.protocol, len(d.l4)))

    # --- Out --------------------------------------------------------------------------------------

    def drop(self, reason):
        self.drops[reason] = self.drops.get(reason, 0) + 1

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

    def icmp_error(self, d, quote, v4, v6, rest=0):
        """RFC 792, RFC 1812 4.3.2 and RFC 4443: about `d`, to its sender."""
        hop = self.next_hop(d.source)
        source = d.target
        if ipaddress.ip_address(source) not in [a.ip for _, _, a in self.addresses]:
            gateway = ipaddress.ip_address(hop[2])
            source = next(str(a.ip) for port, vlan, a in self.addresses
                          if (port, vlan) == hop[:2] and gateway in a.network)
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
        rows = []
        for s in self.services.values():
            name = {"protocol": "tcp" if s.protocol == p.TCP else "udp",
                    "address": p.endpoint(s.address, s.port)}
            rows.append({"service": name, "stats": s.stats.values,
                         "servers": [self.server_row(s, server) for server in s.servers]})
        return sorted(rows, key=lambda r: (r["service"]["protocol"], r["service"]["address"]))

    def server_row(self, service, server):
        states = [c.state for c in set(self.connections.values())
                  if c.service is service and c.server is server]
        active = sum(state in ACTIVE for state in states)
        return {"address": p.endpoint(server.address, server.port), "weight": server.weight,
                "active": active, "inactive": len(states) - active, "stats": server.stats.values}

    def connection_rows(self):
        rows = [{"protocol": "tcp" if c.service.protocol == p.TCP else "udp",
                 "client": p.endpoint(*c.client),
                 "virtual": p.endpoint(c.service.address, c.service.port),
                 "server": p.endpoint(c.server.address, c.server.port),
                 "state": NAMES.get(c.state, c.state),
                 "timeout": TIMEOUT[c.state]} for c in set(self.connections.values())]
        return sorted(rows, key=lambda r: (r["protocol"], r["client"], r["virtual"]))


def lower_ttl(packet):
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes([packet[7] - 1]) + packet[8:]
    size = (packet[0] & 15) * 4
    packet = p.put16(packet[:8] + bytes([packet[8] - 1]) + packet[9:], 10, 0)
    return p.put16(packet, 10, p.checksum(packet[:size]))


def translate(d, src=None, dst=None):
    """The packet with another source or destination (address, port). A wrong TCP or UDP checksum
    stays wrong by as much; none (UDP) becomes a right one."""
    at = p.CHECKSUM_AT[d.protocol]
    before, field = d.l4, struct.unpack_from("!H", d.l4, at)[0]
    error = (field - p.l4_checksum(d.source, d.target, d.protocol, before)) % 0xFFFF
    source, target = src or (d.source, d.sport), dst or (d.target, d.dport)
    segment = struct.pack("!HH", source[1], target[1]) + before[4:]
    right = p.l4_checksum(source[0], target[0], d.protocol, segment)
    if d.protocol == p.UDP and field == 0 or error == 0:
        value = right
    else:
        value = (right + error) % 0xFFFF
    segment = p.put16(segment, at, value)
    header, size = d.l3[:d.l4_at], len(p.packed(source[0]))
    first = 8 if d.v6 else 12
    header = header[:first] + p.packed(source[0]) + p.packed(target[0]) + header[first + 2 * size:]
    if not d.v6:
        header = p.put16(p.put16(header, 10, 0), 10, p.checksum(p.put16(header, 10, 0)))
    return header + segment
