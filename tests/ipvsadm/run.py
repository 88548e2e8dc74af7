#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs recorded sessions of the real ipvsadm on shuntd's and compares output and exit codes. Needs
root, iproute2 and ethtool; README.md has the format of sessions.

    tests/ipvsadm/run.py                     every session
    tests/ipvsadm/run.py lists --build DIR   one, with another build
    tests/ipvsadm/run.py --print lists       what Shunt does, as a session
"""

import argparse
import contextlib
import difflib
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORACLE = HERE.parent / "oracle"
sys.path.append(str(ORACLE))
from balancer import PATIENCE, Balancer, LabError, NotSupported  # noqa: E402
from ipvs_oracle import OracleError, hexin, load_scenario  # noqa: E402
from wire import WireError  # noqa: E402
from session import Output, SessionError, format_steps, parse  # noqa: E402

SESSIONS = HERE / "sessions"
PAGE = HERE.parent.parent / "docs" / "differences-from-ipvs.md"
HEADING = "## The command ipvsadm"

# The files that names are looked up in, in a mount namespace of the command's own.
WITH_NAMES = ("for each in " + str(HERE / "etc") + '/*; do mount --bind "$each" '
              '"/etc/${each##*/}" || exit 99; done; exec "$@"')


def listed_differences():
    """The names of the rows of the table in the page of differences."""
    _, _, section = PAGE.read_text(encoding="utf-8").partition(HEADING + "\n")
    section = section.partition("\n## ")[0]
    return re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.MULTILINE)


class Player:
    """Does the steps of a session on a balancer."""

    def __init__(self, balancer):
        self.balancer = balancer
        self.environment = balancer.environment()

    def do(self, step):
        """What the command of a step printed; None for another step."""
        if step.kind == "command":
            return self.command(step)
        if step.kind == "frame":
            self.send(step)
        elif step.kind == "wait":
            time.sleep(float(step.text))
        return None

    def command(self, step):
        result = subprocess.run(["unshare", "--mount", "sh", "-c", WITH_NAMES, "sh", *step.argv],
                                env=self.environment, input=step.stdin, capture_output=True,
                                text=True, timeout=2 * PATIENCE, check=False)
        self.balancer.check_alive()
        return Output(result.stdout, result.stderr, result.returncode).masked()

    def send(self, step):
        name, number = step.text.split()
        scenario = load_scenario(ORACLE / "scenarios" / name)
        spec = scenario["steps"][int(number)]["send"]
        self.balancer.wire.inject(spec["iface"], hexin(scenario, spec))


def changes(expected, actual):
    """The lines that differ."""
    lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), lineterm="", n=0)
    return "\n".join("    " + line for line in lines if not line.startswith(("---", "+++", "@@")))


def complaints_about(step, got, name):
    """What is wrong with the output of a command."""
    wanted = step.instead or step.expected
    complaints = []
    if step.difference and step.instead == step.expected:
        complaints.append(f"`{step.difference}`: that is what ipvsadm does: remove it")
    for what, expected, actual in (("stdout", wanted.out, got.out), ("stderr", wanted.err, got.err),
                                   ("exit code", wanted.code, got.code)):
        if expected != actual:
            complaints.append(f"{what}:\n" + changes(str(expected), str(actual)))
    return [f"{name}:{step.line}: {step.text}: {each}" for each in complaints]


def play(path, options):
    """(what Shunt did, complaints, names of differences, number of commands)"""
    text = path.read_text(encoding="ascii")
    steps = parse(text, path.name)
    complaints, used, count = [], set(), 0
    if format_steps(steps) != text:
        complaints.append(f"{path.name} is not as record.py writes it")
    with tempfile.TemporaryDirectory(prefix="shunt-ipvsadm.") as directory:
        with Balancer(load_scenario(HERE / "scenario.json"), options.build, directory,
                      connections=4096) as balancer:
            player = Player(balancer)
            for step in steps:
                got = player.do(step)
                if got is None:
                    continue
                count += 1
                complaints += complaints_about(step, got, path.name)
                used |= {step.difference} - {""}
                step.expected = got
            fault = balancer.stop_daemon().fault()
    return steps, complaints + ([f"{path.name}: {fault}"] if fault else []), used, count


def judge(path, options):
    """Plays a session and prints a line about it; (complaints, names of differences)."""
    try:
        steps, complaints, used, count = play(path, options)
    except (LabError, NotSupported, OracleError, SessionError, WireError,
            subprocess.TimeoutExpired) as error:
        print(f"{path.stem} failed: {error}", flush=True)
        return [str(error)], set()
    if options.print:
        print(format_steps(steps), end="")
        return [], used
    for complaint in complaints:
        print(complaint)
    print(f"{path.stem} " + (f"differs in {len(complaints)} of {count} commands" if complaints
                             else f"ok ({count} commands)"), flush=True)
    return complaints, used


def check_page(used, every):
    """Prints what is wrong between the sessions and the page of differences."""
    listed = listed_differences()
    wrong = [f"`{name}` is not in the table of {PAGE.name}" for name in sorted(used - set(listed))]
    if every:
        wrong += [f"`{name}` of {PAGE.name}: no session shows it" for name in listed
                  if name not in used]
    for line in wrong:
        print(line)
    return not wrong


def end_cleanly(number, _frame):
    sys.exit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sessions", nargs="*", metavar="SESSION", help="a name; none: all")
    parser.add_argument("--build", default=str(HERE.parent.parent / "build"), metavar="DIR",
                        help="directory with shuntd, shuntctl and ipvsadm (default: build)")
    parser.add_argument("--print", action="store_true", help="print what Shunt does")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_cleanly)
    paths = ([SESSIONS / f"{name}.session" for name in options.sessions]
             or sorted(SESSIONS.glob("*.session")))
    passed = failed = 0
    differences = set()
    with contextlib.suppress(BrokenPipeError):
        for path in paths:
            complaints, used = judge(path, options)
            differences |= used
            passed += not complaints
            failed += bool(complaints)
        if not options.print:
            good = check_page(differences, every=not options.sessions)
            passed, failed = passed + good, failed + (not good)
            print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
