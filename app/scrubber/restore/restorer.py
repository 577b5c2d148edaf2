"""Putting the values back into an answer, whatever way it comes.

Bytes in which nothing is restored pass as they are. In an event stream text comes in deltas, and
a placeholder may be spread over several: a possible beginning is held back, per content
block, and is sent with the block's next delta or just before its end.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from ...anthropic.intake import EVENT_STREAM, Intake
from ...anthropic.records import Record
from ...errors import ResponseCut
from .json_answer import restored_json
from .sinks import Refusal
from .stream import StreamRestorer
from .table import Plan, Table

JSON_LIMIT = 32 * 2**20  # bytes of a JSON answer that are held; a longer one passes as it is


def can_restore(plan: Plan, intake: Intake) -> bool:
    """Return True if there is something to restore in an answer, and a way to."""
    return bool(plan.placeholders) and not intake.damaged and _body(intake.media_type) is not None


class Restorer:
    """Restores one answer that `can_restore`, as its intake decodes and splits it."""

    def __init__(self, plan: Plan, intake: Intake) -> None:
        self._table = Table(plan)
        self._intake = intake
        self._body = (_body(intake.media_type) or _JsonBody)(self._table)

    @property
    def held(self) -> int:
        """Bytes that the next step works on, in addition to its input."""
        return self._body.held

    @property
    def restored(self) -> Mapping[str, int]:
        """Placeholders restored, by detector.

        Like the other counts it is a copy: an answer that is given up may still be worked on.
        """
        return self._table.restored.copy()

    @property
    def refused(self) -> Mapping[Refusal, int]:
        """Placeholders that were not restored although they stand for a value, by reason."""
        return self._table.refused.copy()

    @property
    def places(self) -> Mapping[str, Counter[str]]:
        """Where each placeholder was restored: a tool's name, or ``text``, and how often."""
        return {shown: places.copy() for shown, places in list(self._table.places.items())}

    @property
    def unresolved(self) -> int:
        """Strings in tool inputs that look like placeholders and are none of this request's."""
        return self._table.unresolved

    def feed(self, records: Iterable[Record]) -> bytes:
        """Return what can go on; raises `ResponseCut` when a compressed answer is damaged."""
        if self._intake.damaged:
            raise ResponseCut("the answer cannot be decoded")
        return b"".join(map(self._body.feed, records))

    def close(self) -> bytes:
        """Return the rest, at the answer's end; raises `ResponseCut` when that came too soon."""
        if self._intake.cut:
            raise ResponseCut("the compressed answer is truncated")
        return self._body.close(self._intake.rest())


class _JsonBody:
    """A JSON answer, held until it is whole."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._pieces: list[bytes] | None = []
        self.held = 0

    def feed(self, piece: Record) -> bytes:
        if self._pieces is None:
            return piece.raw
        self._pieces.append(piece.raw)
        self.held += len(piece.raw)
        if self.held <= JSON_LIMIT:
            return b""
        whole, self._pieces, self.held = b"".join(self._pieces), None, 0
        return whole

    def close(self, _: bytes) -> bytes:
        return b"" if self._pieces is None else restored_json(b"".join(self._pieces), self._table)


_BODIES: dict[str, Callable[[Table], _JsonBody | StreamRestorer]] = {
    EVENT_STREAM: StreamRestorer,
    "application/json": _JsonBody,
}


def _body(media_type: str) -> Callable[[Table], _JsonBody | StreamRestorer] | None:
    return _BODIES.get(media_type, _JsonBody if media_type.endswith("+json") else None)
