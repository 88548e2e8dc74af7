#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ipvs-oracle: run the real Linux kernel IPVS as a packet-in/packet-out black box.

A User Mode Linux kernel (Debian package user-mode-linux) is booted as an
ordinary unprivileged process with a tiny initramfs.  Its two network
interfaces are socketpairs held by this program, so no TAP device, no network
namespace and no root rights are needed and nothing of the host is touched.

Only the Python standard library is used.  See ORACLE.md for formats.
"""
import argparse
import base64
import concurrent.futures
import glob
import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

FORMAT = 1
IFACES = ("eth0", "eth1")
STATS_SETTLE = 4.2                  # seconds: two periods of the kernel's counter estimator
BARRIER_IP = "192.0.0.8"            # RFC 7600 dummy address, lives on lo in the guest
BARRIER_MAC = "02:ba:44:1e:44:00"
SCHEDULERS = "rr wrr lc wlc fo ovf lblc lblcr dh sh mh sed nq".split()
BASE_MODULES = ["ipv6", "nf_defrag_ipv4", "nf_defrag_ipv6", "nf_conntrack", "nf_nat",
                "ip_vs"] + ["ip_vs_" + s for s in SCHEDULERS]
OPTIONAL_MODULES = ["ip_vs_ftp", "ip_vs_pe_sip", "ipip", "ip_gre", "fou", "ip6_tunnel",
                    "dummy", "nf_conntrack_ftp"]
DEFAULT_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.conf.eth0.rp_filter": "0",
    "net.ipv4.conf.eth1.rp_filter": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.eth0.send_redirects": "0",
    "net.ipv4.conf.eth1.send_redirects": "0",
    "net.ipv4.icmp_ratelimit": "0",
    "net.ipv4.icmp_msgs_per_sec": "100000",
    "net.ipv4.icmp_msgs_burst": "100000",
    "net.ipv6.icmp.ratelimit": "0",
}
DUMPS = (("services", "ipvsadm -Ln"), ("connections", "ipvsadm -Lnc"),
         ("persistent", "ipvsadm -Ln --persistent-conn"),
         ("stats", "ipvsadm -Ln --stats --exact"), ("rules", "ipvsadm -Sn"),
         ("ip_vs", "cat /proc/net/ip_vs"), ("ip_vs_conn", "cat /proc/net/ip_vs_conn"),
         ("ip_vs_stats", "cat /proc/net/ip_vs_stats"))


class OracleError(Exception):
    pass


# --------------------------------------------------------------------------- initramfs

def find_uml():
    uml = os.environ.get("IPVS_ORACLE_UML") or shutil.which("linux.uml") or "/usr/bin/linux.uml"
    if not os.path.exists(uml):
        raise OracleError("linux.uml not found: apt-get install user-mode-linux")
    moddir = os.environ.get("IPVS_ORACLE_MODULES")
    if not moddir:
        found = sorted(glob.glob("/usr/lib/uml/modules/*/modules.dep"))
        if not found:
            raise OracleError("UML modules not found under /usr/lib/uml/modules")
        moddir = os.path.dirname(found[-1])
    return uml, moddir


def find_tool(name):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    got = shutil.which(name, path=path)
    if not got:
        raise OracleError("%s not found (see ORACLE.md for the Debian packages)" % name)
    return os.path.realpath(got)


def module_order(moddir, wanted):
    """Files of the wanted modules and all they depend on, in insmod order."""
    deps = {}
    for line in open(os.path.join(moddir, "modules.dep")):
        name, _, rest = line.partition(":")
        deps[name.strip()] = rest.split()
    byname = {os.path.basename(p).split(".ko")[0].replace("-", "_"): p for p in deps}
    soft = {"ip_vs": ["libcrc32c"], "libcrc32c": ["crc32c_generic"],
            "nf_conntrack": ["libcrc32c"]}
    order = []

    def add(path):
        if path in order:
            return
        name = os.path.basename(path).split(".ko")[0].replace("-", "_")
        for s in soft.get(name, ()):
            if s in byname and byname[s] != path:
                add(byname[s])
        for d in reversed(deps[path]):
            add(d)
        if path not in order:
            order.append(path)

    for name in wanted:
        if name in byname:
            add(byname[name])
    return order


INIT = r'''#!/bin/busybox sh
export PATH=/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox stty -F /dev/ttyS0 raw -echo
exec </dev/ttyS0 >/dev/ttyS0 2>&1
while read -r m; do /bin/busybox insmod /modules/$m || echo "MODFAIL $m"; done </modules/order
/bin/ip link set lo up
echo READY
while read -r k b; do
  if [ "$k" = P ]; then echo "$b" >>/tmp/b; echo "@@ACK"; continue; fi
  /bin/busybox base64 -d </tmp/b >/tmp/c
  : >/tmp/b
  /bin/busybox sh /tmp/c >/tmp/o 2>&1
  r=$?
  echo "@@BEGIN $r $(/bin/busybox stat -c %s /tmp/o)"
  /bin/busybox cat /tmp/o
  echo "@@END"
done
/bin/busybox poweroff -f
'''
APPLETS = ("sh cat echo ls mount stty insmod rmmod lsmod base64 stat sleep sysctl dmesg poweroff "
           "grep sed awk head tail wc sort uname nsenter unshare kill mkdir rm true false "
           "touch test [ printf tr cut").split()


def cpio_newc(entries):
    """A newc archive of (name, mode, data, rdev) entries."""
    out = bytearray()
    ino = 1

    def one(name, mode, data, rdev=(0, 0)):
        nonlocal ino
        nb = name.encode() + b"\0"
        out.extend(b"070701" + b"".join(b"%08x" % v for v in (
            ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(nb), 0)))
        out.extend(nb)
        out.extend(b"\0" * (-len(out) % 4))
        out.extend(data)
        out.extend(b"\0" * (-len(out) % 4))
        ino += 1

    for e in entries:
        one(*e)
    one("TRAILER!!!", 0, b"")
    return bytes(out)


def ldd(path):
    try:
        text = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    except OSError:
        return []
    return [w for line in text.splitlines() for w in line.split() if w.startswith("/")]


def build_initramfs(cachedir, extra_modules=()):
    uml, moddir = find_uml()
    tools = {"busybox": find_tool("busybox"), "ipvsadm": find_tool("ipvsadm"),
             "ip": find_tool("ip")}
    for opt in ("conntrack", "iptables-legacy", "ethtool"):
        try:
            tools[opt] = find_tool(opt)
        except OracleError:
            pass
    boot = module_order(moddir, BASE_MODULES)
    avail = module_order(moddir, BASE_MODULES + OPTIONAL_MODULES + list(extra_modules))
    key = hashlib.sha256()
    for p in [uml] + sorted(tools.values()) + [os.path.join(moddir, "modules.dep")]:
        st = os.stat(p)
        key.update(("%s %d %d\n" % (p, st.st_size, st.st_mtime_ns)).encode())
    key.update((INIT + " ".join(boot + avail + APPLETS)).encode())
    os.makedirs(cachedir, exist_ok=True)
    target = os.path.join(cachedir, "initramfs-%s.cpio" % key.hexdigest()[:16])
    if os.path.exists(target):
        return target
    files = {}
    dirs = {"bin", "dev", "proc", "sys", "tmp", "etc", "lib", "lib64", "modules", "run"}

    def addfile(dest, data, mode=0o100755):
        dest = dest.lstrip("/")
        parts = dest.split("/")[:-1]
        for i in range(len(parts)):
            dirs.add("/".join(parts[:i + 1]))
        files[dest] = (mode, data)

    for name, path in tools.items():
        addfile("bin/" + name, open(path, "rb").read())
        for lib in ldd(path):
            addfile(lib, open(lib, "rb").read())
    for a in APPLETS:
        addfile("bin/" + a, b"busybox", 0o120777)
    for rel in avail:
        addfile("modules/" + os.path.basename(rel), open(os.path.join(moddir, rel), "rb").read(),
                0o100644)
    addfile("modules/order", "".join(os.path.basename(p) + "\n" for p in boot).encode(), 0o100644)
    addfile("modules/avail", "".join(os.path.basename(p) + "\n" for p in avail).encode(), 0o100644)
    addfile("etc/hosts", b"127.0.0.1 localhost\n", 0o100644)
    addfile("etc/protocols", b"ip 0 IP\nicmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nsctp 132 SCTP\n", 0o100644)
    addfile("init", INIT.encode())
    entries = [(d, 0o040755, b"", (0, 0)) for d in sorted(dirs)]
    entries.append(("dev/console", 0o020600, b"", (5, 1)))
    entries += [(n, m, d, (0, 0)) for n, (m, d) in sorted(files.items())]
    tmp = target + ".%d" % os.getpid()
    with open(tmp, "wb") as f:
        f.write(cpio_newc(entries))
    os.rename(tmp, target)
    return target


# --------------------------------------------------------------------------- the guest

def mac_bytes(mac):
    return bytes(int(x, 16) for x in mac.split(":"))


class Guest:
    """One running UML kernel, its console, and its two interfaces."""

    def __init__(self, cachedir, mem="256M", verbose=False, quiet_ms=2.0, pairs=1):
        self.quiet = quiet_ms / 1000.0
        self.verbose = verbose
        self.buf = b""
        self.proc = None
        uml, self.moddir = find_uml()
        initrd = build_initramfs(cachedir)
        self.tmp = tempfile.mkdtemp(prefix="ipvs-oracle-")
        self.pairs = []            # (socket of eth0, socket of eth1) for one scenario each
        guest_fds = []
        args = [uml, "mem=" + mem, "initrd=" + initrd, "root=/dev/ram0", "rw", "quiet",
                "con=null", "con0=null,fd:1", "ssl=null", "umid=" + os.path.basename(self.tmp),
                "uml_dir=" + self.tmp]
        for i in range(2 * pairs):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            for s in (ours, theirs):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
            self.pairs.append(ours)
            guest_fds.append(theirs)
            args.append("vec%d:transport=fd,fd=%d,vec=0" % (i, theirs.fileno()))
        self.use_pair(0)
        self.ctl, theirs = socket.socketpair()
        guest_fds.append(theirs)
        args.append("ssl0=fd:%d" % theirs.fileno())
        self.logpath = os.path.join(self.tmp, "console.log")
        t0 = time.monotonic()
        with open(self.logpath, "wb") as log:
            env = dict(os.environ, TMPDIR=os.environ.get("TMPDIR", "/tmp"))
            self.proc = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=subprocess.STDOUT, start_new_session=True,
                                         pass_fds=[s.fileno() for s in guest_fds], env=env,
                                         cwd=self.tmp)
        for s in guest_fds:
            s.close()
        try:
            self.boot_text = self._read_until(b"READY", 60).decode(errors="replace")
        except OracleError as e:
            text = open(self.logpath, errors="replace").read()[-3000:]
            self.close()
            raise OracleError("%s\n%s" % (e, text))
        self.boot_seconds = time.monotonic() - t0
        if "MODFAIL" in self.boot_text:
            sys.stderr.write("warning: " + self.boot_text)
        self.macs = {}
        self.ns = None

    def use_pair(self, n):
        self.first_dev = 2 * n
        self.net = dict(zip(IFACES, self.pairs[2 * n:2 * n + 2]))

    # -- console

    def _read_until(self, mark, timeout):
        end = time.monotonic() + timeout
        while mark not in self.buf:
            left = end - time.monotonic()
            if left <= 0:
                raise OracleError("guest console: no %r within %ss" % (mark, timeout))
            r, _, _ = select.select([self.ctl], [], [], left)
            if r:
                got = self.ctl.recv(1 << 16)
                if not got:
                    raise OracleError("guest console closed")
                self.buf += got
        i = self.buf.index(mark) + len(mark)
        r, self.buf = self.buf[:i], self.buf[i:]
        return r

    def sh(self, script, check=True, timeout=60):
        if self.verbose:
            sys.stderr.write("guest# %s\n" % script.replace("\n", "\n     # "))
        # busybox's shell prefers its own applets, and its "ip" cannot add neighbours
        script = 'ip() { /bin/ip "$@"; }\n' + script
        if self.ns:
            script = "nsenter --net=%s sh -c '%s'" % (self.ns, script.replace("'", "'\\''"))
        data = base64.b64encode(script.encode())
        for i in range(0, len(data), 1500):      # UML's serial line loses input beyond 4 KB
            self.ctl.sendall(b"P " + data[i:i + 1500] + b"\n")
            self._read_until(b"@@ACK\n", timeout)
        self.ctl.sendall(b"X\n")
        self._read_until(b"@@BEGIN", timeout)
        line = self._read_until(b"\n", timeout)
        rc, n = (int(x) for x in line.split())
        end = time.monotonic() + timeout
        while len(self.buf) < n and time.monotonic() < end:
            r, _, _ = select.select([self.ctl], [], [], 1)
            if r:
                self.buf += self.ctl.recv(1 << 16)
        text, self.buf = self.buf[:n].decode(errors="replace"), self.buf[n:]
        self._read_until(b"@@END\n", timeout)
        if rc and check:
            raise OracleError("guest command failed (%d): %s\n%s" % (
                rc, script if self.verbose else "(-v shows the script)", text))
        return text

    # -- packets

    def drain(self, seconds, stop_at=None):
        """Frames that come out until `seconds` of silence (or, with stop_at, a fixed time)."""
        out = []
        socks = {s: n for n, s in self.net.items()}
        while True:
            left = seconds if stop_at is None else stop_at - time.monotonic()
            if left < 0:
                break
            r, _, _ = select.select(list(socks), [], [], left)
            if not r:
                break
            for s in r:
                out.append((socks[s], s.recv(1 << 17)))
        return out

    def barrier(self, iface, timeout=5.0):
        """Send an ARP probe behind the packets on iface; when it is answered the guest
        has finished with all of them.  Returns the frames that came out before it."""
        src = mac_bytes(BARRIER_MAC)
        probe = (b"\xff" * 6 + src + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1)
                 + src + b"\0" * 4 + b"\0" * 6 + socket.inet_aton(BARRIER_IP))
        self.net[iface].send(probe)
        out = []
        socks = {s: n for n, s in self.net.items()}
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise OracleError("no answer to the ordering probe on %s" % iface)
            r, _, _ = select.select(list(socks), [], [], left)
            done = False
            for s in r:
                frame = s.recv(1 << 17)
                if frame[:6] == src and frame[12:14] == b"\x08\x06":
                    done = True
                else:
                    out.append((socks[s], frame))
            if done:
                return out

    def inject(self, iface, frame):
        """Send one frame; returns all frames it made the guest send, [(iface, bytes)]."""
        self.net[iface].send(frame)
        return self.barrier(iface) + self.drain(self.quiet)

    def close(self):
        if self.proc is not None:
            try:
                os.killpg(self.proc.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.proc.wait()
            self.proc = None
        for s in self.pairs + [self.ctl]:
            s.close()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def is_noise(frame):
    """Frames that a kernel sends on its own: ARP, and IPv6 neighbour/multicast upkeep."""
    et = frame[12:14]
    if et == b"\x08\x06":
        return True
    if et == b"\x86\xdd" and len(frame) >= 55:
        nh, off = frame[20], 54
        if nh == 0 and len(frame) > 62:
            nh, off = frame[54], 54 + 8 * (frame[55] + 1)
        if nh == 58 and len(frame) > off and frame[off] in (130, 131, 132, 133, 134, 135, 136, 143):
            return True
    return False


# --------------------------------------------------------------------------- scenarios

def load_scenario(path):
    if os.path.isdir(path):
        base, path = path, os.path.join(path, "scenario.json")
    else:
        base = os.path.dirname(os.path.abspath(path))
    with open(path) as f:
        sc = json.load(f)
    sc.setdefault("name", os.path.basename(os.path.abspath(base)))
    sc["_base"] = base
    return sc


def read_pcap(path):
    data = open(path, "rb").read()
    magic = data[:4]
    if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
        e = "<"
    elif magic in (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"):
        e = ">"
    else:
        raise OracleError("%s is not a pcap file" % path)
    off, frames = 24, []
    while off + 16 <= len(data):
        _, _, incl, _ = struct.unpack(e + "IIII", data[off:off + 16])
        frames.append(data[off + 16:off + 16 + incl])
        off += 16 + incl
    return frames


def write_pcap(path, frames):
    """frames: [(seconds, microseconds, bytes)]"""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 1 << 18, 1))
        for s, us, b in frames:
            f.write(struct.pack("<IIII", s, us, len(b), len(b)) + b)


def setup_script(sc, first_dev=0):
    """Shell text that brings a fresh guest to the scenario's starting point.  As few
    processes as can be: starting one is the slowest thing a UML guest does."""
    L = ["set -e"] + ["load_module %s" % m for m in sc.get("modules", [])]
    ifs = sc.get("interfaces", {})

    def batch(lines):
        L.append("/bin/ip -batch - <<'EOB'\n%s\nEOB" % "\n".join(lines))

    names = []
    for i, name in enumerate(IFACES):
        mac = ifs.get(name, {}).get("mac", "02:00:00:00:00:%02x" % (i + 1))
        names += ["link set vec%d name %s" % (first_dev + i, name),
                  "link set %s address %s" % (name, mac)]
    batch(names)
    for name in IFACES:
        d = "/proc/sys/net/ipv6/conf/%s/" % name
        L.append("echo 1 >%saddr_gen_mode" % d)
        L += ["echo 0 >%s%s" % (d, k) for k in ("accept_dad", "dad_transmits",
                                                "router_solicitations", "accept_ra")]
    sysctls = dict(DEFAULT_SYSCTLS)
    sysctls.update({k: str(v) for k, v in sc.get("sysctls", {}).items()})
    for k, v in sysctls.items():
        p = "/proc/sys/" + sysctl_path(k)
        strict = k in sc.get("sysctls", {})
        L.append(("" if strict else "[ ! -e %s ] || " % p) + "echo '%s' >%s" % (v, p))
    conf = ["link set lo up", "addr add %s/32 dev lo scope host" % BARRIER_IP]
    for name in IFACES:
        conf.append("link set %s mtu %d up" % (name, int(ifs.get(name, {}).get("mtu", 1500))))
    for name in IFACES + ("lo",):
        for a in ifs.get(name, {}).get("addresses", []):
            conf.append("addr add %s dev %s%s" % (a, name, " nodad" if ":" in a else ""))
    for name in IFACES:
        for ip, mac in ifs.get(name, {}).get("neighbours", {}).items():
            conf.append("neigh replace %s lladdr %s dev %s nud permanent" % (ip, mac, name))
    for r in sc.get("routes", []):
        conf.append("%sroute replace %s" % ("-6 " if ":" in r else "", r))
    batch([c for c in conf if not c.startswith("-6 ")])
    v6 = [c[3:] for c in conf if c.startswith("-6 ")]
    if v6:
        L.append("/bin/ip -6 -batch - <<'EOB'\n%s\nEOB" % "\n".join(v6))
    L += sc.get("commands", [])
    ipvs = ipvs_lines(sc.get("ipvs", []))
    if ipvs:
        L.append("ipvsadm -R >/tmp/r 2>&1 <<'EOB' || { cat /tmp/r; exit 1; }\n%s\nEOB"
                 % "\n".join(ipvs))
        L.append("if [ -s /tmp/r ]; then cat /tmp/r; exit 1; fi")
    return "\n".join(L) + "\n"


def sysctl_path(k):
    # net.ipv4.conf.eth0.x ; names with dots inside may be given with slashes
    return k if "/" in k else k.replace(".", "/")


def ipvs_lines(lines):
    if isinstance(lines, str):
        lines = lines.splitlines()
    lines = [re.sub(r"^ipvsadm\s+", "", l.split("#")[0].strip()) for l in lines]
    return [l for l in lines if l]


def ipvs_script(lines):
    return "".join("ipvsadm %s\n" % l for l in ipvs_lines(lines))


MODFUNC = r'''load_module() {
  awk -v w="$1.ko" '{print} $0==w{exit}' /modules/avail >/tmp/m
  grep -q "^$1.ko$" /tmp/m || { echo "no module $1"; return 1; }
  [ -d /sys/module/$1 ] && return 0
  insmod /modules/$1.ko 2>/dev/null && return 0
  while read -r f; do n=$(echo ${f%.ko} | tr - _); [ -d /sys/module/$n ] || insmod /modules/$f 2>/dev/null; done </tmp/m
  [ -d /sys/module/$1 ]
}
'''


def hexin(sc, spec):
    if "hex" in spec:
        return bytes.fromhex(spec["hex"].replace(" ", "").replace("\n", ""))
    return read_pcap(os.path.join(sc["_base"], spec["pcap"]))[int(spec.get("index", 0))]


class Session:
    """A scenario in progress on a guest.  Used to run recorded scenarios and, by corpus
    generators, to make new ones (each call is executed and remembered as a step)."""

    def __init__(self, guest, sc):
        self.g, self.sc = guest, sc
        self.packets, self.others, self.dumps, self.state = [], [], {}, {}
        self.step = -1
        self.noise = 0
        self.arrived = []          # outputs seen outside an inject (e.g. during a command)
        guest.sh(MODFUNC + setup_script(sc, guest.first_dev))
        guest.drain(0.03)
        for name in IFACES:
            guest.barrier(name)
        guest.drain(0.02)
        self.t0 = time.monotonic()

    def _filter(self, outs):
        keep = []
        for iface, frame in outs:
            if is_noise(frame) and not self.sc.get("keep_noise"):
                self.noise += 1
            else:
                keep.append({"iface": iface, "hex": frame.hex()})
        return keep

    def send(self, iface, frame, note=None, at=None):
        self.step += 1
        if at is not None:
            self._late(self.g.drain(0, stop_at=self.t0 + at))
        outs = self._filter(self.g.inject(iface, frame))
        rec = {"step": self.step, "in": {"iface": iface, "hex": frame.hex()}, "out": outs}
        if note:
            rec["note"] = note
        self.packets.append(rec)
        return outs

    def _late(self, outs):
        outs = self._filter(outs)
        if outs:
            self.others.append({"step": self.step, "during": "at", "out": outs})
        return outs

    def wait(self, seconds):
        self.step += 1
        outs = self._filter(self.g.drain(0, stop_at=time.monotonic() + seconds))
        if outs:
            self.others.append({"step": self.step, "during": "wait", "out": outs})
        return outs

    def command(self, script, kind="commands"):
        self.step += 1
        text = self.g.sh(MODFUNC + "set -e\n" + script)
        outs = self._filter(self.g.drain(self.g.quiet))
        if outs:
            self.others.append({"step": self.step, "during": kind, "out": outs})
        return text

    def dump(self, label, stats=False):
        """Dump the state; the kernel brings counters up to date only every two seconds, so
        with stats=True wait for that first, else leave the counters out."""
        self.step += 1
        if stats:
            self._late(self.g.drain(0, stop_at=time.monotonic() + STATS_SETTLE))
        self.dumps[label] = take_dump(self.g, stats)
        self.state[label] = parse_state(self.dumps[label], stats)
        return self.dumps[label]

    def result(self):
        if "end" not in self.dumps:
            self.dump("end", self.sc.get("stats", False))
        return {"format": FORMAT, "scenario": self.sc["name"],
                "oracle": {"kernel": self.dumps["end"].get("kernel", "")},
                "packets": self.packets, "other_outputs": self.others,
                "filtered_noise_frames": self.noise, "state": self.state, "dumps": self.dumps}


def take_dump(g, stats):
    parts = "".join("echo '@@%s'\n%s 2>&1\n" % (k, c) for k, c in DUMPS
                    if stats or "stats" not in k)
    text = g.sh(parts + "echo '@@kernel'\nuname -r\n", check=False)
    d, cur = {}, None
    for line in text.splitlines():
        if line.startswith("@@"):
            cur = line[2:]
            d[cur] = []
        elif cur:
            d[cur].append(line)
    return {k: "\n".join(v) + ("\n" if k != "kernel" else "") for k, v in d.items()}


def run_on(guest, sc):
    s = Session(guest, sc)
    for st in sc["steps"]:
        if "send" in st:
            s.send(st["send"]["iface"], hexin(sc, st["send"]), st.get("note"), st.get("at"))
        elif "wait" in st:
            s.wait(float(st["wait"]))
        elif "ipvs" in st:
            s.command(ipvs_script(st["ipvs"]), "ipvs")
        elif "sysctls" in st:
            s.command("\n".join("echo '%s' >/proc/sys/%s" % (v, sysctl_path(k))
                                for k, v in st["sysctls"].items()), "sysctls")
        elif "commands" in st:
            s.command("\n".join(st["commands"]), "commands")
        elif "dump" in st:
            s.dump(st["dump"], st.get("stats", False))
        else:
            raise OracleError("unknown step %r" % (st,))
    return s.result()


class NamespacePool:
    """Runs scenarios one after another in one guest, each in a network namespace of its own
    (IPVS, conntrack, routes, neighbours and sysctls are all per namespace) and with a pair
    of interfaces of its own (UML's fd transport cannot be opened twice)."""
    PAIRS = 24

    def __init__(self, **kw):
        self.kw, self.guest, self.n = kw, None, 0

    def run(self, sc):
        if self.guest is None or self.n >= self.PAIRS:
            self.close()
            self.guest, self.n = Guest(pairs=self.PAIRS, **self.kw), 0
        g, n = self.guest, self.n
        self.n += 1
        try:
            g.use_pair(n)
            g.sh("mkdir -p /run/netns; ip netns add n%d; for d in vec%d vec%d; do "
                 "ip link set $d netns n%d; done" % (n, 2 * n, 2 * n + 1, n))
            g.ns = "/run/netns/n%d" % n
            res = run_on(g, sc)
            g.ns = None
            g.sh("ip netns del n%d" % n)
            return res
        except Exception:
            self.close()
            raise

    def close(self):
        if self.guest is not None:
            self.guest.close()
            self.guest = None


def run_fresh(sc, **kw):
    with Guest(**kw) as g:
        return run_on(g, sc)


def write_result(outdir, res):
    os.makedirs(outdir, exist_ok=True)
    with open(os.path.join(outdir, "result.json"), "w") as f:
        f.write(dump_json(res))
    both = {n: [] for n in IFACES}
    outp = {n: [] for n in IFACES}
    for i, p in enumerate(res["packets"]):
        both[p["in"]["iface"]].append((i, 0, bytes.fromhex(p["in"]["hex"])))
        for j, o in enumerate(p["out"]):
            fr = (i, j + 1, bytes.fromhex(o["hex"]))
            both[o["iface"]].append(fr)
            outp[o["iface"]].append(fr)
    for n in IFACES:
        write_pcap(os.path.join(outdir, n + ".pcap"), both[n])
        write_pcap(os.path.join(outdir, n + "-out.pcap"), outp[n])
    for label, d in res["dumps"].items():
        with open(os.path.join(outdir, "dump-%s.txt" % label), "w") as f:
            for k, t in d.items():
                f.write("== %s\n%s\n" % (k, t))


def dump_json(res):
    """JSON with one packet a line, so that recorded files diff well."""
    res = dict(res)
    pk = res.pop("packets", None)
    text = json.dumps(res, indent=1, ensure_ascii=False)
    if pk is None:
        return text + "\n"
    lines = ",\n  ".join(json.dumps(p, ensure_ascii=False) for p in pk)
    return text[:-2] + ",\n \"packets\": [\n  " + lines + "\n ]\n}\n"


# --------------------------------------------------------------------------- state dumps

def parse_addr_hex(h):
    if h.startswith("["):
        return h
    return socket.inet_ntoa(bytes.fromhex(h))


def parse_state(d, stats):
    """Structured, time-independent view of a dump."""
    st = {"services": [], "connections": []}
    if stats:
        st["stats"] = []
    cur = None
    for line in d.get("services", "").splitlines():
        w = line.split()
        if not w or w[0] in ("IP", "Prot"):
            continue
        if w[0] == "->":
            if w[1] == "RemoteAddress:Port" or cur is None:
                continue
            cur["dests"].append({"dest": w[1], "forward": w[2], "weight": int(w[3]),
                                 "active": int(w[4]), "inactive": int(w[5])})
        elif w[0] in ("TCP", "UDP", "SCTP", "FWM"):
            cur = {"proto": w[0], "service": w[1], "scheduler": w[2] if len(w) > 2 else "",
                   "flags": " ".join(w[3:]), "dests": []}
            st["services"].append(cur)
    for line in d.get("connections", "").splitlines():
        w = line.split()
        if len(w) >= 6 and re.match(r"^\d+:\d+$", w[1]):
            st["connections"].append({"proto": w[0], "state": w[2], "client": w[3],
                                      "virtual": w[4], "dest": w[5]})
    st["connections"].sort(key=lambda c: (c["proto"], c["client"], c["virtual"], c["dest"]))
    for line in d.get("stats", "").splitlines() if stats else ():
        w = line.split()
        if len(w) == 7 and w[0] in ("TCP", "UDP", "SCTP", "FWM", "->") and w[2].isdigit():
            st["stats"].append({"kind": w[0], "addr": w[1], "conns": int(w[2]),
                                "inpkts": int(w[3]), "outpkts": int(w[4]),
                                "inbytes": int(w[5]), "outbytes": int(w[6])})
    return st


# --------------------------------------------------------------------------- normalising

def csum16(data):
    if len(data) & 1:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return s


def l4_csum(b, off, end, proto, pseudo):
    """Replace a correct L4 checksum in bytearray b by 'ok' marker; returns a word."""
    at = {6: 16, 17: 6, 1: 2, 58: 2}.get(proto)
    if at is None or off + at + 2 > end:
        return None
    seg = bytes(b[off:end])
    val = seg[at:at + 2]
    if proto == 17 and val == b"\0\0":
        return "none"
    ph = b"" if proto == 1 else pseudo + struct.pack("!IxxxB", len(seg), proto)
    if csum16(ph + seg) == 0xffff:
        b[off + at:off + at + 2] = b"\0\0"
        return "ok"
    return "bad:" + val.hex()


GUE_PORTS = {6080, 5555, 6635}


def norm_ip(b, off, own, notes, depth=0, gue=GUE_PORTS, ids=None):
    """Normalise the IP packet at b[off:]; own = made by the director itself (its IP id is
    arbitrary).  Masks in place, appends words to notes; returns end offset.  Ids of fragments
    that the director chose become their number in order of appearance (kept in ids)."""
    ids = {} if ids is None else ids
    if off >= len(b):
        return len(b)
    ver = b[off] >> 4
    if ver == 4 and len(b) >= off + 20:
        ihl = (b[off] & 15) * 4
        tot = struct.unpack("!H", b[off + 2:off + 4])[0]
        end = min(len(b), off + max(tot, ihl))
        proto = b[off + 9]
        frag = struct.unpack("!H", b[off + 6:off + 8])[0]
        hdr_ok = csum16(bytes(b[off:off + ihl])) == 0xffff
        tunnel = proto in (4, 41, 47) or (proto == 17 and end - off >= ihl + 8 and struct.unpack(
            "!H", b[off + ihl + 2:off + ihl + 4])[0] in gue)
        if (tunnel and depth == 0) or own:
            n = 0
            if frag & 0x3fff:
                n = ids.setdefault((4, bytes(b[off + 4:off + 6])), len(ids) + 1)
            b[off + 4:off + 6] = struct.pack("!H", n)
            notes.append("id masked")
        if hdr_ok:
            b[off + 10:off + 12] = b"\0\0"
        notes.append("ip4csum " + ("ok" if hdr_ok else "bad"))
        p = off + ihl
        pseudo = bytes(b[off + 12:off + 20])
        if frag & 0x3fff:
            if tunnel and proto == 17 and depth == 0 and not frag & 0x1fff:
                b[p:p + 2] = b"\0\0"
                b[p + 6:p + 8] = b"\0\0"
                notes.append("gue sport masked")
            return end
    elif ver == 6 and len(b) >= off + 40:
        plen = struct.unpack("!H", b[off + 4:off + 6])[0]
        end = min(len(b), off + 40 + plen)
        proto, p = b[off + 6], off + 40
        pseudo = bytes(b[off + 8:off + 40])
        if own:                 # the kernel's automatic flow label is a keyed hash
            b[off + 1] &= 0xf0
            b[off + 2:off + 4] = b"\0\0"
            notes.append("flow label masked")
        while proto in (0, 43, 60, 44) and p + 8 <= end:
            if proto == 44:
                if depth == 0:
                    b[p + 4:p + 8] = struct.pack("!I", ids.setdefault((6, bytes(b[p + 4:p + 8])),
                                                                      len(ids) + 1))
                    notes.append("fragid masked")
                if struct.unpack("!H", b[p + 2:p + 4])[0] & 0xfff9:
                    return end
                proto, p = b[p], p + 8
            else:
                proto, p = b[p], p + 8 * (b[p + 1] + 1)
        tunnel = proto in (4, 41, 47) or (proto == 17 and end - p >= 8 and struct.unpack(
            "!H", b[p + 2:p + 4])[0] in gue)
    else:
        return len(b)
    if tunnel and depth == 0:
        if proto in (4, 41):
            norm_ip(b, p, False, notes, depth + 1)
        elif proto == 47:
            flags = struct.unpack("!H", b[p:p + 2])[0]
            if flags & 0x8000:
                seg = bytes(b[p:end])
                ok = csum16(seg) == 0xffff
                notes.append("gre csum " + ("ok" if ok else "bad"))
                if ok:
                    b[p + 4:p + 6] = b"\0\0"
            norm_ip(b, p + 4 + (4 if flags & 0x8000 else 0), False, notes, depth + 1)
        elif proto == 17:
            w = l4_csum(b, p, end, 17, pseudo)
            notes.append("outer udp csum %s" % w)
            b[p:p + 2] = b"\0\0"
            notes.append("gue sport masked")
            if b[p + 8] >> 6 == 0:
                hlen = (b[p + 8] & 0x1f) * 4
                norm_ip(b, p + 8 + 4 + hlen, False, notes, depth + 1)
            else:
                norm_ip(b, p + 8, False, notes, depth + 1)
        return end
    w = l4_csum(b, p, end, proto, pseudo)
    if w:
        notes.append("l4csum " + w)
    return end


def is_own_icmp(frame, inframe, same_iface):
    """An ICMP message the director made itself: it leaves by the interface its cause came in
    and the input is not the same ICMP type, or it is an echo reply to the input's echo."""
    def icmp_type(f):
        if f[12:14] == b"\x08\x00" and len(f) > 34 and f[23] == 1:
            return 4, f[14 + (f[14] & 15) * 4]
        if f[12:14] == b"\x86\xdd" and len(f) > 54 and f[20] == 58:
            return 6, f[54]
        return None
    a, c = icmp_type(frame), icmp_type(inframe)
    if (frame[12:14] == inframe[12:14] == b"\x86\xdd" and same_iface
            and frame[22:54] == inframe[38:54] + inframe[22:38]):
        return True             # the director's own IPv6 stack answers (echo reply, TCP reset)
    if a is None:
        return False
    if c is None:
        return True
    if a == c and len(frame) != len(inframe):
        return True          # an error about a tunnel packet, told on to the client: a new message
    return a != c and same_iface


def normalise(frame, inframe=None, same_iface=False, ignore_l2=False, extra_masks=(), ids=None):
    """(canonical bytes, notes).  Correct checksums become 0, arbitrary fields become 0,
    Ethernet padding is cut off."""
    b = bytearray(frame)
    notes = []
    if b[12:14] in (b"\x08\x00", b"\x86\xdd"):
        own = inframe is not None and is_own_icmp(frame, inframe, same_iface)
        end = norm_ip(b, 14, own, notes, ids=ids)
        if end < len(b):
            notes.append("pad cut")
            b = b[:end]
    if ignore_l2:
        b[0:12] = b"\0" * 12
    for at, n in extra_masks:
        b[at:at + n] = b"\0" * len(b[at:at + n])
    return bytes(b), notes


def norm_packet(p, ignore_l2=False, icmp_quote=None):
    """Normalised outputs of one packet record, by interface (order kept inside one)."""
    fin = bytes.fromhex(p["in"]["hex"]) if "in" in p else None
    by = {n: [] for n in IFACES}
    ids = {n: {} for n in IFACES}
    for o in p["out"]:
        fr = bytes.fromhex(o["hex"])
        c, notes = normalise(fr, fin, "in" in p and o["iface"] == p["in"]["iface"], ignore_l2,
                             ids=ids[o["iface"]])
        if icmp_quote is not None:
            c = cut_quote(c, icmp_quote)
        by[o["iface"]].append((c, tuple(n for n in notes if n != "pad cut"), fr))
    return by


def cut_quote(c, quote):
    """Shorten an ICMP error's quotation to the quoted IP header + `quote` bytes."""
    if c[12:14] == b"\x08\x00" and c[23] == 1:
        p = 14 + (c[14] & 15) * 4
        if len(c) > p + 28 and c[p] in (3, 4, 5, 11, 12):
            n = p + 8 + (c[p + 8] & 15) * 4 + quote
            if len(c) > n:
                c = c[:16] + b"\0\0" + c[18:n]
    elif c[12:14] == b"\x86\xdd" and c[20] == 58 and c[54] < 128:
        n = 54 + 8 + 40 + quote
        if len(c) > n:
            c = c[:18] + b"\0\0" + c[20:n]
    return c


def compare(exp, got, ignore_l2=False, icmp_quote=None, state=False):
    """List of differences (text) between two results of one scenario."""
    diffs = []
    if len(exp["packets"]) != len(got["packets"]):
        diffs.append("number of input packets: %d expected, %d got"
                     % (len(exp["packets"]), len(got["packets"])))
    for i, (a, b) in enumerate(zip(exp["packets"], got["packets"])):
        if a["in"]["hex"] != b["in"]["hex"] or a["in"]["iface"] != b["in"]["iface"]:
            diffs.append("packet %d: inputs differ, the results are not of the same scenario" % i)
            break
        na, nb = norm_packet(a, ignore_l2, icmp_quote), norm_packet(b, ignore_l2, icmp_quote)
        for n in IFACES:
            for j in range(max(len(na[n]), len(nb[n]))):
                x = na[n][j] if j < len(na[n]) else None
                y = nb[n][j] if j < len(nb[n]) else None
                where = "packet %d (%s)%s: output %d on %s" % (
                    i, a["in"]["iface"], " [%s]" % a["note"] if a.get("note") else "", j, n)
                if x is None:
                    diffs.append("%s: unexpected: %s" % (where, summary(y[2])))
                elif y is None:
                    diffs.append("%s: missing: %s" % (where, summary(x[2])))
                elif x[0] != y[0] or x[1] != y[1]:
                    diffs.append("%s:\n    expected %s\n    got      %s\n    %s" % (
                        where, summary(x[2]), summary(y[2]), first_diff(x, y)))
    if state:
        for label, sa in exp.get("state", {}).items():
            sb = got.get("state", {}).get(label)
            if sb is None:
                diffs.append("state %r missing" % label)
                continue
            for k in sa:
                if isinstance(state, str) and k not in state.split(","):
                    continue
                if sa[k] != sb.get(k):
                    diffs.append("state %s/%s:\n    expected %s\n    got      %s"
                                 % (label, k, json.dumps(sa[k]), json.dumps(sb.get(k))))
    return diffs


def first_diff(x, y):
    a, b = x[0], y[0]
    at = [i for i in range(max(len(a), len(b)))
          if (a[i] if i < len(a) else None) != (b[i] if i < len(b) else None)]
    t = "lengths %d/%d" % (len(a), len(b))
    if at:
        t += ", differing bytes at " + ",".join(str(i) for i in at[:24]) + ("..." if len(at) > 24 else "")
    if x[1] != y[1]:
        t += "; checks %s / %s" % (" ".join(x[1]), " ".join(y[1]))
    return t


# --------------------------------------------------------------------------- rendering

def ip4s(b):
    return socket.inet_ntoa(bytes(b))


def ip6s(b):
    return socket.inet_ntop(socket.AF_INET6, bytes(b))


def summary_ip(b, depth=0):
    if not b:
        return "empty"
    ver = b[0] >> 4
    if ver == 4 and len(b) >= 20:
        ihl, proto, ttl = (b[0] & 15) * 4, b[9], b[8]
        tot, ident, frag = struct.unpack("!HHH", b[2:8])
        src, dst, pl = ip4s(b[12:16]), ip4s(b[16:20]), b[ihl:tot]
        t = "%s>%s ttl=%d len=%d%s" % (src, dst, ttl, tot, " DF" if frag & 0x4000 else "")
        if b[1]:
            t += " tos=%#x" % b[1]
        if csum16(b[:ihl]) != 0xffff:
            t += " BADIPCSUM"
        if frag & 0x3fff:
            t += " frag id=%d off=%d%s" % (ident, (frag & 0x1fff) * 8, "+" if frag & 0x2000 else "")
            if frag & 0x1fff:
                return t
        ph = b[12:20]
    elif ver == 6 and len(b) >= 40:
        proto, ttl, plen = b[6], b[7], struct.unpack("!H", b[4:6])[0]
        src, dst, pl = ip6s(b[8:24]), ip6s(b[24:40]), b[40:40 + plen]
        t = "%s>%s hl=%d plen=%d" % (src, dst, ttl, plen)
        ph, frag = b[8:40], 0
        if proto == 44 and len(pl) >= 8:
            fo = struct.unpack("!H", pl[2:4])[0]
            t += " frag off=%d%s" % (fo & 0xfff8, "+" if fo & 1 else "")
            proto, pl, frag = pl[0], pl[8:], (fo & 0xfff9)
            if fo & 0xfff8:
                return t
    else:
        return "?? " + bytes(b[:16]).hex()
    bad = ""
    at = {6: 16, 17: 6, 1: 2, 58: 2}.get(proto)
    if at is not None and not (frag & 0x3fff) and not depth and len(pl) >= at + 2:
        if not (proto == 17 and pl[6:8] == b"\0\0"):
            p = b"" if proto == 1 else bytes(ph) + struct.pack("!IxxxB", len(pl), proto)
            if csum16(p + bytes(pl)) != 0xffff:
                bad = " BADL4CSUM"
    if proto == 6 and len(pl) >= 20:
        sp, dp, seq, ack, off, fl, win = struct.unpack("!HHIIBBH", pl[:16])
        names = "".join(n for i, n in enumerate("FSRPAUEC") if fl & (1 << i))
        do = (off >> 4) * 4
        data = bytes(pl[do:])
        t += " TCP %d>%d [%s] seq=%d ack=%d win=%d" % (sp, dp, names, seq, ack, win)
        if do > 20:
            t += " opt=" + bytes(pl[20:do]).hex()
        if data:
            t += " data(%d)=%r" % (len(data), data[:60])
    elif proto == 17 and len(pl) >= 8:
        sp, dp, ln = struct.unpack("!HHH", pl[:6])
        t += " UDP %d>%d len=%d" % (sp, dp, ln)
        if dp in GUE_PORTS and len(pl) > 12:
            if pl[8] >> 6 == 0:
                t += " GUE(%s) {%s}" % (bytes(pl[8:12 + (pl[8] & 31) * 4]).hex(),
                                       summary_ip(pl[12 + (pl[8] & 31) * 4:], 0))
            else:
                t += " GUE1 {%s}" % summary_ip(pl[8:], 0)
    elif proto in (4, 41):
        t += " IPIP {%s}" % summary_ip(pl, 0)
    elif proto == 47 and len(pl) >= 4:
        fl = struct.unpack("!H", pl[:2])[0]
        t += " GRE(%04x) {%s}" % (fl, summary_ip(pl[4 + (4 if fl & 0x8000 else 0):], 0))
    elif proto == 1 and len(pl) >= 8:
        t += " ICMP %d/%d" % (pl[0], pl[1])
        if pl[0] in (3, 4, 5, 11, 12):
            if pl[0] == 3 and pl[1] == 4:
                t += " mtu=%d" % struct.unpack("!H", pl[6:8])
            t += " {%s}" % summary_ip(pl[8:], 1)
    elif proto == 58 and len(pl) >= 8:
        t += " ICMP6 %d/%d" % (pl[0], pl[1])
        if pl[0] < 128:
            if pl[0] == 2:
                t += " mtu=%d" % struct.unpack("!I", pl[4:8])
            t += " {%s}" % summary_ip(pl[8:], 1)
    else:
        t += " proto=%d" % proto
    return t + bad


def summary(frame):
    et = frame[12:14]
    l2 = "%s>%s " % (":".join("%02x" % x for x in frame[6:12]), ":".join("%02x" % x for x in frame[:6]))
    if et in (b"\x08\x00", b"\x86\xdd"):
        return l2 + summary_ip(frame[14:])
    return l2 + "ethertype " + et.hex()


def show(res, file=sys.stdout):
    pr = lambda *a: print(*a, file=file)
    pr("# %s (kernel %s)" % (res["scenario"], res.get("oracle", {}).get("kernel", "?")))
    for i, p in enumerate(res["packets"]):
        pr("%3d %s%s" % (i, "(step %d) " % p["step"] if "step" in p else "", p.get("note", "")))
        pr("    > %s %s" % (p["in"]["iface"], summary(bytes.fromhex(p["in"]["hex"]))))
        if not p["out"]:
            pr("    < nothing")
        for o in p["out"]:
            pr("    < %s %s" % (o["iface"], summary(bytes.fromhex(o["hex"]))))
    for o in res.get("other_outputs", []):
        for x in o["out"]:
            pr("  during %s, step %d: < %s %s" % (o["during"], o["step"], x["iface"],
                                                  summary(bytes.fromhex(x["hex"]))))
    for label, d in res.get("dumps", {}).items():
        pr("== state at %s" % label)
        for k in ("services", "connections", "stats"):
            pr(d.get(k, "").rstrip())


# --------------------------------------------------------------------------- commands

def default_cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "ipvs-oracle")


