#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The small programs that run on the hosts of the lab. Servers run until they are ended; clients
print one JSON object and exit with 0 whatever they saw: the caller judges.

    peers.py udp-echo NAME PORT              answers each datagram with "NAME " and its payload,
                                             from the address that it was sent to
    peers.py tcp-echo PORT                   echoes each connection until its end
    peers.py tcp-sum PORT                    answers each connection's data with its SHA-256
    peers.py udp-client HOST PORT COUNT [--no-checksum] [--source-port P] [--ttl N]
                        [--timeout S] [--all]
    peers.py udp-burst HOST PORT COUNT [--answers N] [--timeout S]
                                             COUNT datagrams at once, each from a port of its own,
                                             until N of them (default: all) are answered
    peers.py tcp-connect HOST PORT           connects, and says how that went and how long it took
    peers.py http-again HOST SOURCE_PORT COUNT  requests one after the other, all from one port
    peers.py http-held HOST PATH             fetches PATH: the beginning of it, then prints
                                             {"ready": true}, and the rest once a line has come on
                                             its standard input; says the SHA-256
    peers.py tcp-client HOST PORT BYTES      sends BYTES to an echo and compares what comes back
    peers.py tcp-upload HOST PORT BYTES      sends BYTES to a tcp-sum and compares the sum
    peers.py udp-bulk HOST PORT BYTES [--size S] [--ports N] [--window W]
                                             sends datagrams of S bytes, each with a number and
                                             noise, from N ports, W at most on the way from each
    peers.py udp-one-port HOST PORT COUNT    one datagram after the other, all from one port
    peers.py who-has HOST INTERFACE [--wait S]  asks by ARP or ND, waits S seconds for an answer,
                                             and for a second after it for further ones
    peers.py capture-udp INTERFACE PORT COUNT   checksums of IPv4 datagrams to PORT, as on the wire;
                                             prints {"ready": true} first
    peers.py send-tagged INTERFACE VLAN COUNT  frames of a type that nobody knows, with a VLAN tag
    peers.py capture-tagged INTERFACE COUNT  their VLANs as they arrive; {"ready": true} first
"""

import argparse
import errno
import hashlib
import json
import os
import select
import socket
import socketserver
import struct
import sys
import time
from collections import Counter

IP_RECVERR, IPV6_RECVERR = 11, 25
ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 0x10
TEST_TYPE = 0x88b5  # EtherType for local experiments
SO_NO_CHECK = 11  # Linux: send IPv4 UDP without a checksum
SO_RCVBUFFORCE = 33
IPV6_RECVPKTINFO, IPV6_PKTINFO = 49, 50
ROOM = 8 << 20  # for sockets that get much at a time
LITTLE_ROOM = 64 << 10  # for those that shall hold up the sender
PATIENCE = 15.0  # seconds that one answer may take on a slow and busy machine


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def error_name(error):
    if isinstance(error, TimeoutError):
        return "timeout"
    return errno.errorcode.get(error.errno, str(error))


def both_families(kind, port):
    """A socket that takes IPv4 and IPv6 on every address."""
    made = socket.socket(socket.AF_INET6, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind(("::", port))
    return made


def udp_echo(arguments):
    name = arguments.name.encode() + b" "
    with both_families(socket.SOCK_DGRAM, arguments.port) as server:
        server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        server.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        while True:
            payload, control, _, sender = server.recvmsg(65535, 64)
            address = control[0][2][:16]  # IPv4 ones are mapped
            server.sendmsg([name, payload],
                           [(socket.IPPROTO_IPV6, IPV6_PKTINFO, address + bytes(4))], 0, sender)


class EchoHandler(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class SumHandler(socketserver.BaseRequestHandler):
    def handle(self):
        digest = hashlib.sha256()
        while data := self.request.recv(65536):
            digest.update(data)
        self.request.sendall(digest.hexdigest().encode())


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, port, handler):
        super().__init__(("::", port), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = both_families(socket.SOCK_STREAM, port)
        self.socket.listen(64)


def tcp_echo(arguments):
    TcpServer(arguments.port, EchoHandler).serve_forever()


def tcp_sum(arguments):
    TcpServer(arguments.port, SumHandler).serve_forever()


def report_all_errors(sock):
    """Without it Linux keeps 'host unreachable' from a UDP socket."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def limit_hops(sock, hops):
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)


