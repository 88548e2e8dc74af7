#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Shows Shunt at work between network namespaces: what scripts/demo runs once everything is built.

    tests/e2e/demo.py --build DIR [--keep]    the tour; --keep leaves the lab running
    tests/e2e/demo.py --stop                  ends the lab that --keep left
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from lab import (CLIENT4, CLIENT6, GUE_PORT, HTTP_PORT, LAN4, LAN6, UDP_ECHO_PORT, VIP4, VIP6,
                 WAN4, WAN6, Lab, LabError, Sniffer, endpoint, install_clean_up, make_file,
                 peer_command, remove_detached, wait_until)

STATE_FILE = Path("/run/shunt-demo.json")
FILE_SIZE = 256 << 20
WEIGHTS = (3, 2, 1)

TOPOLOGY = f"""
    client                    balancer                         switch      real servers
   +------+      +--------------------------------+          +--------+   +---------+
   | eth0 |------| port0      shuntd        port1 |----------| bridge |---| server1 | weight 3
   +------+      |   :                        :   |          |        |   +---------+
                 | wan0         kernel       lan0 |          |        |---| server2 | weight 2
                 +--------------------------------+          |        |   +---------+
                                                             |        |---| server3 | weight 1
                                                             +--------+   +---------+
   client   {CLIENT4:14} {CLIENT6}
   wan0     {WAN4:14} {WAN6:18} the twin of port0, made by shuntd
     VIP    {VIP4:14} {VIP6:18} the address of the services
   lan0     {LAN4:14} {LAN6:18} the twin of port1, the servers' gateway
   server1  198.51.100.11  2001:db8:2::11     (server2 .12 ::12, server3 .13 ::13)
"""


class DemoError(Exception):
    """The balancer did something else than was announced; str() says what."""


# Ways to real servers besides NAT: name, ipvsadm's options, tcpdump's filter for IPv4 and IPv6, and
# a sentence.
WAYS = (
    ("Direct routing", ["-g"], ("ip and tcp dst port 80", "ip6 and tcp dst port 80"),
     """The packet goes to the server as it is; only the link addresses are others."""),
    ("IPIP tunnels", ["-i"], ("ip proto 4", "ip6 proto 41"), """The packet travels inside another
        one, so the server may be in another network."""),
    ("GRE tunnels", ["-i", "--tun-type", "gre"], ("ip proto 47", "ip6 proto 47"), """The same with
        a GRE header between the two."""),
    ("GUE tunnels", ["-i", "--tun-type", "gue", "--tun-port", GUE_PORT],
     (f"ip and udp port {GUE_PORT}", f"ip6 and udp port {GUE_PORT}"), """The same inside UDP, whose
        source port differs from connection to connection, for routers that spread packets by
        it."""))


class Style:
    """Escape sequences, empty unless a person looks on."""

    def __init__(self):
        tty = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.bold, self.dim, self.plain = ("\033[1m", "\033[2m", "\033[0m") if tty else ("",) * 3


def plain_quote(word):
    """shlex.quote, but leaves alone what needs no quoting at a prompt."""
    return str(word) if re.fullmatch(r"&|[\w./:=,%@+\[\]-]+", str(word)) else shlex.quote(str(word))


