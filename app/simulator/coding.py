"""Content codings of an answer, flushed after every event as the API does."""

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
