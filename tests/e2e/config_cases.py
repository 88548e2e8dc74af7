# SPDX-License-Identifier: BSD-3-Clause
"""Cases about the configuration as a whole: applied, reloaded and refused while traffic runs."""

import json
import signal
import time
from contextlib import contextmanager

from case import Background, CurlLoop, case, check, equal, fetch, url
from lab import HTTP_PORT, UDP_ECHO_PORT, VIP4, endpoint, wait_until

HTTP4 = ("tcp", 4, HTTP_PORT, (3, 2, 1))
ECHO4 = ("udp", 4, UDP_ECHO_PORT, (1, 1, 1), "rr")
ROOM = "servers = 150000;\n"
SERVICES = 1000
SERVERS = 50


def many_services():
    """(address of a service, addresses of its servers), all of another network than the lab's."""
    for number in range(SERVICES):
        yield (endpoint(f"203.0.113.{1 + number // 100}", 1000 + number % 100),
               [endpoint(f"10.{1 + number // 250}.{number % 250}.{1 + server}", 80)
                for server in range(SERVERS)])


def many_as_text():
    return ",\n".join(
        f'{{ protocol = "tcp"; address = "{address}"; scheduler = "wrr"; servers = (\n'
        + ",\n".join(f'{{ address = "{server}"; weight = 3; }}' for server in servers) + " ); }"
        for address, servers in many_services())


def many_as_commands():
    for address, servers in many_services():
        yield f"-A -t {address} -s wrr\n"
        for server in servers:
            yield f"-a -t {address} -r {server} -m -w 3\n"


@contextmanager
def traffic(lab, name, datagrams=3000):
    """HTTP and UDP echo, of which nothing may get lost. `name` is for its files."""
    echo = Background(lab.client, "udp-client", VIP4, UDP_ECHO_PORT, datagrams, "--all")
    with CurlLoop(lab, url(VIP4), name) as loop:
        yield
        loop.wait_for_answers(3)
    answered = echo.result()
    equal(loop.failures(), {}, "failed requests")
    equal(answered["errors"], {}, "datagrams without answer")
    print(f"beside {loop.answers.total()} requests and {datagrams} datagrams; slowest datagram "
          f"{answered['slowest'] * 1000:.1f} ms")


def timed(what, action):
    begin = time.monotonic()
    result = action()
    print(f"{what}: {(time.monotonic() - begin) * 1000:.0f} ms")
    return result


def timed_call(rpc, what, method, text):
    """The result. The time is from the request to the last byte of the answer: how long this side
    takes to write and read JSON is no matter of the daemon's."""
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                          "params": {"text": text}}).encode() + b"\n"

    def exchange():
        rpc.socket.sendall(request)
        return rpc.reader.readline()
    answer = json.loads(timed(f"{method}, {SERVICES} x {SERVERS} {what}", exchange))
    check("result" in answer, answer.get("error"))
    return answer["result"]


@case()
def apply_many_services(context):
    """1,000 services of 50 servers come, and go, in one config.apply each, and no packet is lost;
    then the same by ipvsadm -R."""
    with context.balancer(HTTP4, ECHO4, extra=ROOM) as lab:
        small = lab.call("config.save")["text"]
        tail = small.rindex(")")
        large = small[:tail] + ",\n" + many_as_text() + small[tail:]
        with traffic(lab, "apply"), lab.rpc(timeout=120) as rpc:
            for text, what in ((large, "come"), (small, "go"), (large, "come again")):
                plan = timed_call(rpc, what, "config.diff", text)
                done = timed_call(rpc, what, "config.apply", text)
                equal(done["changes"], SERVICES * (SERVERS + 1), f"changes when they {what}")
                equal(done["services"][:10], plan["services"][:10], "the plan and what was done")
                equal((plan["left_out"], done["left_out"]), (0, SERVICES * (SERVERS + 1) - 1000),
                      "rows that are left out")
            equal(rpc.call("status.get")["services"], SERVICES + 2, "services")
            equal(rpc.call("config.diff", text=rpc.call("config.save")["text"])["changes"], 0,
                  "changes to what was saved")
            rpc.call("config.apply", text=small)
        with traffic(lab, "restore"):
            timed(f"ipvsadm -R, {SERVICES * (SERVERS + 1)} lines",
                  lambda: lab.ipvsadm("-R", input="".join(many_as_commands()), timeout=200))
        equal(lab.call("status.get")["services"], SERVICES + 2, "services after -R")


