# SPDX-License-Identifier: BSD-3-Clause
"""Whether what Shunt did is right: as the kernel did it, or as a difference file says. Pure but for
reading files.

A difference file, shunt.json, has the format of expected.json and says what Shunt must do instead,
with two more members: "difference", the heading of a section of docs/differences-from-ipvs.md that
names the scenario, and "scenario_hash", which tells the scenario again wherever it lies."""

import fnmatch
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from ipvs_oracle import compare, dump_json, hexin, ipvs_lines
from texts import comparable_dumps, compare_texts

HERE = Path(__file__).resolve().parent
DIFFERENCES_PAGE = HERE.parent.parent / "docs" / "differences-from-ipvs.md"
SCENARIOS, DIFFERENCES = HERE / "scenarios", HERE / "differences"  # where difference files lie
FILE_NAME = "shunt.json"


class VerdictError(Exception):
    """What to compare with is missing or makes no sense."""


@dataclass(frozen=True)
class Difference:
    """A difference file that applies to a scenario."""
    path: Path
    content: dict

    @property
    def section(self):
        return self.content.get("difference", "")


# --- which scenario it is ------------------------------------------------------------------------


def scenario_hash(scenario):
    """Two scenarios have the same one when they ask the same; names and notes do not count."""
    steps = []
    for step in scenario["steps"]:
        step = {key: value for key, value in step.items() if key != "note"}
        if "send" in step:
            step["send"] = {"iface": step["send"]["iface"],
                            "hex": hexin(scenario, step["send"]).hex()}
        steps.append(step)
    asked = {key: scenario.get(key) or None
             for key in ("interfaces", "routes", "sysctls", "modules", "commands", "keep_noise")}
    asked |= {"ipvs": ipvs_lines(scenario.get("ipvs", [])), "steps": steps}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


# --- the page that admits differences ------------------------------------------------------------


def sections(markdown):
    """Heading -> text down to the next heading of its level or a higher one."""
    found, open_sections, fenced = {}, [], False
    for line in markdown.splitlines():
        fenced ^= line.startswith("```")
        heading = None if fenced else re.match(r"(#+)\s+(.*?)\s*#*\s*$", line)
        if heading:
            level = len(heading[1])
            open_sections = [each for each in open_sections if each[0] < level]
            open_sections.append((level, heading[2]))
            found.setdefault(heading[2], "")
        for _, title in open_sections:
            found[title] += line + "\n"
    return found


def names_scenario(text, name):
    """Whether a section names the scenario: `name`, or a pattern as `ftp-*`."""
    return any(fnmatch.fnmatchcase(name, word) for word in re.findall(r"`([^`\s]+)`", text))


def check_section(section, name, page=DIFFERENCES_PAGE):
    """VerdictError unless the page has the section and that names the scenario."""
    text = sections(Path(page).read_text(encoding="utf-8")).get(section)
    if text is None:
        raise VerdictError(f'{Path(page).name} has no section "{section}"')
    if not names_scenario(text, name):
        raise VerdictError(f'section "{section}" of {Path(page).name} does not name `{name}`')


# --- what to compare with ------------------------------------------------------------------------


def read_json(path):
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise VerdictError(f"{path}: {error}") from error


def find_difference(scenario, places=(SCENARIOS, DIFFERENCES)):
    """The difference file beside the scenario, or one in our tree for the same scenario; None if
    there is none."""
    beside = Path(scenario["_base"]) / FILE_NAME
    known = scenario_hash(scenario)
    if beside.exists():
        found = Difference(beside, read_json(beside))
        if found.content.get("scenario_hash") != known:
            raise VerdictError(f"{beside} is for another scenario: record it again")
        return found
    for place in places:
        for path in sorted(Path(place).glob(f"*/{FILE_NAME}")):
            found = Difference(path, read_json(path))
            if found.content.get("scenario_hash") == known:
                return found
    return None


def read_expected(scenario):
    """What the kernel did."""
    path = Path(scenario["_base"]) / "expected.json"
    if not path.exists():
        raise VerdictError(f"there is no {path}: record it with `ipvs-oracle run --record`")
    return read_json(path)


def one_line(text):
    return " ".join(text.split())


def first_of(differences):
    """The first difference in one line."""
    more = len(differences) - 1
    return one_line(differences[0]) + (f" (and {more} more)" if more else "")


@dataclass(frozen=True)
class Verdict:
    """`outcome`: ok, differs or failed."""
    outcome: str
    text: str = ""
    differences: tuple = ()

    @property
    def good(self):
        return self.outcome == "ok"

    def line(self, name):
        if self.good:
            return f"{name} ok" + (f" ({self.text})" if self.text else "")
        return f"{name} {self.outcome}: {self.text}"


def compare_all(expected, actual, state):
    """List of differences (text). `state`: names of tables, and texts, that count besides packets;
    True for all of them."""
    texts = state is True or "texts" in (state or "").split(",")
    return (compare(expected, actual, state=state)
            + (compare_texts(expected, actual) if texts else []))


def judge(scenario, actual, state=False, places=(SCENARIOS, DIFFERENCES), page=DIFFERENCES_PAGE):
    """The verdict on a replay. `state`: compare these tables too, True for all of them."""
    try:
        expected = read_expected(scenario)
        difference = find_difference(scenario, places)
        if difference:
            check_section(difference.section, difference.path.parent.name, page)
            if not compare_all(expected, {**expected, **difference.content}, True):
                raise VerdictError(f"{difference.path} says what the kernel does: remove it")
            expected = {**expected, **difference.content}
    except VerdictError as error:
        return Verdict("failed", str(error))
    differences = compare_all(expected, actual, state)
    by_design = f"differs by design: {difference.section}" if difference else ""
    if not differences:
        return Verdict("ok", by_design)
    text = first_of(differences)
    return Verdict("differs", f"{text} [{by_design}]" if by_design else text, tuple(differences))


def record_difference(scenario, actual, section, places=(SCENARIOS, DIFFERENCES),
                      page=DIFFERENCES_PAGE):
    """Writes the difference file of a scenario, beside it if that is in our tree. VerdictError if
    it is not called for."""
    base = Path(scenario["_base"]).resolve()
    scenarios, others = places
    directory = base if base.is_relative_to(scenarios) else others / scenario["name"]
    check_section(section, directory.name, page)
    if not compare_all(read_expected(scenario), actual, True):
        raise VerdictError("Shunt does what the kernel does: there is no difference to record")
    directory.mkdir(parents=True, exist_ok=True)
    kept = {key: actual[key] for key in ("format", "scenario", "state", "packets")}
    kept["dumps"] = comparable_dumps(actual.get("dumps", {}))
    (directory / FILE_NAME).write_text(
        dump_json({"difference": section, "scenario_hash": scenario_hash(scenario), **kept}),
        encoding="utf-8")
