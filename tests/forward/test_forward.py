"""Forward-proxy mode on loopback: the API's host is served, others are tunnelled or refused."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from structlog.testing import capture_logs

from app.certificates import Certificate
from app.failures import StartError
from simulator import Simulator, Step
from tests.forward.proxied import (
    API,
    At,
    Port,
    ask,
    connect,
    connected,
    forwarding,
    port_of,
    send,
    status_and_reason,
    trust,
)
from tests.ports import free_port
from tests.proxy_process import running as process
from tests.proxying import DEADLINE, MESSAGE, Running, until


@pytest.fixture
async def forward(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> AsyncIterator[Running]:
    async with forwarding(upstream.url, certificate, tmp_path) as running:
        yield running


def client(proxy: At, directory: Path, *, http2: bool, user: str = "") -> httpx.AsyncClient:
    """Return a client that keeps the API's own URL and goes through the forward proxy."""
    return httpx.AsyncClient(
        base_url="https://api.anthropic.com",
        proxy=f"http://{user}127.0.0.1:{port_of(proxy)}",
        verify=trust(directory),
        http2=http2,
        timeout=DEADLINE,
    )


def results(proxy: Running) -> dict[str, float]:
    """Return how often each result was counted."""
    name = "anthropic_proxy_forward_requests_total"
    found = proxy.application.telemetry.registry.collect()
    return {
        sample.labels["result"]: sample.value
        for family in found
        for sample in family.samples
        if sample.name == name and sample.value
    }


@pytest.mark.parametrize("http2", [False, True])
async def test_the_apis_host_is_served_by_the_pipeline(
    forward: Running, upstream: Simulator, tmp_path: Path, http2: bool
) -> None:
    upstream.script(Step(text="through a tunnel"))
    async with client(forward, tmp_path, http2=http2) as api:
        answer = await api.post("/v1/messages", json=MESSAGE)
        health = await api.get("/health")
    assert answer.json()["content"][0]["text"] == "through a tunnel"
    assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert (await forward.ended(2)).status == health.status_code == 404
    assert [one.path for one in upstream.received] == [b"/v1/messages", b"/health"]
    assert results(forward) == {"intercepted": 1}


async def test_a_client_trusts_the_forward_ca_for_the_api_only(
    forward: Running, tmp_path: Path
) -> None:
    assert forward.at.forward_port is not None
    for name in ("localhost", "evil.example", "anthropic.com"):
        (reader, writer), _ = await connect(forward, API)
        with pytest.raises(ssl.SSLCertVerificationError):
            await writer.start_tls(trust(tmp_path), server_hostname=name)
        writer.close()
        del reader


