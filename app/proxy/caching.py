"""The cache recorder's place in the journey: when a body is read for it, and what it then says.

It reads a body in the backlog, before any later record is made. A long one is read on a thread,
which takes the interpreter from everybody: only once the answer has been under way for a moment, or
is over. It holds nothing up, and what fails here costs the exchange its verdict only.
"""

import asyncio
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any, TypeVar

from ..anthropic.hints import (
    AGENT_ID,
    COMPACTION,
    CONTEXT_COMPACTED,
    REQUEST_CLASS,
    SESSION_ID,
)
from ..anthropic.tap import Reading
from ..anthropic.usage import Usage
from ..cache.blocks import Digest, tool_name
from ..cache.evidence import Asked, Counted
from ..cache.members import Unreadable
from ..cache.prompt import Prompt, Template
from ..cache.recorder import Flight, Read, Recorder
from ..cache.report import CacheReport
from ..cache.verdict import Verdict
from ..wire.headers import credential_of
from .backlog import Backlog, Work
from .defects import report
from .request.body import Body
from .request.client_request import ClientRequest

INLINE = 256 * 1024  # bytes of a body that is read on the event loop
WAITING = 64 * 2**20  # bytes of bodies that may wait for the thread; others are not read
DELAY = 0.1  # seconds from the answer's head to the reading of a long body
SETTLE = 0.5  # seconds that a record waits for the thread

_BETA = b"anthropic-beta"
_WHO = (SESSION_ID, AGENT_ID, REQUEST_CLASS, _BETA)

Result = TypeVar("Result")


class Caching:
    """The part that all requests share.

    The first of the ``recorders`` remembers bodies as they are sent, a second one as they were
    received: its verdict shows whether a change on the way made a difference. Without any, nothing
    is recorded. State: ``waiting`` bytes for the thread.
    """

    def __init__(self, digest: Digest, *, recorders: int) -> None:
        self.digest = digest
        self.recorders = tuple(Recorder(digest) for _ in range(recorders))
        self.thread = ThreadPoolExecutor(1, "cache")
        self.waiting = 0

    def asked(self, request: ClientRequest, now: float) -> Asked:
        """Return who sends a request."""
        fields = request.fields
        credential = credential_of(fields)
        session, agent, kind, betas = map(fields.get, _WHO)
        if len(fields) < len(request.headers):
            betas = b",".join(value for name, value in request.headers if name == _BETA)
        return Asked(  # by position: that takes half the time
            now,
            0 if credential is None else self.digest(credential),
            None if session is None else self.digest(session),
            None if agent is None else self.digest(agent),
            betas or b"",
            kind is not None,
            kind == b"auxiliary",
            kind == b"compaction" or COMPACTION in fields,
            CONTEXT_COMPACTED in fields,
        )

    def templates(self, asked: Asked) -> list[Template | None]:
        """Return the template of each recorder."""
        return [recorder.template(asked) for recorder in self.recorders]

    def read(
        self,
        body: bytes,
        original: bytes | None,
        asked: Asked,
        templates: Sequence[Template | None],
    ) -> list[Read | None]:
        """Read a body for each recorder, the same one once. Any thread may call it.

        The first one takes it as it was sent, the others the ``original``, if that is another.
        """
        own, *others = self.recorders
        found = _read(own, body, asked, templates[0])
        if original is None or not others:
            return [found] * len(templates)
        return [found, *map(_read, others, repeat(original), repeat(asked), templates[1:])]


def _read(recorder: Recorder, body: bytes, asked: Asked, template: Template | None) -> Read | None:
    """Return what a recorder reads in a body; None if it cannot be read."""
    try:
        return recorder.read(body, asked, template)
    except Unreadable:
        return None


def _tool(prompt: Prompt | None, verdict: Verdict) -> str | None:
    """Return the name of the tool that was changed."""
    if verdict.index is None or prompt is None:
        return None
    return tool_name(prompt.tools, verdict.index)


OFF = Caching(hash, recorders=0)


