"""Which of ``usage.iterations`` are billed, and to whom (Messages API, server-side attempts).

The list is the record of every attempt behind an answer, in order. The totals beside it describe
the attempt that answered, only:

=====================  ====================  =======================================
type                   in the totals         billed
=====================  ====================  =======================================
``message``            when it answered      when its model is another one, which gave
                                             up after some output
``fallback_message``   the last one          the same
``compaction``         no                    always, to the answering model
``advisor_message``    no                    always, to its own model; to none if it names none
any other              unless it names a     to the model it names
                       model
=====================  ====================  =======================================

An attempt that was declined before any output is free.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from .counts import Counts, disjoint, read_counts
from .records import word
from .token_types import CACHE_WRITES, OUTPUT, THINKING, TOTALS
from .usage import Attempt, Usage

MESSAGE, FALLBACK, COMPACTION, ADVISOR = (
    "message",
    "fallback_message",
    "compaction",
    "advisor_message",
)
KNOWN = (MESSAGE, FALLBACK, COMPACTION, ADVISOR)


class Iteration(msgspec.Struct, frozen=True):
    """One entry of the list. ``counts`` are as announced, before cache writes are split."""

    type: str
    model: str | None
    counts: Counts
    speed: str | None = None

    @property
    def empty(self) -> bool:
        """Whether it used nothing."""
        return not any(self.counts.values())


class Billing(msgspec.Struct, frozen=True):
    """What the list adds to the totals.

    ``added`` goes on top of the answer's own usage, ``others`` are attempts under other models.
    ``unknown`` says that a type was met that this table does not have.
    """

    added: tuple[Counts, ...] = ()
    others: tuple[Attempt, ...] = ()
    unknown: bool = False


def read_iterations(listed: object) -> tuple[Iteration, ...]:
    """Read the list; entries that are not objects are skipped. Raises `OddUsage`."""
    entries = listed if isinstance(listed, list) else []
    return tuple(_iteration(entry) for entry in entries if isinstance(entry, Mapping))


def fallback(iterations: Sequence[Iteration]) -> Iteration | None:
    """Return the attempt that responded instead of the requested model, if any did."""
    return next((one for one in reversed(iterations) if one.type == FALLBACK), None)


def billing(
    iterations: Sequence[Iteration], *, named: str | None, answering: str | None, words: Usage
) -> Billing:
    """Apply the table.

    ``named`` is the model that the message names, ``answering`` the one that answered; ``words``
    has the tier and geography of the request, which hold for every attempt of it.
    """
    last = max((at for at, one in enumerate(iterations) if one.type == FALLBACK), default=-1)
    added: list[Counts] = []
    others: list[Attempt] = []
    for at, one in enumerate(iterations):
        if one.type == COMPACTION and one.model in (None, answering):
            added.append(one.counts)
        elif not one.empty and _is_billed(one, gave_up=at < last, named=named, answering=answering):
            others.append(_attempt(one, _maker(one, named), words))
    unknown = any(one.type not in KNOWN and not one.empty for one in iterations)
    return Billing(tuple(added), tuple(others), unknown)


def samplings(iterations: Sequence[Iteration], totals: Counts, words: Usage) -> tuple[Usage, ...]:
    """Return the answer's own requests to the model, if the list's add up to ``totals``.

    What the totals call one-hour cache writes, and the list does not, goes to the first ones.
    """
    own = [one.counts for one in iterations if one.type == MESSAGE]
    if len(own) < 2 or any(  # noqa: PLR2004 - one is the totals themselves
        sum(counts.get(kind, 0) for counts in own) != totals.get(kind, 0) for kind in TOTALS
    ):
        return ()
    parts = [disjoint(counts) for counts in own]
    short, long = CACHE_WRITES
    told = sum(part.get(long, 0) for part in parts)
    left = max(0, disjoint(totals).get(long, 0) - told)
    for part in parts:
        moved = min(left, part.get(short, 0))
        part[short] = part.get(short, 0) - moved
        part[long] = part.get(long, 0) + moved
        left -= moved
    return tuple(used(part, words) for part in parts)


def used(counts: Counts, words: Usage, tools: Mapping[str, int] | None = None) -> Usage:
    """Return disjoint ``counts`` as a usage with the request's tier, speed and geography."""
    thinking = min(counts.get(THINKING, 0), counts.get(OUTPUT, 0))
    fields: dict[str, Any] = {**counts, THINKING: thinking}
    return Usage(
        server_tools={} if tools is None else dict(tools),
        service_tier=words.service_tier,
        speed=words.speed,
        inference_geo=words.inference_geo,
        **fields,
    )


def _iteration(entry: Mapping[str, Any]) -> Iteration:
    return Iteration(
        type=word(entry.get("type")) or "",
        model=word(entry.get("model")),
        counts=read_counts(entry),
        speed=word(entry.get("speed")),
    )


def _maker(one: Iteration, named: str | None) -> str | None:
    """Return the model that made an attempt, None if unknown."""
    return one.model or (named if one.type in (MESSAGE, FALLBACK) else None)


def _is_billed(one: Iteration, *, gave_up: bool, named: str | None, answering: str | None) -> bool:
    """Look an attempt up in the table."""
    if one.type not in (MESSAGE, FALLBACK):
        return one.type == ADVISOR or one.model is not None
    produced = one.counts.get(OUTPUT, 0) > 0
    return gave_up and produced and _maker(one, named) != answering


def _attempt(one: Iteration, model: str | None, words: Usage) -> Attempt:
    shares_speed = one.type in (MESSAGE, FALLBACK, COMPACTION)
    speed = one.speed or (words.speed if shares_speed else None)
    usage = used(disjoint(one.counts), replace(words, speed=speed))
    return Attempt(model=model, usage=usage, kind=one.type)
