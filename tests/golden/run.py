#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends the captures of the golden cases through shuntd and compares what comes out, byte by byte.

Each case runs in a folder of its own under the temporary directory, as any user, without huge pages
and without interfaces. shuntd is asked over its socket until every packet has its verdict; then
statistics and connections are compared, it is ended, and the captures are read.
"""
import argparse
import collections
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import packets as p

HERE = pathlib.Path(__file__).resolve().parent
# How long a slow and busy machine may take; where all is well nobody waits for the end of it.
START_SECONDS = 60
SETTLE_SECONDS = 30
STOP_SECONDS = 60
HOLD_SECONDS = 3  # after that shuntd gives up packets that wait for a link address
ATTEMPTS = 3  # of a case whose timeouts were over before it could be asked about


class Failure(Exception):
    """The case fails for this reason."""


# --- The daemon -----------------------------------------------------------------------------------

class Daemon:
    def __init__(self, program, folder):
        self.begin = time.monotonic()
        self.path = str(folder / "s")
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [program, "--config", "run.conf", "--socket", self.path], cwd=folder, stdout=log,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.stream = None

    def connect(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.process.poll() is not None:
                raise Failure(f"shuntd ended with {self.process.returncode} at its start")
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(SETTLE_SECONDS)
            try:
                stream.connect(self.path)
                self.stream = stream.makefile("rw")
                return
            except OSError:
                stream.close()
            if time.monotonic() > deadline:
                raise Failure(f"no socket after {START_SECONDS} s")
            time.sleep(0.02)

    def call(self, method, **params):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.stream.write(json.dumps(request) + "\n")
        self.stream.flush()
        answer = json.loads(self.stream.readline())
        if "error" in answer:
            raise Failure(f"{method}: {answer['error']}")
        return answer["result"]

    def age(self):
        """Seconds since its start; no packet is older."""
        return time.monotonic() - self.begin

    def connections(self):
        """All of them: a busy worker may not fill a page at once."""
        rows, cursor = [], None
        while True:
            page = self.call("conn.list", **({"cursor": cursor} if cursor else {}))
            rows += page["connections"]
            cursor = page["cursor"]
            if cursor is None:
                return rows

    def settle(self, received, held):
        """Waits until every packet has its verdict and so many wait; the statistics then."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            stats = self.call("stats.get")
            sums = collections.Counter()
            for worker in stats["workers"]:
                sums.update({k: v for k, v in worker.items() if isinstance(v, int)})
            ways_in = sum(sums[k] for k in ("received", "from_twin", "taken_over", "resumed",
                                            "generated", "split"))
            verdicts = sum(sums[k] for k in ("forwarded", "to_host", "from_host", "handed_off",
                                             "held", "joined", "dropped"))
            if (sums["received"] >= received and sums["held"] - sums["resumed"] == held and
                    sums["handed_off"] == sums["taken_over"] and ways_in == verdicts):
                return stats, sums
            if time.monotonic() > deadline:
                raise Failure(f"not settled after {SETTLE_SECONDS} s, {received} packets went in: "
                              f"{dict(sums)}, drops {nonzero(stats['drops'])}")
            time.sleep(0.02)

    def stop(self):
        """Ends it, in any state. The exit code, or None when it had to be killed."""
        if self.stream:
            self.stream.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


def nonzero(counters):
    return {k: v for k, v in counters.items() if v}


# --- Comparing ------------------------------------------------------------------------------------

def normal(frames):
    """The frames of one flow without what Shunt may choose: the identification of ICMPv4 errors, of
    IPv4 tunnel packets without DF and of IPv6 fragments, and the source port of GUE. What has to
    hold for them is kept: they are blanked only where the checksums over them are right and the
    port is one of 32768 to 60999; pieces of one datagram have one identification, and packets of
    one flow one port."""
    result, ident, port = [], None, None
    for frame in frames:
        d = p.decode_frame(frame)
        at = len(frame) - len(d.l3)
        tunnel = d.source is not None and (d.protocol in (p.IN_IPV4, p.IN_IPV6, p.GRE) or
                                           p.wrapped(d) is not None)
        if tunnel and d.protocol == p.UDP and gue_is_right(d) and port in (None, d.sport):
            port = d.sport
            l4 = p.put16(p.put16(d.l4, 0, 0), 6, bool(d.l4[6] | d.l4[7]))
            frame = frame[:at + d.l4_at] + l4 + frame[at + d.length:]
        if chosen_ident(d, tunnel) and (d.offset == 0 or d.ident == ident):
            ident = d.ident
            if d.v6:
                frame = frame[:at + d.fragment_at + 4] + bytes(4) + frame[at + d.fragment_at + 8:]
            else:
                frame = p.put16(p.put16(frame, at + 4, 0), at + 10, 0)
        result.append(frame)
    return result


