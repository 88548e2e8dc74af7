# SPDX-License-Identifier: BSD-3-Clause
"""Sessions of ipvsadm commands as text. Pure.

    # a comment, kept
    $ ipvsadm -Ln -c          a command, its words quoted as in a shell
    < -A -t 192.0.2.10:80     a line of its standard input
    > IPVS connection entries a line that ipvsadm 1.31 printed on a Linux kernel
    ! No such service         a line of its standard error
    ? 255                     its exit code, unless 0
    % sync-daemon             Shunt differs on purpose: a row of a table in
                              docs/differences-from-ipvs.md,
    ! Protocol not available  and what Shunt prints and returns instead
    ~ nat-udp 0               sends the frame of that step of a scenario of tests/oracle
    + 4.5                     waits for so many seconds

A line that ends with a blank or a bar has a bar at its end. Masked: expiry times (**:**), Shunt's
version, and the help text behind its first line."""

import re
import shlex
from dataclasses import dataclass, field

PIECES = {"$": "command", "~": "frame", "+": "wait"}
EXPIRY = re.compile(r"^((?:TCP|UDP|SCTP|IP) +)\d{2,}:\d{2}(?= )", re.MULTILINE)
VERSION = re.compile(r"(?<=\(shuntctl )[^,]+(?=,)")
HELP = re.compile(r"^Usage:\n.*", re.MULTILINE | re.DOTALL)


class SessionError(Exception):
    """The text is no session; str() says where."""


@dataclass
class Output:
    """What a command printed, and its exit code."""
    out: str = ""
    err: str = ""
    code: int = 0

    def masked(self):
        """Without what depends on the time, and what each program may say in its own words."""
        out = EXPIRY.sub(r"\1**:**", self.out)
        return Output(HELP.sub("Usage: ...\n", VERSION.sub("...", out)), self.err, self.code)


@dataclass
class Step:
    """`kind`: comment, command, frame or wait; `text` is what stands behind its mark."""
    kind: str
    text: str
    line: int
    stdin: str = ""
    expected: Output = field(default_factory=Output)  # of the real ipvsadm
    difference: str = ""                              # the name of a row, if Shunt differs
    instead: Output = None                            # what Shunt prints then

    @property
    def argv(self):
        return shlex.split(self.text)


def parse_line(line):
    """The line without the bar that keeps its end."""
    return line[:-1] if line.endswith("|") else line


def format_line(line):
    return line + "|" if line.endswith((" ", "|")) else line


def continue_step(step, mark, text, where):
    """Adds a line that belongs to a command."""
    if step is None or step.kind != "command":
        raise SessionError(f"{where}: there is no command before it")
    output = step.instead or step.expected
    if mark == "<":
        step.stdin += parse_line(text) + "\n"
    elif mark == ">":
        output.out += parse_line(text) + "\n"
    elif mark == "!":
        output.err += parse_line(text) + "\n"
    elif mark == "?":
        output.code = int(text)
    elif mark == "%":
        step.difference, step.instead = text, Output()
    else:
        raise SessionError(f"{where}: unknown mark {mark!r}")


def parse(text, name):
    """The steps of a session; `name` is for complaints."""
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{name}:{number}"
        mark, rest = line[:1], line[2:]
        if not mark or mark == "#":
            steps.append(Step("comment", line, number))
        elif line[1:2] not in ("", " "):
            raise SessionError(f"{where}: no blank after the mark")
        elif mark in PIECES:
            steps.append(Step(PIECES[mark], rest, number))
        else:
            continue_step(steps[-1] if steps else None, mark, rest, where)
    return steps


def marked(mark, text):
    if text and not text.endswith("\n"):
        raise SessionError(f"text without an end of line: {text!r}")
    return [f"{mark} {format_line(line)}" if line else mark for line in text.split("\n")[:-1]]


def output_lines(output):
    return (marked(">", output.out) + marked("!", output.err)
            + ([f"? {output.code}"] if output.code else []))


def format_steps(steps):
    """The text that parse() makes the same steps of."""
    lines = []
    for step in steps:
        if step.kind == "comment":
            lines.append(step.text)
            continue
        lines.append({kind: mark for mark, kind in PIECES.items()}[step.kind] + " " + step.text)
        if step.kind == "command":
            lines += marked("<", step.stdin) + output_lines(step.expected)
            if step.difference:
                lines += [f"% {step.difference}", *output_lines(step.instead)]
    return "\n".join(lines) + "\n"
