# SPDX-License-Identifier: BSD-3-Clause
"""Cases about what is balanced: TCP and UDP of real programs, over both families."""

import json
import statistics
import time
from collections import Counter

from case import (Background, case, check, check_drops, check_no_drops, drops, equal, fetch, peer,
                  tcp_counters, url)
from lab import HTTP_PORT, IPERF_PORT, PATIENCE, UDP_ECHO_PORT, VIP4, VIP6, wait_until

HTTP4 = ("tcp", 4, HTTP_PORT, (3, 2, 1))
HTTP6 = ("tcp", 6, HTTP_PORT, (3, 2, 1))
ECHO4 = ("udp", 4, UDP_ECHO_PORT, (1, 1, 1), "rr")
ECHO6 = ("udp", 6, UDP_ECHO_PORT, (1, 1, 1), "rr")
WORKERS = {"1_worker": {"workers": 1, "queues": 1},
           "2_workers": {"workers": 2, "queues": 2},
           "4_workers": {"workers": 4, "queues": 4},
           "4_workers_1_queue": {"workers": 4, "queues": 1}}


@case(variants=WORKERS)
def wrr(context, workers, queues):
    """Weights 3:2:1 give 300, 200 and 100 of 600 requests, over IPv4 and over IPv6."""
    with context.balancer(HTTP4, HTTP6, workers=workers, queues=queues) as lab:
        shares = Counter(server1=300, server2=200, server3=100)
        equal(fetch(lab.client, url(VIP4), 600), shares, "answers over IPv4")
        equal(fetch(lab.client, url(VIP6), 600), shares, "answers over IPv6")
        check_no_drops(lab)
        for row in lab.call("service.list")["services"]:
            name = row["service"]["address"]
            equal(row["stats"]["connections"], 600, f"connections of {name}")
            equal(sorted(server["stats"]["connections"] for server in row["servers"]),
                  [100, 200, 300], f"connections of the servers of {name}")
        check_workers(lab, workers, queues)


def check_workers(lab, workers, queues):
    """Each worker had its part of the connections, and hand-off was needed where it must be."""
    lab.let_pass()
    wait_until(lambda: handed_over(lab), "every packet that a worker handed off is taken over")
    rows = json.loads(lab.ctl("worker", "list", "--json").stdout)["workers"]
    equal([row["worker"] for row in rows], list(range(workers)), "workers")
    owned = [row["connections"] for row in rows]
    check(min(owned) * workers * 2 > sum(owned), f"connections are spread unevenly: {owned}")
    handed_off = sum(row["handed_off"] for row in rows)
    if workers == 1:
        equal(handed_off, 0, "packets handed off by the only worker")
    elif queues < workers:
        check(handed_off > 0, "one queue fed several workers, yet none was handed a packet")


def handed_over(lab):
    """Whether no packet is between two workers."""
    rows = lab.call("worker.list")["workers"]
    return sum(row["handed_off"] for row in rows) == sum(row["taken_over"] for row in rows)


@case(variants={"ipv4_1_worker": {"host": VIP4, "workers": 1, "queues": 1},
                "ipv6_1_worker": {"host": VIP6, "workers": 1, "queues": 1},
                "ipv4_4_workers_1_queue": {"host": VIP4, "workers": 4, "queues": 1}})
def download(context, host, workers, queues):
    """A big file arrives as it was sent."""
    path, digest = context.files.download(context.scale.download_bytes)
    with context.balancer(HTTP4, HTTP6, workers=workers, queues=queues) as lab:
        received = lab.client.run(
            ["sh", "-c", f"curl -sS -f -g --max-time 200 '{url(host, path)}' | sha256sum"],
            timeout=240)
        equal(received.stdout.split()[:1], [digest], f"SHA-256 ({received.stderr.strip()})")


