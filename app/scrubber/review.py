"""A dry run for a person: what would be replaced, and where."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from app.scrubber.document import units
from app.scrubber.escapes import value
from app.scrubber.ledger import Ledger
from app.scrubber.paths import json_path
from app.scrubber.placeholders import Scheme
from app.scrubber.replace import Replacement, Replacer
from app.scrubber.rules import Rules
from app.scrubber.strings import ANYWHERE
from app.scrubber.walk import NotJson

PREVIEW = 4  # characters of a value that are shown at the most


@dataclass(frozen=True, slots=True)
class Finding:
    """One hit. ``path`` is a JSON path (``$.messages[0].content``), or a text's line."""

    path: str
    detector: str
    tier: str
    preview: str
    placeholder: str


def review(body: bytes, rules: Rules, scheme: Scheme) -> list[Finding]:
    """Return what would be replaced in ``body``, JSON or plain text, with ``scheme``."""
    replacer, ledger = Replacer(rules, scheme), Ledger(scheme)
    tiers = {detector.name: detector.tier for detector in rules.detectors}
    try:
        parts = units(body)
    except NotJson:
        text = json.dumps(body.decode("utf-8", "surrogateescape")).encode()
        found = replacer.replacements(text, ledger, ANYWHERE)
        return [_finding(f"line {_line(text, one)}", one, tiers) for one in found]
    findings: list[Finding] = []
    for unit in parts:
        text = body[unit.start : unit.end]
        findings += [
            _finding(json_path(unit.path, one.path), one, tiers)
            for one in replacer.replacements(text, ledger, unit.place)
        ]
        ledger.settle()
    return findings


def _finding(path: str, found: Replacement, tiers: Mapping[str, str]) -> Finding:
    # A value no longer than the preview's double would be shown by half or more.
    preview = found.value[: min(PREVIEW, len(found.value) // 2)]
    return Finding(path, found.detector, tiers[found.detector], preview, found.placeholder)


def _line(text: bytes, found: Replacement) -> int:
    return value(text[1 : found.start]).count("\n") + 1
