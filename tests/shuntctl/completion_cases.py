# SPDX-License-Identifier: BSD-3-Clause
"""Completion, as bash and zsh do it."""
import os
import shutil
import subprocess
import time
import unittest

from case import BUILD, SHUNTCTL, WAIT, Case

# Does with a line what bash does when the tab key is pressed behind it.
BASH = r'''
source "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=("$3") COMP_CWORD=1
[[ $(complete -p shuntctl) == "complete -F _shuntctl shuntctl" ]] || exit 9
_shuntctl
printf '%s\n' "${COMPREPLY[@]}"
'''


class Completion(Case):
    def setUp(self):
        super().setUp()
        self.script = self.socket + ".bash"
        with open(self.script, "w") as file:
            file.write(self.run_ctl("completion", "bash").stdout)

    def complete(self, line):
        done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", self.script, "shuntctl " + line, SHUNTCTL],
                              capture_output=True, text=True, timeout=WAIT, env=self.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_nouns_verbs_options(self):
        self.assertIn("service", self.complete(""))
        self.assertEqual(self.complete("s"), ["service", "stats", "sync", "scheduler", "status"])
        self.assertEqual(self.complete("dest "), ["add", "edit", "delete"])
        self.assertEqual(self.complete("dest e"), ["edit"])
        self.assertEqual(self.complete("events s"), ["service", "server"])
        self.assertEqual(self.complete("dest add --tunnel-"),
                         ["--tunnel-type", "--tunnel-port", "--tunnel-checksum"])
        self.assertEqual(self.complete("--socket /nowhere --js"), ["--json"])
        self.assertEqual(self.complete("bogus "), [])
        self.assertEqual(self.daemon.methods, [], "the daemon has not been asked")

    def test_fixed_values(self):
        self.assertEqual(self.complete("service add "), ["tcp", "udp", "sctp"])
        self.assertEqual(self.complete("dest add --forward "), ["nat", "direct", "tunnel"])
        self.assertEqual(self.complete("top --view w"), ["workers"])
        self.assertEqual(self.complete("app add "), ["ftp", "tftp"])
        self.assertEqual(self.complete("completion "), ["bash", "zsh"])

    def test_values_of_the_daemon(self):
        self.assertEqual(self.complete("tunable get sloppy_"), ["sloppy_tcp", "sloppy_sctp"])
        self.assertEqual(self.complete("service add --scheduler w"), ["wlc", "wrr"])
        self.assertEqual(self.complete("service list tcp "), ["192.0.2.10:80"])
        self.assertEqual(self.complete("dest edit tcp 192.0.2.10:80 "), ["10.1.0.11:80", "10.1.0.12:80"])

    def test_behind_a_colon_only_the_rest_is_offered(self):
        self.assertEqual(self.complete("service list tcp 192.0.2.10:"), ["80"])
        self.assertEqual(self.complete("dest delete tcp 192.0.2.10:80 10.1.0.11:8"), ["80"])
        self.assertEqual(self.complete("service list udp [2001:db8::"), ["10]:53"])

    def test_a_dead_or_slow_daemon_holds_nobody_up(self):
        self.daemon.delay = 5
        started = time.monotonic()
        self.assertEqual(self.complete("service list tcp 1"), [])
        self.assertLess(time.monotonic() - started, 4)
        self.daemon.stop()
        self.assertEqual(self.complete("service list tcp 1"), [])

    def test_the_installed_scripts_are_those(self):
        for shell, name in (("bash", "shuntctl"), ("zsh", "_shuntctl")):
            path = os.path.join(BUILD, "conf/completions", name)
            if not os.path.exists(path):
                self.skipTest(f"{path} is not built")
            with open(path) as file:
                self.assertEqual(file.read(), self.run_ctl("completion", shell).stdout)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        path = self.socket + ".zsh"
        with open(path, "w") as file:
            file.write(self.run_ctl("completion", "zsh").stdout)
        subprocess.run(["zsh", "-n", path], check=True, timeout=WAIT)
        # compadd is where zsh takes words; here it prints them.
        driver = f'''compdef() {{ :; }}
            compadd() {{ while [[ $1 != -- ]]; do shift; done; shift; print -l -- "$@" }}
            source {path}; words=({SHUNTCTL} dest edit tcp 192.0.2.10:80 ''); CURRENT=6; _shuntctl'''
        done = subprocess.run(["zsh", "-fc", driver], capture_output=True, text=True, timeout=WAIT,
                              env=self.environment())
        self.assertEqual(done.stdout.split(), ["10.1.0.11:80", "10.1.0.12:80"], done.stderr)