async def echoing() -> tuple[asyncio.Server, int]:
    """Serve what sends back what it gets, and ends when the client has."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write(b"the end")
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_blind_tunnel_passes_bytes_and_the_end_of_one_direction(
    certificate: Certificate, tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_passed(certificate, tmp_path))


async def _passed(certificate: Certificate, tmp_path: Path) -> None:
    server, port = await echoing()
    sent = bytes(range(256)) * 4096
    async with (
        server,
        forwarding(
            "http://127.0.0.1:9", certificate, tmp_path, forward_allow=f"127.0.0.1:{port}"
        ) as forward,
    ):
        (reader, writer), head = await connect(forward, f"127.0.0.1:{port}")
        assert head.startswith(b"HTTP/1.1 200 ")
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(DEADLINE):
            received = await reader.read(-1)
        assert received == sent + b"the end"
        writer.close()
        metrics = forward.application.telemetry.forward
        await until(lambda: not metrics._open._value.get())
        counted = {way: metrics._bytes(way)._value.get() for way in ("sent", "received")}
        assert counted == {"sent": len(sent), "received": len(received)}
        assert results(forward) == {"tunnelled": 1}


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_target_that_speaks_first_is_heard(
    certificate: Certificate, tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_heard(certificate, tmp_path))


async def _heard(certificate: Certificate, tmp_path: Path) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with (
        server,
        forwarding("http://127.0.0.1:9", certificate, tmp_path, forward_allow=at) as forward,
    ):
        for _ in range(20):  # of 100 once, 74 were lost
            (reader, writer), _head = await connect(forward, at)
            async with asyncio.timeout(DEADLINE):
                assert await reader.read(-1) == b"220 ready"
            writer.close()


@pytest.mark.slow
async def test_a_side_that_does_not_read_stops_the_other(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    server, port = await echoing()
    async with (
        server,
        forwarding(
            upstream.url, certificate, tmp_path, forward_allow=f"localhost:{port}"
        ) as forward,
    ):
        (reader, writer), _ = await connect(forward, f"localhost:{port}")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        size = 64 * 2**20
        writer.write(bytes(size))
        counted = forward.application.telemetry.forward._bytes("sent")._value
        seen = -1.0
        while seen != counted.get():  # until nothing moves any more
            seen = counted.get()
            await asyncio.sleep(0.1)
        assert counted.get() < size
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        writer.write_eof()
        async with asyncio.timeout(DEADLINE):
            assert len(await reader.read(-1)) == size + len(b"the end")
        writer.close()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("127.0.0.1:443", (403, "forward_private")),
        ("localhost:443", (403, "forward_private")),
        ("169.254.169.254:443", (403, "forward_private")),
        ("example.com:25", (403, "forward_port")),
        ("nothing", (400, "forward_malformed")),
    ],
)
async def test_a_tunnel_that_may_not_be_is_refused_with_its_reason(
    forward: Running, target: str, expected: tuple[int, str]
) -> None:
    assert await ask(forward, target) == expected
    assert results(forward) == {expected[1]: 1}


async def test_our_own_ports_are_no_target(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with forwarding(
        upstream.url, certificate, tmp_path, forward_allow="127.0.0.0/8:1,localhost"
    ) as forward:
        at = forward.at
        for port in (at.port, at.dashboard_port, at.forward_port):
            for host in ("127.0.0.1", "localhost", "[::1]", socket.gethostname()):
                assert await ask(forward, f"{host}:{port}") == (403, "forward_loop")


async def test_what_is_no_connect_request_is_refused_in_plain_words(forward: Running) -> None:
    get = b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n"
    assert await send(forward, get) == (405, "forward_method")
    assert await send(forward, b"POST /v1/messages HTTP/1.1\r\n\r\n") == (
        421,
        "forward_misdirected",
    )
    assert await send(forward, b"\x16\x03\x01\x02\x00\x01") == (400, "forward_malformed")
    field = b"x-long: %b\r\n" % (b"x" * 8_000)
    for long in (b"CONNECT " + b"x" * 20_000, b"CONNECT a:443 HTTP/1.1\r\n" + field * 3 + b"\r\n"):
        assert await send(forward, long) == (431, "forward_malformed")


async def test_others_are_refused_if_so_set(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with forwarding(upstream.url, certificate, tmp_path, forward_others="refuse") as forward:
        assert await ask(forward, "example.com:443") == (403, "forward_refused")
        assert await ask(forward, API) == (200, "")


async def test_the_access_token_is_shown_to_the_forward_proxy(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with forwarding(
        upstream.url, certificate, tmp_path, access_token="fake-token"
    ) as forward:
        assert await ask(forward, API) == (407, "forward_token")
        wrong = "Proxy-Authorization: Bearer fake-other"
        assert await ask(forward, "localhost:1", wrong) == (407, "forward_token")
        async with client(forward, tmp_path, http2=True, user="me:fake-token@") as api:
            assert (await api.post("/v1/messages", json=MESSAGE)).status_code == 200
    names = {name.lower() for name, _ in upstream.received[0].headers}
    assert not names & {b"x-anthropic-proxy-token", b"proxy-authorization"}


async def test_bytes_behind_the_head_belong_to_the_tunnel(forward: Running, tmp_path: Path) -> None:
    """A client may begin TLS without waiting for the answer."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trust(tmp_path).wrap_bio(incoming, outgoing, server_hostname="api.anthropic.com")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    reader, writer = await connected(forward)
    writer.write(f"CONNECT {API} HTTP/1.1\r\n\r\n".encode() + outgoing.read())
    async with asyncio.timeout(DEADLINE):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        while True:
            incoming.write(await reader.read(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                continue
    assert tls.version() == "TLSv1.3"
    writer.close()


async def test_a_slow_head_is_refused_and_holds_up_nobody(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.forward.gate.MOST_HEADS", 20)
    monkeypatch.setattr("app.forward.gate.SLOW", 0.0)
    async with forwarding(upstream.url, certificate, tmp_path) as forward:
        slow = [await connected(forward) for _ in range(60)]
        for _, writer in slow:
            writer.write(b"CONNECT api")
        assert await ask(forward, API) == (200, "")
        refused = [await answered(reader) for reader, _ in slow[:40]]
        assert refused == [(408, "forward_head_timeout")] * 40
        for _, writer in slow:
            writer.write(b".anthropic.com:443 HTTP/1.1\r\n\r\n")
        served = [await answered(reader) for reader, _ in slow[41:]]  # one made room for `ask`
        assert served == [(200, "")] * 19
        for _, writer in slow:
            writer.close()


async def test_many_that_come_at_once_are_not_taken_for_slow_ones(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.forward.gate.MOST_HEADS", 5)
    monkeypatch.setattr("app.forward.gate.SLOW", DEADLINE)
    async with forwarding(upstream.url, certificate, tmp_path) as forward:
        waiting = [await connected(forward) for _ in range(40)]
        for _, writer in waiting:
            writer.write(f"CONNECT {API} HTTP/1.1\r\n\r\n".encode())
        assert [await answered(reader) for reader, _ in waiting] == [(200, "")] * 40
        for _, writer in waiting:
            writer.close()


async def answered(reader: asyncio.StreamReader) -> tuple[int, str]:
    async with asyncio.timeout(DEADLINE):
        return status_and_reason(await reader.readuntil(b"\r\n\r\n"))


async def test_a_head_that_never_ends_is_refused_in_time(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.forward.gate.HEAD_TIMEOUT", 0.05)
    async with forwarding(upstream.url, certificate, tmp_path) as forward:
        assert await send(forward, b"CONNECT api.anthropic.com:443 HTTP/1.1\r\n") == (
            408,
            "forward_head_timeout",
        )


async def test_tunnels_beyond_the_limit_are_refused_and_the_api_is_served(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    server, port = await echoing()
    target = f"127.0.0.1:{port}"
    async with (
        server,
        forwarding(
            upstream.url, certificate, tmp_path, forward_allow=target, forward_max_tunnels=20
        ) as forward,
    ):
        kept = [await connect(forward, target) for _ in range(20)]
        assert await ask(forward, target) == (503, "forward_tunnels")
        async with client(forward, tmp_path, http2=True) as api:
            assert (await api.post("/v1/messages", json=MESSAGE)).status_code == 200
        for (reader, writer), _ in kept:
            writer.write(b"ping")
            async with asyncio.timeout(DEADLINE):
                assert await reader.readexactly(4) == b"ping"
            writer.close()
        open_now = forward.application.telemetry.forward._open._value
        await until(lambda: not open_now.get())
        assert await ask(forward, target) == (200, "")


async def test_a_tunnel_without_a_byte_is_closed(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    server, port = await echoing()
    async with (
        server,
        forwarding(
            upstream.url,
            certificate,
            tmp_path,
            forward_allow=f"127.0.0.1:{port}",
            forward_idle=0.05,
        ) as forward,
    ):
        (reader, writer), _ = await connect(forward, f"127.0.0.1:{port}")
        async with asyncio.timeout(DEADLINE):
            assert await reader.read(1) == b""
        writer.close()


async def test_a_name_that_leads_to_a_private_address_is_refused(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rebound(_host: str, port: int) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("app.server.forwarding.resolve", rebound)
    async with forwarding(
        upstream.url, certificate, tmp_path, forward_allow="10.0.0.0/8:9,10.0.0.0/8:22"
    ) as forward:
        assert await ask(forward, "rebound.example:443") == (403, "forward_private")
        assert await ask(forward, "rebound.example:22") == (403, "forward_port")


async def test_what_cannot_be_reached_is_told(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    port = free_port()
    async with forwarding(
        upstream.url, certificate, tmp_path, forward_allow=f"127.0.0.1:{port},nowhere.invalid"
    ) as forward:
        assert await ask(forward, f"127.0.0.1:{port}") == (502, "forward_unreachable")
        assert await ask(forward, "nowhere.invalid:443") == (502, "forward_unreachable")


async def test_blind_tunnels_and_served_ones_go_through_the_egress_proxy(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two proxies in a row: the first is the second one's egress proxy, with a token."""
    server, port = await echoing()
    allowed = f"127.0.0.1:{port},127.0.0.1:{upstream.port}"
    async with (
        server,
        forwarding(
            upstream.url,
            certificate,
            tmp_path / "egress",
            forward_allow=allowed,
            access_token="fake-token",
        ) as egress,
    ):
        where = f"http://me:fake-token@127.0.0.1:{egress.at.forward_port}"
        monkeypatch.setenv("HTTPS_PROXY", where)
        async with forwarding(
            upstream.url, certificate, tmp_path, forward_allow=allowed
        ) as forward:
            async with client(forward, tmp_path, http2=True) as api:
                assert (await api.post("/v1/messages", json=MESSAGE)).status_code == 200
            (reader, writer), _ = await connect(forward, f"127.0.0.1:{port}")
            writer.write(b"ping")
            writer.write_eof()
            async with asyncio.timeout(DEADLINE):
                assert await reader.read(-1) == b"pingthe end"
            writer.close()
            assert await ask(forward, "example.com:22") == (403, "forward_port")
        await until(lambda: results(egress) == {"tunnelled": 2})


async def test_a_way_that_leads_back_to_the_proxy_ends_the_start(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, other = free_port(), free_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{port}")
    with pytest.raises(StartError, match="HTTPS_PROXY is this proxy itself"):
        async with forwarding(upstream.url, certificate, tmp_path, forward_port=port):
            pass
    monkeypatch.delenv("HTTPS_PROXY")
    itself = f"https://localhost:{other}"
    with pytest.raises(StartError, match=r"UPSTREAM_BASE_URL.* is this proxy itself"):
        async with forwarding(itself, certificate, tmp_path, port=other):
            pass


@pytest.mark.slow
async def test_at_shutdown_a_tunnel_that_moves_bytes_may_finish(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    server, port = await echoing()
    target = f"127.0.0.1:{port}"
    async with (
        server,
        forwarding(
            upstream.url, certificate, tmp_path, forward_allow=target, shutdown_timeout=DEADLINE
        ) as forward,
    ):
        (reader, writer), _ = await connect(forward, target)
        forward.stop.set()
        async with asyncio.timeout(DEADLINE):
            while True:
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x"
                if await refused_now(forward, target):
                    break
                await asyncio.sleep(0.05)
            writer.write(b"the last bytes")
            assert await reader.readexactly(14) == b"the last bytes"
            assert await reader.read(1) == b""  # once it is quiet
        writer.close()


async def refused_now(forward: Running, target: str) -> bool:
    return await ask(forward, target) == (503, "draining")


@pytest.mark.simulated_clock
async def test_a_tunnel_in_use_at_the_deadline_is_cut_and_counted_then(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    clock = asyncio.get_running_loop().time
    server, port = await echoing()
    target = f"127.0.0.1:{port}"
    with capture_logs() as logged:
        async with (
            server,
            forwarding(
                upstream.url, certificate, tmp_path, forward_allow=target, shutdown_timeout=5.0
            ) as forward,
        ):
            (_, idle), _ = await connect(forward, target)
            (reader, writer), _ = await connect(forward, target)
            forward.stop.set()
            began = clock()
            while data := await echoed(reader, writer):
                assert data == b"x"
                await asyncio.sleep(0.1)
            assert clock() - began == pytest.approx(5.0, abs=0.2)
            for one in (idle, writer):
                one.close()
    assert [line["cut"] for line in logged if line["event"] == "drained"] == [1]


async def echoed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Send a byte through a tunnel; return what comes back, nothing if the tunnel has ended."""
    writer.write(b"x")
    try:
        return await reader.read(1)
    except ConnectionResetError:
        return b""


@pytest.mark.slow
async def test_several_processes_share_the_port(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    server, port = await echoing()
    target, forward_port = f"127.0.0.1:{port}", free_port()
    settings: dict[str, Any] = {
        "state_dir": tmp_path,
        "forward_port": forward_port,
        "forward_allow": target,
        "ledger": False,
    }
    async with (
        server,
        process(upstream, certificate, workers=2, **settings) as proxy,
        asyncio.timeout(DEADLINE),
    ):
        await proxy.started()
        at = Port(forward_port)
        for _ in range(20):
            assert await ask(at, API) == (200, "")
            assert await ask(at, target) == (200, "")
            assert await ask(at, f"127.0.0.1:{forward_port}") == (403, "forward_loop")
        async with client(at, tmp_path, http2=True) as api:
            assert (await api.post("/v1/messages", json=MESSAGE)).status_code == 200
        async with proxy.pages() as pages:
            text = ""
            wanted = 'anthropic_proxy_forward_requests_total{result="tunnelled"} 20.0'
            while wanted not in text:
                text = (await pages.get("/prometheus")).text
                await asyncio.sleep(0.1)
        proxy.process.terminate()
        code, _ = await proxy.ended()
        assert code == 0
