"""What a check found, and how it is shown. Pure."""

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from msgspec.structs import asdict

Verdict = Literal["ok", "warn", "fail"]

WIDTH = 100  # columns
HEADER = ("check", "verdict", "found")


class Finding(msgspec.Struct, frozen=True):
    """The result of one check; ``advice`` is what to do, empty when there is nothing to do."""

    check: str
    verdict: Verdict
    found: str
    advice: str = ""


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 1 if something fails, else 0; warnings are allowed."""
    return int(any(finding.verdict == "fail" for finding in findings))


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON array of objects."""
    return json.dumps([asdict(finding) for finding in findings], indent=2)


def table(findings: Sequence[Finding]) -> str:
    """Return the findings as an aligned table; advice follows below its finding, after an arrow."""
    checks = max(len(text) for text in (HEADER[0], *(finding.check for finding in findings)))
    verdicts = len(HEADER[1])
    lines = [f"{HEADER[0]:{checks}}  {HEADER[1]:{verdicts}}  {HEADER[2]}"]
    margin = " " * (checks + verdicts + 4)
    for finding in findings:
        start = f"{finding.check:{checks}}  {finding.verdict:{verdicts}}  "
        lines += textwrap.wrap(finding.found, WIDTH, initial_indent=start, subsequent_indent=margin)
        lines += textwrap.wrap(
            finding.advice,
            WIDTH,
            initial_indent=f"{margin}-> ",
            subsequent_indent=f"{margin}   ",
            break_long_words=False,
        )
    return "\n".join(lines)
