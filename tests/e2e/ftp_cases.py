# SPDX-License-Identifier: BSD-3-Clause
"""Cases about FTP: real clients and servers, and the data connections that they agree on."""

import hashlib
import itertools
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

from case import FULL, QUICK, case, check, check_no_drops, drops, equal
from ftp_lab import (ANY_SOURCE, APPS, CLIENTS, FTP, NUMBERS, PAIR, STRANGER4, STRANGER6, FtpLab,
                     Visit, Wire, credentials, family_of, python_session, python_sessions,
                     rough_path, services_text)
from lab import CLIENT4, CLIENT6, LabError, wait_until

SERVERS, CLIENT_NAMES = ("vsftpd", "pure-ftpd", "pyftpdlib"), ("curl", "lftp", "tnftp", "ftplib")
MODES = ("PASV", "EPSV", "PORT", "EPRT")
KINDS = ("short", "long", "ipv6")  # of virtual addresses: see ftp_lab.VIPS
LARGE = {QUICK: 1 << 20, FULL: 100 << 20}  # bytes
WORKERS = {"1_worker": {"workers": 1}, "4_workers": {"workers": 4}}


@contextmanager
def ftp(context, workers=1, straight=False, extra="", sizes=(), **options):
    """An FtpLab, behind a running daemon or (straight) without one."""
    sizes = {0, 1, LARGE[context.scale], *sizes}
    if straight:
        with context.lab(kind=FtpLab, sizes=sizes, straight=True, **options) as lab:
            yield lab
        return
    text = extra if "apps" in extra else APPS + extra
    with context.balancer(kind=FtpLab, workers=workers, sizes=sizes,
                          extra=context.extra + text + services_text(), **options) as lab:
        yield lab


def app_counters(lab):
    return lab.call("app.list")["counters"]


# --- the table -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Combination:
    server: str
    client: str
    mode: str
    kind: str

    def __str__(self):
        return f"{self.server:10} {self.client:7} {self.mode:5} {self.kind:6}"

    @property
    def gap(self):
        """Why it cannot be, or None."""
        if self.kind == "ipv6" and self.mode in ("PASV", "PORT"):
            return f"{self.mode} has no words for IPv6"
        if self.client == "lftp" and self.mode == "EPRT" and self.kind != "ipv6":
            return "lftp says PORT where it can"
        return None


EVERYTHING = [Combination(*each) for each in itertools.product(SERVERS, CLIENT_NAMES, MODES, KINDS)]
# Each server, client, command and kind of address, and each of them in several company.
CHOSEN = [Combination(*line.split()) for line in """\
vsftpd curl PASV short
vsftpd curl EPRT ipv6
vsftpd lftp PORT long
vsftpd tnftp EPSV ipv6
vsftpd ftplib PASV long
pure-ftpd curl PORT short
pure-ftpd lftp EPSV long
pure-ftpd tnftp PASV long
pure-ftpd ftplib EPRT ipv6
pyftpdlib curl EPSV short
pyftpdlib lftp PASV short
pyftpdlib lftp EPRT ipv6
pyftpdlib tnftp EPRT long
pyftpdlib ftplib EPSV ipv6""".splitlines()]

LISTING = "list.txt"


