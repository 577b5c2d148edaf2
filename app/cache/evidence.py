"""Weighs what is remembered against what an answer states, for the rules of `verdict`."""

from typing import NamedTuple

import msgspec

from .blocks import Mark
from .chain import Chain
from .entries import MARGIN, Entry
from .minimum import minimum
from .prompt import PARAMS, Prompt
from .verdict import Evidence, Verdict, is_short


class Asked(msgspec.Struct, frozen=True, gc=False):
    """Who sent a request, and when (seconds), all by keyed hashes.

    ``hinted`` says that the client names the class of each request; an ``aside`` is no turn of
    its conversation. ``compaction`` asks for a summary, ``compacted`` is the first turn after one.
    """

    start: float
    credential: int
    session: int | None = None
    agent: int | None = None
    betas: bytes = b""
    hinted: bool = False
    aside: bool = False
    compaction: bool = False
    compacted: bool = False


class Counted(msgspec.Struct, frozen=True, gc=False):
    """The tokens of a prompt, as its answer states them."""

    read: int
    written: int
    fresh: int

    @property
    def cached(self) -> int:
        """Those up to the last mark: exactly what was read or written."""
        return self.read + self.written

    @property
    def total(self) -> int:
        """All of the prompt."""
        return self.cached + self.fresh


class Case(msgspec.Struct, frozen=True):
    """An answered request, of ``model`` (its plain name)."""

    asked: Asked
    prompt: Prompt
    counted: Counted
    model: str

    @property
    def scope(self) -> int:
        """Who shares a cache: a credential, with one model."""
        return scope_of(self.asked, self.model)

    def tokens(self, size: int) -> int:
        """Estimate the tokens of the first ``size`` bytes."""
        blocks, cached = self.prompt.blocks, self.counted.cached
        if blocks.marks and cached:
            return round(cached * size / (blocks.marks[-1].size or 1))
        return round(self.counted.total * size / (blocks.size or 1))


def scope_of(asked: Asked, model: str) -> int:
    """Return a hash of a credential and a model's plain name."""
    return hash((asked.credential, model))


class Found(NamedTuple):
    """A cached prefix of a prompt, and its tokens."""

    entry: Entry
    tokens: int
    exact: bool

    @classmethod
    def of(cls, entry: Entry, mark: Mark, case: Case) -> "Found":
        """Return it; what nobody knows is estimated by the mark that it is in reach of."""
        tokens = case.tokens(mark.size) if entry.tokens is None else entry.tokens
        return cls(entry, tokens, entry.exact)


def usual_verdict(
    case: Case, previous: Chain | None, live: Found | None, waiting: Found | None
) -> Verdict | None:
    """Return the verdict on a turn that goes on unchanged and read what there was; None otherwise.

    It is what the rules say on its whole evidence, which is the same as that of `evidence_of`.
    """
    asked, counted = case.asked, case.counted
    if previous is None or not counted.read or asked.compaction or asked.compacted:
        return None
    if not previous.is_continued(case.prompt):
        return None
    expected, exact = previous.tokens, previous.model == case.model
    for one in (live, waiting):
        if one is not None:
            expected, exact = max((expected, exact), (one.tokens, one.exact))
    expected = min(expected, counted.cached)
    short = is_short(counted.read, expected, estimated=not exact)
    return None if short else Verdict("hit", expected)


def evidence_of(
    case: Case, previous: Chain | None, live: Found | None, waiting: Found | None
) -> Evidence:
    """Return what is known of a case.

    ``previous`` is the request that it follows, ``live`` the longest prefix that it could read,
    ``waiting`` the longest that was still being written.
    """
    asked, prompt, counted = case.asked, case.prompt, case.counted
    difference = None if previous is None else previous.difference(prompt)
    compacted = asked.compacted and difference is not None
    goes_on = previous is not None and not compacted
    if previous is not None and difference is not None and goes_on:
        goes_on = difference.kind in ("tool", "system") or previous.goes_on(prompt)
    known = [(one.tokens, one.exact) for one in (live, waiting) if one is not None]
    if previous is not None and goes_on:
        known.append((previous.tokens, previous.model == case.model))
    expected, exact = max(known, default=(0, True))
    if not goes_on:
        difference = None  # it went back: nothing was changed
    facts = Evidence(
        read=counted.read,
        written=counted.written,
        total=counted.total,
        expected=min(expected, counted.cached or counted.total),
        estimated=not exact,
        marked=prompt.mark is not None,
        known=previous is not None or bool(known),
        compaction=asked.compaction or compacted,
        minimum=minimum(case.model),
        difference=difference,
        pending=waiting is not None,
    )
    return facts if previous is None else _compared(facts, previous, case)


def _compared(facts: Evidence, previous: Chain, case: Case) -> Evidence:
    """Add what the request that it follows tells."""
    start, entry = case.asked.start, previous.entry
    return facts._replace(
        same_account=previous.credential == case.asked.credential,
        same_model=previous.model == case.model,
        param=_changed(previous.params, case.prompt.params),
        expired=entry is not None and entry.expires - MARGIN <= start,
        pending=facts.pending or (entry is not None and entry.available > start),
        blocks=_distance(previous, case.prompt),
    )


def _changed(before: tuple[int, ...], now: tuple[int, ...]) -> str | None:
    """Return the first parameter that is not as it was."""
    if before == now:
        return None
    return next(name for name, a, b in zip(PARAMS, before, now, strict=True) if a != b)


def _distance(previous: Chain, prompt: Prompt) -> int:
    """Return how many blocks the next mark is behind the last one of ``previous``."""
    if previous.mark is None:
        return 0
    at = previous.mark.block
    return min((mark.block - at for mark in prompt.marks if mark.block >= at), default=0)
