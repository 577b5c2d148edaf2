"""Forward-proxy mode on loopback: the API's host is served, others are tunnelled or refused."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.certificates import Certificate
from simulator import Simulator, Step
from tests.forward.proxied import API, ask, connect, connected, forwarding, send, trust
from tests.proxying import DEADLINE, MESSAGE, Running, until


@pytest.fixture
async def forward(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> AsyncIterator[Running]:
    async with forwarding(upstream.url, certificate, tmp_path) as running:
        yield running


def client(proxy: Running, directory: Path, *, http2: bool, user: str = "") -> httpx.AsyncClient:
    """Return a client that keeps the API's own URL and goes through the forward proxy."""
    return httpx.AsyncClient(
        base_url="https://api.anthropic.com",
        proxy=f"http://{user}127.0.0.1:{proxy.at.forward_port}",
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


async def test_a_blind_tunnel_passes_bytes_and_the_end_of_one_direction(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    server, port = await echoing()
    sent = bytes(range(256)) * 4096
    async with (
        server,
        forwarding(
            upstream.url, certificate, tmp_path, forward_allow=f"127.0.0.1:{port}"
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
    assert await send(forward, b"CONNECT " + b"x" * 20_000) == (431, "forward_malformed")


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
