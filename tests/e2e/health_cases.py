# SPDX-License-Identifier: BSD-3-Clause
"""Cases about the checks of real servers: what falls gets no new connections, and comes back."""

import os
import statistics
import time
from pathlib import Path

from case import CurlLoop, case, check, equal, fetch, service, url
from control_cases import HeldDownload, named
from lab import HTTP_PORT, VIP4, endpoint, wait_until

INTERVAL_MS = 500
FALL = 2
CHECK = (f'check = {{ type = "http"; path = "/"; interval_ms = {INTERVAL_MS}; timeout_ms = 400; '
         f"rise = 2; fall = {FALL}; }};\n      ")
HTTP4 = ("tcp", 4, HTTP_PORT, (1, 1, 1), "rr")
SILENT = 1000
SILENT_GATEWAY = "198.51.100.11"  # server1, which forwards nothing


def health_rows(lab):
    """Address -> row of health.list, of the service on the VIP."""
    services = lab.call("health.list", service=named(VIP4, HTTP_PORT))["services"]
    return {row["address"]: row for row in services[0]["servers"]}


def address(server):
    return endpoint(server.address4, HTTP_PORT)


def wait_until_checked(lab):
    wait_until(lambda: all(row["health"] == "up" and row.get("passed_in_a_row", 0) > 1
                           for row in health_rows(lab).values()), "all servers are checked and up")


@case()
def a_server_that_dies_is_taken_out(context):
    """A web server is killed under load: no request fails once its checks did, and it comes back."""
    with context.lab() as lab:
        lab.start_daemon([service(lab, *HTTP4, flags=CHECK)])
        wait_until_checked(lab)
        dead = lab.servers[1]
        with CurlLoop(lab, url(VIP4), "before") as loop:
            dead.kill("nginx")
            began = time.monotonic()
            wait_until(lambda: health_rows(lab)[address(dead)]["health"] == "down",
                       f"{dead.name} is down")
            took = time.monotonic() - began
        failed = sum(loop.failures().values())
        context.table.append(f"taken out after {took:.2f} s, {failed} requests failed until then")
        check(took < (FALL + 1) * INTERVAL_MS / 1000 + 2, f"it took {took:.2f} s")
        row = health_rows(lab)[address(dead)]
        equal((row["reason"], row["effective_weight"], row["weight"]),
              ("connect: Connection refused", 0, 1), "what is said of it")
        with CurlLoop(lab, url(VIP4), "while") as loop:
            loop.wait_for_answers(60)
            check_tables(lab, dead)
        equal(loop.failures(), {}, "requests that failed while it was out")
        check(dead.name not in loop.answers, f"{dead.name} got no request")
        check(f'event=health service="tcp {VIP4}:{HTTP_PORT}" server={address(dead)} health=down '
              'reason="connect: Connection refused"' in lab.daemon_output(), "the log has it")
        lab.start_nginx(dead)
        wait_until(lambda: health_rows(lab)[address(dead)]["health"] == "up",
                   f"{dead.name} is up again")
        equal(fetch(lab.client, url(VIP4), 60)[dead.name], 20, "its share afterwards")


def check_tables(lab, dead):
    """What operators see of a server that is down."""
    listed = next(line for line in lab.ipvsadm("-Ln").stdout.splitlines() if address(dead) in line)
    equal(listed.split()[3], "0", "its weight in ipvsadm -Ln")
    check(f"-a -t {VIP4}:{HTTP_PORT} -r {address(dead)} -m -w 1\n" in lab.ipvsadm("-Sn").stdout,
          "ipvsadm -S has the configured weight")
    check("weight = 0" not in lab.call("config.save")["text"], "so has config.save")
    metrics = lab.balancer.run(["curl", "-sS", "--fail", "http://127.0.0.1:9736/metrics"],
                               check=True).stdout
    for server in lab.servers:
        up = 0 if server is dead else 1
        labels = f'{{service="tcp {VIP4}:{HTTP_PORT}",server="{address(server)}"}}'
        check(f"shunt_server_up{labels} {up}\n" in metrics, f"shunt_server_up of {server.name}")


