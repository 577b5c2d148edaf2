"""Playbooks: what a session is told, and what it says, in the order in which it happens.

    assert (
        Playbook(session.receive)
        >> b"HTTP/1.1 204 No Content\\r\\n\\r\\n"
        << Head(204, [])
        << End(reusable=True)
    )

``>>`` goes in, ``<<`` must come out. A playbook is true if all of it happens, and nothing else. It
may be played in segments of any size: a session must say the same.
"""

from collections.abc import Callable, Iterable
from typing import Any


class Playbook:
    """Steps for a session: ``receive`` takes bytes and returns events, among them bytes.

    State: ``_steps``, each an input with its expected output.
    """

    def __init__(self, receive: Callable[[bytes], Iterable[Any]], *, segment: int = 2**30) -> None:
        self._receive = receive
        self._segment = segment
        self._steps: list[tuple[Any, list[Any]]] = []

    def __rshift__(self, given: Any) -> "Playbook":
        """Put in: bytes for the session, or a call that tells it something."""
        self._steps.append((given, []))
        return self

    def __lshift__(self, expected: Any) -> "Playbook":
        """Expect: an event, an exception type, or bytes of a body however they are cut."""
        self._steps[-1][1].append(expected)
        return self

    def __bool__(self) -> bool:
        """Play it; an AssertionError says at which step the session said something else."""
        for number, (given, expected) in enumerate(self._steps):
            said = joined(self._play(given))
            assert said == joined(expected), f"step {number}: {given!r}"
        return True

    def _play(self, given: Any) -> Iterable[Any]:
        if callable(given):
            given()
            return
        try:
            for start in range(0, max(1, len(given)), self._segment):
                yield from self._receive(given[start : start + self._segment])
        except Exception as exc:  # noqa: BLE001 - the playbook says which one
            yield type(exc)


def joined(events: Iterable[Any]) -> list[Any]:
    """Return events with neighbouring bytes as one."""
    result: list[Any] = []
    for event in events:
        if isinstance(event, bytes | bytearray) and result and isinstance(result[-1], bytes):
            result[-1] += bytes(event)
        else:
            result.append(bytes(event) if isinstance(event, bytearray) else event)
    return result
