# SPDX-License-Identifier: BSD-3-Clause
"""What the end-to-end cases have in common: how one is declared, how it checks, and the running
balancer that most of them start from."""

import itertools
import json
import subprocess
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab import (NAT, PATIENCE, VIP4, VIP6, Lab, LabError, endpoint, make_file, peer_command,
                 service_text, wait_until)

CASES = {}  # name -> Case, in order of declaration

# Reasons (src/base/drop_reason.h) that only a broken packet can cause; nobody here sends one.
BAD_PACKET_REASONS = {"truncated", "ipv4_bad_header", "ipv4_bad_checksum", "ipv6_bad_header",
                      "l4_bad_header", "split_header", "partial_checksum"}

# Reasons that a busy machine causes: somebody got no CPU while others filled its queue. That may
# befall a few packets where there are many, and none where there are few.
CROWDED_REASONS = {"handoff_full", "transmit_full", "host_full", "no_buffer"}
CROWDED_SHARE = 0.01


class CheckFailed(Exception):
    """The balancer did something else than it should; str() says what."""


def check(truth, text):
    if not truth:
        raise CheckFailed(text)


def equal(actual, expected, what):
    check(actual == expected, f"{what}:\n  expected {expected}\n  got      {actual}")


@dataclass(frozen=True)
class Case:
    name: str
    function: object
    arguments: dict
    seconds: int  # limit for what hangs; in a full run FULL_TIME_FACTOR times as much
    always: bool  # else only in a full run, or when its name is given

    @property
    def purpose(self):
        return self.function.__doc__.splitlines()[0]


FULL_TIME_FACTOR = 4


def case(seconds=300, variants=None, now_and_then=()):
    """Declares a function of a Context as a case; variants: name's ending -> further arguments.
    Those now_and_then run in full runs only, or by their name."""
    def declare(function):
        name = function.__name__
        for ending, arguments in (variants or {"": {}}).items():
            full_name = f"{name}_{ending}" if ending else name
            CASES[full_name] = Case(full_name, function, arguments, seconds,
                                    ending not in now_and_then)
        return function
    return declare


@dataclass(frozen=True)
class Scale:
    """How much of it a run does."""
    download_bytes: int
    iperf_seconds: int
    operations: int  # at least so many changes of the configuration ...
    requests: int    # ... while so many requests are made
    datagram_bytes: int  # in big datagrams, cut into fragments


QUICK = Scale(download_bytes=64 << 20, iperf_seconds=3, operations=1000, requests=100,
              datagram_bytes=10 << 20)
FULL = Scale(download_bytes=1 << 30, iperf_seconds=30, operations=10_000, requests=1000,
             datagram_bytes=100 << 20)


@dataclass
class Context:
    """What a case is given. `directory` is its own and is kept when it fails."""
    build: object
    scale: Scale
    directory: object
    files: object  # Files: what the web servers offer
    extra: str = ""  # configuration text for daemons whose case has none of its own
    table: list = field(default_factory=list)  # lines that are printed in any case

    def lab(self, workers=1, queues=1, kind=Lab, **options):
        """A lab (a Lab, or what is derived from it) with its real servers running and no daemon
        yet."""
        made = kind(self.build, workers=workers, queues=queues, directory=self.directory,
                    www=self.files.directory, **options)
        try:
            made.start_servers()
        except BaseException:
            made.close()
            raise
        return made

    def bare_lab(self):
        """A lab without daemon and servers, for starts that fail."""
        return Lab(self.build, servers=1, directory=self.directory)

    @contextmanager
    def balancer(self, *services, workers=1, queues=1, extra="", prepare=None, **options):
        """A lab with a running daemon; services are arguments of service(), `extra` is further
        text of the configuration, prepare(lab) is called before the daemon starts. After the body
        no bad packet may have been counted, and the daemon has to end as it should."""
        with self.lab(workers, queues, **options) as lab:
            if prepare:
                prepare(lab)
            lab.start_daemon([service(lab, *arguments) for arguments in services],
                             extra or self.extra)
            try:
                yield lab
                if lab.daemon:
                    check_no_bad_packets(lab)
                    check_end(lab)
            except Exception as error:
                self.write_state(lab)
                code = lab.daemon.poll() if lab.daemon else None
                if code is not None:
                    raise CheckFailed(f"shuntd ended with {code}, see shuntd.log") from error
                raise

    def write_state(self, lab):
        """For whoever has to find out what went wrong."""
        try:
            state = {method: lab.call(method)
                     for method in ("stats.get", "worker.list", "port.list", "service.list")}
        except (OSError, LabError, AttributeError) as error:
            state = {"unavailable": str(error)}
        (self.directory / "state.json").write_text(json.dumps(state, indent=1))


def drops(lab):
    """Reason -> packets, without the zeros."""
    return {reason: n for reason, n in lab.call("stats.get")["drops"].items() if n}


def check_no_bad_packets(lab):
    bad = {reason: n for reason, n in drops(lab).items() if reason in BAD_PACKET_REASONS}
    equal(bad, {}, "packets counted as broken")


