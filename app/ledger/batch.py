"""Rows by columns: a step for each column takes much less than one for each value.

A column that is absent has no value in any row.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from .rows import NAMES, Billed, Record, Row

DAY = 86_400_000  # milliseconds

Columns = Mapping[str, Sequence[Any]]


class Attempt(NamedTuple):
    """A billed attempt: the place of its exchange among the rows, and its number there."""

    place: int
    number: int
    billed: Billed


class Batch(NamedTuple):
    """At least one row: columns by the fields of `Row`, and attempts that have rows of their own.

    Columns of numbers that a row must have are there.
    """

    columns: Columns
    attempts: Sequence[Attempt] = ()

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Batch":
        """Return records by columns."""
        rows = zip(*map(_row, records), strict=True)
        attempts = [
            Attempt(place, number, one)
            for place, record in enumerate(records)
            for number, one in enumerate(record.billed)
        ]
        return cls(dict(zip(Row._fields, rows, strict=True)), attempts)

    @property
    def ended(self) -> list[int]:
        """When each exchange ended."""
        times = zip(self.columns["started"], self.columns["duration"], strict=True)
        return [started + duration // 1_000 for started, duration in times]

    @property
    def names(self) -> set[tuple[Any, ...]]:
        """The days on which exchanges ended, each with the names of one; most are the same."""
        days = [ended // DAY for ended in self.ended]
        columns = (self.columns[name] for name in NAMES if name in self.columns)
        used = [one for one in columns if any(one) or one.count(None) < len(one)]
        attempts = {(days[one.place], one.billed.model, one.billed.kind) for one in self.attempts}
        return {*zip(days, *used, strict=True)} | attempts


_row = attrgetter("row")
