"""The ledger as JSON documents (``ledger.schema.json``), a page at a time."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..anthropic.token_types import COUNTED
from . import prompts as trees
from . import queries, report
from . import requests as details
from .days import Day, by_day_and_model, newest_days
from .queries import Totals
from .reader import Reader
from .rows import MICRO, MILLI

Json = dict[str, Any]

MAX_AGENTS = 200  # of a session, the most expensive
NEWEST = 100  # exchanges of a session, one of which says how much of the usage windows is used
CURSOR = re.compile(r"(\d{1,18})-(\d{1,18})", re.ASCII)
_SESSION = (
    "session, started, last, labels, requests,"
    f" {', '.join(('failed', *COUNTED, 'cost', 'unpriced'))}"
)
# What sessions are sorted by, the greatest first.
SORTS = {
    "last": "last",
    "started": "started",
    "requests": "requests",
    "tokens": f"({' + '.join(COUNTED)})",
    "cost": "cost",
}


def sessions(
    reader: Reader, limit: int, before: tuple[int, int] | None, sort: str = "last"
) -> Json:
    """Return sessions sorted by one of `SORTS`; ``before`` is the cursor of the page before."""
    by = SORTS[sort]
    where = f"WHERE ({by}, session) < (?, ?)" if before is not None else ""
    found = reader.rows(
        f"SELECT {_SESSION}, {by} FROM sessions {where} ORDER BY {by} DESC, session DESC LIMIT ?",
        *(before or ()),
        limit + 1,
    )
    page = found[:limit]
    known = queries.names(reader, (number for row in page for number in (row[0], row[3])))
    agents = _agent_counts(reader, [row[0] for row in page])
    documents = [
        {**_session(row[:-1], known), "agent_count": agents.get(row[0], 0)} for row in page
    ]
    further = f"{page[-1][-1]}-{page[-1][0]}" if len(found) > limit else None
    return {"sessions": documents, "next": further}


def _agent_counts(reader: Reader, numbers: Sequence[int]) -> dict[int, int]:
    """Return how many agents sessions have, the main conversation aside."""
    if not numbers:
        return {}
    marks = ", ".join("?" * len(numbers))
    return dict(
        reader.rows(
            f"SELECT session, count(DISTINCT agent) FROM exchanges WHERE session IN ({marks})"
            " GROUP BY session",
            *numbers,
        )
    )


def cursor(text: str) -> tuple[int, int] | None:
    """Read a cursor as `sessions` writes it; None for anything odd."""
    match = CURSOR.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def session(reader: Reader, name: str) -> Json | None:
    """Return one session with its models and agents, None when the ledger has none of the name."""
    found = reader.rows(
        f"SELECT {_SESSION} FROM sessions WHERE session = (SELECT id FROM names WHERE name = ?)",
        name,
    )
    if not found:
        return None
    number = found[0][0]
    names = queries.names(reader, (found[0][0], found[0][3]))
    agents, count = queries.agents_of(reader, number, MAX_AGENTS)
    return {
        **_session(found[0], names),
        "agent_count": count,
        "agents": report.document("agent", agents),
        "windows": _windows(reader, number),
    }


def prompts(reader: Reader, name: str, limit: int, before: int | None) -> Json | None:
    """Return prompts of a session, None when the ledger has none of the name."""
    return _of_session(reader, name, lambda number: trees.prompts(reader, number, limit, before))


def requests(
    reader: Reader,
    name: str,
    chosen: Mapping[str, str | None],
    limit: int,
    before: int | None,
) -> Json | None:
    """Return requests of a session, None when the ledger has none of the name."""
    return _of_session(
        reader, name, lambda number: details.requests(reader, number, chosen, limit, before)
    )


def _of_session(reader: Reader, name: str, view: Callable[[int], Json]) -> Json | None:
    found = reader.rows(
        "SELECT session FROM sessions WHERE session = (SELECT id FROM names WHERE name = ?)", name
    )
    return {"session": name, **view(found[0][0])} if found else None


def days(reader: Reader, limit: int, before: str | None) -> Json:
    """Return days of this machine's time zone with their models, newest first, and which is today.

    ``before`` is the day that the page before ended with.
    """
    found = newest_days(reader, limit + 1, before)
    page = found[:limit]
    further = page[-1].name if len(found) > limit else None
    summed = by_day_and_model(reader, page)
    today = datetime.now().astimezone().date().isoformat()
    return {
        "today": today,
        "days": [_day(day, models) for day, models in summed],
        "next": further,
    }


def _session(row: Sequence[Any], names: Mapping[int | None, str]) -> Json:
    number, started, last, labels, *sums = row
    return {
        "session": names.get(number),
        "labels": queries.pairs(names.get(labels)),
        "started": started / MILLI,
        "last": last / MILLI,
        **report.totals(Totals.of(sums)),
    }


def _day(day: Day, models: Sequence[tuple[str | None, Totals]]) -> Json:
    whole = sum((sums for _, sums in models), Totals())
    named = [{"model": model, **report.totals(sums)} for model, sums in models]
    return {"day": day.name, **report.totals(whole), "models": named}


def _windows(reader: Reader, number: int) -> Json:
    """Return how much of the usage windows was used after the session's last answer."""
    found = reader.rows(
        "SELECT window_5h_after, window_7d_after FROM exchanges WHERE id IN"
        " (SELECT id FROM exchanges WHERE session = ? ORDER BY id DESC LIMIT ?) AND"
        " (window_5h_after IS NOT NULL OR window_7d_after IS NOT NULL) ORDER BY id DESC LIMIT 1",
        number,
        NEWEST,
    )
    used = found[0] if found else (None, None)
    return {
        window: None if fraction is None else fraction / MICRO
        for window, fraction in zip(("5h", "7d"), used, strict=True)
    }
