"""Reads the counts of a ``usage`` object, or of one of its iterations."""

from collections.abc import Mapping
from typing import Any

from .token_types import CACHE_WRITE, CACHE_WRITES, PATHS

MAX_COUNT = 2**53  # tokens; a larger number is an error

Counts = dict[str, int]


class OddUsage(ValueError):
    """A ``usage`` that does not have the API's format: no figure is better than a wrong one."""


def read_counts(usage: Mapping[str, Any]) -> Counts:
    """Return the counts that are not null, with ``cache_write`` and its parts."""
    return {
        kind: number for kind, path in PATHS.items() if (number := count(usage, path)) is not None
    }


def count(node: object, path: tuple[str, ...]) -> int | None:
    """Return the count at ``path``, None if there is none. Raises `OddUsage`."""
    for key in path:
        if node is None:
            return None
        if not isinstance(node, Mapping):
            raise OddUsage(f"{path[0]} is not an object")
        node = node.get(key)
    if node is None:
        return None
    if type(node) is not int or not 0 <= node <= MAX_COUNT:
        raise OddUsage(f"{path[-1]} is not a count")
    return node


def add(*many: Counts) -> Counts:
    """Return the sum, kind by kind."""
    if len(many) == 1:
        return dict(many[0])
    kinds = dict.fromkeys(kind for counts in many for kind in counts)
    return {kind: sum(counts.get(kind, 0) for counts in many) for kind in kinds}


def disjoint(counts: Counts) -> Counts:
    """Split cache writes by their time to live: all that are not 1h are 5m, the default."""
    split = dict(counts)
    total = split.pop(CACHE_WRITE, None)
    if total is not None:
        short, long = CACHE_WRITES
        split[long] = min(split.get(long, 0), total)
        split[short] = total - split[long]
    return split
