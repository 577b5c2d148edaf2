"""One usage window of one account: how it fills, and what each session has used of it. Pure.

Upstream states with each answer how much is used. A rise between two statements is divided among
the requests that ended in between, by their cost. A rise without any is ``ELSEWHERE``: used by
another machine, or by requests that still run. Statements may come late, since a long answer is
recorded after a short one that began later: they are ordered by when they were made.

Times are in seconds since the epoch, ``used`` is a fraction of the window.
"""

from collections import OrderedDict, deque
from typing import NamedTuple

from .forecast import Forecast, Point, forecast

ELSEWHERE = "elsewhere"
POINTS = 400  # of a forecast; closer ones than a part of the longest span are dropped
WAITING = 500  # requests that wait for the next statement; older ones are added up
SESSIONS = 1_000  # whose shares are kept, those that used the window last
SAME_RESET = 120.0  # seconds: the same reset is stated with small differences
JUMP = 60.0  # seconds
FALL = 0.02  # a fall that is more than the differences between upstream's servers
LEAST = 1e-9  # the weight of a request whose cost is not known


class Ended(NamedTuple):
    """A request that has ended. ``kind`` is of a closed set; ``weight`` is its cost."""

    at: float
    session: str | None
    kind: str
    weight: float


class WindowUse:
    """How a window of ``length`` seconds fills.

    State: ``_points`` of the present window and when it resets; ``_waiting`` requests, and
    ``_settled``, the sums of those that ended before the last statement; fractions used by
    ``_sessions`` and by ``_kinds``.
    """

    def __init__(self, length: float) -> None:
        self._length = length
        self._points: deque[Point] = deque(maxlen=POINTS)
        self._last: Point | None = None
        self._reset: float | None = None
        self._waiting: deque[Ended] = deque()
        self._settled: OrderedDict[tuple[str | None, str], float] = OrderedDict()
        self._sessions: OrderedDict[str | None, float] = OrderedDict()
        self._kinds: dict[str, float] = {}

    @property
    def kinds(self) -> dict[str, float]:
        """The fractions that requests of each kind have used, as far as they were seen."""
        return dict(self._kinds)

    def share(self, session: str, now: float) -> float | None:
        """Return the fraction that a session was seen to use, None if none was."""
        over = self._reset is not None and self._reset <= now
        return None if over else self._sessions.get(session)

    def forecast(self, now: float) -> Forecast | None:
        """Return when the window will be full, None without enough data."""
        return forecast([*self._points], now, length=self._length, reset=self._reset)

    def ended(self, request: Ended) -> None:
        """Take a request that has ended."""
        self._waiting.append(request)
        if len(self._waiting) > WAITING:
            self._settle(self._waiting.popleft())

    def stated(self, at: float, used: float, reset: float | None, now: float) -> None:
        """Take a statement that was made ``at`` this time, and recorded ``now``."""
        if self._last is not None and self._last.at > now + JUMP:
            self._last = None  # the clock was set back
            self._waiting.clear()
            self._begin(at)
        before = self._last
        if before is not None and at <= before.at:
            return
        if before is not None and self._is_new(before, used, reset):
            self._begin(at)
            before = Point(before.at, 0.0)
        self._reset = self._reset if reset is None else reset
        self._settle_until(at)
        if before is None:
            self._settled.clear()  # what was used before the first statement is not known
        elif used > before.used:
            self._divide(used - before.used)
        elif self._points:
            used = before.used  # a server that lags behind
        self._last = Point(at, used)
        self._remember(self._last)

    def _is_new(self, before: Point, used: float, reset: float | None) -> bool:
        if reset is not None and self._reset is not None and abs(reset - self._reset) > SAME_RESET:
            return True
        return used < before.used - FALL

    def _begin(self, at: float) -> None:
        """Begin a new window: what the old one has is over, if not by its reset, then before."""
        if self._reset is not None and self._reset <= at:
            self._settle_until(self._reset)
        elif self._last is not None:
            self._settle_until(self._last.at)
        self._settled.clear()
        self._points.clear()
        self._sessions.clear()
        self._kinds.clear()
        self._reset = None

    def _settle_until(self, at: float) -> None:
        while self._waiting and self._waiting[0].at <= at:
            self._settle(self._waiting.popleft())

    def _settle(self, request: Ended) -> None:
        key = request.session, request.kind
        self._settled[key] = self._settled.get(key, 0.0) + max(request.weight, LEAST)
        self._settled.move_to_end(key)
        spare: dict[str, float] = {}
        while len(self._settled) > SESSIONS:
            (_, kind), weight = self._settled.popitem(last=False)
            spare[kind] = spare.get(kind, 0.0) + weight
        for kind, weight in spare.items():
            self._settled[None, kind] = self._settled.get((None, kind), 0.0) + weight

    def _divide(self, rise: float) -> None:
        total = sum(self._settled.values())
        if not total:
            self._kinds[ELSEWHERE] = self._kinds.get(ELSEWHERE, 0.0) + rise
        for (session, kind), weight in self._settled.items():
            part = rise * weight / total
            self._kinds[kind] = self._kinds.get(kind, 0.0) + part
            self._sessions[session] = self._sessions.get(session, 0.0) + part
            self._sessions.move_to_end(session)
        self._settled.clear()
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)

    def _remember(self, point: Point) -> None:
        """Keep a point if the window has filled, but not more often than a forecast needs."""
        gap = self._length / 5 / (POINTS / 2)
        if not self._points or point.used > self._points[-1].used:
            if len(self._points) > 1 and point.at - self._points[-2].at < gap:
                self._points.pop()
            self._points.append(point)