@case()
def maintenance(context):
    """A server that the operator forces down keeps its connections and gets no new ones."""
    with context.balancer(HTTP4) as lab:
        lab.ctl("health", "set", "tcp", endpoint(VIP4, HTTP_PORT), "--type", "tcp",
                "--interval-ms", INTERVAL_MS)
        wait_until_checked(lab)
        path, digest = context.files.download(8 << 20)
        held = HeldDownload(lab, path)
        quiet = held.connection()["server"]
        force = ("health", "force", "tcp", endpoint(VIP4, HTTP_PORT), quiet, "--state")
        lab.ctl(*force, "down")
        name = next(server.name for server in lab.servers if address(server) == quiet)
        answers = fetch(lab.client, url(VIP4), 60)
        check(name not in answers, f"{name} gets no new connection: {answers}")
        held.go_on()
        held.finish(digest)
        check("down (forced)" in lab.ctl("health", "list").stdout, "shuntctl health list tells it")
        lab.ctl(*force, "auto")
        equal(fetch(lab.client, url(VIP4), 60)[name], 20, "its share afterwards")


@case()
def checks_leave_no_sockets(context):
    """After thousands of checks, good and bad ones, the daemon has as many descriptors as before."""
    with context.balancer(HTTP4) as lab:
        descriptors = Path(f"/proc/{lab.daemon.pid}/fd")
        before = len(os.listdir(descriptors))
        name = named(VIP4, HTTP_PORT)
        for port in (HTTP_PORT, 81):  # nobody listens at the second
            for kind in ("tcp", "http", "udp"):
                lab.call("health.set", service=name, check={
                    "type": kind, "port": port, "interval_ms": 100, "timeout_ms": 50})
                wait_until(lambda: all(row["checks"] > 70 for row in health_rows(lab).values()),
                           f"enough checks of {kind}", 60)
                lab.call("health.set", service=name, check=None)
        wait_until(lambda: len(os.listdir(descriptors)) <= before,
                   f"no more than {before} descriptors")


@case()
def silent_servers_hold_up_nobody(context):
    """A thousand servers that never answer: the control thread answers as before."""
    with context.balancer(HTTP4) as lab:
        lab.balancer.ip(f"route add 10.99.0.0/16 via {SILENT_GATEWAY}\n")
        silent = {"protocol": "tcp", "address": endpoint(VIP4, 81)}
        lab.call("service.add", service=silent, scheduler="rr")
        before = answer_times(lab)
        with lab.rpc() as rpc:
            for n in range(SILENT):
                rpc.call("dest.add", service=silent,
                         server={"address": f"10.99.{n // 250}.{n % 250 + 1}:80"})
            rpc.call("health.set", service=silent,
                     check={"type": "tcp", "interval_ms": 2000, "timeout_ms": 1500})
        busy = cpu_seconds(lab.daemon.pid)
        began = time.monotonic()
        during = answer_times(lab)
        wait_until(lambda: all(row["health"] == "down" for row in lab.call(
            "health.list", service=silent)["services"][0]["servers"]), "all of them are down", 60)
        share = (cpu_seconds(lab.daemon.pid) - busy) / (time.monotonic() - began)
        row = lab.call("health.list", service=silent)["services"][0]["servers"][0]
        equal(row["reason"], "timeout 1500 ms", "what is said of them")
        equal(fetch(lab.client, url(VIP4), 30).total(), 30, "requests to another service")
        context.table.append(f"status.get in ms, median and longest of 200: {before} before, {during} "
                             f"with {SILENT} silent servers; control thread {share:.1%} of a CPU")


def answer_times(lab):
    times = []
    with lab.rpc() as rpc:
        for _ in range(200):
            began = time.monotonic()
            rpc.call("status.get")
            times.append((time.monotonic() - began) * 1000)
            time.sleep(0.01)
    return f"{statistics.median(times):.2f}/{max(times):.1f}"


def cpu_seconds(thread):
    """Of the main thread, which is the control thread."""
    fields = Path(f"/proc/{thread}/task/{thread}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
