# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of shuntctl have in common."""
import fcntl
import os
import pty
import signal
import re
import select
import struct
import subprocess
import termios
import time
import unittest

from fake_daemon import Daemon, service, worker

BUILD = os.environ["SHUNT_BUILD"]
SHUNTCTL = os.path.join(BUILD, "shuntctl")
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WAIT = 20  # seconds; more than a busy machine needs


class Case(unittest.TestCase):
    count = 0

    def setUp(self):
        Case.count += 1
        self.socket = os.path.join(os.environ["SHUNT_TEST_DIR"], f"s{Case.count}")
        self.daemon = Daemon(self.socket)
        self.daemon.results = {
            "service.list": {"services": [
                service("tcp", "192.0.2.10:80", ["10.1.0.11:80", "10.1.0.12:80"]),
                service("udp", "[2001:db8::10]:53", ["[2001:db8:1::1]:53"])]},
            "worker.list": {"workers": [worker(0), worker(1)]},
            "tunable.list": {"tunables": [
                {"name": "sloppy_tcp", "value": 0, "default": 0, "least": 0, "most": 1, "meaning": "any"},
                {"name": "sloppy_sctp", "value": 0, "default": 0, "least": 0, "most": 1, "meaning": "x"}]},
            "scheduler.list": {"schedulers": ["rr", "wlc", "wrr"]},
            "mark.list": {"rules": [{"mark": 1}, {"mark": 2}]},
            "conn.list": {"connections": [], "cursor": None},
            "drop.list": {"drops": []},
            "conn.find": {"connection": None},
            "config.save": {"text": "workers = 1;\n"},
        }

    def tearDown(self):
        self.daemon.stop()

    def environment(self):
        return {**os.environ, "SHUNT_SOCKET": self.socket, "TERM": "xterm"}

    def run_ctl(self, *words, **more):
        return subprocess.run([SHUNTCTL, *words], capture_output=True, text=True, timeout=WAIT,
                              env=self.environment(), stdin=subprocess.DEVNULL, **more)


class OnTerminal:
    """A program on a terminal of its own."""

    def __init__(self, command, environment, columns=80, rows=24):
        self.text = ""
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                        env=environment, start_new_session=True,
                                        preexec_fn=self.begin)

    @staticmethod
    def begin():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored when this runs in the background

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def keys(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, pattern, seconds=WAIT):
        """All that came up to the pattern; what came is used up."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text)
            if found:
                seen, self.text = self.text[:found.end()], self.text[found.end():]
                return seen
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError(f"{pattern!r} did not come; what came: {self.text!r}")
            try:
                self.text += os.read(self.master, 65536).decode()
            except OSError as error:
                raise AssertionError(f"{pattern!r} did not come; what came: {self.text!r}") from error

    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)
