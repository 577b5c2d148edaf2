"""Everything at once: nothing is corrupted, nothing is left behind.

``SOAK_EXCHANGES=500`` makes it longer.
"""

import asyncio
import hashlib
import itertools
import os
import random
from collections import Counter
from collections.abc import AsyncIterator

import httpx
from h2.errors import ErrorCodes

from app.network.abort import abort
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import Call, eventually, peer
from tests.http2.test_stream_errors import FAULTS as MALFORMED
from tests.http2.tls import Tls
from tests.relay import Relay, relaying
from tests.thorough import scaled

EXCHANGES = int(os.environ.get("SOAK_EXCHANGES", scaled(9, 2)))  # of each client
CLIENTS = scaled(60, 30)
KB = 1024


class Mischief:
    """A peer that mostly answers, with the digest of the request and of the response."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.replied: Counter[bytes] = Counter()

    async def answer(self, call: Call) -> None:
        mood = self.random.random()
        if mood < 0.02:
            call.wire.reset(call.id, ErrorCodes.REFUSED_STREAM)
        elif mood < 0.04:
            call.wire.reset(call.id, ErrorCodes.INTERNAL_ERROR)
        elif mood < 0.05:
            call.wire.goaway(call.id)
            await self.reply(call)
        elif mood < 0.053:
            abort(call.wire.transport)
        elif mood < 0.06:
            call.wire.settings({3: self.random.randint(1, 30)})
            await self.reply(call)
        elif mood < 0.09:
            await call.whole.wait()
            self.random.choice(MALFORMED)(call)
        else:
            await self.reply(call)

    async def reply(self, call: Call) -> None:
        await call.whole.wait()
        body = self.random.randbytes(self.random.choice([0, 20, 3 * KB, 90 * KB, 400 * KB]))
        call.head(
            200,
            [
                (b"x-received", hashlib.sha256(call.body).hexdigest().encode()),
                (b"x-sent", hashlib.sha256(body).hexdigest().encode()),
            ],
        )
        for start in range(0, len(body), step := self.random.choice([7 * KB, 50 * KB])):
            await call.data(body[start : start + step], pad=self.random.choice([0, 0, 9]))
            if self.random.random() < 0.002:
                call.wire.reset(call.id, ErrorCodes.CANCEL)
                return
        await call.data(b"", end=True)
        self.replied[dict(call.fields)[b"x-number"]] += 1


class Pieces(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), 10 * KB):
            yield self.body[start : start + 10 * KB]
            await asyncio.sleep(0)


async def weather(relay: Relay, dice: random.Random) -> None:
    """Change the link, again and again."""
    while True:
        await relay.set("delay", dice.choice([0.0, 0.0, 0.005, 0.02]))
        await relay.set("rate", dice.choice([float("inf"), 20e6, 5e6]))
        await asyncio.sleep(dice.random())
        if dice.random() < 0.2:
            await relay.set("freeze")
            await asyncio.sleep(0.3)
            await relay.set("thaw")


async def test_chaos_corrupts_nothing_and_leaks_nothing(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_connections=6, ping_interval=0.5)
    dice = random.Random(20)
    outcomes: Counter[str] = Counter()
    numbers, whole = itertools.count(1), list[bytes]()
    mischief = Mischief(7)
    tasks = len(asyncio.all_tasks())

    async def exchange(url: str) -> bytes:
        number = b"%d" % next(numbers)
        body = dice.randbytes(dice.choice([0, 0, 100, 40 * KB, 150 * KB, 600 * KB]))
        sent = request(
            url,
            body=body if dice.random() < 0.5 else Pieces(body),
            headers=[(b"x-number", number)],
            read=20.0,
            write=20.0,
        )
        response = await transport.handle_async_request(sent)
        digest = hashlib.sha256()
        try:
            async for chunk in response.stream:  # type: ignore[union-attr] # it is asynchronous
                digest.update(chunk)
                if dice.random() < 0.02:
                    await asyncio.sleep(0.05)
        finally:
            await response.aclose()
        assert response.headers["x-received"] == hashlib.sha256(body).hexdigest()
        assert response.headers["x-sent"] == digest.hexdigest()
        return number

    async def client(url: str) -> None:
        for _ in range(EXCHANGES):
            patience = 0.03 if dice.random() < 0.1 else 30.0
            try:
                async with asyncio.timeout(patience):
                    whole.append(await exchange(url))
                outcomes["whole"] += 1
            except TimeoutError:
                outcomes["aborted"] += 1
            except httpx.TransportError as exc:
                outcomes[type(exc).__name__] += 1

    async with (
        peer(tls.server("h2"), mischief.answer, settings={3: 20}) as upstream,
        relaying(upstream.port) as relay,
    ):
        changing = asyncio.ensure_future(weather(relay, dice))
        await asyncio.gather(*(client(relay.url) for _ in range(CLIENTS)))
        changing.cancel()
        await asyncio.gather(changing, return_exceptions=True)
        # Every exchange has one end, and every whole one was one that the peer completed.
        assert sum(outcomes.values()) == next(numbers) - 1
        assert all(mischief.replied[number] == 1 for number in whole)
        assert outcomes["whole"] > sum(outcomes.values()) / 2, outcomes
        assert transport.stats.streams_open == transport.stats.waiting == 0
        for wire in upstream.wires:
            for stream_id, times in Counter(stream for stream, _ in wire.resets).items():
                assert times == 1, stream_id
        await transport.aclose()
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
