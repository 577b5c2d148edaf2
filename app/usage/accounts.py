"""The usage windows of all accounts that use the proxy. Pure, bounded.

An account is a number, the keyed hash of its organization or credential.
"""

import functools
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping

import msgspec

from ..anthropic.limits import Window
from .forecast import Forecast
from .window import Ended, WindowUse

ACCOUNTS = 32  # that are remembered, those seen last
WINDOWS = 12  # of an account
FIVE_HOURS = "5h"

_LENGTH = re.compile(r"(\d{1,4})([mhd])(?:_([a-z0-9_]+))?", re.ASCII)
_UNITS = {"m": 60.0, "h": 3_600.0, "d": 86_400.0}
_FAMILIES = frozenset({"opus", "sonnet", "haiku", "fable", "mythos"})


class Request(msgspec.Struct, frozen=True):
    """A request that has ended; ``stated_at`` is when its answer began. Times since the epoch.

    ``windows`` is what its answer stated. ``cost`` is in any unit, None for one without a bill.
    """

    account: int
    ended_at: float
    stated_at: float
    session: str | None
    kind: str
    model: str
    cost: float | None
    windows: Mapping[str, Window]


class Accounts:
    """The windows of accounts. ``divided``: whether all requests of an account pass here.

    Where they do not, a rise cannot be divided among those that do, so there are no shares.
    State: ``_accounts``, the one seen last at the end.
    """

    def __init__(self, *, divided: bool = True) -> None:
        self._divided = divided
        self._accounts: OrderedDict[int, dict[str, WindowUse]] = OrderedDict()
        self._latest: dict[str, WindowUse] = {}

    def record(self, request: Request) -> None:
        """Take a request that has ended."""
        windows = self._accounts.setdefault(request.account, {})
        self._accounts.move_to_end(request.account)
        if len(self._accounts) > ACCOUNTS:
            self._accounts.popitem(last=False)
        for name, said in request.windows.items():
            if name not in windows and len(windows) < WINDOWS and (length := length_of(name)):
                windows[name] = WindowUse(length)
            if name in windows and said.utilization is not None:
                windows[name].stated(
                    request.stated_at, said.utilization, said.reset, request.ended_at
                )
        if request.windows:
            self._latest = windows
        if request.cost is None or not self._divided:
            return
        ended = Ended(request.ended_at, request.session, request.kind, request.cost)
        for name, window in windows.items():
            if counts(name, request.model):
                window.ended(ended)

    def forecasts(self, now: float) -> dict[str, Forecast]:
        """Return the forecasts of the account seen last, by window; those that can be made."""
        found = {name: window.forecast(now) for name, window in self._latest.items()}
        return {name: one for name, one in found.items() if one is not None}

    def kinds(self) -> Iterator[tuple[str, str, float]]:
        """Yield window, kind and fraction used, of the account seen last."""
        for name, window in self._latest.items():
            yield from ((name, kind, used) for kind, used in window.kinds.items())

    def share(self, session: str, now: float, window: str = FIVE_HOURS) -> float | None:
        """Return the fraction of its account's window that a session was seen to use, if any.

        Any thread may ask.
        """
        found = [known[window] for known in [*self._accounts.values()] if window in known]
        shares = [share for one in found if (share := one.share(session, now)) is not None]
        return max(shares, default=None) if self._divided else None


def length_of(name: str) -> float | None:
    """Return the seconds of a window like ``5h`` or ``7d_opus``, None for another name."""
    match = _LENGTH.fullmatch(name)
    return float(match[1]) * _UNITS[match[2]] or None if match else None


def counts(name: str, model: str) -> bool:
    """Return True if requests to ``model`` count in a window: ``7d_opus`` is for one family."""
    family = _family(name)
    return family is None or family in model


@functools.lru_cache(64)
def _family(name: str) -> str | None:
    """Return the family that a window is for, None if it is for all."""
    match = _LENGTH.fullmatch(name)
    return match[3] if match and match[3] in _FAMILIES else None
