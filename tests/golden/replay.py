#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Replays the captures of the golden cases by `shunt-bench replay` and compares what it writes and
counts with what shuntd has to send, byte by byte: both are the same pipeline.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import packets as p
import run

HERE = pathlib.Path(__file__).resolve().parent

LEFT_OUT = {
    "other_mac": "without an address in the configuration that of most packets is the port's own",
    "neighbour_unresolved": "the time after the last packet does not pass",
}


def ports_of(case):
    return sorted(path.name.removesuffix(".in.pcap") for path in case.glob("*.in.pcap"))


def replay(program, case, folder):
    ports = ports_of(case)
    words = [program, "replay", "--no-huge", "--json", "--config", "shunt.conf", "--out",
             str(folder / "out.pcap")]
    for port in ports:
        words += ["--pcap", f"{port}={port}.in.pcap"]
    done = subprocess.run(words, cwd=case, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise run.Failure(done.stderr.strip())
    for port in ports:
        out = folder / ("out.pcap" if len(ports) == 1 else f"out.{port}.pcap")
        run.compare_frames(port, p.read_pcap(case / f"{port}.out.pcap"), p.read_pcap(out))
    return json.loads(done.stdout)["verdicts"]


def check(program, case):
    with tempfile.TemporaryDirectory() as folder:
        verdicts = replay(program, case, pathlib.Path(folder))
    counters = json.loads((case / "counters.json").read_text())
    if not verdicts["conserved"]:
        raise run.Failure("not every packet has its verdict")
    for name in ("received", "generated", "forwarded", "held", "joined", "split"):
        run.compare_values(name, counters[name], verdicts[name])
    run.compare_values("drops", counters["drops"], verdicts["drops"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", default="build/shunt-bench", help="shunt-bench")
    parser.add_argument("cases", nargs="*", help="names of cases; all by default")
    arguments = parser.parse_args()
    program = str(pathlib.Path(arguments.program).resolve())
    names = arguments.cases or sorted(path.parent.name for path in HERE.glob("*/counters.json")
                                      if path.parent.name not in LEFT_OUT)
    failed = 0
    for name in names:
        try:
            check(program, HERE / name)
        except run.Failure as failure:
            failed += 1
            print(f"{name}: {failure}")
    print(f"{len(names) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
