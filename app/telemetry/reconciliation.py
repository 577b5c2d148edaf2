"""Compares the proxy's figures with Claude Code's figures for a session. Pure.

Claude Code prints ``total_cost_usd`` and ``modelUsage`` with ``--output-format json``. The
proxy's side is its ``/metrics`` document, minus an earlier one, or the rows of one session.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from ..anthropic.token_types import CACHE_WRITE, CACHE_WRITES, OUTPUT, OUTPUTS, TOTALS
from .recorders.recent import KEPT

CENT = 0.005  # US dollars: the tolerance for equal cents
SHARE = 0.01  # the tolerance as a share, for sessions that cost less
LEAST = 0.0001  # US dollars: smaller differences are ignored

_CLAUDE = {
    "input": "inputTokens",
    "cache_read": "cacheReadInputTokens",
    CACHE_WRITE: "cacheCreationInputTokens",
    OUTPUT: "outputTokens",
}
_PROXY = {kind: (kind,) for kind in TOTALS} | {CACHE_WRITE: CACHE_WRITES, OUTPUT: OUTPUTS}

Json = Mapping[str, Any]


class Verdict(StrEnum):
    """The result of a comparison."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNKNOWN = "cannot tell"


class Unreadable(ValueError):
    """A document does not have the expected form; the message says what is missing."""


class Total(msgspec.Struct, frozen=True):
    """US dollars and tokens, by `TOTALS`."""

    cost: float = 0.0
    tokens: Mapping[str, int] = msgspec.field(default_factory=dict)

    def same_cost(self, other: "Total") -> bool:
        """Return True if both cost the same, to the cent."""
        larger = max(self.cost, other.cost)
        return abs(self.cost - other.cost) <= max(LEAST, min(CENT, larger * SHARE))


class Side(msgspec.Struct, frozen=True):
    """Figures of one side: the total, by model if known, and reasons why it may be inexact."""

    total: Total
    models: Mapping[str, Total]
    scope: str
    doubts: tuple[str, ...] = ()


def of_claude(result: Any, canonical: Callable[[str], str]) -> Side:
    """Read Claude Code's result: one object, or the last object of a list of messages."""
    found = _result(result)
    usage = found.get("modelUsage") or {}
    models: dict[str, Total] = {}
    for name, used in usage.items():
        tokens = {kind: int(used.get(key) or 0) for kind, key in _CLAUDE.items()}
        model = canonical(name)
        models[model] = _plus(models.get(model), Total(float(used.get("costUSD") or 0.0), tokens))
    total = _sum(models)
    return Side(Total(float(found["total_cost_usd"]), total.tokens), models, "Claude Code")


def session_of(result: Any) -> str | None:
    """Return the session id of a result."""
    session = _result(result).get("session_id")
    return session if isinstance(session, str) else None


def of_proxy(now: Json, before: Json | None, session: str | None) -> Side:
    """Read the proxy's documents: a difference, one session, or everything since its start.

    The rows of a session are complete only while none has been dropped.
    """
    if before is not None:
        return _difference(now, before)
    rows = [row for row in now["recent"] if session and row.get("session_id") == session]
    if rows and now["requests"]["total"] <= min(len(now["recent"]), KEPT):
        return _session(rows)
    return _difference(now, None)


def verdict(claude: Side, proxy: Side) -> Verdict:
    """Compare the costs, in total and by model; with a doubt, a difference proves nothing."""
    models = claude.models.keys() | proxy.models.keys() if proxy.models else ()
    nothing = Total()
    same = claude.total.same_cost(proxy.total) and all(
        claude.models.get(model, nothing).same_cost(proxy.models.get(model, nothing))
        for model in models
    )
    if same:
        return Verdict.EQUAL
    return Verdict.UNKNOWN if proxy.doubts else Verdict.DIFFERENT


def _result(document: Any) -> Json:
    entries = document if isinstance(document, list) else [document]
    for entry in reversed(entries):
        if isinstance(entry, dict) and _is_cost(entry.get("total_cost_usd")):
            return entry
    raise Unreadable("no total_cost_usd: run claude with --output-format json")


def _is_cost(value: object) -> bool:
    return type(value) in (int, float) and value >= 0  # type: ignore[operator]  # a number


def _difference(now: Json, before: Json | None) -> Side:
    if before is not None and _restarted(now, before):
        raise Unreadable("the proxy was restarted in between: its counts started again at 0")
    names = [*now["tokens"]["by_model"], *now["cost"]["by_model"]]
    models = {}
    for name in dict.fromkeys(names):
        total = _minus(_of_model(now, name), Total() if before is None else _of_model(before, name))
        if total.cost or any(total.tokens.values()):
            models[name] = total
    doubts = {
        "requests without a known price": ("cost", "unpriced_requests"),
        "answers with incomplete usage": ("tokens", "usage_missing"),
    }
    grown = [
        f"{now[section][key] - (0 if before is None else before[section][key])} {words}"
        for words, (section, key) in doubts.items()
        if now[section][key] > (0 if before is None else before[section][key])
    ]
    scope = "proxy, since its start" if before is None else "proxy, since the earlier document"
    return Side(_sum(models), models, scope, tuple(grown))


def _restarted(now: Json, before: Json) -> bool:
    return bool(
        now["time"] - now["uptime"] > before["time"] - before["uptime"] + 1.0
        or now["requests"]["total"] < before["requests"]["total"]
    )


def _of_model(document: Json, model: str) -> Total:
    tokens = document["tokens"]["by_model"].get(model, {})
    counts = {kind: sum(tokens.get(one, 0) for one in ours) for kind, ours in _PROXY.items()}
    return Total(document["cost"]["by_model"].get(model, 0.0), counts)


def _session(rows: list[Json]) -> Side:
    unknown = sum(row["cost"] is None and row["route"] == "messages" for row in rows)
    estimated = sum(bool(row.get("estimated")) for row in rows)
    doubts = {"requests without a known price or usage": unknown, "estimates": estimated}
    total = Total(sum(row["cost"] or 0.0 for row in rows))
    said = tuple(f"{count} {words}" for words, count in doubts.items() if count)
    return Side(total, {}, "proxy, this session", said)


def _sum(models: Mapping[str, Total]) -> Total:
    total = Total()
    for one in models.values():
        total = _plus(total, one)
    return total


def _plus(one: Total | None, other: Total) -> Total:
    before = one or Total()
    tokens = {kind: before.tokens.get(kind, 0) + other.tokens.get(kind, 0) for kind in TOTALS}
    return Total(before.cost + other.cost, tokens)


def _minus(one: Total, other: Total) -> Total:
    tokens = {kind: one.tokens.get(kind, 0) - other.tokens.get(kind, 0) for kind in TOTALS}
    return Total(one.cost - other.cost, tokens)
