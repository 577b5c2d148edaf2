import contextlib
import functools
import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.encoding import PIECE, Decoder, EncodingError, decode
from tests.anthropic.answers import ENCODERS, cut
from tests.thorough import scaled

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODINGS = pytest.mark.parametrize("encoding", ENCODERS)
CODED = [encoding for encoding in ENCODERS if encoding not in (None, "identity")]
LIMIT = 64 * 2**20
TEXT = b"".join(b"line %d of a text\n" % n for n in range(20_000))


@functools.cache
def encoded_text(encoding: str | None) -> bytes:
    """Return `TEXT` in a coding; brotli takes long for it."""
    return ENCODERS[encoding](TEXT)


@ENCODINGS
@given(data=st.binary(max_size=300), offsets=st.lists(st.integers(0, 60), max_size=5))
def test_what_was_encoded_is_decoded_whatever_the_chunks(
    encoding: str | None, data: bytes, offsets: list[int]
) -> None:
    decoder = Decoder(encoding)
    chunks = cut(ENCODERS[encoding](data), sorted(offsets))
    assert b"".join(piece for chunk in chunks for piece in decoder.feed(chunk)) == data
    assert decoder.finished


@ENCODINGS
def test_a_long_text_comes_in_pieces(encoding: str | None) -> None:
    pieces = list(Decoder(encoding).feed(encoded_text(encoding)))
    assert b"".join(pieces) == TEXT
    assert encoding in (None, "identity") or max(map(len, pieces)) <= PIECE


@pytest.mark.parametrize("encoding", CODED)
def test_a_byte_at_a_time_is_enough(encoding: str) -> None:
    decoder, encoded = Decoder(encoding), ENCODERS[encoding](b"small")
    decoded = [piece for byte in encoded for piece in decoder.feed(bytes([byte]))]
    assert b"".join(decoded) == b"small"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_members_follow_one_another(encoding: str) -> None:
    encode = ENCODERS[encoding]
    assert decode(encode(b"one ") + encode(b"") + encode(b"two"), encoding, limit=9) == b"one two"


@pytest.mark.parametrize("encoding", CODED)
def test_a_body_that_is_cut_does_not_decode(encoding: str) -> None:
    encoded = encoded_text(encoding)
    for length in (0, 1, 2, len(encoded) // 2, len(encoded) - 1):
        with pytest.raises(EncodingError):
            decode(encoded[:length], encoding, limit=LIMIT)


@pytest.mark.parametrize("encoding", CODED)
@given(data=st.binary(min_size=1, max_size=200))
def test_garbage_decodes_or_is_refused(encoding: str, data: bytes) -> None:
    with contextlib.suppress(EncodingError):
        b"".join(Decoder(encoding).feed(data))


@pytest.mark.parametrize("encoding", ["compress", "gzip, br, zstd", "utf-8", "br;q=1"])
def test_an_unknown_coding_is_refused(encoding: str) -> None:
    with pytest.raises(EncodingError, match="unsupported"):
        Decoder(encoding)


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity , "])
def test_identity_passes(encoding: str | None) -> None:
    assert decode(b"as it is", encoding, limit=9) == b"as it is"


SIZE = scaled(LIMIT + 2**20, 2**25)  # more than the memory that is allowed
BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(bytes(SIZE)),
    "deflate": lambda: zlib.compress(bytes(SIZE)),
    "br": lambda: brotli.compress(bytes(SIZE), quality=5),
    "zstd": lambda: zstd.compress(bytes(SIZE)),
    "gzip, gzip": lambda: gzip.compress(gzip.compress(bytes(SIZE))),
    # Members without content: nothing comes out in the end, after much work.
    "gzip, zstd": lambda: zstd.compress(gzip.compress(b"") * (SIZE // 20)),
}


@pytest.mark.parametrize(
    "encoding",
    [*list(BOMBS)[:-1], pytest.param("gzip, zstd", marks=pytest.mark.slow)],
)
def test_a_bomb_is_refused_in_little_memory(encoding: str) -> None:
    bomb = BOMBS[encoding]()
    tracemalloc.start()
    with pytest.raises(EncodingError, match="too large"):
        for _ in Decoder(encoding).feed(bomb):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_a_limit_counts_the_output() -> None:
    encoded = gzip.compress(TEXT)
    assert decode(encoded, "gzip", limit=len(TEXT)) == TEXT
    with pytest.raises(EncodingError, match="too large"):
        decode(encoded, "gzip", limit=len(TEXT) - 1)


def test_a_zstd_window_beyond_the_webs_is_refused() -> None:
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    encoded = compressor.compress(b"x" * 100) + compressor.flush()
    with pytest.raises(EncodingError, match="damaged"):
        decode(encoded, "zstd", limit=LIMIT)
