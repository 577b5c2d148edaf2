"""The views of the registry, through a real server."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator

import httpx
import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from app.pages import metrics
from app.telemetry.sampling.broadcast import Broadcast
from app.telemetry.sampling.sampler import NoSnapshot, Snapshot
from tests.pages.serving import DEADLINE, serving
from tests.telemetry.exchanges import PLAIN, parsed, record
from tests.thorough import scaled

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
TEXT = "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


async def test_metrics_are_json_that_keeps_to_the_published_schema() -> None:
    async with serving() as served:
        answer = await served.client.get("/metrics")
        schema = await served.client.get("/metrics/schema.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["requests"]["total"] == 1
    jsonschema.validate(answer.json(), schema.json())


@pytest.mark.parametrize("path", ["/prometheus", "/metrics"])
async def test_a_prometheus_finds_the_exposition_on_both_paths(path: str) -> None:
    async with serving() as served:
        answer = await served.client.get(path, headers={"accept": OPENMETRICS})
        older = await served.client.get(path, headers={"accept": TEXT})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert " # {" in answer.text
    assert {family.name for family in parsed(answer.text)} >= {"anthropic_proxy_requests"}
    assert older.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(older.text)
    assert "anthropic_proxy_requests" in {family.name for family in families}


@pytest.mark.parametrize("accept", ["*/*", "text/html,*/*", "application/json", "text/plain"])
async def test_everyone_else_gets_json_from_metrics(accept: str) -> None:
    async with serving() as served:
        answer = await served.client.get("/metrics", headers={"accept": accept})

    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "accept",
    ["application/openmetrics-text;version=x", "application/openmetrics-text; version=99", ","],
)
async def test_an_odd_accept_header_still_gets_an_exposition(accept: str) -> None:
    async with serving() as served:
        answer = await served.client.get("/prometheus", headers={"accept": accept})

    assert answer.status_code == 200
    assert re.search(r"version=(0\.0\.4|1\.0\.0);", answer.headers["content-type"])
    assert "anthropic_proxy_requests_total" in answer.text


async def test_the_exposition_is_compressed_when_asked() -> None:
    async with serving() as served:
        async with served.client.stream(
            "GET", "/prometheus", headers={"accept-encoding": "gzip"}
        ) as answer:
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        plain = await served.client.get("/prometheus", headers={"accept-encoding": "identity"})

    assert answer.headers["content-encoding"] == "gzip"
    assert b"anthropic_proxy_requests_total" in gzip.decompress(raw)
    assert "content-encoding" not in plain.headers


async def test_the_views_agree_while_requests_come_in() -> None:
    async with serving() as served:
        for _ in range(scaled(30, 8)):
            record(served.observer, PLAIN)
            before = await served.client.get("/prometheus")
            record(served.observer, PLAIN)
            document = await served.client.get("/metrics")
            record(served.observer, PLAIN)
            after = await served.client.get("/prometheus")

            requests = document.json()["requests"]["total"]
            assert total(before.text) <= requests <= total(after.text)


async def test_the_views_are_equal_once_requests_have_ended() -> None:
    async with serving() as served:
        record(served.observer, PLAIN, PLAIN)
        served.sampler.tick()

        text = await served.client.get("/prometheus")
        document = await served.client.get("/metrics")

    assert total(text.text) == document.json()["requests"]["total"] == 3


def total(text: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "anthropic_proxy_requests_total"
    )


async def test_the_stream_sends_snapshots_with_rising_ids() -> None:
    async with serving() as served, served.client.stream("GET", "/metrics/stream") as answer:
        lines = answer.aiter_lines()
        events = [await event(lines) for _ in range(3)]

    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    numbers = [int(fields["id"]) for fields in events]
    assert numbers == sorted(set(numbers))
    assert events[0]["retry"] == "3000"
    assert json.loads(events[0]["data"])["requests"]["total"] == 1


async def event(lines: AsyncIterator[str]) -> dict[str, str]:
    fields = {}
    async for line in lines:
        if not line:
            break
        name, _, value = line.partition(": ")
        fields[name] = value
    return fields


async def test_a_watcher_who_leaves_makes_room() -> None:
    async with serving(limit=1) as served:
        async with served.client.stream("GET", "/metrics/stream") as answer:
            await event(answer.aiter_lines())
            refused = await served.client.get("/metrics/stream")
        async with asyncio.timeout(DEADLINE):
            while (again := await status(served.client)) == 503:
                pass

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert again == 200


async def status(client: httpx.AsyncClient) -> int:
    async with client.stream("GET", "/metrics/stream") as answer:
        return answer.status_code


async def test_closing_the_broadcast_ends_the_streams_whole() -> None:
    async with serving() as served, served.client.stream("GET", "/metrics/stream") as answer:
        lines = answer.aiter_lines()
        await event(lines)
        served.broadcast.close()
        async with asyncio.timeout(DEADLINE):
            rest = [line async for line in lines]  # ends without an error

    assert all(line == "" or line.partition(":")[0] in ("id", "retry", "data") for line in rest)


async def test_a_head_request_of_the_stream_ends() -> None:
    async with serving() as served:
        answer = await served.client.head("/metrics/stream")

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/prometheus", "/metrics", "/metrics/stream"])
async def test_only_reading_is_allowed(path: str) -> None:
    async with serving() as served:
        answer = await served.client.post(path)

    assert answer.status_code == 405


class _Unknown:
    """The view of a worker whose supervisor does not answer."""

    async def latest(self) -> Snapshot:
        raise NoSnapshot

    async def welcome(self) -> None:
        pass

    async def run(self) -> None:
        pass


@pytest.mark.parametrize("path", ["/prometheus", "/metrics"])
async def test_metrics_that_cannot_be_had_are_refused_with_a_reason(path: str) -> None:
    app = Starlette(routes=metrics.routes(_Unknown(), Broadcast()))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
    assert answer.json() == {"error": "The supervisor does not answer."}
