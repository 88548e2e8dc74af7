# SPDX-License-Identifier: BSD-3-Clause
"""Cases about floods: those who are being served go on being served (docs/tunables.md, "When room
gets short")."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from case import CROWDED_REASONS, FULL, QUICK, case, check, drops, equal, fetch, url
from lab import CLIENT4, HTTP_PORT, PATIENCE, VIP4, wait_until

HTTP4 = ("tcp", 4, HTTP_PORT, (1, 1, 1), "rr")
SYN_FLOOD = Path(__file__).with_name("syn_flood.py")
SOURCES = "10.0.0.0/8"  # of the flood
RECEIVE_BUFFER = "4096 131072 1048576"  # little, so that the client gets what curl reads
UNKNOWN = "02:00:5e:00:53:99"  # a link address that nobody has
HALF_OPEN = ("NONE", "SYN_SENT", "SYN_RECV", "SYNACK")
STATES = (*HALF_OPEN, "ESTABLISHED", "FIN_WAIT", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK")
HALF_OPEN_SHARE = 50  # percent of the table: the tunable half_open_share as it is by default
NEW_A_SECOND = 1000  # that the flood's network may open where that is limited


@dataclass(frozen=True)
class Plan:
    """How long and how much; downloads are held to a rate at which they last `lasts` seconds."""
    downloads: int
    seconds: float  # of the flood
    lasts: int
    connections: int  # places in the table


PLANS = {QUICK: Plan(downloads=4, seconds=3, lasts=32, connections=16384),
         FULL: Plan(downloads=50, seconds=60, lasts=150, connections=1 << 20)}
LEAST_GOODPUT = 0.8  # share of what it is without the flood, on the same share of the CPUs
# A port that loses most of what comes loses answers of ARP, too.
LOST_ARP_REASONS = {"hold_queue_full", "neighbour_unresolved"}
MOST_GROWTH = 16 << 20  # bytes of the daemon's memory once half-open connections have their share


def route_sources(lab):
    """The flood's addresses are behind the client, which hears nothing of answers to them."""
    lab.client.sysctl({"net.ipv4.tcp_rmem": RECEIVE_BUFFER})
    lab.client.ip(f"route add blackhole {SOURCES}\n")
    lab.balancer.ip(f"route add {SOURCES} via {CLIENT4} dev wan0\n")
    lab.synchronise()


