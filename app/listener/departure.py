"""Noticing that a client has left while nothing is read from it (behaviour C4).

Over HTTP/1.1 a request that nobody takes further, or a second one behind the running one, keeps
the connection's reader from reading, and so from learning of the end. The kernel knows it all the
same.
"""

import asyncio
import select
from collections.abc import Callable

INTERVAL = 0.05  # seconds between two looks, while reading is held up
_ENDED = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)  # the last: Linux only


class Departure:
    """Looks whether the peer of a transport has closed or reset the connection."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), _ENDED)

    def __call__(self) -> bool:
        """Tell whether it has; a transport that is closing may have lost its descriptor."""
        return self._transport.is_closing() or any(
            events & _ENDED for _, events in self._poll.poll(0)
        )


async def watching(
    event: asyncio.Event, departed: Callable[[], bool], left: Callable[[], object]
) -> None:
    """Wait for ``event``; call ``left`` when ``departed`` says so meanwhile."""
    while not event.is_set():
        try:
            async with asyncio.timeout(INTERVAL):
                await event.wait()
        except TimeoutError:
            if departed():
                left()
