"""A response as it comes in: decoded and split once, for everyone who reads it."""

from collections.abc import Iterable, Iterator

from .encoding import Decoder, EncodingError
from .records import Record
from .sse import Splitter

DECODED_LIMIT = 2**30  # bytes: the longest response that is decoded; only a small part is held
TAPPED_LIMIT = 2**20  # bytes of a record that are held: those that are read have some hundred
EVENT_STREAM = "text/event-stream"


class Intake:
    """Decodes one response, given its ``Content-Type`` and ``Content-Encoding`` (None: absent).

    An event stream comes out as its records, of ``limit`` bytes at most, anything else in
    pieces that are not `whole`.

    State: the decoder and the splitter; ``damaged``, once nothing that follows can be decoded.
    """

    def __init__(
        self,
        content_type: str | None,
        content_encoding: str | None,
        *,
        limit: int = TAPPED_LIMIT,
    ) -> None:
        self.media_type = (content_type or "").partition(";")[0].strip().lower()
        self.damaged = False
        self._begun = False
        self._splitter = Splitter(limit) if self.media_type == EVENT_STREAM else None
        self._decoder: Decoder | None = None
        try:
            self._decoder = Decoder(content_encoding, limit=DECODED_LIMIT)
        except EncodingError:
            self.damaged = True

    @property
    def decodes(self) -> bool:
        """Whether what comes out differs from what came in."""
        return self._decoder is not None and bool(self._decoder.names)

    @property
    def cut(self) -> bool:
        """Whether a compressed response has not come to its end."""
        return self._begun and self._decoder is not None and not self._decoder.finished

    @property
    def begins_record(self) -> bool:
        """Whether what is fed next begins a record of a stream, and comes out as it is."""
        return self._splitter is not None and not (self.held or self.decodes or self.damaged)

    @property
    def held(self) -> int:
        """Bytes of the begun record."""
        return 0 if self._splitter is None else self._splitter.held

    def feed(self, chunk: bytes) -> Iterable[list[Record]]:
        """Return what ``chunk`` completes, up to where it is damaged."""
        if self._decoder is None or self.damaged or not chunk:
            return ()
        self._begun = True
        if not self._decoder.names:
            return (self._split(chunk),)
        return self._decoded(chunk, self._decoder)

    def _decoded(self, chunk: bytes, decoder: Decoder) -> Iterator[list[Record]]:
        try:
            for piece in decoder.feed(chunk):
                yield self._split(piece)
        except EncodingError:
            self.damaged = True

    def rest(self) -> bytes:
        """Return the record that never ended."""
        return b"" if self._splitter is None else self._splitter.close()

    def _split(self, piece: bytes) -> list[Record]:
        if self._splitter is None:
            return [Record(piece, whole=False)]
        return self._splitter.feed(piece)
