"""What RFC 9110 and RFC 9112 ask of an intermediary, as a table: bytes in, what upstream sees."""

from dataclasses import dataclass, field

import pytest

from simulator import Simulator, Step
from tests.cases import every_case
from tests.listener.h1client import connected
from tests.proxying import Running, until

HOST = b"Host: localhost\r\n"


@dataclass(frozen=True)
class Case:
    """A request, and what must be true of it upstream and of its answer."""

    sent: bytes
    there: dict[bytes, bytes] = field(default_factory=dict)  # fields that upstream must see
    gone: tuple[bytes, ...] = ()  # fields that it must not
    body: bytes = b""
    target: bytes = b"/v1/odd"
    method: str = "POST"
    status: int = 200
    closes: bool = False


def _post(fields: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"POST /v1/odd HTTP/%b\r\n%b%b\r\n%b" % (version, HOST, fields, body)


CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY = b"Content-Length: 0\r\n"

CASES = {
    "9110 7.6.1 fields that Connection names are for one hop": Case(
        _post(EMPTY + b"Connection: X-One, x-two\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\n"),
        there={b"x-three": b"3"},
        gone=(b"x-one", b"x-two", b"connection"),
    ),
    "9110 7.6.1 Connection in two lines": Case(
        _post(EMPTY + b"Connection: X-One\r\nConnection: X-Two\r\nX-One: 1\r\nX-Two: 2\r\n"),
        gone=(b"x-one", b"x-two", b"connection"),
    ),
    "9110 7.6.1 close is for one hop": Case(
        _post(EMPTY + b"Connection: close\r\n"), gone=(b"connection",), closes=True
    ),
    "9110 7.6.1 keep-alive, proxy-connection, te and upgrade are for one hop": Case(
        _post(
            EMPTY + b"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n"
            b"TE: trailers\r\nUpgrade: h2c\r\n"
        ),
        gone=(b"keep-alive", b"proxy-connection", b"te", b"upgrade"),
    ),
    "9110 11.7 Proxy-Authorization is consumed": Case(
        _post(EMPTY + b"Proxy-Authorization: Basic ZmFrZTpmYWtl\r\n"),
        gone=(b"proxy-authorization",),
    ),
    "9110 5.5 obs-text passes": Case(
        _post(EMPTY + b"X-Odd: \xe4\xf6\r\n"), there={b"x-odd": b"\xe4\xf6"}
    ),
    "9110 5.5 blanks around a value are no part of it": Case(
        _post(EMPTY + b"X-Odd: \t a b \t\r\n"), there={b"x-odd": b"a b"}
    ),
    "9110 5.5 an empty value passes": Case(_post(EMPTY + b"X-Odd:\r\n"), there={b"x-odd": b""}),
    "9110 10.1.1 Expect is answered here": Case(
        _post(b"Content-Length: 4\r\nExpect: 100-continue\r\n", b"body"),
        gone=(b"expect",),
        body=b"body",
    ),
    "9110 8.6 a length with zeros in front": Case(
        _post(b"Content-Length: 0004\r\n", b"body"), body=b"body"
    ),
    "9110 9.3.1 a GET may have a body": Case(
        b"GET /v1/odd HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody",
        method="GET",
        body=b"body",
    ),
    "9110 9.1 an unknown method passes, its case kept": Case(
        b"Patch /v1/odd HTTP/1.1\r\n" + HOST + EMPTY + b"\r\n", method="Patch"
    ),
    "9112 2.2 empty lines in front are ignored": Case(b"\r\n\r\n" + _post(EMPTY)),
    "9112 2.3 HTTP/1.0 is answered without chunks": Case(_post(EMPTY, version=b"1.0"), closes=True),
    "9112 3.2.1 the target is kept byte for byte": Case(
        b"POST /v1/%2f//..;a?b=%20&& HTTP/1.1\r\n" + HOST + EMPTY + b"\r\n",
        target=b"/v1/%2f//..;a?b=%20&&",
    ),
    "9112 6.1 Transfer-Encoding is for one hop": Case(
        _post(CHUNKED, b"4\r\nbody\r\n0\r\n\r\n"), gone=(b"transfer-encoding",), body=b"body"
    ),
    "9112 6.1 its name is of any case": Case(
        _post(b"transfer-ENCODING: ChunkeD\r\n", b"4\r\nbody\r\n0\r\n\r\n"), body=b"body"
    ),
    "9112 7.1 sizes are of any case, zeros in front": Case(
        _post(CHUNKED, b"00A\r\n0123456789\r\n00\r\n\r\n"), body=b"0123456789"
    ),
    "9112 7.1.1 extensions of chunks are ignored": Case(
        _post(CHUNKED, b'4;name="a;b"\r\nbody\r\n0;last\r\n\r\n'), body=b"body"
    ),
    "9112 7.1.2 trailers are no fields": Case(
        _post(CHUNKED + b"Trailer: X-Late\r\n", b"4\r\nbody\r\n0\r\nX-Late: 1\r\n\r\n"),
        gone=(b"x-late",),
        body=b"body",
    ),
    "9112 9.3 connections persist": Case(_post(EMPTY)),
    "9112 9.6 close is answered with close": Case(
        _post(EMPTY + b"Connection: close\r\n"), closes=True
    ),
}


@every_case("case", CASES)
async def test_an_intermediary_does_what_the_rfcs_ask(
    proxy: Running, upstream: Simulator, case: Case
) -> None:
    before = len(upstream.received)
    upstream.script(Step(body=b"{}"))
    async with connected(proxy.at.port, proxy.trust()) as wire:
        wire.send(case.sent)
        answer = await wire.answer()
        assert (answer.status, answer.body) == (case.status, b"{}")
        if case.closes:
            assert answer.headers.get("connection") == "close"
            assert "transfer-encoding" not in answer.headers or b"/1.1" in case.sent
            assert await wire.rest() == b""
        else:
            upstream.script(Step(body=b"{}"))
            wire.send(_post(EMPTY))
            assert (await wire.answer()).status == 200
    seen = upstream.received[before]
    await until(lambda: seen.body_complete)
    assert (seen.method, seen.target, seen.body) == (case.method, case.target, case.body)
    fields = dict(seen.headers)
    assert case.there.items() <= fields.items()
    assert not fields.keys() & set(case.gone)


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body_is_framed_without_one(
    proxy: Running, upstream: Simulator, status: int
) -> None:
    upstream.script(Step(status=status, body=b""), Step(body=b"{}"))
    async with connected(proxy.at.port, proxy.trust()) as wire:
        wire.send(_post(EMPTY) * 2)
        first = await wire.answer(bodiless=True)
        assert first.status == status
        assert first.headers.keys().isdisjoint({"transfer-encoding"})
        assert (await wire.answer()).body == b"{}"


async def test_the_answer_to_a_head_request_has_no_body(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(body=b"{}"), Step(body=b"{}"))
    async with connected(proxy.at.port, proxy.trust()) as wire:
        wire.send(_post(EMPTY).replace(b"POST", b"HEAD") + _post(EMPTY))
        assert (await wire.answer(bodiless=True)).status == 200
        assert (await wire.answer()).body == b"{}"


async def test_pipelined_requests_are_answered_in_order(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(*(Step(body=b"%d" % number) for number in range(5)))
    async with connected(proxy.at.port, proxy.trust()) as wire:
        wire.send(_post(EMPTY) * 5)
        assert [(await wire.answer()).body for _ in range(5)] == [b"%d" % n for n in range(5)]
