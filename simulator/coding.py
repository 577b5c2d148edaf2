"""Content codings: of an answer, flushed after every event as the API does, and of a request."""

import sys
import zlib
from collections.abc import Callable
from typing import Any

import brotli

from .step import Encoding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Of each coding: a function that encodes a piece and flushes it, and one that ends the content.
Encoder = tuple[Callable[[bytes], bytes], Callable[[], bytes]]


def _plain() -> Encoder:
    return lambda data: data, lambda: b""


def _zlib(wbits: int) -> Encoder:
    inner = zlib.compressobj(level=1, wbits=wbits)
    return lambda data: inner.compress(data) + inner.flush(zlib.Z_SYNC_FLUSH), inner.flush


def _brotli() -> Encoder:
    inner: Any = brotli.Compressor(quality=1)
    return lambda data: inner.process(data) + inner.flush(), inner.finish


def _zstd() -> Encoder:
    inner = zstd.ZstdCompressor(level=1)
    return lambda data: inner.compress(data, mode=inner.FLUSH_BLOCK), inner.flush


_ENCODERS: dict[Encoding | None, Callable[[], Encoder]] = {
    None: _plain,
    "gzip": lambda: _zlib(16 + zlib.MAX_WBITS),
    "deflate": lambda: _zlib(zlib.MAX_WBITS),
    "br": _brotli,
    "zstd": _zstd,
}


def encoder(encoding: Encoding | None) -> Encoder:
    """Return a fresh encoder for one answer."""
    return _ENCODERS[encoding]()


def decode(data: bytes, encoding: str | None, *, limit: int) -> bytes:
    """Decode a request's body of at most ``limit`` bytes; raises `ValueError`."""
    if encoding in (None, "", "identity"):
        return data
    if encoding not in _DECODERS:
        raise ValueError(f"unsupported content-encoding {encoding!r}")
    try:
        decoded, complete = _DECODERS[encoding](data, limit)
    except (zlib.error, brotli.error, zstd.ZstdError) as exc:
        raise ValueError(f"damaged content: {exc}") from exc
    if not complete:
        raise ValueError("the content is truncated or too large")
    return decoded


def _inflate(data: bytes, limit: int) -> tuple[bytes, bool]:
    inner = zlib.decompressobj(32 + zlib.MAX_WBITS)  # gzip's header or zlib's
    return inner.decompress(data, limit), inner.eof


def _unbrotli(data: bytes, limit: int) -> tuple[bytes, bool]:
    inner: Any = brotli.Decompressor()
    return inner.process(data, output_buffer_limit=limit), inner.is_finished()


def _unzstd(data: bytes, limit: int) -> tuple[bytes, bool]:
    inner = zstd.ZstdDecompressor()
    return inner.decompress(data, limit), inner.eof


# Of each coding: a function that returns the decoded bytes, and whether that is all of them.
_DECODERS: dict[str | None, Callable[[bytes, int], tuple[bytes, bool]]] = {
    "gzip": _inflate,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
