# SPDX-License-Identifier: BSD-3-Clause
"""Cases with two balancers that tell each other of their connections: what is open when one fails
goes on by the other one. Both stand at the switch:

    client, servers ---- switch ---- port0 [balancer]  sync0 ---- sync0 [balancer2] port0 ---- switch
"""

import copy
import subprocess
from contextlib import contextmanager

from case import case, check, check_end, equal, fetch, peer, service, url
from lab import (CLIENT4, HTTP_PORT, LAN4, LAN6, NAT, PATIENCE, UDP_ECHO_PORT, VIP4, VIP6, WAN4,
                 WAN6, must, peer_command, wait_until)

SYNC_ID = 7
BOTH_ROLES = "".join(f'{{ role = "{role}"; interface = "sync0"; syncid = {SYNC_ID}; }}{end}'
                     for role, end in (("master", ", "), ("backup", "")))
SYNC = f"sync = ( {BOTH_ROLES} );\n"
SERVICES = [("tcp", 4, HTTP_PORT, (1, 1)), ("tcp", 6, HTTP_PORT, (1, 1)),
            ("udp", 4, UDP_ECHO_PORT, (1, 1))]


def join(lab):
    """The second balancer's host, and the link between the two."""
    second = lab.namespace("balancer2")
    second.sysctl({"net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0,
                   "net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1,
                   "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.default.rp_filter": 0})
    must(["ip", "-batch", "-"],
         input=f"link add port0 netns {second.name} type veth peer name swb netns "
               f"{lab.switch.name}\n"
               f"link add sync0 netns {lab.balancer.name} type veth peer name sync0 netns "
               f"{second.name}\n")
    lab.switch.ip("link set swb master br0 up\n")
    for space, host in ((lab.balancer, 1), (second, 2)):
        space.ip(f"link set lo up\nlink set port0 up\nlink set sync0 up\n"
                 f"addr add 10.9.0.{host}/24 dev sync0\n")
    return second


@contextmanager
def two_balancers(context, services=None, workers=(1, 2), extra=""):
    """A lab with a running balancer that has the addresses, and a copy of it that stands for the
    second one, which has none but its own."""
    asked = services or SERVICES
    with context.lab(workers[0], servers=2, one_armed=True) as lab:
        second = copy.copy(lab)
        second.balancer = join(lab)
        second.workers = workers[1]
        second.socket_path = lab.directory / "second.sock"
        second.config_path = lab.directory / "second.conf"
        second.daemon_log = lab.directory / "second.log"
        texts = [service(lab, *arguments) for arguments in asked]
        lab.start_daemon(texts, context.extra + SYNC + extra)
        second.config_path.write_text(second.config_text(texts, context.extra + SYNC + extra))
        with open(second.daemon_log, "ab") as log:
            second.daemon = second.balancer.popen(second.daemon_command(), stdout=log,
                                                  stderr=subprocess.STDOUT)
        lab.processes.append(second.daemon)
        wait_until(second.daemon_answers, "the second shuntd does not answer on its socket")
        second.balancer.ip("link set wan0 up\n"
                           "addr add 198.51.100.2/24 dev wan0\naddr add 2001:db8:2::2/64 dev wan0 "
                           "nodad\naddr add 192.0.2.2/24 dev wan0\n"
                           "addr add 2001:db8:1::2/64 dev wan0 nodad\n")
        yield lab, second
        if lab.daemon:
            check_end(lab)
        check_end(second)


def take_over(lab, second):
    """The first balancer crashes, and the second one gets its addresses. Its hosts ask for link
    addresses again, as they do when VRRP announces itself."""
    lab.kill_daemon()
    second.balancer.ip(f"addr add {LAN4}/24 dev wan0\naddr add {LAN6}/64 dev wan0 nodad\n"
                       f"addr add {WAN4}/24 dev wan0\naddr add {WAN6}/64 dev wan0 nodad\n"
                       f"addr add {VIP4}/32 dev wan0\naddr add {VIP6}/128 dev wan0 nodad\n")
    wait_until(lambda: {VIP4, VIP6, LAN4} <= second.known_addresses(),
               "the second shuntd does not learn its addresses")
    for space in [lab.client, *(server.namespace for server in lab.servers)]:
        space.run(["ip", "neigh", "flush", "dev", "eth0"], check=True)


