"""Applications of a test's own, on our listener or on Hypercorn as it comes."""

import asyncio
import gc
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.utils import wrap_app

from app.certificates import Certificate
from app.listener import Listener
from app.listener.limits import Limits, Unobserved
from app.network.abort import abort
from app.server.sockets import bind
from tests.proxying import DEADLINE, server_tls, until

BROKEN = 0.5  # seconds without an answer after which stock Hypercorn is taken to be stuck

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


@dataclass
class Served:
    """A port, and what clients of it need."""

    port: int
    certificate: Certificate
    listener: Listener | None = None
    observer: "Watched | None" = None
    failures: list[BaseException] = field(default_factory=list)

    @property
    def open(self) -> int:
        """How many connections are served now."""
        assert self.observer is not None
        return self.observer.open

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate.ca_file)


class Watched(Unobserved):
    """What a listener tells. State: ``open``, the connections that are served now."""

    def __init__(self, flooded: Callable[[str], None], refused: Callable[[str], None]) -> None:
        self.open = 0
        self.flooded = flooded  # type: ignore[method-assign, assignment]
        self.refused = refused  # type: ignore[method-assign, assignment]

    def opened(self, _protocol: str) -> None:
        self.open += 1

    def closed(self) -> None:
        self.open -= 1


@asynccontextmanager
async def listening(
    app: App,
    certificate: Certificate,
    *,
    limits: Limits | None = None,
    flooded: Callable[[str], None] = lambda _: None,
    refused: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Served]:
    """Serve ``app`` with our listener; at the end no task of it may be left."""
    observer = Watched(flooded, refused)
    before = asyncio.all_tasks()
    sock = bind("127.0.0.1", 0, "port")
    listener = Listener(
        app, sock, ssl_context=server_tls(certificate), limits=limits, observer=observer
    )
    await listener.start()
    try:
        yield Served(sock.getsockname()[1], certificate, listener, observer)
        await until(lambda: not (asyncio.all_tasks() - before - _this()))
    finally:
        async with asyncio.timeout(DEADLINE):
            await listener.close(1.0)
        sock.close()


@asynccontextmanager
async def stock(
    app: App, certificate: Certificate, *, max_requests: int = 1000
) -> AsyncIterator[Served]:
    """Serve ``app`` with Hypercorn's own connections; ``failures`` are what ended them."""
    loop = asyncio.get_running_loop()
    wrapped = wrap_app(app, 0, "asgi")  # type: ignore[arg-type] # Hypercorn types ASGI in its own way
    config, context = Config(), WorkerContext(None)
    config.errorlog = None
    config.keep_alive_max_requests = max_requests
    writers = []
    before = asyncio.all_tasks()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = TCPServer(wrapped, loop, config, context, {}, reader, writer)
        task = loop.create_task(server.run())
        writers.append(writer)
        task.add_done_callback(lambda task: served.failures.extend(filter(None, [_fault(task)])))

    server = await asyncio.start_server(
        accepted, "127.0.0.1", 0, ssl=server_tls(certificate), ssl_shutdown_timeout=0.2
    )
    served = Served(server.sockets[0].getsockname()[1], certificate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it forgets coroutines
        try:
            yield served
        finally:
            server.close()
            for writer in writers:
                abort(writer.transport)
            await _cancel(before)
            gc.collect()


async def _cancel(before: set[asyncio.Task[Any]]) -> None:
    async with asyncio.timeout(DEADLINE):
        while left := asyncio.all_tasks() - before - _this():
            for task in left:  # some take no notice of the first
                task.cancel()
            await asyncio.wait(left, timeout=0.05)


def _fault(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


def _this() -> set[asyncio.Task[Any]]:
    return {task for task in (asyncio.current_task(),) if task is not None}


async def answer(send: Send, body: bytes = b"ok", status: int = 200) -> None:
    """Answer whole."""
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def read(receive: Receive) -> bytes:
    """Read a request's body."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def until_left(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def echo(_scope: Any, receive: Receive, send: Send) -> None:
    """Answer with the request's body."""
    await answer(send, await read(receive))


class Started:
    """Counts its requests, which wait until their client has left."""

    def __init__(self) -> None:
        self.requests = 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["path"] == "/other":
            await answer(send)
            return
        self.requests += 1
        await until_left(receive)
