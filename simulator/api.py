"""The simulated API: from a request to its answer, by method and path."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from . import limits
from .answer import (
    EVENTS,
    Answer,
    Response,
    as_json,
    content,
    error,
    in_parts,
    length,
    raw,
)
from .coding import decode
from .message import Piece, compose, document, events
from .prompt import PromptCache, Request, last_text, read
from .received import Received
from .step import Step
from .wire import Headers

OK = 200
BODY_LIMIT = 512 * 2**20  # bytes of a request's body, decoded
MODELS = (
    "claude-fable-5-1",
    "claude-opus-5-5",
    "claude-opus-5",
    "claude-sonnet-5-5",
    "claude-sonnet-5",
    "claude-haiku-5-5",
    "claude-haiku-4-5",
)


@dataclass(frozen=True, slots=True)
class Call:
    """A request for the API, with its step. ``number`` counts all of them."""

    received: Received
    body: bytes
    step: Step
    number: int

    @property
    def request_id(self) -> str:
        """The id the answer carries."""
        return f"req_sim{self.number:08}"


class Api:
    """State: the prompt ``_cache``, the number of ``_calls``, the tokens ``_spent``."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._cache = PromptCache()
        self._calls = 0
        self._spent = 0
        self._routes: dict[tuple[str, bytes], Callable[[Call], Answer]] = {
            ("POST", b"/v1/messages"): self._messages,
            ("POST", b"/v1/messages/count_tokens"): _count_tokens,
            ("GET", b"/v1/models"): _models,
            ("HEAD", b"/"): _empty,
            ("HEAD", b"/api/hello"): _empty,
            ("POST", b"/api/event_logging/batch"): _empty,
            ("POST", b"/_simulator/echo"): _echo,
        }

    def respond(self, received: Received, body: bytes, step: Step) -> Response:
        """Answer a request as its step says."""
        self._calls += 1
        call = Call(received, body, step, self._calls)
        answer = self._answer(call)
        if step.fault is not None and answer.content_type != EVENTS:
            answer = in_parts(answer, step.after + 1)
        pieces = () if received.method == "HEAD" else content(answer, step)
        head = self._headers(call, answer)
        if step.fault is None and answer.content_type != EVENTS:
            pieces = tuple(pieces)
            head.append(length(pieces))
        return Response(answer.status, _with_own(head, step), pieces)

    def _answer(self, call: Call) -> Answer:
        step, received = call.step, call.received
        if step.body is not None:
            return raw(step.body, step.status)
        if step.status >= 400:  # noqa: PLR2004 - the errors of HTTP
            return error(step.status, call.request_id)
        route = self._routes.get((received.method, received.path), _unknown)
        try:
            answer = route(call)
        except ValueError as exc:
            return error(400, call.request_id, str(exc))
        return answer if step.status == OK else replace(answer, status=step.status)

    def _headers(self, call: Call, answer: Answer) -> Headers:
        fields = [("content-type", answer.content_type)]
        if call.step.encoding is not None:
            fields.append(("content-encoding", call.step.encoding))
        fields += limits.headers(call.request_id, call.number, self._spent, self._wall())
        return [(name.encode(), value.encode()) for name, value in fields]

    def _messages(self, call: Call) -> Answer:
        body, request = _read(call)
        prompt = self._cache.usage(body, request)
        call.received.model = request.model
        message = compose(
            call.step,
            last_text(request),
            prompt,
            id=f"msg_sim{call.number:08}",
            model=request.model,
        )
        self._spent += message.usage.prompt + message.usage.output
        if not request.stream:
            return Answer((document(message),))
        step = call.step
        stream = events(message, pings=step.pings, message_deltas=step.message_deltas)
        return Answer(stream, content_type=EVENTS)


def _with_own(head: Headers, step: Step) -> Headers:
    """Return the head with the step's fields replacing the simulator's."""
    own = [(name.encode(), value.encode("latin-1")) for name, value in step.headers]
    names = {name.lower() for name, _ in own}
    return [*(field for field in head if field[0] not in names), *own]


def _read(call: Call) -> tuple[bytes, Request]:
    coding = call.received.header(b"content-encoding")
    body = decode(call.body, None if coding is None else coding.decode("latin-1"), limit=BODY_LIMIT)
    return body, read(body)


def _count_tokens(call: Call) -> Answer:
    body, request = _read(call)
    call.received.model = request.model
    return as_json({"input_tokens": PromptCache().usage(body, request).prompt})


def _models(_: Call) -> Answer:
    return as_json(
        {
            "data": [_model(name) for name in MODELS],
            "has_more": False,
            "first_id": MODELS[0],
            "last_id": MODELS[-1],
        }
    )


def _model(name: str) -> dict[str, str]:
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2026-01-01T00:00:00Z",
    }


def _empty(_: Call) -> Answer:
    return as_json({})


def _echo(call: Call) -> Answer:
    return Answer((Piece(call.body),), content_type="application/octet-stream")


def _unknown(call: Call) -> Answer:
    path = call.received.path.decode("latin-1")
    return error(404, call.request_id, f"Not found: {call.received.method} {path}")
