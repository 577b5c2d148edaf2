"""Who gets which slot, and when to connect. Pure: told what happened, it says what to do.

Theory of operation. A *ticket* waits, first come first served, for a slot: the right to open one
stream on a *member*, a connection that is up. Whenever something has happened, `Pool.assign`

1. grants free slots to the oldest tickets, on the least loaded member;
2. binds the tickets that remain to *attempts* to connect, one for as many tickets as the last
   member allowed streams; before that is known, one attempt for all;
3. names the idle members that are too many, once nobody waits.

An attempt that fails takes the tickets bound to it along. A binding reserves nothing: a slot
that comes free elsewhere goes to the oldest ticket, bound or not.

A member that was silent for long is doubtful: it gets no slot before a probe was answered. While
the answer may be near, the slots it has count as coming; once it is late, somebody connects.

A connection grows by need, too. The window of one bounds what all its uploads send in a round
trip; another connection takes about `PATIENCE` round trips to make. So a *choosy* ticket, one
with a large upload, is not granted a slot where those before it take longer than that, as long
as it can have another connection. It waits for a preference only: it does not fail with its
attempt, but `settle_for_less` and takes the slot it was too good for.
"""

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

import msgspec


class Member(Protocol):
    """What the pool reads of a connection; it alone changes ``used``."""

    limit: int  # streams that may be open at a time
    settled: bool  # whether ``limit`` is the peer's word
    used: int  # slots given out
    owed: int  # bytes of uploads granted and not yet written

    @property
    def doubtful(self) -> bool:
        """Whether it must show that its peer is there before it gets a stream."""

    @property
    def late(self) -> bool:
        """Whether that takes long."""

    @property
    def round_trips(self) -> float:
        """Round trips that its uploads take at the width of its window."""


M = TypeVar("M", bound=Member)

PATIENCE = 3.0  # round trips of other uploads before another connection is worth it: TCP, TLS, one


class Attempt(msgspec.Struct, eq=False):
    """A connection being made. ``stuck`` once someone has lost patience: nobody joins it then."""

    tickets: "set[Ticket]" = msgspec.field(default_factory=set)
    stuck: bool = False


class Ticket:
    """A request without a slot; ``attempt`` is the one it is bound to.

    ``upload`` is the size of its body in bytes, ``choosy`` whether it may wait for a better slot
    than there is, ``held`` whether it does.
    """

    def __init__(self, *, upload: int = 0, choosy: bool = False) -> None:
        self.attempt: Attempt | None = None
        self.upload = upload
        self.choosy = choosy
        self.held = False


T = TypeVar("T", bound=Ticket)


class Assignment(msgspec.Struct, Generic[T, M], frozen=True):
    """What to do now."""

    granted: list[tuple[T, M]]
    bound: list[T]  # to an attempt: its patience is the connect time-out from now on
    held: list[T]  # bound as well, but by choice: a slot was free
    attempts: list[Attempt]  # to begin
    surplus: list[M]  # to close
    doubted: list[M]  # to probe


