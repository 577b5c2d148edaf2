"""Ledgers for tests, and rows to fill them with."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.anthropic.token_types import COUNTED
from app.ledger import tables
from app.ledger.batch import Batch
from app.ledger.rows import Billed, Record, Row
from app.ledger.sqlite import SqliteStore, open_store
from app.ledger.store import Store
from app.ledger.writer import Ledger

NOON = 1_790_000_000_000  # milliseconds since the epoch
SESSION = "0b5f9a52-6f0e-4a37-9a3e-0c2f4f1f6b6c"
_TEXT = {"model": "claude-opus-5", "route": "messages", "outcome": "complete"}
_NONE = {name for name, kind in Row.__annotations__.items() if "None" in str(kind)}
_FIELDS: dict[str, Any] = {
    name: None if name in _NONE else _TEXT.get(name, 0) for name in Row._fields
}
PLAIN = Row(**_FIELDS)._replace(
    started=NOON, duration=2_000_000, input=10, output=5, cost=1_000, status=200, session=SESSION
)


def record(*billed: Billed, **changes: Any) -> Record:
    """Return a record of an exchange; ``billed`` are its attempts when they are kept."""
    return Record(PLAIN._replace(detailed=int(bool(billed)), **changes), billed)


def attempt(model: str, **counts: int) -> Billed:
    """Return a billed attempt."""
    zeros = dict.fromkeys((*COUNTED, "thinking", "cost", "unpriced"), 0)
    return Billed(model=model, kind="message", **zeros | counts)


@contextmanager
def store(path: Path) -> Iterator[SqliteStore]:
    """Open a store."""
    with closing(open_store(path)) as opened:
        yield opened


@contextmanager
def summing_up(count: int) -> Iterator[None]:
    """Have few exchanges summed up at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "SUMMED", count)
        yield


def write(store: Store, records: Sequence[Record], number: int | None = None) -> None:
    """Write records to a store."""
    if records:
        store.write(Batch.of(records), number)


def records_of(batch: Batch) -> list[Record]:
    """Return the rows of a batch."""
    count = len(batch.columns["started"])
    assert batch.columns.keys() <= {*Row._fields}
    columns = [batch.columns.get(name, (None,) * count) for name in Row._fields]
    billed: list[list[Billed]] = [[] for _ in range(count)]
    for place, number, one in batch.attempts:
        assert number == len(billed[place])
        billed[place].append(one)
    rows = zip(*columns, strict=True)
    return [Record(Row(*row), tuple(own)) for row, own in zip(rows, billed, strict=True)]


def filled(path: Path, *records: Record) -> Path:
    """Write records to a ledger; return its path."""
    with store(path) as opened:
        write(opened, records)
    return path


def ledger(path: Path, **options: Any) -> Ledger:
    """Return a ledger that has not been started."""
    chosen: dict[str, Any] = {
        "days": 90,
        "max_size": 2**30,
        "clock": lambda: 1_000.0,
        "wall": lambda: NOON / 1_000,
    }
    return Ledger(lambda: open_store(path), name=str(path), **chosen | options)


def ask(path: Path, statement: str, *values: Any) -> list[Any]:
    """Return what SQLite finds in the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()
