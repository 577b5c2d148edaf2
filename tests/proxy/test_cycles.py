"""Ended exchanges free themselves: the collector of cycles, which runs rarely, finds nothing.

What a request leaves to it lies in memory for minutes, and the heap grows by as much.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from simulator import Simulator, Step
from tests.proxying import MESSAGE, STREAM, Running

OURS = ("app.", "hypercorn.")  # where that is defined of which an exchange is made
EVERYBODYS = "app.tls.DirectTls"  # the simulator's connections have it, too

STEPS = {
    "whole": Step(),
    "coded": Step(encoding="gzip"),
    "refused by upstream": Step(status=429),
    "reset before its head": Step(fault="reset_before_headers"),
    "reset": Step(fault="reset"),
    "with an error event": Step(fault="error_event"),
}


@contextmanager
def uncollected() -> Iterator[Counter[str]]:
    """Count what only the collector can free, by type; the count is there at the end."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.freeze()  # what is there already is not looked at, here or later: all modules are in it
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kinds = (type(one) for one in gc.garbage)
        names = (f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
        found.update(name for name in names if name.startswith(OURS) and name != EVERYBODYS)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def exchange(client: httpx.AsyncClient) -> None:
    """Take part in two exchanges, however they end."""
    for body in (MESSAGE, STREAM):
        with suppress(httpx.TransportError):
            await client.post("/v1/messages", json=body)


async def tasks_end() -> None:
    """Let the tasks of connections and exchanges end, which may take some turns of the loop."""
    for _ in range(50):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
async def test_an_exchange_leaves_no_cycle(
    proxy: Running, upstream: Simulator, *, http2: bool
) -> None:
    left = {}
    async with proxy.client(http2=http2) as client:
        await exchange(client)
        for name, step in STEPS.items():
            upstream.script(*[step] * 2)
            with uncollected() as left[name]:
                await exchange(client)
                await tasks_end()
    assert {name: found for name, found in left.items() if found} == {}
    assert len(proxy.exchanges) == 2 + 2 * len(STEPS)


async def test_a_closed_connection_leaves_no_cycle(proxy: Running) -> None:
    """Its TLS has 90 KB. Over HTTP/2, python-h2's state, which is small, refers to itself."""
    async with proxy.client() as client:
        await exchange(client)
    with uncollected() as found:
        async with proxy.client() as client:
            await exchange(client)
        await tasks_end()
    assert not found
