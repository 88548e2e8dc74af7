# SPDX-License-Identifier: BSD-3-Clause
"""Cases about the ways to a real server (direct routing, tunnels, NAT in odd places), and about
what is too big for them: fragments and path MTU."""

import json
import re
import sys
from collections import Counter
from pathlib import Path

from case import (CROWDED_REASONS, case, check, check_drops, check_no_drops, drops, equal, fetch,
                  peer, url)
from lab import (CLIENT4, CLIENT6, DIRECT, HTTP_PORT, LAN4, LAN6, NAT, PCAP, SCTP, UDP_ECHO_PORT,
                 VIP4, VIP6, WAN4, WAN6, Sniffer, endpoint, must, peer_command, tunnel_text,
                 wait_until)


SHARES = Counter(server1=300, server2=200, server3=100)
FAMILIES = ((4, VIP4), (6, VIP6))
SUM_PORT = 9000
BY_FAMILY = {"ipv4": {"family": 4, "host": VIP4}, "ipv6": {"family": 6, "host": VIP6}}


def http(family, way, server_family=None, weights=(3, 2, 1)):
    return ("tcp", family, HTTP_PORT, weights, "wrr", way, server_family)


def answer_directly(lab):
    lab.answer_directly()


def check_shares(lab):
    for _, host in FAMILIES:
        equal(fetch(lab.client, url(host), 600), SHARES, f"answers of {host}")


def check_download(context, lab, host, size, port=HTTP_PORT):
    """A file of that size arrives as it was sent."""
    path, digest = context.files.download(size)
    target = url(host, path, port)
    received = lab.client.run(
        ["sh", "-c", f"curl -sS -f -g --max-time 200 '{target}' | sha256sum"], timeout=240)
    equal(received.stdout.split()[:1], [digest],
          f"SHA-256 of {target} ({received.stderr.strip()})")


def check_one_way(lab):
    """Every packet of the services went to a server, and no answer came back this way."""
    for row in lab.call("service.list")["services"]:
        name, stats = row["service"]["address"], row["stats"]
        check(stats["packets_in"] > 0, f"{name}: no packets to the servers")
        equal(stats["packets_out"], 0, f"{name}: packets from the servers")


# --- direct routing ------------------------------------------------------------------------------


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def direct(context, workers):
    """Servers that have the VIP get 3:2:1 of the requests, and answer past the balancer."""
    with context.balancer(http(4, DIRECT), http(6, DIRECT), workers=workers,
                          prepare=answer_directly) as lab:
        check_shares(lab)
        for _, host in FAMILIES:
            check_download(context, lab, host, context.scale.download_bytes)
        check_one_way(lab)
        check_no_drops(lab)


ROUTED4, ROUTED6 = "203.0.113.11", "2001:db8:3::11"
ROUTER4, ROUTER6 = "198.51.100.254", "2001:db8:2::fe"
FAR_SIDE4, FAR_SIDE6 = "203.0.113.1", "2001:db8:3::1"


def put_behind_router(lab):
    """A router takes the place of server1 at the switch, and server1 moves behind it."""
    server, router = lab.servers[0], lab.namespace("router")
    router.sysctl({"net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0,
                   "net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1,
                   "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.default.rp_filter": 0})
    server.namespace.ip("link del eth0\n")
    must(["ip", "-batch", "-"], input=(
        f"link add near netns {router.name} type veth peer name sw1 netns {lab.switch.name}\n"
        f"link add far netns {router.name} type veth peer name eth0 "
        f"netns {server.namespace.name}\n"))
    lab.switch.ip("link set sw1 master br0 up\n")
    server.namespace.run(["ethtool", "-K", "eth0", "tx", "off"], check=True)
    server.address4, server.address6 = ROUTED4, ROUTED6
    server.namespace.ip(f"link set eth0 up\naddr add {ROUTED4}/24 dev eth0\n"
                        f"addr add {ROUTED6}/64 dev eth0 nodad\n"
                        f"route add default via {FAR_SIDE4}\nroute add default via {FAR_SIDE6}\n")
    router.ip(f"link set lo up\nlink set near up\nlink set far up\n"
              f"addr add {ROUTER4}/24 dev near\naddr add {ROUTER6}/64 dev near nodad\n"
              f"addr add {FAR_SIDE4}/24 dev far\naddr add {FAR_SIDE6}/64 dev far nodad\n"
              f"route add {VIP4} via {ROUTED4}\nroute add {VIP6} via {ROUTED6}\n"
              f"route add {CLIENT4} dev near\nroute add {CLIENT6} dev near\n")