class Bench:
    """Has combinations tried in a lab, and looks at the wires meanwhile."""

    def __init__(self, context, lab, sizes=None):
        self.lab = lab
        self.sizes = sizes or (0, 1, LARGE[context.scale])
        self.number = 0
        self.client_wire = Wire(lab, lab.client, "client")
        self.server_wires = [Wire(lab, server.namespace, server.name) for server in lab.servers]
        self.here = lab.directory / "client"
        self.here.mkdir(exist_ok=True)

    def fault(self, combination):
        """Tries it; None when all was well, else what was not."""
        try:
            self.attempt(combination)
            return None
        except (AssertionError, LabError) as error:
            return str(error)

    def attempt(self, combination):
        self.number += 1
        number = NUMBERS[combination.server]
        tree, host = self.lab.trees[number], self.lab.host(combination.server, combination.kind)
        names = {size: f"{self.number}-{size}" for size in self.sizes}
        steps = []
        for size, name in names.items():
            steps += [("put", self.lab.originals[size], f"up/{name}"),
                      ("get", f"files/{size}", self.here / name)]
        steps.append(("list", "files", self.here / LISTING))
        for wire in (self.client_wire, *self.server_wires):
            wire.forget()
        visit = Visit(host, *credentials(combination.server), combination.mode, tuple(steps))
        outcome = CLIENTS[combination.client](self.lab, visit)
        (self.lab.directory / f"{self.number}.log").write_text(f"{combination}\n{outcome.log}")
        expect(outcome.code == 0, f"exit code {outcome.code}: {last_lines(outcome.log)}")
        self.check_files(tree, names)
        check_log(outcome.log, visit)
        self.check_wires(visit, number, len(steps))

    def check_files(self, tree, names):
        """Both ends have the same; nothing is left of it afterwards."""
        for size, name in names.items():
            for what, path in (("upload", tree.up(name)), ("download", self.here / name)):
                expect(path.exists(), f"{what} of {size} B: no file")
                expect(digest(path) == self.lab.sums[size],
                       f"{what} of {size} B: {path.stat().st_size} B came, or other ones")
                path.unlink()
        listing = (self.here / LISTING).read_text()
        listed = {line.split()[-1] for line in listing.splitlines() if len(line.split()) > 7}
        wanted = {"name", *(str(size) for size in self.lab.originals)}
        expect(listed == wanted, f"listing: {sorted(listed)} and not {sorted(wanted)}")
        (self.here / LISTING).unlink()

    def check_wires(self, visit, number, transfers):
        """One control connection and one data connection a transfer went from the client to the
        virtual address (or back), and from its address to the server; and nothing else."""
        client = {4: CLIENT4, 6: CLIENT6}[family_of(visit.host)]
        server = self.lab.servers[number].address(family_of(visit.host))
        views = ((self.client_wire, client, visit.host),
                 (self.server_wires[number], client, server))
        seen = []
        for wire, near, far in views:
            try:
                wait_until(lambda wire=wire: len(wire.calls()) > transfers, "connections", 5)
            except LabError:
                pass  # what is there instead is said below
            control, data = split_calls(wire.calls())
            expect([(call.source, call.target) for call in control] == [(near, far)],
                   f"control connections: {control}")
            ends = {(call.source, call.target) for call in data}
            expect(ends == {(near, far) if visit.passive else (far, near)},
                   f"{visit.mode}: data connections {ends}")
            expect(len(data) == transfers, f"{len(data)} data connections, not {transfers}")
            seen.append({call.source_port if visit.passive else call.target_port for call in data})
        expect(seen[0] == seen[1], "the client's ports are other ones at the server")


def expect(truth, text):
    if not truth:
        raise AssertionError(text)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def last_lines(text):
    return " | ".join(text.strip().splitlines()[-4:])


def split_calls(calls):
    return ([call for call in calls if call.is_control],
            [call for call in calls if not call.is_control])


def check_log(log, visit):
    """The client said what it should, was told the virtual address, and took its leave."""
    said = {mode for mode in MODES if re.search(rf"\b{mode}\b", log)}
    expect(visit.mode in said, f"{visit.mode} was not said, but {sorted(said)}")
    # curl does not show its QUIT; "intact" is after the last reply.
    expect(re.search(r"^.{0,20}221[ -]", log, re.MULTILINE) or "left intact" in log, "no farewell")
    for told in re.findall(r"\b227 [^\n]*?(\d+,\d+,\d+,\d+),\d+,\d+", log):
        expect(told == visit.host.replace(".", ","), f"227 names {told}")


