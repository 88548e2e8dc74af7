# SPDX-License-Identifier: BSD-3-Clause
"""Cases about the metrics endpoint: what Prometheus gets while traffic runs."""

import re
import subprocess
from dataclasses import replace

from case import CurlLoop, case, check, equal, fetch, peer, service, url
from lab import HTTP_PORT, PATIENCE, UDP_ECHO_PORT, VIP4

HTTP4 = ("tcp", 4, HTTP_PORT, (3, 2, 1))
HTTP6 = ("tcp", 6, HTTP_PORT, (3, 2, 1))
METRICS_URL = "http://127.0.0.1:9736/metrics"
HANGING_SECONDS = 4.5  # how long clients of the metrics that hang may keep the daemon from its end
METRIC_LINE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="([^"]*)"')


def scrape(lab):
    """The text of the metrics, which promtool has to accept."""
    text = lab.balancer.run(["curl", "-sS", "--fail", "--max-time", PATIENCE, METRICS_URL],
                            check=True).stdout
    result = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                            capture_output=True, check=False)
    equal((result.returncode, result.stdout + result.stderr), (0, ""), "promtool check metrics")
    return text


def metrics(text):
    """(name, label values...) -> number."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, number = METRIC_LINE.fullmatch(line).groups()
            key = (name, *(value for _, value in LABEL.findall(labels or "")))
            check(key not in found, f"{key} stands twice")
            found[key] = float(number)
    return found


def expected_metrics(lab):
    """What the statistics of the control protocol say, as metrics."""
    expected = {}

    def add(kind, labels, stats):
        expected[(f"shunt_{kind}scheduled_connections_total", *labels)] = stats["connections"]
        for unit in ("packets", "bytes"):
            for direction in ("in", "out"):
                expected[(f"shunt_{kind}{unit}_total", *labels, direction)] = (
                    stats[f"{unit}_{direction}"])

    for row in lab.call("service.list")["services"]:
        name = f"{row['service']['protocol']} {row['service']['address']}"
        add("service_", [name], row["stats"])
        for server in row["servers"]:
            add("server_", [name, server["address"]], server["stats"])
            expected["shunt_server_weight", name, server["address"]] = server["weight"]
            for state in ("active", "inactive"):
                expected["shunt_server_connections", name, server["address"], state] = (
                    server[state])
    add("", [], lab.call("stats.get")["total"])
    return expected


def growing_metrics(lab):
    """The same of what also ARP and the like let grow."""
    stats = lab.call("stats.get")
    growing = {("shunt_dropped_packets_total", reason): n for reason, n in stats["drops"].items()}
    for row in stats["workers"]:
        worker = str(row["worker"])
        for way in ("received", "from_twin", "taken_over", "resumed", "generated", "split"):
            growing["shunt_worker_entered_packets_total", worker, way] = row[way]
        for verdict in ("forwarded", "to_host", "from_host", "handed_off", "held", "joined",
                        "dropped"):
            growing["shunt_worker_finished_packets_total", worker, verdict] = row[verdict]
    for row in stats["ports"]:
        for number in ("received", "sent", "missed"):
            growing[f"shunt_port_{number}_packets_total", row["port"]] = row[number]
    return growing


@case(variants={"1_worker": {"workers": 1}, "4_workers": {"workers": 4}})
def metrics_are_the_statistics(context, workers):
    """Prometheus gets the numbers that the control protocol has, also under load."""
    with context.balancer(HTTP4, HTTP6, ("udp", 4, UDP_ECHO_PORT, (1, 0, 7), "rr"),
                          workers=workers) as lab:
        with CurlLoop(lab, url(VIP4)) as loop:
            for _ in range(10):
                before = growing_metrics(lab)
                shown = metrics(scrape(lab))
                after = growing_metrics(lab)
                for name, least in before.items():
                    check(least <= shown.get(name, -1) <= after[name],
                          f"{name}: {least} before, {shown.get(name)} shown, {after[name]} after")
            loop.wait_for_answers(3)
        equal(loop.failures(), {}, "failed requests")
        peer(lab.client, "udp-client", VIP4, UDP_ECHO_PORT, 50, "--source-port", 20000)
        lab.let_pass()
        expected = expected_metrics(lab)
        shown = metrics(scrape(lab))
        equal({name: shown.get(name) for name in expected}, expected, "metrics and statistics")
        check(shown["shunt_service_packets_total", f"tcp {VIP4}:80", "in"] > 10,
              "no packets were counted")
        equal([shown["shunt_control_up",], shown["shunt_services",],
               shown["shunt_service_servers", f"udp {VIP4}:{UDP_ECHO_PORT}", "yes"],
               shown["shunt_port_up", "wan0"]], [1, 3, 2, 1], "some metrics")


@case()
def metrics_client_hangs(context):
    """Who opens the metrics and reads nothing holds up neither packets nor operators, and the end of
    the daemon not for long."""
    with context.lab() as lab:
        lab.start_daemon([service(lab, *HTTP4)], context.extra)
        for _ in range(4):
            lab.processes.append(lab.balancer.popen(
                ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9736; echo 'GET /metrics HTTP/1.1' >&3; "
                               "exec sleep 600"]))
        equal(sum(fetch(lab.client, url(VIP4), 30).values()), 30, "answers")
        check(lab.call("status.get")["pid"], "no status")
        ended = lab.stop_daemon()
        check(ended.seconds - ended.starved < HANGING_SECONDS, f"the end took {ended.seconds:.1f} s")
        fault = replace(ended, seconds=0).fault()
        check(fault is None, fault)
