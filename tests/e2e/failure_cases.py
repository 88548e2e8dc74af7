# SPDX-License-Identifier: BSD-3-Clause
"""Cases about what goes wrong around the daemon: clients, servers and operators that vanish, and
starts that cannot succeed."""

import json
import signal
import socket
import subprocess
import time
from collections import Counter

from case import CheckFailed, CurlLoop, case, check, drops, equal, fetch, peer, url
from lab import HTTP_PORT, PATIENCE, UDP_ECHO_PORT, VIP4, VIP6, wait_until

HTTP4 = ("tcp", 4, HTTP_PORT, (1, 1, 1), "rr")
HTTP6 = ("tcp", 6, HTTP_PORT, (1, 1, 1), "rr")
EACH_TWICE = Counter(server1=2, server2=2, server3=2)


# --- others vanish -------------------------------------------------------------------------------


@case()
def client_killed(context):
    """Clients that are killed in the midst of a download disturb nobody."""
    path, _ = context.files.download(8 << 20)
    with context.balancer(HTTP4, HTTP6, workers=2) as lab:
        for host in (VIP4, VIP6):
            clients = [lab.spawn(lab.client, ["curl", "-sS", "-g", "--limit-rate", "1M", "-o",
                                              lab.directory / f"part{i}", url(host, path)],
                                 "killed.log") for i in range(5)]
            for i in range(5):
                wait_until((lab.directory / f"part{i}").exists, "data arrives")
            for client in clients:
                client.kill()
            equal(fetch(lab.client, url(host), 6), EACH_TWICE, "answers afterwards")
        # A client whose machine is gone: no FIN, no RST.
        gone = lab.spawn(lab.client, ["curl", "-sS", "-g", "--limit-rate", "1M", "-o",
                                      lab.directory / "gone", url(VIP4, path)], "killed.log")
        wait_until((lab.directory / "gone").exists, "data arrives")
        lab.client.ip("link set eth0 down\n")
        gone.kill()
        equal(fetch(lab.balancer, url(lab.servers[0].address4)), Counter(server1=1),
              "the host's own traffic while the client is away")
        check(lab.call("status.get"), "no status")


@case()
def server_killed(context):
    """A real server that crashes costs its own share of requests; taken out, it costs none."""
    with context.balancer(HTTP4) as lab:
        lab.servers[1].kill("nginx")
        outcomes = Counter(
            lab.client.run(["curl", "-sS", "--max-time", PATIENCE, url(VIP4)]).stdout.strip()
            or "failed" for _ in range(9))
        equal(outcomes, Counter(server1=3, failed=3, server3=3), "answers without server2")
        lab.call("dest.delete", service={"protocol": "tcp", "address": f"{VIP4}:80"},
                 server={"address": f"{lab.servers[1].address4}:80"})
        equal(fetch(lab.client, url(VIP4), 10), Counter(server1=5, server3=5), "answers afterwards")


