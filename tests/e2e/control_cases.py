# SPDX-License-Identifier: BSD-3-Clause
"""Cases about what an operator does while traffic runs: the command line, the socket, and changes
to services and servers."""

import json
import re
import subprocess
from collections import Counter

from case import CurlLoop, case, check, equal, fetch, peer, url
from lab import (HTTP_PORT, PATIENCE, UDP_ECHO_PORT, VIP4, VIP6, endpoint, peer_command,
                 wait_until)

HTTP4 = ("tcp", 4, HTTP_PORT, (3, 2, 1))
HTTP6 = ("tcp", 6, HTTP_PORT, (3, 2, 1))


def named(address, port, protocol="tcp"):
    """A service as the protocol names it."""
    return {"protocol": protocol, "address": endpoint(address, port)}


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def changes_under_load(context, workers):
    """Adding, editing and deleting other services and servers fails no request of this one."""
    scale = context.scale
    with context.balancer(HTTP4, HTTP6, workers=workers) as lab:
        before = configuration(lab)
        rounds = 0
        with CurlLoop(lab, url(VIP4), "v4") as loop4, CurlLoop(lab, url(VIP6), "v6") as loop6:
            with lab.rpc() as rpc:
                while (rounds * len(OPERATIONS) < scale.operations
                       or loop4.count() + loop6.count() < scale.requests):
                    for _ in range(10):
                        change_services(lab, rpc, rounds)
                        rounds += 1
            loop4.wait_for_answers(3)
            loop6.wait_for_answers(3)
        for loop in (loop4, loop6):
            equal(loop.failures(), {}, f"failed requests to {loop.url}")
        print(f"{loop4.answers.total() + loop6.answers.total()} requests during "
              f"{rounds * len(OPERATIONS)} changes")
        equal(configuration(lab), before, "services afterwards")


OPERATIONS = (("service.add", None), ("dest.add", 0), ("dest.add", 1), ("dest.edit", 1),
              ("dest.add", 2), ("dest.delete", 0), ("service.edit", None), ("dest.delete", 1),
              ("dest.add", 0), ("service.delete", None))


def change_services(lab, rpc, round_number):
    """One life of a service that is not the one under test, on the same addresses."""
    family = 4 if round_number % 2 else 6
    name = named(VIP4 if family == 4 else VIP6, 1000 + round_number % 50,
                 "udp" if round_number % 3 else "tcp")
    for method, server in OPERATIONS:
        parameters = {"service": name}
        if server is not None:
            parameters["server"] = {"address": endpoint(lab.servers[server].address(family), 80)}
        if method in ("dest.add", "dest.edit"):
            parameters |= {"forward": "nat", "weight": 1 + round_number % 7}
        if method in ("service.add", "service.edit"):
            parameters["scheduler"] = "wrr" if round_number % 2 else "rr"
        rpc.call(method, **parameters)


def configuration(lab):
    """Services and servers without what counts."""
    return [(row["service"], row["scheduler"],
             [(server["address"], server["forward"], server["weight"])
              for server in row["servers"]])
            for row in lab.call("service.list")["services"]]


@case()
def servers_of_the_service_change(context):
    """Servers that come and go in a service under load cost no request, if none is cut off."""
    with context.balancer(HTTP4) as lab:
        name = named(VIP4, HTTP_PORT)
        third = {"address": endpoint(lab.servers[2].address4, HTTP_PORT)}
        with CurlLoop(lab, url(VIP4)) as loop, lab.rpc() as rpc:
            for _ in range(20):
                rpc.call("dest.edit", service=name, server=third, forward="nat", weight=0)
                wait_until(lambda: not open_connections(lab, third),
                           "server3 is free of connections")
                rpc.call("dest.delete", service=name, server=third)
                loop.wait_for_answers(2)
                rpc.call("dest.add", service=name, server=third, forward="nat", weight=5)
                loop.wait_for_answers(2)
        equal(loop.failures(), {}, "failed requests")
        check(loop.answers["server3"], "server3 never got a request while it was in the service")


def open_connections(lab, server):
    """How many connections of one server have not ended, handshakes included. Those that clients
    had begun before this was asked are among them."""
    lab.let_pass()
    return sum(row["state"] in ("SYN_RECV", "ESTABLISHED") for row in lab.connection_rows()
               if row["server"] == server["address"])


@case()
def quiesce(context):
    """Weight 0 keeps a server's connections and gives it no new one."""
    with context.balancer(("tcp", 4, HTTP_PORT, (1, 1, 1), "rr")) as lab:
        path, digest = context.files.download(8 << 20)
        held = HeldDownload(lab, path)
        row = held.connection()
        quiet = next(server for server in lab.servers
                     if row["server"].startswith(server.address4 + ":"))
        lab.call("dest.edit", service=named(VIP4, HTTP_PORT), server={"address": row["server"]},
                 forward="nat", weight=0)
        answers = fetch(lab.client, url(VIP4), 60)
        expected = Counter({server.name: 30 for server in lab.servers if server is not quiet})
        equal(answers, expected, f"answers while {quiet.name} has weight 0")
        held.go_on()
        held.finish(digest)
        lab.call("dest.edit", service=named(VIP4, HTTP_PORT), server={"address": row["server"]},
                 forward="nat", weight=1)
        equal(fetch(lab.client, url(VIP4), 60)[quiet.name], 20, "its share afterwards")


