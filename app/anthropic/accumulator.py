"""The rules by which the usage of a response adds up (Messages API, ``usage``).

An event stream states usage at its start and again, *cumulatively*, in every ``message_delta``:
the last value of each field that is not null counts. For input and cache tokens it is the last
value above 0, because a later 0 means "not repeated". Claude Code counts in the same way.
``cache_creation`` (the 5-minute and 1-hour split), tier, speed and geography come at the start.
What ``iterations`` add is in `app.anthropic.iterations`.
"""

import re
from collections.abc import Mapping
from typing import Any

from .counts import Counts, OddUsage, add, count, disjoint, read_counts
from .iterations import (
    COMPACTION,
    Billing,
    Iteration,
    billing,
    fallback,
    read_iterations,
    samplings,
    used,
)
from .token_types import CACHE_WRITES, OUTPUT, THINKING, TOTALS
from .usage import Attempt, Usage

__all__ = ["Accumulator", "OddUsage"]

_WORDS = ("service_tier", "speed", "inference_geo")
_TOOL = re.compile(r"([a-z_]{1,40})_requests")
_TOOLS = 8  # kinds of server tools that are kept
_WORD = 40  # characters
_POSITIVE = frozenset(TOTALS) - {OUTPUT}  # a 0 does not replace these


class Accumulator:
    """Takes in each ``usage`` in turn.

    State: the last ``_counts`` and ``_iterations`` announced, ``_tools``, ``_words``, and the
    ``_usage`` that they amount to once it was asked for.
    """

    def __init__(self) -> None:
        self._counts: Counts = {}
        self._iterations: tuple[Iteration, ...] = ()
        self._tools: Counts = {}
        self._words: dict[str, str] = {}
        self._usage: Usage | None = None

    def announce(self, usage: object) -> None:
        """Add a ``usage`` object; null is ignored. Raises `OddUsage`, and then changes nothing."""
        if usage is None:
            return
        if not isinstance(usage, Mapping):
            raise OddUsage("usage is not an object")
        counts, tools = read_counts(usage), _tools(usage)
        iterations = read_iterations(usage.get("iterations"))
        if answered := fallback(iterations):
            # Another model responded: the usage at the start was the first model's.
            self._counts = answered.counts | _replacing(answered.counts, counts)
        else:
            self._counts |= _replacing(self._counts, counts)
        if tools:
            self._tools = dict([*(self._tools | tools).items()][:_TOOLS])
        self._iterations = iterations or self._iterations
        self._usage = None
        self._words |= {
            key: word[:_WORD] for key in _WORDS if isinstance(word := usage.get(key), str)
        }

    @property
    def usage(self) -> Usage | None:
        """Usage of the response itself so far, including compactions; None if it stated none."""
        if self._usage is None and self.stated:
            self._usage = self._own(self._billing(None).added)
        return self._usage

    @property
    def stated(self) -> bool:
        """Whether the response has stated a usage."""
        return bool(self._counts)

    @property
    def answering_model(self) -> str | None:
        """The model that responded instead of the requested one, if any did."""
        answered = fallback(self._iterations)
        return None if answered is None else answered.model

    @property
    def unknown_iterations(self) -> bool:
        """True if an iteration has an unknown type."""
        return self._billing(None).unknown

    def billed(self, named: str | None, answering: str | None, *, refused: bool) -> list[Attempt]:
        """Return the billed attempts, the response's own first.

        ``named`` is the model that the message names, ``answering`` the one that responded. A
        ``refused`` response without any output is free.
        """
        if not self.stated:
            return []
        bill = self._billing(answering, named)
        attempts = list(bill.others)
        if refused and not self._counts.get(OUTPUT):
            return [*self._compactions(bill, answering), *attempts]
        usage = self.usage if self._iterations == () else None
        own = Attempt(
            model=answering,
            usage=usage or self._own(bill.added),
            samplings=self._samplings(bill),
        )
        return [own, *attempts]

    def _compactions(self, bill: Billing, answering: str | None) -> list[Attempt]:
        """Return the compactions before a response that is free itself."""
        parts = tuple(used(disjoint(counts), self._request) for counts in bill.added)
        if not parts:
            return []
        usage = used(add(*map(disjoint, bill.added)), self._request)
        return [Attempt(model=answering, usage=usage, kind=COMPACTION, samplings=parts)]

    @property
    def _request(self) -> Usage:
        words: dict[str, Any] = self._words
        return Usage(**words)

    def _billing(self, answering: str | None, named: str | None = None) -> Billing:
        if not self._iterations:
            return _NO_ITERATIONS
        answering = answering or self.answering_model
        return billing(self._iterations, named=named, answering=answering, words=self._request)

    def _own(self, added: tuple[Counts, ...]) -> Usage:
        counts = add(disjoint(self._counts), *map(disjoint, added))
        return used(counts, self._request, self._tools)

    def _samplings(self, bill: Billing) -> tuple[Usage, ...]:
        """Return the requests to the model behind the response, if there were several."""
        own = samplings(self._iterations, self._counts, self._request)
        if not own and bill.added:
            own = (used(disjoint(self._counts), self._request),)
        return (*own, *(used(disjoint(counts), self._request) for counts in bill.added))


_NO_ITERATIONS = billing((), named=None, answering=None, words=Usage())


def _replacing(before: Counts, counts: Counts) -> Counts:
    """Return those of ``counts`` that replace what was announced ``before``."""
    if not before:
        return counts
    split = sum(counts.get(kind, 0) for kind in CACHE_WRITES)
    replacing = {
        kind: number
        for kind, number in counts.items()
        if (number or kind not in before)
        if kind in _POSITIVE
    }
    replacing |= {kind: counts[kind] for kind in (OUTPUT, THINKING) if kind in counts}
    replacing |= {
        kind: counts[kind]
        for kind in CACHE_WRITES
        if kind in counts and (split or kind not in before)
    }
    return replacing


def _tools(usage: Mapping[str, Any]) -> Counts:
    tools = usage.get("server_tool_use")
    if not isinstance(tools, Mapping):
        return {}
    matches = ((_TOOL.fullmatch(key), (key,)) for key in tools)
    counts = {match[1]: count(tools, path) for match, path in matches if match}
    return {tool: number for tool, number in counts.items() if number is not None}
