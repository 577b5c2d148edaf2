"""The contract, clause by clause. A clause returns what it compared, or raises `Broken`."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import msgspec

from .party import MARK, STREAM, Answer, Arrived, Fields, Party, Refused

LEAVING = 5.0  # seconds within which the simulator must learn that a client has left
REFUSED_METHOD = "method_refused"
ADDED = frozenset(
    {b"via", b"server", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip"}
)
SCRIPTED = frozenset({MARK, b"x-simulate", b"host"})  # of the check and of the connection


class Broken(Exception):
    """The proxy does not keep a clause; the message says what differs, never content."""


class Clause(msgspec.Struct, frozen=True):
    """A promise with the function that checks it."""

    name: str
    check: Callable[[Party], Awaitable[str]]


async def request_headers(party: Party) -> str:
    """Unknown, repeated and empty fields arrive in order, and nothing is added."""
    sent = [
        (b"x-first", b"1"),
        (b"anthropic-beta", b"known-2025,unknown-2099"),
        (b"x-api-key", b"fake-key-of-the-doctor"),
        (b"anthropic-beta", b"another-2099"),
        (b"anthropic-unknown", b"new"),
        (b"x-bytes", b"caf\xc3\xa9 \xe9"),
        (b"x-empty", b""),
    ]
    hop = [(b"proxy-authorization", b"Basic ZmFrZTpmYWtl")]
    _, arrived = await party.ask("GET", b"/v1/models", [*sent, *hop], b"")
    _same("the header fields", sent, _clause_fields(_one(arrived)))
    return f"{len(sent)} fields in order, none added"


async def response_headers(party: Party) -> str:
    """Repeated and unknown fields reach the client in order, and nothing is added."""
    sent = [("set-cookie", "a=1"), ("x-unknown", "new"), ("set-cookie", "b=2")]
    answer, _ = await party.ask("GET", b"/v1/models", body=b"", headers=sent, status=200)
    names = {name.encode() for name, _ in sent}
    got = [(key.lower(), value) for key, value in answer.fields if key.lower() in names]
    _same("the header fields", [(key.encode(), value.encode()) for key, value in sent], got)
    added = ADDED & {key.lower() for key, _ in answer.fields}
    if added:
        raise Broken(f"added: {b', '.join(sorted(added)).decode()}")
    return f"{len(sent)} fields in order, none added"


BODIES = (
    b'{ "model" :\t"claude-sonnet-4-5",\r\n"messages":[ ] }  ',
    rb'{"messages":[{"role":"user","content":"\u0041\/\ud83d\ude00\ud800"}]}',
    b'{"b":1,"a":2,"b":3,"stream":false}',
    b'{"a":1.0,"b":1e5,"c":' + b"9" * 10_000 + b"}",
    b'{"a":"\xff\xfe"}',
    b"\x00\x01 anything at all",
    b"[" + b"1," * 40_000 + b"1]",
    gzip.compress(b'{"messages":[]}', mtime=0),
)


async def request_bodies(party: Party) -> str:
    """Bodies reach upstream byte for byte, whatever they are."""
    for body in BODIES:
        coded = [(b"content-encoding", b"gzip")] if body is BODIES[-1] else []
        _, arrived = await party.ask(fields=coded, body=body)
        _same("a body", body, _one(arrived).body)
    return f"{len(BODIES)} bodies, byte for byte"


ENCODINGS = (None, "gzip", "deflate", "br", "zstd")


async def encodings(party: Party) -> str:
    """Compressed responses stay as upstream sent them."""
    for encoding in ENCODINGS:
        answer, arrived = await party.ask(body=STREAM, encoding=encoding)
        _whole(answer)
        _same(f"a response in {encoding or 'no encoding'}", _one(arrived).sent, answer.body)
        named = [] if encoding is None else [encoding.encode()]
        _same("content-encoding", named, answer.all(b"content-encoding"))
    return f"{len(ENCODINGS)} encodings, byte for byte"


async def streaming(party: Party) -> str:
    """Each event is relayed as it comes: the first is here before the last is sent."""
    answer, arrived = await party.ask(body=STREAM, text="one two three", gap=0.05)
    _whole(answer)
    _same("the events", _one(arrived).sent, answer.body)
    if b"message_stop" in answer.pieces[0]:
        raise Broken("the first event was held until the last")
    return f"{len(answer.pieces)} pieces, each as it came"


STATUSES = (400, 401, 403, 404, 413, 429, 500, 503)


async def errors(party: Party) -> str:
    """Error responses of the API are relayed with their status, fields and body."""
    for status in STATUSES:
        answer, arrived = await party.ask(
            status=status, headers=[["x-odd", "yes"], ["retry-after", "7"]]
        )
        _same("the status", status, answer.status)
        _same("an error's body", _one(arrived).sent, answer.body)
        _same("retry-after", [b"7"], answer.all(b"retry-after"))
    return f"{', '.join(map(str, STATUSES))} relayed"


async def redirects(party: Party) -> str:
    """Redirects are relayed, for the client to follow."""
    place = "https://elsewhere.invalid/v1/messages"
    for status in (301, 302, 307, 308):
        answer, arrived = await party.ask(status=status, headers=[["location", place]])
        _one(arrived)
        _same("the status", status, answer.status)
        _same("location", [place.encode()], answer.all(b"location"))
    return "301, 302, 307 and 308 relayed, none followed"


TARGETS = (
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
)


async def targets(party: Party) -> str:
    """Targets reach upstream byte for byte, and none changes the host."""
    for target in TARGETS:
        _, arrived = await party.ask("GET", target, body=b"")
        _same(target.decode(), target, _one(arrived).target)
    return f"{len(TARGETS)} targets, byte for byte"


METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH")


async def methods(party: Party) -> str:
    """Every method is forwarded, except TRACE, which is refused."""
    for method in METHODS:
        _, arrived = await party.ask(method, b"/v1/anything", body=b"")
        _same("the method", method, _one(arrived).method)
    try:
        answer, _ = await party.ask("TRACE", b"/v1/anything", body=b"")
    except Refused as exc:
        _same("the reason for TRACE", REFUSED_METHOD, str(exc))
    else:
        raise Broken(f"TRACE was answered with {answer.status}")
    return f"{', '.join(METHODS)} forwarded, TRACE refused"


async def cut_streams(party: Party) -> str:
    """Responses that upstream cuts look cut to the client."""
    answer, _ = await party.ask(body=STREAM, fault="reset", after=2)
    if not answer.cut:
        raise Broken("a cut response looked complete")
    return "a cut response looks cut"


async def leaving(party: Party) -> str:
    """When the client leaves, upstream learns of it at once."""
    mark = await party.leave(words=2_000, gap=0.05)
    async with asyncio.timeout(LEAVING):
        while (ended := _one(await party.arrived(mark)).ended) is None:  # noqa: ASYNC110 - remote
            await asyncio.sleep(0.02)
    if ended == "complete":
        raise Broken("the response was generated to its end")
    return "the request is cancelled upstream"


CLAUSES = (
    Clause("request headers", request_headers),
    Clause("targets", targets),
    Clause("methods", methods),
    Clause("response headers", response_headers),
    Clause("encodings", encodings),
    Clause("streaming", streaming),
    Clause("error bodies", errors),
    Clause("redirects", redirects),
    Clause("cut responses", cut_streams),
    Clause("a client that leaves", leaving),
    Clause("request bodies", request_bodies),  # the last: each listing of the simulator has them
)


def _clause_fields(arrived: Arrived) -> Fields:
    return [(key, value) for key, value in arrived.fields if key.lower() not in SCRIPTED]


def _whole(answer: Answer) -> None:
    if answer.cut:
        raise Broken("a response was cut")


def _one(arrived: list[Arrived]) -> Arrived:
    if len(arrived) != 1:
        raise Broken(f"{len(arrived)} requests reached upstream instead of one")
    return arrived[0]


def _same(what: str, sent: object, got: object) -> None:
    if sent != got:
        raise Broken(f"{what} changed on the way")
