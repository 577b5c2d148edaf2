"""What people ask of the ledger: requests, tokens and cost, by one thing or another.

``since`` is in seconds since the epoch, and taken as the start of its quarter hour.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import add, neg
from typing import Any, TypeVar

import msgspec

from ..anthropic.token_types import COUNTED
from .reader import Reader
from .rows import ENDED, MILLI, NANO, QUARTER

Key = TypeVar("Key")

NEVER = 2**62  # milliseconds; later than every time

_AMOUNTS = ("failed", *COUNTED, "cost", "unpriced")
_SUMS = ", ".join(f"sum({name})" for name in _AMOUNTS)
# What `Totals.of` takes: of rows that are sums themselves, and of exchanges.
TOTALS = f"sum(requests), {_SUMS}"
EXCHANGES = f"count(*), {_SUMS}"
# The same with first and last before it.
COLUMNS = f"min(started), max({ENDED}), {EXCHANGES}"
_COUNTS = ", ".join(("requests", *_AMOUNTS))
_SUMMED = "min(started) AS started, max(last) AS last, " + ", ".join(
    f"sum({name}) AS {name}" for name in ("requests", *_AMOUNTS)
)
# The exchanges that are in no summary yet. ("+" keeps an index from being used: to read rows in
# their own order is faster than one by one.)
_RECENT = "exchanges WHERE id > (SELECT coalesce(max(id), 0) FROM summaries)"
_AGENT = "agent, max(agent_type) AS agent_type"


class Totals(msgspec.Struct, frozen=True):
    """Sums over some exchanges; ``cost`` in billionths of a US dollar."""

    requests: int = 0
    failed: int = 0
    tokens: Mapping[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    cost: int = 0
    unpriced: int = 0

    @classmethod
    def of(cls, values: Sequence[int]) -> "Totals":
        """Read the columns that `_SUMS` names, with the number of requests in front."""
        requests, failed, *tokens, cost, unpriced = values
        return cls(requests, failed, dict(zip(COUNTED, tokens, strict=True)), cost, unpriced)

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.requests + other.requests,
            self.failed + other.failed,
            {kind: self.tokens[kind] + other.tokens[kind] for kind in COUNTED},
            self.cost + other.cost,
            self.unpriced + other.unpriced,
        )

    @property
    def cost_usd(self) -> float:
        """US dollars at list price."""
        return self.cost / NANO


class Group(msgspec.Struct, frozen=True):
    """The exchanges that have ``key`` in common, None for those that have none.

    ``first`` and ``last`` are seconds since the epoch; ``note`` says more about the key.
    """

    key: str | None
    totals: Totals
    first: float
    last: float
    note: str | None = None


# What groups are sorted by, the greatest first; groups that are equal there by what follows.
SORTS: Mapping[str, Callable[[Group], tuple[float, ...]]] = {
    "last": lambda group: (group.last,),
    "requests": lambda group: (group.totals.requests, group.totals.cost),
    "tokens": lambda group: (sum(group.totals.tokens.values()), group.totals.cost),
    "cost": lambda group: (group.totals.cost, group.totals.requests),
}
# And by which if nobody says it, where a table has no order of its own.
DEFAULT_SORTS = {"session": "last", "agent": "cost", "model": "cost", "label": "cost"}


def by_day(reader: Reader, since: float) -> list[Group]:
    """Group by day of this machine's time zone, oldest first."""
    return _by_time(reader, since, _day)


def by_hour(reader: Reader, since: float) -> list[Group]:
    """Group by hour, oldest first."""
    return _by_time(
        reader, since, lambda moment: moment.replace(minute=0).isoformat(timespec="minutes")
    )


def by_model(reader: Reader, since: float) -> list[Group]:
    """Group by model, the most expensive first: each attempt counts under its own.

    ``requests`` are those whose answer came from the model.
    """
    found = reader.rows(
        f"SELECT model, min(quarter) * {QUARTER}, max(quarter) * {QUARTER}, {TOTALS}"
        " FROM quarters WHERE quarter >= ? GROUP BY model",
        _start(since) // QUARTER,
    )
    return ordered(_named(reader, found), DEFAULT_SORTS["model"])


def by_session(reader: Reader, since: float) -> list[Group]:
    """Group by session, the one seen last first; None are requests that named none.

    Note: the session's labels.
    """
    labels = dict(reader.rows("SELECT session, labels FROM sessions"))
    found = [
        (number, labels.get(number), *sums) for number, *sums in _grouped(reader, "session", since)
    ]
    return ordered(_noted(reader, found), DEFAULT_SORTS["session"])


def by_agent(reader: Reader, since: float) -> list[Group]:
    """Group by agent, the most expensive first; None: the main conversation. Note: its type."""
    groups = _noted(reader, _grouped(reader, _AGENT, since))
    return ordered(groups, DEFAULT_SORTS["agent"])


def agents_of(reader: Reader, session: int, most: int) -> tuple[list[Group], int]:
    """Return the ``most`` expensive agents of a session (its number), as `by_agent` does.

    Return the number of all as well, the main conversation aside.
    """
    found = reader.rows(
        f"SELECT parts.*, count(agent) OVER () FROM ({_sums(_AGENT, 'AND session = ?')}) AS parts"
        " ORDER BY cost DESC, requests DESC LIMIT ?",
        *(0, session) * 2,
        most,
    )
    groups = ordered(_noted(reader, [row[:-1] for row in found]), "cost")
    return groups, found[0][-1] if found else 0


