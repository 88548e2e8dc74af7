# SPDX-License-Identifier: BSD-3-Clause
"""Cases about what is not balanced: the host behind the kernel twins is there as if the ports were
its own."""

import re
from collections import Counter

from case import (Background, case, check, check_no_drops, equal, fetch, peer, tcp_counters,
                  url)
from lab import (HTTP_PORT, LAN4, LAN6, PATIENCE, VIP4, VIP6, WAN4, WAN6, peer_command,
                 wait_until)

HTTP4 = ("tcp", 4, HTTP_PORT, (1, 1, 1))
HTTP6 = ("tcp", 6, HTTP_PORT, (1, 1, 1))
SSH_LIKE_PORT = 22022


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def ping(context, workers):
    """Every address of the balancer answers each ping once."""
    with context.balancer(HTTP4, HTTP6, workers=workers) as lab:
        for host in (VIP4, WAN4, VIP6, WAN6):
            check_ping(lab.client, host)
        for host in (LAN4, LAN6):
            check_ping(lab.servers[0].namespace, host)
        check_ping(lab.balancer, lab.servers[2].address4)
        check_ping(lab.balancer, lab.servers[2].address6)
        check_no_drops(lab)


def check_ping(space, host, count=5, size=56):
    """Each question is answered once, and in order. With -w ping waits for the last answer (else
    for two round trips only) and asks further meanwhile, so that there may be more of them."""
    output = space.run(["ping", "-n", "-c", count, "-i", "0.1", "-w", int(PATIENCE), "-s",
                        size, host]).stdout
    answered = [int(number) for number in re.findall(r"\bicmp_seq=(\d+)", output)]
    check(len(answered) >= count and answered == list(range(1, len(answered) + 1)),
          f"{space.name} pings {host}:\n{output}")


@case()
def ping_sizes(context):
    """Pings that fill a frame, and IPv6 ones cut into fragments, reach the host and come back."""
    # IPv4 fragments are left out: the kernel joins them before AF_PACKET hands them to DPDK's
    # driver, and what they make then is larger than the driver's frames.
    with context.balancer(HTTP4, HTTP6) as lab:
        for host, size in ((VIP4, 1472), (VIP6, 1452), (VIP6, 4000)):
            check_ping(lab.client, host, 3, size)
        check_no_drops(lab)


@case()
def neighbour_answers(context):
    """ARP and ND questions for the balancer's addresses get one answer: the port's own address."""
    with context.balancer(HTTP4, HTTP6) as lab:
        for space, twin, hosts in ((lab.client, "wan0", (WAN4, VIP4, WAN6, VIP6)),
                                   (lab.servers[0].namespace, "lan0", (LAN4, LAN6))):
            mac = lab.balancer.run(["cat", f"/sys/class/net/{twin}/address"]).stdout.strip()
            port = "port0" if twin == "wan0" else "port1"
            equal(mac, lab.balancer.run(["cat", f"/sys/class/net/{port}/address"]).stdout.strip(),
                  f"link address of {twin}")
            for host in hosts:
                equal(peer(space, "who-has", host, "eth0")["answers"], [mac], f"who has {host}")


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def host_tcp(context, workers):
    """Connections to and from the host itself carry megabytes, beside services on the VIP."""
    with context.balancer(HTTP4, HTTP6, workers=workers) as lab:
        lab.spawn(lab.balancer, peer_command("tcp-echo", SSH_LIKE_PORT), "host-echo.log")
        wait_until(lambda: f":{SSH_LIKE_PORT} " in lab.balancer.run(["ss", "-Hlnt"]).stdout,
                   "the host's echo listens")
        for host in (WAN4, VIP4, WAN6, VIP6):
            seen = peer(lab.client, "tcp-client", host, SSH_LIKE_PORT, 3_000_000)
            equal(seen, {"outcome": "same", "received": 3_000_000}, f"echo by {host}")
        for address in (lab.servers[1].address4, lab.servers[1].address6):
            equal(fetch(lab.balancer, url(address), 5), Counter(server2=5),
                  f"the host's requests to {address}")
        listed = lab.call("service.list")["services"]
        equal([row["stats"]["packets_in"] for row in listed], [0, 0], "packets of the services")


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def refused(context, workers):
    """A port of the VIP that is no service is refused by the host, the first SYN already."""
    with context.balancer(HTTP4, HTTP6, workers=workers) as lab:
        for host in (VIP4, VIP6):
            for port in (81, 443, 8080, 65535):
                seen = peer(lab.client, "tcp-connect", host, port)
                equal(seen["outcome"], "ECONNREFUSED", f"connection to {host} port {port}")
            seen = peer(lab.client, "udp-client", host, 99, 3)
            equal(seen["errors"], {"ECONNREFUSED": 3}, f"datagrams to {host} port 99")
        # How long it took says nothing on a busy machine.
        wait_until(lambda: every_syn_was_refused(lab), "a reset for each SYN of the client")
        check_no_drops(lab)