def services_file(lab, weights, port=HTTP_PORT):
    """The services of a file of their own, for @include."""
    servers = ",\n".join(
        f'      {{ address = "{endpoint(server.address4, port)}"; weight = {weight}; }}'
        for server, weight in zip(lab.servers, weights))
    return (f'services = (\n  {{ protocol = "tcp"; address = "{endpoint(VIP4, port)}";\n'
            f'    scheduler = "wrr";\n    servers = (\n{servers} ); }} );\n')


@case()
def reload(context):
    """SIGHUP and config.reload put the file in force as it is now; a bad one changes nothing."""
    with context.lab() as lab:
        included = lab.config_path.with_name("services.conf")
        included.write_text(services_file(lab, (1, 1, 1)))
        lab.start_daemon(extra='@include "services.conf"\n')
        lab.call("tunable.set", name="sloppy_tcp", value=1)
        with CurlLoop(lab, url(VIP4)) as loop:
            included.write_text(services_file(lab, (0, 0, 1)))
            lab.daemon.send_signal(signal.SIGHUP)
            wait_until(lambda: "event=reload " in lab.daemon_output(), "the log tells of the reload")
            check("changes=3 " in lab.daemon_output(), lab.daemon_output())
            equal(lab.call("tunable.get", name="sloppy_tcp")["value"], 0,
                  "a tunable that the file does not name")
            equal(set(fetch(lab.client, url(VIP4), 20)), {"server3"}, "who answers")
            before = lab.call("config.save")
            included.write_text(services_file(lab, (1, -1, 1)))
            lab.daemon.send_signal(signal.SIGHUP)
            error = f"{included}:6: services[0].servers[1].weight: -1 is out of range"
            wait_until(lambda: error in lab.daemon_output(), "the log has the bad line")
            refused = lab.ctl("config", "reload", check=False)
            equal(refused.returncode, 1, "exit code of a reload of a bad file")
            check(error in refused.stderr, refused.stderr)
            equal(lab.call("config.save"), before, "the state after a bad file")
            check_commands(lab, included, error)
        equal(loop.failures(), {}, "failed requests")


def check_commands(lab, included, error):
    """shuntctl config, with a file that includes another."""
    for verb in ("check", "diff", "apply"):
        bad = lab.ctl("config", verb, lab.config_path, check=False)
        equal((bad.returncode, bad.stdout), (1, ""), f"shuntctl config {verb} of a bad file")
        check(bad.stderr.startswith(error), bad.stderr)
    included.write_text(services_file(lab, (5, 0, 1)))
    equal(lab.ctl("config", "check", lab.config_path).stdout, "", "config check of a good file")
    lines = [f"  service tcp {endpoint(VIP4, HTTP_PORT)}",
             f"~   server {endpoint(lab.servers[0].address4, HTTP_PORT)} weight: 0 -> 5"]
    for command in (("diff",), ("apply", "--dry-run")):
        shown = lab.ctl("config", *command, lab.config_path).stdout.splitlines()
        equal(shown, [*lines, "1 change, not applied"], f"config {command}")
    done = json.loads(lab.ctl("--json", "config", "apply", lab.config_path).stdout)
    equal((done["applied"], done["changes"]), (True, 1), "config apply")
    equal(lab.ctl("config", "reload").stdout, "0 changes, applied\n", "config reload")