@case()
def removed_server_returns(context):
    """The connections of a removed server stand still, and go on when it is added again."""
    with context.balancer(("tcp", 4, HTTP_PORT, (1, 1, 1), "rr")) as lab:
        path, digest = context.files.download(8 << 20)
        held = HeldDownload(lab, path)
        server = {"address": held.connection()["server"]}
        name = named(VIP4, HTTP_PORT)
        lab.call("dest.delete", service=name, server=server)
        held.go_on()
        wait_until(lambda: lab.call("stats.get")["drops"].get("destination_removed"),
                   "packets for the removed server are dropped")
        check(held.process.poll() is None, "the download ended although its server was removed")
        equal(len(fetch(lab.client, url(VIP4), 10)), 2, "servers that still answer")
        lab.call("dest.add", service=name, server=server, forward="nat", weight=1)
        held.finish(digest)


class HeldDownload:
    """A download from VIP4 that stands still after its first bytes until go_on(), however long that
    takes: the client reads no further, and the server has more to send than fits on the way."""

    def __init__(self, lab, path):
        self.lab = lab
        self.process = lab.client.popen(peer_command("http-held", VIP4, path), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        lab.processes.append(self.process)
        check("ready" in self.process.stdout.readline(), "a download does not begin")

    def connection(self):
        """Its row in conn.list."""
        def established():
            return [row for row in self.lab.connection_rows() if row["state"] == "ESTABLISHED"]
        wait_until(lambda: len(established()) == 1, "one established connection")
        return established()[0]

    def go_on(self):
        self.process.stdin.write("go on\n")
        self.process.stdin.flush()

    def finish(self, digest):
        output, _ = self.process.communicate(timeout=PATIENCE)
        equal(json.loads(output), {"outcome": "complete", "sha256": digest}, "the held download")


# --- the command line ----------------------------------------------------------------------------


@case()
def ipvsadm_tables(context):
    """Services made by the ipvsadm link are listed as ipvsadm lists them."""
    with context.balancer() as lab:
        equal(lab.ipvsadm("-A", "-t", f"{VIP4}:80", "-s", "wrr").stdout, "", "output of -A")
        for server, weight in zip(lab.servers, (3, 2, 1)):
            lab.ipvsadm("-a", "-t", f"{VIP4}:80", "-r", f"{server.address4}:80", "-m", "-w", weight)
        lab.ipvsadm("-A", "-u", f"[{VIP6}]:7777", "-s", "rr")
        lab.ipvsadm("-a", "-u", f"[{VIP6}]:7777", "-r", f"[{lab.servers[0].address6}]:7777", "-m")
        lines = lab.ipvsadm("-Ln").stdout.splitlines()
        check(re.fullmatch(r"IP Virtual Server version 1\.2\.1 \(size=\d+\)", lines[0]), lines[0])
        equal(lines[1:], [
            "Prot LocalAddress:Port Scheduler Flags",
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
            f"TCP  {VIP4}:80 wrr",
            *(server_line(f"{server.address4}:80", weight)
              for server, weight in zip(lab.servers, (3, 2, 1))),
            f"UDP  [{VIP6}]:7777 rr",
            server_line(f"[{lab.servers[0].address6}]:7777", 1)], "table")
        fetch(lab.client, url(VIP4), 60)
        check_statistics(lab)
        check_connections(lab, context)


def server_line(name, weight, active=0, inactive=0):
    return f"  -> {name:<28} {'Masq':<7} {weight:<6} {active:<10} {inactive:<10}"


def check_statistics(lab):
    lab.let_pass()
    lines = lab.ipvsadm("-Ln", "--stats", "-t", f"{VIP4}:80").stdout.splitlines()
    equal(lines[0].split(), ["Prot", "LocalAddress:Port", "Conns", "InPkts", "OutPkts", "InBytes",
                             "OutBytes"], "title of --stats")
    rows = {line.replace("->", "").split()[-6]: line.split()[-5:] for line in lines[2:]}
    equal([row[0] for row in rows.values()], ["60", "30", "20", "10"], "connections in --stats")
    total, *servers = ([int(number) for number in row] for row in rows.values())
    equal(total, [sum(column) for column in zip(*servers)], "sum over the servers")
    lab.ipvsadm("-Z")
    lines = lab.ipvsadm("-Ln", "--stats").stdout.splitlines()
    equal([line.split()[-5:] for line in lines[3:]], [["0"] * 5] * 6, "--stats after -Z")
    check("CPS" in lab.ipvsadm("-Ln", "--rate").stdout, "--rate has no column CPS")


def check_connections(lab, context):
    path, digest = context.files.download(8 << 20)
    held = HeldDownload(lab, path)
    held.connection()
    lines = lab.ipvsadm("-Lnc").stdout.splitlines()
    equal(lines[:2], ["IPVS connection entries",
                      "pro expire state       source             virtual            destination"],
          "head of -Lnc")
    row = re.compile(r"TCP 1[45]:\d\d  ESTABLISHED 192\.0\.2\.100:\d+ +192\.0\.2\.10:80 +"
                     r"198\.51\.100\.1[123]:80 *")
    check(any(row.fullmatch(line) for line in lines[2:]), "no such row in -Lnc:\n"
          + "\n".join(lines))
    held.go_on()
    held.finish(digest)


@case()
def ipvsadm_save_restore(context):
    """What -S prints, -R makes again after -C."""
    with context.balancer(HTTP4, HTTP6, ("udp", 4, UDP_ECHO_PORT, (1, 0, 7), "rr")) as lab:
        saved = lab.ipvsadm("-S", "-n").stdout
        equal(saved.splitlines()[:2], [f"-A -t {VIP4}:80 -s wrr",
                                       f"-a -t {VIP4}:80 -r {lab.servers[0].address4}:80 -m -w 3"],
              "first lines of -S")
        equal(len(saved.splitlines()), 12, "lines of -S")
        lab.ipvsadm("-C")
        equal(lab.ipvsadm("-S", "-n").stdout, "", "-S after -C")
        equal(peer(lab.client, "tcp-connect", VIP4, 80)["outcome"], "ECONNREFUSED",
              "a connection after -C")
        lab.ipvsadm("-R", input=saved)
        equal(lab.ipvsadm("-S", "-n").stdout, saved, "-S after -R")
        equal(fetch(lab.client, url(VIP4), 60), Counter(server1=30, server2=20, server3=10),
              "answers after -R")


@case()
def ipvsadm_refusals(context):
    """What cannot be done is refused with ipvsadm's words and exit codes, and changes nothing."""
    with context.balancer(HTTP4) as lab:
        before = configuration(lab)
        service = ("-t", f"{VIP4}:80")
        absent = ("-t", f"{VIP4}:81")
        server = ("-r", f"{lab.servers[0].address4}:80")
        for arguments, code, text in (
                (("-A", *service), 255, "Service already exists"),
                (("-A", *absent, "-s", "nosuch"), 255, "Scheduler or persistence engine not found"),
                (("-D", *absent), 255, "No such service"),
                (("-a", *absent, *server, "-m"), 255, "Service not defined"),
                (("-a", *service, *server, "-m"), 255, "Destination already exists"),
                (("-d", *service, "-r", "198.51.100.99:80"), 255, "No such destination"),
                (("-a", *service, "-m"), 2, "You need to supply the 'real-server' option for the "
                                            "'add-server' command")):
            result = lab.ipvsadm(*arguments, check=False)
            equal(result.returncode, code, f"exit code of {arguments} ({result.stderr.strip()})")
            check(text in result.stderr, f"{arguments} says: {result.stderr}")
        equal(configuration(lab), before, "services afterwards")


@case()
def shuntctl(context):
    """The native commands show the same state, and their exit codes tell what happened."""
    with context.balancer(HTTP4) as lab:
        shown = json.loads(lab.ctl("service", "list", "--json").stdout)
        equal(shown["services"][0]["service"], named(VIP4, HTTP_PORT), "first service")
        for noun_verb in (("service", "list"), ("conn", "list"), ("stats", "show"),
                          ("worker", "list"), ("port", "list"), ("status",), ("timeout", "show")):
            for option in ([], ["--json"]):
                result = lab.ctl(*noun_verb, *option, check=False)
                equal((result.returncode, result.stderr), (0, ""), f"shuntctl {noun_verb}{option}")
                check(result.stdout, f"shuntctl {noun_verb} {option} prints nothing")
        ports = json.loads(lab.ctl("port", "list", "--json").stdout)["ports"]
        equal([row["port"] for row in ports], ["wan0", "lan0"], "ports")
        equal(lab.ctl("nonsense", check=False).returncode, 2, "exit code of an unknown command")
        unreachable = lab.ctl("status", "--socket", "/nonexistent/socket", check=False)
        equal(unreachable.returncode, 3, "exit code without a daemon")
        check("/nonexistent/socket" in unreachable.stderr, unreachable.stderr)


@case()
def connections_are_listed_in_pages(context):
    """conn.list goes through all connections in pages, each connection once."""
    with context.balancer(("udp", 4, UDP_ECHO_PORT, (1, 1, 1), "rr"), workers=2) as lab:
        peer(lab.client, "udp-client", VIP4, UDP_ECHO_PORT, 250, "--source-port", 20000)
        seen, cursor, pages = [], None, 0
        while pages == 0 or cursor is not None:
            page = lab.call("conn.list", limit=40, **({"cursor": cursor} if cursor else {}))
            check(len(page["connections"]) <= 40, f"a page of {len(page['connections'])} rows")
            seen += [row["client"] for row in page["connections"]]
            cursor = page["cursor"]
            pages += 1
            check(pages < 60, "the pages do not end")
        equal(len(seen), 250, "connections")
        equal(len(set(seen)), 250, "different clients")