def udp_client(arguments):
    """Each datagram from a port of its own, so each is a flow of its own; --source-port is the
    first of them. Without --all it gives up early when hardly any is answered."""
    servers, errors, slowest = Counter(), Counter(), 0.0
    for number in range(arguments.count):
        if not arguments.all and errors.total() > 5 + servers.total():
            break
        payload = b"%d %s" % (number, os.urandom(8).hex().encode())
        with socket.socket(family_of(arguments.host), socket.SOCK_DGRAM) as client:
            client.settimeout(arguments.timeout)
            report_all_errors(client)
            if arguments.ttl:
                limit_hops(client, arguments.ttl)
            if arguments.source_port:
                client.bind(("", arguments.source_port + number))
            if arguments.no_checksum:
                client.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
            begin = time.monotonic()
            try:
                client.connect((arguments.host, arguments.port))
                client.send(payload)
                name, _, echoed = client.recv(65535).partition(b" ")
            except OSError as error:
                errors[error_name(error)] += 1
                continue
            slowest = max(slowest, time.monotonic() - begin)
        if echoed == payload:
            servers[name.decode()] += 1
        else:
            errors["wrong payload"] += 1
    return {"servers": servers, "errors": errors, "slowest": round(slowest, 6)}


def udp_burst(arguments):
    """Answers are told apart by the ports that they come to."""
    servers, errors = Counter(), Counter()
    clients = []
    for _ in range(arguments.count):
        client = socket.socket(family_of(arguments.host), socket.SOCK_DGRAM)
        client.connect((arguments.host, arguments.port))
        client.send(b"burst")
        clients.append(client)
    wanted = arguments.answers or arguments.count
    end = time.monotonic() + arguments.timeout
    while servers.total() < wanted and (left := end - time.monotonic()) > 0:
        for client in select.select(clients, [], [], left)[0]:
            clients.remove(client)
            try:
                servers[client.recv(65535).split()[0].decode()] += 1
            except OSError as error:
                errors[error_name(error)] += 1
    return {"servers": servers, "errors": errors}


def tcp_connect(arguments):
    begin = time.monotonic()
    try:
        socket.create_connection((arguments.host, arguments.port), timeout=PATIENCE).close()
        outcome = "connected"
    except OSError as error:
        outcome = error_name(error)
    return {"outcome": outcome, "seconds": round(time.monotonic() - begin, 6)}


def http_again(arguments):
    """The server closes first each time, so that the port is free again on this side as soon as
    the last acknowledgement has come."""
    servers, errors, seconds = Counter(), Counter(), []
    for _ in range(arguments.count):
        try:
            answer, taken = http_from(arguments.source_port, arguments.host)
        except OSError as error:
            errors[error_name(error)] += 1
            continue
        servers[answer.split()[-1].decode()] += 1
        seconds.append(round(taken, 6))
    return {"servers": servers, "errors": errors, "seconds": seconds}


def http_from(port, host):
    """An answer of a web server and how long it took."""
    end = time.monotonic() + PATIENCE
    while True:
        begin = time.monotonic()
        with socket.socket(family_of(host), socket.SOCK_STREAM) as client:
            client.settimeout(PATIENCE)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("", port))
            try:
                client.connect((host, 80))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL or begin > end:
                    raise
                time.sleep(0.01)
                continue
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with client.makefile("rb") as answer:
                return answer.read(), time.monotonic() - begin


def http_held(arguments):
    """While it waits the server can send no more than its socket has room for."""
    try:
        with socket.socket(family_of(arguments.host), socket.SOCK_STREAM) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE_ROOM)
            client.settimeout(2 * PATIENCE)
            client.connect((arguments.host, 80))
            client.sendall(f"GET {arguments.path} HTTP/1.0\r\n\r\n".encode())
            with client.makefile("rb") as answer:
                status = answer.readline().split()[1:2]
                while answer.readline().strip():
                    pass
                digest = hashlib.sha256(answer.read(4096))
                print(json.dumps({"ready": True}), flush=True)
                sys.stdin.readline()
                while part := answer.read(65536):
                    digest.update(part)
        outcome = "complete" if status == [b"200"] else f"status {status}"
    except OSError as error:
        return {"outcome": error_name(error)}
    return {"outcome": outcome, "sha256": digest.hexdigest()}


def tcp_client(arguments):
    sent = os.urandom(arguments.bytes)
    received = bytearray()
    try:
        with socket.create_connection((arguments.host, arguments.port), timeout=PATIENCE) as client:
            client.setblocking(False)
            exchange(client, sent, received)
        outcome = "same" if received == sent else "differs"
    except OSError as error:
        outcome = error_name(error)
    return {"outcome": outcome, "received": len(received)}


def tcp_upload(arguments):
    sent = os.urandom(arguments.bytes)
    begin = time.monotonic()
    try:
        with socket.create_connection((arguments.host, arguments.port), timeout=PATIENCE) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as answer:
                digest = answer.read().decode()
        outcome = "same" if digest == hashlib.sha256(sent).hexdigest() else "differs"
    except OSError as error:
        outcome = error_name(error)
    return {"outcome": outcome, "seconds": round(time.monotonic() - begin, 3)}


