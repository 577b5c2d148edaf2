"""Cuts what an HTTP/2 client sends into slices, and prices the frames that carry nothing.

Pure. A frame costs python-h2 about 30 µs, whatever it carries, so that a client that fills a
segment with tiny frames would hold the event loop for a second, and large blocks of header fields
for a fifth of one. `Slicer` cuts after a bounded number of frames, or fewer with such blocks;
`Budget` ends a client that sends more empty ones than any honest client does (CVE-2019-9511, -9512,
-9515, -9517, -9518, CVE-2023-44487, CVE-2025-8671).

A program that writes a body a few bytes at a time is honest: Envoy, Netty and Traffic Server count
only empty DATA frames, nginx lets millions with a byte pass, and hyper's h2 had to give way when it
counted small ones, too (its issue 939). Here they are read at a `Pace`, so that they take neither
much time nor memory.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from ..wire.frame_head import CONTINUATION, DATA, END_STREAM, HEAD, HEADERS, PADDED
from ..wire.limits import PREFACE

FRAMES = 32  # of one slice
BLOCK = 512  # bytes of a header block that count like one more frame: they may be 256 fields
SMALL_DATA = 64  # bytes: a DATA frame with less is tiny, and may be all padding

# RFC 9113 §6; HEADERS and CONTINUATION begin requests, which are counted as such.
KINDS = {
    DATA: "data",
    0x2: "priority",
    0x3: "reset",
    0x4: "settings",
    0x6: "ping",
    0x7: "goaway",
    0x8: "window_update",
}
OTHER = "other"
FLOODS = (*KINDS.values(), OTHER)

CREDIT = 2000  # frames that carry nothing, at once
PER_SECOND = 100.0
PER_ANSWER = 20
TINY = 2000  # tiny frames that are read at once
TINY_PER_SECOND = 1000.0  # then; 3 % of a core
PER_DATA_SENT = 4  # a client may acknowledge each frame on the stream and on the connection


class Slice(msgspec.Struct, frozen=True):
    """Bytes to hand on, how many frames of each kind carry nothing, and how many are tiny."""

    data: bytes
    idle: Counter[str]
    tiny: int
    full: bool  # it holds as many frames as a slice may


class Slicer:
    """Cuts a connection's bytes; none is held back.

    State: ``_skip``, the bytes of the current frame or preface still to come; ``_head``, the part
    of a frame header that has come; ``_tiny`` frames of the slice.
    """

    def __init__(self) -> None:
        self._skip = len(PREFACE)
        self._head = b""
        self._tiny = 0

    def slices(self, data: bytes) -> Iterator[Slice]:
        """Yield ``data`` in slices of at most `FRAMES` frame headers."""
        start = position = 0
        frames, idle = 0, Counter[str]()
        while position < len(data):
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                continue
            if frames >= FRAMES:
                yield Slice(data[start:position], idle, self._counted(), full=True)
                start, frames, idle = position, 0, Counter()
            taken = data[position : position + HEAD.size - len(self._head)]
            self._head += taken
            position += len(taken)
            if len(self._head) == HEAD.size:
                frames += self._begin(idle)
        yield Slice(data[start:], idle, self._counted(), full=frames >= FRAMES)

    def _counted(self) -> int:
        tiny, self._tiny = self._tiny, 0
        return tiny

    def _begin(self, idle: Counter[str]) -> int:
        """Begin a frame; return how many it counts for."""
        high, low, kind, flags, _ = HEAD.unpack(self._head)
        self._head = b""
        self._skip = (high << 8) + low
        if kind in (HEADERS, CONTINUATION):
            return 1 + self._skip // BLOCK
        if kind == DATA and self._skip >= SMALL_DATA:
            return 1
        if kind == DATA and self._skip and not flags & PADDED:
            self._tiny += not flags & END_STREAM  # there is one of those in a request
        else:
            idle[KINDS.get(kind, OTHER)] += 1
        return 1


def earned(sent: int, window: int) -> int:
    """Return what ``sent`` bytes of DATA earn: nothing if the ``window`` made them that few."""
    return PER_DATA_SENT if sent >= SMALL_DATA or sent < window else 0


class Budget:
    """What a connection may spend on frames that carry nothing. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._credit = float(CREDIT)
        self._at = clock()
        self._spent = Counter[str]()

    def spend(self, idle: Counter[str]) -> str | None:
        """Pay for frames; return the kind of the flood once nothing is left."""
        if not idle:
            return None
        now = self._clock()
        self.earn((now - self._at) * PER_SECOND)
        self._at = now
        self._spent.update(idle)
        self._credit -= idle.total()
        return None if self._credit >= 0 else self._spent.most_common(1)[0][0]

    def earn(self, frames: float) -> None:
        """Add to the credit, up to its limit."""
        self._credit = min(CREDIT, self._credit + frames)


class Pace:
    """When tiny frames are read: `TINY` at once, then some in a second. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._credit = float(TINY)
        self._at = clock()

    def wait(self, tiny: int) -> float:
        """Return for how many seconds ``tiny`` frames have to wait."""
        now = self._clock()
        self._credit = min(TINY, self._credit + (now - self._at) * TINY_PER_SECOND) - tiny
        self._at = now
        return max(0.0, -self._credit / TINY_PER_SECOND)
