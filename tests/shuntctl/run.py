#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tests/shuntctl/run.py BUILD_DIR [TEST...]

shuntctl as a program, in front of a daemon that is made up: exit codes, --json, --watch, top, the
completion of bash and zsh, progress, and the manual pages."""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        sys.exit(0 if len(sys.argv) > 1 else 2)
    folder = tempfile.mkdtemp(prefix="shuntctl-")
    os.environ["SHUNT_BUILD"] = os.path.abspath(sys.argv[1])
    os.environ["SHUNT_TEST_DIR"] = folder
    for name in ("COLUMNS", "LINES", "SHUNT_SOCKET"):
        os.environ.pop(name, None)
    names = sys.argv[2:] or ["command_cases", "terminal_cases", "completion_cases", "man_cases"]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    try:
        outcome = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    bad = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - bad} passed, {bad} failed")
    sys.exit(0 if bad == 0 else 1)


if __name__ == "__main__":
    main()
