"""The prompts of a session with their agents, as a JSON document.

A request says which prompt it belongs to. Some belong to none, such as titles and compactions:
they are a group of their own.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby
from typing import Any

from . import report
from .queries import EXCHANGES, Totals, names
from .reader import Reader
from .rows import MICRO, MILLI

Json = dict[str, Any]
Names = Mapping[int | None, str]

MAX_AGENTS = 200  # of a prompt, those that began first
MOST_LISTED = 2_000  # agents of a page, which then has fewer prompts


def prompts(reader: Reader, session: int, limit: int, before: int | None) -> Json:
    """Return prompts of a session (its number), the one that began last first.

    ``before`` is the ``next`` of the page before.
    """
    found = reader.rows(
        "SELECT prompt, min(id), count(DISTINCT agent) FROM exchanges WHERE session = ?"
        " GROUP BY prompt",
        session,
    )
    ordered = sorted(found, key=lambda row: row[1])
    places = {prompt: place for place, prompt in enumerate(_named(ordered), 1)}
    rest = [row for row in reversed(ordered) if before is None or row[1] < before]
    page = _page(rest[:limit])
    agents = _agents(reader, session, page)
    grouped = {prompt: list(rows) for prompt, rows in groupby(agents, key=lambda row: row[0])}
    listed = (row for rows in grouped.values() for row in rows[:MAX_AGENTS])
    known = names(reader, (number for row in listed for number in row[:4]))
    return {
        "prompts": [_prompt(known, places.get(prompt), grouped[prompt]) for prompt, *_ in page],
        "next": str(page[-1][1]) if len(rest) > len(page) else None,
    }


def _page(rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return prompts, at least one, until they have too many agents."""
    sums = accumulate(min(agents, MAX_AGENTS) for _, _, agents in rows)
    few = [row for row, listed in zip(rows, sums, strict=True) if listed <= MOST_LISTED]
    return few or list(rows[:1])


def _named(rows: Sequence[Sequence[Any]]) -> list[int]:
    return [row[0] for row in rows if row[0] is not None]


def _agents(reader: Reader, session: int, page: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return the agents of the prompts of a page, by prompt, the main conversation first."""
    wanted = _named(page)
    tests = [f"prompt IN ({', '.join('?' * len(wanted))})"] if wanted else []
    tests += ["prompt IS NULL"] if len(wanted) < len(page) else []
    if not tests:
        return []
    found = reader.rows(
        "SELECT prompt, agent, max(agent_type), max(parent_agent), min(started),"
        f" max(started + duration / {MICRO // MILLI}), {EXCHANGES} FROM exchanges"
        f" WHERE session = ? AND ({' OR '.join(tests)}) GROUP BY prompt, agent",
        session,
        *wanted,
    )
    return sorted(found, key=lambda row: (row[0] or 0, row[1] is not None, row[4]))


def _prompt(known: Names, place: int | None, agents: Sequence[Sequence[Any]]) -> Json:
    sums = sum((Totals.of(row[6:]) for row in agents), Totals())
    return {
        "prompt": known.get(agents[0][0]),
        "number": place,
        "started": min(row[4] for row in agents) / MILLI,
        "last": max(row[5] for row in agents) / MILLI,
        **report.totals(sums),
        "agent_count": sum(row[1] is not None for row in agents),
        "agents": [_agent(known, row) for row in agents[:MAX_AGENTS]],
    }


def _agent(known: Names, row: Sequence[Any]) -> Json:
    _, agent, kind, parent, started, last, *sums = row
    return {
        "agent": known.get(agent),
        "agent_type": known.get(kind),
        "parent_agent": known.get(parent),
        "started": started / MILLI,
        "last": last / MILLI,
        **report.totals(Totals.of(sums)),
    }
