"""Who is let in, and how the last ones get out (behaviour D1, E2)."""

import asyncio
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.errors import BadRequest, Busy, Draining, MethodRefused, Unauthorized
from app.proxy.headers import TOKEN_HEADER, Headers, first, well_formed

REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})  # a tunnel and an echo: not for a gateway


def check_method(method: str, headers: Headers) -> None:
    """Refuse what must never be forwarded."""
    if method in REFUSED_METHODS:
        raise MethodRefused("method_refused", f"This proxy does not forward {method} requests.")
    upgrades = b",".join(value for name, value in headers if name == b"upgrade").lower()
    if b"websocket" in {protocol.strip() for protocol in upgrades.split(b",")}:
        raise BadRequest("websocket_refused", "This proxy does not forward websockets.")


def check_headers(headers: Headers) -> None:
    """Refuse values that would be read as several fields (behaviour E4)."""
    if not well_formed(headers):
        raise BadRequest("malformed_request", "A header value holds a line end or a NUL.")


def check_token(headers: Headers, token: str | None) -> None:
    """Compare the client's access token with ours, when one is set, in constant time."""
    if token is None:
        return
    sent = first(headers, TOKEN_HEADER) or b""
    if not hmac.compare_digest(sent, token.encode()):
        raise Unauthorized(
            "access_token",
            f"This proxy wants its access token in the {TOKEN_HEADER.decode()} header "
            "(ANTHROPIC_PROXY_ACCESS_TOKEN; Claude Code: ANTHROPIC_CUSTOM_HEADERS).",
        )


class Admission:
    """The running exchanges, and the gate that the server closes in three steps.

    State: ``_running`` maps each exchange to what cuts it, ``ready`` and ``_open`` are the
    gate, ``_idle`` is set while nothing runs.
    """

    def __init__(self, limit: int) -> None:
        self.ready = True
        self._limit = limit
        self._open = True
        self._running: dict[object, Callable[[], None]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def active(self) -> int:
        """How many exchanges are running."""
        return len(self._running)

    @contextmanager
    def enter(self, cut: Callable[[], None]) -> Iterator[None]:
        """Count an exchange while it runs; ``cut`` ends it visibly. Raises when refused."""
        if not self._open:
            raise Draining(
                "draining", "The proxy is shutting down: send the request again.", retry_after=1
            )
        if self.active >= self._limit:
            raise Busy(
                "too_many_requests",
                f"The proxy is already serving {self._limit} requests: try again, "
                "or raise ANTHROPIC_PROXY_MAX_ACTIVE_REQUESTS.",
                retry_after=1,
            )
        key = object()
        self._running[key] = cut
        self._idle.clear()
        try:
            yield
        finally:
            del self._running[key]
            if not self._running:
                self._idle.set()

    def unready(self) -> None:
        """Drain, step 1: tell load balancers to send no more."""
        self.ready = False

    def refuse(self) -> None:
        """Drain, step 2: refuse new requests."""
        self._open = False

    async def idle(self) -> None:
        """Drain, step 3: wait until the running exchanges have ended."""
        await self._idle.wait()

    def cut(self) -> int:
        """Drain, step 4: end those that remain; return how many there were."""
        stragglers = list(self._running.values())
        for cut in stragglers:
            cut()
        return len(stragglers)
