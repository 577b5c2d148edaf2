"""Sending an answer, with everything that can go wrong on its connection."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from .answer import Response
from .message import Piece
from .step import Fault, Step
from .wire import Stream

Act = Callable[[Stream, Step], Awaitable[bool]]  # does a fault; whether the answer goes on


async def send(stream: Stream, step: Step, response: Response) -> None:
    """Send a response to its end, or to the step's fault."""
    if step.delay:
        await asyncio.sleep(step.delay)
    if step.fault in _BEFORE_HEADERS:
        await _BEFORE_HEADERS[step.fault](stream, step)
        return
    stream.received.status = response.status
    stream.start(response.status, response.headers)
    if await _send_pieces(stream, step, response.pieces):
        stream.end()


async def _send_pieces(stream: Stream, step: Step, pieces: Iterable[Piece]) -> bool:
    """Send them, with the fault at its place; return whether the answer goes on to its end."""
    fault = _MIDWAY.get(step.fault)
    for n, piece in enumerate(pieces):
        if n > 0:
            await asyncio.sleep(step.gap)  # zero lets other streams have their turn
        if fault is not None and n == step.after:
            if not await fault(stream, step):
                return False
            fault = None
        await _send_piece(stream, piece, step.chunk_size)
    return fault is None or await fault(stream, step)


async def _send_piece(stream: Stream, piece: Piece, chunk_size: int | None) -> None:
    if chunk_size is None:
        await stream.send(piece.data)
    else:
        for at in range(0, len(piece.data), chunk_size):
            if at > 0:
                await asyncio.sleep(0)  # each in a write of its own
            await stream.send(piece.data[at : at + chunk_size])
    if piece.usage is not None:
        stream.received.usage = piece.usage


async def _silent(_: Stream, __: Step) -> bool:
    await asyncio.Event().wait()
    return False


async def _reset(stream: Stream, step: Step) -> bool:
    stream.reset(step.error_code)
    return False


async def _close(stream: Stream, _: Step) -> bool:
    stream.close()
    return False


async def _cut(stream: Stream, _: Step) -> bool:
    stream.cut()
    return False


async def _goaway(stream: Stream, _: Step) -> bool:
    stream.goaway(0)
    return True


_BEFORE_HEADERS: dict[Fault | None, Act] = {
    "silent": _silent,
    "reset_before_headers": _reset,
    "close_before_headers": _close,
}
_MIDWAY: dict[Fault | None, Act] = {
    "stall": _silent,
    "reset": _reset,
    "close": _close,
    "cut": _cut,
    "goaway": _goaway,
}
