"""A client of the proxy that also learns from the simulator what arrived there."""

import base64
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import msgspec

from ...http2 import Transport
from ...wire.timeouts import Timeouts

Fields = Sequence[tuple[bytes, bytes]]

MARK = b"x-contract"
TOKEN = b"x-anthropic-proxy-token"
REASON = b"x-anthropic-proxy-error"
STREAM = b'{"model":"claude-sonnet-4-5","max_tokens":64,"stream":true,"messages":[]}'
STEP = 10.0  # seconds for a request; the simulator answers at once
TIMEOUTS = Timeouts(connect=STEP, read=STEP, write=STEP, pool=STEP)


class Refused(Exception):
    """The proxy answered a request itself; the message is the reason."""


class Answer(msgspec.Struct, frozen=True):
    """What the client got; ``pieces`` are the body as it came, ``cut`` if it did not end."""

    status: int
    fields: Fields
    pieces: tuple[bytes, ...] = ()
    cut: bool = False

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)

    def all(self, name: bytes) -> list[bytes]:
        """Return the values of a field, in order."""
        return [value for key, value in self.fields if key.lower() == name]


class Arrived(msgspec.Struct, frozen=True):
    """What the simulator saw of a request, and the bytes that it sent."""

    method: str
    target: bytes
    fields: Fields
    body: bytes
    sent: bytes
    ended: str | None

    @classmethod
    def of(cls, described: dict[str, Any]) -> "Arrived":
        """Read the simulator's description of a request."""
        fields = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in described["headers"]
        ]
        return cls(
            described["method"],
            described["target"].encode("latin-1"),
            fields,
            base64.b64decode(described["body"]),
            base64.b64decode(described["sent"]),
            described["ended"],
        )


class _Received(msgspec.Struct, frozen=True):
    """An answer whose body is still to come."""

    status: int
    fields: Fields
    body: AsyncIterator[bytes]


class Party(msgspec.Struct, frozen=True):
    """Sends requests to the proxy at ``url``; ``token`` is the proxy's access token, if any."""

    url: str
    transport: Transport
    token: str | None = None

    async def ask(
        self,
        method: str = "POST",
        target: bytes = b"/v1/messages",
        fields: Fields = (),
        body: bytes = b"{}",
        **step: Any,
    ) -> tuple[Answer, list[Arrived]]:
        """Send a request, with a script for the simulator; return the answer and what arrived.

        Raises `Refused`, or what the transport raises.
        """
        mark = secrets.token_hex(8)
        answer = await self._answer(method, target, self._head(mark, fields, step), body)
        _accepted(answer)
        return answer, await self.arrived(mark)

    async def leave(self, **step: Any) -> str:
        """Send a request and leave after the first piece of its answer; return its mark."""
        mark = secrets.token_hex(8)
        request = self._request("POST", b"/v1/messages", self._head(mark, (), step), STREAM)
        async with self._sent(request) as pieces:
            await anext(pieces.body, b"")
        return mark

    async def arrived(self, mark: str) -> list[Arrived]:
        """Return the attempts of a request that reached the simulator."""
        answer = await self._answer("GET", b"/_simulator/requests", self._head(mark, (), {}), b"")
        _accepted(answer)
        wanted = [MARK.decode(), mark]
        return [Arrived.of(one) for one in json.loads(answer.body) if wanted in one["headers"]]

    async def is_recorded(self) -> bool:
        """Return True if the proxy's upstream is a simulator that remembers bodies.

        Nothing but a GET is sent. The simulator of the demo remembers none.
        """
        try:
            answer = await self._answer("GET", b"/_simulator/memory", self._head("", (), {}), b"")
            return answer.status == httpx.codes.OK and json.loads(answer.body)["bodies"] > 0
        except (OSError, ValueError, TypeError, KeyError, httpx.HTTPError):
            return False

    def _head(self, mark: str, fields: Fields, step: dict[str, Any]) -> Fields:
        own = [(MARK, mark.encode())] if mark else []
        own += [(b"x-simulate", json.dumps(step).encode())] if step else []
        own += [(TOKEN, self.token.encode())] if self.token is not None else []
        return [*fields, *own]

    def _request(self, method: str, target: bytes, fields: Fields, body: bytes) -> httpx.Request:
        request = httpx.Request(
            "POST",
            self.url,
            headers=[*fields, (b"content-length", b"%d" % len(body))] if body else list(fields),
            stream=httpx.ByteStream(body),
            extensions={"target": target, "timeout": TIMEOUTS.extension()},
        )
        request.method = method
        return request

    async def _answer(self, method: str, target: bytes, fields: Fields, body: bytes) -> Answer:
        pieces: list[bytes] = []
        cut = False
        async with self._sent(self._request(method, target, fields, body)) as received:
            try:
                async for piece in received.body:
                    pieces.append(piece)  # noqa: PERF401 - those before an error count
            except httpx.HTTPError:
                cut = True
        return Answer(received.status, received.fields, tuple(pieces), cut)

    @asynccontextmanager
    async def _sent(self, request: httpx.Request) -> AsyncIterator[_Received]:
        response = await self.transport.handle_async_request(request)
        stream = cast("httpx.AsyncByteStream", response.stream)
        try:
            yield _Received(response.status_code, response.headers.raw, aiter(stream))
        finally:
            await response.aclose()


def _accepted(answer: Answer) -> None:
    """Raise `Refused` if the proxy made the answer itself."""
    for reason in answer.all(REASON):
        raise Refused(reason.decode("latin-1"))
