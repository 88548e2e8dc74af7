# SPDX-License-Identifier: BSD-3-Clause
"""A load balancer's surroundings on one machine: client, balancer, switch and real servers, each a
network namespace, joined by veth pairs. Standard library only; needs root, iproute2, ethtool and,
for what runs inside, nginx, iperf3, tcpdump and python3.

    client eth0 ---- port0 [balancer: shuntd] port1 ---- sw0 [switch] sw1.. ---- eth0 server1..N
                     wan0 (twin)              lan0 (twin)

shuntd takes port0 and port1 by AF_PACKET and makes the twins wan0 and lan0, which carry the
balancer's addresses. With one_armed the client's eth0 and port0 are at the switch and there is no
port1: wan0 has all addresses. answer_directly() makes the hosts fit for direct routing and tunnels:

    client eth1 ---- sw0c [switch]           the servers have the virtual addresses on lo and
                                             answer the client past the balancer

Several labs may run at a time: names carry the process id. A Lab is used by
one thread, as a context manager, or by start() and stop(); whatever happens, close() removes its
namespaces, processes and directory (atexit and SIGINT, SIGTERM, SIGHUP included).
"""

import atexit
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
PEERS = HERE / "peers.py"
TUNNEL_END = HERE / "tunnel_end.py"
SCTP = HERE / "sctp.py"

CLIENT4, CLIENT6 = "192.0.2.100", "2001:db8:1::100"
WAN4, WAN6 = "192.0.2.1", "2001:db8:1::1"
VIP4, VIP6 = "192.0.2.10", "2001:db8:1::10"
LAN4, LAN6 = "198.51.100.1", "2001:db8:2::1"
LAN_PREFIX4, LAN_PREFIX6 = "198.51.100.0/24", "2001:db8:2::/64"

HTTP_PORT, UDP_ECHO_PORT, IPERF_PORT = 80, 7777, 5201
GUE_PORT = 6080
MARKER4 = "192.0.0.9"  # comes and goes on a twin, to see that what was said before is known

# Seconds that anything may take on a slow and busy machine. Whoever waits goes on as soon as what
# it waits for is there: where all is well nobody waits to the end.
PATIENCE = 60.0
END_SECONDS = 2.0  # in which the daemon has to end; time that it waits for a CPU does not count

AF_PACKET = "net_af_packet,iface={},framecnt=4096,qdisc_bypass=1"
# Reads and writes fragments as they are, where the kernel joins those that AF_PACKET spreads over
# queues (of which this driver has one), and is not bound to frames of 2 kB. Its buffer lasts for
# 8 ms: where workers wait longer for a CPU, frames are lost, which the port counts as missed.
PCAP = "net_pcap,iface={},phy_mac=1"


class LabError(Exception):
    """The lab could not do what was asked of it; str() is for people."""


def endpoint(host, port):
    """HOST:PORT as the balancer's interfaces write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def wait_until(condition, what, seconds=PATIENCE):
    """Polls until condition() is true and returns its value; LabError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)


class Rpc:
    """One connection to the daemon's control socket."""

    def __init__(self, path, timeout=PATIENCE):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.reader = self.socket.makefile("rb")
        self.last_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.reader.close()
        self.socket.close()

    def call(self, method, **parameters):
        """The result of a request; LabError with the daemon's sentence if it was refused."""
        reply = self.exchange(method, parameters)
        if "error" in reply:
            raise LabError(f"{method}: {reply['error'].get('message')}")
        return reply["result"]

    def exchange(self, method, parameters):
        """The whole reply object."""
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method}
        if parameters:
            request["params"] = parameters
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        line = self.reader.readline()
        if not line.endswith(b"\n"):
            raise LabError(f"{method}: the daemon closed the connection")
        return json.loads(line)


