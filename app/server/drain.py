"""Graceful shutdown: what happens in which order, and how long each step may take.

Readiness goes 503 at once, and clients are asked to open no more streams. After a lag, new
requests are refused. Running ones may finish until the deadline; the rest are aborted visibly.
"""

import asyncio
from contextlib import suppress

import structlog

from ..application import Application
from ..forward.gate import Gate
from ..listener import Listener
from ..proxy.admission import Admission

READINESS_LAG = 1.0  # seconds between "not ready" and refusing, for load balancers to notice
GOAWAY_TIMEOUT = 0.5  # seconds for clients to take the notice that the server shuts down
KEEP_ALIVE_GRACE = 0.25  # seconds in which a client may still use a connection it believes open
CLOSE_TIMEOUT = 1.0  # seconds for aborted responses to be sent and connections to close

log = structlog.get_logger(__name__)


async def drain(
    application: Application, listeners: list[Listener], seconds: float, gate: Gate | None = None
) -> None:
    """Let running requests finish within ``seconds``, then close every connection."""
    admission = application.admission
    deadline = asyncio.get_running_loop().time() + seconds
    log.info("draining", active=admission.active, seconds=seconds)
    admission.unready()
    application.stop()
    await _announce(listeners)
    # Idle or not: a load balancer has yet to notice.
    await asyncio.sleep(min(READINESS_LAG, seconds / 4))
    admission.refuse()
    if gate is not None:
        gate.refuse()
    cut = 0
    try:
        async with asyncio.timeout_at(deadline):
            await _wait_until_idle(admission, min(KEEP_ALIVE_GRACE, seconds / 4))
            if gate is not None:
                await gate.tunnels.quiet()
    except TimeoutError:
        cut = admission.cut()
    if gate is not None:
        cut += gate.tunnels.cut()
    (log.warning if cut else log.info)("drained", cut=cut)
    await asyncio.gather(*(listener.close(CLOSE_TIMEOUT) for listener in listeners))


async def _announce(listeners: list[Listener]) -> None:
    """Tell clients that the server shuts down; do not wait for those that take nothing."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GOAWAY_TIMEOUT):
            await asyncio.gather(*(listener.start_drain() for listener in listeners))


async def _wait_until_idle(admission: Admission, grace: float) -> None:
    """Wait until nothing runs, and no client that could not know of the drain sends more."""
    while True:
        await admission.idle()
        await asyncio.sleep(grace)
        if admission.active == 0:
            return
