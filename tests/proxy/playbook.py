"""A playbook for the pipeline: events go in, one at a time, and what the proxy does comes out.

There is no socket, and no time passes: after each event everything runs until nothing can go on,
so a playbook is the same on every machine. In the manner of mitmproxy's playbooks.
"""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import httpx

from app.errors import ResponseCut
from app.exchange import Exchange, Outcome, Progress
from app.http2 import Refused
from app.proxy.admission import Admission
from app.proxy.pipeline import Proxy
from app.proxy.request.hold_budget import HoldBudget
from app.proxy.retry import RetryPolicy
from app.proxy.upstream.upstream import Upstream
from app.wire.headers import Headers
from app.wire.origin import UpstreamBase
from app.wire.timeouts import Timeouts

ROUNDS = 60  # of the event loop, until nothing can go on
EVENT_STREAM: Headers = [(b"content-type", b"text/event-stream")]

# What happens


@dataclass(frozen=True)
class Body:
    """The client sends a part of its request's body."""

    data: bytes = b'{"model":"claude-sonnet-5"}'
    last: bool = True


@dataclass(frozen=True)
class ClientLeaves:
    """The client closes its connection."""


@dataclass(frozen=True)
class ClientStops:
    """The client takes nothing from now on."""


@dataclass(frozen=True)
class ClientGoesOn:
    """The client takes what it is given again."""


@dataclass(frozen=True)
class DrainEnds:
    """The time for running exchanges is over."""


@dataclass(frozen=True)
class ServerCancels:
    """The server gives the request up."""


@dataclass(frozen=True)
class Head:
    """Upstream's response headers come."""

    status: int = 200


@dataclass(frozen=True)
class Chunk:
    """A part of upstream's response comes."""

    data: bytes


@dataclass(frozen=True)
class End:
    """Upstream's response ends."""


@dataclass(frozen=True)
class Fault:
    """The transport fails."""

    error: type[Exception] = httpx.RemoteProtocolError


@dataclass(frozen=True)
class NotProcessed:
    """Upstream says that it has not processed the request."""


@dataclass(frozen=True)
class WaitEnds:
    """The wait before a retry is over."""


Event = (
    Body
    | ClientLeaves
    | ClientStops
    | ClientGoesOn
    | DrainEnds
    | ServerCancels
    | Head
    | Chunk
    | End
    | Fault
    | NotProcessed
    | WaitEnds
)

# What the proxy does


@dataclass(frozen=True)
class Attempts:
    """It sends the request upstream."""


@dataclass(frozen=True)
class Starts:
    """It starts a response to the client."""

    status: int


@dataclass(frozen=True)
class Passes:
    """It hands bytes to the client."""

    data: bytes


@dataclass(frozen=True)
class Explains:
    """It hands the client an error body of its own."""


@dataclass(frozen=True)
class Ends:
    """It ends the response."""


@dataclass(frozen=True)
class Cuts:
    """It leaves the response unfinished, so that the client sees a cut."""


@dataclass(frozen=True)
class Closes:
    """It closes upstream's response."""


@dataclass(frozen=True)
class Records:
    """It records the exchange."""

    outcome: Outcome


Command = Attempts | Starts | Passes | Explains | Ends | Cuts | Closes | Records


class Playbook:
    """One request through a proxy whose surroundings are scripted.

    State: the ``exchanges`` recorded, and all that was ``done`` since the last look.
    """

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.done: list[Command] = []
        self.admission = Admission(10)
        self.held = HoldBudget(2**20)
        self._client: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._upstream: asyncio.Queue[Event] = asyncio.Queue()
        self._takes = asyncio.Event()
        self._takes.set()
        self._waited = asyncio.Event()
        upstream = Upstream(
            _Transport(self),
            UpstreamBase.parse("https://upstream.test"),
            timeouts=Timeouts(),
            retry=RetryPolicy(),
            clock=lambda: 0.0,
            sleep=self._sleep,
            chance=lambda: 1.0,
        )
        proxy = Proxy(
            upstream=upstream,
            admission=self.admission,
            observer=self,
            clock=lambda: 0.0,
            wall=lambda: 1e9,
            max_body_size=2**20,
            hold_budget=self.held,
        )
        self._serving = asyncio.ensure_future(self._serve(proxy))

    async def plays(self, *steps: Event | Command) -> None:
        """Play events, and check that what the proxy does is what stands behind each of them."""
        await self.settle()
        expected: list[Command] = []
        for step in steps:
            if isinstance(step, Event):
                assert self.done == expected
                self.done, expected = [], []
                await self.happens(step)
            else:
                expected.append(step)
        assert self.done == expected

    async def happens(self, event: Event) -> None:
        """Let an event happen, and all that follows from it."""
        match event:
            case Body():
                more = not event.last
                self._client.put_nowait(
                    {"type": "http.request", "body": event.data, "more_body": more}
                )
            case ClientLeaves():
                self._client.put_nowait({"type": "http.disconnect"})
            case ClientStops():
                self._takes.clear()
            case ClientGoesOn():
                self._takes.set()
            case DrainEnds():
                self.admission.cut()
            case ServerCancels():
                self._serving.cancel()
            case WaitEnds():
                self._waited.set()
            case _:
                self._upstream.put_nowait(event)
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing can go on."""
        for _ in range(ROUNDS):
            await asyncio.sleep(0)

    async def finish(self) -> None:
        """Give the request up, if it is still running."""
        self._serving.cancel()
        await asyncio.gather(self._serving, return_exceptions=True)
        await self.settle()

    # The observer

    def started(self, progress: Progress) -> None:
        """Take no notice."""

    def finished(self, _: Progress, exchange: Exchange) -> None:
        """Keep the record."""
        self.exchanges.append(exchange)
        self.done.append(Records(exchange.outcome))

    # The surroundings

    async def next_of_upstream(self) -> Event:
        """Wait for what upstream does next."""
        return await self._upstream.get()

    async def _serve(self, proxy: Proxy) -> None:
        scope: MutableMapping[str, Any] = {
            "type": "http",
            "method": "POST",
            "raw_path": b"/v1/messages",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }
        try:
            await proxy(scope, self._client.get, self._send)
        except ResponseCut:
            self.done.append(Cuts())

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.done.append(Starts(message["status"]))
            return
        await self._takes.wait()
        if body := message["body"]:
            own = body.startswith(b'{"type":"error"')
            self.done.append(Explains() if own else Passes(body))
        if not message["more_body"]:
            self.done.append(Ends())

    async def _sleep(self, _: float) -> None:
        await self._waited.wait()
        self._waited.clear()


class _Transport(httpx.AsyncBaseTransport):
    """Upstream: it reads a request to its end, and then does what the playbook says."""

    def __init__(self, playbook: Playbook) -> None:
        self._playbook = playbook

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._playbook.done.append(Attempts())
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for _ in request.stream:
            pass
        while True:
            match await self._playbook.next_of_upstream():
                case Head(status):
                    stream = _Response(self._playbook)
                    return httpx.Response(status, headers=EVENT_STREAM, stream=stream)
                case Fault(error):
                    raise error("the playbook says so")
                case NotProcessed():
                    raise Refused("the playbook says so")


class _Response(httpx.AsyncByteStream):
    def __init__(self, playbook: Playbook) -> None:
        self._playbook = playbook
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            match await self._playbook.next_of_upstream():
                case Chunk(data):
                    yield data
                case End():
                    return
                case Fault(error):
                    raise error("the playbook says so")

    async def aclose(self) -> None:
        if not self._closed:
            self._playbook.done.append(Closes())
        self._closed = True