class Namespace:
    """A network namespace and the commands that run in it."""

    def __init__(self, name):
        self.name = name

    @classmethod
    def make(cls, name):
        must(["ip", "netns", "add", name])
        return cls(name)

    def command(self, argv):
        return ["ip", "netns", "exec", self.name, *map(str, argv)]

    def run(self, argv, timeout=2 * PATIENCE, check=False, **options):
        """subprocess.run inside; text, output captured. check: LabError unless it exits with 0."""
        options.setdefault("stdin", subprocess.DEVNULL)
        if "input" in options:
            del options["stdin"]
        result = subprocess.run(self.command(argv), text=True, timeout=timeout,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                **options)
        if check and result.returncode != 0:
            raise LabError(f"{self.name}: {' '.join(map(str, argv))}: exit {result.returncode}\n"
                           f"{result.stdout}{result.stderr}")
        return result

    def popen(self, argv, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.command(argv), start_new_session=True, **options)

    def ip(self, lines):
        """Runs `ip` commands, one a line, in one go."""
        must(["ip", "-n", self.name, "-batch", "-"], input=lines)

    def sysctl(self, values):
        """Sets kernel parameters of this namespace: {"net.ipv4.ip_forward": 1}."""
        script = "".join(f"echo {value} >/proc/sys/{key.replace('.', '/')}\n"
                         for key, value in values.items())
        self.run(["sh", "-e", "-c", script], check=True)

    def pids(self):
        result = subprocess.run(["ip", "netns", "pids", self.name], text=True,
                                capture_output=True, check=False)
        return [int(pid) for pid in result.stdout.split()]

    def delete(self):
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "delete", self.name], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def peer_command(*argv):
    """The command line of a program of peers.py."""
    return [sys.executable, PEERS, *argv]


def must(argv, **options):
    """subprocess.run, LabError on failure."""
    result = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            check=False, **options)
    if result.returncode != 0:
        raise LabError(f"{' '.join(map(str, argv))}: {result.stdout.strip()}")


@dataclass
class Server:
    """A real server: nginx on 80 (says its name), UDP echo on 7777, iperf3 on 5201."""
    name: str
    namespace: Namespace
    address4: str
    address6: str
    processes: dict = field(default_factory=dict)  # "nginx" | "echo" | "iperf3" -> Popen

    def address(self, family):
        return self.address4 if family == 4 else self.address6

    def carry_virtual_addresses(self):
        """Makes it the owner of the virtual addresses, which nobody else hears of."""
        self.namespace.sysctl({"net.ipv4.conf.all.arp_ignore": 1,
                               "net.ipv4.conf.all.arp_announce": 2})
        self.namespace.ip(f"addr add {VIP4}/32 dev lo\naddr add {VIP6}/128 dev lo nodad\n")

    def kill(self, program):
        """Ends one of its programs as a crash would."""
        process = self.processes.pop(program)
        process.kill()
        process.wait()


# What every line of the daemon's log looks like.
LOG_LINE = re.compile(r'\d\d:\d\d:\d\d\.\d{3} [a-z]+: event=[a-z_]+'
                      r'( [a-z_]+=("([^"\\]|\\.)*"|[^" =]+))*')


@dataclass
class DaemonExit:
    """How the daemon ended."""
    code: int
    seconds: float
    output: str
    starved: float = 0.0  # of these seconds, those that its threads waited for a CPU

    @property
    def conservation(self):
        """The line that accounts for every packet, or None."""
        lines = [line for line in self.output.splitlines() if "event=conservation " in line]
        return lines[-1] if lines else None

    def fault(self):
        """What was wrong about the end, or None."""
        if "runtime error:" in self.output or "Sanitizer: " in self.output:
            return f"a sanitizer complained:\n{self.output}"
        if self.code != 0:
            return f"shuntd ended with exit code {self.code}"
        if self.seconds - self.starved >= END_SECONDS:
            return (f"shuntd took {self.seconds:.2f} s to end, {self.starved:.2f} s of them for "
                    f"want of a CPU; without these it has to be under {END_SECONDS:.0f} s")
        odd = [line for line in self.output.splitlines() if not LOG_LINE.fullmatch(line)]
        if odd:
            return f"lines of the log are not key=value: {odd}"
        if self.conservation is None:
            return "shuntd printed no conservation line"
        if not self.conservation.rstrip().endswith(" result=ok"):
            return f"packets are unaccounted for: {self.conservation}"
        return None


