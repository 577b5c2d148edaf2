"""Groups of exchanges as JSON and as CSV, for programs. Pure."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..anthropic.token_types import COUNTED
from .queries import Group, Totals, pairs
from .table import MANY

Json = dict[str, Any]

NOTES = {"session": "labels", "agent": "agent_type"}  # what the note of a group is
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# A spreadsheet takes a cell that begins so for a formula (owasp.org, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", *"\uff1d\uff0b\uff0d\uff20")  # wide ones, too


def document(by: str, groups: Sequence[Group]) -> list[Json]:
    """Return one JSON object for each group, its key under the name ``by``."""
    return [_object(by, group) for group in groups]


def _object(by: str, group: Group) -> Json:
    note = _note(by, group.note)
    times = {"first": _iso(group.first), "last": _iso(group.last)} if by in MANY else {}
    return {by: group.key, **note, **times, **totals(group.totals)}


def _note(by: str, note: str | None) -> Json:
    if by not in NOTES:
        return {}
    return {NOTES[by]: pairs(note) if by == "session" else note}


def totals(sums: Totals) -> Json:
    """Return sums as JSON."""
    return {
        "requests": sums.requests,
        "failed": sums.failed,
        "tokens": dict(sums.tokens),
        "cost_usd": sums.cost_usd,
        "unpriced": sums.unpriced,
    }


def comma_separated(by: str, groups: Sequence[Group]) -> str:
    """Return a CSV file (RFC 4180) with a header."""
    text = io.StringIO()
    lines = csv.writer(text)
    tokens = [f"tokens_{kind}" for kind in COUNTED]
    more = [NOTES[by]] if by in NOTES else []
    more += ["first", "last"] if by in MANY else []
    lines.writerow([by, "requests", "failed", *tokens, "cost_usd", "unpriced", *more])
    for group in groups:
        sums = group.totals
        lines.writerow(
            [
                *(_inert(group.key or ""), sums.requests, sums.failed),
                *(sums.tokens[kind] for kind in COUNTED),
                *(f"{sums.cost_usd:.9f}", sums.unpriced),
                *([_inert(group.note or "")] if by in NOTES else []),
                *([_iso(group.first), _iso(group.last)] if by in MANY else []),
            ]
        )
    return text.getvalue()


def _inert(text: str) -> str:
    """Return text that is none of `FORMULA`, without what would control a terminal."""
    shown = CONTROL.sub("\ufffd", text)
    return f"'{shown}" if text.startswith(FORMULA) else shown


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