@case()
def direct_behind_router(context):
    """A direct server that is not on the link is reached by the router on the way to it."""
    def prepare(lab):
        answer_directly(lab)
        put_behind_router(lab)
    with context.balancer(http(4, DIRECT, weights=(1,)), http(6, DIRECT, weights=(1,)),
                          prepare=prepare) as lab:
        lab.balancer.ip(f"route add 203.0.113.0/24 via {ROUTER4}\n"
                        f"route add 2001:db8:3::/64 via {ROUTER6}\n")
        lab.synchronise()
        for _, host in FAMILIES:
            equal(fetch(lab.client, url(host), 20), Counter(server1=20), f"answers of {host}")
            check_download(context, lab, host, 8 << 20)
        check_one_way(lab)
        check_no_drops(lab)


# --- tunnels -------------------------------------------------------------------------------------

TUNNELS = {"ipip": ("ipip", "none"), "gre": ("gre", "none"), "gre_checksum": ("gre", "full"),
           "gue": ("gue", "none"), "gue_checksum": ("gue", "full")}
EACH_TUNNEL = {f"{name}_{kind}": {"kind": name, "mixed": kind == "mixed"}
               for name in TUNNELS for kind in ("same_family", "mixed")}


def tunnel_ends(kind):
    """Makes a lab's servers ends of tunnels that answer past the balancer."""
    def prepare(lab):
        lab.answer_directly()
        lab.start_tunnel_ends(kind)
    return prepare


@case(variants=EACH_TUNNEL)
def tunnel(context, kind, mixed):
    """Servers behind tunnels get 3:2:1; mixed: IPv4 services over IPv6 and the other way round."""
    protocol, checksum = TUNNELS[kind]
    way = tunnel_text(protocol, checksum)
    services = [http(family, way, 10 - family if mixed else family) for family, _ in FAMILIES]
    with context.balancer(*services, workers=2, prepare=tunnel_ends(protocol)) as lab:
        check_shares(lab)
        for _, host in FAMILIES:
            check_download(context, lab, host, 10 << 20)
        check_one_way(lab)
        check_no_drops(lab)
        equal(lab.tunnel_complaints(), [], "packets that the servers could not unwrap")


# --- path MTU ------------------------------------------------------------------------------------

LAN_MTU = 1400
UPLOAD = 10 << 20
# What a client learns: the servers' side has room for 1400 bytes, less the tunnel's headers (1.11).
OVERHEAD = {"nat": {4: 0, 6: 0}, "direct": {4: 0, 6: 0}, "ipip": {4: 20, 6: 40},
            "gre": {4: 24, 6: 44}, "gre_checksum": {4: 28, 6: 48}, "gue": {4: 32, 6: 52}}
WAYS = {"nat": NAT, "direct": DIRECT,
        **{name: tunnel_text(*TUNNELS[name]) for name in ("ipip", "gre", "gre_checksum", "gue")}}


