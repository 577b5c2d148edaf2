"""Reads the rate limit headers of a response (https://platform.claude.com/docs/en/api/rate-limits).

Documented are limits by kind, also for priority and fast. Subscriptions have *windows* instead,
``anthropic-ratelimit-unified-5h-utilization`` and the like: undocumented, their names are open.
"""

import functools
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

WINDOW_LIMIT = 12  # windows that are kept; at most five were ever seen
WORD_LIMIT = 40  # characters of a status
NAME_LIMIT = 80  # characters of a name: the longest that is read has 62
VALUE_LIMIT = 128  # characters of a value: a number or date has fewer
NAMES, VALUES = 128, 256  # of fields that are remembered: answer after answer states the same

_KIND = re.compile(
    r"anthropic-(?:ratelimit-)?"
    r"(requests|tokens|input-tokens|output-tokens|(?:priority|fast)-(?:input|output)-tokens)"
    r"-(limit|remaining|reset)"
)
_UNIFIED = re.compile(r"anthropic-ratelimit-unified-(status|reset)")
# A window is named by its length. Other words in that position (slow, grace, overage-period,
# fallback) have other meanings. Of these only `overage` is read, the usage beyond the subscription,
# which has the form of a window.
_WINDOW = re.compile(
    r"anthropic-ratelimit-unified-(\d{1,4}[mhd](?:_[a-z0-9_]{1,16})?|overage)"
    r"-(utilization|status|reset)",
    re.ASCII,
)
_OVERAGE = "overage"
# As a program prints a float: 0.30000000000000004, 5e-05, .5
_NUMBER = re.compile(r"(?:\d{1,15}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_LARGEST = 1e15


class Limit(msgspec.Struct, frozen=True):
    """One kind of limit, in requests or tokens; ``reset`` in seconds since the epoch."""

    limit: float | None = None
    remaining: float | None = None
    reset: float | None = None


class Window(msgspec.Struct, frozen=True):
    """One window of a subscription; ``utilization`` is a fraction that may exceed 1."""

    utilization: float | None = None
    status: str | None = None
    reset: float | None = None


class Limits(msgspec.Struct, frozen=True):
    """The limits stated by the headers; fields that they do not state are None or missing.

    ``kinds`` goes by names like ``input-tokens`` and ``fast-output-tokens``, ``windows`` by
    names like ``5h`` and ``7d_opus``.
    """

    kinds: Mapping[str, Limit] = msgspec.field(default_factory=dict)
    windows: Mapping[str, Window] = msgspec.field(default_factory=dict)
    overage: Window | None = None
    status: str | None = None
    reset: float | None = None


def read(headers: Mapping[str, str]) -> Limits:
    """Read an answer's headers (names in lower case); malformed values are skipped."""
    kinds: dict[str, dict[str, Any]] = {}
    windows: dict[str, dict[str, Any]] = {}
    overall: dict[str, Any] = {}
    for name, value in headers.items():
        match = _match(name) if len(name) <= NAME_LIMIT else None
        if match is None:
            continue
        pattern, about, what = match
        said = _field(what, value[:VALUE_LIMIT])
        if pattern is _UNIFIED:
            overall |= said
        else:
            (kinds if pattern is _KIND else windows).setdefault(about, {}).update(said)
    overage = windows.pop(_OVERAGE, None)
    return Limits(
        kinds={kind: Limit(**said) for kind, said in kinds.items() if said},
        windows={name: Window(**said) for name, said in _kept(windows)},
        overage=Window(**overage) if overage else None,
        **overall,
    )


@functools.lru_cache(NAMES)
def _match(name: str) -> tuple[re.Pattern[str], str, str] | None:
    """Return the pattern that a field's name has, what it is about, and what it states of that."""
    for pattern in (_KIND, _UNIFIED, _WINDOW):
        if match := pattern.fullmatch(name):
            return pattern, match[1], match[match.re.groups]
    return None


def _kept(windows: Mapping[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, said) for name, said in windows.items() if said][:WINDOW_LIMIT]


@functools.lru_cache(VALUES)
def _field(name: str, value: str) -> Mapping[str, Any]:
    """Return the field under its Python name, or nothing if its value is malformed."""
    read_value = _VALUES[name](value.strip())
    return {} if read_value is None else {name.replace("-", "_"): read_value}


def _number(value: str) -> float | None:
    number = float(value) if _NUMBER.fullmatch(value) else None
    return number if number is not None and number <= _LARGEST else None


def _instant(value: str) -> float | None:
    """Read seconds since the epoch or an RFC 3339 date: both occur in the same header."""
    if (number := _number(value)) is not None:
        return number
    try:
        instant = datetime.fromisoformat(value.upper())  # RFC 3339 §5.6 allows t and z
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        return None


def _word(value: str) -> str | None:
    return value[:WORD_LIMIT] or None


_VALUES: Mapping[str, Callable[[str], Any]] = {
    "limit": _number,
    "remaining": _number,
    "reset": _instant,
    "utilization": _number,
    "status": _word,
}
