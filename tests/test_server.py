"""Starting, leaving in order (behaviour D1, D2), and the TLS in between (E5)."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app import certificates
from app.certificates import Certificate
from app.errors import Draining
from app.exchange import Outcome
from app.failures import SettingsError, StartError
from app.listener import Listener
from app.server import drain
from app.server.sockets import bind
from app.tls import tls_context
from simulator import Simulator, Step
from tests.client_certificate import client_certificate
from tests.listener import h1client, h2client
from tests.proxying import MESSAGE, STREAM, Running, proxying, until

BODY = json.dumps(STREAM).encode()
POST = (
    b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
UNBOUNDED = 3600.0  # a drain that waited for anything would exceed the test's own limit


@asynccontextmanager
async def _http2(proxy: Running) -> AsyncIterator[h2client.Client]:
    async with h2client.connected(proxy.at.port, proxy.trust()) as client:
        yield client


async def _stream(client: h2client.Client) -> int:
    """Begin a stream over HTTP/2."""
    stream_id = client.request(b"POST", b"/v1/messages", end=False)
    await client.upload(stream_id, BODY)
    await client.until(lambda: bool(client.answers[stream_id].body))
    return stream_id


# Leaving in order


async def test_a_drain_refuses_new_requests_and_lets_running_ones_finish(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(deltas=("a",) * 20, gap=0.1))
    async with (
        proxying(upstream.url, certificate, shutdown_timeout=15.0) as proxy,
        proxy.client() as client,
        httpx.AsyncClient(base_url=proxy.pages_url) as pages,
    ):
        running = asyncio.create_task(client.post("/v1/messages", json=STREAM))
        await until(lambda: bool(upstream.received) and bool(upstream.received[0].sent))
        assert (await pages.get("/ready")).status_code == 200
        proxy.stop.set()
        while (await pages.get("/ready")).status_code != 503:
            assert (await pages.get("/health")).status_code == 200
        answer = await client.post("/v1/messages", json=MESSAGE)
        while answer.status_code == 200:  # the lag, for load balancers to notice
            answer = await client.post("/v1/messages", json=MESSAGE)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x-anthropic-proxy-error"] == "draining"
        assert answer.json()["error"]["type"] == "overloaded_error"
        assert (await running).content == upstream.received[0].sent
    assert proxy.exchanges[-1].outcome is Outcome.COMPLETE


async def test_the_end_of_the_drain_cuts_what_still_runs_visibly(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(fault="stall", times=2), Step(fault="silent"))
    async with (
        proxying(upstream.url, certificate, shutdown_timeout=0.3) as proxy,
        h1client.connected(proxy.at.port, proxy.trust()) as http1,
        h1client.connected(proxy.at.port, proxy.trust()) as waiting,
        _http2(proxy) as http2,
    ):
        stream_id = await _stream(http2)
        http1.send(POST)
        await until(lambda: len(upstream.received) == 2)
        waiting.send(POST)
        await until(lambda: len(upstream.received) == 3 and bool(upstream.received[1].sent))
        proxy.stop.set()
        cut = await http2.answer(stream_id)
        assert (cut.ended, cut.reset_code is not None) == (False, True)
        assert cut.body == upstream.received[0].sent
        answer = await http1.answer()
        assert (answer.whole, answer.body) == (False, upstream.received[1].sent)
        answer = await waiting.answer()
        assert (answer.status, answer.whole) == (503, True)
        assert answer.headers["x-anthropic-proxy-error"] == "draining"
    assert {exchange.outcome for exchange in proxy.exchanges} == {Outcome.SHUTDOWN}
    assert {received.ended for received in upstream.received} == {"reset"}


async def test_connections_without_a_request_do_not_hold_up_the_exit(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        proxying(upstream.url, certificate, shutdown_timeout=UNBOUNDED) as proxy,
        h1client.connected(proxy.at.port, proxy.trust()) as used,
        h1client.connected(proxy.at.port, proxy.trust()) as begun,
        h1client.connected(proxy.at.port, proxy.trust()),
        h1client.connected(proxy.at.port, None),  # not even a handshake
        h1client.connected(proxy.at.dashboard_port, None),
        _http2(proxy) as http2,
    ):
        await http2.answer(http2.request(path=b"/v1/models"))
        used.send(b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await used.answer()).status == 200
        begun.send(b"GET /v1/models HTTP/1.1\r\nHo")
        await asyncio.sleep(0.05)


async def test_clients_of_http2_are_told_to_go_elsewhere(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(deltas=("a",) * 5, gap=0.1))
    async with (
        proxying(upstream.url, certificate, shutdown_timeout=UNBOUNDED) as proxy,
        _http2(proxy) as idle,
        _http2(proxy) as busy,
    ):
        await idle.round_trip()
        stream_id = await _stream(busy)
        proxy.stop.set()
        await idle.until(lambda: bool(idle.goaways))
        answer = await busy.answer(stream_id)
        assert answer.body == upstream.received[0].sent
        assert answer.ended


@pytest.mark.slow
async def test_a_client_that_does_not_know_of_the_drain_is_served_once_more(
    upstream: Simulator, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer's head went out before the drain: it will send its next request here."""
    monkeypatch.setattr(drain, "KEEP_ALIVE_GRACE", 2.0)  # a busy machine needs more than usual
    upstream.script(Step(deltas=("a",) * 20, gap=0.1))
    async with (
        proxying(upstream.url, certificate, shutdown_timeout=UNBOUNDED) as proxy,
        h1client.connected(proxy.at.port, proxy.trust()) as client,
    ):
        client.send(POST)
        await until(lambda: bool(upstream.received) and bool(upstream.received[0].sent))
        proxy.stop.set()
        running = await client.answer()
        assert (running.status, "connection" in running.headers) == (200, False)
        enter = proxy.application.admission.enter
        with pytest.raises(Draining), enter("peer", lambda: None, lambda _: None):
            pass
        client.send(POST)
        last = await client.answer()
        assert (last.status, last.headers["connection"], last.whole) == (200, "close", True)
        assert await client.rest() == b""