@case(variants={"ipv4": {"host": VIP4}, "ipv6": {"host": VIP6}})
def iperf3(context, host):
    """Eight TCP streams run at once, first towards the server and then from it."""
    seconds = context.scale.iperf_seconds
    one_server = (IPERF_PORT, (1,), "rr")
    with context.balancer(("tcp", 4, *one_server), ("tcp", 6, *one_server), workers=2,
                          queues=1) as lab:
        log = lab.directory / "server1-iperf3.log"
        for number, direction in enumerate(([], ["--reverse"]), 1):
            wait_until(lambda n=number: log.read_text().count("Server listening") == n,
                       "iperf3's server takes the next test")
            result = lab.client.run(["iperf3", "--client", host, "--parallel", 8, "--json",
                                     "--time", seconds, *direction], timeout=seconds + PATIENCE)
            report = json.loads(result.stdout)
            check("error" not in report, f"iperf3 {direction}: {report.get('error')}")
            received = [stream["receiver"]["bytes"] for stream in report["end"]["streams"]]
            equal(len(received), 8, "streams")
            check(min(received) > 0, f"a stream stood still; bytes received: {received}")
            rate = report["end"]["sum_received"]["bits_per_second"] / 1e6
            print(f"{' '.join(direction) or '--forward'}: {rate:.0f} Mbit/s, "
                  f"{report['end']['sum_sent'].get('retransmits')} retransmits, "
                  f"drops so far {drops(lab)}")


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def udp_echo(context, workers):
    """Datagrams, each of its own flow, go round the servers and come back whole."""
    with context.balancer(ECHO4, ECHO6, workers=workers) as lab:
        for first_port, host, options in ((20000, VIP4, []), (20000, VIP6, []),
                                          (21000, VIP4, ["--no-checksum"])):
            seen = peer(lab.client, "udp-client", host, UDP_ECHO_PORT, 120, "--source-port",
                        first_port, *options)
            equal(seen["errors"], {}, f"errors at {host} {options}")
            equal(seen["servers"], {"server1": 40, "server2": 40, "server3": 40},
                  f"answers at {host} {options}")
        check_no_drops(lab)


@case()
def source_port_reuse(context):
    """A client that uses a port again gets a new connection at once, scheduled anew."""
    with context.balancer(("tcp", 4, HTTP_PORT, (1, 1, 1), "rr"),
                          ("tcp", 6, HTTP_PORT, (1, 1, 1), "rr")) as lab:
        for host in (VIP4, VIP6):
            seen = peer(lab.client, "http-again", host, 30000, 9)
            equal(seen["servers"], {"server1": 3, "server2": 3, "server3": 3},
                  f"answers of {host} ({seen['errors']})")
            # A SYN that is lost comes again after a second, and so it does when all are slow: some
            # may be.
            check(statistics.median(seen["seconds"]) < 0.9, f"SYNs were lost: {seen['seconds']} s")
        wait_until(lambda: segments_arrived(lab), "each segment of the client is at a server")


def segments_arrived(lab):
    """Whether the servers got as many TCP segments as the client has sent; it sends to nobody
    else."""
    sent = tcp_counters(lab.client)
    got = sum(tcp_counters(server.namespace)["InSegs"] for server in lab.servers)
    return got == sent["OutSegs"] + sent["RetransSegs"]


@case()
def hop_limit(context):
    """A packet with one hop left is answered with 'time exceeded'; with two it arrives."""
    with context.balancer(ECHO4, ECHO6) as lab:
        for host in (VIP4, VIP6):
            seen = peer(lab.client, "udp-client", host, UDP_ECHO_PORT, 3, "--ttl", 1)
            equal(seen["errors"], {"EHOSTUNREACH": 3}, f"TTL 1 to {host} ({seen['servers']})")
            seen = peer(lab.client, "udp-client", host, UDP_ECHO_PORT, 3, "--ttl", 2)
            equal(seen["errors"], {}, f"TTL 2 to {host}")
        check_drops(lab, ["ttl_expired"])
        equal(drops(lab)["ttl_expired"], 6, "packets of which the time was exceeded")