def narrow_lan(lab):
    """The servers' side takes packets of 1400 bytes, and the servers do not say so by their MSS:
    the client has to learn it from ICMP."""
    lab.balancer.ip(f"link set port1 mtu {LAN_MTU}\nlink set lan0 mtu {LAN_MTU}\n")
    lab.switch.ip("".join(f"link set sw{i} mtu {LAN_MTU}\n"
                          for i in range(len(lab.servers) + 1)))
    for server in lab.servers:
        server.namespace.ip(f"link set eth0 mtu {LAN_MTU}\n")
        for family, advmss in (("-4", 1460), ("-6", 1440)):
            script = (f"ip {family} route show dev eth0 | grep -v -e kernel -e multicast | "
                      f"while read -r route; do ip {family} route change $route dev eth0 "
                      f"advmss {advmss}; done")
            server.namespace.run(["sh", "-e", "-c", script], check=True)
    lab.synchronise()


def start_sums(lab):
    for server in lab.servers:
        lab.spawn(server.namespace, peer_command("tcp-sum", SUM_PORT), f"{server.name}-sum.log")
    wait_until(lambda: all(f":{SUM_PORT} " in server.namespace.run(["ss", "-Hlnt"]).stdout
                           for server in lab.servers), "the servers' sums listen")


def learnt_mtu(lab, host):
    """The path MTU that the client has learnt, or None."""
    found = re.search(r"\bmtu (\d+)", lab.client.run(["ip", "route", "get", host]).stdout)
    return int(found[1]) if found else None


@case(variants={f"{way}_{name}": {"way": way, **arguments}
                for way in WAYS for name, arguments in BY_FAMILY.items()})
def path_mtu(context, way, family, host):
    """An upload to servers on a narrow link goes through, because ICMP tells what fits there."""
    def prepare(lab):
        start_sums(lab)
        if way != "nat":
            lab.answer_directly()
        if way not in ("nat", "direct"):
            lab.start_tunnel_ends(TUNNELS[way][0])

    with context.balancer(("tcp", family, SUM_PORT, (1,), "rr", WAYS[way]),
                          prepare=prepare) as lab:
        narrow_lan(lab)
        equal(learnt_mtu(lab, host), None, "path MTU before")
        seen = peer(lab.client, "tcp-upload", host, SUM_PORT, UPLOAD)
        equal(seen["outcome"], "same", "upload")
        equal(learnt_mtu(lab, host), LAN_MTU - OVERHEAD[way][family], "path MTU learnt")
        check_drops(lab, ["too_big"])
        print(f"{seen['seconds']} s, {drops(lab)}")


@case(variants=BY_FAMILY)
def mss_clamp(context, family, host):
    """With mss_clamp 1 a server behind a tunnel is offered what fits, with 0 the client's MSS."""
    def prepare(lab):
        start_sums(lab)
        lab.answer_directly()
        lab.start_tunnel_ends("ipip")

    headers = {4: 40, 6: 60}[family]
    with context.balancer(("tcp", family, SUM_PORT, (1,), "rr", WAYS["ipip"]),
                          prepare=prepare) as lab:
        narrow_lan(lab)
        for clamp, mss in ((0, 1500 - headers),
                           (1, LAN_MTU - OVERHEAD["ipip"][family] - headers)):
            lab.call("tunable.set", name="mss_clamp", value=clamp)
            with Sniffer(lab, lab.servers[0].namespace, "tunnel-ipip", f"tcp port {SUM_PORT}",
                         ("-n", "-vvv")) as syn:
                seen = peer(lab.client, "tcp-upload", host, SUM_PORT, 1000)
            equal(seen["outcome"], "same", "upload")
            equal(re.findall(r"mss (\d+)", syn.text()), [str(mss)], f"MSS with mss_clamp {clamp}")
        seen = peer(lab.client, "tcp-upload", host, SUM_PORT, UPLOAD)
        equal(seen["outcome"], "same", "upload")


# --- fragments -----------------------------------------------------------------------------------

ECHO_RR = (UDP_ECHO_PORT, (1, 1, 1), "rr")


