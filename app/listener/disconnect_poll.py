"""Detect client disconnects while nothing is read from the connection (behaviour C4).

Over HTTP/1.1 a request that nobody takes further, or a second one behind the running one, keeps
the connection's reader from reading, and so from seeing the end. The kernel has seen it.
"""

import asyncio
import select
from collections.abc import Callable

INTERVAL = 0.05  # seconds between two looks, while reading is held up
_ENDED = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)  # the last: Linux only


class DisconnectPoll:
    """Looks whether the peer of a transport has closed or reset the connection."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), _ENDED)

    def __call__(self) -> bool:
        """Return True if it has; a closing transport may have lost its descriptor."""
        return self._transport.is_closing() or any(
            events & _ENDED for _, events in self._poll.poll(0)
        )


async def wait_or_disconnect(
    event: asyncio.Event, disconnected: Callable[[], bool], on_disconnect: Callable[[], object]
) -> None:
    """Wait for ``event``; call ``on_disconnect`` if the client disconnects meanwhile."""
    while not event.is_set():
        try:
            async with asyncio.timeout(INTERVAL):
                await event.wait()
        except TimeoutError:
            if disconnected():
                on_disconnect()
