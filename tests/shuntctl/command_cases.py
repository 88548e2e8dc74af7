# SPDX-License-Identifier: BSD-3-Clause
"""Exit codes and --json of every command, and -R of ipvsadm on a terminal."""
import json
import os
import re
import subprocess
import unittest

from case import SHUNTCTL, Case, OnTerminal


def commands():
    """Every command's own example, as the help has it: (name, words)."""
    def helped(*words):
        return subprocess.run([SHUNTCTL, *words, "--help"], capture_output=True, text=True, check=True).stdout

    def section(text, title):
        part = text.split(f"\n{title}:\n", 1)
        return re.findall(r"^  (\S+)", part[1].split("\n\n")[0], re.M) if len(part) == 2 else []

    found = []
    for noun in section(helped(), "Nouns"):
        if noun == "ipvsadm":
            continue
        for verb in section(helped(noun), "Verbs") or [""]:
            words = [noun, verb] if verb else [noun]
            example = re.split(r" [>|] ", helped(*words).split("\nExample:\n  shuntctl ")[1])[0].split()
            found.append((" ".join(words), example))
    return found


LOCAL = ("completion", "config import")  # these ask no daemon
ENDLESS = ("events", "capture", "trace")  # these show what happens, until it ends
FILES = {"now.conf": "", "rules.json": '{"rules":[]}', "new.conf": "workers = 1;\n",
         "keepalived.conf": """
virtual_server 192.0.2.10 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.1.0.11 80 {
    }
}
"""}


class Commands(Case):
    @classmethod
    def setUpClass(cls):
        cls.commands = commands()
        for name, text in FILES.items():
            with open(os.path.join(os.environ["SHUNT_TEST_DIR"], name), "w") as file:
                file.write(text)

    def words(self, example):
        """The example with files that may be written, and without waiting."""
        folder = os.environ["SHUNT_TEST_DIR"]
        words = [os.path.join(folder, os.path.basename(w)) if os.path.basename(w) in FILES else w
                 for w in example]
        return words + (["--once", "--every", "0.1"] if words[0] == "top" else [])

    def test_there_are_all(self):
        self.assertGreater(len(self.commands), 25)

    def test_done_is_0_and_json_is_what_the_daemon_said(self):
        for name, example in self.commands:
            if name in ENDLESS:
                continue
            with self.subTest(name):
                done = self.run_ctl(*self.words(example))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stderr, "")
                if name == "config import":
                    self.assertIn('address = "192.0.2.10:80"', done.stdout)
                    continue
                self.daemon.methods.clear()
                done = self.run_ctl("--json", *self.words(example))
                self.assertEqual(done.returncode, 0, done.stderr)
                result = json.loads(done.stdout.splitlines()[-1])
                if name.startswith(LOCAL):
                    self.assertEqual(list(result), ["script"])
                else:
                    self.assertEqual(result, self.daemon.results.get(self.daemon.methods[-1], {}))

    def test_events_come_in_lines_until_the_daemon_ends(self):
        self.daemon.events = [{"sequence": 3, "time": 0.5, "kind": "server.down", "weight": 0}, {"lost": 2}]
        done = self.run_ctl("events", "server")
        self.assertEqual(done.returncode, 3)
        self.assertIn("it closed the connection", done.stderr)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^\d{4}-\d\d-\d\d \d\d:\d\d:00\.500 server\.down weight=0$")
        self.assertEqual(lines[1:], ["lost 2"])
        done = self.run_ctl("--json", "events")
        self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], self.daemon.events)

    def test_a_capture_is_written_until_it_is_done(self):
        ended = {"packets": 2, "lost": 1, "done": True, "ended": "packets"}
        self.daemon.results["capture.start"] = {"session": 7}
        self.daemon.results["capture.read"] = {"data": "AAECAw==", **ended}
        folder = os.environ["SHUNT_TEST_DIR"]
        done = self.run_ctl("capture", "-w", os.path.join(folder, "capture"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertIn("2 packets matched, 1 records were lost for want of room; ended by: packets", done.stderr)
        with open(os.path.join(folder, "capture"), "rb") as file:
            self.assertEqual(file.read(), b"\0\1\2\3")
        self.daemon.results["trace.start"] = {"session": 8}
        self.daemon.results["trace.read"] = {"steps": [
            {"packet": 1, "time": "t", "worker": 0, "stage": "lookup", "decision": "no connection"}], **ended}
        done = self.run_ctl("trace", "tcp")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "#1  t  worker 0\n    lookup    no connection\n")

    def test_refused_is_1(self):
        self.daemon.refused = {"*"}
        for name, example in self.commands:
            if name.startswith(LOCAL):
                continue
            with self.subTest(name):
                done = self.run_ctl(*self.words(example))
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stderr, "shuntctl: not today (service)\n")
                self.assertEqual(done.stdout, "")

    def test_a_name_that_the_daemon_does_not_know_is_corrected(self):
        for words, method, path, meant in (
                (("tunable", "set", "slopy_tcp", "1"), "tunable.set", "name", "sloppy_tcp"),
                (("service", "add", "tcp", "192.0.2.1:80", "--scheduler", "wr"), "service.add", "scheduler", "wrr"),
                (("service", "add", "tcp", "192.0.2.1:80", "--scheduler", "xyz"), "service.add", "scheduler", "")):
            self.daemon.refused = {method}
            self.daemon.error = {"code": -32000, "message": "no such", "data": {"path": path, "errno": "ENOENT"}}
            done = self.run_ctl(*words)
            hint = f'; did you mean "{meant}"?' if meant else ""
            self.assertEqual((done.returncode, done.stderr), (1, f"shuntctl: no such ({path}){hint}\n"))

    def test_wrong_usage_is_2(self):
        for name, example in self.commands:
            with self.subTest(name):
                done = self.run_ctl(*self.words(example), "--bogus")
                self.assertEqual(done.returncode, 2)
                self.assertIn(f"shuntctl {name}: \"--bogus\" is no option", done.stderr)
                self.assertEqual(self.daemon.methods, [])

    def test_no_daemon_is_3(self):
        self.daemon.stop()
        for name, example in self.commands:
            if name.startswith(LOCAL):
                continue
            with self.subTest(name):
                done = self.run_ctl(*self.words(example))
                self.assertEqual(done.returncode, 3)
                self.assertIn("shuntd is not reachable at " + self.socket, done.stderr)
        self.assertEqual(self.run_ctl("ipvsadm", "-Ln").returncode, 3)

    def test_piped_tables_are_never_cut(self):
        self.daemon.results["service.list"]["services"][0]["flags"] = ["x" * 300]
        done = self.run_ctl("service", "list")
        self.assertIn("x" * 300, done.stdout)


