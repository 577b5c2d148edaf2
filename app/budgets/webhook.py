"""Sends announcements to a webhook of Slack, Mattermost or the like: ``{"text": …}``.

The URL is a secret: it is in no log line and in no error. Texts wait in a short queue; a server
that fails is tried again, ever more rarely. Nobody waits for it.
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx
import structlog

QUEUE = 100  # texts that wait; further ones are dropped and counted
TRIES = 8  # of one text: over about four minutes
FIRST, LONGEST = 2.0, 60.0  # seconds between two tries, doubled each time
GRACE = 2.0  # seconds at the end of the process for texts that still wait
TIMEOUTS = {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}
PATIENCE = 30.0  # seconds of one try: a server that sends a byte now and then never falls silent
RESULTS = ("sent", "failed", "dropped")
TRY_AGAIN = frozenset({408, 425, 429})
SERVER_ERRORS = 500
OK = range(200, 300)

log = structlog.get_logger(__name__)


class Webhook:
    """Sends texts to ``url`` in their order; ``count`` is told what became of each.

    ``transport`` is this object's own. State: ``_waiting`` texts, ``_wake`` set when there are any.
    """

    def __init__(
        self,
        url: str,
        transport: httpx.AsyncBaseTransport,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.count: Callable[[str], None] = lambda _result: None
        self._url = url
        self._transport = transport
        self._sleep = sleep
        self._waiting: deque[str] = deque()
        self._wake = asyncio.Event()

    def put(self, text: str) -> None:
        """Take a text; returns at once."""
        if len(self._waiting) >= QUEUE:
            self.count("dropped")
            return
        self._waiting.append(text)
        self._wake.set()

    async def run(self) -> None:
        """Send what comes, until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    result = "sent" if await self._delivered(self._waiting[0]) else "failed"
                    self._waiting.popleft()
                    self.count(result)
        finally:
            await self._finish()
            await self._transport.aclose()

    async def _finish(self) -> None:
        """Try what waits once more, for a moment; the rest is dropped.

        A text whose answer was not awaited may arrive twice, which is better than never.
        """
        with suppress(httpx.HTTPError, OSError, TimeoutError):
            async with asyncio.timeout(GRACE):
                while self._waiting and await self._post(self._waiting[0]) in OK:
                    self._waiting.popleft()
                    self.count("sent")
        if self._waiting:
            log.warning("texts for the budget webhook are lost", texts=len(self._waiting))
        while self._waiting:
            self._waiting.popleft()
            self.count("dropped")

    async def _delivered(self, text: str) -> bool:
        """Send a text; return False when it is given up."""
        delay, reason = FIRST, ""
        for tried in range(1, TRIES + 1):
            try:
                status = await self._post(text)
            except (httpx.HTTPError, OSError, TimeoutError) as exc:
                reason = type(exc).__name__
            else:
                if status in OK:
                    return True
                reason = f"status {status}"
                if status < SERVER_ERRORS and status not in TRY_AGAIN:
                    break
            if tried < TRIES:
                await self._sleep(delay)
                delay = min(LONGEST, 2 * delay)
        log.warning("the budget webhook failed", reason=reason, tries=tried)
        return False

    async def _post(self, text: str) -> int:
        body = json.dumps({"text": text}).encode()
        request = httpx.Request(
            "POST",
            self._url,
            headers={"content-type": "application/json", "user-agent": "anthropic-proxy"},
            content=body,
            extensions={"timeout": TIMEOUTS},
        )
        async with asyncio.timeout(PATIENCE):
            response = await self._transport.handle_async_request(request)
        try:
            return response.status_code
        finally:
            await response.aclose()