def chosen_ident(d, tunnel):
    """Is the identification the balancer's own? Then it may be any."""
    if d.v6:
        return d.fragment
    error = d.source is not None and d.protocol == p.ICMP and p.quoted(d) is not None
    return (error or tunnel and not d.df) and p.ones_sum(d.l3[:d.l4_at]) == 0xFFFF


def gue_is_right(d):
    return 32768 <= d.sport <= 60999 and (
        d.l4[6:8] == b"\0\0" or
        p.l4_checksum(d.source, d.target, p.UDP, d.l4) == int.from_bytes(d.l4[6:8], "big"))


def flow_of(frame):
    """What keeps its order: the packets of one flow, in one direction. Fragments show no ports
    but in the first one, so all between two hosts are one flow."""
    d = p.decode_frame(frame)
    if d.fragment:
        return "fragment", d.protocol, d.source, None, d.target, None
    inner = p.quoted(d) if d.source else None
    d2 = inner or (p.wrapped(d) if d.source else None) or d
    return (inner is None, d2.protocol, d2.source, d2.sport, d2.target, d2.dport)


def compare_frames(port, expected, actual):
    flows = dict.fromkeys(map(flow_of, expected + actual))
    for flow in flows:
        wanted, got = [normal([f for f in frames if flow_of(f) == flow])
                       for frames in (expected, actual)]
        compare_sequence(port, wanted, got)


def compare_sequence(port, expected, actual):
    for n, (wanted, got) in enumerate(zip(expected, actual), 1):
        if wanted != got:
            raise Failure(f"{port}: packet {n} of {len(expected)} of a flow is another one\n"
                          f"  expected {p.describe(wanted)}\n{p.hexdump(wanted, got)}\n"
                          f"  got      {p.describe(got)}\n{p.hexdump(got, wanted)}")
    if len(expected) > len(actual):
        missing = expected[len(actual)]
        raise Failure(f"{port}: {len(actual)} packets of a flow instead of {len(expected)}, the "
                      f"first that is missing:\n  {p.describe(missing)}\n{p.hexdump(missing)}")
    if len(actual) > len(expected):
        extra = actual[len(expected)]
        raise Failure(f"{port}: {len(actual)} packets of a flow instead of {len(expected)}, the "
                      f"first that is too much:\n  {p.describe(extra)}\n{p.hexdump(extra)}")


def compare_values(what, expected, actual):
    if expected != actual:
        raise Failure(f"{what}\n  expected {json.dumps(expected)}\n  got      {json.dumps(actual)}")


def compare_services(expected, actual):
    """Each expected field must be there with its value; others (rates) are free."""
    actual = {service_name(s): s for s in actual}
    for service in expected:
        name = key = service_name(service)
        if key not in actual:
            raise Failure(f"service {name} is not there")
        got = actual.pop(key)
        got["stats"].pop("rates")
        compare_values(f"statistics of {name}", service["stats"], got["stats"])
        for server in got["servers"]:
            server["stats"].pop("rates")
            server.pop("persistent", None)
            if server.get("tunnel", {}).get("checksum") == "none":
                del server["tunnel"]["checksum"]
        compare_values(f"servers of {name}", service["servers"], got["servers"])
    compare_values("services too much", [], sorted(actual))


def service_name(row):
    """As one text: protocol and address, or mark and family."""
    return " ".join(str(value) for _, value in sorted(row["service"].items(), reverse=True))


def compare_connections(expected, actual, age):
    """age: for how many seconds at most they may have been silent."""
    def key(row):
        return row["protocol"], row["client"], row["virtual"]

    expected, actual = sorted(expected, key=key), sorted(actual, key=key)
    for row, got in zip(expected, actual):
        wanted = {k: row[k] for k in ("protocol", "client", "virtual", "server", "forward",
                                        "state")}
        compare_values("connection", wanted, {k: got[k] for k in wanted})
        if not row["timeout"] - age - 1 <= got["expires"] <= row["timeout"]:
            raise Failure(f"connection of {row['client']} in {row['state']} expires in "
                          f"{got['expires']} s, its timeout is {row['timeout']} s")
    compare_values("number of connections", len(expected), len(actual))