def expand(paths):
    out = []
    for p in paths:
        if os.path.isdir(p) and not os.path.exists(os.path.join(p, "scenario.json")):
            out += sorted(os.path.dirname(x) for x in glob.glob(os.path.join(p, "*", "scenario.json")))
        else:
            out.append(p)
    if not out:
        raise OracleError("no scenarios found")
    return out


def guest_args(a):
    return dict(cachedir=a.cache, mem=a.mem, verbose=a.verbose, quiet_ms=a.quiet_ms)


def iter_results(paths, a):
    """(path, scenario, result or exception) for each scenario, in order."""
    build_initramfs(a.cache)
    if a.one_boot:
        pool = NamespacePool(**guest_args(a))
        try:
            for p in paths:
                sc = load_scenario(p)
                try:
                    yield p, sc, pool.run(sc)
                except OracleError as e:
                    yield p, sc, e
        finally:
            pool.close()
        return

    def job(p):
        sc = load_scenario(p)
        try:
            return p, sc, run_fresh(sc, **guest_args(a))
        except OracleError as e:
            return p, sc, e

    with concurrent.futures.ThreadPoolExecutor(a.jobs) as ex:
        yield from ex.map(job, paths)


def cmd_run(a):
    bad = 0
    for p, sc, res in iter_results(expand(a.scenario), a):
        if isinstance(res, Exception):
            print("ERROR %s: %s" % (sc["name"], res))
            bad += 1
            continue
        if a.record:
            with open(os.path.join(sc["_base"], "expected.json"), "w") as f:
                f.write(dump_json(res))
        if a.out:
            write_result(os.path.join(a.out, sc["name"]), res)
        if a.show:
            show(res)
        print("ok %s: %d in, %d out" % (sc["name"], len(res["packets"]),
                                        sum(len(x["out"]) for x in res["packets"])))
    return 1 if bad else 0


