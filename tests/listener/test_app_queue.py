"""The queue of an application is bounded, by messages and by bytes."""

import asyncio

import pytest

from app.listener.app_queue import QUEUED, AppQueue

SIZE = 3  # messages


@pytest.mark.parametrize(
    ("size", "length", "taken"),
    [
        (SIZE, 1, SIZE),
        (SIZE, QUEUED, 1),
        (SIZE, QUEUED // 2, 2),
        (SIZE, QUEUED // 2 - 1, SIZE),
        (0, QUEUED, SIZE + 1),
    ],
)
async def test_a_body_waits_once_the_queue_is_full(size: int, length: int, taken: int) -> None:
    queue = AppQueue(size, lambda: False, lambda: None)
    message = {"type": "http.request", "body": bytes(length), "more_body": True}

    async def put() -> None:
        for _ in range(SIZE + 1):
            await queue.put(message)

    putting = asyncio.ensure_future(put())
    for _ in range(2 * SIZE):
        await asyncio.sleep(0)
    assert len(queue._messages) == taken
    for _ in range(SIZE + 1):
        assert await queue.get() is message
    await putting
    assert not queue._waiting
