# SPDX-License-Identifier: BSD-3-Clause
"""Tables on a terminal, --watch and top."""
import json
import os
import re
import signal
import subprocess
import time

from case import SHUNTCTL, WAIT, Case, OnTerminal
from fake_daemon import STATS, service, worker


class TerminalCase(Case):
    def on_terminal(self, *words, **size):
        terminal = OnTerminal([SHUNTCTL, *words], self.environment(), **size)
        self.addCleanup(terminal.close)
        return terminal

    def piped(self, *words):
        process = subprocess.Popen([SHUNTCTL, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, text=True, env=self.environment())

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.addCleanup(end)
        return process


class Width(TerminalCase):
    def test_lines_fit_the_terminal(self):
        self.daemon.results["service.list"]["services"][0]["flags"] = ["x" * 100]
        for columns in (40, 60, 80, 200):
            terminal = self.on_terminal("service", "list", columns=columns)
            terminal.process.wait(WAIT)
            text = terminal.wait_for(r"  \[2001:db8:1::1\]:53[^\n]*\n") + terminal.text
            for line in text.splitlines():
                self.assertLessEqual(len(line), columns, line)
            self.assertEqual("x~" in text or "No room for:" in text, columns < 200, text)

    def test_columns_of_the_environment_count_more(self):
        environment = {**self.environment(), "COLUMNS": "200"}
        self.daemon.results["service.list"]["services"][0]["flags"] = ["x" * 100]
        terminal = OnTerminal([SHUNTCTL, "service", "list"], environment, columns=40)
        self.addCleanup(terminal.close)
        terminal.wait_for("x" * 100)


class Watch(TerminalCase):
    def test_redraws_in_place_on_a_terminal(self):
        terminal = self.on_terminal("worker", "--watch", "0.1", rows=3)
        for _ in range(3):
            frame = terminal.wait_for(r"\x1b\[J")
            self.assertTrue(frame.startswith("\x1b[H"), frame)
            self.assertEqual(frame.count("\n"), 2, "a line less than the terminal has")
            self.assertIn("WORKER", frame)
        os.kill(terminal.process.pid, signal.SIGINT)
        terminal.process.wait(WAIT)
        self.assertTrue(terminal.is_as_before())

    def test_appends_to_a_pipe_and_ends_with_it(self):
        process = self.piped("worker", "list", "--watch", "0.1")
        titles = [line for line in (process.stdout.readline() for _ in range(8)) if line.startswith("WORKER")]
        self.assertEqual(len(titles), 2)
        process.stdout.close()
        started = time.monotonic()
        process.wait(WAIT)
        self.assertLess(time.monotonic() - started, 5)

    def test_json_is_a_line_each_time(self):
        process = self.piped("worker", "list", "--watch", "0.1", "--json")
        lines = [line for line in (process.stdout.readline() for _ in range(4)) if line != "\n"]
        self.assertEqual(json.loads(lines[-1]), self.daemon.results["worker.list"])

    def test_a_daemon_that_goes_is_told_once_and_awaited(self):
        process = self.piped("worker", "list", "--watch", "0.1")
        self.assertTrue(process.stdout.readline().startswith("WORKER"))
        self.daemon.stop()
        self.assertRegex(process.stderr.readline(), "shuntd is not reachable .*; trying again")
        time.sleep(0.5)
        self.daemon.start()
        self.daemon.methods.clear()
        end = time.monotonic() + WAIT
        while not self.daemon.methods and time.monotonic() < end:
            time.sleep(0.05)
        self.assertIn("worker.list", self.daemon.methods)
        process.kill()
        self.assertEqual(process.stderr.read(), "")

    def test_what_changes_something_is_not_watched(self):
        done = self.run_ctl("service", "flush", "--watch")
        self.assertEqual((done.returncode, self.daemon.methods), (2, []))
        self.assertIn("shuntctl service flush: --watch is for commands that show", done.stderr)

    def test_who_was_never_there_is_not_awaited(self):
        self.daemon.stop()
        self.assertEqual(self.run_ctl("status", "--watch").returncode, 3)


class Top(TerminalCase):
    def setUp(self):
        super().setUp()
        self.began = time.monotonic()
        self.daemon.results["worker.list"] = self.workers
        self.daemon.results["service.list"] = self.services

    def passed(self, rate):
        return int((time.monotonic() - self.began) * rate)

    def workers(self):
        return {"workers": [
            worker(0, received=self.passed(50000), forwarded=self.passed(49000), dropped=self.passed(1000),
                   busy_cycles=self.passed(50000 * 200), handed_off=self.passed(5000), busy=0.9),
            worker(1, received=self.passed(10000), forwarded=self.passed(10000),
                   busy_cycles=self.passed(10000 * 300))]}

    def services(self):
        slow = service("tcp", "192.0.2.10:80", ["10.1.0.11:80"])
        fast = service("udp", "[2001:db8::10]:53", ["[2001:db8:1::1]:53", "[2001:db8:1::2]:53"])
        for row, rate in ((slow, 100), (fast, 3000), (fast["servers"][1], 3000)):
            row["stats"] = {**STATS, "connections": self.passed(rate), "packets_in": self.passed(rate * 10)}
        return {"services": [slow, fast]}

    def table(self, *words):
        done = self.run_ctl("top", "--once", "--every", "0.5", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def near(self, text, value):
        self.assertAlmostEqual(float(text), value, delta=value * 0.4)

    def test_once_shows_rates_of_the_time_between(self):
        summary, titles, first, second = self.table()
        self.assertRegex(summary, r"^2 workers 58% busy, \d+ pps in, .* 14 conns$")
        self.assertEqual(titles.split(), "SERVICE CPS* INPPS OUTPPS INBPS OUTBPS ACTIVE INACTIVE".split())
        self.assertTrue(first.startswith("udp [2001:db8::10]:53 "), first)
        self.near(first.split()[2], 3000)
        self.assertEqual(first.split()[-2:], ["4", "6"])
        self.near(second.split()[2], 100)

    def test_servers_and_sorting(self):
        lines = self.table("--view", "servers", "--sort", "server", "--reverse")[2:]
        self.assertEqual([line.split()[0] for line in lines],
                         ["[2001:db8:1::2]:53", "[2001:db8:1::1]:53", "10.1.0.11:80"])

    def test_workers_have_cycles_a_packet(self):
        _, titles, first, second = self.table("--view", "workers", "--sort", "cyc/pkt")
        self.assertEqual(titles.split(), "WORKER CPU BUSY CYC/PKT* RXPPS FWDPPS HANDED/S HOST/S DROPS/S "
                                         "CONNS".split())
        self.assertEqual((first.split()[0], second.split()[0]), ("1", "0"))
        self.near(first.split()[3], 300)
        self.near(second.split()[3], 200)
        self.assertEqual(second.split()[2], "90%")

    def test_a_column_that_is_none_is_named(self):
        done = self.run_ctl("top", "--once", "--sort", "bogus")
        self.assertEqual((done.returncode, self.daemon.methods), (2, []))
        self.assertIn('shuntctl top: --sort: "bogus" is no column; there are SERVICE, CPS', done.stderr)

    def test_json_is_what_the_daemon_said(self):
        self.daemon.results["worker.list"] = {"workers": []}
        done = self.run_ctl("top", "--once", "--json", "--view", "workers")
        self.assertEqual(json.loads(done.stdout), {"workers": []})

    def test_keys(self):
        terminal = self.on_terminal("top", "--every", "0.3", columns=100)
        terminal.wait_for(r"\x1b\[\?1049h")
        terminal.wait_for(r"CPS\*.*\n.*udp \[2001:db8::10\]:53")
        self.assertFalse(terminal.is_as_before())
        for keys, pattern in (("d", r"SERVER +SERVICE +CPS\*"), (">", r"INPPS\*"), ("<<", r"SERVICE\*"),
                              ("r", r"udp [^\n]*\n[^\n]*udp [^\n]*\n[^\n]*tcp "), ("rw", r"BUSY\*.*\n +0 +1 +90%"),
                              ("s", r"SERVICE +CPS\*")):
            terminal.keys(keys)
            terminal.wait_for(pattern)
        terminal.keys("q")
        terminal.wait_for(r"\x1b\[\?25h\x1b\[\?1049l")
        self.assertEqual(terminal.process.wait(WAIT), 0)
        self.assertTrue(terminal.is_as_before())

    def test_signals_give_the_terminal_back(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            terminal = self.on_terminal("top", "--every", "30")
            terminal.wait_for("SERVICE")
            os.kill(terminal.process.pid, number)
            terminal.wait_for(r"\x1b\[\?25h\x1b\[\?1049l")
            self.assertEqual(terminal.process.wait(WAIT), -number)
            self.assertTrue(terminal.is_as_before())

    def test_follows_the_size_and_never_wraps(self):
        terminal = self.on_terminal("top", "--every", "30", columns=100, rows=24)
        terminal.wait_for(r"INACTIVE")
        terminal.resize(40, 8)
        os.kill(terminal.process.pid, signal.SIGWINCH)
        terminal.wait_for(r"\x1b\[H")
        frame = terminal.wait_for(r"\x1b\[J")
        for line in frame.replace("\x1b[K", "").replace("\x1b[J", "").splitlines():
            self.assertLessEqual(len(line), 40, line)
        self.assertLess(frame.count("\n"), 8)

    def test_a_daemon_that_goes_is_awaited(self):
        terminal = self.on_terminal("top", "--every", "0.2")
        terminal.wait_for("SERVICE")
        self.daemon.stop()
        terminal.wait_for("is not reachable")
        self.daemon.start()
        terminal.wait_for(r"conns\x1b\[K\r?\nSERVICE")

    def test_appends_to_a_pipe(self):
        process = self.piped("top", "--every", "0.2", "--view", "workers")
        titles = [line for line in (process.stdout.readline() for _ in range(10)) if "BUSY*" in line]
        self.assertEqual(len(titles), 2)
        process.stdout.close()
        self.assertIsNotNone(process.wait(WAIT))
