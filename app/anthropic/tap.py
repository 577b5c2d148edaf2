"""Reads a copy of an answer as it passes: usage, model, stop reason, error.

Never in the way: the tap does not raise, holds a bounded number of bytes, and whatever it cannot
read becomes a reason in its `Reading` (behaviour B5).
"""

from dataclasses import dataclass

from .answer import Body, EventStream, Notes
from .encoding import Decoder, EncodingError
from .usage import Attempt, Missing, Usage

DECODED_LIMIT = 2**30  # bytes: the longest stream that is decoded; little of it is ever held


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer said of itself.

    ``usage`` is what it announced last, None when nothing. ``usage_missing`` says why that is
    lacking, or not the last word:
    ``encoding`` (cannot be decoded), ``truncated`` (a JSON body that is cut, or too long to
    hold), ``no_event`` (a stream that announced none), ``parse`` (not as the API writes it),
    ``not_final`` (a stream that ended early: its output is an estimate), ``unknown_iteration``
    (an attempt of a type that nobody knows). It is of interest for successful answers on the
    messages route. ``error`` is the type of an error body or of an ``event: error``.
    ``model`` is the one that answered.
    """

    usage: Usage | None = None
    usage_missing: Missing | None = None
    model: str | None = None
    stop_reason: str | None = None
    error: str | None = None
    cache_miss_reason: str | None = None


_LOST = ("encoding", "truncated")  # nothing that follows can be read
_READERS: dict[str, type[EventStream | Body]] = {
    "text/event-stream": EventStream,
    "application/json": Body,
}


class Tap:
    """Reads one answer, given its ``Content-Type`` and ``Content-Encoding`` (None: absent).

    State: the ``_notes`` taken, and the ``_decoder``, made when there is something to decode.
    """

    def __init__(self, content_type: str | None, content_encoding: str | None) -> None:
        media_type = (content_type or "").partition(";")[0].strip().lower()
        reader = _READERS.get(media_type)
        self._notes = Notes()
        self._reader = reader(self._notes) if reader is not None else None
        self._encoding = content_encoding
        self._decoder: Decoder | None = None

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes as they came, still encoded."""
        if self._reader is None or self._notes.missing in _LOST or not chunk:
            return
        try:
            if self._decoder is None:
                self._decoder = Decoder(self._encoding, limit=DECODED_LIMIT)
            for piece in self._decoder.feed(chunk):
                self._reader.feed(piece)
        except EncodingError:
            self._notes.missing = "encoding"

    @property
    def first_token(self) -> bool:
        """Whether content has begun: a ``content_block_delta`` was seen."""
        return self._reader is not None and self._reader.first_token

    @property
    def characters(self) -> int:
        """How many characters of content have passed so far."""
        return self._notes.spoken.characters

    @property
    def events(self) -> int:
        """How many events of a stream have passed so far."""
        return self._reader.events if self._reader is not None else 0

    @property
    def billed(self) -> tuple[Attempt, ...]:
        """What Anthropic bills for the answer, under each model, as far as it has passed."""
        return self._notes.billed

    def finish(self) -> Reading:
        """Return what was read, at the end of the answer or where it was cut."""
        if self._reader is not None:
            self._reader.finish()
        notes = self._notes
        return Reading(
            usage=notes.accumulator.usage,
            usage_missing=notes.missing,
            model=notes.answering_model,
            stop_reason=notes.stop_reason,
            error=notes.error,
            cache_miss_reason=notes.cache_miss_reason,
        )
