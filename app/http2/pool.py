"""Who gets which slot, and when to connect. Pure: told what happened, it says what to do.

Theory of operation. A *ticket* waits, first come first served, for a slot: the right to open one
stream on a *member*, a connection that is up. Whenever something has happened, `Pool.assign`

1. grants free slots to the oldest tickets, on the least loaded member;
2. binds the tickets that remain to *attempts* to connect, one for as many tickets as the last
   member allowed streams; before that is known, one attempt for all;
3. names the idle members that are too many.

An attempt that fails takes the tickets bound to it along. A binding reserves nothing: a slot
that comes free elsewhere goes to the oldest ticket, bound or not.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Member(Protocol):
    """What the pool reads of a connection; it alone changes ``used``."""

    limit: int  # streams that may be open at a time
    settled: bool  # whether ``limit`` is the peer's word
    used: int  # slots given out


M = TypeVar("M", bound=Member)


@dataclass(eq=False, slots=True)
class Attempt:
    """A connection being made. ``stuck`` once someone has lost patience: nobody joins it then."""

    tickets: "set[Ticket]" = field(default_factory=set)
    stuck: bool = False


@dataclass(eq=False)
class Ticket:
    """A request without a slot; ``attempt`` is the one it is bound to."""

    attempt: Attempt | None = None


T = TypeVar("T", bound=Ticket)


@dataclass(frozen=True, slots=True)
class Assignment(Generic[T, M]):
    """What to do now."""

    granted: list[tuple[T, M]]
    bound: list[T]  # to an attempt: its patience is the connect time-out from now on
    attempts: list[Attempt]  # to begin
    surplus: list[M]  # to close


class Pool(Generic[T, M]):
    """The slots of one origin.

    State: ``members`` in the order they came, ``_attempts`` under way, ``_waiting`` tickets in
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
        for ticket in tickets:
            del self._waiting[ticket]
        return tickets

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

    def retired(self, member: M) -> None:
        """Give no more slots of a member; the streams it has go on without the pool."""
        if member in self.members:
            self.members.remove(member)

    def released(self, member: M) -> None:
        """Take a slot back."""
        member.used -= 1

    # What to do about it

    def assign(self) -> Assignment[T, M]:
        """Decide, and take the decision as carried out."""
        granted = self._grant()
        bound, begun = self._bind()
        return Assignment(granted, bound, begun, self._surplus())

    def _grant(self) -> list[tuple[T, M]]:
        granted = []
        while self._waiting and (member := self._least_loaded()) is not None:
            ticket, _ = self._waiting.popitem(last=False)
            self._unbind(ticket)
            member.used += 1
            granted.append((ticket, member))
        return granted

    def _least_loaded(self) -> M | None:
        free = [member for member in self.members if member.used < member.limit]
        return min(free, key=lambda member: member.used, default=None)

    def _bind(self) -> tuple[list[T], list[Attempt]]:
        bound: list[T] = []
        begun: list[Attempt] = []
        unbound = [ticket for ticket in self._waiting if ticket.attempt is None]
        for ticket in unbound[self._coming() :]:
            attempt = self._joinable()
            if attempt is None:
                if len(self.members) + len(self._attempts) >= self._max_connections:
                    break
                attempt = Attempt()
                self._attempts.append(attempt)
                begun.append(attempt)
            ticket.attempt = attempt
            attempt.tickets.add(ticket)
            bound.append(ticket)
        return bound, begun

    def _coming(self) -> int:
        """How many slots members will have once their SETTINGS are here."""
        unsettled = [member for member in self.members if not member.settled]
        if unsettled and self._expected is None:
            return len(self._waiting)
        return sum((self._expected or 0) - member.used for member in unsettled)

    def _joinable(self) -> Attempt | None:
        for attempt in self._attempts:
            if not attempt.stuck and len(attempt.tickets) < (self._expected or self.waiting):
                return attempt
        return None

    def _surplus(self) -> list[M]:
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
