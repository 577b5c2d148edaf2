"""The requests that came, within bounds, and the sums of what was announced to them."""

from dataclasses import replace

from .received import Received
from .usage import Usage

REQUESTS = 20_000  # kept; the oldest are forgotten first
BODIES = 256 * 2**20  # bytes of bodies kept, of requests that have ended
_SUMMED = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "thinking")


class History:
    """Keeps bodies of ``keep`` bytes in all.

    State: ``received`` in order, ``_ended`` with bodies of ``_held`` bytes, the sums.
    """

    def __init__(self, keep: int = BODIES) -> None:
        self._keep = keep
        self.received: list[Received] = []
        self.usage: dict[str, Usage] = {}
        self._ended: dict[Received, int] = {}
        self._held = 0

    def add(self, received: Received) -> None:
        """Keep a request that begins."""
        self.received.append(received)
        if len(self.received) > REQUESTS:
            for forgotten in self.received[: REQUESTS // 10]:
                self._held -= self._ended.pop(forgotten, 0)
            del self.received[: REQUESTS // 10]

    def end(self, received: Received) -> None:
        """Add up what an ended request was told, and bound the bodies held."""
        if received.usage is not None and received.model is not None:
            so_far = self.usage.get(received.model, Usage())
            self.usage[received.model] = added(so_far, received.usage)
        self._ended[received] = received.size
        self._held += received.size
        while self._held > self._keep:
            oldest = next(iter(self._ended))
            self._held -= self._ended.pop(oldest)
            oldest.forget()

    def clear(self) -> None:
        """Forget everything."""
        self.received.clear()
        self.usage.clear()
        self._ended.clear()
        self._held = 0


def added(one: Usage, other: Usage) -> Usage:
    """Return the sum of two usages' tokens; other fields are the first one's."""
    return replace(one, **{name: getattr(one, name) + getattr(other, name) for name in _SUMMED})
