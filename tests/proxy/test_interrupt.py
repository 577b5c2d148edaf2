"""A journey that an interrupt ends leaves the task in which it ran as it was."""

import asyncio
from collections.abc import Callable

import pytest

from app.proxy.endings import Cause
from app.proxy.interrupt import Interrupt, run_until_disconnect


class _Noted:
    """Decides that every cause ends the exchange, and remembers them."""

    def __init__(self) -> None:
        self.causes: list[Cause] = []

    def __call__(self, cause: Cause) -> bool:
        self.causes.append(cause)
        return True


async def _forever() -> None:
    await asyncio.Event().wait()


async def _can_still_wait() -> bool:
    """Return True if the task has no cancellation left, neither counted nor pending."""
    task = asyncio.current_task()
    assert task is not None
    await asyncio.sleep(0)
    return not task.cancelling()


async def _interrupted(interrupt: Interrupt) -> None:
    await asyncio.sleep(0)
    interrupt(Cause.CLIENT_LEFT)


async def test_a_journey_that_ends_by_itself_has_no_cause() -> None:
    noted = _Noted()
    assert await run_until_disconnect(asyncio.sleep(0), None, Interrupt(noted)) is None
    assert not noted.causes


@pytest.mark.parametrize("watched", [True, False])
async def test_an_interrupt_ends_a_journey_and_nothing_else(*, watched: bool) -> None:
    interrupt = Interrupt(_Noted())
    asyncio.get_running_loop().call_soon(interrupt, Cause.DRAIN_ENDED)
    watch = _forever() if watched else None
    assert await run_until_disconnect(_forever(), watch, interrupt) is Cause.DRAIN_ENDED
    assert await _can_still_wait()


async def test_the_end_of_the_watch_is_the_clients_leaving() -> None:
    interrupt = Interrupt(_Noted())
    cause = await run_until_disconnect(_forever(), asyncio.sleep(0), interrupt)
    assert cause is Cause.CLIENT_LEFT
    assert await _can_still_wait()


@pytest.mark.parametrize("watched", [True, False])
async def test_a_client_that_has_left_already_gets_nothing(*, watched: bool) -> None:
    begun = False

    async def journey() -> None:
        nonlocal begun
        begun = True

    def left(callback: Callable[[], object]) -> None:
        callback()

    interrupt, watch = Interrupt(_Noted()), _forever() if watched else None
    assert await run_until_disconnect(journey(), watch, interrupt, left) is Cause.CLIENT_LEFT
    assert not begun
    assert await _can_still_wait()


@pytest.mark.parametrize("told", [True, False])
async def test_a_journey_begins_at_once_where_the_server_reports_a_disconnect(
    *, told: bool
) -> None:
    order: list[str] = []

    async def note(what: str) -> None:
        order.append(what)
        await asyncio.sleep(0)

    on_disconnect = (lambda _: None) if told else None
    await run_until_disconnect(note("journey"), note("watch"), Interrupt(_Noted()), on_disconnect)
    assert order == (["journey", "watch"] if told else ["watch", "journey"])


async def test_an_interrupt_at_the_very_end_does_not_reach_what_comes_after_it() -> None:
    interrupt = Interrupt(_Noted())
    cause = await run_until_disconnect(_interrupted(interrupt), None, interrupt)
    assert cause is Cause.CLIENT_LEFT
    assert await _can_still_wait()


async def test_a_journey_that_fails_as_it_is_interrupted_fails() -> None:
    interrupt = Interrupt(_Noted())

    async def journey() -> None:
        await _interrupted(interrupt)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await run_until_disconnect(journey(), None, interrupt)
    assert await _can_still_wait()


@pytest.mark.parametrize("interrupted", [True, False])
async def test_the_servers_cancellation_is_not_lost(*, interrupted: bool) -> None:
    noted = _Noted()
    interrupt = Interrupt(noted)
    task = asyncio.ensure_future(run_until_disconnect(_forever(), None, interrupt))
    await asyncio.sleep(0)
    if interrupted:
        interrupt(Cause.DRAIN_ENDED)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert noted.causes == [Cause.DRAIN_ENDED if interrupted else Cause.SERVER_CANCELLED]
