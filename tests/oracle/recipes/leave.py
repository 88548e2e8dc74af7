# SPDX-License-Identifier: BSD-3-Clause
"""No destination, no entry, and what becomes of entries whose server or service is gone."""
from common import *

BOTH = {"v6": True, "vips": (VIP, VIP6)}
EXPIRE = {"net.ipv4.vs.expire_nodest_conn": 1}
UDP53 = nat(port=53, proto="u", rport=5353)


@scenario(
    "Services without a server: SYN, ACK, FIN, RST, UDP over IPv4 and IPv6",
    **BOTH,
    ipvs=[
        "-A -t 192.0.2.10:80 -s rr",
        "-A -u 192.0.2.10:53 -s wlc",
        "-A -t [2001:db8:1::10]:80 -s rr",
        "-A -u [2001:db8:1::10]:53 -s sh",
    ],
)
def leave_empty(s):
    for flags in ("S", "A", "FA", "R", "SA", "SF"):
        s.c(tcp(s, flags, ack=1 if "A" in flags else 0), flags)
    s.c(udp(s), "UDP")
    s.c(udp(s, data=b"long" * 200), "UDP, 800 bytes: the quotation is cut at 576")
    s.c(tcp6(s), "IPv6 SYN")
    s.c(udp6(s), "IPv6 UDP")
    s.c(udp6(s, data=b"long" * 350), "IPv6 UDP, 1400 bytes: the quotation is cut at 1280")
    s.c(with_options(udp(s), b"\x01\x01\x01\0"), "UDP with IPv4 options")


@scenario(
    "All servers at weight 0, then one at 1",
    **BOTH,
    ipvs=nat(weights=[0, 0]) + nat(VIP6, weights=[0, 0]),
)
def leave_weight0(s):
    s.c(tcp(s), "SYN")
    s.c(tcp6(s), "IPv6 SYN")
    s.ipvs("-e -t 192.0.2.10:80 -r 10.1.0.11:80 -m -w 1")
    s.c(tcp(s), "SYN again")


def packets_without_entry(s):
    for i, flags in enumerate(("A", "FA", "R", "RA", "SA", "PA", "", "SR", "FPU", "S")):
        s.c(tcp(s, flags, sport=40000 + i, ack=1 if "A" in flags else 0), flags or "no flag")


@scenario("First packets of every kind, sloppy_tcp 0", ipvs=nat(reals=RS[:1]))
def leave_first_packet(s):
    packets_without_entry(s)


@scenario(
    "First packets of every kind, sloppy_tcp 1",
    sysctls={"net.ipv4.vs.sloppy_tcp": 1},
    ipvs=nat(reals=RS[:1]),
)
def leave_first_packet_sloppy(s):
    packets_without_entry(s)
    s.ipvs("-e -t 192.0.2.10:80 -r 10.1.0.11:80 -m -w 0")
    s.c(tcp(s, "A", sport=41000, ack=1), "ACK, no server")
    s.c(tcp(s, "R", sport=41001), "RST, no server")


@scenario("Client ports 20, 0 and 65535; destination port 0", ipvs=nat(reals=RS[:1]) + UDP53)
def leave_ports(s):
    for port in (20, 0, 65535):
        s.c(tcp(s, sport=port), "TCP from port %d" % port)
        s.c(udp(s, sport=port), "UDP from port %d" % port)
    s.c(tcp(s, sport=0, flags="A", seq=1001, ack=1), "ACK from port 0: is its entry found?")
    s.c(tcp(s, dport=0), "to port 0")


@scenario("TCP and UDP headers that are too short", ipvs=nat(reals=RS[:1]) + UDP53)
def leave_short(s):
    for n in (0, 2, 4, 8, 13, 14, 19, 20):
        raw = bytearray(bytes(tcp(s))[: 20 + n])
        raw[2:4] = struct.pack("!H", len(raw))
        s.c(Bytes(fix4(bytes(raw))), "TCP, %d bytes" % n)
    for n in (0, 3, 4, 7, 8):
        raw = bytearray(bytes(udp(s))[: 20 + n])
        raw[2:4] = struct.pack("!H", len(raw))
        s.c(Bytes(fix4(bytes(raw))), "UDP, %d bytes" % n)
    s.c(tcp(s, sport=41000), "an entry")
    for n in (8, 14, 19):
        raw = bytearray(bytes(tcp(s, "A", sport=41000))[: 20 + n])
        raw[2:4] = struct.pack("!H", len(raw))
        s.c(Bytes(fix4(bytes(raw))), "TCP of an entry, %d bytes" % n)


