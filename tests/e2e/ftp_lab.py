# SPDX-License-Identifier: BSD-3-Clause
"""The FTP side of a lab: real servers and clients of FTP, the virtual addresses of the services, and
what went over the wires. Needs, besides what lab.py needs, vsftpd, pure-ftpd, python3-pyftpdlib,
python3-openssl, lftp, tnftp, curl and openssl.

server1 runs vsftpd, server2 pure-ftpd, server3 pyftpdlib, and server4 vsftpd again. Each has a
virtual address of each kind (VIPS) for itself; PAIR is before server1 and server4, by turns. Every
server offers files/ and takes files in up/, in a directory of its own (Tree).
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import (CLIENT4, CLIENT6, HERE, LAN4, LAN6, NAT, PATIENCE, SOURCE, WAN4, WAN6, Lab,
                 LabError, endpoint, make_file, must, service_text, wait_until)

FTP_SERVER, FTP_SESSION = HERE / "ftp_server.py", HERE / "ftp_session.py"
ROUGH_PATH = HERE / "rough_path.py"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's python3-pyftpdlib is for

FTP = 21
STRANGER4, STRANGER6 = "192.0.2.101", "2001:db8:1::101"  # of the client's host, too
USER, PASSWORD = "tester", "secret-7"
PRODUCTS = ("vsftpd", "pure-ftpd", "pyftpdlib", "vsftpd")  # of server1 ...
NUMBERS = {"vsftpd": 0, "pure-ftpd": 1, "pyftpdlib": 2}  # product -> index in lab.servers
LONG_PREFIX4 = "198.18.100.0/24"
# Kind -> addresses, one a server. The servers' are 198.51.100.11: 13 characters.
VIPS = {"short": [f"192.0.2.{21 + i}" for i in range(4)],
        "long": [f"198.18.100.{211 + i}" for i in range(4)],
        "ipv6": [f"2001:db8:1::{21 + i}" for i in range(4)]}
PAIR = {4: "192.0.2.29", 6: "2001:db8:1::29"}
APPS = 'apps = ( { name = "ftp"; ports = [ 21 ]; } );\n'
ANY_SOURCE = 'ftp = { active_source = "any"; };\n'  # pyftpdlib takes any port, not 20


def family_of(address):
    return 6 if ":" in address else 4


# --- programs ------------------------------------------------------------------------------------


def pure_program(name):
    """Debian lets only one FTP server be installed; scripts/lib.sh unpacks this one."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin",
                            *(str(SOURCE / "build-packages" / part)
                              for part in ("usr/sbin", "usr/bin"))])
    found = shutil.which(name, path=path)
    if not found:
        raise LabError(f"{name} is neither installed nor unpacked (scripts/lib.sh)")
    return found


class Tree:
    """What a server offers and takes."""

    def __init__(self, root, name, originals):
        self.root = root / name
        for part in ("", "files", "up"):
            (self.root / part).mkdir()
            (self.root / part).chmod(0o755)
        (self.root / "up").chmod(0o777)
        (self.root / "files" / "name").write_text(name)
        for original in originals:
            os.link(original, self.root / "files" / original.name)

    def up(self, name):
        return self.root / "up" / name


VSFTPD_CONF = """\
listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=YES
local_enable=NO
ftp_username=daemon
anon_root={root}
no_anon_password=YES
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
connect_from_port_20=YES
port_promiscuous=YES
pasv_promiscuous=YES
secure_chroot_dir={empty}
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
session_support=NO
xferlog_enable=YES
vsftpd_log_file={log}
log_ftp_protocol=YES
ssl_enable={tls}
allow_anon_ssl=YES
force_local_data_ssl=NO
force_local_logins_ssl=NO
require_ssl_reuse=NO
ssl_tlsv1=YES
rsa_cert_file={certificate}
"""


def vsftpd_command(lab, server, tree, name="ftp", more=""):
    """name: of its files; more: lines of its configuration besides those of all."""
    empty = tree.root.parent / "empty"
    empty.mkdir(exist_ok=True)
    config = lab.directory / f"{server.name}-vs{name}d.conf"
    config.write_text(VSFTPD_CONF.format(
        root=tree.root, empty=empty, log=lab.directory / f"{server.name}-{name}.log",
        tls="YES" if lab.certificate else "NO",
        certificate=lab.certificate or "") + lab.more_vsftpd(server) + more)
    return ["vsftpd", config]