def cpu_waits(pid):
    """Thread -> seconds that it was ready to run and had no CPU; empty where the kernel does not
    count them."""
    waits = {}
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            waits[path.parent.name] = int(path.read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            pass  # a thread that has just ended
    return waits


def end_daemon(process, log, number=signal.SIGTERM):
    """Sends a shuntd the signal; how it took it, with what is in its log then."""
    before, waits = cpu_waits(process.pid), {}
    begin = time.monotonic()
    process.send_signal(number)
    while process.poll() is None:
        if time.monotonic() - begin > PATIENCE:
            process.kill()
            process.wait()
            break
        waits |= cpu_waits(process.pid)
        time.sleep(0.01)
    seconds = time.monotonic() - begin
    starved = sum(waits[thread] - before.get(thread, 0.0) for thread in waits)
    output = log.read_text(errors="replace") if log.exists() else ""
    return DaemonExit(process.returncode, seconds, output, min(starved, seconds))


NAT, DIRECT = 'forward = "nat";', 'forward = "direct";'


def tunnel_text(kind, checksum="none"):
    """How a server behind a tunnel is reached, as the configuration says it."""
    port = f"port = {GUE_PORT}; " if kind == "gue" else ""
    keys = f'type = "{kind}"; {port}' + (f'checksum = "{checksum}"; ' if kind != "ipip" else "")
    return f'forward = "tunnel"; tunnel = {{ {keys}}};'


def service_text(protocol, address, scheduler, servers, way=NAT, flags=""):
    """One entry of the configuration's `services`; servers are (address, weight), `way` is how
    they are reached: NAT, DIRECT or tunnel_text()."""
    rows = ",\n".join(f'        {{ address = "{a}"; {way} weight = {w}; }}'
                      for a, w in servers)
    return (f'    {{ protocol = "{protocol}"; address = "{address}"; scheduler = "{scheduler}";\n'
            f"      {flags}servers = (\n{rows}\n      ); }}")


class Sniffer:
    """tcpdump of the first packets that fit a filter while the `with` block runs; afterwards
    text() is what it prints of them."""

    def __init__(self, lab, space, interface, expression, options=("-n",), count=1):
        self.path = lab.directory / "sniffed.txt"
        self.errors = lab.directory / "sniffer.log"
        self.command = ["tcpdump", *options, "-l", "-i", interface, "-c", count, expression]
        self.space = space

    def __enter__(self):
        with open(self.path, "wb") as output, open(self.errors, "wb") as errors:
            self.process = self.space.popen(self.command, stdout=output, stderr=errors)
        wait_until(lambda: "listening on" in self.errors.read_text(), "tcpdump listens")
        return self

    def __exit__(self, *_):
        try:
            self.process.wait(PATIENCE / 4)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()

    def text(self):
        return self.path.read_text()


class Lab:
    """See the module's text. `build` holds shuntd, shuntctl and the link ipvsadm."""

    live = []  # labs that close_all() has to remove, newest last
    made = 0

    def __init__(self, build, servers=3, workers=1, queues=1, directory=None, prefix=None,
                 connections=65536, log_level="info", www=None, driver=AF_PACKET, one_armed=False):
        Lab.made += 1
        self.build = Path(build).resolve()
        self.workers = workers
        self.queues = queues
        self.connections = connections
        self.log_level = log_level
        self.driver = driver
        self.one_armed = one_armed
        self.prefix = prefix or f"lab{os.getpid()}x{Lab.made}"
        self.own_directory = directory is None
        self.directory = Path(directory or tempfile.mkdtemp(prefix="shunt-lab."))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        self.www = Path(www) if www else self.directory / "www"
        self.socket_path = self.directory / "shunt.sock"
        self.config_path = self.directory / "shunt.conf"
        self.namespaces = []
        self.processes = []
        self.servers = []
        self.daemon = None
        self.daemon_log = self.directory / "shuntd.log"
        Lab.live.append(self)
        try:
            self.make_namespaces(servers)
            self.make_links()
            self.address_hosts()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- topology --------------------------------------------------------------------------------

    def namespace(self, name):
        made = Namespace.make(f"{self.prefix}-{name}")
        self.namespaces.append(made)
        return made

    def make_namespaces(self, servers):
        if os.geteuid() != 0:
            raise LabError("network namespaces need root")
        if not Path("/proc/sys/net/ipv6").exists():
            raise LabError("this kernel runs without IPv6, which the lab needs")
        self.client = self.namespace("client")
        self.balancer = self.namespace("balancer")
        self.switch = self.namespace("switch")
        for i in range(1, servers + 1):
            self.servers.append(Server(f"server{i}", self.namespace(f"server{i}"),
                                       f"198.51.100.{10 + i}", f"2001:db8:2::{10 + i}"))
        for space in self.namespaces:
            space.sysctl({"net.ipv6.conf.all.accept_dad": 0,
                          "net.ipv6.conf.default.accept_dad": 0,
                          "net.ipv6.conf.default.accept_ra": 0})
            # Else a host gives up a datagram when 64 other fragments from the same address come
            # between two of its own, which happens when workers take turns on a CPU.
            space.sysctl({"net.ipv4.ipfrag_max_dist": 0})

    def make_links(self):
        link = "link add {} netns {} type veth peer name {} netns {}\n".format
        if self.one_armed:
            lines = link("eth0", self.client.name, "sw0c", self.switch.name)
            lines += link("port0", self.balancer.name, "sw0", self.switch.name)
        else:
            lines = link("eth0", self.client.name, "port0", self.balancer.name)
            lines += link("port1", self.balancer.name, "sw0", self.switch.name)
        for i, server in enumerate(self.servers, 1):
            lines += link("eth0", server.namespace.name, f"sw{i}", self.switch.name)
        must(["ip", "-batch", "-"], input=lines)
        bridge = "link add br0 type bridge mcast_snooping 0\nlink set br0 up\n"
        for i in range(len(self.servers) + 1):
            bridge += f"link set sw{i} master br0 up\n"
        if self.one_armed:
            bridge += "link set sw0c master br0 up\n"
        self.switch.ip(bridge)
        # AF_PACKET on the balancer gets frames as the sender's stack left them: the senders have
        # to fill in checksums and cut segments themselves.
        for space in [self.client, *(server.namespace for server in self.servers)]:
            space.run(["ethtool", "-K", "eth0", "tx", "off"], check=True)

    def address_hosts(self):
        self.client.ip(f"link set lo up\nlink set eth0 up\n"
                       f"addr add {CLIENT4}/24 dev eth0\n"
                       f"addr add {CLIENT6}/64 dev eth0 nodad\n"
                       f"route add {LAN_PREFIX4} via {WAN4}\n"
                       f"route add {LAN_PREFIX6} via {WAN6}\n")
        for server in self.servers:
            server.namespace.ip(f"link set lo up\nlink set eth0 up\n"
                                f"addr add {server.address4}/24 dev eth0\n"
                                f"addr add {server.address6}/64 dev eth0 nodad\n"
                                f"route add default via {LAN4}\n"
                                f"route add default via {LAN6}\n")
        self.balancer.sysctl({"net.ipv4.ip_forward": 1,
                              "net.ipv6.conf.all.forwarding": 1,
                              "net.ipv4.conf.all.rp_filter": 0,
                              "net.ipv4.conf.default.rp_filter": 0})
        self.balancer.ip("link set lo up\n" + "".join(f"link set {port} up\n"
                                                      for _, port in self.ports()))

    def ports(self):
        """(twin, interface that the daemon takes) of each port."""
        return (("wan0", "port0"), ("lan0", "port1"))[:1 if self.one_armed else 2]

    def answer_directly(self):
        """What direct routing and tunnels ask of the hosts: the servers have the virtual addresses
        without answering ARP or ND for them, and a way to the client past the balancer."""
        must(["ip", "-batch", "-"], input=f"link add eth1 netns {self.client.name} type veth "
                                          f"peer name sw0c netns {self.switch.name}\n")
        self.client.run(["ethtool", "-K", "eth1", "tx", "off"], check=True)
        self.client.sysctl({"net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.eth0.rp_filter": 0,
                            "net.ipv4.conf.eth1.rp_filter": 0})
        self.client.ip(f"link set eth1 up\naddr add {CLIENT6}/128 dev eth1 nodad\n")
        self.switch.ip("link set sw0c master br0 up\n")
        for server in self.servers:
            server.carry_virtual_addresses()
            server.namespace.ip(f"route add {CLIENT4} dev eth0\nroute add {CLIENT6} dev eth0\n")

    def answer_by_balancer(self):
        """What NAT asks of the servers, again."""
        for server in self.servers:
            server.namespace.ip(f"route del {CLIENT4} dev eth0\nroute del {CLIENT6} dev eth0\n"
                                f"addr del {VIP4}/32 dev lo\naddr del {VIP6}/128 dev lo\n")

    # --- what runs on the hosts ------------------------------------------------------------------

    def spawn(self, space, argv, log, **options):
        """A program that lives as long as the lab; its output goes to DIRECTORY/LOG."""
        with open(self.directory / log, "ab") as output:
            process = space.popen(argv, stdout=output, stderr=subprocess.STDOUT, **options)
        self.processes.append(process)
        return process

    def start_servers(self):
        """Starts every server's programs and returns when all of them listen."""
        self.www.mkdir(parents=True, exist_ok=True)
        for server in self.servers:
            self.start_nginx(server)
            server.processes["echo"] = self.spawn(
                server.namespace, peer_command("udp-echo", server.name, UDP_ECHO_PORT),
                f"{server.name}-echo.log")
            server.processes["iperf3"] = self.spawn(
                server.namespace, ["iperf3", "--server", "--port", IPERF_PORT, "--forceflush"],
                f"{server.name}-iperf3.log")
        for server in self.servers:
            wait_until(lambda: self.listens(server), f"{server.name} does not listen")

    def start_nginx(self, server):
        server.processes["nginx"] = self.spawn_nginx(server.namespace, server.name, HTTP_PORT)

    def spawn_nginx(self, space, name, port):
        """A web server that answers with that name."""
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        (directory / "nginx.conf").write_text(
            NGINX_CONF.format(name=name, www=self.www, port=port))
        return self.spawn(space, ["nginx", "-p", directory, "-e", "error.log", "-c", "nginx.conf"],
                          f"{name}-nginx.log")

    def start_tunnel_ends(self, kind):
        """Each server unwraps "ipip", "gre" or "gue"; what it finds wrong goes to a log, see
        tunnel_complaints()."""
        for server in self.servers:
            server.namespace.sysctl({"net.ipv4.conf.all.rp_filter": 0,
                                     "net.ipv4.conf.default.rp_filter": 0})
            server.processes[f"tunnel-{kind}"] = self.spawn(
                server.namespace, [sys.executable, TUNNEL_END, kind, GUE_PORT],
                f"{server.name}-tunnel-{kind}.log")
        for server in self.servers:
            log = self.directory / f"{server.name}-tunnel-{kind}.log"
            wait_until(lambda: "ready" in log.read_text(),  # pylint: disable=cell-var-from-loop
                       f"{server.name} has no end of a tunnel")

    def tunnel_complaints(self):
        """What the servers' ends of tunnels found wrong with packets."""
        return [f"{log.name}: {line}" for log in self.directory.glob("*-tunnel-*.log")
                for line in log.read_text().splitlines() if line != "ready"]

    def listens(self, server):
        for program, process in server.processes.items():
            if process.poll() is not None:
                raise LabError(f"{server.name}: {program} ended at once, see "
                               f"{self.directory}/{server.name}-{program}.log")
        table = server.namespace.run(["ss", "-Hlntu"]).stdout
        return all(re.search(rf":{port}\s", table)
                   for port in (HTTP_PORT, UDP_ECHO_PORT, IPERF_PORT))

    # --- the daemon ------------------------------------------------------------------------------

    def config_text(self, services=(), extra=""):
        """The daemon's configuration for this lab; `services` from service_text()."""
        pairs = f",qpairs={self.queues}" if self.queues > 1 else ""
        ports = ",\n".join(
            f'    {{ name = "{twin}"; queues = {self.queues};\n'
            f'      device = "{self.driver.format(iface)}{pairs}"; }}'
            for twin, iface in self.ports())
        listed = ",\n".join(services)
        services_text = f"services = (\n{listed}\n);\n" if listed else ""
        return (f"workers = {self.workers};\n"
                f"connections = {self.connections};\n"
                f'log = {{ level = "{self.log_level}"; }};\n'
                f'socket = {{ path = "{self.socket_path}"; }};\n'
                f"ports = (\n{ports}\n);\n"
                f"{services_text}{extra}")

    def daemon_command(self, config=None):
        return [self.build / "shuntd", "--config", config or self.config_path,
                "--socket", self.socket_path]

    def start_daemon(self, services=(), extra=""):
        """Starts shuntd, waits until it answers, and gives the twins their addresses."""
        self.config_path.write_text(self.config_text(services, extra))
        self.launch_daemon()

    def launch_daemon(self):
        """The same with the configuration that is there from an earlier start."""
        with open(self.daemon_log, "ab") as log:
            self.daemon = self.balancer.popen(self.daemon_command(), stdout=log,
                                              stderr=subprocess.STDOUT)
        self.processes.append(self.daemon)
        wait_until(self.daemon_answers, "shuntd does not answer on its socket")
        self.address_twins()

    def daemon_answers(self):
        if self.daemon.poll() is not None:
            raise LabError(f"shuntd ended with {self.daemon.returncode} while it started:\n"
                           + self.daemon_output())
        try:
            with self.rpc(timeout=PATIENCE / 4) as rpc:
                return rpc.call("status.get")
        except OSError:
            return None

    def address_twins(self):
        """What an operator does on a new balancer: addresses on the twins, VIPs last, so that no
        client comes before the way to the servers is known."""
        lan = self.ports()[-1][0]
        self.balancer.ip(f"link set wan0 up\nlink set {lan} up\n"
                         f"addr add {LAN4}/24 dev {lan}\n"
                         f"addr add {LAN6}/64 dev {lan} nodad\n"
                         f"addr add {WAN4}/24 dev wan0\n"
                         f"addr add {WAN6}/64 dev wan0 nodad\n"
                         f"addr add {VIP4}/32 dev wan0\n"
                         f"addr add {VIP6}/128 dev wan0 nodad\n")
        wait_until(lambda: {VIP4, VIP6} <= self.known_addresses(),
                   "shuntd does not learn the addresses of its twins")

    def synchronise(self):
        """Returns when the daemon's workers know what the balancer's kernel was told before."""
        for verb, known in (("add", True), ("del", False)):
            self.balancer.ip(f"addr {verb} {MARKER4}/32 dev wan0\n")
            wait_until(lambda known=known: (MARKER4 in self.known_addresses()) == known,
                       "shuntd does not follow the addresses of its twins")

    def let_pass(self):
        """Returns when what client and servers had sent each other by the balancer has arrived: a
        ping that goes the same way is behind it."""
        for server in self.servers:
            self.client.run(["ping", "-n", "-c", 1, "-W", PATIENCE, server.address4], check=True)

    def known_addresses(self):
        """The host's addresses that the daemon's workers know."""
        return {address for port in self.call("port.list")["ports"]
                for address in port["addresses"]}

    def daemon_output(self):
        return self.daemon_log.read_text(errors="replace") if self.daemon_log.exists() else ""

    def kill_daemon(self):
        """Ends it as a crash would."""
        self.daemon.kill()
        self.daemon.wait()
        self.processes.remove(self.daemon)
        self.daemon = None

    def stop_daemon(self, number=signal.SIGTERM):
        """A signal, SIGTERM as systemd would; returns how the daemon took it."""
        ended = end_daemon(self.daemon, self.daemon_log, number)
        self.processes.remove(self.daemon)
        self.daemon = None
        return ended

    def rpc(self, timeout=PATIENCE):
        return Rpc(self.socket_path, timeout)

    def call(self, method, **parameters):
        """One request on a connection of its own."""
        with self.rpc() as rpc:
            return rpc.call(method, **parameters)

    def connection_rows(self):
        """All rows of conn.list: a page of it may be short where workers are busy."""
        rows, cursor = [], None
        with self.rpc() as rpc:
            while True:
                page = rpc.call("conn.list", **({"cursor": cursor} if cursor else {}))
                rows += page["connections"]
                cursor = page["cursor"]
                if cursor is None:
                    return rows

    def ctl_environment(self):
        return {**os.environ, "SHUNT_SOCKET": str(self.socket_path)}

    def ctl(self, *argv, check=True, **options):
        """Runs shuntctl on the balancer."""
        return self.balancer.run([self.build / "shuntctl", *argv], check=check,
                                 env=self.ctl_environment(), **options)

    def ipvsadm(self, *argv, check=True, **options):
        """Runs the ipvsadm link on the balancer."""
        return self.balancer.run([self.build / "ipvsadm", *argv], check=check,
                                 env=self.ctl_environment(), **options)

    # --- the end ---------------------------------------------------------------------------------

    def close(self):
        """Ends every process and removes every namespace; may be called again."""
        if self not in Lab.live:
            return
        Lab.live.remove(self)
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for space in self.namespaces:
            space.delete()
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def detach(self):
        """Leaves everything running; returns what remove_detached() needs, fit for JSON."""
        Lab.live.remove(self)
        return {"directory": str(self.directory),
                "namespaces": [space.name for space in self.namespaces]}


NGINX_CONF = """\
user root;
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    send_timeout 600s;
    default_type text/plain;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {port} backlog=1024;
        listen [::]:{port} backlog=1024;
        location = / {{ return 200 "{name}\\n"; }}
        location / {{ root {www}; }}
    }}
}}
"""


def remove_detached(state):
    """Ends a lab that detach() left behind; returns what the daemon printed."""
    spaces = [Namespace(name) for name in state["namespaces"]]
    daemons = [pid for space in spaces for pid in space.pids() if command_name(pid) == "shuntd"]
    for pid in daemons:
        os.kill(pid, signal.SIGTERM)
    try:
        wait_until(lambda: not any(pid in space.pids() for pid in daemons for space in spaces),
                   "shuntd does not end")
    except LabError as error:
        print(error, file=sys.stderr)
    log = Path(state["directory"]) / "shuntd.log"
    output = log.read_text(errors="replace") if log.exists() else ""
    for space in spaces:
        space.delete()
    shutil.rmtree(state["directory"], ignore_errors=True)
    return output


def command_name(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def close_all():
    for lab in list(reversed(Lab.live)):
        lab.close()


def end_on_signal(number, _frame):
    sys.exit(128 + number)


def install_clean_up():
    """To be called once by a program that makes labs."""
    atexit.register(close_all)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_on_signal)


def make_file(path, size):
    """A file of `size` bytes in which no two blocks are alike; returns its SHA-256."""
    import hashlib
    digest = hashlib.sha256()
    noise = os.urandom(1 << 20)
    with open(path, "wb") as out:
        written = 0
        while written < size:
            block = written.to_bytes(8, "big") + noise[8:]
            block = block[:min(len(block), size - written)]
            out.write(block)
            digest.update(block)
            written += len(block)
    return digest.hexdigest()
