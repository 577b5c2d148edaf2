"""Answers: what the simulated API says to a request, before any fault."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import msgspec

from .coding import encoder
from .message import Piece, event
from .step import Encoding, Step
from .wire import Headers

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MESSAGES = {429: "Simulated rate limit", 529: "Overloaded"}
_GARBAGE = Piece(b"\x00\xff\xfe\r{]: not \xc3\x28 an event")
_OVERLOADED = Piece(
    event("error", {"error": {"type": "overloaded_error", "message": "Overloaded"}})
)
EVENTS = "text/event-stream; charset=utf-8"
_STREAM_STARTS = (b"event:", b"data:", b":")
_EVENT = re.compile(rb"(?s:.+?)(?:(?:\r\n|\n|\r(?!\n)){2}|\Z)")  # to its blank line or the end


@dataclass(frozen=True, slots=True)
class Response:
    """An answer for the wire; ``pieces`` are sent one by one."""

    status: int
    headers: Headers
    pieces: Iterable[Piece]


@dataclass(frozen=True, slots=True)
class Answer:
    """``pieces`` are sent one by one: events of a stream, or one document."""

    pieces: Iterable[Piece]
    status: int = 200
    content_type: str = "application/json"


def as_json(value: Any) -> Answer:
    """Answer with a JSON document."""
    return Answer((Piece(msgspec.json.encode(value)),))


def error(status: int, request_id: str, message: str | None = None) -> Answer:
    """Answer with an error of the API (its error documentation)."""
    kind = _ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")  # noqa: PLR2004 - a server's errors
    fields = {"type": kind, "message": message or _MESSAGES.get(status, f"Simulated {status}")}
    document = {"type": "error", "error": fields, "request_id": request_id}
    return Answer((Piece(msgspec.json.encode(document)),), status)


def refusal(message: str) -> Step:
    """Return the step that answers a request whose own steps cannot be read."""
    (piece,) = error(400, "req_sim00000000", message).pieces
    return Step(status=400, body=piece.data)


def raw(body: bytes, status: int) -> Answer:
    """Answer with given bytes; an event stream goes out event by event."""
    if not body.startswith(_STREAM_STARTS):
        return Answer((Piece(body),), status)
    return Answer([Piece(event) for event in _EVENT.findall(body)], status, EVENTS)


def framed(answer: Answer) -> Response:
    """Return a document as it goes on the wire when no step has a say."""
    pieces = tuple(answer.pieces)
    return Response(
        answer.status, [(b"content-type", answer.content_type.encode()), length(pieces)], pieces
    )


def length(pieces: Iterable[Piece]) -> tuple[bytes, bytes]:
    """Return the ``content-length`` of a whole document."""
    return b"content-length", b"%d" % sum(len(piece.data) for piece in pieces)


def content(answer: Answer, step: Step) -> Iterable[Piece]:
    """Return the answer's pieces in the step's coding, with the faults that lie in its content."""
    plain = answer.pieces
    if step.fault == "error_event":
        plain = chain(islice(plain, step.after), [_OVERLOADED])
    coded = plain if step.encoding is None else _encoded(plain, step.encoding)
    if step.fault in ("truncate", "garbage"):
        coded = islice(coded, step.after)
    return chain(coded, [_GARBAGE]) if step.fault == "garbage" else coded


def _encoded(plain: Iterable[Piece], encoding: Encoding) -> Iterator[Piece]:
    encode, finish = encoder(encoding)
    for piece in plain:
        yield piece._replace(data=encode(piece.data))
    yield Piece(finish())


def in_parts(answer: Answer, parts: int) -> Answer:
    """Cut a document in parts, so that a fault can fall between them."""
    (piece,) = answer.pieces
    size = -(-len(piece.data) // parts) or 1
    *cuts, last = [piece.data[at : at + size] for at in range(0, len(piece.data), size)] or [b""]
    return replace(answer, pieces=[*map(Piece, cuts), piece._replace(data=last)])
