"""The registry's views: Prometheus exposition, JSON, and JSON as a stream of events."""

import asyncio
import gzip
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..proxy.peer import peer_of
from ..telemetry.sampling.broadcast import Broadcast, TooManyWatchers, Watcher
from ..telemetry.sampling.sampler import NoSnapshot, Snapshot
from .exact import Exact

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Respond = Callable[[Request], Awaitable[Response]]

SCHEMA = Path(__file__).parent / "static" / "metrics.schema.json"
RENDERINGS = 8  # cached for one snapshot: two formats, with and without gzip, and some variants
GZIP_LEVEL = 1  # saves four fifths of what the highest level saves, in a fifth of the time

_EXPOSITION = ("application/openmetrics-text", "text/plain;version=")
# prometheus_client 0.26 claims any requested version, and raises TypeError for malformed ones.
_UNSPOKEN = re.compile(r";\s*version=(?!(?:0\.0\.[14]|1\.0\.0)\s*(?:[;,]|$))[^;,]*")
_NO_STORE = {"cache-control": "no-store"}


class View(Protocol):
    """What the views show: a `Sampler`, or what stands for one in a worker process."""

    async def latest(self) -> Snapshot:
        """Return the metrics as they are now."""

    async def welcome(self) -> None:
        """Publish them for the first watcher."""

    async def run(self) -> None:
        """Publish them from time to time, until cancelled."""


def routes(view: View, broadcast: Broadcast) -> list[Route]:
    """Return the routes of all four views; the stream ends with ``broadcast.close()``."""
    exposition = Exposition(view)
    schema = SCHEMA.read_bytes()

    async def document(request: Request) -> Response:
        if wants_exposition(request.headers.get("accept", "")):
            return await exposition.respond(request)
        return Response(
            (await view.latest()).encoded,
            media_type="application/json",
            headers=_NO_STORE | {"vary": "accept"},
        )

    async def published(_: Request) -> Response:
        return Response(schema, media_type="application/schema+json", headers=_NO_STORE)

    return [
        Exact("/prometheus", _if_known(exposition.respond)),
        Exact("/metrics", _if_known(document)),
        Exact("/metrics/schema.json", published),
        Route("/metrics/stream", Stream(view, broadcast), methods=["GET"]),
    ]


def _if_known(respond: Respond) -> Respond:
    """Answer 503 while the metrics cannot be had."""

    async def answer(request: Request) -> Response:
        try:
            return await respond(request)
        except NoSnapshot:
            return JSONResponse(
                {"error": "The supervisor does not answer."}, status_code=503, headers=_NO_STORE
            )

    return answer


def wants_exposition(accept: str) -> bool:
    """Return True for a Prometheus scrape; all other clients get JSON from ``/metrics``."""
    ranges = ["".join(part.split()).lower() for part in accept.split(",")]
    return any(part.startswith(_EXPOSITION) for part in ranges)


class Exposition:
    """Renders snapshots for Prometheus, off the event loop, once for each format.

    State: ``_rendered`` by content type and coding, of ``_snapshot`` only.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._snapshot: Snapshot | None = None
        self._rendered: dict[tuple[str, bool], bytes] = {}

    async def respond(self, request: Request) -> Response:
        """Answer a scrape in the requested format and coding."""
        snapshot = await self._view.latest()
        if snapshot is not self._snapshot:
            self._snapshot, self._rendered = snapshot, {}
        accept = _UNSPOKEN.sub("", request.headers.get("accept", ""))
        encode, content_type = choose_encoder(accept)
        zipped = "gzip" in request.headers.get("accept-encoding", "")
        rendered = self._rendered  # of this snapshot, even if a new one arrives while it renders
        body = rendered.get((content_type, zipped))
        if body is None:
            created = content_type.startswith("application/openmetrics-text")
            body = await asyncio.to_thread(
                _render, encode, snapshot, created=created, zipped=zipped
            )
            if len(rendered) < RENDERINGS:
                rendered[content_type, zipped] = body
        headers = _NO_STORE | {"content-type": content_type, "vary": "accept, accept-encoding"}
        return Response(body, headers=headers | ({"content-encoding": "gzip"} if zipped else {}))


def _render(
    encode: Callable[[Any], bytes], snapshot: Snapshot, *, created: bool, zipped: bool
) -> bytes:
    text = encode(snapshot if created else Uncreated(snapshot))
    return gzip.compress(text, GZIP_LEVEL) if zipped else text


class Uncreated:
    """A snapshot without created timestamps, which the text format would show as gauges."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._families = snapshot.families

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        for family in self._families:
            made = Metric(family.name, family.documentation, family.type, family.unit)
            made.samples = [
                sample for sample in family.samples if sample.name != f"{family.name}_created"
            ]
            yield made


class Stream:
    """An ASGI application: the broadcast as server-sent events, until the client disconnects."""

    def __init__(self, view: View, broadcast: Broadcast) -> None:
        self._view = view
        self._broadcast = broadcast

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one watcher."""
        await self._view.welcome()
        try:
            with self._broadcast.watch(peer_of(scope.get("client"))) as watcher:
                await _serve(watcher, scope, receive, send)
        except TooManyWatchers:
            refusal = JSONResponse(
                {"error": "Too many clients watch this stream: poll /metrics instead."},
                status_code=503,
                headers=_NO_STORE | {"retry-after": "5"},
            )
            await refusal(scope, receive, send)


async def _serve(
    watcher: Watcher, scope: MutableMapping[str, Any], receive: Receive, send: Send
) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["method"] != "HEAD":
        left = asyncio.ensure_future(_left(receive))
        left.add_done_callback(lambda _: watcher.close())
        try:
            async for event in watcher.events():
                await send({"type": "http.response.body", "body": event, "more_body": True})
        finally:
            left.cancel()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    """Return once the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
