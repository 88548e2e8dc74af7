# SPDX-License-Identifier: BSD-3-Clause
"""Cases: direct routing, tunnels, and services that are not TCP or UDP with connections."""
import packets as p
from packets import ACK, FIN, PSH, RST, SYN
from setting import (ANY_WORKERS, CASES, CLIENT, CLIENT6, MAC, ROUTER, SERVER_MAC, VIP, VIP6, Talk,
                     case, either, marked, network, server, service)

FAMILIES = ((False, False), (True, True), (True, False), (False, True))  # of client and server
BEHIND, BEHIND6 = "10.2.0.9", "2001:db8:2::9"                            # the router at server 3
KINDS = {"ipip": {"type": "ipip"}, "gre": {"type": "gre"},
         "gre_checksum": {"type": "gre", "checksum": "full"},
         "gue": {"type": "gue", "port": p.GUE_PORT},
         "gue_checksum": {"type": "gue", "port": p.GUE_PORT, "checksum": "full"},
         "gue_remote": {"type": "gue", "port": p.GUE_PORT, "checksum": "remote"}}
OVERHEAD = {"ipip": 0, "gre": 4, "gre_checksum": 8, "gue": 12, "gue_checksum": 12}


def behind_router():
    net = network()
    for to, hop in (("10.2.0.0/24", server(3)), ("2001:db8:2::/64", server(3, True))):
        net["routes"].append((to, ("wan0", 0, hop)))
    return net


# --- Direct ---------------------------------------------------------------------------------------

def one_way(v6, frames, **talk):
    """What a client sends when the answers take another way, and odd packets among it."""
    family = {"traffic_class": 0xB9, "flow": 0x12345} if v6 else {"tos": 0xB9, "ident": 77}
    web = Talk(v6=v6, frames=frames, **talk).request(SYN, **family)
    web.request(ACK, padding=b"padding").request(PSH | ACK, b"odd", tcp={"field": 0x1111})
    web.request(FIN | ACK).request(ACK)
    Talk(v6=v6, sport=40001, frames=frames, **talk).request(SYN).request(RST)
    Talk(v6=v6, sport=40002, frames=frames, **talk).request(SYN).request(ACK)
    dns = Talk(p.UDP, v6=v6, vport=53, frames=frames, **talk).request(payload=b"odd")
    dns.request(payload=b"no checksum", tcp={"field": 0}).request()
    return frames


def direct(v6):
    CASES[f"direct{6 if v6 else 4}"] = case(
        "Direct routing: nothing but the TTL and the link addresses changes, the server has the "
        "port of its service; states without the server's half.",
        [service("tcp", 80, [(1, 8080)], v6=v6, forward="direct"),
         service("udp", 53, [(2, 5353)], v6=v6, forward="direct")], one_way(v6, []),
        workers=ANY_WORKERS)


def direct_router():
    frames = [f for v6 in (False, True) for f in one_way(v6, [])]
    CASES["direct_router"] = case(
        "Direct routing to servers behind a router: its link address.",
        [service(protocol, port, [(BEHIND6 if v6 else BEHIND, port)], v6=v6, forward="direct")
         for v6 in (False, True) for protocol, port in (("tcp", 80), ("udp", 53))], frames,
        net=behind_router(), workers=ANY_WORKERS)


# --- Tunnels --------------------------------------------------------------------------------------

def tunnelled(kind, v6, real_v6, port, protocol="udp", real=1):
    return service(protocol, port, [(real, port)], v6=v6, real_v6=real_v6, forward="tunnel",
                   tunnel=KINDS[kind])


def through_tunnel(v6, frames, port):
    """All of the fields that the outer header takes over, and DF."""
    web = Talk(v6=v6, vport=port, frames=frames).request(SYN)
    for tos in (0xB8, 1, 2, 3, 0x2B):
        web.request(ACK, **({"traffic_class": tos, "flow": 0x54321} if v6 else {"tos": tos}))
    web.request(PSH | ACK, b"odd", padding=b"padding", ttl=255).request(PSH | ACK, b"even", ttl=2)
    talk = Talk(p.UDP, v6=v6, vport=port, frames=frames).request(payload=b"question")
    for _ in range(0 if v6 else 3):
        talk.request(payload=b"without DF", df=False, ident=0x7777)
    return talk.request(payload=b"no checksum", tcp={"field": 0}).request()


def tunnel(kind, families, name):
    frames, services = [], []
    for n, (v6, real_v6) in enumerate(families):
        port = 80 + n
        services += [tunnelled(kind, v6, real_v6, port, protocol) for protocol in ("tcp", "udp")]
        through_tunnel(v6, frames, port)
    CASES[name] = case(
        f"A tunnel of type {', '.join(map(str, KINDS[kind].values()))}: the outer TOS or traffic "
        "class, with congestion marks as RFC 6040 has them, TTL, DF, addresses, checksums.",
        services, frames, workers=ANY_WORKERS)


