"""What the simulated upstream was sent, and what it announced in return."""

from dataclasses import dataclass, field
from typing import Literal

from .usage import Usage

Ended = Literal[
    "complete",  # the answer was sent whole
    "reset",  # the client reset the stream
    "closed",  # the client closed the connection
    "fault",  # the step's fault ended it
]


@dataclass(slots=True, eq=False)
class Received:
    """One request, as it came. Mutable: it grows until ``ended`` is set.

    ``headers`` are the fields as received, without HTTP/2's pseudo-fields; ``authority`` is
    ``:authority`` or ``Host``. Times are the event loop's. ``usage`` is what the events sent
    whole have announced so far; None before the first that does. ``sent`` is the answer's
    body, as on the wire.
    """

    method: str
    target: bytes
    authority: bytes
    headers: list[tuple[bytes, bytes]]
    http_version: Literal["1.1", "2"]
    connection: int
    stream_id: int
    started_at: float
    body_complete: bool = False
    status: int | None = None
    model: str | None = None
    usage: Usage | None = None
    ended: Ended | None = None
    reset_code: int | None = None  # RST_STREAM's error code (RFC 9113 §7)
    ended_at: float | None = None
    _body: list[bytes] = field(default_factory=list, repr=False)
    _sent: list[bytes] = field(default_factory=list, repr=False)

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]

    @property
    def body(self) -> bytes:
        """As much of the request's body as has come."""
        return _joined(self._body)

    @property
    def sent(self) -> bytes:
        """As much of the answer's body as was handed to the connection."""
        return _joined(self._sent)

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of the field called ``name`` (lower case)."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def add_body(self, data: bytes) -> None:
        """Keep a piece of the request's body."""
        self._body.append(data)

    def add_sent(self, data: bytes) -> None:
        """Keep a piece of the answer's body."""
        self._sent.append(data)

    def forget(self) -> None:
        """Let go of both bodies."""
        self._body.clear()
        self._sent.clear()

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(map(len, self._body)) + sum(map(len, self._sent))


def _joined(pieces: list[bytes]) -> bytes:
    if len(pieces) > 1:
        pieces[:] = [b"".join(pieces)]
    return pieces[0] if pieces else b""
