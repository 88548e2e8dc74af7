#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Helpers to write scenarios as reactive scripts: each scripted peer answers what the
kernel really sent it, and all that was sent is frozen into a static scenario.json together
with the kernel's expected.json.

    from scenario_lib import *

    @scenario("TCP through NAT, one exchange", ipvs=nat(rport=8080, reals=RS[:1]))
    def my_nat_tcp(s):                       # becomes my-nat-tcp/
        Conn(s).open().exchange().close()    # client through the director to the server
        s.dump("closed")

    if __name__ == "__main__":
        main()                               # python3 my_scenarios.py -o DIR [NAME-PREFIX ...]

Run by itself this file writes the example at its end.  Needs python3-scapy; replaying the
written scenarios does not."""
import logging
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.environ.get("IPVS_ORACLE_DIR", HERE))
import ipvs_oracle as O                                                     # noqa: E402
logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.all import (Ether, IP, IPv6, TCP, UDP, ICMP, GRE, Raw, fragment,   # noqa: E402,F401
                       ICMPv6EchoRequest, ICMPv6DestUnreach, ICMPv6PacketTooBig,
                       ICMPv6TimeExceeded, ICMPv6EchoReply, IPv6ExtHdrFragment, SCTP, conf)

D0, D1 = "02:00:00:00:00:01", "02:00:00:00:00:02"      # the director's two interfaces
CGW, SGW = "02:00:00:00:0c:fe", "02:00:00:00:0d:fe"    # routers on each side
CGW4, CGW6, SGW4, SGW6 = "192.0.2.254", "2001:db8:1::fe", "10.1.0.254", "2001:db8:2::fe"
DIP0, DIP1 = "192.0.2.1", "10.1.0.1"
DIP0_6, DIP1_6 = "2001:db8:1::1", "2001:db8:2::1"
VIP, VIP2 = "192.0.2.10", "192.0.2.9"
VIP6 = "2001:db8:1::10"
RS = ["10.1.0.11", "10.1.0.12", "10.1.0.13", "10.1.0.14"]
RS6 = ["2001:db8:2::11", "2001:db8:2::12", "2001:db8:2::13", "2001:db8:2::14"]
RSMAC = ["02:00:00:00:01:0b", "02:00:00:00:01:0c", "02:00:00:00:01:0d", "02:00:00:00:01:0e"]
CIP, CIP2 = "198.51.100.7", "198.51.100.8"
CIP6 = "2001:db8:c::7"
MAC_OF = dict(list(zip(RS, RSMAC)) + list(zip(RS6, RSMAC)))


def topology(mtu0=1500, mtu1=1500, vips=(VIP,), v6=False, extra4=(), lo=()):
    e0 = [DIP0 + "/24"] + [v + "/32" for v in vips if ":" not in v] + list(extra4)
    e1 = [DIP1 + "/24"]
    n0, n1 = {CGW4: CGW}, {SGW4: SGW}
    n1.update(zip(RS, RSMAC))
    routes = ["default via %s dev eth0" % CGW4, "10.2.0.0/16 via %s dev eth1" % SGW4]
    if v6:
        e0 += [DIP0_6 + "/64"] + [v + "/128" for v in vips if ":" in v]
        e1 += [DIP1_6 + "/64"]
        n0[CGW6] = CGW
        n1[SGW6] = SGW
        n1.update(zip(RS6, RSMAC))
        routes += ["default via %s dev eth0 metric 1" % CGW6,
                   "2001:db8:22::/48 via %s dev eth1" % SGW6]
    ifs = {"eth0": {"mac": D0, "mtu": mtu0, "addresses": e0, "neighbours": n0},
           "eth1": {"mac": D1, "mtu": mtu1, "addresses": e1, "neighbours": n1}}
    if lo:
        ifs["lo"] = {"addresses": list(lo)}
    return ifs, routes


class Scen:
    def __init__(self, guest, name, description, ipvs, tags=(), sysctls=None, modules=(),
                 commands=(), stats=False, **topo):
        ifs, routes = topology(**topo)
        self.sc = {"format": O.FORMAT, "name": name, "description": " ".join(description.split()),
                   "tags": list(tags), "interfaces": ifs, "routes": routes,
                   "sysctls": dict(sysctls or {}), "modules": list(modules),
                   "ipvs": list(ipvs), "steps": []}
        if stats:
            self.sc["stats"] = True
        if commands:
            self.sc["commands"] = list(commands)
        self.s = O.Session(guest, self.sc)
        self.ids = {}

    def ipid(self, host):
        self.ids[host] = self.ids.get(host, (sum(map(ord, host)) * 97) & 0x7fff) + 1
        return self.ids[host] & 0xffff

    def raw(self, iface, frame, note=None):
        frame = bytes(frame)
        step = {"send": {"iface": iface, "hex": frame.hex()}}
        if note:
            step["note"] = note
        self.sc["steps"].append(step)
        return [(o["iface"], Ether(bytes.fromhex(o["hex"]))) for o in self.s.send(iface, frame, note)]

    def c(self, p, note=None):
        """From the client side."""
        return self.raw("eth0", Ether(src=CGW, dst=D0) / p, note)

    def r(self, p, note=None, mac=None):
        """From the server side."""
        src = p.src
        return self.raw("eth1", Ether(src=mac or MAC_OF.get(src, SGW), dst=D1) / p, note)

    def ip(self, src, dst, **kw):
        if ":" in src:
            return IPv6(src=src, dst=dst, hlim=kw.get("ttl", 64), fl=kw.get("fl", 0),
                        tc=kw.get("tos", 0))
        if "df" in kw:
            kw["flags"] = "DF" if kw.pop("df") else 0
        kw.setdefault("id", self.ipid(src))
        kw.setdefault("flags", "DF" if kw.pop("df", True) else 0)
        kw.setdefault("ttl", 64)
        return IP(src=src, dst=dst, **kw)

    def wait(self, s):
        self.sc["steps"].append({"wait": s})
        return self.s.wait(s)

    def ipvs(self, *lines):
        self.sc["steps"].append({"ipvs": list(lines)})
        return self.s.command(O.ipvs_script(lines), "ipvs")

    def sysctl(self, **kw):
        d = {k.replace("__", "."): str(v) for k, v in kw.items()}
        self.sc["steps"].append({"sysctls": d})
        self.s.command("\n".join("echo '%s' >/proc/sys/%s" % (v, O.sysctl_path(k))
                                 for k, v in d.items()), "sysctls")

    def commands(self, *lines):
        self.sc["steps"].append({"commands": list(lines)})
        return self.s.command("\n".join(lines), "commands")

    def dump(self, label, stats=False):
        self.sc["steps"].append({"dump": label, "stats": True} if stats else {"dump": label})
        return self.s.dump(label, stats)


def l3(frame):
    """The IP layer meant for the real server (tunnel headers taken off)."""
    b = bytes(frame)
    p = frame.payload
    if isinstance(p, IP) and p.frag:
        return p                # a later fragment: nothing to look into
    if isinstance(p, IP) and p.proto in (4, 41):
        q = bytes(p.payload)
        return IP(q) if p.proto == 4 else IPv6(q)
    if isinstance(p, IPv6) and p.nh in (4, 41):
        q = bytes(p.payload)
        return IP(q) if p.nh == 4 else IPv6(q)
    if isinstance(p, IP) and p.proto == 47:
        g = bytes(p.payload)
        o = 8 if g[0] & 0x80 else 4
        return IP(g[o:]) if g[o] >> 4 == 4 else IPv6(g[o:])
    if isinstance(p, IP) and p.proto == 17 and p[UDP].dport in O.GUE_PORTS:
        g = bytes(p[UDP].payload)
        o = 4 + (g[0] & 31) * 4
        return IP(g[o:]) if g[o] >> 4 == 4 else IPv6(g[o:])
    del b
    return p


SYNOPT = [("MSS", 1460), ("SAckOK", b""), ("NOP", None), ("WScale", 7)]


class Conn:
    """A TCP connection of a client through the director, both ends scripted."""

    def __init__(self, sc, cip=CIP, cport=40000, vip=VIP, vport=80, isn_c=1000, isn_s=500000,
                 reply=True, opts=SYNOPT, win=64240):
        self.sc, self.cip, self.cport, self.vip, self.vport = sc, cip, cport, vip, vport
        self.cseq, self.cack = isn_c, 0          # the client's view
        self.sseq, self.sack = isn_s, 0          # the server's view
        self.reply, self.opts, self.win = reply, opts, win
        self.real = None                         # (address, port) as the server was reached
        self.peer = (cip, cport)
        self.last = None

    # what each side gets updates its view
    def _to_server(self, outs):
        for iface, fr in outs:
            if iface == "eth1":
                p = l3(fr)
                if TCP in p and len(p[TCP].payload) + 0 >= 0:
                    self.real, self.peer = (p.dst, p[TCP].dport), (p.src, p[TCP].sport)
                    self.sack = max(self.sack, self._end(p))
                    self.last = p
        return outs

    def _to_client(self, outs):
        for iface, fr in outs:
            if iface == "eth0":
                p = fr.payload
                if TCP in p:
                    self.cack = max(self.cack, self._end(p))
                    self.last = p
        return outs

    @staticmethod
    def _end(p):
        t = p[TCP]
        n = (p.len - p.ihl * 4 if isinstance(p, IP) else p.plen) - t.dataofs * 4
        return (t.seq + n + (1 if t.flags & 3 else 0)) & 0xffffffff

    def cs(self, flags, data=b"", note=None, seq=None, ack=None, opts=None, advance=True, **ip):
        """client -> virtual service"""
        if isinstance(data, str):
            data = data.encode()
        s = self.cseq if seq is None else seq
        a = (self.cack if ack is None else ack) if "A" in flags else 0
        t = TCP(sport=self.cport, dport=self.vport, flags=flags, seq=s, ack=a, window=self.win,
                options=opts or [])
        outs = self.sc.c(self.sc.ip(self.cip, self.vip, **ip) / t / data, note)
        if advance and seq is None:
            self.cseq = (s + len(data) + (1 if "S" in flags or "F" in flags else 0)) & 0xffffffff
        return self._to_server(outs)

    def sv(self, flags, data=b"", note=None, seq=None, ack=None, opts=None, advance=True,
           real=None, **ip):
        """real server -> client (through the director; only for NAT)"""
        if isinstance(data, str):
            data = data.encode()
        s = self.sseq if seq is None else seq
        a = (self.sack if ack is None else ack) if "A" in flags else 0
        addr, port = real or self.real or (RS[0], self.vport)
        t = TCP(sport=port, dport=self.peer[1], flags=flags, seq=s, ack=a, window=65160,
                options=opts or [])
        outs = []
        if self.reply:
            outs = self.sc.r(self.sc.ip(addr, self.peer[0], **ip) / t / data, note)
        if advance and seq is None:
            self.sseq = (s + len(data) + (1 if "S" in flags or "F" in flags else 0)) & 0xffffffff
        if not self.reply:
            self.cack = self.sseq
        return self._to_client(outs)

    def open(self):
        self.cs("S", note="SYN", opts=self.opts)
        if self.real is None:
            return self
        self.sv("SA", note="SYN/ACK", opts=self.opts)
        self.cs("A", note="ACK of handshake")
        return self

    def exchange(self, q=b"GET / HTTP/1.0\r\n\r\n", a=b"HTTP/1.0 200 OK\r\n\r\nhello"):
        self.cs("PA", q, "request")
        self.sv("A", note="ACK of request")
        self.sv("PA", a, "response")
        self.cs("A", note="ACK of response")
        return self

    def close(self):
        self.cs("FA", note="client FIN")
        self.sv("A", note="ACK of client FIN")
        self.sv("FA", note="server FIN")
        self.cs("A", note="last ACK")
        return self


def nat(vip=VIP, port=80, reals=None, sched="rr", mode="m", rport=None, weights=None, proto="t",
        extra="", rextra=""):
    """ipvsadm lines of one service"""
    if reals is None:
        reals = RS6[:2] if ":" in vip else RS[:2]
    br = lambda a: "[%s]" % a if ":" in a else a
    lines = [("-A -%s %s:%d -s %s %s" % (proto, br(vip), port, sched, extra)).strip()]
    for i, r in enumerate(reals):
        w = (weights[i] if weights else 1)
        lines.append(("-a -%s %s:%d -r %s:%d -%s -w %d %s" % (
            proto, br(vip), port, br(r), rport if rport is not None else port, mode, w, rextra)).strip())
    return lines


SCENARIOS = []


def scenario(description="", share=False, **kw):
    def deco(f):
        SCENARIOS.append((f.__name__.replace("_", "-"), description or f.__doc__ or "", share, kw, f))
        return f
    return deco


def make(item, out, cache):
    """Run one scenario on a kernel of its own and write it; returns the number of packets."""
    import json
    name, desc, _, kw, f = item
    with O.Guest(cachedir=cache) as g:
        kw = dict(kw)
        s = Scen(g, name, desc, kw.pop("ipvs", []), **kw)
        f(s)
        res = s.s.result()
    d = os.path.join(out, name)
    os.makedirs(d, exist_ok=True)
    text = json.dumps({k: v for k, v in s.sc.items() if k != "steps"}, indent=1)[:-2]
    text += ",\n \"steps\": [\n  " + ",\n  ".join(json.dumps(x) for x in s.sc["steps"]) + "\n ]\n}\n"
    with open(os.path.join(d, "scenario.json"), "w") as fh:
        fh.write(text)
    with open(os.path.join(d, "expected.json"), "w") as fh:
        fh.write(O.dump_json(res))
    return len(res["packets"])


def main():
    import argparse
    ap = argparse.ArgumentParser(description="write scenario.json and expected.json of scripted scenarios")
    ap.add_argument("-o", "--out", default=".")
    ap.add_argument("--cache", default=O.default_cache())
    ap.add_argument("names", nargs="*", help="name prefixes; all without")
    a = ap.parse_args()
    O.build_initramfs(a.cache)
    for item in SCENARIOS:
        if not a.names or any(item[0].startswith(n) for n in a.names):
            print("%s: %d packets" % (item[0], make(item, a.out, a.cache)))


if __name__ == "__main__":
    @scenario("Example: a NAT service answers one client; a second client's SYN goes to the other server",
              ipvs=nat(rport=8080))
    def example_nat(s):
        Conn(s).open().exchange().close()
        Conn(s, cip=CIP2).cs("S", note="SYN of a second client", opts=SYNOPT)
        s.dump("after")

    main()
