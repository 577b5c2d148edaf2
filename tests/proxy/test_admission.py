"""Who is let in, and the gate in its steps."""

import asyncio
from contextlib import ExitStack

import pytest

from app.errors import BadRequest, Busy, Draining, MethodRefused, Unauthorized
from app.proxy.admission import Admission, check_headers, check_method, check_token
from app.proxy.headers import TOKEN_HEADER


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
def test_the_access_token_is_compared_whole(
    token: str | None, sent: bytes | None, *, admitted: bool
) -> None:
    headers = [] if sent is None else [(TOKEN_HEADER, sent)]
    if admitted:
        check_token(headers, token)
        return
    with pytest.raises(Unauthorized) as caught:
        check_token(headers, token)
    assert "fake" not in caught.value.message
    assert "ANTHROPIC_PROXY_ACCESS_TOKEN" in caught.value.message


def _nothing() -> None:
    """Cut nothing."""


def test_running_exchanges_are_counted_and_limited() -> None:
    admission = Admission(2)
    with admission.enter(_nothing):
        with admission.enter(_nothing):
            assert admission.active == 2
            with pytest.raises(Busy) as caught, admission.enter(_nothing):
                pass
            assert caught.value.retry_after == 1
        with admission.enter(_nothing):
            assert admission.active == 2
    assert admission.active == 0


def test_an_exchange_that_fails_gives_its_place_back() -> None:
    admission = Admission(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.enter(_nothing):
            raise ZeroDivisionError
    assert admission.active == 0


def test_the_gate_closes_in_steps() -> None:
    admission = Admission(10)
    assert admission.ready
    admission.unready()
    assert not admission.ready
    with admission.enter(_nothing):
        admission.refuse()
        with pytest.raises(Draining) as caught, admission.enter(_nothing):
            pass
        assert caught.value.retry_after == 1
        assert admission.active == 1


async def test_idle_waits_for_the_last_exchange() -> None:
    admission = Admission(10)
    async with asyncio.timeout(20):
        await admission.idle()
        with ExitStack() as running:
            for _ in range(3):
                running.enter_context(admission.enter(_nothing))
            idle = asyncio.ensure_future(admission.idle())
            await asyncio.sleep(0)
            assert not idle.done()
        await idle


def test_those_that_remain_are_cut_and_counted() -> None:
    admission = Admission(10)
    cut: list[str] = []
    with admission.enter(lambda: cut.append("a")):
        with admission.enter(lambda: cut.append("b")):
            pass
        with admission.enter(lambda: cut.append("c")):
            assert admission.cut() == 2
    assert cut == ["a", "c"]
    assert admission.cut() == 0


def test_a_cut_may_end_its_exchange_at_once() -> None:
    admission = Admission(10)
    first, second = ExitStack(), ExitStack()
    first.enter_context(admission.enter(first.close))
    second.enter_context(admission.enter(second.close))
    assert admission.cut() == 2
    assert admission.active == 0