def try_all(context, lab, combinations, label, sizes=None):
    """Tries each and prints the table; fails if one fails."""
    bench, failed = Bench(context, lab, sizes), []
    for combination in combinations:
        fault = None if combination.gap else bench.fault(combination)
        word = "gap" if combination.gap else "FAILED" if fault else "ok"
        context.table.append(f"{word:6} {label:18} {combination} {combination.gap or fault or ''}"
                             .rstrip())
        if fault:
            failed.append(str(combination))
    equal(failed, [], "combinations that failed")


def chosen(context):
    return EVERYTHING if context.scale is FULL else CHOSEN


@case(seconds=600, now_and_then=("",))
def ftp_straight(context):
    """What the FTP cases do works by itself: the same without a balancer in between."""
    with ftp(context, straight=True) as lab:
        lines = [each for each in chosen(context) if each.kind != "long"]
        try_all(context, lab, lines, "straight")


@case(seconds=1800, variants=WORKERS)
def ftp_table(context, workers):
    """Every FTP client with every server, in every way that they can."""
    lines = chosen(context)
    if context.scale is QUICK:
        lines = lines[::2] if workers == 1 else lines[1::2]
    with ftp(context, workers, extra=ANY_SOURCE) as lab:
        try_all(context, lab, lines, f"{workers} worker{'s'[:workers - 1]}")
        check_no_drops(lab)
        counters = app_counters(lab)
        check(counters["passive"] and counters["active"], f"nothing was helped: {counters}")


ROUGH = {"cut": ("--cut",), "lossy": ("--loss", "2", "--reorder", "10"),
         "cut_lossy": ("--cut", "--loss", "2", "--reorder", "10")}


@case(seconds=1800, variants={f"{name}_{ending}": {"options": options, **arguments}
                              for name, options in ROUGH.items()
                              for ending, arguments in {**WORKERS, "straight": {"straight": True}}
                              .items()},
      now_and_then=("cut_straight", "lossy_straight", "cut_lossy_straight", "cut_1_worker",
                    "lossy_1_worker", "cut_lossy_1_worker", "cut_lossy_4_workers"))
def ftp_rough(context, options, workers=1, straight=False):
    """The same when control packets come byte by byte (cut), or get lost and overtaken (lossy)."""
    # Of what is cut each second reply loses a byte: few combinations take minutes.
    many = context.scale is FULL and options != ROUGH["cut_lossy"]
    lines = [each for each in (EVERYTHING if many else CHOSEN)
             if not (straight and each.kind == "long")]
    sizes = (0, 1, LARGE[QUICK])
    with ftp(context, workers, straight, ANY_SOURCE, sizes=sizes) as lab:
        with rough_path(lab, *options) as done:
            try_all(context, lab, lines if many else lines[::3],
                    " ".join(options), sizes)
        total = sum((Counter(each) for each in done.values()), Counter())
        print(f"rough paths: {dict(total)}, drops {'none' if straight else drops(lab)}")
        check(total["pieces"] > 1000 or "--cut" not in options, f"little was cut: {total}")
        check(total["overtaken"] or "--loss" not in options, f"nothing happened: {total}")
        if not straight:
            check_no_drops(lab)


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def ftp_pair(context, workers):
    """Two servers behind one address take sessions by turns, and data connections follow them."""
    with ftp(context, workers) as lab:
        wires = [Wire(lab, lab.servers[i].namespace, f"pair{i}") for i in (0, 3)]
        for family, host in PAIR.items():
            for mode in ("PASV", "PORT")[:2 if family == 4 else 0] + ("EPSV", "EPRT"):
                for wire in wires:
                    wire.forget()
                names = [pair_session(lab, host, mode) for _ in range(6)]
                equal(Counter(names), Counter(server1=3, server4=3), f"servers of {host} by {mode}")
                for wire in wires:
                    wait_until(lambda wire=wire: len(wire.calls()) >= 9, "connections")
                    equal(len(wire.calls()), 9, f"{mode}: 3 sessions with 2 transfers")
        check_no_drops(lab)


