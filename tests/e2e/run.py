#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the end-to-end cases: shuntd between real programs in network namespaces. Needs root.

    tests/e2e/run.py --build build              every case, in quick measure
    tests/e2e/run.py --build build --full       as the acceptance asks: 1 GiB, 30 s, 10,000 changes
    tests/e2e/run.py --build build wrr* ping    the cases of these names
"""

import argparse
import contextlib
import fnmatch
import io
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import case
import traffic_cases  # noqa: F401, I001  (declares its cases; --list shows them in this order)
import host_cases  # noqa: F401
import control_cases  # noqa: F401
import config_cases  # noqa: F401
import health_cases  # noqa: F401
import metrics_cases  # noqa: F401
import socket_cases  # noqa: F401
import forwarding_cases  # noqa: F401
import failure_cases  # noqa: F401
import systemd_cases  # noqa: F401
import flood_cases  # noqa: F401
import sync_cases  # noqa: F401
import ftp_cases  # noqa: F401
import ftps_cases  # noqa: F401
import ftp_direct_cases  # noqa: F401
import tftp_cases  # noqa: F401
import watch_cases  # noqa: F401
from lab import LabError, close_all, install_clean_up


SMALL_PAGES = 'memory = { huge_pages = "off"; };\n'


class TimeLimit(Exception):
    """A case took longer than it may."""


def on_alarm(_number, _frame):
    raise TimeLimit


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases, * and ? allowed")
    parser.add_argument("--build", default="build", help="directory with shuntd (default: build)")
    parser.add_argument("--full", action="store_true", help="long downloads, long iperf3 runs")
    parser.add_argument("--small-pages", action="store_true", help="leave huge pages alone")
    parser.add_argument("--list", action="store_true", help="print the cases and end")
    parser.add_argument("--logs", help="where logs of failed cases go (default: a new directory)")
    parser.add_argument("--verbose", action="store_true", help="print what cases measured")
    return parser.parse_args()


def selected(names, full):
    """The cases that the names ask for, in order of declaration; ends with 2 if one is none."""
    chosen = []
    for name in names:
        matches = fnmatch.filter(case.CASES, name)
        if not matches:
            print(f"{Path(sys.argv[0]).name}: no case is named {name} (--list prints them)",
                  file=sys.stderr)
            sys.exit(2)
        chosen += matches
    return [each for name, each in case.CASES.items()
            if name in chosen or (not names and (each.always or full))]


def run_case(each, context, seconds):
    """None when it passed, else the text of what was wrong."""
    signal.alarm(seconds)
    try:
        each.function(context, **each.arguments)
        return None
    except (case.CheckFailed, LabError) as error:
        return str(error)
    except TimeLimit:
        return f"not done after {seconds} s, at\n{own_frames()}"
    except Exception as error:  # pylint: disable=broad-except
        return f"{type(error).__name__}: {error}\n{own_frames()}"
    finally:
        signal.alarm(0)
        close_all()


def own_frames():
    """Where the exception that is being handled came from, as far as it is in the cases."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    return "\n".join(f"{Path(frame.filename).name}:{frame.lineno}: {frame.line}"
                     for frame in frames if frame.filename.endswith("_cases.py"))


def report(each, fault, seconds, notes, verbose):
    print(f"{'ok    ' if fault is None else 'FAILED'} {each.name}  ({seconds:.1f} s)")
    if fault is not None:
        print("       " + fault.rstrip().replace("\n", "\n       "))
    if notes and (verbose or fault is not None):
        print("       " + notes.rstrip().replace("\n", "\n       "))
    sys.stdout.flush()


def run_all(cases, arguments, work):
    """Runs the cases one after the other; returns how many failed."""
    files = case.Files(work / "files")
    files.directory.mkdir()
    logs = Path(arguments.logs or tempfile.mkdtemp(prefix="shunt-e2e-logs."))
    logs.mkdir(parents=True, exist_ok=True)
    logs.chmod(0o755)  # Clients of other users get to the sockets in it.
    failed = 0
    try:
        for each in cases:
            failed += not run_one(each, arguments, files, logs / each.name)
    finally:
        if failed:
            print(f"logs of failed cases: {logs}")
        else:
            shutil.rmtree(logs, ignore_errors=True)
    return failed


def run_one(each, arguments, files, directory):
    """Runs a case, reports, and returns whether it passed; its directory is kept if it did not."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    context = case.Context(build=Path(arguments.build), directory=directory, files=files,
                           scale=case.FULL if arguments.full else case.QUICK,
                           extra=SMALL_PAGES if arguments.small_pages else "")
    limit = each.seconds * (case.FULL_TIME_FACTOR if arguments.full else 1)
    begin, notes = time.monotonic(), io.StringIO()
    with contextlib.redirect_stdout(notes):
        fault = run_case(each, context, limit)
    report(each, fault, time.monotonic() - begin, notes.getvalue(), arguments.verbose)
    for line in context.table:
        print("       " + line, flush=True)
    if fault is None:
        shutil.rmtree(directory, ignore_errors=True)
    return fault is None


def main():
    arguments = parse_arguments()
    cases = selected(arguments.names, arguments.full or arguments.list)
    if arguments.list:
        for each in cases:
            print(f"{each.name:40} {each.purpose}")
        return 0
    for program in ("shuntd", "shuntctl", "ipvsadm"):
        if not (Path(arguments.build) / program).exists():
            print(f"{arguments.build}/{program} is missing: run scripts/build first",
                  file=sys.stderr)
            return 2
    install_clean_up()
    signal.signal(signal.SIGALRM, on_alarm)
    with tempfile.TemporaryDirectory(prefix="shunt-e2e.") as work:
        failed = run_all(cases, arguments, Path(work))
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
