# SPDX-License-Identifier: BSD-3-Clause
"""Schedulers: every choice while weights change, servers come and go, are quiesced and overloaded,
and connections end."""
from common import *

# What chooses by destination gets services on a mark, so that there is more than one.
BY_DESTINATION = ("dh", "lblc", "lblcr")
PLAIN = ("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf")
HASHES = {
    "sh": "",
    "sh-fallback": "-b sh-fallback",
    "sh-port": "-b sh-port",
    "mh": "",
    "mh-fallback": "-b mh-fallback",
    "mh-port": "-b mh-port",
}
DESTINATIONS = ["203.0.113.%d" % n for n in (80, 7, 81, 200, 33)]
DESTINATIONS6 = ["2001:db8:d::%x" % n for n in (0x80, 7, 0x81, 0xC8, 0x33)]
DESTINATIONS6[1] = "2001:db8:d:1:2:3:4:86"  # folds to what the first one folds to


def marks(v6):
    ip, family = ("ip6", "ipv6") if v6 else ("ip", "ip")
    everything = "::/0" if v6 else "0.0.0.0/0"
    options = " -6" if v6 else ""
    return (
        [
            "load_module sch_ingress",
            "load_module cls_u32",
            "load_module act_skbedit",
            "ethtool qdisc add dev eth0 ingress",  # tc, see record.py
        ]
        + [
            "ethtool filter add dev eth0 parent ffff: protocol %s u32 match %s protocol %d 0xff "
            "match %s dport %d 0xffff action skbedit mark 7" % (family, ip, number, ip, port)
            for number, port in ((6, 80), (17, 53))
        ]
        + [
            "ip%s rule add fwmark 7 lookup 100" % options,
            "ip%s route add local %s dev lo table 100" % (options, everything),
        ]
    )


class Service:
    """One virtual service and what is done to it. Servers are numbered from 0, weights given."""

    def __init__(self, scheduler, options="", udp=False, v6=False, method="m"):
        self.scheduler, self.options, self.udp = scheduler, options, udp
        self.v6, self.method = v6, method
        self.marked = scheduler in BY_DESTINATION
        address = "[%s]" % VIP6 if v6 else VIP
        self.port = 53 if udp else 80
        self.name = "-%s %s:%d" % ("u" if udp else "t", address, self.port)
        if self.marked:
            self.name = "-f 7" + (" -6" if v6 else "")

    def real(self, i):
        address = "[%s]" % RS6[i] if self.v6 else RS[i]
        return "%s:%d" % (address, 0 if self.marked else self.port)

    def lines(self, weights=(), limits=""):
        made = ["-A %s -s %s %s" % (self.name, self.scheduler, self.options)]
        made[0] = made[0].strip()
        return made + [self.server("-a", i, w, limits) for i, w in enumerate(weights)]

    def server(self, what, i, weight, limits=""):
        line = "%s %s -r %s -%s -w %d %s" % (
            what, self.name, self.real(i), self.method, weight, limits,
        )  # fmt: skip
        return line.strip()

    def add(self, i, weight, limits=""):
        return self.server("-a", i, weight, limits)

    def edit(self, i, weight, limits=""):
        return self.server("-e", i, weight, limits)

    def delete(self, i):
        return "-d %s -r %s" % (self.name, self.real(i))

    def switch(self, scheduler, options=""):
        return ("-E %s -s %s %s" % (self.name, scheduler, options)).strip()

    def topology(self):
        """Arguments of @scenario."""
        more = {"v6": True, "vips": (VIP, VIP6)} if self.v6 else {}
        if self.marked:
            # The director's own: so its port unreachables come from there.
            more["vips"] = (VIP, VIP6, *DESTINATIONS6) if self.v6 else (VIP, *DESTINATIONS)
            more.update(tags=["marks"], commands=marks(self.v6))
        return more


