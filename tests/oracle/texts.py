# SPDX-License-Identifier: BSD-3-Clause
"""The tables of a dump as ipvsadm printed them, byte for byte but for what no two runs have in
common: expiry times, the order of connections, and the size of the connection table. Pure."""

import difflib
import re

COMMANDS = {"services": ["-Ln"], "connections": ["-Lnc"],
            "persistent": ["-Ln", "--persistent-conn"], "stats": ["-Ln", "--stats", "--exact"],
            "rules": ["-Sn"]}

TABLE_SIZE = re.compile(r"\(size=\d+\)")
EXPIRY = re.compile(r"^((?:TCP|UDP|SCTP|IP) +)\d{2,}:\d{2} +", re.MULTILINE)
CONNECTION_TITLES = 2  # lines


def comparable(kind, text):
    """The lines of a table that two runs have in common."""
    lines = EXPIRY.sub(r"\1**:** ", TABLE_SIZE.sub("(size=*)", text)).splitlines()
    if kind != "connections":
        return lines
    return lines[:CONNECTION_TITLES] + sorted(lines[CONNECTION_TITLES:])


def comparable_dumps(dumps):
    """The tables of all dumps, without what two runs do not have in common."""
    return {label: {kind: "\n".join(comparable(kind, text)) + "\n"
                    for kind, text in texts.items() if kind in COMMANDS}
            for label, texts in dumps.items()}


def compare_texts(expected, actual):
    """The tables that differ between two results, as texts."""
    differences = []
    for label, texts in expected.get("dumps", {}).items():
        got = actual.get("dumps", {}).get(label, {})
        for kind in filter(texts.__contains__, COMMANDS):
            lines = difflib.unified_diff(comparable(kind, texts[kind]),
                                         comparable(kind, got.get(kind, "")), lineterm="", n=0)
            changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
            if changed:
                differences.append(f"text {label}/{kind}:\n    " + "\n    ".join(changed))
    return differences
