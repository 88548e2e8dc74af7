# SPDX-License-Identifier: BSD-3-Clause
"""Cases about FTP by direct routing and tunnels, where the servers' replies go past the balancer:
data connections find their server by what the client said, or by persistence."""

from collections import Counter
from contextlib import contextmanager

from case import case, check, check_drops, equal
from ftp_cases import active_command, app_counters, digest, last_lines
from ftp_lab import (APPS, FTP, STRANGER4, STRANGER6, FtpLab, Wire, credentials, family_of,
                     python_session)
from lab import (CLIENT4, CLIENT6, DIRECT, VIP4, VIP6, endpoint, service_text, tunnel_text,
                 wait_until)

VIPS = {4: VIP4, 6: VIP6}
CLIENTS = {4: (CLIENT4, STRANGER4), 6: (CLIENT6, STRANGER6)}  # both of the client's host
BEHIND = (0, 3)  # vsftpd, in lab.servers
SIZE = 1 << 20
MODES = {4: ("PASV", "EPSV", "PORT", "EPRT"), 6: ("EPSV", "EPRT")}
ACTIVE = ("PORT", "EPRT")
WAYS = {"direct": (DIRECT, None), "ipip": (tunnel_text("ipip"), "ipip"),
        "gre": (tunnel_text("gre"), "gre"), "gue": (tunnel_text("gue"), "gue")}


def services_text(way, port, persistent):
    flags = "persistence = 600;\n      " if persistent else ""
    address = {4: "198.51.100.{}", 6: "2001:db8:2::{}"}
    listed = [service_text("tcp", endpoint(vip, port), "rr",
                           [(endpoint(address[family].format(11 + i), port), 1) for i in BEHIND],
                           way, flags) for family, vip in VIPS.items()]
    return "services = (\n" + ",\n".join(listed) + "\n);\n"


@contextmanager
def direct_ftp(context, way, workers, services, helper):
    """A lab whose servers have the virtual addresses and answer past the balancer."""
    text, tunnel = WAYS[way]

    def prepare(lab):
        lab.answer_directly()
        lab.client.ip(f"addr add {STRANGER6}/128 dev eth1 nodad\n")
        for server in lab.servers:
            server.namespace.ip(f"route add {STRANGER4} dev eth0\n"
                                f"route add {STRANGER6} dev eth0\n")
        if tunnel:
            lab.start_tunnel_ends(tunnel)

    with context.balancer(kind=FtpLab, workers=workers, sizes=[1, SIZE], prepare=prepare,
                          extra=context.extra + (APPS if helper else "")
                          + services_text(text, *services)) as lab:
        yield lab
        if tunnel:
            equal(lab.tunnel_complaints(), [], "packets that the servers could not unwrap")
        # An upload's first segments: what a tunnel leaves room for the client learns by ICMP.
        check_drops(lab, ("too_big",) if tunnel else ())


class Servers:
    """The servers behind the address, and who has called them or was called by them."""

    def __init__(self, lab):
        self.lab, self.number = lab, 0
        self.wires = {lab.servers[i].name: Wire(lab, lab.servers[i].namespace, f"wire{i}", "any")
                      for i in BEHIND}

    def session(self, source, mode):
        """One with transfers both ways; the name of its server, which had all of its
        connections."""
        self.number += 1
        lab, family, what = self.lab, family_of(source), f"{mode} from {source}"
        name, copy = lab.directory / "name", lab.directory / "copy"
        for wire in self.wires.values():
            wire.forget()
        up = f"{self.number}"
        session, log = python_session(
            lab, VIPS[family], credentials("vsftpd"), mode,
            [("get", "files/name", name), ("put", lab.originals[SIZE], f"up/{up}"),
             ("get", f"files/{SIZE}", copy), ("list", "files", lab.directory / "list")],
            **{"from": source})
        equal(session["error"], None, f"{what}: {last_lines(log)}")
        server = name.read_text()
        tree = lab.trees[[each.name for each in lab.servers].index(server)]
        for path in (copy, tree.up(up)):
            equal(digest(path), lab.sums[SIZE], f"{what}: {path}")
        self.check_calls(server, source, VIPS[family], mode)
        return server

    def check_calls(self, server, source, vip, mode):
        wait_until(lambda: len(self.wires[server].calls()) >= 5, "connections")
        calls = self.wires[server].calls()
        data = [call for call in calls if call.target_port != FTP]
        equal(len(data), 4, f"{mode} from {source}: data connections of {server}")
        ends = {(call.source, call.target) for call in data}
        equal(ends, {(vip, source) if mode in ACTIVE else (source, vip)},
              f"ends of data connections by {mode}")
        if mode in ACTIVE:
            equal({call.source_port for call in data}, {FTP - 1}, "ports that the server calls from")
        others = {name: wire.calls() for name, wire in self.wires.items() if name != server}
        check(not any(others.values()), f"{mode} from {source}, with {server}: others had {others}")


