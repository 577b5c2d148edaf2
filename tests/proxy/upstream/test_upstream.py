"""Sending upstream, with upstream mocked and time simulated: delays and every failure's answer."""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import pytest
import respx

from app.errors import ProxyFailure
from app.exchange import Progress
from app.http2 import Refused
from app.network.errors import FieldsTooLarge
from app.proxy.request.body import Body
from app.proxy.request.inbound import Inbound
from app.proxy.retry import RetryPolicy
from app.proxy.stopwatch import Stopwatch
from app.proxy.upstream.attempts import Attempts
from app.proxy.upstream.failures import failure
from app.proxy.upstream.request import UpstreamRequest
from app.proxy.upstream.response import UpstreamResponse
from app.proxy.upstream.upstream import Upstream
from app.wire.origin import UpstreamBase
from app.wire.timeouts import Timeouts

ORIGIN = UpstreamBase.parse("https://upstream.test")
Sending = Callable[[], Awaitable[UpstreamResponse]]
UPSTREAM = "https://upstream.test"  # the target goes beside the URL, byte for byte


@dataclass
class Time:
    """A clock that sleeping moves on, unless all happens at one moment."""

    now: float = 0.0
    still: bool = False
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += 0 if self.still else seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def router() -> respx.MockRouter:
    return respx.MockRouter(assert_all_called=False)


@pytest.fixture
def send(router: respx.MockRouter, time: Time) -> Sending:
    upstream = Upstream(
        httpx.MockTransport(router.async_handler),
        ORIGIN,
        timeouts=Timeouts(),
        retry=RetryPolicy(),
        clock=time.clock,
        sleep=time.sleep,
        chance=lambda: 1.0,
    )

    async def sending() -> UpstreamResponse:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"{}", "more_body": False}

        inbound = Inbound(receive, 1000)
        inbound._put(b"{}", last=True)
        body = Body(inbound, 1000)
        request = UpstreamRequest("POST", b"/v1/messages", [(b"host", ORIGIN.host)])
        watch = Stopwatch(time.clock, Progress("messages"))
        return await upstream.send(request, body, Attempts(), watch)

    return sending


@pytest.mark.parametrize(
    ("fields", "delays"),
    [
        ({}, [1.0, 2.0, 4.0]),
        ({"retry-after": "3"}, [3.0, 3.0, 4.0]),
        ({"retry-after": "3600"}, [30.0, 30.0, 30.0]),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, [1.0, 2.0, 4.0]),
        ({"retry-after": "-5"}, [1.0, 2.0, 4.0]),
        ({"x-should-retry": "false"}, []),
        ({"x-should-retry": "true"}, [1.0, 2.0, 4.0]),
    ],
)
async def test_an_overloaded_answer_is_awaited_as_it_asks(
    send: Sending,
    router: respx.MockRouter,
    time: Time,
    fields: dict[str, str],
    delays: list[float],
) -> None:
    route = router.post(UPSTREAM).respond(529, headers=fields, json={})
    answer = await send()
    assert answer.status == 529
    assert time.slept == delays
    assert route.call_count == len(delays) + 1
    await answer.aclose()


@pytest.mark.parametrize(
    ("with_error", "slept"), [(False, [0.0, 1.0, 2.0]), (True, [1.0, 1.0, 2.0])]
)
async def test_a_refusal_to_process_is_tried_three_times_more_at_most(
    send: Sending, router: respx.MockRouter, time: Time, with_error: bool, slept: list[float]
) -> None:
    route = router.post(UPSTREAM).mock(side_effect=Refused("not now", with_error=with_error))
    with pytest.raises(ProxyFailure):
        await send()
    assert (time.slept, route.call_count) == (slept, 4)


async def test_refusals_and_overload_share_their_tries(
    send: Sending, router: respx.MockRouter, time: Time
) -> None:
    overloaded = httpx.Response(529, json={})
    route = router.post(UPSTREAM)
    route.side_effect = [Refused("not now"), overloaded, Refused("not now"), overloaded]
    answer = await send()
    assert (answer.status, route.call_count) == (529, 4)
    assert time.slept == [0.0, 2.0, 2.0]
    await answer.aclose()


@pytest.mark.parametrize("refusal", [Refused("not now"), httpx.Response(529, json={})])
async def test_a_storm_of_refusals_uses_the_budget_up(
    send: Sending, router: respx.MockRouter, time: Time, refusal: Refused | httpx.Response
) -> None:
    route = router.post(UPSTREAM)
    route.side_effect = lambda _: _raised(refusal)
    time.still = True
    for _ in range(40):
        with suppress(ProxyFailure):
            await (await send()).aclose()
    assert route.call_count <= 40 + 30 + 8  # each once, 30 in the budget, and 0.2 for each
    assert route.call_count >= 40 + 30  # and what the budget has is used


def _raised(refusal: Refused | httpx.Response) -> httpx.Response:
    if isinstance(refusal, Refused):
        raise refusal
    return httpx.Response(refusal.status_code, content=refusal.content)


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (httpx.PoolTimeout, 529, "pool_timeout"),
        (httpx.ConnectTimeout, 504, "connect_timeout"),
        (httpx.WriteTimeout, 504, "write_timeout"),
        (httpx.ReadTimeout, 504, "read_timeout"),
        (httpx.ProxyError, 502, "upstream_proxy_failed"),
        (httpx.ConnectError, 502, "connect_failed"),
        (httpx.ReadError, 502, "connection_lost"),
        (httpx.WriteError, 502, "connection_lost"),
        (httpx.RemoteProtocolError, 502, "connection_lost"),
        (httpx.LocalProtocolError, 400, "malformed_request"),
        (FieldsTooLarge, 431, "malformed_request"),
    ],
)
async def test_every_error_of_httpx_has_one_answer_and_is_not_retried(
    send: Sending,
    router: respx.MockRouter,
    error: type[httpx.HTTPError],
    status: int,
    reason: str,
) -> None:
    route = router.post(UPSTREAM).mock(side_effect=error("it went wrong"))
    with pytest.raises(ProxyFailure) as caught:
        await send()
    assert (caught.value.status, caught.value.reason) == (status, reason)
    assert route.call_count == 1


def test_a_certificate_that_fails_is_recognised_and_explained() -> None:
    error = httpx.ConnectError("unable to get local issuer")
    error.__cause__ = ssl.SSLCertVerificationError("unable to get local issuer")
    told = failure(error, ORIGIN)
    assert told.reason == "tls_failed"
    assert "Nothing was sent" in told.message