@scenario(
    "Headers that are too short, IPv6",
    **BOTH,
    ipvs=nat(VIP6, reals=RS6[:1]) + nat(VIP6, 53, proto="u"),
)
def leave_short6(s):
    for n in (0, 4, 8, 19, 20):
        raw = bytearray(bytes(tcp6(s))[: 40 + n])
        raw[4:6] = struct.pack("!H", n)
        s.c(Bytes(raw), "TCP, %d bytes" % n)
    for n in (0, 4, 7, 8):
        raw = bytearray(bytes(udp6(s))[: 40 + n])
        raw[4:6] = struct.pack("!H", n)
        s.c(Bytes(raw), "UDP, %d bytes" % n)


@scenario(
    "Other protocols to a virtual address: IP in IP, GRE, an unknown one; ignore_tunneled 0 and 1",
    **BOTH,
    ipvs=nat(reals=RS[:1]) + nat(VIP6, reals=RS6[:1]),
)
def leave_ignore_tunneled(s):
    for value in (0, 1):
        s.sysctl(net__ipv4__vs__ignore_tunneled=value)
        s.c(s.ip(CIP, VIP, proto=4) / Raw(bytes(tcp(s))), "IP in IP")
        s.c(s.ip(CIP, VIP, proto=47) / Raw(b"\0\0\x08\0" + bytes(tcp(s))), "GRE")
        s.c(s.ip(CIP, VIP, proto=253) / Raw(b"x" * 20), "protocol 253")
        p = tcp6(s)
        s.c(IPv6(src=CIP6, dst=VIP6, nh=41) / Raw(bytes(p)), "IPv6 in IPv6")


def removed(s, what, back):
    """A TCP and a UDP entry, then the server or the service removed."""
    s.c(tcp(s), "SYN")
    s.c(udp(s), "datagram")
    s.ipvs(*what)
    s.c(tcp(s, "A", seq=1001, ack=1), "ACK")
    s.c(tcp(s, seq=1000), "SYN of the same ports")
    s.c(udp(s), "datagram of the same port")
    s.r(
        tcp(s, "SA", src=RS[1], dst=CIP, sport=8080, dport=40000, seq=9, ack=1001),
        "SYN/ACK of the removed server",
    )
    s.r(udp(s, src=RS[1], dst=CIP, sport=5353, dport=5000), "answer of the removed server")
    s.dump("removed")
    s.ipvs(*back)
    s.c(tcp(s, "A", seq=1001, ack=1), "ACK, all there again")
    s.c(udp(s), "datagram")


SERVER_GONE = (
    ["-d -t 192.0.2.10:80 -r 10.1.0.12:8080", "-d -u 192.0.2.10:53 -r 10.1.0.12:5353"],
    ["-a -t 192.0.2.10:80 -r 10.1.0.12:8080 -m", "-a -u 192.0.2.10:53 -r 10.1.0.12:5353 -m"],
)
SERVICE_GONE = (
    ["-D -t 192.0.2.10:80", "-D -u 192.0.2.10:53"],
    [
        "-A -t 192.0.2.10:80 -s rr",
        "-a -t 192.0.2.10:80 -r 10.1.0.12:8080 -m",
        "-A -u 192.0.2.10:53 -s rr",
        "-a -u 192.0.2.10:53 -r 10.1.0.12:5353 -m",
    ],
)
KEEPER = ["-A -t 192.0.2.10:443 -s rr"]  # keeps IPVS at work when the others are gone


@scenario(
    "Server removed, expire_nodest_conn 0: its connections are dropped until it is back",
    ipvs=nat(rport=8080) + UDP53,
)
def leave_server_removed(s):
    removed(s, *SERVER_GONE)


@scenario(
    "Server removed, expire_nodest_conn 1: new ones are scheduled, ACKs reach the host",
    sysctls=EXPIRE,
    ipvs=nat(rport=8080) + UDP53,
)
def leave_server_removed_expire(s):
    removed(s, *SERVER_GONE)


@scenario(
    "Service removed, another stays, expire_nodest_conn 0", ipvs=nat(rport=8080) + UDP53 + KEEPER
)
def leave_service_removed(s):
    removed(s, *SERVICE_GONE)


@scenario(
    "Service removed, another stays, expire_nodest_conn 1",
    sysctls=EXPIRE,
    ipvs=nat(rport=8080) + UDP53 + KEEPER,
)
def leave_service_removed_expire(s):
    removed(s, *SERVICE_GONE)


@scenario(
    "The last service removed: IPVS is out of the way altogether, also for its connections",
    ipvs=nat(rport=8080) + UDP53,
)
def leave_last_service_removed(s):
    removed(s, *SERVICE_GONE)


