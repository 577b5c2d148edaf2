"""Putting the values back into an answer, whatever way it comes.

Bytes in which nothing is restored pass as they are. In an event stream text comes in deltas, and
a placeholder may be spread over several: a possible beginning is held back, per content
block, and is sent with the block's next delta or just before its end.
"""

from collections import Counter
from collections.abc import Callable, Mapping

from ...anthropic.encoding import Decoder, EncodingError
from ...errors import ResponseCut
from .json_answer import restored_json
from .sinks import Refusal
from .stream import StreamRestorer
from .table import Plan, Table

JSON_LIMIT = 32 * 2**20  # bytes of a JSON answer that are held; a longer one passes as it is


class Restorer:
    """Restores one answer of the given ``Content-Type`` and ``Content-Encoding``.

    ``identity``, known from the start: the answer is sent on decoded.
    """

    def __init__(
        self,
        plan: Plan,
        content_type: str | None,
        content_encoding: str | None,
    ) -> None:
        self._table = Table(plan)
        self._decoder = _decoder(content_encoding)
        kind = (content_type or "").partition(";")[0].strip().lower()
        known = _BODIES.get(kind, _JsonBody if kind.endswith("+json") else None)
        self._body = known(self._table) if known and self._decoder and plan.placeholders else None
        self._begun = False
        self.identity = self._body is not None and bool(self._decoder and self._decoder.names)

    @property
    def held(self) -> int:
        """Bytes that the next step works on, in addition to its input."""
        return 0 if self._body is None else self._body.held

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

    def feed(self, chunk: bytes) -> bytes:
        """Return what can go on; raises `ResponseCut` when a compressed answer is damaged."""
        if self._body is None or self._decoder is None:
            return chunk
        self._begun = self._begun or bool(chunk)
        try:
            return b"".join(map(self._body.feed, self._decoder.feed(chunk)))
        except EncodingError as exc:
            raise ResponseCut(f"the answer cannot be decoded: {exc}") from exc

    def close(self) -> bytes:
        """Return the rest, at the answer's end; raises `ResponseCut` when that came too soon."""
        if self._begun and self._decoder is not None and not self._decoder.finished:
            raise ResponseCut("the compressed answer ends too soon")
        return b"" if self._body is None else self._body.close()


class _JsonBody:
    """A JSON answer, held until it is whole."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._pieces: list[bytes] | None = []
        self.held = 0

    def feed(self, data: bytes) -> bytes:
        if self._pieces is None:
            return data
        self._pieces.append(data)
        self.held += len(data)
        if self.held <= JSON_LIMIT:
            return b""
        whole, self._pieces, self.held = b"".join(self._pieces), None, 0
        return whole

    def close(self) -> bytes:
        return b"" if self._pieces is None else restored_json(b"".join(self._pieces), self._table)


_BODIES: dict[str, Callable[[Table], _JsonBody | StreamRestorer]] = {
    "text/event-stream": StreamRestorer,
    "application/json": _JsonBody,
}


def _decoder(content_encoding: str | None) -> Decoder | None:
    try:
        return Decoder(content_encoding)
    except EncodingError:
        return None  # unknown: it passes as it is