def pair_session(lab, host, mode):
    """The name of the server that a session got, by its file; its listing is of the same one."""
    name, listing = lab.directory / "pair-name", lab.directory / "pair-list"
    session, log = python_session(lab, host, credentials("vsftpd"), mode,
                                  [("get", "files/name", name), ("list", "files", listing)])
    equal(session["error"], None, f"session of {host} by {mode}: {last_lines(log)}")
    return name.read_text()


# --- many ----------------------------------------------------------------------------------------


@case(variants=WORKERS, now_and_then=("1_worker",))
def ftp_long_session(context, workers):
    """A hundred transfers in one session: every rewritten reply moves the stream's numbers."""
    with ftp(context, workers, extra=ANY_SOURCE) as lab:
        long_sessions(context, lab)
        check_no_drops(lab)


@case(now_and_then=("",))
def ftp_long_session_straight(context):
    """The same without a balancer."""
    with ftp(context, straight=True) as lab:
        long_sessions(context, lab)


def long_sessions(context, lab):
    for server, mode, kind in (("vsftpd", "PASV", "long"), ("pure-ftpd", "PASV", "short"),
                               ("pyftpdlib", "EPSV", "ipv6"), ("vsftpd", "EPRT", "ipv6"),
                               ("pyftpdlib", "PORT", "short")):
        if lab.straight and kind == "long":
            continue
        wanted = [lab.sums[1]] * 100
        session, log = python_session(lab, lab.host(server, kind), credentials(server), mode,
                                      [("sum", "files/1", 100), ("command", "NOOP")])
        equal(session["error"], None, f"{server} {mode} {kind}: {last_lines(log)}")
        check(session["values"][0] == wanted, f"{server} {mode} {kind}: other bytes than sent")
        equal(session["values"][1][:1], "2", f"{server} {mode} {kind}: NOOP afterwards")
        check(session["goodbye"].startswith("221"), f"goodbye: {session['goodbye']}")


@case(variants={**WORKERS, "straight": {"straight": True}}, now_and_then=("1_worker", "straight"))
def ftp_many_sessions(context, workers=1, straight=False):
    """Fifty sessions at once, each with uploads and downloads."""
    size = 64 << 10
    with ftp(context, workers, straight, ANY_SOURCE, sizes=[size]) as lab:
        for server, mode, kind in (("vsftpd", "PORT", "short"), ("pure-ftpd", "PASV", "short"),
                                   ("pyftpdlib", "EPSV", "ipv6")):
            what = f"{server} {mode} {kind}"
            sessions, _ = python_sessions(
                lab, lab.host(server, kind), credentials(server), mode,
                [("put", lab.originals[size], f"up/{mode}-#"), ("sum", f"files/{size}", 5),
                 ("list", "files", lab.directory / "many-#"), ("command", "NOOP")], 50)
            equal([each["error"] for each in sessions if each["error"]], [], f"{what}: errors")
            sums = {value for each in sessions for value in each["values"][1]}
            equal(sums, {lab.sums[size]}, f"{what}: downloads")
            uploads = {digest(lab.trees[NUMBERS[server]].up(f"{mode}-{i}")) for i in range(50)}
            equal(uploads, {lab.sums[size]}, f"{what}: uploads")
        if not straight:
            check_no_drops(lab)


# --- those who mean no good ----------------------------------------------------------------------

LOW_PORT, FOREIGN_PORT = 900, 4000


def active_command(address, port, extended):
    if extended:
        return f"EPRT |{2 if ':' in address else 1}|{address}|{port}|"
    return f"PORT {address.replace('.', ',')},{port >> 8},{port & 255}"


@case(variants={f"{name}{ending}": {"kind": kind, "extended": extended, "workers": workers}
                for name, kind, extended in (("port", "short", False), ("eprt", "long", True),
                                             ("eprt_ipv6", "ipv6", True))
                for ending, workers in (("", 1), ("_4_workers", 4))},
      now_and_then=("port_4_workers", "eprt", "eprt_ipv6"))