@scenario(
    "expire_nodest_conn 1 and a server of weight 0: a SYN of an old connection is scheduled anew",
    sysctls=EXPIRE,
    ipvs=nat(rport=8080) + UDP53,
)
def leave_weight0_expire(s):
    s.c(tcp(s), "SYN")
    s.c(udp(s), "datagram")
    s.ipvs(
        "-e -t 192.0.2.10:80 -r 10.1.0.12:8080 -m -w 0",
        "-e -u 192.0.2.10:53 -r 10.1.0.12:5353 -m -w 0",
    )
    s.c(tcp(s, "A", seq=1001, ack=1), "ACK: stays")
    s.c(udp(s), "datagram: stays")
    s.c(tcp(s, seq=1000), "SYN: to the other server")
    s.c(tcp(s, "A", seq=1001, ack=1), "ACK: to the other server")


def closed_then_again(s, mode):
    c = Conn(s).open()
    c.close()
    s.dump("closed")
    s.c(tcp(s, seq=90000), "SYN of the same ports")
    s.dump("opened again")
    s.c(tcp(s, "A", seq=90001, ack=1), "ACK")


for reuse in (0, 1, 2):

    @scenario(
        "A port used again while its connection is in TIME_WAIT: conn_reuse_mode %d" % reuse,
        sysctls={"net.ipv4.vs.conn_reuse_mode": reuse},
        ipvs=nat(rport=8080),
    )
    def leave_reuse(s, mode=reuse):
        closed_then_again(s, mode)

    lib.SCENARIOS[-1] = ("leave-reuse-%d" % reuse,) + lib.SCENARIOS[-1][1:]


@scenario(
    (
        "A port used again in FIN_WAIT with direct routing: conn_reuse_mode 1 keeps the server, 2"
        " does not"
    ),
    ipvs=nat(mode="g"),
)
def leave_reuse_fin_wait(s):
    for mode, port in ((1, 40000), (2, 40001)):
        s.sysctl(net__ipv4__vs__conn_reuse_mode=mode)
        s.c(tcp(s, sport=port), "SYN, mode %d" % mode)
        s.c(tcp(s, "A", sport=port, seq=1001, ack=1), "ACK")
        s.c(tcp(s, "FA", sport=port, seq=1001, ack=1), "FIN")
        s.c(tcp(s, sport=port, seq=90000), "SYN of the same port")


@scenario(
    "A port used again after RST (CLOSE), in SYN_RECV and in ESTABLISHED", ipvs=nat(rport=8080)
)
def leave_reuse_states(s):
    Conn(s).open().cs("R", note="RST of the client")
    s.c(tcp(s, seq=90000), "SYN after RST: scheduled anew")
    s.c(tcp(s, seq=95000), "SYN in SYN_RECV: stays")
    Conn(s, cport=40001).open()
    s.c(tcp(s, sport=40001, seq=90000), "SYN in ESTABLISHED: stays")


@scenario(
    "A persistent connection's port used again in TIME_WAIT: the template keeps it at its server",
    ipvs=nat(rport=8080, extra="-p 300"),
)
def leave_reuse_persistent(s):
    c = Conn(s).open()
    c.close()
    s.c(tcp(s, seq=90000), "SYN of the same ports")
    s.c(tcp(s, sport=40001), "SYN of another port")


@scenario(
    "Upper threshold reached: no further connections until it falls below the lower one",
    ipvs=["-A -t 192.0.2.10:80 -s rr", "-a -t 192.0.2.10:80 -r 10.1.0.11:80 -m -x 2 -y 1"],
)
def leave_threshold(s):
    s.c(tcp(s), "first")
    s.c(tcp(s, sport=40001), "second")
    s.c(tcp(s, sport=40002), "third: too many")
    s.c(tcp(s, "A", seq=1001, ack=1), "the first goes on")
    s.ipvs("-e -t 192.0.2.10:80 -r 10.1.0.11:80 -m -x 3 -y 1")
    s.c(tcp(s, sport=40002), "threshold 3 now")
    s.c(tcp(s, sport=40003), "too many again")


@scenario(
    "Addresses of the director that are no virtual address, and a virtual address' other ports",
    **BOTH,
    ipvs=nat(reals=RS[:1]) + nat(VIP6, reals=RS6[:1]),
)
def leave_other_addresses(s):
    s.c(tcp(s, dst=DIP0), "the director's address")
    s.c(tcp(s, dst=DIP1), "its address on the other side")
    s.c(tcp(s, dst="192.0.2.77"), "an address of the client side's network that nobody has")
    s.c(tcp(s, dst=RS[0]), "a real server: routed")
    s.c(tcp(s, dst=RS[0], ttl=1), "a real server, TTL 1")
    s.c(tcp(s, dport=81), "another port")
    s.c(tcp6(s, dst=DIP0_6), "IPv6: the director's address")
    s.c(tcp6(s, dst=RS6[0]), "IPv6: a real server: routed")
    s.c(tcp6(s, dport=81), "IPv6: another port")
