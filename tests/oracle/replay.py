# SPDX-License-Identifier: BSD-3-Clause
"""The steps of a scenario done to a balancer, and what it did, in the format of expected.json."""

import math
import shlex
import time

from balancer import is_icmp
from ipvs_oracle import FORMAT, STATS_SETTLE, OracleError, hexin, ipvs_lines, is_noise, parse_state
from texts import COMMANDS

LATE = 0.8  # seconds that a scenario with timeouts of a few seconds may be behind its time
LATE_FOR_TABLES = 8  # the same where tables count: they keep a closed connection for 10 s


class TooLate(Exception):
    """The machine is too busy for the scenario's timeouts: what came out says nothing."""


def has_short_timeouts(scenario):
    """Whether it matters when things are done."""
    lines = list(ipvs_lines(scenario.get("ipvs", [])))
    for step in scenario["steps"]:
        lines += ipvs_lines(step.get("ipvs", []))
    return any("--set" in line.split() for line in lines)


class Replay:
    """One run of a scenario's steps. result() when all are done. `tables`: those will be
    compared."""

    def __init__(self, balancer, scenario, tables=False):
        self.balancer, self.wire, self.scenario = balancer, balancer.wire, scenario
        self.packets, self.others, self.dumps, self.state = [], [], {}, {}
        self.noise = 0
        self.step = -1
        short = has_short_timeouts(scenario)
        self.counting_time = STATS_SETTLE if short else 0
        self.most_late = LATE if short else LATE_FOR_TABLES if tables else math.inf
        for name in self.wire.sockets:
            self.wire.probe(name)
        self.wire.drain()
        self.begin = self.due = time.monotonic()

    def run(self):
        """Does all steps; returns the result."""
        for self.step, step in enumerate(self.scenario["steps"]):
            begin = time.monotonic()
            self.do(step)
            self.balancer.check_alive()
            if "wait" in step:
                self.due = begin + float(step["wait"])
            self.check_time()
        if "end" not in self.dumps:
            self.step += 1
            self.dump("end", self.scenario.get("stats", False))
            self.check_time()
        return self.result()

    def do(self, step):
        if "send" in step:
            self.send(step)
        elif "wait" in step:
            self.record_others("wait", self.wire.drain(time.monotonic() + float(step["wait"])))
        elif "ipvs" in step:
            for line in ipvs_lines(step["ipvs"]):
                self.balancer.ipvsadm(shlex.split(line))
            self.record_others("ipvs", self.wire.drain())
        elif "sysctls" in step:
            self.balancer.sysctls(step["sysctls"])
            self.record_others("sysctls", self.wire.drain())
        elif "commands" in step:
            self.balancer.commands(step["commands"])
            self.record_others("commands", self.wire.drain())
        elif "dump" in step:
            self.dump(step["dump"], step.get("stats", False))
        else:
            raise OracleError(f"unknown step {step!r}")

    def check_time(self):
        """Steps take no time but for what they wait; TooLate where that is too far from true."""
        late = time.monotonic() - self.due
        if late > self.most_late:
            raise TooLate(f"step {self.step} was done {late:.1f} s late, too late for the "
                          "scenario's timeouts: this machine is too busy")

    def send(self, step):
        if "at" in step:
            self.record_others("at", self.wire.drain(self.begin + step["at"]))
        interface, frame = step["send"]["iface"], hexin(self.scenario, step["send"])
        record = {"step": self.step, "in": {"iface": interface, "hex": frame.hex()},
                  "out": self.outputs(self.wire.inject(interface, frame))}
        if is_icmp(frame):
            self.balancer.let_learn()  # as the kernel has, when the next packet comes
        if step.get("note"):
            record["note"] = step["note"]
        self.packets.append(record)

    def dump(self, label, stats):
        if stats and self.counting_time:
            self.record_others("at", self.wire.drain(time.monotonic() + self.counting_time))
            self.due = time.monotonic()
        texts = {kind: self.balancer.ipvsadm(arguments) for kind, arguments in COMMANDS.items()
                 if stats or kind != "stats"}
        self.dumps[label] = texts
        self.state[label] = parse_state(texts, stats)

    def outputs(self, frames):
        """Frames as records, without what a host says on its own."""
        kept = []
        for interface, frame in frames:
            if is_noise(frame) and not self.scenario.get("keep_noise"):
                self.noise += 1
            else:
                kept.append({"iface": interface, "hex": frame.hex()})
        return kept

    def record_others(self, during, frames):
        out = self.outputs(frames)
        if out:
            self.others.append({"step": self.step, "during": during, "out": out})

    def result(self):
        return {"format": FORMAT, "scenario": self.scenario["name"],
                "shunt": {"version": self.balancer.version, "workers": self.balancer.workers,
                          "driver": self.balancer.driver},
                "packets": self.packets, "other_outputs": self.others,
                "filtered_noise_frames": self.noise, "state": self.state, "dumps": self.dumps}