class Traffic:
    """New connections, a letter each: o open, h half open, f the client has ended, c both have,
    u one UDP packet. Clients and destinations take turns."""

    def __init__(self, s, service, clients=6, first_port=30000, to=None):
        self.s, self.service, self.made = s, service, []
        self.clients, self.next_port = clients, first_port
        everywhere = DESTINATIONS6 if service.v6 else DESTINATIONS
        self.to = to or (everywhere if service.marked else [VIP6 if service.v6 else VIP])

    def __call__(self, letters, to=None, client=None):
        for letter in letters:
            n = len(self.made)
            name = "2001:db8:c::%x" if self.service.v6 else "198.51.100.%d"
            source = name % (7 + (n * 5 % self.clients if client is None else client))
            target = to or self.to[n * 3 % len(self.to)]
            self.made.append(self.datagram if letter == "u" else self.connection)
            self.made[-1] = self.made[-1](letter, source, target)
            self.next_port += 1

    def datagram(self, letter, source, target):
        self.s.c(udp(self.s, self.next_port, 53, src=source, dst=target), "datagram")
        return None

    def connection(self, letter, source, target):
        c = Conn(
            self.s, cip=source, cport=self.next_port, vip=target, reply=self.service.method == "m"
        )
        c.cs("S", note="SYN of a connection that will be: " + letter, opts=SYN_OPTIONS)
        if c.real is None or letter == "h":
            return None
        c.sv("SA", opts=SYN_OPTIONS)
        c.cs("A")
        if letter in "fc":
            c.cs("FA", note="client FIN")
        if letter == "c":
            c.sv("FA", note="server FIN")
            c.cs("A")
        return c if letter == "o" else None

    def end(self, count):
        """The oldest open connections get a FIN from the client."""
        for i, c in enumerate(self.made):
            if c is not None and count > 0:
                c.cs("FA", note="client FIN of an older connection")
                self.made[i] = None
                count -= 1


SYN_OPTIONS = [("MSS", 1460)]


def register(name, description, body, service, weights, extra=(), **more):
    """A scenario of this service with servers of these weights."""

    def run(s):
        body(s, service)
        s.dump("end")

    run.__name__ = name.replace("-", "_")
    arguments = dict(service.topology(), ipvs=service.lines(weights) + list(extra))
    scenario("Scheduler %s: %s" % (service.scheduler, description), **arguments, **more)(run)


def changes(s, service):
    new = Traffic(s, service)
    new("ohofcouhoou")
    s.ipvs(service.edit(0, 3), service.edit(2, 1))
    new("oohfouo")
    new.end(4)
    s.dump("weights changed")
    s.ipvs(service.add(3, 2))
    new("ohooco")
    s.ipvs(service.edit(1, 0))
    new("oofouo")
    s.ipvs(service.delete(2))
    new("ohooco")
    new.end(3)
    s.dump("one added, one quiesced, one removed")
    s.ipvs(service.edit(1, 2), service.add(2, 5))
    new("ooohoohoo")
    s.ipvs(service.edit(0, 0), service.edit(1, 0), service.edit(2, 0), service.edit(3, 0))
    new("hu")
    s.ipvs(service.edit(3, 1))
    new("oho")


def limits(s, service):
    """UDP; servers with thresholds. The first connections end after eight seconds."""
    s.ipvs("--set 0 0 8")
    new = Traffic(s, service)
    new("u" * 5)
    s.ipvs(service.edit(0, 2, "-x 2"), service.edit(1, 1, "-x 4 -y 2"))
    new("u" * 11)
    s.wait(10)
    s.ipvs("--set 0 0 100")
    new("u" * 5)
    s.ipvs(service.edit(0, 2, "-x 5"))
    new("u" * 5)
    s.ipvs(service.edit(1, 1), service.edit(2, 3, "-x 1"))
    new("u" * 6)
    s.ipvs(service.edit(1, 1, "-x 1"), service.edit(0, 2, "-x 1"))
    new("u" * 2)
    s.ipvs(service.edit(2, 3, "-x 100 -y 99"))
    new("u" * 3)


def persistent(s, service):
    """Clients come back, to servers that were quiesced, overloaded or removed."""
    new = Traffic(s, service, clients=5)
    letters = "uuuuuuu" if service.udp else "ohofcoo"
    new(letters)
    new(letters)
    s.ipvs(service.edit(1, 0), service.edit(0, 4, "-x 2"))
    new(letters)
    new(letters[:3], client=9)
    s.ipvs(service.delete(2))
    new(letters)
    s.sysctl(net__ipv4__vs__expire_quiescent_template=1)
    new(letters)
    s.ipvs(service.add(2, 1), service.edit(1, 1))
    new(letters)
    new(letters[:4], client=11)


def hashed(s, service):
    """Many clients; servers that take no connections, one after the other and all."""
    new = Traffic(s, service, clients=23)
    new("h" * 12 + "u" * 4 + "o" * 4)
    s.ipvs(service.edit(1, 0))
    new("h" * 12 + "o" * 4)
    s.ipvs(service.edit(1, 1), service.edit(0, 2, "-x 1"))
    new("h" * 12)
    s.ipvs(service.edit(2, 0))
    new("h" * 8)
    s.ipvs(service.edit(1, 0))
    new("h" * 3)
    s.ipvs(service.edit(0, 2))
    new("h" * 8)
    s.ipvs(service.delete(0), service.edit(2, 7), service.add(3, 1))
    new("h" * 10)


