"""The prompts of a session with their agents, as a JSON document.

A request says which prompt it belongs to. Some belong to none, such as titles and compactions:
they are a group of their own.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby
from typing import Any

from . import report
from .queries import COLUMNS, Totals, names
from .reader import Reader
from .rows import MILLI

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
    sums = {row[0]: row[1:] for row in _sums(reader, session, page)}
    grouped = {
        prompt: list(rows)[:MAX_AGENTS]
        for prompt, rows in groupby(_agents(reader, session, page), key=lambda row: row[0])
    }
    listed = (row for rows in grouped.values() for row in rows)
    known = names(reader, (number for row in listed for number in row[:4]))
    return {
        "prompts": [
            {
                "prompt": known.get(prompt),
                "number": places.get(prompt),
                **_figures(sums[prompt]),
                "agent_count": agents,
                "agents": [_agent(known, row) for row in grouped[prompt]],
            }
            for prompt, _, agents in page
        ],
        "next": str(page[-1][1]) if len(rest) > len(page) else None,
    }


def _page(rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return prompts, at least one, until they have too many agents."""
    sums = accumulate(min(agents, MAX_AGENTS) for _, _, agents in rows)
    few = [row for row, listed in zip(rows, sums, strict=True) if listed <= MOST_LISTED]
    return few or list(rows[:1])


def _named(rows: Sequence[Sequence[Any]]) -> list[int]:
    return [row[0] for row in rows if row[0] is not None]


def _sums(reader: Reader, session: int, page: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Return the sums of the prompts of a page."""
    which, wanted = _among(page)
    return reader.rows(
        f"SELECT prompt, {COLUMNS} FROM exchanges WHERE session = ? AND {which} GROUP BY prompt",
        session,
        *wanted,
    )


def _agents(reader: Reader, session: int, page: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return the agents of the prompts of a page, by prompt, the main conversation first.

    Of a prompt that has very many, the sums of those only that are shown.
    """
    few = [row for row in page if row[2] <= MAX_AGENTS]
    found = [*_agents_of(reader, session, few)]
    for row in page:
        if row[2] > MAX_AGENTS:
            found += _agents_of(reader, session, [row], _FIRST.format(_among([row])[0]))
    return sorted(found, key=lambda row: (row[0] or 0, row[1] is not None, row[4]))


def _agents_of(
    reader: Reader, session: int, page: Sequence[Sequence[Any]], chosen: str = ""
) -> Sequence[Sequence[Any]]:
    which, wanted = _among(page)
    more = (session, *wanted, MAX_AGENTS) if chosen else ()
    return reader.rows(
        f"SELECT prompt, agent, max(agent_type), max(parent_agent), {COLUMNS} FROM exchanges"
        f" WHERE session = ? AND {which} {chosen} GROUP BY prompt, agent",
        session,
        *wanted,
        *more,
    )


# Takes the session, the prompt if it has a number, and how many.
_FIRST = (
    "AND (agent IS NULL OR agent IN (SELECT agent FROM exchanges WHERE session = ? AND {}"
    " AND agent IS NOT NULL GROUP BY agent ORDER BY min(started), agent LIMIT ?))"
)


def _among(page: Sequence[Sequence[Any]]) -> tuple[str, list[int]]:
    """Return an SQL condition for the prompts of a page, and its values."""
    wanted = _named(page)
    tests = [f"prompt IN ({', '.join('?' * len(wanted))})"] if wanted else []
    tests += ["prompt IS NULL"] if len(wanted) < len(page) else []
    return f"({' OR '.join(tests) or '1 = 0'})", wanted


def _figures(row: Sequence[Any]) -> Json:
    started, last, *sums = row
    return {
        "started": started / MILLI,
        "last": last / MILLI,
        **report.totals(Totals.of(sums)),
    }


def _agent(known: Names, row: Sequence[Any]) -> Json:
    _, agent, kind, parent, *figures = row
    return {
        "agent": known.get(agent),
        "agent_type": known.get(kind),
        "parent_agent": known.get(parent),
        **_figures(figures),
    }
