"""Behaviour A: what arrives is what was sent, both ways."""

import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from app.certificates import Certificate
from simulator import Simulator, Step
from simulator.step import Encoding
from tests.cases import every_case
from tests.proxying import MESSAGE, STREAM, Running, proxying, simulated, tokens
from tests.thorough import scaled

PIECE = 64 * 1024
ODD_BODIES = {
    "odd whitespace": b'{ "model" :\t"claude-sonnet-4-5",\r\n"messages":[ ] }  ',
    "escapes": rb'{"messages":[{"role":"user","content":"\u0041\/\ud83d\ude00\ud800"}]}',
    "key order and duplicates": b'{"b":1,"a":2,"b":3,"stream":false}',
    "numbers": b'{"a":1.0,"b":1e5,"c":' + b"9" * 10_000 + b"}",
    "invalid UTF-8": b'{"a":"\xff\xfe"}',
    "not JSON": b"\x00\x01 anything at all",
    "compressed": gzip.compress(json.dumps(MESSAGE).encode()),
    "empty": b"",
    "over the hold limit": b"[" + b"1," * 400_000 + b"1]",
}
TARGETS = [
    b"/v1/messages?beta=true",
    b"/v1/a%2Fb%2fc",
    b"//v1//messages",
    b"/v1/../admin/./x",
    b"/v1/x;y=1;z?",
    b"/v1/x?",
    b"/v1/x??a=b&&c",
    b"/@user:pass/x",
    b"//other.invalid/v1/messages",
    b"/%00%ff?%zz",
    b"/health/",
    b"/Health",
    b"/metrics2",
]
METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "POST", "PROPFIND"]


@pytest.mark.parametrize("http2", [False, True])
async def test_the_body_reaches_upstream_byte_for_byte(
    proxy: Running, upstream: Simulator, *, http2: bool
) -> None:
    async with proxy.client(http2=http2) as client:
        for count, body in enumerate(ODD_BODIES.values(), 1):
            await client.post("/v1/messages", content=body)
            assert (await proxy.ended(count)).bytes_in == len(body)
    arrived = [received.body for received in upstream.received]
    assert dict(zip(ODD_BODIES, arrived, strict=True)) == ODD_BODIES