def cmd_check(a):
    bad = 0
    for p, sc, res in iter_results(expand(a.scenario), a):
        if isinstance(res, Exception):
            print("ERROR %s: %s" % (sc["name"], res))
            bad += 1
            continue
        exp = json.load(open(os.path.join(sc["_base"], "expected.json")))
        d = compare(exp, res, a.ignore_l2, a.icmp_quote, a.state)
        print("%s %s" % ("DIFF" if d else "same", sc["name"]))
        for x in d:
            print("  " + x)
        bad += bool(d)
    return 1 if bad else 0


def cmd_compare(a):
    exp, got = json.load(open(a.expected)), json.load(open(a.got))
    d = compare(exp, got, a.ignore_l2, a.icmp_quote, a.state)
    for x in d:
        print(x)
    print("%d differences" % len(d))
    return 1 if d else 0


def cmd_show(a):
    for p in a.result:
        if os.path.isdir(p):
            q = os.path.join(p, "expected.json")
            p = q if os.path.exists(q) else os.path.join(p, "result.json")
        show(json.load(open(p)))
    return 0


def cmd_probe(a):
    t = time.monotonic()
    build_initramfs(a.cache)
    print("initramfs ready in %.2f s" % (time.monotonic() - t))
    with Guest(**guest_args(a)) as g:
        print("boot %.2f s" % g.boot_seconds)
        print(g.sh("uname -a; ipvsadm --version; cat /proc/net/ip_vs; lsmod | sort"))
        for m in OPTIONAL_MODULES:
            r = g.sh(MODFUNC + "load_module %s && echo yes || echo NO" % m, check=False)
            print("module %-18s %s" % (m, r.strip().splitlines()[-1]))
        print(g.sh("for f in /proc/sys/net/ipv4/vs/*; do echo \"${f##*/} = $(cat $f 2>&1)\"; done"))
    return 0


