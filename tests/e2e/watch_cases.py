# SPDX-License-Identifier: BSD-3-Clause
"""Cases about watching packets: captures that Wireshark reads, and traces."""

import json
import subprocess

from case import case, check, equal, fetch, url
from lab import (CLIENT4, HTTP_PORT, PATIENCE, VIP4, wait_until)

HTTP4 = ("tcp", 4, HTTP_PORT, (1, 1, 1))
FOUR_WORKERS = {"1_worker": {"workers": 1}, "4_workers": {"workers": 4}}

FIELDS = ("frame.interface_name", "frame.packet_flags_direction", "frame.packet_id", "ip.src",
          "ip.dst", "tcp.flags.syn", "frame.comment", "frame.time_epoch")
INBOUND, OUTBOUND = 1, 2


def dissected(path):
    """The packets of a capture file, as tshark reads them: field -> text."""
    fields = [word for name in FIELDS for word in ("-e", name)]
    result = subprocess.run(["tshark", "-r", str(path), "-T", "fields", *fields],
                            capture_output=True, text=True, timeout=PATIENCE, check=False)
    # It warns of running as root.
    check(result.returncode == 0, f"tshark does not read {path}: {result.stderr}")
    packets = [dict(zip(FIELDS, line.split("\t"))) for line in result.stdout.splitlines()]
    for packet in packets:
        packet["frame.packet_flags_direction"] = int(packet["frame.packet_flags_direction"], 16)
    return packets


class Watcher:
    """shuntctl capture or trace beside the body; ended() waits for its end."""

    def __init__(self, lab, *argv):
        name = next(word for word in argv if not word.startswith("-"))
        self.output = lab.directory / f"{name}.out"
        self.errors = lab.directory / f"{name}.err"
        with open(self.output, "wb") as out, open(self.errors, "wb") as err:
            self.process = lab.balancer.popen([lab.build / "shuntctl", *map(str, argv)],
                                              env=lab.ctl_environment(), stdout=out, stderr=err)
        wait_until(lambda: self.process.poll() is not None or "watching" in self.errors.read_text(),
                   f"shuntctl {name} watches")
        check(self.process.poll() is None, f"it ended at once: {self.errors.read_text()}")
        lab.let_pass()

    def ended(self):
        code = self.process.wait(PATIENCE)
        equal(code, 0, f"its exit status ({self.errors.read_text().strip()})")
        return self.errors.read_text()


@case(variants=FOUR_WORKERS)
def capture_shows_both_sides(context, workers):
    """A capture opens in tshark with both sides of each translated packet."""
    with context.balancer(HTTP4, workers=workers) as lab:
        path = lab.directory / "capture.pcapng"
        watcher = Watcher(lab, "capture", "tcp", f"{VIP4}:{HTTP_PORT}", "--client", CLIENT4,
                          "-w", path, "--packets", 1000, "--seconds", 5)
        fetch(lab.client, url(VIP4), 5)
        summary = watcher.ended()
        check("lost" not in summary, f"records were lost: {summary}")
        packets = dissected(path)
        by_number = {}
        for packet in packets:
            by_number.setdefault(packet["frame.packet_id"], []).append(packet)
        servers = {server.address4 for server in lab.servers}
        requests = [pair for pair in by_number.values() if pair[0]["ip.src"] == CLIENT4]
        check(len(requests) >= 5 * 4, f"only {len(requests)} packets of the client were captured")
        for pair in requests:
            equal([(p["frame.interface_name"], p["frame.packet_flags_direction"]) for p in pair],
                  [("wan0", INBOUND), ("lan0", OUTBOUND)], "the two sides of a client's packet")
            before, after = pair
            equal((before["ip.dst"], after["ip.src"]), (VIP4, CLIENT4), "what is not translated")
            check(after["ip.dst"] in servers, f"{after['ip.dst']} is no server")
        check(sum(pair[0]["tcp.flags.syn"] in ("1", "True") for pair in requests) == 5,
              "not every SYN was captured")
        replies = [p for p in packets if p["ip.src"] == VIP4]
        check(replies, "no reply was captured on its way out")
        equal({(p["frame.interface_name"], p["frame.packet_flags_direction"]) for p in replies},
              {("wan0", OUTBOUND)}, "where replies leave")
        times = [float(p["frame.time_epoch"]) for p in packets]
        check(times == sorted(times), "the file is not in the order of time")
        # Everything is given back: the next one works.
        lab.ctl("capture", "--packets", "1", "--seconds", "1", "-w", lab.directory / "next.pcapng")


@case()
def capture_tells_why_packets_were_dropped(context):
    """A capture of dropped packets alone, through a pipe, has the reason in the comment."""
    with context.balancer(HTTP4) as lab:
        path = lab.directory / "dropped.pcapng"
        watcher = Watcher(lab, "capture", "--dropped", "--address", CLIENT4, "--packets", 1,
                          "--seconds", 10, "-w", "-")
        # A TTL of 1 ends at the balancer.
        lab.client.sysctl({"net.ipv4.ip_default_ttl": 1})
        lab.client.run(["curl", "-s", "--max-time", "1", "-g", url(VIP4)])
        lab.client.sysctl({"net.ipv4.ip_default_ttl": 64})
        watcher.ended()
        path.write_bytes(watcher.output.read_bytes())
        packets = dissected(path)
        equal([p["frame.comment"].split(" (")[0] for p in packets], ["dropped: ttl_expired"],
              "the one dropped packet")
        equal(packets[0]["frame.packet_flags_direction"], INBOUND, "its direction")


@case(variants=FOUR_WORKERS)
def trace_tells_decisions(context, workers):
    """A trace follows a SYN to its server, with the decision of each stage."""
    with context.balancer(HTTP4, workers=workers) as lab:
        watcher = Watcher(lab, "--json", "trace", "tcp", f"{VIP4}:{HTTP_PORT}", "--client",
                          CLIENT4, "--packets", 1, "--seconds", 10)
        fetch(lab.client, url(VIP4))
        watcher.ended()
        steps = [json.loads(line) for line in watcher.output.read_text().splitlines()]
        said = {step["stage"]: step["decision"] for step in steps if step["packet"] == 1}
        check(said["receive"].startswith("by wan0: tcp " + CLIENT4), said["receive"])
        equal((said["lookup"], said["forward"]), ("miss", "nat"), "the decisions")
        check(said["admit"].startswith("new connection: client " + CLIENT4), said["admit"])
        equal(said["advance"], "state NONE -> SYN_RECV", "the state")
        check(any(f"> {server.address4}:" in said["send"] for server in lab.servers),
              said["send"])
        if "handoff" in said:
            equal(len({step["worker"] for step in steps if step["packet"] == 1}), 2, "workers")