@pytest.mark.parametrize("http2", [False, True])
async def test_a_large_body_streams_through_byte_for_byte(proxy: Running, *, http2: bool) -> None:
    body = bytes(range(256)) * 4096 * scaled(32, 6)
    length = {"content-length": str(len(body))}
    async with proxy.client(http2=http2) as client:
        answer = await client.post("/_simulator/echo", content=_pieces(body), headers=length)
    assert answer.content == body


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body in pieces: the client copies all that is left of one for each frame."""
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


@pytest.mark.parametrize("http2", [False, True])
async def test_the_target_reaches_upstream_byte_for_byte(
    proxy: Running, upstream: Simulator, *, http2: bool
) -> None:
    async with proxy.client(http2=http2) as client:
        for target in TARGETS:
            request = client.build_request("GET", "/")
            request.extensions["target"] = target
            await client.send(request)
    assert [received.target for received in upstream.received] == TARGETS
    authorities = {received.authority for received in upstream.received}
    assert authorities == {upstream.url.removeprefix("https://").encode()}


async def test_a_base_url_with_a_path_is_put_before_the_target(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with proxying(upstream.url + "/gateway/", certificate) as proxy, proxy.client() as client:
        await client.get("/v1/models?limit=1000")
    assert upstream.received[0].target == b"/gateway/v1/models?limit=1000"


async def test_every_method_is_forwarded(proxy: Running, upstream: Simulator) -> None:
    async with proxy.client() as client:
        for method in METHODS:
            await client.request(method, "/v1/anything")
    assert [received.method for received in upstream.received] == METHODS


@pytest.mark.parametrize("http2", [False, True])
async def test_end_to_end_headers_arrive_in_order_and_nothing_is_added(
    proxy: Running, upstream: Simulator, *, http2: bool
) -> None:
    sent = [
        (b"x-first", b"1"),
        (b"anthropic-beta", b"a,b"),
        (b"x-api-key", b"fake-key"),
        (b"anthropic-beta", b"c"),
        (b"x-bytes", b"caf\xc3\xa9 \xe9"),
        (b"x-empty", b""),
        (b"anthropic-foo", b"new"),
    ]
    dropped = [(b"proxy-authorization", b"Basic eDp5"), (b"expect", b"100-continue")]
    if not http2:
        dropped += [(b"connection", b"x-hop, keep-alive"), (b"x-hop", b"1"), (b"te", b"gzip")]
    async with proxy.client(http2=http2) as client:
        await client.get("/v1/models", headers=httpx.Headers(sent + dropped))
    assert upstream.received[0].headers == sent


@pytest.mark.parametrize("http2", [False, True])
async def test_response_headers_arrive_repeated_and_in_order(
    proxy: Running, upstream: Simulator, *, http2: bool
) -> None:
    extra = (("set-cookie", "a=1; Path=/"), ("x-odd", "caf\xe9"), ("set-cookie", "b=2"))
    upstream.script(Step(headers=extra, body=b"{}"))
    async with proxy.client(http2=http2) as client:
        answer = await client.get("/v1/models")
    own = [(name.decode().lower(), value.decode("latin-1")) for name, value in answer.headers.raw]
    assert [pair for pair in own if pair[0] in ("set-cookie", "x-odd")] == list(extra)
    assert not {"server", "date", "via", "x-forwarded-for"} & {name for name, _ in own}


@pytest.mark.parametrize("http2", [False, True])
@every_case("encoding", [None, "gzip", "deflate", "br", "zstd"])
async def test_response_bytes_are_the_upstreams(
    proxy: Running, upstream: Simulator, encoding: Encoding | None, *, http2: bool
) -> None:
    before = len(upstream.received)
    upstream.script(Step(encoding=encoding, thinking="hm", tool_use=("Read", {"file": "a"})))
    async with (
        proxy.client(http2=http2) as client,
        client.stream("POST", "/v1/messages", json=STREAM) as answer,
    ):
        received = b"".join([chunk async for chunk in answer.aiter_raw()])
    sent = upstream.received[before]
    assert received == sent.sent
    assert answer.headers.get("content-encoding") == encoding
    assert tokens((await proxy.ended(before + 1)).usage) == tokens(sent.usage)


async def test_error_answers_pass_untouched(upstream: Simulator, certificate: Certificate) -> None:
    body = b'{"type":"error","error":{"type":"odd_error","message":"x"},"extra":  1}\n'
    statuses = [400, 401, 404, 413, 429, 500, 503, 529]
    upstream.script(*(Step(status=one, body=body, headers=(("x-odd", "yes"),)) for one in statuses))
    async with (
        proxying(upstream.url, certificate, retry_max_attempts=0) as proxy,
        proxy.client() as client,
    ):
        answers = [await client.post("/v1/messages", json=MESSAGE) for _ in statuses]
    assert [answer.status_code for answer in answers] == statuses
    assert {(answer.content, answer.headers["x-odd"]) for answer in answers} == {(body, "yes")}
    assert not any("x-anthropic-proxy-error" in answer.headers for answer in answers)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)], ids=str)
async def test_answers_without_a_body_stay_without(
    proxy: Running, upstream: Simulator, method: str, status: int
) -> None:
    upstream.script(Step(status=status, body=b""))
    async with proxy.client() as client:
        first = await client.request(method, "/v1/models")
        second = await client.get("/v1/models")
    assert (first.status_code, first.content) == (status, b"")
    assert second.status_code == 200


async def test_one_users_cookies_never_reach_anothers_request(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(headers=(("set-cookie", "session=first-user"),)))
    for key in ("first", "second"):
        async with proxy.client() as client:
            await client.post("/v1/messages", json=MESSAGE, headers={"x-api-key": f"fake-{key}"})
    assert upstream.received[1].header(b"cookie") is None
    assert upstream.received[1].header(b"x-api-key") == b"fake-second"


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_upstreams_that_speak_http1_only_work(certificate: Certificate, scheme: str) -> None:
    upstream = simulated(certificate, http2=False) if scheme == "https" else Simulator(http2=False)
    async with (
        upstream as simulator,
        proxying(simulator.url, certificate) as proxy,
        proxy.client() as client,
    ):
        for body in (MESSAGE, STREAM):
            answer = await client.post("/v1/messages", json=body)
            assert answer.status_code == 200
        echo = await client.post("/_simulator/echo", content=b"x" * 1_000_000)
    assert len(echo.content) == 1_000_000
    assert {received.http_version for received in simulator.received} == {"1.1"}


async def test_http1_is_spoken_to_upstream_when_asked_for(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        proxying(upstream.url, certificate, upstream_http2=False) as proxy,
        proxy.client() as client,
    ):
        await client.post("/v1/messages", json=STREAM)
    assert upstream.received[0].http_version == "1.1"
