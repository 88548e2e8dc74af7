# SPDX-License-Identifier: BSD-3-Clause
"""shuntd as a scenario wants it: a network namespace with two ports on veth, kernel twins eth0 and
eth1 that carry the scenario's addresses, neighbours and routes, and the scenario's services. The
far ends of the links lie in a second namespace.

    wire:  eth0 ---- port0 [balancer: shuntd] port1 ---- eth1  :wire
                     eth0 (twin)              eth1 (twin)

Used by one thread, as a context manager. Names carry the process id."""

import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ipvs_oracle import BARRIER_IP, DEFAULT_SYSCTLS, IFACES, hexin, ipvs_lines, sysctl_path
from wire import Wire, end_with_parent, network_namespace, packet_socket

sys.path.append(str(Path(__file__).resolve().parent.parent / "e2e"))
from lab import PATIENCE, LabError, Namespace, Rpc, end_daemon, must  # noqa: E402

PORTS = dict(zip(IFACES, ("port0", "port1")))
MARKER_IP = "192.0.0.9"  # comes and goes on a twin, to see that what was said before is known
NO_SUCH_METHOD = -32601
REPORTS_PERIOD = 0.005  # seconds after which shuntd looks for what its workers have learnt

# For interfaces that do not exist yet: the host behind the twins says nothing on its own.
SILENT_INTERFACES = {"net.ipv6.conf.default.addr_gen_mode": 1,
                     "net.ipv6.conf.default.accept_dad": 0,
                     "net.ipv6.conf.all.accept_dad": 0,
                     "net.ipv6.conf.default.dad_transmits": 0,
                     "net.ipv6.conf.default.router_solicitations": 0,
                     "net.ipv6.conf.default.accept_ra": 0}


class NotSupported(Exception):
    """The scenario needs what this version of Shunt, or this machine, does not have."""


def is_ipv4_fragment(frame):
    """Whether an Ethernet frame, tagged or not, has a fragment of an IPv4 packet in it."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    header = frame[at + 2:at + 22]
    return (frame[at:at + 2] == b"\x08\x00" and len(header) == 20
            and struct.unpack("!H", header[6:8])[0] & 0x3fff != 0)


def is_icmp(frame):
    """Whether an Ethernet frame, tagged or not, has an ICMP or ICMPv6 message in it, or might."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    ethertype, packet = frame[at:at + 2], frame[at + 2:]
    return (ethertype == b"\x08\x00" and packet[9:10] == b"\x01"
            or ethertype == b"\x86\xdd" and packet[6:7] == b"\x3a")


def sent_frames(scenario):
    """Every frame that goes into the balancer."""
    return [hexin(scenario, step["send"]) for step in scenario["steps"] if "send" in step]


def choose_driver(scenario):
    """AF_PACKET, unless there are IPv4 fragments: with that driver's fan-out the kernel joins them
    before the driver sees them."""
    return "pcap" if any(map(is_ipv4_fragment, sent_frames(scenario))) else "af_packet"


def device_string(driver, interface):
    """A port's device on a kernel interface, as the configuration names it."""
    if driver == "pcap":
        return f"net_pcap,iface={interface},phy_mac=1"
    return f"net_af_packet,iface={interface},framecnt=1024,qdisc_bypass=1"


def mtu_of(scenario, name):
    return int(scenario.get("interfaces", {}).get(name, {}).get("mtu", 1500))


def setup_lines(scenario):
    """(lines for `ip -batch`, lines for `ip -6 -batch`) that make the twins what the scenario
    says."""
    interfaces = scenario.get("interfaces", {})
    lines = ["link set lo up", f"addr add {BARRIER_IP}/32 dev lo scope host"]
    lines += [f"link set {name} mtu {mtu_of(scenario, name)} up" for name in IFACES]
    for name in (*IFACES, "lo"):
        for address in interfaces.get(name, {}).get("addresses", []):
            lines.append(f"addr add {address} dev {name}" + (" nodad" if ":" in address else ""))
    for name in IFACES:
        for address, mac in interfaces.get(name, {}).get("neighbours", {}).items():
            lines.append(f"neigh replace {address} lladdr {mac} dev {name} nud permanent")
    routes = scenario.get("routes", [])
    lines += [f"route replace {route}" for route in routes if ":" not in route]
    return lines, [f"route replace {route}" for route in routes if ":" in route]


