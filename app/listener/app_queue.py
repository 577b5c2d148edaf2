"""Messages that wait for the application of one request."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from hypercorn.asyncio.task_group import TaskGroup as StockTaskGroup

from .disconnect_poll import wait_or_disconnect

QUEUED = 64 * 1024  # bytes of a body that wait; more come with the last of them

log = structlog.get_logger(__name__)


class AppQueue:
    """Messages for an application: at most ``size`` of a body, or `QUEUED`; 0 for any number.

    Stock's queue blocks the connection's reader for good once the application has ended with
    its request unread; this one then takes everything and keeps nothing. While it is full, a
    disconnect of the client is reported to ``on_disconnect``.
    """

    def __init__(
        self, size: int, disconnected: Callable[[], bool], on_disconnect: Callable[[], object]
    ) -> None:
        self._size = size
        self._disconnected = disconnected
        self._on_disconnect = on_disconnect
        self._messages: deque[Any] = deque()
        self._waiting = 0
        self._ended = False
        self._readable = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, message: Any) -> None:
        """Add a message; waits while there is no room for more of a body."""
        while message["type"] == "http.request" and self._full:
            self._room.clear()
            await wait_or_disconnect(self._room, self._disconnected, self._on_disconnect)
        if not self._ended:
            self._messages.append(message)
            self._waiting += len(message.get("body", b""))
            self._readable.set()

    async def get(self) -> Any:
        """Take the next message out, waiting for it."""
        while not self._messages:
            self._readable.clear()
            await self._readable.wait()
        return self.poll()

    def poll(self) -> Any:
        """Take the next message out; None if there is none yet."""
        if not self._messages:
            return None
        self._room.set()
        message = self._messages.popleft()
        self._waiting -= len(message.get("body", b""))
        return message

    def end(self) -> None:
        """Take no more: the application has ended."""
        self._ended = True
        self._messages.clear()
        self._room.set()

    @property
    def _full(self) -> bool:
        if not self._size or self._ended:
            return False
        return len(self._messages) >= self._size or self._waiting >= QUEUED


class TaskGroup(StockTaskGroup):
    """The tasks of one connection; each request's application has an `AppQueue`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, disconnected: Callable[[], bool]) -> None:
        super().__init__(loop)
        self._disconnected = disconnected

    async def spawn_app(
        self, app: Any, config: Any, scope: Any, send: Callable[[Any], Awaitable[None]]
    ) -> Callable[[Any], Awaitable[None]]:
        """Start an application; return what hands it a message."""
        queue = AppQueue(
            config.max_app_queue_size, self._disconnected, scope["extensions"]["disconnect"].set
        )
        scope["extensions"]["poll"] = queue.poll
        self.spawn(_run, app, scope, queue, send)
        return queue.put


async def _run(
    app: Any, scope: Any, queue: AppQueue, send: Callable[[Any], Awaitable[None]]
) -> None:
    try:
        if scope["http_version"] == "2":
            await asyncio.sleep(0)  # one that is reset at once is not started (CVE-2023-44487)
        if scope["extensions"]["disconnect"].is_set:
            return
        await app(scope, queue.get, send, None, None)
    except Exception as exc:  # noqa: BLE001 - this request's end is not the connection's
        log.error("the application failed", error=type(exc).__name__)  # noqa: TRY400 - may quote
    finally:
        queue.end()
        await send(None)
