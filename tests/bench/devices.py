#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures what devices cost, with dpdk-testpmd, and the daemon on the same kind of device.

testpmd forwards on net_null, net_ring and net_pcap (io, mac, csum): what no balancer can be faster
than. The daemon, on net_pcap with infinite_rx, forwards packets of established connections from a
capture; testpmd io on the very same device and the same packets is taken off, and what is left is
held against shunt-bench without its own device. One JSON file each goes to the folder given.

The device reads its capture once, keeps a buffer for each frame, and copies one for each packet
that it delivers; without a transmit file it frees what is sent. The first packets of the capture
are one of each connection, which they open in its middle (tunable sloppy_tcp).

Nanoseconds are CPU time of the one busy thread by the packets that it moved meanwhile, in the best of
three windows; the median of the repeats counts. Programs run in a network namespace without interfaces.
"""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import pty
import random
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "golden"))
import packets as p  # noqa: E402

START_SECONDS = 60
ANSWER_SECONDS = 20
STOP_SECONDS = 20
WINDOWS = 3  # the best of which counts, in each repeat
WINDOW_SECONDS = 60  # for the CPU time of a measurement, on a machine that is shared
SERVERS = 16
PORT_MAC = "02:70:63:61:70:00"  # of the first net_pcap device
GATEWAY_MAC = "02:00:00:00:00:fe"
LEAST_FRAME = 60
PAYLOAD = 6  # makes the least frame without padding, as shunt-bench has it
RING_BURSTS = 32  # of 32 packets: as many as turn in shunt-bench
MBUFS = 65536


class Failure(Exception):
    """Nothing can be said; the sentence tells why."""


# --- Traffic --------------------------------------------------------------------------------------

def client(flow):
    """Address and port; no two flows share them."""
    return f"10.{flow >> 16 & 255}.{flow >> 8 & 255}.{flow & 255}", 1024 + flow * 7919 % 60000


def frame(flow, reply, payload):
    """Flow n is one of service n modulo 16, which has one server: who serves it is known. Without
    payload it is padded, as each network card does it."""
    number = flow % SERVERS
    virtual, real = (f"198.51.100.{10 + number}", 80), (f"192.168.0.{11 + number}", 8080)
    source, target = (real, client(flow)) if reply else (client(flow), virtual)
    segment = p.tcp(*source, *target, p.ACK, bytes(payload), seq=1, ack=1)
    sender = f"02:00:00:00:01:{number:02x}" if reply else GATEWAY_MAC
    data = p.eth(PORT_MAC, sender, p.ip(source[0], target[0], p.TCP, segment))
    return data.ljust(LEAST_FRAME, b"\0")


def frames(flows, direction, payload=PAYLOAD):
    """One packet of each client, which opens its connection, then packets drawn at random."""
    draw = random.Random(1)
    made = [[frame(flow, reply, payload) for flow in range(flows)] for reply in (False, True)]
    reply = {"in": lambda: 0, "out": lambda: 1, "both": lambda: draw.randrange(2)}[direction]
    rest = max(8192, 2 * flows) - flows
    return made[0] + [made[reply()][draw.randrange(flows)] for _ in range(rest)]


def configuration(capture, flows, cpu):
    def rows(form):
        return ",\n".join(form.format(n=n, vip=10 + n, real=11 + n) for n in range(SERVERS))

    return f"""
workers = 1;
worker_cpus = [ {cpu} ];
idle = "poll";
connections = {max(4096, 2 * flows)};
servers = 64;
packet_buffers = {MBUFS};
tunables = {{ sloppy_tcp = 1; new_share = 100; half_open_share = 100; }};
ports = ( {{ name = "wan0"; twin = false;
             device = "net_pcap,rx_pcap={capture},infinite_rx=1"; }} );
network = {{ provider = "static";
    addresses = ( {{ port = "wan0"; address = "192.168.0.1/24"; }},
        {rows('{{ port = "wan0"; address = "198.51.100.{vip}/32"; }}')} );
    routes = ( {{ to = "0.0.0.0/0"; via = ( {{ port = "wan0"; gateway = "192.168.0.254"; }} ); }} );
    neighbours = ( {{ port = "wan0"; address = "192.168.0.254"; mac = "{GATEWAY_MAC}"; }},
        {rows('{{ port = "wan0"; address = "192.168.0.{real}"; mac = "02:00:00:00:01:{n:02x}"; }}')} );
}};
services = ( {rows('{{ protocol = "tcp"; address = "198.51.100.{vip}:80"; scheduler = "rr"; '
                   'servers = ( {{ address = "192.168.0.{real}:8080"; }} ); }}')} );