def _noted(reader: Reader, found: Sequence[Any]) -> list[Group]:
    """Return a group for each row, by the names behind its key and its note."""
    known = names(reader, (number for row in found for number in row[:2]))
    return [_group(known.get(key), sums, known.get(note)) for key, note, *sums in found]


def by_label(reader: Reader, since: float, label: str) -> list[Group]:
    """Group by the value of a label, the most expensive first; None are requests without it."""
    groups = _named(reader, _grouped(reader, "labels", since))
    merged = _merged(groups, lambda labels: pairs(labels).get(label))
    return ordered(merged, DEFAULT_SORTS["label"])


def label_names(reader: Reader) -> list[str]:
    """Return the names of the labels that requests have."""
    found = reader.rows(
        "SELECT name FROM names WHERE id IN"
        f" (SELECT labels FROM summaries UNION SELECT labels FROM {_RECENT})"
    )
    return sorted({name for (labels,) in found for name in pairs(labels)})


def pairs(labels: str | None) -> dict[str, str]:
    """Read ``name=value`` pairs as they are stored."""
    return dict(pair.split("=", 1) for pair in labels.split(",")) if labels else {}


def _grouped(reader: Reader, key: str, since: float) -> Sequence[Any]:
    """Return the sums by the first column of ``key``."""
    start = _start(since)
    return reader.rows(_sums(key), start // QUARTER, start)


def _sums(key: str, chosen: str = "") -> str:
    """Return a query for the sums by the first column of ``key``.

    It takes the first quarter hour, and its start, each followed by what ``chosen`` takes.
    """
    return (
        f"SELECT {key}, {_SUMMED} FROM"
        f" (SELECT {key}, {_SUMMED} FROM summaries WHERE +quarter >= ? {chosen} GROUP BY 1"
        f" UNION ALL SELECT {key}, {COLUMNS} FROM {_RECENT} AND +started >= ? {chosen} GROUP BY 1)"
        " AS parts GROUP BY 1"
    )


def _by_time(reader: Reader, since: float, name: Callable[[datetime], str]) -> list[Group]:
    found = reader.rows(
        f"SELECT quarter, {_COUNTS} FROM quarters WHERE quarter >= ?", _start(since) // QUARTER
    )
    keys = _named_quarters((row[0] for row in found), name)
    sums = _summed((keys[quarter], row) for quarter, *row in found)
    spans: dict[str, list[int]] = {}
    for quarter, key in keys.items():
        spans.setdefault(key, []).append(quarter * QUARTER)
    groups = [_group(key, (min(spans[key]), max(spans[key]), *row)) for key, row in sums.items()]
    return sorted(groups, key=lambda group: group.first)


def _named_quarters(quarters: Iterable[int], name: Callable[[datetime], str]) -> dict[int, str]:
    """Return the name of each quarter hour, in this machine's time zone."""
    return {
        quarter: name(datetime.fromtimestamp(quarter * QUARTER / MILLI).astimezone())
        for quarter in set(quarters)
    }


def _summed(rows: Iterable[tuple[Key, list[int]]]) -> dict[Key, list[int]]:
    """Add up the rows of each key: plain lists, since there are 100,000 of them."""
    sums: dict[Key, list[int]] = {}
    for key, row in rows:
        before = sums.get(key)
        sums[key] = row if before is None else list(map(add, before, row))
    return sums


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _start(since: float) -> int:
    """Return the start of the quarter hour of ``since``, in milliseconds."""
    return int(since * MILLI) // QUARTER * QUARTER


def _named(reader: Reader, rows: Iterable[Sequence[Any]]) -> list[Group]:
    """Return a group for each row, by the name whose number comes first in it."""
    found = list(rows)
    known = names(reader, (row[0] for row in found))
    groups = [_group(known.get(number), sums) for number, *sums in found]
    return _merged(groups, lambda key: key)


def names(reader: Reader, numbers: Iterable[int | None]) -> dict[int | None, str]:
    """Return the names behind ``numbers``."""
    wanted = list(set(numbers) - {None})
    found: dict[int | None, str] = {}
    for start in range(0, len(wanted), 500):
        some = wanted[start : start + 500]
        marks = ", ".join("?" * len(some))
        found |= dict(reader.rows(f"SELECT id, name FROM names WHERE id IN ({marks})", *some))
    return found


def _group(key: str | None, sums: Sequence[Any], note: str | None = None) -> Group:
    first, last, *totals = sums
    return Group(key, Totals.of(totals), first / MILLI, last / MILLI, note)


def _merged(groups: Iterable[Group], key: Callable[[str | None], str | None]) -> list[Group]:
    """Add up the groups that have the same ``key`` of their key."""
    merged: dict[str | None, Group] = {}
    for group in groups:
        name = key(group.key)
        before = merged.get(name)
        merged[name] = Group(
            name,
            group.totals if before is None else before.totals + group.totals,
            group.first if before is None else min(before.first, group.first),
            group.last if before is None else max(before.last, group.last),
        )
    return list(merged.values())


def ordered(groups: Iterable[Group], sort: str) -> list[Group]:
    """Return groups sorted by one of `SORTS`."""
    return sorted(groups, key=lambda group: (*map(neg, SORTS[sort](group)), group.key or ""))
