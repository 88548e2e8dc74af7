# SPDX-License-Identifier: BSD-3-Clause
"""Cases about FTPS, served as docs/ftp.md has it: where nobody on the way can read what is said, a
persistent service on all ports, or on a mark, brings data connections to their server."""

from collections import Counter
from contextlib import contextmanager

from case import case, check, check_no_drops, equal
from ftp_cases import WORKERS, app_counters, check_log, digest, last_lines
from ftp_lab import (APPS, FTP, PAIR, STRANGER4, STRANGER6, FtpLab, Visit, Wire, credentials,
                     python_session, run_curl, run_lftp, services_text, vsftpd_command)
from lab import CLIENT4, CLIENT6, NAT, endpoint, service_text, wait_until

IMPLICIT = 990
FIRST_PORT, LAST_PORT = 50000, 50099
PORTS = range(FIRST_PORT, LAST_PORT + 1)
CLIENTS = ((CLIENT4, CLIENT6), (STRANGER4, STRANGER6))  # both on the client's host
SIZES = (0, 1, 1 << 20)
BEHIND = (0, 3)  # in lab.servers


class FtpsLab(FtpLab):
    """An FtpLab whose vsftpd servers want TLS for everything, tell the virtual address, and take
    implicit FTPS on another port. There is one process for IPv4 and one for IPv6: with listen_ipv6
    vsftpd takes IPv4, too, but tells 0.0.0.0 in place of pasv_address."""

    def __init__(self, build, **options):
        super().__init__(build, tls=True, sizes=SIZES, **options)

    def more_vsftpd(self, server):
        return (f"force_anon_logins_ssl=YES\nforce_anon_data_ssl=YES\n"
                f"pasv_min_port={FIRST_PORT}\npasv_max_port={LAST_PORT}\n"
                f"listen_address6={server.address6}\n")

    def start_servers(self):
        super().start_servers()
        four = f"listen=YES\nlisten_ipv6=NO\npasv_address={PAIR[4]}\n"
        implicit = f"listen_port={IMPLICIT}\nimplicit_ssl=YES\n"
        for server, tree in ((self.servers[i], self.trees[i]) for i in BEHIND):
            own = f"{four}listen_address={server.address4}\n"
            for name, more in (("ftp4", own), ("ftps4", own + implicit), ("ftps6", implicit)):
                command = vsftpd_command(self, server, tree, name, more)
                with open(self.directory / f"{server.name}-{name}.out", "ab+") as replies:
                    server.processes[name] = self.spawn(server.namespace, command,
                                                        f"{server.name}-{name}.out", stdin=replies)
            ends = {endpoint(server.address(family), port)
                    for family in PAIR for port in (FTP, IMPLICIT)}
            wait_until(lambda server=server, ends=ends: ends <= set(
                server.namespace.run(["ss", "-Hlnt"]).stdout.split()), f"{server.name} listens")


def servers_text(family, way=NAT):
    """On port 0: at the port that the client called."""
    address = {4: "198.51.100.{}", 6: "2001:db8:2::{}"}[family]
    return [(endpoint(address.format(11 + i), 0), 1) for i in BEHIND], way


def any_port_text():
    listed = [service_text("tcp", endpoint(vip, 0), "rr", *servers_text(family),
                           flags="persistence = 600;\n      ") for family, vip in PAIR.items()]
    return "services = (\n" + ",\n".join(listed) + "\n);\n"


def mark_text():
    bits = {4: 32, 6: 128}
    marks = [f'    {{ mark = {family}; destination = "{vip}/{bits[family]}"; protocol = "tcp"; '
             f'destination_ports = "{ports}"; }}'
             for family, vip in PAIR.items()
             for ports in (FTP, IMPLICIT, f"{FIRST_PORT}-{LAST_PORT}")]
    listed = []
    for family in PAIR:
        rows = ",\n".join(f'        {{ address = "{a}"; {NAT} weight = {w}; }}'
                          for a, w in servers_text(family)[0])
        listed.append(f'    {{ mark = {family}; family = "ipv{family}"; scheduler = "rr";\n'
                      f"      persistence = 600;\n      servers = (\n{rows}\n      ); }}")
    return ("marks = (\n" + ",\n".join(marks) + "\n);\n"
            "services = (\n" + ",\n".join(listed) + "\n);\n")


