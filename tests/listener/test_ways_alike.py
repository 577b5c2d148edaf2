"""A connection says the same with its short ways and without them, whatever is asked on it."""

import asyncio
import re
from typing import Any

import h11
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.certificates import Certificate
from app.listener import framing, request_head
from app.listener.connection import ServerConnection
from app.listener.server_codec import ServerCodec
from tests.listener import h1client
from tests.listener.serving import Receive, Send, Served, listening
from tests.proxying import DEADLINE

pytestmark = pytest.mark.slow

DATE = re.compile(rb"date: [^\r]*\r\n")
SIZES = [0, 1, 5, 5, 4_000, 16_000, 16_384, 70_000]
ANSWERS = st.fixed_dictionaries(
    {
        "status": st.sampled_from([200, 200, 200, 201, 204, 304, 404, 500]),
        "length": st.sampled_from([None, None, 0, 5, 10, 70_000]),
        "sizes": st.lists(st.sampled_from(SIZES), max_size=4),
        "ways": st.lists(st.sampled_from(["message", "write", "pause"]), min_size=4, max_size=4),
        "end": st.sampled_from(["end", "end", "end", "raise", "return", "nothing"]),
        "reads": st.booleans(),
        "field": st.sampled_from([None, None, b"close", b"keep-alive"]),
    }
)
FRAMED = st.sampled_from(
    [
        (b"", b""),
        (b"content-length: 3\r\n", b"abc"),
        (b"content-length: 300000\r\n", b"x" * 300_000),
        (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n"),
        (b"content-length: 4\r\n", b"abc"),
        (b"content-length: +3\r\n", b"abc"),
        (b"content-length : 3\r\n", b"abc"),
    ]
)
ODD = st.sampled_from(
    [b""] * 6
    + [b"x: \xe9\r\n", b"x:\r\n", b"x: a\x01b\r\n", b" fold\r\n", b"host: y\r\n", b"x: a\tb\r\n"]
    + [b"expect: 100-continue\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"]
)
REQUESTS = st.tuples(
    st.sampled_from([b"GET", b"POST", b"HEAD", b"get"]), st.sampled_from([b"1.1", b"1.0"])
)


def written(
    number: int, line: tuple[bytes, bytes], framed: tuple[bytes, bytes], odd: bytes
) -> bytes:
    fields, body = framed
    return b"%b /%d HTTP/%b\r\nhost: x\r\n%b%b\r\n%b" % (
        *(line[0], number, line[1]),
        *(fields, odd, body),
    )


async def conversation(served: Served, sent: bytes, cut: int) -> tuple[bytes, bool]:
    """Return what is said until the server closes the connection; the last request asks for it.

    And whether it was reset, because more had come behind a request that ended it: a client's
    system then drops what the client has not read yet (RFC 9112 §9.6).
    """
    async with h1client.connected(served.port, served.trust()) as wire, asyncio.timeout(DEADLINE):
        for start in range(0, len(sent), cut):
            wire.send(sent[start : start + cut])
        said, reset = b"", False
        try:
            while piece := await wire.reader.read(65_536):
                said += piece
        except OSError:
            reset = True
        return DATE.sub(b"", said), reset


async def taken(receive: Receive) -> int:
    """Return the size of a request's body."""
    read, more = 0, True
    while more:
        message = await receive()
        read, more = read + len(message.get("body", b"")), message.get("more_body", False)
    return read


async def give(scope: Any, send: Send, piece: bytes, way: str) -> None:
    """Send a piece of a body in one of the ways."""
    if way == "pause":
        await asyncio.sleep(0)
    if way != "write":
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    elif (rest := scope["extensions"]["write"](piece)) is not None:
        await rest()


def answering(plans: list[dict[str, Any]]) -> Any:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        plan = plans[int(scope["path"][1:])]
        read = await taken(receive) if plan["reads"] else 0
        if plan["end"] == "nothing":
            return
        asked = f"{scope['method']} {scope['path']} {scope['headers']} {read}"
        fields = [(b"x-asked", asked.encode())]
        if plan["length"] is not None:
            fields.append((b"content-length", b"%d" % plan["length"]))
        if plan["field"] is not None:
            fields.append((b"connection", plan["field"]))
        start = {"type": "http.response.start", "status": plan["status"], "headers": fields}
        await send(start)
        for size, way in zip(plan["sizes"], plan["ways"], strict=False):
            await give(scope, send, b"x" * size, way)
        if plan["end"] == "raise":
            raise ValueError
        if plan["end"] == "end":
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


@given(
    st.lists(st.tuples(ANSWERS, REQUESTS, FRAMED, ODD), max_size=3),
    st.sampled_from([10**6, 10**6, 16_000, 997]),
)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_connection_says_the_same_without_short_ways(
    certificate: Certificate, parts: list[tuple[Any, Any, Any, bytes]], cut: int
) -> None:
    last = {"status": 200, "length": None, "sizes": [5], "ways": ["message"] * 4}
    plans = [plan for plan, *_ in parts] + [last | {"end": "end", "reads": True, "field": None}]
    sent = b"".join(written(number, *rest) for number, (_, *rest) in enumerate(parts))
    sent += b"GET /%d HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" % len(parts)

    async def both() -> tuple[tuple[bytes, bool], tuple[bytes, bool]]:
        async with listening(answering(plans), certificate) as served:
            short = await conversation(served, sent, cut)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(ServerConnection, "_begin", lambda self, head: self._write(head))
                patch.setattr(request_head, "read", lambda _: None)
                patch.setattr(framing, "head", lambda *_: None)
                patch.setattr(framing, "end", lambda _: None)
                for name in ("receive_data", "_process_event"):
                    patch.setattr(ServerCodec, name, getattr(h11.Connection, name))
                long = await conversation(served, sent, cut)
        return short, long

    (short, short_reset), (long, long_reset) = asyncio.run(both())
    if short_reset:
        long = long[: len(short)]
    if long_reset:
        short = short[: len(long)]
    assert short == long