def pure_ftpd_command(lab, server, tree):
    users, database = (lab.directory / f"{server.name}-{part}" for part in ("users", "users.pdb"))
    # pure-pw would take a hash that is made to be slow, which fifty at a time would wait for.
    secret = subprocess.run(["openssl", "passwd", "-5", PASSWORD], check=True, text=True,
                            stdout=subprocess.PIPE).stdout.strip()
    users.write_text(f"{USER}:{secret}:65534:65534::{tree.root}/./::::::::::::\n")
    must([pure_program("pure-pw"), "mkdb", database, "-f", users])
    return [pure_program("pure-ftpd"), "-S", FTP, "-E", "-H", "-A", "-l", f"puredb:{database}",
            "-c", 200, "-C", 200, "-U", "133:022", "-O", f"clf:{lab.directory}/{server.name}-ftp.log",
            "-g", lab.directory / f"{server.name}-ftp.pid"]


def pyftpdlib_command(lab, _server, tree):
    return [SYSTEM_PYTHON, FTP_SERVER, tree.root, USER, PASSWORD,
            *([lab.certificate] if lab.certificate else [])]


COMMANDS = {"vsftpd": vsftpd_command, "pure-ftpd": pure_ftpd_command,
            "pyftpdlib": pyftpdlib_command}


def credentials(product):
    return ("anonymous", "tester@example.net") if product == "vsftpd" else (USER, PASSWORD)


# --- the lab -------------------------------------------------------------------------------------


class FtpLab(Lab):
    """A Lab whose servers are FTP servers. sizes: of the files that all of them offer as
    files/SIZE; straight: no daemon comes, and the balancer's kernel routes between client and
    servers; tls: vsftpd and pyftpdlib take AUTH TLS."""

    def __init__(self, build, sizes=(), straight=False, tls=False, **options):
        super().__init__(build, servers=len(PRODUCTS), **options)
        self.straight, self.certificate, self.trees = straight, None, []
        self.root = Path(tempfile.mkdtemp(prefix="shunt-ftp."))
        self.root.chmod(0o755)
        self.originals = {size: self.root / str(size) for size in sizes}
        self.sums = {size: make_file(path, size) for size, path in self.originals.items()}
        self.trees = [Tree(self.root, server.name, self.originals.values())
                      for server in self.servers]
        if tls:
            self.make_certificate()
        # vsftpd binds port 20 without the privilege. Cookies: where many come at once and the queue
        # overflows, the ACK of one that has a cookie is lost for good, as the server speaks first.
        for server in self.servers:
            server.namespace.sysctl({"net.ipv4.ip_unprivileged_port_start": 0,
                                     "net.ipv4.tcp_syncookies": 0})
        self.client.ip(f"route add {LONG_PREFIX4} via {WAN4}\n"
                       f"addr add {STRANGER4}/24 dev eth0\n"
                       f"addr add {STRANGER6}/64 dev eth0 nodad preferred_lft 0\n")

    def more_vsftpd(self, _server):
        """Lines of its configuration, for labs that are derived from this."""
        return ""

    def make_certificate(self):
        self.certificate = self.directory / "server.pem"
        must(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
              "/CN=ftp.example.net", "-addext",
              f"subjectAltName=IP:{PAIR[4]},IP:{PAIR[6]}", "-keyout", str(self.certificate),
              "-out", str(self.directory / "certificate.pem")])
        with open(self.certificate, "a", encoding="ascii") as out:
            out.write((self.directory / "certificate.pem").read_text())

    def start_servers(self):
        for server, product, tree in zip(self.servers, PRODUCTS, self.trees):
            log = f"{server.name}-ftp.out"
            with open(self.directory / log, "ab+") as replies:  # vsftpd complains to its stdin
                server.processes["ftp"] = self.spawn(
                    server.namespace, COMMANDS[product](self, server, tree), log, stdin=replies)
        for server in self.servers:
            wait_until(lambda: self.listens(server), f"{server.name} does not listen")
        if self.straight:
            self.route_by_kernel()

    def listens(self, server):
        if server.processes["ftp"].poll() is not None:
            raise LabError(f"{server.name} ended at once:\n"
                           + (self.directory / f"{server.name}-ftp.out").read_text())
        return re.search(rf":{FTP}\s", server.namespace.run(["ss", "-Hlnt"]).stdout)

    def route_by_kernel(self):
        for port, four, six in (("port0", WAN4, WAN6), ("port1", LAN4, LAN6)):
            self.balancer.ip(f"addr add {four}/24 dev {port}\naddr add {six}/64 dev {port} nodad\n")

    def address_twins(self):
        super().address_twins()
        wanted = {*VIPS["short"], *VIPS["long"], *VIPS["ipv6"], *PAIR.values()}
        self.balancer.ip("".join(
            f"addr add {vip}/{'128' if ':' in vip else '32'} dev wan0"
            f"{' nodad' if ':' in vip else ''}\n" for vip in sorted(wanted)))
        wait_until(lambda: wanted <= self.known_addresses(), "shuntd does not learn the VIPs")

    def close(self):
        super().close()
        shutil.rmtree(self.root, ignore_errors=True)

    def host(self, product, kind):
        """The address to which a client goes for that server: a VIP, or the server's own."""
        number = NUMBERS[product]
        if self.straight:
            return self.servers[number].address(6 if kind == "ipv6" else 4)
        return VIPS[kind][number]


