"""A bounded memory of bodies, for the next turn of their conversations.

What a body repeats of an earlier one, from the first message on, has the same outcome if the state
of the ledger before it is the same: so it need not be read, and the outcomes are kept by place.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from ..json.document import Unit, first_message, units
from ..json.repeated import (
    Messages,
    Repeated,
    messages_of,
    repeated,
    shifted,
    units_beside,
)
from .cache import Outcome
from .ledger import Ledger

MOST_TURNS = 128  # conversations: each is compared to a new body
_OVERHEAD = 4096  # bytes of a turn beside its texts, about
_NEARLY_ALL = 7 / 8  # of a body, after which the search for more ends

Noted = tuple[Unit, Outcome]


class Turn(msgspec.Struct, frozen=True, eq=False):
    """A body that was redacted: the ledger's ``digest`` before its messages, and what was found.

    ``outcomes`` are those of the messages in which something was found, in order.
    """

    messages: Messages
    digest: bytes
    outcomes: tuple[Noted, ...]

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        held = sum(outcome.size for _, outcome in self.outcomes)
        return _OVERHEAD + len(self.messages.body) + 32 * len(self.messages.starts) + held

    def again(self, same: Repeated) -> Iterator[Noted]:
        """Yield the outcomes of the messages that another body repeats."""
        for unit, outcome in self.outcomes:
            if unit.start >= same.end - same.shift:
                return
            yield shifted(unit, same.shift), outcome


class Turns:
    """The latest turns of conversations, up to ``limit`` bytes: the least recently used go."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._turns: OrderedDict[Turn, int] = OrderedDict()  # and their sizes
        self._size = 0

    def before(self, body: bytes) -> tuple[Turn, Repeated] | None:
        """Return the turn of which a body repeats most, or nearly all of itself, and what."""
        with self._lock:
            turns = list(reversed(self._turns))
        start = first_message(body) if turns else None
        if start is None:
            return None
        best: tuple[Turn, Repeated] | None = None
        for turn in (one for one in turns if body.startswith(one.messages.head, start)):
            same = repeated(body, start, turn.messages)
            if same is not None and (best is None or same.end > best[1].end):
                best = turn, same
                if same.end - same.start > _NEARLY_ALL * len(body):
                    break
        return best

    def keep(self, turn: Turn, before: Turn | None) -> None:
        """Keep a turn, instead of the one ``before`` it."""
        size = turn.size
        if size > self._limit // 2:
            return
        with self._lock:
            if before is not None:
                self._size -= self._turns.pop(before, 0)
            self._turns[turn] = size
            self._size += size
            while self._size > self._limit or len(self._turns) > MOST_TURNS:
                self._size -= self._turns.popitem(last=False)[1]


class Course:
    """The way through one body, unit by unit, with what an earlier turn tells.

    ``units`` are those that have to be read. State: what is noted for the next turn.
    """

    def __init__(self, body: bytes, turns: Turns) -> None:
        self._body = body
        self._turns = turns
        self._before: tuple[Turn, Repeated] | None = turns.before(body)
        beside = None if self._before is None else units_beside(body, self._before[1])
        if beside is None:
            self._before = None
        self.units = units(body) if beside is None else beside
        self._digest = b""
        self._noted: list[Noted] = []

    def parts(
        self, ledger: Ledger, rest: Callable[[Iterable[Unit]], Iterable[Unit]] = iter
    ) -> Iterator[tuple[Unit, Outcome | None]]:
        """Yield the units in cache order, and their outcomes if those are known.

        ``rest`` returns those of units that have to be gone through. When one is asked for, the
        ``ledger`` has to be in the state after the one before.
        """
        found = self.units
        place = next((at for at, one in enumerate(found) if one.path[0] == "messages"), len(found))
        yield from ((unit, None) for unit in rest(found[:place]))
        if place < len(found):
            self._digest = ledger.digest
            yield from self._repeated(place, ledger)
        yield from ((unit, None) for unit in rest(found[place:]))

    def _repeated(self, place: int, ledger: Ledger) -> Iterator[tuple[Unit, Outcome | None]]:
        """Yield the messages repeated: those that matter, or all if they may have changed."""
        if self._before is None:
            return
        turn, same = self._before
        if ledger.digest == turn.digest:
            yield from turn.again(same)
        else:
            whole = units(self._body)
            yield from ((unit, None) for unit in whole[place : place + same.number])

    def note(self, unit: Unit, outcome: Outcome) -> None:
        """Note the outcome of a unit for the next turn."""
        if unit.path[0] == "messages" and not outcome.is_empty:
            self._noted.append((unit, outcome))

    def keep(self) -> None:
        """Keep the body for the next turn, instead of one of which it repeats most."""
        turn, same = self._before or (None, None)
        messages = messages_of(self._body, self.units, same)
        if messages is not None:
            kept = Turn(messages, self._digest, tuple(self._noted))
            self._turns.keep(kept, turn if same is not None and same.is_most else None)
