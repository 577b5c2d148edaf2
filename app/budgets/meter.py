"""The spend of each period of each budget, by this process and by others. Pure.

This process adds its own spend as requests end, so it is never late. What all processes have
spent is read from their ledger from time to time. A reading may lack the last rows of this
process, and is never counted twice: the others have spent at least the ledger's sum less all of
our own. So the total may lag behind others by a reading, and never exceeds what was spent.

Amounts are in billionths of a US dollar, times in seconds since the epoch.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from .periods import day_of
from .rules import THRESHOLDS, Budget

SESSIONS = 4_096  # that are remembered, those seen last; about 1 MB
DAYS = 4  # dates of which sums are kept, those used last: long requests and clocks cross midnight

Key = tuple[str, str]  # a budget's name, and its period: a date or a session


class Spend(msgspec.Struct, frozen=True):
    """Amounts that were spent, and ``unpriced`` attempts whose price is not known."""

    cost: int = 0
    unpriced: int = 0

    def __add__(self, other: "Spend") -> "Spend":
        return Spend(self.cost + other.cost, self.unpriced + other.unpriced)

    def less(self, other: "Spend", *, least: "Spend") -> "Spend":
        """Return what remains without ``other``, but at least ``least``."""
        return Spend(
            max(self.cost - other.cost, least.cost),
            max(self.unpriced - other.unpriced, least.unpriced),
        )


class Reached(msgspec.Struct, frozen=True):
    """A threshold in percent that the spend of a period has reached."""

    budget: Budget
    period: str
    threshold: int
    spent: Spend


class Standing(msgspec.Struct, frozen=True):
    """Where a budget stands today: ``spent`` of the period that has spent most.

    ``over`` has the number of periods at or above each threshold: several for sessions only.
    """

    budget: Budget
    spent: Spend
    over: Mapping[int, int]


class _Sum(msgspec.Struct):
    """State of a period; ``announced`` is the highest threshold that was reported as reached."""

    budget: Budget
    own: Spend = Spend()
    others: Spend = Spend()
    announced: int = 0
    day: str = ""  # of its last spend

    @property
    def spent(self) -> Spend:
        return self.own + self.others

    @property
    def percent(self) -> int:
        return self.spent.cost * 100 // self.budget.limit


class Meter(msgspec.Struct):
    """Sums for ``budgets``.

    State: sums of days by budget and date in ``_days``, sums of sessions in ``_sessions``, the
    ones used last at the end; ``_reached``, what `take_reached` will return.
    """

    budgets: Sequence[Budget]
    _days: OrderedDict[Key, _Sum] = msgspec.field(default_factory=OrderedDict)
    _sessions: OrderedDict[Key, _Sum] = msgspec.field(default_factory=OrderedDict)
    _reached: dict[Key, Reached] = msgspec.field(default_factory=dict)

    def add(
        self, time: float, session: str | None, labels: Mapping[str, str], spend: Spend
    ) -> None:
        """Add what a request of this process has cost; it began at ``time``."""
        if not spend.cost and not spend.unpriced:
            return
        day = day_of(time)
        for budget in self.budgets:
            if budget.applies(session, labels):
                period = str(session) if budget.per_session else day
                one = self._sum(budget, period)
                one.own += spend
                one.day = day
                self._check(one, period)

    def read(self, sums: Mapping[Key, tuple[Spend, str]]) -> None:
        """Take the ledger's sums of all processes, each with the date of its last spend."""
        for budget in self.budgets:
            for (name, period), (spend, day) in sums.items():
                if name != budget.name:
                    continue
                one = self._sum(budget, period)
                one.others = spend.less(one.own, least=one.others)
                one.day = max(one.day, day)
                self._check(one, period)

    def take_reached(self) -> list[Reached]:
        """Return the thresholds that were reached since the last call, the highest of a period."""
        reached, self._reached = [*self._reached.values()], {}
        return reached

    def exceeded(
        self, time: float, session: str | None, labels: Mapping[str, str]
    ) -> Standing | None:
        """Return the first budget that a request at ``time`` would exceed, None to let it pass."""
        for budget in self.budgets:
            one = self._known(budget, time, session, labels)
            if one is not None and one.spent.cost >= budget.limit:
                return Standing(budget, one.spent, {})
        return None

    def standings(self, time: float) -> list[Standing]:
        """Return where each budget stands on the day of ``time``."""
        day = day_of(time)
        return [_standing(budget, [*self._today(budget, day)]) for budget in self.budgets]

    def _today(self, budget: Budget, day: str) -> Iterator[_Sum]:
        if budget.per_session:
            yield from (one for one in self._sessions.values() if one.day == day)
        elif (one := self._days.get((budget.name, day))) is not None:
            yield one

    def _known(
        self, budget: Budget, time: float, session: str | None, labels: Mapping[str, str]
    ) -> _Sum | None:
        if not budget.applies(session, labels):
            return None
        if budget.per_session:
            return self._sessions.get((budget.name, str(session)))
        return self._days.get((budget.name, day_of(time)))

    def _sum(self, budget: Budget, period: str) -> _Sum:
        """Return the sum of a period; the one unused for longest is forgotten if there are many."""
        sums, room = self._days, DAYS * len(self.budgets)
        if budget.per_session:
            sums, room = self._sessions, SESSIONS
        key = budget.name, period
        one = sums.setdefault(key, _Sum(budget))
        sums.move_to_end(key)
        if len(sums) > room:
            sums.popitem(last=False)
        return one

    def _check(self, one: _Sum, period: str) -> None:
        threshold = max((t for t in THRESHOLDS if one.percent >= t), default=0)
        if threshold > one.announced:
            one.announced = threshold
            self._reached[one.budget.name, period] = Reached(
                one.budget, period, threshold, one.spent
            )


def _standing(budget: Budget, sums: Sequence[_Sum]) -> Standing:
    most = max((one.spent for one in sums), key=lambda spent: spent.cost, default=Spend())
    over = {t: sum(one.percent >= t for one in sums) for t in THRESHOLDS}
    return Standing(budget, most, over)
