# SPDX-License-Identifier: BSD-3-Clause
"""The SIP persistence engine: calls are kept at their servers by their Call-ID."""
from common import *

SIP = {"modules": ["ip_vs_pe_sip"]}
BOTH = {"v6": True, "vips": (VIP, VIP6), **SIP}
PE = "-p 300 --pe sip"


def message(call="a84b4c76e66710@pc33.example.com", header="Call-ID: ", end="\r\n"):
    return request(header + call + end)


def request(
    lines, start="OPTIONS sip:carol@example.com SIP/2.0\r\n", rest="CSeq: 1 OPTIONS\r\n\r\n"
):
    return (start + lines + rest).encode("latin-1")


def call(s, name, sport=5060, data=None, **kw):
    return udp(s, sport=sport, dport=5060, data=message(name) if data is None else data, **kw)


def call6(s, name, sport=5060, **kw):
    return udp6(s, sport=sport, dport=5060, data=message(name), **kw)


def said(s, name, server=0, port=5060, to=5060, data=None):
    """A message of a server to the client."""
    data = message(name) if data is None else data
    return udp(s, src=RS[server], dst=CIP, sport=port, dport=to, data=data)


def said6(s, name, server=0, port=5060, to=5060):
    return udp6(s, src=RS6[server], dst=CIP6, sport=port, dport=to, data=message(name))


@scenario(
    "SIP, NAT: two calls of one client go to two servers; each comes back to its own by any port",
    **BOTH,
    ipvs=nat(port=5060, proto="u", extra=PE, rport=5070)
    + nat(VIP6, 5060, proto="u", extra=PE, rport=5070),
)
def sip_nat(s):
    s.c(call(s, "one@host"), "a call")
    s.c(call(s, "two@host", sport=5061), "another call of the same client: another server")
    s.c(call(s, "one@host", sport=5062), "the first call by another port: its server")
    s.c(call(s, "two@host", sport=5063), "the second call by another port")
    s.c(call(s, "two@host", sport=5060), "the second call by a port that a connection has")
    s.c(call(s, "one@host", src=CIP2), "the first call's name from another client")
    s.c(call(s, "ONE@host", sport=5064), "capital letters make another call")
    s.r(said(s, "one@host", 1, port=5070, to=5060), "an answer")
    s.dump("ipv4")
    s.c(call6(s, "one@host"), "IPv6")
    s.c(call6(s, "two@host", sport=5061), "another call")
    s.c(call6(s, "one@host", sport=5062), "the first call by another port")


@scenario(
    "SIP, direct routing and tunnel",
    **SIP,
    ipvs=nat(port=5060, proto="u", extra=PE, mode="g")
    + nat(vip="192.0.2.10", port=5061, proto="u", extra=PE, mode="i"),
)
def sip_direct(s):
    for port in (5060, 5061):
        for sport, name in ((1, "one"), (2, "two"), (3, "one"), (4, "two"), (5, "three")):
            s.c(
                udp(s, sport=5000 + sport, dport=port, data=message(name + "@host")),
                "call " + name,
            )


@scenario(
    "SIP: messages without a Call-ID, with one that cannot be taken, and no SIP at all",
    **SIP,
    ipvs=nat(port=5060, proto="u", extra=PE)
    + nat(port=5060, proto="t", extra=PE)
    + ["-A -u 192.0.2.10:5070 -s rr " + PE],
)
def sip_without(s):
    port = 5100
    for data, note in (
        (b"x", "one byte"),
        (b"", "nothing"),
        (request(""), "no such header"),
        (b"Call-ID: one@host\r\n", "in the first line, which is none of headers"),
        (request("Call-ID:\r\n"), "an empty one"),
        (request("Call-ID: @host\r\n"), "no token before the @"),
        (request("Call-ID: one@\r\n"), "none behind it"),
        (request("Call-ID: one two\r\n"), "two words"),
        (request("Call-ID: one@host", rest=""), "no end of line"),
        (request("Call-ID one@host\r\n"), "no colon"),
        (request("Call-Identity: one@host\r\n"), "another header"),
        (request("X-Call-ID: one@host\r\n"), "another header"),
        (request("in: one@host\r\n"), "another header"),
        (request(" Call-ID: one@host\r\n"), "within another header's line"),
        (request("Call-ID: " + 256 * "a" + "\r\n"), "too long"),
        (request("Call-ID: " + 250 * "a" + "@bcdef\r\n"), "too long with its host"),
    ):
        s.c(call(s, "", sport=port, data=data), note)
        port += 1
    s.c(tcp(s, dport=5060), "TCP")
    s.c(call(s, "one@host", ttl=1), "TTL 1: an error, and what is kept?")
    s.c(udp(s, dport=5070, data=message()), "no server")
    s.c(udp(s, dport=5070, data=b"no call"), "no server and no Call-ID")


