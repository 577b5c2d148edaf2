"""A made-up past for the demo's ledger: three months of sessions, the same every time."""

import json
import random
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import date, datetime, timedelta
from datetime import time as clock
from functools import partial
from pathlib import Path
from typing import Any

from ..anthropic.prices import Prices
from ..anthropic.usage import Usage
from ..cache.dollars import miss_cost, saved
from ..ledger.batch import Batch
from ..ledger.file import UnusableLedger
from ..ledger.rows import MICRO, MILLI, NANO, Record, Row
from ..ledger.sqlite import open_store
from ..ledger.store import Unavailable

DAYS = 89  # before today
BATCH = 500
WEEKDAYS = range(5)
PAUSE = 400.0  # seconds, more than the cache lives
FIVE_HOURS, SEVEN_DAYS = 16.0, 90.0  # dollars that a usage window has room for
PROJECTS = ("acme/widgets", "acme/website", "acme/infra")
MODELS = ("claude-opus-5-5", "claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1")
AGENTS = ("Explore", "general-purpose", "code-reviewer")
AGENT_MODELS = ("claude-sonnet-5-5", "claude-haiku-5-5")
# Why the cache misses now and then: the verdict, and kind and place of the first difference.
MISSES: tuple[tuple[str, str | None, int | None], ...] = (
    ("ttl_expired", None, None),
    ("tools_changed", "tool", 7),
    ("system_changed", "system", 13),
    ("lookback", None, None),
    ("upstream", None, None),
)
_UNWRITABLE = (OSError, sqlite3.Error, UnusableLedger, Unavailable)
_NONE: dict[str, Any] = {
    name: None if "None" in str(kind) else 0 for name, kind in Row.__annotations__.items()
}


def fill(path: Path, today: date) -> None:
    """Write the past of ``today`` into an empty ledger; leave one that has rows as it is."""
    with suppress(*_UNWRITABLE), closing(open_store(path)) as store:
        if store.oldest is not None:
            return
        records = list(Past(today).records())
        for start in range(0, len(records), BATCH):
            store.write(Batch.of(records[start : start + BATCH]))


class Past:
    """Makes rows.

    State: ``_chance``, which decides; ``_at``, the time in seconds; ``_used``, dollars of the day.
    """

    def __init__(self, today: date) -> None:
        self._today = today
        self._chance = random.Random(1)  # noqa: S311 - the same past every time
        self._prices = Prices.packaged()
        self._at = self._used = 0.0

    def records(self) -> Iterator[Record]:
        """Yield the rows of all days."""
        for ago in range(DAYS, 0, -1):
            day = self._today - timedelta(days=ago)
            busy = self._chance.randint(2, 6) if day.weekday() in WEEKDAYS else 0
            self._used = 0.0
            morning = datetime.combine(day, clock(9)).timestamp()
            for _ in range(busy):
                self._at = morning + self._chance.uniform(0, 8 * 3_600)
                yield from self._session()

    def _id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def _session(self) -> Iterator[Record]:
        common = {
            "session": self._id(),
            "labels": f"repo={self._chance.choice(PROJECTS)}",
            "request_class": "main",
            "model": self._chance.choice(MODELS),
        }
        prompt = 20_000
        for _ in range(self._chance.randint(2, 6)):
            of_prompt = common | {"prompt": self._id()}
            for _ in range(self._chance.randint(2, 7)):
                added = self._chance.randint(300, 6_000)
                yield self._record(of_prompt, prompt, added)
                prompt += added
            for _ in range(self._chance.choice((0, 0, 0, 1, 2))):
                yield from self._agent(of_prompt)

    def _agent(self, of_prompt: dict[str, Any]) -> Iterator[Record]:
        named = {
            "agent": self._id(),
            "agent_type": self._chance.choice(AGENTS),
            "request_class": "subagent",
            "model": self._chance.choice(AGENT_MODELS),
        }
        prompt = 12_000
        for _ in range(self._chance.randint(2, 5)):
            added = self._chance.randint(300, 4_000)
            yield self._record(of_prompt | named, prompt, added)
            prompt += added

    def _record(self, common: dict[str, Any], prompt: int, added: int) -> Record:
        """Return a request that reads ``prompt`` tokens of the cache, if it does not miss."""
        chance = self._chance
        missed = chance.random() < 0.04  # noqa: PLR2004
        verdict = chance.choice(MISSES) if missed else ("hit", None, None)
        if verdict[0] == "ttl_expired":
            self._at += PAUSE
        usage = Usage(
            input=chance.randint(3, 40),
            cache_read=0 if missed else prompt,
            cache_write_5m=added + (prompt if missed else 0),
            output=round(chance.lognormvariate(5.5, 0.8)),
        )
        seconds = 1.2 + usage.output / 70
        row = _row(
            **common,
            **self._dollars(usage, common["model"], prompt if missed else 0),
            **_timings(seconds, chance.uniform(0.4, 1.1)),
            started=round(self._at * MILLI),
            cache_verdict=verdict[0],
            cache_kind=verdict[1],
            cache_block=verdict[2],
            cache_missed=prompt if missed else 0,
            context=_context(prompt + added),
            window_5h_after=round(min(0.95, self._used / FIVE_HOURS) * MICRO),
            window_7d_after=round(min(0.95, 0.1 + self._used / SEVEN_DAYS) * MICRO),
            tool_time=chance.randint(20, 9_000) * MILLI,
            **{kind: getattr(usage, kind) for kind in ("input", "output", "cache_read")},
            cache_write_5m=usage.cache_write_5m,
            bytes_in=4 * prompt,
            bytes_out=90 * usage.output,
        )
        self._used += row.cost / NANO
        self._at += seconds + chance.uniform(1, 12)
        return Record(row)

    def _dollars(self, usage: Usage, model: str, missed: int) -> dict[str, int]:
        price = partial(self._prices.cost, model=model)
        uncached = partial(self._prices.uncached, model=model)
        actual = price(usage)
        return {
            "cost": round(sum((actual or {}).values()) * NANO),
            "cache_miss_cost": round((miss_cost(usage, missed, actual, price) or 0) * NANO),
            "cache_saved": round((saved(usage, actual, uncached) or 0) * NANO),
        }


def _row(**known: Any) -> Row:
    plain = {"route": "messages", "outcome": "complete", "status": 200, "stop_reason": "tool_use"}
    return Row(**_NONE | plain | {"streamed": 1, "attempts": 1} | known)


def _timings(seconds: float, headers: float) -> dict[str, int]:
    durations = {
        "duration": seconds,
        "overhead_request": 0.0015,
        "upstream_headers": headers,
        "first_byte": headers + 0.002,
        "first_token": headers + 0.15,
        "longest_event_gap": 0.4,
    }
    return {name: round(taken * MICRO) for name, taken in durations.items()}


def _context(tokens: int) -> str:
    tools, server, system = 8_200, 2_400, 1_900
    parts = {"tools": tools, "mcp__github__": server, "system": system}
    return json.dumps(parts | {"messages": max(0, tokens - tools - server - system)})
