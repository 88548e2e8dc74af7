# SPDX-License-Identifier: BSD-3-Clause
"""Cases about the control socket itself: who may use it, how many at a time, and who hears of what
happens."""

import contextlib
import json
import socket
import subprocess
import sys
import time

from case import CurlLoop, case, check, equal, url
from control_cases import HTTP4, configuration, named
from lab import HTTP_PORT, VIP4, LabError, Rpc, endpoint, wait_until

STRANGER = 54321          # a user and a group that nobody has
CHANGERS, READERS = 1, 2  # groups that every system has

ASK = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.settimeout(30)
client.connect(sys.argv[1])
try:
    client.sendall(sys.argv[2].encode() + b"\\n")
except BrokenPipeError:
    pass  # refused and closed already; the reason is there to be read
print(client.makefile().readline(), end="")
"""


def ask_as(lab, group, groups, method, **parameters):
    """What a process of a stranger with this group and these supplementary ones is answered."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    result = subprocess.run(
        ["setpriv", "--reuid", str(STRANGER), "--regid", str(group),
         *(["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]),
         sys.executable, "-c", ASK, str(lab.socket_path), json.dumps(request)],
        text=True, capture_output=True, check=False)
    check(result.stdout, f"a client of group {group} got no answer: {result.stderr}")
    return json.loads(result.stdout)


def group_name(number):
    import grp
    return grp.getgrgid(number).gr_name


@case()
def rights_on_the_socket(context):
    """Root and the group may change, readers may read, others are refused; changes are audited."""
    with context.lab() as lab:
        text = lab.config_text()
        rights = (f'mode = "0666"; group = "{group_name(CHANGERS)}"; '
                  f'readers = "{group_name(READERS)}"; ')
        lab.config_path.write_text(text.replace("socket = { ", "socket = { " + rights))
        lab.launch_daemon()
        service = named(VIP4, 81)
        for group, groups in ((CHANGERS, ()), (STRANGER, (7, CHANGERS))):
            answer = ask_as(lab, group, groups, "service.add", service=service)
            equal(answer.get("result"), {}, f"service.add by a member ({answer})")
            lab.call("service.delete", service=service)
        for group, groups in ((READERS, ()), (STRANGER, (7, READERS))):
            equal(ask_as(lab, group, groups, "service.list").get("result"), {"services": []},
                  "service.list by a reader")
            error = ask_as(lab, group, groups, "service.add", service=service)["error"]
            equal((error["code"], error["data"]["errno"]), (-32001, "EPERM"),
                  "service.add by a reader")
        error = ask_as(lab, STRANGER, (7,), "status.get")["error"]
        equal((error["code"], error["data"]["errno"]), (-32001, "EPERM"), "a stranger")
        equal(configuration(lab), [], "services afterwards")
        audit = [line.split("event=audit ", 1)[1] for line in lab.daemon_output().splitlines()
                 if ": event=audit " in line]
        what = f'what="service.protocol=tcp service.address={VIP4}:81"'
        done = [(f"uid={STRANGER} user=\"\" ", f"method=service.add {what} result=ok"),
                ("uid=0 user=root ", f"method=service.delete {what} result=ok")]
        refused = (f"uid={STRANGER} user=\"\" ", f"method=service.add {what} result=EPERM")
        expected = [*done, *done, refused, refused]
        equal(len(audit), len(expected), f"audit lines {audit}")
        for line, (begin, end) in zip(audit, expected):
            check(line.startswith(begin) and line.endswith(end), f"audit line: {line}")


@case()
def many_clients(context):
    """200 clients connect and half of them hang mid-line: the next one is served, packets flow."""
    with context.balancer(HTTP4) as lab, contextlib.ExitStack() as stack:
        with CurlLoop(lab, url(VIP4)) as loop:
            loop.wait_for_answers(3)
            for number in range(200):
                client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                client.connect(str(lab.socket_path))
                if number % 2:
                    client.sendall(b'{"jsonrpc":"2.0","id":1,"meth')
            times = []
            for _ in range(20):
                begin = time.monotonic()
                with Rpc(lab.socket_path) as rpc:
                    rpc.call("status.get")
                times.append(time.monotonic() - begin)
            with Rpc(lab.socket_path) as rpc:
                rpc.call("service.add", service=named(VIP4, 81))
            loop.wait_for_answers(10)
            context.table.append(f"client 201 of 200, half of them mid-line: connected and served "
                                 f"in {1000 * min(times):.1f} to {1000 * max(times):.1f} ms "
                                 f"(first {1000 * times[0]:.1f})")
            check(max(times) < 1, f"clients waited: {times}")
            loop.wait_for_answers(3)
        equal(loop.failures(), {}, "failed requests")
        print(f"{loop.answers.total()} requests meanwhile")


class Events:
    """A subscriber; next_of(KIND) waits for the next event of a kind."""

    def __init__(self, lab, kinds=()):
        self.rpc = lab.rpc()
        self.rpc.call("events.subscribe", **({"kinds": list(kinds)} if kinds else {}))

    def next_of(self, kind):
        while True:
            line = self.rpc.reader.readline()
            if not line.endswith(b"\n"):
                raise LabError(f"the daemon closed the connection before {kind}")
            event = json.loads(line)["params"]
            if event.get("kind") == kind:
                return event


@case()
def events_are_told(context):
    """A subscriber hears of services, servers, limits and the defence; a slow one holds up nobody."""
    with context.balancer(("tcp", 4, HTTP_PORT, (1, 1, 1), "rr")) as lab:
        events = Events(lab)
        name = named(VIP4, HTTP_PORT)
        server = {"address": endpoint(lab.servers[0].address4, HTTP_PORT)}
        lab.call("dest.edit", service=name, server=server, weight=0)
        event = events.next_of("server.down")
        equal((event["service"], event["server"], event["weight"]), (name, server, 0), "event")
        lab.call("dest.edit", service=name, server=server, weight=1, upper=1)
        equal(events.next_of("server.up")["server"], server, "event")
        with CurlLoop(lab, url(VIP4)):
            equal(events.next_of("server.overloaded")["server"], server, "event")
        lab.call("dest.edit", service=name, server=server, weight=1)
        equal(events.next_of("server.relieved")["server"], server, "event")
        lab.call("tunable.set", name="drop_entry", value=3)
        equal(events.next_of("defence.level")["drop_entry"], 3, "event")
        change_often(lab, 100)
        for _ in range(100):
            events.next_of("service.added")
        events.rpc.close()
        deaf = Events(lab)
        begin = time.monotonic()
        change_often(lab, 1500)
        print(f"3000 changes with a deaf subscriber in {time.monotonic() - begin:.2f} s")
        heard = lost = 0
        while heard + lost < 3000:
            event = json.loads(deaf.rpc.reader.readline())["params"]
            heard, lost = heard + ("kind" in event), lost + event.get("lost", 0)
        check(lost > 0, "a deaf subscriber lost nothing")
        print(f"it heard {heard} events and was told that it lost {lost}")
        deaf.rpc.close()


def change_often(lab, count):
    with lab.rpc() as rpc:
        for _ in range(count):
            rpc.call("service.add", service=named(VIP4, 82))
            rpc.call("service.delete", service=named(VIP4, 82))


@case()
def shuntctl_events(context):
    """shuntctl prints each event in a line as it happens."""
    with context.balancer(("tcp", 4, HTTP_PORT, (1,), "rr")) as lab:
        shown = lab.directory / "events.txt"
        lab.spawn(lab.balancer, [lab.build / "shuntctl", "events", "service", "server.down"],
                  shown.name, env=lab.ctl_environment())
        wait_until(lambda: lab.call("service.add", service=named(VIP4, 83))
                   or lab.call("service.delete", service=named(VIP4, 83)) or shown.read_text(),
                   "shuntctl prints an event")
        server = endpoint(lab.servers[0].address4, HTTP_PORT)
        lab.call("dest.edit", service=named(VIP4, HTTP_PORT), server={"address": server}, weight=0)
        wait_until(lambda: f" server.down tcp {VIP4}:80 {server} weight=0\n" in shown.read_text(),
                   "shuntctl prints that the server is down")