def add_any_port_by_ipvsadm(lab):
    for family, vip in PAIR.items():
        name = ("-t", endpoint(vip, 0))
        lab.ipvsadm("-A", *name, "-s", "rr", "-p", 600)
        for address, _ in servers_text(family)[0]:
            lab.ipvsadm("-a", *name, "-r", address, "-m")


@contextmanager
def ftps(context, services, workers, helper):
    """services: makes the configuration's text; None: an operator adds them."""
    text = services() if services else ""
    with context.balancer(kind=FtpsLab, workers=workers,
                          extra=context.extra + (APPS if helper else "") + text) as lab:
        if not services:
            add_any_port_by_ipvsadm(lab)
        yield lab


def lftp_settings(lab, source):
    family = "ipv6" if ":" in source else "ipv4"
    return (f"ssl:ca-file {lab.directory}/certificate.pem", "ftp:ssl-force yes",
            "ftp:ssl-allow-anonymous yes", "ftp:ssl-protect-data yes", "ftp:ssl-protect-list yes",
            f"net:socket-bind-{family} {source}")


def visit_by_curl(lab, visit, source, scheme):
    return run_curl(lab, visit, scheme, (f'cacert = "{lab.directory}/certificate.pem"', "ssl-reqd",
                                         f'interface = "{source}"'))


def visit_by_lftp(lab, visit, source, scheme):
    return run_lftp(lab, visit, scheme, lftp_settings(lab, source))


PROGRAMS = {"curl": visit_by_curl, "lftp": visit_by_lftp}


class Tour:
    """Visits of a lab by several programs from two clients, and which servers they came to."""

    def __init__(self, lab):
        self.lab, self.number, self.hosts = lab, 0, {}
        self.client_wire = Wire(lab, lab.client, "client")
        self.wires = [Wire(lab, lab.servers[i].namespace, f"server{i}") for i in BEHIND]

    def visit(self, program, source, mode, scheme="ftp"):
        """One session with files of all sizes up and down, a listing and the server's name."""
        self.number += 1
        lab, what = self.lab, f"{program} {scheme} {mode} from {source}"
        here = lab.directory / f"visit{self.number}"
        here.mkdir()
        steps = [("get", "files/name", here / "name"), ("list", "files", here / "list")]
        for size, path in lab.originals.items():
            steps += [("put", path, f"up/{self.number}-{size}"),
                      ("get", f"files/{size}", here / str(size))]
        for wire in (self.client_wire, *self.wires):
            wire.forget()
        visit = Visit(PAIR[6 if ":" in source else 4], *credentials("vsftpd"), mode, tuple(steps))
        outcome = PROGRAMS[program](lab, visit, source, scheme)
        (lab.directory / f"{self.number}.log").write_text(outcome.log)
        equal(outcome.code, 0, f"exit code of {what}: {last_lines(outcome.log)}")
        check_log(outcome.log, visit)
        check("PROT P" in outcome.log, f"{what}: data without TLS")
        server = (here / "name").read_text()
        self.check_files(here, server, what)
        self.check_calls(server, len(steps), what, IMPLICIT if scheme == "ftps" else FTP)
        equal(self.hosts.setdefault((source, scheme), server), server, f"server of {what}")

    def check_files(self, here, server, what):
        lab = self.lab
        tree = lab.trees[[each.name for each in lab.servers].index(server)]
        for size in lab.originals:
            for path in (tree.up(f"{self.number}-{size}"), here / str(size)):
                equal(digest(path), lab.sums[size], f"{what}: {path}")
        check(f" {SIZES[-1]}\n" in (here / "list").read_text(), f"{what}: the listing")

    def check_calls(self, server, transfers, what, control_port):
        """All connections went to the virtual address, and to this server, at the same ports."""
        seen = []
        wire = self.wires[[self.lab.servers[i].name for i in BEHIND].index(server)]
        for each in (self.client_wire, wire):
            wait_until(lambda each=each: len(each.calls()) > transfers, f"{what}: connections")
            calls = each.calls()
            seen.append({(call.source_port, call.target_port) for call in calls})
        equal(seen[0], seen[1], f"{what}: ports at the client and at the server")
        equal(sum(port == control_port for _, port in seen[0]), 1, f"{what}: control connections")
        data = [port for _, port in seen[0] if port != control_port]
        equal(len(data), transfers, f"{what}: data connections")
        check(all(port in PORTS for port in data), f"{what}: data connections to {data}")
        others = [each.calls() for each in self.wires if each is not wire]
        equal(others, [set()], f"{what}: connections to the other server")


