"""The one timer that watches over a request, and how old a connection gets."""

import asyncio
import random
from collections.abc import Callable

JITTER = 0.2  # share of a connection's greatest age by which it may be younger


def jittered(age: float | None) -> float | None:
    """Return an age somewhat lower, so that connections made together do not end together."""
    return None if age is None else age * (1 - JITTER * random.random())  # noqa: S311 - no secret


class Alarm:
    """A timer that is moved far more often than it rings.

    Moving it only notes the new time; the loop's timer is armed again when it wakes too early.
    State: ``_due`` and ``_action`` (None while cleared), ``_timer`` (None while unarmed).
    """

    __slots__ = ("_action", "_due", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due = 0.0
        self._action: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float | None, action: Callable[[], None]) -> None:
        """Call ``action`` once, ``seconds`` from now, and cancel the earlier call."""
        if seconds is None:
            self._action = None
            return
        self._due = self._loop.time() + seconds
        self._action = action
        if self._timer is not None and self._timer.when() > self._due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._wake)

    def clear(self) -> None:
        """Ring no more until set again."""
        self._action = None

    def stop(self) -> None:
        """Let go of the loop's timer."""
        self._action = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        self._timer = None
        action = self._action
        if action is None:
            return
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._wake)
            return
        self._action = None
        action()
