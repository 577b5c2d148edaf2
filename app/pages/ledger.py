"""The ledger's views as JSON. Queries run beside the event loop, a few at a time."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..ledger import views
from ..ledger.file import UnusableLedger
from ..ledger.places import Place, reading
from ..ledger.reader import NoLedger, OlderLedger, Reader, TooSlow
from .exact import Exact

SCHEMA = Path(__file__).parent / "static" / "ledger.schema.json"
AT_ONCE = 2  # queries; each keeps a thread busy
WAITING = 32  # further ones; more are sent away
PATIENCE = 5.0  # seconds that one may wait for its turn
SECONDS = 5.0  # that a query may take
CONVERTING = 3.0  # seconds: after a start, which leaves the first one to requests
LOOK = 0.05  # seconds between two looks at a ledger that is being converted
YEARS = range(1970, 10_000)  # that have a place in the ledger, and in the C library
PAGE, MAX_PAGE = 50, 500  # sessions or days of a page, unless ``limit`` says otherwise

_NUMBER = re.compile(r"\d{1,3}", re.ASCII)
_ROW = re.compile(r"\d{1,18}", re.ASCII)
_NO_STORE = {"cache-control": "no-store"}

Cursor = TypeVar("Cursor")
Json = dict[str, Any]
View = Callable[[Reader], Json | None]
Respond = Callable[[Request], Awaitable[Response]]


class BadQuery(ValueError):
    """A parameter of the query string is not valid; the message says which."""


class Ledger:
    """Answers from the ledger at ``place``; None when none is kept.

    State: ``_waiting``, the queries without a turn.
    """

    def __init__(self, place: Place | None) -> None:
        self._place = place
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def answer(self, view: View) -> Response:
        """Return what ``view`` makes of the ledger, or what is wrong."""
        if self._place is None:
            return _error(404, "off", "no ledger is kept: ANTHROPIC_PROXY_LEDGER is false")
        if not await self._turn():
            return _error(503, "busy", "too many queries of the ledger at once: try again later")
        try:
            found = await self._run(self._place, view)
        except NoLedger:
            return _error(404, "empty", "no requests in the ledger yet")
        except (UnusableLedger, TooSlow):
            return _error(503, "unreadable", "the ledger cannot be read now")
        if found is None:
            return _error(404, "no_session", "no requests of this session yet")
        return found

    async def _turn(self) -> bool:
        """Wait for a turn; False if too many wait already, or it takes too long."""
        if self._waiting >= WAITING:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._turns.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    async def _run(self, place: Place, view: View) -> Response | None:
        """Query on a thread. The turn lasts until it ends, also when the client has left before."""
        running = asyncio.ensure_future(asyncio.to_thread(_ask, place, view))
        running.add_done_callback(self._ended)
        return await asyncio.shield(running)

    def _ended(self, query: asyncio.Future[Response | None]) -> None:
        self._turns.release()
        if not query.cancelled():
            query.exception()  # nobody else may look at it any more


class Known(msgspec.Struct, frozen=True):
    """What this process knows and the ledger does not; it is added to the documents.

    ``share`` returns the fraction of the present 5-hour window that a session has used, ``tool``
    the name of the tool at which a request, by its id, left the cache.
    """

    share: Callable[[str], float | None] = lambda _session: None
    tool: Callable[[str | None], str | None] = lambda _request: None

    def session(self, found: Json | None) -> Json | None:
        """Add to a session."""
        return found and found | {"window_share": self.share(found["session"])}

    def sessions(self, found: Json) -> Json:
        """Add to a page of sessions."""
        return found | {"sessions": [self.session(one) for one in found["sessions"]]}

    def requests(self, found: Json | None) -> Json | None:
        """Add to a page of requests."""
        return found and found | {"requests": [self._request(one) for one in found["requests"]]}

    def _request(self, one: Json) -> Json:
        cache = one["cache"]
        return one | {"cache": cache and cache | {"tool": self.tool(one["request_id"])}}


def routes(place: Place | None, known: Known | None = None) -> list[Route]:
    """Return the routes of the ledger at ``place``."""
    ledger, more = Ledger(place), known or Known()
    schema = SCHEMA.read_bytes()

    async def sessions(request: Request) -> Response:
        sort = _sort(request)
        limit, before = _limit(request), _before(request, views.cursor)
        return await ledger.answer(
            lambda reader: more.sessions(views.sessions(reader, limit, before, sort))
        )

    async def session(request: Request) -> Response:
        name = request.path_params["session"]
        return await ledger.answer(lambda reader: more.session(views.session(reader, name)))

    async def prompts(request: Request) -> Response:
        name = request.path_params["session"]
        limit, before = _limit(request), _before(request, _row)
        return await ledger.answer(lambda reader: views.prompts(reader, name, limit, before))

    async def requests(request: Request) -> Response:
        name, chosen = request.path_params["session"], _chosen(request)
        limit, before = _limit(request), _before(request, _row)
        return await ledger.answer(
            lambda reader: more.requests(views.requests(reader, name, chosen, limit, before))
        )

    async def days(request: Request) -> Response:
        limit, before = _limit(request), _before(request, _day)
        return await ledger.answer(lambda reader: views.days(reader, limit, before))

    async def published(_: Request) -> Response:
        return Response(schema, media_type="application/schema+json", headers=_NO_STORE)

    return [
        Exact("/ledger/sessions", _checked(sessions)),
        Route("/ledger/sessions/{session}", session),
        Route("/ledger/sessions/{session}/prompts", _checked(prompts)),
        Route("/ledger/sessions/{session}/requests", _checked(requests)),
        Exact("/ledger/days", _checked(days)),
        Exact("/ledger/schema.json", published),
    ]


def _checked(respond: Respond) -> Respond:
    """Answer 400 to an invalid query."""

    async def answer(request: Request) -> Response:
        try:
            return await respond(request)
        except BadQuery as exc:
            return _error(400, "query", str(exc))

    return answer


def _ask(place: Place, view: View) -> Response | None:
    found = _found(place, view)
    if found is None:
        return None
    return Response(json.dumps(found), media_type="application/json", headers=_NO_STORE)


def _found(place: Place, view: View) -> Json | None:
    """Query; a ledger of an older version is waited for, because the start converts it."""
    end = time.monotonic() + CONVERTING
    while True:
        try:
            with reading(place, seconds=SECONDS) as reader:
                return view(reader)
        except OlderLedger:
            if time.monotonic() >= end:
                raise
            time.sleep(LOOK)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(PAGE))
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MAX_PAGE:
        raise BadQuery(f"limit: must be a number from 1 to {MAX_PAGE}")
    return int(text)


def _before(request: Request, read: Callable[[str], Cursor | None]) -> Cursor | None:
    text = request.query_params.get("before")
    cursor = None if text is None else read(text)
    if text is not None and cursor is None:
        raise BadQuery("before: must be the `next` value of the previous page")
    return cursor


def _row(text: str) -> int | None:
    return int(text) if _ROW.fullmatch(text) else None


def _sort(request: Request) -> str:
    sort = request.query_params.get("sort", "last")
    if sort not in views.SORTS:
        raise BadQuery(f"sort: must be one of {', '.join(views.SORTS)}")
    return sort


def _chosen(request: Request) -> dict[str, str | None]:
    """Return the prompt and the agent that are asked for; an empty one stands for none."""
    asked = request.query_params
    return {name: asked[name] or None for name in ("prompt", "agent") if name in asked}


def _day(text: str) -> str | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day.isoformat() if day.year in YEARS else None


def _error(status: int, reason: str, message: str) -> Response:
    """Return an error for people, with a ``reason`` for programs."""
    headers = _NO_STORE | ({"retry-after": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {})
    return JSONResponse({"error": message, "reason": reason}, status, headers)
