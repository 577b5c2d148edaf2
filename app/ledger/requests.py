"""Requests of a session one by one, as a JSON document: all that the ledger has of each."""

import json
from collections.abc import Mapping
from typing import Any

from ..anthropic.token_types import COUNTED
from .queries import names
from .reader import Reader
from .rows import DURATIONS, MICRO, MILLI, NANO, WINDOWS, Row

Json = dict[str, Any]
Names = Mapping[int | None, str]

_NAMED = (
    "prompt",
    "agent",
    "agent_type",
    "parent_agent",
    "request_class",
    "compaction",
    "model",
    "route",
    "outcome",
    "stop_reason",
    "usage_missing",
)
_ERROR = ("error_source", "error_type", "error_reason")
_ALL_NAMED = (*_NAMED, *_ERROR, "cache_verdict", "cache_kind", "scrub_skipped")
_PLAIN = (
    "status",
    "thinking",
    "unpriced",
    "attempts",
    "retries",
    "client_retry",
    "bytes_in",
    "bytes_out",
    "request_id",
    "client_request_id",
)
_COLUMNS = ("id", *Row._fields)


def requests(
    reader: Reader,
    session: int,
    chosen: Mapping[str, str | None],
    limit: int,
    before: int | None,
) -> Json:
    """Return requests of a session (its number), the one that ended last first.

    ``chosen`` are columns with the name that they must have, None for without any. ``before`` is
    the ``next`` of the page before.
    """
    tests, values = _tests(chosen)
    if before is not None:
        tests, values = [*tests, "id < ?"], [*values, before]
    # An index has all that the choice needs; whole rows are read of the chosen ones only.
    found = reader.rows(
        f"SELECT {', '.join(_COLUMNS)} FROM exchanges WHERE id IN (SELECT id FROM exchanges"
        f" WHERE {' AND '.join(('session = ?', *tests))} ORDER BY id DESC LIMIT ?)"
        " ORDER BY id DESC",
        session,
        *values,
        limit + 1,
    )
    page = [dict(zip(_COLUMNS, row, strict=True)) for row in found[:limit]]
    known = names(reader, (row[name] for row in page for name in _ALL_NAMED))
    return {
        "requests": [_request(row, known) for row in page],
        "next": str(page[-1]["id"]) if len(found) > limit else None,
    }


def _tests(chosen: Mapping[str, str | None]) -> tuple[list[str], list[Any]]:
    """Return SQL conditions and their values."""
    tests = [
        f"{column} IS NULL" if name is None else f"{column} = (SELECT id FROM names WHERE name = ?)"
        for column, name in chosen.items()
    ]
    return tests, [name for name in chosen.values() if name is not None]


def _request(row: Mapping[str, Any], known: Names) -> Json:
    return {
        "id": row["id"],
        "started": row["started"] / MILLI,
        "duration": row["duration"] / MICRO,
        **{name: known.get(row[name]) for name in _NAMED},
        **{name: row[name] for name in _PLAIN},
        "streamed": bool(row["streamed"]),
        "error": _error(row, known),
        "tokens": {kind: row[kind] for kind in COUNTED},
        "cost_usd": row["cost"] / NANO,
        "timings": {name: _scaled(row[name], MICRO) for name in (*DURATIONS, "tool_time")},
        "cache": _cache(row, known),
        "context": _context(row["context"]),
        "windows": {window: _window(row, window) for window in WINDOWS},
        "secrets": {
            "found": row["secrets_found"],
            "restored": row["secrets_restored"],
            "skipped": known.get(row["scrub_skipped"]),
        },
    }


def _error(row: Mapping[str, Any], known: Names) -> Json | None:
    if not row["failed"]:
        return None
    return {name.removeprefix("error_"): known.get(row[name]) for name in _ERROR}


def _cache(row: Mapping[str, Any], known: Names) -> Json | None:
    if row["cache_verdict"] is None:
        return None
    return {
        "verdict": known.get(row["cache_verdict"]),
        "kind": known.get(row["cache_kind"]),
        "block": row["cache_block"],
        "missed": row["cache_missed"],
        "miss_cost_usd": _scaled(row["cache_miss_cost"], NANO),
        "saved_usd": _scaled(row["cache_saved"], NANO),
    }


def _context(text: str | None) -> Json | None:
    """Return the tokens by part of the body; None for anything else."""
    try:
        found = json.loads(text or "null")
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    return {part: tokens for part, tokens in found.items() if isinstance(tokens, int)}


def _window(row: Mapping[str, Any], window: str) -> Json:
    return {when: _scaled(row[f"window_{window}_{when}"], MICRO) for when in ("before", "after")}


def _scaled(count: int | None, unit: int) -> float | None:
    return None if count is None else count / unit