def memory(lab):
    """Resident memory of the daemon, in kB."""
    status = Path(f"/proc/{lab.daemon.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def sums(lab, *names):
    """Counters of all workers together."""
    workers = lab.call("stats.get")["workers"]
    return {name: sum(row[name] for row in workers) for name in names}


def missed(lab):
    """Frames for which a device had no room."""
    return sum(port["missed"] for port in lab.call("port.list")["ports"])


@case(variants={f"{way}_{name}": {"way": way, **arguments}
                for way in ("nat", "direct", "ipip", "gre", "gue")
                for name, arguments in BY_FAMILY.items()})
def big_datagrams(context, way, family, host):
    """Datagrams of 8 kB, which come in fragments, arrive whole at their server and come back."""
    def prepare(lab):
        if way != "nat":
            lab.answer_directly()
        if way not in ("nat", "direct"):
            lab.start_tunnel_ends(TUNNELS[way][0])

    with context.balancer(("udp", family, *ECHO_RR, WAYS[way]), workers=4, prepare=prepare,
                          driver=PCAP) as lab:
        # The client learns link address and path MTU, and the daemon touches its memory.
        peer(lab.client, "udp-client", host, UDP_ECHO_PORT, 1)
        seen = peer(lab.client, "udp-bulk", host, UDP_ECHO_PORT, 128 * DATAGRAM)
        equal(seen["outcomes"].get("intact"), 128, f"the first ones: {seen}")
        before = memory(lab)
        size = context.scale.datagram_bytes
        seen = peer(lab.client, "udp-bulk", host, UDP_ECHO_PORT, size, timeout=240)
        after = memory(lab)
        print(f"{seen}, memory {before} to {after} kB, "
              f"{sums(lab, 'received', 'held', 'joined', 'split')}, drops {drops(lab)}, "
              f"missed by the ports {missed(lab)}")
        check_datagrams(lab, seen["outcomes"], size // DATAGRAM)
        check(after < before + 16384, f"memory of the daemon: {before} kB before, {after} after")
        check(sums(lab, "joined")["joined"] > 0, "no fragments were joined")
        # Senders cut IPv6 by themselves, and are told to cut smaller when there is a tunnel.
        tunnels6 = family == 6 and way not in ("nat", "direct")
        check_fragment_drops(lab, ["too_big"] if tunnels6 else [])


DATAGRAM = 8192
LOST_SHARE = 0.05  # of datagrams that the hosts' own queues may lose on a busy machine
INCOMPLETE_REASONS = {"fragment_timeout", "fragment_overflow"}  # what is left of those


def check_datagrams(lab, outcomes, count):
    """Each came back as it was sent, if not at the first try. Where the ports missed nothing only a
    few had to be sent again, besides those that were merely late."""
    equal({**outcomes, "sent again": 0, "repeated": 0},
          {"intact": count, "sent again": 0, "repeated": 0}, "datagrams that came back")
    lost = outcomes.get("sent again", 0) - outcomes.get("repeated", 0)
    check(missed(lab) or lost <= count * LOST_SHARE,
          f"{lost} of {count} datagrams were lost, and the ports missed no frame")


def check_fragment_drops(lab, expected):
    """Besides those expected, nothing but fragments of datagrams of which the network, or a crowded
    queue, has lost another one."""
    counted = drops(lab)
    crowded = CROWDED_REASONS & counted.keys()
    incomplete = INCOMPLETE_REASONS & counted.keys()
    equal(counted.keys() - crowded - incomplete, set(expected), f"reasons of drops ({counted})")
    check(missed(lab) or sum(counted[reason] for reason in crowded | incomplete)
          <= sums(lab, "received")["received"] * LOST_SHARE, f"too many drops: {counted}")


# --- errors --------------------------------------------------------------------------------------


@case(variants={"nat": {"way": NAT}, "nat_4_workers": {"way": NAT, "workers": 4}})
def server_refuses(context, way, workers=1):
    """A server's "port unreachable" reaches the client's socket as about the virtual address."""
    closed = 9999
    with context.balancer(("udp", 4, closed, (1, 1, 1), "rr", way),
                          ("udp", 6, closed, (1, 1, 1), "rr", way), workers=workers) as lab:
        for _, host in FAMILIES:
            seen = peer(lab.client, "udp-client", host, closed, 3)
            equal(seen["errors"], {"ECONNREFUSED": 3}, f"datagrams to {host} ({seen['servers']})")
        check_no_drops(lab)


# --- NAT in odd places ---------------------------------------------------------------------------

LOCAL_PORT = 8081


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def local_server(context, workers):
    """The balancer itself is one of the real servers."""
    def prepare(lab):
        lab.spawn_nginx(lab.balancer, "balancer", LOCAL_PORT)

    with context.balancer(workers=workers, prepare=prepare) as lab:
        for family, host, port, local in ((4, VIP4, 80, WAN4), (4, VIP4, 8080, LAN4),
                                          (6, VIP6, 80, WAN6), (6, VIP6, 8080, LAN6)):
            name = {"protocol": "tcp", "address": endpoint(host, port)}
            lab.call("service.add", service=name, scheduler="rr")
            for server in (endpoint(local, LOCAL_PORT),
                           endpoint(lab.servers[0].address(family), HTTP_PORT)):
                lab.call("dest.add", service=name, server={"address": server}, forward="nat")
            equal(fetch(lab.client, url(host, port=port), 40), Counter(server1=20, balancer=20),
                  f"answers of {host} port {port}, one server being {local}")
            for _ in range(2):  # one from each
                check_download(context, lab, host, 8 << 20, port)
        check_no_drops(lab)


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def one_armed(context, workers):
    """Client and servers are reached by one and the same port."""
    with context.balancer(http(4, NAT), http(6, NAT), workers=workers, one_armed=True) as lab:
        check_shares(lab)
        for _, host in FAMILIES:
            check_download(context, lab, host, 10 << 20)
        check_no_drops(lab)


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def one_packet(context, workers):
    """Datagrams of one port go round the servers, and leave no connection behind."""
    with context.balancer(
            *(("udp", family, *ECHO_RR, DIRECT, None, "one_packet = true; ")
              for family, _ in FAMILIES), workers=workers, prepare=answer_directly) as lab:
        for _, host in FAMILIES:
            seen = peer(lab.client, "udp-one-port", host, UDP_ECHO_PORT, 300)
            equal(seen["servers"], {f"server{i}": 100 for i in (1, 2, 3)},
                  f"answers of {host} ({seen['errors']})")
        equal(lab.connection_rows(), [], "connections")
        check_no_drops(lab)


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def sctp(context, workers):
    """Associations go round the servers, at another port than the service's, and end in order."""
    port, server_port = 3868, 3869
    with context.balancer(workers=workers) as lab:
        logs = []
        for server in lab.servers:
            logs.append(lab.directory / f"{server.name}-sctp.log")
            lab.spawn(server.namespace, [sys.executable, SCTP, "server", server.name, server_port],
                      logs[-1].name)
        wait_until(lambda: all("ready" in log.read_text() for log in logs), "SCTP servers")
        for family, host in FAMILIES:
            name = {"protocol": "sctp", "address": endpoint(host, port)}
            lab.call("service.add", service=name, scheduler="rr")
            for server in lab.servers:
                address = endpoint(server.address(family), server_port)
                lab.call("dest.add", service=name, server={"address": address}, forward="nat")
            answer = lab.client.run([sys.executable, SCTP, "client", host, port, 30], check=True)
            seen = json.loads(answer.stdout)
            equal(seen["servers"], {f"server{i}": 10 for i in (1, 2, 3)},
                  f"answers of {host} ({seen['errors']})")
            row, = lab.call("service.list", service=name)["services"]
            equal(row["stats"]["connections"], 30, f"connections of {host}")
        equal([log.read_text() for log in logs], ["ready\n"] * 3, "what the servers say")
        # What is closed is forgotten after 10 s; what is not would stay for minutes.
        wait_until(lambda: connection_states(lab).keys() <= {"CLOSED"},
                   "every association is closed")
        check_no_drops(lab)


def connection_states(lab):
    """State -> connections in it."""
    return Counter(row["state"] for row in lab.connection_rows())