@scenario(
    "SIP: the ways to write a Call-ID",
    **SIP,
    ipvs=nat(port=5060, proto="u", extra=PE, reals=RS[:3]),
)
def sip_spelling(s):
    port = 5100
    for data, note in (
        (message("one@host"), "as usual"),
        (message("one@host", header="i: "), "compact form"),
        (message("one@host", header="I:"), "compact form"),
        (message("one@host", header="call-id:"), "small letters"),
        (message("one@host", header="CALL-ID \t : \t"), "blanks around the colon"),
        (message("one@host", end="\n"), "LF at the end"),
        (message("one@host", end="\r"), "CR at the end"),
        (request("Call-ID: one@host\r\n", start="BYE x SIP/2.0\n"), "LF before it"),
        (request("Call-ID: one@host\r\n", start="BYE x SIP/2.0\r"), "CR before it"),
        (request("Call-ID: one@host\r\n", start="\r\n\r\n"), "empty lines before it"),
        (message("one@host", header="Call-ID:\r\n "), "on the next line"),
        (message("one@host", header="Call-ID\r\n\t: "), "the colon on the next line"),
        (message("one@host", header="Subject: a\r\n b\r\nCall-ID: "), "behind a long header"),
        (request("Call-ID: one@host\r\nCall-ID: two@host\r\n"), "the first of two"),
        (request("Via: x\r\n\r\nCall-ID: one@host\r\n"), "in the body"),
        (request("Call-ID: one@host\r\n", rest=""), "at the very end"),
        (message("one"), "no host"),
        (message("one@host.example.com:5060"), "a host and a port"),
        (message("-.!%*_+`'~()<>:\\\"/[]?{}@x"), "all signs that there may be"),
    ):
        s.c(call(s, "", sport=port, data=data), note)
        port += 1


@scenario(
    "SIP: the longest Call-ID (its templates go before the end: ipvsadm -Lc fails on them)",
    **SIP,
    ipvs=nat(port=5060, proto="u", extra="-o -p 3 --pe sip"),
)
def sip_longest(s):
    for end in ("b", "c", "b", "c"):
        long = message(200 * "a" + "@" + 53 * "b" + end)
        s.c(call(s, "", data=long), "255 bytes, the last one " + end)
    s.wait(5)


@scenario(
    "SIP: fragments of a message are put together first",
    **SIP,
    ipvs=nat(port=5060, proto="u", extra=PE),
)
def sip_fragments(s):
    long = message("one@host", header="Subject: " + 400 * "s" + "\r\nCall-ID: ")
    s.c(call(s, "one@host", sport=5100), "a call")
    for p in cut(call(s, "", sport=5101, data=long, df=False), [200, 200], ident=77):
        s.c(p, "fragment; the Call-ID is in the last one")
    for p in cut(call(s, "", sport=5102, data=message("one@host"), df=False), [64], ident=78):
        s.c(p, "fragment; the Call-ID is in both")
    big = message("one@host", header="Subject: " + 4000 * "s" + "\r\nCall-ID: ")
    for p in cut(call(s, "", sport=5103, data=big, df=False), [1400, 1400], ident=79):
        s.c(p, "fragment of a large message")


@scenario(
    "SIP, NAT: a server begins a call, which comes from the service; the client's answer finds it",
    **BOTH,
    stats=True,
    ipvs=nat(port=5060, proto="u", extra=PE, rport=5070)
    + nat(VIP6, 5060, proto="u", extra=PE, rport=5070),
)
def sip_server_calls(s):
    s.r(said(s, "one@host", 0, port=5070), "the first server calls a client")
    s.c(call(s, "one@host"), "which answers")
    s.r(said(s, "one@host", 0, port=5070), "and once more")
    s.c(call(s, "one@host", sport=5062), "the call by another port of the client")
    s.r(said(s, "two@host", 1, port=5070, to=5061), "the second server calls the same client")
    s.c(call(s, "two@host", sport=5061), "the answer")
    s.c(call(s, "two@host", sport=5063), "the call by another port")
    s.dump("two calls")
    s.r(said(s, "one@host", 1, port=5070, to=5064), "the other server takes the first call over")
    s.c(call(s, "one@host", sport=5065), "the call goes there from now on")
    s.r(said(s, "three@host", 1, port=5070, to=5060), "the other server, to a port with a call")
    s.c(call(s, "three@host"), "the answer")
    s.r(said(s, "one@host", 0, port=5070), "the first server again")
    s.r(said6(s, "one@host", 0, port=5070), "IPv6")
    s.c(call6(s, "one@host"), "the answer")
    s.c(call6(s, "one@host", sport=5062), "the call by another port")


