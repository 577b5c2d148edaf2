"""HTTP/2 from the client to upstream: what passes, and what never gets there."""

import json

from h2.errors import ErrorCodes

from app.certificates import Certificate
from simulator import Simulator, Step
from tests.listener.h2client import Fields, connected
from tests.proxying import MESSAGE, STREAM, Running, proxying, until

PATH = "/v1/ä?ü".encode()
BODY = json.dumps(STREAM).encode()


async def test_a_path_that_is_not_ascii_reaches_upstream_byte_for_byte(
    proxy: Running, upstream: Simulator
) -> None:
    async with connected(proxy.at.port, proxy.trust()) as client:
        await client.answer(client.request(path=PATH))
    assert upstream.received[0].target == PATH


async def test_what_is_refused_never_reaches_upstream(proxy: Running, upstream: Simulator) -> None:
    refused: list[tuple[Fields, int, bytes]] = [
        ([(b":method", b"CONNECT"), (b":authority", b"a:443")], 405, b"method_refused"),
        (_head(b"TRACE"), 405, b"method_refused"),
        ([*_head(b"GET"), (b"x-odd", b"a\r\nx-b: c")], 400, b"malformed_request"),
        ([*_head(b"GET"), (b"x-odd", b"a\0b")], 400, b"malformed_request"),
        ([*_head(b"GET", b"https://other.invalid/")], 400, b"bad_target"),
    ]
    async with connected(proxy.at.port, proxy.trust()) as client:
        for fields, status, reason in refused:
            answer = await client.answer(client.begin(fields))
            assert (answer.status, answer.header(b"x-anthropic-proxy-error")) == (status, reason)
            assert json.loads(answer.body)["type"] == "error"
    assert upstream.received == []


def _head(method: bytes, path: bytes = b"/v1/models") -> Fields:
    return [
        (b":method", method),
        (b":scheme", b"https"),
        (b":authority", b"localhost"),
        (b":path", path),
    ]


async def test_requests_reset_in_one_breath_never_reach_upstream(
    proxy: Running, upstream: Simulator
) -> None:
    async with connected(proxy.at.port, proxy.trust()) as client:
        await client.round_trip()
        for _ in range(400):
            client.h2.reset_stream(client.request(path=b"/v1/models"), ErrorCodes.CANCEL)
        assert (await client.answer(client.request(path=b"/v1/models"))).status == 200
    assert len(upstream.received) < 10  # those at the edge of a read


async def test_a_stream_that_upstream_cuts_is_reset_after_its_last_byte(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(fault="reset"))
    async with connected(proxy.at.port, proxy.trust()) as client:
        stream_id = client.request(b"POST", b"/v1/messages", end=False)
        await client.upload(stream_id, BODY)
        cut = await client.answer(stream_id)
        assert (cut.ended, cut.reset_code) == (False, ErrorCodes.INTERNAL_ERROR)
        assert cut.body == upstream.received[0].sent
        assert (await client.answer(client.request(path=b"/v1/models"))).status == 200


async def test_a_client_that_opens_no_window_holds_upstream_back(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(body=b"x" * 20_000_000))
    async with (
        proxying(upstream.url, certificate) as proxy,
        connected(proxy.at.port, proxy.trust(), window=0) as client,
    ):
        stream_id = client.request(b"POST", b"/v1/messages", end=False)
        await client.upload(stream_id, json.dumps(MESSAGE).encode())
        await client.until(lambda: client.answers[stream_id].status is not None)
        sent = -1
        while sent != len(upstream.received[0].sent):
            sent = len(upstream.received[0].sent)
            for _ in range(20):
                await client.round_trip()
        assert sent < 2**20
        client.reset(stream_id)
        await until(lambda: upstream.received[0].ended == "reset")