def every_syn_was_refused(lab):
    sent = tcp_counters(lab.client)
    return tcp_counters(lab.balancer)["OutRsts"] == sent["OutSegs"] + sent["RetransSegs"]


@case()
def vlan_tags(context):
    """Frames of a VLAN that no service is in pass between port and twin with their tag."""
    with context.balancer(HTTP4) as lab:
        for sender, source, receiver, sink in ((lab.client, "eth0", lab.balancer, "wan0"),
                                               (lab.balancer, "wan0", lab.client, "eth0")):
            capture = Background(receiver, "capture-tagged", sink, 5)
            peer(sender, "send-tagged", source, 42, 5)
            equal(capture.result()["vlans"], [42] * 5,
                  f"VLANs at {receiver.name} {sink}")


@case()
def addresses_come_and_go(context):
    """An address given to a twin is answered at once, serves, and is silent once it is taken."""
    with context.balancer(HTTP4) as lab:
        extra = "192.0.2.77"
        equal(peer(lab.client, "who-has", extra, "eth0", "--wait", 1)["answers"], [],
              f"who has {extra}")
        lab.balancer.ip(f"addr add {extra}/32 dev wan0\n")
        check_ping(lab.client, extra)
        name = {"protocol": "tcp", "address": f"{extra}:80"}
        lab.call("service.add", service=name, scheduler="rr")
        lab.call("dest.add", service=name, server={"address": f"{lab.servers[2].address4}:80"},
                 forward="nat", weight=1)
        equal(fetch(lab.client, url(extra), 10), Counter(server3=10), "answers")
        lab.call("service.delete", service=name)
        lab.balancer.ip(f"addr del {extra}/32 dev wan0\n")
        equal(peer(lab.client, "who-has", extra, "eth0", "--wait", 1)["answers"], [],
              f"who has {extra}")


@case()
def route_change(context):
    """A route that the operator adds is followed as soon as the daemon has heard of it."""
    with context.balancer(HTTP4) as lab:
        away = "203.0.113.5"
        near, gateway = lab.servers[0].namespace, lab.servers[1]
        for protocol in ("udp", "tcp"):
            name = {"protocol": protocol, "address": f"{VIP4}:8080"}
            lab.call("service.add", service=name, scheduler="rr")
            lab.call("dest.add", service=name, server={"address": f"{away}:80"}, forward="nat",
                     weight=1)
        seen = peer(lab.client, "udp-client", VIP4, 8080, 1)
        equal(seen["errors"], {"EHOSTUNREACH": 1}, "a server that no route leads to")
        near.ip(f"addr add {away}/32 dev lo\n")
        gateway.namespace.sysctl({"net.ipv4.ip_forward": 1})
        gateway.namespace.ip(f"route add {away}/32 via {lab.servers[0].address4}\n")
        lab.balancer.ip(f"route add {away}/32 via {gateway.address4}\n")
        lab.synchronise()
        equal(fetch(lab.client, url(VIP4, port=8080), 5), Counter(server1=5),
              "answers by way of server2")