def tunnels():
    for v6, real_v6 in FAMILIES:
        name = f"{6 if v6 else 4}in{6 if real_v6 else 4}"
        tunnel("ipip", [(v6, real_v6)], f"tunnel_ipip_{name}")
    for kind in list(KINDS)[1:]:
        tunnel(kind, FAMILIES, f"tunnel_{kind}")


def tunnel_router():
    frames, services = [], []
    for n, (v6, real_v6) in enumerate(FAMILIES):
        services.append(service("udp", 60 + n, [(BEHIND6 if real_v6 else BEHIND, 60 + n)], v6=v6,
                                forward="tunnel", tunnel=KINDS["ipip"]))
        services.append(service("udp", 70 + n, [("2001:db8:f::9" if real_v6 else "203.0.113.9",
                                                 70 + n)],
                                v6=v6, forward="tunnel", tunnel=KINDS["gre"]))
        for port in (60 + n, 70 + n):
            Talk(p.UDP, v6=v6, vport=port, frames=frames).request(payload=b"far").request()
    CASES["tunnel_router"] = case(
        "Tunnels to servers behind a router: the outer source is the address in its network.",
        services, frames, net=behind_router())


# --- TTL and size ---------------------------------------------------------------------------------

UNLIMITED = {"icmp_ratelimit": 0}


def method_ttl():
    frames = []
    services = [service("udp", 53, [(1, 53)], v6=v6, forward="direct") for v6 in (False, True)]
    for n, (v6, real_v6) in enumerate(FAMILIES):
        services.append(tunnelled("ipip", v6, real_v6, 60 + n))
        services.append(tunnelled("gre", v6, real_v6, 70 + n))
        services.append(tunnelled("gue", v6, real_v6, 80 + n))
    for s in services:
        v6 = ":" in s["address"][0]
        for ttl in (1, 0, 2, 3, 1):
            Talk(p.UDP, v6=v6, vport=s["address"][1], frames=frames).request(
                payload=b"TTL %d" % ttl, ttl=ttl)
    CASES["ttl_direct_tunnel"] = case(
        "A TTL or hop limit of 1 or 0 ends at the balancer, whatever the method; the outer one is "
        "the inner after its decrement.", services, frames, tunables=UNLIMITED)


def sized(v6, total):
    return b"s" * (total - (48 if v6 else 28))


def method_mtu():
    """Each way is filled to the last byte, and one more."""
    ways = [("direct", v6, v6, 1500) for v6 in (False, True)]
    ways += [(kind, v6, real_v6, 1500 - (40 if real_v6 else 20) - extra)
             for kind, extra in OVERHEAD.items() for v6, real_v6 in FAMILIES]
    frames, services = [], []
    for n, (kind, v6, real_v6, fits) in enumerate(ways):
        port = 100 + n
        services.append(service("udp", port, [(1, port)], v6=v6, forward="direct")
                        if kind == "direct" else tunnelled(kind, v6, real_v6, port))
        talk = Talk(p.UDP, v6=v6, vport=port, frames=frames).request(payload=sized(v6, fits))
        talk.request(payload=sized(v6, fits + 1))
    CASES["mtu_direct_tunnel"] = case(
        "Packets that just fit by each method, and of one byte more: the sender is told what fits, "
        "1500 less what the tunnel adds.", services, frames, tunables=UNLIMITED)


def mtu_no_df():
    """Each client has one datagram, so that its pieces are a flow for themselves."""
    frames = []
    services = [service("udp", 53, [(1, 5353)]), service("udp", 54, [(1, 54)], forward="direct")]
    services += [tunnelled("ipip", False, real_v6, 60 + real_v6) for real_v6 in (False, True)]
    services += [tunnelled("gre_checksum", False, real_v6, 70 + real_v6, real=2)
                 for real_v6 in (False, True)]
    for n, s in enumerate(services):
        talk = Talk(p.UDP, client=f"198.51.100.{20 + n}", vport=s["address"][1], frames=frames)
        talk.request(payload=sized(False, 1501), df=False, ident=0x4000 + n)
        talk.request(payload=sized(False, 4001), df=False, ident=0x5000 + n)
    talk = Talk(p.UDP, client="198.51.100.20", vport=53, dport=5353, frames=frames)
    talk.reply(payload=sized(False, 1600), df=False, ident=0x6000)
    CASES["mtu_no_df"] = case(
        "IPv4 without DF is cut where it is too long, behind a tunnel header the outer packet; "
        "nobody is told. Translated answers too.", services, frames)


# --- Other services -------------------------------------------------------------------------------

