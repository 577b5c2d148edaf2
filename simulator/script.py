"""Which step a request takes: its own header's, else the next in the queue, else the default."""

from collections import deque

from .received import Received
from .step import Step

HEADER = b"x-simulate"
KEY_HEADER = b"x-simulate-key"  # tells apart clients that send the same steps
NAMED = 10_000  # header values whose steps are in progress, the oldest forgotten first
NORMAL = Step()


class Script:
    """The steps to come.

    A header's steps are played in turn by the requests that carry exactly its value (and key),
    then from the start. When one of them is repeated, a normal answer follows the last, so that
    ``529*2`` is two refusals and an answer.

    The queue's first step goes to the next request; when it has a ``match``, the choice has to
    wait for the request's body and falls on the first step that fits it.

    State: ``_queue`` for any request under ``/v1/``, ``_named`` for each header value begun.
    """

    def __init__(self) -> None:
        self._queue: deque[Step] = deque()
        self._named: dict[tuple[bytes, bytes | None], deque[Step]] = {}

    def add(self, *steps: Step) -> None:
        """Queue steps."""
        for step in steps:
            self._queue.extend([step] * step.times)

    def take(self, received: Received) -> Step | None:
        """Return the step for a request whose head has come, or None when its body matters.

        Raises `ValueError` when its header names none.
        """
        value = received.header(HEADER)
        if value is not None:
            return self._take_named(value, received.header(KEY_HEADER))
        if not self._queue or not received.target.startswith(b"/v1/"):
            return NORMAL
        return self._queue.popleft() if self._queue[0].match is None else None

    def take_matching(self, body: bytes) -> Step:
        """Return the step for a request whose body is whole."""
        for at, step in enumerate(self._queue):
            if step.match is None or step.match.encode() in body:
                del self._queue[at]
                return step
        return NORMAL

    def clear(self) -> None:
        """Forget every step."""
        self._queue.clear()
        self._named.clear()

    def _take_named(self, value: bytes, key: bytes | None) -> Step:
        left = self._named.pop((value, key), None) or _played(value)
        step = left.popleft()
        if left:
            self._named[value, key] = left
            if len(self._named) > NAMED:
                del self._named[next(iter(self._named))]
        return step


def _played(value: bytes) -> deque[Step]:
    steps = Step.parse(value)
    played = deque(step for step in steps for _ in range(step.times))
    if len(played) > len(steps):
        played.append(NORMAL)
    return played