def ftp_bounce(context, kind, extended, workers):
    """PORT and EPRT to somebody else, or to a port below 1024, are refused, and nobody is called.
    The server by itself does as it is told, at once."""
    with ftp(context, workers, extra=ANY_SOURCE) as lab:
        bounce(lab, kind, extended)
        counters = app_counters(lab)
        equal((counters["active_foreign"], counters["active_low_port"]), (1, 1), "counted refusals")
        check_no_drops(lab)


@case(now_and_then=("",))
def ftp_bounce_straight(context):
    """Without a balancer the server calls whom it is told to, at once."""
    with ftp(context, straight=True) as lab:
        wire = Wire(lab, lab.servers[2].namespace, "server3")
        for extended in (False, True):
            python_session(lab, lab.host("pyftpdlib", "short"), credentials("pyftpdlib"), "PORT",
                           [("command", active_command(lab.servers[0].address4,
                                                       FOREIGN_PORT + extended, extended))])
            wait_until(lambda: FOREIGN_PORT + extended in
                       {call.target_port for call in wire.calls()}, "the server's call", 5)


def bounce(lab, kind, extended):
    host = lab.host("pyftpdlib", kind)
    family = family_of(host)
    victim = lab.servers[0].address(family)
    client = {4: CLIENT4, 6: CLIENT6}[family]
    wires = [Wire(lab, lab.client, "client"),
             *(Wire(lab, server.namespace, server.name) for server in lab.servers)]
    copy = lab.directory / "afterwards"
    session, log = python_session(
        lab, host, credentials("pyftpdlib"), "EPRT" if extended else "PORT",
        [("command", active_command(victim, FOREIGN_PORT, extended)),
         ("listen", client, LOW_PORT), ("command", active_command(client, LOW_PORT, extended)),
         ("called", 1), ("get", "files/1", copy), ("command", "NOOP")])
    equal(session["error"], None, f"the session: {last_lines(log)}")
    foreign, _, low, called, _, noop = session["values"]
    check(foreign.startswith("5"), f"not refused: {foreign}")
    check(low.startswith("5"), f"not refused: {low}")
    check(not called, "the low port was called")
    equal(noop[:1], "2", "NOOP afterwards")
    equal(digest(copy), lab.sums[1], "what came by the client's own port")
    calls = set().union(*(wire.calls() for wire in wires))
    bad = [call for call in calls if call.target_port in (FOREIGN_PORT, LOW_PORT)]
    equal(bad, [], "calls of those who were not to be called")


@case(variants={"pasv": {"mode": "PASV", "kind": "short"}, "epsv": {"mode": "EPSV", "kind": "long"},
                "epsv_ipv6": {"mode": "EPSV", "kind": "ipv6", "workers": 4}},
      now_and_then=("epsv",))
def ftp_stranger(context, mode, kind, workers=1):
    """The port that a server opens for a client is open for that client only."""
    with ftp(context, workers) as lab:
        host = lab.host("vsftpd", kind)
        stranger = {4: STRANGER4, 6: STRANGER6}[family_of(host)]
        wire = Wire(lab, lab.servers[0].namespace, "server1")
        session, log = python_session(lab, host, credentials("vsftpd"), mode,
                                      [("strangers_call", stranger), ("command", "NOOP")])
        equal(session["error"], None, f"the session: {last_lines(log)}")
        outcome, noop = session["values"]
        check(outcome in ("ConnectionRefusedError", "TimeoutError"), f"the stranger: {outcome}")
        equal(noop[:1], "2", "NOOP afterwards")
        equal([call for call in wire.calls() if call.source == stranger], [],
              "calls of the stranger's that reached the server")


# --- the server's port 20 ------------------------------------------------------------------------


