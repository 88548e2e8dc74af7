#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Records the scenarios of the recipes on the real kernel, replays each once more and moves it into
the folder of the scenarios only if the replay gave the same packets and the same tables. Without a
prefix all are done.

    recipes/record.py [-j N] [-o DIR] [--only-new] [--show] [NAME-PREFIX ...]    record
    recipes/record.py [-j N] --check [NAME-PREFIX ...]              replay, write nothing

Needs what the oracle needs, python3-scapy and, for the scenarios with the tag "marks", tc.
"""
import argparse
import concurrent.futures
import functools
import glob
import importlib
import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import common  # noqa: E402,F401
import scenario_lib as lib  # noqa: E402

O = lib.O

# Scenarios with marks need the traffic control of the kernel and tc, which the oracle does not put
# into its guest by itself.
MARK_MODULES = ("sch_ingress", "cls_u32", "act_skbedit")


def with_marks(cache):
    """Makes the guest have what marks need: a module folder where 'dummy', which the guest always
    gets, claims to need those modules, and tc by the name of ethtool, which no scenario uses."""
    _, modules = O.find_uml()
    target = os.path.join(cache, "modules-with-marks")
    os.makedirs(target, exist_ok=True)
    for name in os.listdir(modules):
        link = os.path.join(target, name)
        if name != "modules.dep" and not os.path.lexists(link):
            os.symlink(os.path.join(modules, name), link)
    with open(os.path.join(modules, "modules.dep")) as f:
        lines = f.read().splitlines()
    paths = {os.path.basename(line.split(".ko")[0]): line.split(":")[0] for line in lines}
    more = " ".join(paths[name] for name in MARK_MODULES)
    text = (
        "\n".join(
            line + " " + more if line.startswith(paths["dummy"] + ":") else line for line in lines
        )
        + "\n"
    )
    dep = os.path.join(target, "modules.dep")
    if not os.path.exists(dep) or open(dep).read() != text:
        with open(dep, "w") as f:
            f.write(text)
    os.environ["IPVS_ORACLE_MODULES"] = target
    find_tool = O.find_tool
    O.find_tool = lambda name: find_tool("tc" if name == "ethtool" else name)


def trimmed(path):
    """Takes the dumps' texts away: they hold timers and are never compared."""
    with open(path) as f:
        result = json.load(f)
    result["dumps"] = {}
    with open(path, "w") as f:
        f.write(O.dump_json(result))
    return result


def record(item, out, cache, show):
    """One scenario; returns a line that says how it went."""
    name = item[0]
    with tempfile.TemporaryDirectory() as scratch:
        lib.make(item, scratch, cache)
        folder = os.path.join(scratch, name)
        first, differences = replayed(folder, cache)
        if show:
            O.show(first)
        if differences:
            return "NOT REPRODUCIBLE %s\n  %s" % (name, "\n  ".join(differences))
        trimmed(os.path.join(folder, "expected.json"))
        target = os.path.join(out, name)
        shutil.rmtree(target, ignore_errors=True)
        shutil.move(folder, target)
    sent = len(first["packets"])
    return "ok %s: %d in, %d out" % (name, sent, sum(len(p["out"]) for p in first["packets"]))


def check(folder, cache):
    """Replays what is recorded; returns a line that says how it went."""
    _, differences = replayed(folder, cache)
    name = os.path.basename(folder)
    return "DIFFERS %s\n  %s" % (name, "\n  ".join(differences)) if differences else "ok " + name


def replayed(folder, cache):
    """The recorded result and its differences from a replay."""
    with open(os.path.join(folder, "expected.json")) as f:
        expected = json.load(f)
    again = O.run_fresh(O.load_scenario(folder), cachedir=cache)
    return expected, O.compare(expected, again, state=True)


def guarded(job, name):
    try:
        return job()
    except Exception as error:
        return "FAILED %s: %r" % (name, error)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    ap.add_argument("-o", "--out", default=os.path.join(os.path.dirname(HERE), "scenarios"))
    ap.add_argument("-j", "--jobs", type=int, default=1, help="kernels at a time")
    ap.add_argument("--cache", default=O.default_cache())
    ap.add_argument("--check", action="store_true", help="replay what is recorded, write nothing")
    ap.add_argument("--only-new", action="store_true", help="leave those alone that exist")
    ap.add_argument("--show", action="store_true", help="print every packet")
    ap.add_argument("--list", action="store_true", help="print the names only")
    ap.add_argument("names", nargs="*")
    a = ap.parse_args()
    with_marks(a.cache)
    for path in sorted(glob.glob(os.path.join(HERE, "*.py"))):
        module = os.path.basename(path)[:-3]
        if module not in ("common", "record"):
            importlib.import_module(module)
    if a.check:
        jobs = {
            os.path.basename(os.path.dirname(p)): functools.partial(
                check, os.path.dirname(p), a.cache
            )
            for p in sorted(glob.glob(os.path.join(a.out, "*", "scenario.json")))
        }
    else:
        jobs = {
            item[0]: functools.partial(record, item, a.out, a.cache, a.show)
            for item in lib.SCENARIOS
            if not (a.only_new and os.path.isdir(os.path.join(a.out, item[0])))
        }
    jobs = {
        name: job
        for name, job in jobs.items()
        if not a.names or any(name.startswith(n) for n in a.names)
    }
    if a.list:
        print("\n".join(jobs))
        return 0
    O.build_initramfs(a.cache)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for line in pool.map(guarded, jobs.values(), jobs):
            failed += not line.startswith("ok")
            print(line, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