@contextmanager
def syn_flood(lab, mac):
    """SYNs to the VIP's web service run meanwhile; what is yielded says then what was sent."""
    process = lab.client.popen([sys.executable, SYN_FLOOD, "eth0", mac, VIP4, HTTP_PORT],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lab.processes.append(process)
    seen = {}
    try:
        check(process.stdout.readline(), "the flood does not begin")
        yield seen
    finally:
        output, _ = process.communicate(timeout=PATIENCE)
        lab.processes.remove(process)
    seen.update(json.loads(output))


class Download:
    """curl, and cmp, which compares what it gets with the file."""

    def __init__(self, lab, path, original, rate, log):
        with open(lab.directory / log, "ab") as errors:
            self.curl = lab.client.popen(["curl", "-sS", "-f", "--limit-rate", rate,
                                          url(VIP4, path)], stdout=subprocess.PIPE, stderr=errors)
        self.cmp = subprocess.Popen(["cmp", "-", original], stdin=self.curl.stdout, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.curl.stdout.close()
        lab.processes += [self.curl, self.cmp]

    def fault(self):
        """Ends it if it has not ended; None when all that came was right, else what was wrong."""
        ended = self.curl.poll()
        self.curl.terminate()
        self.curl.wait()
        verdict = self.cmp.communicate(timeout=PATIENCE)[0].strip()
        if ended is not None and (ended != 0 or verdict):
            return f"curl ended with {ended}: {verdict}"
        return None if not verdict or "EOF on -" in verdict else verdict


def start_downloads(context, lab, plan):
    size = context.scale.download_bytes
    path, _ = context.files.download(size)
    original = context.files.directory / path.lstrip("/")
    return [Download(lab, path, original, size // plan.lasts, f"download{i}.log")
            for i in range(plan.downloads)]


def received(lab):
    """The client's port of each of its connections to the VIP -> bytes that it has got."""
    listed = lab.client.run(["ss", "-tinH", "dst", VIP4], check=True).stdout
    return {int(port): int(count) for port, count in re.findall(
        rf":(\d+)\s+{re.escape(VIP4)}:{HTTP_PORT}\b[^\n]*\n[^\n]*\sbytes_received:(\d+)", listed)}


@contextmanager
def goodput(lab, what):
    """Measures while the `with` block runs; afterwards what is yielded has it as "rate", in bytes a
    second. Only good while no download comes to its end."""
    before, begin, measured = received(lab), time.monotonic(), {}
    yield measured
    after, seconds = received(lab), time.monotonic() - begin
    measured["rate"] = (sum(after.values()) - sum(before.values())) / seconds
    print(f"{what}: goodput {measured['rate'] / 1e6:.1f} MB/s")


def memory(lab):
    """Bytes of the daemon's that are in memory."""
    status = Path(f"/proc/{lab.daemon.pid}/status").read_text(encoding="ascii")
    return sum(int(kib) for kib in re.findall(r"(?:VmRSS|HugetlbPages):\s+(\d+)", status)) << 10


def worker_sum(lab, field):
    return sum(row[field] for row in lab.call("worker.list")["workers"])


def states(lab):
    """State -> connections."""
    counts = {state: lab.call("conn.count", filter={"state": state})["connections"]
              for state in STATES}
    return {state: count for state, count in counts.items() if count}


@case(variants={"1_worker": {"workers": 1, "limited": False},
                "4_workers": {"workers": 4, "limited": False},
                "limited": {"workers": 1, "limited": True}},
      now_and_then=("1_worker", "4_workers"))
def syn_flood_beside_downloads(context, workers, limited):
    """A flood of SYNs from random sources displaces only itself, and costs those little who are being
    served: workers that are behind hold new connections back (new_share), or prefix_rate does.
    """
    plan = PLANS[context.scale]
    with context.balancer(HTTP4, workers=workers, connections=plan.connections) as lab:
        route_sources(lab)
        if limited:
            lab.call("tunable.set", name="prefix_length4", value=8)
            lab.call("tunable.set", name="prefix_rate", value=NEW_A_SECOND)
        downloads = start_downloads(context, lab, plan)
        wait_until(lambda: sum(got > 0 for got in received(lab).values()) == plan.downloads,
                   "every download has begun")
        mac = lab.call("port.list")["ports"][0]["mac"]
        with goodput(lab, "alone"):
            time.sleep(plan.seconds / 3)
        with syn_flood(lab, UNKNOWN), goodput(lab, "beside as many frames for nobody") as usual:
            time.sleep(plan.seconds / 3)
        with syn_flood(lab, mac) as sent:
            in_flood = flooded(lab, plan, limited)
        print(f"sent: {sent}, drops: {drops(lab)}")
        check_got_on(lab, context.scale.download_bytes)
        equal([code for each in downloads if (code := each.curl.poll())], [],
              "exit codes of downloads that broke")
        check_table(lab, downloads, limited)
        equal([fault for each in downloads if (fault := each.fault())], [],
              "downloads that are not what the file is")
        equal(fetch(lab.client, url(VIP4), 30), Counter(server1=10, server2=10, server3=10),
              "answers after the flood")
        if context.scale is FULL:
            check(in_flood["rate"] >= LEAST_GOODPUT * usual["rate"],
                  f"goodput fell from {usual['rate']:.0f} to {in_flood['rate']:.0f} bytes/s")


def flooded(lab, plan, limited):
    """What is to be seen while the flood runs; returns the goodput."""
    signs = {"prefix_limited"} if limited else {"worker_busy"}
    wait_until(lambda: signs & set(drops(lab)) or worker_sum(lab, "evicted_half_open"), "the flood shows in the counters")
    before = memory(lab)
    with goodput(lab, "in the flood") as measured:
        time.sleep(plan.seconds)
    print(f"states: {states(lab)}, memory: {before >> 20} MiB, then {memory(lab) >> 20} MiB")
    if limited:
        fetch(lab.client, url(VIP4), 6)
    else:
        check(memory(lab) - before <= MOST_GROWTH,
              f"the daemon grew from {before} to {memory(lab)} bytes")
    return measured


def check_got_on(lab, size):
    """Every download goes on, however long its TCP has waited by now to send again."""
    before = {port: got for port, got in received(lab).items() if got < size}

    def all_got_on():
        after = received(lab)  # without those that have come to their end
        return all(after.get(port, size) > got for port, got in before.items())
    wait_until(all_got_on, f"some of these downloads stand still: {before}", 4 * PATIENCE)


def check_table(lab, downloads, limited):
    """Half-open connections have no more than their share and nobody else went for them."""
    capacity = lab.call("status.get")["connections_capacity"]
    counted, evicted = states(lab), worker_sum(lab, "evicted_half_open")
    half_open = sum(counted.get(state, 0) for state in HALF_OPEN)
    # The tables of several workers together have more places, as connections spread unevenly.
    check(half_open <= capacity * HALF_OPEN_SHARE / 100 * (1 if lab.workers == 1 else 1.3),
          f"{half_open} half-open connections are beyond their share of {capacity}: {counted}")
    running = sum(each.curl.poll() is None for each in downloads)
    check(counted.get("ESTABLISHED", 0) >= running,
          f"{running} downloads run, and only so many connections are established: {counted}")
    scheduled = lab.call("service.list")["services"][0]["stats"]["connections"]
    kept = worker_sum(lab, "connections")
    check(evicted + kept <= scheduled, f"of {scheduled} connections {evicted} were evicted and "
                                       f"{kept} are there")
    others = set(drops(lab)) - CROWDED_REASONS - (set() if limited else LOST_ARP_REASONS)
    expected = {"prefix_limited"} if limited else {"worker_busy"}
    equal(others | expected, expected, f"reasons of drops ({drops(lab)})")