def rows_of(lab, virtual):
    return [row for row in lab.connection_rows() if row["virtual"].startswith(virtual)]


@case(variants={"ipv4": {"host": VIP4}, "ipv6": {"host": VIP6}})
def download_survives_failover(context, host):
    """A download that began by one balancer goes on by the other one when the first crashes."""
    path, digest = context.files.download(16 << 20)
    with two_balancers(context) as (lab, second):
        process = lab.client.popen(peer_command("http-held", host, path), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        equal(process.stdout.readline().strip(), '{"ready": true}', "the download's beginning")
        named = f"[{host}]" if ":" in host else host
        wait_until(lambda: rows_of(second, named), "the second balancer knows the connection")
        first, other = rows_of(lab, named)[0], rows_of(second, named)[0]
        for key in ("protocol", "client", "virtual", "server", "state", "forward"):
            equal(other[key], first[key], f"{key} of the connection at the second balancer")
        take_over(lab, second)
        output, _ = process.communicate("\n", timeout=2 * PATIENCE)
        check(digest in output and "complete" in output, f"the download: {output}")
        counters = second.call("sync.status")["counters"]
        check(counters["heard_made"] >= 1, f"counters of the second: {counters}")
        equal(sum(n for name, n in counters.items() if name.startswith("heard_bad")), 0,
              "messages that cannot be")


@case()
def persistent_clients_keep_their_server(context):
    """A client of a persistent service gets the same server from the other balancer, and connections
    that are over are over there, too."""
    asked = ("tcp", 4, HTTP_PORT, (1, 1), "rr", NAT, None, "persistence = 300; ")
    with two_balancers(context, [asked]) as (lab, second):
        before = fetch(lab.client, url(VIP4), 5)
        equal(len(before), 1, "servers that the client meets")

        def told():
            rows = second.connection_rows()
            return rows if [row["state"] for row in rows].count("TIME_WAIT") == 5 else None
        rows = wait_until(told, "the second balancer knows all five connections")
        equal([row["client"] for row in rows if row["state"] == "ASSURED"], [f"{CLIENT4}:0"],
              "templates at the second balancer")
        take_over(lab, second)
        equal(fetch(lab.client, url(VIP4), 5), before, "answers by the second balancer")


@case()
def sync_daemons_start_and_stop(context):
    """Started and stopped by shuntctl and ipvsadm, they say what they are, and tell while they
    run."""
    with two_balancers(context) as (lab, second):
        ipvsadm = lab.build / "ipvsadm"

        def run(*words):
            return lab.balancer.run([ipvsadm, *words], env=lab.ctl_environment())

        equal(run("-L", "--daemon").stdout.splitlines(),
              [f"{role} sync daemon (mcast=sync0, syncid={SYNC_ID}, maxlen=1472, "
               "group=224.0.0.81, port=8848, ttl=1)" for role in ("master", "backup")],
              "ipvsadm -L --daemon")
        again = run("--start-daemon", "master", "--mcast-interface", "sync0")
        equal((again.returncode, again.stderr), (255, "Daemon has already run\n"), "a second start")
        missing = run("--start-daemon", "master", "--mcast-interface", "nosuch0")
        equal((missing.returncode, missing.stderr), (255, "No such device\n"), "no interface")
        equal(run("--stop-daemon", "master").returncode, 0, "the master's stop")
        equal(run("--stop-daemon", "master").stderr, "No daemon is running\n", "a second stop")
        peer(lab.client, "udp-one-port", VIP4, UDP_ECHO_PORT, 60)
        equal(lab.call("sync.status")["counters"]["sent_records"], 0, "records without a master")
        lab.call("sync.start", role="master", interface="sync0", syncid=SYNC_ID)
        peer(lab.client, "udp-one-port", VIP4, UDP_ECHO_PORT, 60)
        wait_until(lambda: second.call("sync.status")["counters"]["heard_made"] >= 1,
                   "the second balancer hears of a connection")
        rows = rows_of(second, f"{VIP4}:{UDP_ECHO_PORT}")
        equal(len(rows), 1, "connections at the second balancer")
        check(rows[0]["client"].startswith(CLIENT4), f"the client of {rows[0]}")
