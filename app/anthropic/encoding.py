"""Content decoding of a copy, incremental and bounded (RFC 9110 §8.4).

Upstream compresses event streams with gzip and JSON with br or zstd; clients may send gzip.
The relay never decodes: the tap and the scrubber do, on their own copy.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SLICE = 4 * 1024  # bytes of input at a time: zlib copies what it has not yet consumed
PIECE = 64 * 1024  # bytes of output at a time, so that a bomb never unfolds at once
OUTPUT_LIMIT = 64 * 2**20  # bytes of output in all
RATIO_LIMIT = 200  # output bytes per input byte, past the first `RATIO_FREE`: a bomb is denser
RATIO_FREE = 8 * 2**20
STACK_LIMIT = 2  # codings on top of one another; nobody really stacks more
ZSTD_WINDOW = 23  # log2 of 8 MB, the most that RFC 9659 §3 allows on the web


class EncodingError(Exception):
    """The bytes cannot be decoded: unknown coding, damaged, or unfolding without bound."""


class Decoder:
    """Decodes the codings of one ``Content-Encoding`` value; ``None`` and ``identity`` pass.

    Raises `EncodingError` for an unknown coding. ``limit`` is in bytes of output, of all codings.
    State: ``_in`` and ``_out`` bytes so far, and the ``_codings``, the last applied first.
    """

    def __init__(self, encoding: str | None, *, limit: int = OUTPUT_LIMIT) -> None:
        names = [name.strip().lower() for name in encoding.split(",")] if encoding else []
        self.names = tuple(name for name in names if name not in ("", "identity"))
        if len(self.names) > STACK_LIMIT or not _CODINGS.keys() >= set(self.names):
            raise EncodingError(f"unsupported content-encoding {encoding!r}")
        self._limit = limit
        self._in = self._out = 0
        # The last coding named was applied last (RFC 9110 §8.4): undo it first.
        self._codings = [_CODINGS[name]() for name in reversed(self.names)]

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what ``data`` decodes to, in pieces; raises `EncodingError`."""
        if not self._codings:
            yield data
            return
        try:
            for start in range(0, len(data), SLICE):
                part = data[start : start + SLICE]
                self._in += len(part)
                yield from self._through(part, self._codings)
        except (zlib.error, brotli.error, zstd.ZstdError, EOFError) as exc:
            raise EncodingError(f"damaged content: {exc}") from exc

    @property
    def finished(self) -> bool:
        """Whether every coding has seen its end (always, when there is none)."""
        return all(coding.finished for coding in self._codings)

    def _through(self, data: bytes, codings: list["_Coding"]) -> Iterator[bytes]:
        rest = codings[1:]
        for piece in codings[0].feed(data):
            self._out += len(piece)
            if self._out > self._limit or self._out > RATIO_FREE + self._in * RATIO_LIMIT:
                raise EncodingError("the decompressed content is too large")
            if rest:
                yield from self._through(piece, rest)
            else:
                yield piece


def decode(data: bytes, encoding: str | None, *, limit: int) -> bytes:
    """Decode a whole body of at most ``limit`` bytes; raises `EncodingError`."""
    decoder = Decoder(encoding, limit=limit)
    whole = b"".join(decoder.feed(data))
    if not decoder.finished:
        raise EncodingError("the content is truncated")
    return whole


class _Coding:
    """One coding. Members may follow one another (RFC 1952 §2.2, RFC 8878 §3)."""

    def __init__(self) -> None:
        self.finished = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        raise NotImplementedError


class _Zlib(_Coding):
    def __init__(self, wbits: int) -> None:
        super().__init__()
        self._wbits = wbits
        self._inner = zlib.decompressobj(wbits)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            piece = self._inner.decompress(data, PIECE)
            if piece:
                yield piece
            self.finished = self._inner.eof
            data = self._inner.unused_data if self.finished else self._inner.unconsumed_tail
            if self.finished and data:
                self._inner = zlib.decompressobj(self._wbits)


class _Deflate(_Coding):
    """Both readings of ``deflate``: in a zlib wrapper, as specified, or bare (RFC 9110 §8.4.1.2).

    State: the first two bytes are ``_held`` until they tell which.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held = b""
        self._inner: _Zlib | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            self._held = data = self._held + data
            if len(data) < _ZLIB_HEADER:
                return
            self._inner = _Zlib(zlib.MAX_WBITS if _wrapped(data) else -zlib.MAX_WBITS)
        yield from self._inner.feed(data)
        self.finished = self._inner.finished


_ZLIB_HEADER = 2  # bytes


def _wrapped(data: bytes) -> bool:
    """Return True if this begins with a zlib header (RFC 1950 §2.2: CM is 8, FCHECK)."""
    return data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0


class _Brotli(_Coding):
    def __init__(self) -> None:
        super().__init__()
        self._inner: Any = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._inner.process(data, output_buffer_limit=PIECE)
            if piece:
                yield piece
            self.finished = self._inner.is_finished()
            if self.finished or not (piece or data):
                return
            data = b""


class _Zstd(_Coding):
    def __init__(self) -> None:
        super().__init__()
        self._inner = _zstd()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._inner.eof:
                data = self._inner.unused_data or data
                if not data:
                    return
                self._inner = _zstd()
            piece = self._inner.decompress(data, PIECE)
            if piece:
                yield piece
            self.finished = self._inner.eof
            data = b""
            if not self.finished and self._inner.needs_input:
                return


def _zstd() -> zstd.ZstdDecompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW})


_CODINGS: dict[str, Callable[[], _Coding]] = {
    "gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
    "x-gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