def services_text():
    """The configuration's services: one for each server and kind of address, and the pairs."""
    own = {"short": "198.51.100.{}", "long": "198.51.100.{}", "ipv6": "2001:db8:2::{}"}
    listed = [service_text("tcp", endpoint(vip, FTP), "rr",
                           [(endpoint(own[kind].format(11 + i), FTP), 1)], NAT)
              for kind, vips in VIPS.items() for i, vip in enumerate(vips)]
    listed += [service_text("tcp", endpoint(vip, FTP), "rr",
                            [(endpoint(own["ipv6" if family == 6 else "short"].format(11 + i), FTP), 1)
                             for i in (0, 3)], NAT) for family, vip in PAIR.items()]
    return "services = (\n" + ",\n".join(listed) + "\n);\n"


# --- what goes over the wires --------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A first SYN: who called whom."""
    source: str
    source_port: int
    target: str
    target_port: int
    sequence: int  # a port that is used again makes another call

    @property
    def is_control(self):
        return self.target_port == FTP


class Wire:
    """The TCP connections that are begun on a host's link, either way, from now on. interface:
    "any" also sees what comes out of tunnels."""

    FILTER = "(ip proto 6 and tcp[13] & 18 == 2) or (ip6[6] == 6 and ip6[53] & 18 == 2)"

    def __init__(self, lab, space, name, interface="eth0"):
        self.path = lab.directory / f"{name}.calls"
        errors = lab.directory / f"{name}.tcpdump"
        with open(self.path, "wb") as output, open(errors, "wb") as complaints:
            self.process = space.popen(["tcpdump", "-n", "-l", "--immediate-mode", "-i", interface,
                                        self.FILTER], stdout=output, stderr=complaints)
        lab.processes.append(self.process)
        wait_until(lambda: "listening on" in errors.read_text(), "tcpdump listens")
        self.seen = 0

    def forget(self):
        """calls() begins here."""
        self.seen = self.path.stat().st_size

    def calls(self):
        with open(self.path, "rb") as file:
            file.seek(self.seen)
            text = file.read().decode()
        return {Call(s, int(sp), t, int(tp), int(seq)) for s, sp, t, tp, seq in re.findall(
            r"IP6? (\S+)\.(\d+) > (\S+)\.(\d+): Flags \S+ seq (\d+)", text)}


# --- rough ways ----------------------------------------------------------------------------------


@contextmanager
def rough_path(lab, *options):
    """The control packets of client and servers go a rough way (rough_path.py) while the `with` block
    runs; afterwards what is yielded says what was done to them, by host."""
    hosts = [(lab.client, "client", CLIENT4, CLIENT6)]
    hosts += [(server.namespace, "server", server.address4, server.address6)
              for server in lab.servers]
    running, done = {}, {}
    try:
        for seed, (space, side, *addresses) in enumerate(hosts):
            process = space.popen([sys.executable, ROUGH_PATH, side, *addresses, "--seed", seed,
                                   *options], stdout=subprocess.PIPE, text=True)
            lab.processes.append(process)
            running[space] = process
            if process.stdout.readline() != "ready\n":
                raise LabError(f"{space.name}: no rough path")
        yield done
    finally:
        for space, process in running.items():
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=PATIENCE)
            lab.processes.remove(process)
            done[space.name] = json.loads(output or "{}")