class Pool(Generic[T, M]):
    """The slots of one origin.

    State: ``members`` in the order they came, ``_attempts`` in progress, ``_waiting`` tickets in
    the order they came (values unused), ``_expected`` streams per connection, once known.
    """

    def __init__(self, *, max_connections: int, max_keepalive: int) -> None:
        self.members: list[M] = []
        self._max_connections = max_connections
        self._max_keepalive = max_keepalive
        self._attempts: list[Attempt] = []
        self._waiting: OrderedDict[T, None] = OrderedDict()
        self._expected: int | None = None

    @property
    def waiting(self) -> int:
        """How many tickets wait."""
        return len(self._waiting)

    @property
    def calm(self) -> bool:
        """Whether `assign` has nothing to decide."""
        return not self._waiting and len(self.members) <= self._max_keepalive

    # What has happened

    def join(self, ticket: T) -> None:
        """Let a request wait for a slot."""
        self._waiting[ticket] = None

    def leave(self, ticket: T, *, impatient: bool) -> Attempt | None:
        """Give a ticket up; return the attempt that nobody waits for any more."""
        self._waiting.pop(ticket, None)
        attempt = ticket.attempt
        if attempt is None:
            return None
        self._unbind(ticket)
        attempt.stuck = attempt.stuck or impatient
        if attempt.tickets:
            return None
        self._attempts.remove(attempt)
        return attempt

    def connected(self, attempt: Attempt, member: M) -> list[T]:
        """End an attempt that succeeded; return the tickets that now wait for a slot."""
        self.members.append(member)
        return self._finish(attempt)

    def failed(self, attempt: Attempt) -> list[T]:
        """End an attempt that failed; return the tickets that fail with it."""
        tickets = self._finish(attempt)
        failing = [ticket for ticket in tickets if not ticket.held]
        for ticket in tickets:
            self.settle_for_less(ticket)
        for ticket in failing:
            del self._waiting[ticket]
        return failing

    def settle_for_less(self, ticket: T) -> None:
        """Let a ticket take any slot: it has waited long enough for a better one."""
        ticket.choosy = ticket.held = False

    def abandon(self) -> list[T]:
        """Give every ticket up; return them."""
        tickets = list(self._waiting)
        for ticket in tickets:
            self._unbind(ticket)
        self._waiting.clear()
        self._attempts.clear()
        return tickets

    def settled(self, member: M) -> None:
        """Learn what a member's peer allows."""
        self._expected = max(1, member.limit)

    def drain_started(self, member: M) -> None:
        """Give no more slots of a member; the streams it has go on without the pool."""
        if member in self.members:
            self.members.remove(member)

    def released(self, member: M) -> None:
        """Take a slot back."""
        member.used -= 1

    # What to do about it

    def take(self, *, upload: int, choosy: bool) -> M | None:
        """Grant a slot without a ticket where `assign` would grant it to one that joins now."""
        member = None if self._waiting else self._least_loaded()
        if member is None or (choosy and member.round_trips >= PATIENCE):
            return None
        member.used += 1
        member.owed += upload
        return member

    def assign(self) -> Assignment[T, M]:
        """Decide, and take the decision as carried out."""
        if not self._waiting:  # as nearly always
            return Assignment([], [], [], [], self._surplus(), [])
        granted = self._grant()
        bound, held, begun = self._bind()
        if self._waiting and self._least_loaded() is not None:
            granted += self._grant()  # to those who would have waited for one connection too many
        doubted = [one for one in self._free() if one.doubtful] if self._waiting else []
        return Assignment(granted, bound, held, begun, self._surplus(), doubted)

    def _grant(self) -> list[tuple[T, M]]:
        granted = []
        member = self._least_loaded()
        for ticket in tuple(self._waiting):
            if member is None:
                ticket.held = False
                continue
            if self._prefers_another(ticket, member):
                continue
            del self._waiting[ticket]
            self._unbind(ticket)
            member.used += 1
            member.owed += ticket.upload
            granted.append((ticket, member))
            member = self._least_loaded()
        return granted

    def _least_loaded(self) -> M | None:
        free = [one for one in self.members if one.used < one.limit and not one.doubtful]
        if not free:
            return None
        return free[0] if len(free) == 1 else min(free, key=_load)

    def _free(self) -> list[M]:
        return [member for member in self.members if member.used < member.limit]

    def _prefers_another(self, ticket: T, member: M) -> bool:
        """Return True if a ticket is to wait for another connection than the best there is."""
        ticket.held = (
            ticket.choosy
            and member.round_trips >= PATIENCE
            and (self._may_connect() or self._more_are_coming())
        )
        return ticket.held

    def _more_are_coming(self) -> bool:
        return bool(self._attempts) or not all(member.settled for member in self.members)

    def _may_connect(self) -> bool:
        return len(self.members) + len(self._attempts) < self._max_connections

    def _bind(self) -> tuple[list[T], list[T], list[Attempt]]:
        bound: list[T] = []
        held: list[T] = []
        begun: list[Attempt] = []
        unbound = [ticket for ticket in self._waiting if ticket.attempt is None]
        for ticket in unbound[self._coming() :]:
            attempt = self._joinable(ticket)
            if attempt is None:
                if not self._may_connect():
                    break
                attempt = Attempt()
                self._attempts.append(attempt)
                begun.append(attempt)
            ticket.attempt = attempt
            attempt.tickets.add(ticket)
            (held if ticket.held else bound).append(ticket)
        return bound, held, begun

    def _coming(self) -> int:
        """How many slots members will have once their SETTINGS, or answers, are here."""
        unsettled = [member for member in self.members if not member.settled and not member.late]
        if unsettled and self._expected is None:
            return len(self._waiting)
        doubted = [one for one in self._free() if one.settled and one.doubtful and not one.late]
        return sum((self._expected or 0) - member.used for member in unsettled) + sum(
            member.limit - member.used for member in doubted
        )

    def _joinable(self, ticket: T) -> Attempt | None:
        """Return the attempt to join, if any; those held have one each as long as that goes."""
        open_ones = [attempt for attempt in self._attempts if not attempt.stuck]
        if ticket.held:
            fewest = min(open_ones, key=lambda attempt: len(attempt.tickets), default=None)
            return None if self._may_connect() else fewest
        most = self._expected or self.waiting
        return next((one for one in open_ones if len(one.tickets) < most), None)

    def _surplus(self) -> list[M]:
        """Take out the idle members that are too many.

        None while somebody waits: each would make room for another attempt, and so on forever
        where the peer allows no stream at all.
        """
        if self._waiting:
            return []
        idle = [member for member in self.members if not member.used]
        surplus = idle[: max(0, len(idle) - self._max_keepalive)]
        for member in surplus:
            self.members.remove(member)
        return surplus

    def _finish(self, attempt: Attempt) -> list[T]:
        self._attempts.remove(attempt)
        tickets = [ticket for ticket in self._waiting if ticket.attempt is attempt]
        for ticket in tickets:
            self._unbind(ticket)
        return tickets

    def _unbind(self, ticket: T) -> None:
        if ticket.attempt is not None:
            ticket.attempt.tickets.discard(ticket)
            ticket.attempt = None


def _load(member: Member) -> tuple[bool, float]:
    """Order members: those whose uploads can wait first, then by streams."""
    late = member.round_trips >= PATIENCE
    return late, member.round_trips if late else member.used
