"""The listener's reader is asyncio's, except that it copies less."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.listener.reader import LIMIT, PieceReader
from tests.thorough import scaled

PIECE = st.integers(0, 40) | st.sampled_from([LIMIT, 2 * LIMIT, 2 * LIMIT + 1])
STEPS = st.lists(
    st.tuples(st.just("feed"), PIECE)
    | st.tuples(st.just("read"), st.sampled_from([1, 7, LIMIT, 4 * LIMIT])),
    max_size=12,
)


class Transport:
    """State: ``calls``, the pauses and resumptions."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


def _of(kind: type[asyncio.StreamReader], *args: Any) -> tuple[Any, Transport]:
    reader, transport = kind(*args), Transport()
    below: Any = transport
    reader.set_transport(below)
    return reader, transport


@settings(max_examples=scaled(200, 30), deadline=None)
@given(STEPS)
def test_all_that_comes_is_read_in_order_and_paused_as_asyncio_does(
    steps: list[tuple[str, int]],
) -> None:
    async def run() -> None:
        ours, stock = _of(PieceReader), _of(asyncio.StreamReader, LIMIT)
        for number, (step, size) in enumerate([*steps, ("end", 0)]):
            for reader, _ in (ours, stock):
                if step == "feed":
                    reader.feed_data(bytes([number]) * size)
                elif step == "end":
                    reader.feed_eof()
            if step == "end" or (step == "read" and ours[0]._buffer):  # else it would wait
                data = await ours[0].read(size or LIMIT)  # perhaps less than stock would return
                assert len(data) <= (size or LIMIT)
                assert data == await stock[0].read(len(data) or LIMIT)
            assert ours[1].calls == stock[1].calls
            assert ours[0].at_eof() == stock[0].at_eof()

    asyncio.run(run())


async def test_large_pieces_are_read_one_by_one_and_small_ones_together() -> None:
    reader, large, small = PieceReader(), b"x" * LIMIT, b"y"
    for piece in (large, large, small, small):
        reader.feed_data(piece)
    assert await reader.read(4 * LIMIT) is large
    assert await reader.read(4 * LIMIT) is large
    assert await reader.read(4 * LIMIT) == small + small


async def test_a_connection_that_is_lost_is_told_to_each_read() -> None:
    reader = PieceReader()
    reading = asyncio.ensure_future(reader.read(1))
    await asyncio.sleep(0)
    reader.set_exception(ConnectionResetError())
    for read in (reading, reader.read(1)):
        with pytest.raises(ConnectionResetError):
            await read


async def test_a_piece_that_came_whole_is_not_copied() -> None:
    reader, piece = PieceReader(), b"x" * 1000
    reading = asyncio.ensure_future(reader.read(2000))
    await asyncio.sleep(0)
    reader.feed_data(piece)
    assert await reading is piece