def each_turn(ways, workers):
    return {f"{way}_{n}_worker{'s'[:n - 1]}": {"way": way, "workers": n}
            for way in ways for n in workers}


@case(variants=each_turn(WAYS, (1, 4)),
      now_and_then=("direct_1_worker", "ipip_1_worker", "gre_1_worker", "gue_1_worker"))
def ftp_direct_active(context, way, workers):
    """Active FTP past the balancer: what the client announced brings its answers to the server."""
    with direct_ftp(context, way, workers, (FTP, False), helper=True) as lab:
        servers = Servers(lab)
        for family, (client, _) in CLIENTS.items():
            for mode in set(MODES[family]) & set(ACTIVE):
                names = [servers.session(client, mode) for _ in range(4)]
                equal(Counter(names), Counter(server1=2, server4=2), f"servers of {client}")
        counters = app_counters(lab)
        equal(counters["active"], 4 * 4 * 3, "announcements")


@case(variants={f"{name}_{ending}": {"port": port, **arguments}
                for name, port in (("port_21", FTP), ("any_port", 0))
                for ending, arguments in each_turn(WAYS, (1, 4)).items()},
      now_and_then=[f"{name}_{way}_1_worker" for name in ("port_21", "any_port") for way in WAYS]
      + ["any_port_gre_4_workers", "port_21_gue_4_workers"])
def ftp_direct_persistent(context, port, way, workers):
    """Without the helper a persistent service on port 21, or on all, brings all modes through."""
    with direct_ftp(context, way, workers, (port, True), helper=False) as lab:
        servers = Servers(lab)
        for family, clients in CLIENTS.items():
            for client in clients:
                names = {servers.session(client, mode) for mode in MODES[family]}
                equal(len(names), 1, f"servers of {client}")


CLIENT_PORT = 40000


@case()
def ftp_direct_same_port(context):
    """A port that was announced to one server and then to the other belongs to the second."""
    with direct_ftp(context, "direct", 1, (FTP, False), helper=True) as lab:
        session, log = python_session(
            lab, VIP4, credentials("vsftpd"), "PORT",
            [("command", active_command(CLIENT4, CLIENT_PORT, extended=False))])
        check(session["error"] is None and session["values"][0].startswith("200"), last_lines(log))
        result = lab.client.run(
            ["curl", "--disable", "--silent", "--show-error", "--max-time", 20, "--disable-eprt",
             "--ftp-port", f"{CLIENT4}:{CLIENT_PORT}", f"ftp://{VIP4}/files/name"])
        check(result.stdout.startswith("server"), f"{result.stdout} {result.stderr}")
        equal(app_counters(lab)["active"], 2, "announcements")


@case()
def ftp_direct_passive_unhelped(context):
    """Without persistence a passive data connection is no packet of any service: it is refused."""
    with direct_ftp(context, "direct", 1, (FTP, False), helper=True) as lab:
        session, _ = python_session(lab, VIP4, credentials("vsftpd"), "EPSV",
                                    [("get", "files/1", lab.directory / "copy")])
        check("ConnectionRefusedError" in (session["error"] or ""), f"{session}")