class Demo:
    """The tour, step by step, in one lab."""

    def __init__(self, lab):
        self.lab = lab
        self.style = Style()
        self.begin = time.monotonic()
        self.steps = 0

    # --- showing ---------------------------------------------------------------------------------

    def step(self, title, text=""):
        self.steps += 1
        seconds = time.monotonic() - self.begin
        print(f"\n{self.style.bold}== {self.steps}. {title}{self.style.plain}"
              f"{self.style.dim}  [{seconds:.0f} s]{self.style.plain}")
        if text:
            print(textwrap.fill(" ".join(text.split()), 100, initial_indent="   ",
                                subsequent_indent="   "))

    def command_line(self, host, argv):
        """Prints what a person would type on that host: a list of words, or a line of shell."""
        shown = argv if isinstance(argv, str) else " ".join(map(plain_quote, argv))
        print(f"{self.style.bold}{host}#{self.style.plain} {shown}", flush=True)

    def run(self, space, argv, expect=0, shown=None, quiet=False, **options):
        """Shows a command and its output; DemoError when its exit code is not the expected one."""
        host = space.name.rsplit("-", 1)[1]
        self.command_line(host, shown or argv)
        result = space.run(argv, timeout=120, **options)
        if not quiet:
            print((result.stdout + result.stderr).rstrip(), flush=True)
        if result.returncode != expect:
            raise DemoError(f"'{argv[0]}' on {host} ended with {result.returncode}, "
                            f"not {expect}\n{result.stderr}")
        return result.stdout

    def shell(self, space, line):
        """The same for a line of shell; the build's programs are in its path."""
        environment = self.lab.ctl_environment()
        environment["PATH"] = f"{self.lab.build}:{environment['PATH']}"
        self.command_line(space.name.rsplit("-", 1)[1], line)
        result = space.run(["sh", "-c", line], timeout=120, env=environment)
        print((result.stdout + result.stderr).rstrip(), flush=True)
        if result.returncode != 0:
            raise DemoError(f"'{line}' ended with {result.returncode}")
        return result.stdout

    def tool(self, name, *argv, **options):
        """ipvsadm or shuntctl on the balancer."""
        return self.run(self.lab.balancer, [self.lab.build / name, *argv], shown=[name, *argv],
                        env=self.lab.ctl_environment(), **options)

    # --- the tour --------------------------------------------------------------------------------

    def show_hosts(self):
        self.step("The hosts", """Six network namespaces, joined by veth pairs, stand for six
            machines. Nothing of this machine's own network is touched.""")
        print(TOPOLOGY.rstrip("\n"))

    def start(self):
        self.step("Start", """shuntd takes port0 and port1 with DPDK's AF_PACKET driver, as it would
            take network cards by PCI address, and makes a kernel twin for each: wan0 and lan0.""")
        lab = self.lab
        lab.config_path.write_text(lab.config_text())
        self.run(lab.balancer, ["cat", lab.config_path], shown=["cat", "shunt.conf"])
        self.command_line("balancer", ["shuntd", "--config", "shunt.conf", "&"])
        lab.launch_daemon()
        print(lab.daemon_output().rstrip())
        print("   The addresses are set on the twins with ip, as on any Linux host:")
        self.run(lab.balancer, ["ip", "-br", "addr", "show", "dev", "wan0"])
        self.run(lab.balancer, ["ip", "-br", "addr", "show", "dev", "lan0"])

    def configure(self):
        self.step("Services", """The ipvsadm link takes the command lines of ipvsadm: HTTP over IPv4
            and IPv6 with servers of weight 3, 2 and 1, and an echo over UDP.""")
        for vip, kind, port, scheduler, weights in self.services():
            service = (kind, endpoint(vip, port))
            self.tool("ipvsadm", "-A", *service, "-s", scheduler, quiet=True)
            for server, weight in zip(self.lab.servers, weights):
                address = server.address(6 if ":" in vip else 4)
                self.tool("ipvsadm", "-a", *service, "-r", endpoint(address, port), "-m", "-w",
                          weight, quiet=True)
        self.tool("ipvsadm", "-Ln")

    @staticmethod
    def services():
        return ((VIP4, "-t", HTTP_PORT, "wrr", WEIGHTS), (VIP6, "-t", HTTP_PORT, "wrr", WEIGHTS),
                (VIP4, "-u", UDP_ECHO_PORT, "rr", (1, 1, 1)))

    def host_answers(self):
        self.step("The host is still there", """ARP, ND and ping are answered by the kernel behind
            the twins. A port of the VIP that is no service is refused by it, at once.""")
        for host in (VIP4, VIP6):
            output = self.run(self.lab.client, ["ping", "-c", 3, "-i", "0.2", "-w", 30, host])
            answered = [int(number) for number in re.findall(r"icmp_seq=(\d+)", output)]
            if len(answered) < 3 or answered != list(range(1, len(answered) + 1)):
                raise DemoError(f"{host} does not answer each ping once")
        self.run(self.lab.client, ["ip", "neigh", "show", "to", VIP4])
        self.run(self.lab.client, ["ip", "neigh", "show", "to", VIP6])
        self.run(self.lab.client, ["curl", "-sS", "-g", f"http://{VIP4}:8080/"], expect=7)

    def requests(self):
        self.step("600 requests over IPv4, 600 over IPv6", """Each on a connection of its own. A
            server answers with its name; weights 3:2:1 have to give 300, 200 and 100.""")
        expected = "300 server1 200 server2 100 server3"
        for host in (VIP4, rf"\[{VIP6}\]"):
            output = self.shell(self.lab.client, "curl -sS -f -H 'Connection: close' "
                                f"'http://{host}/?[1-600]' | sort | uniq -c")
            if " ".join(output.split()) != expected:
                raise DemoError("these are not the shares that the weights ask for")
        self.tool("ipvsadm", "-Ln", "--stats")

    def udp(self):
        self.step("Datagrams", """Thirty of them, each from another port and so a connection of its
            own to the balancer, go round the servers.""")
        argv = peer_command("udp-client", VIP4, UDP_ECHO_PORT, 30, "--source-port", 20000)
        output = self.run(self.lab.client, argv, shown=["udp-client", *argv[3:]])
        if json.loads(output)["servers"] != {f"server{i}": 10 for i in (1, 2, 3)}:
            raise DemoError("the datagrams were not answered by each server in turn")

    def download(self):
        self.step(f"A download of {FILE_SIZE >> 20} MiB over IPv6", """While it runs, the connection
            is in the table; the checksum tells whether every translated segment was right.""")
        digest = make_file(self.lab.www / "big.bin", FILE_SIZE)
        self.run(self.lab.servers[0].namespace, ["sha256sum", "big.bin"], cwd=self.lab.www)
        argv = ["curl", "-sS", "-f", "-g", "--limit-rate", "150M", "-o", "big.bin",
                f"http://{endpoint(VIP6, HTTP_PORT)}/big.bin"]
        self.command_line("client", [*argv, "&"])
        arrived = self.lab.directory / "big.bin"
        begin = time.monotonic()
        download = self.lab.spawn(self.lab.client, argv, "download.log", cwd=self.lab.directory)
        wait_until(lambda: arrived.exists() and arrived.stat().st_size, "data arrives")
        self.shell(self.lab.balancer, "ipvsadm -Lnc | grep -v -e TIME_WAIT -e UDP")
        if download.wait(120) != 0:
            raise DemoError("the download failed: "
                            + (self.lab.directory / "download.log").read_text())
        seconds = time.monotonic() - begin
        print(f"   Done in {seconds:.1f} s. (veth pairs and shared cores set the pace here.)")
        output = self.run(self.lab.client, ["sha256sum", "big.bin"], cwd=self.lab.directory)
        if output.split()[0] != digest:
            raise DemoError("the file arrived damaged")

    def maintenance(self):
        self.step("A server is taken out of service", """Weight 0: connections stay, new ones go to
            the others. Then it comes back. Changes are one publication; no packet is lost.""")
        server = ("-e", "-t", f"{VIP4}:80", "-r", f"{self.lab.servers[0].address4}:80", "-m")
        request = ("curl -sS -f -H 'Connection: close' "
                   f"'http://{VIP4}/?[1-60]' | sort | uniq -c")
        for weight, expected in ((0, "40 server2 20 server3"),
                                 (3, "30 server1 20 server2 10 server3")):
            self.tool("ipvsadm", *server, "-w", weight, quiet=True)
            output = self.shell(self.lab.client, request)
            if " ".join(output.split()) != expected:
                raise DemoError(f"expected: {expected}")

    def other_ways(self):
        self.step("Servers that answer by themselves", """For direct routing and tunnels the servers
            get the virtual addresses (on lo, without answering ARP or ND for them), programs that
            unwrap IPIP, GRE and GUE, and a way to the client past the balancer. With
            conn_reuse_mode 3 a client that uses a port again gets a server anew, although the
            balancer does not see how the servers end their connections.""")
        self.lab.answer_directly()
        for kind in ("ipip", "gre", "gue"):
            self.lab.start_tunnel_ends(kind)
        self.tool("shuntctl", "tunable", "set", "conn_reuse_mode", 3)
        server = self.lab.servers[0].namespace
        self.run(server, ["ip", "-br", "addr", "show", "dev", "lo"])
        self.run(server, ["ip", "route", "get", CLIENT4, "from", VIP4])
        for name, options, filters, sentence in WAYS:
            self.step(name, sentence)
            self.set_way(options)
            self.tool("ipvsadm", "-Ln")
            shown = ("-e", "-n") if options == ["-g"] else ("-n",)
            for vip, expression in zip((VIP4, VIP6), filters):
                self.request_watched(vip, expression, shown)
        self.step("Back to NAT", """Connections keep the way that they were made with; new ones
            are translated again.""")
        self.lab.answer_by_balancer()
        self.set_way(["-m"])
        for vip in (VIP4, VIP6):
            self.sixty_requests(vip)

    def set_way(self, options):
        """How the HTTP services reach their servers."""
        for vip in (VIP4, VIP6):
            service = ("-t", endpoint(vip, HTTP_PORT))
            for server, weight in zip(self.lab.servers, WEIGHTS):
                address = server.address(6 if ":" in vip else 4)
                argv = ("-e", *service, "-r", endpoint(address, HTTP_PORT), *options, "-w", weight)
                self.tool("ipvsadm", *argv, quiet=True)

    def request_watched(self, vip, expression, options):
        """Requests, and what the first packet for server1 looks like there."""
        with Sniffer(self.lab, self.lab.servers[0].namespace, "eth0", expression,
                     options) as packet:
            self.command_line("server1", packet.command + ["&"])
            self.sixty_requests(vip)
        print(f"{self.style.bold}server1:{self.style.plain} {packet.text().strip()}")
        if not packet.text():
            raise DemoError(f"server1 got no packet of '{expression}'")

    def sixty_requests(self, vip):
        host = rf"\[{vip}\]" if ":" in vip else vip
        output = self.shell(self.lab.client, "curl -sS -f -H 'Connection: close' "
                            f"'http://{host}/?[1-60]' | sort | uniq -c")
        if " ".join(output.split()) != "30 server1 20 server2 10 server3":
            raise DemoError("these are not the shares that the weights ask for")

    def look_inside(self):
        self.step("What the daemon counted", """Each port has one receive queue and there are two
            workers, so packets of the other worker's connections are handed over. Drops are counted
            by reason.""")
        for argv in (["status"], ["worker", "list"], ["port", "list"], ["stats", "show"]):
            self.tool("shuntctl", *argv)

    def end(self):
        self.step("End", "Every packet that came in has to be accounted for.")
        shown = len(self.lab.daemon_output())
        self.command_line("balancer", ["kill", "-TERM", self.lab.daemon.pid])
        ended = self.lab.stop_daemon()
        print(ended.output[shown:].rstrip())
        print(f"   It took {ended.seconds:.2f} s.")
        if ended.fault():
            raise DemoError(ended.fault())

    def tour(self, keep):
        self.show_hosts()
        self.start()
        self.configure()
        self.host_answers()
        self.requests()
        self.udp()
        self.download()
        self.maintenance()
        self.other_ways()
        self.look_inside()
        if not keep:
            self.end()


