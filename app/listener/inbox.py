"""What waits for the application of one request."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from hypercorn.asyncio.task_group import TaskGroup as StockTaskGroup

from .departure import watching

log = structlog.get_logger(__name__)


class Inbox:
    """Messages for an application: at most ``size`` of a body, 0 for any number.

    Stock's queue blocks the connection's reader for good once the application has ended with
    its request unread; this one then takes everything and keeps nothing. While it is full, a
    client that ``departed`` is reported to ``left``.
    """

    def __init__(self, size: int, departed: Callable[[], bool], left: Callable[[], object]) -> None:
        self._size = size
        self._departed = departed
        self._left = left
        self._messages: deque[Any] = deque()
        self._ended = False
        self._readable = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, message: Any) -> None:
        """Add a message; waits while there is no room for more of a body."""
        while self._full and message["type"] == "http.request":
            self._room.clear()
            await watching(self._room, self._departed, self._left)
        if not self._ended:
            self._messages.append(message)
            self._readable.set()

    async def get(self) -> Any:
        """Take the next message out, waiting for it."""
        while not self._messages:
            self._readable.clear()
            await self._readable.wait()
        self._room.set()
        return self._messages.popleft()

    def end(self) -> None:
        """Take no more: the application has ended."""
        self._ended = True
        self._messages.clear()
        self._room.set()

    @property
    def _full(self) -> bool:
        return bool(self._size) and len(self._messages) >= self._size and not self._ended


class TaskGroup(StockTaskGroup):
    """The tasks of one connection; each request's application has an `Inbox`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, departed: Callable[[], bool]) -> None:
        super().__init__(loop)
        self._departed = departed

    async def spawn_app(
        self, app: Any, config: Any, scope: Any, send: Callable[[Any], Awaitable[None]]
    ) -> Callable[[Any], Awaitable[None]]:
        """Start an application; return what hands it a message."""
        inbox = Inbox(config.max_app_queue_size, self._departed, scope["extensions"]["left"].set)
        self.spawn(_run, app, scope, inbox, send)
        return inbox.put


async def _run(app: Any, scope: Any, inbox: Inbox, send: Callable[[Any], Awaitable[None]]) -> None:
    try:
        await asyncio.sleep(0)  # a request that is reset at once is not started (CVE-2023-44487)
        if scope["extensions"]["left"].is_set:
            return
        await app(scope, inbox.get, send, None, None)
    except Exception as exc:  # noqa: BLE001 - this request's end is not the connection's
        log.error("the application failed", error=type(exc).__name__)  # noqa: TRY400 - may quote
    finally:
        inbox.end()
        await send(None)
