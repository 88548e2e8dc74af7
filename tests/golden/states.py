# SPDX-License-Identifier: BSD-3-Clause
"""The state machines of IPVS, as docs/reference/ipvs-behaviour.md has them (3.1 to 3.5).

Client packets are "in", or "in only" as long as the server was not heard (methods without
translation: it never is); server packets are "out".
"""
import packets as p


class Machine:
    """`rows`: {direction: {event: next states, in the order of `states`}}."""

    def __init__(self, states, rows, names, timeouts, active):
        self.states = states.split()
        self.rows = rows
        self.names, self.timeouts = dict(zip(self.states, names)), dict(zip(self.states, timeouts))
        self.active = active.split()

    def next(self, state, direction, event):
        return self.rows[direction][event].split()[self.states.index(state)]


# ES established, SS SYN sent, SR SYN received, FW FIN wait, TW time wait, CL close, CW close wait,
# LA last ack.
TCP = Machine(
    "NO ES SS SR FW TW CL CW LA", {
        "in": {"syn": "SR ES ES SR SR SR SR SR SR",
               "fin": "CL CW SS TW TW TW CL CW LA",
               "ack": "ES ES SS ES FW TW CL CW CL",
               "rst": "CL CL CL SR CL CL CL CL LA"},
        "out": {"syn": "SS ES SS SR SS SS SS SS SS",
                "fin": "TW FW SS TW FW TW CL TW LA",
                "ack": "ES ES SS ES FW TW CL CW LA",
                "rst": "CL CL SS CL CL TW CL CL CL"},
        "in only": {"syn": "SR ES ES SR SR SR SR SR SR",
                    "fin": "CL FW SS TW FW TW CL CW LA",
                    "ack": "ES ES SS ES FW TW CL CW CL",
                    "rst": "CL CL CL SR CL CL CL CL LA"},
    },
    ("NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
     "LAST_ACK"), (2, 900, 120, 60, 120, 120, 10, 60, 30), "ES SS SR")

# I1 first INIT, IN INIT, CS cookie sent, CR cookie replied, CW cookie wait, CO cookie, CE cookie
# echoed, ES established, SS/SR shutdown sent/received, SA shutdown acknowledged, RJ rejected.
SCTP = Machine(
    "NO I1 IN CS CR CW CO CE ES SS SR SA RJ CL", {
        "in": {"data": "ES I1 IN CS CR CW CO CE ES SS SR SA RJ CL",
               "init": "I1 IN IN CS CR CW CO CE ES SS SR SA IN IN",
               "init ack": "CW CW CW CS CR CO CO CE ES SS SR SA RJ CL",
               "cookie echo": "CR IN IN CR CR CW CO CE ES SS SR SA RJ CL",
               "cookie ack": "ES I1 IN CS CR CW CO ES ES SS SR SA RJ CL",
               "shutdown": "SR I1 IN CS CR CW CO CE SR SS SR SA RJ CL"},
        "out": {"data": "ES I1 IN CS CR CW CO CE ES SS SR SA RJ CL",
                "init": "CW CW CW CW CW CW CW CW ES CW CW CW CW CW",
                "init ack": "CS CS CS CS CR CW CO CE ES SS SR SA RJ CL",
                "cookie echo": "CE CE CE CE CE CE CE CE ES SS SR SA RJ CL",
                "cookie ack": "ES ES ES ES ES ES ES ES ES SS SR SA RJ CL",
                "shutdown": "SS SS SS SS SS SS SS SS SS SS SR SA RJ CL"},
        "in only": {"data": "ES I1 IN CS CR ES CO CE ES SS SR SA RJ CL",
                    "init": "I1 IN IN IN IN IN CO CE ES SS SR SA IN IN",
                    "init ack": "CE CE CE CE CE CE CO CE ES SS SR SA RJ CL",
                    "cookie echo": "ES ES ES ES ES ES CO CE ES SS SR SA RJ CL",
                    "cookie ack": "ES I1 IN ES ES CW ES ES ES SS SR SA RJ CL",
                    "shutdown": "SR I1 IN CS CR CW CO CE SR SS SR SA RJ CL"},
    },
    ("NONE", "INIT1", "INIT", "C-SENT", "C-REPLIED", "C-WAIT", "COOKIE", "C-ECHOED", "ESTABLISHED",
     "S-SENT", "S-RECEIVED", "S-ACK-SENT", "REJECTED", "CLOSED"),
    (2, 4, 61, 61, 61, 61, 61, 61, 900, 61, 61, 61, 4, 61), "ES")

CHUNKS = {0: "data", 1: "init", 2: "init ack", 3: "data", 4: "data", 5: "data", 7: "shutdown",
          10: "cookie echo", 11: "cookie ack"}
UDP_TIMEOUT = 300


class State:
    """Of one connection."""

    def __init__(self, protocol, translated):
        self.machine = {p.TCP: TCP, p.SCTP: SCTP}.get(protocol)
        self.state = "NO" if self.machine else "UDP"
        self.ours = "in" if translated else "in only"

    def advance(self, from_client, l4):
        direction = self.ours if from_client else "out"
        if not from_client:
            self.ours = "in"
        if self.machine is SCTP:
            self.state = SCTP.next(self.state, direction, CHUNKS[l4[12]])
        elif self.machine is TCP:
            events = ((p.RST, "rst"), (p.SYN, "syn"), (p.FIN, "fin"), (p.ACK, "ack"))
            event = next((name for bit, name in events if l4[13] & bit), None)
            self.state = TCP.next(self.state, direction, event) if event else "CL"

    @property
    def ended(self):
        """May the client's next first packet open another connection?"""
        return self.state in ("TW", "CL") if self.machine is TCP else self.state == "CL"

    @property
    def active(self):
        return self.machine is not None and self.state in self.machine.active

    @property
    def name(self):
        return self.machine.names[self.state] if self.machine else "UDP"

    @property
    def timeout(self):
        return self.machine.timeouts[self.state] if self.machine else UDP_TIMEOUT


def opens(protocol, l4):
    """Does a packet of no connection ask for one?"""
    if protocol == p.TCP:
        return bool(l4[13] & p.SYN) and not l4[13] & p.RST
    return protocol == p.UDP or l4[12] == 1


def first_packet(protocol, l4):
    """Does it begin a conversation anew on a known connection?"""
    return bool(l4[13] & p.SYN) if protocol == p.TCP else protocol == p.SCTP and l4[12] == 1