def tunable_of(sysctl):
    """conn_reuse_mode for net.ipv4.vs.conn_reuse_mode; None for a sysctl that is the host's."""
    found = re.fullmatch(r"net/ipv4/vs/([^/]+)", sysctl_path(sysctl))
    return found and found[1]


def number_of(value):
    """A sysctl's value as a number, if it is one."""
    return int(value) if re.fullmatch(r"-?\d+", str(value)) else value


# Marks are set in the recording guest by tc, which stands there under the name ethtool.
GUEST_FILTER = re.compile(r"ethtool (qdisc|filter) ")
MARK_FILTER = re.compile(r"ethtool filter add dev (\S+) .* match ip6? protocol (\d+) 0xff "
                         r"match ip6? dport (\d+) 0xffff action skbedit mark (\d+)")


def mark_rule(line):
    """The rule of a filter that sets a mark, or None."""
    found = MARK_FILTER.match(line)
    if not found:
        return None
    protocol = {"6": "tcp", "17": "udp", "132": "sctp"}[found[2]]
    return {"mark": int(found[4]), "protocol": protocol, "destination_ports": found[3],
            "port": found[1]}


class Balancer:
    """See the module's text. `build` holds shuntd, shuntctl and the link ipvsadm; shuntd.conf and
    shuntd.log go to `directory`; `driver`: af_packet or pcap; `connections`: room in the table."""

    def __init__(self, scenario, build, directory, workers=1, driver="af_packet", quiet=0.002,
                 connections=65536):
        self.scenario = scenario
        self.build = Path(build).resolve()
        self.directory = Path(directory)
        self.workers = workers
        self.driver = driver
        self.quiet = quiet
        self.connections = connections
        self.run_directory = tempfile.TemporaryDirectory(prefix="shunt-oracle.")
        self.socket_path = Path(self.run_directory.name) / "shunt.sock"
        self.log_path = self.directory / "shuntd.log"
        self.spaces = []
        self.daemon = self.rpc = self.wire = None

    def __enter__(self):
        try:
            self.make_links()
            self.start_daemon()
            self.set_up_host()
            self.set_up_services()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # --- namespaces and links --------------------------------------------------------------------

    def namespace(self, name):
        made = Namespace(f"oracle{os.getpid()}-{name}")
        self.spaces.append(made)
        must(["ip", "netns", "add", made.name])
        return made

    def make_links(self):
        self.host = self.namespace("balancer")
        self.outside = self.namespace("wire")
        self.set_sysctls(self.outside, {"net.ipv6.conf.all.disable_ipv6": 1,
                                        "net.ipv6.conf.default.disable_ipv6": 1})
        self.set_sysctls(self.host, {**SILENT_INTERFACES, **DEFAULT_SYSCTLS}, strict=False)
        links, ups, fars = "", "", ""
        for i, (name, port) in enumerate(PORTS.items()):
            mac = self.scenario.get("interfaces", {}).get(name, {}).get("mac")
            links += (f"link add {port} address {mac or f'02:00:00:00:00:{i + 1:02x}'} "
                      f"netns {self.host.name} type veth "
                      f"peer name {name} netns {self.outside.name}\n")
            ups += f"link set {port} up\n"
            fars += f"link set {name} up\n"
        must(["ip", "-batch", "-"], input=links)
        for space, lines in ((self.host, ups), (self.outside, fars)):
            with network_namespace(space.name):
                for name in re.findall(r"set (\S+) up", lines):
                    must(["ethtool", "-K", name, *"rx off tx off gso off gro off".split(),
                          *"rxvlan off txvlan off".split()])
                must(["ip", "-batch", "-"], input=lines)
        with network_namespace(self.outside.name):
            self.wire = Wire({name: packet_socket(name) for name in PORTS}, self.quiet,
                             self.settle if self.workers > 1 else None)

    @staticmethod
    def set_sysctls(space, values, strict=True):
        """Sets kernel parameters of a namespace; not strict: those that exist there."""
        with network_namespace(space.name):
            for key, value in values.items():
                try:
                    Path("/proc/sys", sysctl_path(key)).write_text(str(value), encoding="ascii")
                except OSError as error:
                    if strict:
                        raise NotSupported(f"sysctl {key}={value}: {error.strerror}") from error

    # --- shuntd ----------------------------------------------------------------------------------

    def config_text(self):
        ports = ",\n".join(f'    {{ name = "{name}"; queues = 1; '
                           f'device = "{device_string(self.driver, port)}"; }}'
                           for name, port in PORTS.items())
        # As the recordings were made: without limits on ICMP errors.
        return (f"workers = {self.workers};\nconnections = {self.connections};\n"
                "tunables = { icmp_ratelimit = 0; icmp_msgs_per_sec = 0; };\n"
                f'socket = {{ path = "{self.socket_path}"; }};\nports = (\n{ports}\n);\n')

    def start_daemon(self):
        config = self.directory / "shuntd.conf"
        config.write_text(self.config_text(), encoding="ascii")
        with open(self.log_path, "wb") as log:
            self.daemon = self.host.popen([self.build / "shuntd", "--config", config], stdout=log,
                                          stderr=subprocess.STDOUT,
                                          preexec_fn=lambda: end_with_parent(signal.SIGKILL))
        end = time.monotonic() + PATIENCE
        while self.rpc is None:
            if self.daemon.poll() is not None:
                raise LabError(f"shuntd ended with {self.daemon.returncode} while it started: "
                               + self.last_words())
            if time.monotonic() > end:
                raise LabError("shuntd does not answer on its socket")
            try:
                self.rpc = Rpc(self.socket_path)
                self.version = self.rpc.call("status.get")["version"]
            except OSError:
                self.rpc = None
                time.sleep(0.005)

    def daemon_output(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def last_words(self):
        lines = self.daemon_output().strip().splitlines()
        return lines[-1] if lines else "(nothing was printed)"

    def check_alive(self):
        """LabError when shuntd is gone, which would be its own fault."""
        code = self.daemon.poll()
        if code is not None:
            raise LabError(f"shuntd ended with {code}: {self.last_words()}")

    def stop_daemon(self):
        """SIGTERM, as systemd would; how the daemon took it."""
        self.rpc.close()
        return end_daemon(self.daemon, self.log_path)

    # --- what the scenario says ------------------------------------------------------------------

    def set_up_host(self):
        self.set_sysctls(self.host, DEFAULT_SYSCTLS, strict=False)
        self.sysctls(self.scenario.get("sysctls", {}))
        lines, lines6 = setup_lines(self.scenario)
        self.host.ip("\n".join(lines) + "\n")
        if lines6:
            must(["ip", "-6", "-n", self.host.name, "-batch", "-"], input="\n".join(lines6) + "\n")
        if self.scenario.get("commands"):
            self.commands(self.scenario["commands"])
        else:
            self.synchronise()

    def set_up_services(self):
        if "ip_vs_ftp" in self.scenario.get("modules", []):
            self.load_ftp()
        lines = ipvs_lines(self.scenario.get("ipvs", []))
        if lines:
            self.ipvsadm(["-R"], "\n".join(lines) + "\n", silent=True)

    def load_ftp(self):
        """What loading ip_vs_ftp does: port 21 is FTP."""
        result = self.program("shuntctl", ["app", "add", "ftp", "21"])
        if result.returncode != 0:
            raise NotSupported("module ip_vs_ftp: `shuntctl app add ftp 21` is not there yet "
                               f"(exit code {result.returncode})")

    def sysctls(self, values):
        """Sets sysctls: those of IPVS as tunables, others in the namespace."""
        self.set_sysctls(self.host, {key: value for key, value in values.items()
                                     if not tunable_of(key)})
        for key, value in values.items():
            name = tunable_of(key)
            if name:
                reply = self.rpc.exchange("tunable.set", {"name": name, "value": number_of(value)})
                self.check_tunable(name, value, reply.get("error"))

    @staticmethod
    def check_tunable(name, value, error):
        if error and error["code"] == NO_SUCH_METHOD:
            raise NotSupported(f"tunable {name}={value}: this shuntd has no tunables")
        if error:
            raise NotSupported(f"tunable {name}={value}: {error['message']}")

    def commands(self, lines):
        """Runs shell lines on the host behind the twins; returns when shuntd knows the effect. Marks
        that the guest's packet filter would set become rules of shuntd."""
        rules = [rule for rule in map(mark_rule, lines) if rule]
        if rules:
            self.rpc.call("mark.set", rules=rules)
        lines = [line for line in lines if not GUEST_FILTER.match(line)]
        script = ('load_module() { [ "$1" != ip_vs_ftp ] || shuntctl app add ftp 21; }\n'
                  + "\n".join(lines))
        result = self.host.run(["sh", "-e", "-c", script], env=self.environment())
        if result.returncode != 0:
            raise NotSupported(f"commands: exit code {result.returncode}: "
                               + (result.stdout + result.stderr).strip())
        self.synchronise()

    def environment(self):
        return {**os.environ, "SHUNT_SOCKET": str(self.socket_path),
                "PATH": f"{self.build}:{os.environ.get('PATH', '/usr/sbin:/usr/bin:/sbin:/bin')}"}

    def program(self, name, arguments, text=""):
        return subprocess.run([self.build / name, *arguments], env=self.environment(), input=text,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=2 * PATIENCE, check=False)

    def ipvsadm(self, arguments, text="", silent=False):
        """One process of the link; what it printed. silent: to print anything is a failure."""
        result = self.program("ipvsadm", arguments, text)
        if result.returncode != 0 or (silent and result.stdout.strip()):
            raise NotSupported(f"ipvsadm {shlex.join(arguments)}: {result.stdout.strip()}")
        return result.stdout

    # --- waiting ---------------------------------------------------------------------------------

    def synchronise(self):
        """Returns when shuntd's workers know what the kernel was told before."""
        for verb in ("add", "del"):
            self.host.ip(f"addr {verb} {MARKER_IP}/32 dev eth0\n")
            self.wait(lambda verb=verb: (MARKER_IP in self.known_addresses()) == (verb == "add"),
                      "shuntd does not follow the addresses of its twins")

    def known_addresses(self):
        return {address for port in self.rpc.call("port.list")["ports"]
                for address in port["addresses"]}

    def settle(self):
        """Returns when no packet is between two workers."""
        self.wait(self.nothing_in_flight, "packets stay between two workers")

    def let_learn(self):
        """Returns when what the workers have told the control thread by now is known to all of
        them. The thread looks for it at the times of its period; by the end of the second request
        after such a time it has."""
        time.sleep(1.2 * REPORTS_PERIOD)
        for _ in range(2):
            self.rpc.call("status.get")

    def nothing_in_flight(self):
        workers = self.rpc.call("worker.list")["workers"]
        return sum(row["handed_off"] for row in workers) == sum(row["taken_over"]
                                                                for row in workers)

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            self.check_alive()
            if time.monotonic() > end:
                raise LabError(f"waited {PATIENCE:.0f} s in vain: {what}")
            time.sleep(0.002)

    # --- the end ---------------------------------------------------------------------------------

    def close(self):
        """Ends the daemon and removes the namespaces; may be called again. No signal interrupts
        it."""
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGALRM})
        try:
            if self.wire:
                self.wire.close()
            if self.rpc:
                self.rpc.close()
            if self.daemon and self.daemon.poll() is None:
                self.daemon.kill()
                self.daemon.wait()
            while self.spaces:
                self.spaces.pop().delete()
            self.run_directory.cleanup()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