class BulkFlow:
    """Numbered datagrams from one port, and those of them that have not come back yet."""

    def __init__(self, host, port, size):
        self.size = size
        self.under_way = {}  # number -> datagram
        self.repeated = set()  # numbers of those that may have been sent more than once
        self.socket = socket.socket(family_of(host), socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        self.socket.connect((host, port))

    def send(self, number):
        self.under_way[number] = struct.pack("!Q", number) + os.urandom(self.size - 8)
        self.transmit(self.under_way[number])

    def transmit(self, datagram):
        """If the network said meanwhile that an earlier one was too big, the kernel says so once,
        and then cuts smaller."""
        try:
            self.socket.send(datagram)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self.socket.send(datagram)

    def send_again(self):
        """What has not come back."""
        self.repeated.update(self.under_way)
        for datagram in self.under_way.values():
            self.transmit(datagram)

    def receive(self):
        """"intact", or what was wrong."""
        try:
            _, _, datagram = self.socket.recv(65535).partition(b" ")
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            return "too big"
        if len(datagram) != self.size:
            return "wrong length"
        number = struct.unpack_from("!Q", datagram)[0]
        sent = self.under_way.pop(number, None)
        if sent is None:
            return "repeated" if number in self.repeated else "not expected"
        return "intact" if datagram == sent else "damaged"


def udp_bulk(arguments):
    """After half a second without answer what is under way is sent again; after PATIENCE it gives
    up. "sent again": how often that was done; "repeated": how many answers came a second time, so
    nothing had been lost but time."""
    flows = {}
    for _ in range(arguments.ports):
        flow = BulkFlow(arguments.host, arguments.port, arguments.size)
        flows[flow.socket] = flow
    total, sent, outcomes = -(-arguments.bytes // arguments.size), 0, Counter()
    begin = last = time.monotonic()
    while True:
        for flow in flows.values():
            while sent < total and len(flow.under_way) < arguments.window:
                flow.send(sent)
                sent += 1
        under_way = sum(len(flow.under_way) for flow in flows.values())
        if not under_way and outcomes["repeated"] == outcomes["sent again"]:
            break
        readable, _, _ = select.select(list(flows), [], [], 0.5)
        if readable:
            last = time.monotonic()
        elif not under_way:
            break
        elif time.monotonic() - last > PATIENCE:
            outcomes["lost"] = under_way
            break
        else:
            for flow in flows.values():
                outcomes["sent again"] += len(flow.under_way)
                flow.send_again()
        for each in readable:
            outcomes[flows[each].receive()] += 1
    return {"sent": sent, "outcomes": {what: n for what, n in outcomes.items() if n},
            "seconds": round(time.monotonic() - begin, 3)}


def udp_one_port(arguments):
    """Waits for each answer, which may come from whatever server."""
    servers, errors = Counter(), Counter()
    with socket.socket(family_of(arguments.host), socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect((arguments.host, arguments.port))
        for number in range(arguments.count):
            try:
                client.send(b"%d" % number)
                servers[client.recv(65535).split()[0].decode()] += 1
            except OSError as error:
                errors[error_name(error)] += 1
                if errors.total() > 3:
                    break
    return {"servers": servers, "errors": errors}


def exchange(client, sent, received):
    """Sends everything while it reads, until the peer closes or is silent for too long."""
    position = 0
    while True:
        writers = [client] if position < len(sent) else []
        readable, writable, _ = select.select([client], writers, [], PATIENCE)
        if writable:
            position += client.send(sent[position:position + 65536])
            if position == len(sent):
                client.shutdown(socket.SHUT_WR)
        if readable:
            data = client.recv(65536)
            if not data:
                return
            received += data
        if not readable and not writable:
            raise TimeoutError


def who_has(arguments):
    ask = ask_nd if family_of(arguments.host) == socket.AF_INET6 else ask_arp
    return {"answers": ask(arguments.host, arguments.interface, arguments.wait)}


def collect(sock, seconds, read):
    """What read() makes of every frame that comes within the time, or within a second of the first
    one that is an answer; None is left out."""
    answers, end = [], time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([sock], [], [], left)[0]:
            answer = read(sock)
            if answer:
                answers.append(answer)
                end = time.monotonic() + 1 if len(answers) == 1 else end
    return answers


def ask_arp(host, interface, seconds):
    target = socket.inet_aton(host)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        source = socket.inet_aton(probe.getsockname()[0])
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as raw:
        raw.bind((interface, 0x0806))
        own = raw.getsockname()[4]
        raw.send(b"\xff" * 6 + own + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
                 + own + source + bytes(6) + target)

        def read(sock):
            frame = sock.recv(2048)
            if frame[:6] == own and frame[20:22] == b"\0\2" and frame[28:32] == target:
                return frame[22:28].hex(":")
            return None

        return collect(raw, seconds, read)


def ask_nd(host, interface, seconds):
    target = socket.inet_pton(socket.AF_INET6, host)
    index = socket.if_nametoindex(interface)
    with open(f"/sys/class/net/{interface}/address", encoding="ascii") as file:
        own = bytes.fromhex(file.read().strip().replace(":", ""))
    group = socket.inet_ntop(socket.AF_INET6,
                             socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13]
                             + target[13:])
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        solicitation = struct.pack("!BBHI", 135, 0, 0, 0) + target + b"\1\1" + own
        raw.sendto(solicitation, (group, 0, 0, index))

        def read(sock):
            message = sock.recv(2048)
            if message[0] == 136 and message[8:24] == target:
                return message[26:32].hex(":")
            return None

        return collect(raw, seconds, read)


def capture_udp(arguments):
    checksums = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as raw:
        raw.bind((arguments.interface, 0x0800))
        print(json.dumps({"ready": True}), flush=True)
        while len(checksums) < arguments.count:
            frame = raw.recv(65536)
            udp = 14 + (frame[14] & 15) * 4
            port, _, checksum = struct.unpack_from("!HHH", frame, udp + 2)
            if frame[23] == socket.IPPROTO_UDP and port == arguments.port:
                checksums.append(checksum)
    return {"checksums": checksums}


def send_tagged(arguments):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((arguments.interface, 0))
        source = raw.getsockname()[4]
        for number in range(arguments.count):
            raw.send(b"\xff" * 6 + source + struct.pack("!HHH", 0x8100, arguments.vlan, TEST_TYPE)
                     + b"%060d" % number)
    return {}


def capture_tagged(arguments):
    """The kernel takes a received tag out of the frame and tells it beside the frame."""
    vlans = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as raw:
        raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        raw.bind((arguments.interface, ETH_P_ALL))
        raw.settimeout(PATIENCE)
        print(json.dumps({"ready": True}), flush=True)
        try:
            while len(vlans) < arguments.count:
                frame, control, *_ = raw.recvmsg(2048, 256)
                if struct.pack("!H", TEST_TYPE) in (frame[12:14], frame[16:18]):
                    vlans.append(vlan_of(frame, control))
        except TimeoutError:
            pass
    return {"vlans": vlans}


def vlan_of(frame, control):
    """From the frame if the tag is still in it, else from what came beside it; 0: untagged."""
    if frame[12:14] == b"\x81\x00":
        return struct.unpack_from("!H", frame, 14)[0]
    for level, kind, data in control:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data)
            return tci if status & TP_STATUS_VLAN_VALID else 0
    return 0


def arguments_parser():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def command(name, function, *positionals):
        added = commands.add_parser(name)
        added.set_defaults(function=function)
        for positional, kind in positionals:
            added.add_argument(positional, type=kind)
        return added

    command("udp-echo", udp_echo, ("name", str), ("port", int))
    command("tcp-echo", tcp_echo, ("port", int))
    command("tcp-sum", tcp_sum, ("port", int))
    client = command("udp-client", udp_client, ("host", str), ("port", int), ("count", int))
    client.add_argument("--no-checksum", action="store_true")
    client.add_argument("--source-port", type=int)
    client.add_argument("--ttl", type=int)
    client.add_argument("--timeout", type=float, default=PATIENCE)
    client.add_argument("--all", action="store_true")
    burst = command("udp-burst", udp_burst, ("host", str), ("port", int), ("count", int))
    burst.add_argument("--answers", type=int)
    burst.add_argument("--timeout", type=float, default=PATIENCE)
    command("http-again", http_again, ("host", str), ("source_port", int), ("count", int))
    command("http-held", http_held, ("host", str), ("path", str))
    command("tcp-connect", tcp_connect, ("host", str), ("port", int))
    command("tcp-client", tcp_client, ("host", str), ("port", int), ("bytes", int))
    command("tcp-upload", tcp_upload, ("host", str), ("port", int), ("bytes", int))
    command("udp-one-port", udp_one_port, ("host", str), ("port", int), ("count", int))
    bulk = command("udp-bulk", udp_bulk, ("host", str), ("port", int), ("bytes", int))
    bulk.add_argument("--size", type=int, default=8192)
    bulk.add_argument("--ports", type=int, default=8)
    bulk.add_argument("--window", type=int, default=4)
    asker = command("who-has", who_has, ("host", str), ("interface", str))
    asker.add_argument("--wait", type=float, default=PATIENCE)
    command("send-tagged", send_tagged, ("interface", str), ("vlan", int), ("count", int))
    command("capture-tagged", capture_tagged, ("interface", str), ("count", int))
    command("capture-udp", capture_udp, ("interface", str), ("port", int), ("count", int))
    return parser


def main():
    arguments = arguments_parser().parse_args()
    print(json.dumps(arguments.function(arguments)))


if __name__ == "__main__":
    sys.exit(main())
