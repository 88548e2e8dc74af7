# SPDX-License-Identifier: BSD-3-Clause
"""The manual pages are as their formatters want them, and name every option of the programs."""
import glob
import os
import re
import shutil
import subprocess
import unittest

from case import BUILD, SHUNTCTL, SOURCE

PAGES = sorted(glob.glob(os.path.join(SOURCE, "docs/man/*.[158]")))


def plain(page):
    """The page's text without its markup."""
    done = subprocess.run(["man", "-l", page], capture_output=True, text=True, check=True,
                          env={**os.environ, "MANWIDTH": "200", "MANPAGER": "cat"})
    return re.sub(r".\x08", "", done.stdout).replace("\u2010", "-").replace("\u2212", "-")


class Pages(unittest.TestCase):
    def test_there_are_five(self):
        self.assertEqual([os.path.basename(page) for page in PAGES],
                         ["shunt-bench.1", "shunt.conf.5", "shuntctl.8", "shuntd-setup.8", "shuntd.8"])

    @unittest.skipUnless(shutil.which("man"), "man is not installed")
    def test_groff_has_no_warnings(self):
        for page in PAGES:
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page],
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_has_no_warnings(self):
        for page in PAGES:
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
            self.assertEqual(done.stdout, "", page)

    def options(self, *command):
        done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
        return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", done.stdout))

    def holds(self, page, options, title="OPTIONS"):
        text = plain(os.path.join(SOURCE, "docs/man", page))
        for option in options:
            self.assertRegex(text, rf"(?<![\w-]){option}(?![\w-])", page)
        return text

    def test_shunt_bench_has_each_option(self):
        bench = os.path.join(BUILD, "shunt-bench")
        if not os.path.exists(bench):
            self.skipTest("shunt-bench is not built")
        known = self.options(bench)
        commands = ("forward", "connect", "churn", "replay", "limit", "report")
        for command in commands:
            known |= self.options(bench, command)
        text = self.holds("shunt-bench.1", known)
        for named in set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)):
            self.assertIn(named, known, "the page names an option that is none")

    def test_shuntd_has_each_option(self):
        shuntd = os.path.join(BUILD, "shuntd")
        if not os.path.exists(shuntd):
            self.skipTest("shuntd is not built")
        known = self.options(shuntd)
        text = self.holds("shuntd.8", known)
        for named in set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)):
            self.assertIn(named, known, "the page names an option that is none")


def commands_of(page):
    """Each command line of shuntctl that stands there as code: its words."""
    with open(os.path.join(SOURCE, page)) as file:
        lines = re.findall(r"(?:`|^ +)shuntctl ([^`\n]+)", file.read(), re.M)
    return [line.split("#")[0].split("|")[0].split() for line in lines]


class Operations(unittest.TestCase):
    def test_each_command_that_the_page_names_exists_with_its_options(self):
        lines = [line for line in commands_of("docs/operations.md") if line[0] not in ("ipvsadm", "--help")]
        self.assertGreater(len(lines), 20)
        for line in lines:
            words = [word for word in line if not word.startswith("-")][:2]
            done = subprocess.run([SHUNTCTL, *words, "--help"], capture_output=True, text=True)
            if len(words) == 2 and done.stdout.startswith(f"shuntctl {words[0]}: "):
                words.pop()  # the noun has no verbs
            self.assertEqual(done.returncode, 0, f"{line}: {done.stderr}")
            self.assertTrue(done.stdout.startswith(f"shuntctl {' '.join(words)}: "), line)
            for option in (word for word in line if word.startswith("--")):
                self.assertIn(f"  {option}", done.stdout, line)

    def test_each_symptom_has_all_cells(self):
        with open(os.path.join(SOURCE, "docs/operations.md")) as file:
            table = file.read().split("## Troubleshoot by symptom\n")[1].split("\n## ")[0]
        rows = [row for row in table.splitlines() if row.startswith("|")][2:]
        self.assertGreater(len(rows), 10)
        for row in rows:
            self.assertTrue(all(cell.strip() for cell in row.strip("|").split("|")), row)
            self.assertEqual(row.count("|"), 4, row)

    def test_each_link_to_a_section_leads_somewhere(self):
        with open(os.path.join(SOURCE, "docs/operations.md")) as file:
            text = file.read()
        titles = {re.sub(r"[^a-z0-9_ -]", "", title.lower()).replace(" ", "-")
                  for title in re.findall(r"^## (.*)$", text, re.M)}
        for link in re.findall(r"\]\(#([^)]*)\)", text):
            self.assertIn(link, titles)