def check_drops(lab, expected=()):
    """Each of these reasons has dropped packets and no other one has, besides full queues."""
    counted = drops(lab)
    others = set(counted) - (CROWDED_REASONS - set(expected))
    equal(others, set(expected), f"reasons of drops ({counted})")
    crowded = sum(n for reason, n in counted.items() if reason not in others)
    received = sum(row["received"] for row in lab.call("worker.list")["workers"])
    check(crowded <= received * CROWDED_SHARE,
          f"of {received} packets {crowded} found a full queue: {counted}")


def check_no_drops(lab):
    check_drops(lab)


def tcp_counters(space):
    """What a host counts about TCP, over both families. OutSegs are without RetransSegs."""
    names, values = (line.split()[1:] for line in space.run(["cat", "/proc/net/snmp"]).stdout
                     .splitlines() if line.startswith("Tcp:"))
    return dict(zip(names, map(int, values)))


def check_end(lab):
    fault = lab.stop_daemon().fault()
    check(fault is None, fault)


# --- clients -------------------------------------------------------------------------------------


def peer(space, *argv, timeout=2 * PATIENCE):
    """Runs a client of peers.py in a namespace; returns what it saw."""
    return json.loads(space.run(peer_command(*argv), timeout=timeout, check=True).stdout)


class Background:
    """A client of peers.py that runs beside the case; it says {"ready": true} when it has begun
    to listen, if it is one that listens."""

    def __init__(self, space, *argv):
        self.name = argv[0]
        self.process = space.popen(peer_command(*argv), stdout=subprocess.PIPE, text=True)
        if self.name.startswith("capture"):
            self.process.stdout.readline()

    def result(self, timeout=PATIENCE):
        try:
            output, _ = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise CheckFailed(f"{self.name} did not end within {timeout} s") from None
        return json.loads(output)


# Each request of fetch() has a port of its own. When the client's kernel chooses, it begins anew at
# a random port every 10 s, and a port that is used again within two minutes stays with its server
# where the balancer does not see the server's answers (tunable conn_reuse_mode).
FETCH_PORTS = itertools.cycle(range(10_000, 32_768))


def fetch(space, url, count=1):
    """Fetches url `count` times, each on a connection of its own; Counter of the answers' text."""
    requests = "next\n".join(
        f'url = "{url}"\nlocal-port = {next(FETCH_PORTS)}\nheader = "Connection: close"\n'
        f"max-time = {PATIENCE}\nfail\ngloboff\nsilent\nshow-error\n" for _ in range(count))
    result = space.run(["curl", "--fail-early", "-K", "-"], input=requests, timeout=4 * PATIENCE)
    answers = Counter(result.stdout.split())
    check(result.returncode == 0, f"request {sum(answers.values()) + 1} of {count} to {url} "
                                  f"failed: {result.stderr.strip()}")
    return answers


class CurlLoop:
    """One curl after another to a URL until the end of the `with` block; then `answers` counts
    what they got: the text of good ones, "failed: REASON" of others."""

    SCRIPT = """
while [ ! -e "$2" ]; do
    curl -sS -f -g --max-time "$3" "$1" 2>&1 || true
done"""

    def __init__(self, lab, url, name="loop"):
        self.lab, self.url = lab, url
        self.end_file = lab.directory / f"{name}.end"
        self.output = lab.directory / f"{name}.log"
        self.answers = Counter()

    def __enter__(self):
        self.process = self.lab.spawn(
            self.lab.client,
            ["sh", "-c", self.SCRIPT, "sh", self.url, self.end_file, PATIENCE / 2],
            self.output.name)
        self.wait_for_answers(1)
        return self

    def wait_for_answers(self, count):
        """Returns when `count` more requests than by now have been answered."""
        target = self.count() + count
        wait_until(lambda: self.count() >= target, f"{count} more answers from {self.url}")

    def count(self):
        return len(self.output.read_text().splitlines())

    def __exit__(self, *_):
        self.end_file.touch()
        self.process.wait(PATIENCE)
        for line in self.output.read_text().splitlines():
            self.answers[f"failed: {line}" if line.startswith("curl:") else line] += 1

    def failures(self):
        return {text: n for text, n in self.answers.items() if text.startswith("failed: ")}


# --- services ------------------------------------------------------------------------------------


def service(lab, protocol, family, port, weights, scheduler="wrr", way=NAT, server_family=None,
            flags=""):
    """Configuration text of a service on the lab's VIP; weights go to its servers in order. way:
    see service_text(); server_family: when it is another one than the service's."""
    address = endpoint(VIP4 if family == 4 else VIP6, port)
    servers = [(endpoint(server.address(server_family or family), port), weight)
               for server, weight in zip(lab.servers, weights)]
    return service_text(protocol, address, scheduler, servers, way, flags)


def url(host, path="/", port=80):
    return f"http://{endpoint(host, port)}{path}"


class Files:
    """What the real servers' web servers offer besides their names; made when first asked for."""

    def __init__(self, directory):
        self.directory = directory
        self.sums = {}

    def download(self, size):
        """(path on the server, SHA-256) of a file of that size."""
        name = f"{size}.bin"
        if name not in self.sums:
            self.sums[name] = make_file(self.directory / name, size)
        return f"/{name}", self.sums[name]