def mark():
    rules = [{"mark": 7, "destination": "192.0.2.64/26", "protocol": "tcp",
              "destination_ports": (8000, 8009)},
             {"mark": 6, "destination": "192.0.2.64/26", "protocol": "tcp",
              "destination_ports": (8010, 8020)},
             {"mark": 8, "destination": "192.0.2.64/26", "protocol": "udp",
              "destination_ports": (1, 65535)},
             {"mark": 7, "destination": "2001:db8:5::/64", "protocol": "tcp",
              "destination_ports": (80, 80)},
             {"mark": 9, "destination": f"{VIP}/32", "protocol": "tcp",
              "destination_ports": (80, 80)}]
    services = [marked(7, "ipv4", [(server(2), 9000)]), marked(6, "ipv4", [(server(1), 0)]),
                marked(7, "ipv6", [(server(1, True), 0)]), marked(8, "ipv4", []),
                service("tcp", 80, [(3, 8080)])]
    frames = []

    def talk(target, real, dport, **options):
        one = Talk(real=real, dport=dport, frames=frames, **options)
        one.virtual = (target, one.virtual[1])
        return one

    talk("192.0.2.70", 2, 9000, vport=8000).whole()
    talk("192.0.2.71", 1, 8010, vport=8010).whole()
    talk("192.0.2.72", 2, 9000, vport=8005, sport=40001).open()
    talk("192.0.2.70", 1, 0, vport=8021).request(SYN)
    talk("192.0.2.63", 1, 0, vport=8000).request(SYN)
    talk("192.0.2.70", 1, 0, vport=53, protocol=p.UDP).request(payload=b"no server")
    talk("2001:db8:5::1", 1, 80, v6=True).whole()
    talk("2001:db8:6::1", 1, 80, v6=True).request(SYN)
    talk(VIP, 3, 8080).whole()
    CASES["mark"] = case(
        "Services on marks take what a rule marked, whatever its address and port; a server of "
        "port 0 keeps the port. A mark of no service changes nothing.",
        services, frames, marks=rules, workers=ANY_WORKERS)


def one_packet():
    services = [service("udp", 53, [(1, 5353), (2, 5353)], v6=v6, one_packet=True)
                for v6 in (False, True)]
    services.append(service("udp", 54, [(1, 54), (2, 54)], forward="direct", one_packet=True))
    frames = []
    for v6 in (False, True):
        talk = Talk(p.UDP, v6=v6, vport=53, dport=5353, frames=frames)
        for n in range(5):
            talk.request(payload=b"x" * n)
        talk.reply(payload=b"answer")
    Talk(p.UDP, vport=54, frames=frames).request().request(payload=b"a").request(payload=b"bc")
    CASES["one_packet"] = case(
        "One-packet scheduling: each datagram of one client goes to the next server, no connection "
        "is kept, and an answer is nobody's.", services, frames)


INIT = (1, bytes(range(16)))


def sctp():
    frames = []
    for n, (v6, port, dport) in enumerate(((False, 80, 8080), (True, 80, 8080), (False, 81, 81),
                                           (True, 81, 81))):
        client, vip, real = (CLIENT6, VIP6, server(1, True)) if v6 else (CLIENT, VIP, server(1))

        def ask(*chunks, sport=42000, **options):
            frames.append(p.eth(MAC["wan0"], ROUTER, p.ip(
                client, vip, p.SCTP, p.sctp(sport, port, *chunks, **options))))

        def answer(*chunks, sport=42000, **options):
            frames.append(p.eth(MAC["wan0"], SERVER_MAC[1], p.ip(
                real, client, p.SCTP, p.sctp(dport, sport, *chunks, **options))))

        ask(INIT)
        answer((2, b"x" * 21), tag=0x11223344)
        ask((10, b"cookie"), tag=0x55667788)
        answer((11, b""), tag=0x11223344)
        ask((0, b"d" * 17), (3, bytes(12)), tag=0x55667788)
        ask((0, b"wrong CRC"), tag=0x55667788, field=0x12345678)
        answer((0, b"wrong CRC too"), tag=0x11223344, field=0xCAFEBABE)
        ask(INIT, sport=42001 + n, field=0)
        ask((0, b"of no connection"), sport=43000)
    CASES["sctp"] = case(
        "SCTP: with another port the CRC32c is made anew, even a wrong one; with the same port it "
        "stays. States from INIT to ESTABLISHED.",
        [service("sctp", port, [(1, dport)], v6=v6) for v6 in (False, True)
         for port, dport in ((80, 8080), (81, 81))], frames, workers=ANY_WORKERS)


def group_address():
    frames = []
    targets = ((False, "224.0.0.251", "01:00:5e:00:00:fb"), (False, "192.0.2.255", None),
               (False, "255.255.255.255", None), (True, "ff02::fb", "33:33:00:00:00:fb"),
               (True, "ff05::2", None))
    for v6, target, group_mac in targets:
        for mac in (group_mac or "ff:ff:ff:ff:ff:ff", MAC["wan0"]):
            for port in (53, 5353):
                source = (CLIENT6 if v6 else CLIENT, 40000)
                frames.append(p.eth(mac, ROUTER, p.ip(
                    source[0], target, p.UDP, p.udp(*source, target, port, b"to all"))))
    Talk(p.UDP, vport=53, dport=5353, frames=frames).request(payload=b"to one")
    CASES["group_address"] = case(
        "Datagrams to broadcast and multicast addresses are the host's business, whatever link "
        "address they come with.",
        [service("udp", 53, [(1, 5353)]), service("udp", 53, [(1, 5353)], v6=True)], frames)


def build_all():
    either(direct)
    for build in (direct_router, tunnels, tunnel_router, method_ttl, method_mtu, mtu_no_df, mark,
                  one_packet, sctp, group_address):
        build()
