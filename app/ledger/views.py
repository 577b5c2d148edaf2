"""The ledger as JSON documents (``ledger.schema.json``), a page at a time."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from ..anthropic.token_types import COUNTED
from . import queries, report
from .queries import Totals
from .reader import Reader
from .rows import MICRO, MILLI

Json = dict[str, Any]

MOST_AGENTS = 200  # of a session, the most expensive
CURSOR = re.compile(r"(\d{1,18})-(\d{1,18})", re.ASCII)
_SESSION = (
    "SELECT session, started, last, labels, requests,"
    f" {', '.join(('failed', *COUNTED, 'cost', 'unpriced'))} FROM sessions"
)


def sessions(reader: Reader, limit: int, before: tuple[int, int] | None) -> Json:
    """Return sessions, the one seen last first; ``before`` is the cursor of the page before."""
    where = "WHERE (last, session) < (?, ?)" if before is not None else ""
    found = reader.rows(
        f"{_SESSION} {where} ORDER BY last DESC, session DESC LIMIT ?", *(before or ()), limit + 1
    )
    page = found[:limit]
    names = queries.names(reader, (number for row in page for number in (row[0], row[3])))
    further = f"{page[-1][2]}-{page[-1][0]}" if len(found) > limit else None
    return {"sessions": [_session(row, names) for row in page], "next": further}


def cursor(text: str) -> tuple[int, int] | None:
    """Read a cursor as `sessions` writes it; None for anything odd."""
    match = CURSOR.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def session(reader: Reader, name: str) -> Json | None:
    """Return one session with its models and agents, None when the ledger has none of the name."""
    found = reader.rows(f"{_SESSION} WHERE session = (SELECT id FROM names WHERE name = ?)", name)
    if not found:
        return None
    number = found[0][0]
    names = queries.names(reader, (found[0][0], found[0][3]))
    agents = queries.agents_of(reader, number)
    return {
        **_session(found[0], names),
        "agents": report.document("agent", agents[:MOST_AGENTS]),
        "windows": _windows(reader, number),
    }


def days(reader: Reader, limit: int, before: str | None) -> Json:
    """Return days of this machine's time zone with their models, newest first.

    ``before`` is the day that the page before ended with.
    """
    start = None if before is None else datetime.fromisoformat(before).timestamp()
    found = queries.by_day_and_model(reader, start)
    grouped = [(day, list(groups)) for day, groups in groupby(found, key=lambda one: one[0])]
    page = grouped[:limit]
    further = page[-1][0] if len(grouped) > limit else None
    return {"days": [_day(day, groups) for day, groups in page], "next": further}


def _session(row: Sequence[Any], names: Mapping[int | None, str]) -> Json:
    number, started, last, labels, *sums = row
    return {
        "session": names.get(number),
        "labels": queries.pairs(names.get(labels)),
        "started": started / MILLI,
        "last": last / MILLI,
        **report.totals(Totals.of(sums)),
    }


def _day(day: str, groups: Sequence[tuple[str, str | None, Totals]]) -> Json:
    whole = sum((sums for _, _, sums in groups), Totals())
    models = [{"model": model, **report.totals(sums)} for _, model, sums in groups]
    return {"day": day, **report.totals(whole), "models": models}


def _windows(reader: Reader, number: int) -> Json:
    """Return how much of the usage windows was used after the session's last answer."""
    found = reader.rows(
        "SELECT window_5h_after, window_7d_after FROM exchanges WHERE session = ? AND"
        " (window_5h_after IS NOT NULL OR window_7d_after IS NOT NULL) ORDER BY id DESC LIMIT 1",
        number,
    )
    used = found[0] if found else (None, None)
    return {
        window: None if fraction is None else fraction / MICRO
        for window, fraction in zip(("5h", "7d"), used, strict=True)
    }
