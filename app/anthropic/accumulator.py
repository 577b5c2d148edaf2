"""The rules by which an answer's usage adds up (Messages API, ``usage``).

An event stream announces usage at its start and again, *cumulatively*, in every
``message_delta``: the last value of each field that is not null stands. ``cache_creation`` (the
5-minute and 1-hour split), tier, speed and geo come at the start only. Iterations of the kind
``compaction`` are in none of the totals, so they are added.
"""

import re
from collections.abc import Mapping
from typing import Any

from app.anthropic.usage import Usage

# Where each count stands in ``usage``.
_COUNTS: Mapping[str, tuple[str, ...]] = {
    "input": ("input_tokens",),
    "output": ("output_tokens",),
    "cache_read": ("cache_read_input_tokens",),
    "cache_write": ("cache_creation_input_tokens",),
    "cache_write_5m": ("cache_creation", "ephemeral_5m_input_tokens"),
    "cache_write_1h": ("cache_creation", "ephemeral_1h_input_tokens"),
    "thinking": ("output_tokens_details", "thinking_tokens"),
}
_WORDS = ("service_tier", "speed", "inference_geo")
_TOOL = re.compile(r"([a-z_]{1,40})_requests")
_TOOLS = 8  # kinds of server tools that are kept
_WORD = 40  # characters
_MOST = 2**53  # tokens; a larger number is a mistake

Counts = dict[str, int]


class OddUsage(ValueError):
    """A ``usage`` that is not as the API writes it: no number is better than a wrong one."""


class Accumulator:
    """Takes in each ``usage`` in turn.

    State: the last ``_counts`` announced, ``_added`` by compactions, ``_tools``, ``_words``.
    """

    def __init__(self) -> None:
        self._counts: Counts = {}
        self._added: Counts = {}
        self._tools: Counts = {}
        self._words: dict[str, str] = {}

    def announce(self, usage: object) -> None:
        """Take in a ``usage`` object; null is none. Raises `OddUsage`, unchanged."""
        if usage is None:
            return
        if not isinstance(usage, Mapping):
            raise OddUsage("usage is not an object")
        counts, tools = _counts(usage), _tools(usage)
        added = _compactions(usage.get("iterations"))
        self._counts |= counts
        self._tools = dict([*(self._tools | tools).items()][:_TOOLS])
        self._added = added or self._added
        self._words |= {
            key: word[:_WORD] for key in _WORDS if isinstance(word := usage.get(key), str)
        }

    @property
    def usage(self) -> Usage | None:
        """What was announced so far; None when no count was."""
        if not self._counts:
            return None
        tokens = _sum(_disjoint(self._counts), _disjoint(self._added))
        fields: dict[str, Any] = {**tokens, **self._words}
        return Usage(**fields, server_tools=dict(self._tools))


def _counts(usage: Mapping[str, Any]) -> Counts:
    found = {kind: _count(usage, path) for kind, path in _COUNTS.items()}
    return {kind: count for kind, count in found.items() if count is not None}


def _count(node: object, path: tuple[str, ...]) -> int | None:
    for key in path:
        if node is None:
            return None
        if not isinstance(node, Mapping):
            raise OddUsage(f"{path[0]} is not an object")
        node = node.get(key)
    if node is None:
        return None
    if type(node) is not int or not 0 <= node <= _MOST:
        raise OddUsage(f"{path[-1]} is not a count")
    return node


def _tools(usage: Mapping[str, Any]) -> Counts:
    tools = usage.get("server_tool_use")
    if not isinstance(tools, Mapping):
        return {}
    matches = ((_TOOL.fullmatch(key), (key,)) for key in tools)
    counts = {match[1]: _count(tools, path) for match, path in matches if match}
    return {tool: count for tool, count in counts.items() if count is not None}


def _compactions(iterations: object) -> Counts:
    total: Counts = {}
    for iteration in iterations if isinstance(iterations, list) else ():
        if isinstance(iteration, Mapping) and iteration.get("type") == "compaction":
            total = _sum(total, _counts(iteration))
    return total


def _sum(one: Counts, other: Counts) -> Counts:
    return {kind: one.get(kind, 0) + other.get(kind, 0) for kind in one | other}


def _disjoint(counts: Counts) -> Counts:
    """Split cache writes by their time to live; what is not said to be 1h is 5m, the default."""
    split = dict(counts)
    total = split.pop("cache_write", None)
    if total is not None:
        split["cache_write_1h"] = min(split.get("cache_write_1h", 0), total)
        split["cache_write_5m"] = total - split["cache_write_1h"]
    return split