class Progress(Case):
    def on_terminal(self, *words):
        terminal = OnTerminal(["/bin/sh", "-c", " ".join(words)], self.environment())
        self.addCleanup(terminal.close)
        return terminal

    def test_a_slow_answer_is_waited_for_visibly(self):
        self.daemon.delay = 2.5
        self.daemon.results["conn.count"] = {"connections": 1, "templates": 0}
        terminal = self.on_terminal(SHUNTCTL, "conn count")
        terminal.wait_for(r"\rwaiting for conn.count, [12] s\x1b\[K")
        terminal.wait_for(r"\r\x1b\[KCONNECTIONS")

    def test_pages_are_counted(self):
        row = {"protocol": "tcp", "client": "10.0.0.9:1", "virtual": "192.0.2.1:53", "server": "10.0.0.1:53",
               "forward": "nat", "state": "NONE", "expires": 1, "worker": 0}
        pages = iter(range(1, 100))

        def page():
            return {"connections": [row] * 100, "cursor": "next" if next(pages) < 4 else None}
        self.daemon.delay = 0.6
        self.daemon.results["conn.list"] = page
        terminal = self.on_terminal(SHUNTCTL, "conn list --limit 0 > /dev/null; echo done $?")
        terminal.wait_for(r"\r[234]00 connections\x1b\[K")
        terminal.wait_for(r"done 0")

    def test_restored_lines_are_counted(self):
        self.daemon.delay = 0.6
        terminal = self.on_terminal(
            f"for i in 1 2 3 4; do echo -A -t 192.0.2.$i:80; done | {SHUNTCTL} ipvsadm -R; echo done $?")
        terminal.wait_for(r"\r[23] lines\x1b\[K")
        terminal.wait_for(r"done 0")

    def test_nothing_is_told_to_a_pipe(self):
        self.daemon.delay = 1.5
        self.assertEqual(self.run_ctl("status").stderr, "")


if __name__ == "__main__":
    unittest.main()