@case()
def udp_without_checksum(context):
    """An IPv4 datagram that came without a checksum arrives with a right one, as with IPVS."""
    with context.balancer(("udp", 4, UDP_ECHO_PORT, (1,))) as lab:
        capture = Background(lab.servers[0].namespace, "capture-udp", "eth0", UDP_ECHO_PORT, 10)
        seen = peer(lab.client, "udp-client", VIP4, UDP_ECHO_PORT, 10, "--no-checksum")
        equal(seen["servers"], {"server1": 10}, f"answers ({seen['errors']})")
        check(all(capture.result()["checksums"]), "a datagram arrived without a checksum")


@case(variants={"ipv4": {"family": 4}, "ipv6": {"family": 6}})
def first_packet_waits(context, family):
    """A packet for a server whose link address is unknown waits for it and is not lost."""
    echo, host = (ECHO4, VIP4) if family == 4 else (ECHO6, VIP6)
    protocol, _, port, *_ = echo
    with context.balancer((protocol, family, port, (1,))) as lab:
        for attempt in range(3):
            forget_neighbours(lab)
            seen = peer(lab.client, "udp-client", host, port, 1)
            equal(seen["servers"], {"server1": 1}, f"attempt {attempt + 1}: {seen['errors']}")
        late = 0
        while (seconds := held_for_silent_server(lab, host, port)) is None:
            late += 1
            check(late < 5, "the packet that waits for the silent server is lost")
        print(f"the server was silent for {seconds:.2f} s")
        check_drops(lab, ["neighbour_unresolved"] if late else [])


# The balancer's kernel asks three times, a second apart, and then gives up, as the daemon does. A
# server that is back for the second question is early enough, even on a busy machine.
SILENCE = 1.0


def held_for_silent_server(lab, host, port):
    """Has a packet wait for a server that is silent at first; returns for how long, or None when
    that was too long for the packet."""
    def held():
        return sum(row["held"] for row in lab.call("worker.list")["workers"])
    silence(lab, 1)
    forget_neighbours(lab)
    before, begin = held(), time.monotonic()
    client = Background(lab.client, "udp-client", host, port, 1, "--timeout", 10)
    wait_until(lambda: held() > before, "no packet is held for the silent server")
    silence(lab, 1, over=True)
    seconds = time.monotonic() - begin
    seen = client.result()
    if seen["errors"] and seconds > SILENCE:
        return None
    equal(seen["servers"], {"server1": 1}, f"answers once the server speaks ({seen['errors']})")
    return seconds


def forget_neighbours(lab):
    for space in [lab.client, lab.balancer, *(server.namespace for server in lab.servers)]:
        space.run(["ip", "neigh", "flush", "all"])


def silence(lab, number, over=False):
    """Cuts a server off without either side's link going down, or puts it back."""
    lab.switch.ip(f"link set sw{number} {'master br0' if over else 'nomaster'}\n")


@case()
def unreachable_server(context):
    """Packets for a server that nobody answers for are given up and counted; others go on."""
    with context.balancer(("udp", 4, UDP_ECHO_PORT, (1, 1), "rr")) as lab:
        silence(lab, 1)
        forget_neighbours(lab)
        seen = peer(lab.client, "udp-burst", VIP4, UDP_ECHO_PORT, 4, "--answers", 2)
        equal(seen["servers"], {"server2": 2}, "answers")
        wait_until(lambda: drops(lab).get("neighbour_unresolved"),
                   "packets for the silent server are not given up")
        silence(lab, 1, over=True)

        def all_answer():
            seen = peer(lab.client, "udp-burst", VIP4, UDP_ECHO_PORT, 4, "--timeout", 3)
            return seen["servers"] == {"server1": 2, "server2": 2}
        wait_until(all_answer, "the server is back and gets nothing")


@case()
def routed_past_services(context):
    """What is for no service is routed by the host: straight to a real server and back."""
    with context.balancer(HTTP4, HTTP6) as lab:
        for family in (4, 6):
            target = url(lab.servers[1].address(family))
            equal(fetch(lab.client, target, 20), Counter(server2=20), f"answers of {target}")
        services = lab.call("service.list")["services"]
        equal([row["stats"]["connections"] for row in services], [0, 0], "connections balanced")
