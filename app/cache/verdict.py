"""Why the prompt cache answered as it did: the closed set of verdicts, and the rule for each.

The first of `RULES` that fits what is known of an exchange (`Evidence`) is its verdict. The answer
is believed more than the request: one that read what there was to read is a hit, whatever has
changed.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import msgspec

Reason = Literal[
    "hit",  # it read what there was to read
    "first",  # there was nothing to read
    "uncached",  # it has no cache mark
    "too_small",  # it is shorter than the model caches
    "model_changed",
    "tools_changed",
    "system_changed",
    "messages_changed",
    "params_changed",
    "ttl_expired",  # the cached prompt was too old
    "compaction",  # the conversation was replaced by a summary, or is being
    "concurrent",  # the request that writes the cache had not been answered yet
    "lookback",  # too many blocks since the last mark
    "upstream",  # nothing that a client sends explains it
    "unknown",  # the request could not be read, or not be compared
]
REASONS: tuple[Reason, ...] = get_args(Reason)
MISSES = frozenset(REASONS) - {"hit", "first", "uncached", "too_small", "unknown"}

LOOKBACK = 20  # blocks from a mark back in which the API looks for an entry, its own included
TOLERANCE, SHARE, ROUGH_SHARE = 64, 1 / 100, 1 / 8  # tokens; of exact and of estimated ones


class Difference(msgspec.Struct, frozen=True, gc=False):
    """The first block that is not as it was: its place in cache order, and its kind."""

    index: int
    kind: str


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """A verdict; ``missed`` tokens of the ``expected`` ones were not read.

    ``kind`` is that of the first block that differs, or the name of the parameter; ``index`` is
    the block's place. ``blocks`` are those between the cache's last mark and this request's.
    """

    reason: Reason
    expected: int = 0
    missed: int = 0
    index: int | None = None
    kind: str | None = None
    blocks: int | None = None


class Evidence(NamedTuple):
    """The facts of an exchange that count.

    ``expected`` tokens were in the cache; ``estimated`` if that number comes from bytes. The rest
    is in the order of `RULES`.
    """

    read: int
    written: int
    total: int
    expected: int = 0
    estimated: bool = False
    marked: bool = True
    known: bool = False  # there is an earlier request, or an entry, to compare with
    compaction: bool = False
    minimum: int = 0
    same_account: bool = True
    same_model: bool = True
    difference: Difference | None = None
    param: str | None = None
    expired: bool = False
    pending: bool = False
    blocks: int = 0  # between the mark of the earlier request and the next one of this

    @property
    def short(self) -> bool:
        """Whether clearly less was read than there was."""
        return is_short(self.read, self.expected, estimated=self.estimated)

    @property
    def changed(self) -> str | None:
        """The part of the first block that differs."""
        if self.difference is None:
            return None
        return self.difference.kind if self.difference.kind in ("tool", "system") else "messages"


def is_short(read: int, expected: int, *, estimated: bool) -> bool:
    """Return True if clearly less was read than there was."""
    share = ROUGH_SHARE if estimated else SHARE
    return expected - read > max(TOLERANCE, expected * share)


Rule = Callable[[Evidence], object]

RULES: tuple[tuple[Reason, Rule], ...] = (
    ("uncached", lambda it: not it.marked and not it.read),
    ("hit", lambda it: not it.known and it.read > it.written),
    ("first", lambda it: not it.known),
    ("compaction", lambda it: it.compaction),
    ("hit", lambda it: it.read and not it.short),
    ("too_small", lambda it: not it.read and not it.written and it.total < it.minimum),
    ("first", lambda it: not it.expected and it.written),
    ("unknown", lambda it: not it.same_account),
    ("model_changed", lambda it: not it.same_model),
    ("tools_changed", lambda it: it.changed == "tool"),
    ("system_changed", lambda it: it.changed == "system"),
    ("messages_changed", lambda it: it.changed == "messages"),
    ("params_changed", lambda it: it.param),
    ("ttl_expired", lambda it: it.expired),
    ("concurrent", lambda it: it.pending),
    ("lookback", lambda it: it.blocks >= LOOKBACK),
    ("upstream", lambda _: True),
)


def decide(it: Evidence) -> Verdict:
    """Return the verdict of the first rule that fits."""
    reason = next(reason for reason, rule in RULES if rule(it))
    missed = max(0, it.expected - it.read) if reason in MISSES and it.short else 0
    place, kind = None, None
    if reason in ("tools_changed", "system_changed", "messages_changed") and it.difference:
        place, kind = it.difference.index, it.difference.kind
    elif reason == "params_changed":
        kind = it.param
    blocks = it.blocks if reason == "lookback" else None
    return Verdict(reason, it.expected, missed, place, kind, blocks)