for _name in PLAIN + BY_DESTINATION:
    register("sched-%s-changes" % _name, "weights changed, servers added, removed and quiesced",
             changes, Service(_name), [4, 2, 3])  # fmt: skip
    register("sched-%s-limits" % _name, "UDP, thresholds, connections that end",
             limits, Service(_name, udp=True), [2, 1, 3])  # fmt: skip
    register("sched-%s-persistent" % _name, "persistent clients",
             persistent, Service(_name, "-p 300", method="g"), [2, 1, 3])  # fmt: skip

for _name in BY_DESTINATION:
    register("sched-%s-v6" % _name, "IPv6, weights changed, servers added, removed and quiesced",
             changes, Service(_name, v6=True), [3, 1, 2])  # fmt: skip

for _name, _options in HASHES.items():
    _scheduler = _name[:2]
    register("sched-%s-clients" % _name, "many clients, servers quiesced and overloaded",
             hashed, Service(_scheduler, _options), [2, 1, 3])  # fmt: skip
    register("sched-%s-v6" % _name, "IPv6, many clients, servers quiesced and overloaded",
             hashed, Service(_scheduler, _options, v6=True, method="g"), [2, 1, 3])  # fmt: skip
    register("sched-%s-persistent" % _name, "UDP, persistent clients",
             persistent, Service(_scheduler, ("-p 300 " + _options).strip(), udp=True),
             [2, 1, 3])  # fmt: skip


def shared(s, service):
    """One destination whose server is busier than its weight while another one is idle."""
    new = Traffic(s, service, to=DESTINATIONS[:1])
    new("ooo")
    s.dump("as many as the weight, and one more")
    new("oohoo")
    new("oooo", to=DESTINATIONS[1])
    s.dump("busy")
    new.end(5)
    new("ooo")
    new("oo", to=DESTINATIONS[1])
    s.ipvs(service.edit(0, 20))
    new("ooooo")
    new("oo", to=DESTINATIONS[2])


def gone(s, service):
    """The server of a destination is quiesced, overloaded, removed, and comes back."""
    new = Traffic(s, service, to=DESTINATIONS[:2])
    new("oooo")
    s.ipvs(service.edit(2, 0))
    new("oo")
    s.ipvs(service.edit(2, 2))
    new("oooo")
    s.ipvs(service.edit(2, 2, "-x 1"), service.edit(1, 2, "-x 1"))
    new("oooo")
    s.ipvs(service.edit(2, 2), service.edit(1, 2))
    new("oo")
    s.ipvs(service.delete(0), service.delete(1))
    new("oooo")
    s.ipvs(service.add(1, 9), service.add(0, 9))
    new("oooo")
    s.ipvs(service.delete(2), service.add(2, 9))
    new("oooo")
    new("oo", to=DESTINATIONS[4])


def away_and_back(s, service):
    """A server is removed and added anew while nobody asks for its destinations."""
    new = Traffic(s, service)
    new("oooooooo")
    for i in (2, 1, 0):
        s.ipvs(service.delete(i), service.add(i, 3))
    new("hhhhhhhh")
    s.ipvs(service.switch("rr"), service.switch(service.scheduler))
    new("hhhhhhhh")


for _name in ("lblc", "lblcr"):
    register("sched-%s-busy" % _name, "a destination's server is busier than its weight",
             shared, Service(_name), [2, 2, 2])  # fmt: skip
    register("sched-%s-gone" % _name, "a destination's server takes no connections for a time",
             gone, Service(_name), [2, 2, 2])  # fmt: skip
    register("sched-%s-back" % _name, "servers removed and added anew, scheduler switched",
             away_and_back, Service(_name, method="g"), [1, 2, 3])  # fmt: skip
    register("sched-%s-one-packet" % _name, "one-packet scheduling",
             limits, Service(_name, "-o", udp=True), [2, 1, 3])  # fmt: skip


def grows_and_shrinks(s, service):
    """Servers join a destination's set when those in it are busy, and leave it with time."""
    new = Traffic(s, service, to=DESTINATIONS[:1])
    new("ooooooo")
    s.wait(8)
    new("o")
    s.wait(8)
    new("oo")
    s.dump("shrunk")
    s.ipvs(service.edit(0, 5))
    new("ooo")
    s.ipvs(service.edit(0, 0))
    s.wait(8)
    new("ooo")
    s.ipvs(service.delete(1))
    s.wait(8)
    new("ooo")
    s.ipvs(service.add(1, 25), service.edit(0, 15))
    new("oooooooo")


EXPIRATION = {"net.ipv4.vs.lblcr_expiration": 6}
register("sched-lblcr-shrink", "sets of servers grow and shrink",
         grows_and_shrinks, Service("lblcr"), [1, 1, 1, 1], sysctls=EXPIRATION)  # fmt: skip


