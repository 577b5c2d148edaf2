"""Which requests are admitted, and how the running ones are drained (behaviour D1, E2)."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Self

from ..errors import (
    SHUTTING_DOWN,
    BadRequest,
    Busy,
    Draining,
    MethodRefused,
    ProxyFailure,
    Unauthorized,
)
from ..wire.headers import TOKEN_HEADER, Headers, first, well_formed

Cut = Callable[[], None]
Evict = Callable[[ProxyFailure], None]

FAILED_TOKEN_DELAY = 1.0  # seconds that the answer to a wrong access token takes
REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})  # a tunnel and an echo: not for a gateway


def check_method(method: str, headers: Headers) -> None:
    """Refuse what must never be forwarded."""
    if method in REFUSED_METHODS:
        raise MethodRefused("method_refused", f"This proxy does not forward {method} requests.")
    if b"upgrade" in dict(headers) and b"websocket" in _protocols(headers):
        raise BadRequest("websocket_refused", "This proxy does not forward websockets.")


def _protocols(headers: Headers) -> set[bytes]:
    """Return the protocols that a client would like to go on with (RFC 9110 §7.8)."""
    upgrades = b",".join([value for name, value in headers if name == b"upgrade"])
    return {protocol.strip() for protocol in upgrades.lower().split(b",")}


def check_headers(headers: Headers) -> None:
    """Refuse values that would be read as several fields (behaviour E4)."""
    if not well_formed(headers):
        raise BadRequest("malformed_request", "A header value contains a line break or a NUL.")


async def check_token(
    headers: Headers, token: str | None, sleep: Callable[[float], Awaitable[None]]
) -> None:
    """Compare the client's access token with ours, when one is set, in constant time.

    The answer to a wrong one takes its time, so that guessing is slow.
    """
    if token is None:
        return
    sent = first(headers, TOKEN_HEADER) or b""
    if not hmac.compare_digest(sent, token.encode()):
        await sleep(FAILED_TOKEN_DELAY if sent else 0.0)
        raise Unauthorized(
            "access_token",
            f"This proxy requires its access token in the {TOKEN_HEADER.decode()} header "
            "(ANTHROPIC_PROXY_ACCESS_TOKEN; Claude Code: ANTHROPIC_CUSTOM_HEADERS).",
        )


class Place:
    """One exchange's place, from entering to exiting. State: ``served``, once it counts as such."""

    def __init__(
        self, admission: "Admission", peer: str, cut: Cut, evict: Evict, *, before_drain: bool
    ) -> None:
        self.peer = peer
        self.cut = cut
        self.evict = evict
        self.before_drain = before_drain
        self.served = False
        self._admission = admission

    def __enter__(self) -> Self:
        self._admission.admit(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._admission.leave(self)

    def serve(self) -> None:
        """Count it against the limit from now on; raises `Busy` when there is no place."""
        self._admission.serve(self)


class _Places(dict[Place, None]):
    """Places in the order they came. State beside them: how many each peer has."""

    def __init__(self) -> None:
        super().__init__()
        self._of: dict[str, int] = {}

    def of(self, peer: str) -> int:
        """Return how many a peer has."""
        return self._of.get(peer, 0)

    def add(self, place: Place) -> None:
        """Add one."""
        self[place] = None
        self._of[place.peer] = self.of(place.peer) + 1

    def remove(self, place: Place) -> None:
        """Remove one, unless it was removed."""
        if place not in self:
            return
        del self[place]
        left = self._of.pop(place.peer) - 1
        if left:
            self._of[place.peer] = left


class Admission:
    """The running exchanges, and the gate that the server closes in four steps.

    A request takes one of ``limit`` places once its body is complete or goes upstream as it
    comes, so that a client which sends nothing more takes none. Until then it is unfinished:
    there are as many places for those, and past them the one that waits the longest is evicted.
    One peer may have ``share`` of each.

    State: ``_unfinished`` and ``_served``; ``ready`` and ``_open`` are the gate; ``_idle`` is set
    while nothing runs.
    """

    def __init__(self, limit: int, share: float = 1.0) -> None:
        self.ready = True
        self._limit = limit
        self._per_peer = max(1, int(limit * share))
        self._open = True
        self._unfinished = _Places()
        self._served = _Places()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def active(self) -> int:
        """How many exchanges are running, unfinished requests included."""
        return len(self._unfinished) + len(self._served)

    def enter(self, peer: str, cut: Cut, evict: Evict, *, before_drain: bool = False) -> Place:
        """Return what keeps an exchange in a ``with``; that raises `Draining` at a closed gate.

        ``cut`` ends it visibly; ``evict`` ends an unfinished one with a failure. A client that
        could not know of the drain (``before_drain``) is not refused for it.
        """
        return Place(self, peer, cut, evict, before_drain=before_drain)

    def admit(self, place: Place) -> None:
        """Keep an exchange, which is unfinished; raises `Draining`."""
        if not self._open and not place.before_drain:
            raise Draining("draining", SHUTTING_DOWN, retry_after=1)
        self._make_room(place.peer)
        self._unfinished.add(place)
        self._idle.clear()

    def leave(self, place: Place) -> None:
        """Let go of an exchange."""
        (self._served if place.served else self._unfinished).remove(place)
        if not self.active:
            self._idle.set()

    def serve(self, place: Place) -> None:
        """Let an unfinished exchange take one of the places; raises `Busy`."""
        if len(self._served) >= self._limit:
            raise Busy(
                "too_many_requests",
                f"The proxy is already serving {self._limit} requests: try again, "
                "or raise ANTHROPIC_PROXY_MAX_ACTIVE_REQUESTS.",
                retry_after=1,
            )
        if self._served.of(place.peer) >= self._per_peer:
            raise Busy(
                "peer_limit",
                f"The proxy is already serving {self._per_peer} requests from this address: try "
                "again, or raise ANTHROPIC_PROXY_PEER_SHARE.",
                retry_after=1,
            )
        self._unfinished.remove(place)
        place.served = True
        self._served.add(place)

    def _make_room(self, peer: str) -> None:
        """Evict the unfinished request that waits the longest, if there is no room for one more."""
        if self._unfinished.of(peer) >= self._per_peer:
            oldest = next(place for place in self._unfinished if place.peer == peer)
        elif len(self._unfinished) >= self._limit:
            oldest = next(iter(self._unfinished))
        else:
            return
        self._unfinished.remove(oldest)
        oldest.evict(
            Busy(
                "unfinished_requests",
                "Too many requests are unfinished: send the body together with its headers.",
                retry_after=1,
            )
        )

    def unready(self) -> None:
        """Drain, step 1: report the proxy as not ready to load balancers."""
        self.ready = False

    def refuse(self) -> None:
        """Drain, step 2: refuse new requests."""
        self._open = False

    async def idle(self) -> None:
        """Drain, step 3: wait until the running exchanges have ended."""
        await self._idle.wait()

    def cut(self) -> int:
        """Drain, step 4: end those that remain; return how many there were."""
        stragglers = [*self._unfinished, *self._served]
        for place in stragglers:
            place.cut()
        return len(stragglers)