class CacheFlight:
    """One request, as the recorder sees it.

    State: a ``_short`` body until it is read in the ``backlog``, then nothing of it; the
    ``_chunks`` of a long one until the ``_timer`` rings, then its ``_reading`` on the thread; then
    the ``_flights``, one for each recorder. ``_over`` once it was judged, ``_failed`` once a
    defect showed, or if nothing is recorded.
    """

    # What few requests change is no step of making one.
    _asked: Asked | None = None
    _original: bytes | None = None
    _short: bytes | None = None
    _chunks: Sequence[bytes] = ()
    _timer: asyncio.TimerHandle | None = None
    _reading: asyncio.Future[list[Read | None]] | None = None
    _flights: Sequence[Flight] = ()
    _sent_at: float | None = None
    _answered: float | None = None
    _over = False

    def __init__(self, caching: Caching, request: ClientRequest, backlog: Backlog) -> None:
        self._caching = caching
        self._request = request
        self._backlog = backlog
        self._failed = not caching.recorders

    def changed(self, original: bytes | None) -> None:
        """Take note that another body is sent than ``original``."""
        self._original = original

    def sending(self, body: Body, now: float) -> None:
        """Take note that the request goes upstream; its body is read a moment later."""
        self._sent_at = now
        whole = None if self._failed else body.held
        if whole is not None and (size := len(whole)) <= INLINE:
            self._short = whole
            self._backlog.add(self._step, size)

    def sent(self, body: Body) -> None:
        """Take note that all of the body has gone; keep a long one until it is read."""
        if self._sent_at is not None and self._short is None:
            self._safely(self._keep, body.chunks)

    def answered(self, now: float) -> None:
        """Take note that the answer has begun, and is no error; read a long body soon."""
        self._answered = now
        if self._flights:
            self._safely(self._mark_answered, now)
        if self._chunks:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self._submit_kept)

    async def settle(self) -> None:
        """Wait for the thread, but not for long: the answer is over."""
        if self._answered is not None:
            self._submit_kept()
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=SETTLE)

    def judge(self, reading: Reading) -> CacheReport | None:
        """Return the report on an answer, None if it states no usage."""
        self._over = True
        if self._timer is not None or self._chunks:
            self._take_kept()
        usage = reading.prompt or reading.usage
        if usage is None or self._answered is None or not self._caching.recorders:
            self._safely(self._drop)
            return None
        return self._safely(self._judge, usage, reading.model) or CacheReport(Verdict("unknown"))

    def _safely(self, work: Callable[..., Result], *args: Any) -> Result | None:
        """Return what ``work`` returns; None once something has failed."""
        if self._failed:
            return None
        try:
            return work(*args)
        except Exception as exc:  # noqa: BLE001 - a defect here must not stop the relay
            self._failed = True
            report("the cache recorder failed", exc)
            return None

    def _step(self) -> Work:
        return self._read_short  # beside the judgements

    def _read_short(self) -> None:
        body, self._short = self._short or b"", b""
        self._safely(self._read, body)

    def _read(self, body: bytes) -> None:
        caching = self._caching
        if len(caching.recorders) > 1:
            asked = self._who()
            self._begin(caching.read(body, self._original, asked, caching.templates(asked)))
            return
        [recorder] = caching.recorders  # the usual case, in half of the steps
        self._asked = asked = caching.asked(self._request, self._sent_at or 0.0)
        flight = recorder.begin(asked, _read(recorder, body, asked, recorder.template(asked)))
        self._flights = (flight,)
        if self._answered is not None:
            recorder.answered(flight, self._answered)

    def _who(self) -> Asked:
        """Return who sends the request."""
        if self._asked is None:
            self._asked = self._caching.asked(self._request, self._sent_at or 0.0)
        return self._asked

    def _keep(self, chunks: Sequence[bytes]) -> None:
        """Keep a body for the thread, unless too much waits for it."""
        size = sum(map(len, chunks))
        if size and self._caching.waiting + size <= WAITING:
            self._caching.waiting += size
            self._chunks = chunks

    def _take_kept(self) -> Sequence[bytes]:
        """Return what is kept, and keep it no more."""
        if self._timer is not None:
            self._timer.cancel()
        chunks, self._chunks = self._chunks, ()
        if chunks:
            self._caching.waiting -= sum(map(len, chunks))
        return chunks

    def _submit_kept(self) -> None:
        if chunks := self._take_kept():
            self._safely(self._submit, chunks)

    def _submit(self, chunks: Sequence[bytes]) -> None:
        """Hand a body to the thread."""
        caching, asked, size = self._caching, self._who(), sum(map(len, chunks))
        templates, original = caching.templates(asked), self._original
        caching.waiting += size

        def work() -> list[Read | None]:
            return caching.read(b"".join(chunks), original, asked, templates)

        def done(future: asyncio.Future[list[Read | None]]) -> None:
            caching.waiting -= size
            self._backlog.add(lambda: functools.partial(self._safely, take, future))

        def take(future: asyncio.Future[list[Read | None]]) -> None:
            if not self._over:
                self._begin(future.result())

        self._reading = asyncio.get_running_loop().run_in_executor(caching.thread, work)
        self._reading.add_done_callback(done)

    def _begin(self, reads: Sequence[Read | None]) -> None:
        self._original, asked = None, self._who()
        self._flights = [
            recorder.begin(asked, read)
            for recorder, read in zip(self._caching.recorders, reads, strict=True)
        ]
        if self._answered is not None:
            self._mark_answered(self._answered)

    def _mark_answered(self, now: float) -> None:
        for recorder, flight in zip(self._caching.recorders, self._flights, strict=False):
            recorder.answered(flight, now)

    def _drop(self) -> None:
        for recorder, flight in zip(self._caching.recorders, self._flights, strict=False):
            recorder.drop(flight)

    def _judge(self, usage: Usage, model: str | None) -> CacheReport | None:
        if not self._flights:
            return None
        counted = Counted(usage.cache_read, usage.cache_write, usage.input)
        [recorder, *others], [flight, *more] = self._caching.recorders, self._flights
        verdict, prompt = recorder.judge(flight, counted, model), flight.prompt
        received = others[0].judge(more[0], counted, model) if others else None
        sizes = {} if prompt is None else prompt.blocks.fill
        tool = _tool(prompt, verdict) if verdict.reason == "tools_changed" else None
        return CacheReport(verdict, sizes, counted.total, received, tool)