@case()
def ftp_port_20(context):
    """By default servers call from port 20, and the client sees port 20 of the virtual address."""
    with ftp(context) as lab:
        wire = Wire(lab, lab.client, "client")
        for server, mode, kind in (("vsftpd", "PORT", "short"), ("pure-ftpd", "EPRT", "ipv6")):
            wire.forget()
            host, copy = lab.host(server, kind), lab.directory / "copy"
            session, log = python_session(lab, host, credentials(server), mode,
                                          [("get", "files/1", copy)])
            equal(session["error"], None, f"{server}: {last_lines(log)}")
            wait_until(lambda: len(wire.calls()) >= 2, "connections")
            data = [call for call in wire.calls() if not call.is_control]
            equal([(call.source, call.source_port) for call in data], [(host, FTP - 1)],
                  "who called the client")
        check_no_drops(lab)


# --- TLS -----------------------------------------------------------------------------------------


@case(variants={**WORKERS, "straight": {"straight": True}}, now_and_then=("1_worker", "straight"))
def ftp_tls_control(context, workers=1, straight=False):
    """After AUTH TLS the control connection goes on, and is left alone."""
    with ftp(context, workers, straight, tls=True) as lab:
        for kind in ("short", "ipv6"):
            session, log = python_session(
                lab, lab.host("vsftpd", kind), credentials("vsftpd"), "EPSV",
                [("command", text) for text in ("PWD", "CWD /files", "SIZE 1", "NOOP", "STAT")]
                * 20, tls=True)
            equal(session["error"], None, f"the session: {last_lines(log)}")
            check(all(value[0] == "2" for value in session["values"]),
                  f"replies {[value for value in session['values'] if value[0] != '2'][:3]}")
        if not straight:
            equal(app_counters(lab)["tls"], 2, "sessions counted as unreadable")
            check_no_drops(lab)


# --- silence -------------------------------------------------------------------------------------

IDLE_SECONDS = 2  # timeout_established
TRANSFER = {QUICK: 8, FULL: 60}  # seconds, several times as long
SLOW_BYTES = 1 << 20
CALLED_BACK = {"server": "pure-ftpd", "mode": "EPRT", "kind": "ipv6"}


@case(variants={**WORKERS, "active_1_worker": {"workers": 1, **CALLED_BACK},
                "active_4_workers": {"workers": 4, **CALLED_BACK}},
      now_and_then=("active_1_worker", "active_4_workers"))
def ftp_silent_control(context, workers, server="vsftpd", mode="PASV", kind="short"):
    """A transfer keeps its silent control connection alive, which otherwise would have expired."""
    seconds = TRANSFER[context.scale]
    with ftp(context, workers, extra="tunables = { timeout_established = %d; };\n" % IDLE_SECONDS,
             sizes=[SLOW_BYTES]) as lab:
        # A small buffer, so that the server sends all the time.
        lab.client.sysctl({"net.ipv4.tcp_rmem": "4096 16384 16384"})
        session, log = python_session(
            lab, lab.host(server, kind), credentials(server), mode,
            [("slow", f"files/{SLOW_BYTES}", SLOW_BYTES // seconds), ("command", "NOOP"),
             ("sum", "files/1", 2)])
        equal(session["error"], None, f"the session: {last_lines(log)}")
        slow, noop, sums = session["values"]
        equal(slow, lab.sums[SLOW_BYTES], "the slow download")
        equal(noop[:1], "2", "NOOP afterwards")
        equal(sums, [lab.sums[1]] * 2, "downloads afterwards")
        check(app_counters(lab)["kept"] > 0, "no control connection was kept")
        check_silence_ends_others(lab)


def check_silence_ends_others(lab):
    """A session that only waits is forgotten: time is short enough for what is shown above."""
    session, log = python_session(lab, lab.host("vsftpd", "short"), credentials("vsftpd"), "EPSV",
                                  [("wait", 2.5 * IDLE_SECONDS), ("command", "NOOP")])
    check(session["error"], f"silence did no harm: {last_lines(log)}")
