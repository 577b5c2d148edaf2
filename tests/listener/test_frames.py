"""Slices of an HTTP/2 client's bytes, and the price of frames that carry nothing."""

from collections import Counter

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import example, given
from hypothesis import strategies as st

from app.listener.frames import (
    BLOCK,
    CREDIT,
    FLOODS,
    FRAMES,
    KINDS,
    OTHER,
    PER_DATA_SENT,
    PER_SECOND,
    TINY,
    TINY_PER_SECOND,
    Budget,
    Pace,
    Slicer,
    earned,
)
from app.telemetry import connections

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
IDLE = {
    "ping": PingFrame(0, opaque_data=b"12345678"),
    "settings": SettingsFrame(0),
    "priority": PriorityFrame(1, depends_on=0, stream_weight=1),
    "reset": RstStreamFrame(1),
    "window_update": WindowUpdateFrame(0, window_increment=1),
    "goaway": GoAwayFrame(0),
    "data": DataFrame(1),
    "padded": DataFrame(1, data=b"x", pad_length=10, flags=["PADDED"]),
    "other": ExtensionFrame(0x77, stream_id=0, body=b""),
}
BUSY = [
    HeadersFrame(1, data=b"x" * 10),
    ContinuationFrame(1, data=b"x"),
    DataFrame(1, data=b"x" * 64),
    DataFrame(1, data=b"x" * 16_384),
]
TINY_DATA = [DataFrame(1, data=b"x" * size) for size in (1, 63)]
LAST = DataFrame(1, data=b"x", flags=["END_STREAM"])
frames = st.lists(st.sampled_from([*IDLE.values(), *BUSY, *TINY_DATA, LAST]), max_size=100)


def _kind(frame: Frame) -> str | None:
    found = next((kind for kind, idle in IDLE.items() if idle is frame), None)
    return "data" if found == "padded" else found


@given(frames, st.lists(st.integers(1, 40_000), max_size=20))
@example([IDLE["ping"], IDLE["ping"]], [3] * 20)  # cut within the head of a frame, too
def test_slices_hold_every_byte_and_count_every_frame(sent: list[Frame], cuts: list[int]) -> None:
    whole = PREFACE + b"".join(frame.serialize() for frame in sent)
    slicer, out, idle, tiny = Slicer(), b"", Counter[str](), 0
    position = 0
    for size in [*cuts, len(whole)]:
        for piece in slicer.slices(whole[position : position + size]):
            out += piece.data
            idle += piece.idle
            tiny += piece.tiny
        position += size
    assert out == whole
    assert idle == Counter(kind for frame in sent if (kind := _kind(frame)) is not None)
    assert tiny == sum(any(frame is one for one in TINY_DATA) for frame in sent)


@given(frames)
def test_no_slice_holds_more_frames_than_it_may(sent: list[Frame]) -> None:
    slicer = Slicer()
    list(slicer.slices(PREFACE))
    pieces = list(slicer.slices(b"".join(frame.serialize() for frame in sent)))
    assert len(pieces) == max(1, -(-len(sent) // FRAMES))
    assert [piece.full for piece in pieces[:-1]] == [True] * (len(pieces) - 1)


@pytest.mark.parametrize("kind", [HeadersFrame, ContinuationFrame])
def test_large_header_blocks_fill_a_slice_each(
    kind: type[HeadersFrame] | type[ContinuationFrame],
) -> None:
    slicer = Slicer()
    list(slicer.slices(PREFACE))
    sent = kind(1, data=bytes((FRAMES - 1) * BLOCK)).serialize()
    pieces = list(slicer.slices(sent * 10))
    assert [piece.data for piece in pieces] == [sent] * 10
    assert all(piece.full for piece in pieces)


def test_every_kind_of_flood_has_its_series() -> None:
    assert (
        set(FLOODS) == {*KINDS.values(), OTHER} == set(connections.FLOODS) == set(IDLE) - {"padded"}
    )


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_budget_is_spent_and_earned_again() -> None:
    clock = _Clock()
    budget = Budget(clock)
    assert budget.spend(Counter(ping=CREDIT)) is None
    clock.now += 1
    assert budget.spend(Counter(ping=int(PER_SECOND))) is None
    budget.earn(5)
    assert budget.spend(Counter(ping=5)) is None
    assert budget.spend(Counter(reset=1)) == "ping"


@pytest.mark.parametrize(
    ("sent", "window", "earns"),
    [(1, 1, False), (63, 63, False), (64, 64, True), (1, 2, True), (16_384, 65_535, True)],
)
def test_what_a_tiny_window_lets_out_earns_nothing(sent: int, window: int, *, earns: bool) -> None:
    """A client that opens its window byte by byte would pay for each frame with the last one."""
    assert earned(sent, window) == (PER_DATA_SENT if earns else 0)


def test_a_budget_never_exceeds_its_credit() -> None:
    clock = _Clock()
    budget = Budget(clock)
    clock.now += 3600
    budget.earn(CREDIT)
    assert budget.spend(Counter(settings=CREDIT + 1)) == "settings"


@pytest.mark.parametrize("kind", [None, *IDLE])
def test_only_what_carries_nothing_costs(kind: str | None) -> None:
    sent = [*BUSY, *TINY_DATA, LAST] if kind is None else [IDLE[kind]]
    slicer = Slicer()
    [piece] = slicer.slices(PREFACE + b"".join(frame.serialize() for frame in sent))
    assert piece.idle == (Counter() if kind is None else Counter([_kind(IDLE[kind])]))
    assert piece.tiny == (0 if kind else len(TINY_DATA))


def test_tiny_frames_wait_for_their_turn_once_many_have_come_at_once() -> None:
    clock = _Clock()
    pace = Pace(clock)
    assert pace.wait(TINY) == 0.0
    assert pace.wait(32) == pytest.approx(32 / TINY_PER_SECOND)
    clock.now += 32 / TINY_PER_SECOND
    assert pace.wait(1) == pytest.approx(1 / TINY_PER_SECOND)
    clock.now += 3600
    assert [pace.wait(TINY), pace.wait(10)] == [0.0, pytest.approx(10 / TINY_PER_SECOND)]
