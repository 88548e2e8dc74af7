#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts the worker's instructions a packet and holds them against their budgets.

  instructions.py --build DIR [--update] [CASE...]

Each case of instruction-count runs under callgrind. What counts is the project's own code between the
beginning and the end of measured(), without the benchmark's: DPDK's devices and the C library are not
counted. The figures hardly move from run to run, whatever else the machine does, but with the compiler.
--update writes the figures of now to budgets.json: say in the commit why they may rise.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUDGETS = HERE / "budgets.json"
TOLERANCE = 0.02  # what a figure may exceed its budget by
NAME = re.compile(r"\((\d+)\)(?: (.*))?")


def own_instructions(path):
    """The sum of the instructions of functions in namespace shunt, but for those of the benchmark."""
    names, total, counts, skip = {}, 0, False, False
    for line in path.open(errors="replace"):
        key, _, rest = line.rstrip("\n").partition("=")
        if key in ("fn", "cfn"):
            number, name = NAME.fullmatch(rest).groups()
            if name is not None:
                names[number] = name
            if key == "fn":
                counts = "shunt::" in names[number] and "shunt::bench::" not in names[number]
        elif key == "calls":
            skip = True  # the next line has the cost of the called function, which counts by itself
        elif line[:1] in "+-*" or line[:1].isdigit():
            if counts and not skip:
                total += int(line.split()[1])
            skip = False
    return total


def measure(program, case):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind.out"
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=*measured*", f"--callgrind-out-file={out}",
             program, case], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{case}: {done.stderr}")
        return own_instructions(out) / int(done.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    program = pathlib.Path(args.build) / "tests/bench/instruction-count"
    budgets = json.loads(BUDGETS.read_text()) if BUDGETS.exists() else {}
    known = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    failed = 0
    for case in args.cases or known:
        figure, budget = measure(program, case), budgets.get(case)
        if args.update:
            budgets[case] = round(figure, 1)
        good = args.update or (budget is not None and figure <= budget * (1 + TOLERANCE))
        failed += not good
        print(f"{case:10} {figure:7.1f} instructions a packet, budget {budget}{'' if good else ': TOO MANY'}", flush=True)
    if args.update:
        BUDGETS.write_text(json.dumps(budgets, indent=1, sort_keys=True) + "\n")
    print(f"{len(args.cases or known) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
