#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Shows Shunt at work between network namespaces: what scripts/demo runs once everything is built.

    tests/e2e/demo.py --build DIR [--keep]    the tour; --keep leaves the lab running
    tests/e2e/demo.py --stop                  ends the lab that --keep left
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

from lab import (CLIENT4, CLIENT6, HTTP_PORT, LAN4, LAN6, UDP_ECHO_PORT, VIP4, VIP6, WAN4, WAN6,
                 Lab, LabError, close_all, endpoint, install_clean_up, make_file, peer_command,
                 remove_detached, wait_until)

STATE_FILE = Path("/run/shunt-demo.json")
FILE_SIZE = 256 << 20
WEIGHTS = (3, 2, 1)

TOPOLOGY = f"""
    +----------+             +-----------------------------+            +--------+
    |  client  | eth0        |          balancer           |            | switch |
    |          +-------------+ port0                 port1 +------------+        |
    +----------+             |      \\\\    shuntd    /       |            +-+--+--+
    {CLIENT4:15}          |      wan0  (twins)  lan0     |              |  |  |
    {CLIENT6:15}          +-----------------------------+              |  |  |
                              {WAN4}      {LAN4}        server1  |  server3
                              {WAN6}  {LAN6}          server2
                         VIP  {VIP4}                           198.51.100.11 .12 .13
                              {VIP6}                     2001:db8:2::11 ::12 ::13
"""


class DemoError(Exception):
    """The balancer did something else than was announced; str() says what."""


class Style:
    """Escape sequences, empty unless a person looks on."""

    def __init__(self):
        tty = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.bold, self.dim, self.plain = ("\033[1m", "\033[2m", "\033[0m") if tty else ("",) * 3


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
        """Prints what a person would type on that host."""
        shown = " ".join(word if re.fullmatch(r"[\w./:=,%@+\[\]-]+", word) else shlex.quote(word)
                         for word in map(str, argv))
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
            output = self.run(self.lab.client, ["ping", "-c", 3, "-i", "0.2", host])
            if "3 received" not in output or "DUP" in output:
                raise DemoError(f"{host} does not answer each ping once")
        self.run(self.lab.client, ["ip", "neigh", "show", "to", VIP4])
        self.run(self.lab.client, ["curl", "-sS", "-g", f"http://{VIP4}:8080/"], expect=7)

    def requests(self):
        self.step("600 requests over IPv4, 600 over IPv6",
                  "Each on a connection of its own; every server answers with its name.")
        for host in (VIP4, VIP6):
            target = f"http://{endpoint(host, HTTP_PORT)}/"
            for _ in range(2):
                self.run(self.lab.client, ["curl", "-sS", "-g", target])
            self.command_line("client", ["for i in $(seq 598); do curl -sS -g " + target
                                         + "; done | sort | uniq -c"])
            result = self.lab.client.run(
                ["curl", "-sS", "-f", "-g", "--max-time", "10", "-H", "Connection: close",
                 "-K", "-"], input=f'url = "{target}"\n' * 598, timeout=120)
            counts = Counter(result.stdout.split())
            for name, count in sorted(counts.items()):
                print(f"{count:7} {name}")
            if result.returncode != 0 or counts.total() != 598:
                raise DemoError(f"requests failed: {result.stderr}")
        self.tool("ipvsadm", "-Ln", "--stats")
        self.check_shares()

    def check_shares(self):
        for row in self.lab.call("service.list")["services"]:
            if row["service"]["protocol"] != "tcp":
                continue
            shares = sorted(server["stats"]["connections"] for server in row["servers"])
            print(f"   {row['service']['address']}: connections by server {shares[::-1]}")
            if shares != [100, 200, 300]:
                raise DemoError(f"the shares of {row['service']['address']} are not 300, 200, 100")

    def udp(self):
        self.step("UDP", "Datagrams of 30 clients go round the servers.")
        argv = peer_command("udp-client", VIP4, UDP_ECHO_PORT, 30)
        output = self.run(self.lab.client, argv, shown=["udp-client", *argv[3:]])
        if json.loads(output)["servers"] != {f"server{i}": 10 for i in (1, 2, 3)}:
            raise DemoError("the datagrams were not answered by each server in turn")

    def download(self):
        self.step(f"A download of {FILE_SIZE >> 20} MiB",
                  "The checksum tells whether every translated segment was right.")
        digest = make_file(self.lab.www / "big.bin", FILE_SIZE)
        self.run(self.lab.servers[0].namespace, ["sha256sum", "big.bin"], cwd=self.lab.www)
        target = f"http://{endpoint(VIP6, HTTP_PORT)}/big.bin"
        report = "%{size_download} bytes in %{time_total} s, %{speed_download} bytes/s\n"
        arrived = self.lab.directory / "big.bin"
        begin = time.monotonic()
        download = self.lab.spawn(self.lab.client, ["curl", "-sS", "-f", "-g", "-o", arrived,
                                                    target], "download.log")
        self.command_line("client", ["curl", "-sS", "-g", "-O", target, "&"])
        wait_until(lambda: arrived.exists() and arrived.stat().st_size, 10, "data arrives")
        print("   Meanwhile the connection is in the table, with the state that its packets showed:")
        self.connections_of(target)
        code = download.wait(120)
        seconds = time.monotonic() - begin
        if code != 0:
            raise DemoError(f"curl ended with {code}")
        print(f"   {FILE_SIZE >> 20} MiB in {seconds:.1f} s ({FILE_SIZE * 8 / seconds / 1e6:.0f} "
              "Mbit/s; the veth pairs and the shared cores set the pace here)")
        output = self.run(self.lab.client, ["sha256sum", arrived.name], cwd=arrived.parent)
        if output.split()[0] != digest:
            raise DemoError("the file arrived damaged")