"""


# --- Programs -------------------------------------------------------------------------------------

def alone(command):
    """A command in a network namespace of its own, where the user may have one."""
    return (["unshare", "--net"] if os.geteuid() == 0 else []) + command


def worker_thread(pid):
    """The folder in /proc of DPDK's one worker thread."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if "worker" in (task / "comm").read_text():
            return task
    raise Failure("no worker thread")


def cpu_ns(task):
    """CPU time of a thread."""
    return int((task / "schedstat").read_text().split()[0])


def stop(process):
    """Ends a program, whatever it does."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpus():
    """Two CPUs that this process may use, where there are two: one to rest on, one to work on."""
    able = sorted(os.sched_getaffinity(0))
    return able[0], able[-1]


class Testpmd:
    def __init__(self, program, device, mode):
        rest, work = cpus()
        self.ring = device.startswith("net_ring")
        begin = [] if self.ring else ["--auto-start"]
        self.screen, end = pty.openpty()  # elsewhere it says nothing before its buffer is full
        self.process = subprocess.Popen(alone(
            [program, f"--lcores=0@{rest},1@{work}", "--no-pci", *memory(), "--iova-mode=va",
             "--no-telemetry", f"--vdev={device}", "--", "-i", *begin, f"--forward-mode={mode}",
             "--burst=32", f"--total-num-mbufs={MBUFS}", "--no-mlockall"]),
            stdin=subprocess.PIPE, stdout=end, stderr=end)
        os.close(end)
        self.text = b""

    def __enter__(self):
        try:
            self.read(rb"testpmd> $", START_SECONDS)
            if self.ring:  # nothing comes but what it sends itself
                self.ask(f"start tx_first {RING_BURSTS}", rb"packet forwarding - ")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        stop(self.process)
        self.process.stdin.close()
        os.close(self.screen)

    def read(self, pattern, seconds=ANSWER_SECONDS):
        """Reads on until it has said so; the match."""
        deadline = time.monotonic() + seconds
        while not (match := re.search(pattern, self.text)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.screen], [], [], left)[0]:
                raise Failure(f"testpmd does not answer: {self.text[-300:].decode()}")
            try:
                self.text += os.read(self.screen, 65536)
            except OSError:
                raise Failure(f"testpmd ended: {self.text[-300:].decode()}") from None
        self.text = b""
        return match

    def ask(self, words, pattern):
        self.process.stdin.write(words.encode() + b"\n")
        self.process.stdin.flush()
        return self.read(pattern)

    def packets(self):
        return int(self.ask("show port stats 0", rb"RX-packets: *(\d+)[^\d]")[1])

    def check(self):
        pass


class Daemon:
    def __init__(self, build, folder, flows, capture):
        (folder / "run.conf").write_text(configuration(capture, flows, cpus()[1]))
        self.build, self.flows = build, flows
        self.socket, self.log = folder / "s", folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                alone([str(build / "shuntd"), "--config", "run.conf", "--socket", str(self.socket)]),
                cwd=folder, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def __enter__(self):
        deadline = time.monotonic() + START_SECONDS
        try:
            while not self.ready():
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise Failure(f"shuntd does not forward: {self.log.read_text()[-500:]}")
                time.sleep(0.05)
            self.check()
        except BaseException:
            stop(self.process)
            raise
        return self

    def __exit__(self, *_):
        stop(self.process)

    def ready(self):
        return "event=ready" in self.log.read_text() and self.packets() >= 100 * self.flows

    def stats(self):
        done = subprocess.run([str(self.build / "shuntctl"), "--socket", str(self.socket), "stats",
                               "--json"], capture_output=True, text=True, timeout=ANSWER_SECONDS)
        if done.returncode != 0:
            raise Failure(f"shuntctl stats: {done.stderr.strip()}")
        return json.loads(done.stdout)["workers"][0]

    def packets(self):
        return self.stats()["received"]

    def check(self):
        """No figure counts unless every packet was forwarded."""
        stats = self.stats()
        # Counters are read while the worker works: a burst may be under way.
        if (stats["connections"] != self.flows or stats["dropped"] or stats["to_host"] or
                abs(stats["received"] - stats["forwarded"]) > 64):
            raise Failure(f"not every packet was forwarded: {stats}")


def memory():
    """Huge pages where there are enough."""
    free = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
    enough = free.exists() and int(free.read_text()) >= 256
    return ["--in-memory"] if enough else ["--no-huge", "--no-shconf", "-m", "1024"]


def moment(program, task):
    """CPU time of a thread and packets that it moved. The answer takes time: the middle of it."""
    before = cpu_ns(task)
    moved = program.packets()
    return (before + cpu_ns(task)) / 2, moved


def window(program, seconds):
    """Nanoseconds of CPU time a packet, while its thread worked for so long."""
    task = worker_thread(program.process.pid)
    begin, received = moment(program, task)
    deadline = time.monotonic() + WINDOW_SECONDS
    while cpu_ns(task) - begin < seconds * 1e9:
        if time.monotonic() > deadline:
            raise Failure(f"not {seconds} s of CPU time within {WINDOW_SECONDS} s")
        time.sleep(seconds / 10)
    end, moved = moment(program, task)
    if moved == received:
        raise Failure("no packets moved")
    return (end - begin) / (moved - received)


def least_disturbed(program, seconds):
    """Others leave cold caches behind, so the best of a few windows is the nearest to the truth."""
    figures = [window(program, seconds) for _ in range(WINDOWS)]
    program.check()
    return min(figures)


# --- Measurements ---------------------------------------------------------------------------------

def result(command, runs, **members):
    middle = statistics.median(runs)
    return {"command": command, **members, "ns_per_packet": round(middle, 2),
            "mpps": round(1e3 / middle, 2), "runs": [round(ns, 2) for ns in runs]}


def measure_peers(args, folder):
    capture = folder / "peers.pcap"
    p.write_pcap(capture, frames(1024, "in"))
    for device in ("net_null0", "net_ring0", f"net_pcap0,rx_pcap={capture},infinite_rx=1"):
        for mode in ("io", "mac", "csum"):
            with Testpmd(args.testpmd, device, mode) as peer:
                runs = [least_disturbed(peer, args.seconds) for _ in range(args.repeat)]
            name = device.split("0")[0]
            yield f"testpmd-{name}-{mode}", result("testpmd", runs, device=name, mode=mode)


def bench_ns(args, flows, direction):
    """What shunt-bench takes for a packet, without its own device and making the packets."""
    done = subprocess.run(
        [str(args.build / "shunt-bench"), "forward", "--flows", str(flows), "--direction", direction,
         "--seconds", str(args.seconds), "--repeat", "3", "--account", "--json"],
        capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(done.stderr.strip())
    measured = json.loads(done.stdout)
    account, hz = measured["account"], measured["machine"]["tsc_hz"]
    device = sum(account["parts"][part]["cycles"] for part in ("receive", "transmit", "traffic"))
    return (measured["cycles_per_packet"] - device) * 1e9 / hz


def measure_daemon(args, folder, flows, direction, padded):
    capture = folder / f"{direction}-{flows}.pcap"
    p.write_pcap(capture, frames(flows, direction, 0 if padded else PAYLOAD))
    runs = collections.defaultdict(list)
    for _ in range(args.repeat):  # in alternation, so that all see the same machine
        with Testpmd(args.testpmd, f"net_pcap0,rx_pcap={capture},infinite_rx=1", "io") as peer:
            runs["device"].append(least_disturbed(peer, args.seconds))
        with Daemon(args.build, folder, flows, capture) as daemon:
            runs["daemon"].append(least_disturbed(daemon, args.seconds))
        runs["bench"].append(bench_ns(args, flows, direction))
    device, bench = (statistics.median(runs[key]) for key in ("device", "bench"))
    measured = result("daemon", runs["daemon"], forward="nat", family=4, direction=direction,
                      flows=flows, padded=padded)
    pipeline = measured["ns_per_packet"] - device
    measured |= {"device_ns": round(device, 2), "device_runs": [round(ns, 2) for ns in runs["device"]],
                 "pipeline_ns": round(pipeline, 2), "bench_pipeline_ns": round(bench, 2),
                 "bench_runs": [round(ns, 2) for ns in runs["bench"]],
                 "ratio_to_bench": round(pipeline / bench, 4)}
    return f"daemon-nat-ipv4-{direction}-{flows}{'-padded' if padded else ''}", measured


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default="build")
    parser.add_argument("--testpmd", default="dpdk-testpmd")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--flows", type=int, nargs="+", default=[1024, 16384])
    parser.add_argument("--only", choices=["peers", "daemon"])
    parser.add_argument("out", type=pathlib.Path, help="folder for JSON files")
    args = parser.parse_args()
    args.build = args.build.resolve()
    args.out.mkdir(parents=True, exist_ok=True)

    def save(name, measured):
        (args.out / f"{name}.json").write_text(json.dumps(measured) + "\n")
        ratio = measured.get("ratio_to_bench")
        print(f"{name:34} {measured['ns_per_packet']:7.2f} ns" +
              (f", pipeline {measured['pipeline_ns']:.2f} ns, {ratio:.3f} of shunt-bench"
               if ratio else ""), flush=True)

    try:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            if args.only != "daemon":
                for name, measured in measure_peers(args, folder):
                    save(name, measured)
            if args.only != "peers":
                for flows in args.flows:
                    for direction in ("in", "both"):
                        save(*measure_daemon(args, folder, flows, direction, padded=False))
                save(*measure_daemon(args, folder, args.flows[0], "both", padded=True))
    except (Failure, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"devices.py: {error}")


if __name__ == "__main__":
    main()