async def test_connections_of_the_lag_are_told_that_their_first_answer_is_the_last(
    upstream: Simulator, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, announce = asyncio.Event(), drain._announce

    async def announced(listeners: list[Listener]) -> None:
        await announce(listeners)
        await answered.wait()  # so that no busy machine is too late for the lag

    monkeypatch.setattr(drain, "_announce", announced)
    upstream.script(Step(deltas=("a",) * 10, gap=0.1))
    async with (
        proxying(upstream.url, certificate, shutdown_timeout=UNBOUNDED) as proxy,
        h1client.connected(proxy.at.port, proxy.trust()) as before,
    ):
        before.send(POST)
        await until(lambda: bool(upstream.received))
        proxy.stop.set()
        await until(lambda: not proxy.application.admission.ready)
        async with h1client.connected(proxy.at.port, proxy.trust()) as late:
            late.send(POST)
            answer = await late.answer()
        answered.set()
        assert (answer.status, answer.headers["connection"]) == (200, "close")


@pytest.mark.slow
async def test_clients_that_break_do_not_disturb_the_drain(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(deltas=("a",) * 10, gap=0.1), Step(fault="stall", times=2))
    async with (
        proxying(upstream.url, certificate, shutdown_timeout=15.0) as proxy,
        proxy.client() as client,
    ):
        running = asyncio.create_task(client.post("/v1/messages", json=STREAM))
        await until(lambda: len(upstream.received) == 1)
        async with _http2(proxy) as broken, _http2(proxy) as gone:
            await _stream(broken)
            await _stream(gone)
            await until(lambda: len(upstream.received) == 3)
            proxy.stop.set()
            broken.writer.write(b"\xff" * 100)
        assert (await running).status_code == 200
    outcomes = sorted(exchange.outcome for exchange in proxy.exchanges)
    assert outcomes == [Outcome.CLIENT_ABORT, Outcome.CLIENT_ABORT, Outcome.COMPLETE]


# Starting


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"ANTHROPIC_PROXY_PORT={port}: .* is taken"):
            bind("127.0.0.1", port, "ANTHROPIC_PROXY_PORT")


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(
        StartError, match=r"PORT=0: cannot listen on 192\.0\.2\.1 .*PROXY_HOST to an"
    ):
        bind("192.0.2.1", 0, "ANTHROPIC_PROXY_PORT")
    with pytest.raises(StartError, match=r"FORWARD_PORT=0: .* set ANTHROPIC_PROXY_FORWARD_HOST to"):
        bind("192.0.2.1", 0, "ANTHROPIC_PROXY_FORWARD_PORT")


async def test_the_first_port_is_free_again_when_the_second_is_taken(
    upstream: Simulator, certificate: Certificate
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(StartError, match="ANTHROPIC_PROXY_DASHBOARD_PORT"),
    ):
        async with proxying(upstream.url, certificate, dashboard_port=taken.getsockname()[1]):
            pass


async def test_both_ports_may_be_of_ip_version_6(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        proxying(upstream.url, certificate, host="::1") as proxy,
        httpx.AsyncClient(verify=proxy.trust()) as client,
    ):
        answer = await client.get(f"https://[::1]:{proxy.at.port}/health")
    assert answer.json() == {"status": "ok"}


async def test_a_key_of_another_certificate_is_named(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    other = certificates.ensure(tmp_path, ("localhost",))
    with pytest.raises(SettingsError, match="ANTHROPIC_PROXY_TLS_CERT_FILE"):
        async with proxying(upstream.url, certificate, tls_key_file=other.key_file):
            pass


# TLS


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_before_1_2_is_refused(proxy: Running) -> None:
    old = proxy.trust()
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with h1client.connected(proxy.at.port, old):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with h1client.connected(proxy.at.port, old):
            pass


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["other"], None), ([], None)],
)
async def test_http2_is_agreed_on_where_the_client_offers_it(
    proxy: Running, offered: list[str], agreed: str | None
) -> None:
    context = proxy.trust()
    context.set_alpn_protocols(offered)
    async with h1client.connected(proxy.at.port, context) as wire:
        assert wire.writer.get_extra_info("ssl_object").selected_alpn_protocol() == agreed


async def test_a_client_without_certificate_is_refused_where_one_is_demanded(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    cert_file, key_file = client_certificate(tmp_path)
    async with proxying(upstream.url, certificate, tls_client_ca_file=cert_file) as proxy:
        shown = proxy.trust()
        shown.load_cert_chain(cert_file, key_file)
        for context, status in ((shown, 200), (proxy.trust(), None)):
            async with httpx.AsyncClient(verify=context) as client:
                assert await _status(client, f"{proxy.url}/health") == status


async def _status(client: httpx.AsyncClient, url: str) -> int | None:
    try:
        return (await client.get(url)).status_code
    except (httpx.TransportError, ssl.SSLError):  # httpx passes an alert on as it is
        return None


def test_the_context_compresses_nothing_and_renegotiates_never(certificate: Certificate) -> None:
    options = tls_context(certificate, None).options
    assert options & ssl.OP_NO_COMPRESSION
    assert options & ssl.OP_NO_RENEGOTIATION
