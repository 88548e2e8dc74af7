# SPDX-License-Identifier: BSD-3-Clause
"""Cases about FTP: real servers and clients, both directions of data connections, both families."""

import hashlib
import os

from case import case, check, check_no_drops, equal
from lab import CLIENT4, PATIENCE, VIP4, VIP6, wait_until

FTP_PORT = 21
FTP4 = ("tcp", 4, FTP_PORT, (1, 1), "rr")
FTP6 = ("tcp", 6, FTP_PORT, (1, 1), "rr")
APPS = 'apps = ( { name = "ftp"; } );\n'

VSFTPD_CONF = """
listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root={root}
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
write_enable=YES
connect_from_port_20=YES
pasv_min_port=40000
pasv_max_port=40009
secure_chroot_dir={empty}
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
"""

# How curl asks for a data connection.
MODES = {"epsv": [], "pasv": ["--disable-epsv"], "eprt": ["-P", "-"],
         "port": ["-P", "-", "--disable-eprt"]}
SIZES = (0, 1, 3_000_000)


def start_ftp(lab):
    """vsftpd on every server; all have the same files."""
    for server in lab.servers:
        directory = lab.directory / f"{server.name}-ftp"
        root, empty = directory / "root", directory / "empty"
        for path in (root / "in", empty):
            path.mkdir(parents=True)
        (root / "in").chmod(0o777)
        for size in SIZES:
            (root / f"file{size}").write_bytes(data_of(size))
        config = directory / "vsftpd.conf"
        config.write_text(VSFTPD_CONF.format(root=root, empty=empty))
        server.processes["vsftpd"] = lab.spawn(server.namespace, ["vsftpd", config],
                                               f"{server.name}-vsftpd.log")
        wait_until(lambda: ":21 " in server.namespace.run(["ss", "-Hlnt"]).stdout,
                   f"{server.name} has no vsftpd")


