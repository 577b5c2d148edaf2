"""The simulated API over real sockets: what an HTTP client gets."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, get_args

import httpx
import pytest

from app.anthropic.encoding import decode
from app.anthropic.records import parse
from app.anthropic.sse import Splitter
from simulator import Simulator, Step
from simulator.step import Encoding
from simulator.usage import Usage
from tests.thorough import scaled

STREAMS = scaled(600, 300)
Version = Literal["HTTP/1.1", "HTTP/2"]


@asynccontextmanager
async def serving(tls: ssl.SSLContext) -> AsyncIterator[tuple[Simulator, httpx.AsyncClient]]:
    async with (
        Simulator() as simulator,
        httpx.AsyncClient(base_url=simulator.url, verify=tls) as client,
    ):
        yield simulator, client


def question(text: str = "Hello", **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": messages, **fields}


def names(stream: bytes) -> list[str]:
    return [parse(record.raw).name.decode() for record in Splitter().feed(stream)]


@pytest.mark.parametrize(
    ("offered", "asked", "chosen"),
    [
        (True, True, "HTTP/2"),
        (True, False, "HTTP/1.1"),
        (False, True, "HTTP/1.1"),
    ],
)
async def test_alpn_chooses_the_protocol(
    server_tls: ssl.SSLContext,
    client_tls: ssl.SSLContext,
    offered: bool,
    asked: bool,
    chosen: Version,
) -> None:
    async with (
        Simulator(ssl_context=server_tls, http2=offered) as simulator,
        httpx.AsyncClient(base_url=simulator.url, verify=client_tls, http2=asked) as client,
    ):
        answer = await client.post("/v1/messages?beta=true", json=question())
        assert (answer.status_code, answer.http_version) == (200, chosen)
        (received,) = simulator.received
        assert f"HTTP/{received.http_version}" == chosen
        assert received.target == b"/v1/messages?beta=true"
        assert received.authority == simulator.url.removeprefix("https://").encode()
        assert received.body == answer.request.content
        assert received.sent == answer.content
        assert (received.status, received.ended) == (200, "complete")


async def test_the_same_requests_get_the_same_answers(client_tls: ssl.SSLContext) -> None:
    answers = []
    for _ in range(2):
        async with serving(client_tls) as (_, client):
            answers.append((await client.post("/v1/messages", json=question())).content)
    assert answers[0] == answers[1]


async def test_the_answer_depends_on_the_last_user_message(client_tls: ssl.SSLContext) -> None:
    async with serving(client_tls) as (_, client):
        result = {"type": "tool_result", "tool_use_id": "t", "content": "file contents"}
        turns = question("first")
        turns["messages"] += [
            {"role": "assistant", "content": "x"},
            {"role": "user", "content": [result]},
        ]
        answer = (await client.post("/v1/messages", json=turns)).json()
        assert answer["content"][0]["text"].endswith("file contents")


async def test_a_stream_has_the_events_of_the_api_in_their_order(
    client_tls: ssl.SSLContext,
) -> None:
    async with serving(client_tls) as (simulator, client):
        simulator.script(
            Step(
                thinking="Hm",
                deltas=("a", "b"),
                tool_use=("Read", {"path": "x"}),
                pings=2,
                message_deltas=2,
            )
        )
        stream = (await client.post("/v1/messages", json=question(stream=True))).content
        assert names(stream) == [
            "message_start",
            *("content_block_start", "ping", "content_block_delta", "ping"),
            *("content_block_delta", "content_block_stop"),  # the signature
            *("content_block_start", "content_block_delta", "content_block_delta"),
            "content_block_stop",
            *("content_block_start", "content_block_delta", "content_block_stop"),
            *("message_delta", "message_delta", "message_stop"),
        ]


@pytest.mark.parametrize("encoding", get_args(Encoding))
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_in_a_coding_decodes_to_the_answer_without(
    client_tls: ssl.SSLContext, encoding: Encoding, stream: bool
) -> None:
    async with serving(client_tls) as (simulator, client):
        simulator.script(Step(encoding=encoding, usage=Usage(input=3)), Step(usage=Usage(input=3)))
        answers = [
            await client.post("/v1/messages", json=question(stream=stream)) for _ in range(2)
        ]
        assert answers[0].headers["content-encoding"] == encoding
        coded, plain = (received.sent for received in simulator.received)
        decoded = decode(coded, encoding, limit=2**20)
        assert decoded.replace(b"msg_sim00000001", b"msg_sim00000002") == plain


async def test_events_can_be_cut_in_odd_places(client_tls: ssl.SSLContext) -> None:
    async with serving(client_tls) as (simulator, client):
        simulator.script(Step(chunk_size=7))
        async with client.stream("POST", "/v1/messages", json=question(stream=True)) as answer:
            chunks = [chunk async for chunk in answer.aiter_raw()]
        assert max(map(len, chunks)) == 7
        assert names(b"".join(chunks))[-1] == "message_stop"


async def test_a_given_body_is_sent_as_it_is_event_by_event(client_tls: ssl.SSLContext) -> None:
    body = b": hi\r\n\r\nevent: odd\r\ndata: \xff\r\n\r\ndata: cut"
    async with serving(client_tls) as (simulator, client):
        simulator.script(Step(body=body), Step(body=b"{ }", status=418))
        async with client.stream("POST", "/v1/messages", json=question()) as answer:
            assert [chunk async for chunk in answer.aiter_raw()] == [
                b": hi\r\n\r\n",
                b"event: odd\r\ndata: \xff\r\n\r\n",
                b"data: cut",
            ]
        assert answer.headers["content-type"].startswith("text/event-stream")
        second = await client.post("/v1/messages", json=question())
        assert (second.status_code, second.content) == (418, b"{ }")


async def test_the_sums_are_those_of_the_usage_announced(client_tls: ssl.SSLContext) -> None:
    one = Usage(input=10, output=40, cache_read=5, cache_write_5m=2, cache_write_1h=1, thinking=9)
    async with serving(client_tls) as (simulator, client):
        simulator.script(
            Step(usage=one),
            Step(usage=one, message_deltas=4),
            Step(usage=one, fault="truncate", after=3),
            Step(status=529),
        )
        for stream in (False, True, True, False):
            await client.post("/v1/messages", json=question(stream=stream))
        assert simulator.usage == {
            "claude-haiku-4-5": Usage(
                input=30,
                output=81,  # the cut stream announced one token, in `message_start`
                cache_read=15,
                cache_write_5m=6,
                cache_write_1h=3,
                thinking=18,
            )
        }
        assert simulator.received[-1].usage is None


async def test_a_prompt_seen_before_is_read_from_the_cache(client_tls: ssl.SSLContext) -> None:
    system = [{"type": "text", "text": "long " * 99, "cache_control": {"type": "ephemeral"}}]
    async with serving(client_tls) as (simulator, client):
        for _ in range(2):
            await client.post("/v1/messages", json=question(system=system))
        first, second = (received.usage for received in simulator.received)
        assert first is not None
        assert second is not None
        assert first.cache_write_5m == second.cache_read > 100
        assert first.prompt == second.prompt


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models?limit=1000", 200),
        ("HEAD", "/api/hello", 200),
        ("HEAD", "/", 200),
        ("POST", "/api/event_logging/batch", 200),
        ("GET", "/v1/nowhere", 404),
        ("DELETE", "/v1/messages", 404),
    ],
)
async def test_the_other_endpoints(
    client_tls: ssl.SSLContext, method: str, path: str, status: int
) -> None:
    async with serving(client_tls) as (_, client):
        assert (await client.request(method, path)).status_code == status


async def test_errors_have_the_apis_shape_and_headers(client_tls: ssl.SSLContext) -> None:
    async with serving(client_tls) as (simulator, client):
        simulator.script(
            Step(status=429, headers=(("retry-after", "7"),)), Step(status=529, times=2)
        )
        answers = [await client.post("/v1/messages", json=question()) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [429, 529, 529, 200]
        assert answers[0].headers["retry-after"] == "7"
        assert answers[1].json() == {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "Overloaded"},
            "request_id": answers[1].headers["request-id"],
        }
        for name in (
            "requests-limit",
            "tokens-reset",
            "unified-5h-utilization",
            "unified-7d-reset",
        ):
            assert f"anthropic-ratelimit-{name}" in answers[1].headers


@pytest.mark.parametrize("body", [b"", b"{", b'{"messages": 1}', b"\xff"])
async def test_a_body_that_is_no_request_is_refused(
    client_tls: ssl.SSLContext, body: bytes
) -> None:
    async with serving(client_tls) as (simulator, client):
        answer = await client.post("/v1/messages", content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert simulator.received[0].body == body


async def test_a_request_can_name_its_own_steps(client_tls: ssl.SSLContext) -> None:
    async with serving(client_tls) as (_, client):

        async def status(value: str, key: str = "") -> int:
            headers = {"x-simulate": value, "x-simulate-key": key}
            return (await client.post("/v1/messages", json={}, headers=headers)).status_code

        assert [await status("529*2") for _ in range(4)] == [529, 529, 200, 529]
        assert await status("529*2", key="another client") == 529
        assert [await status("529,500") for _ in range(3)] == [529, 500, 529]
        assert await status('{"status": 402}') == 402
        assert [await status(bad) for bad in ("what", "{", '{"stat": 1}', "*")] == [400] * 4


async def test_a_step_can_wait_for_the_request_it_is_meant_for(
    client_tls: ssl.SSLContext,
) -> None:
    async with serving(client_tls) as (simulator, client):
        simulator.script(Step(match="second", status=500), Step(match="third", status=501))
        texts = ("first", "third", "second", "second")
        answers = [await client.post("/v1/messages", json=question(text)) for text in texts]
        assert [answer.status_code for answer in answers] == [200, 501, 500, 200]


async def test_echo_answers_with_the_body(client_tls: ssl.SSLContext) -> None:
    async with serving(client_tls) as (simulator, client):
        body = bytes(range(256)) * 8192
        assert (await client.post("/_simulator/echo", content=body)).content == body
        assert simulator.received[0].body == body


async def test_it_can_be_driven_from_another_process(client_tls: ssl.SSLContext) -> None:
    async with serving(client_tls) as (simulator, client):
        queued = await client.post("/_simulator/script", json=[{"status": 503, "times": 2}])
        assert queued.json() == {"queued": 2}
        refused = await client.post("/v1/messages", content=b"{}")
        (record,) = (await client.get("/_simulator/requests")).json()
        assert refused.status_code == record["status"] == 503
        assert (record["target"], record["method"]) == ("/v1/messages", "POST")
        assert base64.b64decode(record["body"]) == b"{}"
        assert base64.b64decode(record["sent"]) == refused.content
        await client.delete("/_simulator/requests")
        assert (await client.post("/v1/messages", json=question())).status_code == 200
        sums = (await client.get("/_simulator/usage")).json()
        assert sums["claude-haiku-4-5"]["input"] > 0
        assert (await client.post("/_simulator/script", content=b"[1]")).status_code == 400
        assert (await client.get("/_simulator/nothing")).status_code == 404
        assert (await client.post("/_simulator/goaway")).status_code == 200
        assert len(simulator.received) == 1


async def test_leaving_closes_what_is_under_way(client_tls: ssl.SSLContext) -> None:
    async with httpx.AsyncClient(verify=client_tls) as client:
        async with Simulator() as simulator:
            simulator.script(Step(fault="stall"))
            request = client.build_request(
                "POST", f"{simulator.url}/v1/messages", json=question(stream=True)
            )
            answer = await client.send(request, stream=True)
        with pytest.raises(httpx.HTTPError):
            await answer.aread()
        assert simulator.connections == 0


async def test_many_streams_run_at_once(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    async with Simulator(ssl_context=server_tls) as simulator:
        simulator.script(Step(fault="stall", after=1, times=STREAMS))
        limits = httpx.Limits(max_connections=None)
        clients = [
            httpx.AsyncClient(base_url=simulator.url, verify=client_tls, http2=True, limits=limits)
            for _ in range(10)
        ]
        tasks = [
            asyncio.create_task(client.post("/v1/messages", json=question(stream=True), timeout=60))
            for client in clients
            for _ in range(STREAMS // 10)
        ]
        await simulator.wait_for(lambda s: sum(r.status == 200 for r in s.received) == STREAMS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients:
            await client.aclose()
        await simulator.wait_for(lambda s: all(r.ended == "closed" for r in s.received))