@case()
def operator_killed(context):
    """Whatever a control client does, forwarding and other clients go on."""
    with context.balancer(HTTP4) as lab, CurlLoop(lab, url(VIP4)) as loop:
        half = raw_connection(lab)
        half.sendall(b'{"jsonrpc":"2.0","id":1,"meth')
        for _ in range(20):
            process = lab.balancer.popen(
                [lab.build / "shuntctl", "service", "list"], env=lab.ctl_environment(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            process.kill()
            process.wait()
        for text in (b"", b"\n", b"nonsense\n", b"[]\n", b"\x00\xff\xfe\n", b"{" * 100_000 + b"\n",
                     b'{"jsonrpc":"2.0","id":1,"method":"status.get"}'):
            with raw_connection(lab) as client:
                client.sendall(text)
        unread(lab)
        endless(lab)
        check(lab.call("status.get"), "no status")
        half.sendall(b'od":"status.get"}\n')
        check(b'"result"' in half.recv(65536), "the half line was not answered once it was whole")
        half.close()
        loop.wait_for_answers(3)
    equal(loop.failures(), {}, "failed requests meanwhile")


def raw_connection(lab):
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(PATIENCE)
    made.connect(str(lab.socket_path))
    return made


def unread(lab):
    """Asks without end and reads nothing, then goes."""
    with raw_connection(lab) as client:
        client.settimeout(1)
        request = b'{"jsonrpc":"2.0","id":1,"method":"stats.get"}\n' * 1000
        try:
            for _ in range(20):
                client.sendall(request)
        except OSError:
            pass


def endless(lab):
    """Sends one line that never ends; the daemon has to hang up."""
    with raw_connection(lab) as client:
        try:
            for _ in range(2000):
                client.sendall(b"x" * 65536)
        except ConnectionError:
            return
    raise CheckFailed("the daemon read 125 MiB of a line without hanging up")


@case(variants={"sigterm": {"number": signal.SIGTERM}, "sigint": {"number": signal.SIGINT}})
def end_under_load(context, number):
    """The daemon ends within 2 s while traffic runs, and accounts for every packet."""
    path, _ = context.files.download(64 << 20)
    with context.balancer(HTTP4, HTTP6, workers=4) as lab:
        for i, host in enumerate((VIP4, VIP6, VIP4)):
            lab.spawn(lab.client, ["curl", "-sS", "-g", "--limit-rate", "20M", "-o",
                                   lab.directory / f"big{i}", url(host, path)], "end.log")
        for i in range(3):
            wait_until((lab.directory / f"big{i}").exists, "data arrives")
        fault = lab.stop_daemon(number).fault()
        check(fault is None, fault)
        left = lab.balancer.run(["ip", "-br", "link", "show"]).stdout
        check("wan0" not in left and "lan0" not in left, f"twins are left:\n{left}")
        check(not lab.socket_path.exists(), "the socket is left")


@case()
def restart_after_kill(context):
    """After kill -9 the daemon starts again as if nothing had been, and serves."""
    with context.balancer(HTTP4) as lab:
        equal(fetch(lab.client, url(VIP4), 6), EACH_TWICE, "answers before")
        lab.kill_daemon()
        lab.launch_daemon()
        equal(fetch(lab.client, url(VIP4), 6), EACH_TWICE, "answers after")


@case(variants={"poll": {"extra": 'idle = "poll";\n'},
                "no_huge_pages": {"extra": 'memory = { huge_pages = "off"; };\n'}})
def serves_with(context, extra):
    """The balancer also works polling without rest, and on small pages."""
    with context.balancer(HTTP4, HTTP6, workers=2, extra=extra) as lab:
        for host in (VIP4, VIP6):
            equal(fetch(lab.client, url(host), 60), Counter(server1=20, server2=20, server3=20),
                  f"answers of {host}")


@case()
def connection_table_full(context):
    """A full connection table refuses new connections, counts them, and keeps the old ones."""
    first_port, count = 20000, 100
    old = (count, "--source-port", first_port)
    new = (1300, "--source-port", first_port + count)
    with context.balancer(("udp", 4, UDP_ECHO_PORT, (1,)), connections=1024) as lab:
        first = peer(lab.client, "udp-client", VIP4, UDP_ECHO_PORT, *old)
        equal(first["servers"], {"server1": 100}, f"answers of an empty table ({first['errors']})")
        more = peer(lab.client, "udp-client", VIP4, UDP_ECHO_PORT, *new, "--timeout", 0.02, "--all")
        equal(more["errors"].keys() - {"EHOSTUNREACH", "ECONNREFUSED", "timeout"}, set(), "errors")
        wait_until(lambda: drops(lab).get("connections_full"), "the table is full")
        check(lab.call("status.get")["connections"] <= 1024, "more connections than configured")
        again = peer(lab.client, "udp-client", VIP4, UDP_ECHO_PORT, *old)
        equal(again["servers"], {"server1": 100}, f"answers to old flows ({again['errors']})")


# --- starts that fail ----------------------------------------------------------------------------


def ports_text(*devices, queues=1):
    """The `ports` of a configuration: port0 of the lab unless devices are given."""
    rows = ",\n".join(f'    {{ name = "wan{i}"; device = "{device}"; queues = {queues}; }}'
                      for i, device in enumerate(devices or ("net_af_packet,iface=port0",)))
    return f"ports = (\n{rows}\n);\n"


def link_down(lab):
    lab.balancer.ip("link set port0 down\n")


def twin_taken(lab):
    lab.balancer.ip("link add wan0 type veth peer name wan0peer\n")


BAD_STARTS = {
    # ending: (configuration or None for no file, what is done before, words of the complaint)
    "no_file": (None, None, ["no-such.conf"]),
    "syntax": ("workers = ;\n", None, ["bad.conf:1:"]),
    "unknown_key": (ports_text() + "wrokers = 2;\n", None, ["bad.conf:4:", "wrokers", "workers"]),
    "wrong_type": ('workers = "two";\n' + ports_text(), None, ["bad.conf:1:", "workers"]),
    "out_of_range": ("workers = 65;\n" + ports_text(), None, ["bad.conf:1:", "workers", "64"]),
    "no_ports": ("workers = 1;\n", None, ["bad.conf", "ports"]),
    "unknown_driver": (ports_text("net_nosuch,iface=port0"), None, ["net_nosuch"]),
    "missing_interface": (ports_text("net_af_packet,iface=port9"), None, ["port9"]),
    "missing_pci_device": (ports_text("0000:fe:1f.7"), None, ["0000:fe:1f.7"]),
    "link_down": (ports_text(), link_down, ["wan0", "link"]),
    "twin_name_taken": (ports_text(), twin_taken, ["wan0"]),
    "too_many_queues": (ports_text(queues=4), None, ["wan0", "queue"]),
    "no_huge_pages": ('memory = { huge_pages = "on"; size_mb = 1000000; };\n' + ports_text(), None,
                      ["huge", "memory"]),
}


@case(variants={name: {"start": start} for name, start in BAD_STARTS.items()})
def bad_start(context, start):
    """A start that cannot succeed ends with 1 and one line: what, where, and what to do."""
    config, prepare, words = start
    with context.bare_lab() as lab:
        if prepare:
            prepare(lab)
        check_complaint(lab, bad_command(lab, config), words)


def bad_command(lab, config):
    """The command line of shuntd for a configuration; None: for a file that is not there."""
    if config is None:
        return lab.daemon_command(lab.directory / "no-such.conf")
    path = lab.directory / "bad.conf"
    path.write_text(config)
    return lab.daemon_command(path)


def check_complaint(lab, command, words):
    links = link_names(lab)
    begin = time.monotonic()
    result = lab.balancer.run(command)
    seconds = time.monotonic() - begin
    equal(result.returncode, 1, f"exit code; output:\n{result.stdout}{result.stderr}")
    check(seconds < PATIENCE / 2, f"it took {seconds:.1f} s to fail")
    lines = result.stderr.splitlines()
    check(len(lines) == 1 and lines[0].startswith("shuntd: ") and lines[0].count("shuntd: ") == 1,
          f"standard error is not one line that begins with 'shuntd: ':\n{result.stderr}")
    print(lines[0])
    for word in words:
        check(word in lines[0], f"the complaint does not name {word}: {lines[0]}")
    equal(link_names(lab), links, "interfaces afterwards")


def link_names(lab):
    return [row["ifname"] for row in json.loads(lab.balancer.run(["ip", "-j", "link"]).stdout)]


@case()
def bad_start_not_root(context):
    """Without the rights that it needs the daemon says which."""
    with context.bare_lab() as lab:
        command = bad_command(lab, ports_text())
        # Still the owner of the files, wherever they lie, but nothing more.
        powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        check_complaint(lab, [*powerless, *command], ["CAP_NET_"])


@case(variants={"socket_in_use": {"path": None, "words": ["shunt.sock"]},
                "socket_nowhere": {"path": "/dev/null/shunt.sock", "words": ["/dev/null"]}})
def bad_start_with(context, path, words):
    """A control socket that cannot be had is named; a daemon that has it is not disturbed."""
    with context.balancer(HTTP4) as lab:
        command = bad_command(lab, ports_text("net_null0").replace("wan0", "other0"))
        if path:
            command[command.index(lab.socket_path)] = path
        check_complaint(lab, command, words)
        equal(fetch(lab.client, url(VIP4), 6), EACH_TWICE, "answers of the daemon that runs")


@case()
def bad_start_device_busy(context):
    """A second daemon on the same device is refused, and the first is not disturbed."""
    with context.balancer(HTTP4) as lab:
        command = bad_command(lab, ports_text().replace("wan0", "other0"))
        command[command.index(lab.socket_path)] = lab.directory / "second.sock"
        check_complaint(lab, command, ["port0"])
        equal(fetch(lab.client, url(VIP4), 6), EACH_TWICE, "answers of the daemon that runs")


@case()
def configuration_check(context):
    """--check tells good from bad and starts nothing."""
    with context.bare_lab() as lab:
        good = lab.balancer.run([*bad_command(lab, ports_text()), "--check"])
        equal((good.returncode, good.stderr), (0, ""), "--check of a good file")
        bad = lab.balancer.run([*bad_command(lab, ports_text() + "idle = 7;\n"), "--check"])
        equal(bad.returncode, 1, "exit code of --check of a bad file")
        check(f"{lab.directory}/bad.conf:4: idle: " in bad.stderr, bad.stderr)
        equal(len(bad.stderr.splitlines()), 1, "lines of complaint")
        wrong = lab.balancer.run([*bad_command(lab, ports_text()), "--chekc"])
        equal(wrong.returncode, 2, "exit code of a command line that makes no sense")
