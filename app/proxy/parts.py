"""What all requests share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from ..budgets.guard import Guard
from ..exchange import Observer
from .admission import Admission
from .backlog import Backlog
from .caching import OFF, Caching
from .request.body import HOLD_BUDGET
from .request.hold_budget import HoldBudget
from .upstream.upstream import Upstream

if TYPE_CHECKING:
    from .scrubbing import Scrubbing


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a proxy.

    ``clock`` is monotonic, ``wall`` the time of day, ``body_timeout`` how long a body may make no
    progress: all in seconds. ``max_body_size`` is in bytes. Records are made in the ``backlog``,
    and responses are read in ``reading``.
    """

    upstream: Upstream
    admission: Admission
    observer: Observer
    clock: Callable[[], float]
    wall: Callable[[], float]
    max_body_size: int
    access_token: str | None = None
    body_timeout: float | None = None
    scrubbing: "Scrubbing | None" = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    caching: Caching = OFF
    backlog: Backlog = msgspec.field(default_factory=Backlog)
    reading: Backlog = msgspec.field(default_factory=Backlog)
    guard: Guard | None = None  # of the budgets, where they are enforced
    hold_budget: HoldBudget = msgspec.field(default_factory=lambda: HoldBudget(HOLD_BUDGET))