def check_exit_line(log, counters):
    """What shuntd says about all packets when it ends."""
    found = re.search(r"event=conservation (.*) result=ok", log)
    if not found:
        raise Failure("no line 'event=conservation ... result=ok' at the end")
    line = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", found[1])}
    wanted = {"received": counters["received"], "generated": counters["generated"],
              "forwarded": counters["forwarded"],
              "dropped": sum(counters["drops"].values()) + counters["held"],
              "joined": counters["joined"], "split": counters["split"],
              "to_host": 0, "from_host": 0, "held": 0}
    compare_values("last line of shuntd", wanted, {k: line.get(k) for k in wanted})


# --- Cases ----------------------------------------------------------------------------------------

def prepare(case, folder, workers):
    for capture in case.glob("*.in.pcap"):
        shutil.copy(capture, folder)
    text = (case / "shunt.conf").read_text()
    (folder / "run.conf").write_text(re.sub(r"(?m)^workers = \d+;", f"workers = {workers};", text))


def check_running(daemon, counters):
    stats, sums = daemon.settle(counters["received"], counters["held"])
    compare_values("drops", counters["drops"], nonzero(stats["drops"]))
    for name in ("received", "generated", "forwarded", "joined", "split"):
        compare_values(name, counters[name], sums[name])
    compare_services(counters["services"], daemon.call("service.list")["services"])
    rows = daemon.connections()
    compare_connections(counters["connections"], rows, daemon.age())


def check_captures(case, folder):
    for wanted in sorted(case.glob("*.out.pcap")):
        compare_frames(wanted.name.split(".")[0], p.read_pcap(wanted),
                       p.read_pcap(folder / wanted.name))


def shortest_timeout(counters):
    """Seconds after which what shuntd keeps of the case's packets is not all there any more."""
    return min([row["timeout"] for row in counters["connections"]]
               + [HOLD_SECONDS for _ in range(counters["held"])], default=float("inf"))


def run_case(program, case, workers):
    """None, or why it fails. A machine that was too slow for the timeouts of the case has shown
    nothing, and tries again."""
    counters = json.loads((case / "counters.json").read_text())
    for _ in range(ATTEMPTS):
        problem, seconds = attempt(program, case, workers, counters)
        if problem is None or seconds < shortest_timeout(counters):
            break
    return problem


def attempt(program, case, workers, counters):
    """(None, or why it fails; the seconds until all that shuntd keeps was looked at). Bytes are told
    about before counters: they say more."""
    with tempfile.TemporaryDirectory(prefix="shunt-golden-") as name:
        folder = pathlib.Path(name)
        prepare(case, folder, workers)
        daemon = Daemon(program, folder)
        problem = code = None
        try:
            daemon.connect()
            check_running(daemon, counters)
        except (Failure, OSError, ValueError) as failure:
            problem = failure
        finally:
            seconds = daemon.age()
            code = daemon.stop()
        log = daemon.log.read_text(errors="replace")
        try:
            check_captures(case, folder)
            if problem:
                raise problem
            compare_values("exit code", 0, code)
            check_exit_line(log, counters)
        except (Failure, OSError, ValueError) as failure:
            return f"{failure}" + (f"\n{log}" if code != 0 else ""), seconds
    return None, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent.parent / "build",
                        help="folder with shuntd (default: build)")
    parser.add_argument("--workers", type=int, help="only with so many workers")
    parser.add_argument("names", nargs="*", help="cases (default: all)")
    args = parser.parse_args()
    program = args.build.resolve() / "shuntd"
    if not program.is_file():
        parser.error(f"{program} is not there, build it first")
    cases = sorted(path.parent for path in HERE.glob("*/counters.json"))
    unknown = set(args.names) - {case.name for case in cases}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    passed = failed = 0
    for case in cases:
        if args.names and case.name not in args.names:
            continue
        for workers in json.loads((case / "counters.json").read_text())["workers"]:
            if args.workers not in (None, workers):
                continue
            problem = run_case(str(program), case, workers)
            what = f"{case.name}, {workers} worker{'s' if workers > 1 else ''}"
            print(f"{what}: {'ok' if problem is None else problem}", flush=True)
            passed, failed = passed + (problem is None), failed + (problem is not None)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