def cmd_exec(a):
    sc = load_scenario(a.scenario)
    with Guest(**guest_args(a)) as g:
        g.sh(MODFUNC + setup_script(sc))
        for c in a.command:
            print(g.sh(c, check=False), end="")
    return 0


def main(argv=None):
    ap = argparse.ArgumentParser(prog="ipvs-oracle", description=__doc__.split("\n")[0])
    ap.add_argument("--cache", default=default_cache(), help="where the built initramfs is kept")
    ap.add_argument("--mem", default="256M", help="guest memory")
    ap.add_argument("--quiet-ms", type=float, default=2.0,
                    help="silence to wait for after the ordering probe of each packet")
    ap.add_argument("-v", "--verbose", action="store_true", help="show guest commands")
    sub = ap.add_subparsers(dest="cmd", required=True)

    def running(p):
        p.add_argument("scenario", nargs="+", help="scenario directory, scenario JSON, or a "
                       "directory of scenario directories")
        p.add_argument("-j", "--jobs", type=int, default=1, help="guests at a time")
        p.add_argument("--one-boot", action="store_true",
                       help="one guest for all, a network namespace per scenario")

    def comparing(p):
        p.add_argument("--ignore-l2", action="store_true", help="do not compare MAC addresses")
        p.add_argument("--icmp-quote", type=int, metavar="N",
                       help="of ICMP errors compare only the quoted IP header + N bytes")
        p.add_argument("--state", nargs="?", const=True, default=False, metavar="KINDS",
                       help="also compare state dumps: all, or of services,connections,stats")

    p = sub.add_parser("run", help="run scenarios on the kernel")
    running(p)
    p.add_argument("-o", "--out", help="write DIR/NAME/result.json, pcaps and dumps")
    p.add_argument("--record", action="store_true", help="write expected.json next to the scenario")
    p.add_argument("--show", action="store_true", help="print every packet")
    p.set_defaults(func=cmd_run)
    p = sub.add_parser("check", help="run scenarios and compare with their expected.json")
    running(p)
    comparing(p)
    p.set_defaults(func=cmd_check)
    p = sub.add_parser("compare", help="compare two result files")
    p.add_argument("expected")
    p.add_argument("got")
    comparing(p)
    p.set_defaults(func=cmd_compare)
    p = sub.add_parser("show", help="print result files readably")
    p.add_argument("result", nargs="+")
    p.set_defaults(func=cmd_show)
    p = sub.add_parser("probe", help="boot once; print versions, modules, sysctls")
    p.set_defaults(func=cmd_probe)
    p = sub.add_parser("exec", help="set a scenario up and run shell commands in the guest")
    p.add_argument("scenario")
    p.add_argument("command", nargs="+")
    p.set_defaults(func=cmd_exec)
    a = ap.parse_args(argv)
    try:
        return a.func(a)
    except OracleError as e:
        sys.stderr.write("ipvs-oracle: %s\n" % e)
        return 2


if __name__ == "__main__":
    sys.exit(main())