SERVICES = {"any_port": any_port_text, "mark": mark_text}


@case(seconds=600, variants={
    f"{name}_{ending}": {"services": services, **arguments}
    for name, services in SERVICES.items() for ending, arguments in WORKERS.items()} |
      {"by_ipvsadm": {"services": None, "helper": False, "workers": 1}},
      now_and_then=("any_port_1_worker", "mark_1_worker"))
def ftps_passive(context, services, workers, helper=True):
    """FTPS behind two servers as documented, explicit and implicit, and the helper steps aside."""
    with ftps(context, services, workers, helper) as lab:
        tour = Tour(lab)
        for pair in CLIENTS:
            for source in pair:
                for mode in ("PASV", "EPSV")[1 if ":" in source else 0:]:
                    for program in PROGRAMS:
                        tour.visit(program, source, mode)
        explicit = tour.number
        for pair in CLIENTS:
            for source in pair:
                tour.visit("curl", source, "EPSV", "ftps")
                tour.visit("lftp", source, "EPSV", "ftps")
        print(f"servers: {tour.hosts}")
        equal(Counter(tour.hosts.values()), Counter(server1=4, server4=4), "servers of clients")
        if helper:
            counters = app_counters(lab)
            equal((counters["tls"], counters["tls_over"], counters["tls_lost"]), (explicit, 0, 0),
                  "sessions that the helper could not read")
        check_no_drops(lab)


@case(variants=WORKERS, now_and_then=("1_worker",))
def ftp_after_tls(context, workers):
    """After CCC the helper reads on: nothing but it brings data connections to their server."""
    with context.balancer(kind=FtpLab, workers=workers, tls=True, sizes=[1],
                          extra=context.extra + APPS + services_text()) as lab:
        for kind, mode in (("short", "PASV"), ("long", "EPSV"), ("ipv6", "EPSV")):
            copy = lab.directory / kind
            session, log = python_session(
                lab, lab.host("pyftpdlib", kind), credentials("pyftpdlib"), mode,
                [("command", "PWD"), ("clear",), ("get", "files/1", copy), ("command", "NOOP"),
                 ("put", lab.originals[1], f"up/{kind}")], tls=True)
            equal(session["error"], None, f"{kind} {mode}: {last_lines(log)}")
            equal(digest(copy), lab.sums[1], f"{kind} {mode}: download")
            equal(digest(lab.trees[2].up(kind)), lab.sums[1], f"{kind} {mode}: upload")
        counters = app_counters(lab)
        print({name: n for name, n in counters.items() if n})
        equal((counters["tls"], counters["tls_over"], counters["tls_lost"]), (3, 3, 0),
              "sessions under TLS, clear again, lost")
        equal(counters["passive"], 6, "data connections that the helper let through")
        check_no_drops(lab)