# --- clients -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """One session of a client: steps are ("put", local, remote), ("get", remote, local) and
    ("list", directory, local)."""
    host: str
    user: str
    password: str
    mode: str  # "PASV", "EPSV", "PORT", "EPRT"
    steps: tuple

    @property
    def passive(self):
        return self.mode in ("PASV", "EPSV")


@dataclass(frozen=True)
class Outcome:
    """What a client said about its session. `log` has commands and replies."""
    code: int
    log: str


def run_program(lab, argv, **options):
    """Runs a client; its log is what it prints to stdout and stderr."""
    try:
        result = lab.client.run(argv, timeout=4 * PATIENCE, **options)
    except subprocess.TimeoutExpired as error:
        return Outcome(124, f"did not end in time: {error.stdout!r} {error.stderr!r}")
    return Outcome(result.returncode, result.stdout + result.stderr)


def run_curl(lab, visit, scheme="ftp", options=()):
    """One invocation; curl keeps the control connection for all of its URLs."""
    base = f"{scheme}://{f'[{visit.host}]' if ':' in visit.host else visit.host}/"
    ways = {"PASV": ["disable-epsv"], "EPSV": [], "PORT": ['ftp-port = "-"', "disable-eprt"],
            "EPRT": ['ftp-port = "-"']}[visit.mode]
    sections = []
    for verb, first, second in visit.steps:
        target = {"put": [f'url = "{base}{second}"', f'upload-file = "{first}"'],
                  "get": [f'url = "{base}{first}"', f'output = "{second}"'],
                  "list": [f'url = "{base}{first}/"', f'output = "{second}"']}[verb]
        sections.append("\n".join([*target, f'user = "{visit.user}:{visit.password}"', *ways,
                                   *options, "no-ftp-skip-pasv-ip", "globoff", "verbose",
                                   "silent", "show-error", f"max-time = {3 * PATIENCE}"]) + "\n")
    return run_program(lab, ["curl", "--disable", "--fail-early", "-K", "-"],
                       input="next\n".join(sections))


def run_lftp(lab, visit, scheme="ftp", settings=("ftp:ssl-allow no",)):
    yes = {True: "yes", False: "no"}
    lines = {"put": 'put "{}" -o "{}"', "get": 'get "{}" -o "{}"', "list": 'ls "{}" > "{}"'}
    host = f"[{visit.host}]" if ":" in visit.host else visit.host
    script = "\n".join([
        "debug 9", "set cmd:fail-exit yes", *(f"set {each}" for each in settings),
        "set xfer:clobber yes",
        f"set net:timeout {PATIENCE}", "set net:max-retries 2",
        f"set ftp:passive-mode {yes[visit.passive]}", "set ftp:ignore-pasv-address no",
        "set ftp:fix-pasv-address no", f"set ftp:prefer-epsv {yes[visit.mode == 'EPSV']}",
        f'open -u "{visit.user},{visit.password}" {scheme}://{host}',
        *(lines[verb].format(first, second) for verb, first, second in visit.steps), "bye"]) + "\n"
    path = lab.directory / "session.lftp"
    path.write_text(script)
    # Else it reads the settings of whoever runs the tests.
    home = {**os.environ, "HOME": str(lab.directory), "LFTP_HOME": str(lab.directory)}
    return run_program(lab, ["lftp", "--norc", "-f", path], env=home)


def run_tnftp(lab, visit):
    lines = {"put": "put {} {}", "get": "get {} {}", "list": "ls {} {}"}
    extended = "on" if visit.mode in ("EPSV", "EPRT") else "off"
    script = "\n".join([
        f"epsv4 {extended}", f"passive {'on' if visit.passive else 'off'}",
        f"open {visit.host} {FTP}", f"user {visit.user} {visit.password}", "binary",
        *(lines[verb].format(first, second) for verb, first, second in visit.steps),
        "bye"]) + "\n"
    return run_program(lab, ["tnftp", "-n", "-i", "-v", "-d"], input=script)


def run_ftplib(lab, visit):
    session, log = python_session(lab, visit.host, (visit.user, visit.password), visit.mode,
                                  visit.steps)
    return Outcome(1 if session["error"] else 0, f"{session['error'] or ''}\n{log}")


CLIENTS = {"curl": run_curl, "lftp": run_lftp, "tnftp": run_tnftp, "ftplib": run_ftplib}


def python_sessions(lab, host, who, mode, steps, sessions=1, **options):
    """Sessions of ftp_session.py; returns what each saw, and the log."""
    job = {"host": host, "user": who[0], "password": who[1], "mode": mode, "steps": steps,
           "sessions": sessions, **options}
    result = lab.client.run([sys.executable, FTP_SESSION], input=json.dumps(job, default=str),
                            timeout=8 * PATIENCE)
    if result.returncode != 0:
        raise LabError(f"{FTP_SESSION.name}: {result.stderr}")
    return json.loads(result.stdout)["sessions"], result.stderr


def python_session(lab, host, who, mode, steps, **options):
    sessions, log = python_sessions(lab, host, who, mode, steps, **options)
    return sessions[0], log