def data_of(size):
    """The same bytes every time."""
    block = hashlib.sha256(b"ftp").digest()
    return (block * (size // len(block) + 1))[:size]


def curl(lab, *arguments, **options):
    return lab.client.run(["curl", "-sS", "-g", "--max-time", PATIENCE, *arguments],
                          timeout=2 * PATIENCE, **options)


def url(host, path=""):
    return f"ftp://[{host}]/{path}" if ":" in host else f"ftp://{host}/{path}"


def transfer(lab, host, mode):
    """Downloads, uploads and lists; what was wrong about it, or nothing."""
    for size in SIZES:
        target = lab.directory / "received"
        target.unlink(missing_ok=True)
        done = curl(lab, *MODES[mode], "-o", target, url(host, f"file{size}"))
        if done.returncode != 0 or target.read_bytes() != data_of(size):
            return f"download of {size} B: {done.stderr.strip()}"
        source = lab.directory / "sent"
        source.write_bytes(data_of(size))
        name = f"up-{host}-{mode}-{size}".replace(":", "_")
        done = curl(lab, *MODES[mode], "-T", source, url(host, f"in/{name}"))
        arrived = [path.read_bytes() for path in lab.directory.glob(f"server*-ftp/root/in/{name}")]
        if done.returncode != 0 or arrived != [data_of(size)]:
            return f"upload of {size} B: {done.stderr.strip()}"
    listing = curl(lab, *MODES[mode], url(host)).stdout
    return "" if "file3000000" in listing else f"listing: {listing!r}"


@case(seconds=600, variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def ftp(context, workers):
    """curl loads, stores and lists by PASV, EPSV, PORT and EPRT, over IPv4 and IPv6."""
    with context.balancer(FTP4, FTP6, workers=workers, extra=APPS) as lab:
        start_ftp(lab)
        table = {}
        for host in (VIP4, VIP6):
            for mode in MODES:
                # With PASV and PORT curl falls back to the extended commands over IPv6.
                table[f"{host} {mode}"] = transfer(lab, host, mode)
        for name, fault in table.items():
            print(f"    {name:24} {fault or 'ok'}")
        equal({name: fault for name, fault in table.items() if fault}, {}, "faults")
        check_no_drops(lab)
        apps = lab.call("app.list")
        check(apps["counters"]["data_connections"] >= 8 * 7, f"data connections: {apps}")
        check(apps["counters"]["passive"] > 0 and apps["counters"]["active"] > 0, f"{apps}")


@case(seconds=600)
def ftp_sessions(context):
    """lftp loads 50 files in one session, and 20 sessions run at once."""
    with context.balancer(FTP4, workers=4, extra=APPS) as lab:
        start_ftp(lab)
        gets = "; ".join(f"get -O {lab.directory} file3000000 -o many{i}" for i in range(50))
        settings = "set net:max-retries 1; set net:timeout 20; set ftp:prefer-epsv no"
        done = lab.client.run(["lftp", "-e", f"{settings}; {gets}; quit", url(VIP4)],
                              timeout=4 * PATIENCE, env={**os.environ, "HOME": str(lab.directory)})
        right = sum((lab.directory / f"many{i}").read_bytes() == data_of(3_000_000)
                    for i in range(50) if (lab.directory / f"many{i}").exists())
        equal(right, 50, f"files that lftp loaded ({done.stderr.strip()[:500]})")
        running = [lab.client.popen(["curl", "-sS", "--max-time", 2 * PATIENCE, "-o",
                                     lab.directory / f"at-once{i}",
                                     *MODES["pasv" if i % 2 else "port"], url(VIP4, "file3000000")])
                   for i in range(20)]
        equal([process.wait(3 * PATIENCE) for process in running], [0] * 20, "exit codes of curl")
        for i in range(20):
            check((lab.directory / f"at-once{i}").read_bytes() == data_of(3_000_000),
                  f"file {i} of those loaded at once differs")


@case(seconds=300)
def ftp_bounce(context):
    """A PORT that names somebody else is refused by the server, and the session goes on."""
    with context.balancer(FTP4, extra=APPS) as lab:
        start_ftp(lab)
        foreign = CLIENT4.rsplit(".", 1)[0].replace(".", ",") + ",99,20,1"
        done = curl(lab, "-v", "-Q", f"*PORT {foreign}", "-Q", "NOOP", url(VIP4, "file1"))
        equal(done.returncode, 0, f"exit code of curl ({done.stderr[-800:]})")
        check("500 Illegal PORT" in done.stderr, f"the server's answer: {done.stderr[-800:]}")
        equal(lab.call("app.list")["counters"]["active_foreign"], 1, "refused commands")


# A client that sends its commands byte by byte; it prints the hash of what it loads by PASV, EPSV,
# PORT and EPRT.
BYTE_BY_BYTE = """
import ftplib, hashlib, socket, sys, time
class Client(ftplib.FTP):
    def putline(self, line):
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in line.encode() + b"\\r\\n":
            self.sock.sendall(bytes([byte]))
            time.sleep(0.0005)
for passive in (True, False):
    ftp = Client(timeout=60)
    ftp.connect(sys.argv[1], 21)
    ftp.login()
    ftp.set_pasv(passive)
    for _ in range(10):
        digest = hashlib.sha256()
        ftp.retrbinary("RETR " + sys.argv[2], digest.update)
        print(digest.hexdigest())
    ftp.quit()
"""


def load_byte_by_byte(lab, host):
    done = lab.client.run(["python3", "-c", BYTE_BY_BYTE, host, "file1"], timeout=4 * PATIENCE)
    equal((done.stdout.split(), done.returncode),
          ([hashlib.sha256(data_of(1)).hexdigest()] * 20, 0),
          f"hashes of what came ({done.stderr[-500:]})")


@case(seconds=600, variants={"ipv4": {"host": VIP4}, "ipv6": {"host": VIP6}})
def ftp_cut(context, host):
    """Commands come byte by byte, and replies in segments of at most 36 bytes."""
    with context.balancer(FTP4, FTP6, workers=2, extra=APPS) as lab:
        start_ftp(lab)
        # What the client lets the server send at once; less than 48 with options is not heard.
        lab.client.ip(f"route replace {VIP4} dev eth0 advmss 48\n"
                      f"route replace {VIP6} dev eth0 advmss 48\n")
        load_byte_by_byte(lab, host)
        counters = lab.call("app.list")["counters"]
        equal((counters["passive"], counters["active"], counters["data_connections"]),
              (10, 10, 20), "what was announced")


LOSS = """
table inet loss {
    chain in { type filter hook input priority 0; numgen random mod 100 < 2 drop; }
    chain out { type filter hook output priority 0; numgen random mod 100 < 2 drop; }
}
"""


@case(seconds=600)
def ftp_lossy(context):
    """Two of a hundred packets are lost, on their way in and out of each host."""
    with context.balancer(FTP4, workers=2, extra=APPS) as lab:
        start_ftp(lab)
        for space in [lab.client, *(server.namespace for server in lab.servers)]:
            space.run(["nft", "-f", "-"], input=LOSS, check=True)
        load_byte_by_byte(lab, VIP4)
        for mode in MODES:
            equal(transfer(lab, VIP4, mode), "", f"faults with {mode}")