@scenario(
    "SIP, NAT: what servers send that begins no call",
    **SIP,
    stats=True,
    ipvs=nat(port=5060, proto="u", extra=PE, rport=5070)
    + nat(port=5080, proto="u", extra="-p 300", rport=5080)
    + nat(port=5090, proto="u", extra=PE, mode="g"),
)
def sip_server_no_call(s):
    s.r(said(s, "", 0, port=5070, data=b"no call"), "no Call-ID")
    s.r(said(s, "one@host", 0, port=5071), "another port")
    s.r(said(s, "one@host", 0, port=5080), "a service without the engine")
    s.r(said(s, "one@host", 0, port=5090), "a server of direct routing")
    s.r(said(s, "one@host", 2, port=5070), "no server")
    s.r(tcp(s, "SA", src=RS[0], dst=CIP, sport=5070, dport=5060), "TCP")
    s.r(
        udp(s, src=RS[0], dst=CIP, sport=5070, dport=5060, data=message("one@host"), ttl=1),
        "TTL 1",
    )
    s.r(
        udp(s, src=RS[0], dst="192.0.2.1", sport=5070, dport=5061, data=message("one@host")),
        "to the host itself",
    )
    s.ipvs("-e -u 192.0.2.10:5060 -r 10.1.0.11:5070 -m -w 0")
    s.r(said(s, "two@host", 0, port=5070), "a server of weight 0 calls")
    s.c(call(s, "two@host", sport=5062), "and the call goes to it")
    s.sysctl(net__ipv4__vs__expire_quiescent_template=1)
    s.r(
        said(s, "three@host", 0, port=5070, to=5063), "weight 0, and its templates are not followed"
    )
    s.c(call(s, "three@host", sport=5064), "the call goes to the other")
    s.sysctl(net__ipv4__vs__nat_icmp_send=1)
    s.r(said(s, "", 0, port=5070, data=b"no call", to=5066), "no Call-ID, and told so")
    s.sysctl(net__ipv4__vs__nat_icmp_send=0)
    s.ipvs("-d -u 192.0.2.10:5060 -r 10.1.0.11:5070")
    s.r(said(s, "four@host", 0, port=5070, to=5067), "removed")


@scenario(
    "SIP with one packet each: the Call-ID alone decides, answers are translated",
    **SIP,
    stats=True,
    ipvs=nat(port=5060, proto="u", extra="-o " + PE, rport=5070),
)
def sip_one_packet(s):
    s.c(call(s, "one@host"), "a call")
    s.c(call(s, "two@host"), "another one from the same port: another server")
    s.c(call(s, "one@host"), "the first one again")
    s.r(said(s, "one@host", 1, port=5070), "an answer")
    s.r(said(s, "two@host", 0, port=5070), "an answer of the other server")
    s.r(said(s, "three@host", 0, port=5070), "a server's own call")
    s.c(call(s, "three@host", sport=5062), "the client's answer")
    s.r(said(s, "one@host", 0, port=5070), "the other server takes the first call over")
    s.c(call(s, "one@host"), "the call goes there from now on")
    s.c(call(s, "", data=b"no call"), "no Call-ID")
    s.r(said(s, "", 0, port=5070, data=b"no call"), "an answer without Call-ID")


@scenario(
    "SIP: a service on port 0, granularity, an error that would open a connection",
    **SIP,
    sysctls={"net.ipv4.vs.schedule_icmp": 1},
    ipvs=nat(port=0, rport=0, proto="u", extra="-p 300 -M 255.255.255.0 --pe sip"),
)
def sip_all_ports(s):
    s.c(call(s, "one@host"), "a call")
    s.c(call(s, "two@host", sport=5061), "another one")
    s.c(udp(s, sport=5062, dport=5080, data=message("one@host")), "another port of the service")
    s.c(call(s, "one@host", src=CIP2), "another client of the same network")
    s.r(said(s, "three@host", 0, to=5070), "a server's own call: none, for the service has no port")
    quoted = bytes(udp(s, src=VIP, dst=CIP, sport=5060, dport=5077, data=message("one@host")))
    s.c(icmp4(s, ROUTER, VIP, 3, 1, quoted), "an ICMP error of no connection")


@scenario(
    "SIP: the engine is switched on and off",
    **SIP,
    ipvs=nat(port=5060, proto="u", extra="-p 300", rport=5070),
)
def sip_switched(s):
    s.c(call(s, "one@host", sport=5100), "without the engine")
    s.ipvs("-E -u 192.0.2.10:5060 -s rr " + PE)
    s.c(call(s, "one@host", sport=5101), "with it: scheduled anew")
    s.c(call(s, "two@host", sport=5102), "another call")
    s.c(call(s, "three@host", sport=5103), "another call")
    s.ipvs("-E -u 192.0.2.10:5060 -s rr -p 300")
    s.c(call(s, "two@host", sport=5104), "without: the first template is followed again")
    s.ipvs("-E -u 192.0.2.10:5060 -s rr " + PE)
    s.c(call(s, "two@host", sport=5105), "with it again")
    s.dump("templates")
