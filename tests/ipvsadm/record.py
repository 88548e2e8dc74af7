#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs sessions on the real ipvsadm in a user-mode Linux kernel and writes what it printed into
them. Needs the packages that tests/oracle/ORACLE.md names; no test needs this program.

    tests/ipvsadm/record.py tests/ipvsadm/sessions/lists.session
"""

import argparse
import shlex
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORACLE = HERE.parent / "oracle"
sys.path.append(str(ORACLE))
from ipvs_oracle import (MODFUNC, Guest, default_cache, hexin, load_scenario,  # noqa: E402
                         setup_script)
from session import Output, format_steps, parse  # noqa: E402


def set_up(guest):
    """The network of the sessions, and the names that they look up."""
    scenario = load_scenario(HERE / "scenario.json")
    guest.sh(MODFUNC + setup_script(scenario))
    for path in sorted((HERE / "etc").iterdir()):
        guest.sh(f"cat >/etc/{path.name} <<'@@'\n{path.read_text(encoding='ascii')}@@")


def run_command(guest, step):
    """What the command prints in the guest."""
    text = guest.sh(f"cat >/tmp/in <<'@@'\n{step.stdin}@@\n"
                    f"{shlex.join(step.argv)} </tmp/in >/tmp/out 2>/tmp/err\n"
                    "echo $?; cat /tmp/out; echo @@err; cat /tmp/err")
    code, _, rest = text.partition("\n")
    out, _, err = rest.partition("@@err\n")
    return Output(out, err, int(code))


def send(guest, step):
    name, number = step.text.split()
    scenario = load_scenario(ORACLE / "scenarios" / name)
    spec = scenario["steps"][int(number)]["send"]
    guest.inject(spec["iface"], hexin(scenario, spec))


def record(guest, steps):
    for step in steps:
        if step.kind == "command":
            step.expected = run_command(guest, step).masked()
        elif step.kind == "frame":
            send(guest, step)
        elif step.kind == "wait":
            guest.sh(f"sleep {float(step.text)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sessions", nargs="+", type=Path, metavar="SESSION")
    parser.add_argument("--cache", default=default_cache(), help="where the guest's files are kept")
    parser.add_argument("--verbose", action="store_true", help="show the guest's commands")
    options = parser.parse_args()
    for path in options.sessions:
        steps = parse(path.read_text(encoding="ascii"), path)
        with Guest(options.cache, verbose=options.verbose) as guest:
            set_up(guest)
            record(guest, steps)
        path.write_text(format_steps(steps), encoding="ascii")
        print(f"{path.name}: {sum(step.kind == 'command' for step in steps)} commands")


if __name__ == "__main__":
    main()
