"""The part of a request that is scanned: its body, decoded, if it is not too large."""

from collections.abc import Iterator
from typing import NamedTuple

from ...anthropic.encoding import Decoder, EncodingError
from ..json.opaque import text_size
from .report import Skip

WHOLE_LIMIT = 64 * 2**20  # bytes of a body, its images and documents included


class Skipped(Exception):
    """A body is not scanned."""

    def __init__(self, reason: Skip) -> None:
        super().__init__(reason)
        self.reason = reason


class Limits(NamedTuple):
    """Bytes of a body: of its ``text``, and of the ``whole`` with its images and documents."""

    text: int
    whole: int


def plain_body(body: bytes, content_encoding: str | None, method: str, limits: Limits) -> bytes:
    """Return the decoded body; raises `Skipped`."""
    if method != "POST":
        raise Skipped("not_post")
    plain = _decoded(body, content_encoding, limits.whole)
    if len(plain) > limits.whole:
        raise Skipped("too_large")
    if len(plain) > limits.text and text_size(plain) > limits.text:
        raise Skipped("too_large")
    return plain


def _decoded(body: bytes, content_encoding: str | None, limit: int) -> bytes:
    try:
        decoder = Decoder(content_encoding)
        if not decoder.names:
            return body
        pieces = list(_bounded(decoder.feed(body), limit))
    except EncodingError as exc:
        raise Skipped("encoding") from exc
    if not decoder.finished:
        raise Skipped("encoding")
    return b"".join(pieces)


def _bounded(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise Skipped("too_large")
        yield piece
