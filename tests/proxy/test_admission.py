"""Who is let in, and the gate in its steps."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from app.errors import BadRequest, Busy, Draining, MethodRefused, ProxyFailure, Unauthorized
from app.proxy.admission import (
    FAILED_TOKEN_DELAY,
    Admission,
    Place,
    check_headers,
    check_method,
    check_token,
)
from app.wire.headers import TOKEN_HEADER


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "PROPFIND", "trace"])
def test_methods_pass(method: str) -> None:
    check_method(method, [])


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_a_tunnel_and_an_echo_do_not_pass(method: str) -> None:
    with pytest.raises(MethodRefused, match=method):
        check_method(method, [])


@pytest.mark.parametrize("value", [b"websocket", b"WebSocket"])
def test_an_upgrade_to_a_websocket_is_refused(value: bytes) -> None:
    with pytest.raises(BadRequest):
        check_method("GET", [(b"upgrade", value)])


def test_other_upgrades_are_ignored() -> None:
    check_method("GET", [(b"upgrade", b"h2c")])


def test_a_value_with_a_line_end_is_refused() -> None:
    check_headers([(b"x", b"1")])
    with pytest.raises(BadRequest):
        check_headers([(b"x", b"1\r\ny: 2")])


@pytest.mark.parametrize(
    ("token", "sent", "admitted"),
    [
        (None, None, True),
        (None, b"anything", True),
        ("fake-token", b"fake-token", True),
        ("fake-t\u00f6ken", "fake-t\u00f6ken".encode(), True),
        ("fake-token", None, False),
        ("fake-token", b"", False),
        ("fake-token", b"fake-toke", False),
        ("fake-token", b"fake-token ", False),
        ("fake-token", b"\xff", False),
    ],
)
async def test_the_access_token_is_compared_whole(
    token: str | None, sent: bytes | None, *, admitted: bool
) -> None:
    headers = [] if sent is None else [(TOKEN_HEADER, sent)]
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    if admitted:
        await check_token(headers, token, sleep)
        assert not waits
        return
    with pytest.raises(Unauthorized) as caught:
        await check_token(headers, token, sleep)
    assert sum(waits) == (FAILED_TOKEN_DELAY if sent else 0)
    assert "fake" not in caught.value.message
    assert "ANTHROPIC_PROXY_ACCESS_TOKEN" in caught.value.message


def _nothing(_: object = None) -> None:
    """Cut or evict nothing."""


@contextmanager
def _entered(
    admission: Admission, peer: str = "a", *, cut: Callable[[], None] = _nothing
) -> Iterator[Place]:
    """Enter as an exchange whose body is complete."""
    with admission.enter(peer, cut, _nothing) as place:
        place.serve()
        yield place


def test_running_exchanges_are_counted_and_limited() -> None:
    admission = Admission(2)
    with _entered(admission):
        with _entered(admission, "b"):
            assert admission.active == 2
            with pytest.raises(Busy) as caught, _entered(admission, "c"):
                pass
            assert caught.value.retry_after == 1
        with _entered(admission):
            assert admission.active == 2
    assert admission.active == 0


def test_one_peer_has_its_share_of_the_places() -> None:
    admission = Admission(8, share=0.25)
    with _entered(admission), _entered(admission):
        with pytest.raises(Busy) as caught, _entered(admission):
            pass
        assert caught.value.reason == "peer_limit"
        with _entered(admission, "b"), _entered(admission, "b"):
            assert admission.active == 4
    with _entered(admission), _entered(admission):
        assert admission.active == 2


def test_a_share_is_one_place_at_least() -> None:
    admission = Admission(2, share=0.01)
    with _entered(admission), pytest.raises(Busy), _entered(admission):
        pass


def test_unfinished_requests_take_no_place() -> None:
    admission = Admission(2)
    with admission.enter("a", _nothing, _nothing), _entered(admission), _entered(admission):
        assert admission.active == 3


@pytest.mark.parametrize(("peer", "evicted"), [("a", ["a1"]), ("b", ["b1"]), ("c", ["b1"])])
def test_past_their_limit_the_longest_waiting_unfinished_request_is_evicted(
    peer: str, evicted: list[str]
) -> None:
    admission = Admission(6, share=0.5)
    failed: list[tuple[str, ProxyFailure]] = []
    with ExitStack() as unfinished:
        for name in ("b1", "a1", "b2", "a2", "b3", "a3"):
            evict = partial(_fail, failed, name)
            unfinished.enter_context(admission.enter(name[0], _nothing, evict))
        with admission.enter(peer, _nothing, _nothing) as place:
            place.serve()
    assert [name for name, _ in failed] == evicted
    assert [failure.reason for _, failure in failed] == ["unfinished_requests"]
    assert admission.active == 0


def _fail(failed: list[tuple[str, ProxyFailure]], name: str, failure: ProxyFailure) -> None:
    failed.append((name, failure))


def test_any_number_of_unfinished_requests_leaves_room_for_another_client() -> None:
    admission = Admission(10)
    with ExitStack() as unfinished:
        for _ in range(100):
            unfinished.enter_context(admission.enter("a", _nothing, _nothing))
        with _entered(admission, "b"):
            assert admission.active == 10


def test_an_exchange_that_fails_gives_its_place_back() -> None:
    admission = Admission(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), _entered(admission):
            raise ZeroDivisionError
    assert admission.active == 0


def test_the_gate_closes_in_steps() -> None:
    admission = Admission(10)
    assert admission.ready
    admission.unready()
    assert not admission.ready
    with _entered(admission):
        admission.refuse()
        with pytest.raises(Draining) as caught, _entered(admission):
            pass
        assert caught.value.retry_after == 1
        assert admission.active == 1


async def test_idle_waits_for_the_last_exchange() -> None:
    admission = Admission(10)
    async with asyncio.timeout(60):
        await admission.idle()
        with ExitStack() as running:
            running.enter_context(admission.enter("a", _nothing, _nothing))
            for _ in range(2):
                running.enter_context(_entered(admission))
            idle = asyncio.ensure_future(admission.idle())
            await asyncio.sleep(0)
            assert not idle.done()
        await idle


def test_those_that_remain_are_cut_and_counted() -> None:
    admission = Admission(10)
    cut: list[str] = []
    with _entered(admission, cut=lambda: cut.append("a")):
        with _entered(admission, cut=lambda: cut.append("b")):
            pass
        with admission.enter("a", lambda: cut.append("c"), _nothing):
            assert admission.cut() == 2
    assert sorted(cut) == ["a", "c"]
    assert admission.cut() == 0


def test_a_cut_may_end_its_exchange_at_once() -> None:
    admission = Admission(10)
    first, second = ExitStack(), ExitStack()
    first.enter_context(_entered(admission, cut=first.close))
    second.enter_context(_entered(admission, cut=second.close))
    assert admission.cut() == 2
    assert admission.active == 0