def switched(*schedulers):
    def run(s, service):
        new = Traffic(s, service, clients=9)
        new("ohoofo")
        for scheduler in schedulers:
            s.ipvs(service.switch(scheduler))
            for c in new.made:
                if c is not None:
                    c.cs("PA", "data", "a connection from before")
                    c.sv("A")
            new("oohofo")
            s.ipvs(service.edit(1, 3))
            new("hoh")
            s.ipvs(service.edit(1, 2))
        new.end(3)
        new("ooo")

    return run


register("sched-switch-around", "switched while there are connections: rr, wlc, mh, rr",
         switched("wlc", "mh", "rr"), Service("rr"), [1, 2, 3])  # fmt: skip
register("sched-switch-wrr", "switched to others and back: its place is forgotten",
         switched("sed", "wrr", "wrr", "fo", "wrr"), Service("wrr"), [4, 2, 3])  # fmt: skip
register("sched-switch-lblc", "switched to others and back: destinations are forgotten",
         switched("rr", "lblc", "lblcr", "dh", "lblc"), Service("lblc"), [1, 2, 3])  # fmt: skip


def errors(s, service):
    """ICMP errors about connections that are not known open them, for what they quote."""

    def error(client):
        answer = bytes(tcp(s, "SA", src=VIP, dst=client, sport=80, dport=41000, seq=9, ack=1001))
        s.c(icmp4(s, ROUTER, VIP, 3, 1, answer[:28]), "an error from the way to " + client)

    clients = ["198.51.100.%d" % n for n in range(7, 15)]
    for client in clients[:4]:
        error(client)
    for client in clients:
        s.c(tcp(s, src=client, sport=41001), "SYN")
    for client in clients:
        error(client)


for _name in ("dh", "lblc", "lblcr", "sh", "mh"):
    _service = Service(_name)
    _service.marked, _service.name = False, "-t %s:80" % VIP
    register("sched-%s-icmp" % _name, "connections opened by ICMP errors",
             errors, _service, [1, 1, 1, 1],
             sysctls={"net.ipv4.vs.schedule_icmp": 1})  # fmt: skip


# The golden vectors of ipvs-behaviour, appendix C: what comes out is in the notes.
GOLDEN = ["192.168.10.%d" % n for n in (1, 2, 3)]
GOLDEN_CLIENTS = ["10.0.0.2", "10.0.0.3", "198.51.100.7", "203.0.113.200"]
GOLDEN_CASES = [  # scheduler, options, weights, servers in order of choice
    ("rr", "", [1, 1, 1], "CBACBA"),
    ("wrr", "", [1, 1, 1], "CBACBA"),
    ("wrr", "", [4, 3, 2], "CBAABACBACBAABACBACBA"),
    ("wrr", "", [30, 20, 10], "CBAABACBAABACBA"),
    ("wlc", "", [1, 1, 1], "CBACBACBACBA"),
    ("wlc", "", [4, 3, 2], "CBAABCABACBAABCABA"),
    ("sed", "", [4, 3, 2], "ABCABACBAABCABACBA"),
]
GOLDEN_HASHES = [  # scheduler, options, weights, servers of the four clients
    ("sh", "", [1, 1, 1], "ABCB"),
    ("sh", "", [4, 3, 2], "BCCA"),
    ("mh", "", [1, 1, 1], "CCAA"),
    ("mh", "-b mh-port", [1, 1, 1], "AABB"),
]


def golden_services():
    lines = []
    for i, (scheduler, options, weights, _) in enumerate(GOLDEN_CASES + GOLDEN_HASHES):
        service = "-t %s:%d" % (VIP, 1000 + i)
        lines.append(("-A %s -s %s %s" % (service, scheduler, options)).strip())
        for real, weight in zip(GOLDEN, weights):
            lines.append("-a %s -r %s:80 -m -w %d" % (service, real, weight))
    return lines


@scenario(
    "The golden vectors of rr, wrr, wlc, sed, sh and mh",
    addresses={"eth1": ["192.168.10.254/24"]},
    neighbours={"eth1": {a: "02:00:00:00:02:0%d" % (n + 1) for n, a in enumerate(GOLDEN)}},
    ipvs=golden_services(),
)
def sched_golden(s):
    for i, (scheduler, _, weights, servers) in enumerate(GOLDEN_CASES):
        for n, server in enumerate(servers):
            note = "%s %s: %s" % (scheduler, weights, server)
            s.c(tcp(s, dport=1000 + i, sport=30000 + n), note)
    for i, (scheduler, options, weights, servers) in enumerate(GOLDEN_HASHES):
        for client, server in zip(GOLDEN_CLIENTS, servers):
            note = "%s %s %s: %s" % (scheduler, options, weights, server)
            s.c(tcp(s, src=client, dport=1000 + len(GOLDEN_CASES) + i, sport=40000), note)