def explain_kept(lab):
    def inside(space):
        return f"ip netns exec {space.name}"
    print(f"""
The lab is left running.
   a shell on a host    {inside(lab.client)} bash
                        ({', '.join(space.name for space in lab.namespaces)})
   a request            {inside(lab.client)} curl http://{VIP4}/
   the operator         export SHUNT_SOCKET={lab.socket_path}
                        {lab.build}/shuntctl service list
                        {lab.build}/ipvsadm -Ln
   the daemon's log     {lab.daemon_log}
   the end of it        scripts/demo --stop""")


def stop():
    if not STATE_FILE.exists():
        print("demo: no lab is left running", file=sys.stderr)
        return 1
    print(remove_detached(json.loads(STATE_FILE.read_text())).rstrip())
    STATE_FILE.unlink()
    return 0


def run(build, keep):
    if keep and STATE_FILE.exists():
        print("demo: a lab is left running already; scripts/demo --stop ends it", file=sys.stderr)
        return 1
    install_clean_up()
    prefix = "demo" if keep else None
    try:
        with Lab(build, workers=2, prefix=prefix) as lab:
            lab.start_servers()
            Demo(lab).tour(keep)
            if keep:
                explain_kept(lab)
                STATE_FILE.write_text(json.dumps(lab.detach()))
    except (DemoError, LabError, subprocess.TimeoutExpired) as error:
        print(f"\ndemo: failed: {error}", file=sys.stderr)
        return 1
    print("\ndemo: ok")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--stop", action="store_true")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    return stop() if arguments.stop else run(arguments.build, arguments.keep)


if __name__ == "__main__":
    sys.exit(main())
